"""The experiments of chapter 9: who reads a day of traffic from a few of its hours, from how many days, for which use.

Every contestant but one is a start, some curves and a noise: a day is start + curves @ coefficients, standard normal
coefficients, and is read by ridge regression. Errors are in vehicles an hour, at the hours that were not read.
"""

import csv
import functools
from pathlib import Path
from typing import NamedTuple

import numpy as np

from experiments import Experiment
from fourier_meta import (
    Tasks,
    few_steps,
    fourier_features,
    regular_grid,
    ridge,
    ridge_gradient,
    rivals,
    train_maml,
    train_reptile,
    unseen_stream,
)
from fourier_meta.bayes import empirical_bayes

DATA = Path(__file__).resolve().parents[2] / "notebooks" / "data" / "i94_days.csv"
FIRST_TEST_YEAR = "2017"
N_FEATURES = 25
READINGS = (1, 2, 3, 4, 6, 8, 12)  # in training, one of them is drawn for every step
STEPS, N_TASKS, PENALTY = 1000, 50, 0.01
NOISE = 6 * PENALTY  # a MAML that was trained with ridge reads with the penalty of six readings
SEEDS = (0, 1, 2, 3, 4)

X = regular_grid(24)
FEATURES = fourier_features(X, N_FEATURES)


class Days(NamedTuple):
    """Days to learn from or to test on; one unit of counts is the standard deviation of all training hours."""

    counts: np.ndarray  # (n_days, 24)
    kinds: np.ndarray  # (n_days,) 0 Monday to Friday, 1 Saturday, 2 Sunday


class DayPrior(NamedTuple):
    """A day is start + curves @ coefficients; coefficients have variance 1, errors of readings the variance `noise`."""

    start: np.ndarray  # (24,), or (3, 24), one for each kind of day
    curves: np.ndarray  # (24, n_curves)
    noise: float

    def read(self, hours, readings, kinds):
        """All hours of days, (n_days, 24), from readings at `hours`, both (n_days, n)."""
        start = start_of(self.start, kinds)
        missing = readings - np.take_along_axis(start, hours, axis=1)
        coefficients = ridge(self.curves[hours], missing, self.noise / hours.shape[1])
        return start + coefficients @ self.curves.T


class StepsReader(NamedTuple):
    """Adapts by K steps of descent, as MAML in chapter 3 and Reptile in chapter 4, from a learned start."""

    start: np.ndarray  # (24,)
    weights: np.ndarray
    inner_steps: int
    inner_rate: float

    def read(self, hours, readings, kinds):
        """As `DayPrior.read`."""
        start = start_of(self.start, kinds)
        missing = readings - np.take_along_axis(start, hours, axis=1)
        effective = few_steps(FEATURES[hours], missing, self.weights, self.inner_steps, self.inner_rate)
        return start + effective @ FEATURES.T


def start_of(start, kinds):
    """The start of every day, (n_days, 24)."""
    return start[kinds] if start.ndim == 2 else np.tile(start, (len(kinds), 1))


@functools.cache
def load():
    """Days of 2012 to 2016 to learn from, days of 2017 and 2018 to test on, and vehicles an hour in one unit."""
    with DATA.open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    dates = np.array([row[0] for row in rows], dtype="datetime64[D]")
    counts = np.array([row[1:] for row in rows], dtype=float)
    weekday = (dates.astype(int) + 3) % 7  # 1 January 1970 was a Thursday
    kinds = np.maximum(weekday - 4, 0)
    old = dates < np.datetime64(FIRST_TEST_YEAR)
    unit = counts[old].std()
    return Days(counts[old] / unit, kinds[old]), Days(counts[~old] / unit, kinds[~old]), unit


def draw_hours(n_days, rng):
    """The hours of every day in a random order, (n_days, 24): the first n of them are read."""
    return rng.permuted(np.tile(np.arange(24), (n_days, 1)), axis=1)


def errors(reader, days, n, seed, unit):
    """Root mean square error of every day at the hours that were not read, in vehicles an hour, (n_days,)."""
    hours = draw_hours(len(days.counts), unseen_stream(seed))
    read, unread = hours[:, :n], hours[:, n:]
    curves = reader.read(read, np.take_along_axis(days.counts, read, axis=1), days.kinds)
    wrong = np.take_along_axis(curves - days.counts, unread, axis=1)
    return unit * np.sqrt(np.mean(wrong**2, axis=1))


# How the contestants learn


