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
# Notebook 2 of 7. It runs in about 10 seconds.

# %% [markdown]
# ## You will
#
# **Do.** Fit tasks with scikit-learn and by hand, predict the failure by a formula, and repair it with the right weights.
#
# **Learn.**
#
# - that least squares with more features than points means the *smallest* solution, and that weights decide what small means;
# - why a regular grid makes features indistinguishable, and how min-norm splits the signal among them, exactly;
# - that more points help less than the right weights: with these, three points are enough;
# - what sparse regression can do on a single task, and where it stops.
#
# **Need.** Notebook 1, and least squares.

# %% [markdown]
# ## Notation
#
# | symbol | code | meaning | shape |
# |---|---|---|---|
# | $\Phi$ | `features` | the features at the training points, one row per point | (n_points, n_features) |
# | $y$ | `labels` | the labels at these points | (n_points,) |
# | $w,\ s = w^2$ | `weights`, `weights**2` | feature weights and their squares | (n_features,) |
# | $\beta^\star,\ \hat\beta$ | `effective`, `estimate` | true and estimated effective coefficients | (n_features,) |
# | $f_j$ | `classes.factor` | sign and size of feature $j$ within its alias class | (n_features,) |

# %% tags=["colab", "hide-input"]
import importlib.util, sys
if importlib.util.find_spec("fourier_meta") is None:  # on Colab the package is missing and is installed here
    if "google.colab" not in sys.modules:
        raise SystemExit("This kernel has no fourier_meta: start JupyterLab with `make lab`, or `pip install -e .` here.")
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/fourier-meta/fourier_meta")

# %% tags=["hide-input"]
import numpy as np
from sklearn.linear_model import LinearRegression, OrthogonalMatchingPursuit

from fourier_meta import TaskFamily, alias_classes, aliased_min_norm, few_shot_risk, figures, fourier_features, min_norm, regular_grid, risk
from fourier_meta.exercises import check
from fourier_meta.figures import show

# %%
n_features, n_points, support = 257, 64, (0, 1, 2)  # d, N and the true features S, as in notebook 1
n_tasks = 20  # tasks behind every median
seed = 0  # everything random in this notebook follows from it
grid = TaskFamily(n_features, support, design="grid")
random = TaskFamily(n_features, support, design="random")
dense = regular_grid(1024)  # where functions are drawn and tested

# %% [markdown]
# ## Fit 64 points perfectly
#
# The source report's demonstration, literally: fit with scikit-learn, then predict at new points as
#
# $$ \hat y = X \, \mathrm{coef} + \mathrm{intercept} \tag{1} $$

# %%
rng = np.random.default_rng(seed)
tasks = random.sample(n_tasks, n_points, rng)
dense_features = fourier_features(dense, n_features)
truth = tasks.effective @ dense_features.T
models = [LinearRegression().fit(X, y) for X, y in zip(tasks.features, tasks.labels, strict=True)]
fitted = np.array([X @ m.coef_ + m.intercept_ for X, m in zip(tasks.features, models, strict=True)])
predicted = np.array([dense_features @ m.coef_ + m.intercept_ for m in models])
print("largest training error below 1e-12:", np.abs(fitted - tasks.labels).max() < 1e-12)
error = np.mean((predicted - truth) ** 2, axis=1)
print(f"mean squared test error, median of {n_tasks} tasks: {np.median(error):.2f}")
print(f"the labels' own variance, median:                {np.median(truth.var(axis=1)):.2f}")

# %%
fig, axes = figures.subplots(2, 2, height=2.1, sharex=True)
for i, ax in enumerate(axes.flat):
    figures.draw_fit(ax, dense, truth[i], predicted[i], points=(tasks.x[i], tasks.labels[i]))
    ax.set_title(f"task {i + 1}: training error 0, test error {error[i]:.2f}")
figures.legend_above(fig, axes[0, 0])
show(fig, alt="Four tasks. In each the fitted curve passes through all 64 training points, hugs a nearly constant level between them and darts out to each point. It misses the slow wave that the points lie on.")

