# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Read a day of traffic from three numbers
#
# **Question.** Somebody counted the vehicles on a motorway in three hours of a day. What were the other twenty-one hours like?
#
# This is the everyday case of learning from few points: a sensor that is read rarely, a patient who is measured three times, a survey that was cut short. Three readings do not fix a curve. *Other days* have to do the rest.
#
# [Chapter 3](03_maml.ipynb) left us with weights that were learned from tasks, and [chapter 6](06_prior.ipynb) with what they are: a prior. Both worked on waves that the book had made itself, and three weights were the right answer. Here nobody knows the right answer, and plain methods have been at it for a century. Do meta-gradients still earn their place?

# %% [markdown]
# ## You will
#
# **Do.** Read unseen days from a few of their hours with MAML, learn its start, replace its weights by a matrix, and put all of it beside the methods that a statistician would try first.
#
# **Learn.**
#
# - why the *start* matters as much as the weights once tasks are not symmetric around 0;
# - that what a method can *express* decides more than how it is learned;
# - when three readings beat the calendar, and on which days everything fails;
# - what is left for meta-gradients.
#
# **Need.** Chapters 3, 4 and 6.
#
# ## Notation
#
# | symbol | code | meaning | shape |
# |---|---|---|---|
# | $x$ | `x` | hour of the day, as a number in $[-1, 1)$: the features have a period of 24 hours | (24,) |
# | $\phi(x)$ | `phi` | Fourier features, up to 12 cycles a day | (24, n_features) |
# | $w$, $s$ | `run.weights`, `run.start` | feature weights, and the coefficients that every day starts from | (n_features,) |
# | n | `n_readings` | hours of an unseen day that are read: three chosen ones in the pictures, four at random in the comparisons | |
#
# Errors are root mean squares over the hours that were *not* read, in vehicles an hour.

# %% tags=["colab", "hide-input"]
import importlib.util
import site
import sys

modules = ("fourier_meta", "torch", "sklearn")
missing = [name for name in modules if importlib.util.find_spec(name) is None]
if missing and "google.colab" not in sys.modules:
    raise SystemExit(
        f"This kernel has no {missing[0]}: start it with `make lab`, or run "
        '`pip install -e ".[notebooks]"` in the folder of the book.'
    )
if missing:  # on Colab the package and the stored results are not there
    source = "git+https://github.com/fourier-meta/fourier_meta#egg=fourier_meta"
    get_ipython().run_line_magic("pip", f"install -q -e {source}")
    site.main()  # so that this kernel finds what was just installed

# %% tags=["hide-input"]
import csv
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from sklearn.covariance import LedoitWolf
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

from fourier_meta import Adam, Tasks, figures, fourier_features, frequencies
from fourier_meta import regular_grid, ridge, ridge_gradient, rivals
from fourier_meta import train_maml, unseen_stream
from fourier_meta.bayes import empirical_bayes
from fourier_meta.exercises import check_09_1, check_09_2, check_09_3
from fourier_meta.figures import COLORS, show
from fourier_meta.sweep import TABLES, load_table

# %% tags=["parameters"]
first_test_year = 2017  # days before it are learned from, the others are unseen
hours_read = (7, 12, 17)  # when the days in the pictures are read
good_hours = (7, 13, 22)  # chosen to tell most about a day, see Exercise 3
n_readings = 4  # readings of an unseen day, at random hours, in every comparison
n_features = 25  # Fourier features, up to 12 cycles a day
sizes = (1, 2, 3, 4, 6, 8, 12)  # readings to adapt to in training, one of these a step
n_tasks, steps = 50, 1000  # days in an outer step, and outer steps
outer_rate = 0.05  # of Adam
penalty = 0.01  # of the ridge regression that adapts to a day
seed = 0  # everything that is drawn follows from it

# %% [markdown]
# ## The days
#
# 1,214 days on Interstate 94 between Minneapolis and St Paul, from October 2012 to September 2018, counted every hour by the Minnesota Department of Transportation.
# The data is John Hogue's *Metro Interstate Traffic Volume* (UCI Machine Learning Repository, [doi 10.24432/C5X60B](https://doi.org/10.24432/C5X60B), licence [CC BY 4.0](https://creativecommons.org/licenses/by/4.0/)); we keep the counts of complete days ([what was changed](https://github.com/fourier-meta/fourier_meta/blob/main/notebooks/data/PROVENANCE.md)).
#
# *A task is a day.* We learn from the days of 2012 to 2016 and test on 2017 and 2018: whoever reads a sensor today has only the past to learn from, so the two sets are never shuffled.

# %%
with open(TABLES.parent / "data" / "i94_days.csv", newline="") as file:
    rows = list(csv.reader(file))[1:]
dates = np.array([row[0] for row in rows], dtype="datetime64[D]")
vehicles = np.array([row[1:] for row in rows], dtype=float)  # (n_days, 24)
past = dates < np.datetime64(str(first_test_year))
unit = vehicles[past].std()  # all counts are divided by it
old, new = vehicles[past] / unit, vehicles[~past] / unit
new_dates = dates[~past]
weekdays = (dates.astype(int) + 3) % 7  # 0 is Monday, as 1970 began on a Thursday
kinds = np.maximum(weekdays - 4, 0)  # 0 Monday to Friday, 1 Saturday, 2 Sunday
book = {"first_test_year": 2017, "hours_read": (7, 12, 17), "n_readings": 4}
book |= {"good_hours": (7, 13, 22)}
book |= {"n_features": 25, "sizes": (1, 2, 3, 4, 6, 8, 12), "n_tasks": 50}
book |= {"steps": 1000, "outer_rate": 0.05, "penalty": 0.01, "seed": 0}
AS_IN_THE_BOOK = book == {name: globals()[name] for name in book}
print(f"{len(old)} days to learn from, {len(new)} unseen days")
print(f"one unit is {unit:.0f} vehicles an hour, the mean is {unit * old.mean():.0f}")

# %% tags=["hide-input"]
shown = {
    "2018-01-22": "snow",
    "2018-05-16": "Wednesday",
    "2018-06-09": "Saturday",
    "2018-07-04": "Independence Day",
}
pictured = np.flatnonzero(np.isin(new_dates, np.array(list(shown), "datetime64[D]")))
clock = np.arange(24)


def color_of(method):
    same = {"mean day": "zero", "calendar + readings": "calendar"}
    return COLORS[same.get(method, method.partition(",")[0])]


