# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Classify with a fit that predicts badly
#
# **Question.** Suppose that only the *sign* of each curve is observed. Which weights are the right ones now,
# and how can a fit that is useless as a prediction be a decent classifier?
#
# Notebook 6 of 7. It runs in about 5 seconds.

# %% [markdown]
# ## You will
#
# **Do.** Label the same tasks with +1 and -1, fit them by least squares as before, and let MAML learn weights from signs alone.
#
# **Learn.**
#
# - why *accuracy* can be good where the *squared distance* is not: a sign survives what a value does not;
# - which weights MAML learns from signs: not one-hot, but a *smoothness prior* that nobody wrote down;
# - what they are worth on unseen tasks, from 2 to 512 points;
# - where it *breaks*: at n = d, in squared distance only.
#
# **Need.** Notebooks 2 and 3. Least squares is all the fitting there is; the logistic loss appears once, as a reference.
#
# ## Notation
#
# | symbol | code | meaning |
# |---|---|---|
# | $f(x) = \phi(x) \cdot \beta$ | `tasks.effective` | a task's curve, which stays hidden |
# | $y = \operatorname{sign} f(x)$ | `tasks.labels` | its labels, +1 or -1 |
# | $S$, $C$ | `survival`, `contamination` | what a fit keeps of the true feature, and the rms of what it adds |

# %% tags=["colab", "hide-input"]
import importlib.util, site, sys
if importlib.util.find_spec("fourier_meta") is None:  # on Colab the package and the stored results are missing
    if "google.colab" not in sys.modules:
        raise SystemExit("This kernel has no fourier_meta: start JupyterLab with `make lab`, or `pip install -e .` here.")
    get_ipython().run_line_magic("pip", "install -q -e git+https://github.com/fourier-meta/fourier_meta#egg=fourier_meta")
    [site.addsitedir(folder) for folder in site.getsitepackages()]  # look again at what is installed

# %% tags=["hide-input"]
import math

import numpy as np

from fourier_meta import TaskFamily, figures, fourier_features, min_norm, regular_grid, rivals
from fourier_meta.classification import sign_batches, sign_labels, sign_scores
from fourier_meta.exercises import check
from fourier_meta.figures import show
from fourier_meta.results import load_results

# %%
family = TaskFamily(n_features=257, support=(0, 1, 2))  # the same hidden curves as in notebooks 1 to 5
n_points = 64  # N
favoured = 9  # bi-level weights: how many features share the mass gamma
steps = 1000  # outer steps of 15 tasks
seed = 0

# %% [markdown]
# ## The same tasks, less information
#
# A label is the sign of the curve: `sign_labels` is one `np.where`. We fit the labels as if they were values, by min-norm with weights 1, and classify by the sign of the fit.
# Two scores, both over a dense grid of x:
#
# $$ \text{accuracy} = \Pr_x\left[\operatorname{sign} \hat f(x) = y(x)\right], \qquad \text{squared distance} = \mathbb E_x\left[(\hat f(x) - y(x))^2\right] \tag{1} $$
#
# Guessing scores one half in the first, predicting 0 everywhere scores 1 in the second.

# %%
tasks = sign_labels(family.sample(50, n_points, np.random.default_rng(seed)))
fits = min_norm(tasks.features, tasks.labels)
accuracy, square = sign_scores(fits, tasks.effective)
print(f"min-norm, 50 tasks of {n_points} points: median accuracy {np.median(accuracy):.2f}, squared distance {np.median(square):.2f}")

# %%
dense, waves = regular_grid(1024), fourier_features(regular_grid(1024), 257)
fig, axes = figures.subplots(1, 3, height=2.2, width=11, sharey=True)
for ax, fit, truth, x, y in zip(axes, fits, tasks.effective, tasks.x, tasks.labels, strict=False):
    figures.draw_fit(ax, dense, np.sign(waves @ truth), waves @ fit, points=(x, y))
figures.legend_above(fig, axes[0])
show(fig, alt="Three tasks with labels plus and minus one. The true labels form one or two broad plateaus. The min-norm fit is near zero between the points and spikes to plus or minus one at each of them; its sign is right more often than wrong.")

