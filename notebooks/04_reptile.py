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
# **Question.** Reptile has no validation set and no second derivatives: it fits tasks and moves towards where they went.
# Does it find the same weights as MAML?
#
# Notebook 4 of 7. It runs in about 20 seconds.

# %% [markdown]
# ## You will
#
# **Do.** Write Reptile in full, find the quantity that its inner loop conserves, train it, and compare it with MAML.
#
# **Learn.**
#
# - how joint descent on weights and coefficients obeys an exact law, and why no weight can shrink;
# - that Reptile *amplifies* where MAML *prunes*, and what this costs on unseen tasks;
# - that a small initial scale buys sparsity without any meta-learning: the control that is easily forgotten;
# - what each method needs, what it costs, and what it reaches.
#
# **Need.** Notebooks 1 to 3.
#
# ## Notation
#
# | symbol | code | meaning | shape |
# |---|---|---|---|
# | $w_0$ | `weights` | feature weights at the start of an inner loop | (n_features,) |
# | $w_k,\ \alpha_k$ | `w`, `alpha` | weights and coefficients of each task after $k$ joint steps | (n_tasks, n_features) |
# | $h_k$ | `h` | gradient of the training loss in $w \odot \alpha$ | (n_tasks, n_features) |
# | $K,\ \eta$ | `inner_steps`, `inner_rate` | joint gradient descent | |
# | $\varepsilon$ | `step_size` | fraction of the way that the weights move | |

# %% tags=["colab", "hide-input"]
import importlib.util, sys
missing = [name for name in ("fourier_meta", "torch") if importlib.util.find_spec(name) is None]
if missing and "google.colab" not in sys.modules:
    raise SystemExit(f"This kernel has no {missing[0]}: start JupyterLab with `make lab`, or `pip install {missing[0] if missing[0] == 'torch' else '-e .'}` here.")
if missing:  # on Colab torch is there, and the package is installed here
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/fourier-meta/fourier_meta")

# %% tags=["hide-input"]
from functools import partial

import numpy as np
import torch

from fourier_meta import TaskFamily, few_shot_risk, figures, fourier_features, joint_descent, min_norm, regular_grid, risk, train_maml, train_reptile
from fourier_meta.exercises import check
from fourier_meta.figures import show

# %%
family, n_points = TaskFamily(n_features=257, support=(0, 1, 2)), 64  # random x, new for every task; N
true, others = np.array([0, 1, 2]), np.arange(3, 257)  # which features are which
inner_steps, inner_rate = 20, 0.02  # K and eta of the joint descent
step_size, steps = 0.5, 1000  # first step size (it falls to 0 along a line), number of outer steps
seed = 0  # everything random in this notebook follows from it
settings = {"inner_steps": inner_steps, "inner_rate": inner_rate, "step_size": step_size, "seed": seed}

# %% [markdown]
# ## The algorithm
#
# > **repeat** for every outer step:
# > 1. draw some tasks, each with N training points;
# > 2. *inner loop*, for each task: from $(w, 0)$, take K steps of gradient descent on the training loss in $w$ **and** $\alpha$;
# > 3. *outer step*: move $w$ a part of the way to the mean of the $w_K$.
#
# $$ h_k = \tfrac{2}{N} \Phi^\top (\Phi (w_k \odot \alpha_k) - y), \qquad w_{k+1} = w_k - \eta \, \alpha_k \odot h_k, \qquad \alpha_{k+1} = \alpha_k - \eta \, w_k \odot h_k \tag{1} $$
#
# $$ w \leftarrow w + \varepsilon \, \bigl( \overline{w_K} - w \bigr) \tag{2} $$
#
# There is no validation set and no graph to differentiate through. With torch's own SGD on one task after the other, three outer steps are:

# %%
rng = np.random.default_rng(seed)
by_hand = torch.ones(257, dtype=torch.float64)
for step in range(3):
    train = family.sample(5, n_points, rng)
    ends = []
    for X, y in zip(torch.from_numpy(train.features), torch.from_numpy(train.labels), strict=True):
        w, alpha = by_hand.clone().requires_grad_(), torch.zeros(257, dtype=torch.float64, requires_grad=True)
        descent = torch.optim.SGD([w, alpha], lr=inner_rate)
        for _ in range(inner_steps):
            descent.zero_grad(); ((X @ (w * alpha) - y) ** 2).mean().backward(); descent.step()
        ends.append(w.detach())
    by_hand = by_hand + step_size * (1 - step / 3) * (torch.stack(ends).mean(dim=0) - by_hand)
