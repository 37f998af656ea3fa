"""Write build/handout/student and build/handout/teacher: the notebooks without and with their solutions.

Usage: python tools/handout.py [NAME ...], as `make handout` does. Solutions are the cells tagged "solution".

"""

import copy
import sys
from pathlib import Path

import nbformat
from execute import sources, tags

from fourier_meta import files

FOLDER = Path(__file__).resolve().parent.parent / "build" / "handout"


def without_solutions(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A copy without the cells tagged "solution"."""
    student = copy.deepcopy(notebook)
    student.cells = [cell for cell in student.cells if "solution" not in tags(cell)]
    return student


def main(names: list[str], folder: Path = FOLDER) -> None:
    for source in sources(names):
        stored = source.with_suffix(".ipynb")
        if not stored.exists():
            sys.exit(f"{stored.name} is missing: run make notebooks ONLY={source.stem}")
        teacher = nbformat.read(stored, as_version=4)
        for reader, notebook in {"student": without_solutions(teacher), "teacher": teacher}.items():
            files.replace(folder / reader / f"{source.stem}.ipynb", nbformat.writes(notebook) + "\n")
    print(f"{folder}: student/ has no solutions, teacher/ has them all")


if __name__ == "__main__":
    main(sys.argv[1:])
