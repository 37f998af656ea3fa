# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Watch a perfect fit fail
#
# **Question.** A linear fit passes through all 64 training points and is wrong everywhere else.
# Where exactly does the signal go, and what would have to be known for the fit to be right?
#
# [Chapter 1](01_setup.ipynb) left us with 64 points, 257 features and 193 directions that no point can see. Something has to choose among the fits.
# Here least squares chooses, and we watch what it prefers.
#
# Chapter 2 of 10. It runs in about 15 seconds.

# %% tags=["colab", "hide-input"]
import importlib.util
import site
import sys

modules = ("fourier_meta", "sklearn")
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
import functools

import numpy as np
from sklearn.linear_model import LinearRegression

from fourier_meta import (
    TaskFamily,
    Tasks,
    alias_classes,
    aliased_min_norm,
    exercises,
    feature_name,
    few_shot_risk,
    figures,
    fourier_features,
    min_norm,
    on_top,
    regular_grid,
    risk,
)
from fourier_meta.bayes import empirical_bayes
from fourier_meta.figures import show
from fourier_meta.rivals import lasso, matching_pursuit

# %% tags=["parameters"]
n_features = 257  # d
n_points = 64  # N: training points of a task
support = (0, 1, 2)  # S: the features that the labels are made of
n_tasks = 50  # tasks behind every median
n_alone = 20  # tasks that are given to methods for one task alone
noise = 0.1  # standard deviation on the labels, where a little noise is wanted
n_searched = 8  # tasks on which every combination of features is tried
seed = 0  # everything random in this chapter follows from it

# %% tags=["hide-input"]
settings = (n_features, n_points, support, n_tasks, n_alone, noise, n_searched, seed)
BOOK = settings == (257, 64, (0, 1, 2), 50, 20, 0.1, 8, 0)
true = list(support)
random = TaskFamily(n_features, support)
grid = TaskFamily(n_features, support, design="grid")
dense = regular_grid(4 * n_features)  # where curves are drawn and tested
dense_features = fourier_features(dense, n_features)


def small(number):
    """Two digits; what is rounding is not spelled out."""
    return "below 1e-9" if number < 1e-9 else f"{number:.2g}"


# %% [markdown]
# ## Fit 64 points perfectly
#
# The source report's demonstration, literally: fit with scikit-learn, then predict at new points with its coefficients and its intercept.

# %%
tasks = random.unseen(n_tasks, n_points, seed)
scikit = np.zeros((n_tasks, n_features))  # effective coefficients of each task
for i in range(n_tasks):
    model = LinearRegression().fit(tasks.features[i], tasks.labels[i])
    scikit[i] = model.coef_
    scikit[i, 0] += model.intercept_  # feature 0 is the constant
fitted = np.matvec(tasks.features, scikit)
predicted = scikit @ dense_features.T
truth = tasks.effective @ dense_features.T
worst = np.abs(fitted - tasks.labels).max()
print("largest error at the training points:", small(worst))
if BOOK:
    assert worst < 1e-9

# %% tags=["hide-input"]
fig, axes = figures.subplots(2, 2, height=2.1, sharex=True, sharey=True)
for i, ax in enumerate(axes.flat[: min(4, n_tasks)]):
    points = (tasks.x[i], tasks.labels[i])
    ax.axhline(0, color=figures.COLORS["zero"], linestyle="--", linewidth=1)
    figures.draw_fit(ax, dense, truth[i], predicted[i], points=points)
    ax.set_title(f"task {i + 1}")
    ax.label_outer()
ax.text(-1, 0.1 * ax.get_ylim()[0], "predict 0", va="top", color=figures.COLORS["zero"])
figures.legend_above(fig, axes[0, 0])
show(
    fig,
    alt="Four tasks. In each the fitted curve passes through all training points, hugs "
    "a "
    "constant level between them and darts out to each point. It misses the slow wave "
    "that "
    "the points lie on. A dashed line marks the prediction 0.",
)

