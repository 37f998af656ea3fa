# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Hold the formulas against the experiments
#
# **Question.** The book leans on formulas: for aliases, for meta-gradients, for where weights end.
# Which of them are exact at the book's sizes, which only approximate, and which fail?
#
# An appendix to notebooks 2 to 5. It runs in about 15 seconds.

# %% [markdown]
# ## You will
#
# **Do.** Put seven formulas over seven experiments and print the error of each.
#
# **Learn.**
#
# - which are *exact*: aliases, the closed-form meta-gradient, its scale invariance, the K-step filter;
# - which hold *in a limit*: survival with bi-level weights, the target of Reptile's descent;
# - which *fails* here, and why: the predicted size of the learned weights for K > 1;
# - what *noise* does to weights that carry no signal: it depends on the inner solver.
#
# **Need.** Notebooks 2, 3 and 4.
#
# ## Notation
#
# | symbol | code | meaning |
# |---|---|---|
# | $s = w^2$, $G = \Phi \operatorname{diag}(s) \Phi^\top$ | `squared`, `gram` | weighted kernel of the training points |
# | $A$ | `same_class` | the aliases of a feature on the grid |
# | $S$, $\lambda$ | | survival of a feature; ratio of its rivals' weight to its own |

# %% tags=["colab", "hide-input"]
import importlib.util, sys
if importlib.util.find_spec("fourier_meta") is None:  # on Colab the package is missing and is installed here
    if "google.colab" not in sys.modules:
        raise SystemExit("This kernel has no fourier_meta: start JupyterLab with `make lab`, or `pip install -e .` here.")
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/fourier-meta/fourier_meta")

# %% tags=["hide-input"]
import numpy as np

from fourier_meta import TaskFamily, alias_classes, aliased_min_norm, figures, fourier_features, gradient_descent, joint_descent, maml_gradient, min_norm, regular_grid, train_maml
from fourier_meta.exercises import check
from fourier_meta.figures import show
from fourier_meta.rivals import bilevel_weights, closed_form_gradient, ridge_gradient

# %%
n_features, n_points, true = 257, 64, [0, 1, 2]  # d, N and the true features
inner_steps, inner_rate = 5, 0.02  # K and eta
favoured = 9  # bi-level weights: the lowest 9 features share the mass gamma of sum w^2
noise, steps = 1.0, 600  # label noise and outer steps in the last experiment
seed = 0  # everything random in this notebook follows from it
family, on_grid = TaskFamily(n_features), TaskFamily(n_features, design="grid")

def report(what, error, bound):
    print(f"{what:58s}" + (f"error below {bound:.0e}" if error < bound else f"error {error:.3g}"))

# %% [markdown]
# ## Survival: exact on the grid, and a limit with bi-level weights
#
# On the grid, min-norm can only hand the label energy of an alias class $A$ to its members, in proportion to $w^2$ (notebook 2).
# A pure feature $j$ *survives* with the part $S_j = w_j^2 / \sum_{k \in A} w_k^2$; the rest contaminates its aliases.
#
# Give the first $s$ features the part $\gamma$ of all squared weight and spread the rest evenly: *bi-level* weights.
# A favoured feature then has about $d / N$ rivals of weight $(1 - \gamma) d / (d - s)$ each, so for large $d$
#
# $$ S = \frac{1}{1 + \lambda}, \qquad \text{contamination} \sum_{k \ne j} \beta_k^2 = \frac{N}{d} \frac{\lambda^2}{(1 + \lambda)^2}, \qquad \lambda = \frac{s \, (1 - \gamma)}{N \gamma} \tag{1} $$

# %%
masses = np.array([0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9])
grid_features = fourier_features(regular_grid(n_points), n_features)
weighted = [bilevel_weights(n_features, favoured, mass) for mass in masses]
exact = np.array([aliased_min_norm(np.eye(n_features)[1], w, n_points) for w in weighted])  # a task that is feature 1
solved = np.array([min_norm(grid_features, grid_features[:, 1], w) for w in weighted])
report("alias formula against the solver, all masses:", np.abs(exact - solved).max(), 1e-12)
ratio = favoured * (1 - masses) / (n_points * masses)  # lambda
survival, contamination = 1 / (1 + ratio), n_points / n_features * (ratio / (1 + ratio)) ** 2
print("mass gamma", masses, "\nexact     ", exact[:, 1].round(3), "\neq. (1)   ", survival.round(3))
for d in (257, 1025, 4097, 16385):
    share = (alias_classes(n_points, d).representative == 1) * bilevel_weights(d, favoured, masses[-1]) ** 2
    print(f"d = {d:5d}: exact survival minus equation (1) = {share[1] / share.sum() - survival[-1]:.1e}")