packaged = train_reptile(family, steps=3, n_tasks=5, **settings)  # the same, all tasks at once
np.testing.assert_allclose(by_hand.numpy(), packaged.weights, rtol=0, atol=1e-10)

# %% [markdown]
# ## A law that forbids weights to shrink
#
# Square both updates in (1) and subtract. The mixed terms cancel, and for every feature
#
# $$ w_{k+1}^2 - \alpha_{k+1}^2 = \left( 1 - \eta^2 h_k^2 \right) \left( w_k^2 - \alpha_k^2 \right) \tag{3} $$
#
# As the steps get small, $w^2 - \alpha^2$ is conserved. Since $\alpha_0 = 0$, it stays at $w_0^2$, and so $w_K^2 = w_0^2 + \alpha_K^2$: *no weight can end below its start*.
# Finite steps blur this only to second order in $\eta$.
#
# **Predict, then run.** Halve the rate and double the number of steps: by how much does the drift fall?

# %%
train = family.sample(15, n_points, np.random.default_rng(seed))
for rate, K in ((0.04, 10), (0.02, 20), (0.01, 40)):
    w, alpha = joint_descent(train.features, train.labels, np.ones(257), K, rate)
    drift = np.abs(w**2 - alpha**2 - 1).max()
    print(f"eta {rate:.2f}, K {K}: w^2 - alpha^2 drifts by up to {drift:.3f}; smallest weight {np.abs(w).min():.4f}")
h = 2 / n_points * ((w * alpha)[:, None, :] @ train.features.mT - train.labels[:, None, :]) @ train.features
next_w, next_alpha = w - rate * alpha * h[:, 0], alpha - rate * w * h[:, 0]
law = (1 - (rate * h[:, 0]) ** 2) * (w**2 - alpha**2)
print("equation (3) holds to 1e-12:", np.abs(next_w**2 - next_alpha**2 - law).max() < 1e-12)

# %% [markdown]
# The drift halves with the rate, as K steps of size $\eta$ accumulate $K \eta^2$.
#
# ## Train in earnest
#
# The same starts, batch sizes and axes as in notebook 3.

# %%
starts = [(start, n_tasks) for start in ("ones", "uniform") for n_tasks in (5, 15)]
runs = {(start, n_tasks): train_reptile(family, start, steps=steps, n_tasks=n_tasks, **settings) for start, n_tasks in starts}
fig, axes = figures.subplots(1, 2, height=2.6, sharey=True)
for (start, n_tasks), run in runs.items():
    size, ax = np.abs(run.weights), axes[int(start == "uniform")]
    least, most, ratio = size[true].min(), size[others].max(), (run.weights / run.initial_weights).min()
    print(f"{start:8s}{n_tasks:3d} tasks: smallest true weight {least:.1f}, largest other {most:.2f};", end=" ")
    print(f"smallest ratio of a weight to its start {ratio:.3f}")
    figures.draw_loss(ax, run, "Reptile" if n_tasks == 15 else "OMP", label=f"{n_tasks} tasks a step")
    ax.set(title=f"from {start}", ylabel="training loss after K steps")
axes[0].legend()
show(fig, alt="Training loss after adaptation over 1000 outer steps, from ones and from uniform weights. All curves fall by several orders of magnitude as the true weights become fast.")

# %%
fig, axes = figures.subplots(2, 4, height=2.2, sharey="row", width=11, subplot_kw={"ylim": (0, 4.4)})
for (top, bottom), ((start, n_tasks), run) in zip(axes.T, runs.items(), strict=True):
    figures.draw_weights(top, run, true, "Reptile")
    figures.draw_spectrum(bottom, run.weights, true, "Reptile")
    top.set_title(f"{start}, {n_tasks} tasks")
show(fig, alt="Four runs. Top: three true weights rise to between 3 and 4; the band of the 254 others stays where it began. Bottom: three tall stems at indices 0, 1 and 2 over a floor of others, at 1 from ones and spread between 0 and 1 from uniform weights.")

