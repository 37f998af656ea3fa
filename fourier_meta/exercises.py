"""The checks of the book's exercises: `check_02_1(answer)` says whether exercise 1 of notebook 02 is answered.

A check is a generator under `@exercise`. It yields (met, sentence) for one requirement after the other; the sentence
says what is missed, never the solution. The first one that is not met is printed and ends the check. Checks bring their
own tasks, so they hold whatever the settings of a notebook are; nothing of the reader's is changed, as answers are
copied.
"""

import copy
import functools
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np

from fourier_meta import checks
from fourier_meta.bayes import empirical_bayes, log_marginal_likelihood, posterior_mean
from fourier_meta.classification import sign_labels, sign_scores
from fourier_meta.features import alias_classes, feature_name, fourier_features
from fourier_meta.maml import fomaml_gradient, maml_gradient, maml_steps, train_maml
from fourier_meta.regression import aliased_min_norm, min_norm, risk, share
from fourier_meta.reptile import train_reptile
from fourier_meta.tasks import TaskFamily, Tasks


def claim(sentence, holds, book):
    """Hold a sentence of the text against what its cell computed.

    With the book's settings (`book`) an AssertionError names the sentence that does not hold; with a reader's own
    settings a line says which sentence of the text is not true of them.
    """
    if book and not holds:
        raise AssertionError(f"the text says: {sentence}")
    if not holds:
        print(f"With these settings it is not so that {sentence}.")


class Missed(Exception):
    """An answer of the wrong kind; the message is the sentence that the reader gets."""


def exercise(requirements):
    """Make a check of a generator of (met, sentence): it prints one line and returns whether the answer is right."""

    @functools.wraps(requirements)
    def check(answer):
        if answer is ...:
            print("Not answered yet.")
            return False
        sentence = _missed(requirements, answer)
        print(f"Not right yet. {sentence}" if sentence else "Right.")
        return not sentence

    return check


def _missed(requirements, answer):
    """The sentence of the first requirement that is not met; "" if all are."""
    try:
        with np.errstate(all="ignore"):
            for met, sentence in requirements(copy.deepcopy(answer)):
                if not met:
                    return sentence
    except Missed as missed:
        return str(missed)
    except Exception as error:  # an answer may fail in ways that nobody thought of
        return f"The answer could not be checked: {_said(error)}."
    return ""


def _said(error):
    """An error as one line."""
    return f"{type(error).__name__}: {checks.shown(str(error))[1:-1]}".rstrip(": .")


# What an answer is: a number, indices, an array, or a function that returns one


def number(answer, what="one number"):
    """The answer as a float: 10, 10.0, a NumPy number, or a list or array that holds just one."""
    value = array(answer, what=what)
    if value.size != 1:
        raise Missed(f"Give {what}; this has {value.size}.")
    return float(value.ravel()[0])


def whole_number(answer):
    """The answer as an int, in any of the forms of `number`."""
    value = number(answer, "one whole number")
    if value != round(value):
        raise Missed(f"Give a whole number; {value:g} is none.")
    return round(value)


def indices(answer):
    """The answer as a set of int: a set, list, tuple or array of whole numbers, or a single one."""
    items = list(answer) if isinstance(answer, set | frozenset | range) else answer
    return {whole_number(item) for item in array(items, what="a set of whole numbers").ravel()}


def array(answer, *shapes, what="an array of finite numbers"):
    """The answer as an array of finite floats (a list will do), of one of the `shapes` if some are given."""
    if answer is None or callable(answer):
        raise Missed(f"Give {what}; this is {'nothing (None)' if answer is None else 'a function'}.")
    try:
        value = checks.array("answer", answer)
    except ValueError:
        raise Missed(f"Give {what}; this is {checks.shown(answer)}.") from None
    if shapes and value.shape not in shapes:
        raise Missed(f"The shape must be {' or '.join(map(str, shapes))}; this is {value.shape}.")
    return value


def call(function, *arguments):
    """What the reader's function returns for copies of the arguments."""
    if not callable(function):
        raise Missed("Give the function itself, its name without parentheses.")
    try:
        result = function(*copy.deepcopy(arguments))
    except Exception as error:
        raise Missed(f"The function raised {_said(error)}.") from None
    if result is None:
        raise Missed("The function returns nothing; end it with return.")
    return result


