"""MAML: the exact gradient of the validation loss through K inner steps, its first-order cousin, and the training loop.

The engine works with c = w * alpha and q = w^2. One inner step is then
c_{k+1} = c_k - (2 eta / N) q * Phi^T (Phi c_k - y), so w enters through q alone, and the chain rule through K steps is
one recursion that runs backwards over the stored residual gradients.

Taught in notebook 03_maml, which derives the same gradient with torch autograd.
"""

import math

import numpy as np

from fourier_meta import checks
from fourier_meta.regression import Divergence, check_inner_loop, check_regression, match_regression
from fourier_meta.tasks import Episodes, TaskFamily, Tasks, check_n_points, slices
from fourier_meta.training import Adam, initial_weights, run_training


def maml_gradient(weights, train, validation, inner_steps=5, inner_rate=0.02):
    """Validation loss after K inner steps, and its exact (second-order) gradient in the feature weights.

    Parameters
    ----------
    weights : array (n_features,).
    train : Tasks that the coefficients adapt to; features (n_tasks, n_points, n_features).
    validation : the same tasks observed at other points; its number of points may differ.
    inner_steps : int >= 0, the number K of gradient-descent steps on the mean squared error, from alpha = 0.
    inner_rate : float > 0.

    Returns
    -------
    loss : float, mean over tasks of the mean squared validation error.
    gradient : array (n_features,), d loss / d weights.

    Raises
    ------
    ValueError if an argument is out of range, not finite or of the wrong shape, or if the inner loop diverges until its
    numbers overflow; the message then names the largest stable rate.

    Taught in notebook 03_maml; Finn et al. (arXiv 1703.03400), here with adaptation of the head only (Raghu et al.,
    arXiv 1909.09157).
    """
    return _mean_over_tasks(_second_order, weights, train, validation, inner_steps, inner_rate)


def fomaml_gradient(weights, train, validation, inner_steps=5, inner_rate=0.02):
    """Validation loss after K inner steps, and its first-order gradient: the adapted alpha counts as a constant.

    Parameters, returns and errors as for `maml_gradient`.

    Taught in notebook 03_maml; first-order MAML of Finn et al. (arXiv 1703.03400).
    """
    return _mean_over_tasks(_first_order, weights, train, validation, inner_steps, inner_rate)


def train_maml(
    family,
    weights="ones",
    *,
    steps=1000,
    n_tasks=15,
    n_points=64,
    n_validation=64,
    inner_steps=5,
    inner_rate=0.02,
    outer_rate=0.05,
    seed=0,
    gradient=maml_gradient,
    callback=None,
    callback_every=10,
):
    """Learn feature weights: every step draws new tasks and moves the weights down the meta-gradient with Adam.

    Parameters
    ----------
    family : TaskFamily; its design places the training points, validation points are always random.
    weights : "ones", "uniform" (in [0, 1]) or an array (n_features,), where to start.
    steps : int >= 1, outer steps; the outer rate falls to 0 along a cosine.
    n_tasks, n_points, n_validation : int >= 1, tasks a step and points a task.
    inner_steps, inner_rate : the inner loop, see `maml_gradient`.
    outer_rate : float > 0, Adam's first rate.
    seed : int, seeds everything that is drawn.
    gradient : `maml_gradient`, `fomaml_gradient`, or a function of the same signature.
    callback : function (step, loss, weights), called every `callback_every` steps; returning True stops the run.

    Returns
    -------
    Run; if the run diverges or is interrupted, its status says so and the history so far is kept.

    Raises
    ------
    ValueError if an argument is out of range.

    Taught in notebook 03_maml.
    """
    checks.instance("family", family, TaskFamily, "TaskFamily()")
    checks.function("gradient", gradient, "such as maml_gradient")
    n_points = checks.at_least("n_points", n_points, 1, 64)
    n_validation = check_n_points("n_validation", n_validation, family.n_features, "random")
    inner_steps, inner_rate = check_inner_loop(inner_steps, inner_rate)
    config = {"steps": steps, "n_tasks": n_tasks, "n_points": n_points, "n_validation": n_validation}
    config |= {"inner_steps": inner_steps, "inner_rate": inner_rate, "outer_rate": outer_rate, "seed": seed}
    rng = np.random.default_rng(checks.at_least("seed", seed, 0, 0))
    start = initial_weights(weights, family.n_features, rng)
    adam = Adam(outer_rate, steps)
    episodes = Episodes(family, n_tasks, (n_points, n_validation), rng)

    def update(weights):
        loss, slope = 0.0, np.zeros_like(weights)
        for train, validation in episodes:
            part = len(train.x) / n_tasks
            part_loss, part_slope = gradient(weights, train, validation, inner_steps, inner_rate)
            loss += part * part_loss
            slope += part * part_slope
        return loss, adam(weights, slope), train

    method = getattr(gradient, "__name__", type(gradient).__name__)
    return run_training(method, update, start, family, config, callback, callback_every)