def draw_days(curves, truth):
    """The days of the pictures: three readings, curves (name -> array), the truth."""
    styles = ["-"] if len(curves) < 2 else ["--", "-"]
    fig, axes = figures.subplots(1, 4, height=2.5, width=12, sharey=True)
    for ax, letter, day in zip(axes, "ABCD", pictured, strict=False):
        for (method, values), style in zip(curves.items(), styles, strict=False):
            color = color_of(method)
            ax.plot(clock, unit * values[day], style, color=color, label=method)
        if truth:
            ax.plot(
                clock, unit * new[day], color=COLORS["truth"], alpha=0.4, label="truth"
            )
        read = list(hours_read)
        ax.plot(read, unit * new[day, read], "o", color=COLORS["truth"], label="read")
        name = f": {shown[str(new_dates[day])]}" if truth else ""
        ax.set(title=f"day {letter}{name}", xlabel="hour", xticks=(0, 6, 12, 18))
        ax.set(xlim=(-1, 24), ylim=(-900, 7500))
    axes[0].set(ylabel="vehicles an hour")
    figures.legend_above(fig, axes[0])
    return fig


fig = draw_days({}, truth=False)
show(
    fig,
    alt="Four empty days, each with three dots at 7, 12 and 17 o'clock. Day A falls "
    "from 5,200 vehicles an hour to 1,400. Day B is near 6,000, 5,000 and 6,000. "
    "Day C rises from 2,200 to above 4,000 and falls a little. Day D rises from "
    "1,100 to 3,000.",
)

# %% [markdown]
# Four days that nobody has learned from, each read three times. One is an ordinary Wednesday, one a Saturday, one is Independence Day, and on one a snowstorm came.
#
# **Predict, then run.** Which is which? Draw the four curves in your head before you scroll.
#
# ## What MAML makes of three readings
#
# We need three things, and the third is new.
#
# - **Features.** The Fourier features of chapter 1, with a period of 24 hours: the constant, and sines and cosines of 1 to 12 cycles a day.
# - **Adaptation to a day.** Ridge regression on its readings, with weighted features; [chapter 6](06_prior.ipynb) showed that this is the posterior mean under the prior that the weights are.
# - **A start.** A day begins at coefficients $s$ before anything is read, and ridge regression explains only what the readings add to that. With start and weights, a day is
#
# $$ y(x) = \phi(x) \cdot s + \sum_j w_j \phi_j(x) \, \alpha_j, \qquad \alpha \sim N(0, I). \tag{1} $$
#
# Every method of this chapter has this form: a *start* curve, some *curves* by which days differ from it, each with a coefficient of variance 1, and a *noise*. So one function reads them all.

# %%
x = regular_grid(24)
phi = fourier_features(x, n_features)  # (24, n_features)


class DayPrior(NamedTuple):
    start: np.ndarray  # (24,), or (n_days, 24) if every day has its own
    curves: np.ndarray  # (24, n_curves)
    noise: float  # variance of a reading


def read(prior, hours, readings):  # both (n_days, n) -> all hours (n_days, 24)
    start = np.broadcast_to(prior.start, (len(hours), 24))
    missing = readings - np.take_along_axis(start, hours, axis=1)
    per_reading = prior.noise / hours.shape[1]
    coefficients = ridge(prior.curves[hours], missing, per_reading)
    return start + coefficients @ prior.curves.T


def draw_hours(n_days, rng):  # all hours in random order, to read the first n
    return rng.permuted(np.tile(np.arange(24), (n_days, 1)), axis=1)


# %% [markdown]
# A batch of tasks is a handful of old days. A few of their hours are read, the others are held out, and the meta-gradient asks how well the first foretell the second. `learn_start=True` moves $s$ down the same gradient as $w$. In textbooks a start is *all* that MAML learns; the chapters before kept it at 0.
#
# Ridge regression with a penalty, on n readings, is the posterior mean under a noise of variance n times the penalty. Training sees several n; for reading we fix the noise at that of the middle one.


# %%
def batches(days, seed):
    rng = np.random.default_rng(seed)
    while True:
        chosen = rng.integers(len(days), size=n_tasks)
        hours = draw_hours(n_tasks, rng)
        labels = np.take_along_axis(days[chosen], hours, axis=1)
        tasks = Tasks(phi[hours], labels, x[hours])
        yield tasks.split(rng.choice(sizes))  # readings to adapt to, hours held out


gradient = partial(ridge_gradient, penalty=penalty)
settings = {"gradient": gradient, "steps": steps, "outer": Adam(outer_rate)}
run = train_maml(batches(old, seed), learn_start=True, **settings)
noise = penalty * np.median(sizes)
maml = DayPrior(phi @ run.start, phi * run.weights, noise)
at_hours = np.tile(hours_read, (len(new), 1))
answers = read(maml, at_hours, new[:, list(hours_read)])  # (n_days, 24)
print(run.status)

# %% tags=["hide-input"]
fig = draw_days({"MAML": answers}, truth=True)
show(
    fig,
    alt="The four days with their true curves and the curves that MAML draws from "
    "three readings. On the Wednesday it finds both rush hours. On the day of snow "
    "it follows the fall and is off by up to 1,000 between the readings. On the "
    "Saturday and on Independence Day it follows noon and falls below zero at night.",
)

# %% [markdown]
# A was the snow (22 January 2018), B the Wednesday, C the Saturday and D Independence Day, itself a Wednesday, which the readings do not know.
# The curves have the shape of a day, because start and weights do. They are not good yet: the nights of C and D go below zero. A quiet morning lowers the constant, and the constant lowers every hour, nights too: coefficients that are independent cannot say that nights change little.
#
# ## Where should a day start?
#
# In chapters 3 to 6 the start stayed at 0, and nothing was lost, because the tasks lay symmetrically around 0. Days do not. Three starts, everything else equal: no vehicles at all, the mean of all old days, and the start that MAML learned.
#
# **Predict, then run.** Which of the three wins from four readings? And which curve will the learned start be?


# %%
def errors(prior, n=n_readings, seed=seed):  # of every unseen day, (n_days,)
    hours = draw_hours(len(new), unseen_stream(seed))
    known, unknown = hours[:, :n], hours[:, n:]
    answer = read(prior, known, np.take_along_axis(new, known, axis=1))
    wrong = np.take_along_axis(answer - new, unknown, axis=1)
    return unit * np.sqrt(np.mean(wrong**2, axis=1))


