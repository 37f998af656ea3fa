"""A bad argument of a public function meets a ValueError: its name, what came, what to pass instead."""

import ast
import functools
import inspect
import math
import re

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

import fourier_meta
from fourier_meta import (
    Adam,
    Descent,
    Interpolate,
    TaskFamily,
    Tasks,
    alias_classes,
    aliased_min_norm,
    checks,
    feature_name,
    few_shot_risk,
    few_steps,
    fomaml_gradient,
    fourier_features,
    frequencies,
    gradient_descent,
    joint_descent,
    joint_gradient,
    largest_stable_rate,
    load_run,
    maml_gradient,
    maml_steps,
    min_norm,
    min_norm_gradient,
    on_top,
    regular_grid,
    reptile_steps,
    ridge,
    ridge_gradient,
    risk,
    share,
    train_maml,
    train_reptile,
    unseen_stream,
)
from fourier_meta.figures import show

D, N, T = 9, 4, 3
NAN, INF = float("nan"), float("inf")
FAMILY = TaskFamily(D)
RNG = np.random.default_rng(0)
TASKS = FAMILY.sample(T, N, RNG)
AGAIN = FAMILY.observe(TASKS.coefficients, N, RNG)
RUN = train_maml(FAMILY, steps=1, n_tasks=2, n_points=3)

NO_NUMBER = ["3", None, 1j, [3], {}, NAN, INF, -INF, True, False, np.bool_(True)]
NO_INTEGER = [*NO_NUMBER, 1.5, 2.0, np.float64(3), np.array([3])]
NO_COUNT = [0, -1, -(10**20), np.int64(-3), *NO_INTEGER]
NO_INDEX = [-1, np.int8(-1), *NO_INTEGER]
NO_RATE = [0, -0.1, np.float64(-1), np.array([0.1]), np.array(0.1), 10**400, b"1", *NO_NUMBER]
NO_RNG = [None, 0, np.random, np.random.default_rng, "rng", np.random.RandomState(0)]
NO_ARRAY = [None, "x", "1.0", ["a"], {}, 1j, np.array([1j]), [[1], [1, 2]], [object()], np.array(["a"]), max]
NO_FUNCTION = [None, 3, "min_norm", np.zeros(3)]


def spoiled(array):
    """Copies of an array with one NaN, one infinity, all NaN."""
    copies = [np.array(array, float) for _ in range(4)]
    copies[0].flat[0], copies[1].flat[-1], copies[2].flat[0] = NAN, INF, -INF
    copies[3][...] = NAN
    return copies


def reshaped(array):
    """The array with an axis more, an axis fewer, an entry more and an entry fewer on each axis, and empty ones."""
    array = np.asarray(array)
    wrong = [array[None], array[0], array[..., 0], np.stack([array, array])]
    for axis in range(array.ndim):
        wrong += [np.concatenate([array, array], axis), np.delete(array, 0, axis), array.take([], axis)]
    return wrong


NO_WEIGHTS = [*NO_ARRAY, *spoiled(np.ones(D)), *reshaped(np.ones(D))]
NO_FEATURES = [*NO_ARRAY, *spoiled(TASKS.features), *reshaped(TASKS.features)]
NO_LABELS = [*NO_ARRAY, *spoiled(TASKS.labels), *reshaped(TASKS.labels)]
REGRESSION = {  # without weights, each is 1
    "features": NO_FEATURES,
    "labels": NO_LABELS,
    "weights": [weights for weights in NO_WEIGHTS if weights is not None],
}
INNER = {"inner_steps": NO_INDEX, "inner_rate": NO_RATE}


def bad_tasks(tasks):
    """Tasks that are none, and tasks that hold numbers which are none, or are too few."""
    wrong = [None, 3, "tasks", (tasks.features, tasks.labels), tasks.features, {"features": tasks.features}]
    wrong += [Tasks(features, tasks.labels) for features in spoiled(tasks.features)]
    wrong += [tasks.relabelled(labels) for labels in spoiled(tasks.labels)]
    return [*wrong, tasks[:2], Tasks(tasks.features[..., 1:], tasks.labels)]


