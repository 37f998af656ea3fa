"""What both training loops share: starts, outer optimisers, the one loop, what stops it, records on disk."""

import hashlib
import inspect
import itertools
import json
import math
import os
import pickle
import platform
import signal
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

import fourier_meta
from fourier_meta import (
    Adam,
    Descent,
    Interpolate,
    TaskFamily,
    few_steps,
    fomaml_gradient,
    interrupted_run,
    joint_descent,
    load_run,
    maml_gradient,
    maml_steps,
    reptile_steps,
    ridge_gradient,
    train_maml,
    train_reptile,
)
from fourier_meta.training import SNAPSHOTS, initial_weights

D = 9
SMALL = {"n_tasks": 2, "n_points": 4}
TRAINERS = [train_maml, train_reptile]
LOOPS = [maml_steps, reptile_steps]


# The settings of the book, which nobody has to write

INNER = {"inner_steps": 5, "inner_rate": 0.02}
LOOP = {"weights": "ones", "steps": 1000, "n_tasks": 15, "n_points": 64, "seed": 0, "resume": None, **INNER}
DEFAULTS = {
    few_steps: INNER,
    joint_descent: {"inner_steps": 20, "inner_rate": 0.02},
    maml_gradient: {**INNER, "start": None},
    fomaml_gradient: {**INNER, "start": None},
    maml_steps: LOOP | {"n_validation": 64, "outer": Adam(0.05), "gradient": maml_gradient, "learn_start": False},
    train_maml: {"weights": "ones"},
    reptile_steps: LOOP | {"inner_steps": 20, "outer": Interpolate(0.5)},
    train_reptile: {"weights": "ones"},
}


@pytest.mark.parametrize("function", DEFAULTS, ids=lambda function: function.__name__)
def test_the_defaults_are_those_of_the_book(function):
    parameters = inspect.signature(function).parameters.values()
    given = {parameter.name: parameter.default for parameter in parameters}
    assert {name: value for name, value in given.items() if value is not inspect.Parameter.empty} == DEFAULTS[function]


# Starts


def test_weights_start_from_a_name_from_one_number_or_from_a_copy_of_an_array():
    rng = np.random.default_rng(0)
    for name, first in {"ones": 1, 0.001: 0.001, np.float32(2): 2}.items():
        initial, told = initial_weights(name, 4, rng)
        assert initial.tolist() == [first] * 4
        assert told == name
    np.testing.assert_array_equal(initial_weights("uniform", 4, rng)[0], np.random.default_rng(0).random(4))
    given = np.array([1, 2, 3, 4], np.float32)
    copy, told = initial_weights(given, 4, rng)
    assert told == [1, 2, 3, 4]
    assert copy.dtype == np.float64
    np.testing.assert_array_equal(copy, given)
    for shape in ((3,), (1, 4), (4, 1)):
        with pytest.raises(ValueError, match=r"weights must have shape \(4,\)"):
            initial_weights(np.ones(shape), 4, rng)
    given64 = np.arange(4.0)
    initial_weights(given64, 4, rng)[0][0] = 9
    assert given64[0] == 0


@pytest.mark.parametrize("train", TRAINERS)
def test_training_from_an_array_starts_there_and_leaves_it_alone(train):
    start = np.linspace(0.5, 1.5, D)
    run = train(TaskFamily(D), start, steps=3, **SMALL)
    np.testing.assert_array_equal(start, np.linspace(0.5, 1.5, D))
    np.testing.assert_array_equal(run.initial_weights, start)
    np.testing.assert_array_equal(run.history["weights"][0], start)
    assert not np.array_equal(run.weights, start)


# Outer optimisers


def moved(outer, start, slopes):
    """Where an outer optimiser goes, step by step."""
    weights, state, places = start, None, []
    for step, slope in enumerate(slopes):
        weights, state = outer(weights, slope, state, step / len(slopes))
        places.append(weights)
    return np.array(places)


def slopes_and_start():
    rng = np.random.default_rng(0)
    return rng.standard_normal((12, 5)) * np.logspace(-6, 2, 5), rng.standard_normal(5)


def test_adam_is_torchs_adam_with_a_cosine():
    slopes, start = slopes_and_start()
    parameter = torch.nn.Parameter(torch.tensor(start))
    optimizer = torch.optim.Adam([parameter], lr=0.3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=12)
    expected = []
    for slope in slopes:
        parameter.grad = torch.tensor(slope)
        optimizer.step()
        schedule.step()
        expected.append(parameter.detach().numpy().copy())
    np.testing.assert_allclose(moved(Adam(0.3), start, slopes), expected, rtol=1e-10)


