"""MAML: the exact gradient of the validation loss through K inner steps, its first-order cousin, and the training loop.

The engine works with c = w * alpha and q = w^2. One inner step is then
c_{k+1} = c_k - (2 eta / N) q * Phi^T (Phi c_k - y), so w enters through q alone, and the chain rule through K steps is
one recursion that runs backwards over the stored residual gradients. A learned start s of c is a shift: the inner loop
from s on labels y is the inner loop from 0 on labels y - Phi s.

Taught in notebook 03_maml, which derives the same gradient with torch autograd.
"""

import functools
import math

import numpy as np

from fourier_meta import checks, kernel
from fourier_meta.regression import (
    SMALLER,
    check_inner_loop,
    check_regression,
    divergence,
    match_regression,
    stable_rate,
)
from fourier_meta.reptile import joint_step
from fourier_meta.tasks import FourierTasks, TaskFamily, check_batch, slices
from fourier_meta.training import Adam, common_settings, run_to_end, start_training


def maml_gradient(weights, train, validation, inner_steps=5, inner_rate=0.02, start=None):
    """Validation loss after K inner steps, and its exact (second-order) gradient in the feature weights.

    Parameters
    ----------
    weights : array (n_features,).
    train : Tasks that the coefficients adapt to; features (n_tasks, n_points, n_features).
    validation : the same tasks observed at other points; its number of points may differ.
    inner_steps : int >= 0, the number K of gradient-descent steps on the mean squared error.
    inner_rate : float > 0.
    start : array (n_features,) or None, the effective coefficients c_0 that every task starts from; 0 if None.

    Returns
    -------
    loss : float, mean over tasks of the mean squared validation error.
    gradient : array (n_features,), d loss / d weights.
    start_gradient : array (n_features,), d loss / d start; only if a start is given.

    Raises
    ------
    ValueError if an argument is out of range, not finite or of the wrong shape, or if the inner loop diverges until its
    numbers overflow; the message then names the largest stable rate.

    Taught in notebook 03_maml; Finn et al. (arXiv 1703.03400), here with adaptation of the head only (Raghu et al.,
    arXiv 1909.09157), or Meta-SGD (arXiv 1707.09835) on a linear model.
    """
    ways = _second_order, kernel.through_steps
    return _through_steps(ways, weights, train, validation, inner_steps, inner_rate, start)


def fomaml_gradient(weights, train, validation, inner_steps=5, inner_rate=0.02, start=None):
    """Validation loss after K inner steps, and its first-order gradient: the adapted alpha counts as a constant.

    Parameters, returns and errors as for `maml_gradient`.

    Taught in notebook 03_maml; first-order MAML of Finn et al. (arXiv 1703.03400).
    """
    ways = _first_order, kernel.through_last
    return _through_steps(ways, weights, train, validation, inner_steps, inner_rate, start)


def joint_gradient(weights, train, validation, inner_steps=5, inner_rate=0.02, start=None):
    """Validation loss after K steps of `joint_descent`, and its exact gradient in the weights that tasks start from.

    MAML with Reptile's inner loop: weights and coefficients adapt, and the gradient looks through both. Parameters,
    returns and errors as for `maml_gradient`, so that `train_maml(gradient=joint_gradient)` works.

    Taught in notebook 05_mechanisms.
    """
    ways = _joint, None
    return _through_steps(ways, weights, train, validation, inner_steps, inner_rate, start)


