"""Families of regression tasks: which features are true, where x comes from, how noisy the labels are.

Taught in notebook 01_setup.
"""

import dataclasses
import functools
import math
from typing import NamedTuple

import numpy as np

from fourier_meta import checks
from fourier_meta.features import fourier_features, regular_grid

DESIGNS = ("random", "grid", "jittered")
DTYPES = ("float64", "float32")
TABLE_BYTES = 2**25  # a larger table of features no longer fits the processor's caches and is not made
CACHE_BYTES = 3 * 2**19  # features of this size stay in a core's cache while an inner loop reads them again and again
LINE_BYTES = 64  # what the processor loads at once


class Tasks(NamedTuple):
    """A batch of observed tasks, as `TaskFamily.sample` draws it. Taught in notebook 01_setup."""

    x: np.ndarray  # (n_tasks, n_points)
    features: np.ndarray  # (n_tasks, n_points, n_features)
    labels: np.ndarray  # (n_tasks, n_points)
    effective: np.ndarray  # (n_tasks, n_features), the true coefficients of the features


@functools.lru_cache(maxsize=4)
def dense_table(n_features, dtype="float64"):
    """All features on the dense grid that random x are drawn from, or None if that is too large.

    Returns an array (n_dense, at least n_features): each row is filled up to a whole number of cache lines. The grid
    has at least 8 points for each period of the highest feature, so nothing aliases on it.
    """
    n_dense = dense_size(n_features)
    if n_dense * n_features * np.dtype(dtype).itemsize > TABLE_BYTES:
        return None
    table = _empty_rows((n_dense, n_features), dtype)
    _write_features(regular_grid(n_dense), n_features, table)
    table[:, n_features:] = 0
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
    dtype : "float64", or "float32" for features, labels and inner loops of half the size and twice the speed; then
        gradients keep about 5 digits, so do not look for errors below 1e-6. Weights stay float64 between steps.

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
    dtype: str = "float64"

    def __post_init__(self):
        d = checks.at_least("n_features", self.n_features, 1, 257)
        support = _check_support(self.support, d)
        noise = checks.real("noise", self.noise, 0.1, minimum=0)
        checks.one_of("design", self.design, DESIGNS)
        checks.one_of("dtype", self.dtype, DTYPES)
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
        effective = checks.array("effective", effective)
        expected = (len(effective) if effective.ndim else 1, self.n_features)
        checks.same_shape("effective", effective.shape, expected, "a coefficient for every task and feature")
        design = checks.one_of("design", self.design if design is None else design, DESIGNS)
        x, noise = self._draw(len(effective), n_points, rng, design)
        return self._look_up(effective, x, noise, design, _empty_rows((*x.shape, self.n_features), self.dtype))

    def sample(self, n_tasks, n_points, rng):
        """Draw `n_tasks` new tasks and observe each at `n_points` points; see `observe`."""
        return self.observe(self.draw_coefficients(n_tasks, rng), n_points, rng)

    def _draw(self, n_tasks, n_points, rng, design):
        """Draw all that is random in an observation: x and the noise of the labels, both (n_tasks, n_points)."""
        n_points = check_n_points("n_points", n_points, self.n_features, design)
        x = _draw_points(design, n_tasks, n_points, dense_size(self.n_features), checks.generator("rng", rng))
        return x, self.noise * rng.standard_normal(x.shape) if self.noise else np.zeros_like(x)

    def _look_up(self, effective, x, noise, design, rows):
        """Look up the features at x, write them into `rows`, and label them."""
        if design == "grid":
            rows[..., : self.n_features] = fourier_features(x[0], self.n_features)
        else:
            _look_up_dense(x, self.n_features, self.dtype, rows)
        features = rows[..., : self.n_features]
        labels = np.matvec(features, effective.astype(self.dtype, copy=False)) + noise.astype(self.dtype, copy=False)
        return Tasks(x, features, labels, effective)


