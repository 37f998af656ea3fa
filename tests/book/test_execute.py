"""`make notebooks`: what it writes repeats to the byte, and nothing is half written."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import checkout
import execute
import nbformat
import psutil
import pytest

SOURCE = """\
# %% [markdown]
# # Title

# %%
import sys
import time
from IPython.display import display

# %%
print("first", flush=True)
time.sleep(0.2)
print("second", flush=True)
print(sys.executable)

# %% tags=["wall-clock", "nbval-ignore-output"]
print(time.perf_counter_ns())

# %% tags=["explorer", "nbval-ignore-output"]
import ipywidgets

ipywidgets.VBox([ipywidgets.IntSlider()])

# %%
x = 1

# %%
x = 1
"""


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "01_demo.py"
    path.write_text(SOURCE)
    return path


def test_a_second_run_changes_no_byte_and_an_edit_does(source):
    target = source.with_suffix(".ipynb")
    assert execute.store(source)
    first = target.read_bytes()
    assert not execute.store(source)
    assert target.read_bytes() == first
    assert files(source.parent).keys() == {"01_demo.ipynb", "01_demo.py"}
    assert psutil.Process().children() == []  # no kernel outlives its notebook

    notebook = nbformat.reads(first.decode(), as_version=4)
    nbformat.validate(notebook)
    printed, clock, explorer = (cell.outputs for cell in notebook.cells[2:5])
    assert [output.text for output in printed] == [f"first\nsecond\n{sys.executable}\n"]
    assert explorer[0].data == {"text/plain": execute.WIDGET_TEXT}

    source.write_text(SOURCE.replace("perf_counter_ns())", "perf_counter_ns())  # edited"))
    assert execute.store(source)
    edited = checkout.read(target)
    assert edited.cells[3].outputs != clock
    assert [cell.id for cell in edited.cells[:3]] == [cell.id for cell in notebook.cells[:3]]


def test_a_failing_cell_is_shown_and_the_old_notebook_stays(source):
    source.write_text("# %%\nx = 0\n\n# %%\nprint(1 / x)\n")
    old = stored_before(source)
    with pytest.raises(execute.NotebookError) as failure:
        execute.store(source)
    assert "01_demo.py, cell 2 raised" in str(failure.value)
    assert "print(1 / x)" in str(failure.value)
    assert "ZeroDivisionError" in str(failure.value)
    assert files(source.parent) == {"01_demo.ipynb": old, "01_demo.py": source.read_bytes()}


def stored_before(source):
    """Store a notebook of an earlier time; its bytes."""
    target = source.with_suffix(".ipynb")
    nbformat.write(nbformat.v4.new_notebook(), target)
    saved(target, -100)
    return target.read_bytes()


def saved(path, seconds):
    """Pretend that a file was saved so many seconds from now."""
    os.utime(path, (time.time() + seconds, time.time() + seconds))


def edited(target):
    """A reader answers an exercise in the notebook, outside Jupyter; the bytes of the notebook."""
    notebook = checkout.read(target)
    notebook.cells[-1].source = "answer = 42"
    nbformat.write(notebook, target)
    return target.read_bytes()


def test_a_notebook_edited_later_than_its_source_is_never_overwritten(source):
    source.write_text("# %%\nx = 1\n\n# %%\nanswer = ...\n")
    execute.store(source)
    target = source.with_suffix(".ipynb")
    work = edited(target)
    saved(source, -100)
    with pytest.raises(execute.NotebookError, match=r"01_demo\.ipynb was edited after 01_demo\.py") as told:
        execute.store(source)
    assert target.read_bytes() == work
    assert "jupytext --sync notebooks/01_demo.ipynb" in str(told.value)

    (source.parent / "jupytext.toml").write_text('formats = "ipynb,py:percent"\n')
    subprocess.run([sys.executable, "-m", "jupytext", "--sync", target], check=True, capture_output=True)
    execute.store(source)
    assert "answer = 42" in source.read_text()
    assert checkout.read(target).cells[-1].source == "answer = 42"


def test_an_older_notebook_is_stored_anew_and_a_newer_one_with_the_same_cells_too(source):
    source.write_text("# %%\nprint(1)\n")
    execute.store(source)
    source.write_text("# %%\nprint(2)\n")
    saved(source.with_suffix(".ipynb"), -100)
    assert execute.advice(source) == "01_demo.py was edited after 01_demo.ipynb: run make notebooks ONLY=01_demo"
    assert execute.store(source)
    saved(source, -100)
    assert not execute.store(source)


def test_cells_that_a_reader_may_skip_are_folded_and_settings_keep_their_tag(source):
    cells = [f'# %% tags=["{tag}"]\nx = 1\n' for tag in ("parameters", "hide-input", "colab", "solution", "explorer")]
    source.write_text("\n".join(cells))
    execute.store(source)
    stored = checkout.read(source.with_suffix(".ipynb")).cells
    assert [cell.metadata.get("jupyter", {}).get("source_hidden", False) for cell in stored] == [0, 1, 1, 1, 0]
    assert stored[0].metadata.tags == ["parameters"]


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.skipif(sys.platform == "win32", reason="process groups are a matter of POSIX")
def test_an_interruption_leaves_the_old_notebook(source):
    old = stored_before(source)
    signal_file = source.parent / "started"
    source.write_text(f"# %%\nopen({str(signal_file)!r}, 'w').close()\nimport time\ntime.sleep(60)\n")
    code = f"import execute, pathlib; execute.sources = lambda names: [pathlib.Path({str(source)!r})]; execute.main([])"
    environment = os.environ | {"PYTHONPATH": str(Path(execute.__file__).parent)}
    run = subprocess.Popen([sys.executable, "-c", code], start_new_session=True, env=environment)
    wait_until(signal_file.exists)
    os.killpg(run.pid, signal.SIGINT)  # what Ctrl-C sends: to the tool and to its kernel
    assert run.wait(timeout=30) != 0
    assert files(source.parent) == {"01_demo.ipynb": old, "01_demo.py": source.read_bytes(), "started": b""}


def wait_until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)


def test_only_numbered_sources_are_notebooks_and_unknown_names_are_told(tmp_path):
    for name in ("01_a.py", "02_b.py", "A_c.py", "conf.py"):
        (tmp_path / name).touch()
    assert [path.name for path in execute.sources([], tmp_path)] == ["01_a.py", "02_b.py", "A_c.py"]
    assert [path.name for path in execute.sources(["02_b.ipynb"], tmp_path)] == ["02_b.py"]
    assert [path.name for path in execute.sources(["A"], tmp_path)] == ["A_c.py"]
    with pytest.raises(SystemExit, match=r"03_c.*there is 01_a, 02_b, A_c"):
        execute.sources(["03_c"], tmp_path)
