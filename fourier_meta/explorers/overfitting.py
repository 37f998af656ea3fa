"""Explorer of notebook 02: a perfect fit, where it fails, and which features share a coefficient."""

import functools
from typing import NamedTuple

import numpy as np

from fourier_meta.explorers.controls import (
    Explorer,
    design_menu,
    family_code,
    noise_slider,
    number,
    points,
    seed_slider,
    slider,
)
from fourier_meta.explorers.picture import (
    Picture,
    TaskAxes,
    corner,
    dense_features,
    dots,
    heading,
    limit_above,
    line,
    set_stems,
)
from fourier_meta.features import alias_classes, feature_name
from fourier_meta.figures import COLORS
from fourier_meta.regression import aliased_min_norm, min_norm, risk
from fourier_meta.rivals import bilevel_weights
from fourier_meta.tasks import TaskFamily, Tasks

SUPPORT = (0, 1, 2)
CLASS_COLORS = (COLORS["OMP"], COLORS["MAML"], COLORS["Reptile"])  # one for the aliases of each true feature
MOST_POINTS = 160
EQUAL = "equal"
MASSES = (EQUAL, 0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


class Fit(NamedTuple):
    """A task, the interpolator of its labels, and what became of each true feature."""

    task: Tasks
    weights: np.ndarray  # (d,)
    estimate: np.ndarray  # (d,) effective coefficients
    train_error: float  # mean squared residual
    test_error: float  # risk: mean squared error over all x
    survival: np.ndarray  # (3,) fitted / true coefficient of each true feature, without noise
    contamination: float  # sum of squares of all other coefficients / that of the true ones, without noise
    survival_by_n: np.ndarray  # (MOST_POINTS, 3) by formula on the grid of 1, 2, ... points
    contamination_formula: float  # on the grid of this task's number of points


def favouring_weights(n_features, n_favoured, mass):
    """All ones if `mass` is "equal", else two levels of weights."""
    return np.ones(n_features) if mass == EQUAL else bilevel_weights(n_features, n_favoured, mass)


def asymptotic_survival(n_points, n_features, n_favoured, mass):
    """1 / (1 + lambda) with lambda = s (1 - gamma) / (n gamma), for large n; Muthukumar et al. (arXiv 1903.09139)."""
    mass = n_favoured / n_features if mass == EQUAL else mass
    return n_points * mass / (n_points * mass + n_favoured * (1 - mass))


@functools.lru_cache(maxsize=16)
def grid_survival(n_features, n_favoured, mass):
    """Survival of the true features on the grids of 1, 2, ... points, by formula, (MOST_POINTS, 3)."""
    squared = favouring_weights(n_features, n_favoured, mass) ** 2
    result = np.zeros((MOST_POINTS, len(SUPPORT)))
    for n_points in range(1, MOST_POINTS + 1):
        representative, factor = alias_classes(n_points, n_features)
        share = squared * factor**2
        total = np.bincount(representative + 1, share)[representative[list(SUPPORT)] + 1]
        own = share[list(SUPPORT)]
        result[n_points - 1] = np.divide(own, total, out=np.zeros_like(own), where=own > 0)
    return result


def exact_survival(features, weights):
    """What min-norm leaves of each true feature when it fits that feature alone: w_j^2 phi_j . G^+ phi_j, (3,)."""
    weighted = features * weights
    true = features[:, SUPPORT]
    inverse = np.linalg.pinv(weighted @ weighted.T, rcond=1e-12, hermitian=True)
    return weights[list(SUPPORT)] ** 2 * np.sum(true * (inverse @ true), axis=0)


def contamination(estimate, effective):
    """Sum of squares of the coefficients of false features, relative to those of the true ones."""
    false = np.delete(estimate, SUPPORT)
    return float(false @ false / (effective @ effective))


class OverfittingPicture(Picture):
    """Above, the fit; below, its coefficients coloured by alias class, and survival against the number of points."""

    height = 520

    def build(self, figure):
        grid = figure.add_gridspec(2, 2, left=0.055, right=0.98, top=0.94, bottom=0.09, hspace=0.46, wspace=0.17)
        self.fit = TaskAxes(figure.add_subplot(grid[0, :]), ("min-norm",))
        self.fit.fits["min-norm"].set_linewidth(1.1)
        self.errors = heading(self.fit.ax)
        self.build_spectrum(figure.add_subplot(grid[1, 0]))
        self.build_survival(figure.add_subplot(grid[1, 1]))

    def build_spectrum(self, ax):
        self.spectrum = ax
        ax.set_xlabel("feature index j")
        heading(ax, "size of the fitted coefficients, by alias class")
        colors = (COLORS["other"], *CLASS_COLORS)
        self.stems = [line(ax, color, 1.4) for color in colors]
        self.tips = [dots(ax, color, size) for color, size in zip(colors, (2, 5, 5, 5), strict=True)]
        self.rings = dots(ax, "none", 8, markeredgecolor=COLORS["truth"], markeredgewidth=1.2)
        colors = (*CLASS_COLORS, COLORS["truth"])
        self.legend = [corner(ax, color, 0.97, 0.93 - 0.105 * row) for row, color in enumerate(colors)]
        self.legend[3].set_text("circles: the truth")

    def build_survival(self, ax):
        self.survival = ax
        ax.set(xlabel="points N", xlim=(0, MOST_POINTS), ylim=(-0.03, 1.09))
        heading(ax, "how much of each true feature survives")
        self.here = line(ax, COLORS["truth"], 0.8, alpha=0.5)
        self.formula = line(ax, COLORS["other"], 1.2, linestyle=(0, (4, 2)))
        widths = (1.4, 4, 1.4)  # sine and cosine mostly lie on each other
        self.curves = [
            line(ax, color, width, alpha=0.9 if width < 2 else 0.4)
            for color, width in zip(CLASS_COLORS, widths, strict=True)
        ]
        self.exact = [
            dots(ax, color, 7, markeredgecolor="white", markeredgewidth=1, zorder=4) for color in CLASS_COLORS
        ]

    def draw(self, setting, fit):
        features = dense_features(setting["n_features"])
        truth, curve = features @ fit.task.effective[0], features @ fit.estimate
        self.fit.draw(fit.task.x[0], fit.task.labels[0], truth, {"min-norm": curve})
        errors = f"training error {number(fit.train_error)}, test error {number(fit.test_error)}"
        self.errors.set_text(f"{points(setting['n_points'])}: {errors}")
        self.draw_spectrum(setting, fit)
        self.draw_survival(setting, fit)

    def draw_spectrum(self, setting, fit):
        d, size = setting["n_features"], np.abs(fit.estimate)
        classes = alias_classes(setting["n_points"], d)
        groups = [np.array(classes.members(j) if classes.representative[j] >= 0 else (j,)) for j in SUPPORT]
        rest = np.setdiff1d(np.arange(d), np.concatenate(groups))
        for stems, tips, group in zip(self.stems, self.tips, [rest, *groups], strict=True):
            set_stems(stems, group, size[group])
            tips.set_data(group, size[group])
        true = np.abs(fit.task.effective[0, list(SUPPORT)])
        self.rings.set_data(SUPPORT, true)
        top = limit_above(1.1 * max(size.max(), true.max()))
        self.spectrum.set(xlim=(-0.03 * d - 0.5, 1.02 * d), ylim=(0, top))
        for label, j, group in zip(self.legend, SUPPORT, groups, strict=False):
            count = len(group) - 1
            label.set_text(f"{feature_name(j)} and {count} alias{'' if count == 1 else 'es'}")

    def draw_survival(self, setting, fit):
        n = np.arange(1, MOST_POINTS + 1)
        self.here.set_data([setting["n_points"]] * 2, [-0.03, 1.09])
        parts = (setting["n_features"], setting["n_favoured"], setting["mass"])
        self.formula.set_data(n, np.minimum(asymptotic_survival(n, *parts), 1))
        for curve, dot, by_n, exact in zip(self.curves, self.exact, fit.survival_by_n.T, fit.survival, strict=True):
            curve.set_data(n, by_n)
            dot.set_data([setting["n_points"]], [np.clip(exact, -0.03, 1.09)])


class OverfittingExplorer(Explorer):
    """N, d, design of x, bi-level weights and noise."""

    name = "explore_overfitting"
    summary = "Explorer of overfitting: move the number of points through an alias resonance, and see what survives."
    alt = "The fit, its coefficients coloured by alias class, and the survival of each true feature against N."
    picture = OverfittingPicture
    controls = (
        slider("n_points", "points N", range(2, MOST_POINTS + 1), 64, "Training points"),
        slider("n_features", "features d", (9, 17, 33, 65, 129, 193, 257), 257, "Number of features"),
        design_menu("grid"),
        slider(
            "mass", "favour γ", MASSES, EQUAL, "Fraction of the sum of squared weights that is on the favoured features"
        ),
        slider("n_favoured", "favoured s", range(1, 65), 3, "The first s features are favoured"),
        noise_slider(),
        seed_slider(),
    )

    def settle(self, setting):
        notes = {}
        if setting["mass"] == EQUAL:
            setting = setting | {"n_favoured": len(SUPPORT)}
            notes["n_favoured"] = "All weights are 1; choose a fraction γ to favour the first s features."
        elif setting["n_favoured"] >= setting["n_features"]:
            setting = setting | {"n_favoured": setting["n_features"] - 1}
            notes["n_favoured"] = (
                f"s is {setting['n_favoured']} here: one of the {setting['n_features']} features must stay out."
            )
        return setting, notes

    def compute(self, setting, report=None):
        d, n, s, mass = (setting[name] for name in ("n_features", "n_points", "n_favoured", "mass"))
        family = TaskFamily(d, SUPPORT, noise=setting["noise"], design=setting["design"])
        task = family.sample(1, n, np.random.default_rng(setting["seed"]))
        weights = favouring_weights(d, s, mass)
        features, effective = task.features[0], task.effective[0]
        estimate = min_norm(features, task.labels[0], weights)
        clean = min_norm(features, features @ effective, weights) if setting["noise"] else estimate
        return Fit(
            task,
            weights,
            estimate,
            train_error=float(np.mean((features @ estimate - task.labels[0]) ** 2)),
            test_error=float(risk(estimate, effective)),
            survival=exact_survival(features, weights),
            contamination=contamination(clean, effective),
            survival_by_n=grid_survival(d, s, mass),
            contamination_formula=contamination_formula(effective, weights, setting),
        )

    def status(self, setting, fit):
        n, d, s, mass = (setting[name] for name in ("n_points", "n_features", "n_favoured", "mass"))
        if setting["design"] == "grid":
            formula, source = fit.survival_by_n[n - 1], "by the alias formula"
        else:
            formula, source = [asymptotic_survival(n, d, s, mass)] * len(SUPPORT), "1/(1+λ) for large n"
        parts = [
            f"{feature_name(j)} {exact:.0%} ({by_formula:.0%})"
            for j, exact, by_formula in zip(SUPPORT, fit.survival, formula, strict=True)
        ]
        energy = f"{number(fit.contamination)} ({number(fit.contamination_formula)}) times the truth’s energy"
        return f"Survival, in brackets {source}: {', '.join(parts)}. False features carry {energy}."

    def code(self, setting, fit):
        d, s, mass = setting["n_features"], setting["n_favoured"], setting["mass"]
        weights = f"np.ones({d})" if mass == EQUAL else f"bilevel_weights({d}, {s}, {mass})"
        return "\n".join(
            [
                "import numpy as np",
                "from fourier_meta import TaskFamily, min_norm, risk",
                *([] if mass == EQUAL else ["from fourier_meta.rivals import bilevel_weights"]),
                "",
                family_code(setting | {"support": SUPPORT}, d),
                f"task = family.sample(1, {setting['n_points']}, np.random.default_rng({setting['seed']}))",
                f"weights = {weights}",
                "estimate = min_norm(task.features[0], task.labels[0], weights)",
                "test_error = risk(estimate, task.effective[0])",
            ]
        )


def contamination_formula(effective, weights, setting):
    """On the grid the exact alias formula; elsewhere (n / d) (lambda / (1 + lambda))^2, valid for large n."""
    n, d = setting["n_points"], setting["n_features"]
    if setting["design"] == "grid":
        return contamination(aliased_min_norm(effective, weights, n), effective)
    return n / d * (1 - asymptotic_survival(n, d, setting["n_favoured"], setting["mass"])) ** 2