def batches(counts, seed, sizes=READINGS, known=None):
    """Endless batches: a few readings of random days to adapt to, the other known hours to validate on."""
    rng = np.random.default_rng(seed)
    while True:
        chosen = rng.integers(len(counts), size=N_TASKS)
        hours = draw_hours(N_TASKS, rng) if known is None else rng.permuted(known[chosen], axis=1)
        labels = np.take_along_axis(counts[chosen], hours, axis=1)
        yield Tasks(FEATURES[hours], labels, X[hours]).split(rng.choice(sizes))


def mornings(counts, seed, n=3):
    """Endless batches: n readings between 6 and 11 o'clock to adapt to, all hours from noon on to validate on."""
    rng = np.random.default_rng(seed)
    afternoon = np.tile(np.arange(12, 24), (N_TASKS, 1))
    while True:
        chosen = rng.integers(len(counts), size=N_TASKS)
        hours = np.concatenate([draw_mornings(N_TASKS, n, rng), afternoon], axis=1)
        labels = np.take_along_axis(counts[chosen], hours, axis=1)
        yield Tasks(FEATURES[hours], labels, X[hours]).split(n)


def draw_mornings(n_days, n, rng):
    """n different hours between 6 and 11 for every day."""
    return 6 + rng.permuted(np.tile(np.arange(6), (n_days, 1)), axis=1)[:, :n]


def ridge_inside():
    """The meta-gradient through ridge regression."""
    return functools.partial(ridge_gradient, penalty=PENALTY)


def weights_and_start(source):
    """Learn weights and start by MAML, with ridge regression inside."""
    run = train_maml(source, gradient=ridge_inside(), learn_start=True, steps=STEPS)
    return DayPrior(FEATURES @ run.start, FEATURES * run.weights, NOISE)


