"""What the contests of chapters 6 and 7 stand on: pools of tasks, tuning by left-out points, the logistic oracle."""

from functools import partial
from itertools import islice

import numpy as np
import pytest
from experiments import classification, prior

from fourier_meta import TaskFamily, min_norm, ridge, train_maml, train_reptile
from fourier_meta.classification import sign_labels, sign_scores

FAMILY = TaskFamily(41, (0, 1, 2))


def rng(seed=0):
    return np.random.default_rng(seed)


def test_a_pool_repeats_its_tasks_with_their_points_in_a_new_order():
    pool = FAMILY.sample(2, 6, rng(13))
    first, second = islice(prior.draw_from(pool, n_tasks=15, seed=0), 2)
    assert first.labels.shape == (15, 6)
    known = {tuple(sorted(row)) for row in pool.labels}
    assert {tuple(sorted(row)) for row in first.labels} == known
    assert not np.array_equal(first.labels, second.labels)
    place = np.argwhere(pool.labels == first.labels[4, 3])[0]
    np.testing.assert_array_equal(first.features[4, 3], pool.features[tuple(place)])  # rows move with their labels
    again = next(prior.draw_from(pool, n_tasks=15, seed=0))
    np.testing.assert_array_equal(again.labels, first.labels)
    whole = next(prior.draw_from(FAMILY.sample(20, 6, rng(14)), n_tasks=15))
    assert len({tuple(sorted(row)) for row in whole.labels}) == 15


def test_training_takes_a_pool():
    pool = FAMILY.sample(30, 16, rng(15))
    run = train_maml(prior.draw_from(pool), steps=100, inner_rate=0.02)
    assert set(np.argsort(-np.abs(run.weights))[:3]) == {0, 1, 2}
    assert train_reptile(prior.draw_from(pool), 0.001, steps=20).step == 20


def test_the_held_out_error_leaves_every_point_out_once():
    tasks = TaskFamily(41, noise=0.1).sample(4, 8, rng(16))
    solve = partial(ridge, penalty=0.1)
    squares = []
    for phi, y in zip(tasks.features, tasks.labels, strict=True):
        for i in range(8):
            others = np.arange(8) % 4 != i % 4
            squares.append((phi[i] @ solve(phi[others], y[others]) - y[i]) ** 2)
    assert prior.held_out_error(solve, tasks) == pytest.approx(np.mean(squares))
    pair = tasks.split(2)[0]  # fewer points than folds: each is a fold
    assert np.isfinite(prior.held_out_error(solve, pair))


def test_the_best_solver_is_the_one_that_predicts_left_out_points():
    tasks = FAMILY.sample(10, 8, rng(17))
    known = partial(min_norm, weights=FAMILY.true_weights)
    assert prior.best_of([min_norm, known, partial(ridge, penalty=1.0)], tasks) is known


def test_the_logistic_oracle_classifies_and_survives_a_task_of_one_class():
    tasks = sign_labels(FAMILY.sample(20, 60, rng(19)))
    fitted = classification.logistic(tasks.features, tasks.labels)
    assert np.median(sign_scores(fitted, tasks.effective)[0]) > 0.95
    one_class = classification.logistic(tasks.features[:1], np.ones((1, 60)))
    assert one_class[0, 0] == 1
    assert not one_class[0, 1:].any()