# %% [markdown]
# The fit touches every point and returns to a constant in between, as if the points were unrelated.
# On new points it does little better than predicting the mean.
#
# ## It is the smallest solution, and weights decide what small means
#
# Among all interpolating coefficients, least squares picks the smallest. With weights, $\hat y = \phi \cdot (w \odot \alpha)$ and the smallest $\alpha$, the solution is
#
# $$ \hat\beta = \operatorname{diag}(s) \, \Phi^\top \left( \Phi \operatorname{diag}(s) \, \Phi^\top \right)^{+} y \quad\text{minimises}\quad \sum_j \hat\beta_j^2 / s_j \quad\text{subject to}\quad \Phi \hat\beta = y, \qquad s = w^2 \tag{2} $$
#
# A large weight makes a feature cheap. Only the ratios of the weights matter.
# scikit-learn's fit is equation (2) with all weights equal, after centring: its intercept makes the constant free of charge.

# %%
def interpolate(features, labels, weights):
    s = weights**2
    return s * (features.T @ np.linalg.pinv(features * s @ features.T, rcond=1e-12) @ labels)

X, y = tasks.features[0], tasks.labels[0]
some_weights = rng.uniform(0.5, 1.5, n_features)
np.testing.assert_allclose(interpolate(X, y, some_weights), min_norm(X, y, some_weights), atol=1e-8)
centred = interpolate(X - X.mean(axis=0), y - y.mean(), np.ones(n_features))
print("scikit-learn is equation (2) on centred data:", np.allclose(centred, models[0].coef_, atol=1e-8))

# %% [markdown]
# ## On a regular grid, features coincide
#
# On $x_i = -1 + 2i/N$ the waves of frequency $mN + r$ and $mN - r$ pass through the same points as the wave of frequency $r$: sines up to sign, cosines exactly.
# We call features that coincide *aliases*.
#
# **Predict, then run.** How many of the 257 features look like $\sin \pi x$ on 64 grid points?

# %%
classes = alias_classes(n_points, n_features)
on_grid = fourier_features(regular_grid(n_points), n_features)
for j in support:
    signs = ["-" if classes.factor[k] < 0 else "+" for k in classes.members(j)]
    print(f"aliases of feature {j}:", *[f"{sign}{k}" for sign, k in zip(signs, classes.members(j), strict=True)])
print("features that are zero at every grid point:", *np.flatnonzero(classes.representative < 0))
fig, ax = figures.subplots(height=2.3)
ax.plot(dense, -dense_features[:, 125], color=figures.COLORS["min-norm"], linewidth=0.7, label="minus feature 125")
ax.plot(dense, dense_features[:, 1], color=figures.COLORS["truth"], label="feature 1")
ax.plot(regular_grid(n_points), on_grid[:, 1], "o", color=figures.COLORS["truth"], label="64 grid points")
figures.legend_above(fig, ax)
show(fig, alt="A slow sine and a fast wave. They differ almost everywhere but cross at each of the 64 grid points.")

# %% [markdown]
# Four: no method, however clever, can tell feature 1 from 125, 129 and 253 by these points.
#
# ## Where the signal goes, exactly
#
# A class $A$ of aliases shares one number, and min-norm hands it out in proportion to $s_j$. With $f_j$ the sign (and, for the class of the constant, the size) of feature $j$ on the grid:
#
# $$ \hat\beta_j = \frac{s_j f_j}{\sum_{k \in A} s_k f_k^2} \sum_{k \in A} f_k \beta^\star_k \tag{3} $$
#
# What a true feature keeps is its *survival*; what its aliases receive is *contamination*.

# %%
task = grid.sample(1, n_points, rng)
solved = min_norm(task.features, task.labels)[0]
formula = aliased_min_norm(task.effective, np.ones(n_features), n_points)[0]
print("formula and solver differ by less than 1e-12:", np.abs(formula - solved).max() < 1e-12)
print("survival of features 0, 1, 2:", np.round(solved[:3] / task.effective[0, :3], 4))
lost, contamination = np.sum((solved - task.effective[0])[:3] ** 2), np.sum(solved[3:] ** 2)
print(f"risk = lost + contamination = {lost:.3f} + {contamination:.3f}")
fig, ax = figures.subplots(height=2.3)
ax.vlines(np.arange(n_features), 0, solved, color=figures.COLORS["min-norm"], label="min-norm, solved")
received = np.flatnonzero(np.abs(formula) > 1e-12)
ax.plot(received, formula[received], "o", mfc="none", color=figures.COLORS["truth"], label="equation (3)")
ax.plot(support, task.effective[0, :3], "_", color=figures.COLORS["truth"], markersize=14, label="truth")
ax.set(xlabel="feature index j", ylabel="coefficient")
figures.legend_above(fig, ax)
show(fig, alt="Coefficients of min-norm against feature index: small copies of the three true coefficients at indices around 0, 126, 128, 130 and 254, zero elsewhere. A circle from the formula sits on the end of every bar.")