# %% [markdown]
# The fit touches every point and returns to a constant level in between, as if the points had nothing to do with each other.
#
# ## You will
#
# - measure how wrong a fit is, against predicting 0;
# - derive what least squares prefers, and how *weights* change it;
# - follow the signal to where it goes: on a grid, to the doubles of the true features; at random x, everywhere;
# - repair the fit with the right weights, and three points;
# - see what clever methods can do with one task alone, and where they stop.
#
# You need chapter 1, and least squares.
#
# ## Notation
#
# | symbol | code | meaning | shape |
# |---|---|---|---|
# | $\phi(x)$, $\Phi$ | `features` | features at the training points, one row for each point | (n_points, n_features) |
# | $y$ | `labels` | labels at these points | (n_points,) |
# | $w$ | `weights` | feature weights | (n_features,) |
# | $q = w^2$ | `q` | their squares, all that a fit sees of them | (n_features,) |
# | $\beta$ | `effective` | true effective coefficients | (n_features,) |
# | $\hat\beta$ | `estimate` | estimated effective coefficients | (n_features,) |
# | $R$ | `risk` | expected squared error at a new x | |
# | $A$ | `classes` | a class of features that coincide on a grid | |
# | $f_j$ | `factor` | sign and size of feature $j$ within its class | (n_features,) |
# | $P$ | `kept` | projection of $\beta$ on what the points can see | (n_features, n_features) |
#
# ## How wrong is a fit?
#
# We measure a fit by its *risk*, the expected squared error at a new x. The features are orthonormal, so it is a sum over coefficients:
#
# $$ R(\hat\beta) = \operatorname{E}_x \left( \phi(x) \cdot \hat\beta - \phi(x) \cdot \beta \right)^2 = \sum_j (\hat\beta_j - \beta_j)^2 \tag{1} $$
#
# No test points are needed. One reference stays with us through the book: to *predict 0* takes no learning, and has risk $\sum_j \beta_j^2$.

# %%
by_points = np.mean((predicted - truth) ** 2, axis=1)
np.testing.assert_allclose(risk(scikit, tasks.effective), by_points, atol=1e-9)

mean_only = np.zeros((n_tasks, n_features))
mean_only[:, 0] = tasks.labels.mean(axis=1)
fits = {
    "predict 0": np.zeros((n_tasks, n_features)),
    "predict the mean label": mean_only,
    "scikit-learn, which fits a constant first": scikit,
    "min-norm, to which the constant is one of d": min_norm(
        tasks.features, tasks.labels
    ),
}
risks = {name: np.median(risk(fit, tasks.effective)) for name, fit in fits.items()}
for name, value in risks.items():
    print(f"{name:45s} median risk {value:.2f}")
if BOOK:
    zero, mean, free, plain = risks.values()
    assert free < mean < plain < zero < 1.5 * plain

# %% [markdown]
# Fitting 64 points perfectly with plain min-norm is worse than predicting the mean of the labels.
# scikit-learn does better for one reason: its constant is fitted first and free of charge, and here the constant *is* a true feature.
# From now on the constant is a feature like the others, and the fit is plain min-norm.
#
# ## Least squares prefers what is small, and weights decide what is small
#
# Among all fits that pass through the points, least squares takes the one with the smallest $\sum_j \beta_j^2$.
# Now give each feature a weight, $y = \phi(x) \cdot (w \odot \alpha)$, and ask for the smallest $\alpha$ instead. As $\alpha_j = \beta_j / w_j$, this is
#
# $$ \text{minimise} \quad \sum_j \alpha_j^2 = \sum_j \frac{\beta_j^2}{w_j^2} \quad \text{subject to} \quad \Phi \beta = y \tag{2} $$
#
# A large weight makes a feature cheap. Only the ratios of the weights matter.
#
# The solution follows in three steps.
#
# 1. Write $\Phi_w = \Phi \operatorname{diag}(w)$, so that the condition is $\Phi_w \alpha = y$. Try $\alpha = \Phi_w^\top a$, a mixture of the rows of $\Phi_w$.
# 2. Any other solution is $\alpha + \delta$ with $\Phi_w \delta = 0$. Then $\alpha \cdot \delta = a \cdot \Phi_w \delta = 0$, so $\lVert \alpha + \delta \rVert^2 = \lVert \alpha \rVert^2 + \lVert \delta \rVert^2$: it is longer. So this $\alpha$ is the smallest.
# 3. $\Phi_w \Phi_w^\top a = y$ gives $a$, and $\beta = w \odot \alpha$. With $q = w^2$:
#
# $$ \hat\beta = \operatorname{diag}(q) \, \Phi^\top \left( \Phi \operatorname{diag}(q) \, \Phi^\top \right)^{-1} y \tag{3} $$


