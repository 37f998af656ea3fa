"""Finds the exercises of the notebooks' sources and runs one of them with any answer in place.

An exercise is a Markdown cell with **Exercise N.** and a folded solution (a ```python block), followed by a code cell
with `name = ...` and a call of `check`.
"""

import builtins
import functools
import re
import symtable
from dataclasses import dataclass
from pathlib import Path

import jupytext

OPEN = re.compile(r"^(\w+) = \.\.\.$", re.MULTILINE)
SOLUTION = re.compile(r"<details><summary>Solution</summary>.*?```python\n(.*?)```.*?</details>", re.DOTALL)


@dataclass(frozen=True)
class Exercise:
    notebook: str
    number: int
    name: str  # what the reader has to define
    solution: str
    setup: tuple[str, ...]  # the earlier cells that the exercise needs
    cell: str

    def run(self, answer: str) -> None:
        """Execute what the exercise needs, then the exercise with `answer` in place of `name = ...`."""
        namespace = dict(executed(self.setup))
        exec(OPEN.sub(lambda _: answer, self.cell, count=1), namespace)


@functools.cache
def executed(cells: tuple[str, ...]) -> dict:
    """What the cells define; they run once for all answers."""
    namespace: dict = {}
    for source in cells:
        exec(source, namespace)
    return namespace


def exercises_of(path: Path) -> list[Exercise]:
    """Every exercise of one notebook, in order."""
    found, before, cells = [], [], jupytext.read(path).cells
    for position, cell in enumerate(cells):
        if cell.cell_type != "code":
            continue
        opened = OPEN.search(cell.source)
        if opened:
            text = cells[position - 1].source
            number = int(re.findall(r"\*\*Exercise (\d+)", text)[-1])
            solution = SOLUTION.search(text[text.rindex(f"**Exercise {number}") :])[1]
            used = (names_used(cell.source) | names_used(solution)) - {opened[1]}
            setup = needed(before, used)
            found.append(Exercise(path.stem, number, opened[1], solution, setup, cell.source))
        elif not {"explorer", "colab"} & set(cell.metadata.get("tags", [])):
            before.append(cell.source)
    return found


def needed(cells: list[str], names: set[str]) -> tuple[str, ...]:
    """The cells, in order, without those that define nothing of what `names`, and so on backwards, depends on."""
    kept: list[str] = []
    for source in reversed(cells):
        defined = names_defined(source)
        if defined & names:
            kept.insert(0, source)
            names = (names - defined) | names_used(source)
    return tuple(kept)


def names_used(source: str) -> set[str]:
    """What a cell reads without having bound it itself; loop variables of comprehensions and arguments do not count."""
    top = symtable.symtable(source, "cell", "exec")
    read = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_referenced()}
    scopes = list(top.get_children())
    while scopes:
        scope = scopes.pop()
        read |= {symbol.get_name() for symbol in scope.get_symbols() if symbol.is_global() and symbol.is_referenced()}
        scopes += scope.get_children()
    return read - names_defined(source) - set(dir(builtins))


def names_defined(source: str) -> set[str]:
    """What the top level of a cell binds: assignments, loops, functions, classes and imports."""
    symbols = symtable.symtable(source, "cell", "exec").get_symbols()
    return {s.get_name() for s in symbols if s.is_assigned() or s.is_imported() or s.is_namespace()}
