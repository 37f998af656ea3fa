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
# **Question.** [Chapter 6](06_prior.ipynb) left us with a sentence: weights are a prior, and a prior belongs to a family of tasks. So change what the tasks show. Suppose that only the *sign* of each curve is observed. Which weights are the right ones now?
# And how can a fit that is useless as a prediction be a decent classifier?
#
# Why it matters: most data that people learn from are labels, not values, and many are fitted by squared loss.

# %% [markdown]
# ## You will
#
# **Do.** Label the same tasks with +1 and -1, fit them by least squares as before, and let MAML learn weights from signs alone.
#
# **Learn.**
#
# - why *accuracy* can be good where the *squared distance* is not: a sign survives what a value does not;
# - which weights MAML learns from signs: not three, but a *spectrum* that falls with the frequency;
# - what they are worth on unseen tasks: as much as three other ways to such a spectrum, and no more;
# - where it *breaks*: at n = d, in squared distance, and far less in accuracy.
#
# **Need.** Chapters 2, 3 and 6. Least squares is all the fitting there is; the logistic loss appears once, as a reference.
#
# ## Notation
#
# | symbol | code | meaning |
# |---|---|---|
# | $\beta$ | `tasks.effective` | a task's true coefficients; its curve $\phi(x) \cdot \beta$ stays hidden |
# | $y$ | `tasks.labels` | its labels, $\operatorname{sign}(\phi(x) \cdot \beta)$, +1 or -1 |
# | $\kappa$ | `survival` | the part of the labels that a fit keeps |
# | $\tau$ | `contamination` | the root mean square of what it adds |
# | $\gamma$ | `mass` | part of the squared weight on the favoured features |

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
import math

import numpy as np

from fourier_meta import (
    TaskFamily,
    figures,
    fourier_features,
    frequencies,
    min_norm,
    regular_grid,
    train_maml,
)
from fourier_meta.classification import sign_batches, sign_labels, sign_scores
from fourier_meta.exercises import check_07_1, check_07_2, check_07_3
from fourier_meta.figures import show
from fourier_meta.rivals import bilevel_weights, smoothness_weights
from fourier_meta.sweep import load_table

# %% tags=["parameters"]
n_features = 257  # d, number of Fourier features
support = (0, 1, 2)  # S, the features of the hidden curves
n_points = 64  # N, points that show a label
n_tasks = 50  # tasks that are scored
n_favoured = 9  # bi-level weights: how many features share the mass
masses = (9 / 257, 0.06, 0.1, 0.2, 0.4, 0.9)  # gamma; 9 / 257 is weights 1
steps = 1000  # outer steps of 15 tasks
seed = 0  # everything random in this chapter follows from it

# %%
family = TaskFamily(n_features, support)
true = list(support)
dense = regular_grid(1024)
waves = fourier_features(dense, n_features)
book = (n_features, support, n_points, n_tasks, n_favoured, steps, seed)
as_in_the_book = book == (257, (0, 1, 2), 64, 50, 9, 1000, 0)

# %% [markdown]
# ## The same tasks, less information
#
# A label is the sign of the curve: `sign_labels` is one `np.where`. We fit the labels as if they were values, by min-norm with weights 1, and classify by the sign of the fit.
# Two scores of a fit $\hat y(x) = \phi(x) \cdot \hat\beta$, both over a dense grid of x:
#
# $$ \text{accuracy} = \Pr_x\left[\operatorname{sign} \hat y(x) = y(x)\right], \qquad \text{squared distance} = \mathbb E_x\left[(\hat y(x) - y(x))^2\right] \tag{1} $$
#
# Guessing scores one half in the first, predicting 0 everywhere scores 1 in the second.

# %%
tasks = sign_labels(family.sample(n_tasks, n_points, np.random.default_rng(seed)))
fits = min_norm(tasks.features, tasks.labels)
accuracy, distance = sign_scores(fits, tasks.effective)
print(f"min-norm with weights 1, {n_tasks} tasks of {n_points} points:")
print(f"median accuracy {np.median(accuracy):.2f}", end=", ")
print(f"median squared distance {np.median(distance):.2f}")

