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
# **Question.** [Chapter 2](02_overfitting.ipynb) left us with a lock and a key.
# The lock: min-norm with equal weights fits every task and predicts none. The key: with weights on the three true features alone, three points are enough.
# Somebody had to tell us the three. Can gradient descent find them, from nothing but many tasks of the same kind?
#
# Why it matters: "which explanations should be cheap" is what experience gives to a learner.
# If it can be learned by gradient descent through the fit, nobody has to write it down.
#
# Chapter 3 of 10. It runs in about 20 seconds.

# %% [markdown]
# ## You will
#
# **Do.** See what MAML reaches, compute it by hand for two features, write it in torch on one screen, take its gradient apart, and break it.
#
# **Learn.**
#
# - what MAML learns in textbooks, and what it learns here;
# - why false weights fall: *held-out points*, and what happens without them;
# - how the gradient travels back through K steps of fitting, and what the first-order shortcut leaves out;
# - what the learned weights are worth on tasks never seen, and where all this ends.
#
# **Need.** Chapters 1 and 2; automatic differentiation as a user of it.
#
# ## Notation
#
# | symbol | code | meaning | shape |
# |---|---|---|---|
# | $w$ | `weights` | feature weights, what is learned from many tasks | (n_features,) |
# | $\alpha_k$ | `alpha` | coefficients of each task after $k$ inner steps, $\alpha_0 = 0$ | (n_tasks, n_features) |
# | $c_k = w \odot \alpha_k$ | `effective` | effective coefficients, what multiplies the features | (n_tasks, n_features) |
# | $q = w^2$ | `q` | the only way in which the weights enter the fit | (n_features,) |
# | $K,\ \eta$ | `inner_steps`, `inner_rate` | inner gradient descent | |
# | $\Phi, y$ | `train` | features and labels of the points that a task is fitted to | |
# | $\Phi_v, y_v$ | `validation` | the same for its held-out points | |

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
    TaskFamily,
    exercises,
    few_shot_risk,
    figures,
    fomaml_gradient,
    fourier_features,
    largest_stable_rate,
    maml_gradient,
    maml_steps,
    min_norm,
    regular_grid,
    share,
    train_maml,
)
from fourier_meta.figures import show

# %% tags=["parameters"]
n_features = 257  # d, the number of Fourier features
support = (0, 1, 2)  # S, the true ones (MAML is not told)
n_points = 64  # N, points that a task is fitted to, and as many held out
n_tasks = 15  # tasks in each outer step
inner_steps = 5  # K
inner_rate = 0.02  # eta
outer_rate = 0.05  # first rate of Adam in the outer loop, falling to 0
steps = 1000  # outer steps
start = "ones"  # where all weights start: "ones", "uniform" in [0, 1], or a number
n_seeds = 10  # runs behind each band
seed = 0  # everything random in this chapter follows from it

# %%
family = TaskFamily(n_features, support)  # random x for every task, no noise
true = list(support)
false = [j for j in range(n_features) if j not in support]
settings = {
    "n_tasks": n_tasks,
    "n_points": n_points,
    "n_validation": n_points,
    "inner_steps": inner_steps,
    "inner_rate": inner_rate,
    "outer": Adam(outer_rate),
    "seed": seed,
}

# %% tags=["hide-input"]
given = (n_features, true, n_points, n_tasks, inner_steps, inner_rate, outer_rate)
rest = (steps, start, n_seeds, seed)
BOOK = (given, rest) == (
    (257, [0, 1, 2], 64, 15, 5, 0.02, 0.05),
    (1000, "ones", 10, 0),
)
claim = partial(exercises.claim, book=BOOK)  # a sentence of the text, held to its cell


def short(value):
    """A number in two digits, or a bound where it is almost 0."""
    return "below 1e-6" if value < 1e-6 else f"{value:.2g}"


def share_of(weights):
    """The true features' share of the squared weights, also where all are 0."""
    return share(weights, support) if weights.any() else 0.0


# %% [markdown]
# ## What MAML learns in textbooks, and here
#
# MAML is short for *model-agnostic meta-learning*. There are two loops. The inner one fits a task; the outer one improves what the inner one starts from and works with, so that the *next* task is fitted better.
#
# | | in textbooks | in this chapter |
# |---|---|---|
# | model | a network with parameters $\theta$ | $\phi(x) \cdot (w \odot \alpha)$, linear |
# | reset for every new task | $\theta$, to the starting point $\theta_0$ | the coefficients $\alpha$, to 0 |
# | moved by the inner loop | $\theta$, all of it | $\alpha$ only |
# | kept from task to task, and learned | *the starting point* $\theta_0$ | *the multipliers* $w$, one for each feature |
#
# Why no starting point here? Our coefficients are drawn around 0: for every curve, its mirror image is just as likely. So the best place to start from is 0, and there is nothing to learn about it.
# What can be learned is how *fast* each coefficient moves from there. In $c = w \odot \alpha$ a step on $\alpha_j$ moves $c_j$ at the rate $\eta \, w_j^2$: a large weight makes a fast feature, weight 0 a frozen one.
# Learning a rate for every parameter is known as Meta-SGD; on this linear model it is the same thing.
# The starting point comes back in [chapter 9](09_traffic.ipynb), where tasks are days of traffic and the mean day is not 0.

