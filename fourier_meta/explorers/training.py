"""Explorers of notebooks 03 and 04: training that is seen while it happens, with MAML and with Reptile."""

from typing import NamedTuple

import numpy as np

from fourier_meta.explorers.controls import (
    RATES,
    SWITCHABLE,
    Explorer,
    design_menu,
    family_code,
    menu,
    noise_slider,
    number,
    points,
    seed_slider,
    settle_support,
    slider,
    support_switches,
)
from fourier_meta.explorers.picture import (
    Picture,
    TaskAxes,
    band,
    corner,
    dense_features,
    dots,
    heading,
    limit_above,
    line,
    set_band,
    set_stems,
)
from fourier_meta.figures import COLORS
from fourier_meta.maml import train_maml
from fourier_meta.regression import min_norm, risk
from fourier_meta.reptile import joint_descent, train_reptile
from fourier_meta.tasks import TaskFamily, Tasks
from fourier_meta.training import SNAPSHOTS, Run, initial_weights

D = 257
OWN_SCALE = "own scale"
MOST_TRUE = len(SWITCHABLE)  # as many lines are ready for the weights of true features
KEPT_RUNS = 4  # finished runs that are not trained again when only what is shown of them changes
MAML_BESIDE = {"inner_steps": 5, "inner_rate": 0.02, "outer_rate": 0.05}  # the defaults of notebook 03
SHARED = ("support", "start", "scale", "steps", "n_tasks", "n_points", "noise", "design", "seed")
HIGHEST_LOSS = 1  # the power of 10 that the loss axis reaches at least


class Fitted(NamedTuple):
    """An unseen task, and what `min_norm` makes of it with each method's weights."""

    task: Tasks
    estimates: dict  # method -> effective coefficients (D,)
    risks: dict  # method -> risk


class Trained(NamedTuple):
    """What the explorer of notebook 03 shows."""

    run: Run
    unseen: Fitted


class Compared(NamedTuple):
    """What the explorer of notebook 04 shows; `adapted` is None where the inner loop of the unseen task diverges."""

    run: Run
    maml: Run | None  # None until its training starts
    unseen: Fitted
    adapted: tuple | None  # the unseen task's own weights and coefficients after the inner loop, (D,) each
    drift: float  # largest relative change of weights^2 - coefficients^2 in that inner loop


