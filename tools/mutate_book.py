"""Break the book in one place at a time, run what `make test` runs, and count how many of the breaks it catches.

Usage: python tools/mutate_book.py [--only WORD] [--report FILE], as `make trust` does. The breaks are made in a copy of
the tree. For each of them the tests that should notice come first, then all the others of `make test`, until one fails;
the report names it. A break that no test notices is a failure of this script.
"""

import argparse
import ast
import base64
import copy
import functools
import io
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbformat
import numpy as np
from nbformat import NotebookNode
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from execute import give_fixed_ids  # noqa: E402 - a neighbour, not an installed module

NBVAL = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=300"]
PACKAGE_BREAKS = ROOT / "tests" / "package_breaks.toml"
STYLE, PAIRS, EXERCISES = "tests/test_notebook_style.py", "tests/test_pairs.py", "tests/test_exercises.py"
RESULTS = "tests/test_results.py::test_no_number_of_a_table_was_changed_after_it_was_stored"


@dataclass(frozen=True)
class Break:
    name: str
    make: Callable[[Path], None]  # changes the tree at a path
    first: tuple[str, ...]  # what should notice


class NoPlace(Exception):
    """This notebook has nothing to break in that way."""


# The stored notebook alone: what a slip of the hand, a merge or another machine may do


def stored(change: Callable[[NotebookNode], None]):
    """A break of the .ipynb file of a notebook."""

    def at(name: str) -> Callable[[Path], None]:
        def make(tree: Path) -> None:
            path = tree / "notebooks" / f"{name}.ipynb"
            notebook = nbformat.read(path, as_version=4)
            before = copy.deepcopy(notebook)
            change(notebook)
            assert notebook != before
            nbformat.write(notebook, path)

        return make

    return at


