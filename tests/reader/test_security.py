"""Notebooks run without the network and write nothing outside the tree; nothing in the package could do harm."""

import os
import re
import subprocess
import sys
from pathlib import Path

import checkout
import pytest

GUARD = checkout.ROOT / "tests" / "guard"
OUTSIDE = Path.home() / "outside-the-tree"  # never written, as long as the guard works


def guarded(code, tmp_path, watched=True):
    """Run code in a fresh Python that looks like a kernel; returns what it wrote to standard error."""
    disguise = ["ipykernel_launcher"] if watched else []
    environment = os.environ | {"PYTHONPATH": str(GUARD), "OUTSIDE": str(OUTSIDE)}
    result = subprocess.run(
        [sys.executable, "-c", code, *disguise],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return result.stderr


@pytest.mark.parametrize(
    "code",
    [
        "import socket; socket.create_connection(('192.0.2.1', 80), timeout=1)",
        "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))",
        "import socket; socket.socket().bind(('0.0.0.0', 0))",
        "import socket; socket.getaddrinfo('example.org', 80)",
        "import urllib.request; urllib.request.urlopen('http://example.org')",
        "import os; open(os.environ['OUTSIDE'], 'w')",
        "import os; open(os.environ['OUTSIDE'], 'ab')",
        "import os; os.open(os.environ['OUTSIDE'], os.O_CREAT | os.O_WRONLY)",
        "import os; os.mkdir(os.environ['OUTSIDE'])",
        "import os, tempfile; os.rename(tempfile.mkstemp()[1], os.environ['OUTSIDE'])",
        "import os; os.symlink('/', os.environ['OUTSIDE'])",
        "import subprocess; subprocess.run(['true'])",
        "import os; os.system('true')",
    ],
)
def test_the_guard_stops_a_notebook_that(code, tmp_path):
    assert "PermissionError: a notebook may not" in guarded(code, tmp_path)
    assert not OUTSIDE.exists()


@pytest.mark.parametrize(
    "code",
    [
        "import socket; s = socket.create_server(('127.0.0.1', 0)); socket.create_connection(s.getsockname())",
        "import tempfile; tempfile.TemporaryFile()",
        "open('here', 'w').close(); open('here').read()",
        "import os; open(os.devnull, 'w')",
    ],
)
def test_the_guard_lets_a_notebook_do_what_it_may(code, tmp_path):
    assert guarded(code, tmp_path) == ""


def test_the_guard_watches_kernels_only(tmp_path):
    assert guarded("import subprocess, sys; subprocess.run([sys.executable, '-c', ''])", tmp_path, watched=False) == ""


def test_the_kernels_of_these_tests_are_guarded():
    assert str(GUARD) in os.environ.get("PYTHONPATH", "").split(os.pathsep)


# What the sources may not contain

MODULES = "ctypes|dill|ftplib|http|marshal|pickle|requests|shelve|smtplib|socket|subprocess|telnetlib|urllib|webbrowser"
HARM = re.compile(
    rf"^\s*(import|from)\s.*\b({MODULES}|cloudpickle)\b"
    r"|\b(exec|__import__|system|popen|read_pickle|torch\.load)\("
    r"|(?<![.\w])(eval|compile)\("  # model.eval() is torch's
    r"|allow_pickle=(?!False)",
    re.MULTILINE,
)
SOURCES = [*sorted((checkout.ROOT / "fourier_meta").rglob("*.py")), *checkout.source_notebooks()]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(checkout.ROOT)))
def test_a_source_loads_no_pickle_evaluates_no_text_and_starts_no_program(path):
    assert [found[0] for found in HARM.finditer(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from urllib.request import urlopen",
        "eval('1')",
        "exec('1')",
        "os.system('ls')",
        "np.load('x', allow_pickle=True)",
        "torch.load('x')",
        "import subprocess as s",
        "    import webbrowser",
        "from os import popen, path\npopen('ls')",
    ],
)
def test_harm_is_seen(source):
    assert HARM.search(source)