class Progress:
    """A callback for the training loops that keeps their history so far, and offers it to be drawn."""

    def __init__(self, start, steps, report, wrap):
        self.start, self.of, self.report, self.wrap = start, steps, report, wrap
        self.losses, self.taken, self.kept = [], [0], [start]

    def __call__(self, step, loss, weights):
        self.losses.append(loss)
        if step % max(1, self.of // SNAPSHOTS) == 0:
            self.taken.append(step)
            self.kept.append(weights)
        return bool(self.report) and self.report(lambda: self.wrap(self.run(weights)))

    def run(self, weights):
        """The unfinished run as a record."""
        history = {"loss": np.array(self.losses), "step": np.array(self.taken), "weights": np.array(self.kept)}
        return Run("", weights, self.start, history, {}, {}, f"step {len(self.losses)} of {self.of}")


class TrainingExplorer(Explorer):
    """What both have in common: controls, start, the unseen task, and a small store of finished runs."""

    trains = True
    method = ""

    def __init__(self):
        self.runs = {}

    def settle(self, setting):
        """Keep the support valid, and say that the own scale is for an own start."""
        notes = {}
        setting = settle_support(setting, notes)
        if setting["start"] != OWN_SCALE:
            setting = setting | {"scale": None}
            notes["scale"] = f"The own scale waits until start is “{OWN_SCALE}”."
        return setting, notes

    def family(self, setting):
        """The family of the setting."""
        return TaskFamily(D, setting["support"], noise=setting["noise"], design=setting["design"])

    def start(self, setting):
        """The `weights` argument of training."""
        return np.full(D, setting["scale"]) if setting["start"] == OWN_SCALE else setting["start"]

    def options(self, setting):
        """The keyword arguments of training."""
        names = ("steps", "n_tasks", "n_points", *self.own, "seed")
        return {name: setting[name] for name in names}

    def train(self, train, setting, options, report, wrap):
        """Train, or take a finished run from the store."""
        key = (train.__name__, tuple(sorted(options.items())), *(setting[name] for name in SHARED))
        if key in self.runs:
            return self.runs[key]
        family, weights = self.family(setting), self.start(setting)
        first = initial_weights(weights, D, np.random.default_rng(setting["seed"]))
        progress = Progress(first, setting["steps"], report, wrap)
        run = train(family, weights, **options, callback=progress, callback_every=1)
        if not run.status.startswith("stopped"):
            self.runs = dict([*self.runs.items(), (key, run)][-KEPT_RUNS:])
        return run

    def unseen(self, setting, weights):
        """Fit a task that training has not seen; weights is {method: weights}."""
        rng = np.random.default_rng(1000 + setting["unseen"])
        task = self.family(setting).sample(1, setting["n_few"], rng)
        estimates = {method: min_norm(task.features[0], task.labels[0], w) for method, w in weights.items()}
        risks = {method: float(risk(estimate, task.effective[0])) for method, estimate in estimates.items()}
        return Fitted(task, estimates, risks)

    def training_code(self, setting, run, name, train, options):
        """The line that trains, `name = train(family, ...)`; it stops where the run was stopped."""
        own = setting["start"] == OWN_SCALE
        weights = f"np.full({D}, {setting['scale']})" if own else f'"{setting["start"]}"'
        arguments = ", ".join(f"{option}={value}" for option, value in options.items())
        if run.status.startswith("stopped"):
            step = int(run.status.split()[-1])
            arguments += f", callback=lambda step, loss, weights: step == {step}, callback_every=1"
        return f"{name} = {train.__name__}(family, {weights}, {arguments})"

    def unseen_code(self, setting):
        """The lines that draw the unseen task and fit it."""
        return [
            f"task = family.sample(1, {setting['n_few']}, np.random.default_rng({1000 + setting['unseen']}))",
            "estimate = min_norm(task.features[0], task.labels[0], run.weights)",
            "unseen_risk = risk(estimate, task.effective[0])",
        ]


def training_controls(n_tasks, n_points, n_few, own):
    """Controls of both; `own` are those of one method."""
    return (
        support_switches(),
        menu("start", "start", ("ones", "uniform", OWN_SCALE), "ones", "The weights that training starts from"),
        slider(
            "scale",
            "own scale",
            (0.01, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 3.0),
            0.1,
            "All weights start here, if “start” is “own scale”",
        ),
        slider("n_tasks", "tasks a step", range(1, 21), n_tasks, "New tasks in every outer step"),
        slider(
            "n_points", "points N", (1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128), n_points, "Training points of each task"
        ),
        design_menu(),
        noise_slider(),
        *own,
        slider("steps", "outer steps", (50, 100, 200, 300, 500, 1000), 300, "Length of the run"),
        seed_slider(),
        slider(
            "n_few", "few-shot n", (1, 2, 3, 4, 5, 6, 8, 12, 16, 24, 32, 48, 64), n_few, "Points of the unseen task"
        ),
        slider("unseen", "unseen task", range(1, 21), 1, "Which unseen task is fitted"),
    )


def weight_range(run, support):
    """Smallest and largest |weight| of true features, and of all others."""
    size = np.abs(run.weights)
    true, others = size[list(support)], np.delete(size, support)
    return true.min(), true.max(), others.min(), others.max()


def said(low, high):
    """A range, rounded: one number where both ends round to it."""
    low, high = f"{low:.2f}", f"{high:.2f}"
    return low if low == high else f"{low} to {high}"


def status_of(run, setting):
    """Where a run stands: "finished after 300 steps", "step 12 of 300", or what it says itself."""
    return f"finished after {setting['steps']} steps" if run.status == "finished" else run.status


class History:
    """The weights of a run over its steps: a line for each true feature, the range of all others."""

    def __init__(self, ax, method, title):
        self.ax, self.color = ax, COLORS[method]
        heading(ax, title)
        ax.set(xlabel="outer step")
        self.range, self.middle = band(ax, COLORS["other"], 0.35), line(ax, COLORS["other"], 1.4)
        self.lines = [line(ax, self.color, 1.6) for _ in range(MOST_TRUE)]
        self.words = [corner(ax, color, 0.97, 0) for color in (self.color, "#6A6A6A")]

    def draw(self, run, support, steps, top):
        """Move to a run; `top` is the upper limit."""
        self.ax.set(xlim=(0, steps), ylim=(0, top))
        taken, size = run.history["step"], np.abs(run.history["weights"])
        others = np.delete(size, support, axis=1)
        set_band(self.range, taken, others.min(1), others.max(1))
        self.middle.set_data(taken, np.median(others, 1))
        for artist, index in zip(self.lines, [*support, *[None] * MOST_TRUE], strict=False):
            artist.set_data(*((taken, size[:, index]) if index is not None else ([], [])))
        low, high, least, most = weight_range(run, support)
        texts = f"{len(support)} true: {said(low, high)}", f"{others.shape[1]} others: {said(least, most)}"
        for word, text, y in zip(self.words, texts, beside(*(np.array([low, high, least, most]) / top)), strict=True):
            word.set(text=text, y=y)


def beside(low, high, least, most):
    """Where to write beside true weights in [low, high] and others in [least, most], all in fractions of the axis."""
    places = np.linspace(0.06, 0.94, 89)
    off_true = np.abs(places - np.clip(places, low, high))
    off_others = np.abs(places - np.clip(places, least, most))
    clear = np.minimum(np.minimum(off_true, off_others), 0.065)  # what is further than that is as good
    true = places[np.argmin(off_true - 100 * clear)]
    apart = np.minimum(np.abs(places - true), 0.115)
    others = places[np.argmin(off_others - 100 * clear - 1000 * apart)]
    return true, others


class Losses:
    """The loss of runs over their steps: each step faintly, medians of neighbouring steps on top."""

    def __init__(self, ax, methods, title, lowest):
        self.ax, self.lowest = ax, lowest
        heading(ax, title)
        ax.set(yscale="log", xlabel="outer step")
        ax.minorticks_off()
        if len(methods) > 1:
            corner(ax, COLORS["MAML"], 0.97, 0.92, text="MAML: new points")
            corner(ax, COLORS["Reptile"], 0.97, 0.82, text="Reptile: the same points")
        self.faint = {method: line(ax, COLORS[method], 0.7, alpha=0.3) for method in methods}
        self.clear = {method: line(ax, COLORS[method], 1.7) for method in methods}

    def draw(self, losses, steps):
        """Move to {method: loss of every step}; the limits are whole decades."""
        for method, loss in losses.items():
            self.faint[method].set_data(np.arange(1, len(loss) + 1), loss)
            parts = np.array_split(loss, max(1, len(loss) * 30 // steps))
            self.clear[method].set_data(np.cumsum([len(part) for part in parts]), [middle(part) for part in parts])
        self.ax.set(xlim=(0, steps), ylim=loss_limits(np.concatenate(list(losses.values())), self.lowest))


def middle(part):
    """The median, or NaN of nothing."""
    return np.median(part) if len(part) else np.nan


def loss_limits(loss, lowest):
    """Powers of 10 around the losses, which move by three at a time: a new axis costs more than a new curve."""
    exponents = np.log10(np.maximum(loss, 1e-30))
    below = np.ceil(max(0, lowest - exponents.min(initial=0)) / 3)
    above = np.ceil(max(0, exponents.max(initial=0) - HIGHEST_LOSS) / 3)
    return 10.0 ** (lowest - 3 * below), 10.0 ** (HIGHEST_LOSS + 3 * above)


class Unseen:
    """The unseen task, its fits, and their risks in words."""

    def __init__(self, ax, labels):
        self.title = heading(ax)
        self.task = TaskAxes(ax, list(labels))
        self.words = {
            method: corner(ax, COLORS[method], 0.97, 0.92 - 0.1 * row, "right") for row, method in enumerate(labels)
        }
        self.labels = labels

    def draw(self, unseen):
        """Move to a fitted task."""
        features, task = dense_features(D), unseen.task
        n = len(task.x[0])
        self.title.set_text(f"an unseen task, from {points(n)}")
        fits = {method: features @ estimate for method, estimate in unseen.estimates.items()}
        self.task.draw(task.x[0], task.labels[0], features @ task.effective[0], fits)
        for method, word in self.words.items():
            known = method in unseen.risks
            word.set_text(f"{self.labels[method]}: risk {number(unseen.risks[method])}" if known else "")
            if not known:
                self.task.fits[method].set_ydata(np.full(len(features), np.nan))


class MamlPicture(Picture):
    """Weights of all features now, weights over the steps, the loss, and an unseen task."""

    height = 540

    def build(self, figure):
        grid = figure.add_gridspec(2, 2, left=0.055, right=0.98, top=0.945, bottom=0.085, hspace=0.42, wspace=0.15)
        self.spectrum = ax = figure.add_subplot(grid[0, 0])
        heading(ax, "size of every weight, now")
        ax.set(xlabel="feature index j", xlim=(-8, 262))
        colors = (COLORS["other"], COLORS["MAML"])
        self.stems = [line(ax, color, width) for color, width in zip(colors, (0.9, 1.6), strict=True)]
        self.tips = [dots(ax, color, size) for color, size in zip(colors, (2, 5), strict=True)]
        self.history = History(figure.add_subplot(grid[0, 1]), "MAML", "the weights as they evolve")
        self.losses = Losses(figure.add_subplot(grid[1, 0]), ("MAML",), "validation loss of each step’s tasks", -3)
        self.unseen = Unseen(figure.add_subplot(grid[1, 1]), {"min-norm": "weights 1", "MAML": "these weights"})

    def draw(self, setting, numbers):
        run, support = numbers.run, np.array(setting["support"])
        top = limit_above(1.05 * np.abs(run.history["weights"]).max(), least=4)
        size, others = np.abs(run.weights), np.delete(np.arange(D), support)
        for stems, tips, group in zip(self.stems, self.tips, (others, support), strict=True):
            set_stems(stems, group, size[group])
            tips.set_data(group, size[group])
        self.spectrum.set_ylim(0, top)
        self.history.draw(run, setting["support"], setting["steps"], top)
        self.losses.draw({"MAML": run.history["loss"]}, setting["steps"])
        self.unseen.draw(numbers.unseen)


class MamlExplorer(TrainingExplorer):
    """Train MAML and watch it."""

    name = "explore_maml"
    summary = "Explorer of MAML: train feature weights with your own settings, and watch them find the true features."
    alt = "All weights now, the weights over the outer steps, the loss, and an unseen task fitted from a few points."
    picture = MamlPicture
    own = ("inner_steps", "inner_rate", "outer_rate")
    controls = training_controls(
        10,
        32,
        4,
        (
            slider("inner_steps", "inner steps K", range(1, 21), 5, "Gradient steps on each task"),
            slider("inner_rate", "inner rate η", RATES, 0.02, "Rate of the inner steps; too large a rate diverges"),
            slider("outer_rate", "outer rate", RATES, 0.05, "First rate of Adam, which moves the weights"),
        ),
    )

    def compute(self, setting, report=None):
        """Train; what is shown at any time is a `Trained`."""

        def wrap(run):
            return Trained(run, self.unseen(setting, {"MAML": run.weights, "min-norm": np.ones(D)}))

        return wrap(self.train(train_maml, setting, self.options(setting), report, wrap))

    def status(self, setting, numbers):
        """Where training stands, what the weights are, what an unseen task costs."""
        run, risks = numbers.run, numbers.unseen.risks
        low, high, _, most = weight_range(run, setting["support"])
        count = D - len(setting["support"])
        return (
            f"MAML {status_of(run, setting)}. True features weigh {said(low, high)}, the {count} others at most "
            f"{most:.2f}. Risk on the unseen task from {points(setting['n_few'])}: {number(risks['MAML'])} with these "
            f"weights, {number(risks['min-norm'])} with weights 1."
        )

    def code(self, setting, numbers):
        """Train and fit as shown."""
        return "\n".join(
            [
                "import numpy as np",
                "from fourier_meta import TaskFamily, min_norm, risk, train_maml",
                "",
                family_code(setting),
                self.training_code(setting, numbers.run, "run", train_maml, self.options(setting)),
                *self.unseen_code(setting),
            ]
        )


class ReptilePicture(Picture):
    """Weights over the steps, Reptile beside MAML; below, the inner loop's hyperbolas, the losses, an unseen task."""

    height = 560

    def build(self, figure):
        grid = figure.add_gridspec(2, 6, left=0.06, right=0.98, top=0.945, bottom=0.085, hspace=0.42, wspace=1)
        self.histories = {
            "Reptile": History(figure.add_subplot(grid[0, :3]), "Reptile", "Reptile’s weights as they evolve"),
            "MAML": History(figure.add_subplot(grid[0, 3:]), "MAML", "MAML’s weights, on the same tasks"),
        }
        self.build_plane(figure.add_subplot(grid[1, :2]))
        self.losses = Losses(figure.add_subplot(grid[1, 2:4]), ("Reptile", "MAML"), "loss after the inner loop", -6)
        labels = {"Reptile": "Reptile", "MAML": "MAML"}
        self.unseen = Unseen(figure.add_subplot(grid[1, 4:]), labels)

    def build_plane(self, ax):
        self.plane = ax
        ax.set(xlabel="coefficient α", ylabel="weight w")
        self.law = heading(ax)
        self.hyperbolas = [line(ax, COLORS["Reptile"], 1, alpha=0.6, linestyle=(0, (4, 2))) for _ in range(MOST_TRUE)]
        self.others = dots(ax, COLORS["other"], 2.5)
        self.starts = dots(ax, "white", 5, markeredgecolor=COLORS["Reptile"], markeredgewidth=1.2, zorder=3)
        self.ends = dots(ax, COLORS["Reptile"], 6, zorder=4)

    def draw(self, setting, numbers):
        runs = {"Reptile": numbers.run, "MAML": numbers.maml}
        top = limit_above(1.05 * max(np.abs(run.history["weights"]).max() for run in runs.values() if run), least=4)
        for method, run in runs.items():
            self.histories[method].draw(run or empty_run(numbers.run), setting["support"], setting["steps"], top)
        losses = {method: run.history["loss"] if run else np.empty(0) for method, run in runs.items()}
        self.losses.draw(losses, setting["steps"])
        self.unseen.draw(numbers.unseen)
        self.draw_plane(setting, numbers, top)

    def draw_plane(self, setting, numbers, top):
        support, start = list(setting["support"]), np.abs(numbers.run.weights)
        after, coefficients = numbers.adapted or (start, np.zeros(D))
        others = np.delete(np.arange(D), support)
        wide = limit_above(1.1 * np.abs(coefficients).max(), least=2)
        alpha = np.linspace(-wide, wide, 101)
        for artist, index in zip(self.hyperbolas, [*support, *[None] * MOST_TRUE], strict=False):
            artist.set_data(*((alpha, np.sqrt(start[index] ** 2 + alpha**2)) if index is not None else ([], [])))
        self.others.set_data(coefficients[others], np.abs(after[others]))
        self.starts.set_data(np.zeros(len(support)), start[support])
        self.ends.set_data(coefficients[support], np.abs(after[support]))
        self.plane.set(xlim=(-wide, wide), ylim=(0, max(top, limit_above(1.08 * np.abs(after).max()))))
        known = numbers.adapted is not None
        self.law.set_text(f"w² − α² drifts by {numbers.drift:.1%}" if known else "the inner loop diverges")


def empty_run(run):
    """A run that has not begun, from the same start."""
    history = {"loss": np.empty(0), "step": run.history["step"][:1], "weights": run.history["weights"][:1]}
    return Run("", run.initial_weights, run.initial_weights, history, {}, {}, "has not begun")


class ReptileExplorer(TrainingExplorer):
    """Train Reptile, then MAML on the same tasks, and watch what Reptile's inner loop conserves."""

    name = "explore_reptile"
    summary = "Explorer of Reptile: train it beside MAML on the same tasks, and see why no weight can shrink."
    alt = "Weights over the outer steps for Reptile and MAML, the inner loop’s hyperbolas, losses, and an unseen task."
    picture = ReptilePicture
    own = ("inner_steps", "inner_rate", "step_size")
    controls = training_controls(
        4,
        64,
        32,
        (
            slider("inner_steps", "inner steps K", (1, 2, 3, 5, 8, 10, 15, 20, 30, 40), 10, "Joint steps on each task"),
            slider("inner_rate", "inner rate η", RATES, 0.02, "Rate of the inner steps; too large a rate diverges"),
            slider(
                "step_size",
                "step size ε",
                (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0),
                0.5,
                "First fraction of the way that the weights move",
            ),
        ),
    )

    def compute(self, setting, report=None):
        """Train both; what is shown at any time is a `Compared`."""
        run = self.train(train_reptile, setting, self.options(setting), report, lambda run: self.compared(setting, run))
        if run.status.startswith("stopped"):
            return self.compared(setting, run)
        maml = self.train(
            train_maml, setting, self.maml_options(setting), report, lambda maml: self.compared(setting, run, maml)
        )
        return self.compared(setting, run, maml)

    def maml_options(self, setting):
        """MAML beside Reptile: the same steps, tasks and seed, its own inner loop."""
        return (
            {name: setting[name] for name in ("steps", "n_tasks", "n_points")} | MAML_BESIDE | {"seed": setting["seed"]}
        )

    def compared(self, setting, run, maml=None):
        """Fit an unseen task with the weights of each, and run Reptile's inner loop on it."""
        weights = {"Reptile": run.weights} | ({"MAML": maml.weights} if maml else {})
        unseen = self.unseen(setting, weights)
        adapted, drift = None, float("nan")
        try:
            after, coefficients = joint_descent(
                unseen.task.features, unseen.task.labels, run.weights, setting["inner_steps"], setting["inner_rate"]
            )
        except ValueError:  # it diverges on so few points; the picture says so
            pass
        else:
            adapted = after[0], coefficients[0]
            drift = largest_drift(run.weights, *adapted)
        return Compared(run, maml, unseen, adapted, drift)

    def status(self, setting, numbers):
        """Where both stand, what no weight did, what an unseen task costs."""
        run, risks = numbers.run, numbers.unseen.risks
        low, high, least, most = weight_range(run, setting["support"])
        smallest = np.min(np.abs(run.weights) / np.maximum(np.abs(run.initial_weights), 1e-12))
        beside = f"; MAML {status_of(numbers.maml, setting)}" if numbers.maml else ""
        costs = ", ".join(f"{method} {number(value)}" for method, value in risks.items())
        return (
            f"Reptile {status_of(run, setting)}{beside}. Reptile’s true features weigh {said(low, high)}, the others "
            f"{said(least, most)}; no weight ended below {smallest:.2f} times its start. "
            f"Risk on the unseen task from {points(setting['n_few'])}: {costs}."
        )

    def code(self, setting, numbers):
        """Train and fit as shown, MAML too."""
        lines = [
            "import numpy as np",
            "from fourier_meta import TaskFamily, joint_descent, min_norm, risk, train_maml, train_reptile",
            "",
            family_code(setting),
            self.training_code(setting, numbers.run, "run", train_reptile, self.options(setting)),
            *self.unseen_code(setting),
        ]
        if numbers.adapted:
            options = f"{setting['inner_steps']}, {setting['inner_rate']}"
            lines.append(f"adapted, coefficients = joint_descent(task.features, task.labels, run.weights, {options})")
        if numbers.maml:
            lines.append(self.training_code(setting, numbers.maml, "maml", train_maml, self.maml_options(setting)))
        return "\n".join(lines)


def largest_drift(start, after, coefficients):
    """Largest relative change of weights^2 - coefficients^2, which gradient flow conserves; features at 0 left out."""
    moving = np.abs(start) > 1e-9
    return float(np.abs((after[moving] ** 2 - coefficients[moving] ** 2) / start[moving] ** 2 - 1).max(initial=0))
