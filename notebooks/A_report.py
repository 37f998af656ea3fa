# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Check the source report, figure by figure
#
# **Question.** This book grew out of one report, Zhao's *Navigating Over-parametrized Feature Space with Meta-Gradients* (2021).
# Which of its figures come out again here, which do not, and why?
#
# The [first four chapters](01_setup.ipynb) rebuild the report in its order. This appendix sets the two side by side, trains the report's runs once more as *records* that can be saved, compared and continued, and shows how to watch a run from outside.
#
# Appendix A. It runs in about 15 seconds.
#
# ## The answer
#
# | the report shows | here | |
# |---|---|---|
# | features by index, scattered over a batch of x | [1](01_setup.ipynb) | reproduced |
# | a task: weights that are 1 on three features, times Gaussian coefficients | [1](01_setup.ipynb) | reproduced |
# | true labels of 5 and of 15 tasks over one grid of x | [1](01_setup.ipynb) | reproduced |
# | linear regression in closed form: exact on 64 points, wrong on a dense set | [2](02_overfitting.ipynb) | reproduced; that a single task cannot do it is true of min-norm and of grids, and not of sparse methods at random x |
# | MAML from weights all one and uniform: loss, weights, predictions | [3](03_maml.ipynb), below | reproduced, with random x for each task; on one fixed grid the false weights do *not* vanish |
# | MAML with 5 and with 15 tasks a step | [3](03_maml.ipynb), below | reproduced; the difference is how cleanly false weights are pruned |
# | Reptile from weights all one and uniform | [4](04_reptile.ipynb), below | differs: true weights grow, and false ones do not fall; both starts are large values of one knob, and from a small one Reptile solves the tasks, too |
# | one set of hyper-parameters, one run each | [5](05_mechanisms.ipynb), [6](06_prior.ipynb) | differs: ten seeds, and what decides is varied |
#
# The report does not state the number of features, the rates and the number of steps. Those here are our choice, and its curves are matched in kind, not in value.

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

# %% tags=["hide-input"]
import functools
import itertools
import pathlib
import tempfile

import numpy as np

from fourier_meta import (
    TaskFamily,
    exercises,
    few_shot_risk,
    figures,
    load_run,
    maml_steps,
    min_norm,
    share,
    train_maml,
    train_reptile,
)
from fourier_meta.features import alias_classes
from fourier_meta.figures import show

# %% tags=["parameters"]
n_features = 257  # d
support = (0, 1, 2)  # S: the true features
steps = 300  # outer steps of every run
n_tasks = 15  # tasks a step
few_tasks = 5  # tasks a step of the run that gets few
small = 0.001  # a start of all weights that the report did not try
n_few = 4  # points of the tasks that a run is tested on
seed = 0  # everything random here follows from it

# %% tags=["hide-input"]
settings = (n_features, support, steps, n_tasks, few_tasks, small, n_few, seed)
BOOK = settings == (257, (0, 1, 2), 300, 15, 5, 0.001, 4, 0)
random = TaskFamily(n_features, support)
grid = TaskFamily(n_features, support, design="grid")

# %% [markdown]
# ## Runs are records
#
# A training returns a `Run`: the weights, the history, and everything that it takes to make them again. We train the report's runs, and two that it did not show: MAML on one fixed grid, and Reptile from a small start.

# %%
common = {"steps": steps, "n_tasks": n_tasks, "seed": seed}
runs = {
    "MAML from ones": train_maml(random, "ones", **common),
    "MAML from uniform": train_maml(random, "uniform", **common),
    f"MAML, {few_tasks} tasks": train_maml(
        random, "ones", **common | {"n_tasks": few_tasks}
    ),
    "MAML on a grid": train_maml(grid, "ones", **common),
    "Reptile from ones": train_reptile(random, "ones", **common),
    "Reptile from uniform": train_reptile(random, "uniform", **common),
    f"Reptile from {small}": train_reptile(random, small, **common),
}

# %% [markdown]
# A run is saved as JSON and plain arrays, never as a pickle, which could run code when it is opened. A folder of such files is a *run set*.

# %%
temporary = tempfile.TemporaryDirectory()
folder = pathlib.Path(temporary.name)
for name, run in runs.items():
    run.save(folder / name)
run_set = {path.stem: load_run(path) for path in sorted(folder.glob("*.json"))}
assert run_set == dict(sorted(runs.items()))  # to the last bit
print(f"{len(run_set)} runs saved and loaded, equal to the last bit")

# %% [markdown]
# What distinguishes two runs stands in their records: compare the settings, and print those that are not the same.


# %%
def differing_settings(run_set):
    """The settings whose values differ within a set of runs."""
    configs = [run.config for run in run_set.values()]
    differing = []
    for name in sorted(set().union(*configs)):
        values = {str(config.get(name)) for config in configs}
        if len(values) > 1:
            differing.append(name)
    return differing