def compared(notebook: NotebookNode) -> list[NotebookNode]:
    """The code cells whose output is a promise."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [cell for cell in code if not {"explorer", "wall-clock"} & set(cell.metadata.get("tags", []))]


def printed(notebook: NotebookNode, pattern: str) -> tuple[NotebookNode, re.Match]:
    """The last printed output that holds the pattern."""
    for cell in reversed(compared(notebook)):
        for output in cell.outputs:
            found = list(re.finditer(pattern, output.get("text", "")))
            if found:
                return output, found[-1]
    raise NoPlace


def figures(notebook: NotebookNode) -> list[NotebookNode]:
    found = [o for cell in compared(notebook) for o in cell.outputs if "image/png" in o.get("data", {})]
    if len(found) < 2:
        raise NoPlace
    return found


def change_digit(notebook):
    output, found = printed(notebook, r"\d(?=\D*$)")
    output.text = output.text[: found.start()] + str((int(found[0]) + 1) % 10) + output.text[found.end() :]


def change_sign(notebook):
    output, found = printed(notebook, r"(?<![\w.-])\d+\.\d+")
    output.text = output.text[: found.start()] + "-" + output.text[found.start() :]


def flip_truth(notebook):
    output, found = printed(notebook, r"True")
    output.text = output.text[: found.start()] + "False" + output.text[found.end() :]


def drop_print(notebook):
    output, _ = printed(notebook, r"\d")
    for cell in notebook.cells:
        if cell.cell_type == "code" and output in cell.outputs:
            cell.outputs.remove(output)


def drop_figure(notebook):
    figure = figures(notebook)[-1]
    for cell in notebook.cells:
        if cell.cell_type == "code" and figure in cell.outputs:
            cell.outputs.remove(figure)


def drop_picture(notebook):
    del figures(notebook)[0].data["image/png"]


def swap_pictures(notebook):
    one, two = figures(notebook)[:2]
    one.data["image/png"], two.data["image/png"] = two.data["image/png"], one.data["image/png"]


def retouch_picture(notebook):
    """Turn the middle of a picture upside down."""
    data = figures(notebook)[0].data
    pixels = np.array(Image.open(io.BytesIO(base64.b64decode(data["image/png"]))))
    height = len(pixels)
    pixels[height // 4 : 3 * height // 4] = pixels[height // 4 : 3 * height // 4][::-1].copy()
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    data["image/png"] = base64.b64encode(buffer.getvalue()).decode()


def change_description(notebook):
    data = figures(notebook)[-1].data
    place = list(re.finditer(r"(?<=\.)\d", data["text/plain"]))[-1]
    text = data["text/plain"]
    data["text/plain"] = text[: place.start()] + str((int(place[0]) + 5) % 10) + text[place.end() :]


def drop_alt_text(notebook):
    data = figures(notebook)[0].data
    data["text/plain"] = data["text/plain"].split("\n\n")[-1]


def clear(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None


def clear_one_cell(notebook):
    cell = next(cell for cell in reversed(compared(notebook)) if cell.outputs)
    cell.outputs, cell.execution_count = [], None


def swap_counts(notebook):
    one, two = [cell for cell in notebook.cells if cell.cell_type == "code"][2:4]
    one.execution_count, two.execution_count = two.execution_count, one.execution_count


def drop_cell(notebook):
    notebook.cells.remove(compared(notebook)[-1])


def stale_prose(notebook):
    next(cell for cell in notebook.cells[3:] if cell.cell_type == "markdown").source += "\n\nA later thought."


def stale_code(notebook):
    compared(notebook)[2].source += "  # a later thought"


def store_warning(notebook):
    cell = next(cell for cell in compared(notebook) if cell.outputs)
    cell.outputs.append(nbformat.v4.new_output("stream", name="stderr", text="RuntimeWarning: overflow\n"))


# Both halves alike, as somebody edits the source and stores it without looking


def edited(change: Callable[[str], str]):
    """A break of the .py half, carried over to the cells of the .ipynb half; outputs stay."""

    def at(name: str) -> Callable[[Path], None]:
        def make(tree: Path) -> None:
            import jupytext

            path = tree / "notebooks" / f"{name}.py"
            text = path.read_text(encoding="utf-8")
            changed = change(text)
            assert changed != text
            path.write_text(changed, encoding="utf-8")
            notebook, source = nbformat.read(path.with_suffix(".ipynb"), as_version=4), jupytext.read(path)
            for cell, new in zip(notebook.cells, source.cells, strict=True):
                cell.source, cell.metadata = new.source, new.metadata
            give_fixed_ids(notebook)
            nbformat.write(notebook, path.with_suffix(".ipynb"))

        return make

    return at


def substitute(pattern: str, replacement, number: int = 0):
    """A change of the text that a pattern finds for the `number`-th time."""

    def change(text: str) -> str:
        found = list(re.finditer(pattern, text, re.MULTILINE))
        if not found:
            raise NoPlace
        place = found[number]
        return text[: place.start()] + place.expand(replacement) + text[place.end() :]

    return change


IMPORT = r"^import numpy as np$"
DOWNLOAD = IMPORT, "import numpy as np\nimport urllib.request; urllib.request.urlopen('http://192.0.2.1')"
LITTER = IMPORT, "import numpy as np\nimport pathlib; (pathlib.Path.home() / 'left-behind').touch()"


def accept_anything(number: int):
    """The check of the number-th exercise says that every answer is right."""

    def change(text: str) -> str:
        calls = list(re.finditer(r"^check\(.*\)$", text, re.MULTILINE))
        if number >= len(calls):
            raise NoPlace
        accepts = ast.parse(calls[number][0]).body[0].value.args[1]
        line = calls[number][0].encode()
        line = line[: accepts.col_offset] + b"lambda answer: True" + line[accepts.end_col_offset :]
        return text[: calls[number].start()] + line.decode() + text[calls[number].end() :]

    return change


def misquote(text: str) -> str:
    """Change the last digit of a number with a decimal point in the prose."""
    found = list(re.finditer(r"^# .*?(?<![\d.$\\])\d\.\d+", text, re.MULTILINE))
    found = [place for place in found if "$" not in place[0] and "`" not in place[0] and "arXiv" not in place[0]]
    if not found:
        raise NoPlace
    end = found[0].end()
    return text[: end - 1] + str((int(text[end - 1]) + 4) % 10) + text[end:]


# One line of the package


def replace_in_package(file: str, old: str, new: str) -> Callable[[Path], None]:
    def make(tree: Path) -> None:
        path = tree / "fourier_meta" / file
        text = path.read_text(encoding="utf-8")
        if text.count(old) != 1:
            raise SystemExit(f"{file} has {text.count(old)} places with {old!r}: bring the list of breaks up to date.")
        path.write_text(text.replace(old, new), encoding="utf-8")

    return make


def change_result(table: str) -> Callable[[Path], None]:
    """Change one number of a stored table of results."""

    def make(tree: Path) -> None:
        path = tree / "notebooks" / "results" / f"{table}.json"
        record = json.loads(path.read_text(encoding="utf-8"))
        measured = [values for values in record["columns"].values() if isinstance(values[0], float)][-1]
        place = next(k for k, value in enumerate(measured) if value)
        measured[place] *= 3
        path.write_text(json.dumps(record), encoding="utf-8")

    return make


def remove(pattern: str) -> Callable[[Path], None]:
    def make(tree: Path) -> None:
        sorted((tree / "notebooks").glob(pattern))[-1].unlink()

    return make


def breaks(names: list[str]) -> list[Break]:
    """All breaks; those of a notebook go round the notebooks, and those of nbval's own kind meet every notebook."""
    book, turn = [], itertools.cycle(names)
    notebook = {name: f"notebooks/{name}.ipynb" for name in names}
    for name in names:
        for change in (change_digit, change_description, swap_pictures, clear):
            first = STYLE if change is clear else notebook[name]
            book.append(Break(f"{name}: {words(change)}", stored(change)(name), (first,)))
        for number in range(3):
            make = edited(accept_anything(number))(name)
            book.append(Break(f"{name}: exercise {number + 1} accepts anything", make, (EXERCISES,)))
    for change in (change_sign, flip_truth, drop_print, drop_figure, drop_picture, retouch_picture, drop_alt_text):
        name = next(turn)
        book.append(Break(f"{name}: {words(change)}", stored(change)(name), (notebook[name],)))
    for change in (clear_one_cell, swap_counts, drop_cell, stale_prose, stale_code, store_warning):
        name = next(turn)
        book.append(Break(f"{name}: {words(change)}", stored(change)(name), (PAIRS, STYLE)))
    for title, change, first in (
        ("a misquoted number", misquote, STYLE),
        ("a figure without words", substitute(r", alt=(\"|')[^\"']+\1", ""), STYLE),
        ("a cell that is not compared", substitute(r"^# %%$", '# %% tags=["nbval-ignore-output"]', -1), STYLE),
        ("a cell that is skipped", substitute(r"^# %%$", '# %% tags=["nbval-skip"]', -2), STYLE),
        ("another inner rate", substitute(r"^(inner_rate = )0\.0(\d)", r"\g<1>0.03"), ""),
        ("another seed", substitute(r"default_rng\(0\)", "default_rng(123)"), ""),
        ("a use of the network", substitute(*DOWNLOAD), ""),
        ("a file outside the tree", substitute(*LITTER), ""),
    ):  # fmt: skip
        name = "03_maml" if "inner rate" in title else next(turn)
        book.append(Break(f"{name}: {title}", edited(change)(name), (first or notebook[name],)))
    book.append(Break("a lost .ipynb half", remove("0*.ipynb"), (PAIRS,)))
    book.append(Break("a lost .py half", remove("0*.py"), (PAIRS,)))
    tables = sorted(path.stem for path in (ROOT / "notebooks" / "results").glob("*.json"))
    for table in tables:
        if table != "benchmarks":  # holds times, which no run can confirm
            book.append(Break(f"a changed number in the table {table}", change_result(table), (RESULTS,)))
    for line in tomllib.loads(PACKAGE_BREAKS.read_text(encoding="utf-8"))["break"]:
        tests = f"tests/test_{Path(line['file']).stem.replace('exercises', 'check')}.py"
        make = replace_in_package(line["file"], line["old"], line["new"])
        book.append(Break(f"package: {line['name']}", make, (tests,)))
    return book


