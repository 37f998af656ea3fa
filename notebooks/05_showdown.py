# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # See who needs how many points
#
# **Question.** MAML solves new tasks from four points. Who else can, with how many points, from how many tasks, and told what?
#
# Notebook 5 of 7. It runs in about 10 seconds; the long experiments behind it ran once (`make results`) and are read from files.

# %% [markdown]
# ## You will
#
# **Do.** Put sixteen methods on the same unseen tasks, train a share of them again to check the stored results, and break the winners.
#
# **Learn.**
#
# - *who needs how many points*, and what each method is told beforehand;
# - *who needs how many tasks*: simple statistics beat meta-gradients, until their assumptions fail;
# - *why the design of x decides*, method by method;
# - *where learning works* over points, features, tasks, noise, inner steps and rates, with the lines that theory draws;
# - *what breaks it*, and which figures of the source report are reproduced.
#
# **Need.** Notebooks 2 to 4.
#
# ## Notation
#
# | symbol | code | meaning |
# |---|---|---|
# | n | `n_points` | points of an unseen task |
# | $\lVert \hat\beta - \beta \rVert^2$ | `risk` | expected squared error for uniform x; predicting 0 has median 2.3 |
# | $\sum_S w^2 / \sum w^2$ | `share` | part of the squared weight on the true features: 0.01 for weights 1, 1 for one-hot |
# | B | `n_pool` | different tasks that a method has seen |

# %% tags=["colab", "hide-input"]
import importlib.util, site, sys
if importlib.util.find_spec("fourier_meta") is None:  # on Colab the package and the stored results are missing
    if "google.colab" not in sys.modules:
        raise SystemExit("This kernel has no fourier_meta: start JupyterLab with `make lab`, or `pip install -e .` here.")
    get_ipython().run_line_magic("pip", "install -q -e git+https://github.com/fourier-meta/fourier_meta#egg=fourier_meta")
    [site.addsitedir(folder) for folder in site.getsitepackages()]  # look again at what is installed

# %% tags=["hide-input"]
import pathlib, tempfile

import numpy as np

from fourier_meta import TaskFamily, Tasks, alias_classes, few_shot_risk, figures, fourier_features, largest_stable_rate, load_run, min_norm, rivals, train_maml, train_reptile
from fourier_meta.exercises import check
from fourier_meta.figures import show
from fourier_meta.results import load_results

# %%
family = TaskFamily(n_features=257, support=(0, 1, 2))  # random x, no noise; the same in every stored experiment
n_seeds, n_unseen = 10, 50  # meta-seeds, and unseen tasks for each of them
steps, n_tasks = 1000, 15  # outer steps and tasks a step: every meta-learner gets 15,000 task gradients
seed = 0  # of everything that runs live

# %% [markdown]
# ## The contestants
#
# | kind | methods | told beforehand | sees |
# |---|---|---|---|
# | one task | zero, min-norm, lasso (cross-validated), small start | nothing, or that few features matter | n points |
# | one task | OMP | that 3 features matter | n points |
# | by hand | smoothness prior $w_k = (1+k)^{-2}$, bi-level prior | that low frequencies matter | n points |
# | statistics | moment ranking | that 3 features matter | 15 tasks, then n points |
# | statistics | group lasso | that few features matter | 15 tasks, then n points |
# | meta-gradients | Reptile, FOMAML, MAML; MAML with min-norm or ridge inside | nothing | 15,000 tasks, then n points |
# | oracle | least squares on S | S | n points |
#
# *Small start* is Reptile's inner loop on one task, from weights 0.001: sparsity from initial scale alone, the control for "all ones or uniform".
# Moment ranking takes the features with the largest mean of $(\Phi^\top y / N)^2$ over tasks.
# What learns weights adapts by min-norm with them; "MAML, 5 steps" adapts by its own inner loop instead.
# All training tasks have 128 points: MAML validates on half of them, the others use them all. A gradient of Reptile costs about twice one of MAML: 20 inner steps, against 5 there and back.
#
# **Predict, then run.** Order these by the points they need for a risk below 1e-3: lasso, OMP, the smoothness prior, MAML, moment ranking.
#
# The curves are stored; three methods are trained and tested again here, to see that this machine finds the same.

