"""Reptile: descend jointly on (w, alpha), then move w a part of the way to where the tasks went.

Taught in notebook 04_reptile.
"""

import numpy as np

from fourier_meta import checks
from fourier_meta.regression import Divergence, check_inner_loop, check_regression, match_regression
from fourier_meta.tasks import Episodes, TaskFamily, slices
from fourier_meta.training import initial_weights, run_training


@np.errstate(over="ignore", invalid="ignore")  # a result that is not finite is answered below
def joint_descent(features, labels, weights, inner_steps=20, inner_rate=0.02):
    """Take gradient steps on the mean squared error in the weights and the coefficients at once, from alpha = 0.

    Under small steps weights^2 - coefficients^2 is conserved, so no weight can end below its start.

    Parameters
    ----------
    features : array (n_tasks, n_points, n_features).
    labels : array (n_tasks, n_points).
    weights : array (n_features,), the common start of all tasks.
    inner_steps : int >= 0.
    inner_rate : float > 0.

    Returns
    -------
    weights, coefficients : arrays (n_tasks, n_features), where each task ends.

    Raises
    ------
    ValueError if an argument is out of range, not finite or of the wrong shape, or if the descent diverges until its
    numbers overflow; the message then names the largest stable rate.

    Taught in notebook 04_reptile; each pair (w_j, alpha_j) is a diagonal linear network (Woodworth et al.,
    arXiv 2002.09277).
    """
    inner_steps, inner_rate = check_inner_loop(inner_steps, inner_rate)
    features, labels, start = match_regression(features, labels, weights)
    step = 2 * inner_rate / features.shape[-2]
    weights = np.tile(start.astype(features.dtype, copy=False), (*labels.shape[:-1], 1))
    coefficients = np.zeros_like(weights)
    for few in slices(len(features), features[0].nbytes) if features.ndim > 2 else [...]:
        w, alpha = weights[few], coefficients[few]
        for _ in range(inner_steps):
            residual = np.matvec(features[few], w * alpha) - labels[few]
            slope = step * np.vecmat(residual, features[few])
            w, alpha = w - slope * alpha, alpha - slope * w
        weights[few], coefficients[few] = w, alpha
    if not (np.isfinite(weights).all() and np.isfinite(coefficients).all()):  # say which argument is to blame
        check_regression(features, labels, start)
        raise Divergence(features, start, inner_rate)
    return weights, coefficients


def train_reptile(
    family,
    weights="ones",
    *,
    steps=1000,
    n_tasks=15,
    n_points=64,
    inner_steps=20,
    inner_rate=0.02,
    step_size=0.5,
    seed=0,
    callback=None,
    callback_every=10,
):
    """Learn feature weights: every step draws new tasks and moves the weights towards the mean of the adapted ones.

    Parameters
    ----------
    family : TaskFamily.
    weights : "ones", "uniform" (in [0, 1]) or an array (n_features,), where to start.
    steps : int >= 1, outer steps; the step size falls to 0 along a line.
    n_tasks, n_points : int >= 1, tasks a step and points a task.
    inner_steps, inner_rate : the joint descent, see `joint_descent`.
    step_size : float in (0, 1], the first fraction of the way that the weights move.
    seed : int, seeds everything that is drawn.
    callback : function (step, loss, weights), called every `callback_every` steps; returning True stops the run.

    Returns
    -------
    Run; its loss is the mean squared error on the training points after adaptation, as Reptile has no validation set.

    Raises
    ------
    ValueError if an argument is out of range.

    Taught in notebook 04_reptile; Nichol et al. (arXiv 1803.02999).
    """
    checks.instance("family", family, TaskFamily, "TaskFamily()")
    n_points = checks.at_least("n_points", n_points, 1, 64)
    steps = checks.at_least("steps", steps, 1, 1000)
    inner_steps, inner_rate = check_inner_loop(inner_steps, inner_rate)
    step_size = checks.real("step_size", step_size, 0.5, minimum=0, maximum=1, above=True)
    config = {"steps": steps, "n_tasks": n_tasks, "n_points": n_points}
    config |= {"inner_steps": inner_steps, "inner_rate": inner_rate, "step_size": step_size, "seed": seed}
    rng = np.random.default_rng(checks.at_least("seed", seed, 0, 0))
    start = initial_weights(weights, family.n_features, rng)
    episodes = Episodes(family, n_tasks, (n_points,), rng)
    fraction = iter(step_size * (1 - np.arange(steps) / steps))

    def update(weights):
        loss, moved = 0.0, np.zeros_like(weights)
        for (tasks,) in episodes:
            adapted, coefficients = joint_descent(tasks.features, tasks.labels, weights, inner_steps, inner_rate)
            fitted = np.matvec(tasks.features, adapted * coefficients)
            loss += float(np.sum((fitted - tasks.labels) ** 2)) / (n_tasks * n_points)
            moved += (adapted - weights).sum(axis=0) / n_tasks
        return loss, weights + next(fraction) * moved, tasks

    return run_training("reptile", update, start, family, config, callback, callback_every)
