# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # See what the weights estimate: a prior
#
# **Question.** [Chapter 5](05_mechanisms.ipynb) left us with two ways to learn weights: held-out points prune, and from a small start fitting amplifies.
# Both took thousands of tasks. What *are* the weights that they learn? And if they estimate something, can it be estimated directly, from fewer tasks?
#
# Why it matters: who knows what is estimated can estimate it in other ways, and can say when meta-gradients are worth their price.

# %% [markdown]
# ## You will
#
# **Do.** Read a weight as the standard deviation of a coefficient, write empirical Bayes in fewer than 20 lines, and put it into a contest with everything that the book has shown so far.
#
# **Learn.**
#
# - *a weight is a prior*: ridge regression with weights is the posterior mean of a Gaussian model;
# - *the prior can be learned from the likelihood* of many tasks, with nobody saying how many features matter: S from 30 tasks of three points;
# - *where that fails*: with noise and many features the likelihood explains noise away, and held-out points put it right, once more;
# - *who wins the contest*, region by region, and what meta-gradients add.
#
# **Need.** Chapters 2 to 5. What a Gaussian density is.
#
# ## Notation
#
# | symbol | code | meaning |
# |---|---|---|
# | $q_j = w_j^2$ | `variances` | prior variance of coefficient j |
# | $\sigma$ | `noise` | standard deviation of the noise on a label |
# | $C$ | `covariance` | covariance of the labels of a task, N x N |
# | $a = C^{-1} y$ | `a` | labels in units of what the model expects of them |

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
from functools import partial

import numpy as np

from fourier_meta import (
    TaskFamily,
    alias_classes,
    few_shot_risk,
    few_steps,
    figures,
    min_norm,
    on_top,
    ridge,
    share,
    train_maml,
)
from fourier_meta.bayes import (
    empirical_bayes,
    log_marginal_likelihood,
    posterior_mean,
)
from fourier_meta.exercises import check_06_1, check_06_2, check_06_3
from fourier_meta.figures import show
from fourier_meta.rivals import moment_weights
from fourier_meta.sweep import load_table

# %% tags=["parameters"]
n_features = 257  # d, number of Fourier features
support = (12, 33, 60)  # S, the true features; scattered, so that they can be seen
few_points = 4  # N, points of each task at first
few_tasks = 15  # T, tasks that the prior is learned from
noise_level = 0.3  # standard deviation of the noise, where there is any; above 0
seeds = 10  # repetitions behind every band
seed = 0  # everything random in this chapter follows from it

# %%
family = TaskFamily(n_features, support)
true = list(support)
book = (n_features, support, few_points, few_tasks, noise_level, seeds, seed)
as_in_the_book = book == (257, (12, 33, 60), 4, 15, 0.3, 10, 0)


def shown(value):
    """A risk with one digit; what is rounding is not spelled out."""
    return "below 1e-12" if value <= 1e-12 else f"{value:.0e}"


# %% [markdown]
# ## The result: fifteen tasks of four points
#
# MAML of chapter 3, run here for 300 steps on the same family, sees 4,500 tasks of 128 points. Here are 15 tasks of 4 points, 60 numbers in all, and a method that is told nothing but that tasks share *some* prior.

# %%
tasks = family.sample(few_tasks, few_points, np.random.default_rng(seed))
prior = empirical_bayes(tasks)
run = train_maml(family, steps=300, seed=seed)
solve_maml = partial(min_norm, weights=run.weights)
risks = {
    "empirical Bayes": few_shot_risk(family, few_points, prior.solve),
    "MAML": few_shot_risk(family, few_points, solve_maml),
}
for name, values in risks.items():
    print(f"{name:16s} median risk of 50 unseen tasks: {shown(np.median(values))}")
print("S on top:", on_top(prior.weights, support), "and", on_top(run.weights, support))
if as_in_the_book:
    assert on_top(prior.weights, support)
    assert np.median(risks["empirical Bayes"]) < 1e-12

# %% tags=["hide-input"]
fig, axes = figures.subplots(1, 2, height=2.6, width=10)
panels = {
    f"empirical Bayes: {few_tasks} tasks of {few_points} points": prior.weights,
    "MAML: 4,500 tasks of 64 + 64 points": np.abs(run.weights),
}
for ax, (title, weights) in zip(axes, panels.items(), strict=True):
    figures.draw_spectrum(ax, weights, support, title.partition(":")[0])
    ax.set_title(title)
show(
    fig,
    alt=f"Two spectra of weights over {n_features} features. Both have spikes at "
    f"features {support}. On the left, empirical Bayes from {tasks.labels.size} "
    "labels: "
    "all other weights are 0. On the right, MAML from 4,500 tasks: the others are "
    "small.",
)

# %% [markdown]
# Same three features, from a 9,600th of the labels. No gradient through an inner loop, no held-out points, no outer rate. To see why this is possible, we have to say what a weight is.
#
# ## A weight is a prior standard deviation
#
# The model of the whole book is $y = \phi(x) \cdot (w \odot \alpha)$ plus noise. Suppose that the coefficients of a task are drawn from $\mathcal N(0, 1)$, and the noise from $\mathcal N(0, \sigma^2)$. Then
#
# $$ \beta_j = w_j \alpha_j \sim \mathcal N(0, q_j), \qquad q_j = w_j^2 \tag{1} $$
#
# A large weight says: this coefficient varies a lot from task to task. A weight of 0 says: it is always 0. *The weights are the prior of the tasks.*
#
# What is believed of $\beta$ before a task is seen is its *prior*; what is believed after its labels is its *posterior*. Given labels, the posterior density is largest, and has its mean, where
#
# $$ \frac{\lVert y - \Phi \beta \rVert^2}{\sigma^2} + \sum_j \frac{\beta_j^2}{q_j} $$
#
# is least. With $\beta = w \odot \alpha$ the second sum is $\lVert \alpha \rVert^2$, and after a division by $N / \sigma^2$ this is *ridge regression* with weights $w$: it minimises $\tfrac1N \lVert y - \Phi (w \odot \alpha) \rVert^2 + \mu \lVert \alpha \rVert^2$, with penalty $\mu = \sigma^2 / N$. So *ridge is the posterior mean*, and min-norm is its limit without noise.

