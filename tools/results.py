"""Run the experiments that the notebooks only plot, and store each as a small table in notebooks/results.

Usage: python tools/results.py [--workers N] [NAME ...], as `make results` does; a NAME is, for example, few_shot.

An experiment is a list of jobs, and a job is one call of a function below with plain arguments. Each job's rows are
kept under build/results as soon as they exist, so an interrupted run continues where it was; they are keyed by the
job's arguments and by the code that made them, so no job is reused after a change. A finished experiment becomes one
JSON file: columns of numbers with four significant digits, and the provenance that it takes to make them again.
"""

import argparse
import contextlib
import dataclasses
import functools
import hashlib
import itertools
import json
import math
import os
import platform
import signal
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import sklearn

import fourier_meta
from fourier_meta import (
    TaskFamily,
    classification,
    few_shot_risk,
    fourier_features,
    largest_stable_rate,
    maml,
    regular_grid,
    reptile,
    risk,
    rivals,
)
from fourier_meta.results import FOLDER
from fourier_meta.rivals import draw_from, maml_on, reptile_on, weighted_solver
from fourier_meta.tasks import DESIGNS, Tasks

ROOT = Path(__file__).resolve().parent.parent
SEEDS = list(range(10))
UNSEEN = 50  # tasks on which every trained result is tested
FEW_SHOT_POINTS = (2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128, 256, 512)

Row = dict[str, float | int | str | list]


# What is measured


def median_risk(weights: np.ndarray, family: TaskFamily, n_points: int, seed: int) -> float:
    """Median risk of weighted min-norm on unseen tasks."""
    if not np.isfinite(weights).all():
        return float("nan")
    return float(np.median(few_shot_risk(family, n_points, weighted_solver(weights), UNSEEN, unseen(seed, n_points))))


def unseen(seed: int, n_points: int) -> np.random.Generator:
    """The stream of the unseen tasks; every method meets the same ones."""
    return np.random.default_rng([seed, n_points])


def share(weights: np.ndarray, support: tuple[int, ...] = (0, 1, 2)) -> float:
    """Part of sum w^2 that lies on the true features: 1 is perfect, 3/257 is what all ones have."""
    squared = weights**2
    return float(squared[list(support)].sum() / squared.sum())


def found(weights: np.ndarray, support: tuple[int, ...] = (0, 1, 2)) -> int:
    """Are the largest weights the true ones?"""
    return int(set(np.argsort(-np.abs(weights))[: len(support)]) == set(support))


def gentle_rate(family: TaskFamily, n_points: int, fraction: float = 0.2) -> float:
    """A fifth of the median stable inner rate at w = 1: what 0.02 is at 64 points and 257 features."""
    tasks = family.sample(50, n_points, np.random.default_rng(0))
    return float(fraction * np.median(largest_stable_rate(tasks.features)))


# Few-shot curves


def few_shot(method: str, seed: int) -> list[Row]:
    family = TaskFamily()
    solve = rivals.CONTESTANTS[method](family, seed)
    risks = {n: few_shot_risk(family, n, solve, UNSEEN, unseen(seed, n)).tolist() for n in FEW_SHOT_POINTS}
    return [{"method": method, "n_points": n, "seed": seed, "risks": risks[n]} for n in FEW_SHOT_POINTS]


def pool_seeds(names: tuple[str, ...], rows: list[Row]) -> list[Row]:
    """One row for each level of the named columns: quantiles over all seeds and tasks, and the median of each seed."""
    groups: dict[tuple, list] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in names), []).append(row["risks"])
    pooled = []
    for levels, risks in groups.items():
        low, median, high = np.quantile(risks, (0.1, 0.5, 0.9)).tolist()
        seeds = {f"seed_{seed}": float(np.median(values)) for seed, values in enumerate(risks)}
        pooled.append(dict(zip(names, levels, strict=True)) | {"low": low, "median": median, "high": high} | seeds)
    return pooled


# How many tasks does it take? Equal pools of tasks, equal numbers of task gradients


