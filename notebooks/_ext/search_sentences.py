"""What the search page knows: every section of the book in sentences, as a script, so that it works from a folder, too."""

import json
import re
from pathlib import Path

from docutils import nodes

from notebook_pages import chapter_number

SENTENCE = re.compile(r".+?[.!?](?=\s|$)|.+")


def remember(app, doctree):
    """Keep the sections of a page: title, anchor and the sentences of its prose, without code, formulas and outputs."""
    app.env.metadata[app.env.docname]["sections"] = [
        {"title": section.next_node(nodes.title).astext(), "anchor": section["ids"][0], "sentences": prose(section)}
        for section in doctree.findall(nodes.section)
    ]


def prose(section):
    """The sentences of a section's own paragraphs; cells of tables hold none."""
    found = []
    for paragraph in section.findall(nodes.paragraph):
        inside = paragraph.parent
        while not isinstance(inside, (nodes.section, nodes.entry)):
            inside = inside.parent
        if inside is section:
            text = "".join("…" if isinstance(part, nodes.math) else part.astext() for part in paragraph.children)
            found += [sentence.strip() for sentence in SENTENCE.findall(" ".join(text.split()))]
    return found


def write(app, exception):
    if exception or app.builder.name != "html":
        return
    pages = [
        {"page": f"{name}.html", "chapter": bool(chapter_number(name)), "sections": app.env.metadata[name]["sections"]}
        for name in sorted(app.env.found_docs)
    ]
    script = f"const BOOK = {json.dumps(pages, ensure_ascii=False)};\n"
    Path(app.outdir, "_static", "sentences.js").write_text(script, encoding="utf-8")


def setup(app):
    app.connect("doctree-read", remember, priority=900)
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
