"""Tasks come from anywhere: a family, a reader's own features, any iterable; and test tasks from where none trains."""

import functools
import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fourier_meta import (
    TaskFamily,
    Tasks,
    fomaml_gradient,
    joint_descent,
    joint_gradient,
    maml_gradient,
    maml_steps,
    min_norm,
    reptile_steps,
    risk,
    train_maml,
    train_reptile,
    unseen_stream,
)
from fourier_meta import tasks as tasks_module

D = 9


def drawn(source, loop, sizes):
    """The tasks that a training draws from a family: sets of coefficients, and of values of x."""
    seen = []
    observe = TaskFamily.observe

    def watched(family, coefficients, n_points, rng, design=None):
        tasks = observe(family, coefficients, n_points, rng, design)
        seen.append(tasks)
        return tasks

    TaskFamily.observe = watched
    try:
        for _ in loop(source, **sizes):
            pass
    finally:
        TaskFamily.observe = observe
    return {row for tasks in seen for row in map(tuple, tasks.coefficients)}


# Test tasks and training tasks never meet


@given(
    st.integers(0, 2**40),
    st.integers(0, 2**40),
    st.integers(1, 4),
    st.integers(1, 8),
    st.sampled_from([maml_steps, reptile_steps]),
    st.sampled_from(["random", "grid", "jittered"]),
)
@settings(max_examples=60, derandomize=True, deadline=None, database=None)
def test_no_training_reaches_a_test_task_whatever_the_seeds(seed, test_seed, n_tasks, n_points, loop, design):
    family = TaskFamily(D, design=design)
    trained = drawn(family, loop, {"steps": 4, "n_tasks": n_tasks, "n_points": n_points, "seed": seed})
    tested = set(map(tuple, family.unseen(50, n_points, test_seed).coefficients))
    assert len(trained) == 4 * n_tasks
    assert trained.isdisjoint(tested)
    same = set(map(tuple, family.unseen(50, n_points, seed).coefficients))
    assert trained.isdisjoint(same), "the same number may be both seeds"


def test_the_stream_of_test_tasks_is_its_own():
    first = unseen_stream(0).random(5)
    np.testing.assert_array_equal(first, unseen_stream(0).random(5))
    streams = [unseen_stream(seed).random() for seed in range(100)]
    streams += [np.random.default_rng(seed).random() for seed in range(100)]
    streams += [child.random() for seed in range(100) for child in np.random.default_rng(seed).spawn(2)]
    assert len(set(streams)) == len(streams)


def test_unseen_tasks_are_the_same_at_every_number_of_points_and_other_for_another_seed():
    family = TaskFamily(D)
    few, many, other = family.unseen(5, 2), family.unseen(5, 60), family.unseen(5, 2, seed=1)
    np.testing.assert_array_equal(few.coefficients, many.coefficients)
    assert not np.isin(few.coefficients, other.coefficients).any()


# A reader's own features


def legendre_batches(n_tasks, n_points, n_features, rng):
    """Curves with three Legendre polynomials, as a reader would write them."""
    while True:
        x = rng.uniform(-1, 1, (n_tasks, n_points))
        features = np.polynomial.legendre.legvander(x, n_features - 1) * np.sqrt(2 * np.arange(n_features) + 1)
        coefficients = rng.standard_normal((n_tasks, 3))
        yield Tasks(features, np.matvec(features[..., :3], coefficients))


@pytest.mark.parametrize("train", [functools.partial(train_maml, inner_rate=0.005), train_reptile])
def test_own_features_of_ten_lines_are_learned_like_the_books(train):
    batches = legendre_batches(10, 60, 15, np.random.default_rng(0))
    run = train(batches, steps=200) if train is not train_reptile else train(batches, 0.01, steps=200, inner_rate=0.01)
    assert run.status == "finished"
    assert sorted(np.argsort(-np.abs(run.weights))[:3].tolist()) == [0, 1, 2]
    new = next(legendre_batches(20, 6, 15, np.random.default_rng(1)))
    assert np.median(risk(min_norm(new.features, new.labels, run.weights)[:, 3:], 0 * new.features[:, 0, 3:])) < 1e-2


def test_columns_of_a_table_without_x_or_truth_do_wherever_the_truth_is_not_needed():
    rng = np.random.default_rng(0)
    tasks = Tasks(rng.standard_normal((6, 10, 4)), rng.standard_normal((6, 10)))
    first, others = tasks.split(5)
    for gradient in (maml_gradient, fomaml_gradient, joint_gradient):
        assert np.isfinite(gradient(np.ones(4), first, others)[1]).all()
    assert train_maml([tasks] * 3, steps=3).status == "finished"
    assert train_reptile([tasks] * 3, steps=3).status == "finished"
    assert tasks[[0, 2]].labels.shape == (2, 10)
    assert tasks.x is tasks.effective is None
    assert repr(tasks) == "Tasks(6 tasks, 10 points, 4 features)"


def test_a_source_is_any_iterable_of_batches_or_pairs_and_ends_a_run_when_it_ends():
    family, rng = TaskFamily(D), np.random.default_rng(0)
    batches = [family.sample(3, 8, rng) for _ in range(4)]
    run = train_maml(batches, steps=10)
    assert run.status == "stopped at step 4"
    assert run.advice == "the source had no more batches"
    pairs = [batch.split(4) for batch in batches]
    np.testing.assert_array_equal(train_maml(pairs, steps=10).weights, run.weights)
    np.testing.assert_array_equal(train_maml(iter(batches), steps=10).weights, run.weights)
    assert train_reptile(pairs, steps=4).weights.shape == (D,)
    assert train_maml(batches, steps=4, n_validation=0).loss != run.loss


