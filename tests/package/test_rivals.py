"""The rivals do what their names say: checked against closed forms and scikit-learn."""

import numpy as np
import pytest

from fourier_meta import TaskFamily, risk, rivals

FAMILY = TaskFamily(41, (0, 1, 2))


def rng(seed=0):
    return np.random.default_rng(seed)


def test_smoothness_weights_fall_with_the_frequency_alone():
    weights = rivals.smoothness_weights(7, power=2)
    np.testing.assert_allclose(weights, [1, 1 / 4, 1 / 4, 1 / 9, 1 / 9, 1 / 16, 1 / 16])


def test_bilevel_weights_put_the_mass_where_they_say():
    squared = rivals.bilevel_weights(41, n_favoured=5, mass=0.8) ** 2
    np.testing.assert_allclose([squared[:5].sum(), squared.sum()], [0.8 * 41, 41])
    assert len(set(squared.round(12))) == 2


@pytest.mark.parametrize(
    "wrong", [{"n_favoured": 41}, {"mass": 1.0}, {"mass": 0.0}, {"n_favoured": 0}, {"mass": np.nan}]
)
def test_bilevel_weights_refuse_what_is_not_two_levels(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        rivals.bilevel_weights(41, **wrong)


@pytest.mark.parametrize("solve", [rivals.matching_pursuit, rivals.lasso])
def test_sparse_methods_solve_one_task_from_enough_random_points(solve):
    tasks = FAMILY.sample(5, 30, rng(1))
    assert np.median(risk(solve(tasks.features, tasks.labels), tasks.effective)) < 1e-2


def test_sparse_methods_cannot_solve_a_task_from_three_points():
    tasks = FAMILY.sample(20, 3, rng(2))
    for solve in (rivals.matching_pursuit, rivals.lasso):
        assert np.median(risk(solve(tasks.features, tasks.labels), tasks.effective)) > 0.1


def test_lasso_solves_its_own_equations():
    tasks, strength = FAMILY.sample(3, 20, rng(3)), 0.1
    estimates = rivals.lasso(tasks.features, tasks.labels, strength)
    for phi, y, found in zip(tasks.features, tasks.labels, estimates, strict=True):
        slope, penalty = phi.T @ (y - phi @ found) / 20, strength * np.abs(phi.T @ y).max() / 20
        assert np.abs(slope).max() <= 1.01 * penalty
        np.testing.assert_allclose(slope[found != 0], penalty * np.sign(found[found != 0]), rtol=0.02)


def test_moment_ranking_finds_the_support_and_needs_several_tasks():
    many = FAMILY.sample(30, 64, rng(3))
    assert set(np.flatnonzero(rivals.moment_weights(many))) == {0, 1, 2}
    expected = [np.mean((many.features[..., j] * many.labels).mean(axis=1) ** 2) for j in range(41)]
    np.testing.assert_allclose(rivals.moments(many), expected, rtol=1e-12)


def test_group_lasso_is_scikit_learns_multitask_lasso_when_all_tasks_share_x():
    from sklearn.linear_model import MultiTaskLasso

    tasks = TaskFamily(41, (0, 1, 2), design="grid", noise=0.1).sample(6, 50, rng(4))
    slope = np.vecmat(tasks.labels, tasks.features) / 50
    penalty = 0.05 * np.linalg.norm(slope, axis=0).max()
    model = MultiTaskLasso(alpha=penalty, fit_intercept=False, tol=1e-10, max_iter=10_000)
    expected = np.sqrt(np.mean(model.fit(tasks.features[0], tasks.labels.T).coef_ ** 2, axis=0))
    np.testing.assert_allclose(rivals.group_lasso_weights(tasks, strength=0.05, steps=2000), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("call", "names"),
    [
        (lambda tasks: rivals.lasso(tasks.features, tasks.labels, strength=0), "strength"),
        (lambda tasks: rivals.matching_pursuit(tasks.features, tasks.labels, n_true=0), "n_true"),
        (lambda tasks: rivals.moment_weights(tasks, n_true=0), "n_true"),
        (lambda tasks: rivals.group_lasso_weights(tasks, strength=-1.0), "strength"),
        (lambda tasks: rivals.smoothness_weights(9, power=-1), "power"),
    ],
)
def test_bad_arguments_are_refused(call, names):
    with pytest.raises(ValueError, match=names):
        call(FAMILY.sample(3, 8, rng()))