mean_day = old.mean(axis=0)
flat = np.zeros((24, 1))
from_zero = train_maml(batches(old, seed), **settings)
from_mean = train_maml(batches(old - mean_day, seed), **settings)
starts = {
    "MAML, zero start": DayPrior(0 * mean_day, phi * from_zero.weights, noise),
    "MAML, mean day": DayPrior(mean_day, phi * from_mean.weights, noise),
    "MAML": maml,
    "mean day": DayPrior(mean_day, flat, 1.0),
}
typical = {name: np.median(errors(prior)) for name, prior in starts.items()}
for name, value in typical.items():
    print(f"{name:18s}{value:6.0f} vehicles an hour, {n_readings} readings")
apart = np.abs(maml.start - mean_day).max() * unit
print(f"learned start and mean day: at most {apart:.0f} vehicles apart")
if AS_IN_THE_BOOK:
    assert typical["MAML, zero start"] > 1.3 * typical["mean day"]
    assert typical["mean day"] > 1.4 * typical["MAML"]
    assert abs(typical["MAML"] / typical["MAML, mean day"] - 1) < 0.03

points = sorted(n for n in sizes if n < 24)
falls = {
    name: [np.median(errors(prior, n)) for n in points]
    for name, prior in starts.items()
}

# %% tags=["hide-input"]
fig, axes = figures.subplots(1, 2, height=2.9, width=11)
axes[0].plot(clock, unit * mean_day, color=COLORS["truth"], linewidth=3, alpha=0.3)
axes[0].plot(clock, unit * maml.start, color=COLORS["MAML"], linestyle="--")
axes[0].set(title="the start that MAML learned (dashed), on the mean day")
axes[0].set(
    xlabel="hour", ylabel="vehicles an hour", xticks=(0, 6, 12, 18), ylim=(0, None)
)
styles = {
    "MAML, zero start": {"linestyle": ":"},
    "MAML, mean day": {"linewidth": 5, "alpha": 0.3},  # the learned start lies on it
    "MAML": {"linestyle": "-"},
    "mean day": {"linestyle": "-"},
}
for name, curve in falls.items():
    axes[1].plot(points, curve, color=color_of(name), label=name, **styles[name])
axes[1].set(
    title="error on unseen days",
    xlabel="readings of the day",
)
axes[1].set(ylabel="vehicles an hour", ylim=(0, 2200), xticks=points)
axes[1].legend(labelcolor="linecolor")
show(
    fig,
    alt="Left: the learned start lies on the mean day, with a night near 400 and two "
    "rush hours near 5,000. Right: from a zero start the error falls from 2,000 "
    "vehicles an hour to 400 at twelve readings and is worse than the mean day up "
    "to six; with the mean day or a learned start it falls from 720 to 300, and "
    "the two curves coincide.",
)

# %% [markdown]
# *The start matters as much as the weights.* From zero, MAML needs eight readings before it beats somebody who reads nothing and answers with the mean day. With a learned start, one reading is enough to be ahead.
# And what was learned is no mystery: it *is* the mean day, so subtracting the mean beforehand does the same. That is what textbook MAML's start is for linear features, and a good habit for curves of your own.
#
# ## What the weights say
#
# A weight is the standard deviation of a coefficient under the prior, up to one factor for all: a fit knows weights only relative to the noise (twice the weights, four times the noise: the same fit), and the noise was fixed by hand. Here weights can be read in cycles a day.

# %%
cycles = frequencies(n_features)
weights = np.abs(run.weights)
invisible = np.flatnonzero(np.abs(phi).max(axis=0) < 1e-9)  # zero at every full hour
weights[invisible] = 0
energy = weights**2 / np.sum(weights**2)
largest = np.argsort(-energy)[:3]
three = DayPrior(maml.start, phi[:, largest] * weights[largest], noise)
per_cycle = np.bincount(cycles, energy) / np.bincount(cycles)
tied = DayPrior(
    maml.start, phi * np.sqrt(np.sum(weights**2) * per_cycle[cycles]), noise
)
visible = np.setdiff1d(np.arange(n_features), invisible)
deviations = np.std(
    (old - mean_day) @ phi / 24, axis=0
)  # of the old days' coefficients
factors = np.quantile(weights[visible] / deviations[visible], (0.25, 0.75))
print(f"features that are zero at every full hour: {invisible.tolist()}")
print("weight / standard deviation of the old days' coefficient:")
print(f"  from {factors[0]:.1f} to {factors[1]:.1f} for the middle half of features")
print(f"the three largest weights hold {energy[largest].sum():.2f} of the squares")
for name, prior in {"all weights": maml, "three": three, "tied": tied}.items():
    values = [
        np.median(errors(prior, n)) for n in (n_readings, min(23, 3 * n_readings))
    ]
    print(
        f"{name:12s} {values[0]:4.0f} from {n_readings} readings, {values[1]:4.0f} "
        "from three times as many"
    )
if AS_IN_THE_BOOK:
    assert 0.6 < energy[largest].sum() < 0.9
    assert np.median(errors(three, 12)) > 1.4 * np.median(errors(maml, 12))
    assert np.median(errors(tied)) > 1.04 * np.median(errors(maml))

# %% tags=["hide-input"]
sine = np.arange(n_features) % 2 == 1
fig, ax = figures.subplots(1, 1, height=2.6, width=9)
for chosen, shift, color, words in (
    (~sine, 0.0, COLORS["MAML"], "constant and cosines"),
    (sine, 0.25, COLORS["FOMAML"], "sines"),
):
    place = cycles[chosen] + shift
    ax.vlines(place, 0, weights[chosen], color=color, linewidth=6, label=words)
ax.set(
    xlabel="cycles a day", ylabel="|weight|", xticks=np.unique(cycles), ylim=(0, None)
)
ax.set(title="how much days differ, by frequency (up to one factor)")
ax.legend(labelcolor="linecolor")
show(
    fig,
    alt="Bars of the learned weights against cycles a day. The constant is largest, "
    "then the cosines of one and two cycles; the sines of one to three cycles reach "
    "0.5 to 0.9, and from five cycles on all are small and fall slowly. Nothing is "
    "zero except the sine of twelve cycles, which no full hour shows.",
)

