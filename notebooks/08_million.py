# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Find three features of a million
#
# **Question.** [Chapter 7](07_classification.ipynb) left us with weights that hold what the tasks of a family have in common, three features or a spectrum. All of it with 257 features, which fit a table.
# Of a million features, one task of 64 points and as many held out fills a gigabyte. Can a method learn which three of them matter without ever making them?
#
# Why it matters: 257 candidates are few. Frequencies, words, genes, pairs of columns come by the million, and then it is not statistics that ends a plan but what a step costs.

# %% [markdown]
# ## You will
#
# **Do.** Rewrite chapter 3's gradient so that features disappear from it, write it in full on one screen, train with 65,537 features in seconds, and do the same with empirical Bayes.
#
# **Learn.**
#
# - *everything that MAML does to a task* goes through two small matrices of products between its points;
# - *for waves these come from two tables*, shared by all tasks of a step, each a Fourier transform; so does the gradient, on its way back;
# - *a step costs its transforms and its pairs of points*: no longer features times points times tasks;
# - *three of a million* are found, by meta-gradients from a small start with one common scale, and by empirical Bayes from a hundredth of the tasks.
#
# **Need.** Chapters 3 (the adjoint), 5 (one common scale) and 6 (empirical Bayes).
#
# ## Notation
#
# | symbol | code | meaning |
# |---|---|---|
# | $q = w^2$ | `weights**2` | prior variances |
# | $G = \Phi \operatorname{diag}(q) \Phi^\top$ | `G` | weighted products between training points, N x N |
# | $H = \Phi_v \operatorname{diag}(q) \Phi^\top$ | `H` | those between held-out and training points, M x N |
# | $a$ | `a` | dual coefficients: $c = q \odot \Phi^\top a$ |
# | $p$ | `n_places` | places on the circle that x is drawn from, at least $4 d$ |

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

# %%
import time
import tracemalloc
from functools import partial

import numpy as np

from fourier_meta import (
    Descent,
    TaskFamily,
    Tasks,
    few_shot_risk,
    figures,
    kernel,
    maml_gradient,
    min_norm,
    on_top,
    share,
    train_maml,
)
from fourier_meta.bayes import empirical_bayes
from fourier_meta.exercises import check_08_1, check_08_2, check_08_3
from fourier_meta.figures import show
from fourier_meta.sweep import load_table
from fourier_meta.tasks import dense_size, slices

try:
    import torch
except ImportError:  # then "Weigh the graph" weighs the adjoints only
    torch = None

# %% tags=["parameters"]
n_features = 65_537  # d, what is trained live; the stored runs have up to 1,000,001
n_known = 257  # the size of chapters 1 to 7, where features fit a table
support = (0, 1, 2)  # S, the true features
n_points = 64  # N, points that a task trains on, and as many held out
inner_steps = 5  # K
inner_rate = 0.02  # eta, not scaled with d: the start is small enough for it
start = 0.001  # where all weights start
outer_rate = 0.05  # first rate of the outer optimiser
steps = 300  # outer steps
n_tasks = 15  # tasks of each outer step
seed = 0  # everything random in this chapter follows from it

# %%
family = TaskFamily(n_features, support)
known = TaskFamily(n_known, support)
true = list(support)
rng = np.random.default_rng(seed)
settings = {
    "steps": steps,
    "n_tasks": n_tasks,
    "n_points": n_points,
    "n_validation": n_points,
    "inner_steps": inner_steps,
    "inner_rate": inner_rate,
    "seed": seed,
}
as_stored = (n_features, support, n_points, inner_steps, inner_rate, seed) == (
    65_537, (0, 1, 2), 64, 5, 0.02, 0
) and (start, outer_rate, steps, n_tasks) == (0.001, 0.05, 300, 15)  # fmt: skip


def pair_of(family, n_tasks=n_tasks):
    """New tasks at points to train on, and the same tasks at other points."""
    train = family.sample(n_tasks, n_points, rng)
    return train, family.observe(train.coefficients, n_points, rng)


# %% [markdown]
# ## The result
#
# All weights started at 0.001, three of them belong to features that were drawn at random, and nobody said how many there are. After 150 steps of 15 tasks:

# %% tags=["hide-input"]
spectrum = load_table("million_spectrum").columns
block = spectrum["part"] == "largest of a block"
one = spectrum["part"] == "one by one"
standing = spectrum["index"][spectrum["part"] == "true"]
fig, axes = figures.subplots(1, 2, height=3.2, width=11)
blue, grey = figures.COLORS["MAML"], figures.COLORS["other"]
index, size = spectrum["index"], spectrum["size"]
tall = size[spectrum["part"] == "true"]
axes[0].vlines(index[block], 0, size[block], color=grey, linewidth=0.7)
axes[0].vlines(standing, 0, tall, color=blue, linewidth=1.5)
for j, height in zip(standing, tall, strict=True):
    place = (0, 3)
    axes[0].annotate(
        f"{j:,}", (j, height), place, textcoords="offset points", ha="center"
    )
