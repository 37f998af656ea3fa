"""Each notebook is a pair, NN_name.py and NN_name.ipynb, and both hold the same cells."""

import checkout
import execute
import jupytext
import pytest


def cells(notebook):
    """Type, text and metadata of each cell; what JupyterLab folds follows from the tags."""
    return [
        (cell.cell_type, cell.source, {key: value for key, value in cell.metadata.items() if key != "jupyter"})
        for cell in notebook.cells
    ]


def difference(source, stored):
    """What make notebooks would change, in a sentence; None if nothing."""
    if len(source) != len(stored):
        return f"{len(source)} cells in the .py, {len(stored)} in the .ipynb"
    for n, (ours, theirs) in enumerate(zip(source, stored, strict=True), start=1):
        for what, a, b in zip(("type", "text", "metadata"), ours, theirs, strict=True):
            if a != b:
                return f"cell {n} has another {what} in the .ipynb:\n  .py:    {a!r}\n  .ipynb: {b!r}"
    return None


def test_there_are_notebooks_and_none_stands_alone():
    sources = {path.stem for path in checkout.source_notebooks()}
    stored = {path.stem for path in checkout.stored_notebooks()}
    assert sources | stored, "no notebooks found"
    assert sources == stored, f"only one half of {sorted(sources ^ stored)} exists: run make notebooks"


@pytest.mark.parametrize("path", checkout.source_notebooks(), ids=lambda path: path.stem)
def test_both_halves_hold_the_same_cells(path):
    stored = path.with_suffix(".ipynb")
    assert stored.exists(), f"{stored.name} is missing: run make notebooks"
    problem = difference(cells(jupytext.read(path)), cells(checkout.read(stored)))
    assert problem is None, f"{path.stem}: {problem}\n{execute.advice(path)}"


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ("# %% [markdown]\n# text!\n\n# %%\nx = 1\n", "cell 1 has another text"),
        ("# %% [markdown]\n# text\n\n# %%\nx = 2\n", "cell 2 has another text"),
        ("# %% [markdown]\n# text\n\n# %% [markdown]\n# x = 1\n", "cell 2 has another type"),
        ('# %% [markdown]\n# text\n\n# %% tags=["explorer"]\nx = 1\n', "cell 2 has another metadata"),
        ("# %% [markdown]\n# text\n", "1 cells in the .py, 2 in the .ipynb"),
    ],
)
def test_every_kind_of_difference_is_seen(changed, what):
    stored = cells(jupytext.reads("# %% [markdown]\n# text\n\n# %%\nx = 1\n", fmt="py:percent"))
    assert difference(stored, stored) is None
    assert difference(cells(jupytext.reads(changed, fmt="py:percent")), stored).startswith(what)