def test_adams_first_step_has_the_size_of_the_rate_whatever_the_slope():
    (place,) = moved(Adam(0.3), np.zeros(3), [np.array([1e-3, -50.0, 0.0])])
    np.testing.assert_allclose(place, [-0.3, 0.3, 0], rtol=1e-4)


def test_descent_moves_the_largest_coordinate_by_the_rate_and_all_others_in_proportion():
    (place,) = moved(Descent(0.3), np.zeros(3), [np.array([2.0, -8.0, 1e-6])])
    np.testing.assert_allclose(place, [-0.075, 0.3, -0.0375e-6], rtol=1e-12)


def test_descent_averages_with_its_momentum_before_it_scales_and_its_rate_falls_along_a_cosine():
    slopes, start = slopes_and_start()
    mean, weights, expected = np.zeros(5), start, []
    for step, slope in enumerate(slopes):
        mean = 0.8 * mean + 0.2 * slope
        weights = weights - 0.3 * (1 + math.cos(math.pi * step / 12)) / 2 * mean / np.abs(mean).max()
        expected.append(weights)
    np.testing.assert_allclose(moved(Descent(0.3, momentum=0.8), start, slopes), expected, rtol=1e-12)
    assert moved(Descent(0.3), start, np.zeros((2, 5))).tolist() == [start.tolist()] * 2, "no slope, no step"


def test_interpolate_takes_plain_steps_whose_rate_falls_along_a_line():
    np.testing.assert_allclose(
        moved(Interpolate(0.5), np.zeros(1), np.ones((4, 1)))[:, 0], [-0.5, -0.875, -1.125, -1.25]
    )


def test_an_outer_optimiser_is_any_function_with_a_name():
    run = train_maml(TaskFamily(D), steps=3, outer=add_one, **SMALL)
    np.testing.assert_array_equal(run.weights, np.full(D, 4.0))
    assert run.config["outer"].endswith("test_training.add_one")
    with pytest.raises(ValueError, match="outer must be something that a record can name"):
        train_maml(TaskFamily(D), steps=3, outer=lambda *told: told[0], **SMALL)


# The loop: toy runs count their steps with their weights


def add_one(parameters, gradient, state, progress):
    return parameters + 1, state


def told_loss(weights, train, validation, inner_steps, inner_rate, losses=(1.0,)):
    """The losses in turn, each as often as there are no more; the gradient is 1."""
    return losses[min(int(weights[0]), len(losses) - 1)], np.ones(len(weights))


def run_toy(steps, losses=(1.0,), outer=add_one):
    gradient = partial(told_loss, losses=losses)
    sizes = {"steps": steps, "n_tasks": 2, "n_points": 4, "n_validation": 0}
    return train_maml(TaskFamily(3), 0, gradient=gradient, outer=outer, **sizes)