# %%
stored = load_results("few_shot")
print(stored.provenance["about"])
for name in ("OMP", "moment ranking", "MAML"):
    live = [np.median(few_shot_risk(family, n, rivals.CONTESTANTS[name](family, seed), n_unseen, np.random.default_rng([seed, n]))) for n in (4, 16)]
    np.testing.assert_allclose(live, stored.cube("seed_0", "n_points", method=name, n_points=[4, 16]), rtol=0.01, atol=1e-20)
    print(f"{name:15s} trained and tested again: as stored")

# %%
points = stored.levels("n_points")
curves = {m: [stored.cube(q, "n_points", method=m) for q in ("low", "median", "high")] for m in stored.levels("method")}
groups = {"one task at a time": ("zero", "min-norm", "lasso", "OMP", "small start"), "priors made by hand": ("smoothness prior", "bi-level prior", "oracle"),
          "statistics of 15 tasks": ("moment ranking", "group lasso"), "meta-gradients": ("Reptile", "FOMAML", "MAML", "MAML, 5 steps", "MAML, min-norm inside", "MAML, ridge inside")}
fig, axes = figures.subplots(2, 2, height=3.6, width=11, sharex=True, sharey=True, subplot_kw={"ylim": (figures.FLOOR / 5, 20), "xscale": "log", "yscale": "log"})
for ax, (title, members) in zip(axes.flat, groups.items(), strict=True):
    figures.draw_contest(ax, points, curves, members)
    ax.set(title=title, xticks=(2, 3, 4, 8, 16, 64, 257), xticklabels=(2, 3, 4, 8, 16, 64, "d"))
    ax.minorticks_off()
show(fig, alt="Median risk on unseen tasks against the number of points, 2 to 512, in four panels; the other methods are grey in each. One task at a time: OMP falls to rounding at 16 points, lasso follows, min-norm only at 257. Priors by hand fall slowly and steadily. Moment ranking and group lasso drop to rounding at 3 points, with the oracle. MAML and MAML with ridge inside drop at 3 points to below 1e-7; FOMAML and MAML with min-norm inside later; Reptile only after 64.")

# %%
first_below = lambda name: next((str(n) for n, value in zip(points, curves[name][1], strict=True) if value < 1e-3), "more than 512")
print(f"median over {n_seeds} seeds x {n_unseen} tasks   risk at n = 4   points for 1e-3")
for name, (_, median, _) in curves.items():
    print(f"{name:25s}{'below 1e-12' if median[2] < 1e-12 else f'{median[2]:.1e}':>18s}{first_below(name):>18s}")
single = min(curves[name][1][2] for name in groups["one task at a time"])
print(f"\nat n = 4, the best single-task method has {single / curves['MAML'][1][2]:.0e} times the risk of MAML")

# %% [markdown]
# What we see:
#
# - **One task alone** needs 16 points (OMP), 24 (lasso) or 64 (small start), by betting on sparsity. Min-norm needs n = d. At 4 points, none is better than predicting 0. So the source report is right about min-norm and too strong about single-task learning in general.
# - **A prior by hand** is worth what it gets right. Smoothness is right here, because S holds the lowest frequencies, and it still needs 16 points. Bi-level weights, told the same less exactly, need 64.
# - **Simple statistics win.** Moment ranking and group lasso find S from the 15 tasks of *one* outer step, and equal the oracle from 3 points. MAML, after 15,000 tasks, does not beat them.
# - **Meta-gradients** reach the same three points without being told that the answer is sparse. Second order matters: FOMAML is seven orders behind at 4 points. So does the inner solver: ridge prunes best, min-norm worst. And what is worth having are the *weights*; five steps of descent with them stop short.
# - **Reptile** gains on min-norm by amplifying S, and needs 256 points where min-norm needs 512.
#
# ## Who needs how many tasks?
#
# Now everybody gets the same fixed pool of B tasks, with 8 or with 64 points each, and the trained methods take 300 steps of 15 tasks from it. The band is 10 to 90 % of 10 seeds, each the median of 50 unseen tasks.

