# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Set up a problem with too many explanations
#
# **Question.** Here are four points of a curve. Which curve?
#
# It is easy to draw one curve through the points, and just as easy to draw another.
# Whoever has to predict the curve *between* the points must prefer some curves to others.
# This book asks where such a preference can come from, when nobody tells it to you.
#
# Chapter 1 of 10. It runs in a few seconds.

# %% tags=["colab", "hide-input"]
import importlib.util
import site
import sys

modules = ("fourier_meta",)
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
import numpy as np

from fourier_meta import (
    TaskFamily,
    exercises,
    feature_name,
    figures,
    fourier_features,
    min_norm,
    regular_grid,
)
from fourier_meta.figures import show
from fourier_meta.tasks import DESIGNS

# %% tags=["parameters"]
n_features = 257  # d: the constant, and a sine and a cosine of each of 128 frequencies
n_points = 64  # N: the points of a task, far fewer than d
support = (0, 1, 2)  # S: the features that the labels are made of
n_few = 4  # the points in the first picture
seed = 0  # everything random in this chapter follows from it

# %% tags=["hide-input"]
BOOK = (n_features, n_points, support, n_few, seed) == (257, 64, (0, 1, 2), 4, 0)
family = TaskFamily(n_features, support)
frequency = (np.arange(n_features) + 1) // 2
dense = regular_grid(4 * n_features)  # where curves are drawn
dense_features = fourier_features(dense, n_features)
few = family.sample(1, n_few, np.random.default_rng(seed))
alike = min_norm(few.features, few.labels)[0]
slow_first = min_norm(few.features, few.labels, 1 / (1 + frequency))[0]

# %% tags=["hide-input"]
curves = {
    f"the true curve: {len(support)} features of {n_features}": (
        few.effective[0],
        "truth",
    ),
    "a fit that treats all features alike": (alike, "min-norm"),
    "a fit that prefers slow waves": (slow_first, "smoothness prior"),
}
fig, axes = figures.subplots(1, 2, height=3.2, sharex=True, sharey=True)
top = (dense_features @ few.effective[0]).max()
for row, (words, (effective, method)) in enumerate(curves.items()):
    color = figures.COLORS[method]
    width = 1.8 if method == "truth" else 1
    axes[1].plot(dense, dense_features @ effective, color=color, linewidth=width)
    axes[1].text(-1, top + 1.6 - 0.45 * row, words, color=color)
for ax in axes:
    ax.plot(few.x[0], few.labels[0], "o", color=figures.COLORS["truth"], markersize=7)
    ax.set_xlabel("x")
axes[0].text(0, top + 0.7, "Which curve?", ha="center", fontsize=14)
axes[0].set(title=f"{n_few} points", ylabel="label y", ylim=(None, top + 2.1))
axes[1].set_title("three curves through all of them")
show(
    fig,
    alt="Left, four points over x in [-1, 1], and the question: which curve? Right, "
    "three "
    "curves that all pass through the four points. The true one is a slow wave. The "
    "second "
    "is nearly 0 and darts out to each point. The third bends gently, and far from the "
    "true "
    "one.",
)