@pytest.mark.parametrize("train", TRAINERS)
def test_the_same_seed_gives_the_same_run_and_another_seed_another(train):
    first, again, other = (train(TaskFamily(D), "uniform", steps=4, seed=seed, **SMALL) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert not np.array_equal(first.weights, other.weights)
    assert not np.array_equal(first.losses, other.losses)


@pytest.mark.parametrize("train", TRAINERS)
def test_the_global_random_state_plays_no_part(train):
    np.random.seed(0)  # noqa: NPY002
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    first = train(TaskFamily(D), "uniform", steps=2, **SMALL)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    assert first == train(TaskFamily(D), "uniform", steps=2, **SMALL)


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


@pytest.mark.parametrize("steps_of", LOOPS)
def test_the_loop_yields_a_run_after_every_step_and_the_last_one_is_what_training_returns(steps_of):
    runs = list(steps_of(TaskFamily(D), steps=5, **SMALL))
    assert [run.step for run in runs] == [1, 2, 3, 4, 5]
    assert [run.status for run in runs] == [*(f"stopped at step {step}" for step in (1, 2, 3, 4)), "finished"]
    train = train_maml if steps_of is maml_steps else train_reptile
    assert runs[-1] == train(TaskFamily(D), steps=5, **SMALL)
    for run in runs:
        np.testing.assert_array_equal(run.losses, runs[-1].losses[: run.step])
        np.testing.assert_array_equal(run.weights, runs[-1].history["weights"][run.step])


@pytest.mark.parametrize("steps_of", LOOPS)
def test_leaving_the_loop_stops_it_and_what_a_reader_does_with_a_run_changes_nothing(steps_of):
    whole = list(steps_of(TaskFamily(D), steps=6, **SMALL))
    for run in steps_of(TaskFamily(D), steps=6, **SMALL):
        for array in (run.weights, run.start, run.initial_weights, run.losses, run.snapshots[0][1]):
            if run.step < 6:
                array[...] = 99  # in place: must not reach the training
    np.testing.assert_array_equal(run.weights, whole[-1].weights)
    *_, left = itertools.islice(steps_of(TaskFamily(D), steps=6, **SMALL), 3)
    assert left == whole[2]


def scribble(weights, train, validation, inner_steps, inner_rate):
    """A gradient function that spoils its argument."""
    result = maml_gradient(weights, train, validation, inner_steps, inner_rate)
    weights[...] = 99
    return result


def test_a_gradient_function_that_changes_its_argument_does_not_change_the_training():
    run = train_maml(TaskFamily(D), steps=3, gradient=scribble, **SMALL)
    np.testing.assert_array_equal(run.weights, train_maml(TaskFamily(D), steps=3, **SMALL).weights)
    np.testing.assert_array_equal(run.initial_weights, np.ones(D))


def test_a_batch_that_is_kept_stays_what_it_was():
    rng = np.random.default_rng(0)
    first = TaskFamily(D).sample(3, 4, rng)
    kept = first.features.copy(), first.labels.copy()
    TaskFamily(D).sample(3, 4, rng).features.sum()
    np.testing.assert_array_equal(first.features, kept[0])
    np.testing.assert_array_equal(first.labels, kept[1])


# Interrupts: a real Ctrl-C in another process is in test_interruption


def interrupting(weights, train, validation, inner_steps, inner_rate):
    if weights[0] == 4:
        os.kill(os.getpid(), signal.SIGINT)
    return told_loss(weights, train, validation, inner_steps, inner_rate)


def test_an_interrupt_goes_through_says_where_and_leaves_what_there_is():
    settings = {"steps": 20, "gradient": interrupting, "outer": add_one, **SMALL}
    with pytest.raises(KeyboardInterrupt, match=r"at step 4 of 20; run = interrupted_run\(\) has what there is"):
        train_maml(TaskFamily(3), 0, **settings)
    run = interrupted_run()
    assert run.status == "interrupted at step 4"
    assert run.weights.tolist() == [4, 4, 4]
    assert run.losses.tolist() == [1] * 4


def test_before_any_interrupt_there_is_no_run_and_that_is_said(monkeypatch):
    monkeypatch.setattr("fourier_meta.training._interrupted", [])
    with pytest.raises(ValueError, match="no training has been interrupted"):
        interrupted_run()


# What stops a run


def zero_loss():
    """What predicting 0 costs on the toy's first tasks."""
    tasks = TaskFamily(3).sample(2, 4, np.random.default_rng(0))
    return tasks.zero_loss


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e9])
def test_a_loss_that_explodes_stops_the_run_before_it_moves_the_weights(bad):
    run = run_toy(5, (10.0, 2.0, bad, 1.0, 1.0))
    assert run.status.startswith("diverged at step 3: ")
    assert run.weights.tolist() == [2, 2, 2]
    assert run.losses[:2].tolist() == [10, 2]
    assert run.history["weights"].tolist()[:3] == [[0] * 3, [1] * 3, [2] * 3]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_first_loss_that_is_not_finite_stops_the_run(bad):
    run = run_toy(5, (bad,))
    assert run.status.startswith("diverged at step 1: ")
    assert run.weights.tolist() == [0, 0, 0]


def test_the_limit_is_a_thousand_times_what_predicting_0_costs_by_coefficients_or_labels():
    limit = 1000 * zero_loss()
    assert run_toy(1, (0.999 * limit,)).status == "finished"
    assert run_toy(1, (1.001 * limit,)).status.startswith("diverged at step 1")
    family = TaskFamily(3, noise=100.0)
    assert family.sample(2, 4, np.random.default_rng(0)).zero_loss > 100, "noisy labels count, too"


def test_a_run_that_starts_at_the_solution_is_no_divergence_when_its_tiny_loss_grows():
    assert run_toy(3, (0.0, 1e-20, 1e-9)).status == "finished"
    assert run_toy(3, (1e-30, 1e-20, 1e-9)).status == "finished"


def to_infinity(parameters, gradient, state, progress):
    return parameters + np.array([0, np.inf, 0]), state


def test_weights_that_are_no_longer_finite_stop_the_run():
    run = run_toy(5, outer=to_infinity)
    assert run.status.startswith("diverged at step 1")
    assert run.weights.tolist() == [0, 0, 0]


def infinite_gradient(weights, train, validation, inner_steps, inner_rate):
    return 1.0, np.inf * weights