def ridge_gradient(weights, train, validation, inner_steps=None, inner_rate=None, start=None, penalty=0.1):
    """Validation loss and meta-gradient when the inner loop is ridge regression, solved exactly.

    With q = w^2, G = Phi diag(q) Phi^T + n penalty I, a = G^-1 y, r = Phi_v beta - y_v and
    b = G^-1 Phi diag(q) Phi_v^T r:  dL/dw_j = (4 / M) w_j (Phi^T a)_j ((Phi_v^T r)_j - (Phi^T b)_j).
    Parameters and returns as for `maml_gradient`, so that `train_maml(gradient=ridge_gradient)` works; the inner steps
    and rate have no meaning here. Another penalty: functools.partial(ridge_gradient, penalty=0.01).

    Raises
    ------
    ValueError if an argument is not finite or shapes disagree, or if the penalty is not positive.

    Taught in notebook 09_traffic.
    """
    penalty = checks.real("penalty", penalty, 0.1, minimum=0, above=True)
    ways = _solved, kernel.through_ridge
    return _meta_gradient(ways, weights, train, validation, start, penalty=penalty)


def min_norm_gradient(weights, train, validation, inner_steps=None, inner_rate=None, start=None):
    """As `ridge_gradient`, for the limit of no penalty: the inner loop interpolates.

    Raises ValueError also if fewer weights than training points differ from 0, as then nothing can interpolate.

    Taught in notebook 05_mechanisms.
    """
    weights, start = check_batch(weights, train, validation, start)
    n_points = train.n_points
    if np.count_nonzero(weights) < n_points:
        raise ValueError(
            f"weights must have at least {n_points} entries that are not zero, as many as points, "
            f"got {np.count_nonzero(weights)}; use ridge_gradient, or fewer points"
        )
    ways = _solved, kernel.through_ridge
    return _meta_gradient(ways, weights, train, validation, start, penalty=0.0)


def maml_steps(
    source,
    weights="ones",
    *,
    steps=1000,
    n_tasks=15,
    n_points=64,
    n_validation=64,
    inner_steps=5,
    inner_rate=0.02,
    outer=Adam(0.05),  # noqa: B008 - frozen
    gradient=maml_gradient,
    learn_start=False,
    seed=0,
    resume=None,
):
    """Learn feature weights, one outer step at a time: new tasks, and a step down the meta-gradient.

    A generator: `for run in maml_steps(family): ...` can watch, log, draw, show a progress bar, and be left.

    Parameters
    ----------
    source : TaskFamily, whose design places the training points while validation points are always random; or any
        iterable of batches: pairs (train, validation) of `Tasks`, or single `Tasks`, of which the first half of the
        points trains and the rest validates. Of an own source n_tasks, n_points and n_validation are not used.
    weights : "ones", "uniform" (in [0, 1]), one number for all, or an array (n_features,), where to start.
    steps : int >= 1, outer steps.
    n_tasks, n_points : int >= 1, tasks a step and training points a task.
    n_validation : int >= 0, held-out points a task; with 0 the training points themselves validate.
    inner_steps, inner_rate : the inner loop, see `maml_gradient`.
    outer : the outer optimiser, see `training.Adam` and `training.Descent`, or a function like them.
    gradient : `maml_gradient`, `fomaml_gradient`, `ridge_gradient`, or a function of the same signature.
    learn_start : bool, whether the point that every task starts from is learned, too (from 0).
    seed : int, seeds everything that is drawn.
    resume : a Run of the same settings that was stopped, interrupted or loaded: goes on as if it had not been.

    Yields
    ------
    Run, after every outer step.

    Raises
    ------
    ValueError if an argument is out of range.

    Taught in notebook 03_maml.
    """
    settings = common_settings(steps, n_tasks, n_points, inner_steps, inner_rate, outer, seed) | {
        "n_validation": checks.at_least("n_validation", n_validation, 0, 64),
        "gradient": checks.described("gradient", gradient),
        "learn_start": bool(learn_start),
    }
    checks.function("gradient", gradient, "such as maml_gradient")
    if isinstance(source, TaskFamily) and n_validation:
        source.check_n_points("n_validation", n_validation, "random")
    sizes = (n_points, n_validation) if n_validation else (n_points,)
    objective = functools.partial(_objective, gradient, learn_start, inner_steps, inner_rate)
    return start_training("maml", objective, source, sizes, weights, outer, settings, resume)


