"""Reads the experiments that take longer than a notebook should: `make results` stored a table of each.

Used by notebooks 05_showdown and 06_classification.
"""

import json
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parents[1] / "notebooks" / "results"


class Results:
    """A stored experiment: `columns` (name -> array, one entry per row) and `provenance` (how it was made)."""

    def __init__(self, columns, provenance):
        self.columns = {name: np.array(values) for name, values in columns.items()}
        self.provenance = provenance

    def cube(self, value, *axes, **where):
        """The column `value` as an array with one axis for each column in `axes`, levels in their stored order.

        Keyword arguments select rows first. Raises ValueError unless every combination of levels occurs exactly once.
        """
        chosen = np.all([np.isin(self.columns[name], level) for name, level in where.items()] or [True], axis=0)
        rows = np.flatnonzero(np.broadcast_to(chosen, self.columns[value].shape))
        places = []
        for axis in axes:
            levels = {level: i for i, level in enumerate(dict.fromkeys(self.columns[axis][rows].tolist()))}
            places.append([levels[level] for level in self.columns[axis][rows].tolist()])
        shape = tuple(max(place) + 1 for place in places)
        if len(rows) != np.prod(shape) or len(set(zip(*places, strict=True))) < len(rows):
            raise ValueError(f"axes {axes} must tell all {len(rows)} rows apart; name more axes, or select rows")
        result = np.empty(shape)
        result[tuple(places)] = self.columns[value][rows]
        return result

    def levels(self, axis, **where):
        """The different values of a column in their stored order, as a list; keyword arguments select rows."""
        chosen = np.all([np.isin(self.columns[name], level) for name, level in where.items()] or [True], axis=0)
        return list(dict.fromkeys(self.columns[axis][np.broadcast_to(chosen, self.columns[axis].shape)].tolist()))


def load_results(name):
    """Read the stored results of one experiment, for example "few_shot"."""
    path = FOLDER / f"{name}.json"
    if not path.exists():
        known = ", ".join(sorted(file.stem for file in FOLDER.glob("*.json"))) or "none"
        raise ValueError(f"name {name!r} is no stored experiment in {FOLDER} (there is {known}); run make results")
    content = json.loads(path.read_text(encoding="utf-8"))
    columns = {
        key: [np.nan if value is None else value for value in values] for key, values in content["columns"].items()
    }
    return Results(columns, content["provenance"])
