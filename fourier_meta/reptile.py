"""Reptile: descend jointly on (w, alpha), then move w a part of the way to where the tasks went.

Taught in notebook 04_reptile.
"""

import functools

import numpy as np

from fourier_meta.regression import (
    check_inner_loop,
    check_regression,
    divergence,
    largest_stable_rate,
    match_regression,
)
from fourier_meta.tasks import slices
from fourier_meta.training import Interpolate, common_settings, run_to_end, start_training


@np.errstate(over="ignore", invalid="ignore")  # a result that is not finite is answered below
def joint_descent(features, labels, weights, inner_steps=20, inner_rate=0.02):
    """Take gradient steps on the mean squared error in the weights and the coefficients at once, from alpha = 0.

    Under small steps weights^2 - coefficients^2 is conserved: in that limit no weight ends below its start, and a step
    of size eta multiplies the difference by 1 - eta^2 h^2, where h is the gradient in weights * coefficients.

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
    for _ in range(inner_steps):
        weights, coefficients, _ = joint_step(features, labels, weights, coefficients, step)
    if not (np.isfinite(weights).all() and np.isfinite(coefficients).all()):  # say which argument is to blame
        check_regression(features, labels, start)
        raise divergence(largest_stable_rate(features, start).min(), inner_rate)
    return weights, coefficients


def joint_step(features, labels, weights, coefficients, step):
    """Where one step of `joint_descent` goes, and its slope in weights * coefficients; `step` is 2 eta / N."""
    residual = np.matvec(features, weights * coefficients) - labels
    slope = step * np.vecmat(residual, features)
    return weights - slope * coefficients, coefficients - slope * weights, slope


def reptile_steps(
    source,
    weights="ones",
    *,
    steps=1000,
    n_tasks=15,
    n_points=64,
    inner_steps=20,
    inner_rate=0.02,
    outer=Interpolate(0.5),  # noqa: B008 - frozen
    seed=0,
    resume=None,
):
    """Learn feature weights, one outer step at a time: new tasks, and a part of the way to where they went.

    A generator: `for run in reptile_steps(family): ...` can watch, log, draw, show a progress bar, and be left.

    Parameters
    ----------
    source : TaskFamily, or any iterable of batches (`Tasks`; of a pair the first). Of an own source n_tasks and
        n_points are not used.
    weights : "ones", "uniform" (in [0, 1]), one number for all, or an array (n_features,), where to start.
    steps : int >= 1, outer steps.
    n_tasks, n_points : int >= 1, tasks a step and points a task.
    inner_steps, inner_rate : the joint descent, see `joint_descent`.
    outer : the outer optimiser, see `training.Interpolate`; its gradient is w minus the mean of the adapted weights.
    seed : int, seeds everything that is drawn.
    resume : a Run of the same settings that was stopped, interrupted or loaded: goes on as if it had not been.

    Yields
    ------
    Run, after every outer step; its loss is the mean squared error on the training points after adaptation, as Reptile
    has no validation set.

    Raises
    ------
    ValueError if an argument is out of range.

    Taught in the appendix, A_report, and by hand in chapter 4; Nichol et al. (arXiv 1803.02999).
    """
    settings = common_settings(steps, n_tasks, n_points, inner_steps, inner_rate, outer, seed)
    objective = functools.partial(_way_back, inner_steps, inner_rate)
    return start_training("reptile", objective, source, (n_points,), weights, outer, settings, resume)


def train_reptile(source, weights="ones", **settings):
    """Take all steps of `reptile_steps`, with the same arguments, and return the last Run.

    If the run diverges, its status says so. An interrupt goes through, and `interrupted_run()` has what there is.

    Taught in notebook 04_reptile.
    """
    return run_to_end(reptile_steps(source, weights, **settings))


def _way_back(inner_steps, inner_rate, weights, start, tasks):
    """Training loss after adaptation, and the weights minus the mean of the adapted ones."""
    loss, back = 0.0, np.zeros_like(weights)
    for (few,) in slices(tasks):
        adapted, coefficients = joint_descent(few.features, few.labels, weights, inner_steps, inner_rate)
        fitted = np.matvec(few.features, adapted * coefficients)
        loss += float(np.sum((fitted - few.labels) ** 2)) / tasks.labels.size
        back += (weights - adapted).sum(axis=0) / len(tasks)
    return loss, back