# %%
fig, axes = figures.subplots(1, 2, height=2.6)
for ax, formula, measured in zip(axes, (survival, contamination), (exact[:, 1], np.sum(exact**2, axis=1) - exact[:, 1] ** 2), strict=True):
    ax.plot(masses, formula, color=figures.COLORS["truth"], label="equation (1)")
    ax.plot(masses, measured, "o", color=figures.COLORS["min-norm"], label="exact, d = 257")
axes[0].set(title="survival of feature 1", xlabel="mass γ", ylim=(0, 1.05))
axes[1].set(title="contamination", xlabel="mass γ", yscale="log")
figures.legend_above(fig, axes[0])
show(fig, alt="Two panels over the mass gamma. Survival rises from one third to almost one, contamination falls by more than three decades. The points lie close to the curves of equation (1), survival slightly above and contamination slightly below.")

# %% [markdown]
# Equation (1) is a limit, and its error falls in proportion to $1 / d$: at d = 257, a feature has three rivals, not $d / N = 4$.
#
# ## The meta-gradient of a closed form
#
# If the inner loop is solved exactly, no recursion is left. With $a = G^{-1} y$, $r = \Phi_v \beta - y_v$ and $b = G^{-1} \Phi \operatorname{diag}(s) \Phi_v^\top r$,
#
# $$ \frac{\partial L}{\partial w_j} = \frac4M \, w_j \, (\Phi^\top a)_j \left[ (\Phi_v^\top r)_j - (\Phi^\top b)_j \right]. \tag{2} $$
#
# Ridge regression with penalty $\mu$ has the same formula with $G + N \mu I$ in place of $G$.
#
# **Predict, then run.** Min-norm does not change when all weights are doubled. What does that say about $w \cdot \nabla_w L$? Is it so for ridge?

# %%
rng = np.random.default_rng(seed)
weights = rng.uniform(0.5, 1.5, n_features)
train = family.sample(10, n_points, rng)
validation = family.observe(train.effective, n_points, rng)
X, y, X_v, y_v = train.features, train.labels[..., None], validation.features, validation.labels[..., None]
squared = weights[:, None] ** 2
gram = X @ (squared * X.mT)
a = np.linalg.solve(gram, y)
r = X_v @ (squared * (X.mT @ a)) - y_v
b = np.linalg.solve(gram, X @ (squared * (X_v.mT @ r)))
by_hand = np.mean(4 / n_points * weights[:, None] * (X.mT @ a) * (X_v.mT @ r - X.mT @ b), axis=0)[:, 0]
np.testing.assert_allclose(by_hand, closed_form_gradient(weights, train, validation)[1], rtol=0, atol=1e-12)

# %%
steps_5 = 1e-5 * np.eye(n_features)[:5]
for name, method in {"min-norm": closed_form_gradient, "ridge": ridge_gradient}.items():
    gradient = method(weights, train, validation)[1]
    slopes = [(method(weights + h, train, validation)[0] - method(weights - h, train, validation)[0]) / 2e-5 for h in steps_5]
    report(f"{name}: equation (2) against central differences,", np.abs(slopes - gradient[:5]).max(), 1e-8)
    report(f"{name}: w . dL/dw, relative to its terms,", abs(weights @ gradient) / np.sum(np.abs(weights * gradient)), 1e-12)
unsplit = closed_form_gradient(weights, validation, validation)[1]
report("no validation set: gradient of the training loss is 0,", np.abs(unsplit).max(), 1e-20)

# %% [markdown]
# The min-norm loss depends on ratios of weights only, so its gradient is orthogonal to $w$: descent can turn $w$ and never shrinks it.
# Ridge compares the weights with its penalty, and its gradient has a part along $w$.
# The last line is a warning: an inner loop that interpolates has zero training loss for *any* weights. Without separate validation points there is nothing to learn from.
#
# On the grid, scale invariance holds in each alias class by itself, since each class is its own small min-norm problem:

# %%
train = on_grid.sample(10, n_points, rng)
validation = on_grid.observe(train.effective, n_points, rng, design="random")
representative, factor = alias_classes(n_points, n_features)
products = weights * closed_form_gradient(weights, train, validation)[1]
report("w . dL/dw within each of the 64 alias classes,", max(abs(products[representative == c].sum()) for c in range(64)), 1e-12)

# %% [markdown]
# ## K steps of descent are a filter
#
# On the grid the features of different classes are orthogonal, so descent treats each class alone. K steps from zero reach the part
#
# $$ \rho_A = 1 - \Bigl(1 - 2 \eta \sum_{k \in A} w_k^2 f_k^2 \Bigr)^K \tag{3} $$
#
# of what min-norm would give to class $A$ ($f$ are the factors of `alias_classes`). Heavy classes are fitted first; weights are speeds.

