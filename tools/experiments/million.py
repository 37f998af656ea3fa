"""Chapter 8: three features of 65,537 and of a million, by meta-gradients and by empirical Bayes."""

import itertools
import resource
import time
from functools import partial

import numpy as np
from distributed import Client, LocalCluster

from experiments import OPTIMISERS, Experiment
from fourier_meta import (
    Descent,
    TaskFamily,
    few_shot_risk,
    maml_gradient,
    min_norm,
    on_top,
    ridge,
    share,
    train_maml,
)
from fourier_meta.bayes import empirical_bayes

UNSEEN = 50  # tasks on which every trained result is tested
CASES = {"the first three": (False, 0.0), "scattered": (True, 0.0), "scattered, noise 0.1": (True, 0.1)}


def family_of(n_features, case, seed):
    """The family with the first three features, or with three that the seed draws."""
    scattered, noise = CASES[case]
    drawn = np.random.default_rng([seed, 12]).choice(n_features, 3, replace=False)
    return TaskFamily(n_features, tuple(sorted(drawn.tolist())) if scattered else (0, 1, 2), noise=noise)


def scores(weights, family, seed):
    """What weights select, and the median risk of unseen tasks by min-norm."""
    size = np.abs(weights)
    row = {"share": share(weights, family.support), "found": int(on_top(weights, family.support))}
    row["smallest_true"] = float(size[list(family.support)].min())
    row["largest_false"] = float(np.delete(size, family.support).max())
    for n_points in (4, 16, 64):
        risks = few_shot_risk(family, n_points, partial(min_norm, weights=weights), UNSEEN, seed)
        row[f"risk_{n_points}"] = float(np.median(risks))
    return row


