# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Scale it up, past one machine
#
# **Question.** What happens to cost, memory and recovery when features, tasks, points and inner steps grow, and what would a million features and a billion tasks take?
#
# Notebook 7 of 7. It runs in about 20 seconds.

# %% [markdown]
# ## You will
#
# **Do.** Count before you measure, grow the problem along four axes, weigh the memory of a second-order graph, and split a meta-gradient over machines by hand.
#
# **Learn.**
#
# - the *cost* of a meta-gradient: $4K - 1$ products with the features of a task, and nothing else that matters;
# - how *recovery* responds: more tasks a step help most, more features hurt least;
# - what the *graph* of automatic differentiation stores, and why one pair of brackets changes it 27-fold;
# - what has to be *sent* between machines: $N$ numbers for each product, or $d$ for each step.
#
# **Need.** Notebook 3, whose equation (3) is the adjoint that is counted here.
#
# ## Notation
#
# | symbol | code | meaning |
# |---|---|---|
# | $d,\ T,\ N$ | `n_features`, `n_tasks`, `n_points` | features, tasks a step, points a task (as many to validate) |
# | $K,\ \eta$ | `inner_steps`, `inner_rate` | inner gradient descent |
# | $c_k,\ u_k,\ g_k$ | `effective`, `adjoint`, `slopes` | effective coefficients, their adjoints, residual gradients |
# | $P$ | `n_machines` | machines that share the work |

# %% tags=["colab", "hide-input"]
import importlib.util, sys
missing = [name for name in ("fourier_meta", "torch", "joblib") if importlib.util.find_spec(name) is None]
if missing and "google.colab" not in sys.modules:
    raise SystemExit(f"This kernel has no {missing[0]}: start JupyterLab with `make lab`, or `pip install -e '.[notebooks,sweep]'` here.")
if missing:  # on Colab torch and joblib are there, and the package is installed here
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/fourier-meta/fourier_meta")

# %% tags=["hide-input"]
import time
import tracemalloc
from unittest.mock import patch

import numpy as np
import torch

from fourier_meta import TaskFamily, figures, largest_stable_rate, maml_gradient, train_maml
from fourier_meta.exercises import check
from fourier_meta.figures import show
from fourier_meta.sweep import sweep

# %%
base = {"n_features": 129, "n_tasks": 5, "n_points": 32, "inner_steps": 5}  # d, T, N, K: one of them grows at a time
grown = {"n_features": (33, 65, 129, 257, 513), "n_tasks": (1, 2, 5, 15, 40), "n_points": (4, 8, 16, 32, 64), "inner_steps": (1, 2, 5, 10, 20)}
names = {"n_features": "features d", "n_tasks": "tasks T", "n_points": "points N", "inner_steps": "inner steps K"}
steps, seeds = 150, range(10)  # outer steps of each training, and how often it is repeated
rate_at_book_size = 0.02  # eta at d = 257 and N = 64; elsewhere in proportion to N / d, see "Where it breaks"
n_machines = 4  # P, in the split by hand
rng = np.random.default_rng(0)  # everything random in this notebook follows from it
train = TaskFamily(257).sample(5, 64, rng)  # five tasks of the size of the notebooks before this one,
pair = train, TaskFamily(257).observe(train.effective, 64, rng)  # seen at points to train on and to validate on

# %% [markdown]
# ## Count before you measure
#
# One product with a task's $\Phi$ costs $2 N d$ operations. Going through equation (3) of notebook 3:
#
# - forward, $\Phi c_k$ for $0 < k < K$ and $\Phi^\top r_k$ for $k < K$: together $2K - 1$;
# - validation: 2, and backward, two for each of $u_{K-1}, \dots, u_1$: $2K - 2$.
#
# $$ \text{operations} = T \, (4K - 1) \, 2 N d, \qquad \text{memory} \sim T K d \text{ numbers beside the features} \tag{1} $$
#
# All else is element by element, a factor $N$ smaller. We count what the package really calls:

# %%
for K in grown["inner_steps"]:
    with patch.object(np, "matvec", wraps=np.matvec) as forward, patch.object(np, "vecmat", wraps=np.vecmat) as backward:
        maml_gradient(np.ones(257), *pair, inner_steps=K)
    print(f"K = {K:2d}: {forward.call_count + backward.call_count} products, 4K - 1 = {4 * K - 1}")

# %% [markdown]
# ## Measure the time
#
# **Predict, then run.** By (1) the time of a training step has slope 1 in $d$ and in $T$ on log axes. In $K$ the count $4K - 1$ is not a power, and drawing fresh tasks costs the same for any $K$. Above or below 1?
#
# Times depend on your machine, so this cell's output, and only this one's, is not compared when the book is tested.

# %% tags=["wall-clock", "nbval-ignore-output"]
def milliseconds(n_features=257, n_steps=20, dtype="float64", **sizes):
    family = TaskFamily(n_features, dtype=dtype)
    train_maml(family, steps=1, inner_rate=5 / n_features, **sizes)  # makes the table of features
    start = time.perf_counter()
    train_maml(family, steps=n_steps, inner_rate=5 / n_features, **sizes)
    return 1e3 * (time.perf_counter() - start) / n_steps

sizes = {"n_features": (129, 513, 2049, 16385), "n_tasks": (5, 40, 320, 2560), "inner_steps": (1, 5, 20, 50)}
for name, values in sizes.items():
    times = [min(milliseconds(n_steps=20 if value < 1000 else 2, **{name: value}) for _ in range(3)) for value in values]
    slope = np.polyfit(np.log(values), np.log(times), 1)[0]
    print(f"{names[name]:13s} " + ", ".join(f"{value}: {t:.2f} ms" for value, t in zip(values, times, strict=True)) + f"; slope {slope:.2f}")
for d in (10**4, 10**5, 10**6):  # one task in float32, whose features are made on the spot
    t = milliseconds(d, 1, "float32", n_tasks=1)
    print(f"one task of {d:9,} features: {t:6.1f} ms, {19 * 2 * 64 * d / t / 1e6:.1f} billion operations a second")

# %% [markdown]
# ## Watch recovery
#
# The slopes stay near 1 because the work is done a few tasks at a time: features that were just looked up are still in the processor's cache when the inner loop reads them again, $4K - 1$ times.
# It settles the memory, too: no more than a few tasks' features exist at once, however many tasks a step has. One task of a million features is 0.5 GB in float32, which fits a laptop.
#
# But speed is worthless if the weights get worse. The metric is the ratio of the largest false weight to the smallest true one: below 1 the three largest weights are the true ones, at 0 pruning is perfect.
# `sweep` runs the grid through joblib, so the same cell runs on a cluster: `with joblib.parallel_config(backend="dask"): ...`.
#
# **Predict, then run.** Which axis helps, which hurts, and which has a best value in the middle?

# %%
def ratio(seed, **sizes):
    sizes = base | sizes
    inner_rate = rate_at_book_size * (257 / 64) * sizes["n_points"] / sizes["n_features"]
    family = TaskFamily(sizes.pop("n_features"))
    size = np.abs(train_maml(family, steps=steps, n_validation=sizes["n_points"], inner_rate=inner_rate, seed=seed, **sizes).weights)
    return size[3:].max() / size[:3].min()

ratios = {}
for name, values in grown.items():
    cells = sweep(ratio, {name: values}, seeds, progress=False)
    ratios[name] = np.reshape([cell.result for cell in cells], (len(values), len(seeds)))
    medians = np.median(ratios[name], axis=1)
    listed = ", ".join(f"{value}: {median:.2f}" for value, median in zip(values, medians, strict=True))
    slope = np.polyfit(np.log(values), np.log(medians), 1)[0]
    print(f"{names[name]:13s} {listed}; slope {slope:+.2f}; below 1 in {np.sum(ratios[name] < 1)} of {ratios[name].size}")

