"""One meaning for each symbol: what a chapter's table of notation says, the notation page says, too."""

import re

import checkout
import pytest

PAGE = (checkout.NOTEBOOKS / "notation.md").read_text(encoding="utf-8")


def rows(text):
    """(symbols, names in code) of each row of each table whose first column is headed `symbol`."""
    for table in re.findall(r"^\| symbol \|.*\n\|[-| ]+\|\n((?:\|.*\n?)+)", text, re.MULTILINE):
        for line in table.splitlines():
            symbol, code, *_ = (cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:])
            yield symbols(symbol), names(code)


def symbols(cell):
    """What stands between dollars, or the word, without what is after "=", indices and hats: `w, \\alpha`."""
    parts = re.findall(r"\$(.*?)\$", cell) or [cell]
    plain = (re.sub(r"\\,|\\ |\\hat|\^\\star|[_^](\{.*?\}|\w)|\(x\)| ", "", part) for part in parts)
    return {symbol.split("=")[0] for part in plain for symbol in part.split(",")}


def names(cell):
    """Identifiers in code spans: `run.weights` is weights, `weights**2` is weights, `share(w, S)` is share."""
    return {
        re.findall(r"\w+|\*", span.partition("(")[0])[-1 if "." in span else 0] for span in re.findall("`(.*?)`", cell)
    }


def tables(path):
    return [
        cell.source
        for cell in checkout.read(path).cells
        if cell.cell_type == "markdown" and "| symbol |" in cell.source
    ]


def test_the_page_gives_each_symbol_once_and_each_name_to_one_thing():
    found = [symbol for some, _ in rows(PAGE) for symbol in some]
    assert len(found) == len(set(found)) > 20
    owners = {}
    for some, code in rows(PAGE):
        for name in code:
            owners.setdefault(name, []).append(some)
    shared = {name: some for name, some in owners.items() if len(some) > 1}
    assert set(shared) <= {"n_points", "weights"}, shared  # N and n are the same count, q is weights**2


@pytest.mark.parametrize("path", checkout.stored_notebooks(), ids=lambda path: path.stem)
def test_a_chapter_means_by_a_symbol_what_the_page_means(path):
    page = {symbol: code for some, code in rows(PAGE) for symbol in some}
    for text in tables(path):
        for some, code in rows(text):
            for symbol in some:
                word = symbol.isalpha() and len(symbol) > 1
                assert symbol in page or (word and f"*{symbol}*" in PAGE), f"{symbol} is not on the notation page"
            known = set().union(*(page.get(symbol, code) for symbol in some))
            assert code <= known, f"{some} is {code - known} in code here, and {known} on the notation page"


def test_a_table_is_read_as_it_looks():
    head = "| symbol | code | meaning |\n|---|---|---|\n"
    chapter = head + "| $K,\\ \\eta$ | `inner_steps`, `rate` | |\n| $\\hat\\beta_j$ | | |\n"
    assert list(rows(chapter)) == [({"K", "\\eta"}, {"inner_steps", "rate"}), ({"\\beta"}, set())]


def test_what_the_chapters_cite_is_on_the_page_of_references():
    page = (checkout.NOTEBOOKS / "references.md").read_text(encoding="utf-8")
    for path in checkout.source_notebooks():
        cited = set(re.findall(r"arxiv\.org/abs/(\d+\.\d+)", path.read_text(encoding="utf-8")))
        missing = sorted(paper for paper in cited if paper not in page)
        assert not missing, f"{path.stem} cites arXiv {', '.join(missing)}, references.md does not"
