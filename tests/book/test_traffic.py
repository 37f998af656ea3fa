"""Chapter 9: its data is what the provenance says, and its methods read a day as their formulas say."""

import csv
import hashlib
import re

import checkout
import numpy as np
import pytest
from experiments import traffic

from fourier_meta.sweep import load_table

FOLDER = checkout.ROOT / "notebooks" / "data"
STATED = dict(
    re.findall(r"^## (\S+\.csv)$.*?SHA-256\.\*\* `(\w{64})`", (FOLDER / "PROVENANCE.md").read_text(), re.M | re.S)
)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.csv")), ids=lambda path: path.stem)
def test_the_data_is_what_the_provenance_says(path):
    content = path.read_bytes().replace(b"\r\n", b"\n")
    assert hashlib.sha256(content).hexdigest() == STATED[path.name]


def test_source_and_licence_stand_where_a_reader_meets_the_data():
    for text in ((FOLDER / "PROVENANCE.md").read_text(), (checkout.ROOT / "notebooks" / "09_traffic.py").read_text()):
        assert "10.24432/C5X60B" in text
        assert "CC BY 4.0" in text
        assert "Hogue" in text


def test_days_are_complete_in_order_and_the_test_days_come_last():
    with (FOLDER / "i94_days.csv").open(newline="") as file:
        header, *rows = list(csv.reader(file))
    dates = [row[0] for row in rows]
    assert header == ["date", *(f"h{hour:02d}" for hour in range(24))]
    assert dates == sorted(set(dates))
    old, new, unit = traffic.load()
    assert (old.counts.shape, new.counts.shape) == ((609, 24), (605, 24))
    assert dates[608] < "2017" <= dates[609]
    assert np.all(unit * np.concatenate([old.counts, new.counts]).round(12) >= 0)
    assert old.counts.std() == pytest.approx(1)


def test_a_kind_is_what_the_calendar_says():
    old, _, _ = traffic.load()
    quiet = [np.median(old.counts[old.kinds == kind, 7]) for kind in range(3)]
    assert quiet[0] > 2 * quiet[1] > 2 * quiet[2]  # at 7 in the morning
    assert [np.sum(old.kinds == kind) > 70 for kind in range(3)] == [True] * 3


def test_a_day_is_read_by_the_conditional_mean_of_its_gaussian():
    rng = np.random.default_rng(0)
    curves, start, readings = rng.normal(size=(24, 7)), rng.normal(size=24), rng.normal(size=(2, 3))
    hours = np.array([[0, 5, 23], [7, 8, 9]])
    answer = traffic.DayPrior(start, curves, 0.2).read(hours, readings, np.zeros(2, int))
    covariance = curves @ curves.T
    for at, seen, found in zip(hours, readings, answer, strict=True):
        gram = covariance[np.ix_(at, at)] + 0.2 * np.eye(3)
        right = start + covariance[:, at] @ np.linalg.solve(gram, seen - start[at])
        np.testing.assert_allclose(found, right, atol=1e-9)


def test_a_day_may_start_at_the_mean_of_its_kind():
    starts = np.arange(72.0).reshape(3, 24)
    prior = traffic.DayPrior(starts, np.zeros((24, 1)), 1.0)
    found = prior.read(np.array([[3], [4]]), np.zeros((2, 1)), np.array([2, 0]))
    np.testing.assert_array_equal(found, starts[[2, 0]])


def test_hours_that_are_not_read_have_no_influence_and_only_they_are_scored():
    _, new, _ = traffic.load()
    seen = {}

    class Spy:
        def read(self, hours, readings, kinds):
            seen["hours"], seen["readings"] = hours, readings
            right = new.counts.copy()
            np.put_along_axis(right, hours, -5.0, axis=1)
            return right

    assert not traffic.errors(Spy(), new, 4, 0, 1.0).any()
    assert seen["hours"].shape == (605, 4)
    np.testing.assert_array_equal(seen["readings"], np.take_along_axis(new.counts, seen["hours"], axis=1))
    assert all(len(set(hours)) == 4 for hours in seen["hours"].tolist())


def test_expectation_maximisation_finds_a_covariance_from_days_with_holes():
    rng = np.random.default_rng(0)
    truth = traffic.FEATURES[:, :5] @ np.diag([1.0, 0.7, 0.5, 0.3, 0.2])
    days = 2 + rng.normal(size=(2000, 5)) @ truth.T
    hours = traffic.draw_hours(len(days), rng)[:, :6]
    found = traffic.covariance_by_em(np.take_along_axis(days, hours, axis=1), hours)
    np.testing.assert_allclose(found.start, 2, atol=0.2)
    covariance = truth @ truth.T
    assert np.abs(found.curves @ found.curves.T - covariance).max() < 0.15 * covariance.max()


def test_principal_curves_and_full_covariance_agree_when_nothing_is_left_out():
    old, _, _ = traffic.load()
    full = traffic.full_covariance(old, 0)
    sample = np.cov(old.counts.T, bias=True)
    assert np.abs(full.curves @ full.curves.T - sample).max() < 0.02 * sample.max()


def test_the_order_of_methods_that_the_text_states_holds_in_four_of_five_seeds():
    table = load_table("traffic")
    order = ["calendar + readings", "full covariance", "empirical Bayes", "Gaussian process, RBF", "mean day"]
    medians = np.array([table.cube("median", "readings", "seed", method=name) for name in order])
    few = [table.levels("readings").index(n) for n in (3, 4, 6, 8)]
    assert np.all(np.sum(np.diff(medians[:, few], axis=0) > 0, axis=-1) >= 4)