def trained(n_features, case, steps, rate, seed):
    """Meta-gradients from a small start, with one common scale of step."""
    family, began = family_of(n_features, case, seed), time.process_time()
    run = train_maml(family, 0.001, steps=steps, outer=Descent(rate), seed=seed)
    seconds = time.process_time() - began
    row = {"n_features": n_features, "case": case, "seed": seed, "status": run.status, "seconds": round(seconds, 1)}
    row["megabytes"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return [row | scores(run.weights, family, seed)]


def outer(optimiser, start, seed, n_features=65_537, steps=300):
    """The two outer optimisers from the same starts; the inner rate is stable at each of them."""
    family, inner_rate = TaskFamily(n_features), min(0.02, 0.02 * 257 / n_features / start**2)
    run = train_maml(family, start, steps=steps, outer=OPTIMISERS[optimiser], inner_rate=inner_rate, seed=seed)
    return [{"optimiser": optimiser, "start": start, "seed": seed} | scores(run.weights, family, seed)]


def evidence(n_features, case, n_tasks, n_points, noise, seed, steps=100):
    """Empirical Bayes from a few tasks; `noise` is the level that it is told, None if it learns that, too."""
    family = family_of(n_features, case, seed)
    tasks, began = family.sample(n_tasks, n_points, np.random.default_rng(seed)), time.process_time()
    prior = empirical_bayes(tasks, noise, steps)
    row = {"n_features": n_features, "case": case, "n_tasks": n_tasks, "n_points": n_points, "seed": seed}
    row |= {"told": noise is not None, "steps": len(prior.history), "noise": prior.noise}
    row |= {"seconds": round(time.process_time() - began, 1), "kept": int(np.sum(prior.variances > 0))}
    row |= scores(prior.weights, family, seed)
    for n_points in (4, 16, 64) if family.noise else ():  # the posterior mean, at the true noise
        solve = partial(ridge, penalty=family.noise**2 / n_points, weights=prior.weights)
        row[f"posterior_{n_points}"] = float(np.median(few_shot_risk(family, n_points, solve, UNSEEN, seed)))
    return [row]


def spectrum(n_features, case, steps, rate, seed, blocks=500):
    """The weights of a run of `trained`: the largest of each block of neighbours, and all around one true feature."""
    family = family_of(n_features, case, seed)
    size = np.abs(train_maml(family, 0.001, steps=steps, outer=Descent(rate), seed=seed).weights)
    edges = np.linspace(0, n_features, blocks + 1).astype(int)
    middle = family.support[1]
    rows = [("largest of a block", int(a), float(size[a:b].max())) for a, b in itertools.pairwise(edges)]
    rows += [("one by one", j, float(size[j])) for j in range(middle - 30, middle + 31)]
    rows += [("true", j, float(size[j])) for j in family.support]
    return [dict(zip(("part", "index", "size"), row, strict=True)) for row in rows]


def fewest(rows):
    """Of every size, in how many of the seeds the three were found, and were alone."""
    groups = {}
    for row in rows:
        groups.setdefault((row["n_features"], row["n_tasks"], row["n_points"]), []).append(row)
    names = "n_features", "n_tasks", "n_points"
    return [
        dict(zip(names, size, strict=True))
        | {
            "seeds": len(group),
            "found": sum(row["found"] for row in group),
            "alone": sum(row["found"] and row["kept"] == 3 for row in group),
        }
        for size, group in groups.items()
    ]


def part_gradient(seed, weights, n_tasks):
    """What one machine computes in a step: the gradient of tasks that it draws itself, and its processor time."""
    began, rng, family = time.process_time(), np.random.default_rng(seed), TaskFamily(len(weights))
    train = family.sample(n_tasks, 64, rng)
    gradient = maml_gradient(weights, train, family.observe(train.coefficients, 64, rng))[1]
    return gradient, time.process_time() - began


def cluster(n_features, workers, seed, n_tasks=60, steps=8):
    """Processor time of a step whose tasks are split over Dask's workers: of one worker, and of sending and adding."""
    weights, computing, sending = np.full(n_features, 0.001), [], []
    seeds = [[seed, part] for part in range(workers)]
    local = LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None)
    with local, Client(local) as client:
        for step in range(steps):
            began = time.process_time()
            sent = client.scatter(weights + step * 1e-9, broadcast=True)
            parts = client.map(part_gradient, seeds, weights=sent, n_tasks=n_tasks // workers)
            gradients, seconds = zip(*client.gather(parts), strict=True)
            sum(gradients)
            sending.append(time.process_time() - began)
            computing.append(max(seconds))
    row = {"n_features": n_features, "workers": workers, "n_tasks": n_tasks}
    return [row | {"computing_ms": round(1e3 * min(computing)), "sending_ms": round(1e3 * min(sending))}]


EXPERIMENTS = {
    "million_cluster": Experiment(
        cluster,
        {"n_features": [65_537, 1_000_001], "workers": [1, 2]},
        range(1),
        "60 tasks a step, split over Dask's local workers: least processor time of a worker, and of adding",
    ),
    "million_bayes": Experiment(
        evidence,
        {"n_features": [1_000_001], "case": ["scattered"], "n_tasks": [15], "n_points": [64], "noise": [None]},
        range(10),
        "empirical Bayes, noise learned, with 1,000,001 features",
    ),
    "million_wide": Experiment(
        partial(trained, steps=300, rate=0.05),
        {"n_features": [65_537], "case": list(CASES)},
        range(10),
        "MAML from 0.001 with one common scale, 300 steps of 15 tasks of 64 + 64 points, inner rate 0.02",
    ),
    "million": Experiment(
        partial(trained, steps=150, rate=0.08),
        {"n_features": [1_000_001], "case": ["the first three", "scattered"]},
        range(3),
        "MAML from 0.001 with one common scale, 150 steps of 15 tasks of 64 + 64 points, inner rate 0.02",
    ),
    "million_spectrum": Experiment(
        partial(spectrum, steps=150, rate=0.08),
        {"n_features": [1_000_001], "case": ["scattered"]},
        range(1),
        "the weights of the first scattered run of the table million: the largest of 500 blocks, and some one by one",
    ),
    "million_outer": Experiment(
        outer,
        {"optimiser": list(OPTIMISERS), "start": [1.0, 0.01, 0.001]},
        range(3),
        "65,537 features, 300 steps: the inner rate is 0.02, or as much smaller as the start needs",
    ),
    "million_noise": Experiment(
        evidence,
        {
            "n_features": [65_537],
            "case": ["scattered, noise 0.1"],
            "n_tasks": [15],
            "n_points": [64],
            "noise": [None, 0.1],
        },
        range(10),
        "empirical Bayes on noisy tasks, at most 100 steps; told the noise, or learning it",
    ),
    "million_fewest": Experiment(
        evidence,
        {
            "n_features": [257, 4_097, 65_537],
            "case": ["scattered"],
            "n_tasks": [1, 3, 15, 60],
            "n_points": [4, 8, 16, 64],
            "noise": [None],
        },
        range(5),
        "empirical Bayes: how few tasks of how few points; found and alone are numbers of seeds",
        fewest,
    ),
    "million_fewest_million": Experiment(
        evidence,
        {
            "n_features": [1_000_001],
            "case": ["scattered"],
            "n_tasks": [1, 3, 15],
            "n_points": [8, 16, 64],
            "noise": [None],
        },
        range(1),
        "as million_fewest, with 1,000,001 features",
        fewest,
    ),
}