family = {name: run for name, run in run_set.items() if name.startswith("MAML")}
print("the MAML runs differ in:", *differing_settings(family))
family = {name: run for name, run in run_set.items() if name.startswith("Reptile")}
print("the Reptile runs differ in:", *differing_settings(family))

# %% [markdown]
# ## The report's four runs
#
# **Predict, then run.** In which of the four do false weights *fall*?

# %% tags=["hide-input"]
shown = [
    "MAML from ones",
    "MAML from uniform",
    "Reptile from ones",
    "Reptile from uniform",
]
fig, axes = figures.subplots(1, 4, height=2.8, width=11, sharey=True)
for ax, name in zip(axes, shown, strict=True):
    figures.draw_weights(ax, run_set[name], support, name.split()[0])
    ax.set_title(name)
    ax.label_outer()
show(
    fig,
    alt="Weights over the outer steps of four runs. MAML, from ones and from uniform: "
    "three "
    "true weights rise and the band of all others falls. Reptile: the true weights "
    "rise and "
    "the band of the others stays where it was.",
)


# %%
def small_number(number):
    return "below 1e-12" if number < 1e-12 else f"{number:.1e}"


def median_risk(run, n_points):
    """Median risk on unseen tasks at random x, of min-norm with the run's weights."""
    solve = functools.partial(min_norm, weights=run.weights)
    return np.median(few_shot_risk(random, n_points, solve, seed=seed))


zero = np.median(np.sum(random.unseen(50, 1, seed).coefficients ** 2, axis=1))
shares = {name: share(run.weights, support) for name, run in run_set.items()}
risks = {name: median_risk(run, n_few) for name, run in run_set.items()}
print(f"                          share of w^2 on S   risk from {n_few} points")
for name in runs:
    print(f"{name:25s} {shares[name]:17.3f}   {small_number(risks[name]):>18s}")
print(f"{'predict 0':25s} {'':17s}   {zero:18.1f}")

# %% tags=["hide-input"]
if BOOK:
    assert shares["MAML from ones"] > 0.99
    assert shares["MAML from uniform"] > 0.99
    assert shares["Reptile from ones"] < 0.1 < shares["Reptile from uniform"] < 0.3
    assert shares["Reptile from 0.001"] > 0.999
    assert risks["Reptile from 0.001"] < 1e-7 < 1 < risks["Reptile from ones"]
    ratio = risks["MAML, 5 tasks"] / risks["MAML from ones"]
    assert 400 < ratio < 700
    assert risks["MAML on a grid"] > 1

# %% [markdown]
# **MAML** is as the report shows it: both starts lead to the three true weights. With 5 tasks a step instead of 15 the picture is the same and the pruning less clean, and the risk from 4 points is, in this one seed, about five hundred times as large.
#
# **Reptile** from ones and from uniform lets the true weights grow, and all others stay about where they were. Such weights are of little use from 4 points. But these two starts are two values of one knob that the report did not turn, the scale, and both are large.
# From weights of 0.001 the same Reptile ends with nothing but the true features, and with a smaller risk than MAML from ones in the same 300 steps. (MAML from 0.001 goes as far: chapter 5.) [Chapter 4](04_reptile.ipynb) says why.
#
# A record also says when an end is of little use, if that can be seen:

# %%
for name, run in run_set.items():
    if run.advice:
        print(f"{name}: {run.advice}")

# %% [markdown]
# ## One grid for all tasks
#
# If all tasks are seen at the same 64 grid points, whole classes of features cannot be told apart there ([chapter 2](02_overfitting.ipynb)). What MAML's false weights do depends on their class.

# %%
trained = np.abs(run_set["MAML on a grid"].weights)
classes = alias_classes(run_set["MAML on a grid"].config["n_points"], n_features)
aliases = set().union(*[classes.members(j) for j in support]) - set(support)
others = set(range(n_features)) - aliases - set(support)
groups = {"true": support, "aliases of these": aliases, "all others": others}
for name, group in groups.items():
    if group:
        weights = trained[sorted(group)]
        print(f"{name:17s} {len(group):4d} weights, median {np.median(weights):.2f}")

# %% tags=["hide-input"]
fig, axes = figures.subplots(1, 2, height=2.8, sharey=True)
for ax, name in zip(axes, ("MAML from ones", "MAML on a grid"), strict=True):
    figures.draw_spectrum(ax, run_set[name].weights, support)
    where = "on one grid" if "grid" in name else "at random x"
    ax.set_title(f"{where}: {100 * shares[name]:.0f} % of $w^2$ on true features")
axes[0].legend()
show(
    fig,
    alt="Trained weights against the feature index. With random x three weights stand "
    "at the "
    "left edge and all others are near 0. With one grid the three are as high, and "
    "most of "
    "the other weights are still about 1, except near 128 and 256, where they fell.",
)

