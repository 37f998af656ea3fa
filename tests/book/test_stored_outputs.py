"""The comparison of stored outputs can fail: each mutation of a notebook makes the checks of `make test` fail."""

import base64
import io
import os
import re
import subprocess
import sys

import checkout
import house_rules
import nbformat
import pytest
from pictures import picture_problem
from PIL import Image, ImageDraw


def cells_that_fail(notebook, folder):
    """Run strict nbval on a notebook as `make test` does: {code cell, counted from 0: why}."""
    path = folder / "notebook.ipynb"
    nbformat.write(notebook, path)
    options = ["-p", "conftest", "-c", checkout.ROOT / "pyproject.toml", "--nbval", "--nbval-current-env", "--color=no"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, path],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (checkout.ROOT / "tests", checkout.ROOT)))},
        capture_output=True,
        text=True,
    )
    assert " passed" in run.stdout, run.stdout + run.stderr
    return {int(n): reason for n, reason in re.findall(r"^Cell (\d+): (.*?)(?=^_{5,}|^={5,})", run.stdout, re.M | re.S)}


def first(notebook, wanted):
    """(which code cell, its output) of the first output that is wanted."""
    for number, (_, cell) in enumerate(house_rules.code_cells(notebook)):
        for output in cell.outputs:
            if wanted(output) and not set(checkout.tags(cell)) & house_rules.MAY_IGNORE_OUTPUT:
                return number, output
    raise AssertionError("the first notebook has no such output")


def prints_a_digit(output):
    return output.get("name") == "stdout" and re.search(r"\d", output.text)


def draws(output):
    return "image/png" in output.get("data", {})


@pytest.fixture
def notebook():
    """The first notebook of the book, as it is stored."""
    return checkout.read(checkout.stored_notebooks()[0])


def test_cleared_outputs_fail(notebook):
    assert not list(house_rules.every_code_cell_ran_in_order(notebook))
    for _, cell in house_rules.code_cells(notebook):
        cell.outputs, cell.execution_count = [], None
    assert list(house_rules.every_code_cell_ran_in_order(notebook))


def test_a_changed_digit_and_a_changed_picture_fail_and_nothing_else_does(notebook, tmp_path):
    printing, print_output = first(notebook, prints_a_digit)
    drawing, picture_output = first(notebook, draws)
    print_output.text = re.sub(r"\d(?=\D*$)", lambda digit: str((int(digit[0]) + 1) % 10), print_output.text)
    picture_output.data["image/png"] = upside_down(picture_output.data["image/png"])

    failed = cells_that_fail(notebook, tmp_path)
    assert set(failed) == {printing, drawing}
    assert all("Cell outputs differ" in reason for reason in failed.values())
    assert "mismatch 'stdout'" in failed[printing]
    assert re.search(r"picture 1: .* of its pixels differ", failed[drawing])  # though its description is the same


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
    assert "stored with (400, 299) pixels" in picture_problem([line(0)], [line(0, size=(400, 299))])
    assert "1 pictures are stored, the cell draws 0" in picture_problem([], [line(0)])
    assert picture_problem([line(0), line(100)], [line(100), line(0)]) is not None