def returned(function, shape, *arguments):
    """The array of this shape that the reader's function returns (a list will do)."""
    return array(call(function, *arguments), shape, what="a function that returns an array of finite numbers")


# 01_setup


@exercise
def check_01_1(answer):
    """Which index does sqrt(2) cos(5 pi x) have?"""
    index = whole_number(answer)
    yield index >= 0, "An index is not negative."
    yield index % 2 == 0, f"Feature {index} is {feature_name(index)}, and a cosine was asked for."
    yield index == 10, f"Feature {index} is {feature_name(index)}; look at the frequency."


@exercise
def check_01_2(answer):
    """How many directions out of 257 are invisible at 100 different random points?"""
    count = whole_number(answer)
    yield count != 193, "That is the number for 64 points."
    yield count != 100, "That is how many directions the points can see."
    yield count == 157, "Each point is one equation; count what is left of the unknowns."


@exercise
def check_01_3(answer):
    """Write draw(n_tasks, n_features, rng): features 3 and 10 are true, with standard deviation 2."""
    drawn = returned(answer, (4000, 65), 4000, 65, np.random.default_rng(0))
    true, false = drawn[:, [3, 10]], np.delete(drawn, [3, 10], axis=1)
    yield not false.any(), "All columns but 3 and 10 must be 0."
    yield np.all(true.std(axis=0) > 0), "Each task must draw coefficients of its own."
    yield np.abs(true.mean(axis=0)).max() < 0.2, "The mean over many tasks must be 0."
    yield np.allclose(true.std(axis=0), 2, rtol=0.1), "The standard deviation over many tasks must be 2."
    yield abs(np.corrcoef(true.T)[0, 1]) < 0.1, "The two columns must be drawn independently of each other."
    yield np.allclose(np.mean((true / 2) ** 4, axis=0), 3, atol=0.6), "The draws must be Gaussian."
    again, other = (returned(answer, (4000, 65), 4000, 65, np.random.default_rng(seed)) for seed in (0, 1))
    yield np.array_equal(drawn, again), "The same rng must give the same tasks: draw from rng alone."
    yield not np.array_equal(drawn, other), "Another rng must give other tasks: draw from rng."
    returned(answer, (2, 257), 2, 257, np.random.default_rng(0))


@exercise
def check_01_4(answer):
    """Write stranger(features, effective, rng): other coefficients with the same labels at all training points."""
    for n_points, n_features in ((64, 257), (5, 33)):
        task = TaskFamily(n_features).sample(1, n_points, np.random.default_rng(n_points))
        features, effective = task.features[0], task.effective[0]
        found = returned(answer, (n_features,), features, effective, np.random.default_rng(0))
        off = np.abs(features @ found - features @ effective).max()
        yield off < 1e-8, f"At the training points its labels differ by up to {off:.2g}."
        yield (
            np.linalg.norm(found - effective) >= 1,
            "It must differ from the given coefficients, by a norm of 1 or more.",
        )
        other = returned(answer, (n_features,), features, effective, np.random.default_rng(1))
        yield not np.array_equal(found, other), "Another rng must give another stranger."


# 02_overfitting


@exercise
def check_02_1(answer):
    """Which of 257 features look like feature 3 on a grid of 50 points?"""
    given, right = indices(answer), set(alias_classes(50, 257).members(3))
    wrong = sorted(given - right)
    yield not wrong, f"Feature {wrong[0] if wrong else ''} does not look like feature 3 there."
    yield 3 in given, "Feature 3 looks like itself; let the set include it."
    yield given == right, "All of these do, and there are more: go up to the highest frequency, and mirror."


@exercise
def check_02_2(answer):
    """Find weights, none of them zero, with which 99 % of feature 1 survives on the grid of 64 points."""
    weights = array(answer)
    yield (
        weights.ndim == 1 and weights.size > 129,
        "Give one weight for each feature, so that all its aliases have one.",
    )
    yield np.all(weights != 0), "No weight may be 0."
    kept = aliased_min_norm(np.eye(weights.size)[1], weights, 64)[1]
    yield kept >= 0.99, f"Of feature 1 survives {kept:.3g}; make it cheap beside its aliases."


