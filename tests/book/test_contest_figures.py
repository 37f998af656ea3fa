"""The drawing functions of notebook 06 draw what they are given, and mark what they are told to."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

from fourier_meta import figures

X = [2, 8, 32]
CURVES = {
    "MAML": ([1e-3, 1e-8, 1e-30], [1e-2, 1e-6, 1e-20], [1e-1, 1e-4, 1e-14]),
    "MAML, small start": ([1, 1, 1], [2, 2, 2], [3, 3, 3]),
    "OMP": ([0.5, 0.5, 0.5], [1, 1, 1], [2, 2, 2]),
}


@pytest.fixture
def ax():
    fig, ax = figures.subplots()
    yield ax
    plt.close(fig)


def test_a_band_is_in_its_methods_colour_and_ends_at_the_floor(ax):
    figures.draw_band(ax, X, *CURVES["MAML"], "MAML, small start")
    (line,) = ax.lines
    assert to_hex(line.get_color()) == figures.COLORS["MAML"].lower()
    np.testing.assert_allclose(line.get_ydata(), [1e-2, 1e-6, figures.FLOOR])
    heights = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert heights.min() == figures.FLOOR
    assert heights.max() == 0.1


def test_a_contest_names_the_highlighted_and_greys_the_others(ax):
    figures.draw_contest(ax, X, CURVES, ("MAML", "MAML, small start"))
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["MAML", "MAML, small start"]
    grey = [line for line in ax.lines if to_hex(line.get_color()) == figures.COLORS["other"].lower()]
    assert len(grey) == 1
    np.testing.assert_array_equal(grey[0].get_ydata(), CURVES["OMP"][1])
    styles = {line.get_label(): line.get_linestyle() for line in ax.lines}
    assert styles["MAML"] != styles["MAML, small start"]


def test_every_contestant_has_a_colour_of_its_own():
    from experiments.prior import contestants

    names = {name.partition(",")[0] for name in contestants((0, 1, 2))}
    assert len({figures.COLORS[name].lower() for name in names}) == len(names)
