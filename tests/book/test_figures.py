"""Figures draw exactly the numbers they are given, and say in words what they show."""

import itertools
import re
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib import colors
from PIL import Image

from fourier_meta import TaskFamily, figures, train_maml
from fourier_meta.figures import COLORS, describe, png, show, subplots


@pytest.fixture(autouse=True)
def no_figure_is_left_open():
    with plt.rc_context():
        yield
    plt.close("all")


@pytest.fixture
def ax():
    return subplots()[1]


@pytest.fixture(scope="module")
def run():
    return train_maml(TaskFamily(9), "uniform", steps=45, n_tasks=2, n_points=4)


# Colours


def linear(color):
    """Linear-light RGB of a colour."""
    rgb = np.array(colors.to_rgb(color))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


# What remains of linear RGB without the long-wave or the middle-wave cones (Vienot, Brettel and Mollon 1999).
VISION = {
    "full": np.eye(3),
    "protanopia": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
    "deuteranopia": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
}


@pytest.mark.parametrize("vision", VISION)
def test_no_two_methods_look_alike_with_any_colour_vision(vision):
    methods = [name for name in COLORS if name != "other"]
    for one, two in itertools.combinations(methods, 2):
        seen = [np.clip(VISION[vision] @ linear(COLORS[name]), 0, 1) ** (1 / 2.4) for name in (one, two)]
        assert np.linalg.norm(seen[0] - seen[1]) > 0.05, f"{one} and {two}"


@pytest.mark.parametrize("method", COLORS)
def test_every_colour_stands_out_from_white_paper(method):
    luminance = linear(COLORS[method]) @ [0.2126, 0.7152, 0.0722]
    assert 1.05 / (luminance + 0.05) > 2, method


# Drawing


def test_subplots_have_the_size_and_the_number_asked_for():
    fig, axes = subplots(2, 3, height=1.5, width=6)
    assert axes.shape == (2, 3)
    assert fig.get_size_inches().tolist() == pytest.approx([6, 3])
    assert subplots(height=2.3)[0].bbox.height >= 230, "229.99 pixels are cut to 229"
    assert fig.get_layout_engine() is not None
    assert not axes[0, 0].spines["top"].get_visible()


def test_subplots_pass_other_options_on():
    _, axes = subplots(1, 2, sharey=True)
    axes[0].set_ylim(0, 7)
    assert axes[1].get_ylim() == (0, 7)


def test_a_fit_shows_truth_prediction_and_points(ax):
    x = np.linspace(-1, 1, 5)
    figures.draw_fit(ax, x, x**2, prediction=x**3, method="MAML", points=(x[:2], x[:2] + 1))
    truth, prediction, points = ax.lines
    for line, y in ((truth, x**2), (prediction, x**3)):
        np.testing.assert_array_equal(line.get_xdata(), x)
        np.testing.assert_array_equal(line.get_ydata(), y)
    np.testing.assert_array_equal(points.get_xydata(), np.stack([x[:2], x[:2] + 1], axis=1))
    assert [line.get_label() for line in ax.lines] == ["truth", "MAML", "2 training points"]
    assert [line.get_color() for line in ax.lines] == [COLORS["truth"], COLORS["MAML"], COLORS["truth"]]
    assert ax.get_xlabel() == "x"


def test_a_fit_may_have_no_prediction_and_no_points(ax):
    figures.draw_fit(ax, [0, 1], [2, 3])
    assert [line.get_label() for line in ax.lines] == ["truth"]


def test_a_spectrum_shows_the_size_of_every_weight_and_which_are_true(ax):
    weights = np.array([0.5, -3.0, 0.25, 2.0])
    figures.draw_spectrum(ax, weights, (1, 3), method="Reptile")
    others, true = ax.lines
    assert others.get_xydata().tolist() == [[0, 0.5], [2, 0.25]]
    assert true.get_xydata().tolist() == [[1, 3], [3, 2]]
    assert true.get_color() == COLORS["Reptile"]
    assert others.get_color() == COLORS["other"]
    for stems, dots in zip(ax.collections, ax.lines, strict=True):
        np.testing.assert_array_equal([path.vertices[1] for path in stems.get_paths()], dots.get_xydata())
        assert all(path.vertices[0][1] == 0 for path in stems.get_paths())
    assert ax.get_ylim()[0] == 0


def test_ranked_weights_fall_and_the_true_ones_are_dots(ax):
    figures.draw_ranked(ax, np.array([0.1, -3.0, 0.0, 2.0]), (1, 2), label="learned")
    line, dots = ax.lines
    assert line.get_ydata().tolist() == [3.0, 2.0, 0.1, 1e-6]
    assert dots.get_xdata().tolist() == [1, 4]
    assert dots.get_ydata().tolist() == [3.0, 1e-6]


def test_a_diagram_has_its_words_and_is_no_data(ax):
    figures.draw_box(ax, 0, 0, "weights", "MAML", filled=True)
    figures.draw_arrow(ax, (0, 0), (1, 1), "K steps", bend=0.2)
    assert [text.get_text() for text in ax.texts] == ["weights", "", "K steps"]
    assert figures.describe(ax.figure).strip() == "[1]"


