"""What both training loops share: starts, Adam, stops, records on disk."""

import dataclasses
import hashlib
import json
import math
import os
import platform
from pathlib import Path

import numpy as np
import pytest
import torch

import fourier_meta
from fourier_meta import Run, TaskFamily, largest_stable_rate, load_run, train_maml, train_reptile
from fourier_meta.training import SNAPSHOTS, Adam, initial_weights, run_training

D = 9
SMALL = {"n_tasks": 2, "n_points": 4}
TRAINERS = [train_maml, train_reptile]


def assert_same_run(run, other):
    """Equal field by field and bit by bit."""
    for field in dataclasses.fields(Run):
        one, two = getattr(run, field.name), getattr(other, field.name)
        if field.name == "history":
            assert sorted(one) == sorted(two)
            for name in one:
                np.testing.assert_array_equal(one[name], two[name])
                assert one[name].dtype == two[name].dtype
        else:
            np.testing.assert_equal(one, two)


# Starts


def test_weights_start_from_ones_from_uniform_numbers_or_from_a_copy_of_an_array():
    rng = np.random.default_rng(0)
    assert initial_weights("ones", 4, rng).tolist() == [1, 1, 1, 1]
    np.testing.assert_array_equal(initial_weights("uniform", 4, rng), np.random.default_rng(0).random(4))
    given = np.array([1, 2, 3, 4], np.float32)
    copy = initial_weights(given, 4, rng)
    assert copy.dtype == np.float64
    np.testing.assert_array_equal(copy, given)
    for shape in ((3,), (1, 4), (4, 1), ()):
        with pytest.raises(ValueError, match=r"weights must have shape \(4,\)"):
            initial_weights(np.ones(shape), 4, rng)
    given64 = np.arange(4.0)
    initial_weights(given64, 4, rng)[0] = 9
    assert given64[0] == 0


@pytest.mark.parametrize("train", TRAINERS)
def test_training_from_an_array_starts_there_and_leaves_it_alone(train):
    start = np.linspace(0.5, 1.5, D)
    run = train(TaskFamily(D), start, steps=3, **SMALL)
    np.testing.assert_array_equal(start, np.linspace(0.5, 1.5, D))
    np.testing.assert_array_equal(run.initial_weights, start)
    np.testing.assert_array_equal(run.history["weights"][0], start)
    assert not np.array_equal(run.weights, start)


# Adam


def test_adam_is_torchs_adam_with_a_cosine():
    rng = np.random.default_rng(0)
    slopes = rng.standard_normal((12, 5)) * np.logspace(-6, 2, 5)
    start = rng.standard_normal(5)
    parameter = torch.nn.Parameter(torch.tensor(start))
    optimizer = torch.optim.Adam([parameter], lr=0.3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=12)
    adam, weights = Adam(0.3, 12), start
    for slope in slopes:
        parameter.grad = torch.tensor(slope)
        optimizer.step()
        schedule.step()
        weights = adam(weights, slope)
        np.testing.assert_allclose(weights, parameter.detach().numpy(), rtol=1e-10)


def test_adams_first_step_has_the_size_of_the_rate_whatever_the_slope():
    moved = Adam(0.3, 10)(np.zeros(3), np.array([1e-3, -50.0, 0.0]))
    np.testing.assert_allclose(moved, [-0.3, 0.3, 0], rtol=1e-4)


# The loop


@pytest.mark.parametrize("train", TRAINERS)
def test_the_same_seed_gives_the_same_run_and_another_seed_another(train):
    first, again, other = (train(TaskFamily(D), "uniform", steps=4, seed=seed, **SMALL) for seed in (1, 1, 2))
    assert_same_run(first, again)
    assert not np.array_equal(first.weights, other.weights)
    assert not np.array_equal(first.history["loss"], other.history["loss"])


@pytest.mark.parametrize("train", TRAINERS)
def test_the_global_random_state_plays_no_part(train):
    np.random.seed(0)  # noqa: NPY002
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    first = train(TaskFamily(D), "uniform", steps=2, **SMALL)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    assert_same_run(first, train(TaskFamily(D), "uniform", steps=2, **SMALL))


def toy(loss=1.0):
    """An update that adds 1 to every weight, with tasks to look at when it diverges."""
    tasks = TaskFamily(3).sample(2, 4, np.random.default_rng(0))
    losses = iter(loss) if np.iterable(loss) else None
    return lambda weights: (next(losses) if losses else loss, weights + 1, tasks)