# %% tags=["hide-input"]
fig, axes = figures.subplots(1, 3, height=2.2, width=11, sharey=True)
for i, ax in enumerate(axes):
    labels_everywhere = np.sign(waves @ tasks.effective[i])
    points = (tasks.x[i], tasks.labels[i])
    figures.draw_fit(ax, dense, labels_everywhere, waves @ fits[i], points=points)
figures.legend_above(fig, axes[0])
show(
    fig,
    alt="Three tasks with labels plus and minus one. The true labels form one or two "
    "broad plateaus. The min-norm fit is near zero between the points and spikes to "
    "plus or minus one at each of them; its sign is right more often than wrong.",
)

# %% [markdown]
# Between its points the fit is close to 0, so its squared distance is hardly better than predicting 0.
# But it leans to the right side, and a sign is all that accuracy asks for.
#
# ## Why a sign survives
#
# Split a fit into its component along the labels, $\kappa = \mathbb E_x[\hat y \, y]$, which *survives*, and the rest, whose root mean square $\tau$ *contaminates*:
#
# $$ \hat y = \kappa \, y + \text{rest}, \qquad \text{squared distance} = (1 - \kappa)^2 + \tau^2, \qquad \text{accuracy} \approx \Pr[g < \kappa / \tau] \tag{2} $$
#
# The second equation is exact, as $y^2 = 1$. The third, with a standard Gaussian g, would be exact if the rest were Gaussian noise with mean 0 at every x.
# A small squared distance needs $\kappa$ near 1. Accuracy only needs $\kappa$ *large compared with* $\tau$.
#
# **Predict, then run.** Bi-level weights give the 9 lowest features the mass $\gamma$ of all squared weight. As $\gamma$ grows from weights 1, which score becomes good first?


# %%
def below(z):
    """Probability that a standard Gaussian is below z, for each of several z."""
    return np.array([(1 + math.erf(value / math.sqrt(2))) / 2 for value in z])


truth = np.where(tasks.effective @ waves.T >= 0, 1, -1)
rows = []
for mass in masses:
    weights = bilevel_weights(n_features, n_favoured, mass)
    estimate = min_norm(tasks.features, tasks.labels, weights)
    fit = estimate @ waves.T
    survival = np.mean(fit * truth, axis=1)
    contamination = np.sqrt(np.mean(fit**2, axis=1) - survival**2)
    accuracy, distance = sign_scores(estimate, tasks.effective)
    assert np.allclose(distance, (1 - survival) ** 2 + contamination**2)
    guess = below(survival / contamination)
    columns = [survival, contamination, distance, accuracy, guess]
    rows.append(np.median(columns, axis=1))
    print(
        f"mass {mass:.3f}: survival {rows[-1][0]:.2f}, contamination {rows[-1][1]:.2f}",
        end="; ",
    )
    print(f"squared distance {rows[-1][2]:.2f}, accuracy {rows[-1][3]:.2f}", end=", ")
    print(f"(2) says {rows[-1][4]:.2f}")
if as_in_the_book and 0.1 in masses:
    at_a_tenth = rows[masses.index(0.1)]
    assert at_a_tenth[3] > 0.93
    assert at_a_tenth[2] > 0.3

# %% tags=["hide-input", "live-sign"]
_, _, distances, accuracies, predictions = np.transpose(rows)
fig, ax = figures.subplots(height=2.8, width=8)
ax.semilogx(masses, distances, "o-", color=figures.COLORS["min-norm"])
ax.semilogx(masses, accuracies, "o-", color=figures.COLORS["truth"])
ax.semilogx(masses, predictions, "--", color=figures.COLORS["other"])
half = len(masses) // 2
ax.text(masses[half], accuracies[half] - 0.1, "accuracy (1 is perfect)")
ax.text(masses[half], distances[half] + 0.08, "squared distance (0 is perfect)")
ax.text(masses[1], predictions[1] - 0.16, "accuracy by (2)", color="#666666")
ax.set(xlabel="mass γ on the favoured features", ylabel="score", ylim=(0, 1.04))
ax.set(xticks=masses, xticklabels=[f"{mass:.2g}" for mass in masses])
ax.set_title("a sign survives first")
ax.minorticks_off()
show(
    fig,
    alt=f"Medians of {n_tasks} tasks over the mass gamma. Accuracy jumps from 0.6 to "
    "0.96 "
    "by gamma 0.1, where squared distance is still 0.4; squared distance needs a mass "
    "of 0.4 to fall below 0.15. The dashed prediction of accuracy is close to it.",
)