@np.errstate(over="ignore", invalid="ignore")  # a result that is not finite is answered below
def _mean_over_tasks(gradient, weights, train, validation, inner_steps, inner_rate):
    """Mean loss and mean of a `gradient` over all tasks, computed for as many at a time as fit a core's cache."""
    inner_steps, inner_rate = check_inner_loop(inner_steps, inner_rate)
    features, labels, weights = _arrays("train", train, weights)
    others, other_labels, _ = _arrays("validation", validation, weights)
    checks.same_size("validation", len(others), len(features), "tasks")
    inner = weights.astype(features.dtype, copy=False), inner_steps, 2 * inner_rate / features.shape[-2]
    loss, slope = 0.0, np.zeros_like(weights)
    for few in slices(len(features), features[0].nbytes + others[0].nbytes):
        part_loss, part_slope = gradient(features[few], labels[few], others[few], other_labels[few], *inner)
        loss += part_loss / len(features)
        slope += part_slope / len(features)
    if not (math.isfinite(loss) and np.isfinite(slope).all()):  # say which argument is to blame
        check_regression(features, labels, weights)
        check_regression(others, other_labels)
        raise Divergence(features, weights, inner_rate)
    return loss, slope


def _arrays(name, tasks, weights):
    """Features (n_tasks, n_points, n_features), labels (n_tasks, n_points) and weights (n_features,) that fit."""
    checks.instance(name, tasks, Tasks, "TaskFamily().sample(15, 64, rng)")
    features, labels, weights = match_regression(tasks.features, tasks.labels, weights)
    checks.same_size(f"{name}.features", features.ndim, 3, "axes")
    return features, labels, weights


def _second_order(features, labels, others, other_labels, weights, inner_steps, step):
    """Sums over tasks of the validation loss and of its gradient; `step` is 2 eta / N."""
    squared = step * weights**2
    effective, slopes = _adapt(features, labels, squared, inner_steps)
    loss, adjoint = _validate(others, other_labels, effective)
    total = np.zeros_like(adjoint)
    for k in reversed(range(inner_steps)):
        total += slopes[k] * adjoint
        if k:  # c_0 = 0 does not depend on the weights
            adjoint -= np.vecmat(np.matvec(features, squared * adjoint), features)
    return loss, -2 * step * weights * total.sum(axis=0)


def _first_order(features, labels, others, other_labels, weights, inner_steps, step):
    """As `_second_order`, with the adapted coefficients alpha counting as constants."""
    effective, slopes = _adapt(features, labels, step * weights**2, inner_steps)
    loss, adjoint = _validate(others, other_labels, effective)
    coefficients = -step * weights * sum(slopes, np.zeros_like(adjoint))
    return loss, (coefficients * adjoint).sum(axis=0)


def _adapt(features, labels, squared, inner_steps):
    """Run the inner loop; return c_K and Phi^T (Phi c_k - y) for every k < K; `squared` is (2 eta / N) w^2."""
    effective = np.zeros((len(features), features.shape[-1]), features.dtype)
    slopes = []
    for k in range(inner_steps):
        residual = np.matvec(features, effective) - labels if k else -labels
        slopes.append(np.vecmat(residual, features))
        effective -= squared * slopes[-1]
    return effective, slopes


def _validate(features, labels, effective):
    """Return the sum of the tasks' losses and, for each task, the gradient of its loss in c."""
    residual = np.matvec(features, effective) - labels
    scale = 1 / residual.shape[-1]
    return scale * float(np.sum(residual**2)), 2 * scale * np.vecmat(residual, features)