# %%
budget = load_results("budget")
fig, axes = figures.subplots(1, 2, height=3.2, width=11, sharey=True, subplot_kw={"xscale": "log", "yscale": "log", "ylim": (figures.FLOOR / 5, 20)})
for ax, n in zip(axes, budget.levels("points"), strict=True):
    pools, names = budget.levels("n_pool"), budget.levels("method")
    risks = {m: np.quantile(budget.cube("risk_4", "n_pool", "seed", points=n, method=m), (0.1, 0.5, 0.9), axis=1) for m in names}
    figures.draw_contest(ax, pools, risks, names)
    ax.set(title=f"{n} points a task", xlabel="tasks in the pool, B", ylabel="risk from 4 points")
    half = [next((f"B = {b}" for b, v in zip(pools, np.median(budget.cube("share", "n_pool", "seed", points=n, method=m), axis=1), strict=True) if v > 0.5), "none") for m in names]
    print(f"{n:2d} points a task; smallest pool with median share above 0.5:", ", ".join(f"{m} {h}" for m, h in zip(names, half, strict=True)))
show(fig, alt="Median risk from 4 points, over 10 seeds, against the number of tasks in the pool. With 64 points a task, group lasso is at rounding from one task, moment ranking from three; MAML falls gradually from 5 tasks on, to 1e-4 at 300, and Reptile stays flat. With 8 points a task, moment ranking is at rounding from 30 tasks and MAML with ridge inside from 100, while group lasso stops at 1e-5.")

# %% [markdown]
# With 64 points a task, the statistics need one to three tasks and MAML needs tens. A pool of B tasks has 32 B validation values for 257 weights to fit, and below $32 B = d$, at B = 8, MAML overfits its pool.
# With 8 points a task, no single task is enough for anybody. Moment ranking gets there with 30 tasks. The group lasso's penalty leaves a bias that more tasks do not remove, and MAML with ridge inside passes it on its way to rounding at 100.
#
# The statistics assume more than they say. Moment ranking: that features are uncorrelated and that three of them stand out. Group lasso: that one penalty separates true from false. MAML uses nothing but the loss. So we try two families for which the assumptions are wrong, 300 tasks each: x that *crowds* around 0 (the cube of a uniform draw), and true coefficients of *unequal scales*, each a tenth of the one before.

# %%
uneven = load_results("uneven")
for case in uneven.levels("case"):
    for m in uneven.levels("method"):
        found, risks = (uneven.cube(q, "seed", case=case, method=m) for q in ("found", "risk_8"))
        low, median, high = ("below 1e-12" if r < 1e-12 else f"{r:.0e}" for r in np.quantile(risks, (0.1, 0.5, 0.9)))
        print(f"{case:15s} {m:15s} S on top in {found.sum():2.0f} of {n_seeds} seeds; risk from 8 points {median} ({low} to {high})")

# %% [markdown]
# With crowded x, slow cosines correlate with S, and moment ranking takes them for true in every seed. MAML and the group lasso, which fit, are not fooled.
# With unequal scales, moment ranking never finds the smallest coefficient, the group lasso always, and MAML in two seeds of ten: it weighs features by what they are worth to the loss, and this one is worth 1e-4 of the first. All three end near the same risk.
#
# So *what does MAML add*? In this problem, not accuracy: for every row above there is a rival of ten lines that does as well. It adds that nobody had to say what is being looked for, neither how many features, nor a penalty, nor that weights should be sparse at all (in notebook 6 they are not), and that the same ten lines of gradient work through any model that can be differentiated, where the rivals exist for linear ones.
#
# ## Why the design of x decides
#
# Three designs, four methods, 64 points. Each panel shows how strongly a method picks each feature; features in an alias class of S, on the grid of 64, are orange.
#
# **Predict, then run.** On the grid, 125 and 1 are the same column up to sign. Who can tell them apart?