def run_toy(steps, update=None, callback=None, every=10):
    config = {"steps": steps, "inner_rate": 0.5}
    return run_training("toy", update or toy(), np.zeros(3), TaskFamily(3), config, callback, every)


@pytest.mark.parametrize("steps", [1, 2, 99, 100, 101, 250, 1000])
def test_the_history_has_every_loss_and_about_100_snapshots_with_start_and_end(steps):
    run = run_toy(steps)
    taken = run.history["step"]
    assert run.history["loss"].shape == (steps,)
    assert taken[0] == 0
    assert taken[-1] == steps
    assert (np.diff(taken) > 0).all()
    assert min(steps, SNAPSHOTS) + 1 <= len(taken) <= 2 * SNAPSHOTS
    np.testing.assert_array_equal(run.history["weights"], np.repeat(taken[:, None], 3, axis=1))
    np.testing.assert_array_equal(run.weights, [steps] * 3)
    assert run.status == "finished"


def test_snapshots_are_evenly_spaced():
    assert run_toy(1000).history["step"].tolist() == list(range(0, 1001, 10))
    assert run_toy(5).history["step"].tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(("every", "called_at"), [(1, [1, 2, 3, 4, 5, 6, 7]), (3, [3, 6]), (7, [7]), (8, [])])
def test_the_callback_is_called_every_so_many_steps_with_what_there_is(every, called_at):
    seen = []
    run_toy(7, toy(range(1, 8)), lambda *told: seen.append(told), every)
    assert [step for step, _, _ in seen] == called_at
    assert [loss for _, loss, _ in seen] == called_at
    for step, _, weights in seen:
        assert weights.tolist() == [step] * 3


def test_the_callback_is_called_every_10_steps_unless_told():
    for train in TRAINERS:
        seen = []
        train(TaskFamily(D), steps=25, callback=lambda step, loss, weights, seen=seen: seen.append(step), **SMALL)
        assert seen == [10, 20]


@pytest.mark.parametrize("train", TRAINERS)
def test_a_callback_that_returns_true_stops_the_run_and_what_there_is_comes_back(train):
    run = train(TaskFamily(D), steps=50, callback=lambda step, loss, weights: step == 6, callback_every=3, **SMALL)
    assert run.status == "stopped at step 6"
    assert run.history["loss"].shape == (6,)
    assert run.history["step"][-1] == 6
    np.testing.assert_array_equal(run.history["weights"][-1], run.weights)


def interrupt(step, loss, weights):
    raise KeyboardInterrupt


@pytest.mark.parametrize("train", TRAINERS)
def test_ctrl_c_ends_a_run_and_what_there_is_comes_back(train):
    run = train(TaskFamily(D), steps=500, callback=interrupt, callback_every=4, **SMALL)
    stopped = train(TaskFamily(D), steps=500, callback=lambda *told: True, callback_every=4, **SMALL)
    assert run.status == "interrupted at step 4"
    assert run.history["step"].tolist() == [0, 4]
    np.testing.assert_array_equal(run.weights, stopped.weights)
    np.testing.assert_array_equal(run.history["loss"], stopped.history["loss"])


def test_a_run_that_is_interrupted_before_its_first_step_is_its_start():
    def update(weights):
        raise KeyboardInterrupt

    run = run_toy(5, update)
    assert run.status == "interrupted at step 0"
    assert run.history["loss"].shape == (0,)
    assert run.history["step"].tolist() == [0]
    assert run.weights.tolist() == [0, 0, 0]


def test_interruption_at_a_snapshot_adds_no_second_one():
    run = run_toy(5, callback=interrupt, every=2)
    assert run.history["step"].tolist() == [0, 1, 2]


