"""What fails for real readers fails with one sentence that says what to do. (Python and make: test_makefile.)"""

import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import checkout
import execute
import pytest

NOTEBOOKS = pytest.mark.parametrize("path", checkout.source_notebooks(), ids=lambda path: path.stem)


def python(code, folder=checkout.ROOT):
    return subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=120)


def first_code_cell(path):
    return next(cell.source for cell in checkout.read(path.with_suffix(".ipynb")).cells if cell.cell_type == "code")


def without(*modules):
    """Code that hides modules from everything that is imported after it."""
    return f"""
import importlib.abc, importlib.util, sys
class Hide(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.split(".")[0] in {modules!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Hide())
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name.split(".")[0] in {modules!r} else find_spec(name, *rest)
"""


def one_sentence(text):
    """The last line of what was printed, which is all that a reader reads."""
    last = text.strip().splitlines()[-1]
    assert len(last) < 250
    return last


@NOTEBOOKS
def test_a_kernel_without_the_package_is_told_how_to_get_one_that_has_it(path):
    told = one_sentence(python(without("fourier_meta") + first_code_cell(path)).stderr)
    assert told.startswith("This kernel has no fourier_meta: start it with `make lab`, or run `pip install -e ")


def test_an_old_python_is_named():
    told = one_sentence(python("import sys; sys.version_info = (3, 9, 18); import fourier_meta").stderr)
    assert told == (
        "ImportError: fourier_meta needs Python 3.11 or newer, this is 3.9: try 'make PYTHON=python3.12 lab'."
    )


def test_an_old_numpy_is_named():
    told = one_sentence(python("import numpy; del numpy.matvec; numpy.__version__ = '2.0'; import fourier_meta").stderr)
    assert told == "ImportError: fourier_meta needs NumPy 2.2 or newer, this is 2.0: run 'pip install -U numpy'."


EXPLORE = "from fourier_meta.explorers import explore_tasks; assert explore_tasks() is None"


def test_without_ipywidgets_an_explorer_says_what_to_install_and_what_to_look_at():
    told = one_sentence(python(without("ipywidgets") + EXPLORE).stdout)
    assert told.startswith("explore_tasks() needs ipywidgets (")
    assert "run `pip install -U ipywidgets` and restart the kernel" in told


def test_an_old_ipywidgets_is_named():
    told = one_sentence(python(f"import ipywidgets; ipywidgets.__version__ = '7.8.5'; {EXPLORE}").stdout)
    assert told.startswith("explore_tasks() needs ipywidgets (8 or newer, this is 7.8.5): run `pip install -U ")


# Folders that cannot be written to. Root may write everywhere, so as root these run as somebody else.

NOBODY = {"user": "nobody"} if os.geteuid() == 0 else {}
KNOWS_NOBODY = not NOBODY or any(entry.pw_name == "nobody" for entry in pwd.getpwall())
needs_nobody = pytest.mark.skipif(not KNOWS_NOBODY, reason="this machine has no user 'nobody'")


@pytest.fixture
def locked():
    """A folder that everybody may read and nobody may write to."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755 if NOBODY else 0o555)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


@needs_nobody
@pytest.mark.skipif(not shutil.which("make"), reason="there is no make here")
def test_make_in_a_folder_that_cannot_be_written_to_says_so(locked):
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        folder_mode = locked.stat().st_mode
        locked.chmod(0o755)
        shutil.copy(checkout.ROOT / name, locked)
        locked.chmod(folder_mode)
    run = subprocess.run(["make", "-s", ".venv"], cwd=locked, capture_output=True, text=True, timeout=60, **NOBODY)
    assert run.returncode
    assert "This folder cannot be written to, so nothing can be installed in it: copy the book to a" in run.stderr


def test_make_notebooks_names_a_notebook_that_cannot_be_written(monkeypatch):
    def refuse(source):
        execute.files.replace("/dev/null/01_setup.ipynb", "")

    monkeypatch.setattr(execute, "store", refuse)
    with pytest.raises(SystemExit, match=r"01_setup\.ipynb' cannot be written \(.+\); pass a path in a"):
        execute.main(["01_setup"])


def needs(path, module):
    """Whether a chapter imports a module, whatever happens."""
    return re.search(rf"^(import|from) {module}\b", path.read_text(encoding="utf-8"), re.MULTILINE) is not None


@pytest.mark.parametrize("module", ["torch", "sklearn"])
@NOTEBOOKS
def test_a_kernel_without_a_library_is_told_how_to_get_it(path, module):
    ran = python(without(module) + first_code_cell(path))
    if not needs(path, module):
        assert ran.returncode == 0, ran.stderr
        return
    told = one_sentence(ran.stderr)
    assert told == (
        f"This kernel has no {module}: start it with `make lab`, "
        'or run `pip install -e ".[notebooks]"` in the folder of the book.'
    )


def test_only_four_chapters_need_torch():
    assert [path.stem[:2] for path in checkout.source_notebooks() if needs(path, "torch")] == ["03", "04", "09", "10"]


def test_a_package_without_the_book_around_it_reads_the_tables_where_the_notebook_runs(tmp_path):
    shutil.copytree(checkout.ROOT / "fourier_meta", tmp_path / "fourier_meta")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from fourier_meta import sweep; print(sweep.__file__); "
    code += "print(len(sweep.load_table('mechanisms').columns) > 0)"
    for folder in (checkout.ROOT, checkout.NOTEBOOKS):
        module, read = python(code, folder).stdout.split()
        assert module.startswith(str(tmp_path))
        assert read == "True"
    assert "get the whole book" in one_sentence(python(code, tmp_path).stderr)
