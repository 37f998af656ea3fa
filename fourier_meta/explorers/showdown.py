"""Explorer of notebook 05: risk on unseen tasks against the number of points, for the methods that you pick."""

from typing import NamedTuple

import numpy as np

from fourier_meta.explorers.controls import (
    Control,
    Explorer,
    design_menu,
    noise_slider,
    number,
    seed_slider,
    slider,
)
from fourier_meta.explorers.picture import Picture, band, heading, line, set_band
from fourier_meta.figures import COLORS, FLOOR
from fourier_meta.maml import train_maml
from fourier_meta.regression import few_shot_risk
from fourier_meta.reptile import train_reptile
from fourier_meta.rivals import CONTESTANTS, weighted_solver
from fourier_meta.tasks import TaskFamily

SIZES = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
# Shorter than in the notebook, to be live.
TRAINING = {
    "MAML": {"steps": 300, "n_tasks": 10, "n_points": 32},  # and as many validation points as is its default, 64
    "Reptile": {"steps": 300, "n_tasks": 5, "n_points": 128},
}
METHODS = (
    "zero",
    "min-norm",
    "smoothness prior",
    "OMP",
    "lasso",
    "small start",
    "moment ranking",
    "Reptile",
    "MAML",
    "oracle",
)
STYLES = {  # colour, line style
    "zero": (COLORS["other"], ":"),
    "min-norm": (COLORS["min-norm"], "-"),
    "smoothness prior": (COLORS["min-norm"], (0, (4, 2))),
    "OMP": (COLORS["OMP"], "-"),
    "lasso": (COLORS["lasso"], "-"),
    "small start": (COLORS["lasso"], (0, (4, 2))),
    "moment ranking": (COLORS["FOMAML"], "-"),
    "Reptile": (COLORS["Reptile"], "-"),
    "MAML": (COLORS["MAML"], "-"),
    "oracle": (COLORS["oracle"], (0, (4, 2))),
}
KEPT_CURVES = 60
LOWEST, HIGHEST = FLOOR / 3, 30  # of the risk axis


class Curves(NamedTuple):
    """Risks of finished methods, and of the one that is being computed."""

    risks: dict  # method -> (number of sizes so far, n_tasks)
    state: str  # "finished", "stopped" or what is being computed


class Stopped(Exception):
    """Somebody asked to stop between two sizes or two steps."""


def few_shot_curves(family, methods, n_tasks=20, seed=0):
    """Risk of each method on the same unseen tasks, {method: array (len(SIZES), n_tasks)}.

    MAML and Reptile train as `TRAINING` says, shorter than in the notebook.
    """
    return {method: curve(family, method, n_tasks, seed) for method in methods}


def curve(family, method, n_tasks, seed, progress=lambda risks: None):
    """Learn what there is to learn, then measure at every size; `progress` sees the risks so far, or None."""
    solve = learn(family, method, seed, progress)
    risks = []
    for n_points in SIZES:
        rng = np.random.default_rng([seed, n_points])  # the same unseen tasks for every method
        risks.append(few_shot_risk(family, n_points, solve, n_tasks, rng))
        progress(np.array(risks))
    return np.array(risks)


def learn(family, method, seed, progress):
    """The solver of a method; MAML and Reptile learn its weights."""
    train = {"MAML": train_maml, "Reptile": train_reptile}.get(method)
    if train is None:
        return CONTESTANTS[method](family, seed)
    run = train(family, **TRAINING[method], seed=seed, callback=lambda *_: progress(None), callback_every=1)
    return weighted_solver(run.weights)


class ShowdownPicture(Picture):
    """One curve with its band for each method, and the number of points that the sentence is about."""

    height = 440

    def build(self, figure):
        self.ax = ax = figure.add_axes((0.07, 0.115, 0.775, 0.815))
        heading(ax, "risk on unseen tasks: median, and the range of the middle 80 %")
        ax.set(xscale="log", yscale="log", xlim=(1.9, 67), ylim=(LOWEST, HIGHEST), xlabel="points n of the unseen task")
        ax.set_xticks(SIZES, [str(size) for size in SIZES])
        ax.minorticks_off()
        self.here = line(ax, COLORS["truth"], 0.8, alpha=0.5)
        self.bands = {method: band(ax, color, 0.13) for method, (color, _) in STYLES.items()}
        self.lines = {method: line(ax, color, 1.8, linestyle=style) for method, (color, style) in STYLES.items()}
        self.marks = {method: line(ax, color, 0, marker="o", markersize=4.5) for method, (color, _) in STYLES.items()}
        self.names = {
            method: ax.text(0, 0, "", color=color, fontsize=9.5, va="center", animated=True, clip_on=False)
            for method, (color, _) in STYLES.items()
        }

    def draw(self, setting, curves):
        self.here.set_data([setting["n_few"]] * 2, [LOWEST, HIGHEST])
        ends = {}
        for method in METHODS:
            risks = np.maximum(curves.risks.get(method, np.empty((0, 1))), FLOOR)
            sizes = np.array(SIZES[: len(risks)])
            low, median, high = np.quantile(risks, (0.1, 0.5, 0.9), axis=1) if len(risks) else np.empty((3, 0))
            set_band(self.bands[method], sizes, low, high)
            self.lines[method].set_data(sizes, median)
            self.marks[method].set_data(sizes, median)
            self.names[method].set_text(method if len(risks) else "")
            if len(risks):
                ends[method] = sizes[-1], median[-1]
        for method, y in spread({method: np.log10(y) for method, (_, y) in ends.items()}, gap=0.65).items():
            self.names[method].set_position((1.05 * 67, 10**y))


