"""Signs instead of values: labels, scores and batches."""

import numpy as np

from fourier_meta import TaskFamily
from fourier_meta import classification as signs

FAMILY = TaskFamily(41, (0, 1, 2))


def rng(seed=0):
    return np.random.default_rng(seed)


def test_sign_scores_know_right_wrong_and_nothing():
    truth = FAMILY.sample(5, 4, rng(17)).effective
    np.testing.assert_array_equal(signs.sign_scores(truth, truth)[0], 1)
    accuracy, square = signs.sign_scores(-truth, truth)
    assert (accuracy < 0.01).all()
    assert (square > 1).all()
    np.testing.assert_allclose(signs.sign_scores(0 * truth, truth)[1], 1)


def test_sign_labels_change_labels_alone():
    tasks = FAMILY.sample(3, 8, rng(18))
    before = tasks.labels.copy()
    labelled = signs.sign_labels(tasks)
    assert set(np.unique(labelled.labels)) == {-1.0, 1.0}
    assert (labelled.labels * tasks.labels >= 0).all()
    np.testing.assert_array_equal(labelled.features, tasks.features)
    np.testing.assert_array_equal(labelled.effective, tasks.effective)
    np.testing.assert_array_equal(tasks.labels, before)


def test_batches_of_signs_are_new_tasks_and_follow_their_seed():
    first, second = (next(signs.sign_batches(FAMILY, 4, 6, seed=seed)) for seed in (0, 0))
    np.testing.assert_array_equal(first.labels, second.labels)
    batches = signs.sign_batches(FAMILY, 4, 6)
    assert not np.array_equal(next(batches).features, next(batches).features)
