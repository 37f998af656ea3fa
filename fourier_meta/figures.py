"""The book's figures: one palette, one style, functions that draw given numbers on given axes.

Nothing here fits or samples. `show` displays a figure together with words: its alt text and a rounded summary of the
plotted data, so that a reader who cannot see it, and a test that re-executes the notebook, both learn what it says.
"""

import io
import sys
import textwrap

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from fourier_meta import checks

# Colour-blind safe (Okabe and Ito); a method has the same colour in the whole book.
COLORS = {
    "truth": "#222222",
    "min-norm": "#D55E00",
    "MAML": "#0072B2",
    "FOMAML": "#56B4E9",
    "Reptile": "#009E73",
    "joint": "#661100",
    "head only": "#6622FF",
    "pretraining": "#777700",
    "random": "#A08060",
    "oracle": "#7A7A7A",
    "lasso": "#CC79A7",
    "OMP": "#E69F00",
    "small start": "#117733",
    "smoothness prior": "#882255",
    "moment ranking": "#8C510A",
    "group lasso": "#332288",
    "empirical Bayes": "#DC143C",
    "ridge": "#999933",
    "Gaussian process": "#00A0B0",
    "functional PCA": "#D2A679",
    "full covariance": "#7B3F00",
    "calendar": "#6A3D9A",
    "zero": "#5A5A5A",
    "other": "#9A9A9A",
}
VARIANTS = {"small start": "--", "ridge inside": ":", "noise held out": "--"}  # lines of a method's second form
STYLE = {
    "figure.dpi": 100,
    "figure.facecolor": "white",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
}
SHARPNESS = 2  # pixels that are stored for each pixel of the page: sharp on dense screens
FLOOR = 1e-12  # below this a number is rounding, and a summary says no more than that it is below


def subplots(rows=1, columns=1, height=3.0, width=9.0, **options):
    """A figure with rows x columns axes; `height` is that of one row, in inches, as is `width`.

    Turns the book's style on, for this figure and for what is drawn later: matplotlib reads some of it as late as
    when a title or a legend is set.
    """
    plt.rcParams.update(STYLE)
    size = width, height * rows + 1e-9  # 2.3 inches are 229.99... pixels, which some versions cut to 229
    return plt.subplots(rows, columns, figsize=size, layout="constrained", **options)


def legend_above(fig, ax):
    """Put the legend of `ax` above all axes of the figure, where it covers no data."""
    fig.legend(*ax.get_legend_handles_labels(), loc="outside upper left", ncols=5)


def draw_fit(ax, x, truth, prediction=None, method="min-norm", points=None):
    """Draw a true function (x, truth), a prediction of it, and the training points (x, y) that led to it."""
    ax.plot(x, truth, color=COLORS["truth"], linewidth=2.4, alpha=0.35, label="truth")
    if prediction is not None:
        ax.plot(x, prediction, color=COLORS[method], linewidth=1.3, label=method)
    if points is not None:
        ax.plot(*points, "o", color=COLORS["truth"], markersize=3.5, label=f"{np.size(points[0])} training points")
    ax.set_xlabel("x")


def draw_spectrum(ax, weights, support, method="MAML"):
    """Draw |weight| against feature index; the true features are in the method's colour, the others grey."""
    index, size = np.arange(len(weights)), np.abs(weights)
    true = np.isin(index, support)
    for chosen, color, label in ((~true, COLORS["other"], "other features"), (true, COLORS[method], "true features")):
        ax.vlines(index[chosen], 0, size[chosen], color=color, linewidth=1.2)
        ax.plot(index[chosen], size[chosen], "o", color=color, markersize=3.5 if label[0] == "t" else 1.8, label=label)
    ax.set(xlabel="feature index j", ylabel="|weight|")
    _from_zero(ax)


def draw_ranked(ax, weights, support, method="MAML", label=None, **style):
    """Draw |weight| by rank, largest first, on log axes, where three of hundreds can be seen; true features as dots."""
    size = np.maximum(np.abs(weights), 1e-6)
    order = np.argsort(-size, kind="stable")
    rank, color = 1 + np.arange(len(size)), COLORS[method]
    true = np.isin(order, support)
    ax.loglog(rank, size[order], color=color, label=label, **style)
    ax.loglog(rank[true], size[order][true], "o", color=color, markersize=7)
    ax.set(xlabel="rank of the weight, largest first", ylabel="|weight|")