def budget(points: int, n_pool: int, seed: int) -> list[Row]:
    family = TaskFamily()
    pool = family.sample(n_pool, points, np.random.default_rng([seed, 77]))
    rate, batches = gentle_rate(family, points // 2), partial(draw_from, pool, seed=seed)
    learned = {
        "MAML": maml_on(batches(), inner_rate=rate),
        "FOMAML": maml_on(batches(), maml.fomaml_gradient, inner_rate=rate),
        "MAML, ridge inside": maml_on(batches(), rivals.ridge_gradient),
        "Reptile": reptile_on(batches(), inner_rate=rate),
        "moment ranking": rivals.moment_weights(pool),
        "group lasso": rivals.group_lasso_weights(pool),
    }
    job = {"points": points, "n_pool": n_pool, "seed": seed}
    return [
        job | {"method": method, "share": share(w), "found": found(w), "risk_4": median_risk(w, family, 4, seed)}
        for method, w in learned.items()
    ]


# What the statistics of the labels cannot see: correlated features, small coefficients


def uneven(case: str, seed: int) -> list[Row]:
    rng = np.random.default_rng([seed, 5])
    pool, test = uneven_tasks(case, 300, 128, rng), uneven_tasks(case, UNSEEN, 8, rng)
    learned = {
        "moment ranking": rivals.moment_weights(pool),
        "group lasso": rivals.group_lasso_weights(rivals.take(pool, slice(0, 50))),
        "MAML": maml_on(draw_from(pool, seed=seed), steps=1000, inner_rate=0.01),
    }
    rows = []
    for method, w in learned.items():
        errors = risk(weighted_solver(w)(test.features, test.labels), test.effective)
        row = {"case": case, "seed": seed, "method": method, "found": found(w), "share": share(w)}
        rows.append(row | {"risk_8": float(np.median(errors))})
    return rows


def uneven_tasks(case: str, n_tasks: int, n_points: int, rng: np.random.Generator) -> Tasks:
    """Tasks of the book's family, except that x crowds around 0, or that the three coefficients have unequal scales."""
    family = TaskFamily()
    effective = family.draw_coefficients(n_tasks, rng)
    if case == "unequal scales":
        effective[:, :3] *= (1, 0.1, 0.01)
    x = rng.uniform(-1, 1, (n_tasks, n_points))
    if case == "crowded x":
        x = x**3
    features = fourier_features(x, family.n_features)
    return Tasks(x, features, (effective[:, None, :] @ features.mT)[:, 0], effective)


# Designs of x


def designs(design: str, method: str, seed: int) -> list[Row]:
    """How often, or how strongly, a method picks each feature, shape (d,), and its risk on unseen tasks."""
    family, n_points = TaskFamily(design=design), 64
    rng = np.random.default_rng([seed, 64])
    test = family.sample(UNSEEN, n_points, rng)
    order = rng.permutation(family.n_features)  # columns that are equal must not be told apart by their place
    shuffled = test._replace(features=test.features[..., order])
    estimate, chosen = np.empty_like(test.effective), np.empty(family.n_features)
    if method == "OMP":
        estimate[:, order] = rivals.matching_pursuit(shuffled.features, shuffled.labels)
        importance = np.mean(estimate != 0, axis=0)
    elif method == "moment ranking":
        chosen[order] = rivals.moment_weights(shuffled)
        estimate = weighted_solver(chosen)(test.features, test.labels)
        importance = np.sqrt(rivals.moments(test))  # what is ranked, up to the square root
    else:
        train = maml.train_maml if method == "MAML" else reptile.train_reptile
        importance = np.abs(train(family, seed=seed).weights)
        estimate = weighted_solver(importance)(test.features, test.labels)
    row = {"design": design, "method": method, "seed": seed, "importance": importance.tolist()}
    return [row | {"risk_64": float(np.median(risk(estimate, test.effective))), "share": share(importance)}]


def average_importance(rows: list[Row]) -> list[Row]:
    """One row for each design, method and feature: importance averaged over seeds, medians of risk and share."""
    groups: dict[tuple, list[Row]] = {}
    for row in rows:
        groups.setdefault((row["design"], row["method"]), []).append(row)
    averaged = []
    for (design, method), group in groups.items():
        medians = {name: float(np.median([row[name] for row in group])) for name in ("risk_64", "share")}
        for j, value in enumerate(np.mean([row["importance"] for row in group], axis=0).tolist()):
            averaged.append({"design": design, "method": method, "feature": j, "importance": value} | medians)
    return averaged


# Phase diagrams


def phase_points(n_features: int, n_points: int, seed: int) -> list[Row]:
    family = TaskFamily(n_features)
    rate = gentle_rate(family, n_points)
    run = maml.train_maml(family, steps=300, n_points=n_points, n_validation=n_points, inner_rate=rate, seed=seed)
    job = {"n_features": n_features, "n_points": n_points, "seed": seed, "rate": rate}
    scores = {"share": share(run.weights), "found": found(run.weights)}
    return [job | scores | {"risk_4": median_risk(run.weights, family, 4, seed)}]


def phase_noise(noise: float, n_pool: int, seed: int) -> list[Row]:
    pool = TaskFamily(noise=noise).sample(n_pool, 64, np.random.default_rng([seed, 78]))
    learned = {"MAML": maml_on(draw_from(pool, seed=seed)), "moment ranking": rivals.moment_weights(pool)}
    job = {"noise": noise, "n_pool": n_pool, "seed": seed}
    return [job | {"method": method, "share": share(w), "found": found(w)} for method, w in learned.items()]


def phase_inner(inner_steps: int, inner_rate: float, seed: int) -> list[Row]:
    run = maml.train_maml(TaskFamily(), steps=300, inner_steps=inner_steps, inner_rate=inner_rate, seed=seed)
    job = {"inner_steps": inner_steps, "inner_rate": inner_rate, "seed": seed}
    scores = {"share": share(run.weights), "true_weight": float(np.mean(np.abs(run.weights[:3])))}
    return [job | scores | {"finished": int(run.status == "finished")}]


INNER_RATES = [0.001, 0.003, 0.01, 0.02, 0.04, 0.07, 0.1, 0.15, 0.2]


# Shift and failure


def failures(case: str, seed: int) -> list[Row]:
    family, test = FAILURES[case]
    if "coefficients" in case:
        w = maml_on(narrow_batches(case, family, np.random.default_rng([seed, 79])), steps=1000)
    else:
        w = maml.train_maml(family, seed=seed).weights
    risks = {f"risk_{n}": median_risk(w, test, n, seed) for n in (4, 64)}
    stopped = few_shot_risk(test, 64, rivals.descent_solver(w), UNSEEN, unseen(seed, 64))
    risks["risk_64_steps"] = float(np.median(stopped))  # by the K inner steps of training, which leave a residual
    return [{"case": case, "seed": seed, "share": share(w, family.support)} | risks]


ALIASED = (0, 1, 125)  # on 64 grid points, feature 125 is feature 1 with the other sign


FAILURES = {
    "as trained": (TaskFamily(), TaskFamily()),
    "another support at test": (TaskFamily(), TaskFamily(support=(20, 21, 22))),
    "noise 0.3": (TaskFamily(noise=0.3), TaskFamily(noise=0.3)),
    "noise 1": (TaskFamily(noise=1.0), TaskFamily(noise=1.0)),
    "one alias class, grid": (
        TaskFamily(support=ALIASED, design="grid"),
        TaskFamily(support=ALIASED, design="grid"),
    ),
    "one alias class, random x": (TaskFamily(support=ALIASED), TaskFamily(support=ALIASED)),
    "coefficients along (1, 1, 1)": (TaskFamily(), TaskFamily()),
    "coefficients along (1, 0, 0)": (TaskFamily(), TaskFamily()),
}


def narrow_batches(case: str, family: TaskFamily, rng: np.random.Generator) -> Iterator[Tasks]:
    """Batches of tasks whose coefficients all lie along one direction."""
    direction = np.zeros(family.n_features)
    direction[:3] = (1, 1, 1) if "(1, 1, 1)" in case else (np.sqrt(3), 0, 0)
    while True:
        yield family.observe(rng.standard_normal((15, 1)) * direction, 128, rng)


def grid_shift(seed: int) -> list[Row]:
    """MAML trained on the grid of 64 points, tested on regular grids of other sizes."""
    family = TaskFamily(design="grid")
    w = maml.train_maml(family, seed=seed).weights
    return [{"seed": seed, "n_points": n, "risk": median_risk(w, family, n, seed)} for n in GRID_SIZES]


GRID_SIZES = (16, 24, 31, 32, 33, 48, 63, 64, 65, 80, 96, 127, 128, 129)


# Classification


def classify(method: str, seed: int) -> list[Row]:
    family, rows = TaskFamily(), []
    solve = classification.CLASSIFIERS[method](family, seed)
    for n in CLASSIFICATION_POINTS:
        test = classification.sign_labels(family.sample(UNSEEN, n, unseen(seed, n)))
        accuracy, square = classification.sign_scores(solve(test.features, test.labels), test.effective)
        row = {"method": method, "n_points": n, "seed": seed}
        rows += [row | {"score": "accuracy", "risks": accuracy.tolist()}]
        rows += [row | {"score": "square", "risks": square.tolist()}]
    return rows


CLASSIFICATION_POINTS = (2, 4, 8, 16, 32, 64, 128, 256, 512)


def spectrum(seed: int) -> list[Row]:
    """Weights that MAML learns from sign labels, beside the energy of the labels in each feature."""
    family = TaskFamily()
    batches = partial(classification.sign_batches, family, seed=seed)
    maml_weights = maml_on(batches(), steps=1000)
    ridge_weights = maml_on(batches(), rivals.ridge_gradient, steps=1000)
    dense = fourier_features(regular_grid(1024), family.n_features)
    curves = family.draw_coefficients(2000, np.random.default_rng([seed, 6])) @ dense.T
    energy = np.mean((np.where(curves >= 0, 1, -1) @ dense / 1024) ** 2, axis=0)
    columns = zip(maml_weights, ridge_weights, energy, strict=True)
    return [
        {"seed": seed, "feature": j, "MAML": float(abs(a)), "ridge": float(abs(b)), "energy": float(e)}
        for j, (a, b, e) in enumerate(columns)
    ]


# The list of experiments, and the machine that runs them


@dataclasses.dataclass(frozen=True)
class Experiment:
    """Jobs are `run(**arguments)` for all combinations of the levels; `reduce` turns all rows into those to store."""

    run: Callable[..., list[Row]]
    levels: dict[str, list]
    reduce: Callable[[list[Row]], list[Row]] = list
    about: str = ""

    def jobs(self) -> list[dict]:
        return [dict(zip(self.levels, values, strict=True)) for values in itertools.product(*self.levels.values())]


EXPERIMENTS = {
    "few_shot": Experiment(
        few_shot,
        {"method": list(rivals.CONTESTANTS), "seed": SEEDS},
        partial(pool_seeds, ("method", "n_points")),
        "Risk on 50 unseen tasks a seed. Meta-learners: 1,000 steps of 15 tasks, 64 + 64 points (Reptile: 128).",
    ),
    "budget": Experiment(
        budget,
        {"points": [8, 64], "n_pool": [1, 2, 3, 5, 10, 30, 100, 300], "seed": SEEDS},
        about="A fixed pool of tasks for everybody; trained methods take 300 steps of 15 tasks from it.",
    ),
    "uneven": Experiment(
        uneven,
        {"case": ["even", "crowded x", "unequal scales"], "seed": SEEDS},
        about="300 tasks of 128 points; risk from 8 points on 50 unseen tasks of the same kind.",
    ),
    "designs": Experiment(
        designs,
        {
            "design": list(DESIGNS),
            "method": ["MAML", "Reptile", "OMP", "moment ranking"],
            "seed": SEEDS,
        },
        average_importance,
        "64 points; tested on unseen tasks in the same design.",
    ),
    "phase_points": Experiment(
        phase_points,
        {"n_features": [33, 65, 129, 257, 513], "n_points": [1, 2, 3, 4, 6, 8, 16, 32, 64], "seed": SEEDS},
        about="MAML, 300 steps of 15 tasks; the inner rate is a fifth of the median stable rate.",
    ),
    "phase_noise": Experiment(
        phase_noise,
        {"noise": [0.0, 0.1, 0.3, 1.0, 3.0], "n_pool": [1, 2, 4, 8, 16, 32, 64, 128, 256], "seed": SEEDS},
        about="A fixed pool of tasks of 32 + 32 points; MAML takes 300 steps of 15 tasks from it.",
    ),
    "phase_inner": Experiment(
        phase_inner,
        {
            "inner_steps": [1, 2, 5, 10, 20],
            "inner_rate": INNER_RATES,
            "seed": SEEDS,
        },
        about="MAML, 300 steps of 15 tasks, 64 + 64 points.",
    ),
    "failures": Experiment(failures, {"case": list(FAILURES), "seed": SEEDS}, about="MAML, 1,000 steps of 15 tasks."),
    "grid_shift": Experiment(
        grid_shift, {"seed": SEEDS}, about="Trained on the grid of 64 points, tested on other grids."
    ),
    "classification": Experiment(
        classify,
        {"method": list(classification.CLASSIFIERS), "seed": SEEDS},
        partial(pool_seeds, ("method", "n_points", "score")),
        "Sign labels; accuracy and squared distance to them on 50 unseen tasks a seed.",
    ),
    "spectrum": Experiment(spectrum, {"seed": SEEDS}, about="Sign labels; 1,000 steps of 15 tasks, 64 + 64 points."),
}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Run the experiments and store their tables.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(EXPERIMENTS)}; all by default")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the tables go")
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / "results", help="where finished jobs wait")
    options = parser.parse_args(arguments)
    unknown = set(options.names) - set(EXPERIMENTS)
    if unknown:
        parser.error(f"no experiment {', '.join(sorted(unknown))}: there is {', '.join(EXPERIMENTS)}")
    try:
        for name in options.names or EXPERIMENTS:
            store(name, options.folder, options.cache, options.workers)
    except KeyboardInterrupt:
        sys.exit("\nInterrupted. What is finished is kept; the same command continues from there.")