# %%
noisy = TaskFamily(n_features, support, noise_level).sample(
    5, 8, np.random.default_rng(seed)
)
weights = np.random.default_rng(seed).uniform(0.5, 1.5, n_features)
by_ridge = ridge(noisy.features, noisy.labels, noise_level**2 / 8, weights)
by_bayes = posterior_mean(noisy.features, noisy.labels, weights**2, noise_level)
print("ridge is the posterior mean:", np.abs(by_ridge - by_bayes).max() < 1e-10)
assert np.abs(by_ridge - by_bayes).max() < 1e-10

# %% [markdown]
# ## What the labels say about a prior
#
# Under the prior (1), the labels of a task are a sum of Gaussians, so they are Gaussian:
#
# $$ y \sim \mathcal N(0, C), \qquad C = \Phi \, \mathrm{diag}(q) \, \Phi^\top + \sigma^2 I \tag{2} $$
#
# The coefficients have dropped out. What is left is a density of the *labels* that depends on $q$ and $\sigma$ alone, the **marginal likelihood**:
#
# $$ \log p(y) = -\tfrac12 \left( \log \det C + y^\top C^{-1} y + N \log 2 \pi \right) $$
#
# Learning the prior by making it large, over many tasks, is *empirical Bayes*. Its slope in one variance has a reading. With $a = C^{-1} y$,
#
# $$ \frac{\partial \log p}{\partial q_j} = \tfrac12 \Big( \underbrace{(\phi_j^\top a)^2}_{\text{observed}} - \underbrace{\phi_j^\top C^{-1} \phi_j}_{\text{expected}} \Big) \tag{3} $$
#
# If the labels really came from $\mathcal N(0, C)$, the first term would have the second as its mean. So (3) compares, feature by feature, how much of it is *observed* in the labels with how much the present prior *expects*. Too much observed: the variance is too small.
#
# Central differences agree:

# %%
variances = np.random.default_rng(seed).uniform(0.1, 1, n_features)
_, slopes, _ = log_marginal_likelihood(noisy, variances, noise_level)
for j in (0, support[0], n_features - 1):
    step = 1e-5 * (np.arange(n_features) == j)
    above, _, _ = log_marginal_likelihood(noisy, variances + step, noise_level)
    below, _, _ = log_marginal_likelihood(noisy, variances - step, noise_level)
    difference = (above - below) / 2e-5
    print(
        f"feature {j:3d}: slope {slopes[j]:+.4f}, central difference {difference:+.4f}"
    )
    assert abs(difference - slopes[j]) < 1e-4 * (1 + abs(slopes[j]))

# %% [markdown]
# ## Empirical Bayes in one cell
#
# The algorithm multiplies every variance by the *root of observed over expected*, both summed over tasks. Where they are equal it stands still, and that is where (3) is 0.
#
# Why the root? $\log \det C$ is concave in $q$, so its tangent is never below it. $y^\top C^{-1} y$ is the least value over $\beta$ of $\lVert y - \Phi \beta \rVert^2 / \sigma^2 + \sum_j \beta_j^2 / q_j$, so the present best $\beta$ gives something that is never below it. Minus half their sum is, up to a constant, a curve that touches the log likelihood where the step begins and is nowhere above it. For one variance that sum is, up to a constant, $q_j \, e_j + q_{j, \text{old}}^2 \, o_j / q_j$, with what was observed, $o_j$, and expected, $e_j$; it is least at $q_{j, \text{old}} \sqrt{o_j / e_j}$, so *no step can lower the likelihood*.
#
# The noise is one more variance, whose columns are those of the identity.


# %%
def learn_prior(features, labels, steps):
    _, n_points, n_features = features.shape  # (T, N, d)
    size = np.mean(labels**2)
    power = np.mean(features**2, axis=(0, 1))  # (d,)
    q = 0.9 * size / power / n_features  # (d,), all features explain alike
    noise_variance = 0.1 * size
    for _ in range(steps):
        noise_part = noise_variance * np.eye(n_points)
        covariance = (features * q) @ features.mT + noise_part  # (T, N, N)
        inverse = np.linalg.inv(covariance)
        a = np.matvec(inverse, labels)  # (T, N)
        observed = np.sum(np.vecmat(a, features) ** 2, axis=0)  # (d,)
        expected = np.sum((inverse @ features) * features, axis=(0, 1))  # (d,)
        q = q * np.sqrt(observed / expected)
        noise_expected = np.trace(inverse, axis1=1, axis2=2).sum()
        noise_variance = noise_variance * np.sqrt(np.sum(a**2) / noise_expected)
        noise_variance = max(noise_variance, 1e-8 * size)  # so that C has an inverse
    return q, np.sqrt(noise_variance)


