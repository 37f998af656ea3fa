"""Fit one task, or a batch of tasks, when every feature carries a weight.

The model is y = phi(x) . (w * alpha). Solvers return the effective coefficients beta = w * alpha, because only these
are determined by the data.

Taught in notebooks 02_overfitting (closed forms) and 03_maml (gradient descent as an inner loop).
"""

import functools

import numpy as np

from fourier_meta import checks, kernel
from fourier_meta.features import alias_classes
from fourier_meta.tasks import FourierTasks, TaskFamily, check_support, dense_table

SMALLER = "scale features, labels or weights down"


class Divergence(ValueError):
    """An inner loop left the range of floating-point numbers; `advice` names a rate that would have been stable."""

    @property
    def advice(self):
        """What was too large, and what would not have been."""
        return self.args[1]

    def __str__(self):
        return self.args[0]


def divergence(stable, inner_rate):
    """The `Divergence` of an inner loop that is stable below the rate `stable`."""
    advice = f"inner rate {inner_rate:.3g}, stable below {stable:.3g} for these tasks and weights"
    return Divergence(f"the inner loop diverges: {advice}; pass a smaller inner_rate, or {SMALLER}", advice)


def min_norm(features, labels, weights=None):
    """Interpolate with the smallest coefficients: argmin |alpha|^2 subject to features @ (weights * alpha) = labels.

    Equivalently, the effective coefficients beta = weights * alpha minimise sum_j beta_j^2 / weights_j^2. With fewer
    than n_features independent points it interpolates; with more it is the least-squares fit. Directions whose
    singular value is below max(n_points, n_features) * eps of the largest count as absent, so weights may be zero.

    Parameters
    ----------
    features : array (..., n_points, n_features).
    labels : array (..., n_points).
    weights : array (n_features,), all ones by default; only their ratios matter.

    Returns
    -------
    effective coefficients, array (..., n_features).

    Raises
    ------
    ValueError if an argument is not finite or shapes disagree.

    Taught in notebook 02_overfitting; the weighted interpolator of Muthukumar et al. (arXiv 1903.09139).
    """
    features, labels, weights = check_regression(features, labels, weights)
    weights = _ratios(weights)
    weighted = features * weights
    cutoff = max(weighted.shape[-2:]) * np.finfo(weighted.dtype).eps
    with np.errstate(over="ignore", invalid="ignore"):
        effective = weights * _apply(np.linalg.pinv(weighted, rcond=cutoff), labels)
    return checks.in_range(effective, "scale the labels down, or the features up")


def ridge(features, labels, penalty, weights=None):
    """Minimise mean squared error + penalty * |alpha|^2 for features @ (weights * alpha).

    Solved in the space of the n_points residuals: alpha = Phi_w^T (Phi_w Phi_w^T + n penalty I)^-1 y with
    Phi_w = features * weights. Tends to `min_norm` as the penalty tends to 0.

    Parameters
    ----------
    features : array (..., n_points, n_features).
    labels : array (..., n_points).
    penalty : float > 0, above the rounding error of the mean squared weighted features.
    weights : array (n_features,), all ones by default.

    Returns
    -------
    effective coefficients, array (..., n_features).

    Raises
    ------
    ValueError if the penalty is not positive or lost in rounding, an argument is not finite or shapes disagree.

    Taught in notebook 06_prior.
    """
    features, labels, weights = check_regression(features, labels, weights)
    penalty = checks.real("penalty", penalty, 1e-3)
    n_points = features.shape[-2]
    with np.errstate(over="ignore", invalid="ignore"):
        weighted = features * weights
        gram = weighted @ weighted.mT
        rounding = np.finfo(gram.dtype).eps * np.linalg.trace(gram).max() / n_points
        if not penalty > rounding:
            raise ValueError(f"penalty must exceed the rounding error {rounding:.3g}, got {penalty:.3g}; use min_norm")
        gram = gram + n_points * penalty * np.eye(n_points, dtype=gram.dtype)
        effective = weights * _apply(weighted.mT, np.linalg.solve(gram, labels[..., None])[..., 0])
    return checks.in_range(effective, SMALLER)


