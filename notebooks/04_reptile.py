# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Learn the weights with Reptile
#
# **Question.** [Chapter 3](03_maml.ipynb) left us with weights that solve a task from three points, and with a bill: every task needs held-out points, and the gradient has to travel back through the fit.
# Reptile pays neither. It fits a task, looks where the weights went, and moves them a little in that direction. Can anything so simple find the three features?
#
# Why it matters: often there are no points to spare, and many fits cannot be differentiated. And if something simpler does the same, we have not yet understood what does the work.
#
# Chapter 4 of 10. It runs in about 20 seconds.

# %% [markdown]
# ## You will
#
# **Do.** See what Reptile reaches, compute it by hand for two features, write it in torch on one screen, watch weights slide along a hyperbola, and turn the one knob that the source report did not turn.
#
# **Learn.**
#
# - what Reptile learns in textbooks, and here;
# - the law behind it: $w^2 - \alpha^2$ is conserved, so weights grow and hardly shrink, and why the *right* ones grow most;
# - that the *scale of the start* decides: from 1 Reptile hardly helps, from 0.001 it solves tasks from three points;
# - what one task alone can do with the same trick, what noise changes, and what each method costs.
#
# **Need.** Chapters 1 to 3.
#
# ## Notation
#
# | symbol | code | meaning | shape |
# |---|---|---|---|
# | $w_0$ | `weights` | feature weights at the start of an inner loop | (n_features,) |
# | $w_k,\ \alpha_k$ | `w`, `alpha` | weights and coefficients of each task after $k$ joint steps | (n_tasks, n_features) |
# | $h_k$ | `h` | gradient of the training loss in $w \odot \alpha$ | (n_tasks, n_features) |
# | $K,\ \eta$ | `inner_steps`, `inner_rate` | joint gradient descent | |
# | $\varepsilon$ | `outer_rate` | fraction of the way that the weights move | |

# %% tags=["colab", "hide-input"]
import importlib.util
import site
import sys

modules = ("fourier_meta", "torch")
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
from functools import partial

import numpy as np
import torch

from fourier_meta import (
    Adam,
    Descent,
    Interpolate,
    TaskFamily,
    exercises,
    few_shot_risk,
    few_steps,
    figures,
    fourier_features,
    joint_descent,
    largest_stable_rate,
    min_norm,
    regular_grid,
    risk,
    share,
    train_maml,
    train_reptile,
)
from fourier_meta.figures import show

# %% tags=["parameters"]
n_features = 257  # d, the number of Fourier features
support = (0, 1, 2)  # S, the true ones (Reptile is not told)
n_points = 64  # N, points that a task is fitted to (none is held out)
n_tasks = 5  # tasks in each outer step
inner_steps = 20  # K, steps of joint descent
inner_rate = 0.02  # eta
outer_rate = 0.5  # first fraction of the way, falling to 0 along a line
steps = 1000  # outer steps
starts = (1, 0.1, 0.01, 0.001)  # where all weights start, the largest first
n_seeds = 10  # runs behind each band
seed = 0  # everything random in this chapter follows from it

# %%
family = TaskFamily(n_features, support)  # random x for every task, no noise
true = list(support)
false = [j for j in range(n_features) if j not in support]
small = min(starts)
few = len(support) + 1  # one point more than there are unknowns
settings = {
    "n_tasks": n_tasks,
    "n_points": n_points,
    "inner_steps": inner_steps,
    "inner_rate": inner_rate,
    "outer": Interpolate(outer_rate),
    "seed": seed,
}

# %% tags=["hide-input"]
given = (n_features, true, n_points, n_tasks, inner_steps, inner_rate, outer_rate)
rest = (steps, starts, n_seeds, seed)
BOOK = (given, rest) == (
    (257, [0, 1, 2], 64, 5, 20, 0.02, 0.5),
    (1000, (1, 0.1, 0.01, 0.001), 10, 0),
)
claim = partial(exercises.claim, book=BOOK)  # a sentence of the text, held to its cell


def short(value):
    """A number in two digits, or a bound where it is almost 0."""
    return "below 1e-6" if value < 1e-6 else f"{value:.2g}"


def share_of(weights):
    """The true features' share of the squared weights, also where all are 0."""
    return share(weights, support) if weights.any() else 0.0


def median_risk(weights, n):
    """Median risk of unseen tasks from n points, by min-norm with these weights."""
    return np.median(few_shot_risk(family, n, partial(min_norm, weights=weights)))