NO_START = [start for start in NO_WEIGHTS if start is not None]
PAIR = {"weights": np.ones(D), "train": TASKS, "validation": AGAIN, "start": None}
GRADIENT = {
    "weights": REGRESSION["weights"],
    "train": bad_tasks(TASKS),
    "validation": bad_tasks(AGAIN),
    "start": NO_START,
}
TASK_ARGUMENTS = {"n_points": [*NO_COUNT, 1025], "rng": NO_RNG}
LOOP = {
    "source": [None, D, TaskFamily, [], [3], [None], iter(()), ["tasks"], [(TASKS, 3)], [TASKS.features]],
    "weights": [*NO_WEIGHTS[:16], *NO_WEIGHTS[17:], "one", "", "Ones", NAN, True, {}, 1j, max],
    "steps": [*NO_COUNT, 10**15],
    "n_tasks": NO_COUNT,
    "n_points": [*NO_COUNT, 1025],
    "seed": [*NO_INDEX],
    "outer": [None, 3, "Adam", Adam, lambda *told: told, np.zeros(3)],
    "resume": [3, "run", "nowhere/run.json", {}],
    **INNER,
}


MAML_LOOP = LOOP | {
    "n_validation": [-1, *NO_INTEGER, 1025],
    "gradient": [*NO_FUNCTION, lambda *told: told],
}


def first_step(loop):
    """A loop that is asked for its first step: arguments are checked then at the latest."""
    return lambda source, **settings: next(loop(source, **settings))


BAD_COEFFICIENTS = [
    *NO_ARRAY,
    *spoiled(TASKS.coefficients),
    TASKS.coefficients[0],
    TASKS.coefficients[None],
    TASKS.coefficients[:, 1:],
    TASKS.effective,
    3.0,
]