def test_a_gradient_that_is_not_finite_stops_the_run_without_a_warning():
    run = train_maml(TaskFamily(D), steps=3, gradient=infinite_gradient, **SMALL)
    assert run.status.startswith("diverged at step 1: ")
    assert run.weights.tolist() == [1] * D


@pytest.mark.parametrize(("rate", "inner_steps"), [(50.0, 30), (1e3, 500)])  # the loss explodes, numbers overflow
@pytest.mark.parametrize("train", TRAINERS)
def test_a_rate_far_above_the_stable_one_diverges_and_the_message_names_one_that_is_not(train, rate, inner_steps):
    settings = {"steps": 40, "inner_steps": inner_steps, **SMALL}
    run = train(TaskFamily(D), inner_rate=rate, **settings)
    assert run.status.startswith(f"diverged at step 1: inner rate {rate:.3g}, stable below ")
    stable = float(run.status.split("stable below ")[1].split()[0])
    assert 0 < stable < 50
    assert run.weights.tolist() == [1] * D
    assert run == train(TaskFamily(D), inner_rate=rate, **settings), "to the last byte"
    retry = train(TaskFamily(D), inner_rate=stable / 4, **settings)
    assert retry.status == "finished"


@pytest.mark.parametrize("train", TRAINERS)
def test_weights_that_grew_are_to_blame_and_not_a_rate_that_was_stable(train):
    settings = {"steps": 400, "n_tasks": 4, "n_points": 8}
    run = train(TaskFamily(D), outer=far_away, **settings)
    assert run.status.startswith("diverged at step ")
    assert "weights have grown from 1 to " in run.status
    stable = float(run.status.split("stable below ")[1].split()[0])
    assert stable > 0.02, "it is named for the weights of the start, not for those that exploded"


def far_away(parameters, gradient, state, progress):
    return 200 * parameters, state


def test_a_run_that_cannot_move_says_so_and_why():
    run = train_maml(TaskFamily(D), 0, steps=5, **SMALL)
    assert run.status == "stuck at step 1"
    assert "every gradient is exactly 0, as from weights 0" in run.advice
    assert "stuck at step 1; every gradient" in repr(run)


def test_a_run_that_selects_nothing_says_so():
    run = train_maml(TaskFamily(33), 3.0, steps=30, n_tasks=4, n_points=16)
    assert run.status == "finished"
    assert "nothing was selected: the true features' share of the squared weights went from 0.091 to " in run.advice
    assert not train_maml(TaskFamily(D), steps=100, n_tasks=8, n_points=16).advice


def test_the_run_says_which_versions_it_was_made_with():
    assert run_toy(1).versions == {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "fourier_meta": fourier_meta.__version__,
    }


# Going on


@pytest.mark.parametrize(
    ("train", "steps_of", "extra"),
    [
        (train_maml, maml_steps, {}),
        (train_maml, maml_steps, {"outer": Descent(0.05), "learn_start": True}),
        (train_reptile, reptile_steps, {}),
    ],
)
@pytest.mark.parametrize("cut", [1, 4, 9])
def test_a_run_that_goes_on_has_the_bytes_of_one_that_was_never_interrupted(train, steps_of, extra, cut, tmp_path):
    settings = {"weights": "uniform", "steps": 10, **SMALL, **extra}
    whole = train(TaskFamily(D), **settings)
    part = next(itertools.islice(steps_of(TaskFamily(D), **settings), cut - 1, None))
    assert train(TaskFamily(D), **settings, resume=part) == whole
    part.save(tmp_path / "part")
    again = train(TaskFamily(D), **settings, resume=load_run(tmp_path / "part"))
    assert again == whole
    assert again.weights.tobytes() == whole.weights.tobytes()
    assert pickle.loads(pickle.dumps(part)) == part  # noqa: S301 - it crosses process pools


def test_a_finished_run_that_is_resumed_is_itself():
    run = train_maml(TaskFamily(D), steps=3, **SMALL)
    assert train_maml(TaskFamily(D), steps=3, **SMALL, resume=run) == run


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"steps": 6}, "steps 5"),
        ({"inner_rate": 0.03}, "inner_rate 0.02"),
        ({"outer": Descent()}, "outer"),
        ({"seed": 1}, "seed"),
    ],
)
def test_a_run_of_other_settings_is_not_continued(changed, named):
    run = next(maml_steps(TaskFamily(D), steps=5, **SMALL))
    with pytest.raises(ValueError, match=rf"resume has {named}.* is asked; pass the same"):
        train_maml(TaskFamily(D), **{"steps": 5, **SMALL, **changed}, resume=run)
    with pytest.raises(ValueError, match="resume has method"):
        train_reptile(TaskFamily(D), steps=5, **SMALL, resume=run)