# %% [markdown]
# ## The result
#
# The same algorithm, the same tasks, twice. Once all weights start at 1, as in the source report. Once they start at 0.001.
#
# **Predict, then run.** A min-norm fit depends on ratios of weights only ([chapter 2](02_overfitting.ipynb)), and equal weights have the same ratios at 1 and at 0.001. What can the scale of the start change?

# %%
runs = {}
for start in (max(starts), small):
    run = train_reptile(family, start, steps=steps, **settings)
    runs[start] = run
    size = np.abs(run.weights)
    print(f"from {start:g} ({run.status}): smallest true weight", end=" ")
    print(f"{size[true].min():.2f}, largest other {size[false].max():.4f},", end=" ")
    print(f"risk from {few} points {short(median_risk(run.weights, few))}")
from_one, from_small = runs[max(starts)].weights, runs[small].weights
claim("from 1 the risk from 4 points stays above 1", median_risk(from_one, few) > 1)
solved = median_risk(from_small, few) < 1e-6
claim("from 0.001 Reptile solves tasks from 4 points", solved)
solved = median_risk(from_small, len(support)) < 1e-6
claim("from 0.001 Reptile solves tasks from 3 points", solved)

# %% tags=["hide-input"]
dense = regular_grid(4 * n_features)
dense_features = fourier_features(dense, n_features)
unseen = family.unseen(1, few, seed + 1)
color = figures.COLORS["Reptile"]
fig, axes = figures.subplots(1, 2, height=3.3)
truth = dense_features @ unseen.effective[0]
figures.draw_fit(axes[1], dense, truth, points=(unseen.x[0], unseen.labels[0]))
for start, run in runs.items():
    style = "--" if start == small else "-"
    figures.draw_ranked(axes[0], run.weights, true, "Reptile", linestyle=style)
    words = f"started at {start:g}"
    lift = 1.35 * np.abs(run.weights[false]).max()
    axes[0].text(n_features, lift, words, color=color, ha="right")
    fit = dense_features @ min_norm(unseen.features[0], unseen.labels[0], run.weights)
    axes[1].plot(dense, fit, style, color=color, linewidth=1.4, label=words)
axes[0].set_title(f"weights at the end (dots: the {len(true)} true)")
axes[1].set(title=f"an unseen task, {few} points", ylabel="y", xticks=(-1, 0, 1))
axes[1].legend(fontsize=8)
show(
    fig,
    alt="Left: Reptile's weights at the end, by rank, on log axes. From either "
    "start the three true ones end between 3 and 5; behind them is a cliff, "
    "down to where the others started: a low step to 1, or a fall of three "
    "orders of magnitude to 0.001. Right: an unseen task with four points. The "
    "fit with the weights from 1 misses the truth and darts out to the points; "
    "the fit with the weights from 0.001 lies on it.",
)

# %% [markdown]
# Reptile *amplifies*. The three true weights grow to 3.4 and 4.1, and all others stay near where they began.
# From 1, they stay at 1: 254 false weights that still absorb most of a signal. From 0.001 they stay at 0.001, and that is as good as pruned.
#
# Two things have to be explained: why the others stay, and why the right ones grow. First by hand.
#
# ## What Reptile learns in textbooks, and here
#
# | | in textbooks | in this chapter |
# |---|---|---|
# | reset for every new task | all parameters, to the starting point $\theta_0$ | $\alpha$ to 0, and $w$ to the common weights |
# | moved by the inner loop | all parameters | $w$ *and* $\alpha$: both fit the task |
# | kept from task to task, and learned | $\theta_0$, moved towards where the fits end | $w$, moved towards where the fits end |
# | held-out points | none | none |
#
# So this is textbook Reptile, with one part of its starting point known: $\alpha$ starts at 0, for the reason given in [chapter 3](03_maml.ipynb).
#
# > **repeat** for every outer step:
# > 1. draw some tasks, each with N points;
# > 2. *inner loop*, for each task: from $(w, 0)$, take K steps of gradient descent on the training loss in $w$ **and** $\alpha$;
# > 3. *outer step*: move $w$ a part of the way to the mean of the $w_K$.
#
# $$ h_k = \tfrac{2}{N} \Phi^\top (\Phi (w_k \odot \alpha_k) - y), \qquad w_{k+1} = w_k - \eta \, \alpha_k \odot h_k, \qquad \alpha_{k+1} = \alpha_k - \eta \, w_k \odot h_k \tag{1} $$
#
# $$ w \leftarrow w + \varepsilon \, \bigl( \overline{w_K} - w \bigr) \tag{2} $$
#
# ## Two features by hand
#
# The two features of chapter 3, with $\eta = 0.1$ and two joint steps from $w = (1, 1)$. First a task with one point, where both features are 1 and look alike. Then a task with two points, where the second feature is 1 and $-1$, while the label stays 1.