# %%
def interpolate(features, labels, weights):
    q = weights**2
    gram = (features * q) @ features.T  # (n_points, n_points)
    a = np.linalg.pinv(gram, rcond=1e-12) @ labels  # nearly equal points: singular
    return q * (features.T @ a)


some_weights = np.random.default_rng(seed).uniform(0.5, 1.5, n_features)
features, labels = tasks.features[0], tasks.labels[0]
estimate = interpolate(features, labels, some_weights)
difference = np.abs(estimate - min_norm(features, labels, some_weights)).max()
print("equation (3) and the package's min_norm differ by", small(difference))
if difference > 1e-6:
    print(
        "(these points nearly coincide, and the product in (3) loses half the digits)"
    )
if BOOK:
    assert difference < 1e-9

# %% [markdown]
# **By hand.** One point, two features that both have the value 1 there, and the label 1. Equation (3) says $\hat\beta_j = q_j / (q_1 + q_2)$:
# the label is shared out in proportion to the squared weights.

# %%
for weights in ([1, 1], [3, 1], [1, 0]):
    shared = min_norm([[1, 1]], [1], weights)
    print(f"weights {weights}: coefficients {shared.round(2)}")

# %% [markdown]
# ## On a regular grid, features have doubles
#
# On a regular grid of N points a wave of frequency $k$ passes through the same points as those of frequency $N - k$, $N + k$, $2N - k$, $2N + k$, and so on, up to a sign.
# Features that coincide so are called *aliases*. Between sines the sign may change; between cosines it does so only if N is odd.
#
# **Predict, then run.** How many of the 257 features look like $\sin \pi x$ on 64 grid points?

# %%
classes = alias_classes(n_points, n_features)
on_grid = fourier_features(regular_grid(n_points), n_features)
for j in true:
    aliases = classes.members(j)
    size = "feature" if len(aliases) == 1 else "features"
    print(f"feature {j} ({feature_name(j)}) is one of {len(aliases)} {size}:", *aliases)

# %% tags=["hide-input", "live-alias"]
example = true[min(1, len(true) - 1)]
double = [*classes.members(example), example][1]
sign = np.sign(on_grid[:, double] @ on_grid[:, example])
flipped = "minus " if sign < 0 else ""
fig, ax = figures.subplots(height=2.4)
wave = sign * dense_features[:, double]
ax.plot(dense, wave, color=figures.COLORS["other"], linewidth=0.8)
ax.plot(dense, dense_features[:, example], color=figures.COLORS["truth"])
places = regular_grid(n_points)
ax.plot(places, on_grid[:, example], "o", color=figures.COLORS["truth"], markersize=4)
words = f"feature {example} (black) and {flipped}feature {double} (grey)"
ax.set(title=f"{words} at {n_points} grid points", xlabel="x")
show(
    fig,
    alt="A slow black sine and a fast grey wave. They differ almost everywhere but "
    "meet at "
    "each of the grid points.",
)

# %% [markdown]
# Four: no method, however clever, can tell feature 1 from 125, 129 and 253 by these points.
#
# ## On the grid, the signal goes to the doubles
#
# A class $A$ of aliases is one column of values, taken $f_j$ times by feature $j$. The factor $f_j$ is 1 or $-1$, except at the two edges: a cosine that is constant at the grid points, or changes sign from each to the next, has $f_j = \pm \sqrt 2$, and the sine of its frequency is 0 there.
# So all that the points show of a class is the sum $\sum_{i \in A} f_i \beta_i$.
# It is the example by hand again, and equation (3) shares the sum out:
#
# $$ \hat\beta_j = \frac{q_j f_j}{\sum_{i \in A} q_i f_i^2} \sum_{i \in A} f_i \beta_i \tag{4} $$
#
# With all weights equal, feature 1 and its three aliases get a quarter each. The constant has two aliases, each with $f^2 = 2$, so it keeps $1 / (1 + 2 + 2) = 0.2$. We look at the task whose true coefficients are all 1.

