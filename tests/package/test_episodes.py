"""Working on a few tasks at a time changes when features are looked up, and nothing else."""

import tracemalloc

import numpy as np
import pytest

from fourier_meta import TaskFamily, fomaml_gradient, joint_descent, maml_gradient, train_maml, train_reptile
from fourier_meta import tasks as tasks_module
from fourier_meta.tasks import Episodes, slices


def kept(episodes):
    """All that one iteration yields, copied and joined: a list of (x, features, labels, effective) per observation."""
    parts = [[[array.copy() for array in tasks] for tasks in pair] for pair in episodes]
    return [[np.concatenate(arrays) for arrays in zip(*tasks, strict=True)] for tasks in zip(*parts, strict=True)], len(
        parts
    )


@pytest.mark.parametrize("design", ["random", "grid", "jittered"])
@pytest.mark.parametrize("noise", [0.0, 0.3])
@pytest.mark.parametrize("cache_bytes", [1, 9 * 8 * 12 * 3, 2**20])
def test_episodes_are_what_sample_and_observe_draw(design, noise, cache_bytes, monkeypatch):
    monkeypatch.setattr(tasks_module, "CACHE_BYTES", cache_bytes)
    family = TaskFamily(9, noise=noise, design=design)
    episodes = Episodes(family, 7, (8, 4), np.random.default_rng(5))
    rng = np.random.default_rng(5)
    validation_rng = rng.spawn(1)[0]
    for _ in range(2):  # a second iteration draws on
        drawn, parts = kept(episodes)
        assert parts == {1: 7, 9 * 8 * 12 * 3: 3, 2**20: 1}[cache_bytes]
        train = family.sample(7, 8, rng)
        validation = family.observe(train.effective, 4, validation_rng, design="random")
        for mine, expected in zip(drawn, (train, validation), strict=True):
            for one, two in zip(mine, expected, strict=True):
                np.testing.assert_allclose(one, two, rtol=0, atol=1e-13)


@pytest.mark.parametrize("gradient", [maml_gradient, fomaml_gradient])
@pytest.mark.parametrize("n_tasks", [1, 6, 7])
def test_a_gradient_does_not_depend_on_how_many_tasks_fit_the_cache(gradient, n_tasks, monkeypatch):
    family, rng, weights = TaskFamily(17), np.random.default_rng(0), np.linspace(0.5, 2, 17)
    train = family.sample(n_tasks, 6, rng)
    validation = family.observe(train.effective, 5, rng)
    loss, whole = gradient(weights, train, validation)
    monkeypatch.setattr(tasks_module, "CACHE_BYTES", 17 * 8 * 11 * 3)
    assert len(slices(n_tasks, 17 * 8 * 11)) == -(-n_tasks // 3)
    part_loss, parts = gradient(weights, train, validation)
    assert part_loss == pytest.approx(loss, rel=1e-13)
    np.testing.assert_allclose(parts, whole, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("train", [train_maml, train_reptile])
def test_training_does_not_depend_on_how_many_tasks_fit_the_cache(train, monkeypatch):
    sizes = {"steps": 5, "n_tasks": 7, "n_points": 6, "inner_steps": 3}
    whole = train(TaskFamily(17), "uniform", **sizes)
    monkeypatch.setattr(tasks_module, "CACHE_BYTES", 17 * 8 * 11 * 3)
    parts = train(TaskFamily(17), "uniform", **sizes)
    np.testing.assert_allclose(parts.weights, whole.weights, rtol=1e-10)
    np.testing.assert_allclose(parts.history["loss"], whole.history["loss"], rtol=1e-10)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("n_features", [1, 8, 257])
def test_rows_of_features_begin_on_cache_lines(dtype, n_features):
    tasks = TaskFamily(n_features, (0,), dtype=dtype).sample(3, 5, np.random.default_rng(0))
    assert tasks.features.dtype == tasks.labels.dtype == dtype
    assert tasks.features.ctypes.data % 64 == 0
    assert all(stride % 64 == 0 for stride in tasks.features.strides[:-1])
    assert tasks.features.strides[-1] == tasks.features.itemsize


def test_single_precision_draws_the_same_tasks_and_keeps_five_digits():
    single, double = TaskFamily(dtype="float32"), TaskFamily()
    weights = np.linspace(0.5, 1.5, 257)
    results = []
    for family in (single, double):
        rng = np.random.default_rng(0)
        train = family.sample(15, 64, rng)
        validation = family.observe(train.effective, 64, rng)
        results.append((train.x, maml_gradient(weights, train, validation)[1]))
        adapted = joint_descent(train.features, train.labels, weights)
        assert adapted[0].dtype == family.dtype
    np.testing.assert_array_equal(results[0][0], results[1][0])
    scale = np.abs(results[1][1]).max()
    assert 1e-12 * scale < np.abs(results[0][1] - results[1][1]).max() < 1e-5 * scale
    run = train_maml(single, steps=30)
    assert run.weights.dtype == np.float64
    np.testing.assert_allclose(run.weights, train_maml(double, steps=30).weights, rtol=0, atol=1e-3)
    assert run.config["dtype"] == "float32"


def test_a_dtype_that_is_not_offered_is_named():
    with pytest.raises(ValueError, match="dtype must be one of 'float64', 'float32', got 'float16'"):
        TaskFamily(dtype="float16")


def test_memory_does_not_grow_with_the_number_of_tasks_or_steps():
    """1,024 tasks hold 270 MB of features, of which 1.5 MB exist at any time."""

    def peak(**sizes):
        tracemalloc.start()
        train_maml(TaskFamily(), **sizes)
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    peak(steps=1)  # the table
    small = peak(steps=2)
    assert peak(steps=1, n_tasks=1024) < small + 16 * 2**20  # coefficients (1024, 257) and x remain: a few MB
    assert peak(steps=200, n_tasks=2, n_points=4, n_validation=4) < small + 2**20