# %%
def joint_steps(phi, y, n_steps, rate=0.1):
    w = np.ones(2)
    alpha = np.zeros(2)
    for _ in range(n_steps):
        residual = phi @ (w * alpha) - y  # (n_points,)
        h = 2 / len(y) * residual @ phi  # (2,), gradient in w * alpha
        w, alpha = w - rate * alpha * h, alpha - rate * w * h
    return w, alpha


one_point = joint_steps(np.array([[1.0, 1.0]]), np.array([1.0]), 2)
two_points = joint_steps(np.array([[1.0, 1.0], [1.0, -1.0]]), np.array([1.0, 1.0]), 2)
print("one point:  w =", one_point[0].round(3), " alpha =", one_point[1].round(2))
print("two points: w =", two_points[0].round(3), " alpha =", two_points[1].round(2))
assert np.allclose(one_point[0], [1.024, 1.024])
assert np.allclose(two_points[0], [1.032, 1.0])

# %% [markdown]
# Where the two features look alike, both weights grow, and by the same amount. Reptile has no held-out point that could punish one of them.
# Where they differ, the true one takes up the label and grows; the false one takes up nothing and *stays*. It does not fall.
#
# ## Reptile in torch, on one screen
#
# All points of a task are in every step (full-batch; the original takes mini-batches). For another model change the prediction and the shape and start of `alpha`; the outer step stays, but the law below belongs to the product $w \odot \alpha$.


# %%
def fit(weights, features, labels):
    w = weights.clone().requires_grad_()  # (n_features,)
    alpha = torch.zeros_like(weights).requires_grad_()  # (n_features,)
    descent = torch.optim.SGD([w, alpha], lr=inner_rate)
    for _ in range(inner_steps):
        descent.zero_grad()
        residual = features @ (w * alpha) - labels  # (n_points,)
        loss = (residual**2).mean()
        loss.backward()
        descent.step()
    return w.detach()


by_hand = torch.ones(n_features, dtype=torch.float64)
rng = np.random.default_rng(seed)
for step in range(3):
    tasks = family.sample(n_tasks, n_points, rng)
    ends = []
    for number in range(n_tasks):
        features = torch.from_numpy(tasks.features[number])  # (n_points, n_features)
        labels = torch.from_numpy(tasks.labels[number])  # (n_points,)
        ends.append(fit(by_hand, features, labels))
    mean_end = torch.stack(ends).mean(dim=0)
    fraction = outer_rate * (1 - step / 3)
    by_hand = by_hand + fraction * (mean_end - by_hand)

packaged = train_reptile(family, "ones", steps=3, **settings)
if packaged.status == "finished":  # it stops where an inner loop diverges
    assert np.abs(by_hand.numpy() - packaged.weights).max() < 1e-8
    print("three outer steps by hand, and by train_reptile: equal to 1e-8")
else:
    print("train_reptile", packaged.status)

# %% [markdown]
# ## Why the others stay: a law
#
# Square both updates in (1) and subtract. The mixed terms cancel, and for every feature
#
# $$ w_{k+1}^2 - \alpha_{k+1}^2 = \left( 1 - \eta^2 h_k^2 \right) \left( w_k^2 - \alpha_k^2 \right) \tag{3} $$
#
# For small steps the factor is almost 1: *$w^2 - \alpha^2$ is conserved*. As $\alpha$ starts at 0, it keeps the value $w_0^2$, so that
#
# $$ w_K^2 \approx w_0^2 + \alpha_K^2 \tag{4} $$
#
# A weight can only slide up a hyperbola, and how far depends on the coefficient that the task asked of it.