# %% [markdown]
# All three curves agree with all four points.
# They differ in what they *prefer*: the orange one treats 257 features alike, the purple one likes slow waves.
# The black one is right, and the points do not say so.
#
# Four points are more than enough for somebody who knows which three of the 257 features matter.
# Nobody knows it here. But there will be many curves of the same kind, each seen at a few points, and what they have in common can be learned.
# That is *meta-learning*, and this book does it twice: with MAML ([chapter 3](03_maml.ipynb)) and with Reptile ([chapter 4](04_reptile.ipynb)).
# First we need the problem itself, built so that every claim about it can be checked.
#
# ## You will
#
# - build *features*, and see which of them are slow and which are fast;
# - draw *tasks*: curves that share their weights and have coefficients of their own;
# - choose the points x in three ways, and see which way keeps the features apart;
# - find two other curves through the same 64 points, and count the directions in which curves can differ there unseen.
#
# You need Python, NumPy and the idea of least squares. Nothing about meta-learning.
#
# ## Notation
#
# | symbol | code | meaning | shape |
# |---|---|---|---|
# | $x$ | `x` | inputs in $[-1, 1)$ | (n_tasks, n_points) |
# | $y$ | `labels` | labels, the values of the curve at these inputs | (n_tasks, n_points) |
# | $d$ | `n_features` | number of features | |
# | $N$ | `n_points` | points of a task | |
# | $\phi(x)$, $\Phi$ | `features` | Fourier features of the inputs, one row for each point | (n_tasks, n_points, n_features) |
# | $w$ | `weights` | feature weights, shared by all tasks | (n_features,) |
# | $\alpha$ | `coefficients` | what is particular to one task | (n_tasks, n_features) |
# | $\beta = w \odot \alpha$ | `effective` | what multiplies the features in the end | (n_tasks, n_features) |
# | $S$ | `support` | indices of the true features | tuple |
#
# The sign $\odot$ is the product element by element, `*` in NumPy. [One page](notation.md) has all symbols of the book.

# %% [markdown]
# ## A feature is a wave
#
# The features are the Fourier basis of the interval, scaled so that each has mean square 1:
#
# $$ \phi_0(x) = 1, \qquad \phi_{2k-1}(x) = \sqrt 2 \, \sin(\pi k x), \qquad \phi_{2k}(x) = \sqrt 2 \, \cos(\pi k x) \tag{1} $$
#
# Index and frequency are two different numbers. Features $2k-1$ and $2k$ share the frequency $k$: a sine and a cosine.
# So the last feature, with index 256, has frequency 128: it completes 128 periods on the interval.
# Different features are orthogonal: over a dense set of x, the mean of $\phi_i \phi_j$ is 1 for $i = j$ and 0 otherwise.
# The source report leaves the number of features open; 257 is our choice, four times the number of points.