axes[1].vlines(index[one], 1e-4, size[one], color=grey, linewidth=1.6)
axes[1].vlines(standing[1], 1e-4, tall[1], color=blue, linewidth=2.2)
axes[0].set(
    title="1,000,001 weights: three stand",
    xlabel="feature index",
    ylabel="|weight|",
    ylim=(0, 1.2 * tall.max()),
)
axes[1].set(
    title="61 neighbours, on a log axis",
    xlabel="feature index",
    ylabel="|weight|",
    yscale="log",
    ylim=(1e-4, 20),
)
for ax in axes:
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.locator_params(axis="x", nbins=5)
show(
    fig,
    alt="Left, a million weights against their index, drawn as the largest of each of "
    "500 blocks: a flat line at nearly zero, and three blue stems of height five that "
    "carry their indices. Right, 61 neighbours one by one on a log axis: grey stems "
    "near 0.001 and a single blue one that is some thousand times higher.",
)

# %% [markdown]
# On the left every grey stem is the largest of 2,000 weights, and still nothing is to be seen of them; on the right they lie around the 0.001 where they began. How is a million affordable?
#
# ## Everything goes through two matrices
#
# One inner step is $c_{k+1} = c_k - \tfrac{2\eta}{N} \, q \odot \Phi^\top r_k$ with $r_k = \Phi c_k - y$ ([chapter 3](03_maml.ipynb)). From $c_0 = 0$, everything that is ever added to $c$ has the form $q \odot \Phi^\top (\dots)$. So
#
# $$ c_k = q \odot \Phi^\top a_k, \qquad a_{k+1} = a_k - \tfrac{2\eta}{N} r_k, \qquad r_k = G a_k - y . \tag{1} $$
#
# The predictions at held-out points are $H a_K$. So the features have gone into $G$ and $H$, and a task has become N numbers $a$. The way back is as short. Write $e$ for the derivative of the loss in the held-out values, and let $b$ run backwards from 0:
#
# $$ b_k = b_{k+1} - \tfrac{2\eta}{N} \left( H^\top e + G b_{k+1} \right), \qquad
# \frac{\partial L}{\partial G} = - \tfrac{2\eta}{N} \sum_k b_{k+1} r_k^\top, \qquad
# \frac{\partial L}{\partial H} = e \, a_K^\top . \tag{2} $$
#
# **Predict, then run.** This is all of MAML, exact and of second order. How many lines does it take?


# %%
def through_grams(G, H, labels, targets):
    """Loss, and its derivatives in G (T, N, N) and H (T, M, N): equations (1), (2)."""
    step = 2 * inner_rate / labels.shape[1]
    a = np.zeros_like(labels)  # (T, N)
    residuals = []
    for _ in range(inner_steps):
        residual = np.matvec(G, a) - labels
        residuals.append(residual)
        a = a - step * residual
    missed = np.matvec(H, a) - targets  # (T, M)
    loss = np.mean(missed**2)
    e = 2 / missed.size * missed
    slope_H = e[:, :, None] * a[:, None, :]
    slope_G = np.zeros_like(G)
    b = np.zeros_like(a)
    for residual in reversed(residuals):
        slope_G = slope_G - step * b[:, :, None] * residual[:, None, :]
        b = b - step * (np.vecmat(e, H) + np.matvec(G, b))
    return loss, slope_G, slope_H


# %% [markdown]
# A matrix that is weighted by $q_j$ answers with $\partial L / \partial q_j = \sum_{i i'} (\partial L / \partial G)_{i i'} \, \phi_j(x_i) \phi_j(x_{i'})$, the same for $H$, and $\partial L / \partial w = 2 w \, \partial L / \partial q$. With features at hand these are matrix products:


# %%
def gradient_by_products(weights, train, validation):
    """Loss and meta-gradient through Gram matrices of given features."""
    features, others = train.features, validation.features
    weighted = features * weights**2
    G = features @ weighted.mT
    H = others @ weighted.mT
    loss, slope_G, slope_H = through_grams(G, H, train.labels, validation.labels)
    in_q = np.sum((slope_G @ features) * features, axis=(0, 1))
    in_q += np.sum((slope_H @ features) * others, axis=(0, 1))
    return loss, 2 * weights * in_q


def difference(found, expected):
    """The largest difference between two gradients, relative to the largest entry."""
    return np.abs(found[1] - expected[1]).max() / np.abs(expected[1]).max()


def below(number, limit):
    """A rounding error in words that are the same on every machine."""
    return f"below {limit:g}" if number < limit else f"{number:.1e}"