# %% [markdown]
# The factor is much the same for most features: meta-gradients found how much each coefficient varies, without being told to look.
#
# The spectrum is *readable*: days differ first in how busy they are (the constant), then in day against night (one cycle) and in the two rush hours (two cycles).
# It is *not sparse*: the three largest weights hold three quarters of the squares, and with these three alone twelve readings are worth much less. Chapter 3's picture, three tall stems and nothing else, was a property of its tasks.
#
# Phase is in it, too. If the sine and the cosine of a frequency share one weight (*tied*), the error from four readings rises: rush hours have fixed times. (With twelve readings it hardly matters.) A prior that is the same at all times of day, as a smoothness prior or a stationary Gaussian process is, cannot say that.
#
# Feature 23, the sine of twelve cycles, is zero at every full hour. No reading shows it, so no gradient moves it: an invisible direction, as in [chapter 1](01_setup.ipynb).
#
# ## Who else can do it? One group at a time
#
# **By hand, and one weight a frequency or feature.** All start at the mean day, and all are special cases of (1):
#
# | method | curves | chosen on old days |
# |---|---|---|
# | smoothness prior | features times $(1 + k)^{-p}$, k cycles a day | p, noise |
# | Gaussian process | curves whose products are a smooth kernel | its parameters, by the likelihood of all days |
# | moments | features times the root of their mean energy in the old days | noise |
# | group lasso | features times the size that one penalty for all days leaves them | noise |
# | empirical Bayes | features times the standard deviations of [chapter 6](06_prior.ipynb) | all, by the likelihood |
#
# What has no likelihood was chosen by trying: some old days to learn from, the others to judge. That search is in `tools/experiments/traffic.py`; below stand its winners, and the table that follows checks that they give the stored errors.

# %%
full_days = Tasks(np.tile(phi, (len(old), 1, 1)), old - mean_day)
every_hour = np.arange(24.0)[:, None]


def root(covariance):  # curves whose products are the covariance
    size, directions = np.linalg.eigh(covariance)
    return directions * np.sqrt(np.maximum(size, 0))


process = GaussianProcessRegressor(ConstantKernel(1) * RBF(3) + WhiteKernel(0.01))
kernel = process.fit(every_hour, (old - mean_day).T).kernel_
bayes = empirical_bayes(full_days, steps=100)
smooth = rivals.smoothness_weights(n_features, power=1)
energies = np.sqrt(rivals.moments(full_days))
grouped = rivals.group_lasso_weights(full_days)
one_each = {
    "smoothness prior": DayPrior(mean_day, phi * smooth, 0.01),
    "Gaussian process, RBF": DayPrior(
        mean_day, root(kernel.k1(every_hour)), kernel.k2.noise_level
    ),
    "moments": DayPrior(mean_day, phi * energies, 0.003),
    "group lasso": DayPrior(mean_day, phi * grouped, 0.003),
    "empirical Bayes": DayPrior(mean_day, phi * bayes.weights, bayes.noise**2),
}

# %% [markdown]
# **The whole covariance.** A weight for each feature says how much *it* varies. It cannot say that two features vary *together*: that a day without a morning rush has no evening rush. For that one needs a covariance, and statistics has two old ways to one. *Functional PCA* keeps the few directions in which days differ most (seven, chosen as above), and counts the rest as noise. *Ledoit and Wolf* estimate all $24 \cdot 24$ covariances of pairs of hours and shrink them a little.
#
# **The calendar** needs no reading at all: the mean day of Monday to Friday, of Saturday, of Sunday. *Calendar + readings* starts there and adds the covariance of what is left.

# %%
_, size, directions = np.linalg.svd(old - mean_day, full_matrices=False)
variances = size**2 / len(old)
kept = 7
rest = variances[kept:].sum() / (24 - kept)  # the noise, taken off what is kept
principal = directions[:kept].T * np.sqrt(variances[:kept] - rest)

kind_days = np.array([old[kinds[past] == kind].mean(axis=0) for kind in range(3)])
covariance = LedoitWolf().fit(old).covariance_
within = LedoitWolf().fit(old - kind_days[kinds[past]]).covariance_
by_date = kind_days[kinds[~past]]  # (n_unseen_days, 24)
together = {
    "functional PCA": DayPrior(mean_day, principal, rest),
    "full covariance": DayPrior(mean_day, root(covariance), 1e-6),
    "calendar": DayPrior(by_date, flat, 1.0),
    "calendar + readings": DayPrior(by_date, root(within), 1e-6),
}

# %% [markdown]
# **A matrix, by meta-gradient.** MAML is not tied to weights. Put a matrix $W$ in place of $\operatorname{diag}(w)$, so that the curves are $\phi(x) W$. Then days have the covariance $\phi W W^\top \phi^\top$: a matrix in place of weights *is* a covariance of coefficients. Let torch do the gradient. This is all of it, start included:


