"""Controls that answer while you drag: one function for each notebook that has an explorer.

An `Explorer` turns a setting (a dict, one value for each control) into numbers, a picture, a sentence and code that
gives the same numbers. A `Panel` puts ipywidgets around it. Training is a generator: the panel takes some steps, draws,
and lets the kernel see to its messages before it takes more. The style of a panel is in explorers.html.
"""

import asyncio
import dataclasses
import functools
import gc
import html
import inspect
import itertools
import time
from pathlib import Path

import numpy as np

from fourier_meta import figures
from fourier_meta.bayes import empirical_bayes
from fourier_meta.features import alias_classes
from fourier_meta.figures import COLORS
from fourier_meta.maml import fomaml_gradient, maml_gradient, maml_steps, train_maml
from fourier_meta.pictures import (
    DENSE,
    Picture,
    color_of,
    dense_features,
    draw_task,
    frame_axes,
    index_axis,
    limit_above,
    write_key,
)
from fourier_meta.regression import aliased_min_norm, min_norm, on_top, risk, share
from fourier_meta.reptile import joint_descent, reptile_steps, train_reptile
from fourier_meta.rivals import matching_pursuit, smoothness_weights
from fourier_meta.tasks import DESIGNS, TaskFamily
from fourier_meta.training import Adam, Descent, Interpolate

try:
    import ipywidgets as widgets
except ImportError as error:
    widgets, PROBLEM = None, str(error)
else:
    PROBLEM = "" if int(widgets.__version__.split(".")[0]) > 7 else f"8 or newer, this is {widgets.__version__}"

SUPPORTS = ((0, 1, 2), (0,), (1, 2), (3, 10, 50), (20, 57, 200), (1, 129), (0, 1, 2, 3, 4, 5, 6))
STARTS = (0.0, 0.001, 0.01, 0.1, 0.5, 1.0, 2.0, 3.0, 5.0, "uniform")
OUTERS = {"Adam": Adam(0.05), "one common scale": Descent(0.05)}
GRADIENTS = {"second order": maml_gradient, "first order": fomaml_gradient}
SMALL_START = {"held_out": False, "start": 0.001, "outer": OUTERS["one common scale"]}
STEPS = 300  # outer steps of every run
MOST_POINTS = 160
N_UNSEEN = 10  # unseen tasks behind a median
FIRST_SLICE, LONGEST_SLICE = (
    0.03,
    0.25,
)  # seconds of training before the first picture, and between later ones; a slow machine trains longer
TRUTH, GREY = COLORS["truth"], COLORS["zero"]
PLACES = ("first", "second", "third", "fourth")
HEADER = "import dataclasses\nimport numpy as np\nfrom fourier_meta import *\n"
open_panels = {}  # the panel of each notebook cell, closed when the cell runs again


def explore_tasks():
    """Notebook 01: true features and points of a task, and other curves through the same points."""
    return _open(TasksExplorer)


def explore_overfitting():
    """Notebook 02: points, features, weights and noise; the fit, and what is left of each true feature."""
    return _open(OverfittingExplorer)


def explore_maml():
    """Notebook 03: start, outer optimiser, held-out points and inner loop; MAML trains while you watch."""
    return _open(MamlExplorer)


def explore_reptile():
    """Notebook 04: the same for Reptile, with MAML beside it on the same tasks and the law of its inner loop."""
    return _open(ReptileExplorer)


def explore_points(solvers=None, family=TaskFamily()):  # noqa: B008 - frozen
    """Notebook 06: trained weights stay as they are, the number of points moves; fits and errors follow.

    Parameters
    ----------
    solvers : dict of name -> function (features, labels) -> effective coefficients, as for `few_shot_risk`; by default
        those of `trained_solvers`. A name up to its first comma picks the colour, see `figures.COLORS`.
    family : TaskFamily that unseen tasks come from.
    """
    return _open(PointsExplorer, solvers or trained_solvers(), family)


def explore_day(days, hours, fits, unit="", tries=None):
    """Notebook 09: pick a day, read it at a few hours, and see what each method makes of these readings.

    Parameters
    ----------
    days : dict of name -> array (n_hours,), the whole day.
    hours : array (n_hours,), when it was measured, in increasing order.
    fits : dict of name -> function (places, readings) -> array (n_hours,), where `places` (n,) are indices into
        `hours`. A name up to its first comma picks the colour, see `figures.COLORS`.
    unit : str, what a day is measured in.
    tries : dict of title -> (what to watch, {control: value}), the first of which opens; controls are day, readings,
        first, second, third, fourth, shown. By default three that suit any days.
    """
    return _open(DayExplorer, days, hours, fits, unit, tries)


def _open(make, *arguments):
    """Show an explorer; say what is missing if there can be none. The panel that this cell had before is closed."""
    name = inspect.currentframe().f_back.f_code.co_name
    if PROBLEM:
        remedy = "run `pip install -U ipywidgets` and restart the kernel. The figure before makes the same point."
        print(f"{name}() needs ipywidgets ({PROBLEM}): {remedy}")
        return None
    place = (name, _current_cell())
    if place in open_panels:
        open_panels.pop(place).close()
    open_panels[place] = Panel(make(*arguments))
    return open_panels[place]


