"""The checks of the exercises: right answers pass in any form, wrong ones get the sentence that helps.

A check that is new gets an entry in RIGHT and in WRONG; the notebooks must hold it in the form that a reader meets.
"""

import copy
import functools
import re

import checkout
import numpy as np
import pytest

from fourier_meta import (
    Tasks,
    exercises,
    few_steps,
    fomaml_gradient,
    maml_gradient,
    maml_steps,
    min_norm,
    rivals,
    share,
    train_maml,
)
from fourier_meta.bayes import empirical_bayes
from fourier_meta.features import fourier_features
from fourier_meta.tasks import dense_size

CHECKS = sorted(name for name in vars(exercises) if re.fullmatch(r"check_\w\d?_\d", name))
RIGHT = {}  # name of a check -> answers that pass
WRONG = {}  # name of a check -> pairs (answer, words of the sentence that it gets)


# 01_setup


def draw(n_tasks, n_features, rng, scale=2, columns=(3, 10)):
    effective = np.zeros((n_tasks, n_features))
    effective[:, list(columns)] = scale * rng.standard_normal((n_tasks, len(columns)))
    return effective


def other(columns, make):
    """A function to draw with, whose true columns `make` makes from the number of tasks and rng."""

    def answer(n_tasks, n_features, rng):
        effective = np.zeros((n_tasks, n_features))
        effective[:, columns] = make(n_tasks, rng)
        return effective

    return answer


def stranger(features, effective, rng):
    direction = rng.standard_normal(len(effective))
    return effective + direction - np.linalg.pinv(features) @ (features @ direction)


def always_one(n_tasks, n_features, rng):
    return draw(n_tasks, n_features, np.random.default_rng(0))


RIGHT["check_01_1"] = [10, 10.0, np.int64(10), np.array([10]), [10], np.array(10)]
WRONG["check_01_1"] = [
    (5, "sin 3πx"),
    (9, "sin 5πx"),
    (20, "cos 10πx"),
    (-10, "negative"),
    (10.5, "whole number"),
    ([10, 9], "this has 2"),
    ("10", "this is '10'"),
    (None, "nothing"),
    (len, "a function"),
    (np.nan, "nan"),
]
RIGHT["check_01_2"] = [157, 157.0, [157]]
WRONG["check_01_2"] = [(193, "64 points"), (100, "can see"), (156, "Each point is one equation")]
RIGHT["check_01_3"] = [draw, lambda n, d, rng: draw(n, d, rng).tolist()]
WRONG["check_01_3"] = [
    (lambda n, d, rng: np.ones((n, d)) + draw(n, d, rng), "All columns but 3 and 10"),
    (other([3, 10], lambda n, rng: 5 + 2 * rng.standard_normal((n, 2))), "mean over many tasks"),
    (other([3, 10], lambda n, rng: 2 * rng.standard_normal((n, 1))), "independently"),
    (other([3, 10], lambda n, rng: 2 * rng.standard_normal((1, 2))), "of its own"),
    (other([3, 10], lambda n, rng: 2 * rng.choice([-1, 1], (n, 2))), "Gaussian"),
    (other([3, 10], lambda n, rng: rng.uniform(-(12**0.5), 12**0.5, (n, 2))), "Gaussian"),
    (other([3, 10], lambda n, rng: np.random.standard_normal((n, 2)) * 2), "same rng"),  # noqa: NPY002
    (lambda n, d, rng: draw(n, 20, rng), "The shape must be (4000, 65); this is (4000, 20)."),
    (lambda n, d, rng: draw(n, 65, rng), "(2, 257)"),
    (always_one, "Another rng"),
    (lambda n, d, rng: draw(n, d, rng, scale=1), "standard deviation"),
    (lambda n, d, rng: draw(n, d, rng, columns=(3, 9)), "All columns but 3 and 10"),
    (lambda n, d, rng: None, "end it with return"),
    (lambda n, d, rng: 1 / 0, "The function raised ZeroDivisionError: division by zero."),
    (lambda n, rng: draw(n, 65, rng), "The function raised TypeError"),
    (None, "the function itself"),
    (np.zeros((4000, 65)), "the function itself"),
]
RIGHT["check_01_4"] = [stranger]
WRONG["check_01_4"] = [
    (lambda features, effective, rng: effective, "must differ"),
    (lambda features, effective, rng: effective + rng.standard_normal(len(effective)), "labels differ"),
    (lambda features, effective, rng: stranger(features, effective, np.random.default_rng(0)), "Another rng"),
    (lambda features, effective, rng: stranger(features, effective, rng)[None], "The shape"),
]