# %%
for batch in (tasks, noisy):
    by_hand, noise_by_hand = learn_prior(batch.features, batch.labels, 40)
    packaged = empirical_bayes(batch, steps=40, tolerance=1e-12)
    difference = np.abs(by_hand - packaged.variances).max()
    falls = np.diff(packaged.history).min()
    print("equal to the package to 1e-10:", difference < 1e-10, end="; ")
    print("the likelihood never falls:", falls > -1e-6)
    assert difference < 1e-10
    assert abs(noise_by_hand - packaged.noise) < 1e-10
    assert falls > -1e-6

# %% tags=["hide-input", "live-bayes"]
path = [empirical_bayes(tasks, steps=k, tolerance=1e-12) for k in range(1, 61)]
roots = np.array([stage.weights for stage in path])
false = [j for j in range(n_features) if j not in support]
fig, axes = figures.subplots(1, 2, height=2.8, width=10)
axes[0].plot(path[-1].history, color=figures.COLORS["empirical Bayes"])
axes[0].set(xlabel="step", ylabel="log marginal likelihood", title="it only climbs")
low, middle, high = np.quantile(roots[:, false], (0, 0.5, 1), axis=1)
at = np.arange(1, 61)
axes[1].fill_between(at, low, high, color=figures.COLORS["other"], alpha=0.3)
axes[1].plot(at, middle, color=figures.COLORS["other"])
axes[1].plot(at, roots[:, true], color=figures.COLORS["empirical Bayes"])
axes[1].text(60, roots[-1, true].max(), "true features", ha="right", va="bottom")
axes[1].text(60, 0.02, f"range of the {len(false)} others", ha="right", va="bottom")
axes[1].set(xlabel="step", ylabel="prior standard deviation", ylim=(0, None))
axes[1].set_title("the others are explained away")
show(
    fig,
    alt="Sixty steps of empirical Bayes. Left, the log marginal likelihood climbs at "
    "every step. Right, the prior standard deviations of the true features rise; the "
    "largest of all others rises at first, too, and falls to 0.",
)

# %% [markdown]
# Nothing in this loop says "sparse". A false feature dies because the true ones, as they grow, take away what it seemed to explain: its observed part falls, its expected part does not.
#
# ## How few tasks, how few points
#
# Ten draws of the training tasks for each size, no noise.

# %%
found = {}
for size in ((3, 4), (3, 8), (15, 4), (30, 3), (60, 3)):
    hits = 0
    for draw in range(seeds):
        some = family.sample(*size, np.random.default_rng([draw, *size]))
        hits += on_top(empirical_bayes(some).weights, support)
    found[size] = hits
    print(
        f"{size[0]:2d} tasks of {size[1]} points: S on top in {hits} of {seeds} draws"
    )
if as_in_the_book:
    assert found[3, 8] >= 7
    assert found[30, 3] >= 7
    assert found[3, 4] <= 3

# %% [markdown]
# Three points only just determine a task whose three features are known. From 30 tasks of three points the features themselves are found.
#
# Where it fails, it is not always the information that is missing. The likelihood has several maxima, and the climb may end in a lower one:

# %%
failed = None
for draw in range(200):
    some = family.sample(few_tasks, few_points, np.random.default_rng([draw, 1]))
    candidate = empirical_bayes(some)
    if not on_top(candidate.weights, support):
        failed = candidate
        break
if failed is not None:
    truth = np.where(np.isin(np.arange(n_features), support), 1.0, 0.0)
    at_truth, _, _ = log_marginal_likelihood(some, truth, failed.noise)
    print(f"draw {draw} ends at {failed.log_likelihood:.1f},", end=" ")
    print(f"the true prior has {at_truth:.1f}")

# %% [markdown]
# ## It recovers the variances, too
#
# Give the three coefficients unequal scales, 1, 0.3 and 0.1, so that their variances are 1, 0.09 and 0.01. Somebody who *saw* the coefficients of T tasks could estimate a variance to a relative error of about $\sqrt{2 / T}$. How close does empirical Bayes come, from 8 points a task?

# %%
scales = np.array([1, 0.3, 0.1, *[1] * len(support)])[: len(support)]
counts = (10, 30, 100)
recovered = np.empty((len(counts), seeds, len(support)))
for i, count in enumerate(counts):
    for draw in range(seeds):
        rng = np.random.default_rng([draw, count])
        coefficients = family.draw_coefficients(count, rng) * scales
        learned = empirical_bayes(family.observe(coefficients, 8, rng))
        recovered[i, draw] = learned.variances[true] / scales**2
for i, count in enumerate(counts):
    print(f"{count:3d} tasks, learned / true:", end="")
    for k in range(len(support)):
        low, middle, high = np.quantile(recovered[i, :, k], (0.1, 0.5, 0.9))
        print(f"   {middle:.2f} ({low:.2f} to {high:.2f})", end="")
    print()

# %% tags=["hide-input"]
fig, ax = figures.subplots(height=3, width=8)
position = np.arange(len(counts))
spread = 1.28 * np.sqrt(2 / np.array(counts))  # 10 to 90 % of a Gaussian error
ax.fill_between(
    position, 1 - spread, 1 + spread, color=figures.COLORS["other"], alpha=0.25
)
ax.text(0.04, 1.42, "if the coefficients were seen", fontsize=9, va="bottom")
for k, scale in enumerate(scales):
    low, middle, high = np.quantile(recovered[:, :, k], (0.1, 0.5, 0.9), axis=1)
    shift = position + 0.07 * (k - (len(scales) - 1) / 2)
    bars = [middle - low, high - middle]
    style = {"color": figures.COLORS["empirical Bayes"], "capsize": 3}
    ax.errorbar(shift, middle, bars, fmt="osv"[k % 3], label=f"{scale**2:.2g}", **style)
