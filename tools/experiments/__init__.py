"""The long experiments of the book: a module for each chapter that plots one, run and stored by `make results`.

A module holds functions `f(..., seed)` that return a list of rows, dicts of plain numbers and strings, and
EXPERIMENTS, a dict from the name of a table to its Experiment.
"""

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fourier_meta import Adam, Descent

OPTIMISERS = {"Adam": Adam(0.05), "one common scale": Descent(0.05)}  # of the weights, by the name in a table


@dataclass(frozen=True)
class Experiment:
    """`function` is called for all combinations of the grid's values and all seeds; it returns rows."""

    function: Callable[..., list[dict]]
    grid: dict[str, list]
    seeds: Sequence[int]
    about: str  # what a reader of the table has to know: sizes, what a row is
    reduce: Callable[[list[dict]], list[dict]] = list  # turns all rows into those that are stored


def all_experiments() -> dict[str, Experiment]:
    """The experiments of all modules in this folder, by the name of their table."""
    found: dict[str, Experiment] = {}
    for module in pkgutil.iter_modules(__path__):
        for name, experiment in importlib.import_module(f"{__name__}.{module.name}").EXPERIMENTS.items():
            if name in found:
                raise ValueError(f"two experiments are called {name!r}; rename the one in experiments/{module.name}.py")
            found[name] = experiment
    return found
