"""A chapter as a page, as slides and in print: figures keep their words, and what needs a kernel says where it is."""

import copy
import html
import re
from types import SimpleNamespace

import checkout
import pytest
from nbconvert import HTMLExporter, SlidesExporter
from traitlets.config.loader import PyFileConfigLoader

CHAPTER = checkout.NOTEBOOKS / "02_overfitting.ipynb"
CONFIG = PyFileConfigLoader("convert.py", path=str(checkout.ROOT / "tools")).load_config()


@pytest.fixture(scope="module")
def stored():
    notebook = checkout.read(CHAPTER)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    alts = [output.metadata["image/png"]["alt"] for output in outputs if "image/png" in output.get("data", {})]
    assert alts
    return SimpleNamespace(notebook=notebook, alts=alts)


def words_of_pictures(page):
    return [html.unescape(alt) for alt in re.findall(r'<img [^>]*?alt="([^"]*)"', page)]


def test_a_page_has_the_words_of_its_figures_and_folds_what_may_be_skipped(stored):
    page, _ = HTMLExporter(config=CONFIG).from_notebook_node(copy.deepcopy(stored.notebook))
    assert words_of_pictures(page) == stored.alts
    folded = [cell for cell in stored.notebook.cells if cell.metadata.get("jupyter", {}).get("source_hidden")]
    assert page.count("<details>") == len(folded)
    assert "Run this cell in JupyterLab" in page
    assert "on the book&#39;s site" in page or "on the book's site" in page


def test_slides_are_many_and_have_the_words_of_their_figures(stored):
    page, _ = SlidesExporter(config=CONFIG).from_notebook_node(copy.deepcopy(stored.notebook))
    texts = [cell.source for cell in stored.notebook.cells if cell.cell_type == "markdown"]
    headings = re.findall("(?m)^##? ", "\n".join(texts))
    assert len(re.findall(r"<section>\s*<section>", page)) == len(headings)
    assert words_of_pictures(page) == stored.alts
    assert "google.colab" not in page


def test_print_has_the_words_below_and_greek_letters_in_code(stored):
    notebook, resources = copy.deepcopy(stored.notebook), {}
    for preprocess in CONFIG.LatexExporter.preprocessors:
        notebook, resources = preprocess(notebook, resources)
    texts = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert re.findall(r"(?m)^\*In the figure:\* (.*)$", texts) == stored.alts
    assert notebook.metadata.title == "Watch a perfect fit fail"
    declared = set(re.findall("`(.)", notebook.cells[0].source))
    assert greek_of_all_chapters() <= declared


def greek_of_all_chapters():
    """Greek letters in code and its outputs, which stand in the type of code; in text they are mathematics."""
    cells = [cell for path in checkout.stored_notebooks() for cell in checkout.read(path).cells]
    code = [cell for cell in cells if cell.cell_type == "code"]
    printed = [output.get("text", "") for cell in code for output in cell.outputs]
    return set(re.findall("[\u0370-\u03ff]", "".join([cell.source for cell in code] + printed)))