# %%
asked = np.resize([2, -1.5, 1], (1, len(true)))  # the task's true coefficients
task = family.observe(asked, n_points, np.random.default_rng(seed))
marks = np.arange(0, 31) ** 2 // 2  # numbers of joint steps at which we look
paths = {}
for start in (1, 0.1):
    common = np.full(n_features, start)
    path = []
    for n_steps in marks:
        ends = joint_descent(task.features, task.labels, common, n_steps, inner_rate)
        path.append(np.concatenate(ends))  # (2, n_features): weights, coefficients
    paths[start] = np.array(path)  # (len(marks), 2, n_features)

# %% tags=["hide-input", "live-hyperbola"]
fig, axes = figures.subplots(1, 2, height=3.8, sharex=True, sharey=True)
for ax, (start, path) in zip(axes, paths.items(), strict=True):
    reach = np.abs(path[:, 1]).max()
    curve = np.linspace(-reach, reach, 201)
    height = np.sqrt(start**2 + curve**2)
    ax.plot(curve, height, color=figures.COLORS["other"], linewidth=5, alpha=0.35)
    for chosen, method, marker in ((false, "other", 3), (true, "Reptile", 6)):
        color = figures.COLORS["truth" if method == "other" else method]
        w, alpha = path[:, 0, chosen], path[:, 1, chosen]
        ax.plot(alpha, w, color=color, linewidth=1)
        ax.plot(alpha[-1], w[-1], "o", color=color, markersize=marker)
    ax.plot(0, start, "D", color=figures.COLORS["min-norm"], markersize=6)
    ax.annotate(
        "start",
        (0, start),
        (0, -16),
        textcoords="offset points",
        ha="center",
        color=figures.COLORS["min-norm"],
    )
    ax.set(title=f"all weights start at {start}", xlabel="coefficient $\\alpha$")
axes[0].set(ylabel="weight w", ylim=(-0.2, None))
axes[0].text(
    0, 0.35, f"{len(true)} true (green), {len(false)} false (black)", ha="center"
)
show(
    fig,
    alt="Weights against coefficients while one task is fitted, on the hyperbola w "
    "squared minus alpha squared equals the start squared. Left, from 1: the "
    "true features slide some way up, all false ones stay close to the vertex, "
    "at 1. Right, from 0.1: the hyperbola is almost a V; the true features "
    "slide far up its arms, the false ones stay near 0.1.",
)

# %% [markdown]
# One task, 257 features, each a point that starts at the vertex of its hyperbola (grey). The true ones slide up; the false ones climb far less.
# With a lower vertex the false ones stay lower, and the true ones have to climb higher to make the product $w \alpha$ that the task asks for.
# The floor is the start's; the height is the tasks'. And the higher a weight is, the less $\alpha = \beta / w$ it needs, so growth slows down by itself.
#
# ## Why the right ones grow
#
# By (4) a weight grows by $\alpha_K^2$, in the square. A sign does not matter, and nothing averages out over tasks: *every* task adds $\alpha^2$.
# A true feature has a large coefficient in nearly every task. A false one has what it happens to share with the signal at N random points.

# %%
tasks = family.sample(50, n_points, np.random.default_rng(seed))
ones = np.ones(n_features)
w, alpha = joint_descent(tasks.features, tasks.labels, ones, inner_steps, inner_rate)
grown = (w**2 - 1).mean(axis=0)  # mean over 50 tasks, (n_features,)
square = (alpha**2).mean(axis=0)
print("mean over 50 tasks, from weights 1     true     false")
print(f"alpha^2 after {inner_steps:3d} steps {square[true].mean():20.4f}", end="")
print(f"{square[false].mean():10.4f}")
print(f"growth of w^2       {grown[true].mean():24.4f}{grown[false].mean():10.4f}")
ratio = square[true].mean() / square[false].mean()
print(f"true features are asked for {ratio:.0f} times as much")
claim("the true features' alpha^2 is over ten times that of the others", ratio > 10)

# %% [markdown]
# ## Finite steps, honestly
#
# The law (4) is that of infinitely small steps. Real steps have the factor of (3), and K of them leave
#
# $$ w_K^2 = \alpha_K^2 + w_0^2 \prod_{k<K} \left( 1 - \eta^2 h_k^2 \right) \tag{5} $$
#
# so a weight *can* end below its start, by a little: where $\alpha_K$ is small, and the product is below 1.


# %%
def joint_step(w, alpha, rate):
    residual = np.matvec(tasks.features, w * alpha) - tasks.labels
    h = 2 / n_points * np.vecmat(residual, tasks.features)
    return w - rate * alpha * h, alpha - rate * w * h, h


