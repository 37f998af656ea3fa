"""The comparison of stored outputs can fail: each mutation of a notebook makes the checks of `make test` fail."""

import base64
import io
import os
import re
import subprocess
import sys

import book
import house_rules
import nbformat
import pytest
from conftest import picture_problem
from PIL import Image, ImageDraw


def compare(notebook, folder):
    """Run strict nbval on a notebook as `make test` does: (passed, report)."""
    path = folder / "notebook.ipynb"
    nbformat.write(notebook, path)
    options = ["-p", "conftest", "-c", book.ROOT / "pyproject.toml", "--nbval", "--nbval-current-env", "--color=no"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, path],
        env=os.environ | {"PYTHONPATH": str(book.ROOT / "tests")},
        capture_output=True,
        text=True,
    )
    return run.returncode == 0, run.stdout


def up_to_first(notebook, wanted):
    """The notebook's cells up to the first code cell with an output that is wanted."""
    for position, cell in enumerate(notebook.cells):
        if cell.cell_type == "code" and any(map(wanted, cell.outputs)) and not book.tags(cell):
            notebook.cells = notebook.cells[: position + 1]
            return notebook
    raise AssertionError("no cell of the first notebook has such an output")


def prints_a_digit(output):
    return output.get("name") == "stdout" and re.search(r"\d", output.text)


def draws(output):
    return "image/png" in output.get("data", {})


@pytest.fixture
def notebook():
    """The first notebook of the book, as it is stored."""
    return book.read(book.stored_notebooks()[0])


def test_cleared_outputs_fail(notebook):
    assert not list(house_rules.every_code_cell_ran_in_order(notebook))
    for _, cell in house_rules.code_cells(notebook):
        cell.outputs, cell.execution_count = [], None
    assert list(house_rules.every_code_cell_ran_in_order(notebook))


def test_a_changed_digit_fails(notebook, tmp_path):
    notebook = up_to_first(notebook, prints_a_digit)
    assert compare(notebook, tmp_path)[0]
    output = next(filter(prints_a_digit, notebook.cells[-1].outputs))
    output.text = re.sub(r"\d(?=\D*$)", lambda digit: str((int(digit[0]) + 1) % 10), output.text)
    passed, report = compare(notebook, tmp_path)
    assert not passed
    assert "Cell outputs differ" in report


def test_a_changed_figure_fails(notebook, tmp_path):
    """Its description and its picture each: pictures that change while the description stays are caught too."""
    notebook = up_to_first(notebook, draws)
    assert compare(notebook, tmp_path)[0]
    output = next(filter(draws, notebook.cells[-1].outputs))
    output.data["image/png"] = upside_down(output.data["image/png"])
    passed, report = compare(notebook, tmp_path)
    assert not passed
    assert re.search(r"picture 1: .* of its pixels differ", report)

    notebook.cells[-1].outputs.remove(output)
    assert not compare(notebook, tmp_path)[0]


def png(picture):
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def upside_down(encoded):
    return png(Image.open(io.BytesIO(base64.b64decode(encoded))).transpose(Image.Transpose.FLIP_TOP_BOTTOM))


def line(slope, size=(400, 300), paper="white"):
    picture = Image.new("RGBA", size, paper)
    ImageDraw.Draw(picture).line([(0, 150), (399, 150 + slope)], fill=(0, 0, 0, 255), width=4)
    return png(picture)


def test_pictures_are_compared_by_what_is_seen():
    assert picture_problem([line(0)], [line(0)]) is None
    assert picture_problem([line(0)], [line(0, paper=(255, 255, 255, 0))]) is None  # transparent paper looks white
    assert picture_problem([line(0)], [line(0, paper=(250, 250, 250, 255))]) is None
    assert "of its pixels differ" in picture_problem([line(0)], [line(100)])
    assert "300) pixels" in picture_problem([line(0)], [line(0, size=(400, 299))])
    assert "1 pictures are stored, the cell draws 0" in picture_problem([], [line(0)])
    assert picture_problem([line(0), line(100)], [line(100), line(0)]) is not None