# %% tags=["hide-input"]
fig, ax = figures.subplots(height=3.5)
for shift in (0.24, 0.12, 0):  # one sheet for each task, behind one another
    sides = [2.05 + shift, 8.3 + shift]
    style = {"facecolor": "#F4F7FA", "edgecolor": figures.COLORS["other"]}
    ax.fill_between(sides, 0.95 + shift, 2.55 + shift, **style)
figures.draw_box(ax, 0.75, 1.7, "weights w\n(kept)", "MAML", filled=True)
figures.draw_box(ax, 3.05, 1.7, "$\\alpha_0 = 0$\n(reset)")
figures.draw_box(ax, 5.1, 1.7, "$\\alpha_K$\n(fitted)")
figures.draw_box(ax, 7.3, 1.7, "loss at\nheld-out points")
figures.draw_box(ax, 9.75, 1.7, "mean\nloss L(w)", "MAML")
figures.draw_arrow(ax, (1.32, 1.7), (2.68, 1.7), method="MAML")
figures.draw_arrow(
    ax, (3.46, 1.7), (4.71, 1.7), "K steps on the\ntraining points", lift=0.3
)
figures.draw_arrow(ax, (5.5, 1.7), (6.55, 1.7))
figures.draw_arrow(ax, (8.02, 1.7), (9.22, 1.7))
figures.draw_arrow(ax, (9.75, 1.5), (9.75, 0.35), arrowstyle="-", method="MAML")
figures.draw_arrow(ax, (9.75, 0.35), (0.75, 0.35), arrowstyle="-", method="MAML")
figures.draw_arrow(ax, (0.75, 0.35), (0.75, 1.5), method="MAML")
outer = "OUTER LOOP: move w down the gradient of L, through the K steps"
ax.text(5.2, 0.5, outer, ha="center", color=figures.COLORS["MAML"])
ax.text(2.2, 2.28, "INNER LOOP, in each task:")
ax.set(xlim=(0, 10.5), ylim=(0.1, 2.9))
ax.axis("off")
show(
    fig,
    alt="A diagram of two loops. The weights w, which are kept, enter a stack of "
    "sheets, one for each task. On a sheet the inner loop starts at alpha = 0, "
    "takes K steps on the training points and ends at alpha K; then the loss at"
    " held-out points is taken. The mean loss L(w) of all tasks leads back to "
    "the weights: the outer loop moves w down its gradient and draws new tasks.",
)

# %% [markdown]
# ## The result
#
# A thousand turns of the outer loop, starting from equal weights.
#
# **Predict, then run.** What will the 257 weights look like at the end?

# %%
run = train_maml(family, start, steps=steps, **settings)
learned = run.weights
size = np.abs(learned)
least = size[true].min()
most = size[false].max()
few = len(support) + 1  # one point more than there are unknowns
before = np.median(few_shot_risk(family, few, min_norm))
after = np.median(few_shot_risk(family, few, partial(min_norm, weights=learned)))
print(f"after {run.step} steps ({run.status}):")
print(f"smallest true weight {least:.2f}, largest of the others {most:.2f}")
print(
    f"median risk of unseen tasks from {few} points: {before:.2g} with equal weights,"
)
print(f"{short(after)} with the learned weights")
claim("the true weights end near 4", 3.9 < least < 4.2)
claim("all other weights end below 0.05", most < 0.05)
falls = before > 2 and after < 1e-6
claim("the risk from 4 points falls from above 2 to below 1e-6", falls)

# %% tags=["hide-input"]
dense = regular_grid(4 * n_features)
dense_features = fourier_features(dense, n_features)
unseen = family.unseen(1, few, seed + 1)
fig, axes = figures.subplots(1, 3, height=3.1, width=11)
figures.draw_weights(axes[0], run, true)
axes[0].set_title("weights in training")
figures.draw_ranked(axes[1], learned, true)
axes[1].axhline(1, color=figures.COLORS["zero"], linewidth=0.8, linestyle=":")
axes[1].text(n_features, 1.15, "equal weights", ha="right", fontsize=9)
axes[1].set_title(f"at the end (dots: the {len(true)} true)")
truth = dense_features @ unseen.effective[0]
figures.draw_fit(axes[2], dense, truth, points=(unseen.x[0], unseen.labels[0]))
labels = {"min-norm": "weights 1", "MAML": "learned weights"}
for method, weights in {"min-norm": np.ones(n_features), "MAML": learned}.items():
    fit = dense_features @ min_norm(unseen.features[0], unseen.labels[0], weights)
    color = figures.COLORS[method]
    axes[2].plot(dense, fit, color=color, linewidth=1.2, label=labels[method])
axes[2].set(title=f"an unseen task, {few} points", ylabel="y")
axes[2].legend(fontsize=8, loc="upper left")
show(
    fig,
    alt="Left: over the outer steps the true weights rise while the range of the "
    "others shrinks to nothing. Middle: all weights at the end by rank, on log "
    "axes: the true ones stand high above a cliff, and everything behind it is "
    "tiny. Right: an unseen task with a few points; with equal weights the fit "
    "is nearly 0 and darts out to each point, with the learned weights it lies "
    "on the true wave.",
)