# 02_overfitting


def weights_with(tau, n_features=257):
    weights = np.full(n_features, tau)
    weights[:3] = 1
    return weights


def oracle(features, labels, support, solve=lambda A, b: np.linalg.lstsq(A, b)[0]):
    effective = np.zeros(features.shape[1])
    effective[list(support)] = solve(features[:, list(support)], labels)
    return effective


def pursuit(features, labels, n_true, refit=True, size=np.abs):
    picked, effective = [], np.zeros(features.shape[1])
    residual = labels
    for _ in range(n_true):
        picked.append(np.argmax(size(features.T @ residual)))
        if refit:
            effective[picked] = np.linalg.lstsq(features[:, picked], labels)[0]
        else:
            column = features[:, picked[-1]]
            effective[picked[-1]] += column @ residual / (column @ column)
        residual = labels - features @ effective
    return effective


RIGHT["check_02_1"] = [
    {3, 95, 103, 195, 203},
    [203, 3, 95, 103, 195],
    (3, 95.0, 103, 195, 203),
    np.array([3, 95, 103, 195, 203]),
]
WRONG["check_02_1"] = [
    ({3}, "there are more"),
    (3, "there are more"),
    ({3, 53, 103, 153, 203, 253}, "Feature 53 does not look like feature 3"),
    ({3, 96, 104, 196, 204}, "Feature 96"),
    ({95, 103, 195, 203}, "looks like itself"),
    (["a"], "Give a set of whole numbers"),
    ({3, 1.5}, "1.5 is none"),
]
RIGHT["check_02_2"] = [weights_with(0.05), weights_with(0.05).tolist(), -weights_with(0.01), weights_with(0.02, 513)]
WRONG["check_02_2"] = [
    (np.ones(257), "survives 0.25"),
    (weights_with(0.0), "No weight may be 0"),
    (np.full(257, 0.01), "survives 0.25"),
    (0.5, "one weight for each feature"),
    (np.ones(3), "one weight for each feature"),
    (None, "nothing"),
]
RIGHT["check_02_3"] = [oracle, lambda features, labels, support: oracle(features, labels, support).tolist()]
WRONG["check_02_3"] = [
    (lambda features, labels, support: min_norm(features, labels), "Only the features of the support"),
    (functools.partial(oracle, solve=np.linalg.solve), "LinAlgError"),
    (lambda features, labels, support: oracle(features, labels, (0, 1, 2)), "Only the features of the support"),
    (lambda features, labels, support: np.zeros(features.shape[1]), "must be exact"),
    (functools.partial(oracle, solve=lambda A, b: np.linalg.solve(A[: A.shape[1]], b[: A.shape[1]])), "least-squares"),
    (lambda features, labels, support: oracle(features, labels, support)[:3], "The shape must be (65,)"),
    (np.zeros(65), "the function itself"),
]
RIGHT["check_02_4"] = [pursuit, lambda X, y, n: rivals.matching_pursuit(X[None], y[None], n)[0]]
WRONG["check_02_4"] = [
    (functools.partial(pursuit, refit=False), "fit all picked features again"),
    (functools.partial(pursuit, size=np.array), "correlates most"),
    (lambda features, labels, n_true: min_norm(features, labels), "Asked for 1"),
    (lambda features, labels, n_true: oracle(features, labels, range(n_true)), "correlates most"),
]


# 03_maml


def first_order(weights, train, validation, inner_steps, inner_rate, scale=1.0):
    return scale * fomaml_gradient(weights, train, validation, inner_steps, inner_rate)[1]


def exact_gradient(weights, train, validation, inner_steps, inner_rate):
    return maml_gradient(weights, train, validation, inner_steps, inner_rate)[1]