for rate, n_steps in ((inner_rate, inner_steps), (3.5 * inner_rate, 10 * inner_steps)):
    w = np.ones_like(tasks.effective)
    alpha = np.zeros_like(w)
    left = np.ones_like(w)
    for _ in range(n_steps):
        w, alpha, h = joint_step(w, alpha, rate)
        left = left * (1 - rate**2 * h**2)
    stable = np.abs(w).max() < 10
    off = np.abs(w**2 - alpha**2 - left).max() if stable else np.inf
    below = np.mean(w < 1)
    print(
        f"eta {rate:.3g}, K {n_steps}: {below:.1%} of all weights end below 1,", end=" "
    )
    print(f"the lowest at {w.min():.4f}:", "(5) holds" if off < 1e-9 else "diverged")
    claim("equation (5) holds to 1e-9", off < 1e-9)

# %% [markdown]
# At the book's rate about one weight in twenty ends an inner loop below its start, by a ten-thousandth; with longer steps and more of them it is one in four, by a few thousandths. "No weight can shrink" is true of the flow, and nearly true of the steps.
#
# ## The report's two starts
#
# The source report trains Reptile from weights 1 and from uniform weights in $[0, 1]$. Both runs, at the report's scale:

# %%
report = {}
for words in ("ones", "uniform"):
    run = train_reptile(family, words, steps=steps, **settings)
    report[words] = run
    size = np.abs(run.weights)
    lowest = np.min(run.weights / run.initial_weights)
    print(f"{words:8s} true weights from {size[true].min():.1f},", end=" ")
    print(
        f"others up to {size[false].max():.2f}, share {share_of(run.weights):.2f},",
        end=" ",
    )
    print(f"risk from {few} points {median_risk(run.weights, few):.2g},", end=" ")
    print(f"from {n_points} {median_risk(run.weights, n_points):.2g}")
    print(f"{'':8s} lowest ratio of a weight to its start {lowest:.3f}")
lowest = min(median_risk(run.weights, few) for run in report.values())
claim("from ones and uniform 4 points are not enough", lowest > 1)

# %% [markdown]
# From the report's starts the true weights lead, and the floor costs: hundreds of weights that stayed where they began share the signal with three large ones.
# Uniform weights are smaller on average, and do better. Here the report stops. But "ones" and "uniform" are two values of a knob that it did not turn: *scale*.
#
# ## The knob: the scale of the start
#
# Ten seeds from each start, a fifth of the steps each.
#
# **Predict, then run.** Which start will be the best, and from how many points?

