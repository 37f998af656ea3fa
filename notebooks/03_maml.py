# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Learn the weights with MAML
#
# **Question.** The right weights make every task solvable from three points.
# Can gradient descent find them, by looking *through* the fitting of many tasks?
#
# Notebook 3 of 7. It runs in about 20 seconds.

# %% [markdown]
# ## You will
#
# **Do.** Write MAML in full with torch, check its gradient in three independent ways, train it, and break it twice.
#
# **Learn.**
#
# - how the gradient of a validation loss travels back through K steps of fitting, and what a first-order shortcut leaves out;
# - that MAML *prunes*: the three true weights grow, the 254 others go to zero, from either initialisation;
# - what the learned weights are worth on tasks never seen, from 3 to 64 points;
# - where it breaks: too large an inner rate, and a regular grid.
#
# **Need.** Notebooks 1 and 2; automatic differentiation as a user of it.
#
# ## Notation
#
# | symbol | code | meaning | shape |
# |---|---|---|---|
# | $w$ | `weights` | feature weights, the meta-parameter | (n_features,) |
# | $\alpha_k$ | `alpha` | coefficients after $k$ inner steps, $\alpha_0 = 0$ | (n_tasks, n_features) |
# | $c_k = w \odot \alpha_k$ | `effective` | effective coefficients | (n_tasks, n_features) |
# | $K,\ \eta$ | `inner_steps`, `inner_rate` | inner gradient descent | |
# | $\Phi, y$ and $\Phi_v, y_v$ | `train`, `validation` | two sets of points of the same task | |

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

from fourier_meta import TaskFamily, few_shot_risk, figures, fomaml_gradient, fourier_features, gradient_descent, largest_stable_rate, maml_gradient, min_norm, regular_grid, train_maml
from fourier_meta.exercises import check
from fourier_meta.figures import show

# %%
family = TaskFamily(n_features=257, support=(0, 1, 2))  # random x, new ones for every task; no noise
true, others = np.array([0, 1, 2]), np.arange(3, 257)  # which features are which
inner_steps, inner_rate = 5, 0.02  # K and eta
outer_rate, steps = 0.05, 1000  # Adam's first rate and the number of outer steps
n_points = 64  # N, both for training and for validation
seed = 0  # everything random in this notebook follows from it

# %% [markdown]
# ## The algorithm
#
# > **repeat** for every outer step:
# > 1. draw some tasks, each with N training points and N validation points;
# > 2. *inner loop*, for each task: from $\alpha_0 = 0$, take K steps of gradient descent on the training loss;
# > 3. *outer step*: move $w$ down the gradient of the mean validation loss.
#
# $$ \alpha_{k+1} = \alpha_k - \eta \, \nabla_{\alpha} \tfrac1N \lVert \Phi (w \odot \alpha_k) - y \rVert^2 \tag{1} $$
#
# $$ L(w) = \tfrac1N \lVert \Phi_v (w \odot \alpha_K(w)) - y_v \rVert^2, \qquad w \leftarrow w - \text{rate} \cdot \nabla_w L(w) \tag{2} $$
#
# The point of MAML is in the notation $\alpha_K(w)$: the fitted coefficients depend on the weights, and the gradient in (2) knows it.
# In torch, `create_graph=True` keeps that dependence. This is all of it:

# %%
def task_losses(weights, alpha, tasks):
    features, labels = torch.from_numpy(tasks.features), torch.from_numpy(tasks.labels)
    return (((weights * alpha)[:, None, :] @ features.mT)[:, 0] - labels).square().mean(dim=1)

def meta_loss(weights, train, validation, second_order=True):
    alpha = torch.zeros(len(train.x), len(weights), dtype=weights.dtype, requires_grad=True)
    for _ in range(inner_steps):
        inner_loss = task_losses(weights, alpha, train).sum()  # the sum gives each task its own gradient
        (slope,) = torch.autograd.grad(inner_loss, alpha, create_graph=second_order)
        alpha = alpha - inner_rate * slope
    return task_losses(weights, alpha, validation).mean()

def meta_gradient(weights, train, validation, second_order=True):
    w = torch.tensor(weights, requires_grad=True)
    return torch.autograd.grad(meta_loss(w, train, validation, second_order), w)[0].numpy()