# name: (function, good arguments, bad values for each of them)
PUBLIC = {
    "fourier_features": (
        fourier_features,
        {"x": TASKS.x, "n_features": D},
        {"x": [*NO_ARRAY, *spoiled(TASKS.x)], "n_features": NO_COUNT},
    ),
    "frequencies": (frequencies, {"n_features": D}, {"n_features": NO_COUNT}),
    "feature_name": (feature_name, {"index": 3}, {"index": NO_INDEX}),
    "regular_grid": (regular_grid, {"n_points": N}, {"n_points": NO_COUNT}),
    "alias_classes": (
        alias_classes,
        {"n_points": N, "n_features": D},
        {"n_points": NO_COUNT, "n_features": NO_COUNT},
    ),
    "alias_classes.members": (alias_classes(N, D).members, {"index": 3}, {"index": [*NO_INDEX, D, 10**20]}),
    "TaskFamily": (
        TaskFamily,
        {"n_features": D, "support": (0, 1), "noise": 0.0, "design": "random", "dtype": "float64"},
        {
            "n_features": NO_COUNT,
            "support": [(), [], (0, 0), (1, 2, 1), (D,), (0, D), (-1,), (0.0, 1), ("0",), (True,), 3, None, "01"],
            "noise": NO_RATE[1:],
            "design": ["", "Random", "uniform", None, 3, ["random"], True],
            "dtype": ["float16", "float", None, np.float32, 64, ["float64"]],
        },
    ),
    "TaskFamily.sample": (
        FAMILY.sample,
        {"n_tasks": T, "n_points": N, "rng": RNG},
        {"n_tasks": NO_COUNT, **TASK_ARGUMENTS},
    ),
    "TaskFamily.draw_coefficients": (
        FAMILY.draw_coefficients,
        {"n_tasks": T, "rng": RNG},
        {"n_tasks": NO_COUNT, "rng": NO_RNG},
    ),
    "TaskFamily.observe": (
        FAMILY.observe,
        {"coefficients": TASKS.coefficients, "n_points": N, "rng": RNG, "design": "random"},
        {"coefficients": BAD_COEFFICIENTS, "design": ["", "Grid", 3, True], **TASK_ARGUMENTS},
    ),
    "TaskFamily.observe_at": (
        TaskFamily(D, noise=0.1).observe_at,
        {"coefficients": TASKS.coefficients, "x": TASKS.x, "rng": RNG},
        {
            "coefficients": BAD_COEFFICIENTS,
            "x": [*NO_ARRAY, *spoiled(TASKS.x), TASKS.x[0], TASKS.x[None], TASKS.x[1:], 3.0],
            "rng": NO_RNG,
        },
    ),
    "TaskFamily.unseen": (
        FAMILY.unseen,
        {"n_tasks": T, "n_points": N, "seed": 0},
        {"n_tasks": NO_COUNT, "n_points": [*NO_COUNT, 1025], "seed": NO_INDEX},
    ),
    "Tasks": (
        Tasks,
        {"features": TASKS.features, "labels": TASKS.labels, "x": TASKS.x, "effective": TASKS.effective},
        {
            "features": [*NO_ARRAY, TASKS.features[0], TASKS.features[..., 0], TASKS.features[:0], TASKS.features[1:]],
            "labels": [*NO_ARRAY, *reshaped(TASKS.labels)],
            "x": [*[value for value in NO_ARRAY if value is not None], *reshaped(TASKS.x)],
            "effective": [*[value for value in NO_ARRAY if value is not None], *reshaped(TASKS.effective)],
        },
    ),
    "Tasks.split": (TASKS.split, {"n_first": 2}, {"n_first": [*NO_COUNT, N, N + 1]}),
    "unseen_stream": (unseen_stream, {"seed": 0}, {"seed": NO_INDEX}),
    "share": (
        share,
        {"weights": np.ones(D), "support": (0, 1)},
        {"weights": [*NO_ARRAY, 3.0, *spoiled(np.ones(D)), np.zeros(D)]},
    ),
    "on_top": (on_top, {"weights": np.ones(D), "support": (0, 1)}, {"weights": [*NO_ARRAY, 3.0, *spoiled(np.ones(D))]}),
    "Adam": (Adam, {"rate": 0.1}, {"rate": NO_RATE}),
    "Descent": (Descent, {"rate": 0.1, "momentum": 0.9}, {"rate": NO_RATE, "momentum": [-0.1, 1, 1.0, *NO_NUMBER]}),
    "Interpolate": (Interpolate, {"rate": 0.1}, {"rate": [*NO_RATE, 1.01, 2]}),
    "min_norm": (min_norm, {"features": TASKS.features, "labels": TASKS.labels, "weights": np.ones(D)}, REGRESSION),
    "ridge": (
        ridge,
        {"features": TASKS.features, "labels": TASKS.labels, "penalty": 0.1, "weights": np.ones(D)},
        {"penalty": [*NO_RATE, 1e-300, 1e-17], **REGRESSION},
    ),
    "gradient_descent": (
        gradient_descent,
        {
            "features": TASKS.features,
            "labels": TASKS.labels,
            "weights": np.ones(D),
            "inner_steps": 2,
            "inner_rate": 0.1,
        },
        {**REGRESSION, **INNER},
    ),
    "few_steps": (
        few_steps,
        {
            "features": TASKS.features,
            "labels": TASKS.labels,
            "weights": np.ones(D),
            "inner_steps": 2,
            "inner_rate": 0.1,
        },
        {**REGRESSION, **INNER},
    ),
    "joint_descent": (
        joint_descent,
        {
            "features": TASKS.features,
            "labels": TASKS.labels,
            "weights": np.ones(D),
            "inner_steps": 2,
            "inner_rate": 0.1,
        },
        {**REGRESSION, **INNER},
    ),
    "largest_stable_rate": (
        largest_stable_rate,
        {"features": TASKS.features, "weights": np.ones(D)},
        {
            "features": [*NO_ARRAY, *spoiled(TASKS.features), TASKS.features[0, 0], TASKS.features[..., 1:]],
            "weights": REGRESSION["weights"],
        },
    ),
    "aliased_min_norm": (
        aliased_min_norm,
        {"effective": TASKS.effective, "weights": np.ones(D), "n_points": N},
        {
            "effective": [
                *NO_ARRAY,
                3.0,
                *spoiled(TASKS.effective),
                TASKS.effective[:, 1:],
                TASKS.effective[..., None],
            ],
            "weights": NO_WEIGHTS,
            "n_points": NO_COUNT,
        },
    ),
    "risk": (
        risk,
        {"estimate": TASKS.effective, "truth": TASKS.effective},
        {
            name: [
                *NO_ARRAY,
                TASKS.effective[0, 1:],
                3.0,
                *spoiled(TASKS.effective),
                TASKS.effective[:, 1:],
                TASKS.effective[1:],
                1e200 * np.ones(D),
            ]
            for name in ("estimate", "truth")
        },
    ),
    "few_shot_risk": (
        few_shot_risk,
        {"family": FAMILY, "n_points": N, "solve": min_norm, "n_tasks": T, "seed": 0},
        {
            "family": [None, "random", TaskFamily, D],
            "n_points": [*NO_COUNT, 1025],
            "solve": [
                *NO_FUNCTION,
                lambda features, labels: None,
                lambda features, labels: labels,
                lambda features, labels: features[..., 0, 1:],
                lambda features, labels: NAN * features[..., 0, :],
                lambda features, labels: features[1:, 0],
            ],
            "n_tasks": NO_COUNT,
            "seed": NO_INDEX,
        },
    ),
    **{
        function.__name__: (
            function,
            PAIR | {"inner_steps": 2, "inner_rate": 0.1},
            GRADIENT | INNER,
        )
        for function in (maml_gradient, fomaml_gradient)
    },
    "joint_gradient": (
        joint_gradient,
        {name: PAIR[name] for name in ("weights", "train", "validation")} | {"inner_steps": 2, "inner_rate": 0.1},
        {name: GRADIENT[name] for name in ("weights", "train", "validation")} | INNER,
    ),
    "ridge_gradient": (
        ridge_gradient,
        PAIR | {"penalty": 0.1},
        GRADIENT | {"penalty": NO_RATE},
    ),
    "min_norm_gradient": (
        min_norm_gradient,
        PAIR,
        GRADIENT | {"train": bad_tasks(TASKS)[6:], "weights": [*spoiled(np.ones(D)), np.eye(D)[0]]},
    ),
    "train_maml": (functools.partial(train_maml, steps=2, n_tasks=2, n_points=3), {"source": FAMILY}, MAML_LOOP),
    "train_reptile": (functools.partial(train_reptile, steps=2, n_tasks=2, n_points=3), {"source": FAMILY}, LOOP),
    "maml_steps": (first_step(maml_steps), {"source": FAMILY, "n_tasks": 2, "n_points": 3}, MAML_LOOP),
    "reptile_steps": (first_step(reptile_steps), {"source": FAMILY, "n_tasks": 2, "n_points": 3}, LOOP),
    "Run.save": (RUN.save, {}, {"path": [None, 3, "", ["run"], "/dev/null/run"]}),
    "load_run": (load_run, {}, {"path": [None, 3, "", ["run"], "nowhere/at/all/run", "/dev/null/run", "."]}),
    "show": (
        show,
        {"fig": Figure(), "alt": "An empty figure."},
        {"fig": [None, 3, Figure], "alt": [None, "", " \n", 3]},
    ),
}
RECORDS = {"Run", "interrupted_run"}  # no arguments, or what functions return

