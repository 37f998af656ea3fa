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
# **Question.** 64 points of a curve, 257 features to explain them with, and only three of the features are real.
# What does such a problem look like, and why is one task alone not enough to settle it?
#
# Notebook 1 of 7. It runs in a few seconds.

# %% [markdown]
# ## You will
#
# **Do.** Build Fourier features, draw regression tasks from them, and find two different curves through the same 64 points.
#
# **Learn.**
#
# - what a *feature* is, and how its index is its frequency;
# - what a *task* is: feature weights that all tasks share, and coefficients that each task has to itself;
# - three ways to choose the points x, a choice that decides more than it seems to;
# - why 64 points cannot tell 257 features apart.
#
# **Need.** Python, NumPy, and the idea of least squares. Nothing about meta-learning.

# %% [markdown]
# ## Notation
#
# | symbol | code | meaning | shape |
# |---|---|---|---|
# | $x$ | `x` | inputs in $[-1, 1)$ | (n_tasks, n_points) |
# | $\phi(x)$ | `features` | Fourier features of the inputs | (n_tasks, n_points, n_features) |
# | $w$ | `weights` | feature weights, shared by all tasks | (n_features,) |
# | $\alpha$ | `coefficients` | what is particular to one task | (n_tasks, n_features) |
# | $\beta = w \odot \alpha$ | `effective` | what multiplies the features | (n_tasks, n_features) |
# | $S$ | `support` | indices of the true features | 3 numbers |

# %% tags=["colab", "hide-input"]
import importlib.util, sys
if importlib.util.find_spec("fourier_meta") is None:  # on Colab the package is missing and is installed here
    if "google.colab" not in sys.modules:
        raise SystemExit("This kernel has no fourier_meta: start JupyterLab with `make lab`, or `pip install -e .` here.")
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/fourier-meta/fourier_meta")

# %% tags=["hide-input"]
import numpy as np

from fourier_meta import TaskFamily, feature_name, figures, fourier_features, regular_grid
from fourier_meta.exercises import check
from fourier_meta.figures import show

# %%
n_features = 257  # d: the constant, and a sine and a cosine of each of 128 frequencies
n_points = 64  # N: training points of a task, far fewer than d
support = (0, 1, 2)  # S: the features that the labels are made of
seed = 0  # everything random in this notebook follows from it

# %% [markdown]
# ## A feature is a wave, and its index is its frequency
#
# The features are the Fourier basis of the interval, scaled so that each has mean square 1:
#
# $$ \phi_0(x) = 1, \qquad \phi_{2k-1}(x) = \sqrt 2 \, \sin(\pi k x), \qquad \phi_{2k}(x) = \sqrt 2 \, \cos(\pi k x) \tag{1} $$
#
# The source report leaves the number of features open; 257 is our choice, four times the number of points.
# Equation (1) is two lines of code.
# Different features are orthogonal: over a dense set of x the mean of $\phi_i \phi_j$ is 1 for $i = j$ and 0 otherwise.