# %% [markdown]
# MAML *prunes*. The true weights end near 4, the others near 0.
# The curve through four points, which had too many explanations in chapter 1, is now the right one.
# Nobody said which features are true, nor how many.
#
# The rest of this chapter opens the box: first with two features and a pencil, then with torch, then the gradient itself.
#
# ## Two features by hand
#
# Take two features and one task. At its training point both features are 1: there they look alike, and either can explain the label $y = 1$.
# At its held-out point the first feature is still 1, the second is $-1$, and the label is still 1. So the first feature is the true one.
# Both weights start at 1; one inner step, $\eta = 0.1$.

# %%
w = np.array([1.0, 1.0])
phi, y = np.array([1.0, 1.0]), 1.0  # training point: the features look alike
phi_held, y_held = np.array([1.0, -1.0]), 1.0  # held-out point: they do not
alpha = 0.1 * 2 * y * phi * w  # one step down (phi . (w * alpha) - y)^2 from alpha = 0
c = w * alpha
prediction = phi_held @ c
slope_c = 2 * (prediction - y_held) * phi_held  # dL/dc at the held-out point
slope_w = slope_c * 2 * w * (0.1 * 2 * y * phi)  # dc/dw, as c = w^2 * (0.1 * 2 y phi)
print("the fit shares the label between both features: c =", c)
print(f"held out: prediction {prediction:.1f}, loss {(prediction - y_held) ** 2:.1f}")
print("gradient of the held-out loss in w:", slope_w.round(2))
same = 2 * (phi @ c - y) * phi * 2 * w * (0.1 * 2 * y * phi)
print("gradient if the training point is the judge:", same.round(2))
assert np.allclose(slope_w, [-0.8, 0.8])
assert np.allclose(same, [-0.48, -0.48])

# %% [markdown]
# The fit gives each feature half of the credit. At the held-out point the true half adds and the false half subtracts, so the prediction is 0 and the loss 1.
# The gradient says what to do: $-0.8$ for the true weight, so descent lets it *rise*; $+0.8$ for the false one, so it *falls*.
#
# The last line is the whole story of this chapter in two numbers. Let the training point be its own judge, and both gradients are equal and negative: both weights rise.
# Fitting this point cannot tell the feature that explains it from the one that happens to agree. A point that was not fitted can.
#
# ## MAML in torch, on one screen
#
# > **repeat** for every outer step:
# > 1. draw some tasks, each with N training points and N held-out points;
# > 2. *inner loop*, for each task: from $\alpha_0 = 0$, take K steps of gradient descent on the training loss;
# > 3. *outer step*: move $w$ down the gradient of the mean held-out loss.
#
# $$ \alpha_{k+1} = \alpha_k - \eta \, \nabla_{\alpha} \tfrac1N \lVert \Phi (w \odot \alpha_k) - y \rVert^2 \tag{1} $$
#
# $$ L(w) = \tfrac1N \lVert \Phi_v (w \odot \alpha_K(w)) - y_v \rVert^2, \qquad w \leftarrow w - \text{rate} \cdot \nabla_w L(w) \tag{2} $$
#
# The point of MAML is in the notation $\alpha_K(w)$: what the fit arrives at depends on the weights, and the gradient in (2) knows it.
# For another model decide three things: what is reset for each task and to what, what the inner loop moves, and what is kept. Then three places of the code below change: the prediction inside `task_losses`, the two calls that form the product $w \odot \alpha$, and the shape and start of what is reset. In textbook MAML the inner loop starts from the kept $\theta_0$ itself, and the outer gradient is taken in $\theta_0$.
# In torch, `create_graph=True` keeps that dependence.


# %%
def task_losses(effective, tasks):
    features = torch.from_numpy(tasks.features)  # (n_tasks, n_points, n_features)
    labels = torch.from_numpy(tasks.labels)  # (n_tasks, n_points)
    fitted = torch.einsum("tnd,td->tn", features, effective)
    return ((fitted - labels) ** 2).mean(dim=1)  # (n_tasks,)


def adapt(weights, train, second_order):
    shape = len(train), len(weights)  # (n_tasks, n_features)
    alpha = torch.zeros(shape, dtype=weights.dtype, requires_grad=True)
    for _ in range(inner_steps):
        loss = task_losses(weights * alpha, train).sum()  # a sum: each task its own
        (slope,) = torch.autograd.grad(loss, alpha, create_graph=second_order)
        alpha = alpha - inner_rate * slope
    return alpha


def meta_loss(weights, train, validation, second_order=True):
    alpha = adapt(weights, train, second_order)
    return task_losses(weights * alpha, validation).mean()


# %%
by_hand = torch.ones(n_features, dtype=torch.float64, requires_grad=True)
adam = torch.optim.Adam([by_hand], lr=outer_rate)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, T_max=3)
rng = np.random.default_rng(seed)
(held_out_rng,) = rng.spawn(1)  # held-out points come from a stream of their own
for _ in range(3):
    train = family.sample(n_tasks, n_points, rng)
    validation = family.observe(train.coefficients, n_points, held_out_rng)
    adam.zero_grad()
    meta_loss(by_hand, train, validation).backward()
    adam.step()
    schedule.step()

packaged = train_maml(family, "ones", steps=3, **settings)
if packaged.status == "finished":  # it stops where an inner loop diverges
    error = np.abs(by_hand.detach().numpy() - packaged.weights).max()
    assert error < 1e-8
    print("three outer steps by hand, and by train_maml: equal to 1e-8")
else:
    print("train_maml", packaged.status)

