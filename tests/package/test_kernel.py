"""Gram matrices instead of features: the same numbers, at sizes where both fit; and sizes where only one does."""

import tracemalloc
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fourier_meta import (
    Descent,
    TaskFamily,
    Tasks,
    few_shot_risk,
    few_steps,
    kernel,
    maml,
    maml_steps,
    min_norm,
    on_top,
    regression,
    ridge,
    share,
    train_maml,
)
from fourier_meta.bayes import empirical_bayes, log_marginal_likelihood

SIZES = st.fixed_dictionaries(
    {
        "n_features": st.sampled_from((1, 2, 3, 16, 33, 128, 256, 257, 300, 1024, 1025)),
        "n_points": st.integers(1, 9),
        "n_validation": st.integers(1, 9),
        "n_tasks": st.integers(1, 4),
        "design": st.sampled_from(("random", "jittered", "grid")),
        "seed": st.integers(0, 2**32 - 1),
    }
)


class Problem:
    """Tasks of a family, the same ones as plain features, weights of which some are 0, and a start."""

    def __init__(self, n_features, n_points, n_validation, n_tasks, design, seed, dtype="float64"):
        rng = np.random.default_rng(seed)
        self.family = TaskFamily(n_features, support=(0,), noise=0.1, design=design, dtype=dtype)
        train = self.family.sample(n_tasks, n_points, rng)
        validation = self.family.observe(train.coefficients, n_validation, rng, "random")
        self.batches = train, validation
        self.plain = [Tasks(batch.features, batch.labels) for batch in self.batches]
        self.weights = rng.uniform(0.5, 1.5, n_features)
        self.weights[1:][rng.random(n_features - 1) < 0.1] = 0
        self.start = rng.standard_normal(n_features)
        self.inner_rate = 0.3 / n_features


def same(found, expected, tolerance=1e-10):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * max(np.abs(other).max(), 1e-3))


@settings(deadline=None, max_examples=40)
@given(SIZES, st.integers(0, 7), st.booleans(), st.booleans())
def test_steps_are_those_of_the_features(sizes, inner_steps, with_start, exact):
    problem, settings = Problem(**sizes), {"inner_steps": inner_steps}
    settings["inner_rate"] = problem.inner_rate
    start = problem.start if with_start else None
    expected = (maml.maml_gradient if exact else maml.fomaml_gradient)(
        problem.weights, *problem.plain, **settings, start=start
    )
    through = partial(kernel.through_steps if exact else kernel.through_last, **settings)
    same(kernel.meta_gradient(through, problem.weights, *problem.batches, start), expected)


@settings(deadline=None, max_examples=40)
@given(SIZES, st.booleans())
def test_ridge_inside_is_that_of_the_features(sizes, with_start):
    problem = Problem(**sizes)
    start = problem.start if with_start else None
    expected = maml.ridge_gradient(problem.weights, *problem.plain, start=start, penalty=0.1)
    through = partial(kernel.through_ridge, penalty=0.1)
    same(kernel.meta_gradient(through, problem.weights, *problem.batches, start), expected)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.sampled_from((257, 300, 1025)), st.integers(1, 16))
def test_min_norm_inside_is_that_of_the_features(seed, n_features, n_points):
    problem = Problem(n_features, n_points, 5, 3, "jittered", seed)  # close points make any solution inexact
    expected = maml.min_norm_gradient(problem.weights, *problem.plain, start=problem.start)
    through = partial(kernel.through_ridge, penalty=0)
    same(kernel.meta_gradient(through, problem.weights, *problem.batches, problem.start), expected, 1e-8)


@settings(deadline=None, max_examples=40)
@given(SIZES)
def test_float32_keeps_five_digits(sizes):
    problem = Problem(**sizes, dtype="float32")
    expected = maml.maml_gradient(problem.weights, *problem.plain, 3, problem.inner_rate, problem.start)
    through = partial(kernel.through_steps, inner_steps=3, inner_rate=problem.inner_rate)
    same(kernel.meta_gradient(through, problem.weights, *problem.batches, problem.start), expected, 1e-4)


