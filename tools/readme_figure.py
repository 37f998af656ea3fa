"""Copy the figure of the README out of notebook 05, as `make notebooks` does after it has stored the notebooks."""

import base64
from pathlib import Path

import nbformat

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
FIGURE = NOTEBOOKS / "_static" / "what_prunes.png"


def first_picture(path: Path) -> bytes:
    """The first picture among the stored outputs of a notebook."""
    cells = nbformat.read(path, as_version=4).cells
    outputs = [output for cell in cells if cell.cell_type == "code" for output in cell.outputs]
    return base64.b64decode(next(o.data["image/png"] for o in outputs if "image/png" in o.get("data", {})))


if __name__ == "__main__":
    FIGURE.write_bytes(first_picture(NOTEBOOKS / "05_mechanisms.ipynb"))
