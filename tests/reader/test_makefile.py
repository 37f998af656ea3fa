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


def make(*arguments):
    return subprocess.run(
        ["make", "--no-print-directory", *arguments], cwd=checkout.ROOT, capture_output=True, text=True
    )


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


def test_the_makefile_asks_for_the_python_of_pyproject():
    oldest = re.search(r'requires-python = ">=3\.(\d+)"', (checkout.ROOT / "pyproject.toml").read_text())[1]
    assert f"sys.version_info < (3, {oldest})" in (checkout.ROOT / "Makefile").read_text()


def test_help_lists_the_targets():
    listed = re.findall(r"^make (\S+)", make("help").stdout, re.MULTILINE)
    assert {"lab", "test", "notebooks"} <= set(listed)


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