@settings(deadline=None, max_examples=40)
@given(SIZES, st.booleans())
def test_the_risk_of_a_solution_is_that_of_the_features(sizes, penalised):
    problem = Problem(**sizes)
    tasks, weights = problem.batches[0], problem.weights
    well_posed = problem.family.design == "jittered" and tasks.n_points < problem.family.n_features / 8
    if penalised or not well_posed:
        expected, solve = ridge(tasks.features, tasks.labels, 0.1, weights), partial(kernel.solve_ridge, penalty=0.1)
    else:
        expected, solve = min_norm(tasks.features, tasks.labels, weights), kernel.solve_min_norm
    on, off = kernel.risk_parts(weights, tasks, solve)
    same([on + off], [regression.risk(expected, tasks.effective)], 1e-9)
    same([on], [(expected[:, 0] - tasks.effective[:, 0]) ** 2], 1e-9)


def test_risk_has_no_rounding_error_of_the_size_of_the_truth():
    weights = np.full(257, 1e-6)
    weights[:3] = 5
    tasks = TaskFamily().sample(10, 64, np.random.default_rng(0))
    on, off = kernel.risk_parts(weights, tasks, kernel.solve_min_norm)
    expected = regression.risk(min_norm(tasks.features, tasks.labels, weights), tasks.effective)
    assert (on + off < 1e-24).all()
    assert (expected < 1e-24).all()


@settings(deadline=None, max_examples=40)
@given(SIZES)
def test_the_evidence_is_that_of_the_features(sizes):
    tasks = Problem(**sizes).batches[0]
    variances = np.random.default_rng(sizes["seed"]).uniform(0.1, 1, sizes["n_features"] + 1)
    observed, expected = np.zeros_like(variances), np.zeros_like(variances)
    for features, labels in zip(tasks.features, tasks.labels, strict=True):
        inverse = np.linalg.inv((features * variances[:-1]) @ features.T + variances[-1] * np.eye(len(labels)))
        rows = np.concatenate([features, np.eye(len(labels))], axis=1)
        each = np.einsum("nd,nm,md->d", rows, inverse, rows)
        observed += np.append(((features.T @ inverse @ labels) ** 2), np.sum((inverse @ labels) ** 2))
        expected += np.append(each[: -len(labels)], each[-len(labels) :].sum())
    same(kernel.evidence(kernel.Tables(tasks), variances)[1:], [observed, expected], 1e-9)


def test_rates_are_stable_up_to_the_one_that_is_named():
    tasks = TaskFamily(300, (0, 5)).sample(3, 7, np.random.default_rng(0))
    weights = np.linspace(0.1, 2, 300)
    stable = regression.largest_stable_rate(tasks.features, weights).min()
    np.testing.assert_allclose(kernel.stable_rate_of_tables(weights, tasks), stable)
    assert kernel.stable_rate_of_tables(np.zeros(300), tasks) == np.inf


@pytest.mark.parametrize("n_features", [257, 2049])
@pytest.mark.parametrize("n_points", [4, 64])
def test_training_takes_the_cheaper_way_and_gets_the_same_weights(n_features, n_points, monkeypatch):
    settings = {"steps": 5, "n_points": n_points, "weights": 0.01, "outer": Descent(), "n_tasks": 4}
    runs = {}
    for cheaper in (True, False):
        monkeypatch.setattr(kernel, "is_cheaper", lambda *_, answer=cheaper: answer)
        runs[cheaper] = train_maml(TaskFamily(n_features, (3, 100)), **settings).weights
    np.testing.assert_allclose(runs[True], runs[False], rtol=0, atol=1e-11)


def test_the_features_of_wide_families_are_never_made(monkeypatch):
    monkeypatch.setattr(TaskFamily, "features_at", None)
    family = TaskFamily(20_001, (3, 100, 15_000))
    run = train_maml(family, 0.001, steps=40, outer=Descent(0.1))
    assert run.status == "finished"
    for gradient in (maml.fomaml_gradient, maml.ridge_gradient, maml.min_norm_gradient):
        assert train_maml(family, 0.01, steps=2, gradient=gradient, learn_start=True).status == "finished"
    for solve in (min_norm, partial(min_norm, weights=run.weights), partial(few_steps, weights=run.weights)):
        assert np.isfinite(few_shot_risk(family, 8, solve)).all()
    wild = train_maml(family, 0.001, steps=200, outer=Descent(3.0))
    assert wild.status.startswith("diverged")
    assert "stable below" in wild.status