# %% [markdown]
# Between its points the fit is close to 0, so its squared distance is hardly better than predicting 0.
# But it leans to the right side, and a sign is all that accuracy asks for.
#
# ## Why a sign survives
#
# Split a fit into its component along the labels, $S = \mathbb E_x[\hat f y]$, which *survives*, and the rest, whose rms is C and which *contaminates*:
#
# $$ \hat f = S \, y + \text{rest}, \qquad \text{squared distance} = (1 - S)^2 + C^2, \qquad \text{accuracy} \approx \mathcal N(S / C) \tag{2} $$
#
# The second equation is exact. The third would be exact if the rest were Gaussian noise with mean 0 at every x ($\mathcal N$ is the normal distribution function).
# A small squared distance needs S near 1. Accuracy only needs S *large compared with C*.
#
# **Predict, then run.** Bi-level weights give the 9 lowest features the mass $\gamma$; $\gamma = 9/257$ is weights 1. As $\gamma$ grows from there, which score becomes good first?

# %%
normal = np.vectorize(lambda z: (1 + math.erf(z / math.sqrt(2))) / 2)
target = np.where(tasks.effective @ waves.T >= 0, 1, -1)
masses, table = (favoured / 257, 0.06, 0.1, 0.2, 0.4, 0.9), []
for mass in masses:
    estimate = min_norm(tasks.features, tasks.labels, rivals.bilevel_weights(257, favoured, mass))
    fit = estimate @ waves.T
    S = np.mean(fit * target, axis=1)
    C = np.sqrt(np.mean(fit**2, axis=1) - S**2)
    accuracy, square = sign_scores(estimate, tasks.effective)
    np.testing.assert_allclose(square, (1 - S) ** 2 + C**2, atol=1e-12)
    table.append(np.median([S, C, square, accuracy, normal(S / C)], axis=1))
    print("mass {:.3f}: S {:.2f}  C {:.2f}  squared distance {:.2f}  accuracy {:.2f}  predicted {:.2f}".format(mass, *table[-1]))

# %%
S, C, square, accuracy, predicted = np.transpose(table)
fig, ax = figures.subplots(height=2.6)
ax.semilogx(masses, square, "o-", color=figures.COLORS["min-norm"], label="squared distance (0 is perfect)")
ax.semilogx(masses, accuracy, "o-", color=figures.COLORS["MAML"], label="accuracy (1 is perfect)")
ax.semilogx(masses, predicted, "--", color=figures.COLORS["truth"], label="accuracy, equation (2)")
ax.set(xlabel="mass γ on the 9 favoured features", ylim=(0, 1.02))
figures.legend_above(fig, ax)
show(fig, alt="Medians of 50 tasks over the mass gamma. Accuracy jumps from 0.6 to 0.96 by gamma = 0.1, where squared distance is still 0.4; squared distance needs a mass of 0.4 to fall below 0.15. The dashed prediction of accuracy runs close to the measured one.")

# %% [markdown]
# At mass 0.1 the fit misses most of the labels' size, S = 0.46, and classifies 96 % of all x as the task does.
# Its squared distance is 0.40: as a prediction it is poor, as a classifier good. The Gaussian guess in (2) is roughly right and no more; near a jump of the labels the rest is not noise.
#
# ## Which weights should be learned from signs?
#
# A sign is a plateau, and a plateau is not made of three features: its energy in a wave of frequency k falls like $1/k^2$, over *all* frequencies.
# We train MAML on sign labels, squared loss inside and outside, nothing else changed: the package's gradient, other labels.
#
# **Predict, then run.** In notebook 3 MAML's weights became one-hot. And now?

# %%
spectrum = load_results("spectrum")
learned, energy = spectrum.cube("MAML", "feature", "seed"), spectrum.cube("energy", "feature", "seed").mean(axis=1)
low, middle, high = np.quantile(learned, (0.1, 0.5, 0.9), axis=1)
live = rivals.maml_on(sign_batches(family, seed=seed), steps=steps)
np.testing.assert_allclose(np.abs(live), learned[:, 0], rtol=0.01, atol=0.01)
print("seed 0 trained again: equal to the stored weights;", learned.shape[1], "seeds in all")
print("median weight of features 0, 2, 8, 32, 128:", np.round(middle[[0, 2, 8, 32, 128]], 2))
noise = np.cumsum(energy[::-1])[::-1] / n_points  # what waves j and above, left unfitted, add to an estimate from N points
print(f"energy falls below that noise at feature {np.flatnonzero(energy < noise)[0]}; median weight below 0.1 from feature {np.flatnonzero(middle < 0.1)[0]}")