# %% [markdown]
# At mass 0.1 the fit misses most of the labels' size, and classifies 96 % of all x as the task does. As a prediction it is poor, as a classifier good.
# The Gaussian guess in (2) is roughly right and no more; near a jump of the labels the rest is not noise.
#
# ## Which weights should be learned from signs?
#
# A sign is a plateau, and a plateau is not made of three features: its energy in a wave of frequency k falls like $1/k^2$, over *all* frequencies. As a prior, then, the variances should fall like $1/k^2$, the weights like $1/k$.
# We train MAML on sign labels, squared loss inside and outside, nothing else changed: the package's gradient, other labels.
#
# **Predict, then run.** In chapter 3 three weights were left in the end. And now?

# %%
spectrum = load_table("spectrum")
run = train_maml(sign_batches(family, seed=seed), steps=steps, seed=seed)
learned = np.abs(run.weights)
if as_in_the_book:
    kept_weights = spectrum.cube("seed_0", "feature")
    np.testing.assert_allclose(learned, kept_weights, rtol=0.02, atol=0.02)
    print("trained again: the weights are the stored ones of seed 0")
else:
    print("not compared: the stored weights have other settings")
middle = spectrum.cube("median", "feature")
energy = spectrum.cube("energy", "feature")
for j in (0, 2, 8, 32, 128):
    print(f"feature {j:3d}: median weight {middle[j]:.2f}", end=", ")
    print(f"root of the labels' energy {np.sqrt(energy[j]):.3f}")
gone = int(np.argmax(middle < 0.1))
print(f"the median weight falls below 0.1 at feature {gone}")

# %% tags=["hide-input"]
waves_only = np.arange(2, 257, 2)
fig, ax = figures.subplots(height=3, width=8)
low, high = spectrum.cube("low", "feature"), spectrum.cube("high", "feature")
shape = np.sqrt(energy) * middle[2] / np.sqrt(energy[2])
bayes = spectrum.cube("empirical Bayes", "feature")
k = frequencies(257)[waves_only]
for values, name, words in (
    (shape, "truth", "root of the labels' energy, the prior of (1) in chapter 6"),
    (bayes * middle[2] / bayes[2], "empirical Bayes", "empirical Bayes from 60 tasks"),
):
    style = {"color": figures.COLORS[name], "linewidth": 1}
    ax.loglog(k, np.maximum(values[waves_only], 1e-4), label=words, **style)
bands = low[waves_only], middle[waves_only], high[waves_only]
words = "MAML, 10 to 90 % of ten seeds"
figures.draw_band(ax, k, *bands, "MAML", label=words)
ax.set(xlabel="frequency k of a cosine", ylabel="|weight|, relative", ylim=(1e-2, 20))
ax.legend(loc="lower left", fontsize=9)
show(
    fig,
    alt="Weights of cosines against frequency on log axes. MAML's weights start near 5 "
    "and fall more slowly than the root of the labels' energy, then drop to nothing "
    "beyond frequency 20. Empirical Bayes lies on the energy up to there.",
)

# %% [markdown]
# Nobody told MAML that smooth is good. From signs it learned weights that fall with the frequency: a smoothness prior, estimated rather than assumed.
# It is not quite the prior. It falls more slowly at first and then drops to nothing: below some energy, so the held-out points say, fitting a wave brings nothing. Chapter 6 said so: MAML's weights are what serves its own inner loop.
# Empirical Bayes lies on the prior, up to where its 60 tasks run out.
# Three weights were never the point. Meta-learning estimates *what the tasks of a family have in common*, and here this is a spectrum.
#
# ## What is it worth?
#
# Six sets of weights, all handed to the same solver: the posterior mean, with a noise level that is tuned on ten training tasks.
# *Three-hot* weights are 1 on S, right for values. The *smoothness prior* tunes its decline. *Root of energy* is told the labels of 1,000 tasks at every x: the prior itself. *Empirical Bayes* sees 60 tasks of 32 points, *MAML* 15,000 tasks of 128. The *logistic oracle* is logistic regression on S.
#
# **Predict, then look.** Who is best at 8 points?