# %%
same_class = (representative[:, None] == representative) & (factor[:, None] * factor != 0)
passed = 1 - (1 - 2 * inner_rate * (same_class @ (weights**2 * factor**2))) ** inner_steps
descended = weights * gradient_descent(train.features, train.labels, weights, inner_steps, inner_rate)
filtered = passed * aliased_min_norm(train.effective, weights, n_points)
report("K steps against filter times min-norm,", np.abs(descended - filtered).max(), 1e-12)

# %% [markdown]
# Equation (3) predicts where a true weight should end when its aliases are gone: at $\rho = 1$, so at $w_S = (2 \eta)^{-1/2}$, *whatever* K is.
#
# **Predict, then run.** With K = 1 the loss has one sharp minimum there. With K = 20, how flat is $(1 - 2 \eta w^2)^{2K}$ around it? Where will training stop?

# %%
rates, counts = np.array([0.01, 0.02, 0.03, 0.04]), (1, 5, 20)
train_at = lambda K, eta: train_maml(family, steps=300, inner_steps=K, inner_rate=eta, seed=seed).weights[true].mean()
learned = {K: np.array([train_at(K, eta) for eta in rates]) for K in counts}
predicted = (2 * rates) ** -0.5
for K, reached in learned.items():
    print(f"K = {K:2d}: w_S / prediction = {(reached / predicted).round(2)}, loss left there at most {np.max((1 - 2 * rates * reached**2) ** (2 * K)):.0e}")

# %%
fig, ax = figures.subplots(height=2.8, width=7)
ax.plot(rates, predicted, color=figures.COLORS["truth"], label="(2η)^(-1/2)")
for (K, reached), method in zip(learned.items(), ("MAML", "FOMAML", "OMP"), strict=True):
    ax.plot(rates, reached, "o--", linewidth=0.6, color=figures.COLORS[method], label=f"learned, K = {K}")
ax.set(xlabel="inner rate η", ylabel="mean true weight", xticks=rates, xticklabels=rates, ylim=(0, 8))
figures.legend_above(fig, ax)
show(fig, alt="Mean true weight against the inner rate. A line falls like one over its root. The weights learned with one inner step lie on it; with 5 and 20 steps they lie below it.")

# %% [markdown]
# With K = 1 the prediction holds within 2 %. With K = 5 and 20 it fails: training stops well below, where the loss is already small and its gradient drowns in the noise of 15 tasks.
#
# ## Where Reptile's descent is heading
#
# Joint descent on $(w, \alpha)$ keeps $w^2 - \alpha^2$ at $w_0^2$ (notebook 4). If it ends at $w \alpha = \beta$, both are known:
#
# $$ w_T^2 = \tfrac12 \left( w_0^2 + \sqrt{w_0^4 + 4 \beta^2} \right) \tag{4} $$

# %%
target = lambda beta: np.sqrt((1 + np.sqrt(1 + 4 * beta**2)) / 2)  # equation (4) with w_0 = 1
tasks = TaskFamily(33, design="grid").sample(50, n_points, np.random.default_rng(seed))  # d < N: descent can reach beta
for rate, K in ((0.02, 20), (0.02, 1000), (0.002, 10_000)):
    reached, _ = joint_descent(tasks.features, tasks.labels, np.ones(33), K, rate)
    print(f"d = 33, rate {rate}, {K:5d} steps: largest |w_K - equation (4)| = {np.abs(reached - target(tasks.effective)).max():.4f}")
tasks = family.sample(50, n_points, np.random.default_rng(seed))
reached, _ = joint_descent(tasks.features, tasks.labels, np.ones(n_features), 20, 0.02)
print(f"d = 257, 20 steps: true weights grow by {reached[:, true].mean() - 1:.3f}, not by {target(tasks.effective)[:, true].mean() - 1:.3f}")

# %% [markdown]
# At convergence the error is proportional to the step: equation (4) belongs to the flow, and halving nothing but the rate halves it.
# At the book's sizes descent is far from converged after 20 steps, *and* 257 features share what belongs to three, so a step of Reptile moves the true weights by a tenth of the prediction.
#
# ## Noise and the weights that carry no signal
#
# On a noisy grid, all classes but three carry noise only. A solver may do two things with their weights: *shrink* them, so that less noise is fitted, or *equalise* them within each class, so that fitted noise is spread thin and averages out.
#
# **Predict, then run.** Which one can an interpolator do, given that only ratios matter to it?

# %%
free = (representative > 2) & (factor != 0)  # in a class without signal

def unevenness(weights):
    """Standard deviation over mean of w^2 within a signal-free class, averaged over classes."""
    classes = [weights[free & (representative == c)] ** 2 for c in np.unique(representative[free])]
    return np.mean([q.std() / q.mean() for q in classes])