# %% [markdown]
# ## The same gradient without a graph
#
# Multiply (1) by $w$ and write $q = w^2$: the inner loop becomes $c_{k+1} = c_k - \frac{2\eta}{N} \, q \odot g_k$ with $g_k = \Phi^\top (\Phi c_k - y)$.
# The weights enter through $q$ alone, so the chain rule is one recursion for $u_k = \partial L / \partial c_k$ that runs backwards:
#
# $$ u_K = \tfrac{2}{N} \Phi_v^\top (\Phi_v c_K - y_v), \qquad u_k = u_{k+1} - \tfrac{2\eta}{N} \, \Phi^\top \Phi \, (q \odot u_{k+1}) $$
#
# $$ \nabla_w L = -\tfrac{4\eta}{N} \, w \odot \sum_{k<K} g_k \odot u_{k+1} \tag{3} $$
#
# This is what `maml_gradient` computes. Dropping `create_graph` instead treats $\alpha_K$ as a constant: *first-order* MAML.
# It is easy to drop by accident, so we check the gradient against central differences as well.

# %%
rng = np.random.default_rng(seed)
weights = rng.uniform(0.5, 1.5, 257)
train = family.sample(15, n_points, rng)
validation = family.observe(train.effective, n_points, rng)
exact = meta_gradient(weights, train, validation)
first_order = meta_gradient(weights, train, validation, second_order=False)
np.testing.assert_allclose(maml_gradient(weights, train, validation)[1], exact, rtol=0, atol=1e-10)
np.testing.assert_allclose(fomaml_gradient(weights, train, validation)[1], first_order, rtol=0, atol=1e-10)
print("package and autograd agree to 1e-10, in second and in first order")
nudges = 1e-5 * np.eye(257)[:5]
slopes = [(maml_gradient(weights + s, train, validation)[0] - maml_gradient(weights - s, train, validation)[0]) / 2e-5 for s in nudges]
print("central differences agree to 1e-7:", np.abs(slopes - exact[:5]).max() < 1e-7)
print(f"first order, largest error: {np.abs(first_order - exact).max():.2f} of {np.abs(exact).max():.2f}")

# %% [markdown]
# First order misses about half of the gradient here. It still points the right way; notebook 5 shows how far that carries.
#
# ## Train by hand, three steps
#
# The outer loop is Adam with a rate that falls to zero along a cosine. With torch's own Adam and schedule it is six lines, and after three steps the weights are those of `train_maml`.

# %%
by_hand = torch.ones(257, dtype=torch.float64, requires_grad=True)
adam = torch.optim.Adam([by_hand], lr=outer_rate)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, T_max=3)
rng = np.random.default_rng(seed)
(validation_rng,) = rng.spawn(1)  # validation points come from a stream of their own
for _ in range(3):
    train = family.sample(15, n_points, rng)
    validation = family.observe(train.effective, n_points, validation_rng)
    adam.zero_grad()
    meta_loss(by_hand, train, validation).backward()
    adam.step()
    schedule.step()
packaged = train_maml(family, "ones", steps=3, n_tasks=15, outer_rate=outer_rate, seed=seed)
np.testing.assert_allclose(by_hand.detach().numpy(), packaged.weights, rtol=0, atol=1e-8)

# %% [markdown]
# ## Train in earnest
#
# 1000 outer steps, from all ones and from uniform weights in [0, 1], with 5 and with 15 tasks a step.
#
# **Predict, then run.** Uniform weights start some true features near 0. Will they be found?

# %%
starts = [(start, n_tasks) for start in ("ones", "uniform") for n_tasks in (5, 15)]
settings = {"steps": steps, "outer_rate": outer_rate, "seed": seed}
runs = {(start, n_tasks): train_maml(family, start, n_tasks=n_tasks, **settings) for start, n_tasks in starts}
fig, axes = figures.subplots(1, 2, height=2.6, sharey=True)
for (start, n_tasks), run in runs.items():
    size, ax = np.abs(run.weights), axes[int(start == "uniform")]
    least, most = size[true].min(), size[others].max()
    print(f"{start:8s}{n_tasks:3d} tasks: smallest true weight {least:.1f}, largest other {most:.2f}")
    figures.draw_loss(ax, run, "MAML" if n_tasks == 15 else "FOMAML", label=f"{n_tasks} tasks a step")
    ax.set(title=f"from {start}", ylabel="meta-validation loss")
print("error left by one inner step:", ", ".join(f"{1 - 2 * inner_rate * w**2:.2f} at weight {w}" for w in (1, 4)))
axes[0].legend()
show(fig, alt="Meta-validation loss over 1000 outer steps, from ones and from uniform weights. All four curves fall by three orders of magnitude, fast at first and then slowly.")

