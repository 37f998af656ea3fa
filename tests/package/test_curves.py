"""Measured curves as a source of tasks: what is drawn is theirs, and bad tables are answered in a sentence."""

import numpy as np
import pytest

from fourier_meta import Tasks, fourier_features, train_maml
from fourier_meta.curves import Curves

PLACES = np.arange(8.0)
PHI = fourier_features(PLACES / 4 - 1, 5)
VALUES = np.random.default_rng(0).standard_normal((6, 8))


def test_tasks_are_different_curves_at_different_places():
    tasks = Curves(VALUES, PHI, PLACES).sample(6, 5, np.random.default_rng(1))
    assert isinstance(tasks, Tasks)
    seen = set()
    for features, labels, x in zip(tasks.features, tasks.labels, tasks.x, strict=True):
        places = x.astype(int)
        assert len(set(places)) == 5
        (curve,) = np.flatnonzero((VALUES[:, places] == labels).all(axis=1))
        seen.add(curve)
        np.testing.assert_array_equal(features, PHI[places])
    assert seen == set(range(6))


def test_they_train():
    run = train_maml(Curves(VALUES, PHI).batches(4, 6, seed=3), steps=5, learn_start=True)
    assert run.status == "finished"
    assert run.start.any()


class Frame:
    """What pandas and others hand over: iterating gives the names of columns, of different lengths."""

    def __iter__(self):
        return iter(["m9", "m10"])

    def __array__(self, dtype=None, copy=None):
        return VALUES


def test_a_data_frame_is_a_table():
    np.testing.assert_array_equal(Curves(Frame(), PHI).values, VALUES)


def changed(place, value):
    values = VALUES.copy()
    values[place] = value
    return values


@pytest.mark.parametrize(
    ("values", "x", "says"),
    [
        ([[1.0, 2.0], [1.0]], None, "rows of different lengths"),
        (3.0, None, "one row for each curve"),
        (VALUES[0], None, "one row for each curve"),
        (VALUES[:0], None, "one row for each curve"),
        (changed((0, 1), np.nan), None, "1 missing of 48, in 1 of 6 curves; fill them, or keep values"),
        (changed((0, 1), np.nan).astype(object), None, "1 missing of 48"),
        (np.where(VALUES > 1, None, VALUES), None, "missing of 48"),
        (VALUES * np.nan, None, "before you scale"),
        (np.arange(48).reshape(8, 6), None, r"pass values\.T"),
        (np.ma.masked_less(VALUES, 0), None, "masked entries"),
        (changed((2, 2), np.inf), None, "finite"),
        (np.ones((6, 8)), None, "nothing to learn"),
        (VALUES * 1e120, None, "too large to be squared"),
        (VALUES, PLACES[::-1], r"does not rise; take order = np\.argsort"),
        (VALUES, np.minimum(PLACES, 6), "6 more than once"),
        (VALUES, PLACES[:-1], "shape"),
        (VALUES[:, :7], None, "rows, one for each place"),
    ],
)
def test_a_bad_table_is_answered(values, x, says):
    with pytest.raises(ValueError, match=says):
        Curves(values, PHI, x)


@pytest.mark.parametrize(("n_tasks", "n_points"), [(7, 2), (2, 9), (0, 2), (2, 0)])
def test_more_than_there_is_cannot_be_drawn(n_tasks, n_points):
    with pytest.raises(ValueError, match=r"n_tasks|n_points"):
        Curves(VALUES, PHI).sample(n_tasks, n_points, np.random.default_rng(0))