@exercise
def check_02_3(answer):
    """Write oracle(features, labels, support) for one task: least squares on the true columns."""
    for support, noise, n_points in (((0, 1, 2), 0.0, 3), ((5, 20, 41, 60), 0.0, 4), ((2, 7, 8), 0.5, 10)):
        family = TaskFamily(65, support, noise)
        task = family.sample(1, n_points, np.random.default_rng(n_points))
        features, labels = task.features[0], task.labels[0]
        found = returned(answer, (65,), features, labels, support)
        yield not np.delete(found, support).any(), "Only the features of the support may have a coefficient."
        fitted = np.linalg.lstsq(features[:, support], labels)[0]
        close = np.allclose(found[list(support)], fitted, atol=1e-6)
        sentence = "From as many points as true features, the answer must be exact."
        yield close, "With noise and more points, it must be the least-squares fit." if noise else sentence


@exercise
def check_02_4(answer):
    """Write pursuit(features, labels, n_true): orthogonal matching pursuit on one task."""
    for support, seed in (((0, 1, 2), 0), ((4, 9, 30), 1)):
        task = TaskFamily(65, support).sample(1, 40, np.random.default_rng(seed))
        features, labels = task.features[0], task.labels[0]
        for n_true in (1, 2, 3):
            found = returned(answer, (65,), features, labels, n_true)
            picked = np.flatnonzero(found)
            yield len(picked) == n_true, f"Asked for {n_true}, it gives {len(picked)} coefficients that are not 0."
            left = np.abs(features[:, picked].T @ (labels - features @ found)).max()
            yield left < 1e-8, "After each pick, fit all picked features again: the residual still correlates with one."
        yield risk(found, task.effective[0]) < 1e-12, "Pick what correlates most with the residual, in absolute value."


# 03_maml


@exercise
def check_03_1(answer):
    """With which true weight does one step of rate 0.005 land on the solution?"""
    weight = abs(number(answer))
    yield not np.isclose(weight, 5, rtol=0.01), "That is the weight for a rate of 0.02."
    yield not np.isclose(weight, 100, rtol=0.01), "That is its square: q, not w."
    factor = 1 - 2 * 0.005 * weight**2
    yield abs(factor) < 0.02, f"With this weight a step multiplies the error by {factor:.3g}; it should leave nothing."


@exercise
def check_03_2(answer):
    """Write first_order(weights, train, validation, inner_steps, inner_rate), without autograd."""
    for inner_steps, n_held_out in ((1, 12), (4, 9)):
        weights, train, held_out = _two_batches(n_held_out)
        settings = (weights, train, held_out, inner_steps, 0.02)
        found = returned(answer, weights.shape, *settings)
        exact, right = maml_gradient(*settings)[1], fomaml_gradient(*settings)[1]
        yield not np.allclose(found, exact), "That is the exact gradient; let alpha count as a constant."
        yield not np.allclose(found, -right), "The sign is wrong: return the gradient, not the step."
        scale = found @ right / (right @ right)
        proportional = np.allclose(found, scale * right) and not np.isclose(scale, 1)
        yield not proportional, f"It is {scale:.3g} times the gradient: take means over tasks and over points."
        yield np.allclose(found, right), "Compare with fomaml_gradient: the two differ."


@exercise
def check_03_3(answer):
    """Write start_gradient(theta_0, features, labels, held_features, held_labels, inner_steps, inner_rate)."""
    for inner_steps, n_held_out in ((1, 7), (3, 5)):
        theta, train, held_out = _two_batches(n_held_out)
        features, labels, unseen, targets = (
            array[0] for array in (train.features, train.labels, held_out.features, held_out.labels)
        )
        way_back, end = np.eye(len(theta)), theta
        for _ in range(inner_steps):
            end = end - 0.2 / len(labels) * features.T @ (features @ end - labels)
            way_back = way_back - 0.2 / len(labels) * features.T @ features @ way_back
        first_order = 2 / len(targets) * unseen.T @ (unseen @ end - targets)
        found = returned(answer, theta.shape, theta, features, labels, unseen, targets, inner_steps, 0.1)
        yield not np.allclose(found, first_order), "That is first order: the end of the fit depends on theta_0, too."
        right = way_back.T @ first_order
        yield (
            np.allclose(found, right),
            f"For K = {inner_steps} its largest error is {np.abs(found - right).max():.2g}.",
        )