# What a bad value of an argument is called in the message, where the function knows better than the argument's name.
SPOKEN = {
    "source": "source|a batch",
    "solve": "solve|estimate",
    "features": "features|labels|weights|x",
    "coefficients": "coefficients",
    "effective": "effective|weights",
    "train": "train|features|labels|weights|validation",
    "validation": "validation|features|labels|weights",
    "weights": "weights|features",
    "truth": "truth|estimate",
    "steps": "steps|losses",
}
CAME = r"got|has \d+ \w+ where|has no|all be 0|would take|exceeds|holds no run|cannot be written"
REMEDY = r"; (pass|make|remove|draw|add|scale|use|save|drop) ?|pass|make the two agree|remove or replace|scale|use min"


def cases():
    for name, (function, good, bad) in PUBLIC.items():
        for argument, values in bad.items():
            for number, value in enumerate(values):
                yield pytest.param(function, good, argument, value, id=f"{name}-{argument}-{number}")


@pytest.mark.parametrize(("function", "good", "argument", "value"), list(cases()))
def test_a_bad_argument_is_named_with_what_came_and_what_to_pass(function, good, argument, value):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        function(**{**good, argument: value})
    message = str(caught.value)
    said = r"(must|has|of shape|'.*' holds no run|'.*' cannot be written)"
    opening = rf"({SPOKEN.get(argument, argument)})(\.features)? {said}"
    assert re.match(opening, message) or message.startswith("the result exceeds"), message
    suggestion = re.search(r"pass for example ([\d.e-]+|\(.*\))$", message)
    if suggestion and message.startswith(f"{argument} "):
        function(**{**good, argument: ast.literal_eval(suggestion[1])})
    assert re.search(CAME, message), message
    assert re.search(REMEDY, message), message
    assert "\n" not in message, "one sentence"
    assert len(message) < 400, message