# %% [markdown]
# ## Watch it learn, and leave when you have seen enough
#
# `train_maml` hides the outer loop. The package has it as a generator, too: `maml_steps` yields the run after every outer step.
# You can look at it, draw it, or leave. Nothing runs on behind your back.

# %%
for watched in maml_steps(family, start, steps=steps, **settings):
    reached = share_of(watched.weights)
    if watched.step % 25 == 0:
        loss = watched.losses[-25:].mean()
        print(f"step {watched.step:4d}: held-out loss {loss:.2f}, share {reached:.2f}")
    if reached > 0.9:
        break
print(watched.status, f"with share {reached:.2f}")

# %% [markdown]
# The *share* is $\sum_S w_j^2 / \sum_j w_j^2$, the part of all squared weights that lies on the true features. At the start it is 3 of 257, about 0.01.
#
# ## The same gradient without a graph
#
# Autograd is convenient and hides what happens. Multiply (1) by $w$: only $q = w^2$ is left of the weights.
#
# $$ c_{k+1} = c_k - \tfrac{2\eta}{N} \, q \odot g_k, \qquad g_k = \Phi^\top (\Phi c_k - y) $$
#
# So $q$ acts once in every step.
# Let $u_k = \partial L / \partial c_k$ say how the held-out loss answers to a change of $c_k$. It is known at the end, and each step hands it back to the one before:
#
# $$ u_K = \tfrac{2}{N} \Phi_v^\top (\Phi_v c_K - y_v), \qquad u_k = u_{k+1} - \tfrac{2\eta}{N} \, \Phi^\top \Phi \, (q \odot u_{k+1}) $$
#
# Add up what $q$ did in each step, times the answer to it. Then one more link, from $q$ to $w$:
#
# $$ \frac{\partial L}{\partial q} = -\tfrac{2\eta}{N} \sum_{k<K} g_k \odot u_{k+1}, \qquad \frac{\partial q}{\partial w} = 2 w, \qquad \nabla_w L = 2 w \odot \frac{\partial L}{\partial q} \tag{3} $$

# %% tags=["hide-input"]
fig, ax = figures.subplots(height=3.4)
places = {"$c_0 = 0$": 0.6, "$c_1$": 3.6, "$c_2$": 6.6, "loss $L$": 9.6}
for words, x in places.items():
    figures.draw_box(ax, x, 1, words)
figures.draw_box(ax, 3.6, 2.75, "$q = w^2$")
figures.draw_box(ax, 0.6, 2.75, "weights $w$", "MAML", filled=True)
figures.draw_arrow(ax, (1.0, 1), (3.42, 1), "step 1, with $g_0$", lift=0.15)
figures.draw_arrow(ax, (3.8, 1), (6.4, 1), "step 2, with $g_1$", lift=0.15)
figures.draw_arrow(ax, (6.78, 1), (9.2, 1), "held-out points", lift=0.15)
figures.draw_arrow(ax, (1.18, 2.75), (3.24, 2.75))
figures.draw_arrow(ax, (3.45, 2.58), (2.4, 1.3))
figures.draw_arrow(ax, (3.8, 2.58), (5.0, 1.3))
back = {"method": "min-norm", "linestyle": "--", "bend": -0.25, "lift": -0.55}
figures.draw_arrow(ax, (9.4, 0.8), (6.7, 0.8), "$u_2$", **back)
figures.draw_arrow(ax, (6.5, 0.8), (3.7, 0.8), "$u_1 = u_2 - \\ldots$", **back)
up = {"method": "min-norm", "linestyle": "--", "bend": 0.3, "lift": 0.0}
figures.draw_arrow(ax, (5.7, 1.35), (4.0, 2.68), **up)
figures.draw_arrow(ax, (2.0, 1.35), (3.24, 2.62), bend=-0.3, method="min-norm", ls="--")
red = {"color": figures.COLORS["min-norm"], "fontsize": 9}
ax.text(5.65, 2.2, "$g_1 \\odot u_2$", **red)
ax.text(1.35, 1.85, "$g_0 \\odot u_1$", **red)
ax.text(5.0, 2.75, "dL/dq: the sum of both, and dL/dw = 2 w dL/dq", va="center", **red)
ax.set(xlim=(-0.2, 10.4), ylim=(0, 3.15))
ax.axis("off")
show(
    fig,
    alt="The computation for K = 2. Solid arrows go forward: from c0 = 0 by step 1 "
    "to c1, by step 2 to c2, by the held-out points to the loss L; q = w "
    "squared enters both steps. Dashed arrows go back: u2 from the loss to c2, "
    "u1 from c2 to c1; g1 times u2 and g0 times u1 go up to q, where they are "
    "added and become dL/dq, and 2 w dL/dq is dL/dw.",
)


# %%
def by_adjoint(weights, train, validation):
    q = weights**2
    rate = 2 * inner_rate / train.n_points
    effective = np.zeros((len(train), len(weights)))  # c_0, (n_tasks, n_features)
    slopes = []
    for _ in range(inner_steps):  # forward, remembering g_k
        residual = np.matvec(train.features, effective) - train.labels
        slopes.append(np.vecmat(residual, train.features))
        effective = effective - rate * q * slopes[-1]
    residual = np.matvec(validation.features, effective) - validation.labels
    u = 2 / validation.n_points * np.vecmat(residual, validation.features)
    to_q = np.zeros_like(u)
    for slope in reversed(slopes):  # backward: collect for q, hand u back
        to_q = to_q - rate * slope * u
        fitted = np.matvec(train.features, q * u)
        u = u - rate * np.vecmat(fitted, train.features)
    return 2 * weights * to_q.mean(axis=0)  # mean over tasks, and dq/dw = 2 w