def _two_batches(n_held_out):
    """An array of weights, and a batch of tasks at 10 points and at others."""
    family, rng = TaskFamily(9), np.random.default_rng(n_held_out)
    train = family.sample(3, 10, rng)
    return rng.uniform(0.5, 1.5, 9), train, family.observe(train.coefficients, n_held_out, rng)


# 04_reptile


@exercise
def check_04_1(answer):
    """A weight starts at 0.5 and its coefficient ends at 1.2: where does small-step joint descent leave the weight?"""
    weight = number(answer)
    yield weight > 0, "The weight starts above 0 and its square never falls below the start's, so it keeps its sign."
    kept = weight**2 - 1.2**2
    yield abs(kept - 0.25) < 0.02, f"Then w^2 - alpha^2 would end at {kept:.3g}, which is not where it started."


@exercise
def check_04_2(answer):
    """From a start of 0.01, where is the weight when the product w * alpha has reached 2?"""
    weight = number(answer)
    yield weight > 0, "The weight keeps its sign."
    yield abs(weight - 2) > 0.05, "That is the product; w and alpha share it."
    missed = f"With alpha = 2 / w, w^2 - alpha^2 would be {weight**2 - 4 / weight**2:.3g}; it started at 0.0001."
    yield abs(weight - 2**0.5) < 0.02, missed


@exercise
def check_04_3(answer):
    """Write reptile_step(theta_0, features, labels, inner_steps, inner_rate, step_size): it learns a start."""
    for inner_steps, step_size in ((1, 1.0), (4, 0.3)):
        theta, train, _ = _two_batches(5)
        ends = np.tile(theta, (len(train), 1))
        for _ in range(inner_steps):
            residual = np.matvec(train.features, ends) - train.labels
            ends = ends - 0.2 / train.n_points * np.vecmat(residual, train.features)
        found = returned(answer, theta.shape, theta, train.features, train.labels, inner_steps, 0.1, step_size)
        right = theta + step_size * (ends.mean(axis=0) - theta)
        yield not np.allclose(found, theta), "The start did not move."
        yield not np.allclose(found, 2 * theta - right), "It moves away from where the tasks went, not towards them."
        whole = step_size < 1 and np.allclose(found, ends.mean(axis=0))
        yield not whole, "It goes all the way to the mean of the fits; go a part of the way, step_size."
        yield (
            np.allclose(found, right),
            f"For K = {inner_steps} its largest error is {np.abs(found - right).max():.2g}.",
        )


# 05_mechanisms


@exercise
def check_05_1(answer):
    """How large is the expected gradient of a false weight of size 2 at held-out points, for K = 1?"""
    push = number(answer)
    yield push > 0, "At held-out points a false weight falls, so its gradient is positive."
    yield not np.isclose(push, 16 * 0.02**2 * 3 / 64, rtol=0.02), "That is the gradient of a weight of size 1."
    yield np.isclose(push, 2.4e-3, rtol=0.02), "Put w = 2, the rate, |S| = 3 and N = 64 into equation (2)."


@exercise
def check_05_2(answer):
    """Write one_scale(...), an outer step whose largest entry moves by 0.1 and all others in proportion."""
    start, gradient = np.array([1.0, 2.0, 3.0]), np.array([0.5, -2.0, 0.1])
    result = call(answer, start, gradient, None, 0.5)
    yield isinstance(result, tuple) and len(result) == 2, "Return two things: the new parameters, and None."
    moved = array(result[0], (3,)) - start
    yield np.all(moved * gradient <= 0), "Move down the gradient: against its sign."
    yield (
        np.isclose(np.abs(moved).max(), 0.1),
        f"The largest entry must move by 0.1; it moves by {np.abs(moved).max():.3g}.",
    )
    yield np.allclose(moved, -0.05 * gradient), "All entries must move in proportion to their gradient."
    still = call(answer, start, np.zeros(3), None, 0.5)
    yield np.array_equal(still[0], start), "A gradient of zeros must move nothing, and divide by nothing."