# %%
matrix = load_results("designs")
aliases = [j for s in family.support for j in alias_classes(64, 257).members(s) if j not in family.support]
print("aliases of S on the grid of 64:", *sorted(aliases))
fig, axes = figures.subplots(4, 3, height=1.25, width=11, sharex=True)
fig.supxlabel("feature index j", fontsize=9)
for row, method in zip(axes, matrix.levels("method"), strict=True):
    for ax, design in zip(row, ("grid", "jittered", "random"), strict=True):
        figures.draw_importance(ax, matrix.cube("importance", "feature", method=method, design=design), family.support, aliases)
        median = matrix.cube("risk_64", "feature", method=method, design=design)[0]
        ax.set_title(f"{method}, {design}: risk {f'{median:.0e}' if median > 1e-12 else 'below 1e-12'}", fontsize=9)
show(fig, alt="Twelve small spectra. On the grid, MAML lifts S, lowers its aliases and leaves all others where they started; Reptile, OMP and moment ranking treat S and its aliases alike. With jittered and with random x, the aliases lose: MAML, OMP and moment ranking pick S alone, and Reptile lifts S above a floor of ones.")

# %% [markdown]
# | | regular grid | jittered grid | random x |
# |---|---|---|---|
# | **MAML** | lifts the classes of S only; S against its aliases by the validation points alone | S, and a little of the slow waves next to it: a nearly regular grid hardly confuses these with S, so little pushes them down | S alone |
# | **Reptile** | no validation points, so S and its aliases grow alike | S grows most; nothing shrinks | S grows most; nothing shrinks |
# | **OMP** | equal columns: rounding chooses | finds S | finds S |
# | **moment ranking** | equal columns, equal scores | finds S | finds S |
#
# One sentence explains all twelve: *what is equal at every point that a method looks at, it cannot tell apart.*
# On the grid MAML's risk is at rounding, but only on that very grid; see the failures below.
#
# ## Where learning works
#
# MAML's `share` on S, as the median of 10 seeds, over three pairs of parameters. Theory's lines are dashed: $n = |S|$ on the left, $32 B = d$ (as many validation values as weights) in the middle, and on the right the inner rate $2 / \lambda_{\max}$ at w = 1, for the median task.
#
# **Predict, then run.** No task can be solved from one or two points. Can weights be *learned* from tasks of one or two points?

# %%
panels = {"phase_points": ("n_features", "n_points"), "phase_noise": ("noise", "n_pool"), "phase_inner": ("inner_steps", "inner_rate")}
fig, axes = figures.subplots(1, 3, height=3.2, width=12)
for ax, (name, (row, column)) in zip(axes, panels.items(), strict=True):
    table = load_results(name)
    only = {"method": "MAML"} if name == "phase_noise" else {}
    shares = np.median(table.cube("share", row, column, "seed", **only), axis=-1)
    figures.draw_phase(ax, shares, table.levels(row), table.levels(column))
    ax.set(title="share of w² on S", xlabel=column, ylabel=row)
stable = np.median(largest_stable_rate(family.sample(200, 64, np.random.default_rng(seed)).features))
for ax, place in zip(axes, (2, 3, np.interp(stable, table.levels("inner_rate"), range(9))), strict=True):
    ax.axvline(place, color="white", linestyle="--")
