"""The meta-gradient is exact, and the training loop is the one that notebook 03 writes out by hand."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from by_autograd import descend

from fourier_meta import (
    Adam,
    TaskFamily,
    fomaml_gradient,
    joint_gradient,
    maml_gradient,
    min_norm,
    min_norm_gradient,
    ridge,
    ridge_gradient,
    train_maml,
    train_reptile,
)

D = 17


def problem(n_tasks=3, n_points=8, n_validation=6, n_features=D, seed=0):
    """Tasks observed twice, and weights that differ from feature to feature and in sign."""
    rng = np.random.default_rng(seed)
    family = TaskFamily(n_features, noise=0.1)
    train = family.sample(n_tasks, n_points, rng)
    validation = family.observe(train.coefficients, n_validation, rng)
    weights = rng.uniform(0.3, 1.5, n_features) * np.where(np.arange(n_features) % 4, 1, -1)
    return weights, train, validation


@pytest.mark.parametrize("function", [maml_gradient, fomaml_gradient])
def test_a_weight_of_zero_stays_at_zero(function):
    weights, train, validation = problem()
    weights[[0, 5]] = 0
    gradient = function(weights, train, validation)[1]
    assert np.flatnonzero(gradient == 0).tolist() == [0, 5]


@pytest.mark.parametrize("function", [maml_gradient, fomaml_gradient])
def test_the_arguments_are_left_as_they_were(function):
    weights, train, validation = problem()
    arrays = (weights, train.features, train.labels, validation.features, validation.labels)
    copies = [array.copy() for array in arrays]
    function(weights, train, validation)
    for before, after in zip(copies, arrays, strict=True):
        np.testing.assert_array_equal(before, after)


def adam_by_hand(family, start, gradient, steps, rate, rng, sizes):
    """The outer loop of notebook 03, written out once more."""
    validation_rng = rng.spawn(1)[0]  # a stream of its own, so that Reptile with the same seed sees the same tasks
    weights = start.copy()
    mean, square = np.zeros_like(weights), np.zeros_like(weights)
    losses = []
    for step in range(1, steps + 1):
        train = family.sample(sizes[0], sizes[1], rng)
        validation = family.observe(train.coefficients, sizes[2], validation_rng, design="random")
        loss, slope = gradient(weights, train, validation, 3, 0.04)
        mean = 0.9 * mean + 0.1 * slope
        square = 0.999 * square + 0.001 * slope**2
        unbiased = mean / (1 - 0.9**step), square / (1 - 0.999**step)
        decayed = rate * 0.5 * (1 + math.cos(math.pi * (step - 1) / steps))
        weights = weights - decayed * unbiased[0] / (np.sqrt(unbiased[1]) + 1e-8)
        losses.append(loss)
    return weights, losses


@pytest.mark.parametrize("gradient", [maml_gradient, fomaml_gradient])
@pytest.mark.parametrize("design", ["random", "grid"])
@pytest.mark.parametrize("start", ["ones", "uniform"])
def test_training_is_the_loop_written_out_by_hand(gradient, design, start):
    family = TaskFamily(D, design=design)
    run = train_maml(
        family,
        start,
        steps=7,
        n_tasks=4,
        n_points=6,
        n_validation=5,
        inner_steps=3,
        inner_rate=0.04,
        outer=Adam(0.1),
        seed=3,
        gradient=gradient,
    )
    rng = np.random.default_rng(3)
    first = np.ones(D) if start == "ones" else rng.random(D)
    weights, losses = adam_by_hand(family, first, gradient, 7, 0.1, rng, (4, 6, 5))
    np.testing.assert_array_equal(run.initial_weights, first)
    np.testing.assert_allclose(run.weights, weights, rtol=1e-9)
    np.testing.assert_allclose(run.history["loss"], losses, rtol=1e-9)
    assert run.method == "maml"
    assert run.config["gradient"] == f"fourier_meta.maml.{gradient.__name__}"
    assert run.status == "finished"


def test_reptile_with_the_same_seed_trains_on_the_same_tasks(monkeypatch):
    seen = []
    observe = TaskFamily.observe

    def watched(family, coefficients, n_points, rng, design=None):
        tasks = observe(family, coefficients, n_points, rng, design)
        seen.append((tasks.x, tasks.labels))
        return tasks

    monkeypatch.setattr(TaskFamily, "observe", watched)
    sizes = {"steps": 3, "n_tasks": 2, "n_points": 4, "seed": 5}
    train_maml(TaskFamily(D), "uniform", **sizes)
    by_maml = seen[::2]  # every other one validates
    seen.clear()
    train_reptile(TaskFamily(D), "uniform", **sizes)
    assert len(by_maml) == len(seen) == 3
    np.testing.assert_array_equal(by_maml, seen)


# Other inner loops, a learned start, nothing held out


def slope_by_differences(gradient, weights, train, validation, step=1e-5):
    """Central differences of the loss that a meta-gradient function returns, in each weight."""
    nudges = step * np.eye(len(weights))
    return [
        (gradient(weights + nudge, train, validation)[0] - gradient(weights - nudge, train, validation)[0]) / (2 * step)
        for nudge in nudges
    ]


@pytest.mark.parametrize("gradient", [ridge_gradient, partial(ridge_gradient, penalty=1e-3), min_norm_gradient])
def test_the_gradient_through_a_fit_that_is_solved_exactly_is_the_slope_of_its_loss(gradient):
    weights, train, validation = problem(n_points=6)
    slopes = slope_by_differences(gradient, weights, train, validation)
    np.testing.assert_allclose(gradient(weights, train, validation)[1], slopes, rtol=1e-5, atol=1e-6)


def test_the_losses_of_exact_fits_are_those_of_ridge_and_min_norm():
    weights, train, validation = problem(n_points=6)
    for gradient, effective in (
        (partial(ridge_gradient, penalty=0.02), ridge(train.features, train.labels, 0.02, weights)),
        (min_norm_gradient, min_norm(train.features, train.labels, weights)),
    ):
        expected = np.mean((np.matvec(validation.features, effective) - validation.labels) ** 2)
        assert gradient(weights, train, validation)[0] == pytest.approx(expected, rel=1e-9)


def test_weights_of_which_too_few_differ_from_zero_cannot_interpolate_and_that_is_said():
    _, train, validation = problem(n_points=6)
    with pytest.raises(ValueError, match=r"weights must have at least 6 entries that are not zero.*; use ridge"):
        min_norm_gradient(np.eye(D)[0], train, validation)


@pytest.mark.parametrize("gradient", [maml_gradient, ridge_gradient, joint_gradient])
def test_the_gradient_in_the_start_is_the_slope_of_the_loss(gradient):
    weights, train, validation = problem(n_points=6)
    start = np.random.default_rng(1).standard_normal(D)
    _, slope, in_start = gradient(weights, train, validation, start=start)
    for j, nudge in enumerate(1e-5 * np.eye(D)):
        after, before = (gradient(weights, train, validation, start=start + s * nudge)[0] for s in (1, -1))
        assert in_start[j] == pytest.approx((after - before) / 2e-5, rel=1e-5, abs=1e-7)
        after, before = (gradient(weights + s * nudge, train, validation, start=start)[0] for s in (1, -1))
        assert slope[j] == pytest.approx((after - before) / 2e-5, rel=1e-5, abs=1e-7)
    assert gradient(weights, train, validation, start=np.zeros(D))[0] == gradient(weights, train, validation)[0]


@pytest.mark.parametrize(
    "gradient", [maml_gradient, fomaml_gradient, joint_gradient, ridge_gradient, min_norm_gradient]
)
def test_every_gradient_can_learn_a_start(gradient):
    run = train_maml(TaskFamily(D), steps=2, n_tasks=3, n_points=6, gradient=gradient, learn_start=True)
    assert run.status == "finished"
    assert run.start.all()


def test_the_first_order_gradient_in_the_start_holds_alpha_fixed():
    weights, train, validation = problem()
    start = np.random.default_rng(1).standard_normal(D)
    arrays = (train.features, train.labels, validation.features, validation.labels)
    features, labels, new_features, new_labels = map(torch.tensor, arrays)
    w, s = torch.tensor(weights, requires_grad=True), torch.tensor(start, requires_grad=True)
    shifted = (labels - features @ s).detach()
    alpha = descend(features, shifted, w, 5, 0.02).detach()
    predicted = (new_features @ (s + w * alpha)[..., None])[..., 0]
    slopes = torch.autograd.grad(((predicted - new_labels) ** 2).mean(), (w, s))
    for mine, expected in zip(fomaml_gradient(weights, train, validation, start=start)[1:], slopes, strict=True):
        np.testing.assert_allclose(mine, expected.numpy(), rtol=1e-9, atol=1e-12)


def test_training_the_start_too_learns_the_mean_of_the_tasks():
    mean = np.array([1.0, -2.0, 0.5])
    family, rng = TaskFamily(D), np.random.default_rng(0)
    batches = (family.observe(mean + 0.1 * family.draw_coefficients(8, rng), 24, rng) for _ in range(300))
    run = train_maml(batches, steps=300, learn_start=True, outer=Adam(0.1))
    np.testing.assert_allclose(run.start[:3], mean, atol=0.15)
    assert np.abs(run.start[3:]).max() < 0.15
    assert not train_maml(family, steps=3, n_tasks=2, n_points=4).start.any()


def test_without_held_out_points_the_training_points_validate():
    family = TaskFamily(D)
    run = train_maml(family, steps=1, n_tasks=3, n_points=6, n_validation=0)
    tasks = family.sample(3, 6, np.random.default_rng(0))
    assert run.loss == maml_gradient(np.ones(D), tasks, tasks)[0]