@exercise
def check_05_3(answer):
    """Write decaying(...), an outer step with which Reptile from ones ends with a share above 0.9."""
    result = call(answer, np.array([1.0, 2.0]), np.zeros(2), None, 0.0)
    yield (
        isinstance(result, tuple) and len(result) == 2,
        "Return two things: the new parameters, and the state or None.",
    )
    yield np.all(array(result[0], (2,)) < (1, 2)), "Without a gradient, every weight must decay a little."
    run = train_reptile(TaskFamily(65), steps=300, n_tasks=5, outer=answer)
    yield run.status == "finished", f"The training {run.status}."
    reached = share(run.weights, (0, 1, 2))
    yield reached > 0.9, f"The share ends at {reached:.2f}; the floor must decay faster, the true weights must not."


# 06_prior


@exercise
def check_06_1(answer):
    """Which ridge penalty gives the posterior mean, for 8 points and noise of standard deviation 0.3?"""
    penalty = number(answer)
    yield penalty > 0, "A penalty is positive."
    yield not np.isclose(penalty, 0.3 / 8), "The density of the noise holds its variance, not its standard deviation."
    yield not np.isclose(penalty, 0.09), "Ridge has the mean of the squared errors, and the density their sum."
    yield np.isclose(penalty, 0.09 / 8, rtol=0.01), "Divide the exponent by N / sigma^2 and compare it with ridge."


@exercise
def check_06_2(answer):
    """Write em_step(features, labels, variances, noise): one step of EM for the prior variances."""
    family = TaskFamily(33, (0, 4, 9), noise=0.3)
    for n_tasks, n_points, seed in ((12, 5, 0), (1, 3, 1), (4, 40, 2)):
        tasks = family.sample(n_tasks, n_points, np.random.default_rng(seed))
        variances = np.random.default_rng(seed).uniform(0.1, 1, 33)
        found = returned(answer, (33,), tasks.features, tasks.labels, variances, 0.3)
        yield np.all(found > 0), "A variance is positive: add the posterior variance to the square of the mean."
        mean = np.mean(posterior_mean(tasks.features, tasks.labels, variances, 0.3) ** 2, axis=0)
        yield (
            not np.allclose(found, mean),
            "The square of the posterior mean is there; the posterior variance is missing.",
        )
        _, slopes, _ = log_marginal_likelihood(tasks, variances, 0.3)
        right = variances + 2 * variances**2 * slopes / n_tasks
        sentence = "It is the sum over tasks; take the mean."
        yield n_tasks == 1 or not np.allclose(found, n_tasks * right), sentence
        yield np.allclose(found, right, atol=1e-8), "It is not the mean over tasks of squared mean plus variance."


@exercise
def check_06_3(answer):
    """Write scores(tasks) whose largest entries are the true features although x crowds around 0."""
    for support, seed in (((0, 1, 2), 2), ((5, 6, 9), 3), ((2, 11, 30), 4)):
        family, rng = TaskFamily(65, support), np.random.default_rng(seed)
        x = rng.uniform(-1, 1, (40, 16)) ** 3
        drawn = family.observe_at(family.draw_coefficients(40, rng), x, rng)
        found = returned(answer, (65,), Tasks(drawn.features, drawn.labels, x))
        yield not np.isclose(found, found[0]).all(), "All features get the same score."
        highest = np.argsort(-found, kind="stable")[: len(support)]
        yield set(highest.tolist()) == set(support), f"For S = {support}, other features score higher."


# 07_classification


@exercise
def check_07_1(answer):
    """What accuracy does equation (2) give to a fit that keeps nothing of the labels?"""
    accuracy = number(answer)
    yield 0 <= accuracy <= 1, "An accuracy lies between 0 and 1."
    yield accuracy != 0, "A guess that is always wrong would know a lot: turn it round."
    yield np.isclose(accuracy, 0.5), "Put a survival of 0 into the last part of (2)."


@exercise
def check_07_2(answer):
    """Find weights, without training, with which min-norm classifies 98 % of all x from 64 points."""
    weights = array(answer, (257,))
    tasks = sign_labels(TaskFamily().unseen(50, 64))
    accuracy, _ = sign_scores(min_norm(tasks.features, tasks.labels, weights), tasks.effective)
    reached = np.median(accuracy)
    yield np.count_nonzero(weights) > 3, "Three waves cannot make a plateau; let more features have a weight."
    yield reached >= 0.98, f"The median accuracy is {reached:.3f}; a plateau needs many waves, and low ones most."