# %%
fig, axes = figures.subplots(1, 4, height=2.6, width=11, sharey=True)
for ax, (name, values) in zip(axes, grown.items(), strict=True):
    figures.draw_risk(ax, values, ratios[name], "MAML")
    ax.minorticks_off()
    ax.set(xlabel=names[name], xticks=values, xticklabels=values, yticks=(0.02, 0.1, 0.4), yticklabels=(0.02, 0.1, 0.4), ylabel="largest false / smallest true" if ax is axes[0] else "")
show(fig, alt="Ratio of the largest false to the smallest true weight after 150 steps, median and band of ten seeds, log-log. It rises slowly with features, falls steeply with tasks, falls with points, and is lowest near ten inner steps.")

# %% [markdown]
# In all trainings, 50 along each axis, the three true weights end as the largest. Sixteen times as many features raise the ratio from 0.15 to 0.26; forty times as many tasks a step lower it from 0.32 to 0.02.
# Both cost the same by (1), so when the budget grows, spend it on tasks.
# In $K$ there is an optimum near 10: one step says little about a feature, and twenty steps fit the training points so well that false features look useful.
#
# ## Weigh the graph
#
# Automatic differentiation keeps what its backward pass needs. **Predict, then run.** $(\Phi \operatorname{diag} w) \, \alpha$ and $\Phi \, (w \odot \alpha)$ are the same numbers. Do their graphs weigh the same?