def test_weights_are_drawn_over_the_steps_of_the_run(ax, run):
    figures.draw_weights(ax, run, (0, 2), method="MAML")
    step, weights = run.history["step"], np.abs(run.history["weights"])
    others = np.delete(weights, (0, 2), axis=1)
    drawn = [line.get_ydata() for line in ax.lines]
    for expected in (np.median(others, axis=1), weights[:, 0], weights[:, 2]):
        assert any(np.array_equal(line, expected) for line in drawn)
    assert all(np.array_equal(line.get_xdata(), step) for line in ax.lines)
    band = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert band.max() == others.max()
    assert band.min() == others.min()
    words = " ".join(text.get_text() for text in ax.texts) + " ".join(line.get_label() for line in ax.lines)
    assert "true features" in words
    assert "7 others" in words


def test_names_of_weights_stand_apart_and_only_where_lines_end_far_enough(ax):
    ended = {"step": np.array([0, 300]), "weights": np.array([[1.0] * 9, [2.3] * 3 + [1.04] * 6])}
    ax.figure.set_size_inches(4, 1.5)
    ax.set(xlim=(0, 300), ylim=(0, 4))
    figures.draw_weights(ax, SimpleNamespace(history=ended, status="finished", advice=""), (0, 1, 2))
    true, others = (text.get_window_extent() for text in ax.texts)
    assert not true.overlaps(others)
    for text in ax.texts:
        text.remove()
    diverged = {name: values[:1] for name, values in ended.items()}
    figures.draw_weights(ax, SimpleNamespace(history=diverged, status="diverged", advice=""), (0, 1, 2))
    assert [text.get_text() for text in ax.texts] == ["diverged"]


# Words


def test_the_description_counts_the_numbers_and_gives_their_range_and_five_on_the_way(ax):
    ax.set_title("A title", loc="left")
    ax.plot(range(9), [0, 1, 2, 3, 40, 5, 6, 7, 8])
    assert describe(ax.figure) == "[1] A title\n    line: 9 values from ~0 to 40: ~0 2 40 6 8"


def test_the_description_names_every_axes_and_every_kind_of_mark():
    fig, axes = subplots(1, 2)
    axes[0].set_ylabel("height")
    axes[0].bar([1, 2, 3], [0.5, 0.25, 0.125])
    axes[1].set_title("matrix")
    axes[1].imshow([[1.0, 2.0], [3.0, 4.0]])
    axes[1].scatter([0, 1], [0.3, 0.6])
    axes[1].vlines([0, 1], 0, [7, 9])
    text = describe(fig)
    assert text.splitlines() == [
        "[1] height",
        "    bars: 3 values from 0.12 to 0.5: 0.5 0.5 0.25 0.12 0.12",
        "[2] matrix",
        "    marks: 2 values from 0.3 to 0.6: 0.3 0.3 0.3 0.6 0.6",
        "    marks: 4 values from ~0 to 9: ~0 7 ~0 ~0 9",
        "    image: 4 values from 1 to 4: 1 2 3 3 4",
    ]


def test_what_is_rounding_is_not_spelled_out_and_what_is_not_finite_is_left_out(ax):
    ax.plot([1e-13, -1e-30, 1e-11, 2e-12, 1e-13])
    ax.plot([1e6, 1e-4, 1e-2, np.nan, np.inf])
    ax.plot([np.nan, np.nan])
    first, second, third = describe(ax.figure).splitlines()[1:]
    assert first.endswith(": ~0 ~0 1e-11 2e-12 ~0")
    assert second == "    line: 3 values from ~0 to 1e+06: 1e+06 1e+06 ~0 0.01 0.01"
    assert third == "    line: nothing"


def test_other_numbers_give_another_description(ax):
    ax.plot([1.0, 2.0, 3.0])
    before = describe(ax.figure)
    ax.lines[0].set_ydata([1.0, 2.5, 3.0])
    assert describe(ax.figure) != before


def test_show_displays_the_picture_with_its_alt_text_and_closes_the_figure(ax, monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, metadata, raw: shown.append((data, metadata, raw)))
    monkeypatch.setattr(figures, "in_notebook", lambda: True)
    ax.plot([1, 2, 3])
    width, height = (round(inches * 100) for inches in ax.figure.get_size_inches())
    expected = figures.compact(png(ax.figure))
    show(ax.figure, alt="A line rises.")
    ((data, metadata, raw),) = shown
    assert raw
    assert metadata == {"image/png": {"width": width, "height": height, "alt": "A line rises."}}
    assert data["image/png"] == expected
    assert data["text/plain"] == f"A line rises.\n\n{describe(ax.figure)}"
    assert not plt.get_fignums()


def test_show_prints_its_words_where_there_is_no_notebook(ax, capsys):
    ax.plot([1, 2, 3])
    words = f"A line rises.\n\n{describe(ax.figure)}\n"
    show(ax.figure, alt="A line rises.")
    assert capsys.readouterr().out == words


def test_a_run_that_failed_is_never_drawn_without_its_status(ax):
    figures.draw_weights(ax, train_maml(TaskFamily(9), 50, steps=20, n_tasks=2), (0, 1, 2))
    assert any("diverged" in text.get_text() for text in ax.texts)


def test_the_same_drawing_gives_the_same_bytes_without_a_date_or_a_version(tmp_path):
    pictures = []
    for _ in range(2):
        fig, axes = subplots()
        axes.plot([1, 2, 3])
        pictures.append(png(fig))
    assert pictures[0] == pictures[1]
    (tmp_path / "figure.png").write_bytes(pictures[0])
    with Image.open(tmp_path / "figure.png") as picture:
        assert picture.size == (1800, 600)  # twice the page: sharp on dense screens
        text = " ".join(f"{key} {value}" for key, value in picture.info.items())
    assert not re.search(r"matplotlib|20\d\d-\d\d", text, re.IGNORECASE)