def draw_box(ax, x, y, words, method="truth", filled=False):
    """Draw words in a round box at (x, y): a part of a diagram, in a method's colour."""
    color = COLORS[method]
    face, ink = (color, "white") if filled else ("white", color)
    style = {"boxstyle": "round,pad=0.45", "facecolor": face, "edgecolor": color, "linewidth": 1.4}
    ax.text(x, y, words, ha="center", va="center", color=ink, bbox=style, zorder=3)


def draw_arrow(ax, tail, head, words="", method="truth", bend=0.0, lift=0.16, **style):
    """Draw an arrow of a diagram from `tail` to `head`, with words `lift` above its middle; `bend` curves it."""
    props = {"arrowstyle": "-|>", "color": COLORS[method], "linewidth": 1.6, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", head, tail, arrowprops=props | {"connectionstyle": f"arc3,rad={bend}"} | style, zorder=2)
    middle = (tail[0] + head[0]) / 2, (tail[1] + head[1]) / 2 + lift
    ax.text(*middle, words, ha="center", va="center", color=COLORS[method], fontsize=9, zorder=4)


def draw_weights(ax, run, support, method="MAML"):
    """Draw how the weights of a run move: each true feature, and median and range of the others."""
    step, weights = run.history["step"], np.abs(run.history["weights"])
    true, others = weights[:, list(support)], np.delete(weights, support, axis=1)
    ax.fill_between(step, others.min(1), others.max(1), color=COLORS["other"], alpha=0.3, linewidth=0)
    ax.plot(step, np.median(others, 1), color=COLORS["other"])
    ax.plot(step, true, color=COLORS[method])
    ax.set(xlabel="outer step", ylabel="|weight|")
    _from_zero(ax)
    if step[-1] > 0.2 * ax.get_xlim()[1]:  # there is room for names to the left of the lines' ends
        _name_weights(ax, step[-1], true[-1].min(), others[-1], COLORS[method])
    label_status(ax, run)


def _name_weights(ax, step, lowest_true, others, color):
    """Write at the end of the lines which are the true features' and how many others there are, not on each other."""
    points = 72 * ax.get_window_extent().height / ax.figure.dpi  # height of the axes
    apart = (lowest_true - others.max()) / ax.get_ylim()[1]
    close = apart * points < 28 or others.max() > 0.8 * lowest_true  # then their name goes below their band
    beside = (others.min(), -14) if close else (others.max(), 4)
    names = ((lowest_true, -14, color, "true features"), (*beside, COLORS["oracle"], f"{others.size} others"))
    for height, drop, ink, words in names:
        ax.annotate(words, (step, height), (0, drop), textcoords="offset points", ha="right", color=ink)


def label_status(ax, run):
    """Write on the axes how a run ended, unless it finished and nothing is known against it."""
    if run.status != "finished" or run.advice:
        words = textwrap.fill(f"{run.status}: {run.advice}".rstrip(": "), 44)
        box = {"facecolor": "white", "edgecolor": COLORS["min-norm"], "alpha": 0.9}
        ax.text(0.02, 0.97, words, transform=ax.transAxes, va="top", fontsize=8, color=COLORS["min-norm"], bbox=box)


def draw_band(ax, x, low, median, high, method, **style):
    """Draw a median with its 10-90 % band, on log axes, in the colour of the method (up to a comma in its name)."""
    color = COLORS[method.partition(",")[0]]
    low, median, high = (np.maximum(values, FLOOR) for values in (low, median, high))
    ax.fill_between(x, low, high, color=color, alpha=0.15, linewidth=0)
    ax.loglog(x, median, color=color, **style)


def draw_contest(ax, x, curves, highlighted):
    """Draw all `curves` (name -> low, median, high) thin and grey, and the `highlighted` ones with band and name."""
    for name, (_, median, _) in curves.items():
        if name not in highlighted:
            ax.loglog(x, np.maximum(median, FLOOR), color=COLORS["other"], linewidth=0.6, alpha=0.6)
    for name in highlighted:
        style = VARIANTS.get(name.partition(", ")[2], "-")  # "MAML, small start" is drawn in MAML's colour
        draw_band(ax, x, *curves[name], name, linestyle=style, label=name)
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1), labelcolor="linecolor", handlelength=1.6, fontsize=9)
    ax.set(xlabel="training points n", ylabel="risk on unseen tasks")