def test_few_shot_risk_is_the_same_without_features():
    family = TaskFamily(1500, (3, 100))
    weights = np.random.default_rng(0).uniform(0.5, 1, 1500)
    for solve in (min_norm, partial(ridge, penalty=0.1, weights=weights), partial(few_steps, weights=weights)):
        tasks = family.unseen(50, 8)
        expected = regression.risk(solve(tasks.features, tasks.labels), tasks.effective)
        np.testing.assert_allclose(few_shot_risk(family, 8, solve), expected, rtol=1e-9)


ONES = np.ones(1500)


@pytest.mark.parametrize(
    ("solve", "says"),
    [
        (partial(ridge, penalty=-1), "penalty must exceed"),
        (partial(ridge, penalty=np.nan), "penalty must be a finite number"),
        (partial(ridge, penalty=1e-18), "penalty must exceed"),
        (partial(min_norm, weights=ONES[1:]), "weights must have shape"),
        (partial(min_norm, weights=1e200 * ONES), "scale the weights down"),
        (partial(few_steps, weights=ONES, inner_steps=0.5), "inner_steps must be a whole number"),
        (partial(few_steps, weights=ONES, inner_steps=500, inner_rate=10), "pass a smaller inner_rate"),
    ],
)
def test_few_shot_risk_without_features_answers_bad_settings(solve, says):
    with pytest.raises(ValueError, match=says):
        few_shot_risk(TaskFamily(1500), 4, solve, 3)


def test_few_shot_risk_without_features_knows_the_solvers_own_defaults():
    family = TaskFamily(1500)
    np.testing.assert_array_equal(
        few_shot_risk(family, 4, partial(min_norm, weights=None)), few_shot_risk(family, 4, min_norm)
    )
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'weights'"):
        few_shot_risk(family, 4, few_steps)


def test_empirical_bayes_finds_the_support_without_features(monkeypatch):
    family = TaskFamily(20_001, (3, 100, 15_000))
    tasks = family.sample(15, 16, np.random.default_rng(0))
    monkeypatch.setattr(TaskFamily, "features_at", None)
    prior = empirical_bayes(tasks)
    assert on_top(prior.weights, family.support)
    assert share(prior.weights, family.support) > 0.999999
    value, slopes, _ = log_marginal_likelihood(tasks, np.full(20_001, 1e-4), 0.1)
    more = np.full(20_001, 1e-4)
    more[15_000] += 1e-7
    assert abs((log_marginal_likelihood(tasks, more, 0.1)[0] - value) / 1e-7 / slopes[15_000] - 1) < 1e-4


def test_memory_does_not_grow_with_the_number_of_tasks():
    family, peaks = TaskFamily(4097), []
    for n_tasks in (100, 400):
        rng = np.random.default_rng(0)
        train = family.sample(n_tasks, 64, rng)
        validation = family.observe(train.coefficients, 64, rng)
        tracemalloc.start()
        maml.maml_gradient(np.full(4097, 0.001), train, validation)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 8 * 300 * (2 * 64) * 12  # labels, places and the like: numbers for each point


def test_a_million_features_take_one_step():
    run = train_maml(TaskFamily(1_000_001), 0.001, steps=1, n_tasks=2, n_points=8, n_validation=8, outer=Descent())
    assert run.status == "finished"
    assert np.isfinite(run.weights).all()


def test_whoever_stops_a_wide_run_has_what_there_is():
    for run in maml_steps(TaskFamily(20_001), 0.001, steps=10, outer=Descent()):
        if run.step == 3:
            break
    rest = train_maml(TaskFamily(20_001), 0.001, steps=10, outer=Descent(), resume=run)
    whole = train_maml(TaskFamily(20_001), 0.001, steps=10, outer=Descent())
    assert np.array_equal(rest.weights, whole.weights)