def start_gradient(theta, features, labels, unseen, targets, inner_steps, inner_rate, through=True):
    train, held_out = Tasks(features[None], labels[None]), Tasks(unseen[None], targets[None])
    ones = np.ones(len(theta))
    if through:
        return maml_gradient(ones, train, held_out, inner_steps, inner_rate, start=theta)[2]
    end = theta + few_steps(features, labels - features @ theta, ones, inner_steps, inner_rate)
    return 2 / len(targets) * unseen.T @ (unseen @ end - targets)


RIGHT["check_03_1"] = [10, 10.0, [10], -10, 9.95]
WRONG["check_03_1"] = [(5, "0.02"), (100, "its square"), (4, "multiplies the error by 0.84"), (7.07, "by 0.5")]
RIGHT["check_03_2"] = [first_order, lambda *settings: first_order(*settings).tolist()]
WRONG["check_03_2"] = [
    (exact_gradient, "the exact gradient"),
    (functools.partial(first_order, scale=-1), "sign"),
    (functools.partial(first_order, scale=3), "3 times"),
    (lambda weights, train, validation, inner_steps, inner_rate: weights, "differ"),
    (np.zeros(9), "the function itself"),
]
RIGHT["check_03_3"] = [start_gradient]
WRONG["check_03_3"] = [
    (functools.partial(start_gradient, through=False), "first order"),
    (lambda theta, *others: 0 * theta, "largest error"),
    (lambda theta, *others: 0.0, "The shape must be (9,)"),
]


# 04_reptile


def reptile_step(theta, features, labels, inner_steps, inner_rate, step_size, part=1.0):
    ends = theta + few_steps(features, labels - features @ theta, np.ones(len(theta)), inner_steps, inner_rate)
    return theta + part * step_size * (ends.mean(axis=0) - theta)


def whole_step(theta, features, labels, inner_steps, inner_rate, step_size):
    return reptile_step(theta, features, labels, inner_steps, inner_rate, 1)


RIGHT["check_04_1"] = [1.3, [1.3], 1.299]
WRONG["check_04_1"] = [(-1.3, "keeps its sign"), (1.2, "w^2 - alpha^2"), (1.7, "w^2 - alpha^2"), (1.09, "-0.252")]
RIGHT["check_04_2"] = [2**0.5, 1.4142, [1.41]]
WRONG["check_04_2"] = [(2, "That is the product"), (1, "-3"), (-1.414, "sign"), (200, "4e+04")]
RIGHT["check_04_3"] = [reptile_step, lambda *arguments: reptile_step(*arguments).tolist()]
WRONG["check_04_3"] = [
    (lambda theta, *others: theta, "did not move"),
    (functools.partial(reptile_step, part=-1), "away"),
    (functools.partial(reptile_step, part=0.5), "largest error"),
    (whole_step, "all the way"),
    (None, "the function itself"),
]


# 05_mechanisms


def one_scale(parameters, gradient, state, progress, size=0.1):
    largest = np.abs(gradient).max() or 1.0
    return parameters - size * gradient / largest, None


def decaying(parameters, gradient, state, progress, kept=0.98):
    return kept * (parameters - 0.5 * (1 - progress) * gradient), None


RIGHT["check_05_1"] = [16 * 0.02**2 * 2**3 * 3 / 64, 0.0024, [0.0024]]
WRONG["check_05_1"] = [(-0.0024, "positive"), (0.0003, "size 1"), (1.0, "w = 2")]
RIGHT["check_05_2"] = [one_scale]
WRONG["check_05_2"] = [
    (functools.partial(one_scale, size=-0.1), "Move down"),
    (functools.partial(one_scale, size=0.2), "by 0.1"),
    (lambda parameters, gradient, state, progress: (parameters - 0.1 * np.sign(gradient), None), "in proportion"),
    (lambda parameters, gradient, state, progress: one_scale(parameters, gradient, state, progress)[0], "two things"),
    (lambda parameters, gradient, state, progress: (parameters - 0.1 * gradient / np.abs(gradient).max(), 0), "zeros"),
]
RIGHT["check_05_3"] = [decaying]
WRONG["check_05_3"] = [
    (functools.partial(decaying, kept=1), "decay a little"),
    (functools.partial(decaying, kept=0.999), "share ends at"),
    (lambda parameters, gradient, state, progress: 0.9 * parameters, "two things"),
]