# %%
fig, ax = figures.subplots(height=2.6)
figures.draw_band(ax, range(1, 258), low, middle, high, "MAML", label="weights learned from signs, median and 10-90 % of 10 seeds")
ax.loglog(range(1, 258), 10 * np.sqrt(energy), color=figures.COLORS["truth"], linewidth=1, label="root of the labels' energy, times 10")
ax.set(xlabel="feature index + 1", ylabel="|weight|", ylim=(1e-3, 20))
fig.legend(loc="outside upper left")
show(fig, alt="Learned weights against feature index on log axes: near 5 for the first three features, then a steady decline to 1 around feature 32, as the energy of the labels falls, and a sharp drop to nothing beyond feature 45.")

# %% [markdown]
# Nobody told MAML that smooth is good. From signs it learned weights that fall with the frequency, as the labels' energy does: a smoothness prior, estimated rather than assumed.
# And then it drops. What a fit leaves out acts as noise on what it estimates, so a wave with too little energy does more harm than good. Counting only the waves above it as left out puts the drop at feature 103; it comes at 46. The count is too kind: five steps leave a part of every wave unfitted.
# One-hot weights were never the point. Meta-learning estimates *what the tasks of a family have in common*, and here this is a spectrum.
#
# ## Who needs how many points?
#
# Accuracy on 50 unseen tasks for each of 10 seeds. MAML adapts by the K = 5 steps it was trained with; *ridge inside* is trained through ridge regression and adapts by it. The logistic oracle is told the three features of the hidden curve.

# %%
stored = load_results("classification")
points, methods = stored.levels("n_points"), stored.levels("method")
score = {m: [stored.cube(q, "n_points", method=m, score="accuracy") for q in ("low", "median", "high")] for m in methods}
square = {m: stored.cube("median", "n_points", method=m, score="square") for m in methods}
print("median accuracy, points: " + "".join(f"{n:7d}" for n in points))
for m in methods:
    print(f"{m:25s}" + "".join(f"{value:7.2f}" for value in score[m][1]))
print("squared distance of min-norm at 128, 256, 512 points: " + ", ".join(f"{value:.1g}" for value in square["min-norm"][-3:]))

# %%
shown = {"min-norm": "min-norm", "one-hot weights": "oracle", "MAML, ridge inside": "MAML", "logistic oracle": "truth"}
fig, axes = figures.subplots(1, 2, height=3)
for m, color in shown.items():
    low, middle, high = score[m]
    axes[0].fill_between(points, low, high, color=figures.COLORS[color], alpha=0.12, linewidth=0)
    axes[0].semilogx(points, middle, "o-", markersize=3, color=figures.COLORS[color], label=m)
    if color != "truth":
        axes[1].loglog(points, square[m], "o-", markersize=3, color=figures.COLORS[color])
axes[0].set(xlabel="training points n", title="accuracy", ylim=(0.4, 1.01), xticks=(2, 8, 32, 128, 512), xticklabels=(2, 8, 32, 128, 512))
axes[1].set(xlabel="training points n", title="squared distance to the labels", xticks=(2, 8, 32, 128, 512), xticklabels=(2, 8, 32, 128, 512))
figures.legend_above(fig, axes[0])
show(fig, alt="Left, accuracy against the number of training points: learned weights and the logistic oracle rise together from 0.75 to almost 1, one-hot weights level off near 0.96, min-norm starts at 0.5 and needs hundreds of points. Right, squared distance: min-norm has an enormous peak at 256 points, where its accuracy is still above 0.8.")

# %%
live = sign_labels(family.sample(50, 256, np.random.default_rng([seed, 256])))
estimate = min_norm(live.features, live.labels)
kept = stored.cube("seed_0", "n_points", method="min-norm", score="accuracy", n_points=256)[0]
np.testing.assert_allclose(np.median(sign_scores(estimate, live.effective)[0]), kept, atol=0.01)  # the stored curve, again
fit, target = estimate @ waves.T, np.where(live.effective @ waves.T >= 0, 1, -1)
wild, right = np.abs(fit) > 2, np.sign(fit) == target
print(f"256 points: |fit| is above 2 on {wild.mean():.0%} of all x; accuracy there {right[wild].mean():.2f}, elsewhere {right[~wild].mean():.2f}")