def few_steps(features, labels, weights, inner_steps=5, inner_rate=0.02):
    """Take `inner_steps` steps of gradient descent on the mean squared error in alpha, from alpha = 0.

    Parameters
    ----------
    features : array (..., n_points, n_features).
    labels : array (..., n_points).
    weights : array (n_features,).
    inner_steps : int >= 0.
    inner_rate : float > 0, stable below `largest_stable_rate(features, weights)`.

    Returns
    -------
    effective coefficients weights * alpha, array (..., n_features).

    Raises
    ------
    ValueError if the number of steps is negative, the rate is not positive, an argument is not finite or shapes
    disagree, or if the descent diverges until its numbers overflow.

    Taught in notebook 04_reptile; chapter 3 writes it out as the inner loop.
    """
    inner_steps, inner_rate = check_inner_loop(inner_steps, inner_rate)
    features, labels, weights = check_regression(features, labels, weights)
    step = 2 * inner_rate / features.shape[-2]
    with np.errstate(over="ignore", invalid="ignore"):
        coefficients = 0 * (labels[..., None, :] @ features)[..., 0, :]
        for _ in range(inner_steps):
            residual = (coefficients * weights)[..., None, :] @ features.mT - labels[..., None, :]
            coefficients = coefficients - step * weights * (residual @ features)[..., 0, :]
        effective = weights * coefficients
    if not np.isfinite(effective).all():
        raise divergence(largest_stable_rate(features, weights).min(), inner_rate)
    return effective


def largest_stable_rate(features, weights=None):
    """Inner rate at which gradient descent on the mean squared error starts to diverge: 2 / lambda_max.

    lambda_max is the largest eigenvalue of the Hessian (2 / n) diag(w) Phi^T Phi diag(w).

    Parameters
    ----------
    features : array (..., n_points, n_features).
    weights : array (n_features,), all ones by default.

    Returns
    -------
    array (...,), one rate per task (infinite where all weights are zero).

    Raises
    ------
    ValueError if an argument is not finite or shapes disagree.

    Taught in notebook 03_maml.
    """
    features = checks.floats("features", features)
    features, _, weights = check_regression(features, np.zeros(features.shape[:-1]), weights)
    with np.errstate(over="ignore", divide="ignore"):  # huge weights leave the rate 0, zero weights make it infinite
        weighted = checks.in_range(features * weights, SMALLER)
        return features.shape[-2] / np.linalg.norm(weighted, ord=2, axis=(-2, -1)) ** 2


def aliased_min_norm(effective, weights, n_points):
    """What `min_norm` makes of noiseless labels on the regular grid of `n_points` points, by formula.

    A class of aliases A can only learn the sum m = sum_{k in A} f_k beta_k (f = factor of `alias_classes`), and
    min-norm hands m out in proportion to w_j^2 f_j: beta_j = m w_j^2 f_j / sum_{k in A} w_k^2 f_k^2.

    Parameters
    ----------
    effective : array (..., n_features), the true coefficients.
    weights : array (n_features,).
    n_points : int >= 1.

    Returns
    -------
    effective coefficients of the interpolator, array (..., n_features); zero where a class has no weight.

    Raises
    ------
    ValueError if an argument is not finite or shapes disagree.

    Taught in notebook 02_overfitting.
    """
    effective = checks.array("effective", effective, dimensions=1)
    weights = checks.array("weights", weights)
    checks.same_shape("weights", weights.shape, effective.shape[-1:], "a weight for every column of effective")
    weights = _ratios(weights)
    representative, factor = alias_classes(n_points, effective.shape[-1])
    live = factor != 0
    pull = weights[live] ** 2 * factor[live]
    classes = representative[live]
    total = np.bincount(classes, pull * factor[live])[classes]
    aliased = np.zeros(effective.shape)
    with np.errstate(over="ignore", invalid="ignore"):
        each = (effective * factor)[..., live].reshape(-1, len(classes))
        mass = np.array([np.bincount(classes, task)[classes] for task in each]).reshape(*effective.shape[:-1], -1)
        aliased[..., live] = mass * np.divide(pull, total, out=np.zeros_like(pull), where=total > 0)
    return checks.in_range(aliased, "scale the effective coefficients down")


def risk(estimate, truth):
    """Expected squared error for x uniform on [-1, 1): sum_j (estimate_j - truth_j)^2, as features are orthonormal.

    Parameters
    ----------
    estimate, truth : arrays (..., n_features) of effective coefficients.

    Returns
    -------
    array (...,).

    Raises
    ------
    ValueError if an argument is not finite or shapes disagree.

    Taught in notebook 02_overfitting.
    """
    estimate = checks.array("estimate", estimate, dimensions=1)
    truth = checks.array("truth", truth, dimensions=1)
    checks.same_size("estimate", estimate.shape[-1], truth.shape[-1], "features")
    if estimate.ndim > 1 < truth.ndim:
        checks.same_shape("estimate", estimate.shape, truth.shape, "an estimate for every truth")
    with np.errstate(over="ignore"):
        return checks.in_range(np.sum((estimate - truth) ** 2, axis=-1), "scale estimate and truth down")