class Episodes:
    """Every iteration draws `n_tasks` new tasks and yields them a few at a time, each observed len(n_points) times.

    They are the tasks that `TaskFamily.sample` draws. The second and later observations are at random points, from
    random streams of their own, so that Reptile with the same seed trains on the same tasks as MAML. A few at a time,
    the features stay in the processor's cache while an inner loop reads them again and again, and memory does not grow
    with the number of tasks. They are overwritten by the features of the next few: copy what you keep.

    Parameters
    ----------
    family : TaskFamily.
    n_tasks : int >= 1.
    n_points : tuple of int >= 1, such as (n_points, n_validation).
    rng : numpy.random.Generator.
    """

    def __init__(self, family, n_tasks, n_points, rng):
        self.family, self.n_tasks, self.n_points = family, checks.at_least("n_tasks", n_tasks, 1, 15), n_points
        self.rngs = [rng, *rng.spawn(len(n_points) - 1)]
        self.designs = [family.design] + ["random"] * (len(n_points) - 1)
        self.slices = slices(n_tasks, sum(n_points) * family.n_features * np.dtype(family.dtype).itemsize)
        few = min(n_tasks, self.slices[0].stop)
        self.rows = [_empty_rows((few, n, family.n_features), family.dtype) for n in n_points]

    def __iter__(self):
        family, observations = self.family, (self.n_points, self.rngs, self.designs)
        effective = family.draw_coefficients(self.n_tasks, self.rngs[0])
        drawn = [family._draw(self.n_tasks, *observation) for observation in zip(*observations, strict=True)]
        for few in self.slices:
            yield tuple(
                family._look_up(effective[few], x[few], noise[few], design, rows[: len(x[few])])
                for (x, noise), design, rows in zip(drawn, self.designs, self.rows, strict=True)
            )


def slices(n_tasks, task_bytes):
    """Cut `n_tasks` tasks into slices whose features, `task_bytes` for each task, fit a core's cache together."""
    few = max(1, CACHE_BYTES // task_bytes)
    return [slice(first, first + few) for first in range(0, n_tasks, few)]


def check_n_points(name, value, n_features, design):
    """Return a number of points that can be different ones, or raise ValueError."""
    n_points, most = checks.at_least(name, value, 1, 64), dense_size(n_features)
    if n_points > most and design != "grid":
        raise ValueError(f"{name} must be at most {most}, the size of the dense grid, got {n_points}; pass fewer")
    return n_points


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


def _draw_points(design, n_tasks, n_points, n_dense, rng):
    """Draw x, shape (n_tasks, n_points)."""
    if design == "grid":
        return np.tile(regular_grid(n_points), (n_tasks, 1))
    if design == "random":
        index = _draw_distinct(n_dense, n_tasks, n_points, rng)
    else:  # one dense point from each cell of the regular grid, whose left end is cell / n_points
        cell = (np.arange(n_points) + rng.random((n_tasks, n_points))) / n_points
        index = (cell * n_dense).astype(np.int64)
    return index * (2 / n_dense) - 1


def _draw_distinct(n_dense, n_tasks, n_points, rng):
    """Draw n_points different indices below n_dense for each task: the k-th smallest of n draws moves up by k."""
    index = rng.integers(n_dense - n_points + 1, size=(n_tasks, n_points))
    return index + index.argsort(axis=1).argsort(axis=1)


def _look_up_dense(x, n_features, dtype, rows):
    """Write the features at points of the dense grid into `rows`: copied from the table, or made if there is none."""
    table = dense_table(n_features, dtype)
    if table is None:
        _write_features(x, n_features, rows)
    else:
        table.take(((x + 1) * (len(table) / 2)).astype(np.intp), axis=0, out=rows, mode="clip")


def _write_features(x, n_features, rows):
    """Write the features at `x` into `rows`, computing a sine for few of them.

    The sine and the cosine of frequency k are the two parts of i e^(-i pi k x). With k = 1 + a B + b this is a product
    of a wave that depends on a and one that depends on b; B is about the root of the number of frequencies.
    """
    n_waves = n_features // 2
    block = math.isqrt(n_waves) + 1

    def wave(frequency):
        return np.exp(-1j * np.pi * (x[..., None] * frequency % 2))  # the rest of a division is exact

    rows[..., 0] = 1
    pairs = rows[..., 1 : 2 * n_waves + 1].view(f"c{2 * rows.itemsize}")
    first, within = np.sqrt(2) * 1j * wave(np.arange(1, n_waves + 1, block)), wave(np.arange(block))
    for a, start in enumerate(range(0, n_waves, block)):
        part = pairs[..., start : start + block]
        np.multiply(first[..., a, None], within[..., : part.shape[-1]], out=part, casting="same_kind")


def _empty_rows(shape, dtype):
    """An uninitialised array whose rows are padded to whole cache lines and begin on one: products are 1.3x faster."""
    *outer, n_features = shape
    line = LINE_BYTES // np.dtype(dtype).itemsize
    row = (n_features // line + 1) * line  # at least one more: the last sine's cosine is written, too
    size = math.prod(outer) * row
    flat = np.empty(size + line, dtype)
    first = -flat.ctypes.data % LINE_BYTES // flat.itemsize
    return flat[first : first + size].reshape(*outer, row)