# %%
def learn_matrix(source):
    matrix = torch.eye(n_features, dtype=torch.float64, requires_grad=True)
    start = torch.zeros(n_features, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.Adam([matrix, start], lr=outer_rate)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        train, held_out = next(source)
        features, readings = torch.tensor(train.features), torch.tensor(train.labels)
        unseen, truth = torch.tensor(held_out.features), torch.tensor(held_out.labels)
        curves = features @ matrix  # (n_tasks, n, n_features)
        gram = curves @ curves.mT + train.n_points * penalty * torch.eye(train.n_points)
        missing = torch.linalg.solve(gram, readings - features @ start)
        alpha = (missing[:, None, :] @ curves)[:, 0]  # (n_tasks, n_features)
        answer = unseen @ start + (unseen @ matrix @ alpha[:, :, None])[:, :, 0]
        loss = torch.mean((answer - truth) ** 2)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        cosine.step()
    return phi @ start.detach().numpy(), phi @ matrix.detach().numpy()


torch.set_num_threads(1)
matrix = DayPrior(*learn_matrix(batches(old, seed)), noise)
better = read(matrix, at_hours, new[:, list(hours_read)])

# %% tags=["hide-input"]
fig = draw_days({"MAML": answers, "MAML, matrix": better}, truth=True)
show(
    fig,
    alt="The four days again, with the curves of MAML's weights dashed and of its "
    "matrix solid. The matrix follows the Saturday and Independence Day closely, "
    "nights included, and the Wednesday; on the day of snow both miss the hours "
    "between the readings.",
)

# %%
stored = load_table("traffic")
print(stored.provenance["about"])
print(f"\n{'seed 0, here and stored':28s}{n_readings} readings     stored")
groups = {"one weight each": one_each, "all hours together": together}
groups["meta-gradients"] = starts | {"MAML, matrix": matrix}
for group, members in groups.items():
    print(group)
    for name, prior in members.items():
        here = np.median(errors(prior))
        then = "not compared"
        if AS_IN_THE_BOOK:
            place = {"method": name, "readings": n_readings}
            value = stored.cube("median", "seed", **place)[seed]
            assert abs(here / value - 1) < 0.03, name
            then = f"{value:.0f}"
        print(f"  {name:26s}{here:6.0f} {then:>14s}")

tested = stored.levels("readings")
bands = {  # the mean over seeds of where 10, 50 and 90 % of days are
    name: [
        stored.cube(level, "readings", "seed", method=name).mean(axis=1)
        for level in ("low", "median", "high")
    ]
    for name in stored.levels("method")
}

# %% tags=["hide-input"]
contest = {
    "one weight each": ["smoothness prior", "Gaussian process, RBF", "empirical Bayes"],
    "all hours together": ["functional PCA", "full covariance"],
    "the calendar": ["mean day", "calendar", "calendar + readings"],
    "meta-gradients": ["Reptile, small start", "MAML", "MAML, matrix"],
}
dashed = ("MAML", "calendar", "Reptile, small start", "functional PCA")
fig, axes = figures.subplots(1, 4, height=3.3, width=13, sharey=True)
for ax, (group, members) in zip(axes, contest.items(), strict=True):
    for name in [name for others in contest.values() for name in others]:
        ax.plot(tested, bands[name][1], color=COLORS["other"], linewidth=0.6, alpha=0.5)
    for name in members:
        style = "--" if name in dashed else "-"
        ax.plot(tested, bands[name][1], style, color=color_of(name), label=name)
    low, middle, high = bands[members[-1]]
    ax.fill_between(tested, low, high, color=color_of(members[-1]), alpha=0.08)
    ax.set(title=group, xlabel="readings of the day", ylim=(0, 1050), xticks=tested)
    ax.legend(labelcolor="linecolor", fontsize=8, handlelength=1.4)
axes[0].set(ylabel="error, vehicles an hour")
show(
    fig,
    alt="Error on unseen days against 1 to 12 readings, in four panels, the other "
    "methods grey in each; a band holds 80 % of days for the last method of a "
    "panel. One weight each: empirical Bayes falls from 720 to 300, smoothness and "
    "the Gaussian process lie above it. All hours together: functional PCA and the "
    "full covariance fall from 510 to 200. The calendar is flat at 350, and with "
    "readings falls from 320 to 190, below everything else. Meta-gradients: MAML "
    "with weights lies on empirical Bayes, MAML with a matrix on the full "
    "covariance; Reptile stays above.",
)


# %%
def median_of(name, n):  # over days, of every seed
    return stored.cube("median", "seed", method=name, readings=n)


ahead = errors(matrix) < errors(maml)
print(f"the matrix is closer than the weights on {ahead.mean():.0%} of unseen days")
for better, worse in (
    ("full covariance", "MAML, matrix"),
    ("MAML, matrix", "empirical Bayes"),
    ("empirical Bayes", "Gaussian process, RBF"),
    ("Gaussian process, RBF", "Reptile"),
):
    wins = [np.sum(median_of(better, n) < median_of(worse, n)) for n in (3, 4, 6)]
    print(
        f"{better} before {worse}: in {min(wins)} of {len(median_of(better, 4))} seeds"
    )
    assert min(wins) >= 4
five, solved = (
    [np.median(median_of(name, n)) for n in (4, 12)]
    for name in ("MAML, 5 steps", "MAML")
)
print(
    f"five steps {five[0]:.0f} and {five[1]:.0f}, ridge {solved[0]:.0f} and "
    f"{solved[1]:.0f}"
)
print("(vehicles an hour, from 4 and from 12 readings)")
assert five[0] < 1.05 * solved[0]
assert five[1] > 1.2 * solved[1]
for name in ("Reptile", "Reptile, small start", "empirical Bayes"):
    values = [np.median(median_of(name, n)) for n in (1, 2, 4, 12)]
    words = ", ".join(f"{value:.0f}" for value in values)
    print(f"{name:21s}{words} from 1, 2, 4 and 12 readings")
for alike in (
    ("moments", "group lasso", "empirical Bayes", "MAML"),
    ("functional PCA", "full covariance", "MAML, matrix"),
):
    ends = [np.median(median_of(name, 4)) for name in alike]
    assert max(ends) < 1.05 * min(ends)
if AS_IN_THE_BOOK:
    assert 0.7 < ahead.mean() < 0.95

# %% [markdown]
# First, who wins: *calendar + readings*, which is told the weekday besides. Of those that have readings alone, *the full covariance*, a method of a few lines that knows no gradient. Functional PCA and MAML with a matrix come within a few percent of it, the matrix behind it in at least four seeds of five.
#
# Second, why. Read the panels by their *shape*:
#
# - Whoever has **one weight for each feature** ends at the same curve, learned by likelihood, by moments, by a group lasso or by meta-gradients. Hand-made smoothness and the Gaussian process lie above. From four readings they are about where the tied weights were: they have no phase either. From twelve they are behind these, too: a formula drew their spectrum.
# - Whoever can say that *coefficients* vary **together** ends at another, much lower curve, learned by decomposition, by shrinkage or by meta-gradients.
#
# *What can be expressed beats how it is learned.* (How a day is read matters less: [chapter 3](03_maml.ipynb)'s five steps in place of ridge regression are as good up to four readings, and stop short beyond.) The next cell shows what the matrix expresses.


# %%
coefficients = (old - mean_day) @ phi / 24
correlation = np.corrcoef(np.delete(coefficients, invisible, axis=1).T)
strongest = np.abs(correlation - np.eye(len(correlation))).max()
left, sizes_of_curves, _ = np.linalg.svd(matrix.curves)
curve = left[:, 0]  # the direction in which the learned curves are largest
cosine = abs(curve @ directions[0])
weekend = kind_days[1:].mean(axis=0) - kind_days[0]
likeness = abs(curve @ weekend) / np.linalg.norm(weekend)
in_three = np.sum((weekend @ phi)[largest] ** 2) / np.sum((weekend @ phi) ** 2)
with_curve = np.column_stack([phi * run.weights, sizes_of_curves[0] * curve])
by_one = {
    "weights": maml,
    "weights and that curve": DayPrior(maml.start, with_curve, noise),
    "matrix": matrix,
}
print(f"coefficients of days are correlated, the strongest pair by {strongest:.2f}")
print(f"largest learned curve: cosine {cosine:.3f} with the first principal component,")
print(f"                       {likeness:.3f} with weekend minus weekday, of which")
print(
    f"                       {in_three:.0%} is in the three features of largest weight"
)
ends = {name: np.median(errors(prior)) for name, prior in by_one.items()}
for name, value in ends.items():
    print(f"error from {n_readings} readings, {name:24s}{value:4.0f}")
gap = ends["weights"] - ends["matrix"]
gained = (ends["weights"] - ends["weights and that curve"]) / gap
print(f"that one curve closes {gained:.0%} of the gap")
if AS_IN_THE_BOOK:
    assert strongest > 0.9
    assert min(cosine, likeness) > 0.9
    assert 0.6 < in_three < 0.8
    assert 0.6 < gained < 0.9

# %% tags=["hide-input"]
fig, axes = figures.subplots(1, 2, height=2.7, width=11)
scale = unit * np.abs(weekend).max() / np.abs(curve).max()
axes[0].axhline(0, color=COLORS["other"], linewidth=0.8)
axes[0].plot(clock, unit * weekend, color=COLORS["truth"], alpha=0.4, linewidth=3)
axes[0].plot(clock, scale * np.sign(curve @ weekend) * curve, color=COLORS["MAML"])
axes[0].set(title="the largest learned curve (blue), on weekend minus weekday (grey)")
axes[0].set(xlabel="hour", ylabel="vehicles an hour", xticks=(0, 6, 12, 18))
image = axes[1].imshow(correlation, cmap="RdBu_r", vmin=-1, vmax=1)
axes[1].set(title="correlations of coefficients", xticks=[], yticks=[])
axes[1].set(xlabel="feature, slow to fast", ylabel="feature, slow to fast")
axes[1].grid(False)
fig.colorbar(image, ax=axes[1], label="correlation")
show(
    fig,
    alt="Left: the largest learned curve is deeply negative in the morning rush, less "
    "so in the afternoon, and positive at night; weekend minus weekday has the "
    "same shape. Right: a matrix of correlations with strong red and blue patches "
    "away from the diagonal, up to 0.95.",
)

# %% [markdown]
# So the matrix found, from held-out hours alone, what everybody knows about traffic: *weekend minus weekday*. Most of that curve lies in the features that the weights had found largest, but weights cannot say that their coefficients go up and down *together*. Given to the weights as one curve more, it closes three quarters of the gap.
#
# Reptile from weights of 1, read by its own 20 steps of joint descent, stays behind everybody who starts at the mean day and reads. From 0.1 (*small start*) it does better, as in [chapter 4](04_reptile.ipynb): it is level with the other weights up to two readings, and behind from three on. The two meet at twelve, far behind: 20 steps stop short.
#
# ## By the calendar, or by three numbers?
#
# **Predict, then run.** The calendar knows the weekday and nothing else, three readings know three hours and no weekday. Who is closer on an ordinary day? And on Christmas? (The table below reads four hours, as all comparisons do; three stand in the list after it.)

# %%
special = {
    "2018-05-16": "Wednesday, May 2018",
    "2017-11-23": "Thanksgiving 2017",
    "2017-12-25": "Christmas 2017",
    "2018-01-01": "New Year's Day 2018",
    "2018-07-04": "Independence Day 2018",
    "2018-01-22": "snow, Monday, January",
    "2018-03-05": "snow, Monday, March",
    "2018-04-14": "snow, Saturday, April",
}
judged = {
    "calendar": together["calendar"],
    "weights": maml,
    "matrix": matrix,
    "covariance": together["full covariance"],
    "calendar +": together["calendar + readings"],
}
by_day = {  # the median over 100 choices of the hours to read
    name: np.median([errors(prior, seed=s) for s in range(100)], axis=0)
    for name, prior in judged.items()
}
print(f"error from {n_readings} readings, vehicles an hour")
print(" " * 24 + "".join(f"{name:>12s}" for name in judged))
for date, words in special.items():
    for day in np.flatnonzero(new_dates == np.datetime64(date)):
        values = "".join(f"{by_day[name][day]:12.0f}" for name in judged)
        print(f"{words:24s}{values}")
wins = stored.cube("wins", "readings", "seed", method="full covariance").mean(axis=1)
gains = stored.cube("gain", "readings", "seed", method="full covariance").mean(axis=1)
print("\nfull covariance against the calendar, day by day")
for n, won, gain in zip(tested, wins, gains, strict=True):
    print(f"{n:3d} readings: closer on {won:.0%} of days, by {gain:4.0f} in the median")
assert wins[0] < 0.4
assert wins[1] < 0.5 < wins[2]
assert wins[-1] > 0.85
if AS_IN_THE_BOOK:
    holidays = np.isin(new_dates, np.array(list(special)[1:5], dtype="datetime64[D]"))
    storms = np.isin(new_dates, np.array(list(special)[5:7], dtype="datetime64[D]"))
    assert by_day["calendar"][holidays].min() > 2000
    assert by_day["covariance"][holidays].max() < 550
    assert min(by_day[name][storms].min() for name in judged) > 750
    assert np.all(by_day["weights"][storms] < 1.1 * by_day["covariance"][storms])

# %%
print("how unlike the past: distance to the most similar old day, and from the mean")
print("day in the covariance's own measure, where old days are at 1 on average")
precision = np.linalg.inv(covariance) / 24
nearest = [np.sqrt(((old - day) ** 2).mean(axis=1).min()) for day in new]
print(f"{'unseen days, median':24s}{unit * np.median(nearest):6.0f}")
for date, words in special.items():
    for day in np.flatnonzero(new_dates == np.datetime64(date)):
        away = new[day] - mean_day
        print(f"{words:24s}{unit * nearest[day]:6.0f}{away @ precision @ away:8.1f}")

# %%
chosen = {}
for n in range(1, len(good_hours) + 1):
    at = list(good_hours[:n])
    everywhere = np.tile(at, (len(new), 1))
    answer = read(together["full covariance"], everywhere, new[:, at])
    wrong = np.delete(answer - new, at, axis=1)
    chosen[n] = np.median(unit * np.sqrt(np.mean(wrong**2, axis=1)))
    print(f"read at {at}: {chosen[n]:.0f} vehicles an hour")
no_reading = np.median(median_of("calendar", 3))
three, six = (np.median(median_of("full covariance", n)) for n in (3, 6))
print(
    f"three random hours: {three:.0f}, six: {six:.0f}, the calendar: {no_reading:.0f}"
)
if AS_IN_THE_BOOK:
    assert chosen[1] < no_reading
    assert chosen[3] < six

# %% [markdown]
# At *random hours*, one reading is closer than the calendar on a third of the days, three on most of them, twelve on nearly nine in ten.
#
# At *good hours* (7, then 13, then 22 o'clock; Exercise 3 finds them) a single reading is already closer than the calendar, and three are worth more than six at random.
#
# On a *holiday* the calendar is off by more than 2,000 vehicles an hour: it says weekday, and the road says Sunday. Four readings see that, and the covariances err by a few hundred: Christmas looks like days that the past has seen often.
# Calendar + readings is ahead in the median and behind on these holidays, because it starts from a wrong weekday.
#
# A *snowstorm* looks like nothing in the past: the most similar of 609 old days is off by 540 to 980 vehicles an hour, where it is about 200 for an ordinary day and for holidays (the table *how unlike the past*; day A above looked better because its three hours caught the fall, and here hours are random). On both Mondays of snow everybody is off by 800 or more, and the covariances lose their lead over the weights. They are the two days that the covariance itself finds least probable (its last column): it knows the ways in which *old days* differed, and holds on to them. On the Saturday of snow, which it finds less strange, it keeps its lead. Calendar + readings is the least wrong on all three.
#
# ## Try it
#
# Pick a day and move its readings. The curves follow.

# %% tags=["explorer", "nbval-ignore-output"]
from fourier_meta.explorers import explore_day


def read_one(prior, hours, readings):  # one day, in vehicles an hour
    return unit * read(prior, np.array([hours]), np.array([readings]) / unit)[0]


shown_priors = {"mean day": starts["mean day"], "MAML": maml}
shown_priors |= {"full covariance": together["full covariance"]}
explore_day(
    {
        label: unit * new[place]
        for when, label in special.items()
        for place in np.flatnonzero(new_dates == np.datetime64(when))
    },
    clock,
    {method: partial(read_one, shown_priors[method]) for method in shown_priors},
    "vehicles an hour",
)

# %% [markdown]
# ## What is left for meta-gradients
#
# Three tests in which their rivals might fail: few days to learn from; old days that were themselves read at six random hours only; and a fixed use, three readings between 6 and 11 o'clock and a forecast from noon on, for which MAML can be trained as it will be used.

# %% tags=["hide-input"]
few = load_table("traffic_days")
sparse = load_table("traffic_sparse")
use = load_table("traffic_use")
fig, ax = figures.subplots(1, 1, height=3.0, width=9)
lines = {"empirical Bayes": "-", "MAML": "--", "functional PCA": "-"}
lines |= {"full covariance": "-", "MAML, matrix": ":"}
for name, style in lines.items():
    low, middle, high = np.quantile(
        few.cube("median", "n_days", "seed", method=name), (0, 0.5, 1), axis=1
    )
    color = COLORS[name.partition(",")[0]]
    ax.semilogx(few.levels("n_days"), middle, color=color, linestyle=style, label=name)
    if name == "full covariance":
        ax.fill_between(few.levels("n_days"), low, high, color=color, alpha=0.12)
reference = median_of("calendar", 4).mean()
ax.axhline(reference, color=COLORS["calendar"], linewidth=1)
ax.annotate("the calendar", (2, reference), (0, 3), textcoords="offset points")
ax.set(title="error from four readings", xlabel="days to learn from", ylim=(200, 800))
ax.set(ylabel="vehicles an hour", xticks=few.levels("n_days"))
ax.set_xticklabels(few.levels("n_days"))
ax.minorticks_off()
ax.legend(labelcolor="linecolor", loc="upper left", bbox_to_anchor=(1, 1))
show(
    fig,
    alt="Error from four readings against the number of old days, 2 to 609. The full "
    "covariance falls from about 580 to 300 and is lowest from 4 days to 16; "
    "functional PCA and MAML with a matrix join it at 16 to 32 days and cross the "
    "calendar there. Empirical Bayes and MAML with weights fall from 640 to 470 at "
    "8 days and stand between 510 and 540 from 16 on.",
)

# %%
print("old days read at six hours only (three readings of an unseen day)")
for name in sparse.levels("method"):
    value = np.median(sparse.cube("median", "seed", method=name, readings=3))
    whole = (
        median_of(name, 3)
        if name != "covariance by EM"
        else median_of("full covariance", 3)
    )
    print(f"  {name:18s}{value:5.0f}   (from whole days: {np.median(whole):.0f})")
by_em, by_gradient = (
    sparse.cube("median", "seed", method=name, readings=3)
    for name in ("covariance by EM", "MAML, matrix")
)
assert np.sum(by_em < by_gradient) >= 4
print("from noon on, by three readings between 6 and 11 o'clock")
for name in use.levels("method"):
    values = [
        np.median(use.cube("median", "seed", method=name, trained=trained))
        for trained in use.levels("trained")
    ]
    print(
        f"  {name:18s}{values[0]:5.0f} trained on any hours, {values[1]:5.0f} on "
        "mornings"
    )
    if name == "MAML":
        assert values[1] < 0.95 * values[0]
    if name == "MAML, matrix":
        assert values[1] > values[0]

# %% [markdown]
# - **Few days.** No advantage: at 4 and 8 old days the shrunk covariance is ahead, and from 16 on it, functional PCA and the matrix are within a few percent of each other and at or below the calendar. Another 600 days do not help who has one weight for each feature: from 16 days on nothing is gained.
# - **Sparse old days.** Now no covariance can be computed from whole days. MAML's matrix does not care: it needs some readings and some held-out hours. But expectation maximisation, the statistician's answer to missing values, does better, if one is willing to write it.
# - **Trained for its use.** Here is a gain, and it is instructive: *weights* that were trained on mornings are better there than weights trained on any hours. The *matrix* gains nothing, nor does it pass the covariance. Tuning to the use takes back about a third of what the wrong model costs there; the model that is right has nothing to take back.
#
# ## Not every curve is a day
#
# The same methods on another kind of curve: the temperature of the sea off Peru, month by month, 1950 to 2010 (NOAA, public domain). Years up to 1989 are old, and the task is a year read in three of its months.

# %%
with open(TABLES.parent / "data" / "elnino_months.csv", newline="") as file:
    years = np.array([row[1:] for row in list(csv.reader(file))[1:]], dtype=float)
earlier, later = years[:40], years[40:]  # 1950 to 1989, 1990 to 2010
mean_year = earlier.mean(axis=0)
waves = fourier_features(regular_grid(12), 11)
spread = np.sqrt(np.mean(((earlier - mean_year) @ waves / 12) ** 2, axis=0))
priors = {
    "mean year": (np.zeros((12, 1)), 1.0),
    "one weight for each feature": (waves * spread, 0.03),
    "full covariance": (root(LedoitWolf().fit(earlier).covariance_), 1e-4),
}
rng = unseen_stream(seed)
months = rng.permuted(np.tile(np.arange(12), (200, len(later), 1)), axis=2)
known, unknown = months[..., :3], months[..., 3:]
degrees = {}
for name, (curves, variance) in priors.items():
    missing = np.take_along_axis((later - mean_year)[None], known, axis=2)
    answer = ridge(curves[known], missing, variance / 3) @ curves.T + mean_year
    wrong = np.take_along_axis(answer - later, unknown, axis=2)
    degrees[name] = np.median(np.sqrt(np.mean(wrong**2, axis=2)))
    print(f"{name:28s}{degrees[name]:.2f} degrees")
variances_here = np.var((earlier - mean_year) @ waves / 12, axis=0)
level = variances_here[0] / variances_here.sum()
level_of_days = deviations[0] ** 2 / np.sum(deviations**2)
print(f"the constant holds {level:.0%} of the variance of years", end=", ")
print(f"{level_of_days:.0%} of that of days")
weighted, full = degrees["one weight for each feature"], degrees["full covariance"]
assert abs(weighted / full - 1) < 0.05
assert level > 0.65

# %% [markdown]
# Here the diagonal *ties* with the full covariance. A warm year is warm in all its months: one coefficient, the constant, holds most of the variance, and a single coefficient needs nothing to move together with. Which of the two your own curves are is found out as here: read some of the last ones by both.
#
# ## Summary
#
# - Days are not symmetric around 0, so *the start matters as much as the weights*. The learned start is the mean day.
# - The learned weights can be read in cycles a day. They have phase, and they are not sparse.
# - *What can be expressed beats how it is learned*: all methods that learn a weight for each feature end together, Reptile apart; all methods with a covariance end together, lower. One learned curve, weekend minus weekday, makes most of the difference.
# - The calendar is better up to two readings at random hours, and worse than one at 7 o'clock; on holidays four readings beat it by far; on days like none before, nothing is good.
# - Meta-gradients win nothing on whole days. They need no probability model, also where old days are full of holes, and they tune a model that is too simple to its use.
#
# **For curves of your own.** Have you got whole old curves, as few as a dozen? Subtract their mean and use the shrunk covariance; if you know the kind of a curve, as the weekday of a day, subtract the mean of its kind: better in the median, worse where the kind misleads, as on holidays. Old curves with holes? Expectation maximisation, or a matrix by meta-gradients. A model that must stay simple? Then train it as it will be used; that is MAML. And if you may choose *when* to read, choose: three good hours tell more than six random ones.
#
# ## Exercises
#
# **Exercise 1.** From how many readings at random hours is the full covariance closer than the calendar on more than half of the unseen days? The table `stored` knows: its column `wins` holds the part of days.

# %%
enough = ...
check_09_1(enough)

# %% tags=["solution"]
wins = stored.cube("wins", "readings", "seed", method="full covariance").mean(axis=1)
check_09_1(tested[np.argmax(wins > 0.5)])

# %% [markdown]
# **Exercise 2.** Write `principal_curves(days, n_curves)` for days (n_days, n_hours): the directions in which days differ most from their mean, as columns, each multiplied by the standard deviation of the days along it. Any sign will do.

# %%
principal_curves = ...
check_09_2(principal_curves)


# %% tags=["solution"]
def solution_2(days, n_curves):
    centred = days - days.mean(axis=0)
    _, size, directions = np.linalg.svd(centred, full_matrices=False)
    deviations = size / np.sqrt(len(days))
    return directions[:n_curves].T * deviations[:n_curves]


check_09_2(solution_2)

# %% [markdown]
# **Exercise 3.** When should one read? Write `next_hour(covariance, hours, noise)`: the hour that, read in addition to the list `hours`, leaves the smallest sum over all hours of the variance given the readings. A reading has the variance `noise` besides. Given readings at the hours H, the covariance that is left is $C - C_{:H} (C_{HH} + \text{noise} \, I)^{-1} C_{H:}$. (Started from no hour, with the `covariance` of the old days, it picks the `good_hours` of the text.)

# %%
next_hour = ...
check_09_3(next_hour)


# %% tags=["solution"]
def solution_3(covariance, hours, noise):
    left = []
    for hour in range(len(covariance)):
        chosen = [*hours, hour]
        gram = covariance[np.ix_(chosen, chosen)] + noise * np.eye(len(chosen))
        known = np.linalg.solve(gram, covariance[chosen])
        left.append(np.trace(covariance - covariance[:, chosen] @ known))
    return int(np.argmin(left))


check_09_3(solution_3)

# %% [markdown]
# ## References
#
# - J. Hogue, *Metro Interstate Traffic Volume*, 2019, UCI Machine Learning Repository, [doi 10.24432/C5X60B](https://doi.org/10.24432/C5X60B), CC BY 4.0.
# - C. Finn, P. Abbeel, S. Levine, *Model-agnostic meta-learning for fast adaptation of deep networks*, 2017, [arXiv 1703.03400](https://arxiv.org/abs/1703.03400): the start is learned.
# - Z. Li, F. Zhou, F. Chen, H. Li, *Meta-SGD: Learning to learn quickly for few-shot learning*, 2017, [arXiv 1707.09835](https://arxiv.org/abs/1707.09835): a start and a rate for each parameter; with K steps inside, weights are such rates.
# - O. Ledoit, M. Wolf, *A well-conditioned estimator for large-dimensional covariance matrices*, Journal of Multivariate Analysis 88, 2004.
# - J. Ramsay, B. Silverman, *Functional data analysis*, 2nd edition, Springer, 2005.
#
# **Next:** [10 · See what MAML does to a network](10_networks.ipynb).