# %% [markdown]
# The signal has not vanished. A fifth of feature 0 and a quarter of features 1 and 2 survive (0.2 and 0.25), and equal copies sit on their aliases, where they make the wild swings between the points.
#
# ## More points, and where they lie
#
# On the grid, frequency 1 has the alias N - 1, and 128 is our highest frequency: from 130 points on, the true features are free of aliases.
# At random points there are no exact aliases at all.
# A little noise (standard deviation 0.1) shows what this is worth.
#
# **Predict, then run.** Notebook 1 asked which design is best. Which of the two curves will have a peak, and where?

# %%
sizes = np.array([4, 8, 16, 32, 63, 64, 65, 96, 128, 160, 192, 257, 320, 400, 512])
fig, ax = figures.subplots(height=2.8)
for design, method, mark in (("grid", "truth", "s-"), ("random", "min-norm", "o-")):
    noisy = TaskFamily(n_features, support, noise=0.1, design=design)
    risks = np.array([np.median(few_shot_risk(noisy, n, min_norm, n_tasks)) for n in sizes])
    ax.loglog(sizes, np.minimum(risks, 1000), mark, color=figures.COLORS[method], markersize=4, label=f"{design} x")
    at = dict(zip(sizes, risks, strict=True))
    print(f"{design:6s} x: risk {at[4]:.2f} at 4, {at[64]:.2f} at 64, {at[512]:.3f} at 512 points;", end=" ")
    print("above 1000 at N =", *sizes[risks > 1000])
ax.axvline(n_features, color=figures.COLORS["other"], linestyle=":", label="N = d = 257")
ax.set(xlabel="training points N", ylabel="risk (cut at 1000)")
ax.legend()
show(fig, alt="Risk against number of points. Up to 128 points both designs stay near 1. On the grid the risk then drops by a factor of 100. At random points it shoots up beyond 1000 between 192 and 320 points and falls below 0.1 only at 512.")

# %% [markdown]
# Up to 64 points the designs are equally bad, 1.54 against 1.47: what fails is not the points but the preference for small coefficients.
# Near N = 257 the random design has to honour 257 noisy labels at points that nearly coincide, and the risk explodes; the grid has no such points.
#
# ## The right weights need three points
#
# Suppose that somebody told us the support. Weights 1 on $S$ and $\tau$ elsewhere:

# %%
def solver(weights):
    return lambda features, labels: min_norm(features, labels, weights)

for tau in (1, 0.3, 0.1, 0.01, 0):
    weights = np.where(np.isin(np.arange(n_features), support), 1, tau)
    medians = [np.median(few_shot_risk(random, n, solver(weights), n_tasks)) for n in (3, 4, 64)]
    print(f"tau {tau:<4} median risk from 3, 4, 64 points:", *["< 1e-20" if m < 1e-20 else f"{m:.1e}" for m in medians])

# %% [markdown]
# With $\tau = 0$ three points, the least that can determine three numbers, give the exact function.
# And $\tau$ need not be 0: already at 0.01 the risk from 4 points is below $10^{-4}$.
# So the whole difficulty is to *find the weights*, and a single task does not carry them. Or does it?
#
# ## What a single task can do
#
# Orthogonal matching pursuit (OMP) assumes that few features are active, three here, and searches for them greedily.

# %%
def tasks_solved(family, n):
    tasks = family.sample(n_tasks, n, np.random.default_rng(seed))
    omp = OrthogonalMatchingPursuit(n_nonzero_coefs=3, fit_intercept=False)
    pairs = zip(tasks.features, tasks.labels, strict=True)
    return sum(set(np.flatnonzero(omp.fit(X, y).coef_)) == set(support) for X, y in pairs)