def _current_cell():
    """Id of the notebook cell that is running, or None."""
    try:
        from IPython import get_ipython

        return get_ipython().get_parent()["metadata"]["cellId"]
    except (ImportError, AttributeError, KeyError, TypeError):
        return None


# Words and numbers


def in_digits(value):
    """A number as a sentence says it: two or three digits, or that it is rounding."""
    if 0.001 <= abs(value) < 10000:
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    mantissa, exponent = f"{value:.1e}".split("e")
    return "below 1e-12" if abs(value) < 1e-12 else f"{mantissa}e{int(exponent)}"


def span(values):
    """The range of some numbers, rounded: one number where both ends round to it."""
    return " to ".join(dict.fromkeys((in_digits(np.min(values)), in_digits(np.max(values)))))


def count(size, noun):
    """ "1 point", "4 points"."""
    return f"{size} {noun}{'' if size == 1 else 's'}"


def ranked(values):
    """Methods and their values, the least first."""
    return ", ".join(f"{name} {in_digits(values[name])}" for name in sorted(values, key=values.get))


def called(options):
    """Keyword arguments as code says them."""
    return ", ".join(f"{name}={_written(name, value)}" for name, value in options.items())


def _written(name, value):
    """A value as code says it: functions by their names, and what the reader handed in by its own."""
    return name if isinstance(value, dict) else getattr(value, "__name__", None) or repr(value)


# Controls


def slider(label, value, low, high, help, kind="IntSlider", **options):
    """A slider whose number can be typed, too."""
    return getattr(widgets, kind)(value, description=label, tooltip=help, min=low, max=high, **options)


def decades(label, value, low, high, help):
    """A slider from 10^low to 10^high."""
    return slider(label, value, low, high, help, "FloatLogSlider", step=0.1, readout_format=".2r")


def menu(label, options, help, **opens):
    """A choice of few, values or {text: value}; it opens with the first, or with `value`."""
    options = options.items() if isinstance(options, dict) else [(str(option), option) for option in options]
    return widgets.Dropdown(options=list(options), description=label, tooltip=help, **opens)


def support_menu():
    """Which features are true."""
    options = {", ".join(map(str, support)): support for support in SUPPORTS}
    return menu("true features", options, "The features that labels are made of; 0 is the constant")


def drawn_controls():
    """What every drawn task depends on."""
    options = {"step": 0.05, "readout_format": ".2f"}
    return {
        "noise": slider("noise σ", 0.0, 0, 1, "Standard deviation of the noise on labels", "FloatSlider", **options),
        "seed": seed_slider(),
    }


def seed_slider():
    """Everything random follows from it."""
    return slider("seed", 0, 0, 99, "Everything random follows from it: other tasks, other points")


# Explorers


class Explorer:
    """Base of all: one setting in; numbers, a picture, a sentence and code out. `recipe` computes, and is the code."""

    summary = ""  # what the picture shows: its alt text, and the line that is stored in a notebook
    boxes = ((0.05, 0.63, 0.935, 0.3), (0.05, 0.13, 0.43, 0.3), (0.555, 0.13, 0.43, 0.3))
    tries = {}  # title -> (what to watch, {control: value}); the first opens
    prints = ""  # code that prints what the recipe returns, `result`
    given = {}  # arguments of the recipe that are no controls
    trains = False

    def follow(self, name, setting):
        """What else moves when the control `name` was moved, as {control: value}."""
        return {}

    def arguments(self, setting):
        """What the recipe is called with."""
        known = setting | self.given
        return {name: known[name] for name in inspect.signature(self.recipe).parameters}

    def frames(self, setting):
        """Yield what is known after each step; without steps once."""
        yield self.recipe(**self.arguments(setting))

    def look(self, setting, frame):
        """The numbers to show of a frame."""
        return frame

    def code(self, setting, numbers):
        """Python that gives the same numbers, and prints them."""
        call = f"result = {self.recipe.__name__}({called(self.arguments(setting))})"
        return f"{HEADER}\n\n{inspect.getsource(self.recipe)}\n\n{call}\n{self.prints}"


def task_at(n_points, n_features, support, design, seed):
    """One task, and its points."""
    family = TaskFamily(n_features, support, design=design)
    return family.sample(1, n_points, np.random.default_rng(seed))