@exercise
def check_07_3(answer):
    """Write flipped(tasks, part, rng): the tasks with that part of all labels, chosen at random, flipped."""
    yield callable(answer), "Give the function itself, its name without parentheses."
    tasks = sign_labels(TaskFamily(33).sample(40, 50, np.random.default_rng(0)))
    given = copy.deepcopy(tasks)
    for part in (0.1, 0.4):
        result = call(functools.partial(_apply_to, answer, tasks), part, np.random.default_rng(1))
        yield isinstance(result, Tasks), "Return tasks, not labels alone; tasks.relabelled makes them."
        yield np.array_equal(tasks.labels, given.labels), "The tasks that were given have changed; flip a copy."
        yield np.array_equal(result.features, given.features), "The features must stay as they are."
        turned = array(result.labels, given.labels.shape) / given.labels
        yield set(np.unique(turned)) <= {-1.0, 1.0}, "A label is kept or flipped, nothing else."
        rate = np.mean(turned == -1)
        yield abs(rate - part) < 0.05, f"Asked for a part of {part}, it flips {rate:.2f} of all labels."
        by_point, by_task = np.mean(turned == -1, axis=0), np.mean(turned == -1, axis=1)
        spread = 4.5 * np.sqrt(part * (1 - part) / np.array([40, 50]))
        even = np.abs(by_point - part).max() < spread[0] and np.abs(by_task - part).max() < spread[1]
        yield even, "Every label must be as likely to be flipped as any other, in all tasks and at all points."
        again = call(functools.partial(_apply_to, answer, tasks), part, np.random.default_rng(2))
        yield not np.array_equal(again.labels, result.labels), "Another rng must flip other labels."


def _apply_to(function, tasks, *arguments):
    """Call with these very tasks and no copy of them, so that a change of theirs is seen."""
    return function(tasks, *arguments)


# 08_million


@exercise
def check_08_1(answer):
    """From how many features on do those of one task, 64 + 64 points in float64, take more than 4 GB?"""
    features = number(answer)
    yield not np.isclose(features, 4e9 / 128, rtol=0.1), "A number in float64 takes 8 bytes."
    yield not np.isclose(features, 4e9 / 64 / 8, rtol=0.1), "The held-out points have features, too."
    yield np.isclose(features, 4e9 / 128 / 8, rtol=0.1), "128 rows, 8 bytes for each feature, 4e9 bytes in all."


@exercise
def check_08_2(answer):
    """Write pulled(x, values, n_features): the product of all features' transpose with values, by one transform."""
    for n_features, n_points in ((257, 9), (300, 64), (1, 3)):
        rng = np.random.default_rng(n_features)
        x = TaskFamily(n_features, (0,)).sample(1, n_points, rng).x[0]
        values = rng.standard_normal(n_points)
        found = returned(answer, (n_features,), x, values, n_features)
        expected = fourier_features(x, n_features).T @ values
        for kind, first in {"the constant": 0, "sines": 1, "cosines": 2}.items():
            chosen = slice(0, 1) if first == 0 else slice(first, None, 2)
            yield np.allclose(found[chosen], expected[chosen]), f"With {n_features} features, {kind}: other numbers."
    x, values = np.zeros(2), np.array([1.0, 2.0])
    found = returned(answer, (257,), x, values, 257)
    yield np.allclose(found, fourier_features(x, 257).T @ values), "Two points in one place count twice."
    tracemalloc.start()
    try:
        returned(answer, (20_001,), np.linspace(-0.5, 0.5, 65)[:64], np.ones(64), 20_001)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    yield peak < 64 * 20_001 * 8, "The numbers are right, but all features were made; one transform does it."


