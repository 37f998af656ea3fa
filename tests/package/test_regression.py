"""The solvers of one task do what their equations say (notebooks 02 and 03)."""

import numpy as np
import pytest

from fourier_meta import (
    TaskFamily,
    aliased_min_norm,
    few_shot_risk,
    few_steps,
    fourier_features,
    largest_stable_rate,
    min_norm,
    regular_grid,
    ridge,
    risk,
    share,
)

D = 33


def problem(n_points=8, n_tasks=3, seed=0, n_features=D):
    """Random tasks, and weights that differ from feature to feature."""
    rng = np.random.default_rng(seed)
    tasks = TaskFamily(n_features).sample(n_tasks, n_points, rng)
    return tasks, rng.uniform(0.2, 2, n_features)


def predict(features, effective):
    return (features @ effective[..., None])[..., 0]


# Minimum norm


def test_min_norm_is_the_weighted_interpolator_of_the_equation():
    tasks, weights = problem()
    scale = np.diag(weights**2)
    for features, labels, effective in zip(
        tasks.features, tasks.labels, min_norm(tasks.features, tasks.labels, weights), strict=True
    ):
        gram = features @ scale @ features.T
        np.testing.assert_allclose(effective, scale @ features.T @ np.linalg.solve(gram, labels), atol=1e-10)


def test_min_norm_is_the_least_squares_fit_when_there_are_more_points_than_features():
    tasks, weights = problem(n_points=50)
    labels = tasks.labels + np.random.default_rng(1).standard_normal(tasks.labels.shape)
    for features, label, effective in zip(
        tasks.features, labels, min_norm(tasks.features, labels, weights), strict=True
    ):
        np.testing.assert_allclose(effective, np.linalg.lstsq(features, label)[0], atol=1e-8)


def test_the_right_weights_solve_a_task_from_3_points():
    family = TaskFamily()
    tasks = family.sample(10, 3, np.random.default_rng(0))
    effective = min_norm(tasks.features, tasks.labels, family.true_weights)
    np.testing.assert_allclose(effective, tasks.effective, atol=1e-9)
    assert not effective[:, 3:].any()


def test_features_of_weight_zero_get_no_coefficient_and_all_zero_weights_give_zero():
    tasks, weights = problem()
    weights[5:] = 0
    effective = min_norm(tasks.features, tasks.labels, weights)
    assert effective[:, :5].all()
    assert not effective[:, 5:].any()
    assert not min_norm(tasks.features, tasks.labels, np.zeros(D)).any()


def test_a_repeated_point_changes_nothing():
    tasks, weights = problem()
    expected = min_norm(tasks.features, tasks.labels, weights)
    features = np.concatenate([tasks.features, tasks.features[:, :2]], axis=1)
    labels = np.concatenate([tasks.labels, tasks.labels[:, :2]], axis=1)
    np.testing.assert_allclose(min_norm(features, labels, weights), expected, atol=1e-10)


@pytest.mark.parametrize(("n_tasks", "n_points", "n_features"), [(1, 2, 3), (1, 50, 3), (1, 3, 257), (400, 2, 3)])
def test_a_direction_below_rounding_counts_as_absent_and_one_above_it_counts(n_tasks, n_points, n_features):
    features = np.tile(np.eye(n_points, n_features), (n_tasks, 1, 1))
    rounding = max(n_points, n_features) * np.finfo(float).eps
    for size, kept in ((0.7 * rounding, 0), (1.5 * rounding, 1)):
        weights = np.where(np.arange(n_features) == 1, size, 1)
        effective = min_norm(features, np.ones((n_tasks, n_points)), weights)
        np.testing.assert_allclose(effective[:, :2], [[1, kept]] * n_tasks)


# Ridge


def test_ridge_tends_to_min_norm_and_to_zero():
    tasks, weights = problem()
    np.testing.assert_allclose(
        ridge(tasks.features, tasks.labels, 1e-13, weights), min_norm(tasks.features, tasks.labels, weights), atol=1e-8
    )
    assert np.abs(ridge(tasks.features, tasks.labels, 1e9, weights)).max() < 1e-6
    np.testing.assert_array_equal(
        ridge(tasks.features, tasks.labels, 0.1), ridge(tasks.features, tasks.labels, 0.1, np.ones(D))
    )


@pytest.mark.parametrize("weights", [np.ones(4), np.array([1, 3, 0, 2])])
def test_a_penalty_that_rounding_swallows_is_refused_and_a_larger_one_is_taken(weights):
    features, labels = np.eye(4), np.arange(4.0)
    rounding = np.finfo(float).eps * np.sum(weights**2) / 4  # of the mean squared weighted features
    with pytest.raises(ValueError, match="penalty must exceed the rounding error"):
        ridge(features, labels, rounding, weights)
    effective = ridge(features, labels, 1.001 * rounding, weights)
    np.testing.assert_allclose(effective, np.where(weights > 0, labels, 0), atol=1e-12)


# Gradient descent


def descend(features, labels, weights, steps, rate):
    """The inner loop for one task, written out once more; effective coefficients."""
    alpha = np.zeros(len(weights))
    for _ in range(steps):
        error = features @ (weights * alpha) - labels
        slope = np.array([2 / len(labels) * weights[j] * (features[:, j] @ error) for j in range(len(weights))])
        alpha = alpha - rate * slope
    return weights * alpha


@pytest.mark.parametrize("steps", [0, 1, 2, 7])
@pytest.mark.parametrize("n_points", [1, 6, 40])
def test_few_steps_are_those_of_the_equation(steps, n_points):
    tasks, weights = problem(n_points)
    result = few_steps(tasks.features, tasks.labels, weights, steps, 0.03)
    for features, labels, effective in zip(tasks.features, tasks.labels, result, strict=True):
        np.testing.assert_allclose(effective, descend(features, labels, weights, steps, 0.03), atol=1e-12)