class TasksExplorer(Explorer):
    """A task, and other curves through its points."""

    summary = "Explorer of tasks: the points of a task, and curves that cannot be told apart by them."
    boxes = ((0.05, 0.13, 0.57, 0.79), (0.69, 0.13, 0.295, 0.79))
    tries = {
        "4 points": ("all grey curves pass through the same four points. Which one is true?", {}),
        "64 points": ("the grey curves still leave the truth between the points.", {"n_points": 64, "along": 3.0}),
        "65 of 65": ("no grey curve is left.", {"n_points": 65, "n_features": 65, "design": "grid"}),
    }
    recipe = staticmethod(task_at)
    prints = "print(result.x, result.labels)"

    def controls(self):
        """The widgets by name."""
        way = "How far the grey curves go along invisible directions"
        return {
            "n_points": slider("points N", 4, 1, 128, "Points at which the task is seen"),
            "n_features": slider("features d", 257, 3, 257, "Number of features that may explain the labels"),
            "along": slider("way along", 1.0, 0, 3, way, "FloatSlider", step=0.1, readout_format=".2f"),
            "support": support_menu(),
            "design": menu("points x", DESIGNS, "How the points are placed"),
            "seed": seed_slider(),
        }

    def follow(self, name, setting):
        """The true features are among all features."""
        if name == "n_features" and max(setting["support"]) >= setting["n_features"]:
            return {"support": SUPPORTS[0]}
        return {"n_features": max(setting["n_features"], max(setting["support"]) + 1)}

    def look(self, setting, frame):
        """The task, nine smooth moves (9, d) that change no label, and how many directions there are for such."""
        weights = smoothness_weights(frame.n_features, 1.5)
        _, sizes, visible = np.linalg.svd(frame.features[0] * weights, full_matrices=False)
        visible = visible[sizes > 1e-10 * sizes[0]]
        drawn = np.random.default_rng(1).standard_normal((9, len(weights)))
        return frame, setting["along"] * weights * (drawn - drawn @ visible.T @ visible), len(weights) - len(visible)

    def draw(self, axes, setting, numbers, running):
        """The task and other curves; its coefficients and others."""
        tasks, moves, _ = numbers
        true, features = tasks.effective[0], dense_features(tasks.n_features)
        others = (true + moves) @ features.T
        axes[0].plot(DENSE, others.T, color=COLORS["other"], linewidth=0.8, alpha=0.7)
        draw_task(axes[0], "one task, and other curves through its points", tasks, {})
        axes[0].set_ylim(np.array([-1, 1]) * limit_above(others, features @ true))
        write_key(axes[0], {"the truth": TRUTH, "other explanations": GREY})
        for values, color, size in ((true + moves[0], COLORS["other"], 2), (true, TRUTH, 5)):
            index = np.flatnonzero(values)
            axes[1].vlines(index, 0, values[index], color=color, linewidth=1.1)
            axes[1].plot(index, values[index], "o", color=color, markersize=size)
        top = limit_above(true, moves[0] + true)
        index_axis(axes[1], "coefficients", len(true), top, -top)

    def sentence(self, setting, numbers, running):
        """How much is open."""
        tasks, moves, hidden = numbers
        seen = f"{count(setting['n_points'], 'point')}, {count(setting['n_features'], 'feature')}"
        if not hidden:
            return f"{seen}: no direction is invisible. The labels leave one explanation, and it is the truth."
        apart = np.abs(moves @ dense_features(tasks.n_features).T).max()
        at_points = in_digits(np.abs(moves @ tasks.features[0].T).max())
        hidden = f"{count(hidden, 'direction')} cannot be seen in the labels"
        return f"{seen}: {hidden}. Grey curves leave the truth by up to {apart:.2f}, and at the points by {at_points}."


def fit_of(n_points, n_features, design, weight, n_favoured, noise, seed):
    """A task, feature weights that favour the lowest features, and the smallest fit through the task's points."""
    family = TaskFamily(n_features, noise=noise, design=design)
    task = family.sample(1, n_points, np.random.default_rng(seed))
    weights = np.where(np.arange(n_features) < n_favoured, weight, 1.0)
    return task, weights, min_norm(task.features[0], task.labels[0], weights)


