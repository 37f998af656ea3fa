"""What the book promises of both algorithms at its own sizes, for ten seeds from each start, on tasks never seen."""

import functools

import numpy as np
import pytest

from fourier_meta import TaskFamily, few_shot_risk, min_norm, train_maml, train_reptile

FAMILY = TaskFamily()
SEEDS = range(10)
STARTS = ["ones", "uniform"]


@functools.cache
def runs(train, start):
    """Ten runs with the defaults of the book."""
    return [train(FAMILY, start, seed=seed) for seed in SEEDS]


def largest_three(weights):
    return sorted(np.argsort(-np.abs(weights))[:3].tolist())


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("train", [train_maml, train_reptile])
def test_the_three_largest_weights_are_the_true_ones_for_every_seed(train, start):
    assert [largest_three(run.weights) for run in runs(train, start)] == [[0, 1, 2]] * len(SEEDS)
    assert {run.status for run in runs(train, start)} == {"finished"}


@pytest.mark.parametrize("start", STARTS)
def test_maml_prunes_every_other_weight_below_a_tenth(start):
    largest = [np.abs(run.weights[3:]).max() for run in runs(train_maml, start)]
    assert max(largest) < 0.1


@pytest.mark.parametrize("start", STARTS)
def test_maml_solves_an_unseen_task_from_4_points(start):
    for run in runs(train_maml, start):
        learned = few_shot_risk(FAMILY, 4, lambda features, labels, w=run.weights: min_norm(features, labels, w))
        assert np.median(learned) < 1e-3
    assert np.median(few_shot_risk(FAMILY, 4, min_norm)) > 1, "equal weights do not solve it"


@pytest.mark.parametrize("start", STARTS)
def test_reptile_amplifies_and_never_prunes(start):
    for run in runs(train_reptile, start):
        assert (run.weights >= 0.9 * run.initial_weights).all()
        assert run.weights.min() >= 0.9 * run.initial_weights.min()
        assert run.weights[:3].min() > 3 * run.initial_weights[3:].max()