# %%
fig, axes = figures.subplots(2, 4, height=2.2, sharey="row", width=11, subplot_kw={"ylim": (0, 4.4)})
for (top, bottom), ((start, n_tasks), run) in zip(axes.T, runs.items(), strict=True):
    figures.draw_weights(top, run, true)
    figures.draw_spectrum(bottom, run.weights, true)
    top.set(title=f"{start}, {n_tasks} tasks")
show(fig, alt="Four runs. Top: three true weights rise to 4 while the range of the 254 others shrinks to nothing. Bottom: the learned spectrum, three tall stems at indices 0, 1 and 2, all others at zero.")

# %% [markdown]
# MAML *prunes*. From either start the true weights end near 4 and all others near 0; more tasks a step prune more cleanly.
# Why near 4? With K steps of rate $\eta$, weight $w$ shrinks the error of its coefficient by $1 - 2 \eta w^2$ per step. At $w = 4$ that is 0.36, at $w = 1$ it is 0.96, so large weights are *fast* weights.
# And why do the others fall? Each of them helps to fit a task's training points and then misleads at its validation points.
#
# ## Not one lucky seed
#
# 300 steps, ten seeds from each start. The metric: are the three largest weights the true ones, and what is the median risk of unseen tasks from 4 points?

# %%
for start in ("ones", "uniform"):
    found = [train_maml(family, start, steps=300, seed=seed).weights for seed in range(10)]
    hits = sum(set(np.argsort(-np.abs(w))[:3]) == set(true) for w in found)
    medians = np.array([np.median(few_shot_risk(family, 4, partial(min_norm, weights=w))) for w in found])
    print(f"{start:8s} S found in {hits} of 10; risk from 4 points below 1e-4 in {np.sum(medians < 1e-4)} of 10")

# %% [markdown]
# ## Tasks never seen
#
# We fit new tasks from n points in two ways: as in training, by K steps of descent, and by min-norm with the learned weights.

# %%
learned = runs["ones", 15].weights
solvers = {
    "K = 5 steps, learned weights": lambda X, y: learned * gradient_descent(X, y, learned, inner_steps, inner_rate),
    "min-norm, weights 1": min_norm,
    "min-norm, learned weights": partial(min_norm, weights=learned),
}
sizes = (3, 4, 8, 16, 64)
risks = {name: [few_shot_risk(family, n, solve, n_tasks=100) for n in sizes] for name, solve in solvers.items()}
print("median risk of 100 tasks, points:    " + "".join(f"{n:>9d}" for n in sizes))
for name, values in risks.items():
    print(f"{name:37s}" + "".join("  < 1e-7 " if np.median(r) < 1e-7 else f"{np.median(r):9.1e}" for r in values))

# %%
unseen = family.sample(3, 4, np.random.default_rng(seed + 1))
dense = regular_grid(1024)
dense_features = fourier_features(dense, 257)
fig, axes = figures.subplots(1, 3, height=2.4)
for i, ax in enumerate(axes):
    figures.draw_fit(ax, dense, dense_features @ unseen.effective[i], points=(unseen.x[i], unseen.labels[i]))
    for weights, method, label in ((np.ones(257), "min-norm", "weights 1"), (learned, "MAML", "learned weights")):
        fit = dense_features @ min_norm(unseen.features[i], unseen.labels[i], weights)
        ax.plot(dense, fit, color=figures.COLORS[method], linewidth=1, label=f"min-norm, {label}")
figures.legend_above(fig, axes[0])
show(fig, alt="Three unseen tasks with 4 training points each. With weights 1 the fit is zero except for a spike at each point; with the learned weights it lies on the true wave.")

# %% [markdown]
# With the learned weights, min-norm reads a new function off four points, where weights 1 leave four spikes.
# Three points are the limit of what information allows: three unknowns.
# The K steps it was trained with are the weaker solver at few points, because five steps stop short of the solution; the *weights* are what was worth learning.
#
# ## Where it breaks
#
# **An inner rate that is too large.** Gradient descent on a quadratic diverges above $2 / \lambda_{\max}$ of its Hessian $\frac2N \operatorname{diag}(w) \Phi^\top \Phi \operatorname{diag}(w)$, and the meta-gradient inherits the explosion.
# The limit differs from task to task, so a rate near it fails at some steps only, and Adam then divides by a scale that one bad step has spoilt.
#
# **A regular grid.** If all tasks share one grid of training points, only the aliases of true features ever receive a gradient.
# The validation points, at random x, still tell a feature from its alias. For all others there is nothing to learn.