# %% [markdown]
# The validation points are random, so MAML sees that the aliases of the true features predict badly, and lowers them. All other features are never excited by the labels on this grid: nothing pushes them down, and on tasks with other points they do harm.
#
# ## Continue a run
#
# A run that was stopped and continued is the run that was never stopped: the optimiser's state and the random streams are in the record. We stop half way, save, load, and go on.

# %%
half = itertools.islice(maml_steps(random, **common), max(1, steps // 2))
*_, stopped = half
stopped.save(folder / "stopped")
continued = train_maml(random, **common, resume=load_run(folder / "stopped"))
assert continued == runs["MAML from ones"]
print(f"{stopped.status}, saved, loaded, continued: {continued.status}")
print("equal to the run that was not stopped, to the last bit")

# %% [markdown]
# ## Watch a run from outside
#
# `maml_steps` and `reptile_steps` hand out a `Run` after each step. So any `for` loop can watch, log, draw or leave:

# %%
for run in maml_steps(random, **common):
    if share(run.weights, support) > 0.5:
        break
on_support = share(run.weights, support)
print(f"{run.status}: share on S {on_support:.2f}, loss {run.loss:.2f}")

# %% [markdown]
# The same loop can feed a tracker. With `pip install -e ".[track]"`, this shows a run in TensorBoard *while it trains* (`tensorboard --logdir runs` in another terminal):
#
# ```python
# from tensorboard.summary import Writer
#
# writer = Writer("runs/maml")
# for run in maml_steps(random, steps=300):
#     others = np.delete(run.weights, support)
#     writer.add_scalar("loss", run.loss, run.step)
#     writer.add_scalar("largest other weight", abs(others).max(), run.step)
#     writer.flush()
# writer.close()
# ```
#
# ## Summary
#
# - The report's figures of features, tasks, least squares and MAML come out again. One task alone can do more than it says, if x is random.
# - Its two starts for Reptile are both large. From a small one, Reptile solves tasks from 4 points.
# - On one fixed grid false weights do not vanish; the report's picture needs random x.
# - A *run* is a record: saved, loaded and continued, it is equal to the last bit. A *run set* is a folder.
# - The training loop is a `for` loop, so every tracker fits.
#
# ## Exercises
#
# **Exercise 1.** Write `differences(a, b)` for two runs: the set of the names of all settings in which `a.config` and `b.config` differ. A name that only one of them has counts, too.

# %% tags=["exercise"]
differences = ...
exercises.check_A_1(differences)


# %% tags=["solution"]
def solution_1(a, b):
    names = set(a.config) | set(b.config)
    return {name for name in names if a.config.get(name) != b.config.get(name)}


exercises.check_A_1(solution_1)

# %% [markdown]
# **Exercise 2.** Write `first_step(family, wanted)`: train MAML with `maml_steps(family, n_points=16, n_validation=16)` only as long as needed, and return the number of the first step after which the true features have more than the share `wanted` of the squared weights.

# %% tags=["exercise"]
first_step = ...
exercises.check_A_2(first_step)


# %% tags=["solution"]
def solution_2(family, wanted):
    for run in maml_steps(family, n_points=16, n_validation=16):
        if share(run.weights, family.support) > wanted:
            break
    return run.step


exercises.check_A_2(solution_2)

# %% [markdown]
# **Exercise 3** (rewrite the algorithm). A tracker of your own. Write `track(steps, path)`: `steps` is any generator of runs, such as `maml_steps(family, steps=30)`.
# For every run it adds one line to the text file `path`, the step and the loss with a comma between them, and it returns the last run.

# %% tags=["exercise"]
track = ...
exercises.check_A_3(track)


# %% tags=["solution"]
def solution_3(steps, path):
    for run in steps:
        with open(path, "a") as file:  # closed after each line, so others can read it
            file.write(f"{run.step},{run.loss}\n")
    return run


exercises.check_A_3(solution_3)

# %% [markdown]
# ## References
#
# - M. Zhao (2021), [*Navigating Over-parametrized Feature Space with Meta-Gradients*](https://wandb.ai/mandizhao/1d-overparam/reports/Navigating-Over-parametrized-Feature-Space-with-Meta-Gradients--Vmlldzo4Mjc0ODM), Weights & Biases report.
# - C. Finn, P. Abbeel, S. Levine (2017), *Model-agnostic meta-learning for fast adaptation of deep networks*, [arXiv 1703.03400](https://arxiv.org/abs/1703.03400).
# - A. Nichol, J. Achiam, J. Schulman (2018), *On first-order meta-learning algorithms*, [arXiv 1803.02999](https://arxiv.org/abs/1803.02999).
#
# **Back to** [1 · Set up a problem with too many explanations](01_setup.ipynb).