def spread(positions, gap):
    """Move positions apart, so that neighbours are at least `gap` apart and the lowest is not below the axis."""
    result, floor = {}, np.log10(LOWEST) + gap / 2
    for name, y in sorted(positions.items(), key=lambda item: item[1]):
        result[name] = floor = max(y, floor)
        floor += gap
    return result


class ShowdownExplorer(Explorer):
    """Pick methods, n and noise."""

    name = "explore_showdown"
    summary = "Explorer of the showdown: pick methods, n and noise, and see who solves unseen tasks from few points."
    alt = "Median risk on unseen tasks against the number of points, with bands, one curve for each method."
    trains = True
    picture = ShowdownPicture
    controls = (
        Control(
            "methods",
            "methods",
            METHODS,
            ("min-norm", "OMP", "moment ranking", "Reptile", "MAML", "oracle"),
            "Methods to compare; OMP, moment ranking and oracle are told more than the others",
            "switches",
            METHODS,
        ),
        slider("n_few", "points n", SIZES, 4, "Where the sentence below reads the curves"),
        noise_slider(),
        design_menu(),
        slider("n_tasks", "unseen tasks", (5, 10, 20, 50), 20, "Unseen tasks behind every point of a curve"),
        seed_slider(),
    )

    def __init__(self):
        self.kept = {}

    def settle(self, setting):
        """Without a method there is nothing to see: zero stands in."""
        if setting["methods"]:
            return setting, {}
        return setting | {"methods": ("zero",)}, {
            "methods": "“zero”, which predicts 0, stands in until you pick a method."
        }

    def compute(self, setting, report=None):
        family = TaskFamily(noise=setting["noise"], design=setting["design"])
        done = {}
        try:
            for method in setting["methods"]:
                done[method] = self.curve(family, method, setting, done, report)
        except Stopped:
            return Curves(done, "stopped")
        return Curves(done, "finished")

    def curve(self, family, method, setting, done, report):
        """One method's risks, from the store if they are there."""
        key = (family, method, setting["n_tasks"], setting["seed"])

        def progress(risks):
            partial = {} if risks is None else {method: risks}
            if report and report(lambda: Curves(done | partial, f"computing {method}")):
                raise Stopped

        if key not in self.kept:
            risks = curve(family, method, setting["n_tasks"], setting["seed"], progress)
            self.kept = dict([*self.kept.items(), (key, risks)][-KEPT_CURVES:])
        return self.kept[key]

    def status(self, setting, curves):
        n, place = setting["n_few"], SIZES.index(setting["n_few"])
        known = {method: np.median(risks[place]) for method, risks in curves.risks.items() if len(risks) > place}
        said = ", ".join(
            f"{method} {number(value)}" for method, value in sorted(known.items(), key=lambda item: item[1])
        )
        states = {"finished": "", "stopped": "Stopped; what was complete is shown. "}
        state = states.get(curves.state, f"{curves.state[0].upper()}{curves.state[1:]} … ")
        return f"{state}Median risk of {setting['n_tasks']} unseen tasks from {n} points: {said or 'nothing yet'}."

    def code(self, setting, curves):
        arguments = f"{tuple(curves.risks)}, n_tasks={setting['n_tasks']}, seed={setting['seed']}"
        return "\n".join(
            [
                "from fourier_meta import TaskFamily",
                "from fourier_meta.explorers.showdown import few_shot_curves",
                "",
                f'family = TaskFamily(noise={setting["noise"]}, design="{setting["design"]}")',
                f"curves = few_shot_curves(family, {arguments})",
            ]
        )