# 06_prior


def em_step(features, labels, variances, noise, spread=True, over=np.mean):
    covariance = (features * variances) @ features.mT + noise**2 * np.eye(labels.shape[1])
    inverse = np.linalg.inv(covariance)
    mean = variances * np.vecmat(np.matvec(inverse, labels), features)
    variance = variances - variances**2 * np.sum((inverse @ features) * features, axis=1)
    return over(mean**2 + spread * variance, axis=0)


def trained(tasks):
    return train_maml([tasks] * 200, steps=200, inner_rate=0.01).weights


RIGHT["check_06_1"] = [0.3**2 / 8, [0.01125], np.array(0.01125)]
WRONG["check_06_1"] = [
    (0.09, "the mean of the squared errors"),
    (0.3 / 8, "not its standard deviation"),
    (-1, "positive"),
    (0.1, "compare it with ridge"),
    (None, "nothing"),
]
RIGHT["check_06_2"] = [em_step, lambda *arguments: em_step(*arguments).tolist()]
WRONG["check_06_2"] = [
    (functools.partial(em_step, spread=False), "posterior variance is missing"),
    (functools.partial(em_step, over=np.sum), "take the mean"),
    (lambda features, labels, variances, noise: variances, "squared mean plus variance"),
    (lambda features, labels, variances, noise: -variances, "A variance is positive"),
    (lambda features, labels, variances, noise: variances[:3], "The shape must be (33,)"),
    (np.ones(33), "the function itself"),
]
RIGHT["check_06_3"] = [
    lambda tasks: empirical_bayes(tasks).variances,
    rivals.group_lasso_weights,
    lambda tasks: np.log(empirical_bayes(tasks).weights + 1e-9).tolist(),
    lambda tasks: np.abs(trained(tasks)),
]
WRONG["check_06_3"] = [
    (rivals.moments, "other features score higher"),
    (lambda tasks: np.arange(65) < 3, "other features score higher"),
    (lambda tasks: np.ones(65), "the same score"),
    (lambda tasks: tasks.effective.std(axis=0), "NoneType"),
    (lambda tasks: np.ones(3), "The shape must be (65,)"),
]


# 07_classification


def flipped(tasks, part, rng):
    return tasks.relabelled(tasks.labels * np.where(rng.random(tasks.labels.shape) < part, -1, 1))


def flips_exactly(tasks, part, rng):
    labels = tasks.labels.copy().ravel()
    labels[rng.choice(labels.size, int(part * labels.size), replace=False)] *= -1
    return Tasks(tasks.features, labels.reshape(tasks.labels.shape))


def flips_in_place(tasks, part, rng):
    tasks.labels *= np.where(rng.random(tasks.labels.shape) < part, -1, 1)
    return tasks


def flips_the_first(tasks, part, rng):
    place = np.arange(tasks.n_points) < part * tasks.n_points
    return tasks.relabelled(np.where(place, -tasks.labels, tasks.labels))


RIGHT["check_07_1"] = [0.5, 1 / 2, np.float64(0.5), [0.5]]
WRONG["check_07_1"] = [(0, "turn it round"), (1, "the last part of (2)"), (2, "between 0 and 1"), (None, "nothing")]
RIGHT["check_07_2"] = [rivals.smoothness_weights(257, 1), rivals.smoothness_weights(257, 1).tolist()]
WRONG["check_07_2"] = [
    (np.ones(257), "many waves, and low ones most"),
    (np.arange(257) < 3, "Three waves"),
    (np.ones(3), "The shape must be (257,)"),
    (rivals.smoothness_weights, "a function"),
]
RIGHT["check_07_3"] = [flipped, flips_exactly]
WRONG["check_07_3"] = [
    (flips_in_place, "flip a copy"),
    (flips_the_first, "as likely to be flipped"),
    (lambda tasks, part, rng: tasks, "it flips 0.00"),
    (lambda tasks, part, rng: tasks.labels, "Return tasks"),
    (lambda tasks, part, rng: tasks.relabelled(-tasks.labels), "it flips 1.00"),
    (lambda tasks, part, rng: tasks.relabelled(0 * tasks.labels), "kept or flipped"),
    (lambda tasks, part, rng: Tasks(0 * tasks.features, tasks.labels), "The features must stay"),
    (lambda tasks, part, rng: flipped(tasks, part, np.random.default_rng(0)), "Another rng"),
    (None, "the function itself"),
]


