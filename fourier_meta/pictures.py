"""Pictures that are drawn again and again, for the explorers: what does not move is drawn once.

The style and the way to draw weights and fits are those of `figures`.
"""

import functools
import io

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from fourier_meta import figures
from fourier_meta.features import fourier_features, regular_grid
from fourier_meta.figures import COLORS

DENSE = regular_grid(1024)  # where curves are drawn
LADDER = np.array([1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10])  # first digits of limits


def limit_above(*arrays, least=1.0, room=1.1):
    """The first round number above all values, and a little more: an axis that moves in few, large jumps."""
    value = max(least, *(room * float(np.abs(array).max()) for array in arrays))
    decade = 10.0 ** np.floor(np.log10(value))
    return float(decade * LADDER[np.searchsorted(LADDER, value / decade * (1 - 1e-9))])


def color_of(name):
    """The colour of a method: that of its name up to a comma."""
    return COLORS.get(name.partition(",")[0], COLORS["oracle"])


@functools.cache
def dense_features(n_features):
    """Features at the points that curves are drawn through."""
    return fourier_features(DENSE, n_features)


class Picture:
    """A figure that is drawn again and again: titles, ticks and grids are kept as pixels until a limit changes."""

    def __init__(self, boxes):
        with plt.rc_context(figures.STYLE | {"font.size": 9, "axes.titlesize": 9.5}):
            self.canvas = FigureCanvasAgg(Figure((7.6, 3.5), dpi=100 * figures.SHARPNESS))
            self.axes = [self.canvas.figure.add_axes(box) for box in boxes]
        self.frame = self.pixels = None

    def artists(self):
        """All that moves, in the order in which it is drawn."""
        found = [artist for ax in self.axes for artist in (*ax.collections, *ax.lines, *ax.texts)]
        return sorted(found, key=lambda artist: artist.zorder)

    def png(self):
        """The picture as PNG bytes, the same bytes for the same numbers, whatever was drawn before."""
        from PIL import Image

        frame, artists = [(ax.viewLim.bounds, ax.get_title(loc="left")) for ax in self.axes], self.artists()
        if frame != self.frame:
            for artist in artists:
                artist.set_animated(True)  # not drawn with the figure
            self.canvas.draw()
            self.frame, self.pixels = frame, self.canvas.copy_from_bbox(self.canvas.figure.bbox)
        self.canvas.restore_region(self.pixels)
        for artist in artists:
            artist.axes.draw_artist(artist)
        file = io.BytesIO()
        Image.fromarray(np.asarray(self.canvas.buffer_rgba())).convert("RGB").save(file, "PNG", compress_level=1)
        return file.getvalue()


def frame_axes(ax, title, xlabel, xlim, top, bottom=0.0, **options):
    """Name the axes and fix their limits: what is fixed costs nothing to draw again."""
    ax.set_title(title, loc="left", fontsize=9.5)
    ax.set(xlabel=xlabel, ylabel="", xlim=xlim, ylim=(bottom, top), **options)
    ax.minorticks_off()


def write_key(ax, lines, left=False):
    """Write lines of text {text: colour} at the upper edge of the axes, white behind them."""
    place = {"x": 0.015, "ha": "left"} if left else {"x": 0.985, "ha": "right"}
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.5}
    for row, (text, color) in enumerate(lines.items()):
        y, style = 0.985 - 0.051 * row / ax.get_position().height, {"va": "top", "zorder": 6, "fontsize": 8.5}
        ax.text(y=y, s=text, color=color, bbox=box, transform=ax.transAxes, **place, **style)


def draw_task(ax, title, tasks, curves):
    """The first of some tasks, and curves {method: values} that are meant to be its function."""
    truth = dense_features(tasks.n_features) @ tasks.effective[0]
    for name, curve in curves.items():
        ax.plot(DENSE, curve, color=color_of(name), linewidth=1.2)
    figures.draw_fit(ax, DENSE, truth, points=(tasks.x[0], tasks.labels[0]))
    top = limit_above(truth, tasks.labels[0], room=1.3)
    frame_axes(ax, title, "x", (-1, 1), top, -top, xticks=(-1, -0.5, 0, 0.5, 1))


def index_axis(ax, title, n_features, top, bottom=0.0):
    """Feature indices on an axis that gives the few low ones, which matter most here, room."""
    ax.set_xscale("symlog", linthresh=2, linscale=0.6)
    ticks = [index for index in (0, 1, 2, 5, 10, 20, 50, 100, 256) if index < n_features]
    frame_axes(ax, title, "feature index j", (-0.4, 1.15 * n_features), top, bottom, xticks=ticks, xticklabels=ticks)