class OverfittingExplorer(Explorer):
    """A perfect fit of one task: what it says, and what it leaves of the truth."""

    summary = "Explorer of overfitting: a fit, its coefficients, and what is left of each true feature."
    tries = {
        "64 points": ("the fit passes through all points and is wrong between them: aliases take their share.", {}),
        "129": ("sine and cosine still have one alias each, and keep half.", {"n_points": 129}),
        "130": ("one point more, no alias: the fit is the truth.", {"n_points": 130}),
        "3, weighted": ("with the right weights three points are enough.", {"n_points": 3, "weight": 1000.0}),
    }
    recipe = staticmethod(fit_of)
    prints = "print(result[0].effective[0, :3], result[2][:3], risk(result[2], result[0].effective[0]))"

    def controls(self):
        """The widgets by name."""
        return {
            "n_points": slider("points N", 64, 2, MOST_POINTS, "Training points"),
            "n_features": slider("features d", 257, 3, 257, "Number of features"),
            "design": menu("points x", DESIGNS, "How the points are placed", value="grid"),
            "weight": decades("weight of the favoured", 1.0, 0, 3, "Weight of the first s features; others have 1"),
            "n_favoured": slider("favoured s", 3, 1, 64, "How many features, from the lowest, are favoured"),
        } | drawn_controls()

    def follow(self, name, setting):
        """To favour features is to give them another weight."""
        return {"weight": 10.0} if name == "n_favoured" and setting["weight"] == 1 else {}

    def look(self, setting, frame):
        """The fit, and what it leaves of each true feature when that is alone: w_j^2 phi_j . G^+ phi_j."""
        features, squared = frame[0].features[0], frame[1] ** 2
        inverse = np.linalg.pinv(features * squared @ features.T, rcond=1e-12, hermitian=True)
        left = squared[:3] * np.sum(features[:, :3] * (inverse @ features[:, :3]), axis=0)
        return frame[0], frame[2], left

    def draw(self, axes, setting, numbers, running):
        """The fit, its coefficients, and what is left against the number of points."""
        (task, estimate, left), d, n = numbers, setting["n_features"], setting["n_points"]
        color = COLORS["min-norm"]
        draw_task(axes[0], "a task, and the smallest fit", task, {"min-norm": dense_features(d) @ estimate})
        write_key(axes[0], {"truth": TRUTH, "fit": color})
        figures.draw_spectrum(axes[1], estimate, (0, 1, 2), "min-norm")
        axes[1].plot(range(3), np.abs(task.effective[0, :3]), "o", color="none", markeredgecolor=TRUTH)
        index_axis(axes[1], "size of the fitted coefficients", d, limit_above(estimate, task.effective))
        write_key(axes[1], {"circles: the truth": TRUTH, "fit, true features": color, "false features": GREY})
        for j, style in enumerate(("-", "--", ":")):
            curve = grid_survival(d, setting["n_favoured"], setting["weight"])[:, j]
            axes[2].plot(range(1, MOST_POINTS + 1), curve, style, color=COLORS["other"], linewidth=1.2)
        axes[2].axvline(n, color=TRUTH, linewidth=0.8, alpha=0.5)
        axes[2].plot([n] * 3, left, "o", color=color, markersize=5)
        frame_axes(axes[2], "what is left of each true feature", "points N", (0, MOST_POINTS + 1), 1.09, -0.03)
        write_key(axes[2], dict.fromkeys(("on a grid: constant —", "sine - -", "cosine ···"), GREY), left=True)

    def sentence(self, setting, numbers, running):
        """Errors, survival, aliases."""
        task, estimate, left = numbers
        training = in_digits(np.mean((task.features[0] @ estimate - task.labels[0]) ** 2))
        test, zero = in_digits(risk(estimate, task.effective[0])), in_digits(np.sum(task.effective**2))
        parts = ", ".join(f"{name} {part:.0%}" for name, part in zip(("constant", "sine", "cosine"), left, strict=True))
        ends = "At such x there are no aliases, and everything leaks a little into everything."
        if setting["design"] == "grid":
            classes = alias_classes(setting["n_points"], setting["n_features"]).representative
            ends = f"They have {', '.join(str(np.sum(classes == j) - 1) for j in classes[:3])} aliases."
        return f"Training error {training}, test error {test} (predicting 0: {zero}). Left of each: {parts}. {ends}"


@functools.lru_cache(maxsize=16)
def grid_survival(n_features, n_favoured, weight):
    """What is left of features 0, 1, 2 on the grids of 1, 2, ... points, by formula, (MOST_POINTS, 3)."""
    weights, alone = np.where(np.arange(n_features) < n_favoured, weight, 1.0), np.eye(3, n_features)
    return np.array([aliased_min_norm(alone, weights, n).diagonal() for n in range(1, MOST_POINTS + 1)])


