"""The front page's figure and the social card: drawn from runs of the package that happen while the site is built."""

import functools
import json
import re
from typing import NamedTuple

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import days
from fourier_meta import TaskFamily, Tasks, alias_classes, fourier_features, min_norm, train_maml, train_reptile

STEPS, N_POINTS, TASK_SEED = 500, 4, 7
LOWEST = 4e-3  # smaller weights stand on the floor of the log axis


class Tone(NamedTuple):
    """The colours of one kind of page; the same hues as the book's figures, lighter on dark."""

    ink: str
    quiet: str
    faint: str
    maml: str
    reptile: str
    plain: str


TONES = {
    "light": Tone("#1F2328", "#59636E", "#9A9A9A", "#0072B2", "#00795A", "#B84A00"),
    "dark": Tone("#E6EDF3", "#A3ADB8", "#6E7781", "#6CB8EE", "#3ECFA3", "#FF9A57"),
}
SIZES = {"train": (9, 5.2), "setup": (9, 3), "fit": (9, 5), "day": (9, 3)}  # inches
ALT = {
    "day": "Vehicles an hour over a Wednesday in May, with three readings of it. The mean day misses the two rush hours; a "
    "prior with a covariance of all waves, given the three readings, lies close to the day.",
    "train": "Three panels. Top left, the 257 feature weights after 500 steps of MAML: the three true features stand near 3.7, "
    "all others have fallen from 1 to below 0.1. Top right, after Reptile on the same tasks: the true features have risen to "
    "about 2.8, all others still stand at 1. Below, a new task seen at 4 points: without meta-learning the fit is flat with a "
    "spike at each point, with Reptile's weights it is little better, and with MAML's weights it lies on the true curve.",
    "setup": "Two panels. Left, feature 1, one wave of a sine, at 64 random points. Right, five smooth curves, each a "
    "different sum of a constant, a sine and a cosine, with 64 points on each.",
    "fit": "Two panels. Above, a smooth curve, 64 equally spaced points on it, and a fit that passes through all of them and "
    "falls back between them. Below, the coefficients of that fit: a part of the signal stands at the three true features, "
    "the rest in 8 aliases near features 128 and 256.",
}


class Story(NamedTuple):
    """What the pictures show: two trained runs and one task that neither has seen."""

    maml: object
    reptile: object
    x: np.ndarray  # (n_curve,)
    truth: np.ndarray  # (n_curve,)
    fits: dict  # name -> (n_curve,)
    points: Tasks


@functools.cache
def story():
    """Train both methods for half of the package's default steps and fit one unseen task from a few points."""
    family = TaskFamily()
    runs = {"MAML": train_maml(family, steps=STEPS), "Reptile": train_reptile(family, steps=STEPS)}
    unseen = family.sample(1, N_POINTS, np.random.default_rng(TASK_SEED))
    x = np.linspace(-1, 1, 1025)
    features = fourier_features(x, family.n_features)
    weights = {"no meta-learning": np.ones(family.n_features)} | {name: run.weights for name, run in runs.items()}
    fits = {name: features @ min_norm(unseen.features, unseen.labels, w)[0] for name, w in weights.items()}
    _check_alt(runs["MAML"].weights, runs["Reptile"].weights)
    return Story(runs["MAML"], runs["Reptile"], x, features @ unseen.effective[0], fits, unseen)


def _check_alt(maml, reptile):
    """The words of ALT are promises about the numbers; a change of the package that breaks one stops the build."""
    maml, reptile = np.abs(maml), np.abs(reptile)
    promises = {
        "MAML's true weights stand near 3.7": np.all(np.abs(maml[:3] - 3.7) < 0.3),
        "MAML's others are below 0.1": maml[3:].max() < 0.1,
        "Reptile's true weights are about 2.8": np.all(np.abs(reptile[:3] - 2.8) < 0.3),
        "Reptile's others stand at 1": np.all((reptile[3:] > 0.95) & (reptile[3:] < 1.1)),
    }
    broken = [promise for promise, kept in promises.items() if not kept]
    if broken:
        raise ValueError(f"covers.ALT no longer describes the figure: {', '.join(broken)}")


def draw_weights(ax, run, color, tone, title):
    """Stems from the start of each weight to its end, on a log axis, true features in colour."""
    index = np.sqrt(np.arange(len(run.weights)))
    start, end = np.abs(run.initial_weights), np.maximum(np.abs(run.weights), LOWEST)
    true = np.arange(len(end)) < 3
    ax.plot(*_stems(index[~true], start[~true], end[~true]), color=tone.faint, linewidth=0.6, alpha=0.45)
    ax.plot(index[~true], end[~true], "o", color=tone.faint, markersize=1.8)
    ax.axhline(1, color=tone.quiet, linewidth=0.8, linestyle=(0, (3, 3)))
    ax.plot(*_stems(index[true], start[true], end[true]), color=color, linewidth=2.4)
    ax.plot(index[true], end[true], "o", color=color, markersize=6)
    ax.text(index[-1], 1.12, "start", color=tone.quiet, ha="right", va="bottom", fontsize=9)
    ax.text(index[2] + 0.5, end[2], "1, sin πx, cos πx", color=color, va="center", fontsize=10)
    ax.set_yscale("log")
    ax.set(ylim=(LOWEST, 14), xlim=(-0.4, index[-1] + 0.2), yticks=[0.01, 0.1, 1, 10])
    ax.set_yticklabels(["0.01", "0.1", "1", "10"])
    ticks = np.array([0, 4, 16, 64, 128, 256])
    ax.set_xticks(np.sqrt(ticks), [str(tick) for tick in ticks])
    ax.set_title(title, color=color, loc="left", fontsize=13, fontweight="bold")
    ax.set_xlabel("feature index", color=tone.quiet, fontsize=9, loc="right")