noisy, spectra = TaskFamily(n_features, noise=noise, design="grid"), {}
for name, method in {"min-norm": closed_form_gradient, "ridge": ridge_gradient, "K steps": maml_gradient}.items():
    run = train_maml(noisy, "uniform", gradient=method, steps=steps, seed=seed)
    start, spectra[name] = run.initial_weights, np.abs(run.weights)
    print(f"{name:9s}unevenness {unevenness(start):.2f} -> {unevenness(run.weights):.2f}, mean weight {start[free].mean():.2f} -> {spectra[name][free].mean():.2f}")

# %%
fig, axes = figures.subplots(1, 3, height=2.2, width=11, sharey=True)
for ax, (name, spectrum) in zip(axes, spectra.items(), strict=True):
    figures.draw_spectrum(ax, spectrum, true)
    ax.set_title(f"{name} inside")
figures.legend_above(fig, axes[0])
show(fig, alt="Learned weights over feature index for three inner solvers on noisy labels. With min-norm all signal-free weights end near one, nearly equal. With ridge and with K steps of descent they end near zero.")

# %% [markdown]
# An interpolator must fit the noise, so it learns to fit it *harmlessly*: equal weights spread it over each class, and its unevenness drops by a factor of ten.
# Ridge and K steps can refuse to fit, and learn to. One-hot weights are thus not what meta-learning finds in general; they are what a solver finds that may leave a residual.
#
# ## Summary
#
# - *Exact*, below 1e-12: alias survival, equation (2) by two routes, its scale invariance (in every alias class on the grid), the K-step filter (3).
# - *In a limit*: equation (1) misses survival by 3.4e-03 at d = 257 and by 1/d beyond; equation (4) by the size of a step.
# - *Fails*: $w_S = (2\eta)^{-1/2}$ for K > 1, where the loss is flat long before.
# - *Noise*: min-norm equalises the signal-free weights, ridge and K steps shrink them.
#
# ## Exercises
#
# **Exercise 1.** With $w = 1$ and N = 64, which part of feature 2 survives at d = 513? Count its alias class.
#
# <details><summary>Solution</summary>
#
# Frequency 1 meets $64 m \pm 1$ for m = 1 to 4, but for the last, which is beyond d: with itself, eight cosines of equal weight.
#
# ```python
# survival_513 = 1 / 8
# ```
#
# </details>

# %%
survival_513 = ...
in_class = alias_classes(64, 513).members(2)
check(survival_513, lambda s: abs(s * len(in_class) - 1) < 1e-6, "Which frequencies 64 m + 1 and 64 m - 1 are there?")

# %% [markdown]
# **Exercise 2.** Which inner rate makes K = 1 learn true weights of 4?
#
# <details><summary>Solution</summary>
#
# $(2 \eta)^{-1/2} = 4$, so $\eta = 1/32$.
#
# ```python
# rate_for_4 = 1 / 32
# ```
#
# </details>

# %%
rate_for_4 = ...
trained = lambda eta: train_maml(family, steps=200, inner_steps=1, inner_rate=eta).weights[true]
check(rate_for_4, lambda eta: np.abs(trained(eta) - 4).max() < 0.2, "Solve (2 eta)^(-1/2) = 4 for eta.")

# %% [markdown]
# **Exercise 3.** Write `project(weights, gradient)`, which removes from a gradient its part along $w$ in *each* alias class of the grid of 64 points.
# For the min-norm loss on the grid this must change nothing.
#
# <details><summary>Solution</summary>
#
# ```python
# def project(weights, gradient):
#     result = gradient.copy()
#     for c in range(64):
#         members = representative == c
#         w, g = weights[members], gradient[members]
#         result[members] = g - w * (w @ g) / (w @ w)
#     return result
# ```
#
# </details>

# %%
project = ...

def removes_the_part_along_w(project):
    w, g = np.random.default_rng(1).uniform(0.5, 1.5, (2, n_features))
    left = [w[representative == c] @ project(w, g)[representative == c] for c in range(n_points)]
    return np.abs(left).max() < 1e-12 and np.allclose(project(weights, products / weights), products / weights)

check(project, removes_the_part_along_w, "Class by class: g - w (w . g) / (w . w).")

# %% [markdown]
# ## References
#
# - V. Muthukumar, K. Vodrahalli, V. Subramanian, A. Sahai, *Harmless interpolation of noisy data in regression*, 2020, [arXiv 1903.09139](https://arxiv.org/abs/1903.09139): equation (1), and what the last section is named after.
# - B. Woodworth et al., *Kernel and rich regimes in overparametrized models*, 2020, [arXiv 2002.09277](https://arxiv.org/abs/2002.09277): equation (4).
# - N. Saunshi, A. Gupta, W. Hu, *A representation learning perspective on the importance of train-validation splitting in meta-learning*, 2021, [arXiv 2106.15615](https://arxiv.org/abs/2106.15615).
#
# **Next:** back to [05 · See who needs how many points](05_showdown.ipynb).