weights = rng.uniform(0.5, 1.5, n_known) * (257 / n_known) ** 0.5
train, validation = pair_of(known)
plain = (
    Tasks(train.features, train.labels),
    Tasks(validation.features, validation.labels),
)
expected = maml_gradient(weights, *plain, inner_steps, inner_rate)
by_products = gradient_by_products(weights, train, validation)
error = difference(by_products, expected)
print(
    f"{n_known} features: by products and with features differ by {below(error, 1e-12)}"
)
assert error < 1e-12

# %% [markdown]
# ## Waves need two tables
#
# Products still cost $N^2 d$. But $\cos \pi k x \cos \pi k x'$ and $\sin \pi k x \sin \pi k x'$ are half the sum and half the difference of $\cos \pi k (x - x')$ and $\cos \pi k (x + x')$, so with sine and cosine of every frequency
#
# $$ G_{i i'} = g_-(x_i - x_{i'}) + g_+(x_i + x_{i'}), \qquad
# g_\mp(x) = \tfrac{q_0}{2} + \sum_k (q_{\cos k} \pm q_{\sin k}) \cos \pi k x . \tag{3} $$
#
# All x lie on a circle of $p$ places, so do their sums and differences, and $g_-$ and $g_+$ are two tables of $p$ numbers: *one transform each, for all tasks and all pairs of points*.
# The way back is the same in reverse. What the gradient says about a pair is added up at the two places where the pair was looked up, and one transform each carries the sums to the frequencies.