def train_maml(source, weights="ones", **settings):
    """Take all steps of `maml_steps`, with the same arguments, and return the last Run.

    If the run diverges, its status says so. An interrupt goes through, and `interrupted_run()` has what there is.

    Taught in notebook 03_maml.
    """
    return run_to_end(maml_steps(source, weights, **settings))


def _objective(gradient, learn_start, inner_steps, inner_rate, weights, start, train, validation=None):
    """Loss and gradients in what is learned; without held-out points the training points validate."""
    validation = train if validation is None else validation
    learned = {"start": start} if learn_start else {}
    return gradient(weights, train, validation, inner_steps, inner_rate, **learned)


def _through_steps(ways, weights, train, validation, inner_steps, inner_rate, start):
    """Mean loss and mean gradients through K inner steps; `ways` with features, and through Gram matrices or None."""
    inner_steps, inner_rate = check_inner_loop(inner_steps, inner_rate)
    settings = {"inner_steps": inner_steps, "inner_rate": inner_rate}
    return _meta_gradient(ways, weights, train, validation, start, **settings)


def _meta_gradient(ways, weights, train, validation, start, **settings):
    """Mean loss and mean gradients, all finite; `settings` are those of the inner loop."""
    ways = [way and functools.partial(way, **settings) for way in ways]
    loss, *slopes = _mean_over_tasks(ways, weights, train, validation, settings.get("inner_steps", 1), start)
    if math.isfinite(loss) and all(np.isfinite(slope).all() for slope in slopes):
        return loss, *slopes
    _blame(weights, train, validation, start)
    if "inner_rate" in settings:
        raise divergence(stable_rate(weights, train), settings["inner_rate"])
    return checks.in_range(np.append(slopes, loss), SMALLER)  # which it is not


def _blame(weights, train, validation, start):
    """Raise ValueError if an argument is not finite: looked for only when a result is not."""
    checks.finite("weights", np.asarray(weights))
    for tasks in (train, validation):
        checks.finite("labels", tasks.labels)
        if not isinstance(tasks, FourierTasks):
            check_regression(tasks.features, tasks.labels)
    if start is not None:
        checks.finite("start", start)


@np.errstate(over="ignore", invalid="ignore")  # a result that is not finite is answered by the caller
def _mean_over_tasks(ways, weights, train, validation, inner_steps, start):
    """Mean over tasks of a loss and its gradients, in the cheaper of two ways: they agree to rounding.

    The first makes features, for as many tasks at a time as fit a core's cache; the second Gram matrices.
    """
    with_features, through = ways
    weights, start = check_batch(weights, train, validation, start)
    if through and kernel.is_cheaper(train, validation, inner_steps):
        return kernel.meta_gradient(through, weights, train, validation, start)
    totals = [0.0, np.zeros(weights.shape)] + ([] if start is None else [np.zeros(weights.shape)])
    for few, others in slices(train, validation):
        parts = _sums(with_features, weights, few, others, start)
        totals = [total + part / len(train) for total, part in zip(totals, parts, strict=True)]
    return totals


def _sums(with_features, weights, train, validation, start):
    """Sums over a few tasks; their features are let go at the end, so that the next take their place in the cache."""
    features, labels, inner = match_regression(train.features, train.labels, weights)
    unseen, targets, _ = match_regression(validation.features, validation.labels, weights)
    if start is not None:
        labels = labels - features @ start.astype(features.dtype)
        targets = targets - unseen @ start.astype(features.dtype)
    inner = inner.astype(features.dtype, copy=False)
    return with_features(features, labels, unseen, targets, inner, moving=start is not None)


