"""What the book promises of both algorithms at its own sizes, for three seeds each, on tasks never seen."""

import functools

import numpy as np
import pytest

from fourier_meta import Descent, TaskFamily, few_shot_risk, min_norm, on_top, share, train_maml, train_reptile

FAMILY = TaskFamily()
SEEDS = range(3)
SCALE = Descent(0.05)  # one common scale for all coordinates

# name: (training, smallest share on S, largest median risk from 4 points)
TRAINED = {
    "MAML": (functools.partial(train_maml, steps=300), 0.98, 1e-2),
    "MAML from uniform weights": (functools.partial(train_maml, weights="uniform", steps=300), 0.98, 1e-2),
    "MAML, small start, one scale": (functools.partial(train_maml, weights=0.001, outer=SCALE, steps=300), 0.999, 1e-6),
    "the same, nothing held out": (
        functools.partial(train_maml, weights=0.001, outer=SCALE, n_validation=0, steps=300),
        0.999,
        1e-6,
    ),
    "Reptile": (functools.partial(train_reptile, steps=300), 0.04, np.inf),
    "Reptile from a small start": (functools.partial(train_reptile, weights=0.001, steps=300, n_tasks=5), 0.9999, 1e-6),
}


@functools.cache
def runs(name):
    return [TRAINED[name][0](FAMILY, seed=seed) for seed in SEEDS]


@pytest.mark.parametrize("name", TRAINED)
def test_the_true_features_are_on_top_for_every_seed_with_the_share_that_the_book_says(name):
    for run in runs(name):
        assert run.status == "finished"
        assert on_top(run.weights, FAMILY.support)
        assert share(run.weights, FAMILY.support) > TRAINED[name][1]


@pytest.mark.parametrize("name", TRAINED)
def test_unseen_tasks_are_solved_from_4_points_where_the_book_says_so(name):
    for run in runs(name):
        learned = few_shot_risk(FAMILY, 4, functools.partial(min_norm, weights=run.weights))
        assert np.median(learned) < TRAINED[name][2]
    assert np.median(few_shot_risk(FAMILY, 4, min_norm)) > 1, "equal weights do not solve it"


def test_reptile_from_ones_amplifies_and_does_not_prune():
    for run in runs("Reptile"):
        assert run.weights.min() > 0.9
        assert run.weights[:3].min() > 2 * run.weights[3:].max() > 2 * 0.9
        assert share(run.weights, FAMILY.support) < 0.3


def test_maml_prunes_every_other_weight():
    assert max(np.abs(run.weights[3:]).max() for run in runs("MAML")) < 0.3