# %%
rates = largest_stable_rate(family.sample(500, n_points, np.random.default_rng(seed)).features)
print(f"2 / lambda_max over 500 tasks at w = 1: smallest {rates.min():.3f}, median {np.median(rates):.3f}")
print("inner rate 0.2:", train_maml(family, inner_rate=0.2, steps=steps, seed=seed).status)
stuck = train_maml(TaskFamily(design="grid"), steps=steps, seed=seed).weights
print("trained on one grid:", np.sum(np.abs(stuck[others] - 1) < 1e-4), "of 254 other weights still at 1")
for n in (63, 64, 65):
    for design in ("grid", "random"):
        value = np.median(few_shot_risk(TaskFamily(design=design), n, partial(min_norm, weights=stuck)))
        print(f"  risk from {n} points, {design} x:", "below 1e-20" if value < 1e-20 else f"{value:.3f}")

# %% [markdown]
# On the very grid it was trained on, the half-pruned spectrum is perfect. One point more or less, or random x, and it is not.
# This is why the design of x decides more than it seems to: random x, the worst of the three at first sight, is the one that teaches.
#
# ## Try it
#
# Train with other true features, initial weights, rates, noise and designs, while you watch.

# %% tags=["explorer", "nbval-ignore-output"]
from fourier_meta.explorers import explore_maml

explore_maml()

# %% [markdown]
# ## Summary
#
# - The gradient travels back through K steps by one recursion, equation (3); *first order* leaves part of it out.
# - MAML *prunes*: true weights near 4, all 254 others near 0, from ones and from uniform weights.
# - On *unseen tasks* min-norm with the learned weights has a median risk below 1e-7 from 4 points, where weights 1 leave a risk of about 2.
# - It *breaks* above $2/\lambda_{\max}$, and on a single regular grid, where 246 of the other weights stay at 1.
#
# ## Exercises
#
# **Exercise 1.** With K = 1 the ideal true weight can be computed: it is the one with which a single step lands on the solution. Which is it for $\eta = 0.02$? (Assume $\Phi^\top \Phi / N = I$.)
#
# <details><summary>Solution</summary>
#
# One step from 0 gives $c_1 = 2 \eta w^2 \beta^\star$, so $w = (2\eta)^{-1/2} = 5$.
#
# ```python
# ideal = 5.0
# ```
#
# </details>

# %%
ideal = ...
check(ideal, lambda w: abs(2 * inner_rate * w**2 - 1) < 0.01, "Ask that 2 eta w^2 = 1.")

# %% [markdown]
# **Exercise 2.** How many products with a task's $\Phi$, $\Phi^\top$, $\Phi_v$ or $\Phi_v^\top$ does equation (3) need for K = 5, forward and backward? Do not count products with vectors that are known to be zero.
#
# <details><summary>Solution</summary>
#
# Forward: $2K - 1$, as $\Phi c_0 = 0$. Validation: 2. Backward: two for each of $u_{K-1}, \dots, u_1$. Together $4K - 1$.
#
# ```python
# products = 19
# ```
#
# </details>

# %%
products = ...
check(products, lambda n: n == (2 * inner_steps - 1) + 2 + 2 * (inner_steps - 1), "u_0 is not needed, and c_0 = 0.")

# %% [markdown]
# **Exercise 3.** Change one argument of `train_maml` so that, with `inner_steps=20` and 300 outer steps, the largest of the other weights ends below 0.1. Give the call's result.
#
# <details><summary>Solution</summary>
#
# More tasks a step average out more of the noise that keeps small weights moving.
#
# ```python
# my_run = train_maml(family, steps=300, inner_steps=20, n_tasks=40)
# ```
#
# </details>

# %%
my_run = ...

def prunes(run):
    as_asked = run.config["inner_steps"] == 20 and run.config["steps"] == 300
    return as_asked and np.abs(run.weights[others]).max() < 0.1

check(my_run, prunes, "What makes the meta-gradient less noisy?")

# %% [markdown]
# ## References
#
# - C. Finn, P. Abbeel, S. Levine, *Model-agnostic meta-learning for fast adaptation of deep networks*, 2017, [arXiv 1703.03400](https://arxiv.org/abs/1703.03400).
# - A. Raghu, M. Raghu, S. Bengio, O. Vinyals, *Rapid learning or feature reuse?*, 2020, [arXiv 1909.09157](https://arxiv.org/abs/1909.09157): adapting the head only, as here.
# - L. Collins, A. Mokhtari, S. Oh, S. Shakkottai, *MAML and ANIL provably learn representations*, 2022, [arXiv 2202.03483](https://arxiv.org/abs/2202.03483).
#
# **Next:** [04 · Learn the weights with Reptile](04_reptile.ipynb).