# %% [markdown]
# Compare with notebook 3: the true weights rise in the same way, but the floor stays.
# **MAML prunes, Reptile amplifies.** Equation (3) leaves Reptile no other way: every weight ends at more than its start, and selection is only relative.
#
# 300 steps, ten seeds from each start. The metric: are the three largest weights the true ones, and has any weight fallen below its start?

# %%
for start in ("ones", "uniform"):
    found = [train_reptile(family, start, steps=300, n_tasks=5, **settings | {"seed": seed}) for seed in range(10)]
    hits = sum(set(np.argsort(-run.weights)[:3]) == set(true) for run in found)
    ratios = [(run.weights / run.initial_weights).min() for run in found]
    print(f"{start:8s} S found in {hits} of 10; smallest ratio of a weight to its start {min(ratios):.2f} to {max(ratios):.2f}")

# %% [markdown]
# ## Tasks never seen

# %%
solvers = {
    "weights 1": min_norm,
    "Reptile from ones": partial(min_norm, weights=runs["ones", 15].weights),
    "Reptile from uniform": partial(min_norm, weights=runs["uniform", 15].weights),
}
sizes = (3, 4, 8, 16, 64)
print("median risk of 100 tasks, points: " + "".join(f"{n:>9d}" for n in sizes))
for name, solve in solvers.items():
    medians = [np.median(few_shot_risk(family, n, solve, n_tasks=100)) for n in sizes]
    print(f"min-norm, {name:24s}" + "".join(f"{median:9.2g}" for median in medians))

# %%
unseen, dense = family.sample(3, 4, np.random.default_rng(seed + 1)), regular_grid(1024)
dense_features = fourier_features(dense, 257)
fig, axes = figures.subplots(1, 3, height=2.4)
for i, ax in enumerate(axes):
    figures.draw_fit(ax, dense, dense_features @ unseen.effective[i], points=(unseen.x[i], unseen.labels[i]))
    for (label, solve), method in zip(solvers.items(), ("min-norm", "Reptile", "OMP"), strict=True):
        fit = dense_features @ solve(unseen.features[i], unseen.labels[i])
        ax.plot(dense, fit, color=figures.COLORS[method], linewidth=1, label=label)
figures.legend_above(fig, axes[0])
show(fig, alt="The three unseen tasks of notebook 3 with 4 points each. Weights 1 give spikes; Reptile's weights give a curve that leans towards the true wave and still spikes at the points, less so from uniform weights.")

# %% [markdown]
# The floor costs: the weights that stayed where they began still absorb much of a signal that the three large ones should explain.
# From uniform weights, whose squares are a third as large on average, the floor is lower and the fit better.
# The gap between the two starts is a gap in *scale*. Which brings us to the control.
#
# ## Where it breaks
#
# **A regular grid.** Reptile never sees a point off the grid. From ones, the true features and their aliases grow in lockstep.
#
# **Initial scale, the hidden knob.** Take *no* meta-learning at all: one task, 64 points, joint descent from $w_0$ everywhere until it fits.

# %%
stuck = train_reptile(TaskFamily(design="grid"), steps=steps, n_tasks=5, **settings).weights
print("one grid:", " ".join(f"w{j} = {stuck[j]:.2f}" for j in (1, 125, 129, 253)), " (feature 1 and its aliases)")
for name, weights in {"weights 1": np.ones(257), "these weights": stuck}.items():
    on_grid = few_shot_risk(TaskFamily(design="grid"), n_points, partial(min_norm, weights=weights))
    print(f"risk from 64 grid points with {name}: {np.median(on_grid):.2f}")
single = family.sample(10, n_points, np.random.default_rng(seed))
for scale in (1, 0.2, 0.05, 0.01):
    w, alpha = joint_descent(single.features, single.labels, np.full(257, scale), 10_000, inner_rate)
    print(f"single tasks, joint descent from {scale:<4}: median risk {np.median(risk(w * alpha, single.effective)):.2g}")

# %% [markdown]
# Small initial weights make joint descent prefer *few* large coefficients, so a single task with 64 random points is nearly solved, without any other task.
# "Ones versus uniform" is partly this effect. What scale cannot do is help with 4 points; for that the three weights themselves must be known.
#
# ## Side by side
#
# What each needs, what each costs, what each reaches, with 15 tasks a step from uniform weights:

