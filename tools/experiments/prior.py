"""Who solves a new task best, after which tasks: the contest of notebook 06_prior, and what one task alone can tell.

A contestant is learn(tasks, seed) -> solve(features, labels) -> effective coefficients. It sees one pool of training
tasks and nothing else; its last knob, a penalty or a noise level, is the one that predicts left-out points of these
tasks best. Every contestant of a contest meets the same training tasks and the same unseen ones.
"""

from functools import partial

import numpy as np

from experiments import Experiment
from fourier_meta import (
    Descent,
    TaskFamily,
    Tasks,
    fomaml_gradient,
    largest_stable_rate,
    maml_gradient,
    min_norm,
    on_top,
    ridge_gradient,
    risk,
    share,
    train_maml,
    train_reptile,
    unseen_stream,
)
from fourier_meta.bayes import empirical_bayes, posterior_mean
from fourier_meta.rivals import (
    group_lasso_weights,
    lasso,
    matching_pursuit,
    moment_weights,
    smoothness_weights,
)

SEEDS = list(range(10))
UNSEEN = 50  # tasks on which every contestant is tested
STEPS = 300  # outer steps of everything that takes any
REFERENCE = "empirical Bayes, noise held out"  # what everybody is compared with, task by task
FLOOR = 1e-12  # risks below this are rounding, and equal
NOISES = (1e-4, 1e-3, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0)  # noise levels to choose from, in units of the labels
LEVELS = (1e-4, 0.03, 0.1, 0.2, 0.3, 0.5)  # the same for empirical Bayes, which has to learn anew for each
POWERS = (0.5, 1, 2, 3, 4, 6, 8)  # declines of the smoothness prior to choose from
STRENGTHS = (0.3, 0.1, 0.03, 0.01)  # penalties of lasso and group lasso to choose from


# Contestants


def draw_from(tasks, n_tasks=15, seed=0):
    """Endless batches of `n_tasks` tasks from a fixed pool, a source for `train_maml` and `train_reptile`.

    The points of a task come in a new order each time, so that each time another half of them is held out. Tasks
    repeat within a batch only if the pool is smaller than a batch.
    """
    rng = np.random.default_rng(seed)
    while True:
        chosen = rng.choice(len(tasks), n_tasks, replace=len(tasks) < n_tasks)
        order = rng.random((n_tasks, tasks.n_points)).argsort(axis=1)
        yield Tasks(tasks.features[chosen[:, None], order], tasks.labels[chosen[:, None], order])


def held_out_error(solve, tasks, folds=4):
    """Mean squared error at points that `solve` did not see: each fold of every task's points is left out in turn."""
    fold = np.arange(tasks.n_points) % folds
    squares = 0.0
    for left_out in (fold == number for number in np.unique(fold)):
        estimate = solve(tasks.features[:, ~left_out], tasks.labels[:, ~left_out])
        squares += np.sum((np.matvec(tasks.features[:, left_out], estimate) - tasks.labels[:, left_out]) ** 2)
    return squares / tasks.labels.size


def best_of(solvers, tasks):
    """The one of several solvers whose `held_out_error` on these tasks is least."""
    return min(solvers, key=lambda solve: held_out_error(solve, tasks))


def zero(features, labels):
    """Predict 0."""
    return np.zeros((len(features), features.shape[-1]))


def always(tasks, seed, solver):
    """A solver that learns nothing."""
    return solver


def adapters(tasks, weights):
    """Posterior means with these weights, scaled to the size of the labels, and one noise level each."""
    size = np.sqrt(np.mean(tasks.labels**2))
    scale = size / np.sqrt(np.mean(tasks.features**2 @ weights**2))
    return [partial(posterior_mean, variances=(scale * weights) ** 2, noise=size * level) for level in NOISES]


def adapted(tasks, seed, learn):
    """The best of the `adapters` with the weights that `learn(tasks, seed)` finds."""
    return best_of(adapters(tasks, learn(tasks, seed)), tasks)


def ones(tasks, seed):
    return np.ones(tasks.n_features)


def known_weights(tasks, seed, support):
    weights = np.zeros(tasks.n_features)
    weights[list(support)] = 1
    return weights


def smoothness_prior(tasks, seed):
    """The smoothness prior whose decline and noise level are best."""
    priors = [smoothness_weights(tasks.n_features, power) for power in POWERS]
    return best_of([solve for weights in priors for solve in adapters(tasks, weights)], tasks)


def tuned_lasso(tasks, seed, few=8):
    """Lasso with the strength that is best on a few of the tasks."""
    return best_of([partial(lasso, strength=strength) for strength in STRENGTHS], tasks[:few])


def moment_ranking(tasks, seed, n_true):
    return moment_weights(tasks, n_true)


