"""The rivals do what their names say: checked against closed forms, scikit-learn and finite differences."""

import numpy as np
import pytest

from fourier_meta import TaskFamily, maml_gradient, min_norm, ridge, risk, rivals, train_maml, train_reptile
from fourier_meta import classification as signs

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


@pytest.mark.parametrize("solve", [rivals.matching_pursuit, rivals.lasso, rivals.small_start])
def test_sparse_methods_solve_one_task_from_enough_random_points(solve):
    tasks = FAMILY.sample(5, 30, rng(1))
    assert np.median(risk(solve(tasks.features, tasks.labels), tasks.effective)) < 1e-2


def test_sparse_methods_cannot_solve_a_task_from_three_points():
    tasks = FAMILY.sample(20, 3, rng(2))
    for solve in (rivals.matching_pursuit, rivals.lasso, rivals.small_start):
        assert np.median(risk(solve(tasks.features, tasks.labels), tasks.effective)) > 0.1


def test_moment_ranking_finds_the_support_and_needs_several_tasks():
    many = FAMILY.sample(30, 64, rng(3))
    assert set(np.flatnonzero(rivals.moment_weights(many))) == {0, 1, 2}
    expected = [np.mean((many.features[..., j] * many.labels).mean(axis=1) ** 2) for j in range(41)]
    np.testing.assert_allclose(rivals.moments(many), expected, rtol=1e-12)


def test_group_lasso_is_scikit_learns_multitask_lasso_when_all_tasks_share_x():
    from sklearn.linear_model import MultiTaskLasso

    tasks = TaskFamily(41, (0, 1, 2), design="grid", noise=0.1).sample(6, 50, rng(4))
    slope = (tasks.labels[:, None, :] @ tasks.features)[:, 0] / 50
    penalty = 0.05 * np.linalg.norm(slope, axis=0).max()
    model = MultiTaskLasso(alpha=penalty, fit_intercept=False, tol=1e-10, max_iter=10_000)
    expected = np.sqrt(np.mean(model.fit(tasks.features[0], tasks.labels.T).coef_ ** 2, axis=0))
    np.testing.assert_allclose(rivals.group_lasso_weights(tasks, strength=0.05, steps=2000), expected, atol=1e-6)


@pytest.mark.parametrize("penalty", [0.0, 0.3])
def test_closed_form_gradient_agrees_with_central_differences_and_its_loss_with_the_solver(penalty):
    weights = rng(5).uniform(0.5, 1.5, 41)
    train, validation = FAMILY.sample(3, 10, rng(6)), None
    validation = FAMILY.observe(train.effective, 7, rng(7))

    def loss(w):
        return rivals.closed_form_gradient(w, train, validation, penalty=penalty)[0]

    solved = ridge(train.features, train.labels, penalty, weights) if penalty else min_norm(*train[1:3], weights)
    residual = (validation.features @ solved[..., None])[..., 0] - validation.labels
    np.testing.assert_allclose(loss(weights), np.mean(residual**2), rtol=1e-9)
    gradient = rivals.closed_form_gradient(weights, train, validation, penalty=penalty)[1]
    step = 1e-6 * np.eye(41)
    slopes = [(loss(weights + h) - loss(weights - h)) / 2e-6 for h in step]
    np.testing.assert_allclose(gradient, slopes, atol=1e-7 * np.abs(gradient).max())


def test_scale_invariance_holds_for_min_norm_and_not_for_ridge():
    weights = rng(8).uniform(0.5, 1.5, 41)
    train = FAMILY.sample(4, 12, rng(9))
    validation = FAMILY.observe(train.effective, 12, rng(10))
    assert abs(weights @ rivals.closed_form_gradient(weights, train, validation)[1]) < 1e-12
    assert abs(weights @ rivals.ridge_gradient(weights, train, validation)[1]) > 1e-3


def test_an_interpolating_inner_loop_learns_nothing_without_validation_points():
    train = FAMILY.sample(4, 12, rng(11))
    assert np.abs(rivals.closed_form_gradient(np.ones(41), train, train)[1]).max() < 1e-20
    assert np.abs(maml_gradient(np.ones(41), train, train)[1]).max() > 1e-3


def test_one_hot_weights_need_a_penalty():
    train = FAMILY.sample(2, 10, rng(11))
    with pytest.raises(ValueError, match="pass a penalty"):
        rivals.closed_form_gradient(FAMILY.true_weights, train, train)
    assert np.isfinite(rivals.ridge_gradient(FAMILY.true_weights, train, train)[1]).all()


