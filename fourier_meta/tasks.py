"""Families of regression tasks: which features are true, where x comes from, how noisy the labels are.

Taught in notebook 01_setup.
"""

import dataclasses
import functools
from typing import NamedTuple

import numpy as np

from fourier_meta import checks
from fourier_meta.features import fourier_features, regular_grid

DESIGNS = ("random", "grid", "jittered")
TABLE_BYTES = 2**25  # a larger table of features no longer fits the processor's caches and is not made


class Tasks(NamedTuple):
    """A batch of observed tasks."""

    x: np.ndarray  # (n_tasks, n_points)
    features: np.ndarray  # (n_tasks, n_points, n_features)
    labels: np.ndarray  # (n_tasks, n_points)
    effective: np.ndarray  # (n_tasks, n_features), the true coefficients of the features


@functools.lru_cache(maxsize=4)
def dense_table(n_features):
    """All features on the dense grid that random x are drawn from, shape (n_dense, n_features), or None if too large.

    The grid has at least 8 points for each period of the highest feature, so nothing aliases on it.
    """
    n_dense = dense_size(n_features)
    if n_dense * n_features * 8 > TABLE_BYTES:
        return None
    table = fourier_features(regular_grid(n_dense), n_features)
    table.flags.writeable = False
    return table


def dense_size(n_features):
    """Number of points of the dense grid of x: a power of two, at least 1024 and at least 4 n_features."""
    return max(1024, 1 << (4 * n_features - 1).bit_length())


@dataclasses.dataclass(frozen=True)
class TaskFamily:
    """A distribution over tasks: y = phi(x) . (w * alpha) + noise, with one-hot w on the `support`, Gaussian alpha.

    Parameters
    ----------
    n_features : int, number of Fourier features d.
    support : tuple of int, the indices of the true features.
    noise : float >= 0, standard deviation of the Gaussian noise on every label.
    design : "random" draws n_points different x from a dense grid, "grid" takes the regular grid of n_points points,
        "jittered" draws one point uniformly from each cell of that regular grid.

    Raises
    ------
    ValueError if the support is empty, repeats an index or leaves [0, n_features), or if another argument is out of
    its range.

    Taught in notebook 01_setup. The family with support (0, 1, 2) is that of Zhao's report (2021).
    """

    n_features: int = 257
    support: tuple[int, ...] = (0, 1, 2)
    noise: float = 0.0
    design: str = "random"

    def __post_init__(self):
        d = checks.at_least("n_features", self.n_features, 1, 257)
        support = _check_support(self.support, d)
        noise = checks.real("noise", self.noise, 0.1, minimum=0)
        checks.one_of("design", self.design, DESIGNS)
        for name, value in {"n_features": d, "support": support, "noise": noise}.items():
            object.__setattr__(self, name, value)

    @property
    def true_weights(self):
        """One-hot weights on the support, shape (n_features,)."""
        weights = np.zeros(self.n_features)
        weights[list(self.support)] = 1
        return weights

    def draw_coefficients(self, n_tasks, rng):
        """Draw the true effective coefficients w * alpha of `n_tasks` tasks, shape (n_tasks, n_features)."""
        n_tasks = checks.at_least("n_tasks", n_tasks, 1, 15)
        effective = np.zeros((n_tasks, self.n_features))
        effective[:, self.support] = checks.generator("rng", rng).standard_normal((n_tasks, len(self.support)))
        return effective

    def observe(self, effective, n_points, rng, design=None):
        """Observe tasks with known `effective` coefficients at `n_points` new points each.

        Parameters
        ----------
        effective : array (n_tasks, n_features).
        n_points : int, at least 1.
        rng : numpy.random.Generator.
        design : where x comes from, the family's own design by default.

        Returns
        -------
        Tasks, with x (n_tasks, n_points) and labels of the same shape.

        Raises
        ------
        ValueError if an argument is out of range or has the wrong shape.
        """
        effective = checks.array("effective", effective, dimensions=2)
        checks.same_size("effective", effective.shape[-1], self.n_features, "features")
        n_points = checks.at_least("n_points", n_points, 1, 64)
        design = checks.one_of("design", self.design if design is None else design, DESIGNS)
        x, features = _draw_points(design, len(effective), n_points, self.n_features, checks.generator("rng", rng))
        labels = (effective[:, None, :] @ features.mT)[:, 0]
        if self.noise:
            labels = labels + self.noise * rng.standard_normal(labels.shape)
        return Tasks(x, features, labels, effective)

    def sample(self, n_tasks, n_points, rng):
        """Draw `n_tasks` new tasks and observe each at `n_points` points; see `observe`."""
        return self.observe(self.draw_coefficients(n_tasks, rng), n_points, rng)


def _check_support(support, n_features):
    try:
        indices = tuple(checks.at_least("support", index, 0, "(0, 1, 2)") for index in support)
    except TypeError:
        raise ValueError(f"support must be a tuple of feature indices, got {support!r}; pass (0, 1, 2)") from None
    if not indices or len(set(indices)) < len(indices) or max(indices) >= n_features:
        raise ValueError(
            f"support must hold different indices below n_features = {n_features}, at least one, "
            f"got {support!r}; pass for example (0, 1, 2)"
        )
    return indices


def _draw_points(design, n_tasks, n_points, n_features, rng):
    """Draw x (n_tasks, n_points) and look its features up."""
    if design == "grid":
        x = regular_grid(n_points)
        features = fourier_features(x, n_features)
        return np.tile(x, (n_tasks, 1)), np.tile(features, (n_tasks, 1, 1))
    n_dense = dense_size(n_features)
    if design == "random":
        index = _draw_distinct(n_dense, n_tasks, n_points, rng)
    else:  # one dense point from each cell of the regular grid, whose left end is cell / n_points
        cell = (np.arange(n_points) + rng.random((n_tasks, n_points))) / n_points
        index = (cell * n_dense).astype(np.int64)
    x = index * (2 / n_dense) - 1
    table = dense_table(n_features)
    return x, fourier_features(x, n_features) if table is None else table[index]


def _draw_distinct(n_dense, n_tasks, n_points, rng):
    """Draw n_points different indices below n_dense for each task: the k-th smallest of n draws moves up by k."""
    if n_points > n_dense:
        raise ValueError(f"n_points must be at most {n_dense}, the points that random x are drawn from, got {n_points}")
    index = rng.integers(n_dense - n_points + 1, size=(n_tasks, n_points))
    order = np.argsort(index, axis=1)
    np.put_along_axis(index, order, np.take_along_axis(index, order, axis=1) + np.arange(n_points), axis=1)
    return index