# %%
rng = np.random.default_rng(seed)
task = grid.observe(np.ones((1, len(true))), n_points, rng)  # coefficients 1, 1, 1
solved = min_norm(task.features, task.labels)[0]
formula = aliased_min_norm(task.effective, np.ones(n_features), n_points)[0]
np.testing.assert_allclose(formula, solved, atol=1e-10)
survival = solved[true]  # of coefficients that are 1
print("equation (4) and the solver agree")
print(f"part of the true features {true} that survives:", survival.round(4))
if BOOK:
    assert np.allclose(survival, [0.2, 0.25, 0.25])

# %% tags=["hide-input"]
panels = true[:4]
fig, axes = figures.subplots(1, len(panels), height=2.6, sharey=True, squeeze=False)
for ax, j in zip(axes[0], panels, strict=True):
    aliases = list(classes.members(j))
    place = np.arange(len(aliases))
    beta = task.effective[0, aliases]
    ax.bar(place - 0.2, beta, 0.36, color=figures.COLORS["truth"], label="true")
    color = figures.COLORS["min-norm"]
    ax.bar(place + 0.2, solved[aliases], 0.36, color=color, label="min-norm")
    height = formula[aliases]
    ax.plot(place + 0.2, height, "o", mfc="white", mec=color, label="equation (4)")
    ax.set(title=f"the class of feature {j}", xticks=place, xlabel="feature index")
    ax.set_xticklabels(aliases)
axes[0, 0].set_ylabel("effective coefficient")
figures.legend_above(fig, axes[0, 0])
show(
    fig,
    alt="Three panels, one for each true feature and its aliases on the grid. The "
    "black bar "
    "of the true coefficient stands alone; min-norm has a small part of it at each "
    "alias, "
    "and the formula's circles sit on the ends of its bars.",
)

# %% [markdown]
# The signal has not vanished. A fifth or a quarter of it survives, and comparable parts sit on the aliases, where they make the wild swings between the points.
#
# ## At random x, it goes everywhere
#
# At random x no two features are equal, and the story of the doubles ends. Another one is as exact.
# With $w = 1$ the fit of noiseless labels is $\hat\beta = P \beta$, where $P = \Phi^\top (\Phi \Phi^\top)^{-1} \Phi$ projects on the directions that the N points can see.
# A projection on N directions has trace N. So over all d features the part that survives, $P_{jj}$, is on average
#
# $$ \frac{1}{d} \sum_j P_{jj} = \frac{N}{d} \tag{5} $$
#
# whatever the points are. On the grid this holds, too. What differs is where the rest goes.

# %%
kept = np.linalg.pinv(tasks.features) @ tasks.features  # P of each task
survivals = kept.diagonal(axis1=1, axis2=2)  # (n_tasks, n_features)
means = survivals.mean(axis=1)
expected = min(n_points, n_features) / n_features
if BOOK:
    np.testing.assert_allclose(means, expected, atol=1e-9)
print(f"N / d                                     {expected:.3f}")
print(
    f"survival, mean of all features, each task {means.min():.3f} to {means.max():.3f}"
)
print(
    f"survival of S, mean of {n_tasks} tasks           {survivals[:, true].mean():.3f}"
)

# %%
same_task = random.observe(task.coefficients, n_points, rng)
spread = min_norm(same_task.features, same_task.labels)[0]
estimates = {"regular grid": solved, "random x": spread}
most = {}  # how many false features hold nearly all that false features received
for name, estimate in estimates.items():
    energy = np.sort(np.delete(estimate, true) ** 2)[::-1]
    parts = np.cumsum(energy) / max(energy.sum(), 1e-300)
    most[name] = np.sum(parts < 0.99) + 1 if energy.max() > 1e-20 else 0
    print(f"{name:13s} 99 % of what false features received: in {most[name]} of them")

