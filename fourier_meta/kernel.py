"""The same meta-gradients through Gram matrices: for Fourier features, a million of them cost a few transforms.

A method that sees a task's features only through weighted products of rows, phi(x) . diag(w^2) . phi(x'), needs no
features. For waves such a product is A(x - x') + B(x + x'), because cos a cos b and sin a sin b are half the sum and
half the difference of cos(a - b) and cos(a + b). All points lie on one circle of places, so A and B are two tables for
all tasks of a step, each made by real-to-even transforms. What a gradient says about a product is added up at the two
places where that was looked up, and the same transforms, transposed, carry it to the features.

The module reads in the order in which notebook 08_million teaches it: tables; Gram matrices; what a method does with
them, and the way back; meta-gradients; solutions and their risk; the evidence; which of the two ways is cheaper.
"""

import copy
import math

import numpy as np

from fourier_meta import checks
from fourier_meta.features import fourier_columns
from fourier_meta.tasks import TABLE_BYTES, FourierTasks, dense_size

PAIRS = 2**14, 2**18  # looked at together, the more the longer a table is: memory does not grow with the tasks
REACH = 7  # a point between two places is interpolated from so many to either side: exact to rounding
SHAPE = np.pi * 7 / 4  # of the window that does it, for waves of at least 8 places

# Tables