# %%
fifth = max(1, steps // 5)
counts = (len(support), few, n_points)
levels = sorted(set(starts))
risks = np.empty((len(levels), n_seeds, len(counts)))
for row, start in enumerate(levels):
    for number in range(n_seeds):
        again = settings | {"seed": seed + number}
        run = train_reptile(family, start, steps=fifth, **again)
        risks[row, number] = [median_risk(run.weights, n) for n in counts]
for row, start in enumerate(levels):
    worst = risks[row, :, 1].max()
    print(f"from {start:<6g} median risk from {few} points,", end=" ")
    print(f"the worst of {n_seeds} seeds: {short(worst)}")
claim("from 0.001 every seed solves tasks from 4 points", risks[0, :, 1].max() < 1e-6)
claim("from 1 no seed does", risks[-1, :, 1].min() > 1)
fall = np.median(risks[1, :, 1]) / np.median(risks[0, :, 1])
claim("a tenth of the start divides the risk by about 10,000", 3000 < fall < 30000)

# %% tags=["hide-input", "live-starts"]
fig, ax = figures.subplots(height=3.8)
for column, (n, style) in enumerate(zip(counts, ("-", "--", ":"), strict=True)):
    low, middle, high = np.quantile(risks[..., column], (0.1, 0.5, 0.9), axis=1)
    figures.draw_band(ax, levels, low, middle, high, "Reptile", linestyle=style)
    place = levels[0] * 0.85, max(middle[0], figures.FLOOR)
    color = figures.COLORS["Reptile"]
    ax.text(*place, f"from {n} points", color=color, ha="right", va="center")
zero = np.median(np.sum(family.unseen(50, 1).coefficients ** 2, axis=1))
ax.axhline(zero, color=figures.COLORS["zero"], linewidth=0.8)
ax.text(levels[0], zero * 1.6, "predict 0", color=figures.COLORS["zero"])
ax.set(xlabel="where all weights start", ylabel="risk on unseen tasks (median of 50)")
ax.set(xlim=(levels[0] / 4, levels[-1] * 1.3))
ax.set_title(f"Reptile against the scale of its start ({n_seeds} seeds, 10-90 % bands)")
show(
    fig,
    alt="Risk of unseen tasks against the start of Reptile's weights, on log axes, "
    "for three sizes of the task; bands over ten seeds are narrower than the lines. "
    "At a start of 1 the lines for 3 and 4 points lie at the level of "
    "predicting 0; below 0.1 all lines fall steeply, by four orders of "
    "magnitude for each tenth of the start, to below one in a million at 0.001.",
)

# %% [markdown]
# Nothing else was changed, and Reptile solves tasks from *three* points, with every seed: the bands are narrower than the lines.
# At small starts each tenth divides the risk by thousands, as long as the false weights stay near their start (the first figure of [chapter 5](05_mechanisms.ipynb) shows where that ends): they stay at the start $w_0$, a fit spreads over features in proportion to $w^2$, so what leaks to the false ones goes with $w_0^2$, and its square, the risk, with $w_0^4$.
#
# Growth is *relative*: add the two updates of (1), and $w + \alpha$ is multiplied by $1 - \eta h$ in every step (and $w - \alpha$ by $1 + \eta h$, which grows where the coefficient is negative). True features, with a large $h$ in every task, gain orders of magnitude; a false one, with an $h$ near 0, hardly gains.
# The outer step of Reptile keeps proportions, as it has one common scale for all weights. Under Adam every weight takes steps of the same size, and the start is forgotten. We come to that below.
#
# ## What one task alone can do
#
# A small start is not a trick of meta-learning. Take one task and *no* other tasks, and let joint descent run from a small start until the task is fitted.

# %%
alone = {}
for n in (few, 4 * few, n_points):
    single = family.unseen(10, n, seed)
    limit = largest_stable_rate(single.features).min()
    rate = min(inner_rate, limit / 4)  # few points have a lower limit
    for start in (1, 0.1, 0.01):
        common = np.full(n_features, start)
        w, alpha = joint_descent(single.features, single.labels, common, 2000, rate)
        alone[n, start] = np.median(risk(w * alpha, single.effective))
    row = [f"{alone[n, start]:10.2g}" for start in (1, 0.1, 0.01)]
    print(f"one task of {n:3d} points, joint descent from 1, 0.1, 0.01:", *row)
helped = alone[n_points, 0.01] < 0.01 * alone[n_points, 1]
claim("one task of 64 points is nearly solved from a small start", helped)
claim("one task of 4 points is not", alone[few, 0.01] > 0.5)

# %% [markdown]
# With 64 points a small start nearly solves a task alone: it prefers fits with *few* large coefficients.
# With 4 points it does not, whatever the start: any four features fit four points, and descent does not find the three that do. That is what the other tasks are for. They tell *which* three.
#
# ## With noise
#
# Three levels of noise on every label, start 0.001, and a third of the steps. A new task has 16 points and is fitted as in the training of chapter 3, by K steps of descent on $\alpha$ (with noise, a fit should not go through every point).
# The rival was *told* the three features, and takes least squares on them.

# %%
third = max(1, steps // 3)
n_noisy = 4 * few
for noise in (0.1, 0.3, 1.0):
    noisy = TaskFamily(n_features, support, noise)
    informed = partial(min_norm, weights=family.true_weights)  # who was told S
    told = np.median(few_shot_risk(noisy, n_noisy, informed))
    for n_steps in (third, steps) if noise == 1 else (third,):
        run = train_reptile(noisy, small, steps=n_steps, **settings)
        inner = {"inner_steps": inner_steps, "inner_rate": inner_rate}
        stopped = partial(few_steps, weights=run.weights, **inner)
        reached = np.median(few_shot_risk(noisy, n_noisy, stopped))
        print(f"noise {noise}, {n_steps:4d} steps:", end=" ")
        print(f"share {share_of(run.weights):.4f},", end=" ")
        print(f"risk {reached:.2g} (who was told S: {told:.2g})")
        claim("noise hardly touches the selection", share_of(run.weights) > 0.99)
        claim("the risk is near that of who was told S", 0.6 < reached / told < 1.6)

# %% [markdown]
# Noise hardly touches the selection for as long as we train here, a thousand steps at the strongest noise, and the risk comes out near that of somebody who was told the three features.
#
# ## Side by side, with equal optimisers
#
# Chapter 3 trained MAML with Adam; this chapter trained Reptile with a plain step. To compare *algorithms*, give both an optimiser with a scale for each weight, Adam, and one with a common scale: `Descent` for MAML, Reptile's own step for Reptile.
#
# - `Adam`: each weight has a scale of its own, so all weights move at the same speed, and proportions are lost;
# - `Interpolate` and `Descent`: one common scale for all weights, so that what has a small gradient stays where it is. (`Descent` divides each step by its largest entry, as MAML's gradient is tiny at a small start.)

# %%
maml_settings = {"n_tasks": n_tasks, "n_points": n_points, "seed": seed}
maml_settings |= {"steps": third, "inner_rate": inner_rate}
fit_only = maml_settings | {"n_validation": 0}
reptile_settings = settings | {"steps": third}
own_scales = {"outer": Adam(0.05)}
one_scale = {"outer": Descent(0.05)}
contest = {
    "MAML, held-out points": (train_maml, maml_settings, own_scales, one_scale),
    "MAML, none held out": (train_maml, fit_only, own_scales, one_scale),
    "Reptile": (train_reptile, reptile_settings, own_scales, {}),
}
ends = {}
print(f"risk from {few} points from a start of     {max(starts):<12g}{small:<12g}")
for words, (train, chosen, *optimisers) in contest.items():
    for scale, outer in zip(("Adam", "one scale"), optimisers, strict=True):
        row = []
        for start in (max(starts), small):
            run = train(family, start, **chosen | outer)
            ends[words, scale, start] = run
            row.append(f"{short(median_risk(run.weights, few)):12s}")
        print(f"{words:24s}{scale:13s} {''.join(row)}")

# %%
shares = {key: share_of(run.weights) for key, run in ends.items()}
pruned = shares["MAML, held-out points", "Adam", max(starts)] > 0.9
lost = shares["MAML, none held out", "Adam", small] < 0.2
kept = shares["MAML, none held out", "one scale", small] > 0.9
forgotten = shares["Reptile", "Adam", small] < 0.9
claim("MAML with Adam and held-out points prunes from 1", pruned)
claim("without held-out points Adam selects nothing, even from 0.001", lost)
claim("one scale and a small start need no held-out points", kept)
claim("Reptile loses its selection under Adam", forgotten)
held, plain = "MAML, held-out points", "Reptile"
for words, config in {
    "MAML": ends[held, "Adam", small].config,
    "Reptile": ends[plain, "one scale", small].config,
}.items():
    there = 2 * config["inner_steps"] - 1  # the first residual costs nothing
    back = 2 * config["inner_steps"] if words == "MAML" else 0
    held_out = config.get("n_validation", 0)
    print(f"{words:8s} {there + back} products with the features of a task,", end=" ")
    print(f"{config['n_points']} points and {held_out} held out")

# %% [markdown]
# Say first where the rival wins. At equal weights of 1, MAML under Adam is far ahead: held-out points prune, and Reptile has none. From 0.001 with one common scale all three solve unseen tasks from 4 points, and Reptile does it without held-out points.
# The rows differ less by algorithm than by *optimiser and start*: under Adam without held-out points nothing is selected, under one scale from a small start everything is.
#
# Reptile is simpler, and not cheaper: with K = 20 it takes 39 products with the features for each task ($2K - 1$: the first residual costs nothing), MAML with K = 5 takes 19 ($4K - 1$, there and back).
# What it saves is the second set of points and the graph.
#
# [Chapter 5](05_mechanisms.ipynb) takes every part of the two methods apart and switches them one by one.
#
# ## Where it breaks
#
# **A regular grid.** Reptile never sees a point off the grid. The true sines and cosines grow in lockstep with their aliases, from 1 as from 0.001; the constant falls behind its own, which are $\sqrt 2$ times as large on the grid.
#
# **A start of 0** has nothing to amplify, and an inner rate that is too large diverges, as in chapter 3.

# %%
grid = TaskFamily(n_features, support, design="grid")
for start in (max(starts), small):
    stuck = train_reptile(grid, start, steps=steps, **settings)
    largest = np.argsort(-np.abs(stuck.weights), kind="stable")[: 4 * len(true)]
    found = sorted(int(j) for j in largest)
    print(f"one grid, from {start:g}: the {len(found)} largest weights are", found)
    print(f"  share {share_of(stuck.weights):.2f}, {stuck.status}")
    if stuck.advice:
        print(f"  {stuck.advice}")
    claim("on one grid the aliases are not told apart", share_of(stuck.weights) < 0.5)
dead = train_reptile(family, 0, steps=third, **settings)
print("start 0:", dead.status)
wild = train_reptile(family, steps=third, **settings | {"inner_rate": 10 * inner_rate})
print(f"inner rate {10 * inner_rate:g}:", wild.status)

# %% [markdown]
# ## Try it
#
# Move the start, the rates, the noise and the design, and watch which weights slide up.

# %% tags=["explorer", "nbval-ignore-output"]
from fourier_meta.explorers import explore_reptile

explore_reptile()

# %% [markdown]
# ## Summary
#
# - Joint descent conserves $w^2 - \alpha^2$, up to second order in the rate: weights slide up hyperbolas, and hardly ever down.
# - The right ones grow because growth is $\alpha^2$, and true features have a large $\alpha$ in every task.
# - So *fitting amplifies*, and the floor stays where it started. From 1 that is not enough; *from 0.001 Reptile solves tasks from three points*, without held-out points and without a gradient through the fit.
# - It holds as long as all weights share one scale of step. Under Adam the start is forgotten.
# - One task alone profits from a small start at 64 points, not at 4.
#
# ## Exercises
#
# Replace the three dots and run the cell. It says what is missing. The cell after it, folded, has a solution.
#
# **Exercise 1.** A weight starts at 0.5, and its coefficient ends at 1.2. Where does joint descent with small steps leave the weight?

# %% tags=["exercise"]
final = ...
exercises.check_04_1(final)

# %% tags=["solution"]
exercises.check_04_1((0.5**2 + 1.2**2) ** 0.5)  # equation (4)

# %% [markdown]
# **Exercise 2.** A weight starts at 0.01, and the task asks for the product $w \alpha = 2$. Where is the weight when the fit is done, with small steps?

# %% tags=["exercise"]
weight = ...
exercises.check_04_2(weight)

# %% tags=["solution"]
exercises.check_04_2(2**0.5)  # the start is negligible: w and alpha end equal

# %% [markdown]
# **Exercise 3** (rewrite the algorithm for another model). Textbook Reptile, which learns a *starting point*: the model is $\phi(x) \cdot \theta$, with $\theta$ of shape (d,) and no multipliers.
# Write `reptile_step(theta_0, features, labels, inner_steps, inner_rate, step_size)`, one outer step. `features` has shape (n_tasks, n_points, d) and `labels` (n_tasks, n_points), both NumPy arrays.
# Each task starts from $\theta_0$ and takes K steps of gradient descent on its mean squared error. Return where $\theta_0$ moves.

# %% tags=["exercise"]
reptile_step = ...
exercises.check_04_3(reptile_step)


# %% tags=["solution"]
def solution_3(theta_0, features, labels, inner_steps, inner_rate, step_size):
    ends = []
    for X, y in zip(features, labels, strict=True):
        theta = theta_0
        for _ in range(inner_steps):
            residual = X @ theta - y
            theta = theta - inner_rate * 2 / len(y) * residual @ X
        ends.append(theta)
    return theta_0 + step_size * (np.mean(ends, axis=0) - theta_0)


exercises.check_04_3(solution_3)

# %% [markdown]
# ## References
#
# - A. Nichol, J. Achiam, J. Schulman, *On first-order meta-learning algorithms*, 2018, [arXiv 1803.02999](https://arxiv.org/abs/1803.02999): Reptile.
# - B. Woodworth et al., *Kernel and rich regimes in overparametrized models*, 2020, [arXiv 2002.09277](https://arxiv.org/abs/2002.09277): diagonal linear networks, conservation, and the scale of the start.
# - N. Saunshi, Y. Zhang, M. Khodak, S. Arora, *A sample complexity separation between non-convex and convex meta-learning*, 2020, [arXiv 2002.11172](https://arxiv.org/abs/2002.11172): on a two-layer linear network, too, Reptile makes a few samples enough for a new task.
#
# **Next:** [05 · Find out what prunes](05_mechanisms.ipynb).
