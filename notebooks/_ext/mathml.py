"""Formulas become MathML while the site is built: no script to load, nothing that moves, nothing to wait for.

docutils translates TeX to MathML; what it leaves to wish for is mended here, before (TEX) and after (mend).
"""

import re
from xml.etree import ElementTree

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.errors import ExtensionError

TAG = re.compile(r"\s*\\tag\{(\w+)\}\s*")
TEX = {
    r"\\([td]?frac) *(\d) *(?=[\d\\a-zA-Z{])": r"\\\1{\2}",  # an argument without braces is one digit
    r"(\\[td]?frac\{\d\}) *(\d)": r"\1{\2}",
    r"\\Big\b *([\[({])": r"\\bigl\1",
    r"\\Big\b *([\])}])": r"\\bigr\1",
    r"\\dots\b": r"\\ldots",
}
ACCENTS = tuple("ˆˉ~˙‾^")
NO_SPACE = {"lspace": "0", "rspace": "0"}
INSTEAD = {"'": "′", "_": "‾"}
APPLY = "\u2061"  # between the name of a function and its argument


def mathml(tex, block=False):
    """The <math> element of a formula, as a string."""
    for found, wanted in TEX.items():
        tex = re.sub(found, wanted, tex)
    try:
        source = tex2mathml(tex, as_block=block)
    except SyntaxError as error:
        raise ExtensionError(f"no MathML for {tex!r}: {error}") from error
    root = ElementTree.fromstring(source.replace("&ApplyFunction;", APPLY))
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        element.text = element.text and element.text.strip()
        element.tail = None
    mend(root)
    return ElementTree.tostring(root, encoding="unicode", short_empty_elements=False)


def mend(root):
    """Upright capital Greek, fences that do not grow, accents and labels in their place, air around names of functions."""
    for element in list(root.iter()):
        if element.get("class") == "capital-greek":
            element.attrib = {"mathvariant": "normal"}
        if element.tag == "mo" and element.text in tuple("‖|/"):
            element.attrib = {"stretchy": "false"} | NO_SPACE
        if element.tag == "mo" and element.text in INSTEAD:
            element.text = INSTEAD[element.text]
        if element.tag in ("msub", "msup", "msubsup", "munder", "munderover"):
            for script in element[1:]:
                for operator in script.iter("mo"):
                    operator.attrib |= NO_SPACE
        if element.tag == "msub" and element[0].tag == "munder":
            element.tag = "munder"
        if element.tag == "munderover" and element[2].text in ACCENTS:
            base, index, accent = element
            element.tag, element[:] = "msub", [ElementTree.Element("mover", accent="true"), index]
            element[0][:] = [base, accent]
        if element.tag in ("math", "mrow", "mtd"):
            space_names(element)


def space_names(row):
    """As TeX does it: a thin space before the name of a function, and one after it unless a bracket follows."""
    for place in range(len(row) - 1, -1, -1):
        before, after = row[place - 1] if place else None, row[place + 1] if place + 1 < len(row) else None
        if row[place].text == APPLY and text_of(after) not in tuple("([|"):
            row.insert(place + 1, thin_space())
        if is_name(row[place]) and before is not None and text_of(before) in (None, ")", "|"):
            row.insert(place, thin_space())


def text_of(element):
    """What an operator or a space reads; None for everything else."""
    return (element.text or "") if element is not None and element.tag in ("mo", "mspace") else None


def thin_space():
    return ElementTree.Element("mspace", width="0.1667em")


def is_name(element):
    """Whether this is the name of a function, such as diag, perhaps with an index."""
    if element.tag in ("msub", "msup", "munder"):
        return is_name(element[0])
    return element.tag == "mi" and len(element.text or "") > 1


def visit_inline(translator, node):
    translator.body.append(mathml(node.astext()))
    raise nodes.SkipNode


def visit_block(translator, node):
    """A displayed formula in a box that scrolls by itself, and its number beside the box, where it is always seen."""
    tex = node.astext()
    tag = TAG.search(tex)
    number = f'<span class="eqno">({tag[1]})</span>' if tag else ""
    formula = mathml(TAG.sub("", tex), block=True)
    translator.body.append(f'<div class="book-equation"><div class="math">{formula}</div>{number}</div>\n')
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", inline_renderers=(visit_inline, None), block_renderers=(visit_block, None))
    app.config.html_math_renderer = "mathml"
    return {"parallel_read_safe": True, "parallel_write_safe": True}