def store(name: str, folder: Path, cache: Path, workers: int) -> None:
    """Run what is missing of one experiment and write its table."""
    experiment = EXPERIMENTS[name]
    files = {key(experiment.run, job): job for job in experiment.jobs()}
    missing = [file for file in files if not (cache / file).exists()]
    calls = (joblib.delayed(run_and_keep)(experiment.run, files[file], cache / file) for file in missing)
    results = joblib.Parallel(n_jobs=workers, return_as="generator_unordered")(calls)
    started = time.monotonic()
    for done, _ in enumerate(results, start=1):
        show_progress(name, len(files) - len(missing) + done, len(files), time.monotonic() - started)
    rows = [row for file in files for row in json.loads((cache / file).read_text(encoding="utf-8"))]
    write_beside_then_rename(folder / f"{name}.json", table(name, experiment, experiment.reduce(rows)))
    seal(folder / f"{name}.json")
    print(f"\r{name}: {len(files)} jobs stored" + " " * 40, file=sys.stderr)


def key(run: Callable, job: dict) -> str:
    """A file name for a job that changes with its arguments and with the code that it runs."""
    words = json.dumps([run.__name__, job, code_digest()])
    return f"{run.__name__}-{hashlib.sha256(words.encode()).hexdigest()[:20]}.json"


