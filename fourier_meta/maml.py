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
from fourier_meta.tasks import Episodes, TaskFamily, Tasks, check_n_points
from fourier_meta.training import Adam, initial_weights, run_training


@np.errstate(over="ignore", invalid="ignore")  # a result that is not finite is answered by _finite
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
    weights, features, step, effective, slopes = _adapt(weights, train, inner_steps, inner_rate)
    loss, adjoint = _validate(weights, effective, validation)
    squared = step * weights**2
    total = np.zeros_like(adjoint)
    for k in reversed(range(len(slopes))):
        total += slopes[k] * adjoint
        if k:  # c_0 = 0 does not depend on the weights
            adjoint -= np.vecmat(np.matvec(features, squared * adjoint), features)
    return _finite(loss, -2 * step * weights * total.mean(axis=0), weights, train, validation, inner_rate)


@np.errstate(over="ignore", invalid="ignore")
def fomaml_gradient(weights, train, validation, inner_steps=5, inner_rate=0.02):
    """Validation loss after K inner steps, and its first-order gradient: the adapted alpha counts as a constant.

    Parameters, returns and errors as for `maml_gradient`.

    Taught in notebook 03_maml; first-order MAML of Finn et al. (arXiv 1703.03400).
    """
    weights, _, step, effective, slopes = _adapt(weights, train, inner_steps, inner_rate)
    loss, adjoint = _validate(weights, effective, validation)
    coefficients = -step * weights * sum(slopes, np.zeros_like(adjoint))
    return _finite(loss, (coefficients * adjoint).mean(axis=0), weights, train, validation, inner_rate)


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


def _adapt(weights, train, inner_steps, inner_rate):
    """Run the inner loop; return weights, Phi, the step 2 eta / N, c_K, and Phi^T (Phi c_k - y) for every k < K."""
    inner_steps, inner_rate = check_inner_loop(inner_steps, inner_rate)
    checks.instance("train", train, Tasks, "TaskFamily().sample(15, 64, rng)")
    features, labels, weights = match_regression(train.features, train.labels, weights)
    checks.same_size("train.features", features.ndim, 3, "axes")
    weights = weights.astype(features.dtype, copy=False)
    step = 2 * inner_rate / features.shape[-2]
    squared = step * weights**2
    effective = np.zeros((len(features), features.shape[-1]), features.dtype)
    slopes = []
    for k in range(inner_steps):
        residual = np.matvec(features, effective) - labels if k else -labels
        slopes.append(np.vecmat(residual, features))
        effective -= squared * slopes[-1]
    return weights, features, step, effective, slopes


def _validate(weights, effective, validation):
    """Return the mean loss over tasks and, for each task, the gradient of its loss in the effective coefficients."""
    checks.instance("validation", validation, Tasks, "TaskFamily().observe(train.effective, 64, rng)")
    features, labels, _ = match_regression(validation.features, validation.labels, weights)
    checks.same_size("validation.features", features.ndim, 3, "axes")
    checks.same_size("validation", len(features), len(effective), "tasks")
    residual = np.matvec(features, effective) - labels
    return float(np.mean(residual**2)), 2 / residual.shape[-1] * np.vecmat(residual, features)


def _finite(loss, gradient, weights, train, validation, inner_rate):
    """Return loss and gradient if they are finite; else raise the ValueError that says which argument is to blame."""
    if not (math.isfinite(loss) and np.isfinite(gradient).all()):
        check_regression(train.features, train.labels, weights)
        check_regression(validation.features, validation.labels)
        raise Divergence(train.features, weights, inner_rate)
    return loss, gradient