def _stems(x, start, end):
    """One line with gaps that draws a stem at every x: a hundredth of the size of as many lines."""
    gaps = np.full(len(x), np.nan)
    return np.column_stack([x, x, gaps]).ravel(), np.column_stack([start, end, gaps]).ravel()


def draw_task(ax, story, tone, title=True):
    """One unseen task: truth, points, and three fits of the same points."""
    colors = {"no meta-learning": tone.plain, "Reptile": tone.reptile, "MAML": tone.maml}
    ax.plot(story.x, story.truth, color=tone.ink, alpha=0.25, linewidth=6, solid_capstyle="round")
    for name, fit in story.fits.items():
        ax.plot(story.x, fit, color=colors[name], linewidth=2.2 if name == "MAML" else 1.3)
    ax.plot(story.points.x[0], story.points.labels[0], "o", color=tone.ink, markersize=7, zorder=5)
    low, high = story.truth.min(), story.truth.max()
    ax.set(xlim=(-1, 1), ylim=(low - 0.25 * (high - low), high + 0.25 * (high - low)))
    if title:
        ax.set_title(
            "A task that neither has seen, fitted from 4 points",
            color=tone.ink,
            loc="left",
            fontsize=13,
            fontweight="bold",
        )
    for place, name in enumerate(colors):
        ax.text(
            1.012,
            0.30 - 0.13 * place,
            name,
            color=colors[name],
            transform=ax.transAxes,
            va="center",
            fontsize=11,
            fontweight="bold",
        )
    ax.text(1.012, 0.43, "truth", color=tone.quiet, transform=ax.transAxes, va="center", fontsize=11, fontweight="bold")
    ax.set_xlabel("x", color=tone.quiet, fontsize=9, loc="right")


def _plain_axes(axes, tone):
    for ax in axes:
        ax.set_facecolor("none")
        ax.tick_params(colors=tone.quiet, labelsize=9, length=3)
        ax.spines[["top", "right"]].set_visible(False)
        ax.spines[["left", "bottom"]].set_color(tone.faint)
        ax.minorticks_off()


def cover(tone):
    """The front page's figure in one tone."""
    told = story()
    fig = plt.figure(figsize=SIZES["train"], layout="constrained", facecolor="none")
    axes = fig.subplot_mosaic([["maml", "reptile"], ["task", "task"]], height_ratios=[1.15, 1])
    draw_weights(axes["maml"], told.maml, tone.maml, tone, "MAML prunes")
    draw_weights(axes["reptile"], told.reptile, tone.reptile, tone, "Reptile amplifies")
    draw_task(axes["task"], told, tone)
    _plain_axes(axes.values(), tone)
    return fig


def tasks_cover(tone):
    """The plain figure of chapter 1: a feature, and tasks that are sums of three of them."""
    family = TaskFamily()
    tasks = family.sample(5, 64, np.random.default_rng(3))
    x = np.linspace(-1, 1, 513)
    features = fourier_features(x, family.n_features)
    fig = plt.figure(figsize=SIZES["setup"], layout="constrained", facecolor="none")
    left, right = fig.subplots(1, 2)
    left.plot(x, features[:, 1], color=tone.faint, linewidth=1)
    left.plot(tasks.x[0], tasks.features[0, :, 1], "o", color=tone.maml, markersize=4)
    left.set_title("Feature 1: √2 sin πx", color=tone.ink, loc="left", fontsize=13, fontweight="bold")
    for number in range(5):
        right.plot(
            x,
            features @ tasks.effective[number],
            color=tone.faint if number else tone.maml,
            linewidth=1 if number else 2,
        )
        right.plot(
            tasks.x[number],
            tasks.labels[number],
            "o",
            color=tone.faint if number else tone.maml,
            markersize=2 if number else 4,
        )
    right.set_title("5 tasks of the family", color=tone.ink, loc="left", fontsize=13, fontweight="bold")
    _plain_axes([left, right], tone)
    return fig