@pytest.mark.parametrize("name", [name for name in PUBLIC if PUBLIC[name][1]])
def test_the_good_arguments_are_good(name):
    function, good, _ = PUBLIC[name]
    function(**good)


def test_every_public_name_is_here():
    functions = set(fourier_meta.__all__) - RECORDS
    assert functions - set(PUBLIC) == set()


def test_every_argument_of_every_public_function_is_here():
    free = {"support", "learn_start", "rest", "told", "settings"}  # whatever is true, or what is passed on
    for name, (function, _, bad) in PUBLIC.items():
        inner = getattr(fourier_meta, name, None) or function
        arguments = set(inspect.signature(inner).parameters) - free
        if name in ("ridge_gradient", "min_norm_gradient"):
            arguments -= {"inner_steps", "inner_rate"}  # without a meaning there
        assert arguments <= set(bad), f"{name}: {arguments - set(bad)}"


# Tensors: shapes are checked here, the numbers are torch's business


@pytest.mark.parametrize(
    ("argument", "shape"),
    [("features", (T, N)), ("features", (T, 0, D)), ("labels", (T, N + 1)), ("labels", (N,)), ("weights", (D + 1,))],
)
def test_tensors_of_a_wrong_shape_are_named(argument, shape):
    good = {"features": torch.zeros(T, N, D), "labels": torch.zeros(T, N), "weights": torch.ones(D)}
    assert gradient_descent(**good).shape == (T, D)
    with pytest.raises(ValueError, match=r"(features|labels|weights) must .*got shape"):
        gradient_descent(**{**good, argument: torch.zeros(shape)})


@pytest.mark.parametrize("argument", ["features", "labels", "weights"])
def test_an_array_among_tensors_is_named(argument):
    good = {"features": torch.zeros(T, N, D), "labels": torch.zeros(T, N), "weights": torch.ones(D)}
    with pytest.raises(ValueError, match=rf"{argument} must be a tensor as the others are, .*torch\.as_tensor"):
        gradient_descent(**{**good, argument: good[argument].numpy()})