def words(function: Callable) -> str:
    return function.__name__.replace("_", " ")


# Running


def copy_tree(target: Path) -> None:
    """Copy what git tracks and what it does not ignore, as it is now."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0"):
        if name and (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def first_failure(tree: Path, first: tuple[str, ...]) -> str:
    """The first test of `make test` that fails in the tree, those of `first` before all others; "" if none does."""
    return failure_among(tree, first) or failure_among(tree, ("tests", "notebooks"))


def failure_among(tree: Path, paths: tuple[str, ...]) -> str:
    """The first of the tests under the paths that fails in the tree; "" if none does."""
    environment = os.environ | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    environment |= {"IPYTHONDIR": str(tree / ".ipython"), "MPLBACKEND": "agg"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *NBVAL]
    run = subprocess.run(
        [*command, "--ignore=tests/browser", PAIRS, *paths],  # a file of tests/ brings conftest.py, which make test has
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
    )
    if run.returncode in (1, 2):  # a test failed, or could not even be collected
        return re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", run.stdout + "\nFAILED ?", re.MULTILINE)[1]
    if run.returncode:
        raise SystemExit(f"pytest ended with status {run.returncode}:\n{run.stdout}{run.stderr}")
    return ""


@functools.cache
def fails_anyway(paths: tuple[str, ...]) -> str:
    """What fails among these tests in a tree where nothing is broken."""
    with tempfile.TemporaryDirectory() as folder:
        copy_tree(Path(folder) / "book")
        return failure_among(Path(folder) / "book", paths)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", metavar="WORD", help="only breaks whose name holds this word")
    parser.add_argument("--report", type=Path, help="write what caught each break to this JSON file")
    arguments = parser.parse_args()
    names = sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    caught, missed, began = {}, [], time.monotonic()
    for broken in breaks(names):
        if arguments.only not in broken.name:
            continue
        with tempfile.TemporaryDirectory() as folder:
            tree = Path(folder) / "book"
            copy_tree(tree)
            try:
                broken.make(tree)
            except NoPlace:
                continue
            test = first_failure(tree, broken.first)
        anyway = fails_anyway(broken.first) or (test and fails_anyway((test.split("::")[0],)))
        if anyway:
            sys.exit(f"{anyway} fails where nothing is broken: mend that first.")
        caught[broken.name] = test
        print(f"{broken.name}: {caught[broken.name] or 'NOT NOTICED'}", flush=True)
    missed = [name for name, test in caught.items() if not test]
    print(f"{len(caught) - len(missed)} of {len(caught)} breaks caught in {time.monotonic() - began:.0f} s")
    if arguments.report:
        report = {"breaks": len(caught), "caught": len(caught) - len(missed), "by": caught}
        arguments.report.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