# %%
def graph_megabytes(predict, inner_steps):
    X, y, X_val, y_val = (torch.from_numpy(np.ascontiguousarray(a)) for tasks in pair for a in (tasks.features, tasks.labels))
    w, kept = torch.ones(257, dtype=X.dtype, requires_grad=True), {}
    def keep(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()
        return tensor
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        alpha = torch.zeros(len(y), 257, dtype=w.dtype, requires_grad=True)
        for _ in range(inner_steps):
            loss = ((predict(X, w, alpha) - y) ** 2).mean(dim=1).sum()
            alpha = alpha - rate_at_book_size * torch.autograd.grad(loss, alpha, create_graph=True)[0]
        loss = ((predict(X_val, w, alpha) - y_val) ** 2).mean()
    data = {a.untyped_storage().data_ptr() for a in (X, y, X_val, y_val)}
    return sum(storage.nbytes() for pointer, storage in kept.items() if pointer not in data) / 1e6

# %%
def adjoint_megabytes(inner_steps):
    tracemalloc.start()
    maml_gradient(np.ones(257), *pair, inner_steps)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6

forms = {"graph of (F * w) @ a": lambda F, w, a: ((F * w) @ a[..., None])[..., 0], "graph of F @ (w * a)": lambda F, w, a: (F @ (w * a)[..., None])[..., 0]}
weighed = {name: [graph_megabytes(form, K) for K in grown["inner_steps"]] for name, form in forms.items()}
weighed["adjoint"] = [adjoint_megabytes(K) for K in grown["inner_steps"]]
print("MB beside the data, K = " + "".join(f"{K:8d}" for K in grown["inner_steps"]))
for name, values in weighed.items():
    print(f"{name:23s} " + "".join(f"{value:8.2f}" for value in values))
print(f"at K = 20 the first graph weighs {weighed['graph of (F * w) @ a'][-1] / weighed['graph of F @ (w * a)'][-1]:.0f} times the second")

# %% [markdown]
# The first form stores a weighted copy of all features at every step: $T K N d$ numbers. The second stores vectors, $T K d$, as does the adjoint, which needs fewer of them for each step.
# Brackets come before clever frameworks.
#
# ## Split one gradient over machines, by hand
#
# If even one task's features are too many, give each machine a block of columns. $\Phi c = \sum_p \Phi_p c_p$ is the only sum over blocks; all else is local:
#
# $$ r_k = \sum_{p=1}^{P} \Phi_p c_{k,p} - y, \qquad g_{k,p} = \Phi_p^\top r_k, \qquad c_{k+1,p} = c_{k,p} - \tfrac{2\eta}{N} \, q_p \odot g_{k,p} \tag{2} $$
#
# and the adjoint (3) of notebook 3 splits in the same way. What is sent is $N$ numbers a task for each sum, whatever $d$ is.

# %%
def summed(which, vectors):  # over machines: the only place where anything is sent
    parts = [np.matvec(block[which], v) for block, v in zip(blocks, vectors, strict=True)]
    sent.append(parts[0].size)
    return sum(parts)

# %%
def split_gradient(labels, other_labels, inner_steps, inner_rate):
    step, machines = 2 * inner_rate / labels.shape[1], range(len(blocks))
    weights, features, other_features = zip(*blocks, strict=True)
    c, slopes = [np.zeros((len(labels), len(w))) for w in weights], []
    for k in range(inner_steps):
        residual = summed(1, c) - labels if k else -labels
        slopes.append([np.vecmat(residual, F) for F in features])
        c = [c[p] - step * weights[p] ** 2 * slopes[k][p] for p in machines]
    residual = summed(2, c) - other_labels
    u, total = [2 / labels.shape[1] * np.vecmat(residual, V) for V in other_features], 0
    for k in reversed(range(inner_steps)):
        total = total + np.concatenate([slopes[k][p] * u[p] for p in machines], axis=1)
        seen = summed(1, [step * weights[p] ** 2 * u[p] for p in machines]) if k else np.zeros_like(labels)
        u = [u[p] - np.vecmat(seen, features[p]) for p in machines]
    return -2 * step * np.concatenate(weights) * total.mean(axis=0)

# %%
weights, sent, columns = rng.uniform(0.5, 1.5, 257), [], np.array_split(np.arange(257), n_machines)
blocks = [(weights[j], *(tasks.features[..., j] for tasks in pair)) for j in columns]
by_hand = split_gradient(*(tasks.labels for tasks in pair), 5, rate_at_book_size)
np.testing.assert_allclose(by_hand, maml_gradient(weights, *pair, 5, rate_at_book_size)[1], rtol=0, atol=1e-12)
print(f"{n_machines} machines: {len(sent)} sums of {sent[0]} numbers (5 tasks of 64 points), the gradient of one machine to 1e-12")

# %% [markdown]
# With columns split there are $2K - 1$ sums of $TN$ numbers, one after the other. If instead each machine takes some of the *tasks*, the gradient is a mean over tasks and there is one sum, of $d$ numbers. So: split tasks, as long as one task fits.
#
# ## A plan for 10⁶ features and 10⁹ tasks
#
# The machine that built this page ran one task of a million features above, at 4 billion operations a second with all that is around the products. From there on it is paper, with (1):

# %%
d, tasks, N, K, cores, speed, wire = 10**6, 10**9, 64, 5, 1000, 4e9, 1e9  # operations and bytes per second
work = (4 * K - 1) * 2 * N * d  # operations of one task
batch = 15 * cores  # tasks of one outer step: 15 for each core
print(f"features of one task, both sets:  {2 * N * d * 8 / 1e9:.2f} GB in float64: made from {2 * N} numbers x when needed, never stored")
print(f"one task:                         {work / 1e9:.2f} billion operations, {work / speed:.2f} s on a core")
print(f"all tasks, once:                  {tasks * work / speed / cores / 86400:.1f} days on {cores} cores, in {tasks / batch:,.0f} outer steps")
print(f"one outer step, computing:        {15 * work / speed:.1f} s; weights, Adam's moments: {3 * d * 8 / 1e6:.0f} MB on each core")
print(f"one outer step, sending:          {2 * d * 8 / wire:.3f} s for one sum of {d:,} numbers over all cores")
print(f"columns split instead:            {2 * K - 1} sums of {15 * N} numbers, one after the other, in each gradient")

# %% [markdown]
# - **Streamed:** tasks. Each is a seed: its coefficients and x are drawn where they are used, and nothing of it is kept.
# - **Split:** tasks over cores. The weights and Adam's two moments, 24 MB, are on every core, and every core makes the same Adam step.
# - **Sent:** one sum of $d$ numbers in each outer step, a ring of 16 MB for each core: 0.016 s beside 9.1 s of computing.
# - **Resumed:** weights, moments and the number of the step, 24 MB; the random streams follow from the seed and the step.
#
# ## Where it breaks
#
# The largest eigenvalue of the inner problem grows with $d / N$, so a rate that is fine at 257 features diverges at more. Scale $\eta$ with $N / d$, as `ratio` does above.

# %%
for n_features in (257, 1025, 4097):
    family = TaskFamily(n_features)
    stable = np.median(largest_stable_rate(family.sample(10, 64, rng).features))
    status = train_maml(family, steps=20, inner_rate=rate_at_book_size, inner_steps=20, n_tasks=2).status
    print(f"d = {n_features:4d}: stable below {stable:.3f}, times d / N: {stable * n_features / 64:.2f}; at {rate_at_book_size}: {status.split(':')[0]}")

# %% [markdown]
# ## Summary
#
# - The *cost* is $T (4K - 1) 2 N d$: counted call by call, and the time follows with slopes near 1.
# - *Recovery* survives growth: all trainings find the true features; the ratio of false to true falls to 0.02 with 40 tasks a step and rises to 0.26 with 513 features.
# - The *graph* of $(\Phi \operatorname{diag} w) \alpha$ weighs 27 times that of $\Phi (w \odot \alpha)$ at K = 20, and that twice what the adjoint stores.
# - *Sent* between machines: one sum of $d$ numbers a step if tasks are split, $2K - 1$ sums of $N$ a task if columns are.
#
# ## Exercises
#
# **Exercise 1.** Reptile takes K joint steps on $(w, \alpha)$ and has no validation set. How many products with a task's $\Phi$ or $\Phi^\top$ does that take, as a function of K? Do not count the product with $\alpha_0 = 0$.
#
# <details><summary>Solution</summary>
#
# Each step needs $\Phi (w \odot \alpha)$ and $\Phi^\top r$; the first of these products is zero.
#
# ```python
# reptile_products = lambda K: 2 * K - 1
# ```
#
# </details>

# %%
reptile_products = ...
check(reptile_products, lambda f: [f(K) for K in (1, 5, 20)] == [1, 9, 39], "The residual at alpha = 0 is -y.")

# %% [markdown]
# **Exercise 2.** In the plan, from how many features on does one task no longer fit a core with 4 GB, if its features, for training and for validation, are kept in float64?
#
# <details><summary>Solution</summary>
#
# Both sets hold $2 N d$ numbers of 8 bytes: $d = 4 \cdot 10^9 / (16 N)$, about 4 million.
#
# ```python
# largest_d = 4e9 / (16 * N)
# ```
#
# </details>

# %%
largest_d = ...
check(largest_d, lambda d: abs(d * 16 * N / 4e9 - 1) < 0.1, "Two sets of N rows, d columns, 8 bytes each.")

# %% [markdown]
# **Exercise 3.** You may spend four times the operations of `base`. Which sizes bring `ratio(seed=0, **sizes)` below 0.06? Give those that change, as in `{"n_points": 128}`.
#
# <details><summary>Solution</summary>
#
# Four times as many tasks average the noise of the meta-gradient; four times K moves past the optimum.
#
# ```python
# my_sizes = {"n_tasks": 20}
# ```
#
# </details>

# %%
my_sizes = ...
cost = lambda s: s["n_tasks"] * (4 * s["inner_steps"] - 1) * s["n_points"] * s["n_features"]
check(my_sizes, lambda s: cost(base | s) <= 4.1 * cost(base) and ratio(seed=0, **s) < 0.06, "Which slope was the steepest?")

# %% [markdown]
# ## References
#
# - C. Finn, P. Abbeel, S. Levine, *Model-agnostic meta-learning for fast adaptation of deep networks*, 2017, [arXiv 1703.03400](https://arxiv.org/abs/1703.03400).
# - A. Griewank, A. Walther, *Evaluating Derivatives*, 2nd edition, SIAM, 2008: the cost of adjoints, and how to trade their memory for time.
#
# **Next:** an appendix, [08 · Hold the formulas against the experiments](08_theory.ipynb).