def test_many_steps_end_at_the_min_norm_interpolator():
    features = fourier_features(regular_grid(8) + 0.1, 17)
    labels = np.cos(3 * regular_grid(8))
    weights = np.linspace(1, 2, 17)
    rate = 0.9 * largest_stable_rate(features, weights)
    effective = few_steps(features, labels, weights, 3000, float(rate))
    np.testing.assert_allclose(effective, min_norm(features, labels, weights), atol=1e-8)


@pytest.mark.parametrize("n_points", [5, 40])
def test_the_largest_stable_rate_is_2_over_the_largest_eigenvalue_of_the_hessian(n_points):
    tasks, weights = problem(n_points)
    for given in (None, weights):
        used = np.ones(D) if given is None else given
        for features, rate in zip(tasks.features, largest_stable_rate(tasks.features, given), strict=True):
            hessian = 2 / n_points * np.diag(used) @ features.T @ features @ np.diag(used)
            assert rate == pytest.approx(2 / np.linalg.eigvalsh(hessian)[-1], rel=1e-10)


def test_below_the_largest_stable_rate_errors_shrink_and_above_it_they_grow():
    tasks, weights = problem()
    features, labels = tasks.features[0], tasks.labels[0]
    rate = float(largest_stable_rate(features, weights))
    errors = {
        factor: np.mean((predict(features, few_steps(features, labels, weights, 200, factor * rate)) - labels) ** 2)
        for factor in (0.99, 1.01)
    }
    assert errors[0.99] < np.mean(labels**2)
    assert errors[1.01] > 10 * errors[0.99]


def test_with_all_weights_zero_every_rate_is_stable():
    assert largest_stable_rate(problem()[0].features, np.zeros(D)).tolist() == [np.inf] * 3


# What min-norm makes of the regular grid


def test_equal_weights_leave_a_fifth_and_two_quarters_of_the_true_features_at_64_points():
    survival = [aliased_min_norm(np.eye(257)[j], np.ones(257), 64)[j] for j in (0, 1, 2)]
    np.testing.assert_allclose(survival, [0.2, 0.25, 0.25])


def test_only_ratios_matter_to_the_alias_formula_and_a_class_without_weight_gets_nothing():
    rng = np.random.default_rng(0)
    effective, weights = rng.standard_normal(D), rng.uniform(0.2, 2, D)
    expected = aliased_min_norm(effective, weights, 8)
    for scale in (1e-300, 1e300):
        np.testing.assert_allclose(aliased_min_norm(effective, scale * weights, 8), expected, atol=1e-12)
    assert not aliased_min_norm(effective, np.zeros(D), 8).any()


def test_the_alias_formula_refuses_what_it_cannot_sum():
    with pytest.raises(ValueError, match="the result exceeds the range"):
        aliased_min_norm(np.full(D, 1.7e308), np.ones(D), 8)
    with pytest.raises(ValueError, match="the result exceeds the range"):
        aliased_min_norm(1.7e308 * np.where(np.arange(D) % 32 < 16, 1.0, -1.0), np.ones(D), 1)
    with pytest.raises(ValueError, match="effective must have at least 1 axes"):
        aliased_min_norm(3.0, np.ones(D), 8)


def test_no_feature_has_no_share():
    assert share(np.ones(D), []) == 0
    assert share(np.ones(D), (3, 5, 7)) == pytest.approx(3 / D)


# Risk


def test_risk_is_the_expected_squared_error_for_uniform_x():
    rng = np.random.default_rng(0)
    estimate, truth = rng.standard_normal((2, 4, D))
    dense = fourier_features(regular_grid(1024), D)
    errors = np.mean(((estimate - truth) @ dense.T) ** 2, axis=-1)
    np.testing.assert_allclose(risk(estimate, truth), errors, rtol=1e-10)
    np.testing.assert_allclose(risk(estimate, truth[0])[2], risk(estimate[2], truth[0]))
    np.testing.assert_allclose(risk(estimate[1], truth)[2], risk(estimate[1], truth[2]))


def test_few_shot_risk_is_the_risk_of_the_solver_on_unseen_tasks():
    family = TaskFamily(D, noise=0.1)
    seen = []

    def solve(features, labels):
        seen.append((features, labels))
        return min_norm(features, labels)

    risks = few_shot_risk(family, 6, solve, n_tasks=4, seed=5)
    tasks = family.unseen(4, 6, seed=5)
    np.testing.assert_array_equal(seen[0][0], tasks.features)
    np.testing.assert_array_equal(seen[0][1], tasks.labels)
    np.testing.assert_allclose(risks, risk(min_norm(tasks.features, tasks.labels), tasks.effective))


def zero(features, labels):
    return np.zeros((len(features), D))


def test_few_shot_risk_gives_every_solver_the_same_50_tasks_at_every_number_of_points():
    family = TaskFamily(D)
    risks = few_shot_risk(family, 4, zero)
    np.testing.assert_allclose(risks, np.sum(family.unseen(50, 4).coefficients ** 2, axis=1))
    np.testing.assert_array_equal(risks, few_shot_risk(family, 30, zero))
    assert not np.isin(risks, few_shot_risk(family, 4, zero, seed=1)).any()


def test_the_right_weights_have_no_risk_from_3_points_and_equal_weights_have_nearly_all():
    family = TaskFamily()
    oracle = few_shot_risk(family, 3, lambda features, labels: min_norm(features, labels, family.true_weights))
    uninformed = few_shot_risk(family, 3, min_norm)
    assert oracle.max() < 1e-12
    assert np.median(uninformed) > 1.5