# %%
stored = load_table("classification")
points = stored.levels("n_points")
names = {
    "min-norm": "min-norm, weights 1",
    "oracle": "three-hot",
    "smoothness prior": "smoothness prior",
    "root of energy": "root of energy",
    "empirical Bayes": "empirical Bayes",
    "MAML": "MAML",
    "MAML, its own 5 steps": "MAML, its own 5 steps",
    "logistic oracle": "logistic oracle",
}
print("accuracy, median over ten seeds" + "".join(f"{n:7d}" for n in points))
for method, label in names.items():
    scores = stored.cube("accuracy", "n_points", "seed", method=method)
    words = "".join(f"{value:7.3f}" for value in np.median(scores, axis=1))
    print(f"{label:31s}{words}")

# %% tags=["hide-input"]
fig, ax = figures.subplots(height=3.4, width=9)
drawn = {
    "min-norm": ("min-norm", "-"),
    "oracle": ("oracle", "-"),
    "MAML": ("MAML", "-"),
    "MAML, its own 5 steps": ("MAML", ":"),
    "logistic oracle": ("truth", "-"),
}
for method, (color, style) in drawn.items():
    scores = stored.cube("accuracy", "n_points", "seed", method=method)
    low, middle_score, high = np.quantile(scores, (0.1, 0.5, 0.9), axis=1)
    color = figures.COLORS[color]
    ax.fill_between(points, low, high, color=color, alpha=0.12, linewidth=0)
    ax.semilogx(points, middle_score, style, color=color, label=names[method])
ax.axhline(0.5, color=figures.COLORS["zero"], linewidth=0.8)
ax.text(points[-1], 0.505, "a coin", ha="right", va="bottom", fontsize=9)
ax.set(xlabel="points of an unseen task", ylabel="accuracy", ylim=(0.45, 1.01))
ax.set(xticks=points, xticklabels=points)
ax.minorticks_off()
ax.legend(loc=(0.02, 0.16), labelcolor="linecolor")
show(
    fig,
    alt="Accuracy against the number of points. MAML with the tuned solver and the "
    "logistic oracle rise together from 0.75 to 0.99. Three-hot weights level off near "
    "0.96. MAML's own five steps are behind up to 16 points. Min-norm with weights 1 "
    "stays near a coin and reaches 0.75 at 128 points.",
)

# %% [markdown]
# The curves of four methods lie on each other, so we do not draw them. Bands over tasks would be no test either: tasks differ far more than methods. So compare on the *same* tasks, seed by seed, the mean accuracy minus the logistic oracle's:

# %%
best = stored.cube("accuracy", "n_points", "seed", method="logistic oracle")
print("difference to the logistic oracle in %, median (10 to 90 % of ten seeds)")
sizes = (4, 8, 16, 64)
print(" " * 24 + "".join(f"{f'n = {n}':>22s}" for n in sizes))
differences = {}
for method, label in list(names.items())[1:-1]:
    scores = stored.cube("accuracy", "n_points", "seed", method=method)
    differences[method] = 100 * (scores - best)
    words = []
    for n in sizes:
        at = differences[method][points.index(n)]
        low, middle_score, high = np.quantile(at, (0.1, 0.5, 0.9))
        words.append(f"{middle_score:+.1f} ({low:+.1f} to {high:+.1f})")
    print(f"{label:24s}" + "".join(f"{word:>22s}" for word in words))
for method in ("root of energy", "empirical Bayes", "MAML"):
    low, high = np.quantile(differences[method], (0.1, 0.9), axis=1)
    assert np.all((low[1:] < 0.05) & (high[1:] > -0.05))

# %% [markdown]
# From 4 points on *nobody* is best. With a tuned solver, root of energy, empirical Bayes, MAML and, from 8 points on, the smoothness prior tie with each other and with the logistic oracle: every band holds 0.
# They differ in what they were given: MAML 15,000 tasks, empirical Bayes 60, the smoothness prior none but the knowledge that smooth is good.
#
# Three-hot weights lose nothing at 4 points and 1 to 3 % from 8 on: three waves cannot make a plateau. And MAML's *own* five steps lose 7 to 9 % at 4 and 8 points, perhaps because they were trained for 64. The weights were not to blame; weights and solver belong together.
#
# ## Where it breaks
#
# At 256 points, n is almost d. The features are nearly square and nearly singular, and the interpolator's squared distance explodes. How far it gets says nothing about the method: it is set by the cutoff below which the pseudo-inverse takes a singular value for 0.