# %% tags=["hide-input"]
fig, axes = figures.subplots(1, 2, height=2.5, sharey=True)
for ax, (name, estimate) in zip(axes, estimates.items(), strict=True):
    false = np.delete(np.arange(n_features), true)
    color = figures.COLORS["min-norm"]
    ax.vlines(false, 0, np.abs(estimate[false]), color=color, linewidth=0.9)
    color = figures.COLORS["truth"]
    ax.vlines(true, 0, np.abs(estimate[true]), color=color, linewidth=1.4)
    title = f"{name}: the rest is in {most[name]} features"
    ax.set(title=title, xlabel="feature index j")
axes[0].set_ylabel("|coefficient| of the fit")
top = axes[0].get_ylim()[1]
axes[0].text(max(true) + 6, 0.9 * top, "true features: black", color=color)
show(
    fig,
    alt="Size of the fitted coefficients of one task against the feature index. On the "
    "grid "
    "a few tall lines, near 128 and 256, are as high as those of the true features. At "
    "random x a low grass covers all indices.",
)

# %% [markdown]
# ## More points
#
# By (5), min-norm at N points loses the part $1 - N/d$ of the signal on average, so more points help slowly. A little noise, of standard deviation 0.1, shows what comes after.
#
# **Predict, then run.** Both designs lose the same part up to N = 64. One of the two curves will have a peak. Which, and where?


# %%
def shared_min_norm(features, labels):
    inverse = np.linalg.pinv(
        features[0]
    )  # on the grid all tasks have the same features
    return labels @ inverse.T


