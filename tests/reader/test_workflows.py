"""The GitHub workflows are valid, pinned, hold few rights, and run targets that exist. The citation is valid too."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import checkout
import pytest
import yaml

WORKFLOWS = sorted((checkout.ROOT / ".github" / "workflows").glob("*.yml"))
# What GitHub Pages and the package index ask of the job that publishes, and a release of the one that fills it.
MAY_WRITE = {"publish": {"pages", "id-token"}, "attach": {"contents"}}


def schema_problems(schema, *paths):
    """What a schema that check-jsonschema brings along finds wrong with YAML files; empty if nothing."""
    checker = Path(sys.executable).with_name("check-jsonschema")
    run = subprocess.run([checker, "--builtin-schema", schema, *paths], capture_output=True, text=True)
    return "" if run.returncode == 0 else run.stdout + run.stderr


def test_the_workflows_follow_githubs_schema(tmp_path):
    assert schema_problems("vendor.github-workflows", *WORKFLOWS) == ""
    broken = tmp_path / "broken.yml"
    broken.write_text(WORKFLOWS[0].read_text().replace("runs-on:", "runs_on:"))
    assert "runs_on" in schema_problems("vendor.github-workflows", broken)


def test_the_citation_follows_its_schema_and_names_this_version():
    path = checkout.ROOT / "CITATION.cff"
    assert schema_problems("vendor.citation-file-format", path) == ""
    project = tomllib.loads((checkout.ROOT / "pyproject.toml").read_text())["project"]
    citation = yaml.safe_load(path.read_text())
    assert citation["version"] == project["version"]
    assert citation["repository-code"] == project["urls"]["Repository"]
    assert f"## {project['version']} ({citation['date-released']})" in (checkout.ROOT / "CHANGELOG.md").read_text()


def unpinned(text):
    """The actions of a workflow that are not fixed to a commit with its version beside it."""
    uses = [line.strip() for line in text.splitlines() if re.search(r"\buses:", line)]
    fixed = re.compile(r"(- )?uses: (\./\S+|[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+)")
    return [line for line in uses if not fixed.fullmatch(line)]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_action_is_pinned_to_a_commit(path):
    assert unpinned(path.read_text()) == []
    assert unpinned("- uses: actions/checkout@v6") == ["- uses: actions/checkout@v6"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_rights_are_few_and_jobs_end(path):
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        written = {scope for scope, right in job.get("permissions", {}).items() if right != "read"}
        assert written <= MAY_WRITE.get(name, set())
        assert "timeout-minutes" in job or "uses" in job
        for step in job.get("steps", []):
            if "actions/checkout" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_the_make_targets_exist(path):
    makefile = (checkout.ROOT / "Makefile").read_text()
    for target in re.findall(r"run: make (?:\w+= )*(\S+)", path.read_text()):
        assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE), f"make {target} does not exist"


def test_a_released_readme_has_no_link_into_the_folders_around_it(tmp_path):
    steps = yaml.safe_load((checkout.ROOT / ".github/workflows/release.yml").read_text())["jobs"]["build"]["steps"]
    (command,) = [step["run"] for step in steps if "README.md" in step.get("run", "")]
    readme = tmp_path / "README.md"
    readme.write_text((checkout.ROOT / "README.md").read_text(encoding="utf-8"), encoding="utf-8")
    environment = {**os.environ, "BOOK": "https://host/book", "GITHUB_REF_NAME": "v9"}
    subprocess.run(["bash", "-c", command], cwd=tmp_path, env=environment, check=True)
    links = re.findall(r"\]\((.+?)\)", readme.read_text(encoding="utf-8"))
    assert [link for link in links if not link.startswith("https://")] == []
    assert "https://host/book/raw/v9/notebooks/_static/what_prunes.png" in links
    assert "https://host/book/blob/v9/CITATION.cff" in links
    assert "https://host/book/blob/v9/notebooks/01_setup.ipynb" in links


def test_there_are_workflows():
    assert [path.stem for path in WORKFLOWS] == ["ci", "release", "site", "weekly"]