def few_shot_risk(family, n_points, solve, n_tasks=50, seed=0):
    """Risk of a solver on tasks it has never seen, each observed at `n_points` points.

    Parameters
    ----------
    family : TaskFamily.
    n_points : int >= 1.
    solve : function (features (n_tasks, n_points, d), labels (n_tasks, n_points)) -> effective (n_tasks, d). Of more
        features than fit a table, `min_norm`, `ridge`, `few_steps` and partials of them make none.
    n_tasks : int >= 1.
    seed : int, of the stream of unseen tasks: the same tasks for every solver, and none that any training has drawn.

    Returns
    -------
    array (n_tasks,), the exact risk of each task.

    Raises
    ------
    ValueError if an argument is out of range.

    Taught in notebook 02_overfitting.
    """
    checks.instance("family", family, TaskFamily, "TaskFamily()")
    checks.function("solve", solve, "(features, labels) -> effective")
    tasks = family.unseen(n_tasks, n_points, seed)
    dual = _dual(solve) if many_waves(tasks) else None
    if dual is None:
        return risk(solve(tasks.features, tasks.labels), tasks.effective)
    solve(np.ones((1, 1, family.n_features)), np.zeros((1, 1)))  # checks weights and settings, as its dual does not
    settings = {"weights": None} | getattr(solve, "keywords", {})
    weights = settings.pop("weights")
    weights = np.ones(family.n_features) if weights is None else checks.floats("weights", weights)
    with np.errstate(over="ignore", invalid="ignore"):
        checks.in_range(np.abs(weights).max() ** 4, "scale the weights down")
        risks = sum(kernel.risk_parts(weights, tasks, functools.partial(dual, **settings)))
    return checks.in_range(risks, "pass a smaller inner_rate, or scale the weights down")


def _dual(solve):
    """What does the same as a solver, or a partial of it, with Gram matrices; None if nothing does."""
    function = None if getattr(solve, "args", ()) else getattr(solve, "func", solve)
    duals = (min_norm, kernel.solve_min_norm), (ridge, kernel.solve_ridge), (few_steps, kernel.descend)
    return next((dual for solver, dual in duals if solver is function), None)


def many_waves(tasks):
    """Whether tasks have so many Fourier features that no table of them is kept: Gram matrices are cheaper then."""
    return isinstance(tasks, FourierTasks) and dense_table(tasks.n_features, tasks.family.dtype) is None


def stable_rate(weights, tasks):
    """The smallest `largest_stable_rate` of these tasks, float."""
    if many_waves(tasks):
        return kernel.stable_rate_of_tables(weights, tasks)
    return float(largest_stable_rate(tasks.features, weights).min())


def share(weights, support):
    """Part of sum w^2 that lies on the `support`: 1 is perfect, |S| / d is what equal weights have.

    Raises ValueError if the weights are not finite, or all zero, or if the support is none. Taught in notebook 03_maml.
    """
    squared = _ratios(checks.array("weights", weights, 1)) ** 2
    support = list(check_support(support, len(squared), least=0))
    if not squared.any():
        raise ValueError("weights must not all be 0, as nothing has a share then; pass weights that were trained")
    return float(squared[support].sum() / squared.sum())


def on_top(weights, support):
    """Whether the largest |weights| are exactly those of the `support`.

    Raises ValueError if the weights are not finite, or if the support is none. Taught in notebook 02_overfitting.
    """
    size = np.abs(checks.array("weights", weights, 1))
    support = list(check_support(support, len(size)))
    return bool(size[support].min() > np.delete(size, support).max(initial=0))


def check_regression(features, labels, weights=None):
    """Return features (..., n, d), labels (..., n) and weights (d,) as finite arrays that fit, or raise ValueError."""
    features, labels, weights = match_regression(features, labels, weights)
    for name, value in {"features": features, "labels": labels, "weights": weights}.items():
        checks.finite(name, value)
    return features, labels, weights


def match_regression(features, labels, weights=None):
    """As `check_regression`, without looking for NaN: that costs as much as a product with the features."""
    features, labels = checks.floats("features", features), checks.floats("labels", labels)
    weights = np.ones(features.shape[-1], features.dtype) if weights is None else checks.floats("weights", weights)
    if features.ndim < 2 or 0 in features.shape:
        got = f"got shape {features.shape}"
        raise ValueError(f"features must have shape (..., n_points, n_features) without a 0, {got}; draw some")
    checks.same_shape("labels", labels.shape, features.shape[:-1], "a label for every row of features")
    checks.same_shape("weights", weights.shape, features.shape[-1:], "a weight for every column of features")
    return features, labels, weights


def check_inner_loop(inner_steps, inner_rate):
    """Return the number of inner steps and the inner rate, or raise ValueError."""
    return (
        checks.at_least("inner_steps", inner_steps, 0, 5),
        checks.real("inner_rate", inner_rate, 0.02, minimum=0, above=True),
    )


def _ratios(weights):
    """Weights divided by the largest: where only ratios matter, no square can overflow or vanish."""
    return weights / (np.abs(weights).max() or 1)


def _apply(matrix, vector):
    return (matrix @ vector[..., None])[..., 0]