sizes = [4, 8, 16, 32, 64, 96, 128, 160, 192, 257, 320, 512]
half = max(1, n_tasks // 2)  # tasks: large fits take time
by_design = {}
for design, solve in {"grid": shared_min_norm, "random": min_norm}.items():
    noisy = TaskFamily(n_features, support, noise, design)
    medians = [np.median(few_shot_risk(noisy, n, solve, half, seed)) for n in sizes]
    by_design[design] = np.array(medians)
    highest = sizes[by_design[design].argmax()]
    at = dict(zip(sizes, by_design[design], strict=True))
    print(f"{design:6s} x: risk {at[4]:.2g} at N = 4, {at[64]:.2g} at N = 64;", end=" ")
    print(f"{at[512]:.1g} at N = 512; highest at N = {highest}")
for design in ("grid", "random"):
    family = TaskFamily(n_features, support, design=design)
    square = family.unseen(1, n_features, seed).features[
        0
    ]  # as many points as features
    singular_values = np.linalg.svd(square, compute_uv=False)
    ratio = singular_values.max() / singular_values.min()
    words = "above 1e12" if ratio > 1e12 else f"{ratio:.2g}"
    print(f"{design:6s} x at N = d: largest / smallest singular value {words}")

# %% tags=["hide-input"]
fig, ax = figures.subplots(height=3.2)
color = figures.COLORS["min-norm"]
zero = np.median(risk(0 * tasks.effective[:half], tasks.effective[:half]))
for design, style in {"grid": "--", "random": "-"}.items():
    height = np.minimum(by_design[design], 1000)
    ax.loglog(sizes, height, style, marker="o", color=color, markersize=4)
below = np.array([n for n in sizes if n < n_features])
rest = zero * (1 - below / n_features)
ax.loglog(below, rest, ":", color=figures.COLORS["truth"])
ax.axhline(zero, color=figures.COLORS["zero"], linestyle="--", linewidth=1)
ax.text(4, 1.15 * zero, "predict 0", color=figures.COLORS["zero"])
ax.axvline(n_features, color=figures.COLORS["other"], linewidth=1)
ax.text(0.97 * n_features, 300, "N = d", ha="right", color=figures.COLORS["oracle"])
ax.text(0.55 * n_features, 20, "random x", ha="right", color=color)
ax.annotate(
    "grid",
    (sizes[7], by_design["grid"][7]),
    (-34, -6),
    color=color,
    textcoords="offset points",
)
ax.text(
    4, 0.3 * zero, "dotted: part 1 - N/d of predicting 0", color=figures.COLORS["truth"]
)
ax.set(xlabel="training points N", ylabel="risk (cut at 1000)")
show(
    fig,
    alt="Risk of min-norm against the number of points. Up to half of d both designs "
    "follow "
    "the dotted line of the lost part, a little below predicting 0. On the grid the "
    "risk then "
    "drops by a factor of 100. At random x it shoots up to 1000 and more around N = d "
    "and "
    "falls below 0.1 only at twice as many points.",
)

# %% [markdown]
# Up to 64 points the designs are equally bad: what fails is not the points but the preference for small coefficients.
# Near N = d the fit has to determine every direction. Random points leave wide gaps, in which some mixtures of fast waves are hardly seen: their singular values are tiny, the noise is divided by them, and the risk explodes.
# On the grid of 257 points all singular values are equal, and the true features have lost their doubles from N = 130 on.
# So for min-norm the tidy grid is no worse while true features have doubles on it, and far better as soon as they have none.
#
# ## The right weights need three points
#
# Suppose that somebody told us the support. We take weights 1 on $S$ and $\tau$ on all other features.


# %%
def told(tau):
    weights = np.full(n_features, tau)
    weights[true] = 1
    return weights


few = (len(true), len(true) + 1, n_points)
print(f"median risk from {few[0]}, {few[1]}, {few[2]} points at random x")
medians = {}
for tau in (1, 0.3, 0.1, 0.01, 0):
    for n in few:
        tested = random.unseen(n_tasks, n, seed)
        estimate = min_norm(tested.features, tested.labels, told(tau))
        medians[tau, n] = np.median(risk(estimate, tested.effective))
    print(f"tau = {tau:<5}", *[f"{small(medians[tau, n]):>12s}" for n in few])
print(f"predict 0   {np.median(risk(0 * tested.effective, tested.effective)):12.2f}")
assert medians[0, few[0]] < 1e-12
if BOOK:
    assert medians[0.01, 4] < 1e-3
    assert medians[1, 64] > 1

# %% [markdown]
# With $\tau = 0$ three points, the least that can determine three numbers, give the exact function.
# And $\tau$ need not be 0: at 0.01 the risk from 4 points is below $10^{-3}$.
# More points help less than the right weights: 64 points with all weights equal leave a risk above 1.
#
# So the whole difficulty is to *find the weights*. Does a single task not carry them?
#
# ## What one task alone can do
#
# Least squares does not know that only a *few* features are true. There are methods that bet on it, one task at a time:
#
# - **OMP**, orthogonal matching pursuit: pick the feature that correlates most with what is not yet explained, fit all picked ones again, repeat. It is told that three features are true.
# - **lasso**: pay for $\sum_j |\beta_j|$ instead of $\sum_j \beta_j^2$, which leaves most coefficients 0. Its price is chosen by cross-validation.
# - **sparse Bayesian learning**: give each feature a variance of its own, and choose the variances that make the labels likeliest. [Chapter 6](06_prior.ipynb) opens this box.
#
# We count in how many tasks the true features come out on top.


# %%
def bayes_of_one_task(features, labels):
    weights = np.zeros((len(labels), n_features))
    for i in range(len(labels)):
        alone = Tasks(features[[i]], labels[[i]])
        weights[i] = empirical_bayes(alone, steps=300).weights
    return weights


methods = {
    "OMP": functools.partial(matching_pursuit, n_true=len(true)),
    "lasso": lasso,
    "sparse Bayes": bayes_of_one_task,
}
few_points = (4, 8, 12, 16, 24, 32)
found = {name: [] for name in methods}
for n in few_points:
    tested = random.unseen(n_alone, n, seed)
    for name, method in methods.items():
        estimates = method(tested.features, tested.labels)
        on = [on_top(estimate, support) for estimate in estimates]
        found[name].append(sum(on))
print("points        ", *[f"{n:3d}" for n in few_points])
for name, counts in found.items():
    print(f"{name:14s}", *[f"{count:3d}" for count in counts], f"of {n_alone} tasks")
on_the_grid = grid.unseen(n_alone, n_points, seed)
estimates = methods["OMP"](on_the_grid.features, on_the_grid.labels)
solved_on_grid = sum(on_top(estimate, support) for estimate in estimates)
print(f"OMP on the grid of {n_points} points: {solved_on_grid} of {n_alone} tasks")
if BOOK:
    assert solved_on_grid == 0
    assert found["sparse Bayes"][-1] == n_alone
    assert max(counts[0] for counts in found.values()) == 0

# %% [markdown]
# From 24 or 32 random points on, one task is enough, and sparse Bayesian learning needs the fewest. On a grid it is never enough: there the doubles are equal.
# The source report says that a single task cannot do it. That is true of min-norm and of grids.
#
# From 4 points all three fail. Are 4 points not enough, or are the methods? Three numbers have to be determined, and a wrong triple of features fits four labels only by accident.
# So we try *every* triple, 2,796,160 of them. With few features fixed the best partners follow from small tables of products, so it takes less than a second.


# %% tags=["hide-input"]
def best_triple(features, labels):
    """Of all triples of features, the one that leaves the smallest residual."""
    candidates = []
    for i in range(features.shape[1] - 2):
        first = features[:, i] / np.linalg.norm(features[:, i])
        rest = features[:, i + 1 :]
        rest = rest - np.outer(first, first @ rest)  # what feature i cannot explain
        left = labels - first * (first @ labels)
        products, towards = rest.T @ rest, rest.T @ left
        squares = np.diag(products)
        area = np.outer(squares, squares) - products**2
        both = np.outer(towards**2, squares)
        gain = both + both.T - 2 * np.outer(towards, towards) * products
        apart = area > 1e-9 * np.outer(squares, squares)  # not the same feature twice
        gain = np.where(apart, gain / np.where(apart, area, 1), -np.inf)
        j, k = np.divmod(gain.argmax(), len(squares))
        candidates.append((i, i + 1 + j, i + 1 + k))
    residuals = []
    for triple in candidates:  # fitted again: the tables lose digits
        columns = features[:, triple]
        rest = labels - columns @ np.linalg.lstsq(columns, labels)[0]
        residuals.append(np.linalg.norm(rest))
    return set(map(int, candidates[np.argmin(residuals)]))


# %%
searched = {}
for sigma, n in ((0, 4), (0.01, 4), (0.01, 6), (0.01, 8)):
    family = TaskFamily(n_features, support, noise=sigma)
    tested = family.unseen(n_searched, n, seed)
    triples = map(best_triple, tested.features, tested.labels)
    searched[sigma, n] = sum(triple == set(true) for triple in triples)
    if len(true) == 3:
        words = f"noise {sigma}, {n} points"
        count = searched[sigma, n]
        print(f"{words:20s} S is the best triple in {count} of {n_searched} tasks")
if BOOK:
    assert searched[0, 4] == n_searched
    assert searched[0.01, 4] == 0

# %% tags=["hide-input"]
fig, ax = figures.subplots(height=3)
colors = {"OMP": "OMP", "lasso": "lasso", "sparse Bayes": "empirical Bayes"}
for name, counts in found.items():
    color = figures.COLORS[colors[name]]
    height = np.array(counts) / n_alone
    ax.plot(few_points, height, "o-", color=color, label=name)
if len(true) == 3:
    color = figures.COLORS["truth"]
    height = searched[0, 4] / n_searched
    ax.plot(4, height, "*", color=color, markersize=12, label="every triple, no noise")
    height = [searched[0.01, n] / n_searched for n in (4, 6, 8)]
    words = "every triple, noise 0.01"
    ax.plot((4, 6, 8), height, "s--", color=color, label=words)
ax.set(xlabel="training points of the one task", ylabel="tasks in which S is found")
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), labelcolor="linecolor")
show(
    fig,
    alt="The part of tasks in which S is found from one task alone, against its number "
    "of "
    "points. Sparse Bayes rises first, then OMP and lasso, and all reach 1 at 24 to 32 "
    "points; none finds S from 4. Trying every triple finds S always, from 4 points, "
    "if "
    "there is no noise; with noise 0.01 it never does from 4 points and nearly always "
    "from 8.",
)