# %%
def two_tables(q, n_places):
    """Both functions of equation (3) at all places of the circle, each (n_places,)."""
    sines, cosines = q[1::2], q[2::2]
    minus = np.zeros(n_places // 2 + 1)
    minus[0] = q[0]
    minus[1 : len(cosines) + 1] = cosines
    plus = minus.copy()
    minus[1 : len(sines) + 1] += sines
    plus[1 : len(sines) + 1] -= sines
    scale = n_places / 2
    return np.fft.irfft(scale * minus, n_places), np.fft.irfft(scale * plus, n_places)


def to_features(sums_minus, sums_plus, n_features):
    """The way back: sums over pairs at all places become derivatives in q (d,)."""
    minus = np.fft.rfft(sums_minus).real
    plus = np.fft.rfft(sums_plus).real
    in_q = np.empty(n_features)
    in_q[0] = (minus[0] + plus[0]) / 2
    in_q[1::2] = (minus - plus)[1 : n_features // 2 + 1]
    in_q[2::2] = (minus + plus)[1 : (n_features + 1) // 2]
    return in_q


def gradient_by_tables(weights, train, validation):
    """Loss and meta-gradient of Fourier tasks; no feature is ever made."""
    n_places = dense_size(len(weights))
    columns = np.rint(train.x * n_places / 2).astype(int)  # (T, N)
    others = np.rint(validation.x * n_places / 2).astype(int)  # (T, M)
    rows = np.concatenate([columns, others], axis=1)  # (T, N + M)
    minus = (rows[:, :, None] - columns[:, None, :]) % n_places  # (T, N + M, N)
    plus = (rows[:, :, None] + columns[:, None, :]) % n_places
    table_minus, table_plus = two_tables(weights**2, n_places)
    products = table_minus[minus] + table_plus[plus]
    G, H = np.split(products, [columns.shape[1]], axis=1)
    loss, *slopes = through_grams(G, H, train.labels, validation.labels)
    slopes = np.concatenate(slopes, axis=1).ravel()
    sums_minus = np.bincount(minus.ravel(), slopes, n_places)
    sums_plus = np.bincount(plus.ravel(), slopes, n_places)
    in_q = to_features(sums_minus, sums_plus, len(weights))
    return loss, 2 * weights * in_q


error = difference(gradient_by_tables(weights, train, validation), expected)
print(
    f"{n_known} features: by tables and with features differ by {below(error, 1e-12)}"
)
assert error < 1e-12

# %% [markdown]
# Nothing in it is long any more but $w$ and the tables. The package's [`kernel.py`](../fourier_meta/kernel.py) does the same with transforms for even functions, which take half the time, and `maml_gradient` uses it when that is cheaper. With as many features as are trained below:

# %%
wide_pair = pair_of(family)
wide_weights = np.full(n_features, start)
wide_weights[true] = 1
by_hand = gradient_by_tables(wide_weights, *wide_pair)
by_package = maml_gradient(wide_weights, *wide_pair, inner_steps, inner_rate)
error = difference(by_hand, by_package)
print(
    f"{n_features:,} features: by hand and by the package differ by "
    f"{below(error, 1e-12)}"
)
print("features that were made:", "features" in vars(wide_pair[0]))
assert error < 1e-12

# %% [markdown]
# ## What a step costs
#
# | | operations | numbers in memory |
# |---|---|---|
# | features | $T (4K - 1) \, 2 N d$, and making them | $2 N d$ for each task in the cache |
# | tables | four transforms of $p \log p$, $p \approx 4 d$ to $8 d$; and $T N (N + M)$ pairs | a few times $p$ |
#
# **Predict, then run.** By the first row the time has slope 1 in $d$ and in $T$. What are the two slopes by the second?
#
# Times depend on your machine, so the output of this cell is not compared when the book is tested.


# %% tags=["wall-clock", "nbval-ignore-output"]
def milliseconds(gradient, pair, n_features, rounds=5):
    """Shortest time of a gradient on one core."""
    weights = np.full(n_features, start)
    seconds = []
    for _ in range(rounds):
        began = time.process_time()
        gradient(weights, *pair)
        seconds.append(time.process_time() - began)
    return 1e3 * min(seconds)


def with_features(weights, train, validation):
    """The gradient of tasks whose features have to be made, a few tasks at a time."""
    total = np.zeros(len(weights))
    for pair in slices(train, validation):
        made = [Tasks(tasks.features, tasks.labels) for tasks in pair]
        part = maml_gradient(weights, *made, inner_steps, inner_rate)[1]
        total += len(made[0]) / len(train) * part
    return total


by_tables = partial(
    kernel.meta_gradient,
    partial(kernel.through_steps, inner_steps=inner_steps, inner_rate=inner_rate),
)
sizes = (256, 1024, 4096, 16384, 65536)
print(f"{'features':>9s} {'with features':>15s} {'by tables':>11s} {'ratio':>7s}")
for d in sizes:
    pair = pair_of(TaskFamily(d, support))
    tables = milliseconds(by_tables, pair, d)
    made = milliseconds(with_features, pair, d, 2) if d <= 16384 else np.nan
    print(f"{d:9,d} {made:12.1f} ms {tables:8.1f} ms {made / tables:7.1f}")
times = []
for n in (15, 60, 240):
    pair = pair_of(TaskFamily(4097, support), n)
    times.append(milliseconds(by_tables, pair, 4097))
slope = np.polyfit(np.log((15, 60, 240)), np.log(times), 1)[0]
print(f"4,097 features: slope {slope:.2f} in the number of tasks")

# %% [markdown]
# By tables a gradient of 65,536 features costs about what 1,024 features cost the other way, and up to 4,096 the transforms hardly show beside the pairs. With 256 features the old way is the faster one. More tasks a step cost little at a million: the transforms are shared.
#
# Which way is taken follows from a cost model whose constants were measured once, from sizes and inner steps, and from no switch of yours:


# %%
def crossover(n_tasks, n_points, inner_steps):
    """The smallest tried number of features for which the package takes tables."""
    for d in range(65, 2049, 64):
        sample = TaskFamily(d, support).sample(n_tasks, n_points, rng)
        if kernel.is_cheaper(sample, sample, inner_steps):
            return d
    return None


for n in (1, n_tasks):
    limits = [crossover(n, n_points, K) for K in (1, 5, 20)]
    print(f"{n:2d} tasks: tables from {limits} features on, for 1, 5, 20 inner steps")

# %% [markdown]
# ## Weigh the graph
#
# Automatic differentiation keeps what its backward pass needs. $(\Phi \operatorname{diag} w) \alpha$ and $\Phi (w \odot \alpha)$ are the same numbers. **Predict, then run.** Do their graphs weigh the same, and what do the two adjoints keep?


# %%
def graph_megabytes(predict, steps):
    """What torch keeps for the way back, beside the data."""
    batches = [tasks[:5] for tasks in plain]
    data = [torch.from_numpy(np.ascontiguousarray(tasks.features)) for tasks in batches]
    values = [torch.from_numpy(tasks.labels) for tasks in batches]
    own = {tensor.untyped_storage().data_ptr() for tensor in data + values}
    kept = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage
        return tensor

    def as_it_is(tensor):
        return tensor

    w = torch.ones(n_known, dtype=torch.float64, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(keep, as_it_is):
        shape = len(values[0]), n_known
        alpha = torch.zeros(shape, dtype=torch.float64, requires_grad=True)
        for _ in range(steps):
            error = predict(data[0], w, alpha) - values[0]
            loss = (error**2).mean(dim=1).sum()
            (slope,) = torch.autograd.grad(loss, alpha, create_graph=True)
            alpha = alpha - inner_rate * slope
        loss = ((predict(data[1], w, alpha) - values[1]) ** 2).mean()
    return sum(kept[place].nbytes() for place in kept if place not in own) / 1e6


def weighted_features(features, w, alpha):
    return ((features * w) @ alpha[..., None])[..., 0]


def weighted_coefficients(features, w, alpha):
    return (features @ (w * alpha)[..., None])[..., 0]


def peak_megabytes(gradient, batches):
    """The most that a gradient allocates at a time."""
    tracemalloc.start()
    gradient(np.ones(n_known), *batches)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


# %%
few = [tasks[:5] for tasks in (train, validation)]
few_plain = [tasks[:5] for tasks in plain]
rows = {}
if torch is None:
    print("This kernel has no torch, so its graphs are not weighed.")
for K in (5, 20):
    through = partial(
        kernel.through_steps, inner_steps=K, inner_rate=inner_rate / n_known
    )
    exact = partial(maml_gradient, inner_steps=K, inner_rate=inner_rate / n_known)
    tables = partial(kernel.meta_gradient, through)
    rows[K] = {}
    if torch is not None:
        rows[K]["graph of (F * w) @ a"] = graph_megabytes(weighted_features, K)
        rows[K]["graph of F @ (w * a)"] = graph_megabytes(weighted_coefficients, K)
    rows[K]["adjoint, with features"] = peak_megabytes(exact, few_plain)
    rows[K]["adjoint, by tables"] = peak_megabytes(tables, few)
print(
    f"{len(few[0])} tasks, {n_known} features, MB beside the data: 5 and 20 inner steps"
)
for name in rows[5]:
    print(f"{name:23s} {rows[5][name]:6.1f} {rows[20][name]:6.1f}")

# %% [markdown]
# The first form stores a weighted copy of all features at every step, the second vectors of $d$ numbers a step. So does the adjoint with features, but fewer.
# By tables only vectors of N numbers are kept for each step. What it weighs are the pairs and the tables: more than the features' way at this size, but the same whatever K is, and beyond a few dozen tasks whatever T is.
#
# ## Train, and look at more than the rank
#
# The same call as in chapter 5. Nothing says which way is taken.

# %%
began = time.process_time()
run = train_maml(family, start, outer=Descent(outer_rate), **settings)
seconds = time.process_time() - began
size = np.abs(run.weights)
others = np.delete(size, true)
live = share(run.weights, support)
solve = partial(min_norm, weights=run.weights)
print(f"{run.status}; S on top: {on_top(run.weights, support)}, share {live:.3f}")
print(f"true weights from {size[true].min():.1f}, others up to {others.max():.4f}")
for n in (4, 16, 64):
    risks = few_shot_risk(family, n, solve)
    print(f"median risk at n = {n:2d}: {np.median(risks):.0e}")

# %% tags=["wall-clock", "nbval-ignore-output"]
print(f"{steps} steps of {n_tasks} tasks with {n_features:,} features: {seconds:.0f} s")

# %%
wide = load_table("million_wide")
if as_stored:
    where = {"case": "the first three", "seed": 0}
    stored = wide.cube("share", "seed", **where)[0]
    assert abs(stored - live) < 1e-3, (stored, live)
    print("the stored run of the same seed has the same share")
else:
    print("not compared: the stored runs have other settings")

# %% tags=["hide-input", "live-wide"]
fig, ax = figures.subplots(1, 1, height=3.0, width=7)
figures.draw_weights(ax, run, support)
ax.set(xlabel="outer step", ylabel="|weight|")
show(
    fig,
    alt="Weights against the outer step: three blue lines rise from almost zero to "
    "almost five, while the grey band of tens of thousands of others stays at zero.",
)

# %% [markdown]
# **Rank is not enough.** Three weights can be the largest while the risk is still millions of times what it will be, because the others are so many (one run):

# %%
taken, kept = run.history["step"], run.history["weights"]
found = (k for k in range(1, len(taken)) if on_top(kept[k], support))
first = next(found, 1)
for k in (first, (first + len(taken)) // 2, len(taken) - 1):
    part = share(kept[k], support)
    risks = few_shot_risk(family, 16, partial(min_norm, weights=kept[k]))
    print(f"step {taken[k]:3d}: S on top: {on_top(kept[k], support)}", end=", ")
    print(f"share {part:.3f}, median risk at n = 16: {np.median(risks):.0e}")

# %% [markdown]
# So the next table has all three: whether S is on top, its share of $\sum_j w_j^2$, and what the weights are worth to unseen tasks.
#
# ## The million
#
# Stored by `make results`: ten seeds at 65,537 features, three at 1,000,001 (150 steps at rate 0.08), with the first three features true and with three that were drawn.


# %%
def summary(table, **where):
    """How often S is on top, the smallest share, and median risks over seeds."""
    found = table.cube("found", "seed", **where)
    least = table.cube("share", "seed", **where).min()
    words = f"S on top in {found.sum():.0f} of {len(found)}, share from {least:.3f}"
    risks = [np.median(table.cube(f"risk_{n}", "seed", **where)) for n in (4, 16, 64)]
    return words + "; risk " + ", ".join(f"{value:.0e}" for value in risks)


def name_of(d):
    """A stored number of features in words."""
    return "1,000,001" if d > 10**6 else f"2^{np.log2(d - 1):.0f} + 1"


million = load_table("million")
for d, table in {65_537: wide, 1_000_001: million}.items():
    print(f"{name_of(d)} features; risks at n = 4, 16, 64")
    for case in table.levels("case"):
        print(f"  {case:21s} {summary(table, case=case)}")
slowest = million.columns["seconds"].max()
largest = million.columns["megabytes"].max()
print(f"a run at a million: at most {slowest:.0f} s and {largest:.0f} MB")
assert million.columns["found"].all()
assert million.columns["share"].min() > 0.95
assert million.columns["risk_16"].max() < 1e-3

# %% [markdown]
# ## Why a small start, and not Adam
#
# Chapter 5 found that one common scale keeps the proportions of a start and that Adam, which gives every weight a scale of its own, destroys them. With 257 features Adam's false weights are pressed down by held-out points in time. With 65,534 of them, each takes full steps in random directions:

# %%
outer = load_table("million_outer")
print("2^16 + 1 features, three seeds: worst share, median risk at n = 16")
for optimiser in outer.levels("optimiser"):
    for begin in outer.levels("start"):
        where = {"optimiser": optimiser, "start": begin}
        least = outer.cube("share", "seed", **where).min()
        cost = np.median(outer.cube("risk_16", "seed", **where))
        false = outer.cube("largest_false", "seed", **where).max()
        print(f"{optimiser:17s} from {begin:5g}: share {least:.4f}", end=", ")
        print(f"risk {cost:.0e}, largest false weight {false:.3f}")

# %% [markdown]
# In these runs both are needed. From 1 the inner rate had to be 256 times smaller to be stable, and a common scale has no room to amplify in; a small start under Adam is forgotten.
#
# ## The title, earned a second time
#
# Chapter 6's empirical Bayes compares, for every feature, what the labels show, $(\phi_j^\top a)^2$ with $a = C^{-1} y$, with what the model expects, $\phi_j^\top C^{-1} \phi_j$, and $C = G + \sigma^2 I$.
# Both are sums over pairs of points, with $a a^\top$ and with $C^{-1}$ in the place of a slope. So both come back through the same two tables: two transforms out and four back, for all tasks.


# %%
def evidence_by_tables(tasks, variances, noise):
    """What the labels show of every feature and what is expected, each (d,)."""
    n_places = dense_size(len(variances))
    places = np.rint(tasks.x * n_places / 2).astype(int)
    minus = (places[:, :, None] - places[:, None, :]) % n_places
    plus = (places[:, :, None] + places[:, None, :]) % n_places
    table_minus, table_plus = two_tables(variances, n_places)
    C = table_minus[minus] + table_plus[plus]
    C = C + noise**2 * np.eye(places.shape[1])
    inverse = np.linalg.inv(C)
    a = np.matvec(inverse, tasks.labels)
    sums = []
    for slopes in (a[:, :, None] * a[:, None, :], inverse):
        sums_minus = np.bincount(minus.ravel(), slopes.ravel(), n_places)
        sums_plus = np.bincount(plus.ravel(), slopes.ravel(), n_places)
        sums.append(to_features(sums_minus, sums_plus, len(variances)))
    return sums


scattered = tuple(sorted(rng.choice(n_features, 3, replace=False).tolist()))
curves = TaskFamily(n_features, scattered).sample(n_tasks, n_points, rng)
even = np.full(n_features, 1 / n_features)
shown, expects = evidence_by_tables(curves, even, 0.1)
_, observed, expected = kernel.evidence(kernel.Tables(curves), np.append(even, 0.01))
error = np.abs(shown - observed[:-1]).max() / observed[:-1].max()
error = max(error, np.abs(expects - expected[:-1]).max() / expected[:-1].max())
print(f"evidence by hand and by the package differ by {below(error, 1e-10)}")
assert error < 1e-10
prior = empirical_bayes(curves)
kept = np.flatnonzero(prior.variances)
print(
    f"from {n_tasks} curves of {n_points} points each, told neither |S| nor the noise:"
)
print(f"variances that are not 0: {len(kept)}; they are S: {tuple(kept) == scattered}")

# %%
bayes = load_table("million_bayes")
alone = bayes.columns["kept"] == 3
found = bayes.columns["found"] == 1
exact = int(np.sum(alone & found))
print(f"1,000,001 features, T = 15, n = 64: S exactly in {exact} of {len(found)}")
print(f"at most {bayes.columns['seconds'].max():.0f} s on one core", end=", ")
print(f"median risk at n = 4 {below(np.median(bayes.columns['risk_4']), 1e-20)}")
assert exact == len(found) == 10

# %% [markdown]
# Say it plainly: the million is reached by both, and the one that knows how the labels came about needs 15 tasks where meta-gradients used 2,250.
#
# **How few are enough?** Each cell is the number of seeds, of five, in which S was on top after at most 100 steps.

# %% tags=["hide-input"]
fewest = load_table("million_fewest")
fig, axes = figures.subplots(1, 3, height=2.7, width=11, sharey=True)
for ax, d in zip(axes, fewest.levels("n_features"), strict=True):
    n_levels = fewest.levels("n_points")
    t_levels = fewest.levels("n_tasks")
    cells = fewest.cube("found", "n_tasks", "n_points", n_features=d)
    ax.imshow(cells, aspect="auto", origin="lower", cmap="cividis", vmin=0, vmax=5)
    for (i, j), count in np.ndenumerate(cells):
        shade = "black" if count > 3 else "white"
        ax.text(j, i, f"{count:.0f}", ha="center", va="center", color=shade)
    ax.set(title=f"{name_of(d)} features", xlabel="points of a task")
    ax.set_xticks(range(len(n_levels)), n_levels)
    ax.set_yticks(range(len(t_levels)), t_levels)
    ax.grid(False)
axes[0].set_ylabel("tasks")
show(
    fig,
    alt="Three tables of numbers from 0 to 5, for three numbers of features. Rows are "
    "tasks, from 1 to 60, columns points of a task, from 4 up. Zeros in the corner of "
    "few tasks and points, fives elsewhere; the border moves by about one row or "
    "column "
    "while features become 256 times as many.",
)

# %%
sure = {}
for d in fewest.levels("n_features"):
    cells = fewest.cube("found", "n_tasks", "n_points", n_features=d)
    sure[d] = int(np.sum(cells == 5))
words = ", ".join(f"{name_of(d)} features: {count}" for d, count in sure.items())
print("sizes, of 16, at which S was on top in all five seeds:", words)
tiny = load_table("million_fewest_million").columns
print("1,000,001 features, one seed each:")
for t, n, hit in zip(tiny["n_tasks"], tiny["n_points"], tiny["found"], strict=True):
    print(f"  T = {t:2d}, n = {n:2d}: S {'on top' if hit else 'not found'}")

# %% [markdown]
# **With noise the two are level from 4 points, and from 16 if empirical Bayes is read by the posterior mean; held-out points are easier to trust.** 65,537 variances can explain any noise away, and the likelihood lets them: the level that it learns is far too low (chapter 6 has the remedy). What it is worth depends on the solver, as chapter 6 said:

# %%
noisy = load_table("million_noise")
print("2^16 + 1 features, noise 0.1; median risks at n = 4, 16, 64")
for told in noisy.levels("told"):
    level = np.median(noisy.cube("noise", "seed", told=told))
    least = noisy.cube("share", "seed", told=told).min()
    name = "told the noise" if told else "learning it"
    print(f"empirical Bayes, {name}: noise {level:.2g}, share from {least:.3f}")
    for solver, column in {"min-norm": "risk", "posterior": "posterior"}.items():
        names = [f"{column}_{n}" for n in (4, 16, 64)]
        risks = [np.median(noisy.cube(key, "seed", told=told)) for key in names]
        print(f"    {solver:9s} risk " + ", ".join(f"{value:.0e}" for value in risks))
print(f"MAML: {summary(wide, case='scattered, noise 0.1')}")

# %% [markdown]
# MAML's weights, from 4,500 tasks, serve a plain interpolator well: what is false is gone. Those of empirical Bayes, from 15, keep thousands of small variances; they need the posterior mean, and somebody who knows the noise when a new task is solved (both posterior rows are given the true one), and even then a task with 64 points is read with more error.
# So here, with noise 0.1 and 300 times the tasks, the advantage of meta-gradients is the one of chapter 6: no model of the noise, only points that were held out.
#
# ## Where it breaks
#
# - **Points between the places.** The tables know whole places. A point in between is interpolated from 14 neighbours, to rounding, at many times the cost of a pair; the cost model knows. A regular grid of 60 points does not fit the circle:

# %%
between = TaskFamily(1025, support, design="grid")
train = between.sample(3, 60, rng)
validation = between.observe(train.coefficients, 60, rng, design="random")
made = [Tasks(tasks.features, tasks.labels) for tasks in (train, validation)]
some = rng.uniform(0.01, 0.02, 1025)
through = partial(kernel.through_steps, inner_steps=inner_steps, inner_rate=inner_rate)
found = kernel.meta_gradient(through, some, train, validation)
error = difference(found, maml_gradient(some, *made, inner_steps, inner_rate))
print(f"a grid of 60: by tables and with features differ by {below(error, 1e-11)}")
print("tables cheaper on the grid:", kernel.is_cheaper(train, validation, inner_steps))
aligned = between.sample(3, 64, rng)
print("on a grid that fits:", kernel.is_cheaper(aligned, validation, inner_steps))
assert error < 1e-11

# %% [markdown]
# - **Features that are not waves.** No table then: the package reads the features themselves, as in chapter 3.
# - **Squares lose half the digits.** $G$ holds squares of weights, so a weight below $10^{-7}$ of the largest is nothing to an interpolator here.
#
# ## Beyond one machine
#
# What is split is tasks. Every machine draws its own from a seed and computes a gradient; what travels is $w$ on the way out and one sum of $d$ numbers on the way back, whatever T, N and K are.

# %%
halves = [(tasks[0::2], tasks[1::2]) for tasks in wide_pair]
parts = []
for train, validation in zip(*halves, strict=True):
    part = maml_gradient(wide_weights, train, validation, inner_steps, inner_rate)[1]
    parts.append(len(train) * part)
error = difference((0, sum(parts) / n_tasks), by_package)
print(f"the sum of two machines' gradients is that of one: {below(error, 1e-12)}")
print(f"sent in a step, each way: {8 * n_features / 1e6:.1f} MB")
cluster = load_table("million_cluster").columns
names = "n_features", "workers", "computing_ms", "sending_ms"
for d, n, busy, sends in zip(*(cluster[name] for name in names), strict=True):
    print(
        f"Dask, {name_of(d)} features, {n} worker(s): each computes {busy:.0f} ms",
        end="",
    )
    print(f" a step, sending and adding take {sends:.0f} ms")

# %% [markdown]
# The stored numbers are processor time of 60 tasks a step, on one machine: what each of two workers saves, and what it costs to send $w$ and to add. They say nothing about a network.
# With a million features the tables are most of a step, every machine makes its own, and so halving the tasks does not halve the time. With 60 tasks a second machine does not pay at a million; with hundreds for each it may, which was not tried. Until then let them train other seeds: that is what `sweep` does with any joblib backend, Dask among them.
#
# ## Summary
#
# - *Two small matrices* hold all that MAML, ridge, min-norm and empirical Bayes see of a task, and the gradient comes back through them: equations (1), (2).
# - *For waves* they are looked up in two tables, equation (3). A step costs a few transforms and its pairs of points; features are never made. Equal to chapter 3's gradient to 1e-12.
# - *Three features of 1,000,001* are found by meta-gradients from a start of 0.001 with one common scale, in all six runs with a share above 0.95. Under Adam, tried with 65,537 features, the share stays below 0.02 and the risk from 16 points near 2.
# - *Empirical Bayes* finds exactly them from 15 curves of 64 points, in 10 of 10 seeds. With noise 0.1, MAML's weights from 4,500 tasks serve better than those of empirical Bayes from 15; equal numbers were not tried.
#
# ## Exercises
#
# **Exercise 1.** From how many features on do the features of *one* task, 64 points to train and 64 held out in float64, take more than 4 GB?

# %%
too_many = ...
check_08_1(too_many)

# %% tags=["solution"]
too_many = 4e9 / (128 * 8)
check_08_1(too_many)

# %% [markdown]
# **Exercise 2.** Rewrite the algorithm for Reptile's first product. `pulled(x, values, n_features)` returns $\Phi^\top v$ for the points `x` (N,) of one task, all on the circle of `dense_size(n_features)` places, and `values` (N,), with *one* transform and no features.

# %%
pulled = ...
check_08_2(pulled)


# %% tags=["solution"]
def pulled(x, values, n_features):
    n_places = dense_size(n_features)
    places = np.rint(x * n_places / 2).astype(int) % n_places
    waves = np.fft.rfft(np.bincount(places, values, n_places))
    result = np.empty(n_features)
    result[0] = waves[0].real
    result[1::2] = -np.sqrt(2) * waves.imag[1 : n_features // 2 + 1]
    result[2::2] = np.sqrt(2) * waves.real[1 : (n_features + 1) // 2]
    return result


check_08_2(pulled)

# %% [markdown]
# **Exercise 3.** You may read 120 points in all. Into how many tasks of how many points do you cut them, `(tasks, points)`, so that empirical Bayes finds three of 4,097 features alone, in three new draws of three?

# %%
cut = ...
check_08_3(cut)

# %% tags=["solution"]
cut = (12, 10)
check_08_3(cut)

# %% [markdown]
# ## References
#
# - C. E. Rasmussen, C. K. I. Williams, *Gaussian Processes for Machine Learning*, MIT Press, 2006: $G$ is a kernel, and what goes through it needs no features.
# - M. E. Tipping, *Sparse Bayesian learning and the relevance vector machine*, Journal of Machine Learning Research 1, 2001: empirical Bayes for one task.
# - D. Potts, G. Steidl, M. Tasche, *Fast Fourier transforms for nonequispaced data: a tutorial*, 2001: the window that interpolates between places.
# - A. Griewank, A. Walther, *Evaluating Derivatives*, 2nd edition, SIAM, 2008: the cost of adjoints.
#
# **Next:** [09 · Read a day of traffic from three numbers](09_traffic.ipynb).