# %%
def phi(x):
    angles = np.pi * x[:, None] * np.arange(1, n_features // 2 + 1)
    waves = np.sqrt(2) * np.stack([np.sin(angles), np.cos(angles)], axis=-1)
    return np.column_stack([np.ones_like(x), waves.reshape(len(x), -1)])

dense = regular_grid(1024)
features = phi(dense)
departure = np.abs(features.T @ features / len(dense) - np.eye(n_features)).max()
print(features.shape, "departure from orthonormal below 1e-12:", departure < 1e-12)
np.testing.assert_allclose(features, fourier_features(dense, n_features), atol=1e-12)  # the package computes the same

# %%
rng = np.random.default_rng(seed)
batch = rng.uniform(-1, 1, 300)
fig, axes = figures.subplots(3, 3, height=1.5, sharex=True, sharey=True)
for ax, index in zip(axes.flat, [0, 1, 2, 3, 4, 9, 20, 63, 256], strict=True):
    color = figures.COLORS["MAML" if index in support else "other"]
    ax.scatter(batch, phi(batch)[:, index], s=4, color=color)
    ax.set_title(f"{index}: {feature_name(index)}")
show(fig, alt="Nine features over 300 random x. Feature 0 is flat, 1 and 2 are one slow wave, and the higher the index the faster the wave. From feature 63 on the points look like noise, although each lies on a smooth curve.")

# %% [markdown]
# Each panel is one smooth curve, seen at 300 random x.
# The three blue ones are going to be true.
# At index 256 the eye no longer sees a curve: 300 points are too few for a wave that completes 128 periods.
# Remember that panel; it is the whole problem.
#
# ## A task is three numbers
#
# A task is a function of x that is linear in the features:
#
# $$ y(x) = \sum_j w_j \, \alpha_j \, \phi_j(x) = \phi(x) \cdot (w \odot \alpha) \tag{2} $$
#
# The *weights* $w$ say which features matter. They are the same for all tasks: 1 on $S = \{0, 1, 2\}$ and 0 elsewhere.
# The *coefficients* $\alpha$ are the task's own, drawn from a standard Gaussian.
# So every task of the family is a constant plus one slow wave, and three numbers describe it.

# %%
weights = np.zeros(n_features)
weights[list(support)] = 1
coefficients = rng.standard_normal((15, n_features))
effective = weights * coefficients
labels = effective @ phi(dense).T
print("a batch of labels:", labels.shape)
print("features in use per task:", np.count_nonzero(effective, axis=1))

# %%
fig, axes = figures.subplots(1, 2, height=2.8, sharey=True)
for ax, count in zip(axes, (5, 15), strict=True):
    ax.plot(dense, labels[:count].T, color=figures.COLORS["truth"], linewidth=1, alpha=0.6)
    ax.set(title=f"the true labels of {count} tasks", xlabel="x")
show(fig, alt="Left, the labels of 5 tasks over x in [-1, 1]; right, of 15 tasks. All are a single slow wave with its own height, phase and offset; no task has any fast detail.")

# %% [markdown]
# The package draws the same tasks: `TaskFamily` holds the shared part, and `sample` draws a batch of tasks with their points.
# Only the product $w \odot \alpha$ can be seen in the labels: halve the weights, double the coefficients, and nothing changes.
# That freedom is what this book is about. Learning $w$ means choosing, for all tasks at once, which coefficients are *cheap*.

# %%
family = TaskFamily(n_features, support)
tasks = family.sample(15, n_points, np.random.default_rng(seed))
print("x", tasks.x.shape, " features", tasks.features.shape, " labels", tasks.labels.shape)
rescaled = (weights / 2) * (2 * coefficients)
print("labels after halving w and doubling alpha:", "the same" if np.array_equal(rescaled, effective) else "different")

# %% [markdown]
# ## Where the points lie
#
# Three designs of x, each with 64 points:
#
# - **grid**: equally spaced, the same for all tasks, the end point 1 left out because it repeats $-1$;
# - **jittered**: one random point in each of 64 equal cells;
# - **random**: 64 independent draws from a dense grid, new ones for each task.

# %%
fig, ax = figures.subplots(height=1.6)
for row, design in enumerate(["grid", "jittered", "random"]):
    x = TaskFamily(n_features, support, design=design).sample(1, n_points, rng).x[0]
    ax.plot(x, np.full(n_points, -row), "|", color=figures.COLORS["truth"], markersize=14)
    print(f"{design:9s} gaps between neighbours from {np.diff(np.sort(x)).min():.4f} to {np.diff(np.sort(x)).max():.4f}")
ax.set(yticks=[0, -1, -2], yticklabels=["grid", "jittered", "random"], xlabel="x", ylim=(-2.6, 0.6))
show(fig, alt="Three rows of 64 ticks on [-1, 1]. The grid is evenly spaced, the jittered row slightly uneven, the random row has clumps and wide gaps.")

# %% [markdown]
# The gaps of the random design vary by two orders of magnitude. It looks like the worst of the three.
#
# **Predict, then run.** With which design can 64 points tell the 257 features apart best? Keep your answer for the next notebook.
#
# ## 64 equations, 257 unknowns
#
# On its 64 points, a task gives 64 equations for 257 coefficients.
# Whatever solves them, we can add any $\delta$ with $\Phi \delta = 0$ and nothing changes on the training points.
# The singular value decomposition of $\Phi$ hands us all such $\delta$: its last right singular vectors.

# %%
one = family.sample(1, n_points, rng)
_, singular_values, directions = np.linalg.svd(one.features[0])
rank = np.sum(singular_values > 1e-10)
print(f"rank {rank}, so {n_features - rank} of {n_features} directions leave the training points alone")
change = rng.standard_normal((2, n_features - rank)) @ directions[rank:] / 6
strangers = one.effective[0] + change
print("largest change on the training points below 1e-12:", np.abs(change @ one.features[0].T).max() < 1e-12)
print("root mean square change in between:", np.round(np.linalg.norm(change, axis=1), 2))

# %%
fig, ax = figures.subplots(height=2.8)
for curve, color in zip(strangers @ features.T, ("min-norm", "lasso"), strict=True):
    ax.plot(dense, curve, color=figures.COLORS[color], linewidth=0.8)
figures.draw_fit(ax, dense, features @ one.effective[0], points=(one.x[0], one.labels[0]))
ax.set_title("three functions that agree on all 64 training points")
show(fig, alt="A slow wave with 64 points on it, and two wild curves through exactly the same 64 points. Between the points the wild curves swing far away from the wave.")

# %% [markdown]
# All three curves have zero training error.
# From these 64 points alone, nothing but a *preference* can choose between them, and preferring the slow wave is knowledge that came from outside the task.
#
# ## Where it breaks: an end point too many
#
# `np.linspace(-1, 1, 64)` includes both ends, and every feature has period 2, so $x = -1$ and $x = 1$ are the same point.
# It costs one equation:

# %%
for name, x in {"regular_grid(64)": regular_grid(64), "linspace(-1, 1, 64)": np.linspace(-1, 1, 64)}.items():
    print(f"{name:20s} rank {np.linalg.matrix_rank(phi(x))}")

# %% [markdown]
# With noise the two copies of that point get different labels, and no function fits both.
# The book leaves the end point out.
#
# ## Try it
#
# Pick the true features, the design of x and the number of tasks, and watch the labels follow.
# Without a kernel, the figures above carry the same argument.

# %% tags=["explorer", "nbval-ignore-output"]
from fourier_meta.explorers import explore_tasks

explore_tasks()

# %% [markdown]
# ## Summary
#
# - A *feature* is a wave. Its index is its frequency: feature 256 is a wave of 128 periods.
# - A *task* is three numbers: shared one-hot weights on $S = \{0, 1, 2\}$, and Gaussian coefficients of its own.
# - *Three designs of x*: grid, jittered, random. The last looks worst; notebook 2 tests that.
# - *64 points cannot tell 257 features apart*: the features have rank 64 there, and 193 directions of change are invisible.
#
# ## Exercises
#
# **Exercise 1.** Which index does $\sqrt 2 \cos(5 \pi x)$ have?
#
# <details><summary>Solution</summary>
#
# A cosine of frequency k has index 2k.
#
# ```python
# index = 10
# ```
#
# </details>

# %%
index = ...
check(index, lambda j: feature_name(j) == "cos 5πx", "Sines have odd indices; equation (1) gives the cosines.")

# %% [markdown]
# **Exercise 2.** Without solving anything: how many invisible directions are left when a task has 100 random points instead of 64?
# (Assume that no point is drawn twice.)
#
# <details><summary>Solution</summary>
#
# Each distinct point gives one independent equation, so 257 - 100 directions are left.
#
# ```python
# n_invisible = 157
# ```
#
# </details>

# %%
n_invisible = ...
spread = fourier_features(np.random.default_rng(1).uniform(-1, 1, 100), n_features)
check(n_invisible, lambda n: n == n_features - np.linalg.matrix_rank(spread), "Each distinct point is one equation.")

# %% [markdown]
# **Exercise 3.** Write `draw(n_tasks, rng)`, which returns the effective coefficients of tasks whose true features are 3 and 10, with Gaussian coefficients that have standard deviation 2.
#
# <details><summary>Solution</summary>
#
# ```python
# def draw(n_tasks, rng):
#     effective = np.zeros((n_tasks, n_features))
#     effective[:, [3, 10]] = 2 * rng.standard_normal((n_tasks, 2))
#     return effective
# ```
#
# </details>

# %%
draw = ...

def draws_two_features(draw):
    spread = draw(4000, np.random.default_rng(0)).std(axis=0)
    return set(np.flatnonzero(spread)) == {3, 10} and np.allclose(spread[[3, 10]], 2, rtol=0.1)

check(draw, draws_two_features, "Columns 3 and 10 of (n_tasks, 257) have standard deviation 2, all others are 0.")

# %% [markdown]
# ## References
#
# - M. Zhao, *Navigating Over-parametrized Feature Space with Meta-Gradients*, W&B report, 2021: the source of the problem and of its figures.
# - V. Muthukumar, K. Vodrahalli, V. Subramanian, A. Sahai, *Harmless interpolation of noisy data in regression*, [arXiv 1903.09139](https://arxiv.org/abs/1903.09139): Fourier features and their aliases.
#
# **Next:** [02 · See how a perfect fit fails](02_overfitting.ipynb).
