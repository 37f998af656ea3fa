"""Where the notebooks are, and how the tests read them."""

from pathlib import Path

import nbformat
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"


def stored_notebooks() -> list[Path]:
    """NN_name.ipynb, in reading order; A_name.ipynb is an appendix."""
    return sorted(NOTEBOOKS.glob("[0-9A-Z]*_*.ipynb"))


def source_notebooks() -> list[Path]:
    """NN_name.py, in reading order; conf.py beside them belongs to the site."""
    return sorted(NOTEBOOKS.glob("[0-9A-Z]*_*.py"))


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])