def group_lasso(tasks, seed):
    """Group lasso with the strength whose weights adapt best."""
    candidates = [group_lasso_weights(tasks, strength) for strength in STRENGTHS]
    solvers = [best_of(adapters(tasks, weights), tasks) for weights in candidates if weights.any()]
    return best_of(solvers, tasks)


def bayes(tasks, seed):
    """Empirical Bayes; its noise level is learned with the variances."""
    prior = empirical_bayes(tasks)
    return partial(posterior_mean, variances=prior.variances, noise=prior.noise)


def held_out_bayes(tasks, seed):
    """Empirical Bayes whose noise level is the one that predicts a left-out quarter of every task's points best."""
    kept, left_out = tasks.split(tasks.n_points - max(1, tasks.n_points // 4))
    size = np.sqrt(np.mean(tasks.labels**2))

    def error(level):
        estimate = empirical_bayes(kept, noise=level * size).solve(kept.features, kept.labels)
        return np.mean((np.matvec(left_out.features, estimate) - left_out.labels) ** 2)

    prior = empirical_bayes(tasks, noise=size * min(LEVELS, key=error))
    return partial(posterior_mean, variances=prior.variances, noise=prior.noise)


def gentle_rate(tasks, n_points):
    """A fifth of the median stable inner rate at weights 1: what 0.02 is at 64 points of 257 features."""
    return float(0.2 * np.median(largest_stable_rate(tasks.features[:, :n_points])))


def maml(tasks, seed, gradient=maml_gradient):
    """MAML from ones with Adam, as in 03_maml."""
    rate = gentle_rate(tasks, max(1, tasks.n_points // 2))
    run = train_maml(draw_from(tasks, seed=seed), steps=STEPS, gradient=gradient, inner_rate=rate, seed=seed)
    return run.weights


def small_maml(tasks, seed):
    """MAML from 0.001 with one common scale of step, as in 05_mechanisms."""
    return train_maml(draw_from(tasks, seed=seed), 0.001, steps=STEPS, outer=Descent(0.05), seed=seed).weights


def reptile(tasks, seed):
    """Reptile from ones, as in 04_reptile."""
    rate = gentle_rate(tasks, tasks.n_points)
    return train_reptile(draw_from(tasks, seed=seed), steps=STEPS, inner_rate=rate, seed=seed).weights


def small_reptile(tasks, seed):
    """Reptile from 0.001."""
    return train_reptile(draw_from(tasks, seed=seed), 0.001, steps=STEPS, seed=seed).weights


def contestants(support):
    """All contestants by name; only three are told something of the `support`."""
    n_true = len(support)
    return {
        "zero": partial(always, solver=zero),
        "min-norm": partial(always, solver=min_norm),
        "ridge": partial(adapted, learn=ones),
        "smoothness prior": smoothness_prior,
        "lasso": tuned_lasso,
        "OMP": partial(always, solver=partial(matching_pursuit, n_true=n_true)),
        "moment ranking": partial(adapted, learn=partial(moment_ranking, n_true=n_true)),
        "group lasso": group_lasso,
        "empirical Bayes": bayes,
        "empirical Bayes, noise held out": held_out_bayes,
        "Reptile": partial(adapted, learn=reptile),
        "Reptile, small start": partial(adapted, learn=small_reptile),
        "FOMAML": partial(adapted, learn=partial(maml, gradient=fomaml_gradient)),
        "MAML": partial(adapted, learn=maml),
        "MAML, ridge inside": partial(adapted, learn=partial(maml, gradient=ridge_gradient)),
        "MAML, small start": partial(adapted, learn=small_maml),
        "oracle": partial(adapted, learn=partial(known_weights, support=support)),
    }


# The tasks


SUPPORTS = {"low": (0, 1, 2), "scattered": (20, 57, 200)}
SCALES = {"unequal": (1, 0.3, 0.1)}


def draw(case, noise, n_tasks, n_points, rng):
    """Tasks of one case: low, scattered, unequal (scales of the coefficients) or crowded (x is the cube of a draw)."""
    family = TaskFamily(support=SUPPORTS.get(case, (0, 1, 2)), noise=noise)
    coefficients = family.draw_coefficients(n_tasks, rng) * SCALES.get(case, 1)
    if case == "crowded":
        return family.observe_at(coefficients, rng.uniform(-1, 1, (n_tasks, n_points)) ** 3, rng)
    return family.observe(coefficients, n_points, rng)


# The contest


def contest(case, noise, n_tasks, n_points, seed):
    """Every contestant learns from the same tasks and is tested on the same unseen tasks, from as many points."""
    tasks = draw(case, noise, n_tasks, n_points, np.random.default_rng([seed, n_tasks, n_points]))
    test = draw(case, noise, UNSEEN, n_points, unseen_stream(seed))
    support = tasks.family.support
    solvers = {name: learn(tasks, seed) for name, learn in contestants(support).items()}
    estimates = {name: solve(test.features, test.labels) for name, solve in solvers.items()}
    risks = {name: np.maximum(risk(estimate, test.effective), FLOOR) for name, estimate in estimates.items()}
    region = {"case": case, "noise": noise, "n_tasks": n_tasks, "n_points": n_points, "seed": seed}
    reference = risks[REFERENCE]
    return [
        region | {"method": name, "risk": float(np.median(values))} | compared(values, reference) | selected
        for name, values in risks.items()
        for selected in [selection(solvers[name], estimates[name], support)]
    ]


def compared(risks, reference):
    """The same tasks, pair by pair: median of log10 of the ratio of risks, and the part of tasks won (ties half)."""
    won = np.mean((risks < reference) + 0.5 * (risks == reference))
    return {"log_ratio": float(np.median(np.log10(risks / reference))), "won": float(won)}


def selection(solve, estimates, support):
    """How often S is on top: of the weights, or of the estimates of single tasks; and the share of the weights."""
    variances = getattr(solve, "keywords", {}).get("variances")
    if variances is None:
        return {"on_top": float(np.mean([on_top(estimate, support) for estimate in estimates])), "share": np.nan}
    return {"on_top": float(on_top(variances, support)), "share": share(np.sqrt(variances), support)}


# One task alone


def exhaustive(noise, n_points, seed, n_tasks=5):
    """On how many single tasks does the best of all triples of features lie on S? 2,796,160 triples of 257 features."""
    tasks = TaskFamily(noise=noise).unseen(n_tasks, n_points, seed)
    found = [best_triple(phi, y) == (0, 1, 2) for phi, y in zip(tasks.features, tasks.labels, strict=True)]
    return [{"noise": noise, "n_points": n_points, "seed": seed, "found": float(np.mean(found))}]


def best_triple(features, labels):
    """The three columns (i < j < k) whose least-squares fit of the labels leaves the smallest residual."""
    triples = np.concatenate([candidates(first, features, labels) for first in range(features.shape[-1] - 2)])
    columns = features.T[triples].mT
    fitted = np.matvec(columns @ np.linalg.pinv(columns), labels)
    return tuple(triples[np.sum((fitted - labels) ** 2, axis=1).argmin()].tolist())


def candidates(first, features, labels, few=20):
    """The few best triples that begin with `first`, up to the rounding of products of columns.

    What the first column explains is taken out of the labels and of all later columns; for every pair of these, what
    they explain of the rest is a formula of 2 x 2 matrices.
    """
    direction = features[:, first] / np.linalg.norm(features[:, first])
    later = features[:, first + 1 :] - np.outer(direction, direction @ features[:, first + 1 :])
    rest = labels - direction * (direction @ labels)
    gram, slope = later.T @ later, later.T @ rest
    size = np.diag(gram)
    explained = np.outer(slope**2, size) + np.outer(size, slope**2) - 2 * gram * np.outer(slope, slope)
    determinant = np.outer(size, size) - gram**2
    regular = np.triu(determinant > 1e-6 * np.outer(size, size), 1)
    gain = np.divide(explained, determinant, out=np.zeros_like(gram), where=regular)
    best = np.argpartition(gain, -min(few, gain.size), axis=None)[-few:]
    pairs = first + 1 + np.stack(np.unravel_index(best, gain.shape), axis=1)
    return np.column_stack([np.full(len(pairs), first), pairs])


CONTEST = (
    f"Median risk of {UNSEEN} unseen tasks, from as many points as the training tasks have; on_top: S on top of the "
    "weights, or the part of unseen tasks with S on top of the estimate; log_ratio, won: against empirical Bayes with "
    f"held-out noise, task by task. Trained methods: {STEPS} steps of 15 tasks from the pool."
)
EXPERIMENTS = {
    "contest_points": Experiment(
        contest,
        {"case": ["low"], "noise": [0.0, 0.3], "n_tasks": [15], "n_points": [2, 4, 8, 16, 64]},
        SEEDS,
        CONTEST,
    ),
    "contest_tasks": Experiment(
        contest, {"case": ["low"], "noise": [0.0, 0.1], "n_tasks": [1, 3, 10, 30, 100], "n_points": [8]}, SEEDS, CONTEST
    ),
    "contest_cases": Experiment(
        contest,
        {"case": ["scattered", "unequal", "crowded"], "noise": [0.0, 0.1], "n_tasks": [30], "n_points": [8]},
        SEEDS,
        CONTEST,
    ),
    "exhaustive": Experiment(
        exhaustive,
        {"noise": [0.0, 0.01, 0.1], "n_points": [4, 6, 8]},
        SEEDS,
        "Part of 5 single tasks a seed whose best triple of 257 features, by exhaustive search, is S = {0, 1, 2}.",
    ),
}