@functools.cache
def code_digest() -> str:
    """A digest of the package's numerical modules and of this file's experiments."""
    package = Path(fourier_meta.__file__).parent
    names = ("checks", "features", "tasks", "regression", "maml", "reptile", "training", "rivals", "classification")
    files = [package / f"{name}.py" for name in names] + [Path(__file__)]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def run_and_keep(run: Callable, job: dict, file: Path) -> None:
    """Run a job and write its rows, unless it was interrupted: training answers Ctrl-C with an unfinished run."""
    with noticed_interruptions() as interruptions:
        rows = run(**job)
    if interruptions:
        raise KeyboardInterrupt
    write_beside_then_rename(file, json.dumps(rows))


@contextlib.contextmanager
def noticed_interruptions() -> Iterator[list[int]]:
    """A list that grows with every Ctrl-C, even if what runs inside handles it."""
    seen: list[int] = []

    def notice(number, frame):
        seen.append(number)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, notice)
    try:
        yield seen
    finally:
        signal.signal(signal.SIGINT, before)


def write_beside_then_rename(file: Path, text: str) -> None:
    """An interruption leaves the old file or the new one, never half of one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8", newline="\n")
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)


def seal(file: Path) -> None:
    """Note the digest of a table in SHA256SUMS beside it: a number that is changed later, by hand, is noticed."""
    sums = file.with_name("SHA256SUMS")
    lines = sums.read_text(encoding="utf-8").splitlines() if sums.exists() else []
    digests = {name: digest for digest, name in map(str.split, lines)}
    digests[file.name] = hashlib.sha256(file.read_bytes()).hexdigest()
    write_beside_then_rename(sums, "".join(f"{digests[name]}  {name}\n" for name in sorted(digests)))


def show_progress(name: str, done: int, total: int, seconds: float) -> None:
    bar = "#" * (30 * done // total)
    print(f"\r{name:15s} [{bar:30s}] {done}/{total} jobs, {seconds:.0f} s", end="", file=sys.stderr, flush=True)


def table(name: str, experiment: Experiment, rows: list[Row]) -> str:
    """The JSON text of a table: provenance, and one line for each column."""
    provenance = {
        "experiment": name,
        "about": experiment.about,
        "command": f"make results ONLY={name}",
        "levels": experiment.levels,
        "unseen_tasks": UNSEEN,
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scikit-learn": sklearn.__version__,
            "fourier_meta": fourier_meta.__version__,
        },
    }
    columns = ",\n".join(
        f"  {json.dumps(column)}: {json.dumps([rounded(row[column]) for row in rows])}" for column in rows[0]
    )
    return f'{{\n "provenance": {json.dumps(provenance)},\n "columns": {{\n{columns}\n }}\n}}\n'


def rounded(value: float | int | str) -> float | int | str | None:
    """Four significant digits, which other machines reproduce, 0 for what is rounding, None for NaN."""
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        return None
    return float(f"{value:.4g}") if abs(value) > ROUNDING else 0.0


ROUNDING = 1e-20  # a risk below this says how a sum was ordered, and nothing about a method


if __name__ == "__main__":
    main()