def test_a_single_point_cannot_be_halved_and_the_answer_says_what_can_be_passed():
    tasks = TaskFamily(D).sample(3, 1, np.random.default_rng(0))
    with pytest.raises(ValueError, match="a batch must have two points to be halved, got 1; pass pairs, or n_valid"):
        train_maml([tasks], steps=1)
    assert train_maml([(tasks, tasks)], steps=1).status == "finished"
    assert train_maml([tasks], steps=1, n_validation=0).status == "finished"


# Features are made when somebody looks at them


def test_a_batch_of_a_million_features_costs_nothing_until_its_features_are_asked_for():
    family = TaskFamily(1_000_001, (3, 1000, 777_777))
    tracemalloc.start()
    tasks = family.sample(15, 64, np.random.default_rng(0))
    used = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert used < 2**21
    assert "features" not in vars(tasks)
    two = tasks[:1].split(2)[0]
    np.testing.assert_allclose(two.labels[0], two.features[0][:, family.support] @ two.coefficients[0], atol=1e-8)


def test_features_and_truth_are_made_once_and_belong_to_the_batch():
    tasks = TaskFamily(D).sample(3, 4, np.random.default_rng(0))
    assert tasks.features is tasks.features
    assert tasks.effective is tasks.effective
    before = tasks.features.copy()
    tasks[:2].features[...] = 0
    np.testing.assert_array_equal(tasks.features, before)


# Working on a few tasks at a time changes when features are looked up, and nothing else


@pytest.mark.parametrize("gradient", [maml_gradient, fomaml_gradient, joint_gradient])
@pytest.mark.parametrize("n_tasks", [1, 6, 7])
def test_a_gradient_does_not_depend_on_how_many_tasks_fit_the_cache(gradient, n_tasks, monkeypatch):
    family, rng, weights = TaskFamily(17), np.random.default_rng(0), np.linspace(0.5, 2, 17)
    train = family.sample(n_tasks, 6, rng)
    validation = family.observe(train.coefficients, 5, rng)
    loss, whole = gradient(weights, train, validation)
    monkeypatch.setattr(tasks_module, "CACHE_BYTES", 17 * 8 * 11 * 3)
    assert len(list(tasks_module.slices(train, validation))) == -(-n_tasks // 3)
    part_loss, parts = gradient(weights, train, validation)
    assert part_loss == pytest.approx(loss, rel=1e-13)
    np.testing.assert_allclose(parts, whole, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("train", [train_maml, train_reptile])
def test_training_does_not_depend_on_how_many_tasks_fit_the_cache(train, monkeypatch):
    sizes = {"steps": 5, "n_tasks": 7, "n_points": 6, "inner_steps": 3}
    whole = train(TaskFamily(17), "uniform", **sizes)
    monkeypatch.setattr(tasks_module, "CACHE_BYTES", 17 * 8 * 11 * 3)
    parts = train(TaskFamily(17), "uniform", **sizes)
    np.testing.assert_allclose(parts.weights, whole.weights, rtol=1e-10)


def test_a_joint_gradient_is_the_slope_of_its_loss():
    rng = np.random.default_rng(0)
    family, weights = TaskFamily(7, noise=0.1), rng.uniform(0.3, 1.5, 7)
    train = family.sample(3, 6, rng)
    validation = family.observe(train.coefficients, 5, rng)
    loss, slope = joint_gradient(weights, train, validation, 6, 0.03)
    ends, alpha = joint_descent(train.features, train.labels, weights, 6, 0.03)
    by_hand = np.mean((np.matvec(validation.features, ends * alpha) - validation.labels) ** 2)
    assert loss == pytest.approx(by_hand, rel=1e-12)
    for j, nudge in enumerate(1e-5 * np.eye(7)):
        after, before = (joint_gradient(weights + s * nudge, train, validation, 6, 0.03)[0] for s in (1, -1))
        assert slope[j] == pytest.approx((after - before) / 2e-5, rel=1e-5, abs=1e-8)


# What a batch is


def test_batches_are_cut_by_task_and_by_point():
    tasks = TaskFamily(D).sample(4, 6, np.random.default_rng(0))
    one, some, masked = tasks[2], tasks[1:3], tasks[np.array([True, False, False, True])]
    assert (len(tasks), len(one), len(some), len(masked)) == (4, 1, 2, 2)
    np.testing.assert_array_equal(one.labels, tasks.labels[2:3])
    np.testing.assert_array_equal(some.features, tasks.features[1:3])
    np.testing.assert_array_equal(masked.effective, tasks.effective[[0, 3]])
    first, rest = tasks.split(2)
    assert (first.n_points, rest.n_points, first.n_features) == (2, 4, D)
    np.testing.assert_array_equal(np.concatenate([first.features, rest.features], axis=1), tasks.features)
    assert [len(batch) for batch in itertools.islice(tasks, 2)] == [1, 1], "a batch is a sequence of tasks"
    relabelled = tasks.relabelled(-tasks.labels)
    np.testing.assert_array_equal(relabelled.features, tasks.features)
    np.testing.assert_array_equal(relabelled.labels, -tasks.labels)