# %%
def by_autograd(weights, train, validation, second_order=True):
    w = torch.tensor(weights, requires_grad=True)
    loss = meta_loss(w, train, validation, second_order)
    return torch.autograd.grad(loss, w)[0].numpy()


def loss_at(weights):
    return maml_gradient(weights, train, validation, inner_steps, inner_rate)[0]


def apart(gradient, other):
    return np.abs(gradient - other).max() / max(1e-300, np.abs(other).max())


rng = np.random.default_rng(seed)
weights = rng.uniform(0.5, 1.5, n_features)
train = family.sample(n_tasks, n_points, rng)
validation = family.observe(train.coefficients, n_points, rng)
exact = by_adjoint(weights, train, validation)
package = maml_gradient(weights, train, validation, inner_steps, inner_rate)[1]
nudges = 1e-5 * np.eye(n_features)[:5]
differences = [(loss_at(weights + e) - loss_at(weights - e)) / 2e-5 for e in nudges]
assert apart(exact, by_autograd(weights, train, validation)) < 1e-10
assert apart(exact, package) < 1e-10
assert apart(np.array(differences), exact[:5]) < 1e-5
print("adjoint, autograd, package: equal to 1e-10, central differences to 1e-5")

# %% [markdown]
# Four ways to the same gradient. The recursion costs two products with $\Phi$ a step on the way there, and two on the way back; no graph is stored.
#
# ## Why false weights fall
#
# By hand, the held-out point made the false weight fall. Here are all 257 weights in 200 tasks.
# A *push* is the negative gradient: where descent would move the weight. We measure it with two judges, held-out points and the training points themselves,
# and with two gradients: the exact one, and *first order*, which counts the fitted $\alpha_K$ as a constant (no `create_graph`).
# Two places: equal weights, and weights after a little training.

