"""Write build/handout: the notebooks for students, for their teacher, and for nbgrader.

Usage: python tools/handout.py [NAME ...], as `make handout` does. Solutions are the cells tagged "solution".

"""

import ast
import copy
import sys
from pathlib import Path

import nbformat
from execute import sources, tags

from fourier_meta import files

FOLDER = Path(__file__).resolve().parent.parent / "build" / "handout"
WHERE_IT_IS = " The cell after it, folded, has a solution."  # not so in the students' copy


def without_solutions(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A copy without the cells tagged "solution", and without the words that point to them."""
    student = copy.deepcopy(notebook)
    student.cells = [cell for cell in student.cells if "solution" not in tags(cell)]
    for cell in student.cells:
        cell.source = cell.source.replace(WHERE_IT_IS, "")
    return student


def for_nbgrader(student: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A copy of the students' notebook in which a locked cell after every exercise gives a point if its check holds."""
    graded = copy.deepcopy(student)
    graded.cells = [cell for exercise in graded.cells for cell in (exercise, *_points(exercise))]
    return graded


def _points(cell):
    """The cell that grades an exercise, whose last statement is its check; none after other cells."""
    if "exercise" not in tags(cell):
        return
    check = ast.parse(cell.source).body[-1].value
    name = ast.unparse(check.func).split(".")[-1]
    grade = {"schema_version": 3, "grade_id": name, "points": 1, "grade": True, "solution": False, "locked": True}
    yield nbformat.v4.new_code_cell(
        f"assert {ast.unparse(check)}", id=name, metadata={"nbgrader": {**grade, "task": False, "cell_type": "code"}}
    )


def main(names: list[str], folder: Path = FOLDER) -> None:
    for source in sources(names):
        stored = source.with_suffix(".ipynb")
        if not stored.exists():
            sys.exit(f"{stored.name} is missing: run make notebooks ONLY={source.stem}")
        teacher = nbformat.read(stored, as_version=4)
        student = without_solutions(teacher)
        copies = {
            "student": student,
            "teacher": teacher,
            f"nbgrader/source/{source.stem}": for_nbgrader(student),
        }
        for reader, notebook in copies.items():
            files.replace(folder / reader / f"{source.stem}.ipynb", nbformat.writes(notebook) + "\n")
    print(f"{folder}: student/ has no solutions, teacher/ has them all, nbgrader/ is a course for nbgrader")


if __name__ == "__main__":
    main(sys.argv[1:])
