"""What the README says is so: its links, titles, commands, code and picture."""

import re
import subprocess
import sys

import checkout
import pytest
from readme_figure import FIGURE, first_picture

README = (checkout.ROOT / "README.md").read_text(encoding="utf-8")


def test_its_table_names_every_notebook_by_its_title():
    rows = re.findall(r"^\| \w+ \| \[(.+?)\]\(notebooks/(.+?)\) \|.*\| (\d+) \|$", README, re.MULTILINE)
    first_cells = {path.name: checkout.read(path).cells[0].source for path in checkout.stored_notebooks()}
    assert {name: f"# {title}" for title, name, _ in rows} == {n: s.splitlines()[0] for n, s in first_cells.items()}


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\((?!http)([^)]+)\)", README))))
def test_its_links_lead_somewhere(target):
    assert (checkout.ROOT / target).exists()


@pytest.mark.parametrize("target", sorted(set(re.findall(r"`?make ([a-z][a-z-]*)", README)) - {"and"}))
def test_its_commands_exist(target):
    assert re.search(rf"^{target}:.*##", (checkout.ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


def test_its_code_runs_and_finds_the_three_features():
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    status, _, found = ran.stdout.split(maxsplit=2)
    assert status == "finished"
    assert set(re.findall(r"\d+", found)) == {"0", "1", "2"}


def test_its_picture_is_the_one_that_notebook_5_stores():
    assert FIGURE.read_bytes() == first_picture(checkout.NOTEBOOKS / "05_mechanisms.ipynb"), "run make notebooks"
