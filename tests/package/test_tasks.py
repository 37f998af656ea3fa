"""A task family draws what notebook 01 says that it draws, and nothing moves its random numbers."""

import dataclasses

import numpy as np
import pytest

from fourier_meta import TaskFamily, fourier_features, regular_grid
from fourier_meta import tasks as tasks_module
from fourier_meta.tasks import dense_size, dense_table


def generator(seed=0):
    return np.random.default_rng(seed)


def test_the_family_of_the_report_is_the_default():
    assert TaskFamily() == TaskFamily(257, (0, 1, 2), 0.0, "random")


def test_true_weights_are_1_on_the_support_and_0_elsewhere():
    weights = TaskFamily(6, (4, 1)).true_weights
    assert weights.tolist() == [0, 1, 0, 0, 1, 0]


def test_a_family_cannot_be_changed_and_can_be_a_key():
    family = TaskFamily(9, [0, 3])
    assert family.support == (0, 3)
    with pytest.raises(dataclasses.FrozenInstanceError):
        family.noise = 1.0
    assert {family: "here"}[TaskFamily(9, (0, 3))] == "here"


def test_coefficients_are_standard_normal_and_zero_off_the_support():
    drawn = TaskFamily(7, (5, 0)).draw_coefficients(4000, generator())
    assert drawn.shape == (4000, 2)
    tasks = TaskFamily(7, (5, 0)).observe(drawn, 1, generator())
    np.testing.assert_array_equal(tasks.effective[:, [5, 0]], drawn)
    assert not tasks.effective[:, [1, 2, 3, 4, 6]].any()
    np.testing.assert_allclose(drawn.mean(axis=0), 0, atol=0.06)
    np.testing.assert_allclose(np.cov(drawn.T), np.eye(2), atol=0.08)


def test_coefficients_go_to_the_features_in_the_order_of_the_support():
    straight, swapped = (TaskFamily(7, support).sample(3, 4, generator()) for support in ((0, 5), (5, 0)))
    np.testing.assert_array_equal(straight.effective[:, [0, 5]], swapped.effective[:, [5, 0]])
    np.testing.assert_allclose(swapped.labels, np.matvec(swapped.features, swapped.effective), atol=1e-12)


@pytest.mark.parametrize("design", ["random", "grid", "jittered"])
@pytest.mark.parametrize(("n_tasks", "n_points", "n_features"), [(1, 1, 3), (4, 6, 9), (2, 10, 5)])
def test_labels_are_features_times_coefficients_and_features_belong_to_x(design, n_tasks, n_points, n_features):
    tasks = TaskFamily(n_features, (0, 2), design=design).sample(n_tasks, n_points, generator())
    assert tasks.x.shape == tasks.labels.shape == (n_tasks, n_points)
    assert tasks.features.shape == (n_tasks, n_points, n_features)
    assert tasks.effective.shape == (n_tasks, n_features)
    np.testing.assert_allclose(tasks.features, fourier_features(tasks.x, n_features), atol=1e-12)
    pairs = zip(tasks.features, tasks.effective, strict=True)
    by_hand = [[features @ effective for features in task] for task, effective in pairs]
    np.testing.assert_allclose(tasks.labels, by_hand, atol=1e-12)
    assert (tasks.x >= -1).all()
    assert (tasks.x < 1).all()


@pytest.mark.parametrize("design", ["random", "grid", "jittered"])
def test_the_same_seed_draws_the_same_tasks_and_another_seed_other_ones(design):
    family = TaskFamily(9, noise=0.1, design=design)
    first, again, other = (family.sample(3, 5, generator(seed)) for seed in (1, 1, 2))
    for name in ("x", "features", "labels", "effective"):
        one, two, three = (getattr(tasks, name) for tasks in (first, again, other))
        np.testing.assert_array_equal(one, two)
        assert (design == "grid" and name in ("x", "features")) or not np.array_equal(one, three)


def test_the_grid_design_gives_every_task_the_regular_grid():
    x = TaskFamily(5, design="grid").sample(3, 7, generator()).x
    np.testing.assert_array_equal(x, [regular_grid(7)] * 3)


@pytest.mark.parametrize("n_points", [1, 5, 64])
def test_the_jittered_design_gives_one_point_to_each_cell_of_the_grid(n_points):
    x = TaskFamily(5, design="jittered").sample(200, n_points, generator()).x
    offset = (x - regular_grid(n_points)) * n_points / 2  # in [0, 1) within the cell, up to the dense grid's spacing
    spacing = n_points / dense_size(5)
    assert (offset > -spacing).all()
    assert (offset < 1).all()
    np.testing.assert_allclose(offset.mean(), 0.5, atol=0.05)
    assert offset.std() == pytest.approx(12**-0.5, abs=0.03)


def test_random_x_are_uniform_and_drawn_anew_for_every_task():
    x = TaskFamily(5).sample(50, 200, generator()).x
    assert len({tuple(row) for row in x}) == 50
    assert x.mean() == pytest.approx(0, abs=0.02)
    assert x.std() == pytest.approx(2 / 12**0.5, abs=0.01)
    counts, _ = np.histogram(x, bins=10, range=(-1, 1))
    assert counts.min() > 850
    assert counts.max() < 1150


@pytest.mark.parametrize("n_points", [2, 500, 1024])
def test_no_random_x_comes_twice_in_a_task(n_points):
    for x in TaskFamily(3).sample(5, n_points, generator()).x:
        assert len(np.unique(x)) == n_points
        assert n_points in (2, 1024) or not (np.diff(x) > 0).all(), "the points of a task come in no order"