# %%
def phi(x):
    k = np.arange(1, n_features // 2 + 1)  # frequencies
    angles = np.pi * x[:, None] * k  # (n_points, number of frequencies)
    features = np.ones((len(x), n_features))
    features[:, 1::2] = np.sqrt(2) * np.sin(angles)
    features[:, 2::2] = np.sqrt(2) * np.cos(angles[:, : (n_features - 1) // 2])
    return features


np.testing.assert_allclose(phi(dense), fourier_features(dense, n_features), atol=1e-12)

means = phi(dense).T @ phi(dense) / len(dense)  # (n_features, n_features)
departure = np.abs(means - np.eye(n_features)).max()
assert departure < 1e-12
print(f"{n_features} features, orthonormal up to rounding (below 1e-12)")

# %% tags=["hide-input"]
batch = np.random.default_rng(seed).uniform(-1, 1, 300)
candidates = [0, 1, 2, 3, 4, 9, 20, 63, n_features - 1]
shown = sorted({j for j in candidates if j < n_features})
fig, axes = figures.subplots(3, 3, height=1.5, sharex=True, sharey=True)
for ax, j in zip(axes.flat, shown, strict=False):
    color = figures.COLORS["MAML" if j in support else "other"]
    ax.scatter(batch, phi(batch)[:, j], s=4, color=color)
    ax.set_title(f"index {j}, frequency {frequency[j]}: {feature_name(j)}", fontsize=9)
for ax in axes[-1]:
    ax.set_xlabel("x")
show(
    fig,
    alt="Nine features over 300 random x. Feature 0 is flat, 1 and 2 are one slow wave "
    "each, "
    "and the higher the frequency the faster the wave. In the last two panels the "
    "points "
    "look like noise, although each lies on a smooth curve.",
)

# %% [markdown]
# Each panel is one smooth curve, seen at the same 300 random x. The blue ones are going to be true.
# In the last panel the eye no longer sees a curve: there are hardly more than two points for each period.
# Remember that panel. Fast waves can pass through almost any points, and that is the whole problem.
#
# ## A task is three numbers
#
# A task is a function of x that is linear in the features:
#
# $$ y(x) = \sum_j w_j \, \alpha_j \, \phi_j(x) = \phi(x) \cdot (w \odot \alpha) \tag{2} $$
#
# The *weights* $w$ say which features matter. They are the same for all tasks: 1 on $S = \{0, 1, 2\}$ and 0 elsewhere ("three-hot").
# The *coefficients* $\alpha$ are the task's own, drawn from a standard Gaussian.
# So every task of the family is a constant plus one slow wave, and three numbers describe it.

# %%
rng = np.random.default_rng(seed)
weights = np.zeros(n_features)
weights[list(support)] = 1
coefficients = rng.standard_normal((15, n_features))  # (n_tasks, n_features)
effective = weights * coefficients
labels = effective @ phi(dense).T  # (n_tasks, number of dense points)
in_use = np.count_nonzero(effective, axis=1)
assert set(in_use) == {len(support)}
print("features in use per task:", in_use)

# %% tags=["hide-input"]
fig, axes = figures.subplots(1, 2, height=2.8, sharey=True)
for ax, count in zip(axes, (5, 15), strict=True):
    color = figures.COLORS["truth"]
    ax.plot(dense, labels[:count].T, color=color, linewidth=1, alpha=0.6)
    ax.set(title=f"the true labels of {count} tasks", xlabel="x")
axes[0].set_ylabel("label y")
show(
    fig,
    alt="Left, the labels of 5 tasks over x in [-1, 1]; right, of 15 tasks. Each is a "
    "single "
    "slow wave with its own height, phase and offset; no task has any fast detail.",
)

# %% [markdown]
# You see at once what these curves have in common. A learner that has met 15 of them should see it, too.
#
# Only the product $w \odot \alpha$ shows in the labels: halve the weights, double the coefficients, and nothing changes.
# That freedom is what this book lives on. To learn $w$ is to choose, for all tasks at once, which coefficients are *cheap*.
#
# The package draws such tasks: a `TaskFamily` holds what all tasks share, and `sample` draws a batch of tasks with their points. (`observe` gives tasks with known coefficients new points; `unseen` draws test tasks that no training sees.)

# %%
same = phi(dense) @ ((weights / 2) * (2 * coefficients[0]))
assert np.array_equal(same, phi(dense) @ effective[0])
print("labels after halving w and doubling alpha: the same")

tasks = family.sample(15, n_points, np.random.default_rng(seed))
print("x       ", tasks.x.shape)
print("features", tasks.features.shape)
print("labels  ", tasks.labels.shape)

# %% [markdown]
# ## Where the points lie
#
# Three designs of x, each with 64 points:
#
# - **grid**: equally spaced, the same for all tasks; the end point 1 is left out because it repeats $-1$;
# - **jittered**: one random point in each of 64 equal cells;
# - **random**: 64 different points drawn from a dense grid, new ones for each task.

# %%
designs = {}
for design in DESIGNS:
    drawn = TaskFamily(n_features, support, design=design)
    designs[design] = drawn.sample(1, n_points, rng)
    gaps = np.diff(np.sort(designs[design].x[0]))
    print(f"{design:9s} gaps between neighbours: {gaps.min():.4f} to {gaps.max():.4f}")

# %% tags=["hide-input"]
fig, ax = figures.subplots(height=1.6)
for row, drawn in enumerate(designs.values()):
    color = figures.COLORS["truth"]
    ax.plot(drawn.x[0], np.full(n_points, -row), "|", color=color, markersize=14)
ax.set(yticks=[0, -1, -2], yticklabels=list(designs), xlabel="x", ylim=(-2.6, 0.6))
show(
    fig,
    alt="Three rows of ticks on [-1, 1]. The random row has clumps and wide gaps, the "
    "grid "
    "is evenly spaced, the jittered row is slightly uneven.",
)

# %% [markdown]
# The random design has clumps and wide gaps. It looks like the worst of the three.
#
# **Predict, then run.** Two features can be told apart unless their values at the 64 points are proportional.
# We take each true feature and look for the other feature that resembles it most, by the cosine between the two columns of values:
# 1 means that no method can tell them apart. Which design keeps the true features apart best?


# %%
def closest_resemblance(features, true):
    lengths = np.linalg.norm(features, axis=0)
    columns = features / np.maximum(lengths, 1e-9)  # a sine may be 0 at all grid points
    cosines = np.abs(columns.T @ columns[:, true])  # (n_features, number of true ones)
    cosines[true, range(len(true))] = 0  # every feature resembles itself
    return cosines.max(axis=0)


for design, drawn in designs.items():
    resemblance = closest_resemblance(phi(drawn.x[0]), list(support))
    print(f"{design:9s} closest to each true feature: {resemblance.round(2)}")
    if BOOK:
        assert (
            np.allclose(resemblance, 1) if design == "grid" else resemblance.max() < 0.5
        )

# %% [markdown]
# The tidy grid is the worst: each true feature has a double there, equal to it at all 64 points, up to its sign.
# [Chapter 2](02_overfitting.ipynb) shows the doubles and what they do. With random or jittered x, no other feature comes close to a true one.
# So this book draws x at random, unless it says otherwise.
#
# ## 64 equations, 257 unknowns
#
# At its 64 points a task gives 64 equations for 257 coefficients.
# Whatever solves them, we can add any $\delta$ with $\Phi \delta = 0$, and nothing changes at the training points.
# The singular value decomposition of $\Phi$ hands us all such $\delta$: its last right singular vectors.

# %%
one = family.sample(1, n_points, rng)
_, singular_values, directions = np.linalg.svd(one.features[0])  # directions: rows
rank = np.sum(singular_values > 1e-10)
n_invisible = n_features - rank
print(f"{n_points} points, {n_features} features: rank {rank}")
print(f"{n_invisible} directions leave the training points alone")
if BOOK:
    assert n_invisible == 193
mixture = rng.standard_normal((2, n_invisible)) / np.sqrt(max(1, n_invisible))
change = 2 * mixture @ directions[rank:]  # (2, n_features)
strangers = one.effective[0] + change
off = np.abs(change @ one.features[0].T).max()
assert off < 1e-12
print("largest change at the training points: below 1e-12")
print("root mean square change over all x:", np.linalg.norm(change, axis=1).round(2))

# %% tags=["hide-input"]
fig, ax = figures.subplots(height=2.8)
curves = dense_features @ strangers.T  # (number of dense points, 2)
ax.plot(dense, curves, color=figures.COLORS["other"], linewidth=0.8)
truth = dense_features @ one.effective[0]
figures.draw_fit(ax, dense, truth, points=(one.x[0], one.labels[0]))
ax.set_title(f"three functions that agree at all {n_points} training points")
ax.text(-0.98, ax.get_ylim()[1] * 0.85, "two strangers", color=figures.COLORS["oracle"])
show(
    fig,
    alt="A slow wave with its training points on it, and two wild grey curves through "
    "exactly the same points. Between the points the wild curves swing far away from "
    "it.",
)

# %% [markdown]
# Four points or 64: nothing in a task alone chooses between these curves. Only a *preference* can, and preferring the slow wave is knowledge that came from outside the task.
#
# ## Where it breaks: an end point too many
#
# `np.linspace(-1, 1, 64)` includes both ends. Every feature has period 2, so $x = -1$ and $x = 1$ are the same point. It costs one equation:

# %%
with_both_ends = np.linspace(-1, 1, n_points)
for name, x in {
    "regular_grid": regular_grid(n_points),
    "linspace": with_both_ends,
}.items():
    print(f"{name:13s} {n_points} points, rank {np.linalg.matrix_rank(phi(x))}")

# %% [markdown]
# With noise the two copies of that point get different labels, and no function fits both. The book leaves the end point out.
#
# ## Try it
#
# Change the number of points, and watch which other curves go through all of them.

# %% tags=["explorer", "nbval-ignore-output"]
from fourier_meta.explorers import explore_tasks

explore_tasks()

# %% [markdown]
# ## Summary
#
# - A *feature* is a wave; features $2k-1$ and $2k$ have frequency $k$.
# - A *task* is three numbers: the weights on $S = \{0, 1, 2\}$ are shared, the coefficients are its own.
# - *Random x* keeps all features apart. A regular grid does not.
# - *64 points leave 193 directions invisible.* Some preference has to choose, and the question of the book is where it comes from.
#
# ## Exercises
#
# Replace the three dots and run the cell. It says what is missing. The cell after it, folded, has a solution.
#
# **Exercise 1.** Which index does $\sqrt 2 \cos(5 \pi x)$ have?

# %% tags=["exercise"]
index = ...
exercises.check_01_1(index)

# %% tags=["solution"]
exercises.check_01_1(10)  # a cosine of frequency k has index 2k

# %% [markdown]
# **Exercise 2.** Without solving anything: 257 features, and a task with 100 random points, no two of them equal.
# How many invisible directions are left?

# %% tags=["exercise"]
invisible = ...
exercises.check_01_2(invisible)

# %% tags=["solution"]
exercises.check_01_2(257 - 100)  # each different point gives one independent equation

# %% [markdown]
# **Exercise 3.** Write `draw(n_tasks, n_features, rng)`. It returns the effective coefficients of tasks whose true features are 3 and 10, an array of shape (n_tasks, n_features).
# The coefficients are Gaussian and have standard deviation 2.

# %% tags=["exercise"]
draw = ...
exercises.check_01_3(draw)


# %% tags=["solution"]
def solution_3(n_tasks, n_features, rng):
    effective = np.zeros((n_tasks, n_features))
    effective[:, [3, 10]] = 2 * rng.standard_normal((n_tasks, 2))
    return effective


exercises.check_01_3(solution_3)

# %% [markdown]
# **Exercise 4** (rewrite the algorithm). Write `stranger(features, effective, rng)` for one task, without the singular value decomposition of this chapter.
# `features` has shape (n_points, n_features). It returns other coefficients, random ones, with the same labels at all these points.
# A hint: take any direction, and remove from it what the points can see.

# %% tags=["exercise"]
stranger = ...
exercises.check_01_4(stranger)


# %% tags=["solution"]
def solution_4(features, effective, rng):
    direction = rng.standard_normal(features.shape[1])
    change_of_labels = features @ direction
    visible = np.linalg.lstsq(features, change_of_labels)[0]  # the smallest such change
    return effective + direction - visible


exercises.check_01_4(solution_4)

# %% [markdown]
# ## References
#
# - M. Zhao (2021), [*Navigating Over-parametrized Feature Space with Meta-Gradients*](https://wandb.ai/mandizhao/1d-overparam/reports/Navigating-Over-parametrized-Feature-Space-with-Meta-Gradients--Vmlldzo4Mjc0ODM), W&B report: the problem and its figures. [Appendix A](A_report.ipynb) compares them with ours, one by one.
# - V. Muthukumar, K. Vodrahalli, V. Subramanian, A. Sahai (2020), *Harmless interpolation of noisy data in regression*, [arXiv 1903.09139](https://arxiv.org/abs/1903.09139): Fourier features and their aliases.
#
# **Next:** [2 · Watch a perfect fit fail](02_overfitting.ipynb).