@exercise
def check_08_3(answer):
    """How many tasks of how many points, 120 points in all, so that empirical Bayes finds three of 4,097 features?"""
    n_tasks, n_points = (whole_number(part) for part in array(answer, (2,), what="two numbers, (tasks, points)"))
    yield n_tasks > 0 < n_points, "Both numbers must be at least 1."
    yield n_tasks * n_points <= 120, f"That is {n_tasks * n_points} points; there are 120."
    found = 0
    for seed in range(3):
        rng = np.random.default_rng(seed)
        support = tuple(sorted(rng.choice(4097, 3, replace=False).tolist()))
        prior = empirical_bayes(TaskFamily(4097, support).sample(n_tasks, n_points, rng), steps=100)
        found += tuple(np.flatnonzero(prior.variances)) == support
    yield found == 3, f"It finds them alone in {found} of 3 draws; a task needs points, and a variance needs tasks."


# 09_traffic


@exercise
def check_09_1(answer):
    """From how many readings is the full covariance closer than the calendar on more than half of the days?"""
    count = whole_number(answer)
    yield count >= 1, "The calendar is what one has without a reading; count from 1."
    yield count != 1, "One reading is enough on a third of the days."
    yield count != 2, "With two readings, the calendar is still closer on slightly more days."
    yield count == 3, "Fewer are enough."


@exercise
def check_09_2(answer):
    """Write principal_curves(days, n_curves): principal directions times the standard deviation along each."""
    for n_hours, n_curves, seed in ((24, 3, 0), (12, 1, 1), (5, 5, 2)):
        rng = np.random.default_rng(seed)
        days = 3 + rng.standard_normal((60, n_hours)) @ rng.standard_normal((n_hours, n_hours))
        found = returned(answer, (n_hours, n_curves), days, n_curves)
        spread, directions = np.linalg.eigh(np.cov(days.T, bias=True))
        size, right = spread[::-1][:n_curves], directions[:, ::-1][:, :n_curves]
        lengths = np.linalg.norm(found, axis=0)
        yield np.all(lengths > 0), "No column may be 0."
        along = np.abs(np.sum(found / lengths * right, axis=0))
        raw = np.linalg.svd(days)[2][0]
        yield abs(raw @ found[:, 0]) < 0.999 * lengths[0] or along[0] > 0.99, "Subtract the mean day first."
        yield along.min() > 0.999, "The columns are not the directions in which the days differ most, largest first."
        fits = np.allclose(lengths**2, size, rtol=0.03)  # divided by n or by n - 1
        yield fits, "The length of a column must be the standard deviation of the days along it."


@exercise
def check_09_3(answer):
    """Write next_hour(covariance, hours, noise): the hour that leaves the least variance over all hours."""
    for n_hours, hours, noise, seed in ((6, [], 0.1, 0), (24, [], 1.0, 2), (24, [7], 0.1, 2), (12, [3, 9], 2.0, 3)):
        factor = np.random.default_rng(seed).standard_normal((n_hours, 4)) * np.linspace(0.2, 1, n_hours)[:, None]
        covariance = factor @ factor.T + 0.05 * np.eye(n_hours)
        hour = whole_number(call(answer, covariance, hours, noise))
        yield 0 <= hour < n_hours, f"Of {n_hours} hours, {hour} is none; count from 0."
        left = [_variance_left(covariance, [*hours, other], noise) for other in range(n_hours)]
        sentence = "Before anything is read, another hour leaves less variance."
        read = f"After reading {hours} with noise {noise}, another hour leaves less variance than {hour}."
        yield left[hour] <= min(left) + 1e-9, read if hours else sentence


def _variance_left(covariance, hours, noise):
    """Sum over all hours of the variance given readings at `hours`."""
    gram = covariance[np.ix_(hours, hours)] + noise * np.eye(len(hours))
    return np.trace(covariance - covariance[:, hours] @ np.linalg.solve(gram, covariance[hours]))


# 10_networks


@exercise
def check_10_1(answer):
    """Write share_of_trace(kernel, functions): the part of a kernel's trace in the span of columns."""
    rng = np.random.default_rng(0)
    slopes, columns = rng.standard_normal((30, 8)), rng.standard_normal((30, 3))
    basis = np.linalg.qr(columns)[0]
    wanted = ((basis.T @ slopes) ** 2).sum() / (slopes**2).sum()
    kernel = slopes @ slopes.T
    orthonormal = number(call(answer, kernel, basis))
    yield (
        np.isclose(orthonormal, wanted),
        "Even for orthonormal columns B, the trace of B^T k B over that of k differs.",
    )
    yield (
        np.isclose(number(call(answer, 7 * kernel, basis)), wanted),
        "A kernel seven times as large has the same share.",
    )
    mixed = number(call(answer, kernel, columns))
    yield np.isclose(mixed, wanted), "The columns may have any length and overlap; only their span may matter."