def _from_zero(ax):
    """Start the y axis at 0 and leave room for the data of all axes that share it, unless its limits are set."""
    if ax.get_autoscaley_on():
        shared = ax.get_shared_y_axes().get_siblings(ax)
        ax.set_ylim(0, 1.05 * max(sibling.dataLim.y1 for sibling in shared), auto=True)


def png(fig):
    """Render a figure as PNG bytes, the same bytes for the same drawing, sharp enough for dense screens."""
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", dpi=SHARPNESS * fig.dpi, metadata={"Software": None})
    return buffer.getvalue()


def show(fig, alt):
    """Display a figure with its alt text and a rounded summary of what is plotted, and close it.

    Where there is no notebook, in a script or a plain interpreter, the words are printed instead.

    Parameters
    ----------
    fig : matplotlib Figure.
    alt : str, full sentences that say what is seen; also the first paragraph of the text that is stored.

    Raises
    ------
    ValueError if `fig` is not a figure or `alt` is empty.
    """
    checks.instance("fig", fig, Figure, "the first value of figures.subplots()")
    if not isinstance(alt, str) or not alt.strip():
        got = checks.shown(alt)
        raise ValueError(f"alt must be a text, got {got}; pass for example 'One line rises from 0 to 1.'")
    words = f"{alt}\n\n{describe(fig)}"
    size = dict(zip(("width", "height"), fig.bbox.size.astype(int).tolist(), strict=True))
    plt.close(fig)
    if not in_notebook():
        print(words)
        return
    from IPython.display import display  # here, so that drawing needs no IPython

    display(
        {"image/png": compact(png(fig)), "text/plain": words}, metadata={"image/png": size | {"alt": alt}}, raw=True
    )


def compact(picture):
    """The same PNG with a palette of at most 256 colours: what a drawing looks like, in a third of the bytes."""
    from PIL import Image  # matplotlib's own writer of pictures

    buffer = io.BytesIO()
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(
        buffer, "PNG", optimize=True
    )
    return buffer.getvalue()


def in_notebook():
    """Whether a Jupyter kernel runs this code."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return hasattr(shell, "kernel")


def describe(fig):
    """Rounded summary of the plotted data: a line for each artist, with its range and five values along the way."""
    lines = []
    for number, ax in enumerate(fig.axes, 1):
        title = ax.get_title(loc="left") or ax.get_title() or ax.get_ylabel()
        lines.append(f"[{number}] {title}".rstrip())
        for kind, artists in (
            ("line", ax.lines),
            ("marks", ax.collections),
            ("bars", ax.patches),
            ("image", ax.images),
        ):
            values = [_plotted(artist) for artist in artists]
            if kind == "bars" and values:
                values = [np.concatenate(values)]
            lines += [f"    {kind}: {_summary(value)}" for value in values if value.size]
    return "\n".join(lines)


def _plotted(artist):
    """The numbers that an artist draws: heights of lines, bars and marks, colours of images."""
    if hasattr(artist, "get_ydata"):
        values = artist.get_ydata()
    elif hasattr(artist, "get_height"):
        values = [artist.get_height()]
    elif artist.get_array() is not None:
        values = artist.get_array()
    elif len(artist.get_offsets()) > 1:
        values = artist.get_offsets()[:, 1]
    else:
        values = [vertex[1] for path in artist.get_paths() for vertex in path.vertices]
    return np.ma.filled(np.ma.asarray(values, float), np.nan).ravel()


def _summary(values):
    values = values[np.isfinite(values)]
    if not values.size:
        return "nothing"
    scale = np.abs(values).max()
    places = np.linspace(0, values.size - 1, 5).round().astype(int)
    numbers = [values.min(), values.max(), *values[places]]
    low, high, *along = (_rounded(number, scale) for number in numbers)
    return f"{values.size} values from {low} to {high}: {' '.join(along)}"


def _rounded(number, scale):
    """Two significant digits; what is rounding, alone or beside the largest value, is not spelled out."""
    return "~0" if abs(number) < max(FLOOR, 1e-9 * scale) else f"{number:.2g}"