@pytest.mark.parametrize("design", ["random", "jittered"])
@pytest.mark.parametrize("n_features", [3, 257])
def test_x_come_from_the_dense_grid(design, n_features):
    x = TaskFamily(n_features, design=design).sample(20, 30, generator()).x
    index = (x + 1) * dense_size(n_features) / 2
    np.testing.assert_array_equal(index, np.round(index))


def test_the_dense_grid_is_a_power_of_two_with_8_points_for_the_shortest_period():
    assert [dense_size(d) for d in (1, 256, 257, 512, 513)] == [1024, 1024, 2048, 2048, 4096]
    for n_features in (1, 100, 257, 5000):
        assert dense_size(n_features) >= 8 * (n_features // 2)


def test_the_table_holds_the_features_of_the_dense_grid_and_cannot_be_written():
    table = dense_table(5)
    np.testing.assert_allclose(table[:, :5], fourier_features(regular_grid(1024), 5), atol=1e-12)
    assert not table[:, 5:].any()
    with pytest.raises(ValueError, match="read-only"):
        table[0, 0] = 2


@pytest.mark.parametrize("design", ["random", "jittered"])
def test_without_a_table_the_same_tasks_are_drawn(design, monkeypatch):
    family = TaskFamily(33, design=design)
    looked_up = family.sample(3, 8, generator())
    dense_table.cache_clear()
    monkeypatch.setattr(tasks_module, "TABLE_BYTES", 33 * 1024 * 8 - 1)
    assert dense_table(33) is None
    computed = family.sample(3, 8, generator())
    dense_table.cache_clear()
    np.testing.assert_array_equal(looked_up.x, computed.x)
    np.testing.assert_allclose(looked_up.features, computed.features, atol=1e-13)


def test_a_table_of_exactly_the_allowed_size_is_made_and_a_large_one_is_not(monkeypatch):
    assert dense_table(1500) is None
    dense_table.cache_clear()
    monkeypatch.setattr(tasks_module, "TABLE_BYTES", 33 * 1024 * 8)
    assert dense_table(33) is not None
    dense_table.cache_clear()


def test_noise_has_the_standard_deviation_asked_for_and_is_added_to_labels_only():
    quiet = TaskFamily(5, (0, 1)).sample(100, 100, generator())
    noisy = TaskFamily(5, (0, 1), noise=0.3).sample(100, 100, generator())
    np.testing.assert_array_equal(noisy.x, quiet.x)
    np.testing.assert_array_equal(noisy.effective, quiet.effective)
    noise = noisy.labels - quiet.labels
    assert noise.std() == pytest.approx(0.3, rel=0.03)
    assert noise.mean() == pytest.approx(0, abs=0.01)
    assert abs(np.corrcoef(noise[:, :-1].ravel(), noise[:, 1:].ravel())[0, 1]) < 0.05


def test_without_noise_no_random_numbers_are_spent_on_it():
    rng = generator()
    TaskFamily(5, design="grid").observe(np.ones((2, 3)), 8, rng)
    assert rng.random() == generator().random()


def test_a_grid_may_have_more_points_than_the_dense_grid():
    n_points = dense_size(5) + 1
    np.testing.assert_array_equal(
        TaskFamily(5, design="grid").sample(1, n_points, generator()).x[0], regular_grid(n_points)
    )


def test_the_highest_features_of_a_family_without_a_table_keep_ten_digits():
    family = TaskFamily(2**16 + 1)
    assert dense_table(family.n_features) is None
    tasks = family.sample(1, 50, generator())
    turns = 2**15 * tasks.x % 2  # exact: x is a multiple of a power of two
    np.testing.assert_allclose(tasks.features[..., -1], np.sqrt(2) * np.cos(np.pi * turns), rtol=0, atol=1e-10)


def test_observing_again_keeps_the_tasks_and_changes_the_points():
    family = TaskFamily(9)
    rng = generator()
    first = family.sample(3, 6, rng)
    second = family.observe(first.coefficients, 4, rng)
    np.testing.assert_array_equal(second.effective, first.effective)
    assert second.x.shape == (3, 4)
    assert not np.isin(second.x, first.x).all()


def test_observe_takes_another_design_when_asked():
    family = TaskFamily(9, design="grid")
    effective = family.draw_coefficients(2, generator())
    np.testing.assert_array_equal(family.observe(effective, 6, generator()).x[0], regular_grid(6))
    assert not np.array_equal(family.observe(effective, 6, generator(), design="random").x[0], regular_grid(6))
    expected = TaskFamily(9, design="jittered").observe(effective, 6, generator()).x
    np.testing.assert_array_equal(family.observe(effective, 6, generator(), design="jittered").x, expected)


def test_the_stream_of_random_numbers_is_the_one_behind_the_stored_outputs():
    tasks = TaskFamily(noise=0.5).sample(2, 2, generator())
    rng = generator()
    coefficients = rng.standard_normal((2, 3))
    index = rng.integers(2047, size=(2, 2))
    for row in index:
        row[row.argmax()] += 1  # the larger of two draws moves up by one, so that they differ
    np.testing.assert_array_equal(tasks.effective[:, :3], coefficients)
    np.testing.assert_array_equal(tasks.x, index / 1024 - 1)
    noise = tasks.labels - (tasks.features @ tasks.effective[..., None])[..., 0]
    np.testing.assert_allclose(noise, 0.5 * rng.standard_normal((2, 2)), atol=1e-12)


def test_the_jittered_stream_is_the_one_behind_the_stored_outputs():
    tasks = TaskFamily(5, design="jittered").sample(2, 3, generator())
    rng = generator()
    rng.standard_normal((2, 3))
    cell = (np.arange(3) + rng.random((2, 3))) / 3
    np.testing.assert_array_equal(tasks.x, np.floor(cell * 1024) / 512 - 1)
