"""`make handout` writes the notebooks for students without solutions, for their teacher with them, and for nbgrader."""

import checkout
import handout
import nbformat
import pytest


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("handout")
    handout.main([], folder)
    return folder


def test_students_get_no_solution_and_teachers_all(folder):
    names = {path.name for path in checkout.stored_notebooks()}
    for reader in ("student", "teacher"):
        assert {path.name for path in (folder / reader).iterdir()} == names
    for path in checkout.stored_notebooks():
        stored = checkout.read(path).cells
        student = checkout.read(folder / "student" / path.name).cells
        assert checkout.read(folder / "teacher" / path.name).cells == stored
        kept = [cell for cell in stored if "solution" not in checkout.tags(cell)]
        assert [cell.id for cell in student] == [cell.id for cell in kept]
        for cell, original in zip(student, kept, strict=True):
            assert "has a solution" not in cell.source
            assert cell.source in (original.source, original.source.replace(handout.WHERE_IT_IS, ""))


def test_nbgrader_gives_a_point_for_every_exercise(folder):
    for path in checkout.stored_notebooks():
        notebook = checkout.read(folder / "nbgrader" / "source" / path.stem / path.name)
        nbformat.validate(notebook)
        exercises = [i for i, cell in enumerate(notebook.cells) if "exercise" in checkout.tags(cell)]
        points = [i for i, cell in enumerate(notebook.cells) if "nbgrader" in cell.metadata]
        assert points == [i + 1 for i in exercises]
        for i in points:
            check = notebook.cells[i].source.removeprefix("assert ")
            assert check in notebook.cells[i - 1].source
            assert notebook.cells[i].metadata.nbgrader.grade_id in check