def test_ridge_gradient_trains_to_the_support():
    run = train_maml(FAMILY, steps=200, n_points=20, n_validation=20, gradient=rivals.ridge_gradient)
    assert set(np.argsort(-np.abs(run.weights))[:3]) == {0, 1, 2}
    assert run.method == "ridge_gradient"


def test_training_on_batches_from_anywhere_is_training():
    """On the same tasks, `maml_on` and `reptile_on` take the steps of `train_maml` and `train_reptile`."""
    draw, draw_validation = rng(12), rng(12).spawn(1)[0]
    batches = []
    for _ in range(3):
        train = FAMILY.sample(4, 8, draw)
        validation = FAMILY.observe(train.effective, 8, draw_validation)
        joined = [np.concatenate(pair, axis=1) for pair in zip(train[:3], validation[:3], strict=True)]
        batches.append(train._make([*joined, train.effective]))
    packaged = train_maml(FAMILY, steps=3, n_tasks=4, n_points=8, n_validation=8, inner_rate=0.005, seed=12)
    np.testing.assert_allclose(rivals.maml_on(batches, steps=3, inner_rate=0.005), packaged.weights, atol=1e-10)
    packaged = train_reptile(FAMILY, steps=3, n_tasks=4, n_points=8, inner_rate=0.005, seed=12)
    alone = [rivals.split(batch, 8)[0] for batch in batches]
    np.testing.assert_allclose(rivals.reptile_on(alone, steps=3, inner_rate=0.005), packaged.weights, atol=1e-10)


def test_a_pool_repeats_its_tasks_and_draws_no_others():
    pool = FAMILY.sample(2, 6, rng(13))
    batch = next(rivals.draw_from(pool, n_tasks=15, seed=0))
    assert batch.labels.shape == (15, 6)
    assert {tuple(row) for row in batch.labels} <= {tuple(row) for row in pool.labels}


def test_split_cuts_points_and_keeps_tasks():
    tasks = FAMILY.sample(3, 10, rng(14))
    first, second = rivals.split(tasks, 4)
    np.testing.assert_array_equal(np.concatenate([first.features, second.features], axis=1), tasks.features)
    assert first.labels.shape == (3, 4)
    assert second.effective is tasks.effective


@pytest.mark.parametrize("name", [n for n in rivals.CONTESTANTS if "MAML" not in n and n != "Reptile"])
def test_every_contestant_solves_a_batch(name):
    family = TaskFamily(33, (0, 1, 2))
    solve = rivals.CONTESTANTS[name](family, 0)
    tasks = family.sample(4, 6, rng(15))
    assert solve(tasks.features, tasks.labels).shape == (4, 33)


def test_the_oracle_beats_everybody_from_three_points():
    tasks = FAMILY.sample(20, 3, rng(16))
    assert (
        np.median(risk(rivals.CONTESTANTS["oracle"](FAMILY, 0)(tasks.features, tasks.labels), tasks.effective)) < 1e-20
    )


def test_sign_scores_know_right_wrong_and_nothing():
    truth = FAMILY.draw_coefficients(5, rng(17))
    np.testing.assert_array_equal(signs.sign_scores(truth, truth)[0], 1)
    accuracy, square = signs.sign_scores(-truth, truth)
    assert (accuracy < 0.01).all()
    assert (square > 1).all()
    np.testing.assert_allclose(signs.sign_scores(0 * truth, truth)[1], 1)


def test_sign_labels_change_labels_alone():
    tasks = FAMILY.sample(3, 8, rng(18))
    labelled = signs.sign_labels(tasks)
    assert set(np.unique(labelled.labels)) == {-1.0, 1.0}
    assert (labelled.labels * tasks.labels >= 0).all()
    assert labelled.features is tasks.features


def test_the_logistic_oracle_classifies_and_survives_a_task_of_one_class():
    tasks = signs.sign_labels(FAMILY.sample(20, 60, rng(19)))
    fitted = signs.logistic(tasks.features, tasks.labels)
    assert np.median(signs.sign_scores(fitted, tasks.effective)[0]) > 0.95
    one_class = signs.logistic(tasks.features[:1], np.ones((1, 60)))
    np.testing.assert_array_equal(one_class[0], np.eye(41)[0])


@pytest.mark.parametrize("name", [n for n in signs.CLASSIFIERS if "MAML" not in n])
def test_every_classifier_solves_a_batch(name):
    tasks = signs.sign_labels(FAMILY.sample(4, 6, rng(20)))
    assert signs.CLASSIFIERS[name](FAMILY, 0)(tasks.features, tasks.labels).shape == (4, 41)
