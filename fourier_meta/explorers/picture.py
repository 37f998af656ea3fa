"""Pictures that are redrawn many times: the frame is drawn once, the data on top of it at every move.

A picture owns one matplotlib Figure, outside pyplot, so that nothing accumulates. Ticks, titles and grids cost most of
a redraw; they are kept as pixels and drawn again only when a limit changes. What moves is "animated".
"""

import functools
import struct
import zlib

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import AutoLocator
from PIL import Image

from fourier_meta.features import fourier_features, regular_grid
from fourier_meta.figures import COLORS, STYLE

WIDTH = 880  # pixels of the page
DOTS_PER_INCH = 144  # 100 would be one dot per pixel of the page; 144 stays sharp on screens with more
N_DENSE = 1024
TICKS = (-1, -0.5, 0, 0.5, 1)
LADDER = np.array([1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10])


def dense_x():
    """The points that curves are drawn through; n_features <= 257 have four of them for each half wave."""
    return regular_grid(N_DENSE)


@functools.cache
def dense_features(n_features):
    """Features at `dense_x`, kept, as every move needs them."""
    return fourier_features(dense_x(), n_features)


def limit_above(value, least=1.0):
    """The first round number at or above `value`, at least `least`: an axis that moves in few, large jumps."""
    value = max(float(value), least)
    decade = 10.0 ** np.floor(np.log10(value))
    return float(decade * LADDER[np.searchsorted(LADDER, value / decade * (1 - 1e-9))])


class Picture:
    """A figure with a kept frame; subclasses build artists in `build` and move them in `draw`."""

    height = 480  # pixels of the page

    def __init__(self):
        with matplotlib.rc_context(STYLE | {"font.size": 9.5, "axes.titlesize": 10.5}):
            self.figure = Figure(figsize=(WIDTH / 100, self.height / 100), dpi=DOTS_PER_INCH)
            self.canvas = FigureCanvasAgg(self.figure)
            self.build(self.figure)
        for axis in [axis for ax in self.figure.axes for axis in (ax.xaxis, ax.yaxis)]:
            if isinstance(axis.get_major_locator(), AutoLocator):
                axis.get_major_locator().set_params(nbins=5)  # each number beside an axis costs a millisecond
        self.frame = self.background = None

    def build(self, figure):
        """Make axes and artists."""
        raise NotImplementedError

    def draw(self, setting, numbers):
        """Move the artists to where the numbers are."""
        raise NotImplementedError

    def png(self):
        """The picture as PNG bytes, the same bytes for the same numbers, whatever was drawn before."""
        frame = [ax.viewLim.bounds for ax in self.figure.axes]
        if frame != self.frame:
            self.canvas.draw()
            self.frame, self.background = frame, self.canvas.copy_from_bbox(self.figure.bbox)
        self.canvas.restore_region(self.background)
        for ax in self.figure.axes:
            for artist in sorted((a for a in ax.get_children() if a.get_animated()), key=lambda a: a.zorder):
                ax.draw_artist(artist)
        return encode_png(np.asarray(self.canvas.buffer_rgba()))


def encode_png(pixels):
    """PNG bytes of (height, width, 4) pixels, without their opacity.

    Unfiltered rows and the fastest compression: on line drawings half the time of a general encoder for the same size.
    """
    height, width = pixels.shape[:2]
    opaque = Image.frombuffer("RGBA", (width, height), pixels).convert("RGB")  # five times faster than slicing
    rows = np.zeros((height, 1 + 3 * width), np.uint8)  # each row starts with 0: no filter
    rows[:, 1:] = np.frombuffer(opaque.tobytes(), np.uint8).reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits, red green blue
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def heading(ax, text=None):
    """A title; without a text it is one that moves."""
    style = {"transform": ax.transAxes, "fontsize": 10.5, "va": "bottom", "clip_on": False}
    return ax.text(0, 1.035, text or "", animated=text is None, **style)


def line(ax, color, width=1.4, **style):
    """An empty line that moves."""
    (artist,) = ax.plot([], [], color=color, linewidth=width, animated=True, **style)
    return artist


def dots(ax, color, size=4, **style):
    """Empty markers that move."""
    return line(ax, color, 0, marker="o", markersize=size, linestyle="none", **{"markeredgewidth": 0} | style)


def band(ax, color, alpha=0.18):
    """An empty band between two curves that moves; see `set_band`."""
    return ax.fill_between([0], [0], [0], color=color, alpha=alpha, linewidth=0, animated=True)


def set_band(artist, x, low, high):
    """Move a band."""
    artist.set_verts([np.column_stack([np.r_[x, x[::-1]], np.r_[low, high[::-1]]])])


def set_stems(artist, x, height):
    """Move a line to vertical strokes from 0 to `height` at every x."""
    nothing = np.full(len(x), np.nan)
    artist.set_data(np.column_stack([x, x, nothing]).ravel(), np.column_stack([0 * height, height, nothing]).ravel())


def corner(ax, color, x, y, align="right", text=""):
    """A moving word at a fixed place of the axes (fractions of them); white behind it keeps it readable."""
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.2}
    style = {"va": "center", "ha": align, "bbox": box, "transform": ax.transAxes, "fontsize": 9, "clip_on": False}
    return ax.text(x, y, text, color=color, animated=True, zorder=5, **style)


class TaskAxes:
    """One task: the truth, fits of it, and the points that were seen."""

    def __init__(self, ax, methods):
        self.ax, x = ax, dense_x()
        self.truth = line(ax, COLORS["truth"], 3.2, alpha=0.3, solid_capstyle="round")
        self.fits = {method: line(ax, COLORS[method]) for method in methods}
        self.points = dots(ax, COLORS["truth"], 4.5, zorder=3)
        for artist in (self.truth, *self.fits.values()):
            artist.set_data(x, np.full(N_DENSE, np.nan))
        ax.set(xlim=(-1, 1), xlabel="x", xticks=TICKS)

    def draw(self, x, labels, truth, fits):
        """Move to points (x, labels), the true curve, and {method: curve}; the limits follow truth and points."""
        self.points.set_data(x, labels)
        self.truth.set_ydata(truth)
        for method, curve in fits.items():
            self.fits[method].set_ydata(curve)
        top = limit_above(1.15 * max(np.abs(truth).max(), np.abs(labels).max()))
        self.ax.set_ylim(-top, top)