def _second_order(features, labels, unseen, targets, weights, inner_steps, inner_rate, moving):
    """Sums over tasks of the validation loss and of its gradients; `step` is 2 eta / N.

    `moving` is whether the start is a parameter, too; then the adjoint goes back to it.
    """
    step = 2 * inner_rate / labels.shape[-1]
    squared = step * weights**2
    effective, slopes = _adapt(features, labels, squared, inner_steps)
    loss, adjoint = _validate(unseen, targets, effective)
    total = np.zeros_like(adjoint)
    for k in reversed(range(inner_steps)):
        total += slopes[k] * adjoint
        if k or moving:  # a fixed c_0 does not depend on anything
            adjoint -= np.vecmat(np.matvec(features, squared * adjoint), features)
    gradient = -2 * step * weights * total.sum(axis=0)
    return (loss, gradient, adjoint.sum(axis=0)) if moving else (loss, gradient)


def _first_order(features, labels, unseen, targets, weights, inner_steps, inner_rate, moving):
    """As `_second_order`, with the adapted coefficients alpha counting as constants."""
    step = 2 * inner_rate / labels.shape[-1]
    effective, slopes = _adapt(features, labels, step * weights**2, inner_steps)
    loss, adjoint = _validate(unseen, targets, effective)
    coefficients = -step * weights * sum(slopes, np.zeros_like(adjoint))
    gradient = (coefficients * adjoint).sum(axis=0)
    return (loss, gradient, adjoint.sum(axis=0)) if moving else (loss, gradient)


def _joint(features, labels, unseen, targets, weights, inner_steps, inner_rate, moving):
    """As `_second_order`, through steps of `joint_descent`: forward, then back through all of them."""
    step = 2 * inner_rate / labels.shape[-1]
    w, path = np.tile(weights, (len(features), 1)), []
    alpha = np.zeros_like(w)
    for _ in range(inner_steps):
        before = w, alpha
        w, alpha, slope = joint_step(features, labels, w, alpha, step)
        path.append((*before, slope))
    loss, adjoint = _validate(unseen, targets, w * alpha)
    to_w, to_alpha = adjoint * alpha, adjoint * w
    for w, alpha, slope in reversed(path):
        to_slope = -(alpha * to_w + w * to_alpha)
        to_product = step * np.vecmat(np.matvec(features, to_slope), features)
        to_w, to_alpha = to_w - slope * to_alpha + alpha * to_product, to_alpha - slope * to_w + w * to_product
        if moving:
            adjoint += to_product
    gradient = to_w.sum(axis=0)
    return (loss, gradient, adjoint.sum(axis=0)) if moving else (loss, gradient)


def _adapt(features, labels, squared, inner_steps):
    """Run the inner loop; return c_K and Phi^T (Phi c_k - y) for every k < K; `squared` is (2 eta / N) w^2."""
    effective = np.zeros((len(features), features.shape[-1]), features.dtype)
    slopes = []
    for k in range(inner_steps):
        residual = np.matvec(features, effective) - labels if k else -labels
        slopes.append(np.vecmat(residual, features))
        effective -= squared * slopes[-1]
    return effective, slopes


def _solved(features, labels, unseen, targets, weights, penalty, moving):
    """As `_second_order`, for an inner loop that is solved exactly."""
    ridge = labels.shape[-1] * penalty
    squared = weights**2
    gram = (features * squared) @ features.mT + ridge * np.eye(labels.shape[-1], dtype=features.dtype)
    slope = np.vecmat(np.linalg.solve(gram, labels[..., None])[..., 0], features)  # Phi^T a
    loss, adjoint = _validate(unseen, targets, squared * slope)
    back = np.linalg.solve(gram, np.matvec(features, squared * adjoint)[..., None])[..., 0]
    adjoint -= np.vecmat(back, features)
    gradient = 2 * weights * (slope * adjoint).sum(axis=0)
    return (loss, gradient, adjoint.sum(axis=0)) if moving else (loss, gradient)


def _validate(features, labels, effective):
    """Return the sum of the tasks' losses and, for each task, the gradient of its loss in c."""
    residual = np.matvec(features, effective) - labels
    scale = 1 / residual.shape[-1]
    return scale * float(np.sum(residual**2)), 2 * scale * np.vecmat(residual, features)
