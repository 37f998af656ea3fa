"""Tasks: batches of them from anywhere, and families that draw them with known true features.

Taught in notebook 01_setup.
"""

import dataclasses
import functools
import operator

import numpy as np

from fourier_meta import checks
from fourier_meta.features import fourier_columns, fourier_features, regular_grid

DESIGNS = ("random", "grid", "jittered")
DTYPES = ("float64", "float32")
TABLE_BYTES = 2**25  # a larger table of features no longer fits the processor's caches and is not made
CACHE_BYTES = 3 * 2**19  # features of this size stay in a core's cache while an inner loop reads them again and again
UNSEEN = 2**32 - 1  # the branch of a seed's stream that no training reaches: its children are counted from 0


class Tasks:
    """A batch of observed tasks: features and labels, and whatever else is known of them.

    Parameters
    ----------
    features : array (n_tasks, n_points, n_features), of any kind: waves, polynomials, columns of a table.
    labels : array (n_tasks, n_points).
    x : array (n_tasks, n_points) or None, where the points lie; only drawings need it.
    effective : array (n_tasks, n_features) or None, the true coefficients; only scores of an estimate need them.

    Raises
    ------
    ValueError if an argument is not a real array or shapes disagree.

    Taught in notebook 02_overfitting.
    """

    def __init__(self, features, labels, x=None, effective=None):
        self.features, self.labels = checks.floats("features", features), checks.floats("labels", labels)
        if self.features.ndim != 3 or 0 in self.features.shape:
            got = f"got {self.features.shape}"
            raise ValueError(f"features must have shape (n_tasks, n_points, n_features) without a 0, {got}; add axes")
        checks.same_shape("labels", self.labels.shape, self.features.shape[:2], "a label for every row of features")
        self.x = None if x is None else checks.floats("x", x)
        if x is not None:
            checks.same_shape("x", self.x.shape, self.labels.shape, "a place for every label")
        self.effective = None if effective is None else checks.floats("effective", effective)
        if effective is not None:
            expected = (len(self.features), self.n_features)
            checks.same_shape("effective", self.effective.shape, expected, "a coefficient for every task and feature")

    @property
    def n_points(self):
        """Points of each task."""
        return self.labels.shape[1]

    @property
    def n_features(self):
        """Number of features d."""
        return self.features.shape[2]

    @property
    def zero_loss(self):
        """Mean squared error of predicting 0."""
        return float(np.mean(self.labels**2))

    @property
    def task_bytes(self):
        """Memory of one task's features."""
        return self.n_points * self.n_features * self.labels.itemsize

    def __len__(self):
        return len(self.labels)

    def __repr__(self):
        return f"{type(self).__name__}({len(self)} tasks, {self.n_points} points, {self.n_features} features)"

    def __getitem__(self, index):
        """The tasks at `index` (a slice, an array of indices, or one index), as a batch."""
        return self._cut((_several(index),))

    def split(self, n_first):
        """Cut every task into its first `n_first` points and the others; returns two batches."""
        n_first = checks.at_least("n_first", n_first, 1, max(1, self.n_points // 2))
        if n_first >= self.n_points:
            raise ValueError(f"n_first must be below the number of points, {self.n_points}, got {n_first}; pass fewer")
        return self._cut((slice(None), slice(None, n_first))), self._cut((slice(None), slice(n_first, None)))

    def relabelled(self, labels):
        """The same tasks with other labels, array (n_tasks, n_points)."""
        return Tasks(self.features, labels, self.x, self.effective)

    def _cut(self, place):
        x = None if self.x is None else self.x[place]
        effective = None if self.effective is None else self.effective[place[:1]]
        return Tasks(self.features[place], self.labels[place], x, effective)


def _several(index):
    """One index as a batch of one; anything else as it is."""
    try:
        return [operator.index(index)]
    except TypeError:
        return index


class FourierTasks(Tasks):
    """Tasks that a `TaskFamily` has drawn: x, labels, and the coefficients of the true features.

    `features` (n_tasks, n_points, n_features) and `effective` (n_tasks, n_features) are made when they are first
    looked at, so a batch of a million features costs nothing until then.
    """

    def __init__(self, family, coefficients, x, labels):
        self.family = family
        self.coefficients = coefficients  # (n_tasks, len(family.support))
        self.x = x
        self.labels = labels

    @functools.cached_property
    def features(self):
        """The family's features at x, array (n_tasks, n_points, n_features)."""
        return self.family.features_at(self.x)

    @functools.cached_property
    def effective(self):
        """The true effective coefficients, array (n_tasks, n_features)."""
        checks.fits_memory("effective", (len(self), self.n_features))
        effective = np.zeros((len(self), self.n_features))
        effective[:, self.family.support] = self.coefficients
        return effective

    @property
    def n_features(self):
        """Number of features d."""
        return self.family.n_features

    @property
    def zero_loss(self):
        """Expected squared error of predicting 0, from the coefficients or from the labels, whichever is larger."""
        return float(max(np.mean(np.sum(self.coefficients**2, axis=-1)), np.mean(self.labels**2)))

    def _cut(self, place):
        return FourierTasks(self.family, self.coefficients[place[:1]], self.x[place], self.labels[place])


@dataclasses.dataclass(frozen=True)
class TaskFamily:
    """A distribution over tasks: y = phi(x) . beta + noise, where beta is Gaussian on the `support` and 0 elsewhere.

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
        checks.fits_memory("weights", (4, d))
        support = check_support(self.support, d)
        noise = checks.real("noise", self.noise, 0.1, minimum=0)
        checks.one_of("design", self.design, DESIGNS)
        checks.one_of("dtype", self.dtype, DTYPES)
        for name, value in {"n_features": d, "support": support, "noise": noise}.items():
            object.__setattr__(self, name, value)

    @property
    def true_weights(self):
        """Weights 1 on the support and 0 elsewhere, shape (n_features,)."""
        weights = np.zeros(self.n_features)
        weights[list(self.support)] = 1
        return weights

    def draw_coefficients(self, n_tasks, rng):
        """Draw the coefficients of the true features of `n_tasks` tasks, shape (n_tasks, len(support))."""
        n_tasks = checks.at_least("n_tasks", n_tasks, 1, 15)
        checks.fits_memory("coefficients", (n_tasks, len(self.support)))
        return checks.generator("rng", rng).standard_normal((n_tasks, len(self.support)))

    def observe(self, coefficients, n_points, rng, design=None):
        """Observe tasks with known `coefficients` at `n_points` new points each.

        Parameters
        ----------
        coefficients : array (n_tasks, len(support)), those of the true features.
        n_points : int, at least 1.
        rng : numpy.random.Generator.
        design : where x comes from, the family's own design by default.

        Returns
        -------
        FourierTasks, with x (n_tasks, n_points) and labels of the same shape.

        Raises
        ------
        ValueError if an argument is out of range or has the wrong shape.
        """
        coefficients = self._check_coefficients(coefficients)
        design = checks.one_of("design", self.design if design is None else design, DESIGNS)
        n_points = self.check_n_points("n_points", n_points, design)
        checks.fits_memory("x", (4, len(coefficients), n_points))
        size = dense_size(self.n_features)
        return self.observe_at(coefficients, _draw_points(design, len(coefficients), n_points, size, rng), rng)

    def observe_at(self, coefficients, x, rng):
        """Observe tasks with known `coefficients` at the points `x` (n_tasks, n_points); see `observe`."""
        coefficients, x = self._check_coefficients(coefficients), checks.array("x", x, 2)
        checks.same_shape("x", x.shape, (len(coefficients), x.shape[-1]), "points for every task")
        labels = np.matvec(self._true_features(x), coefficients)
        if self.noise:
            labels += self.noise * checks.generator("rng", rng).standard_normal(x.shape)
        return FourierTasks(self, coefficients, x, labels.astype(self.dtype, copy=False))

    def sample(self, n_tasks, n_points, rng):
        """Draw `n_tasks` new tasks and observe each at `n_points` points; see `observe`."""
        return self.observe(self.draw_coefficients(n_tasks, rng), n_points, rng)

    def unseen(self, n_tasks, n_points, seed=0):
        """Draw tasks for a test, from a stream that no training reaches, whatever its seed; see `observe`.

        The same seed gives the same tasks at every number of points.
        """
        return self.sample(n_tasks, n_points, unseen_stream(seed))

    def features_at(self, x):
        """All features at the points x, array (..., n_features) of the family's dtype; from a table if x allows it."""
        checks.fits_memory("features", (*np.shape(x), self.n_features), np.dtype(self.dtype).itemsize)
        table, index = dense_table(self.n_features, self.dtype), self.dense_index(x)
        if table is None or index is None:
            return fourier_features(x, self.n_features).astype(self.dtype, copy=False)
        return table.take(index, axis=0)

    def dense_index(self, x):
        """Which points of the dense grid x are, int array of the shape of x; None if one of them is not on it."""
        place = (x + 1) * (dense_size(self.n_features) / 2)
        index = place.astype(np.intp)
        return index if np.array_equal(index, place) else None

    def _true_features(self, x):
        """The features of the support at x, array (..., len(support)), in float64."""
        table, index = dense_table(self.n_features), self.dense_index(x)
        if table is None or index is None:
            return fourier_columns(x, self.support)
        return table[index[..., None], self.support]

    def check_n_points(self, name, value, design):
        """Return a number of points that can be different ones, or raise ValueError."""
        n_points, most = checks.at_least(name, value, 1, 64), dense_size(self.n_features)
        if n_points > most and design != "grid":
            raise ValueError(f"{name} must be at most {most}, the size of the dense grid, got {n_points}; pass fewer")
        return n_points

    def _check_coefficients(self, coefficients):
        coefficients = checks.array("coefficients", coefficients)
        expected = (len(coefficients) if coefficients.ndim else 1, len(self.support))
        checks.same_shape("coefficients", coefficients.shape, expected, "one for every task and true feature")
        return coefficients


def unseen_stream(seed=0):
    """A random generator for test tasks: no training draws from it, whatever the seeds of both.

    Raises ValueError if the seed is not a whole number of at least 0. Taught in notebook 09_traffic.
    """
    seed = checks.at_least("seed", seed, 0, 0)
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(UNSEEN,)))