def test_a_tensor_that_is_being_differentiated_is_refused_where_numbers_are_needed():
    weights = torch.ones(D, requires_grad=True)
    with pytest.raises(ValueError, match="weights must be an array of real numbers"):
        min_norm(TASKS.features, TASKS.labels, weights)


@pytest.mark.parametrize("rate", [torch.tensor(0.1, requires_grad=True), torch.nn.Parameter(torch.tensor(0.1))])
def test_a_rate_that_carries_a_gradient_is_refused_and_not_silently_cut_off(rate):
    """A learnable inner rate would get no gradient: the conversion to a number drops its graph."""
    good = {"features": torch.zeros(T, N, D), "labels": torch.zeros(T, N), "weights": torch.ones(D)}
    with pytest.raises(ValueError, match=r"inner_rate carries a gradient that would be lost.*inner_rate\.item\(\)"):
        gradient_descent(**good, inner_rate=rate)
    with pytest.raises(ValueError, match="penalty carries a gradient"):
        ridge(TASKS.features, TASKS.labels, rate)


# What other libraries hand over


@pytest.mark.parametrize("argument", ["features", "labels", "weights"])
def test_a_masked_array_is_refused_and_does_not_lose_its_mask(argument):
    good = {"features": TASKS.features, "labels": TASKS.labels, "weights": np.ones(D)}
    masked = np.ma.masked_greater(good[argument], -np.inf)
    with pytest.raises(ValueError, match=rf"{argument} has masked entries.*; drop these points, or fill them"):
        min_norm(**good | {argument: masked})
    open_mask = np.ma.array(good[argument], mask=False)
    np.testing.assert_array_equal(min_norm(**good | {argument: open_mask}), min_norm(**good))


class Nullable:
    """What pandas' nullable columns are to NumPy: an array of Python objects, pandas.NA where nothing is."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=object)


class NAType:
    """Has the name of pandas' missing value, which is all that is looked at."""


def test_nullable_columns_are_numbers_unless_one_is_missing():
    labels = [float(value) for value in TASKS.labels[0]]
    expected = min_norm(TASKS.features[0], labels)
    np.testing.assert_array_equal(min_norm(TASKS.features[0], Nullable(labels)), expected)
    np.testing.assert_array_equal(min_norm(TASKS.features[0], Nullable(labels).__array__()), expected)
    with pytest.raises(ValueError, match="labels must be finite, got 1 NaN or infinite of 4; remove or replace"):
        min_norm(TASKS.features[0], Nullable([*labels[:-1], NAType()]))


# Sizes that no machine holds


@pytest.mark.parametrize(
    "ask",
    [
        lambda: TaskFamily(10**15),
        lambda: TaskFamily().sample(10**13, 4, np.random.default_rng(0)),
        lambda: TaskFamily(10**6 + 1).sample(10**4, 64, np.random.default_rng(0)).features,
        lambda: TaskFamily(10**6 + 1, design="grid").sample(10**3, 10**6, np.random.default_rng(0)),
        lambda: train_maml(TaskFamily(9), steps=10**14),
    ],
)
def test_absurd_sizes_are_answered_in_one_sentence_before_memory_is_asked_for(ask):
    with pytest.raises(ValueError, match=r"of shape \(.*\) would take .* GB and this machine has .* GB; pass smaller"):
        ask()


# Descents that leave the range of numbers


@pytest.mark.parametrize("function", [gradient_descent, joint_descent])
def test_a_descent_that_overflows_names_a_stable_rate(function):
    stable = largest_stable_rate(TASKS.features, np.ones(D)).min()
    with pytest.raises(
        ValueError, match=rf"inner rate 1e\+03, stable below {stable:.3g} .*; pass a smaller inner_rate"
    ):
        function(TASKS.features, TASKS.labels, np.ones(D), 500, 1e3)