def zero_loss():
    """What predicting 0 costs on the toy's tasks: their mean squared norm, which is above that of the labels."""
    tasks = toy()(np.zeros(3))[2]
    loss = np.mean(np.sum(tasks.effective**2, axis=1))
    assert loss > 1.1 * np.mean(tasks.labels**2)
    return loss


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1001 * zero_loss()])
def test_a_loss_that_explodes_stops_the_run_before_it_moves_the_weights(bad):
    run = run_toy(5, toy([10.0, 2.0, bad, 1.0, 1.0]))
    tasks = toy()(np.zeros(3))[2]
    stable = largest_stable_rate(tasks.features, np.full(3, 2.0)).min()
    assert run.status.startswith("diverged at step 3: inner rate 0.5, stable below ")
    assert f"stable below {stable:.3g} " in run.status
    assert run.weights.tolist() == [2, 2, 2]
    assert run.history["loss"].tolist() == [10, 2] + [bad] * math.isfinite(bad)
    assert run.history["step"].tolist() == [0, 1, 2]
    assert run.history["weights"].tolist() == [[0] * 3, [1] * 3, [2] * 3]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_first_loss_that_is_not_finite_stops_the_run(bad):
    run = run_toy(5, toy([bad, 1.0, 1.0, 1.0, 1.0]))
    assert run.status.startswith("diverged at step 1: ")
    assert run.weights.tolist() == [0, 0, 0]


def test_a_loss_of_a_thousand_times_that_of_predicting_0_is_still_borne():
    assert run_toy(3, toy([1.0, 1000 * zero_loss(), 1.0])).status == "finished"


def test_labels_that_are_larger_than_their_coefficients_say_count_too():
    tasks = toy()(np.zeros(3))[2]._replace(effective=np.zeros((2, 3)))
    largest = 1000 * np.mean(tasks.labels**2)
    for loss, status in ((0.99 * largest, "finished"), (1.01 * largest, "diverged at step 1")):
        run = run_toy(1, lambda weights, loss=loss: (loss, weights, tasks))
        assert run.status.startswith(status)


def test_a_run_that_starts_at_the_solution_is_no_divergence_when_its_tiny_loss_grows():
    assert run_toy(3, toy([0.0, 1e-20, 1e-9])).status == "finished"
    assert run_toy(3, toy([1e-30, 1e-20, 1e-9])).status == "finished"


def test_weights_that_are_no_longer_finite_stop_the_run():
    tasks = toy()(np.zeros(3))[2]
    run = run_toy(5, lambda weights: (1.0, weights + np.array([0, np.inf, 0]), tasks))
    assert run.status.startswith("diverged at step 1")
    assert run.weights.tolist() == [0, 0, 0]


def test_a_gradient_that_is_not_finite_stops_the_run_without_a_warning():
    run = train_maml(TaskFamily(D), steps=3, gradient=lambda weights, *others: (1.0, np.inf * weights), **SMALL)
    assert run.status.startswith("diverged at step 1: ")
    assert run.weights.tolist() == [1] * D


@pytest.mark.parametrize("train", TRAINERS)
def test_a_rate_far_above_the_stable_one_diverges_and_the_message_names_one_that_is_not(train):
    run = train(TaskFamily(D), steps=40, inner_rate=50.0, inner_steps=30, **SMALL)
    assert run.status.startswith("diverged at step ")
    stable = float(run.status.split("stable below ")[1].split()[0])
    assert 0 < stable < 50
    assert np.isfinite(run.weights).all()
    assert not np.isnan(run.history["loss"]).any()
    retry = train(TaskFamily(D), steps=40, inner_rate=stable / 4, inner_steps=30, **SMALL)
    assert retry.status == "finished"


def test_the_run_says_which_versions_it_was_made_with():
    assert run_toy(1).versions == {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "fourier_meta": fourier_meta.__version__,
    }


# On disk


@pytest.fixture
def run():
    return train_maml(TaskFamily(D), "uniform", steps=3, **SMALL)


@pytest.mark.parametrize("name", ["run", "run.json", "run.npz", "rate_0.02", "rate_0.02.json", "läuft"])
def test_saving_and_loading_a_run_is_the_identity(run, tmp_path, name):
    run.save(tmp_path / name)
    assert_same_run(load_run(tmp_path / name), run)
    run.save(str(tmp_path / name))
    assert_same_run(load_run(str(tmp_path / name)), run)


def test_names_that_differ_only_after_a_dot_are_different_runs(run, tmp_path):
    other = train_maml(TaskFamily(D), steps=2, **SMALL)
    run.save(tmp_path / "rate_0.02")
    other.save(tmp_path / "rate_0.05")
    assert_same_run(load_run(tmp_path / "rate_0.02"), run)
    assert_same_run(load_run(tmp_path / "rate_0.05"), other)