print(f"median 2 / lambda_max at w = 1 and 64 points: {stable:.3f}")
show(fig, alt="Three tables of the share on S. Over features and points, it is high almost everywhere, also left of the dashed line at three points, and low only for one or two points at 257 and 513 features. Over noise and pool size, it rises with the pool from 0.03 to 1 and falls with noise; without noise it passes one half at the dashed line. Over inner steps and rates, it is near 1 in a broad middle, and falls to 0.01 beyond the dashed line for 5 and more steps.")

# %% [markdown]
# - *Left.* The line at $n = |S|$ is where a task becomes solvable, not where weights become learnable: tasks of a single point teach which features matter, if there are enough tasks and not too many features.
# - *Middle.* Without noise the share passes one half where counting puts it. Noise of standard deviation 1 asks for eight times as many tasks.
# - *Right.* Near $2/\lambda_{\max}$ twenty steps fail, beyond it five do. Two still work. One step cannot diverge, and prunes poorly at any rate. Small rates are slow and safe.
#
# ## Shift and failure
#
# Each line trains MAML on one family and tests it on another (10 seeds, 50 unseen tasks each). The last lines train live: an inner loop that learns only *where $\alpha$ starts*, and min-norm with one-hot weights on the wrong three features.

# %%
failures, shift = load_results("failures"), load_results("grid_shift")
middle = lambda values: np.median(values, axis=-1)
scores = (middle(failures.cube(q, "case", "seed")) for q in ("share", "risk_4", "risk_64", "risk_64_steps"))
print(f"{'trained and tested on':32s}  share   risk at n = 4    n = 64   n = 64 by K steps (floor at noise 0.3: {0.3**2 * 3 / 64:.4f})")
for row in zip(failures.levels("case"), *scores, strict=True):
    print("{:32s}  {:5.2f}  {:14.1e}  {:8.1e}  {:17.1e}".format(*row))
tested = zip(shift.levels("n_points"), middle(shift.cube("risk", "n_points", "seed")), strict=True)
print("\ntrained on the grid of 64, tested on grids (0 is below 1e-20):", ", ".join(f"{n}: {f'{r:.0e}' if r else '0'}" for n, r in tested))
rng, start = np.random.default_rng(seed), np.ones(257)
for _ in range(300):  # w = 1 throughout; descend the risk in the point from which min-norm starts
    tasks = family.sample(15, 16, rng)
    fitted = start + min_norm(tasks.features, tasks.labels - tasks.features @ start)
    start = start - 0.1 * np.mean(fitted - tasks.effective, axis=0)
wrong = few_shot_risk(family, 4, rivals.weighted_solver(np.roll(family.true_weights, 3)))
print(f"learning only where alpha starts: largest |start| {np.abs(start).max():.1f} after 300 steps; one-hot on the wrong three: risk {np.median(wrong):.1e}")

# %% [markdown]
# - **Another support**: weights are knowledge about a family. On other tasks they are worse than predicting 0.
# - **Noise** leaves the weights almost as good, and min-norm ruins the result: it presses the noise through the other weights, small as they are, and gets *worse* with more points. K steps may leave a residual, and come close to the floor $\sigma^2 |S| / n$, which is 0.0042 for $\sigma = 0.3$.
# - **One alias class**: on the grid nobody can separate feature 1 from its alias (Exercise 2). At random x it is a task like any other.
# - **Coefficients without diversity** are said to make a representation unlearnable. Along (1, 1, 1) nothing fails here, because diagonal weights treat each feature by itself. Along (1, 0, 0) features 1 and 2 never occur, and are pruned.
# - **Another n, on grids**: at rounding on 64 and 128 points, where the aliases of S have been pruned, and nowhere else.
# - **Only a starting point**: tasks are symmetric around 0, so the best start is 0, where min-norm starts anyway.
# - **Too few tasks**: see the pools above. **No validation points**: with an interpolating inner loop the gradient is exactly 0 (notebook 8).
#
# ## Runs are records
#
# Every training run in this book returns its configuration, seed, versions, history and status. It is saved as JSON and plain arrays, never as a pickle, and a folder of such files is a run set to compare:

# %%
folder = tempfile.TemporaryDirectory()
for start in ("ones", "uniform"):
    for method, train in {"MAML": train_maml, "Reptile": train_reptile}.items():
        train(family, start, steps=200, seed=seed).save(f"{folder.name}/{method}-{start}")
run_set = {path.stem: load_run(path) for path in sorted(pathlib.Path(folder.name).glob("*.json"))}
fig, axes = figures.subplots(1, 4, height=2.6, width=11, sharey=True)
for ax, (name, run) in zip(axes, run_set.items(), strict=True):
    figures.draw_weights(ax, run, family.support, name.partition("-")[0])
    ax.set_title(name)
    print(f"{name:16s}{run.status}, seed {run.config['seed']}, K = {run.config['inner_steps']}, share {np.sum(run.weights[:3] ** 2) / np.sum(run.weights**2):.2f}")
show(fig, alt="Weights over 200 outer steps of four saved runs. MAML from ones and from uniform: three true weights rise and the range of the others shrinks. Reptile: the true weights rise and the others stay where they were.")

# %% [markdown]
# The same callback that draws a live picture can feed a tracker. With `pip install -e ".[track]"`, this shows a run in TensorBoard *while it trains* (`tensorboard --logdir runs`):
#
# ```python
# from tensorboard.summary import Writer
#
# writer = Writer("runs/maml")
#
# def log(step, loss, weights):
#     writer.add_scalar("loss", loss, step)
#     writer.add_scalar("largest other weight", abs(weights[3:]).max(), step)
#     writer.flush()
#
# run = train_maml(family, steps=300, callback=log)
# writer.close()
# ```
#
# ## The source report, figure by figure
#
# | the report shows | here | |
# |---|---|---|
# | features by index, scattered over a batch of x | 01 | reproduced |
# | a task: one-hot weights times Gaussian coefficients | 01 | reproduced |
# | true labels of 5 and of 15 tasks over one grid of x | 01 | reproduced |
# | closed-form linear regression: exact on 64 points, wrong on a dense set | 02 | reproduced; that it is "not achievable via direct single-task supervised learning" holds for min-norm and not for sparse regression at random x |
# | MAML from ones and from uniform weights: loss, weights, predictions | 03 | reproduced, with random x for each task; on one fixed grid the other weights do *not* vanish |
# | MAML with 5 and with 15 tasks a step | 03 | reproduced; the difference is in how cleanly weights are pruned |
# | Reptile from ones and from uniform weights | 04 | differs: the true weights grow and no other shrinks, so S is found in ratio only |
# | one set of hyper-parameters, one run each | 05 | differs: phase diagrams and ten seeds |
#
# The report does not state d, the rates and the number of steps; those here are our choice, and its curves are matched in kind, not in value.
#
# ## Try it

# %% tags=["explorer", "nbval-ignore-output"]
from fourier_meta.explorers import explore_showdown

explore_showdown()

# %% [markdown]
# ## Summary
#
# - *Points*: MAML and the statistics of tasks need 3; OMP 16, lasso 24, min-norm 512. At 4 points MAML's risk is 3.9e-09, that of the best single-task method 6e+08 times as large.
# - *Tasks*: moment ranking and group lasso need one to three tasks of 64 points, MAML tens. Moment ranking fails where features correlate, in 10 of 10 seeds, where MAML and the group lasso do not; with 8 points a task the group lasso keeps a bias that MAML with ridge inside does not have.
# - *Design*: what is equal at every point that a method looks at, it cannot tell apart.
# - *Learning works* from tasks of a single point, with more validation values than weights, and below $2 / \lambda_{\max}$.
# - *It breaks* under another support, on a grid of another size, and where noise meets an interpolating solver. Of the report's figures all are reproduced but two; these differ for stated reasons.
#
# ## Exercises
#
# **Exercise 1.** Write a better prior by hand: weights of which none is zero, the same for sine and cosine of a frequency, with a median risk below 1e-3 from 4 points.
# What did you have to know?
#
# <details><summary>Solution</summary>
#
# That low frequencies matter, and *how much*: the decline has to be steep. With S elsewhere the same weights are worthless.
#
# ```python
# best_prior = rivals.smoothness_weights(257, power=8)
# ```
#
# </details>

