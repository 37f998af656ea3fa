"""Measured curves as a source of tasks, and what to do about a table that cannot be one.

Taught on the page "Use it on your own curves".
"""

import numpy as np

from fourier_meta import checks
from fourier_meta.tasks import Tasks


class Curves:
    """Measured curves, all at the same places, as a source of tasks: each task is one curve, seen at a few places.

    Parameters
    ----------
    values : array (n_curves, n_places), one row for each curve.
    features : array (n_places, n_features), the features at the places, of any kind.
    x : array (n_places,) or None, the places themselves, rising; only drawings need them.

    Raises
    ------
    ValueError if rows differ in length, values are missing, masked, all the same or too large to be squared, or places
    are not in order or come twice; the message says what to do.
    """

    def __init__(self, values, features, x=None):
        self.values = _check_values(values)
        self.features = checks.array("features", features, 2)
        n_curves, n_places = self.values.shape
        if n_curves == len(self.features) != n_places:
            raise ValueError(
                f"values has {n_curves} rows, as many as there are places; pass values.T, a row for a curve"
            )
        checks.same_size("features", len(self.features), n_places, "rows, one for each place,")
        self.x = np.arange(self.values.shape[1], dtype=float) if x is None else _check_places(x, self.values.shape[1])

    def __len__(self):
        return len(self.values)

    def sample(self, n_tasks, n_points, rng):
        """Draw different curves and see each at different random places; returns `Tasks`."""
        n_tasks = checks.at_least("n_tasks", n_tasks, 1, 15)
        n_points = checks.at_least("n_points", n_points, 1, 4)
        for name, value, most in (("n_tasks", n_tasks, len(self)), ("n_points", n_points, self.values.shape[1])):
            if value > most:
                raise ValueError(f"{name} must be at most {most}, as many as there are, got {value}; pass fewer")
        chosen = checks.generator("rng", rng).choice(len(self), n_tasks, replace=False)
        places = np.argsort(rng.random((n_tasks, self.values.shape[1])), axis=1)[:, :n_points]
        return Tasks(self.features[places], self.values[chosen[:, None], places], self.x[places])

    def batches(self, n_tasks, n_points, seed=0):
        """Endless batches of `sample`, as a source for `train_maml` and `train_reptile`."""
        rng = np.random.default_rng(checks.at_least("seed", seed, 0, 0))
        while True:
            yield self.sample(n_tasks, n_points, rng)


def _check_lengths(rows):
    """ValueError if the rows of a list are not equally long."""
    lengths = {np.size(row) for row in rows}
    if len(lengths) > 1:
        shown = ", ".join(map(str, sorted(lengths)))
        raise ValueError(f"values has rows of different lengths ({shown}); cut or interpolate them to the same places")


def _check_values(values):
    """Curves as an array (n_curves, n_places), or ValueError with what to do."""
    if isinstance(values, list | tuple):
        _check_lengths(values)
    values = checks.floats("values", values)
    if values.ndim != 2 or 0 in values.shape:
        raise ValueError(f"values must be a table, one row for each curve, got shape {values.shape}; pass 2 axes")
    gaps = np.isnan(values)
    if gaps.all():
        raise ValueError("values are all missing; drop or fill gaps before you scale, as a mean with a gap is missing")
    if gaps.any():
        curves = gaps.any(axis=1).sum()
        raise ValueError(
            f"values has {gaps.sum()} missing of {gaps.size}, in {curves} of {len(gaps)} curves; fill them, or keep "
            "values[~np.isnan(values).any(axis=1)]"
        )
    checks.finite("values", values)
    size = np.abs(values).max(initial=0)
    if not size < 1e100:
        raise ValueError(
            f"values go up to {size:.2g}, too large to be squared; divide them by their standard deviation"
        )
    if np.ptp(values) == 0:
        raise ValueError("values are all the same, so there is nothing to learn; pass curves that differ")
    return values


def _check_places(x, n_places):
    """Places as a rising array (n_places,), or ValueError with what to do."""
    x = checks.array("x", x)
    checks.same_shape("x", x.shape, (n_places,), "a place for every column of values")
    gaps = np.diff(x)
    if (gaps == 0).any():
        raise ValueError(f"x has {x[1:][gaps == 0][0]:g} more than once; average these columns of values")
    if (gaps < 0).any():
        raise ValueError("x does not rise; take order = np.argsort(x), x[order], values[:, order] and features[order]")
    return x