class MamlExplorer(Explorer):
    """Train MAML and watch it."""

    summary = "Explorer of MAML: its weights as it trains, and an unseen task fitted with them from a few points."
    trains = True
    tries = {
        "Adam, held-out": ("held-out points push every false weight down.", {}),
        "None held out": ("nothing selects: the true features do not come out on top.", {"held_out": False}),
        "Small start": ("none held out, one common scale: only true weights grow.", SMALL_START),
        "Start 3": ("it finishes, and has selected nothing.", {"start": 3.0}),
    }
    methods = {"MAML": maml_steps}

    def controls(self):
        """The widgets by name."""
        return {
            "support": support_menu(),
            "start": menu("start of all weights", STARTS, "Where every weight starts; uniform in [0, 1]", value=1.0),
            "outer": menu("MAML’s outer optimiser", OUTERS, "A scale of step for each weight, or one for all"),
            "held_out": menu("MAML’s held-out points", {"yes": True, "no": False}, "Whether other points validate"),
            **self.own_controls(),
            "inner_rate": decades("inner rate η", 0.02, -3, -0.3, "Too large a rate diverges"),
            "n_tasks": slider("tasks a step", 10, 1, 20, "New tasks in every outer step"),
            "n_points": slider("points N", 64, 2, 64, "Training points of each task"),
            "n_few": slider("few-shot n", 4, 1, 32, "Points of the unseen tasks"),
        } | drawn_controls()

    def own_controls(self):
        """What belongs to one of both explorers."""
        return {
            "gradient": menu("meta-gradient", GRADIENTS, "Whole, or as if α did not depend on w"),
            "inner_steps": slider("inner steps K", 5, 1, 20, "Gradient steps on each task"),
        }

    def options(self, setting, method):
        """Keyword arguments of a method's training."""
        common = {name: setting[name] for name in ("n_tasks", "n_points", "seed")} | {"steps": STEPS}
        inner = {name: setting[name] for name in ("inner_steps", "inner_rate")}
        if method == "Reptile":
            return common | inner | {"outer": Interpolate(setting["step_size"])}
        common |= {"n_validation": setting["n_points"] * setting["held_out"], "outer": setting["outer"]}
        return common | inner | {"gradient": setting["gradient"]} if "gradient" in setting else common

    def frames(self, setting):
        """Yield {method: run}, all methods side by side."""
        family, runs = TaskFamily(support=setting["support"], noise=setting["noise"]), {}
        source = family, setting["start"]
        trainings = [steps(*source, **self.options(setting, name)) for name, steps in self.methods.items()]
        for several in itertools.zip_longest(*trainings):
            runs = runs | {name: run for name, run in zip(self.methods, several, strict=True) if run}
            yield runs

    def look(self, setting, frame):
        """The runs; unseen tasks; by method what its weights make of them, (N_UNSEEN, 257), and their median risk."""
        family = TaskFamily(support=setting["support"], noise=setting["noise"])
        tasks = family.unseen(N_UNSEEN, setting["n_few"], setting["seed"])
        weights = {"min-norm": np.ones(257)} | {name: run.weights for name, run in frame.items()}
        estimates = {name: min_norm(tasks.features, tasks.labels, values) for name, values in weights.items()}
        risks = {name: float(np.median(risk(estimate, tasks.effective))) for name, estimate in estimates.items()}
        return frame, tasks, estimates, risks

    def draw(self, axes, setting, numbers, running):
        """The weights of all runs over the steps, what is the explorer's own, and an unseen task."""
        runs, tasks, estimates, risks = numbers
        top = limit_above(*(run.history["weights"] for run in runs.values()), least=2)
        for ax, (name, run) in zip(axes, runs.items(), strict=False):
            shown = dataclasses.replace(run, status="finished" if running else run.status, advice="")
            frame = f"the weights as {name} trains", "outer step", (0, STEPS), top
            frame_axes(ax, *frame)  # names are placed by its limits
            figures.draw_weights(ax, shown, setting["support"], name)
            frame_axes(ax, *frame)
        self.draw_own(axes, setting, runs, top)
        fits = {name: dense_features(257) @ estimate[0] for name, estimate in estimates.items()}
        draw_task(axes[-1], "an unseen task; median risk of ten", tasks, fits)
        told = {name: "weights 1" if name == "min-norm" else name for name in fits}
        write_key(axes[-1], {f"{told[name]}: {in_digits(value)}": color_of(name) for name, value in risks.items()})

    def draw_own(self, axes, setting, runs, top):
        """Every weight as it is now."""
        figures.draw_spectrum(axes[1], runs["MAML"].weights, setting["support"])
        index_axis(axes[1], "the size of every weight, now", 257, top)
        write_key(axes[1], {"true features": COLORS["MAML"], "all others": GREY})

    def sentence(self, setting, numbers, running):
        """Where each run stands, what its weights are, what unseen tasks cost."""
        true, said = list(setting["support"]), ""
        for name, run in numbers[0].items():
            size, found = np.abs(run.weights), "true features on top" if on_top(run.weights, true) else "not selected"
            where = f"step {run.step} of {STEPS}" if running else run.status
            against = f"{span(size[true])} against {span(np.delete(size, true))}"
            said += f"{name}: {where}; {found}, {against}, share {share(run.weights, true) if size.any() else 0:.3g}. "
        zero = {"predicting 0": float(np.median(np.sum(numbers[1].effective ** 2, axis=1)))}
        return f"{said}Median risk from {count(setting['n_few'], 'point')}: {ranked(numbers[3] | zero)}."

    def code(self, setting, numbers):
        """Train as shown, up to where it was stopped, and score unseen tasks."""
        start = repr(setting["start"])
        lines = [f"family = TaskFamily(support={setting['support']}, noise={setting['noise']})"]
        lines += [f"tasks = family.unseen({N_UNSEEN}, {setting['n_few']}, {setting['seed']})"]
        for name, run in numbers[0].items():
            lines += [f"for run in {run.method}_steps(family, {start}, {called(self.options(setting, name))}):"]
            lines += [f"    if run.step == {run.step}:  # {run.status}", "        break"]
            lines += ["estimate = min_norm(tasks.features, tasks.labels, run.weights)"]
            lines += [f'print("{name}", run.weights[:5], np.median(risk(estimate, tasks.effective)))']
        return HEADER + "\n".join(["", *lines])


