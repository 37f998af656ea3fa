"""Turns a stored notebook into a page: words for its figures, a box that says how to run it, explorers that are live.

Works on the document tree, so the notebooks hold nothing that only this site understands.
"""

import base64
import hashlib
import html
import re
from pathlib import Path

import nbformat
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

from explorer_figures import explorer_figure, small_figure

DESCRIPTION_LENGTH = 200
SHARPNESS = 2  # pixels of a stored picture for each pixel of the page
COLOURS = re.compile(r"\bimshow\(|\bcolorbar\(")  # in such a picture colours tell values: it is never turned over
CAPTION_LENGTH = 60  # a caption takes whole sentences until it is at least this long


def notebook_of(app, docname):
    """The stored notebook behind a page, or None."""
    path = Path(app.env.doc2path(docname))
    return nbformat.read(path, as_version=4) if path.suffix == ".ipynb" else None


def number_title(app, doctree):
    """Every chapter carries its number, on its page, in the list of chapters, in search and in the browser's tab."""
    number = chapter_number(app.env.docname)
    title = next(doctree.findall(nodes.title), None)
    if number and title is not None:
        title.insert(0, nodes.Text(f"{number} · "))


def chapter_number(docname):
    """3 for 03_maml, A for A_report, nothing for a page that is no chapter."""
    found = re.match(r"0*([0-9A-Z]+?)_", docname)
    return found[1] if found else ""


def improve(app, doctree):
    docname = app.env.docname
    notebook = notebook_of(app, docname)
    if notebook is not None:
        fold_drawings(doctree, notebook)
        replace_explorers(doctree, docname)
        describe_figures(doctree, Path(app.srcdir), alt_texts(notebook), chapter_number(docname) or docname)
        hydrate_figures(doctree)
        label_outputs(doctree)
        explain_how_to_run(app, doctree, docname)
    app.env.metadata[docname].setdefault("description", description(doctree))


# ------------------------------------------------------------------------------------------------ figures


def alt_texts(notebook):
    """For the hash of each stored picture, what `show` wrote beside it: the first paragraph of its text/plain."""
    texts = {}
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "image/png" in data and "text/plain" in data:
                picture = base64.b64decode(data["image/png"])
                texts[hashlib.sha256(picture).hexdigest()] = data["text/plain"].split("\n\n")[0].strip()
    return texts


def describe_figures(doctree, source_folder, texts, notebook_number):
    """Give every output picture its alt text, its size, and a numbered caption: the first sentences of that text."""
    count = 0
    for image in list(doctree.findall(nodes.image)):
        if not isinstance(image.parent, nodes.container):  # a picture of the text, with its own alt text
            continue
        path = source_folder / image["uri"]
        text = texts.get(hashlib.sha256(path.read_bytes()).hexdigest())
        if text is None:
            raise ValueError(f"{doctree['source']}: a figure without words; display it with show(fig, alt=...)")
        count += 1
        image["alt"] = " ".join(text.split())
        image["loading"] = "lazy"
        image["width"], image["height"] = (f"{pixels // SHARPNESS}px" for pixels in image_size(path))
        words = nodes.Text(first_sentences(image["alt"]))
        caption = nodes.caption("", "", nodes.strong("", f"Figure {notebook_number}.{count}. "), words)
        identifier = f"figure-{notebook_number}-{count}"
        classes = ["book-figure", *(["book-colours"] if COLOURS.search(code_above(image)) else [])]
        figure = nodes.figure("", image.deepcopy(), caption, classes=classes, ids=[identifier])
        image.replace_self(figure)


def image_size(path):
    """Width and height of a PNG, from its header."""
    header = path.read_bytes()[16:24]
    return int.from_bytes(header[:4], "big"), int.from_bytes(header[4:], "big")


def code_above(image):
    """The source of the cell that drew an output picture."""
    cell = image.parent
    while cell.get("nb_element") != "cell_code":
        cell = cell.parent
    return next(cell.findall(nodes.literal_block)).astext()


def first_sentences(text):
    """Whole sentences from the start of a text, at least one and at least CAPTION_LENGTH characters of them."""
    caption = ""
    for sentence in re.findall(r".+?[.!?](?=\s|$)\s*|.+", text):
        if len(caption) >= CAPTION_LENGTH:
            break
        caption += sentence
    return caption.strip()


def label_outputs(doctree):
    """Output blocks scroll sideways when they are wide; with a name and a tab stop they do so without a mouse, too."""
    for block in doctree.findall(nodes.literal_block):
        if "output" in block["classes"]:
            block["classes"].append("book-output")


# ------------------------------------------------------------------------------------------------ folded code


def fold_drawings(doctree, notebook):
    """Fold the code of cells that only draw, and of those that open an explorer in JupyterLab: it is one click away."""
    for cell in doctree.findall(nodes.container):
        if cell.get("nb_element") != "cell_code" or cell.get("hide_mode"):
            continue
        stored = notebook.cells[cell["cell_index"]]
        if only_draws(stored):
            what = "the code of this figure"
        elif "explorer" in stored.metadata.get("tags", []):
            what = "what opens it in JupyterLab"
        else:
            continue
        cell.attributes |= {"hide_mode": "input", "prompt_show": f"Show {what}", "prompt_hide": f"Hide {what}"}


def only_draws(cell):
    """Whether a code cell shows pictures and prints nothing."""
    outputs = cell.get("outputs", [])
    return bool(outputs) and all("image/png" in output.get("data", {}) for output in outputs)


