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
from test_properties import SOLVERS

import fourier_meta
from fourier_meta import (
    Adam,
    TaskFamily,
    Tasks,
    alias_classes,
    checks,
    few_shot_risk,
    few_steps,
    fomaml_gradient,
    joint_descent,
    largest_stable_rate,
    maml_gradient,
    maml_steps,
    min_norm,
    reptile_steps,
    ridge,
    train_maml,
    train_reptile,
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
NO_START = [start for start in NO_WEIGHTS if start is not None]
NO_COEFFICIENTS = [*NO_ARRAY, *spoiled(TASKS.coefficients), TASKS.coefficients[:, 1:], TASKS.effective, 3.0]
NO_COEFFICIENTS += [TASKS.coefficients[0], TASKS.coefficients[None]]
NO_EFFECTIVE = [*NO_ARRAY, 3.0, *spoiled(TASKS.effective), TASKS.effective[:, 1:]]
NO_GRADIENT = [*NO_FUNCTION, lambda *told: told]
NO_SOLVER = [
    *NO_FUNCTION,
    lambda features, labels: None,
    lambda features, labels: labels,
    lambda features, labels: features[..., 0, 1:],
    lambda features, labels: NAN * features[..., 0, :],
    lambda features, labels: features[1:, 0],
]
NO_SOURCE = [None, D, TaskFamily, [], [3], [None], iter(()), ["tasks"], [(TASKS, 3)], [TASKS.features]]
NO_SUPPORT = [(), [], (0, 0), (1, 2, 1), (D,), (0, D), (-1,), (0.0, 1), ("0",), (True,), 3, None, "01"]
NO_PATH = [None, 3, "", ["run"], "/dev/null/run"]


def bad_tasks(tasks):
    """Tasks that are none, and tasks that hold numbers which are none, or are too few."""
    wrong = [None, 3, "tasks", (tasks.features, tasks.labels), tasks.features, {"features": tasks.features}]
    wrong += [Tasks(features, tasks.labels) for features in spoiled(tasks.features)]
    wrong += [tasks.relabelled(labels) for labels in spoiled(tasks.labels)]
    return [*wrong, tasks[:2], Tasks(tasks.features[..., 1:], tasks.labels)]


def first_step(loop):
    """A loop that is asked for its first step: arguments are checked then at the latest."""
    return functools.wraps(loop)(lambda **settings: next(loop(**settings)))


# What a name means, it means in every function: argument -> a good value, and bad ones.
ARGUMENTS = {
    "alt": ("An empty figure.", [None, "", " \n", 3]),
    "coefficients": (TASKS.coefficients, NO_COEFFICIENTS),
    "design": ("random", ["", "Random", "uniform", 3, ["random"], True]),
    "dtype": ("float64", ["float16", "float", None, np.float32, 64, ["float64"]]),
    "effective": (TASKS.effective, NO_EFFECTIVE),
    "estimate": (TASKS.effective, [*NO_EFFECTIVE, TASKS.effective[0, 1:], TASKS.effective[1:], 1e200 * np.ones(D)]),
    "family": (FAMILY, [None, "random", TaskFamily, D]),
    "features": (TASKS.features, [*NO_ARRAY, *spoiled(TASKS.features), *reshaped(TASKS.features)]),
    "fig": (Figure(), [None, 3, Figure]),
    "gradient": (maml_gradient, NO_GRADIENT),
    "index": (3, NO_INDEX),
    "inner_rate": (0.1, NO_RATE),
    "inner_steps": (2, NO_INDEX),
    "labels": (TASKS.labels, [*NO_ARRAY, *spoiled(TASKS.labels), *reshaped(TASKS.labels)]),
    "momentum": (0.9, [-0.1, 1, 1.0, *NO_NUMBER]),
    "n_features": (D, NO_COUNT),
    "n_first": (2, [*NO_COUNT, N, N + 1]),
    "n_points": (N, NO_COUNT),
    "n_tasks": (T, NO_COUNT),
    "n_validation": (2, [-1, *NO_INTEGER, 1025]),
    "noise": (0.0, NO_RATE[1:]),
    "outer": (Adam(0.1), [None, 3, "Adam", Adam, lambda *told: told, np.zeros(3)]),
    "path": ("nowhere", NO_PATH),
    "penalty": (0.1, NO_RATE),
    "rate": (0.1, NO_RATE),
    "resume": (None, [3, "run", "nowhere/run.json", {}]),
    "rng": (RNG, NO_RNG),
    "seed": (0, NO_INDEX),
    "solve": (min_norm, NO_SOLVER),
    "source": (FAMILY, NO_SOURCE),
    "start": (None, NO_START),
    "steps": (2, [*NO_COUNT, 10**15]),
    "support": ((0, 1), NO_SUPPORT),
    "train": (TASKS, bad_tasks(TASKS)),
    "truth": (TASKS.effective, [*NO_EFFECTIVE, TASKS.effective[0, 1:], TASKS.effective[1:], 1e200 * np.ones(D)]),
    "validation": (AGAIN, bad_tasks(AGAIN)),
    "weights": (np.ones(D), NO_START),  # without any, each is 1
    "x": (TASKS.x, [*NO_ARRAY, *spoiled(TASKS.x)]),
}
FREE = {"learn_start"}  # whatever is true
FREE |= {(name, free) for name in ("ridge_gradient", "min_norm_gradient") for free in ("inner_steps", "inner_rate")}

FUNCTIONS = {name: getattr(fourier_meta, name) for name in fourier_meta.__all__}
del FUNCTIONS["Run"], FUNCTIONS["interrupted_run"]  # what functions return, and no arguments
FUNCTIONS |= {
    "TaskFamily.draw_coefficients": FAMILY.draw_coefficients,
    "TaskFamily.observe": FAMILY.observe,
    "TaskFamily.observe_at": TaskFamily(D, noise=0.1).observe_at,
    "TaskFamily.sample": FAMILY.sample,
    "TaskFamily.unseen": FAMILY.unseen,
    "Tasks.split": TASKS.split,
    "alias_classes.members": alias_classes(N, D).members,
    "Run.save": RUN.save,
    "show": show,
    "maml_steps": first_step(maml_steps),
    "reptile_steps": first_step(reptile_steps),
    "train_maml": functools.wraps(maml_steps)(functools.partial(train_maml)),
    "train_reptile": functools.wraps(reptile_steps)(functools.partial(train_reptile)),
}
DRAWING = ["TaskFamily.sample", "TaskFamily.observe", "TaskFamily.unseen", "few_shot_risk"]
LOOPS = ["maml_steps", "reptile_steps", "train_maml", "train_reptile"]

# Where a function takes more than the others do, or less: the bad values that it has in place of the above ...
INSTEAD = {
    ("TaskFamily", "design"): [*ARGUMENTS["design"][1], None],
    ("Tasks", "features"): [
        *NO_ARRAY,
        TASKS.features[0],
        TASKS.features[..., 0],
        TASKS.features[:0],
        TASKS.features[1:],
    ],
    ("Tasks", "labels"): [*NO_ARRAY, *reshaped(TASKS.labels)],  # whether they are finite is asked where they are used
    ("Tasks", "x"): [*NO_ARRAY[1:], *reshaped(TASKS.x)],
    ("Tasks", "effective"): [*NO_ARRAY[1:], *reshaped(TASKS.effective)],
    ("largest_stable_rate", "features"): [*NO_ARRAY, *spoiled(TASKS.features), TASKS.features[..., 1:]],
    ("share", "weights"): [*NO_ARRAY, 3.0, *spoiled(np.ones(D)), np.zeros(D)],
    ("share", "support"): NO_SUPPORT[2:],  # no feature has no share
    ("on_top", "weights"): [*NO_ARRAY, 3.0, *spoiled(np.ones(D))],
    ("load_run", "path"): [*NO_PATH, "nowhere/at/all/run", "."],
}
NO_FIRST_WEIGHTS = [weights for weights in NO_WEIGHTS if not isinstance(weights, float)]  # a number: one for all
NO_FIRST_WEIGHTS += ["one", "", "Ones", NAN, True, {}, 1j, max]
INSTEAD |= {(loop, "weights"): NO_FIRST_WEIGHTS for loop in LOOPS}
# ... and those that it has besides.
BESIDES = {
    ("TaskFamily.observe_at", "x"): [TASKS.x[0], TASKS.x[None], TASKS.x[1:], 3.0],
    ("aliased_min_norm", "effective"): [TASKS.effective[..., None]],
    ("aliased_min_norm", "weights"): [None],
    ("alias_classes.members", "index"): [D, 10**20],
    ("Interpolate", "rate"): [1.01, 2],
    ("largest_stable_rate", "features"): [TASKS.features[0, 0]],
    ("min_norm_gradient", "weights"): [np.eye(D)[0]],
    ("ridge", "penalty"): [1e-300, 1e-17],
}
BESIDES |= {(name, "n_points"): [1025] for name in (*DRAWING, *LOOPS)}


def arguments(name):
    return inspect.signature(FUNCTIONS[name]).parameters.keys()


def good(name):
    return {argument: ARGUMENTS[argument][0] for argument in arguments(name) if argument not in FREE}


def bad(name, argument):
    if argument in FREE or (name, argument) in FREE:
        return []
    return INSTEAD.get((name, argument), ARGUMENTS[argument][1]) + BESIDES.get((name, argument), [])


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
    for name in FUNCTIONS:
        for argument in arguments(name):
            for number, value in enumerate(bad(name, argument)):
                yield pytest.param(name, argument, value, id=f"{name}-{argument}-{number}")


@pytest.mark.parametrize(("name", "argument", "value"), list(cases()))
def test_a_bad_argument_is_named_with_what_came_and_what_to_pass(name, argument, value):
    function, others = FUNCTIONS[name], good(name)
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        function(**{**others, argument: value})
    message = str(caught.value)
    said = r"(must|has|of shape|'.*' holds no run|'.*' cannot be written)"
    opening = rf"({SPOKEN.get(argument, argument)})(\.features)? {said}"
    assert re.match(opening, message) or message.startswith("the result exceeds"), message
    suggestion = re.search(r"pass for example ([\d.e-]+|\(.*\))$", message)
    if suggestion and message.startswith(f"{argument} "):
        function(**{**others, argument: ast.literal_eval(suggestion[1])})
    assert re.search(CAME, message), message
    assert re.search(REMEDY, message), message
    assert "\n" not in message, "one sentence"
    assert len(message) < 400, message


@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - {"Run.save", "load_run"}))
def test_the_good_arguments_are_good(name):
    FUNCTIONS[name](**good(name))