# %% [markdown]
# - Learned weights classify as well as the logistic oracle, which was told the three features; the bands, 10 to 90 % of tasks, overlap everywhere.
# - *One-hot* weights, right for values, stop at 0.96: three waves cannot make a plateau. What is right depends on what the labels are.
# - Simple baselines win again: the smoothness prior, which guesses the right decline, and the group lasso, which fits ten batches of the tasks, do as well up to 128 points. MAML adds that nobody had to guess, or to say what a group is.
# - At 256 points both fall to the peak at n = d, because they adapt by min-norm. Ridge and K steps do not interpolate, and pass it at 1.00.
# - MAML's own five steps need 16 points to catch up. At 2 to 8 points they take steps that were tuned to 64.
#
# ## Where it breaks
#
# At 256 points, n is almost d, the features are almost square and nearly singular, and the interpolator's squared distance explodes to about 2e+08. Its accuracy there is 0.82.
# The Gaussian guess in (2) would say 0.5, and is wrong: the explosion is not spread like noise. It sits on 32% of all x, where the fit is a coin; elsewhere it is as good as ever. Squared distance averages the huge values there, accuracy only counts how many x they take.
#
# ## Summary
#
# - *Accuracy* asks for S/C, *squared distance* for S near 1: at mass 0.1 the first is 0.96 where the second is 0.40.
# - From signs MAML learns a *smoothness prior*, and cuts it off near feature 46, earlier than a count of energies says.
# - *On unseen tasks* it reaches 0.91 from 8 points and 0.99 from 64, as the logistic oracle does; min-norm with weights 1 has 0.52 and 0.62.
# - It *breaks* at n = d in squared distance, by eight orders of magnitude, and hardly in accuracy.
#
# ## Exercises
#
# **Exercise 1.** What accuracy does equation (2) give to a fit that keeps nothing of the labels, S = 0, but is not zero?
#
# <details><summary>Solution</summary>
#
# $\mathcal N(0)$: a coin.
#
# ```python
# accuracy_of_nothing = 0.5
# ```
#
# </details>

# %%
accuracy_of_nothing = ...
check(accuracy_of_nothing, lambda a: abs(a - (1 + math.erf(0)) / 2) < 1e-9, "Put S = 0 into the last part of (2).")

# %% [markdown]
# **Exercise 2.** Write down weights, without training, with which min-norm classifies 98 % or more of all x from 64 points (median of 50 tasks).
#
# <details><summary>Solution</summary>
#
# Any smooth decline will do; one-hot weights stop at about 96 %.
#
# ```python
# my_weights = rivals.smoothness_weights(257, power=1)
# ```
#
# </details>

# %%
my_weights = ...
check(my_weights, lambda w: np.median(sign_scores(min_norm(tasks.features, tasks.labels, w), tasks.effective)[0]) > 0.98, "A plateau needs high frequencies, too, but not many.")

# %% [markdown]
# **Exercise 3.** A small project: label noise. Write `flipped(tasks, part, rng)`, which returns the tasks with that part of all labels, chosen at random, flipped.
# Then find out which of the methods above suffers most from `part = 0.1`.
#
# <details><summary>Solution</summary>
#
# Interpolators follow every flipped label. The K steps of MAML, and ridge, do not have to.
#
# ```python
# def flipped(tasks, part, rng):
#     signs = np.where(rng.random(tasks.labels.shape) < part, -1, 1)
#     return tasks._replace(labels=tasks.labels * signs)
# ```
#
# </details>

# %%
flipped = ...

def flips_the_right_part(flipped):
    changed = flipped(tasks, 0.1, np.random.default_rng(0)).labels * tasks.labels
    return set(np.unique(changed)) == {-1, 1} and 0.08 < np.mean(changed == -1) < 0.12

check(flipped, flips_the_right_part, "Multiply a random tenth of the labels by -1.")

# %% [markdown]
# ## References
#
# - V. Muthukumar, A. Narang, V. Subramanian, M. Belkin, D. Hsu, A. Sahai, *Classification vs regression in overparameterized regimes: does the loss function matter?*, 2021, [arXiv 2005.08054](https://arxiv.org/abs/2005.08054): survival and contamination decide differently for the two scores.
# - Y. Xie, H.-H. Chou, H. Rauhut, R. Ward, *Overparameterization and generalization error: weighted trigonometric interpolation*, 2022, [arXiv 2006.08495](https://arxiv.org/abs/2006.08495): the smoothness prior, written by hand.
#
# **Next:** [07 · Scale it up, past one machine](07_scaling.ipynb).