# 08_million


def pulled(x, values, n_features, sign=-1, turn=1):
    n_places = dense_size(n_features)
    places = np.rint(x * n_places / 2).astype(int) % n_places
    waves = np.fft.rfft(np.bincount(places, values, n_places))
    result = np.empty(n_features)
    result[0] = waves[0].real
    result[1::2] = sign * np.sqrt(2) * waves.imag[1 : n_features // 2 + 1]
    result[2::2] = turn * np.sqrt(2) * waves.real[1 : (n_features + 1) // 2]
    return result


def pulled_once(x, values, n_features):
    once, first = np.unique(x, return_index=True)
    return pulled(once, values[first], n_features)


RIGHT["check_08_1"] = [3.9e6, 4e9 / 1024, np.array([3_906_250]), 4e6]
WRONG["check_08_1"] = [
    (4e9 / 128, "takes 8 bytes"),
    (4e9 / 512, "held-out points have features"),
    (257, "4e9 bytes in all"),
    (None, "nothing"),
]
RIGHT["check_08_2"] = [pulled, lambda *arguments: pulled(*arguments).tolist()]
WRONG["check_08_2"] = [
    (functools.partial(pulled, sign=1), "sines: other numbers"),
    (functools.partial(pulled, turn=2), "cosines: other numbers"),
    (lambda x, values, n_features: 0 * pulled(x, values, n_features), "the constant: other numbers"),
    (pulled_once, "count twice"),
    (lambda x, values, n_features: fourier_features(x, n_features).T @ values, "all features were made"),
    (lambda x, values, n_features: values, "The shape must be (257,)"),
    (np.ones(257), "the function itself"),
]
RIGHT["check_08_3"] = [(12, 10), [12, 10], np.array([12, 10])]
WRONG["check_08_3"] = [
    ((1, 120), "of 3 draws"),
    ((40, 3), "of 3 draws"),
    ((15, 64), "there are 120"),
    ((0, 5), "at least 1"),
    (120, "The shape must be (2,)"),
]


# 09_traffic


def principal_curves(days, n_curves, centre=True, scale=None, first=0):
    centred = days - days.mean(axis=0) if centre else days
    _, size, directions = np.linalg.svd(centred, full_matrices=False)
    deviations = size / np.sqrt(len(days)) if scale is None else np.full(len(size), scale)
    return np.roll(directions, -first, axis=0)[:n_curves].T * np.roll(deviations, -first)[:n_curves]


def next_hour(covariance, hours, noise, forget=False, ignore_noise=False):
    left = []
    for hour in range(len(covariance)):
        chosen = [hour] if forget else [*hours, hour]
        gram = covariance[np.ix_(chosen, chosen)] + (0 if ignore_noise else noise) * np.eye(len(chosen))
        left.append(np.trace(covariance[:, chosen] @ np.linalg.solve(gram, covariance[chosen])))
    return np.argmax(left)


def largest_variance(covariance, hours, noise):
    return np.argmax(np.diag(covariance))


RIGHT["check_09_1"] = [3, 3.0, np.array([3])]
WRONG["check_09_1"] = [(0, "count from 1"), (1, "a third"), (2, "slightly more"), (4, "Fewer"), (2.5, "whole number")]
RIGHT["check_09_2"] = [
    principal_curves,
    lambda days, n: -principal_curves(days, n),
    lambda days, n: principal_curves(days, n) * np.sqrt(60 / 59),
    lambda days, n: principal_curves(days, n).tolist(),
]
WRONG["check_09_2"] = [
    (functools.partial(principal_curves, centre=False), "Subtract the mean"),
    (functools.partial(principal_curves, scale=1.0), "standard deviation"),
    (functools.partial(principal_curves, first=1), "largest first"),
    (lambda days, n: principal_curves(days, n).T, "shape"),
    (lambda days, n: 0 * principal_curves(days, n), "may be 0"),
    (lambda days, n: None, "return"),
]
RIGHT["check_09_3"] = [next_hour, lambda *given: [next_hour(*given)], lambda *given: float(next_hour(*given))]
WRONG["check_09_3"] = [
    (functools.partial(next_hour, forget=True), "After reading"),
    (functools.partial(next_hour, ignore_noise=True), "another hour"),
    (largest_variance, "another hour"),
    (lambda *given: 24, "is none"),
    (7, "function"),
]


# 10_networks


def share_of_trace(kernel, functions):
    basis, _ = np.linalg.qr(functions)
    return np.trace(basis.T @ kernel @ basis) / np.trace(kernel)


def residuals_after(kernel, residuals, rate, steps):
    for _ in range(steps):
        residuals = residuals - 2 * rate / len(residuals) * kernel @ residuals
    return residuals


RIGHT["check_10_1"] = [share_of_trace, lambda kernel, functions: [share_of_trace(kernel, functions)]]
WRONG["check_10_1"] = [
    (lambda kernel, functions: np.trace(functions.T @ kernel @ functions) / np.trace(kernel), "overlap"),
    (lambda kernel, functions: share_of_trace(kernel, functions) * np.trace(kernel), "differs"),
    (lambda kernel, functions: 0.5, "differs"),
    (0.5, "the function itself"),
]
RIGHT["check_10_2"] = [25, 25.0, [25], np.array(25)]
WRONG["check_10_2"] = [(50, "0.01"), (5, "0.2 of the wave"), (0.02, "and 1 is wanted"), (None, "nothing")]
RIGHT["check_10_3"] = [residuals_after, lambda *arguments: residuals_after(*arguments).tolist()]
WRONG["check_10_3"] = [
    (lambda kernel, residuals, rate, steps: residuals_after(kernel, residuals, rate, 1), "Without a step"),
    (lambda kernel, residuals, rate, steps: residuals_after(kernel, residuals, -rate, steps), "the sign"),
    (lambda kernel, residuals, rate, steps: residuals_after(kernel, residuals, rate / 2, steps), "the factor"),
    (lambda kernel, residuals, rate, steps: residuals_after(kernel, residuals, rate, min(steps, 1)), "Every step"),
    (lambda kernel, residuals, rate, steps: residuals[:2], "The shape must be (6,)"),
]


# A_report


def differences(a, b):
    return {name for name in set(a.config) | set(b.config) if a.config.get(name) != b.config.get(name)}


def first_step(family, wanted, late=0, at_least=False):
    for run in maml_steps(family, n_points=16, n_validation=16):
        on_support = share(run.weights, family.support)
        if on_support > wanted or (at_least and on_support > wanted / 2):
            break
    return run.step + late


def track(steps, path, mode="a", line="{0.step},{0.loss}\n", last=True):
    for run in steps:
        with open(path, mode) as file:
            file.write(line.format(run))
    return run if last else run.step


def track_at_the_end(steps, path):
    runs = list(steps)
    path.write_text("".join(f"{run.step},{run.loss}\n" for run in runs))
    return runs[-1]


RIGHT["check_A_1"] = [differences, lambda a, b: sorted(differences(a, b))]
WRONG["check_A_1"] = [
    (lambda a, b: set(a.config), "does not differ from itself"),
    (lambda a, b: {name for name in a.config if a.config[name] != b.config.get(name)}, "must not matter which"),
    (lambda a, b: [a.config["noise"]] if a.config != b.config else [], "give the names"),
    (lambda a, b: a.config - b.config, "The function raised TypeError"),
]
RIGHT["check_A_2"] = [first_step, lambda family, wanted: np.array([first_step(family, wanted)])]
WRONG["check_A_2"] = [
    (lambda family, wanted: first_step(family, wanted, late=1), "too late"),
    (lambda family, wanted: 1000, "too late"),
    (lambda family, wanted: first_step(family, wanted, at_least=True), "still at most"),
    (lambda family, wanted: None, "end it with return"),
]
RIGHT["check_A_3"] = [track, functools.partial(track, line="{0.step}, {0.loss:.6f}\n")]
WRONG["check_A_3"] = [
    (functools.partial(track, mode="w"), "the file has 1 lines"),
    (functools.partial(track, line="{0.step};{0.loss}\n"), "two numbers and a comma"),
    (functools.partial(track, line="{0.loss},{0.step}\n"), "The first number"),
    (functools.partial(track, line="{0.step},{0.step}\n"), "The second number"),
    (functools.partial(track, last=False), "Return the last run"),
    (track_at_the_end, "as soon as its run comes"),
    (lambda steps, path: list(steps)[-1], "There is no file"),
]


# What holds for all of them


def said(name, answer, capsys):
    """What a check prints and returns."""
    right = getattr(exercises, name)(answer)
    assert type(right) is bool
    return capsys.readouterr().out, right


def cases(answers):
    return [pytest.param(name, answer, id=f"{name}-{i}") for name in answers for i, answer in enumerate(answers[name])]


@pytest.mark.parametrize(("name", "answer"), cases(RIGHT))
def test_a_right_answer_passes_in_any_form_and_is_left_as_it_is(name, answer, capsys):
    before = copy.deepcopy(answer)
    assert said(name, answer, capsys) == ("Right.\n", True)
    if not callable(answer):
        np.testing.assert_equal(answer, before)


@pytest.mark.parametrize(("name", "pair"), cases(WRONG))
def test_a_wrong_answer_gets_one_line_that_helps(name, pair, capsys):
    answer, words = pair
    line, right = said(name, answer, capsys)
    assert not right
    assert re.fullmatch(r"Not right yet\. [^\n]*\.\n", line)
    assert words in line


def test_every_check_has_right_and_wrong_answers():
    assert set(RIGHT) == set(WRONG) == set(CHECKS)
    assert min(len(answers) for answers in WRONG.values()) >= 3


@pytest.mark.parametrize("name", CHECKS)
def test_whatever_the_answer_is_there_is_one_sentence(name, capsys):
    assert said(name, ..., capsys) == ("Not answered yet.\n", False)
    for answer in (None, "words", {}, [[1], [1, 2]], object(), (n for n in "ab"), 1j, lambda: 0, [], print):
        line, right = said(name, answer, capsys)
        assert not right
        assert re.search(r"Not right yet\. [^\n]*\.\n\Z", line), line


def test_what_a_function_of_the_readers_does_to_its_arguments_is_lost():
    ours = np.ones(3)

    def overwrites(array):
        array[:] = 0
        return array

    assert not exercises.call(overwrites, ours).any()
    assert ours.all()


def test_an_interrupt_is_not_a_wrong_answer():
    def interrupted(n_tasks, n_features, rng):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        exercises.check_01_3(interrupted)


# The notebooks

CALL = re.compile(r"\bcheck_\w\d?_\d(?=\()")


def outcome(cell):
    """What a cell printed and returned."""
    return [output.text if output.output_type == "stream" else output.data["text/plain"] for output in cell.outputs]


@pytest.mark.parametrize("path", checkout.stored_notebooks(), ids=lambda path: path.stem)
def test_an_exercise_is_a_question_an_open_cell_and_a_folded_solution_that_passes(path):
    cells = checkout.read(path).cells
    opened = [i for i, cell in enumerate(cells) if cell.cell_type == "code" and " = ...\n" in cell.source]
    prefix = f"check_{path.stem.partition('_')[0]}_"
    assert len(opened) >= 3
    for number, i in enumerate(opened, start=1):
        question, cell, solution = cells[i - 1 : i + 2]
        assert f"**Exercise {number}" in question.source
        assert "<details>" not in question.source
        assert CALL.findall(cell.source) == CALL.findall(solution.source) == [f"{prefix}{number}"]
        assert outcome(cell) == ["Not answered yet.\n", "False"]
        assert checkout.tags(solution) == ["solution"]
        assert outcome(solution) == ["Right.\n", "True"]


def test_every_check_is_asked_somewhere():
    stored = [path.read_text(encoding="utf-8") for path in checkout.stored_notebooks()]
    assert set(CALL.findall("".join(stored))) == set(CHECKS)