class ReptileExplorer(MamlExplorer):
    """Train Reptile and MAML on the same tasks, and watch what Reptile's inner loop conserves."""

    summary = "Explorer of Reptile: its weights and MAML’s as both train, the law of its inner loop, an unseen task."
    boxes = tuple((left, low, 0.425, 0.31) for low in (0.62, 0.13) for left in (0.05, 0.56))
    tries = {
        "Start 1": ("Reptile’s true weights grow, and the false ones keep their size.", {}),
        "Start 0.001": ("the same Reptile from a small start: only true weights have grown.", {"start": 0.001}),
        "None held out": ("MAML loses what prunes it; Reptile never had it.", {"start": 0.001, "held_out": False}),
    }
    methods = {"Reptile": reptile_steps, "MAML": maml_steps}

    def own_controls(self):
        """What belongs to one of both explorers."""
        return {
            "step_size": decades("Reptile’s step size ε", 0.5, -2, 0, "First part of the way that the weights move"),
            "inner_steps": slider("Reptile’s inner steps K", 20, 1, 40, "Joint steps on each task"),
        }

    def draw_own(self, axes, setting, runs, top):
        """Where each feature goes in the plane of |alpha| and |w|, on log axes: flat is unmoved, rising has grown."""
        ax, true, green, start = axes[2], list(setting["support"]), COLORS["Reptile"], runs["Reptile"].weights
        task = TaskFamily(support=setting["support"]).unseen(1, setting["n_points"], setting["seed"])
        inner = setting["inner_steps"], setting["inner_rate"]
        try:
            weights, coefficients = np.abs(joint_descent(task.features[0], task.labels[0], start, *inner))
        except ValueError:  # it diverges; the weights are drawn where they are
            weights, coefficients = np.abs(start), 0 * start
        weights, coefficients = weights.clip(1e-9, 1e9), coefficients.clip(1e-9, 1e9)
        low, high = (10.0 ** np.floor(np.log10(size)) for size in (weights.min() / 3, 30 * max(2, weights.max())))
        for j in true:
            alpha = np.geomspace(low / 100, max(low, coefficients[j]))
            ax.loglog(alpha, np.hypot(start[j], alpha), color=green, linewidth=1)
        ax.plot(np.delete(coefficients, true), np.delete(weights, true), ".", color=COLORS["other"], markersize=3)
        ax.plot(coefficients[true], weights[true], "o", color=green, markersize=5)
        frame_axes(ax, "inner loop on an unseen task: |w| against |α|", "", (low / 100, high), high, low)
        write_key(ax, {"curve: w² − α² stays as it was": green, "false features": GREY}, left=True)


def fits_at(solvers, family, n_points, noise, seed):
    """Unseen tasks, what each solver makes of them, and its median risk."""
    tasks = dataclasses.replace(family, noise=noise).unseen(10, n_points, seed)
    estimates = {name: solve(tasks.features, tasks.labels) for name, solve in solvers.items()}
    risks = {name: np.median(risk(estimate, tasks.effective)) for name, estimate in estimates.items()}
    return tasks, estimates, risks


def day_at(days, fits, day, places):
    """What each fit makes of a day that is read at some places, and its error at all others."""
    whole = np.asarray(days[day], float)
    curves = {name: np.asarray(fit(places, whole[places])) for name, fit in fits.items()}
    errors = {name: np.delete(curve - whole, places) for name, curve in curves.items()}
    return curves, {name: np.sqrt(np.mean(error**2)) for name, error in errors.items()}


@functools.cache
def trained_solvers():
    """Solvers of one task by name, with weights learned here in about two seconds, from tasks of three features."""
    family = TaskFamily()
    learned = {
        "MAML": train_maml(family, steps=STEPS).weights,
        "Reptile": train_reptile(family, 0.001, steps=150, n_tasks=5).weights,
        "empirical Bayes": empirical_bayes(family.sample(15, 8, np.random.default_rng(0))).weights,
    }
    partials = {name: functools.partial(min_norm, weights=weights) for name, weights in learned.items()}
    return {"min-norm": min_norm, "OMP": matching_pursuit} | partials