for n in (8, 16, 32, 63):
    found = f"{tasks_solved(random, n):2d} of {n_tasks} tasks at random x, in {tasks_solved(grid, n)} on the grid"
    print(f"{n:2d} points: OMP finds S in {found}")

# %% [markdown]
# The source report says that a single task cannot do it. For min-norm, and on a grid, that is true.
# With random x, knowing only that *few* features are true, OMP needs a few dozen points.
# What it cannot do is answer from 3 to 8 points; for that, the knowledge of *which* features must come from other tasks.
#
# ## Try it
#
# Wiggle N through an alias resonance; favour $s$ features with a share $\gamma$ of the weight; add noise.

# %% tags=["explorer", "nbval-ignore-output"]
from fourier_meta.explorers import explore_overfitting

explore_overfitting()

# %% [markdown]
# ## Summary
#
# - Least squares with d > N means the *smallest* solution, and *weights* decide what small means: equation (2).
# - On a *regular grid* features come in classes of aliases. Min-norm splits the signal by equation (3), exactly: 0.2 and 0.25 survive.
# - *More points help less than the right weights*: 64 points leave a risk of 1.5, the right weights need three points.
# - *Sparse regression* solves single tasks from a few dozen random points, none on a grid, and none from 3 to 8 points.
#
# ## Exercises
#
# **Exercise 1.** On a grid of 50 points, which features look like feature 3? Give a set that includes 3.
#
# <details><summary>Solution</summary>
#
# Feature 3 is the sine of frequency 2. Its aliases are the sines of frequencies $50 m \pm 2$, at indices $2k - 1$.
#
# ```python
# aliases = {3, 95, 103, 195, 203}
# ```
#
# </details>

# %%
aliases = ...
columns = fourier_features(regular_grid(50), n_features)
coincide = set(np.flatnonzero(np.abs(columns.T @ columns[:, 3]) > 25))
check(aliases, lambda a: set(a) == coincide, "Sines of frequency 50 m - 2 and 50 m + 2.")

# %% [markdown]
# **Exercise 2.** Find weights, none of them zero, with which at least 99 % of feature 1 survives on the 64-point grid.
#
# <details><summary>Solution</summary>
#
# With weight 1 on $S$ and $\tau$ on its three aliases the survival is $1 / (1 + 3\tau^2)$, so $\tau = 0.05$ will do.
#
# ```python
# weights = np.full(n_features, 0.05)
# weights[list(support)] = 1
# ```
#
# </details>

# %%
weights = ...

def survives(weights):
    return np.all(weights != 0) and aliased_min_norm(np.eye(n_features)[1], weights, 64)[1] >= 0.99

check(weights, survives, "Make feature 1 cheap beside its aliases.")

# %% [markdown]
# **Exercise 3.** Write `oracle(features, labels)` for one task: least squares on the true columns only, returned as all 257 effective coefficients.
#
# <details><summary>Solution</summary>
#
# ```python
# def oracle(features, labels):
#     effective = np.zeros(n_features)
#     effective[list(support)] = np.linalg.lstsq(features[:, list(support)], labels)[0]
#     return effective
# ```
#
# </details>

# %%
oracle = ...
few = random.sample(1, 3, np.random.default_rng(5))

def is_exact(solve):
    return risk(solve(few.features[0], few.labels[0]), few.effective[0]) < 1e-20

check(oracle, is_exact, "Three points must be enough.")

# %% [markdown]
# ## References
#
# - M. Zhao, *Navigating Over-parametrized Feature Space with Meta-Gradients*, W&B report, 2021.
# - V. Muthukumar, K. Vodrahalli, V. Subramanian, A. Sahai, *Harmless interpolation of noisy data in regression*, [arXiv 1903.09139](https://arxiv.org/abs/1903.09139): survival, contamination, and weighted Fourier features.
# - Y. Xie, H.-H. Chou, H. Rauhut, R. Ward, *Overparameterization and generalization error: weighted trigonometric interpolation*, [arXiv 2006.08495](https://arxiv.org/abs/2006.08495): weights that decay with frequency, chosen by hand.
#
# **Next:** [03 · Learn the weights with MAML](03_maml.ipynb).