def test_a_run_that_diverged_is_not_continued():
    settings = {"steps": 5, "inner_rate": 1e3, "inner_steps": 500, **SMALL}
    run = train_maml(TaskFamily(D), **settings)
    with pytest.raises(ValueError, match=r"resume has diverged at step .*start anew"):
        train_maml(TaskFamily(D), **settings, resume=run)


# The record


def test_a_run_is_shown_in_a_line_and_compared_as_a_whole():
    run = run_toy(3)
    assert repr(run) == "Run(maml, finished; 3 weights, loss 1)"
    assert run == run_toy(3)
    assert run != run_toy(4)
    assert run != 3
    with pytest.raises(TypeError, match="unhashable"):
        hash(run)


@pytest.mark.parametrize(
    ("train", "outer", "own"), [(train_maml, Adam(0.2), {"n_validation": 5}), (train_reptile, Interpolate(0.3), {})]
)
def test_a_run_remembers_every_argument(train, outer, own):
    family = TaskFamily(D, (1, 3), 0.25, "jittered")
    arguments = {"steps": 2, "n_tasks": 3, "n_points": 4, "inner_steps": 1, "inner_rate": 0.01, "seed": 7} | own
    run = train(family, **arguments, outer=outer)
    told = arguments | {"n_features": D, "support": [1, 3], "noise": 0.25, "design": "jittered", "weights": "ones"}
    told["outer"] = {type(outer).__name__: {"rate": outer.rate}}
    assert {name: run.config[name] for name in told} == told


def test_the_arguments_of_a_partial_are_in_the_record():
    gradient = partial(ridge_gradient, penalty=0.25)
    run = train_maml(TaskFamily(D), steps=1, gradient=gradient, **SMALL)
    assert run.config["gradient"]["keywords"] == {"penalty": 0.25}
    assert "ridge_gradient" in run.config["gradient"]["partial"]


# On disk


@pytest.fixture
def run():
    return train_maml(TaskFamily(D), "uniform", steps=3, **SMALL)


@pytest.mark.parametrize("name", ["run", "run.json", "run.npz", "rate_0.02", "rate_0.02.json", "läuft"])
def test_saving_and_loading_a_run_is_the_identity(run, tmp_path, name):
    run.save(tmp_path / name)
    assert load_run(tmp_path / name) == run
    run.save(str(tmp_path / name))
    assert load_run(str(tmp_path / name)) == run


def test_names_that_differ_only_after_a_dot_are_different_runs(run, tmp_path):
    other = train_maml(TaskFamily(D), steps=2, **SMALL)
    run.save(tmp_path / "rate_0.02")
    other.save(tmp_path / "rate_0.05")
    assert load_run(tmp_path / "rate_0.02") == run
    assert load_run(tmp_path / "rate_0.05") == other


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
    assert record["method"] == "maml"
    with np.load(tmp_path / "run.npz", allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["weights"], run.weights)
        np.testing.assert_array_equal(arrays["losses"], run.losses)


def test_numpy_numbers_in_the_arguments_can_be_saved(tmp_path):
    family = TaskFamily(np.int64(D), tuple(np.arange(2)), np.float32(0.5))
    numbers = {"steps": np.int32(2), "n_tasks": np.int64(2), "n_points": np.uint8(4), "seed": np.int64(1)}
    for train, extra in (
        (train_maml, {"n_validation": np.int64(3), "outer": Adam(np.float32(0.1))}),
        (train_reptile, {"outer": Interpolate(np.float32(0.5))}),
    ):
        run = train(family, **numbers, **extra, inner_steps=np.int64(2), inner_rate=np.float32(0.03))
        run.save(tmp_path / "run")
        assert load_run(tmp_path / "run") == run


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
    assert load_run(tmp_path / "run") == run


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
    with pytest.raises(ValueError, match=r"run\.npz belongs to another record"):
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
    with pytest.raises(ValueError, match=r"path .*run.* cannot be written .*; pass a path in a folder that"):
        run.save(tmp_path / "file" / "run")
    run.save(tmp_path / "new" / "folder" / "run")
    assert load_run(tmp_path / "new" / "folder" / "run") == run


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
        with pytest.raises(ValueError, match=r"pass a path that Run.save wrote"):
            load_run(tmp_path / "run")
        (tmp_path / "run.npz").write_bytes(whole[0])
        (tmp_path / "run.json").write_text(whole[1], encoding="utf-8")
    assert load_run(tmp_path / "run") == run