def fit_cover(tone):
    """The plain figure of chapter 2: a fit on the regular grid, and where its coefficients went."""
    family = TaskFamily(design="grid")
    task = family.sample(1, 64, np.random.default_rng(3))
    estimate = min_norm(task.features, task.labels)[0]
    aliases = np.isin(alias_classes(64, family.n_features).representative, (0, 1, 2))
    if aliases.sum() != 11 or np.abs(estimate[~aliases]).max() > 1e-12:
        raise ValueError(
            "covers.ALT no longer describes the figure: the signal is not in 3 features and their 8 aliases"
        )
    x = np.linspace(-1, 1, 2049)
    features = fourier_features(x, family.n_features)
    fig = plt.figure(figsize=SIZES["fit"], layout="constrained", facecolor="none")
    above, below = fig.subplots(2, 1)
    above.plot(x, features @ task.effective[0], color=tone.ink, alpha=0.25, linewidth=6)
    above.plot(x, features @ estimate, color=tone.plain, linewidth=1)
    above.plot(task.x[0], task.labels[0], "o", color=tone.ink, markersize=4)
    above.set_title("The fit goes through every point", color=tone.ink, loc="left", fontsize=13, fontweight="bold")
    index = np.arange(family.n_features)
    below.plot(*_stems(index, np.zeros_like(estimate), estimate), color=tone.plain, linewidth=1.6)
    below.plot(index[:3], task.effective[0, :3], "o", color=tone.ink, markersize=9, markerfacecolor="none")
    below.plot(index[aliases], estimate[aliases], "o", color=tone.plain, markersize=5)
    below.set_title("Where its coefficients went", color=tone.ink, loc="left", fontsize=13, fontweight="bold")
    below.set_xlabel("feature index", color=tone.quiet, fontsize=9, loc="right")
    _plain_axes([above, below], tone)
    return fig


def day_cover(tone):
    """The plain figure of chapter 9: an unseen day, three readings of it, and what two priors make of them."""
    told = json.loads(days.priors_and_days())
    truth, mean = np.array(told["days"][0]["effective"]), np.array(told["mean"])
    hours, read = np.linspace(-1, 1, 241), np.array([7, 12, 17]) / 12 - 1
    phi, seen = fourier_features(hours, len(mean)), fourier_features(read, len(mean))
    fig = plt.figure(figsize=SIZES["day"], layout="constrained", facecolor="none")
    ax = fig.subplots()
    ax.plot(12 * (hours + 1), phi @ truth, color=tone.ink, alpha=0.25, linewidth=6)
    ax.plot(12 * (hours + 1), phi @ mean, color=tone.plain, linewidth=1)
    covariance = np.array(told["full"])
    gram = seen @ covariance @ seen.T + told["noise"] * np.eye(3)
    fitted = mean + covariance @ seen.T @ np.linalg.solve(gram, seen @ (truth - mean))
    ax.plot(12 * (hours + 1), phi @ fitted, color=tone.maml, linewidth=2)
    ax.plot(12 * (read + 1), seen @ truth, "o", color=tone.ink, markersize=7)
    ax.set(xlim=(0, 24), xticks=range(0, 25, 6))
    ax.set_title("A day, read three times", color=tone.ink, loc="left", fontsize=13, fontweight="bold")
    ax.set_xlabel("hour", color=tone.quiet, fontsize=9, loc="right")
    _plain_axes([ax], tone)
    return fig


def card():
    """The picture that appears where somebody links to the book, 1200 x 630 pixels."""
    told, tone = story(), TONES["dark"]
    fig = plt.figure(figsize=(12, 6.3), facecolor="#0D1B2A")
    fig.text(
        0.05, 0.87, "Learn which of 257 features matter", color=tone.ink, fontsize=33, fontweight="bold", va="center"
    )
    fig.text(
        0.05,
        0.775,
        "until 3 points of a new task are enough.  A short book that runs.",
        color=tone.quiet,
        fontsize=19,
        va="center",
    )
    left = fig.add_axes([0.07, 0.12, 0.34, 0.5])
    draw_weights(left, told.maml, tone.maml, tone, "MAML prunes")
    right = fig.add_axes([0.475, 0.12, 0.365, 0.5])
    draw_task(right, told, tone, title=False)
    right.set_title("an unseen task, 4 points", color=tone.ink, loc="left", fontsize=13, fontweight="bold")
    _plain_axes([left, right], tone)
    return fig


DRAWN = {"day": day_cover, "train": cover, "setup": tasks_cover, "fit": fit_cover}


def write(folder):
    """Write the plain figure of every kind, light and dark, and card.png: the same bytes for the same runs."""
    with plt.rc_context({"svg.hashsalt": "fourier_meta", "font.family": "DejaVu Sans"}):
        for kind, draw in DRAWN.items():
            for name, tone in TONES.items():
                _save_svg(draw(tone), folder / f"{kind}-{name}.svg")
        fig = card()
        fig.savefig(folder / "card.png", dpi=100, metadata={"Software": None})
        plt.close(fig)


def _save_svg(fig, path):
    """Positions to a hundredth of a point are enough, and a third of the size."""
    fig.savefig(path, transparent=True, metadata={"Date": None})
    plt.close(fig)
    svg = re.sub(r' d="[^"]*"', lambda d: re.sub(r"(\.\d\d)\d+", r"\1", d[0]), path.read_text(encoding="utf-8"))
    path.write_text(svg, encoding="utf-8")