# %%
square = sign_labels(family.unseen(n_tasks, n_features - 1, seed))
truth = np.where(square.effective @ waves.T >= 0, 1, -1)
for cutoff in (1e-3, 1e-6, 1e-9):
    inverse = np.linalg.pinv(square.features, rcond=cutoff)
    estimate = np.matvec(inverse, square.labels)
    accuracy, distance = sign_scores(estimate, square.effective)
    survival = np.mean((estimate @ waves.T) * truth, axis=1)
    contamination = np.sqrt(distance - (1 - survival) ** 2)
    guess = np.median(below(survival / contamination))
    size = np.log10(np.median(distance))
    print(f"cutoff {cutoff:.0e}: squared distance about 1e{size:+.0f}", end=", ")
    print(f"median accuracy {np.median(accuracy):.2f}, (2) says {guess:.2f}")

# %% [markdown]
# From one cutoff to the next the squared distance moves by orders of magnitude, and accuracy by a few parts in a hundred: the wildest of these fits still classifies about four of five x rightly, where the Gaussian guess in (2) has come down to a coin.
# The explosion is not spread like Gaussian noise. Squared distance averages the huge values where they are; accuracy only counts on how many x they turn the sign.
#
#
# ## Summary
#
# - *Accuracy* asks for a survival that is large beside the contamination, *squared distance* for a survival near 1.
# - From signs MAML learns a *spectrum* that falls with the frequency, and drops waves whose keeping makes no difference that we can see.
# - *On unseen tasks*, with a tuned solver, these weights tie with empirical Bayes, the root of the energy, a smoothness prior and the logistic oracle. Three-hot weights stop at 0.96; MAML's own five steps need 32 points to catch up.
# - It *breaks* at n = d, in squared distance by as much as the cutoff allows, and much less in accuracy.
#
# ## Exercises
#
# **Exercise 1.** What accuracy does equation (2) give to a fit that keeps nothing of the labels, but is not zero?

# %%
accuracy_of_nothing = ...
check_07_1(accuracy_of_nothing)

# %% tags=["solution"]
accuracy_of_nothing = below([0.0])  # a coin
check_07_1(accuracy_of_nothing)

# %% [markdown]
# **Exercise 2.** Write down weights for 257 features, without training, with which min-norm classifies 98 % or more of all x from 64 points (median of 50 tasks with S = {0, 1, 2}).

# %%
my_weights = ...
check_07_2(my_weights)

# %% tags=["solution"]
my_weights = smoothness_weights(257, power=1)  # any smooth decline will do
check_07_2(my_weights)

# %% [markdown]
# **Exercise 3.** A small project: label noise. Write `flipped(tasks, part, rng)`, which returns new tasks in which that part of all labels, chosen at random, is flipped (`tasks.relabelled(labels)` makes tasks with other labels).
# Then find out which of the methods above suffers most from `part = 0.1`.

# %%
flipped = ...
check_07_3(flipped)


# %% tags=["solution"]
def flipped(tasks, part, rng):
    signs = np.where(rng.random(tasks.labels.shape) < part, -1, 1)
    return tasks.relabelled(tasks.labels * signs)


check_07_3(flipped)

# %% [markdown]
# ## References
#
# - V. Muthukumar, A. Narang, V. Subramanian, M. Belkin, D. Hsu, A. Sahai, *Classification vs regression in overparameterized regimes: does the loss function matter?*, 2021, [arXiv 2005.08054](https://arxiv.org/abs/2005.08054): survival and contamination decide differently for the two scores.
# - Y. Xie, H.-H. Chou, H. Rauhut, R. Ward, *Overparameterization and generalization error: weighted trigonometric interpolation*, 2022, [arXiv 2006.08495](https://arxiv.org/abs/2006.08495): the smoothness prior, written by hand.
#
# **Next:** [08 · Find three features of a million](08_million.ipynb).
