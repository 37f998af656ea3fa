"""What holds for all sizes, shapes and numbers, tried on random and on hostile ones."""

import itertools
import math
import os
import warnings

import numpy as np
import pytest
import torch
from by_autograd import descend
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from threadpoolctl import threadpool_limits

from fourier_meta import (
    Run,
    TaskFamily,
    Tasks,
    alias_classes,
    aliased_min_norm,
    few_steps,
    fomaml_gradient,
    fourier_features,
    joint_descent,
    largest_stable_rate,
    load_run,
    maml_gradient,
    min_norm,
    regular_grid,
    ridge,
    risk,
    train_maml,
    train_reptile,
)

# The same examples every time: a test that fails on some days teaches nobody. EXAMPLES=400 asks for more.
settings.register_profile(
    "book",
    max_examples=int(os.environ.get("EXAMPLES", "40")),
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("book")

SEEDS = st.integers(0, 2**32 - 1)
RATES = st.floats(1e-4, 0.05)


@st.composite
def episodes(draw, most_steps=12):
    """Weights, training tasks and validation tasks of any small sizes, and an inner loop for them."""
    rng = np.random.default_rng(draw(SEEDS))
    n_features = draw(st.integers(1, 12))
    support = tuple(range(draw(st.integers(1, n_features))))
    family = TaskFamily(n_features, support, noise=draw(st.sampled_from([0.0, 0.3])))
    train = family.sample(draw(st.integers(1, 4)), draw(st.integers(1, 9)), rng)
    validation = family.observe(train.coefficients, draw(st.integers(1, 9)), rng)
    weights = rng.uniform(-1.5, 1.5, n_features)
    return weights, train, validation, draw(st.integers(0, most_steps)), draw(RATES)


def loss_of(weights, train, validation, steps, rate):
    effective = few_steps(train.features, train.labels, weights, steps, rate)
    return np.mean((np.matvec(validation.features, effective) - validation.labels) ** 2)


# The meta-gradient


@given(episodes())
def test_adjoint_autograd_and_differences_agree(episode):
    weights, train, validation, steps, rate = episode
    w = torch.tensor(weights, requires_grad=True)
    arrays = (train.features, train.labels, validation.features, validation.labels)
    features, labels, new_features, new_labels = map(torch.tensor, arrays)
    alpha = descend(features, labels, w, steps, rate)
    for function, held in ((fomaml_gradient, alpha.detach()), (maml_gradient, alpha)):
        loss, gradient = function(weights, train, validation, steps, rate)
        by_torch = (((new_features @ (w * held)[..., None])[..., 0] - new_labels) ** 2).mean()
        (slope,) = torch.autograd.grad(by_torch, w, retain_graph=True)
        size = np.abs(slope.numpy()).max() + 1e-9
        assert loss == pytest.approx(by_torch.item(), rel=1e-10)
        np.testing.assert_allclose(gradient, slope.numpy(), rtol=1e-9, atol=1e-11 * size)
    direction = np.cos(np.arange(len(weights)) + 1)
    after, before = (loss_of(weights + s * 1e-5 * direction, train, validation, steps, rate) for s in (1, -1))
    assert gradient @ direction == pytest.approx((after - before) / 2e-5, rel=1e-4, abs=1e-6 * size)


@given(episodes())
def test_one_step_of_first_order_differs_from_second_order_by_a_factor_of_2(episode):
    """With one step, alpha is linear in w: half of the slope goes through alpha, half through w itself."""
    weights, train, validation, _, rate = episode
    second = maml_gradient(weights, train, validation, 1, rate)[1]
    first = fomaml_gradient(weights, train, validation, 1, rate)[1]
    np.testing.assert_allclose(second, 2 * first, rtol=1e-9, atol=1e-14)


# Leading axes


@given(arrays(float, array_shapes(max_dims=2, max_side=3), elements=st.just(0.0)), SEEDS, st.integers(1, 6))
def test_leading_axes_are_a_loop(shape, seed, n_points):
    rng = np.random.default_rng(seed)
    features = fourier_features(rng.uniform(-1, 1, (*shape.shape, n_points)), 7)
    labels = rng.standard_normal((*shape.shape, n_points))
    weights = rng.uniform(0.5, 1.5, 7)
    solvers = [
        lambda f, y: min_norm(f, y, weights),
        lambda f, y: ridge(f, y, 0.1, weights),
        lambda f, y: few_steps(f, y, weights, 3, 0.02),
        lambda f, y: joint_descent(f, y, weights, 3, 0.02)[0],
        lambda f, y: joint_descent(f, y, weights, 3, 0.02)[1],
        lambda f, y: largest_stable_rate(f, weights),
        lambda f, y: risk(f[..., 0, :], weights),
    ]
    for solve in solvers:
        batch = solve(features, labels)
        for place in np.ndindex(shape.shape):
            np.testing.assert_allclose(batch[place], solve(features[place], labels[place]), rtol=1e-7, atol=1e-9)


# Interpolation, scale, aliases, conservation


@given(st.integers(1, 20), st.integers(0, 20), st.booleans(), SEEDS)
def test_distinct_points_are_interpolated_when_there_are_no_more_of_them_than_features(n_points, more, equal, seed):
    n_features = n_points + more + 1 - (n_points + more) % 2  # odd: an even number lacks the last cosine
    rng = np.random.default_rng(seed)
    cell = (np.arange(n_points) + rng.uniform(0, 0.3, n_points)) / n_points
    features = fourier_features(2 * cell - 1, n_features)
    labels = rng.standard_normal(n_points)
    effective = min_norm(features, labels, None if equal else rng.uniform(0.5, 2, n_features))
    np.testing.assert_allclose(features @ effective, labels, atol=1e-8)


@given(episodes(), st.floats(-290, 290), st.booleans())
def test_only_the_ratios_of_the_weights_matter_to_min_norm(episode, exponent, flip):
    weights, train = episode[:2]
    weights = np.sign(weights) * (0.1 + np.abs(weights))
    signs = np.where(np.arange(len(weights)) % 3, 1, -1) if flip else 1
    scale = signs * 10.0**exponent
    expected = min_norm(train.features, train.labels, weights)
    tolerance = {"rtol": 1e-6, "atol": 1e-9 * (1 + np.abs(expected).max())}
    np.testing.assert_allclose(min_norm(train.features, train.labels, scale * weights), expected, **tolerance)


@given(st.integers(1, 40), st.integers(1, 70), SEEDS)
def test_the_alias_formula_is_the_solver(n_points, n_features, seed):
    rng = np.random.default_rng(seed)
    effective, weights = rng.standard_normal((2, n_features)), rng.uniform(0.3, 2, n_features)
    features = fourier_features(regular_grid(n_points), n_features)
    solved = [min_norm(features, features @ one, weights) for one in effective]
    np.testing.assert_allclose(aliased_min_norm(effective, weights, n_points), solved, atol=1e-8)


@given(st.integers(1, 200), st.integers(1, 600))
def test_alias_classes_partition_the_features_with_their_lowest_member_first(n_points, n_features):
    classes = alias_classes(n_points, n_features)
    for j in range(n_features):
        members = classes.members(j)
        assert j in members
        assert (classes.representative[j] == members[0]) == (classes.factor[j] != 0)
        assert abs(classes.factor[j]) in (0, 1, math.sqrt(2))
    assert len(set(classes.representative[classes.factor != 0])) <= n_points


@given(episodes(), st.integers(1, 30))
def test_the_difference_of_squares_shrinks_by_exactly_the_product_of_the_steps(episode, steps):
    """w^2 - alpha^2 is multiplied by 1 - slope^2 in each step; under small steps it is conserved."""
    weights, train, _, _, rate = episode
    kept = np.tile(weights**2, (len(train), 1))
    for k in range(steps):
        w, alpha = joint_descent(train.features, train.labels, weights, k, rate)
        error = ((w * alpha)[:, None, :] @ train.features.mT)[:, 0] - train.labels
        slope = 2 * rate / train.n_points * (error[:, None, :] @ train.features)[:, 0]
        kept = kept * (1 - slope**2)
    w, alpha = joint_descent(train.features, train.labels, weights, steps, rate)
    np.testing.assert_allclose(w**2 - alpha**2, kept, rtol=1e-7, atol=1e-10)


@given(episodes(), st.floats(1e-3, 1e3))
def test_ridge_is_the_descent_of_its_own_objective_to_the_bottom(episode, penalty):
    weights, train = episode[:2]
    effective = ridge(train.features, train.labels, penalty, weights)
    error = (train.features @ effective[..., None])[..., 0] - train.labels
    pull = (error[:, None, :] @ train.features)[:, 0] * weights / train.n_points
    alpha = np.divide(effective, weights, out=np.zeros_like(effective), where=weights != 0)
    np.testing.assert_allclose(pull + penalty * alpha, 0, atol=1e-11 * (1 + penalty))


# Records


FLOATS = arrays(float, st.integers(0, 5), elements=st.floats())
TEXT = st.text(st.characters(codec="utf-8"), max_size=20)


@given(FLOATS, FLOATS, FLOATS, TEXT, st.dictionaries(TEXT, st.one_of(st.integers(), st.floats(allow_nan=False), TEXT)))
def test_saving_and_loading_is_the_identity(tmp_path_factory, weights, start, loss, words, config):
    path = tmp_path_factory.mktemp("run") / "run"
    arrays = {"weights": weights, "start": start, "initial_weights": weights, "losses": loss}
    snapshots = tuple((step, weights + step) for step in range(3))
    state = {"optimisers": (None, (3, weights, 0.1)), "streams": None}
    run = Run(words, config, words, words, 2, **arrays, snapshots=snapshots, state=state, versions={"numpy": words})
    run.save(path)
    assert load_run(path) == run


# Seeds and threads


@pytest.mark.parametrize("train", [train_maml, train_reptile])
@pytest.mark.parametrize("design", ["random", "grid", "jittered"])
def test_the_same_seed_gives_the_same_result_whatever_the_number_of_threads(train, design):
    runs = []
    for threads in (1, 2, 4, 1):
        with threadpool_limits(threads):
            runs.append(train(TaskFamily(design=design), "uniform", steps=6, n_tasks=5, seed=3))
    np.testing.assert_array_equal(runs[0].weights, runs[-1].weights)
    for run in runs[1:]:
        np.testing.assert_allclose(run.weights, runs[0].weights, rtol=1e-9)
        np.testing.assert_allclose(run.history["loss"], runs[0].history["loss"], rtol=1e-9)


# Hostile numbers: a right answer, or a ValueError with a remedy; never a warning, never a NaN


class Series:
    """What a pandas Series is to NumPy: an object that can be turned into an array."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype)


def read_only(array):
    array = np.array(array)
    array.flags.writeable = False
    return array


def strided(array):
    """The same numbers, not contiguous and in a reversed buffer."""
    wide = np.repeat(np.asarray(array)[..., ::-1], 2, axis=-1)
    return wide[..., ::-2]


DRESSES = {
    "read-only": read_only,
    "not contiguous": strided,
    "Fortran order": np.asfortranarray,
    "a list": lambda array: np.asarray(array).tolist(),
    "a series": Series,
    "big endian": lambda array: np.asarray(array).astype(">f8"),
    "a tensor": lambda array: torch.tensor(np.asarray(array)),
}
DRAWN = TaskFamily(5).sample(2, 3, np.random.default_rng(0))
EXACT = Tasks(np.round(4 * DRAWN.features) / 4, np.round(4 * DRAWN.labels) / 4)
WEIGHTS = np.array([1.0, 0.5, 0.25, 2.0, 1.0])

SOLVERS = {
    "min_norm": lambda features, labels, weights: min_norm(features, labels, weights),
    "ridge": lambda features, labels, weights: ridge(features, labels, 0.1, weights),
    "few_steps": lambda features, labels, weights: few_steps(features, labels, weights, 3, 0.1),
    "joint_descent": lambda features, labels, weights: joint_descent(features, labels, weights, 3, 0.1)[0],
    "maml_gradient": lambda features, labels, weights: gradient_at(maml_gradient, features, labels, weights),
    "fomaml_gradient": lambda features, labels, weights: gradient_at(fomaml_gradient, features, labels, weights),
    "largest_stable_rate": lambda features, labels, weights: largest_stable_rate(features, weights),
}


def gradient_at(function, features, labels, weights):
    tasks = Tasks(features, labels)
    loss, gradient = function(weights, tasks, tasks, 3, 0.1)
    return np.append(gradient, np.asarray(loss, gradient.dtype))


@pytest.mark.parametrize("dress", DRESSES)
@pytest.mark.parametrize("name", SOLVERS)
def test_the_same_numbers_in_another_dress_give_the_same_answer(name, dress):
    plain = (EXACT.features, EXACT.labels, WEIGHTS)
    dressed = [DRESSES[dress](array) for array in plain]
    answer = SOLVERS[name](*dressed)
    np.testing.assert_allclose(np.asarray(answer), SOLVERS[name](*plain), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint16, bool])
@pytest.mark.parametrize("name", SOLVERS)
def test_whole_numbers_are_numbers(name, dtype):
    rng = np.random.default_rng(0)
    whole = rng.integers(0, 2, (2, 3, 5)), rng.integers(0, 2, (2, 3)), np.array([1, 1, 0, 1, 1])
    answer = SOLVERS[name](*(array.astype(dtype) for array in whole))
    np.testing.assert_array_equal(answer, SOLVERS[name](*(array.astype(float) for array in whole)))
    assert answer.dtype == np.float64


@pytest.mark.parametrize("name", SOLVERS)
def test_float32_gives_the_same_answer_to_its_own_precision(name):
    plain = (EXACT.features, EXACT.labels, WEIGHTS)
    answer = SOLVERS[name](*(array.astype(np.float32) for array in plain))
    np.testing.assert_allclose(answer, SOLVERS[name](*plain), rtol=1e-4, atol=1e-5)
    assert answer.dtype == (np.float64 if "maml" in name else np.float32), "a meta-gradient moves weights in float64"


HOSTILE_WEIGHTS = {
    "zero": np.zeros(5),
    "one feature": np.eye(5)[2],
    "tiny": np.full(5, 1e-300),
    "huge": np.full(5, 1e300),
    "tiny and huge": np.array([1e-300, 1e300, 1.0, 0.0, -1e300]),
    "smallest": np.full(5, 5e-324),
    "largest": np.full(5, 1.7e308),
}
HOSTILE_TASKS = {
    "one point": EXACT.split(1)[0],
    "repeated points": Tasks(EXACT.features[:, [0, 0, 0]], EXACT.labels[:, [0, 0, 0]]),
    "contradictions": Tasks(EXACT.features[:, [0, 0, 0]], EXACT.labels),
    "all features zero": Tasks(0 * EXACT.features, EXACT.labels),
    "all labels zero": Tasks(EXACT.features, 0 * EXACT.labels),
    "tiny features": Tasks(1e-300 * EXACT.features, EXACT.labels),
    "huge features": Tasks(1e300 * EXACT.features, EXACT.labels),
    "tiny labels": Tasks(EXACT.features, 1e-300 * EXACT.labels),
    "huge labels": Tasks(EXACT.features, 1e300 * EXACT.labels),
    "tiny features, huge labels": Tasks(1e-300 * EXACT.features, 1e300 * EXACT.labels),
    "huge both": Tasks(1e300 * EXACT.features, 1e300 * EXACT.labels),
}


def answer_or_help(solve, *arguments):
    """The answer, which is finite, or None after a ValueError that says what to do; a warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            answer = solve(*arguments)
        except ValueError as error:
            answer, help_given = None, str(error)
    if answer is not None:
        return np.asarray(answer)
    assert any(word in help_given for word in ("pass", "scale", "use min_norm", "remove")), help_given
    assert "nan" not in help_given, "NaN is no rate and no remedy"
    return None


@pytest.mark.parametrize("weights", HOSTILE_WEIGHTS)
@pytest.mark.parametrize("tasks", HOSTILE_TASKS)
@pytest.mark.parametrize("name", SOLVERS)
def test_hostile_numbers_meet_an_answer_or_help(name, tasks, weights):
    tasks, weights = HOSTILE_TASKS[tasks], HOSTILE_WEIGHTS[weights]
    answer = answer_or_help(SOLVERS[name], tasks.features, tasks.labels, weights)
    if answer is not None:
        assert not np.isnan(answer).any()
        assert np.isfinite(answer).all() or name == "largest_stable_rate"


FINITE = st.floats(allow_nan=False, allow_infinity=False)
SPECIAL = st.sampled_from([0.0, 1.0, -1.0, 5e-324, 1e-300, 1e-160, 1e160, 1e300, -1.7e308])


@given(
    st.sampled_from(sorted(SOLVERS)),
    *(
        arrays(float, shape, elements=st.one_of(SPECIAL, FINITE, st.floats(-2, 2)))
        for shape in ((2, 3, 5), (2, 3), (5,))
    ),
)
@settings(max_examples=5 * settings().max_examples)
def test_any_numbers_at_all_meet_an_answer_or_help(name, features, labels, weights):
    answer = answer_or_help(SOLVERS[name], features, labels, weights)
    if answer is not None:
        assert not np.isnan(answer).any()


@pytest.mark.parametrize("weights", [WEIGHTS, np.eye(5)[1], np.ones(5)])
def test_min_norm_is_right_where_only_the_size_is_hostile(weights):
    expected = min_norm(EXACT.features, EXACT.labels, weights)
    for size in (1e-300, 1e-150, 1e150, 1e300):
        np.testing.assert_allclose(min_norm(EXACT.features, EXACT.labels, size * weights), expected, atol=1e-12)
        np.testing.assert_allclose(min_norm(size * EXACT.features, EXACT.labels, weights) * size, expected, atol=1e-12)
        np.testing.assert_allclose(min_norm(EXACT.features, size * EXACT.labels, weights) / size, expected, atol=1e-12)


@pytest.mark.parametrize("train", [train_maml, train_reptile])
@pytest.mark.parametrize(
    ("family", "sizes"),
    [
        (TaskFamily(1, (0,)), {}),
        (TaskFamily(2, (0, 1)), {"n_points": 1}),
        (TaskFamily(5, (0, 1, 2, 3, 4)), {}),
        (TaskFamily(5), {"n_tasks": 1, "n_points": 1, "inner_steps": 0}),
        (TaskFamily(5, noise=1e3), {}),
        (TaskFamily(5, design="grid"), {"n_points": 2}),
        (TaskFamily(5), {"n_points": 1024}),
        (TaskFamily(5), {"weights": np.zeros(5)}),
        (TaskFamily(5), {"weights": np.full(5, 1e-300)}),
        (TaskFamily(5), {"weights": np.full(5, 1e300)}),
        (TaskFamily(5, dtype="float32"), {"weights": np.full(5, 1e30)}),
    ],
)
def test_training_at_the_edges_ends_with_finite_weights_and_a_word(train, family, sizes):
    sizes = {"steps": 3, "n_tasks": 2, "n_points": 4} | sizes
    run = train(family, **sizes)
    assert np.isfinite(run.weights).all()
    ends = ("finished", "stuck at step 1", "diverged at step 1: inner rate 0.02, stable below ")
    assert run.status.startswith(ends)
    assert np.isfinite(run.losses).all() or run.status.startswith("diverged")


def test_every_pair_of_feature_and_size_is_right_at_the_smallest_sizes():
    for n_features, n_points in itertools.product(range(1, 5), range(1, 5)):
        family = TaskFamily(n_features, (n_features - 1,))
        tasks = family.sample(2, n_points, np.random.default_rng(0))
        effective = min_norm(tasks.features, tasks.labels, family.true_weights)
        np.testing.assert_allclose(effective, tasks.effective, atol=1e-9)