class PointsExplorer(Explorer):
    """What several methods make of the same few numbers; here of an unseen task, with weights as they were trained."""

    summary = "Explorer of points: an unseen task, what each method makes of its points, and the median risk of each."
    boxes = ((0.07, 0.13, 0.59, 0.79), (0.7, 0.13, 0.285, 0.79))
    tries = {
        "4 points": ("learned weights need hardly more points than there are true features.", {}),
        "24 points": ("OMP, which knows one task and that three features are true, catches up.", {"n_points": 24}),
        "Noise": ("with noise, more points help everybody: move n.", {"noise": 0.3, "n_points": 8}),
    }
    recipe, prints = staticmethod(fits_at), "print(result[-1])"
    unit, kind, range = "", "Median risk", (1e-12, 100.0)

    def __init__(self, solvers, family):
        self.given, self.names = {"solvers": solvers, "family": family}, list(solvers)

    def controls(self):
        """The widgets by name."""
        shown = menu("fits drawn", ["all", *self.names], "Whose fit is drawn")
        return {"n_points": slider("points n", 4, 3, 64, "Points of each task"), **drawn_controls(), "shown": shown}

    def place(self, setting):
        """In words, what was seen."""
        return f"of ten unseen tasks from {count(setting['n_points'], 'point')}"

    def draw(self, axes, setting, numbers, running):
        """The task and its fits; the risk of each method."""
        curves = {name: dense_features(257) @ estimate[0] for name, estimate in numbers[1].items()}
        draw_task(axes[0], "an unseen task", numbers[0], self.chosen(setting, curves))
        axes[1].set_xscale("log")
        self.draw_errors(axes[1], numbers[-1], self.range)

    def chosen(self, setting, curves):
        """The fits that are to be drawn."""
        return {name: curve for name, curve in curves.items() if setting["shown"] in ("all", name)}

    def draw_errors(self, ax, errors, limits):
        """A bar for each method, its name above."""
        for row, (name, value) in enumerate(errors.items()):
            ax.hlines(-row, limits[0], max(value, limits[0]), color=color_of(name), linewidth=7)
            text = f"{name}: {in_digits(value)}"
            ax.text(0.01, 0.22 - row, text, color=color_of(name), transform=ax.get_yaxis_transform(), zorder=6)
        frame_axes(ax, self.kind, self.unit, limits, 0.7, 0.6 - len(errors), yticks=[])

    def sentence(self, setting, numbers, running):
        """All errors."""
        return f"{self.kind} {self.place(setting)}, least first: {ranked(numbers[-1])} {self.unit}".strip() + "."