ax.axhline(1, color=figures.COLORS["truth"], linewidth=0.8)
ax.set(xticks=position, xticklabels=counts, xlabel="tasks of 8 points", ylim=(0, 2))
ax.set(ylabel="learned variance / true variance")
ax.legend(title="true variance", ncols=3, loc="upper right")
show(
    fig,
    alt="Learned over true variance for 10, 30 and 100 tasks and true variances of 1, "
    "0.09 and 0.01, ten draws each. All scatter around 1, and the scatter shrinks with "
    "the number of tasks, inside or near the band of somebody who saw the "
    "coefficients.",
)

# %% [markdown]
# As well as if the coefficients had been seen, for all three. *These* are estimates of a prior.
#
# And MAML's weights? It is trained on held-out error after adaptation, not on the likelihood. With 64 points a task even a coefficient of scale 0.1 is fitted whatever its prior says, as long as it is cheap:


# %%
def batches(n_points, noise, seed):
    """Endless batches of 15 tasks with unequal scales."""
    some_family = TaskFamily(n_features, support, noise)
    rng = np.random.default_rng(seed)
    while True:
        coefficients = some_family.draw_coefficients(15, rng) * scales
        yield some_family.observe(coefficients, 2 * n_points, rng)


def relative(values):
    """Divided by the largest, as text."""
    return ", ".join(f"{value:.2f}" for value in values / values.max())


print("true variances, relative:                  ", relative(scales**2))
for held, level in ((64, 0.0), (8, 0.1)):
    rate = 0.02 if held == 64 else 0.005
    trained = train_maml(batches(held, level, seed), steps=300, inner_rate=rate)
    print(f"MAML's w^2, {held:2d} + {held:2d} points, noise {level}:", end=" " * 5)
    print(relative(trained.weights[true] ** 2))

# %% [markdown]
# With many points MAML *equalises*: all true features get the same weight. With few points and noise MAML's weights have the order of the prior's standard deviations, but not their ratios. (Reptile's are not compared with the variances here; below they are judged by selection and risk.)
# So a weight can be read in two ways, and both are right. The weights that *fit a model of the tasks* are a prior, and MAML's weights are *what serves its own inner loop best*, which is as much of the prior as that loop needs.
#
# ## Noise: the likelihood can be fooled
#
# Now the tasks have noise of standard deviation 0.3. Empirical Bayes learns the noise level with the variances. Does it?

# %%
noisy_family = TaskFamily(n_features, support, noise_level)
few = noisy_family.sample(few_tasks, 16, np.random.default_rng(seed))
fooled = empirical_bayes(few)
told = empirical_bayes(few, noise=noise_level)
known = noisy_family.true_weights**2
oracle = partial(posterior_mean, variances=known, noise=noise_level)
for name, learned in (("noise learned", fooled), ("noise told", told)):
    others = np.delete(learned.variances, true).sum()
    print(f"{name:13s}: noise {learned.noise:.4f}, sum of all other variances", end=" ")
    print(f"{others:.3f}")
for name, solve in (
    ("noise learned", fooled.solve),
    ("noise told", told.solve),
    ("prior and noise told", oracle),
):
    risk_16 = np.median(few_shot_risk(noisy_family, 16, solve))
    print(f"{name:20s} median risk from 16 points {risk_16:.3f}")

# %% [markdown]
# It does not. There are 257 variances and 240 labels, so the noise can be *explained*, as a little variance of many false features, and the likelihood prefers that to any noise at all. It found S, and then it fits the noise of every new task as well.
# Told the noise, it comes close to who is told the prior as well.
#
# What would know better? Points that were not fitted. We hold out a quarter of each task's points, and take the noise level whose prior predicts them best. *Held-out points prune*, here as in chapter 5:


# %%
def held_out_noise(tasks, levels):
    """The noise level whose empirical Bayes predicts a left-out quarter best."""
    kept, left_out = tasks.split(tasks.n_points - tasks.n_points // 4)
    errors = []
    for level in levels:
        learned = empirical_bayes(kept, noise=level)
        fitted = learned.solve(kept.features, kept.labels)
        predicted = np.matvec(left_out.features, fitted)
        errors.append(np.mean((predicted - left_out.labels) ** 2))
    return levels[int(np.argmin(errors))]


levels = (0.001, 0.03, 0.1, 0.2, 0.3, 0.5, 1.0)
chosen = held_out_noise(few, levels)
mended = empirical_bayes(few, noise=chosen)
risk_16 = np.median(few_shot_risk(noisy_family, 16, mended.solve))
print(
    f"noise chosen by held-out points {chosen}, median risk from 16 points "
    f"{risk_16:.3f}"
)

# %% [markdown]
# ## A contest where tasks are needed
#
# Who learns best from other tasks? [Chapter 2](02_overfitting.ipynb) fitted single tasks; chapters 3 to 5 trained on thousands. Here everybody gets the *same* training tasks, few of them and with few points, and is tested on the *same* unseen tasks with as many points.
#
# The rules, stored by `make results` with ten seeds and 50 unseen tasks each:
#
# - Learning sees the training tasks and nothing else. Whatever takes outer steps takes 300 of 15 tasks, drawn again and again from the pool.
# - Everybody who has learned weights adapts by the posterior mean, and *tunes the noise level on its own training tasks*, by leaving out points. So nobody loses by a bad penalty.
# - Two scores, always both: is *S on top*, and the *risk* of unseen tasks, median over tasks, with a band of 10 to 90 % over seeds.
# - Two methods are compared on the same unseen tasks, *pair by pair*.
#
# We bring the methods in one group at a time. In every figure thin grey lines are all the others. First, in each, the lines that frame it: `zero` predicts 0, and the `oracle` is told S.
#
# ### One task alone, and a prior by hand
#
# *Ridge* has weights 1 and a tuned penalty, and is told nothing. *Lasso* and *OMP* look at one task and bet on few features; lasso tunes its penalty, OMP is told how many. The *smoothness prior* $(1 + k)^{-p}$ is told that low frequencies matter, and tunes $p$; in this table S is {0, 1, 2}, so that it is told the truth.

# %%
by_points = load_table("contest_points")


def curves(table, axis, **where):
    """For each method: 10, 50 and 90 % over seeds of the risk, along the axis."""
    bands = {}
    for method in table.levels("method"):
        risks = table.cube("risk", axis, "seed", method=method, **where)
        bands[method] = np.quantile(risks, (0.1, 0.5, 0.9), axis=1)
    return bands


without_noise = curves(by_points, "n_points", noise=0.0)
with_noise = curves(by_points, "n_points", noise=0.3)
sizes = by_points.levels("n_points")


def print_risks(*names):
    """Median risk at every number of points, a line for each method."""
    print(" " * 43 + "".join(f"{size:>12d}" for size in sizes) + "  points")
    for title, bands in (("no noise", without_noise), ("noise 0.3", with_noise)):
        for name in names:
            words = "".join(f"{shown(value):>12s}" for value in bands[name][1])
            print(f"{name:33s}{title:10s}{words}")


print_risks("zero", "lasso", "OMP", "smoothness prior", "oracle")


# %% tags=["hide-input"]
def draw_group(names, alt):
    """Two panels, without and with noise, risk against points."""
    fig, axes = figures.subplots(1, 2, height=3.4, width=11)
    axes[0].set(ylim=(2e-13, 20), title="15 training tasks, no noise")
    figures.draw_contest(axes[0], sizes, without_noise, names)
    axes[1].set(ylim=(2e-3, 9), title="15 training tasks, noise 0.3")
    figures.draw_contest(axes[1], sizes, with_noise, names)
    for ax in axes:
        ax.set(xticks=sizes, xticklabels=sizes, xlabel="points of each task")
        ax.minorticks_off()
    axes[0].get_legend().remove()
    axes[1].set_ylabel("")
    show(fig, alt=alt)


draw_group(
    ["zero", "ridge", "lasso", "OMP", "smoothness prior", "oracle"],
    alt="Risk against points, 2 to 64. Without noise, ridge stays with predicting 0; "
    "lasso and OMP are useless up to 8 points, OMP is exact from 16 on; the smoothness "
    "prior is good from 4 points on; the oracle is exact from 4. With noise 0.3 OMP "
    "and "
    "lasso need more, and nobody is below the oracle.",
)

# %% [markdown]
# At 4 and 8 points one task alone is not enough for lasso and OMP. That is a limit of algorithms and not of information, as long as there is no noise: trying all 2,796,160 triples of features finds the right one.

# %%
exhaustive = load_table("exhaustive")
for level in exhaustive.levels("noise"):
    parts = []
    for size in exhaustive.levels("n_points"):
        part = exhaustive.cube("found", "seed", noise=level, n_points=size).mean()
        parts.append(f"{size} points {part:.0%}")
    print(f"noise {level}: best triple is S in", ", ".join(parts))
assert exhaustive.cube("found", "seed", noise=0.0, n_points=4).mean() == 1
assert exhaustive.cube("found", "seed", noise=0.01, n_points=4).mean() == 0

# %% [markdown]
# A hundredth of noise, and from 4 points no search can do it. *Noise is what makes other tasks necessary.*
#
# ### Statistics of many tasks
#
# *Moment ranking* takes the features with the largest mean of $(\phi_j^\top y / N)^2$; it is told how many. *Group lasso* fits all tasks at once and pays for each feature that any task uses; it is told nothing, and tunes its penalty. *Empirical Bayes* is what we wrote above, told nothing; once with the noise that the likelihood gives, once with the noise that held-out points give.

# %%
print_risks("group lasso", "empirical Bayes", "empirical Bayes, noise held out")

# %% tags=["hide-input"]
draw_group(
    [
        "moment ranking",
        "group lasso",
        "empirical Bayes",
        "empirical Bayes, noise held out",
        "oracle",
    ],
    alt="Risk against points for statistics of 15 tasks. Without noise empirical Bayes "
    "is exact from 4 points, group lasso and moment ranking from 8. With noise 0.3 "
    "empirical Bayes with the noise of the likelihood stays near 0.2 up to 16 points; "
    "with held-out noise it follows the oracle from 8 points on, as moment ranking "
    "does.",
)

# %% [markdown]
# ### Meta-gradients
#
# *Reptile* and *MAML* as in chapters 3 and 4, from ones; *FOMAML* is first order; *ridge inside* trains through ridge regression with penalty 0.1 instead of five steps. *Small start* is chapter 5's: all weights 0.001, and for MAML one common scale of step. They are told nothing about the tasks; from ones the inner rate is a fifth of the stable one, from 0.001 it is 0.02.

# %% tags=["hide-input"]
draw_group(
    [
        "Reptile",
        "Reptile, small start",
        "FOMAML",
        "MAML",
        "MAML, ridge inside",
        "MAML, small start",
        "oracle",
    ],
    alt="Risk against points for meta-gradients on 15 tasks. Reptile and FOMAML from "
    "ones stay near predicting 0 up to 16 points. MAML falls steadily; ridge inside "
    "falls earliest without noise. From a small start MAML and Reptile are close to "
    "the "
    "oracle from 8 points on when there is noise.",
)

# %% [markdown]
# ## Who wins, region by region
#
# The same unseen tasks, pair by pair, against empirical Bayes with held-out noise: the ratio of risks, median over tasks, then median over ten seeds. Above 1 a method loses to empirical Bayes, below 1 it wins. It *ties* if the band of 10 to 90 % over seeds holds 1.

# %%
compared = (
    "smoothness prior",
    "moment ranking",
    "group lasso",
    "empirical Bayes",
    "Reptile, small start",
    "MAML",
    "MAML, ridge inside",
    "MAML, small start",
)


def ratios(table, method, **where):
    """10, 50 and 90 % over seeds of the ratio of risks, paired over unseen tasks."""
    exponents = table.cube("log_ratio", "seed", method=method, **where)
    return np.quantile(10**exponents, (0.1, 0.5, 0.9))


def verdict(table, method, **where):
    """The median ratio, who won, and in how many seeds S is on top."""
    low, middle, high = ratios(table, method, **where)
    result = "loses" if low > 1 else "wins" if high < 1 else "ties"
    top = table.cube("on_top", "seed", method=method, **where).sum()
    return f"{middle:8.2g} {result:5s} {top:4.0f}"


def print_verdicts(table, regions):
    """A line for each method, a column for each region (a title and where it is)."""
    print("ratio of risks, verdict, S on top in how many of ten seeds")
    print(" " * 22 + "".join(f"{title:>21s}" for title in regions))
    wins = 0
    for method in compared:
        cells = [verdict(table, method, **where) for where in regions.values()]
        wins += sum("wins" in cell for cell in cells)
        print(f"{method:22s}" + "".join(f"{cell:>21s}" for cell in cells))
    print("wins against empirical Bayes with held-out noise:", wins)


regions = {
    "4 points, no noise": {"n_points": 4, "noise": 0.0},
    "8 points, no noise": {"n_points": 8, "noise": 0.0},
    "4 points, noise 0.3": {"n_points": 4, "noise": 0.3},
    "16 points, noise 0.3": {"n_points": 16, "noise": 0.3},
}
print_verdicts(by_points, regions)


# %% tags=["hide-input"]
def draw_ratios(table, regions, alt):
    """A panel for each region: the paired ratio of every method, with its band."""
    fig, axes = figures.subplots(1, len(regions), height=3.2, width=11, sharey=True)
    rows = np.arange(len(compared))[::-1]
    for ax, (title, where) in zip(axes, regions.items(), strict=True):
        for row, method in zip(rows, compared, strict=True):
            low, middle, high = ratios(table, method, **where)
            color = figures.COLORS[method.partition(",")[0]]
            ax.plot([low, high], [row, row], color=color)
            ax.plot(middle, row, "o", color=color)
        ax.axvline(1, color=figures.COLORS["truth"], linewidth=0.8)
        ax.set(xscale="log", title=title, yticks=rows, yticklabels=compared)
        ax.minorticks_off()
    fig.supxlabel(
        "risk / risk of empirical Bayes with held-out noise, paired", fontsize=10
    )
    show(fig, alt=alt)


draw_ratios(
    by_points,
    regions,
    "Paired ratios of risk to that of empirical "
    "Bayes with held-out noise, eight methods, four regions. At 4 points without noise "
    "bands are wide and empirical Bayes with the noise of the likelihood lies far "
    "below "
    "1. At 8 points without noise group lasso and ridge inside lie at 1, Reptile and "
    "MAML from ones or a small start far above. At 4 points with noise all bands hold "
    "1 "
    "or nearly. At 16 points with noise smoothness prior, moment ranking, Reptile and "
    "MAML from a small start lie at 1, the others above.",
)

# %% [markdown]
# Said plainly, for 15 tasks:
#
# - **2 points**: nobody learns anything that helps. Whoever tries is no better than predicting 0, and empirical Bayes is worse: it fits accidents. Only the smoothness prior, which was told, gains a little.
# - **4 points, no noise**: empirical Bayes is best, with the noise that the *likelihood* gives. S is on top in nine draws of ten, where MAML and Reptile manage six at best; in the tenth it is as lost as they are, so that the table counts a tie. Held-out noise costs here, as a quarter of 4 points is a lot.
# - **8 points or more, no noise**: empirical Bayes is as good as the oracle, and so is the group lasso, from one set of 15 tasks. MAML through ridge ties at 8 points, and falls behind with more, because it was given a penalty. At 8 points small starts end at 1e-4 to 1e-6, MAML from ones at 3e-2.
# - **4 points, noise 0.3**: who was told wins, the smoothness prior. Of those who learn, in the table, only moment ranking loses; the others tie, over wide bands.
# - **8 points or more, noise 0.3**: empirical Bayes with held-out noise is at the oracle, with the noise of the likelihood behind by a factor of four to seven. Reptile and MAML *from a small start* tie with it at 16 points; MAML from ones, and through ridge, loses by a factor of two to seven.
# - **One task alone**: OMP, told how many, is close to the oracle at 64 points with noise, and without noise exact in the median from 16. Where points are many, tasks are not needed.
#
# So the plain order of chapter 3, from ones, is nowhere the best; a small start, as in chapters 4 and 5, or ridge inside where there is no noise, makes meta-gradients competitive.
#
# ## Who needs how many tasks

# %%
by_tasks = load_table("contest_tasks")
pools = by_tasks.levels("n_tasks")
shown_methods = [
    "moment ranking",
    "group lasso",
    "empirical Bayes, noise held out",
    "MAML, ridge inside",
    "Reptile, small start",
    "MAML, small start",
    "oracle",
]
print(f"S on top, in % of ten seeds, tasks of 8 points; tasks: {pools}")
for level in by_tasks.levels("noise"):
    for method in shown_methods[:-1]:
        tops = by_tasks.cube("on_top", "n_tasks", "seed", method=method, noise=level)
        words = "".join(f"{value:6.0%}" for value in tops.mean(axis=1))
        print(f"noise {level}  {method:32s}{words}")

# %% tags=["hide-input"]
fig, axes = figures.subplots(1, 2, height=3.4, width=11)
for ax, level in zip(axes, by_tasks.levels("noise"), strict=True):
    lowest = 2e-13 if level == 0 else 2e-3
    ax.set(ylim=(lowest, 20), title=f"tasks of 8 points, noise {level}")
    figures.draw_contest(
        ax, pools, curves(by_tasks, "n_tasks", noise=level), shown_methods
    )
    ax.set(xticks=pools, xticklabels=pools, xlabel="training tasks")
    ax.minorticks_off()
axes[0].get_legend().remove()
axes[1].set_ylabel("")
show(
    fig,
    alt="Risk against the number of training tasks, 1 to 100, from 8 points. Without "
    "noise, empirical Bayes is exact from 3 tasks, group lasso and moment ranking from "
    "10; meta-gradients fall more slowly. With noise 0.1 all but a few reach the "
    "oracle "
    "between 10 and 30 tasks.",
)

# %% [markdown]
# From ten tasks of 8 points on, empirical Bayes with held-out noise is as good as the oracle, with and without noise. Counted by risk, the group lasso needs about as many, MAML through ridge and moment ranking about thirty; MAML through ridge has S on top from ten on.
# From a small start, meta-gradients come close to the oracle from thirty tasks when there is noise. Without noise they fall steadily and do not arrive: their false weights are small and not zero.
# With one task only one method is of use, the one that was *told*: the smoothness prior. With three, empirical Bayes finds S in some draws and not in others.
#
# ## When assumptions fail
#
# Three other families, 30 tasks of 8 points. *Scattered*: S = {20, 57, 200}. *Unequal*: scales 1, 0.3 and 0.1. *Crowded*: x is the cube of a uniform draw, so that most points lie near 0 and slow waves look alike.

# %%
by_case = load_table("contest_cases")
cases = by_case.levels("case")
print("30 tasks of 8 points, noise 0.1: median risk, S on top in how many of ten seeds")
print(" " * 32 + "".join(f"{case:>16s}" for case in cases))
for method in (*compared, "empirical Bayes, noise held out", "oracle"):
    cells = []
    for case in cases:
        where = {"method": method, "case": case, "noise": 0.1}
        middle = np.median(by_case.cube("risk", "seed", **where))
        top = by_case.cube("on_top", "seed", **where).sum()
        cells.append(f"{middle:8.4f}, {top:2.0f}")
    print(f"{method:32s}" + "".join(f"{cell:>16s}" for cell in cells))

# %%
case_regions = {
    f"{case}, noise {level}": {"case": case, "noise": level}
    for level in (0.0, 0.1)
    for case in cases
}
print_verdicts(by_case, case_regions)

# %% [markdown]
# - *Scattered*: the smoothness prior is worth as much as predicting 0. What was told was wrong. Nobody who learns minds.
# - *Unequal*: moment ranking never finds the smallest coefficient, and MAML with K steps inside hardly ever, from either start (through ridge it does in most draws): it weighs a feature by what it is worth to the loss, and this one is worth a hundredth of the first. Empirical Bayes and the group lasso find it in every seed. With noise the *risk* of MAML from a small start is about twice that of empirical Bayes all the same; selection and risk are two things.
# - *Crowded*: slow waves look alike, and moment ranking takes them for true in every seed. What fits is hardly fooled: only Reptile errs, in three or four draws of ten.
#
# In none of the six does any of these methods win against empirical Bayes with held-out noise.
#
# ## What no method can tell apart
#
# The grid of chapter 2 once more: 64 regular points, on which every feature has aliases. Which part of the squared weight lies on S, and which on the aliases of S?

# %%
for design in ("grid", "jittered", "random"):
    placed = TaskFamily(n_features, support, design=design)
    pool = placed.sample(15, 64, np.random.default_rng(seed))
    aliases = alias_classes(64, n_features)
    twins = {j for s in support for j in aliases.members(s)} - set(support)
    learned = {
        "empirical Bayes": empirical_bayes(pool).weights,
        "moment ranking": moment_weights(pool, len(support)),
        "MAML": train_maml(placed, steps=300, seed=seed).weights,
    }
    for name, w in learned.items():
        print(f"{design:9s}{name:16s} on S {share(w, support):.2f}", end=", ")
        print(f"on aliases {share(w, list(twins)):.2f}")

# %% [markdown]
# On the grid, empirical Bayes divides the variance equally between a feature and its aliases, and moment ranking takes what rounding puts first. Only MAML rejects the aliases, because its held-out points lie off the grid (its share on S is small there, because features that the grid never confuses with S are not pushed down). On any other points the question does not arise.
# One sentence explains all nine lines: *what is equal at every point that a method looks at, it cannot tell apart.*
#
# ## Weights and solver belong together
#
# Last, a trap. MAML's weights, learned with noise 0.3 from 64 points, in the hands of three solvers:

# %%
trained = train_maml(noisy_family, steps=300, seed=seed)
size = np.abs(trained.weights[true]).mean()
solvers = {
    "min-norm": partial(min_norm, weights=trained.weights),
    "its own K = 5 steps": partial(few_steps, weights=trained.weights),
    "posterior mean": partial(
        posterior_mean, variances=(trained.weights / size) ** 2, noise=noise_level
    ),
}
for name, solve in solvers.items():
    risk_64 = np.median(few_shot_risk(noisy_family, 64, solve))
    print(f"{name:20s} median risk from 64 points {risk_64:.4f}")

# %% [markdown]
# Min-norm presses the noise through the small weights, too. Without noise the weights are all that is worth learning; with noise a prior is only half a model, and the other half is the noise level.
#
# ## What meta-gradients add, and what they do not
#
# In this chapter's problem they do not add accuracy. Empirical Bayes is told no more than they are, neither how many features matter nor a penalty, and needs fewer tasks.
# It needs a *model* instead: linear in the coefficients, Gaussian, with one covariance matrix that can be written down.
#
# - Meta-gradients need **no probability model**, only a loss on held-out points.
# - They go through **any inner loop that can be differentiated**: K steps, ridge, the networks of [chapter 10](10_networks.ipynb).
# - They are **tuned to the use**: what is minimised is the error after the very adaptation that will be used. [Chapter 9](09_traffic.ipynb) has a case where that wins among diagonal priors.
# - From a small start, with held-out points or with Reptile's own step, their **selection is robust to noise**; the noise level of the fit is tuned, as for everybody.
#
# ## Try it
#
# Train once, then drag the number of points of an unseen task, and watch fits and errors follow.

# %% tags=["explorer", "nbval-ignore-output"]
from fourier_meta.explorers import explore_points

explore_points()

# %% [markdown]
# ## Summary
#
# - *A weight is a prior standard deviation*; ridge with weights is the posterior mean. Empirical Bayes estimates it. What MAML learns is as much of it as its own inner loop needs: which features, and how fast; its height comes from K and $\eta$.
# - *Empirical Bayes* multiplies each variance by the root of observed over expected, and never lowers the likelihood. It finds S from 15 tasks of 4 points or 30 of 3, and recovers variances as well as if coefficients had been seen.
# - *It breaks* with noise and more features than labels: then the likelihood explains noise away. Held-out points choose a noise level that predicts about as well as the true one. With few points the climb may also end in a lower maximum.
# - *In the contest* empirical Bayes wins or ties from 4 points on, with held-out noise as soon as there is noise. With equal scales and x spread evenly, meta-gradients from a small start come within a factor of two of it where there is noise and 16 points or 30 tasks; from ones they are nowhere best. A prior that is told, and right, wins where data are fewest.
# - *What is equal at every point that a method looks at, it cannot tell apart.*
#
# ## Exercises
#
# **Exercise 1.** Weights are the roots of prior variances, tasks have 8 points and noise of standard deviation 0.3. Which `penalty` makes `ridge` the posterior mean?

# %%
penalty = ...
check_06_1(penalty)

# %% tags=["solution"]
penalty = 0.3**2 / 8
check_06_1(penalty)

# %% [markdown]
# **Exercise 2.** Rewrite the algorithm. The textbook's EM step sets every variance to the mean over tasks of (posterior mean)² + posterior variance. With $a = C^{-1} y$ the posterior mean of coefficient j is $q_j \, \phi_j^\top a$, and its posterior variance is $q_j - q_j^2 \, \phi_j^\top C^{-1} \phi_j$.
# Write `em_step(features, labels, variances, noise)`, which returns the new variances.

# %%
em_step = ...
check_06_2(em_step)


# %% tags=["solution"]
def em_step(features, labels, variances, noise):
    noise_part = noise**2 * np.eye(labels.shape[1])
    covariance = (features * variances) @ features.mT + noise_part
    inverse = np.linalg.inv(covariance)
    slope = np.vecmat(np.matvec(inverse, labels), features)  # (T, d)
    expected = np.sum((inverse @ features) * features, axis=1)  # (T, d)
    mean = variances * slope
    variance = variances - variances**2 * expected
    return np.mean(mean**2 + variance, axis=0)


check_06_2(em_step)

# %% [markdown]
# **Exercise 3.** A small project. Moment ranking fails where x crowds, because slow waves correlate there. Write `scores(tasks)`, one number for each feature, from `tasks.features` and `tasks.labels`, so that the true features have the largest scores, for any S.

# %%
scores = ...
check_06_3(scores)


# %% tags=["solution"]
def scores(tasks):
    return empirical_bayes(tasks).variances


check_06_3(scores)

# %% [markdown]
# ## References
#
# - M. E. Tipping, *Sparse Bayesian learning and the relevance vector machine*, Journal of Machine Learning Research 1, 2001: a variance for every coefficient, learned from the marginal likelihood.
# - D. P. Wipf, B. D. Rao, *An empirical Bayesian strategy for solving the simultaneous sparse approximation problem*, IEEE Transactions on Signal Processing 55, 2007: the same for many tasks.
# - N. Tripuraneni, C. Jin, M. I. Jordan, *Provable meta-learning of linear representations*, 2020, [arXiv 2002.11684](https://arxiv.org/abs/2002.11684): the method of moments; moment ranking is its diagonal case.
# - Y. Sun, A. Narang, I. Gulluk, S. Oymak, M. Fazel, *Towards sample-efficient overparameterized meta-learning*, 2022, [arXiv 2201.06142](https://arxiv.org/abs/2201.06142): how to weight features, from moments, when there are more of them than points.
# - Z. Li, F. Zhou, F. Chen, H. Li, *Meta-SGD: learning to learn quickly for few-shot learning*, 2017, [arXiv 1707.09835](https://arxiv.org/abs/1707.09835): a learned rate for each parameter; with a fixed start this book's MAML is that, on a linear model.
#
# **Next:** [07 · Classify with a fit that predicts badly](07_classification.ipynb).