# %%
maml = train_maml(family, "uniform", steps=steps, seed=seed)
reptile = runs["uniform", 15]
products = {"MAML": 4 * maml.config["inner_steps"] - 1, "Reptile": 2 * reptile.config["inner_steps"] - 1}
points = {"MAML": maml.config["n_points"] + maml.config["n_validation"], "Reptile": reptile.config["n_points"]}
for name, run in {"MAML": maml, "Reptile": reptile}.items():
    size = np.abs(run.weights)
    reached = np.median(few_shot_risk(family, 4, partial(min_norm, weights=run.weights)))
    print(f"{name}: {points[name]} points a task, {products[name]} products a task and step;", end=" ")
    print(f"contrast true / other {size[true].min() / size[others].max():.1f};", end=" ")
    print("risk from 4 points", "below 1e-6" if reached < 1e-6 else f"{reached:.2f}")

# %% [markdown]
# | | MAML | Reptile |
# |---|---|---|
# | needs | validation points, a gradient through the fit | training points only |
# | moves | true weights up, others to zero | all weights up, the true ones most |
# | reaches | a spectrum that solves tasks from 3 or 4 points | a spectrum that helps from dozens of points on |
#
# ## Try it

# %% tags=["explorer", "nbval-ignore-output"]
from fourier_meta.explorers import explore_reptile

explore_reptile()

# %% [markdown]
# ## Summary
#
# - Joint descent obeys an *exact law*, equation (3): $w^2 - \alpha^2$ keeps its value up to second order in the rate, so no weight can shrink.
# - Reptile *amplifies* where MAML *prunes*: its true weights reach 3.4 from ones, but the floor of all others stays.
# - A *small initial scale* buys sparsity with no meta-learning: single tasks from 64 points go from a risk of 1 to 0.00023.
# - *MAML* pays with validation points and a longer gradient and reaches 4-point learning; *Reptile* pays less and does not.
#
# ## Exercises
#
# **Exercise 1.** A weight starts at 0.5 and its coefficient ends at 1.2. Where does small-step joint descent leave the weight?
#
# <details><summary>Solution</summary>
#
# $w^2 = 0.25 + 1.44$.
#
# ```python
# final = 1.3
# ```
#
# </details>

# %%
final = ...
check(final, lambda w: abs(w**2 - 1.2**2 - 0.5**2) < 0.01, "Which difference of squares is conserved?")

# %% [markdown]
# **Exercise 2.** From which $w_0$ can joint descent not move at all, for any task? Give the array.
#
# <details><summary>Solution</summary>
#
# With $w_0 = 0$ and $\alpha_0 = 0$ both updates in (1) vanish.
#
# ```python
# frozen = np.zeros(257)
# ```
#
# </details>

# %%
frozen = ...

def stays(weights):
    return np.array_equal(joint_descent(single.features, single.labels, weights)[0], np.tile(weights, (10, 1)))

check(frozen, stays, "Look at both products in (1).")

# %% [markdown]
# **Exercise 3.** With one inner step, Reptile is plain averaged gradient descent. Write `first_step(features, labels, weights)`: the weights of one task after *one* joint step from $(w, 0)$.
#
# <details><summary>Solution</summary>
#
# The gradient in $w$ is $\alpha_0 \odot h_0 = 0$: with a single step from $\alpha = 0$, nothing is learned at all.
#
# ```python
# def first_step(features, labels, weights):
#     return weights
# ```
#
# </details>

# %%
first_step = ...
right = joint_descent(single.features[:1], single.labels[:1], np.arange(257.0), 1)[0][0]

def agrees(step):
    return np.allclose(step(single.features[0], single.labels[0], np.arange(257.0)), right)

check(first_step, agrees, "Where is alpha during the first step?")

# %% [markdown]
# ## References
#
# - A. Nichol, J. Achiam, J. Schulman, *On first-order meta-learning algorithms*, 2018, [arXiv 1803.02999](https://arxiv.org/abs/1803.02999).
# - B. Woodworth et al., *Kernel and rich regimes in overparametrized models*, 2020, [arXiv 2002.09277](https://arxiv.org/abs/2002.09277): diagonal linear networks, conservation, and initial scale.
#
# **Next:** [05 · See who needs how many points](05_showdown.ipynb).