# Tensors


def test_a_tensor_that_is_being_differentiated_is_refused_where_numbers_are_needed():
    weights = torch.ones(D, requires_grad=True)
    with pytest.raises(ValueError, match="weights must be an array of real numbers"):
        min_norm(TASKS.features, TASKS.labels, weights)


@pytest.mark.parametrize("rate", [torch.tensor(0.1, requires_grad=True), torch.nn.Parameter(torch.tensor(0.1))])
def test_a_rate_that_carries_a_gradient_is_refused_and_not_silently_cut_off(rate):
    """A learnable inner rate would get no gradient: the conversion to a number drops its graph."""
    with pytest.raises(ValueError, match=r"inner_rate carries a gradient that would be lost.*inner_rate\.item\(\)"):
        few_steps(TASKS.features, TASKS.labels, np.ones(D), inner_rate=rate)
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
        lambda: few_shot_risk(TaskFamily(100_001), 100_000, min_norm, n_tasks=1),
    ],
)
def test_absurd_sizes_are_answered_in_one_sentence_before_memory_is_asked_for(ask):
    with pytest.raises(ValueError, match=r"of shape \(.*\) would take .* GB and this machine has .* GB; pass smaller"):
        ask()


# Descents that leave the range of numbers


@pytest.mark.parametrize("function", [few_steps, joint_descent])
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


# Nothing to learn from: shapes that agree and hold no task, no point or no feature


@pytest.mark.parametrize("shape", [(0, N, D), (T, 0, D), (T, N, 0), (D,)])
@pytest.mark.parametrize("name", SOLVERS)
def test_features_that_hold_nothing_are_named_with_their_shape(name, shape):
    with pytest.raises(
        ValueError,
        match=r"features must have shape \((\.\.\.|n_tasks), n_points, n_features\) without a 0, got .*"
        + re.escape(f"{shape}"),
    ):
        SOLVERS[name](np.zeros(shape), np.zeros(shape[:-1]), np.ones(shape[-1]))


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