def dense_size(n_features):
    """Number of points of the dense grid of x: a power of two, at least 1024 and at least 4 n_features.

    The grid has at least 8 points for each period of the highest feature, so nothing aliases on it.
    """
    return max(1024, 1 << (4 * n_features - 1).bit_length())


@functools.lru_cache(maxsize=4)
def dense_table(n_features, dtype="float64"):
    """All features on the dense grid that random x are drawn from, (n_dense, n_features); None if that is too large."""
    n_dense = dense_size(n_features)
    if n_dense * n_features * np.dtype(dtype).itemsize > TABLE_BYTES:
        return None
    table = fourier_features(regular_grid(n_dense), n_features).astype(dtype, copy=False)
    table.flags.writeable = False
    return table


def slices(*batches):
    """Cut batches of the same tasks into parts whose features fit a core's cache together; yields tuples of batches.

    Features that are made for a part are read while they are in the cache, and memory does not grow with the number of
    tasks.
    """
    few = max(1, CACHE_BYTES // sum(batch.task_bytes for batch in batches))
    for first in range(0, len(batches[0]), few):
        yield tuple(batch[first : first + few] for batch in batches)


def check_batch(weights, train, validation, start=None):
    """Weights, and the start if there is one, as arrays that fit the tasks, or raise ValueError."""
    for name, tasks in {"train": train, "validation": validation}.items():
        checks.instance(name, tasks, Tasks, "TaskFamily().sample(15, 64, rng)")
    checks.same_size("validation", len(validation), len(train), "tasks")
    weights = checks.floats("weights", weights)
    checks.same_shape("weights", weights.shape, (train.n_features,), "a weight for every column of features")
    checks.same_size("validation", validation.n_features, train.n_features, "features")
    if start is not None:
        start = checks.floats("start", start)
        checks.same_shape("start", start.shape, weights.shape, "a start for every feature")
    return weights, start


def check_support(support, n_features, least=1):
    """Return the indices of the true features as a tuple of int, or raise ValueError."""
    try:
        indices = tuple(checks.at_least("support", index, 0, "(0, 1, 2)") for index in support)
    except TypeError:
        raise ValueError(f"support must be a tuple of feature indices, got {support!r}; pass (0, 1, 2)") from None
    if len(indices) < least or len(set(indices)) < len(indices) or max(indices, default=0) >= n_features:
        wanted = f"at least {least} different indices below n_features = {n_features}"
        raise ValueError(f"support must hold {wanted}, got {support!r}; pass for example (0, 1, 2)")
    return indices


def _draw_points(design, n_tasks, n_points, n_dense, rng):
    """Draw x, shape (n_tasks, n_points)."""
    if design == "grid":
        return np.tile(regular_grid(n_points), (n_tasks, 1))
    rng = checks.generator("rng", rng)
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