# %% [markdown]
# Without noise, four points contain the answer in every task. What fails at 4 to 16 points are the methods that avoid trying all triples, and trying all is out of reach when there are more features or more true ones.
#
# With a noise of 0.01, less than a hundredth of the signal, the answer is no longer in the four points: among millions of triples some wrong ones fit better by accident.
# Then other tasks are not a shortcut but a need. They all share one $S$, and each can lend its few points.
#
# ## Try it
#
# Move N through a resonance of aliases; favour a few features with a part of the weight; add noise.

# %% tags=["explorer", "nbval-ignore-output"]
from fourier_meta.explorers import explore_overfitting

explore_overfitting()

# %% [markdown]
# ## Summary
#
# - *Risk* is the sum of squared errors of the coefficients. Predicting 0 has a median risk of 2.6 here, the perfect fit of 64 points 1.9.
# - Of all fits least squares takes the *smallest*, and *weights* decide what is small: equations (2) and (3).
# - On a *grid* the signal goes to aliases, exactly. At *random x* it is projected, and $N/d$ survives on average, exactly.
# - The *right weights* need three points.
# - *One task alone* reveals S from about 24 random points, to methods that bet on few features. Four points contain S if there is no noise, and of the methods here only a search through all triples finds it there.
#
# ## Exercises
#
# **Exercise 1.** 257 features on a grid of 50 points: which of them look like feature 3? Give a set that includes 3.

