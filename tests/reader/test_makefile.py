"""`make` helps a reader whose machine lacks something, and `make lab` opens the book."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request

import checkout
import pytest

pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="there is no make here")


# `OLD_MAKE=/path/to/make-3.81` tries the make of macOS as well.
MAKES = [found for found in ("make", os.environ.get("OLD_MAKE")) if found]


def make(*arguments, program="make", folder=checkout.ROOT, **variables):
    command = [program, "--no-print-directory", *arguments]
    return subprocess.run(command, cwd=folder, env=os.environ | variables, capture_output=True, text=True)


def python_that(folder, refuses):
    """A stand-in for python3 that fails when it is asked for something."""
    path = folder / "python3"
    path.write_text(f'#!/bin/sh\ncase "$*" in --version) echo Python 3.9.2;; *{refuses}*) exit 1;; esac\n')
    path.chmod(0o755)
    return path


def test_a_missing_python_is_told(tmp_path):
    run = make(f"VENV={tmp_path}/venv", "PYTHON=python-that-is-not-there", ".venv")
    assert run.returncode
    assert "'python-that-is-not-there' was not found: install Python 3.11 or newer" in run.stderr


@pytest.mark.parametrize(
    ("refuses", "help_text"),
    [
        ("version_info", "Python 3.9.2 is too old: this book needs 3.11 or newer"),
        ("ensurepip", "Python 3.9.2 cannot create virtual environments: install its venv module"),
    ],
)
def test_a_python_that_does_not_do_is_told(tmp_path, refuses, help_text):
    run = make(f"VENV={tmp_path}/venv", f"PYTHON={python_that(tmp_path, refuses)}", ".venv")
    assert run.returncode
    assert help_text in run.stderr
    assert not (tmp_path / "venv").exists()


def test_what_a_python_says_when_it_cannot_create_environments_is_shown(tmp_path):
    path = tmp_path / "python3"
    path.write_text('#!/bin/sh\ncase "$*" in *ensurepip*) echo "No module named ensurepip" >&2; exit 1;; esac\n')
    path.chmod(0o755)
    assert "No module named ensurepip" in make(f"VENV={tmp_path}/venv", f"PYTHON={path}", ".venv").stderr


def test_the_makefile_asks_for_the_python_of_pyproject():
    oldest = re.search(r'requires-python = ">=3\.(\d+)"', (checkout.ROOT / "pyproject.toml").read_text())[1]
    assert f"sys.version_info < (3, {oldest})" in (checkout.ROOT / "Makefile").read_text()


def test_help_lists_the_targets():
    listed = re.findall(r"^make (\S+)", make("help").stdout, re.MULTILINE)
    assert {"lab", "test", "notebooks"} <= set(listed)


# A folder as readers have it, with stand-ins for what is installed


STAND_IN = """\
#!/bin/sh
echo "$*" >>calls
case "$*" in *sphinx*) for target; do :; done; mkdir -p "$target"; echo new >"$target/index.html";; esac
case "$*" in *"$FAILS"*) echo "it broke" >&2; exit 3;; esac
case "$*" in *"${HANGS:-no such call}"*) touch started; exec sleep 60;; esac
"""


@pytest.fixture
def folder(tmp_path):
    """A checkout in a folder with a space and an umlaut; its tools write what they were asked to a file `calls`."""
    place = tmp_path / "My Böok" / "fourier meta"
    (place / "notebooks").mkdir(parents=True)
    (place / "benchmarks").mkdir()
    for name in ("Makefile", "pyproject.toml", "requirements.lock", "benchmarks/requirements.lock"):
        shutil.copy(checkout.ROOT / name, place / name)
    for name in ("01_setup", "03_maml", "A_report"):
        (place / "notebooks" / f"{name}.py").touch()
    for name in (".venv/bin/python", ".venv/bin/ruff", ".venv/bin/pre-commit", ".venv-bench/bin/python", "browser"):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(STAND_IN)
        (place / name).chmod(0o755)
    (place / ".venv" / ".installed").touch()
    (place / ".venv-bench" / ".installed").touch()
    return place


def calls(place):
    return (place / "calls").read_text(encoding="utf-8")


TARGETS = re.findall(r"^([a-z-]+):.*  ## ", (checkout.ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
RECIPES = [target for target in TARGETS if target not in ("help", "lock")]


@pytest.mark.parametrize("program", MAKES)
@pytest.mark.parametrize("target", RECIPES)
def test_a_recipe_works_in_a_folder_with_spaces_and_one_that_fails_says_so(folder, target, program):
    arguments = {"program": program, "folder": folder, "CHROMIUM": "./browser"}
    run = make(target, **arguments, FAILS="no such call")
    assert run.returncode == 0, run.stdout + run.stderr
    assert calls(folder)
    for call in set(calls(folder).splitlines()):
        broken = make(target, **arguments, FAILS=call.split()[-1])
        assert broken.returncode, f"make {target} hides that '{call}' failed"
        assert "it broke" in broken.stdout + broken.stderr


@pytest.mark.parametrize("program", MAKES)
def test_the_environment_is_installed_in_a_folder_with_spaces(folder, program):
    (folder / ".venv" / ".installed").unlink()
    python = f"PYTHON={folder / '.venv' / 'bin' / 'python'}"
    run = make(python, ".venv", program=program, folder=folder, FAILS="no such call")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "-m pip install --disable-pip-version-check -qq -c requirements.lock -e .[test,site]" in calls(folder)
    assert (folder / ".venv" / ".installed").exists()
    settings = json.loads((folder / ".venv/share/jupyter/lab/settings/overrides.json").read_text())
    assert settings["@jupyterlab/apputils-extension:notification"]["fetchNews"] == "false"
    assert settings["@jupyterlab/notebook-extension:tracker"]["codeCellConfig"]["lineWrap"] is True
    (folder / ".venv" / ".installed").unlink()
    assert make(python, ".venv", program=program, folder=folder, FAILS="pip install").returncode
    assert not (folder / ".venv" / ".installed").exists()


@pytest.mark.parametrize("program", MAKES)
def test_one_chapter_is_tested_alone(folder, program):
    assert make("test", "ONLY=03", program=program, folder=folder, FAILS="no such call").returncode == 0
    assert "-k 03_maml tests/book notebooks" in calls(folder)
    unknown = make("test", "ONLY=07", program=program, folder=folder, FAILS="no such call")
    assert unknown.returncode
    assert "No chapter '07': there is 01_setup 03_maml A_report." in unknown.stderr


def interrupted_make_site(folder):
    """Press Ctrl-C when half a site is written."""
    environment = os.environ | {"FAILS": "no such call", "HANGS": "sphinx"}
    run = subprocess.Popen(["make", "site"], cwd=folder, env=environment, start_new_session=True)
    while not (folder / "started").exists():
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGINT)
    return run.wait(timeout=60)


def failed_make_site(folder):
    return make("site", folder=folder, FAILS="sphinx").returncode


@pytest.mark.parametrize("make_site", [failed_make_site, interrupted_make_site])
def test_a_site_that_cannot_be_built_leaves_the_old_one(folder, make_site):
    (folder / "_site").mkdir()
    (folder / "_site" / "index.html").write_text("old\n")
    assert make_site(folder)
    assert (folder / "_site" / "index.html").read_text() == "old\n"
    assert make("site", folder=folder, FAILS="no such call").returncode == 0
    assert (folder / "_site" / "index.html").read_text() == "new\n"


def test_the_makefile_needs_no_more_than_make_3_81_and_any_sh():
    text = (checkout.ROOT / "Makefile").read_text(encoding="utf-8")
    code = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for newer in (".SHELLFLAGS", ".ONESHELL", "SHELL :=", "pipefail", "$(file", "!=", "SECONDS", "[["):
        assert newer not in code
    assert "2>/dev/null" not in code, "what a program complains about is the help that a reader needs"


@pytest.fixture
def lab(tmp_path):
    """The server that `make lab` starts: {"url": ..., "token": ..., "opens": the page shown to the reader}.

    It opens no window, and leaves no trace in the settings of whoever runs this test.
    """
    variables = os.environ | {
        "JUPYTER_DATA_DIR": str(tmp_path / "data"),
        "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
    }
    variables |= {"JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime")}
    flags = "--no-browser --ServerApp.port=0"
    command = ["make", f"VENV={sys.prefix}", f"--assume-old={sys.prefix}/.installed", f"LAB_FLAGS={flags}", "lab"]
    with (tmp_path / "log").open("w") as log:
        start = {"cwd": checkout.ROOT, "env": variables, "stdout": log, "stderr": subprocess.STDOUT}
        run = subprocess.Popen(command, start_new_session=True, **start)
    try:
        yield server_of(run, tmp_path)
    finally:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGTERM)
        run.wait(timeout=20)


def server_of(run, folder, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and run.poll() is None:
        pages = list(folder.glob("runtime/jpserver-file-to-run-*-open.html"))  # beside it lies one without a file
        if pages and (page := re.search(r'url=([^"]+)"', pages[0].read_text())):
            (info,) = folder.glob("runtime/jpserver-*.json")
            return json.loads(info.read_text()) | {"opens": page[1]}
        time.sleep(0.1)
    raise AssertionError(f"make lab did not start:\n{(folder / 'log').read_text()}")


def fetch(lab, path):
    request = urllib.request.Request(lab["url"] + path, headers={"Authorization": f"token {lab['token']}"})
    with urllib.request.urlopen(request, timeout=20) as reply:
        return json.load(reply)


def test_make_lab_serves_the_book_trusted_and_asks_nothing(lab):
    assert "/lab/tree/notebooks/01_setup.ipynb?" in lab["opens"]
    first = fetch(lab, "api/contents/notebooks/01_setup.ipynb")["content"]
    code = [cell for cell in first["cells"] if cell["cell_type"] == "code"]
    assert code
    assert all(cell["metadata"]["trusted"] for cell in code)

    notification = fetch(lab, "lab/api/settings/@jupyterlab/apputils-extension:notification")
    defaults = {name: field["default"] for name, field in notification["schema"]["properties"].items()}
    assert defaults["fetchNews"] == "false"
    assert defaults["checkForUpdates"] is False