class DayExplorer(PointsExplorer):
    """A day, read at a few hours."""

    summary = "Explorer of days: a whole day, its few readings, what each method makes of them, and its error."
    recipe, kind = staticmethod(day_at), "Error at other hours"

    def __init__(self, days, hours, fits, unit, tries):
        self.given, self.names = {"days": days, "fits": fits}, list(fits)
        self.hours, self.unit = np.asarray(hours), unit
        self.tries = tries or {
            "3 readings": ("what each method makes of three numbers.", {}),
            "1 reading": ("what the methods knew before is most of what they say.", {"readings": 1}),
            "Another day": ("the same hours of another day.", {"day": list(days)[-1]}),
        }

    def controls(self):
        """The widgets by name."""
        n, shown = len(self.hours), menu("fits drawn", ["all", *self.names], "Whose fit is drawn")
        day = menu("day", list(self.given["days"]), "Which day")
        readings = slider("readings", 3, 1, 4, "How many of the hours below are read")
        at = [
            slider(f"{name} reading", n * part // 20, 0, n - 1, "Which hour")
            for name, part in zip(PLACES, (7, 10, 14, 1), strict=True)
        ]
        return {"day": day, "readings": readings, **dict(zip(PLACES, at, strict=True)), "shown": shown}

    def follow(self, name, setting):
        """A reading that is moved is one that is taken."""
        return {"readings": max(setting["readings"], PLACES.index(name) + 1)} if name in PLACES else {}

    def arguments(self, setting):
        """What the recipe is called with."""
        places = sorted({setting[name] for name in PLACES[: setting["readings"]]})
        return self.given | {"day": setting["day"], "places": places}

    def place(self, setting):
        """In words, what was seen."""
        read = self.hours[self.arguments(setting)["places"]]
        return f"of {setting['day']}, read at {', '.join(map(in_digits, read))}"

    def draw(self, axes, setting, numbers, running):
        """The day, its readings and its fits; the error of each."""
        day, places = np.asarray(self.given["days"][setting["day"]], float), self.arguments(setting)["places"]
        for name, curve in self.chosen(setting, numbers[0]).items():
            axes[0].plot(self.hours, curve, color=color_of(name), linewidth=1.4)
        figures.draw_fit(axes[0], self.hours, day, points=(self.hours[places], day[places]))
        low, high = min(0, 1.1 * day.min()), limit_above(day, least=1e-9)
        frame_axes(axes[0], setting["day"], "hour", self.hours[[0, -1]], high, low)
        self.draw_errors(axes[1], numbers[-1], (0, limit_above(list(numbers[-1].values()), least=1e-9)))


# The panel


class Panel(widgets.VBox if widgets else object):
    """An explorer on the screen."""

    def __init__(self, explorer):
        super().__init__()
        self.explorer, self.picture, self.inputs = explorer, Picture(explorer.boxes), explorer.controls()
        self.moves, self.asked, self.held, self.running, self.frame = [], False, False, None, None
        try:
            self.loop = asyncio.get_running_loop()
        except RuntimeError:  # no kernel: every move is answered at once, training to its end
            self.loop = None
        page = Path(__file__).with_suffix(".html").read_text(encoding="utf-8")
        self.image, self.said, self.written = widgets.Image(format="png"), widgets.HTML(), widgets.HTML()
        tries = [self.button(name, watch, self.try_out, name) for name, (watch, _) in explorer.tries.items()]
        reset = self.button("Reset", "Every control back to where it started", self.try_out, next(iter(explorer.tries)))
        self.stop = self.button("Stop", "Stop the training here", self.halt)
        self.stop.layout.display = None if explorer.trains else "none"
        page = widgets.HTML(page.replace("{summary}", explorer.summary))
        buttons = widgets.HBox([widgets.Label("Try:"), *tries, reset, self.stop, page])
        self.children = [widgets.Box(list(self.inputs.values())), buttons, self.image, self.said, self.written]
        self.add_class("fm-explorer")
        for child, name in zip(self.children, ("grid", "row", "picture", "said", "code"), strict=True):
            child.add_class(f"fm-{name}")
        self.defaults = self.setting()
        for name, widget in self.inputs.items():
            widget.observe(functools.partial(self.moved, name), "value")
        self.try_out(next(iter(explorer.tries)))

    def __repr__(self):
        return f"{self.explorer.summary} Run this cell in JupyterLab to move its controls."

    def _repr_mimebundle_(self, **options):
        """What ipywidgets displays, with the whole sentence for programs without widgets: it would cut it."""
        return super()._repr_mimebundle_(**options) | {"text/plain": repr(self)}

    def button(self, title, tooltip, function, *arguments):
        """A button that calls a function in the event loop."""
        button = widgets.Button(description=title, tooltip=tooltip)
        button.on_click(lambda _: self.soon(function, *arguments))
        return button

    def soon(self, function, *arguments):
        """Call a function in the kernel's event loop: JupyterLab may send moves to another thread of the kernel."""
        call = self.loop.call_soon_threadsafe if self.loop else lambda function, *arguments: function(*arguments)
        call(function, *arguments)

    def setting(self):
        """What the controls say; numbers have the two digits that are shown."""
        values = {name: widget.value for name, widget in self.inputs.items()}
        return {name: float(f"{value:.2g}") if isinstance(value, float) else value for name, value in values.items()}

    def move_to(self, setting):
        """Move controls, as one move."""
        self.held = True
        for name, value in setting.items():
            self.inputs[name].value = value
        self.held = False

    def try_out(self, title):
        """Show one of the things to try."""
        watch, changes = self.explorer.tries[title]
        self.watch = f"<b>Watch:</b> {html.escape(watch)}<br>"
        self.move_to(self.defaults | changes)
        self.update()

    def moved(self, name, change):
        """Ask for an update, unless one is on its way already; a browser may send back a value that it has rounded."""
        if not self.held and self.setting() != self.shown:
            self.moves.append(name)
            if not self.asked:
                self.asked = True
                self.soon(self.update)

    def update(self):
        """Show what the controls say; a training starts anew, the old one is forgotten."""
        self.asked, moves, self.moves = False, self.moves, []  # a move from now on asks again
        if self.picture is None:  # closed meanwhile
            return
        for name in dict.fromkeys(moves):
            self.watch = ""
            self.move_to(self.explorer.follow(name, self.setting()))
        self.shown, self.seconds = self.setting(), FIRST_SLICE
        self.running = self.explorer.frames(self.shown)
        self.advance(self.running)

    def advance(self, frames):
        """Take as many steps as fit a slice of time, show where they lead, and come back after other messages."""
        if frames is not self.running:
            return
        begin, ended = time.monotonic(), True
        try:
            for self.frame in frames:
                if self.loop and self.explorer.trains and time.monotonic() > begin + self.seconds:
                    ended = False
                    break
            self.running, begin = None if ended else frames, time.monotonic()
            self.show()
        except Exception as error:  # nobody would see it in an event loop; the reader gets it as a sentence
            self.running, self.stop.disabled = None, True
            self.said.value = html.escape(f"This setting cannot be computed: {error}")
        if self.running:
            self.seconds = max(min(2 * self.seconds, LONGEST_SLICE), 3 * (time.monotonic() - begin))
            self.loop.call_later(0.003, self.advance, frames)

    def show(self):
        """Draw the last frame, say it, and write it down as code."""
        explorer, setting, running = self.explorer, self.shown, self.running is not None
        numbers = explorer.look(setting, self.frame)
        for artist in self.picture.artists():
            artist.remove()
        explorer.draw(self.picture.axes, setting, numbers, running)
        self.image.value = self.picture.png()
        self.said.value = self.watch + html.escape(explorer.sentence(setting, numbers, running))
        self.written.value = f"<pre tabindex=0><code>{html.escape(explorer.code(setting, numbers))}</code></pre>"
        self.stop.disabled = not running

    def halt(self):
        """End the training here; what it has learned stays on the screen."""
        if self.running:
            self.running = None
            self.show()

    def close(self):
        """Forget a running training and free all widgets and the figure."""
        self.running = self.frame = self.picture = None
        for widget in _tree(self):
            widgets.Widget.close(widget)
        self.image.value, self.written.value = b"", ""  # the notebook's Out keeps the panel itself
        gc.collect()  # a figure is a circle of references, and large


def _tree(widget):
    """A widget and all below it, with the layouts and styles that are widgets, too."""
    for child in getattr(widget, "children", ()):
        yield from _tree(child)
    yield from (getattr(widget, part) for part in ("layout", "style") if hasattr(widget, part))
    yield widget
