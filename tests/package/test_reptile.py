"""Reptile's joint descent and its outer loop are those that notebook 04 writes out by hand."""

import numpy as np
import pytest
import torch

from fourier_meta import Interpolate, TaskFamily, fourier_features, joint_descent, train_reptile
from fourier_meta.tasks import CACHE_BYTES

D = 17


def problem(n_tasks=3, n_points=8, seed=0):
    rng = np.random.default_rng(seed)
    tasks = TaskFamily(D, noise=0.1).sample(n_tasks, n_points, rng)
    return tasks.features, tasks.labels, rng.uniform(0.3, 1.5, D)


def descend_by_autograd(features, labels, weights, steps, rate):
    """Joint gradient descent of one task, each slope taken by torch."""
    w, alpha = torch.tensor(weights), torch.zeros(D, dtype=torch.float64)
    for _ in range(steps):
        w, alpha = w.detach().requires_grad_(), alpha.detach().requires_grad_()
        loss = ((torch.tensor(features) @ (w * alpha) - torch.tensor(labels)) ** 2).mean()
        slopes = torch.autograd.grad(loss, (w, alpha))
        w, alpha = w - rate * slopes[0], alpha - rate * slopes[1]
    return w.detach().numpy(), alpha.detach().numpy()


@pytest.mark.parametrize("steps", [0, 1, 2, 20])
@pytest.mark.parametrize("n_points", [1, 8, 40])
def test_joint_descent_moves_weights_and_coefficients_down_the_slope_of_the_loss_at_once(steps, n_points):
    features, labels, start = problem(n_points=n_points)
    weights, coefficients = joint_descent(features, labels, start, steps, 0.03)
    assert weights.shape == coefficients.shape == (3, D)
    for t in range(3):
        expected = descend_by_autograd(features[t], labels[t], start, steps, 0.03)
        np.testing.assert_allclose(weights[t], expected[0], rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(coefficients[t], expected[1], rtol=1e-11, atol=1e-13)


def test_a_task_without_leading_axis_and_with_more_points_than_fit_the_cache_is_one_task():
    n_points = CACHE_BYTES // (8 * D) + 10
    rng = np.random.default_rng(0)
    features, labels = fourier_features(rng.uniform(-1, 1, (1, n_points)), D), rng.standard_normal((1, n_points))
    weights = rng.uniform(0.3, 1.5, D)
    ends, batch = joint_descent(features[0], labels[0], weights, 2), joint_descent(features, labels, weights, 2)
    for one, other in zip(ends, batch, strict=True):
        np.testing.assert_allclose(one, other[0], rtol=1e-12)


def test_the_arguments_are_left_as_they_were():
    given = problem()
    copies = [array.copy() for array in given]
    joint_descent(*given)
    for before, after in zip(copies, given, strict=True):
        np.testing.assert_array_equal(before, after)


def by_hand(family, start, steps, step_size, rng):
    """The outer loop of notebook 04, written out once more, task by task."""
    weights, losses = start.copy(), []
    for step in range(steps):
        tasks = family.sample(4, 6, rng)
        ends, errors = [], []
        for features, labels in zip(tasks.features, tasks.labels, strict=True):
            end, alpha = descend_by_autograd(features, labels, weights, 5, 0.04)
            ends.append(end)
            errors.append(np.mean((features @ (end * alpha) - labels) ** 2))
        weights = weights + step_size * (1 - step / steps) * (np.mean(ends, axis=0) - weights)
        losses.append(np.mean(errors))
    return weights, losses


@pytest.mark.parametrize("start", ["ones", "uniform"])
@pytest.mark.parametrize("design", ["random", "grid"])
def test_training_is_the_loop_written_out_by_hand(start, design):
    family = TaskFamily(D, design=design)
    run = train_reptile(
        family, start, steps=6, n_tasks=4, n_points=6, inner_steps=5, inner_rate=0.04, outer=Interpolate(0.7), seed=3
    )
    rng = np.random.default_rng(3)
    first = np.ones(D) if start == "ones" else rng.random(D)
    weights, losses = by_hand(family, first, 6, 0.7, rng)
    np.testing.assert_array_equal(run.initial_weights, first)
    np.testing.assert_allclose(run.weights, weights, rtol=1e-9)
    np.testing.assert_allclose(run.history["loss"], losses, rtol=1e-9)
    assert run.method == "reptile"
    assert run.status == "finished"


def test_a_rate_of_1_goes_all_the_way():
    family = TaskFamily(D)
    run = train_reptile(family, steps=1, n_tasks=3, n_points=8, outer=Interpolate(1.0))
    tasks = family.sample(3, 8, np.random.default_rng(0))
    expected = joint_descent(tasks.features, tasks.labels, np.ones(D))[0].mean(axis=0)
    np.testing.assert_allclose(run.weights, expected, rtol=1e-12)