def cosine_table(amplitudes, n_places):
    """sum_k amplitudes[k] cos(2 pi k m / n_places) for m = 0 ... n_places / 2, shape (n_places // 2 + 1,).

    The odd places, and those that are twice an odd number, are shorter transforms of their own; the rest is one more.
    Together they take half the time of a real transform, if there are at most n_places / 8 + 1 amplitudes.
    """
    halves = amplitudes / 2
    halves[0] *= 2
    table = np.empty(n_places // 2 + 1, amplitudes.dtype)
    table[1::2] = _transform(halves, 3, n_places // 4)
    table[2::4] = _transform(halves, 3, n_places // 8)
    halves[n_places // 8 :] *= 2  # where a wave and its mirror image are one
    table[::4] = np.fft.hfft(halves, n_places // 4)[: n_places // 8 + 1]
    return table


def cosine_sums(values, n_waves):
    """sum_m values[m] cos(2 pi k m / n_places) for k = 0 ... n_waves - 1: `cosine_table` transposed."""
    sums = np.fft.rfft(values[::4], len(values) // 2).real[:n_waves]
    sums += _transform(values[1::2], 2)[:n_waves] / 2
    sums[: len(values) // 4] += _transform(values[2::4], 2)[:n_waves] / 2
    return sums


def _transform(values, kind, size=None):
    from scipy.fft import dct  # takes as long as all other imports: only who needs it waits

    return dct(values, kind, size)


def look_up(table, places, turn):
    """Values of a function with this table at `places`; `turn` finds the place of any whole number in the table."""
    if places.dtype.kind == "i":
        return table[turn(places)]
    near, shares = _neighbours(places)
    return (table[turn(near)] * shares).sum(axis=-1)


def add_up(size, places, values, turn):
    """Add `values` up at `places` of a table of this size: `look_up` transposed."""
    if places.dtype.kind != "i":
        places, shares = _neighbours(places)
        values = values[..., None] * shares
    return np.bincount(turn(places).ravel(), values.ravel(), size)


def _places(x, n_places):
    """Where x lies on the circle, counted from its middle: whole numbers if all points are on the dense grid."""
    places = ((x + 1) % 2 - 1) * (n_places / 2)
    whole = places.astype(np.int32 if n_places < 2**29 else np.int64)
    return whole if np.array_equal(whole, places) else places


def _neighbours(places):
    """The places around each of `places`, and its share in them (..., 2 * REACH): the window sinh(b r) / (pi r)."""
    near = np.floor(places).astype(np.int64)[..., None] + np.arange(1 - REACH, REACH + 1)
    root = np.sqrt(np.maximum(REACH**2 - (places[..., None] - near) ** 2, 1e-20))
    return near, np.sinh(SHAPE * root) / (np.pi * root)


def _window(n_waves, n_places):
    """What the shares of `_neighbours` do to every wave; amplitudes are divided by it."""
    return np.i0(REACH * np.sqrt(SHAPE**2 - (2 * np.pi / n_places * np.arange(n_waves)) ** 2))


# Gram matrices


class Tables:
    """Gram matrices of Fourier tasks without their features; `batches` are the same tasks at different points.

    Rows are the points of all batches, columns those of the first batch.
    """

    def __init__(self, *batches):
        self.n_features, self.n_columns = batches[0].n_features, batches[0].n_points
        self.n_waves, self.n_places = self.n_features // 2 + 1, dense_size(self.n_features)
        self.labels = np.concatenate([batch.labels for batch in batches], axis=1)
        checks.fits_memory("tables and products", (8, self.n_places + self.labels.shape[1] * self.n_columns))
        self.shape = *self.labels.shape, self.n_features  # of the features that are not made
        self.places = _places(np.concatenate([batch.x for batch in batches], axis=1), self.n_places)
        on_grid = self.places.dtype.kind == "i"
        self.window = 1 if on_grid else _window(self.n_waves, self.n_places)
        task_size = self.places.shape[1] * self.n_columns * (1 if on_grid else 2 * REACH)
        self.few = int(np.clip(self.n_places // 2, *PAIRS)) // task_size or 1

    def load(self, squared):
        """Make the tables for squared weights (n_features,)."""
        sines, cosines = self._split(squared, 1 / 2)
        self.minus = cosine_table((cosines + sines) / self.window, self.n_places)
        self.plus = cosine_table((cosines - sines) / self.window, self.n_places)

    def gram(self, few):
        """Weighted products of the rows of a slice of the tasks, (n_few, n_rows, n_columns)."""
        minus, plus = self._pairs(few)
        return look_up(self.minus, minus, self._fold) + look_up(self.plus, plus, self._fold)

    def add(self, few, slopes):
        """Sums from which `collect` makes the derivative in the squared weights; `slopes` is that in `gram(few)`."""
        size = self.n_places // 2 + 1
        return np.stack([add_up(size, places, slopes, self._fold) for places in self._pairs(few)])

    def collect(self, sums):
        """The derivative in the squared weights (n_features,), from the sums over all tasks."""
        minus, plus = (cosine_sums(part, self.n_waves) / self.window for part in sums)
        return self._join(minus - plus, minus + plus, 1 / 2)

    def values(self, effective):
        """The function with these effective coefficients (n_features,) at all points, (n_tasks, n_rows)."""
        sines, cosines = self._split(effective, np.sqrt(2))
        waves = (cosines - 1j * sines) * (self.n_places / np.sqrt(2)) / self.window
        return look_up(np.fft.irfft(waves, self.n_places), self.places, self._turn)

    def pull(self, slopes):
        """Derivative in the effective coefficients (n_features,) from that in the values: `values` transposed."""
        circle = add_up(self.n_places, self.places, slopes, self._turn)
        waves = np.sqrt(2) * np.fft.rfft(circle)[: self.n_waves] / self.window
        return self._join(-waves.imag, waves.real, np.sqrt(1 / 2))

    def _pairs(self, few):
        rows, columns = self.places[few, :, None], self.places[few, None, : self.n_columns]
        return rows - columns, rows + columns

    def _fold(self, places):
        """Place in a table of half a turn: cosines see neither the direction nor whole turns."""
        half = self.n_places // 2
        return np.abs(half - np.abs(half - np.abs(places)))

    def _turn(self, places):
        return places % self.n_places

    def _split(self, values, constant):
        """Sines and cosines (n_waves,) of values (n_features,); the constant is a cosine of another size."""
        waves = np.zeros(2 * self.n_waves, values.dtype)
        waves[1 : self.n_features + 1] = values
        waves[1] *= constant
        return waves[::2], waves[1::2]

    def _join(self, sines, cosines, constant):
        waves = np.stack([sines, cosines], axis=1).ravel()[1 : self.n_features + 1]
        waves[0] *= constant
        return waves


def few_at_a_time(grams):
    """Cut the tasks into slices that are small enough to be looked at together."""
    return [slice(first, first + grams.few) for first in range(0, len(grams.labels), grams.few)]


# What a method does with a Gram matrix: dual coefficients a, which stand for c = start + w^2 * (Phi^T a). Labels are
# counted from the start. Coming back, `slopes` is the derivative in a; returned are those in the matrix and the labels.


def descend(gram, labels, inner_steps=5, inner_rate=0.02):
    """Dual coefficients (..., n) after steps of gradient descent from the start."""
    return _residuals(gram, labels, inner_steps, inner_rate)[1]


def _residuals(gram, labels, inner_steps, inner_rate):
    """Residuals before every inner step (inner_steps, ..., n), and the dual coefficients after the last."""
    step = 2 * inner_rate / gram.shape[-1]
    residuals, dual = np.empty((inner_steps, *labels.shape), labels.dtype), np.zeros_like(labels)
    for k in range(inner_steps):
        residuals[k] = np.matvec(gram, dual) - labels
        dual = dual - step * residuals[k]
    return residuals, dual


def solve_ridge(gram, labels, penalty):
    """Dual coefficients (..., n) of ridge regression; with penalty 0 those of a matrix that is not singular."""
    n_points = gram.shape[-1]
    return np.linalg.solve(gram + n_points * penalty * np.eye(n_points), labels[..., None])[..., 0]


def solve_min_norm(gram, labels):
    """Dual coefficients (..., n) of the min-norm interpolator.

    Eigenvalues of the Gram matrix below the rounding error of the largest count as 0. They are the squares of the
    singular values that `regression.min_norm` sees, so a weight below about 1e-7 of the largest is nothing here.
    """
    values, vectors = np.linalg.eigh(gram)
    kept = values > gram.shape[-1] * np.finfo(gram.dtype).eps * values[..., -1:]
    parts = np.where(kept, np.vecmat(labels, vectors) / np.where(kept, values, 1), 0)
    return np.matvec(vectors, parts)  # not an inverse matrix: it would carry errors of small eigenvalues to large ones


# Meta-gradients: maml.py takes them from here where they are cheaper


def through_steps(gram, labels, others, targets, inner_steps, inner_rate):
    """Exact derivatives through all inner steps: `descend`, and its adjoint recursion."""
    residuals, dual = _residuals(gram, labels, inner_steps, inner_rate)
    loss, fall, back = _derivatives(others, targets, dual)
    step, adjoint, adjoints = 2 * inner_rate / gram.shape[-1], np.zeros_like(dual), np.empty_like(residuals)
    for k in reversed(range(inner_steps)):
        adjoint = adjoint - step * (back + np.matvec(gram, adjoint))
        adjoints[k] = adjoint
    inner = -step * np.moveaxis(adjoints[1:], 0, -1) @ np.moveaxis(residuals[:-1], 0, -2)
    return loss, (inner, _outer(fall, dual)), (adjoint, fall)


def through_last(gram, labels, others, targets, inner_steps, inner_rate):
    """First order: the adapted coefficients alpha = c / w count as constants."""
    dual = descend(gram, labels, inner_steps, inner_rate)
    loss, fall, back = _derivatives(others, targets, dual)
    return loss, (0 * gram, _outer(fall, dual) / 2), (0 * back, fall)


def through_ridge(gram, labels, others, targets, penalty):
    """Exact derivatives through `solve_ridge`; with penalty 0 through interpolation."""
    dual = solve_ridge(gram, labels, penalty)
    loss, fall, back = _derivatives(others, targets, dual)
    adjoint = -solve_ridge(gram, back, penalty)
    return loss, (_outer(adjoint, dual), _outer(fall, dual)), (adjoint, fall)


def _derivatives(others, targets, dual):
    """Sum over tasks of the validation loss, its derivative in the values there, and in the dual coefficients."""
    missed = np.matvec(others, dual) - targets
    fall = 2 / missed.shape[1] * missed
    return float(np.sum(missed**2)) / missed.shape[1], fall, np.vecmat(fall, others)


def _outer(left, right):
    return left[:, :, None] * right[:, None, :]


def meta_gradient(through, weights, train, validation, start=None):
    """Mean loss over tasks, its derivative in the weights, and that in the start if there is one.

    Parameters
    ----------
    through : function (gram, labels, others, targets) -> (loss, derivatives in both matrices, derivatives in the values
        at both sets of points), such as `through_last` or functools.partial(through_ridge, penalty=0.1).
    weights : array (n_features,).
    train, validation : tasks of one family, the same ones at points to train and to validate on.
    start : array (n_features,) or None, the effective coefficients that every task starts from.

    Returns
    -------
    loss, gradient (n_features,) and, if a start is given, start_gradient (n_features,).

    Raises
    ------
    ValueError if the tables would not fit the machine's memory.

    Taught in notebook 08_million; equal to the gradients of maml.py, which makes features.
    """
    grams, n = Tables(train, validation), train.n_points
    grams.load(weights.astype(grams.labels.dtype, copy=False) ** 2)
    labels = grams.labels if start is None else grams.labels - grams.values(start)
    loss, sums, pulls = 0.0, 0.0, np.empty(labels.shape)
    for few in few_at_a_time(grams):
        gram = grams.gram(few)
        part, slopes, pull = through(gram[:, :n], labels[few, :n], gram[:, n:], labels[few, n:])
        loss, pulls[few] = loss + part / len(labels), np.concatenate(pull, axis=1)
        sums = sums + grams.add(few, np.concatenate(slopes, axis=1))
    gradient = 2 / len(labels) * weights * grams.collect(sums)
    return (loss, gradient) if start is None else (loss, gradient, grams.pull(pulls) / len(labels))


# Solutions and their risk; `solve` is a function (gram, labels) -> dual coefficients, such as `solve_min_norm`


def risk_parts(weights, tasks, solve):
    """The exact risk of a solution in two parts: on the true features, and on all others, each (n_tasks,).

    The second part is a^T (Phi diag(w^4) Phi^T) a over the false features: one more table, and no coefficient is made.
    """
    grams, support, squared = Tables(tasks), list(tasks.family.support), weights**2
    false, others = squared**2, copy.copy(grams)
    false[support] = 0
    grams.load(squared)
    others.load(false)
    off, dual = np.empty(len(tasks)), np.empty(tasks.labels.shape)
    for few in few_at_a_time(grams):
        dual[few] = solve(grams.gram(few), grams.labels[few])
        off[few] = np.vecdot(dual[few], np.matvec(others.gram(few), dual[few]))
    found = squared[support] * np.vecmat(dual, fourier_columns(tasks.x, support))
    return np.sum((found - tasks.coefficients) ** 2, axis=1), np.maximum(off, 0)


# Empirical Bayes


def evidence(grams, variances):
    """Log likelihood of all labels; of each variance, what they show, and what the model expects; noise comes last.

    With C = G + noise I and a = C^-1 y these are, summed over tasks, (phi^T a)^2 and phi^T C^-1 phi; for the noise
    |a|^2 and the trace of C^-1. Both are collected as a gradient is, from a a^T and from C^-1.
    """
    grams.load(variances[:-1])
    likelihood, observed, expected, last = 0.0, 0.0, 0.0, np.zeros(2)
    for few in few_at_a_time(grams):
        labels, covariance = grams.labels[few], grams.gram(few) + variances[-1] * np.eye(grams.n_columns)
        inverse = np.linalg.inv(covariance)
        dual = np.matvec(inverse, labels)
        observed, expected = observed + grams.add(few, _outer(dual, dual)), expected + grams.add(few, inverse)
        last += np.sum(dual**2), np.trace(inverse, axis1=-2, axis2=-1).sum()
        distance = np.vecdot(labels, dual).sum() + labels.size * np.log(2 * np.pi)
        likelihood -= float(np.linalg.slogdet(covariance)[1].sum() + distance) / 2
    observed, expected = np.append(grams.collect(observed), last[0]), np.append(grams.collect(expected), last[1])
    least = np.finfo(float).eps * expected.max()  # what is below is rounding
    return likelihood, np.maximum(observed, 0), np.maximum(expected, least)


# Which of the two ways is cheaper


def is_cheaper(train, validation, inner_steps):
    """Whether Gram matrices take less time than features, for tasks that one family drew.

    Nanoseconds measured once, on one core in float64, with 129 to 4,097 features, 1 to 15 tasks, 4 to 64 points and
    1 to 20 inner steps: where this is wrong, the two differ by less than 1.3 times.
    """
    if not isinstance(train, FourierTasks) or not isinstance(validation, FourierTasks):
        return False
    d, n, m, n_places = train.n_features, train.n_points, validation.n_points, dense_size(train.n_features)
    make = 1.08 if n_places * d * train.labels.itemsize <= TABLE_BYTES else 9.5
    products = 0.154 * (n * max(1, 4 * inner_steps - 3) + 2 * m)
    on_grid = all(_places(batch.x[:1], n_places).dtype.kind == "i" for batch in (train, validation))
    pair = (15.8 if on_grid else 900) + 0.31 * inner_steps
    by_tables = 2.13e5 + 4.3e3 * inner_steps + 0.97 * n_places * math.log2(n_places) + len(train) * n * (n + m) * pair
    return by_tables < 4.6e4 + 6.6e3 * inner_steps + len(train) * d * (make * (n + m) + products)


def stable_rate_of_tables(weights, tasks):
    """Inner rate at which descent on any of these tasks starts to diverge: n / (largest eigenvalue of a Gram matrix).

    Infinite if all weights are zero.
    """
    grams, largest = Tables(tasks), np.abs(weights).max() or 1.0
    grams.load((weights / largest) ** 2)
    top = max(np.linalg.eigvalsh(grams.gram(few)).max() for few in few_at_a_time(grams))
    return grams.n_columns / top / largest / largest if top > 0 else math.inf
