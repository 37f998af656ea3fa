"""Nothing "recovers", "works best" or "always" finds anything in the book without seeds behind it."""

import re

import book
import pytest

# Words that claim a success of a trained method; near them the text or an output has to count seeds.
CLAIMS = re.compile(r"\b(recover(?:s|ed)?|reliably|in every seed|always (?:find|work|succeed)\w*)\b", re.IGNORECASE)
EVIDENCE = re.compile(r"\b\d+ (?:meta-)?seeds\b|\bten seeds\b|of 10\b", re.IGNORECASE)
NEAR = 2  # cells before and after


def unsupported(notebook):
    """Sentences for claims with no count of seeds within the cell or its neighbours, outputs included."""
    texts = [
        cell.source + "\n".join(output.get("text", "") for output in cell.get("outputs", [])) for cell in notebook.cells
    ]
    for n, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            near = "\n".join(texts[max(0, n - NEAR) : n + NEAR + 1])
            if not EVIDENCE.search(near):
                yield from (
                    f"cell {n + 1}: {claim[0]!r} without a count of seeds" for claim in CLAIMS.finditer(cell.source)
                )


@pytest.mark.parametrize("path", book.stored_notebooks(), ids=lambda path: path.stem)
def test_claims_of_success_stand_beside_a_count_of_seeds(path):
    assert list(unsupported(book.read(path))) == []


def test_a_bare_claim_is_noticed():
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

    claim = new_markdown_cell("MAML recovers the support.")
    assert list(unsupported(new_notebook(cells=[claim])))
    counted = new_code_cell("print()", outputs=[new_output("stream", name="stdout", text="S on top in 10 of 10")])
    assert not list(unsupported(new_notebook(cells=[counted, claim])))
