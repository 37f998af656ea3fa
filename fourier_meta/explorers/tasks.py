"""Explorer of notebook 01: what a task is, and what its labels look like."""

import numpy as np

from fourier_meta.explorers.controls import (
    Explorer,
    design_menu,
    menu,
    points,
    seed_slider,
    settle_support,
    slider,
    support_switches,
)
from fourier_meta.explorers.picture import (
    TICKS,
    Picture,
    TaskAxes,
    dense_features,
    dense_x,
    dots,
    heading,
    limit_above,
    line,
    set_stems,
)
from fourier_meta.features import feature_name
from fourier_meta.figures import COLORS
from fourier_meta.tasks import TaskFamily

MOST_TASKS = 15
BY_HAND = ("first", "second", "third")


class TasksPicture(Picture):
    """Above, the first task and its points; below, the functions of all tasks, and the first task's coefficients."""

    height = 500

    def build(self, figure):
        grid = figure.add_gridspec(2, 2, left=0.055, right=0.98, top=0.94, bottom=0.095, hspace=0.48, wspace=0.16)
        self.task = TaskAxes(figure.add_subplot(grid[0, :]), ())
        heading(self.task.ax, "the first task: its function, and the labels at its points")
        self.all = figure.add_subplot(grid[1, 0])
        self.all.set(xlim=(-1, 1), xlabel="x", xticks=TICKS)
        self.all_heading = heading(self.all)
        self.curves = [line(self.all, COLORS["truth"], 1, alpha=0.45) for _ in range(MOST_TASKS - 1)]
        self.curves.insert(0, line(self.all, COLORS["MAML"], 1.8, zorder=3))
        self.task.truth.set(color=COLORS["MAML"], alpha=0.55)
        for curve in self.curves:
            curve.set_data(dense_x(), np.full(len(dense_x()), np.nan))
        self.spectrum = figure.add_subplot(grid[1, 1])
        self.spectrum.set(xlabel="feature index j")
        self.spectrum_heading = heading(self.spectrum)
        self.stems = line(self.spectrum, COLORS["MAML"], 1.6)
        self.tips = dots(self.spectrum, COLORS["MAML"], 5)
        self.zeros = dots(self.spectrum, COLORS["other"], 1.6)

    def draw(self, setting, tasks):
        d, count = setting["n_features"], len(tasks.x)
        functions = tasks.effective @ dense_features(d).T
        self.task.draw(tasks.x[0], tasks.labels[0], functions[0], {})
        self.all_heading.set_text("its function" if count == 1 else f"the functions of all {count} tasks")
        self.all.set_ylim(*(limit_above(1.05 * np.abs(functions).max()) * np.array([-1, 1])))
        for number, curve in enumerate(self.curves):
            curve.set_ydata(functions[number] if number < count else np.full(len(dense_x()), np.nan))
        effective, true = tasks.effective[0], np.array(setting["support"])
        others = np.delete(np.arange(d), true)
        set_stems(self.stems, true, effective[true])
        self.tips.set_data(true, effective[true])
        self.zeros.set_data(others, 0 * others)
        self.spectrum_heading.set_text(f"the first task's coefficients: {len(true)} of {d} are not 0")
        self.spectrum.set_xlim(-0.02 * d - 0.5, 1.02 * d)
        self.spectrum.set_ylim(*(limit_above(1.1 * np.abs(effective).max()) * np.array([-1, 1])))


class TasksExplorer(Explorer):
    """Features, support, coefficients, seed, design of x and number of tasks."""

    name = "explore_tasks"
    summary = "Explorer of tasks: pick the true features and the design of x, and see the labels."
    alt = "The first task with its points, the functions of all tasks, and the coefficients of the first task."
    picture = TasksPicture
    controls = (
        support_switches(),
        slider("n_features", "features d", (5, 9, 17, 33, 65, 129, 193, 257), 257, "Number of features"),
        slider("n_points", "points N", (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128), 64, "Points of each task"),
        design_menu(),
        slider("n_tasks", "tasks", range(1, MOST_TASKS + 1), 5, "Number of tasks"),
        seed_slider(),
        menu(
            "coefficients", "coefficients", ("drawn", "by hand"), "drawn", "Gaussian, or set by hand for the first task"
        ),
        *(
            slider(
                name,
                f"{name} coef.",
                [round(-2 + 0.1 * k, 1) for k in range(41)],
                default,
                f"Coefficient of the {name} true feature",
            )
            for name, default in zip(BY_HAND, (0.5, 1.0, -0.5), strict=True)
        ),
    )

    def settle(self, setting):
        notes = {}
        setting = settle_support(setting, notes, setting["n_features"])
        if setting["coefficients"] == "drawn":
            notes |= dict.fromkeys(BY_HAND, "") | {
                "first": "Its coefficients are drawn; choose “by hand” to move them."
            }
        elif len(setting["support"]) < len(BY_HAND):
            unused = BY_HAND[len(setting["support"]) :]
            notes |= dict.fromkeys(unused, "") | {
                unused[0]: f"There is no {unused[0]} true feature to give a coefficient."
            }
        return setting, notes

    def compute(self, setting, report=None):
        rng = np.random.default_rng(setting["seed"])
        family = TaskFamily(setting["n_features"], setting["support"], design=setting["design"])
        effective = family.draw_coefficients(setting["n_tasks"], rng)
        if setting["coefficients"] == "by hand":
            effective[0, list(setting["support"][:3])] = self.by_hand(setting)
        return family.observe(effective, setting["n_points"], rng)

    @staticmethod
    def by_hand(setting):
        """The coefficients that the sliders give to the first true features."""
        return [setting[name] for name in BY_HAND[: len(setting["support"])]]

    def status(self, setting, tasks):
        terms = [f"{tasks.effective[0, j]:+.2f} · ({feature_name(j)})".replace("-", "−") for j in setting["support"]]
        seen = f"seen at {points(setting['n_points'])}"
        return f"The first task is y = {' '.join(terms).removeprefix('+')} (every sine and cosine times √2), {seen}."

    def code(self, setting, tasks):
        d, count, n = setting["n_features"], setting["n_tasks"], setting["n_points"]
        lines = [
            "import numpy as np",
            "from fourier_meta import TaskFamily",
            "",
            f"rng = np.random.default_rng({setting['seed']})",
            f'family = TaskFamily({d}, {setting["support"]}, design="{setting["design"]}")',
        ]
        if setting["coefficients"] == "drawn":
            return "\n".join([*lines, f"tasks = family.sample({count}, {n}, rng)"])
        return "\n".join(
            [
                *lines,
                f"effective = family.draw_coefficients({count}, rng)",
                f"effective[0, {list(setting['support'][:3])}] = {self.by_hand(setting)}",
                f"tasks = family.observe(effective, {n}, rng)",
            ]
        )