# ------------------------------------------------------------------------------------------------ explorers


def replace_explorers(doctree, docname):
    """Put a live figure in the place of every cell with the tag `explorer`; the picture that it stored stays inside."""
    for count, cell in enumerate(
        doctree.findall(
            lambda node: "tag_explorer" in node.get("classes", []) if isinstance(node, nodes.Element) else False
        )
    ):
        images = list(cell.findall(nodes.image))
        for output in list(
            cell.findall(lambda node: isinstance(node, nodes.Element) and "cell_output" in node.get("classes", []))
        ):
            output.parent.remove(output)
        identifier = "explorer" if count == 0 else f"explorer-{count + 1}"
        cell.append(explorer_figure(docname, identifier, images[:1]))


def hydrate_figures(doctree):
    """Put a small live figure around the picture of every cell with a tag `live-KIND`."""
    for cell in list(doctree.findall(nodes.container)):
        for kind in [name.removeprefix("tag_live-") for name in cell.get("classes", []) if name.startswith("tag_live-")]:
            figures = [figure for figure in cell.findall(nodes.figure) if "book-figure" in figure["classes"]]
            for figure in figures[:1]:
                figure.replace_self(small_figure(kind, f"live-{kind}", [figure.deepcopy()]))


# ------------------------------------------------------------------------------------------------ how to run it


def explain_how_to_run(app, doctree, docname):
    """Insert a box under the title: the same notebook in JupyterLab, on Binder, on Colab, and as files."""
    title = next(doctree.findall(nodes.title), None)
    if title is None:
        return
    repository = app.config.book_repository
    path = f"notebooks/{docname}.ipynb"
    items = [
        f'<li>In JupyterLab, on your machine: <code>make lab</code> in a <a href="https://github.com/{repository}">clone</a>, '
        f"then open <code>{path}</code>.</li>",
        f'<li>Without installing anything: <a href="https://mybinder.org/v2/gh/{repository}/main?urlpath=lab/tree/{path}">'
        "Binder</a> starts a JupyterLab for you, in a minute or two; "
        f'<a href="https://colab.research.google.com/github/{repository}/blob/main/{path}">Colab</a> needs an account.</li>',
        f'<li>As files: <a href="downloads/{docname}.ipynb" download>{docname}.ipynb</a> with its outputs, '
        f'<a href="downloads/{docname}.py" download>{docname}.py</a> as plain Python.</li>',
    ]
    box = f'<details class="book-run"><summary>Run this page</summary><ul>{"".join(items)}</ul></details>'
    section = title.parent
    section.insert(section.index(title) + 1, nodes.raw("", box, format="html"))


# ------------------------------------------------------------------------------------------------ the chapters


class Chapters(SphinxDirective):
    """The directive `{chapters}`: a card for every chapter, with the question that the README's table gives it."""

    def run(self):
        readme = Path(self.env.srcdir).parent / "README.md"
        self.env.note_dependency(str(readme))
        rows = re.findall(r"^\| (\w+) \| \[(.+?)\]\(notebooks/(\S+?)\) \| (.+?) \|", readme.read_text(encoding="utf-8"), re.M)
        cards = [f"- [{number} · {title}]({name}) *{question}*" for number, title, name, question in rows]
        container = nodes.container(classes=["book-chapters"])
        self.state.nested_parse(StringList(cards, source=self.env.docname), 0, container)
        return [container]


# ------------------------------------------------------------------------------------------------ description


def description(doctree):
    """The first paragraph in plain words, cut at a sentence or a word: what a search engine shows of the page."""
    for paragraph in doctree.findall(nodes.paragraph):
        text = " ".join(paragraph.astext().split()).removeprefix("Question. ")
        if len(text) > 40:
            if len(text) <= DESCRIPTION_LENGTH:
                return text
            cut = text[:DESCRIPTION_LENGTH]
            return cut[: cut.rfind(". ") + 1] if ". " in cut[80:] else cut[: cut.rfind(" ")] + " ..."
    return ""


def add_page_head(app, pagename, templatename, context, doctree):
    """Description, social card and canonical address of every page."""
    words = app.env.metadata.get(pagename, {}).get("description") or app.config.book_description
    title = re.sub(r"<[^>]+>", "", context.get("title") or pagename.capitalize())
    title = app.config.project if pagename == app.config.root_doc else html.unescape(title)
    base = app.config.html_baseurl
    tags = {
        ("name", "description"): words,
        ("property", "og:type"): "article",
        ("property", "og:site_name"): app.config.project,
        ("property", "og:title"): title,
        ("property", "og:description"): words,
        ("property", "og:url"): f"{base}{pagename}.html",
        ("property", "og:image"): f"{base}_static/card.png",
        ("property", "og:image:width"): "1200",
        ("property", "og:image:height"): "630",
        ("property", "og:image:alt"): "Feature weights learned by MAML and by Reptile, and the curves that they find.",
        ("name", "twitter:card"): "summary_large_image",
    }
    lines = [f'<meta {kind}="{name}" content="{html.escape(value)}">' for (kind, name), value in tags.items()]
    context["metatags"] = (context.get("metatags") or "") + "\n    " + "\n    ".join(lines) + "\n"


def setup(app):
    app.add_directive("chapters", Chapters)
    app.connect("doctree-read", number_title, priority=100)  # before Sphinx collects the titles
    app.connect("doctree-read", improve)
    app.connect("html-page-context", add_page_head)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
