"""How nbconvert writes a chapter as a page, as slides or through LaTeX: `make convert TO=slides ONLY=03`.

The stock templates drop the words of figures, make one slide of a notebook and print the code of every drawing. Here
figures carry their alt texts (in print below them), a slide begins at every heading, and code that a reader may skip
is folded in a page and left out elsewhere. No notebook is changed.
"""

import re

from nbformat.v4 import new_markdown_cell, new_raw_cell

FOLDED = {"colab", "hide-input", "solution"}  # tags of cells whose code is folded in JupyterLab, too
LIVE = "The page of this chapter on the book's site has one, too."
IMAGE = '<img alt="{alt}" src="data:image/png;base64,{png}" width="{width}" height="{height}" style="height: auto">'
GREEK = {
    "\u03b1": "alpha",
    "\u03b3": "gamma",
    "\u03b5": "varepsilon",
    "\u03b7": "eta",
    "\u03c0": "pi",
    "\u03c3": "sigma",
}


def tags(cell):
    """The tags of a cell, as a set."""
    return set(cell.metadata.get("tags", []))


def alt_text(cell):
    """The words of the picture that a cell shows, or None."""
    told = [output.get("metadata", {}).get("image/png", {}).get("alt") for output in cell.get("outputs", [])]
    return next(filter(None, told), None)


def each_cell(change):
    """A preprocessor that replaces every cell by the list of cells that `change` makes of it."""

    def preprocess(notebook, resources):
        notebook.cells = [new for cell in notebook.cells for new in change(cell)]
        return notebook, resources

    return preprocess


def say_what_to_open(cell):
    """An explorer needs a kernel: its line says where there is one."""
    if "explorer" in tags(cell):
        for output in cell.outputs:
            output.data["text/plain"] = f"{output.data['text/plain']}\n{LIVE}"
    return [cell]


def words_as_alt(cell):
    """Pictures as HTML that holds their words; the templates for pages and slides would drop them."""
    for output in cell.get("outputs", []):
        size = output.get("metadata", {}).get("image/png", {})
        if "alt" in size:
            words = size["alt"].replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
            output.data = {"text/html": IMAGE.format(**size | {"png": output.data["image/png"], "alt": words})}
    return [cell]


def words_below(cell):
    """The words of a picture as a paragraph below it: print has no alt texts."""
    words = alt_text(cell)
    return [cell, new_markdown_cell(f"*In the figure:* {words}")] if words else [cell]


def without_code(cell):
    """A cell without its code, if that only draws or imports."""
    if {"colab", "hide-input"} & tags(cell):
        cell.metadata["transient"] = {"remove_source": True}
    return [cell]


def folded_code(cell):
    """The code of such a cell above its output, where a click shows it."""
    if not FOLDED & tags(cell):
        return [cell]
    what = "a solution" if "solution" in tags(cell) else "the code of this figure" if alt_text(cell) else "the code"
    fold = f"<details><summary>Show {what}</summary>\n\n```python\n{cell.source}\n```\n\n</details>"
    cell.metadata["transient"] = {"remove_source": True}
    return [new_markdown_cell(fold), cell] if cell.outputs else [new_markdown_cell(fold)]


def as_slides(cell):
    """Slides: one for each heading and, below it, one for each cell; the text after a figure stays with it."""
    cell.metadata["slideshow"] = {"slide_type": "subslide"}
    if cell.cell_type == "code":
        if FOLDED & tags(cell) and not alt_text(cell):
            cell.metadata["slideshow"] = {"slide_type": "skip"}
        return [cell]
    parts = re.split(r"(?m)^(?=#{1,3} )", cell.source)
    slides = [new_markdown_cell(part) for part in parts if part.strip()]
    for slide in slides:
        begins = "slide" if slide.source.startswith("#") else "-"
        slide.metadata["slideshow"] = {"slide_type": begins}
    return slides


def for_print(notebook, resources):
    """The first heading is the title; Greek letters are told to the type of code, which has none."""
    first = notebook.cells[0]
    heading, _, first.source = first.source.partition("\n")
    notebook.metadata["title"] = heading.lstrip("# ")
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"(?m)^#(?=#+ )", "", cell.source)
    letters = "".join(
        rf"\catcode`{letter}=\active \protected\def{letter}{{\ensuremath{{\{name}}}}}" for letter, name in GREEK.items()
    )
    notebook.cells.insert(0, new_raw_cell(letters, metadata={"raw_mimetype": "text/latex"}))
    return notebook, resources


say, fold = each_cell(say_what_to_open), each_cell(folded_code)
alt, below = each_cell(words_as_alt), each_cell(words_below)
bare, slides = each_cell(without_code), each_cell(as_slides)

c = get_config()  # noqa: F821 - nbconvert brings it
c.HTMLExporter.preprocessors = [say, fold, alt]
c.SlidesExporter.preprocessors = [say, slides, bare, alt]
c.SlidesExporter.reveal_scroll = True
c.SlidesExporter.reveal_width, c.SlidesExporter.reveal_height = "1200", "750"  # 88 columns of code
c.LatexExporter.preprocessors = [say, below, bare, for_print]