@pytest.mark.parametrize("name", ["run", "run.json", "run.npz"])
def test_a_saved_run_is_one_readable_json_and_one_npz_without_pickle(run, tmp_path, name):
    run.save(tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.json", "run.npz"]
    text = (tmp_path / "run.json").read_text(encoding="utf-8")
    assert text.endswith("}\n")
    assert '\n "config": {\n  "n_features": 9,' in text, "a line for each entry, indented"
    record = json.loads(text)
    assert record["config"]["n_features"] == D
    assert record["status"] == "finished"
    assert record["method"] == "maml_gradient"
    with np.load(tmp_path / "run.npz", allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["weights"], run.weights)
        np.testing.assert_array_equal(arrays["history.loss"], run.history["loss"])


def test_numpy_numbers_in_the_arguments_can_be_saved(tmp_path):
    family = TaskFamily(np.int64(D), tuple(np.arange(2)), np.float32(0.5))
    numbers = {"steps": np.int32(2), "n_tasks": np.int64(2), "n_points": np.uint8(4), "seed": np.int64(1)}
    for train, extra in (
        (train_maml, {"n_validation": np.int64(3), "outer_rate": np.float32(0.1)}),
        (train_reptile, {"step_size": np.float32(0.5)}),
    ):
        run = train(family, **numbers, **extra, inner_steps=np.int64(2), inner_rate=np.float32(0.03))
        run.save(tmp_path / "run")
        assert_same_run(load_run(tmp_path / "run"), run)


def test_a_save_that_fails_halfway_leaves_the_old_run_and_no_other_file(run, tmp_path, monkeypatch):
    run.save(tmp_path / "run")

    def write_some(file, **arrays):
        file.write(b"half a file")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", write_some)
    other = train_maml(TaskFamily(D), steps=2, **SMALL)
    with pytest.raises(KeyboardInterrupt):
        other.save(tmp_path / "run")
    monkeypatch.undo()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.json", "run.npz"]
    assert_same_run(load_run(tmp_path / "run"), run)


def test_a_save_that_is_interrupted_before_it_renames_leaves_no_file(run, tmp_path, monkeypatch):
    def interrupt(*paths):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run.save(tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_a_record_beside_the_arrays_of_another_run_is_refused(run, tmp_path, monkeypatch):
    """Interrupted between its two files, a save must not pass for a run."""
    run.save(tmp_path / "run")
    other = train_maml(TaskFamily(D), steps=2, **SMALL)
    other.save(tmp_path / "other")
    os.replace(tmp_path / "other.npz", tmp_path / "run.npz")
    with pytest.raises(ValueError, match=r"run\.npz does not belong to .*run\.json"):
        load_run(tmp_path / "run")


def test_a_run_that_would_run_code_is_refused(run, tmp_path):
    run.save(tmp_path / "run")
    np.savez(tmp_path / "run.npz", weights=np.array([{}], dtype=object), initial_weights=np.ones(1))
    record = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    record["arrays"] = hashlib.sha256((tmp_path / "run.npz").read_bytes()).hexdigest()
    (tmp_path / "run.json").write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(ValueError, match="Object arrays cannot be loaded"):
        load_run(tmp_path / "run")


def test_a_file_that_cannot_be_written_is_named_with_a_remedy(run, tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "nowhere" / "run", tmp_path / "file" / "run"):
        with pytest.raises(ValueError, match=r"path .*run.* cannot be written .*; pass a path in a folder that"):
            run.save(path)


def test_a_run_that_is_not_there_or_is_broken_is_named_with_a_remedy(run, tmp_path):
    with pytest.raises(ValueError, match=r"path .*nothing.*; pass a path that Run.save wrote"):
        load_run(tmp_path / "nothing")
    run.save(tmp_path / "run")
    whole = (tmp_path / "run.npz").read_bytes(), (tmp_path / "run.json").read_text(encoding="utf-8")
    for damage in (
        lambda: (tmp_path / "run.npz").write_bytes(whole[0][:-100]),
        lambda: (tmp_path / "run.npz").unlink(),
        lambda: (tmp_path / "run.json").write_text("{}", encoding="utf-8"),
        lambda: (tmp_path / "run.json").write_text("[1]", encoding="utf-8"),
        lambda: (tmp_path / "run.json").write_text(whole[1][:-5], encoding="utf-8"),
    ):
        damage()
        with pytest.raises(ValueError, match=r"(pass a path that Run.save wrote|save the run again)"):
            load_run(tmp_path / "run")
        (tmp_path / "run.npz").write_bytes(whole[0])
        (tmp_path / "run.json").write_text(whole[1], encoding="utf-8")
    assert_same_run(load_run(tmp_path / "run"), run)
