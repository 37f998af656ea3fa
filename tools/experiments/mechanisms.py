"""Chapter 5: which mechanism selects features, over methods, optimisers, starts, noise and lengths of training."""

from functools import partial

import numpy as np

from experiments import OPTIMISERS, Experiment
from fourier_meta import (
    Descent,
    TaskFamily,
    few_shot_risk,
    few_steps,
    fomaml_gradient,
    joint_gradient,
    min_norm,
    on_top,
    share,
    train_maml,
    train_reptile,
)

UNSEEN = 50  # tasks on which every trained result is tested
METHODS = {
    "MAML": train_maml,
    "MAML, nothing held out": partial(train_maml, n_validation=0),
    "first order": partial(train_maml, gradient=fomaml_gradient),
    "first order, nothing held out": partial(train_maml, gradient=fomaml_gradient, n_validation=0),
    "joint": partial(train_maml, gradient=joint_gradient),
    "joint, nothing held out": partial(train_maml, gradient=joint_gradient, n_validation=0),
    "Reptile": train_reptile,
}


def mechanisms(method, optimiser, start, seed, steps=300, family=TaskFamily()):  # noqa: B008 - frozen
    """Train once and score the weights: what they select, and what they are worth to unseen tasks."""
    run = METHODS[method](family, start, steps=steps, outer=OPTIMISERS[optimiser], seed=seed)
    row = {"method": method, "optimiser": optimiser, "start": start, "seed": seed}
    return [row | scores(run, family, seed)]


def scores(run, family, seed):
    """Share, rank and contrast of a run's weights, and the median risk of unseen tasks from 4 points by min-norm."""
    weights = run.weights
    if run.status != "finished" or not np.isfinite(weights).all():
        return {
            "status": run.status.split(" at ")[0],
            "share": np.nan,
            "found": 0,
            "contrast": np.nan,
            "risk_4": np.nan,
        }
    size = np.abs(weights)
    others = np.delete(size, family.support)
    risks = few_shot_risk(family, 4, partial(min_norm, weights=weights), UNSEEN, seed)
    return {
        "status": run.advice.split(":")[0] or run.status,
        "share": share(weights, family.support),
        "found": int(on_top(weights, family.support)),
        "contrast": float(size[list(family.support)].min() / others.max()),
        "risk_4": float(np.median(risks)),
    }


NOISY = {
    "MAML, Adam from 1": partial(train_maml, weights="ones"),
    "MAML, one common scale from 0.001": partial(train_maml, weights=0.001, outer=Descent(0.05)),
    "nothing held out, one common scale from 0.001": partial(
        train_maml, weights=0.001, outer=Descent(0.05), n_validation=0
    ),
    "Reptile from 0.001": partial(train_reptile, weights=0.001),
}


def noise(method, noise, steps, seed):
    """Train on noisy tasks; share, and median risk from 16 points by the inner loop's K steps (20 of them)."""
    family = TaskFamily(noise=noise)
    run = NOISY[method](family, steps=steps, n_tasks=5, seed=seed)
    solve = partial(few_steps, weights=run.weights, inner_steps=20)
    row = {"method": method, "noise": noise, "steps": steps, "seed": seed}
    risks = few_shot_risk(family, 16, solve, UNSEEN, seed)
    return [row | {"share": share(run.weights, family.support), "risk_16": float(np.median(risks))}]


SEEDS = list(range(10))
STARTS = [0.0001, 0.001, 0.01, 0.1, 0.3, 1.0, 3.0, 5.0]
ABOUT = f"300 steps of 15 tasks, 64 + 64 points, K = 5 (Reptile 20); risk by min-norm, median of {UNSEEN} unseen tasks."
NOISE = f"5 tasks a step; risk from 16 points by 20 inner steps, median of {UNSEEN} unseen tasks."
EXPERIMENTS = {
    "mechanisms": Experiment(
        mechanisms,
        {"method": list(METHODS), "optimiser": list(OPTIMISERS), "start": STARTS},
        SEEDS,
        ABOUT,
    ),
    "mechanisms_noise": Experiment(
        noise, {"method": list(NOISY), "noise": [0.0, 0.1, 0.3, 1.0], "steps": [300]}, SEEDS, NOISE
    ),
    "mechanisms_length": Experiment(noise, {"method": list(NOISY), "noise": [0.3], "steps": [1000]}, SEEDS, NOISE),
}