# %%
rng = np.random.default_rng(seed + 1)
train = family.sample(200, n_points, rng)
held_out = family.observe(train.coefficients, n_points, rng)
judges = {"held-out points": held_out, "training points": train}
gradients = {"exact": maml_gradient, "first order": fomaml_gradient}
early = max(1, steps // 20)
trained = train_maml(family, "ones", steps=early, **settings).weights
places = {"equal weights": np.ones(n_features), f"after {early} steps": trained}
table = {}
print("mean push on                              true weights   false weights")
for place, weights in places.items():
    for judge, points in judges.items():
        for name, gradient in gradients.items():
            push = -gradient(weights, train, points, inner_steps, inner_rate)[1]
            table[place, judge, name] = push
            means = f"{push[true].mean():+14.2f}{push[false].mean():+16.5f}"
            print(f"{place:15s}{judge:16s}{name:12s}{means}")

# %%
held = table["equal weights", "held-out points", "exact"][false]
fitted = table["equal weights", "training points", "exact"][false]
print(f"false weights pushed down: {np.mean(held < 0):.0%} by held-out points,")
print(f"{np.mean(fitted < 0):.0%} by the points that were fitted")
late = f"after {early} steps"
exact = table[late, "held-out points", "exact"][false].mean()
first = table[late, "held-out points", "first order"][false].mean()
claim("held-out points push false weights down", np.mean(held < 0) > 0.95)
claim("training points push false weights up", np.mean(fitted > 0) > 0.95)
claim("first order loses most of the push on false weights", first / exact < 0.2)
one_step = weights, train, held_out, 1, inner_rate  # K = 1
assert np.allclose(2 * fomaml_gradient(*one_step)[1], maml_gradient(*one_step)[1])
print("with K = 1 first order is half of the gradient, for every weight")

# %% [markdown]
# Read the last column.
#
# - *Held-out points push false weights down*, almost every one of them. A false feature that happened to agree with the training points took some credit there; at other points it agrees no longer, and its part of the prediction is pure error.
# - *Training points push false weights up.* Every feature, true or false, helps to fit the points that it is fitted to.
# - True weights are pushed up by both judges, and at least twenty times harder.
# - At held-out points and equal weights *first order* has lost about half of the push on true and on false weights. A little later it has most of the push on the true weights back, and almost none of that on the false ones. With K = 1 it is exactly half of the gradient, everywhere; with more steps it forgets that the early steps depended on the weights, too.
#
# ## Without held-out points
#
# So take the held-out points away: `n_validation=0` lets the training points judge. Everything else stays as it was, with a third of the steps.
#
# **Predict, then run.** Will the true weights still rise? Will anything fall?

# %%
short_run = max(1, steps // 3)
without = settings | {"n_validation": 0}
judged = train_maml(family, start, steps=short_run, **settings)
fit_only = train_maml(family, start, steps=short_run, **without)
shortcut = settings | {"gradient": fomaml_gradient}
first_order = train_maml(family, start, steps=short_run, **shortcut)
for words, other in {
    "held-out points": judged,
    "no held-out points": fit_only,
    "held-out, first order": first_order,
}.items():
    size = np.abs(other.weights)
    print(f"{words:22s} smallest true weight {size[true].min():.1f},", end=" ")
    print(f"median of the others {np.median(size[false]):.3f},", end=" ")
    print(f"share {share_of(other.weights):.2f}")
claim("without held-out points nothing is selected", share_of(fit_only.weights) < 0.15)
claim(
    "without held-out points no weight falls far", np.abs(fit_only.weights).min() > 0.5
)
reached = share_of(first_order.weights)
claim("first order selects, less cleanly", 0.4 < reached < 0.99)

# %% tags=["hide-input", "live-judges"]
fig, axes = figures.subplots(1, 2, height=3.1, sharey=True)
figures.draw_weights(axes[0], judged, true)
figures.draw_weights(axes[1], fit_only, true)
axes[0].set_title("held-out points judge")
axes[1].set_title("training points judge")
show(
    fig,
    alt="Two trainings that differ in the judge only. Left, with held-out points: "
    "the true weights rise and the range of the others falls to 0. Right, with "
    "the training points as judge: all weights rise together from 1 to about 2,"
    " and the others stay there.",
)

# %% [markdown]
# Without held-out points *everything rises*, true and false alike, since Adam gives each weight steps of the same size, however weak its gradient is.
# It ends only where the weights are so large that the inner loop comes to its limit of stability: the limit falls as one over the squared weights, from about 0.08 at weights 1 to about 0.02 at weights 2, so the weights stop near 2 (see *Where it breaks*). Nothing is selected. First order with held-out points lies between: it prunes, and less cleanly.
#
# Does a small start help, as it will help in [chapter 4](04_reptile.ipynb)? Not here. The same two trainings from 0.001:

# %%
for words, chosen in {
    "held-out points": settings,
    "no held-out points": without,
}.items():
    small = train_maml(family, 0.001, steps=short_run, **chosen)
    reached = share_of(small.weights)
    print(f"from 0.001, {words:18s} share {reached:.3f} after {small.step} steps")
    expected = reached > 0.99 if chosen is settings else reached < 0.15
    claim(f"from a small start, with {words}, only held-out points select", expected)

# %% [markdown]
# Adam forgets where it started. Under Adam only held-out points select.
# With another outer optimiser, one that keeps the proportions between weights, the start decides: that is chapter 4, and [chapter 5](05_mechanisms.ipynb) takes the two apart.
#
# ## Why 4, and not 5?
#
# Suppose that the features were exactly orthogonal on the training points. Then one inner step multiplies the error of coefficient $j$ by $1 - 2 \eta w_j^2$.
# It is 0 for $w = (2 \eta)^{-1/2}$, which is 5 for $\eta = 0.02$: one step, and the task is solved. So why do the weights stop near 4?
# Three suspects: noise from few tasks, too few steps, or a best value that is not 5.

# %%
print(f"(2 eta)^(-1/2) = {(2 * inner_rate) ** -0.5:.2f}")
left = [abs(1 - 2 * inner_rate * weight**2) ** inner_steps for weight in (1, 4)]
print(f"error left by the inner loop at weight 1: {left[0]:.0%}, at 4: {left[1]:.1%}")
tenth = max(1, steps // 10)
budgets = (
    (tenth, n_tasks),
    (tenth, 10 * n_tasks),
    (3 * steps, max(1, n_tasks // 3)),
)
reached = {(short_run, n_tasks): judged, (steps, n_tasks): run}
for n_steps, tasks in budgets:
    chosen = settings | {"n_tasks": tasks}
    reached[n_steps, tasks] = train_maml(family, start, steps=n_steps, **chosen)
height = {}
for n_steps, tasks in sorted(reached):
    height[n_steps, tasks] = np.abs(reached[n_steps, tasks].weights[true]).mean()
    print(f"{n_steps:5d} steps of {tasks:3d} tasks:", end=" ")
    print(f"true weights {height[n_steps, tasks]:.2f}")
change = height[tenth, 10 * n_tasks] - height[tenth, n_tasks]
claim("ten times the tasks change almost nothing", abs(change) < 0.1)
rise = max(height.values()) - height[steps, n_tasks]
claim("with more steps the true weights go on rising", rise > 0.2)

# %% [markdown]
# Ten times the tasks change almost nothing; more steps do. The *step budget* stops the weights near 4: Adam's rate falls to 0 before they arrive.
# It hardly matters. At weight 4 the inner loop leaves $(1 - 2 \cdot 0.02 \cdot 16)^5 = 0.6\,\%$ of the error, at weight 1 it leaves 82 %.
#
# ## Tasks never seen, and not one lucky seed
#
# Now ten runs with ten seeds, with held-out points and without, a fifth of the steps each. What is the risk of tasks that no training has seen, from n points?

# %%
sizes = sorted({len(support), few, 2 * few, 4 * few, n_points})
fifth = max(1, steps // 5)


def medians(weights):
    """Median risk of unseen tasks from each number of points, by min-norm."""
    solve = partial(min_norm, weights=weights)
    return [np.median(few_shot_risk(family, n, solve)) for n in sizes]


def many_runs(chosen):
    """Medians of runs with other seeds, (n_seeds, len(sizes))."""
    rows = []
    for number in range(n_seeds):
        again = settings | chosen | {"seed": seed + number}
        other = train_maml(family, start, steps=fifth, **again)
        rows.append(medians(other.weights))
    return np.array(rows)


with_held_out = many_runs({})
without_held_out = many_runs({"n_validation": 0})
equal = medians(np.ones(n_features))
worst = with_held_out[:, sizes.index(few)].max()
print(f"risk from {few} points, {n_seeds} seeds: at most {worst:.2g} if held out,")
print(f"at least {without_held_out[:, sizes.index(few)].min():.2g} if not")
claim("from 4 points every seed ends below 0.02", worst < 0.02)
claim("from 3 points every seed ends below 0.05", with_held_out[:, 0].max() < 0.05)

# %% tags=["hide-input"]
fig, ax = figures.subplots(height=3.8)
lines = {
    "MAML, held-out points": (with_held_out, "MAML", "-"),
    "MAML, no held-out points": (without_held_out, "MAML", ":"),
    "equal weights": (np.array([equal]), "min-norm", "-"),
}
for words, (rows, method, style) in lines.items():
    low, middle, high = np.quantile(rows, (0.1, 0.5, 0.9), axis=0)
    figures.draw_band(ax, sizes, low, middle, high, method, linestyle=style)
    drop = 4 if style == ":" else 1  # two lines end at nearly the same height
    end = sizes[-1] * 1.08, max(middle[-1] / drop, figures.FLOOR)
    ax.text(*end, words, color=figures.COLORS[method], va="center")
zero = np.median([np.sum(family.unseen(50, 1).coefficients ** 2, axis=1)])
ax.axhline(zero, color=figures.COLORS["zero"], linewidth=0.8)
ax.text(sizes[-1] * 1.08, zero * 1.6, "predict 0", color=figures.COLORS["zero"])
ax.set(xlabel="training points n of an unseen task", ylabel="risk (median of 50 tasks)")
ax.set(xticks=sizes, xticklabels=sizes, xlim=(sizes[0] * 0.9, sizes[-1] * 4))
ax.minorticks_off()
ax.set_title(
    f"unseen tasks after {fifth} steps of training ({n_seeds} seeds, 10-90 % bands)"
)
show(
    fig,
    alt="Risk on unseen tasks against their number of points, on log axes. With "
    "equal weights and with MAML without held-out points the risk stays near "
    "that of predicting 0 and falls only towards the end. MAML with held-out "
    "points lies orders of magnitude below, from three points on; its band over"
    " ten seeds is narrow.",
)

# %% [markdown]
# For every seed, three points are enough for a risk of less than a fiftieth of that of predicting 0; fewer could not determine three unknowns.
# More training makes it smaller, as the result above shows. Without held-out points, MAML is hardly better than equal weights.
#
# (The fits here are by min-norm, without noise in the labels. With noise, weights and solver belong together: [chapter 6](06_prior.ipynb).)
#
# ## Where it breaks
#
# **The inner rate.** Gradient descent on a quadratic diverges above $2 / \lambda_{\max}$ of its Hessian $\frac2N \operatorname{diag}(w) \Phi^\top \Phi \operatorname{diag}(w)$.
# The limit depends on the weights: what is stable at weight 1 diverges at weight 5.
#
# **The start.** From weight 0 no gradient ever comes: in (3) everything is multiplied by $w$. And a large start is an inner rate that is too large, by another name.
#
# A run says how it ended: `run.status`, and `run.advice` where its end is of little use.

# %%
rng = np.random.default_rng(seed)
limits = largest_stable_rate(family.sample(500, n_points, rng).features)
print(f"2 / lambda_max over 500 tasks at weights 1: from {limits.min():.3f}", end=" ")
print(f"to {limits.max():.3f}")
trials = {f"inner rate {10 * inner_rate:.2g}": (start, 10 * inner_rate)}
trials |= {f"start {weight}": (weight, inner_rate) for weight in (0, 0.001, 2, 3, 5)}
ends = {}
for words, (weight, rate) in trials.items():
    chosen = settings | {"inner_rate": rate}
    other = train_maml(family, weight, steps=short_run, **chosen)
    ends[words] = other
    print(f"{words:15s} {other.status}")
    if other.advice:
        print(f"{'':15s} {other.advice}")
claim("a start of 0 is stuck", ends["start 0"].status.startswith("stuck"))
claim("a start of 3 finishes and selects nothing", "nothing" in ends["start 3"].advice)
claim("a start of 5 diverges", ends["start 5"].status.startswith("diverged"))
claim("a start of 2 selects", share_of(ends["start 2"].weights) > 0.7)

# %% [markdown]
# So "from any start" would be false. A start of 0 is stuck; from 0.001, 1 and 2 it selects; from 3 the training *finishes*, with every step's inner loop near or beyond its limit, and has selected nothing; from 5 it diverges at once.
#
# **A regular grid.** If all tasks share one grid of training points, only the true features and their aliases ([chapter 2](02_overfitting.ipynb)) ever receive a gradient. The held-out points, at random x, still tell a feature from its alias. For all others there is nothing to learn.

# %%
grid = TaskFamily(n_features, support, design="grid")
stuck = train_maml(grid, start, steps=short_run, **settings)
moved = np.abs(stuck.weights[false] - stuck.initial_weights[false]) > 1e-4
print(
    f"trained on one grid: {np.sum(~moved)} of {len(false)} false weights never moved"
)
solve = partial(min_norm, weights=stuck.weights)
for n in (n_points - 1, n_points, n_points + 1):
    for design in ("grid", "random"):
        tested = TaskFamily(n_features, support, design=design)
        value = np.median(few_shot_risk(tested, n, solve))
        print(f"  risk from {n} points, {design} x: {short(value)}")
claim("on one grid 246 of the other weights never move", np.sum(~moved) == 246)

# %% [markdown]
# On the very grid that it was trained on, the half-pruned weights are perfect. One point more or less, or random x, and they are not.
# Points that differ from task to task, the untidy design at first sight, are what teaches.
#
# ## Try it
#
# Train with other true features, starts, rates, noise and designs, and with held-out points or without, while you watch.

# %% tags=["explorer", "nbval-ignore-output"]
from fourier_meta.explorers import explore_maml

explore_maml()

# %% [markdown]
# ## Summary
#
# - In textbooks MAML learns a *starting point*; here it learns *multipliers*, one for each feature, because our tasks have their centre at 0.
# - *Held-out points prune*: they push false weights down, while the points that were fitted push all weights up. Under Adam, without held-out points nothing is selected, from 1 or from 0.001.
# - The gradient travels back through K steps by one recursion, equation (3). *First order* leaves out most of the push on the false weights.
# - With true weights near 4 and all others near 0, unseen tasks are solved from three or four points.
# - It *breaks* at inner rates above $2/\lambda_{\max}$, at starts of 0 and of 3 or more, and on a single regular grid.
#
# ## Exercises
#
# Replace the three dots and run the cell. It says what is missing. The cell after it, folded, has a solution.
#
# **Exercise 1.** Suppose that $\Phi^\top \Phi / N$ is the identity, and K = 1. With which true weight does a single step land on the solution, for an inner rate of 0.005?

# %% tags=["exercise"]
ideal = ...
exercises.check_03_1(ideal)

# %% tags=["solution"]
exercises.check_03_1((2 * 0.005) ** -0.5)  # c_1 = 2 eta w^2 beta must be beta

# %% [markdown]
# **Exercise 2.** Write `first_order(weights, train, validation, inner_steps, inner_rate)`: the first-order gradient, without autograd.
# Change `by_adjoint`: go forward as it does, but let $\alpha_K$ count as a constant in the last line, $L = \frac1N \lVert \Phi_v (w \odot \alpha_K) - y_v \rVert^2$.

# %% tags=["exercise"]
first_order = ...
exercises.check_03_2(first_order)


# %% tags=["solution"]
def solution_2(weights, train, validation, inner_steps, inner_rate):
    rate = 2 * inner_rate / train.n_points
    alpha = np.zeros((len(train), len(weights)))
    for _ in range(inner_steps):
        residual = np.matvec(train.features, weights * alpha) - train.labels
        alpha = alpha - rate * weights * np.vecmat(residual, train.features)
    residual = np.matvec(validation.features, weights * alpha) - validation.labels
    u = 2 / validation.n_points * np.vecmat(residual, validation.features)
    return (alpha * u).mean(axis=0)  # no way back: alpha is a constant


exercises.check_03_2(solution_2)

# %% [markdown]
# **Exercise 3** (rewrite the algorithm for another model). Textbook MAML, which learns a *starting point*: the model is $\phi(x) \cdot \theta$, with $\theta$ of shape (d,) and no multipliers.
# Write `start_gradient(theta_0, features, labels, held_features, held_labels, inner_steps, inner_rate)` for one task, all arguments NumPy arrays, features of shape (n_points, d):
# from $\theta_0$ take K steps of gradient descent on the mean squared error, and return the gradient of the mean squared error at the held-out points *in* $\theta_0$, an array of shape (d,).
# The cell "MAML in torch" needs few changes.

# %% tags=["exercise"]
start_gradient = ...
exercises.check_03_3(start_gradient)


# %% tags=["solution"]
def solution_3(
    theta_0, features, labels, held_features, held_labels, inner_steps, inner_rate
):
    X, y = torch.from_numpy(features), torch.from_numpy(labels)
    theta_0 = torch.tensor(theta_0, requires_grad=True)
    theta = theta_0
    for _ in range(inner_steps):
        loss = ((X @ theta - y) ** 2).mean()
        (slope,) = torch.autograd.grad(loss, theta, create_graph=True)
        theta = theta - inner_rate * slope
    held = torch.from_numpy(held_features) @ theta - torch.from_numpy(held_labels)
    return torch.autograd.grad((held**2).mean(), theta_0)[0].numpy()


exercises.check_03_3(solution_3)

# %% [markdown]
# ## References
#
# - C. Finn, P. Abbeel, S. Levine, *Model-agnostic meta-learning for fast adaptation of deep networks*, 2017, [arXiv 1703.03400](https://arxiv.org/abs/1703.03400): MAML, and its first-order form.
# - Z. Li, F. Zhou, F. Chen, H. Li, *Meta-SGD: learning to learn quickly for few-shot learning*, 2017, [arXiv 1707.09835](https://arxiv.org/abs/1707.09835): a learned rate for every parameter. With $\alpha_0 = 0$ the MAML of this chapter is Meta-SGD on a linear model.
# - A. Raghu, M. Raghu, S. Bengio, O. Vinyals, *Rapid learning or feature reuse?*, 2020, [arXiv 1909.09157](https://arxiv.org/abs/1909.09157): adapting the head only, and learning where the head starts, which is not learned here.
#
# **Next:** [04 · Learn the weights with Reptile](04_reptile.ipynb).