@exercise
def check_10_2(answer):
    """At which eigenvalue of the kernel does one inner step of rate 0.02 fit a wave whole?"""
    value = number(answer)
    yield value != 50, "That is the eigenvalue for a rate of 0.01."
    yield np.isclose(value, 25), f"A step then fits {2 * 0.02 * value:.3g} of the wave, and 1 is wanted."


@exercise
def check_10_3(answer):
    """Write residuals_after(kernel, residuals, rate, steps): gradient descent with a kernel that stays."""
    rng = np.random.default_rng(0)
    slopes, residuals = rng.standard_normal((6, 20)), rng.standard_normal(6)
    kernel, rate = slopes @ slopes.T, 0.01
    wanted = [residuals]
    for _ in range(7):
        wanted.append(wanted[-1] - rate * 2 / 6 * kernel @ wanted[-1])
    for steps, sentence in (
        (0, "Without a step the residuals stay what they are."),
        (1, "One step takes 2 rate / N times the kernel times the residuals away; look at the factor and at the sign."),
        (7, "Every step starts from what the one before has left."),
    ):
        left = returned(answer, (6,), kernel, residuals, rate, steps)
        yield np.allclose(left, wanted[steps]), sentence


# A_report


@exercise
def check_A_1(answer):
    """Write differences(a, b): the names of the settings in which two runs differ."""
    tiny = {"steps": 2, "n_tasks": 2, "n_points": 3, "inner_steps": 2}
    a, b = train_maml(TaskFamily(9), **tiny), train_maml(TaskFamily(9, noise=0.1), 0.5, **tiny)
    c = train_reptile(TaskFamily(9), **tiny)
    yield set(call(answer, a, a)) == set(), "A run does not differ from itself."
    yield (
        set(call(answer, a, b)) == {"noise", "weights"},
        "Compare the values, and give the names of those that differ.",
    )
    wanted = {name for name in a.config | c.config if a.config.get(name) != c.config.get(name)}
    yield set(call(answer, a, c)) == wanted, "A setting that only one of the two has counts, too."
    yield set(call(answer, c, a)) == wanted, "It must not matter which of the two comes first."


@exercise
def check_A_2(answer):
    """Write first_step(family, wanted): the step at which the share on S first exceeds what is wanted."""
    for support, wanted in (((0, 1, 2), 0.2), ((4, 7), 0.3)):
        family = TaskFamily(33, support)
        step = whole_number(call(answer, family, wanted))
        runs = maml_steps(family, n_points=16, n_validation=16)
        first = next(run.step for run in runs if share(run.weights, support) > wanted)
        yield step <= first, f"Step {step} is too late: leave the loop as soon as the share exceeds {wanted}."
        yield step == first, f"After step {step} the share of {support} is still at most {wanted}."


@exercise
def check_A_3(answer):
    """Write track(steps, path): a line "step,loss" in a text file for every run of a generator; return the last run."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.csv"
        runs = list(maml_steps(TaskFamily(9), steps=4, n_tasks=2, n_points=3, n_validation=3))
        lines = []

        def watched():
            for run in runs:
                lines.append(len(path.read_text().splitlines()) if path.exists() else 0)
                yield run

        last = call(functools.partial(answer, watched()), path) if callable(answer) else call(answer)
        yield path.exists(), "There is no file; write to the path that is given."
        found = [line.split(",") for line in path.read_text().splitlines()]
        yield len(found) == len(runs), f"{len(runs)} runs came, and the file has {len(found)} lines."
        yield all(len(line) == 2 for line in found), "A line is two numbers and a comma."
        steps, losses = np.array(found, float).T
        yield np.array_equal(steps, range(1, 5)), "The first number is the step of the run."
        yield np.allclose(losses, [run.loss for run in runs], rtol=1e-3), "The second number is the loss of the run."
        yield lines == [0, 1, 2, 3], "Write each line as soon as its run comes, and close or flush the file."
        yield last == runs[-1], "Return the last run."