# %%
best_prior = ...
check(best_prior, lambda w: np.all(w[1::2] == w[2::2]) and np.all(w != 0) and np.median(few_shot_risk(family, 4, rivals.weighted_solver(w))) < 1e-3, "Steeper than 1 / (1 + k)^2.")

# %% [markdown]
# **Exercise 2.** Two true features are aliases: S = {0, 1, 125} on a grid of 64. Which expected risk can *no* method go below, whatever it learned?
#
# <details><summary>Solution</summary>
#
# The grid shows $\beta_1 - \beta_{125}$ only. The best guess halves it, and misses $\beta_1 + \beta_{125}$, of variance 2, in two coefficients of half its size each: $2 \cdot 2 / 4 = 1$.
#
# ```python
# floor = 1.0
# ```
#
# </details>

# %%
floor = ...
pairs = np.random.default_rng(1).standard_normal((100_000, 2))
guess = (pairs @ [1, -1])[:, None] * [0.5, -0.5]
check(floor, lambda f: abs(f - np.mean(np.sum((pairs - guess) ** 2, axis=1))) < 0.03, "What do the points say about the sum of the two coefficients?")

# %% [markdown]
# **Exercise 3.** A small project: repair moment ranking for crowded x, $x = u^3$. Write `scores(tasks)`: one number for each feature, S on top, for any S.
#
# <details><summary>Solution</summary>
#
# Moments confuse correlated features; a fit does not. Rank by the energy of fitted coefficients, with any of the solvers.
#
# ```python
# def scores(tasks):
#     return rivals.group_lasso_weights(tasks)
# ```
#
# </details>

# %%
scores = ...

def crowded(S, rng):
    x, effective = rng.uniform(-1, 1, (100, 128)) ** 3, TaskFamily(257, S).draw_coefficients(100, rng)
    return Tasks(x, fourier_features(x, 257), (fourier_features(x, 257) @ effective[..., None])[..., 0], effective)

check(scores, lambda f: all(set(np.argsort(-f(crowded(S, np.random.default_rng(2))))[:3]) == set(S) for S in ((0, 1, 2), (5, 6, 9))), "Which of the methods above survived crowded x?")

# %% [markdown]
# ## References
#
# - M. Zhao, [*Navigating Over-parametrized Feature Space with Meta-Gradients*](https://wandb.ai/mandizhao/1d-overparam/reports/Navigating-Over-parametrized-Feature-Space-with-Meta-Gradients--Vmlldzo4Mjc0ODM), W&B report, 2021.
# - C. Finn, P. Abbeel, S. Levine, *Model-agnostic meta-learning for fast adaptation of deep networks*, 2017, [arXiv 1703.03400](https://arxiv.org/abs/1703.03400); A. Nichol, J. Achiam, J. Schulman, *On first-order meta-learning algorithms*, 2018, [arXiv 1803.02999](https://arxiv.org/abs/1803.02999).
# - Y. Xie et al., [arXiv 2006.08495](https://arxiv.org/abs/2006.08495), and V. Muthukumar et al., [arXiv 1903.09139](https://arxiv.org/abs/1903.09139): the two priors by hand. B. Woodworth et al., [arXiv 2002.09277](https://arxiv.org/abs/2002.09277): the small start.
# - N. Saunshi, Y. Zhang, M. Khodak, S. Arora, *A sample complexity separation between non-convex and convex meta-learning*, 2020, [arXiv 2002.11172](https://arxiv.org/abs/2002.11172): learning only where $\alpha$ starts.
#
# **Next:** [06 · Classify with a fit that predicts badly](06_classification.ipynb).