# %% tags=["exercise"]
aliases = ...
exercises.check_02_1(aliases)

# %% tags=["solution"]
# Feature 3 is the sine of frequency 2. It looks like those of 50 - 2, 50 + 2, ...
frequencies = [2, 48, 52, 98, 102]
exercises.check_02_1({2 * k - 1 for k in frequencies})

# %% [markdown]
# **Exercise 2.** Find weights for 257 features, none of them zero, with which at least 99 % of feature 1 survives on the grid of 64 points.

# %% tags=["exercise"]
my_weights = ...
exercises.check_02_2(my_weights)

# %% tags=["solution"]
# Weight 1 on S and tau on the three aliases: 1 / (1 + 3 tau^2) survives.
solution_2 = np.full(257, 0.05)
solution_2[:3] = 1
exercises.check_02_2(solution_2)

# %% [markdown]
# **Exercise 3.** Write `oracle(features, labels, support)` for one task: somebody who was told the support fits it by least squares.
# It returns the effective coefficients of *all* features.

# %% tags=["exercise"]
oracle = ...
exercises.check_02_3(oracle)


# %% tags=["solution"]
def solution_3(features, labels, support):
    chosen = list(support)
    effective = np.zeros(features.shape[1])
    effective[chosen] = np.linalg.lstsq(features[:, chosen], labels)[0]
    return effective


exercises.check_02_3(solution_3)

# %% [markdown]
# **Exercise 4** (rewrite the algorithm). Write OMP for one task, `pursuit(features, labels, n_true)`, from its description above. It returns the effective coefficients of all features.

# %% tags=["exercise"]
pursuit = ...
exercises.check_02_4(pursuit)


# %% tags=["solution"]
def solution_4(features, labels, n_true):
    picked = []
    effective = np.zeros(features.shape[1])
    for _ in range(n_true):
        residual = labels - features @ effective
        correlation = features.T @ residual
        picked.append(np.abs(correlation).argmax())
        effective[picked] = np.linalg.lstsq(features[:, picked], labels)[0]
    return effective


exercises.check_02_4(solution_4)

# %% [markdown]
# ## References
#
# - M. Zhao (2021), [*Navigating Over-parametrized Feature Space with Meta-Gradients*](https://wandb.ai/mandizhao/1d-overparam/reports/Navigating-Over-parametrized-Feature-Space-with-Meta-Gradients--Vmlldzo4Mjc0ODM), W&B report.
# - V. Muthukumar, K. Vodrahalli, V. Subramanian, A. Sahai (2020), *Harmless interpolation of noisy data in regression*, [arXiv 1903.09139](https://arxiv.org/abs/1903.09139): aliases, what survives, and weighted Fourier features.
# - Y. Xie, H.-H. Chou, H. Rauhut, R. Ward (2022), *Overparameterization and generalization error: weighted trigonometric interpolation*, [arXiv 2006.08495](https://arxiv.org/abs/2006.08495): weights that decay with frequency, chosen by hand.
# - M. E. Tipping (2001), *Sparse Bayesian learning and the relevance vector machine*, Journal of Machine Learning Research 1.
#
# **Next:** [3 · Learn the weights with MAML](03_maml.ipynb).