def matrix_and_start(source):
    """Learn a matrix (25, 25) in place of weights, and the start; the same loss, by torch."""
    import torch

    torch.set_num_threads(1)
    matrix = torch.eye(N_FEATURES, dtype=torch.float64, requires_grad=True)
    start = torch.zeros(N_FEATURES, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.Adam([matrix, start], lr=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    for _ in range(STEPS):
        train, validation = next(source)
        features, labels = torch.from_numpy(train.features), torch.from_numpy(train.labels)
        unseen, targets = torch.from_numpy(validation.features), torch.from_numpy(validation.labels)
        curves = features @ matrix
        gram = curves @ curves.mT + train.n_points * PENALTY * torch.eye(train.n_points, dtype=torch.float64)
        answers = torch.linalg.solve(gram, labels - features @ start)
        effective = start + torch.einsum("tn,tnr,dr->td", answers, curves, matrix)
        loss = torch.mean((torch.einsum("tmd,td->tm", unseen, effective) - targets) ** 2)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return DayPrior(FEATURES @ start.detach().numpy(), FEATURES @ matrix.detach().numpy(), NOISE)


def root(covariance):
    """Curves whose products are the covariance."""
    size, directions = np.linalg.eigh(covariance)
    return directions * np.sqrt(np.maximum(size, 0))


def best(readers, days):
    """The reader whose median error from four readings of the training days is smallest."""
    return min(readers, key=lambda reader: np.median(errors(reader, days, 4, 99, 1.0)))


def centred_tasks(days):
    """The days as tasks, all 24 hours, minus the mean day."""
    counts = days.counts - days.counts.mean(axis=0)
    return Tasks(np.tile(FEATURES, (len(counts), 1, 1)), counts, np.tile(X, (len(counts), 1)))


# The contestants: functions (days, seed) -> reader


def equal_weights(days, seed):
    return DayPrior(np.zeros(24), FEATURES, 1e-9)


def mean_day(days, seed):
    return DayPrior(days.counts.mean(axis=0), np.zeros((24, 1)), 1.0)


def calendar(days, seed):
    return DayPrior(kind_means(days), np.zeros((24, 1)), 1.0)


def calendar_and_readings(days, seed):
    means = kind_means(days)
    return DayPrior(means, root(shrunk_covariance(days.counts - means[days.kinds])), 1e-6)


def kind_means(days):
    """The mean day of Monday to Friday, of Saturday, and of Sunday, (3, 24)."""
    return np.array([days.counts[days.kinds == kind].mean(axis=0) for kind in range(3)])


def smoothness_prior(days, seed):
    mean = days.counts.mean(axis=0)
    falls = [rivals.smoothness_weights(N_FEATURES, power) for power in (0.5, 1.0, 1.5, 2.0, 3.0)]
    return best([DayPrior(mean, FEATURES * w, noise) for w in falls for noise in (1e-3, 1e-2, 0.1)], days)


def gaussian_process(days, seed, periodic=False):
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, ExpSineSquared, WhiteKernel

    mean, hours = days.counts.mean(axis=0), np.arange(24.0)[:, None]
    shape = ExpSineSquared(1, 24, periodicity_bounds="fixed") if periodic else RBF(3)
    process = GaussianProcessRegressor(ConstantKernel(1) * shape + WhiteKernel(0.01))
    kernel = process.fit(hours, (days.counts - mean).T).kernel_  # one likelihood, pooled over all days
    return DayPrior(mean, root(kernel.k1(hours)), kernel.k2.noise_level)


def moments(days, seed):
    weights = np.sqrt(rivals.moments(centred_tasks(days)))
    return best([DayPrior(days.counts.mean(axis=0), FEATURES * weights, n) for n in (1e-3, 3e-3, 1e-2)], days)


def group_lasso(days, seed):
    weights = rivals.group_lasso_weights(centred_tasks(days))
    return best([DayPrior(days.counts.mean(axis=0), FEATURES * weights, n) for n in (1e-3, 3e-3, 1e-2)], days)


def bayes(days, seed):
    prior = empirical_bayes(centred_tasks(days), steps=100)
    return DayPrior(days.counts.mean(axis=0), FEATURES * prior.weights, prior.noise**2)


def functional_pca(days, seed):
    mean = days.counts.mean(axis=0)
    _, size, directions = np.linalg.svd(days.counts - mean, full_matrices=False)
    variances = size**2 / len(days.counts)
    readers = []
    for kept in range(1, min(13, len(size))):
        noise = max(variances[kept:].sum() / (24 - kept), 1e-6)
        curves = directions[:kept].T * np.sqrt(np.maximum(variances[:kept] - noise, 0))
        readers.append(DayPrior(mean, curves, noise))
    return best(readers, days)


def full_covariance(days, seed):
    return DayPrior(days.counts.mean(axis=0), root(shrunk_covariance(days.counts)), 1e-6)


def shrunk_covariance(counts):
    """The covariance of all pairs of hours, (24, 24), shrunk after Ledoit and Wolf."""
    from sklearn.covariance import LedoitWolf

    return LedoitWolf().fit(counts).covariance_


def reptile(days, seed, scale=1.0):
    mean, rng = days.counts.mean(axis=0), np.random.default_rng(seed)
    tasks = centred_tasks(days)
    source = (tasks[rng.integers(len(tasks), size=N_TASKS)] for _ in range(STEPS))
    run = train_reptile(source, scale, steps=STEPS)
    return StepsReader(mean, run.weights, run.config["inner_steps"], run.config["inner_rate"])


def maml_zero(days, seed):
    run = train_maml(batches(days.counts, seed), gradient=ridge_inside(), steps=STEPS)
    return DayPrior(np.zeros(24), FEATURES * run.weights, NOISE)


def maml_mean(days, seed):
    mean = days.counts.mean(axis=0)
    run = train_maml(batches(days.counts - mean, seed), gradient=ridge_inside(), steps=STEPS)
    return DayPrior(mean, FEATURES * run.weights, NOISE)


def maml(days, seed):
    return weights_and_start(batches(days.counts, seed))


def maml_steps(days, seed):
    run = train_maml(batches(days.counts, seed), 0.3, inner_steps=5, learn_start=True, steps=STEPS)
    return StepsReader(FEATURES @ run.start, run.weights, run.config["inner_steps"], run.config["inner_rate"])


def maml_matrix(days, seed):
    return matrix_and_start(batches(days.counts, seed))


CONTESTANTS = {
    "equal weights": equal_weights,
    "mean day": mean_day,
    "calendar": calendar,
    "smoothness prior": smoothness_prior,
    "Gaussian process, RBF": gaussian_process,
    "Gaussian process, periodic": functools.partial(gaussian_process, periodic=True),
    "moments": moments,
    "group lasso": group_lasso,
    "empirical Bayes": bayes,
    "functional PCA": functional_pca,
    "full covariance": full_covariance,
    "calendar + readings": calendar_and_readings,
    "Reptile": reptile,
    "Reptile, small start": functools.partial(reptile, scale=0.1),
    "MAML, zero start": maml_zero,
    "MAML, mean day": maml_mean,
    "MAML, 5 steps": maml_steps,
    "MAML": maml,
    "MAML, matrix": maml_matrix,
}


# The experiments: functions (..., seed) -> rows


def contest(method, seed):
    """Errors on unseen days against the number of readings; and compared with the calendar, day by day."""
    old, new, unit = load()
    reader, by_date = CONTESTANTS[method](old, seed), calendar(old, seed)
    rows = []
    for n in READINGS:
        wrong = errors(reader, new, n, seed, unit)
        gained = errors(by_date, new, n, seed, unit) - wrong
        row = summary(wrong) | {"gain": np.median(gained), "wins": np.mean(gained > 0)}
        rows.append({"method": method, "seed": seed, "readings": n} | row)
    return rows


def training_days(method, n_days, seed):
    """Errors from four readings against the number of days to learn from."""
    old, new, unit = load()
    few = np.random.default_rng(seed).permutation(len(old.counts))[:n_days]
    reader = CONTESTANTS[method](Days(old.counts[few], old.kinds[few]), seed)
    wrong = errors(reader, new, 4, seed, unit)
    return [{"method": method, "n_days": n_days, "seed": seed} | summary(wrong)]


def sparse(method, seed):
    """Errors when each training day was itself read at six hours only."""
    old, new, unit = load()
    known = draw_hours(len(old.counts), np.random.default_rng([seed, 1]))[:, :6]
    if method == "covariance by EM":
        reader = covariance_by_em(np.take_along_axis(old.counts, known, axis=1), known)
    else:
        source = batches(old.counts, seed, (1, 2, 3, 4), known)
        reader = weights_and_start(source) if method == "MAML" else matrix_and_start(source)
    rows = [{"readings": n} | summary(errors(reader, new, n, seed, unit)) for n in (3, 4)]
    return [{"method": method, "seed": seed} | row for row in rows]


def covariance_by_em(readings, hours, steps=100):
    """Mean and covariance of all 24 hours from days of which a few hours are known: expectation maximisation."""
    n_days, n = hours.shape
    mean, noise = np.full(24, readings.mean()), 0.01
    covariance = (FEATURES * rivals.smoothness_weights(N_FEATURES, 1.0) ** 2) @ FEATURES.T
    for _ in range(steps):
        rows = covariance[hours]  # (n_days, n, 24)
        gram = np.take_along_axis(rows, hours[:, None, :], axis=2) + noise * np.eye(n)
        inverse = np.linalg.inv(gram)
        gain = inverse @ rows
        guesses = mean + np.vecmat(readings - mean[hours], gain)
        left = readings - np.take_along_axis(guesses, hours, axis=1)
        noise = max(np.mean(left**2) + noise * (1 - noise * np.trace(inverse, axis1=1, axis2=2).mean() / n), 1e-3)
        unsure = covariance - np.mean(rows.mT @ gain, axis=0)
        mean = guesses.mean(axis=0)
        covariance = (guesses - mean).T @ (guesses - mean) / n_days + (unsure + unsure.T) / 2
    return DayPrior(mean, root(covariance), noise)


def use(method, trained, seed):
    """Errors from noon on, from three readings between 6 and 11 o'clock: trained for that, or on any hours."""
    old, new, unit = load()
    source = mornings(old.counts, seed) if trained == "mornings" else batches(old.counts, seed)
    if method == "MAML":
        reader = weights_and_start(source)
    elif method == "MAML, matrix":
        reader = matrix_and_start(source)
    else:
        reader = CONTESTANTS[method](old, seed)
    hours = draw_mornings(len(new.counts), 3, unseen_stream(seed))
    curves = reader.read(hours, np.take_along_axis(new.counts, hours, axis=1), new.kinds)
    wrong = unit * np.sqrt(np.mean((curves - new.counts)[:, 12:] ** 2, axis=1))
    return [{"method": method, "trained": trained, "seed": seed} | summary(wrong)]


def summary(wrong):
    """Median over days, and where 10 and 90 % of them are."""
    low, median, high = np.quantile(wrong, (0.1, 0.5, 0.9))
    return {"low": low, "median": median, "high": high}


EXPERIMENTS = {
    "traffic": Experiment(
        contest,
        {"method": list(CONTESTANTS)},
        SEEDS,
        "Error on 605 unseen days, 10, 50 and 90 % of days, in vehicles an hour, at hours that were not read.",
    ),
    "traffic_days": Experiment(
        training_days,
        {
            "method": ["empirical Bayes", "functional PCA", "full covariance", "MAML", "MAML, matrix"],
            "n_days": [2, 4, 8, 16, 32, 64, 128, 609],
        },
        SEEDS,
        "Error on 605 unseen days, from four readings, by methods that learned from a few days only.",
    ),
    "traffic_sparse": Experiment(
        sparse,
        {"method": ["covariance by EM", "MAML", "MAML, matrix"]},
        SEEDS,
        "Error on 605 unseen days when each of 609 training days was read at six random hours only.",
    ),
    "traffic_use": Experiment(
        use,
        {
            "method": ["empirical Bayes", "full covariance", "MAML", "MAML, matrix"],
            "trained": ["any hours", "mornings"],
        },
        SEEDS,
        "Error from noon on, from three readings between 6 and 11 o'clock.",
    ),
}