@pytest.mark.parametrize("function", [maml_gradient, fomaml_gradient])
def test_a_meta_gradient_through_a_descent_that_overflows_names_a_stable_rate(function):
    stable = largest_stable_rate(TASKS.features, np.ones(D)).min()
    with pytest.raises(
        ValueError, match=rf"inner rate 1e\+03, stable below {stable:.3g} .*; pass a smaller inner_rate"
    ):
        function(np.ones(D), TASKS, AGAIN, 500, 1e3)


def test_coefficients_that_overflow_in_the_last_step_do_not_hide_behind_finite_weights():
    with pytest.raises(ValueError, match=r"inner rate 0\.02, stable below"):
        joint_descent(TASKS.features, 1e200 * TASKS.labels, 1e150 * np.ones(D), inner_steps=1)


@pytest.mark.parametrize("train", [train_maml, train_reptile])
def test_training_ends_with_the_same_advice_and_keeps_what_there_is(train):
    run = train(FAMILY, steps=5, n_tasks=2, n_points=4, inner_steps=500, inner_rate=1e3)
    assert run.status.startswith("diverged at step 1: inner rate 1e+03, stable below ")
    assert run.weights.tolist() == [1] * D


# Nothing to learn from: shapes that agree and hold no task, no point or no feature

REGRESSIONS = {
    "min_norm": min_norm,
    "ridge": lambda features, labels, weights: ridge(features, labels, 0.1, weights),
    "gradient_descent": gradient_descent,
    "joint_descent": joint_descent,
    "largest_stable_rate": lambda features, labels, weights: largest_stable_rate(features, weights),
    "maml_gradient": lambda features, labels, weights: at_tasks(maml_gradient, features, labels, weights),
    "fomaml_gradient": lambda features, labels, weights: at_tasks(fomaml_gradient, features, labels, weights),
}


def at_tasks(gradient, features, labels, weights):
    tasks = Tasks(features, labels)
    return gradient(weights, tasks, tasks)


@pytest.mark.parametrize("shape", [(0, N, D), (T, 0, D), (T, N, 0), (D,)])
@pytest.mark.parametrize("name", REGRESSIONS)
def test_features_that_hold_nothing_are_named_with_their_shape(name, shape):
    with pytest.raises(
        ValueError,
        match=r"features must have shape \((\.\.\.|n_tasks), n_points, n_features\) without a 0, got .*"
        + re.escape(f"{shape}"),
    ):
        REGRESSIONS[name](np.zeros(shape), np.zeros(shape[:-1]), np.ones(shape[-1]))


# The sentences themselves


def sentence(function, *arguments, **named):
    with pytest.raises(ValueError, match=" must be ") as caught:
        function(*arguments, **named)
    return str(caught.value)


@pytest.mark.parametrize(
    ("limits", "bound"),
    [
        ({}, ""),
        ({"minimum": 0}, " of at least 0"),
        ({"minimum": 0, "above": True}, " above 0"),
        ({"maximum": 1}, " and at most 1"),
        ({"minimum": 0.5, "maximum": 1}, " of at least 0.5 and at most 1"),
    ],
)
def test_a_number_out_of_bounds_is_told_the_bounds_that_there_are(limits, bound):
    said = sentence(checks.real, "rate", math.inf, 0.1, **limits)
    assert said == f"rate must be a finite number{bound}, got inf; pass for example 0.1"


def test_numbers_that_are_not_finite_are_counted():
    said = sentence(checks.finite, "labels", np.array([[1, np.nan, 2], [np.inf, -np.inf, 3]]))
    assert said == "labels must be finite, got 3 NaN or infinite of 6; remove or replace them"


def test_a_value_is_shown_on_one_line_of_80_characters():
    assert checks.shown(np.array([[1, 2], [3, 4]])) == "array([[1, 2], [3, 4]])"
    assert checks.shown("long" * 100) == "'" + ("long" * 20)[:79]
