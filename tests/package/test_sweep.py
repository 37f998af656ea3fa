"""A sweep gives the same results wherever it runs, loses none when a worker is killed, and repeats none."""

import dataclasses
import importlib
import json
import linecache
import math
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import warnings
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pytest

from fourier_meta import TaskFamily, few_shot_risk, maml_gradient, min_norm, ridge, train_maml
from fourier_meta import sweep as sweep_module
from fourier_meta.sweep import Cell, Table, load_table, sweep

GRID = {"a": [1, 2, 3], "b": ["x", "y"]}


def describe(a, b, seed):
    return {"text": f"{a}{b}", "number": np.random.default_rng(seed).random(), "array": np.arange(a) / 3}


def learn(n_features, steps, seed):
    """A real cell: what a few steps of MAML make of the weights."""
    run = train_maml(TaskFamily(n_features), steps=steps, n_tasks=4, n_points=32, n_validation=32, seed=seed)
    return {"weights": run.weights, "loss": run.history["loss"][-1]}


def fail_on_two(a, seed):
    if a == 2:
        raise ArithmeticError("two is not allowed")
    return a


def seed_and_one(seed):
    return seed + 1


def nothing_to_store(seed):
    return object()


def not_a_number(seed):
    return [math.nan, math.inf]


def noise(family, seed):
    return family.noise


def features(family, seed):
    return family.n_features


CALLS, FAILING = [], set()  # of the next function


def seventh(a, seed):
    CALLS.append((a, seed))
    if a in FAILING:
        raise ArithmeticError
    return a / 7


def scaled(a, seed, scale=1):
    return a * scale


class Scale:
    def __init__(self, scale):
        self.scale = scale

    def of(self, a, seed):
        return a * self.scale

    def __call__(self, a, seed):
        return a * self.scale


def test_what_cannot_be_told_apart_is_refused_and_a_partials_arguments_tell_it_apart(tmp_path):
    """With one folder for scale 1 and scale 100, the second must never get the first one's results."""
    for scale in (1, 100):
        cells = sweep(partial(scaled, scale=scale), {"a": [1, 2]}, folder=tmp_path, progress=False)
        assert [cell.result for cell in cells] == [scale, 2 * scale]

    def closure(a, seed):
        return a * scale

    for function in (closure, lambda a, seed: a, Scale(1), Scale(1).of, partial(closure)):
        with pytest.raises(ValueError, match="function must be something that a record can name"):
            sweep(function, {"a": [1]}, folder=tmp_path, progress=False)


def test_a_solver_and_a_family_are_values_of_a_grid(tmp_path):
    grid = {"solve": [min_norm, partial(ridge, penalty=0.1)], "family": [TaskFamily(9)]}
    first = sweep(median_risk, grid, (0, 1), folder=tmp_path, progress=False)
    assert len({cell.result for cell in first}) == 4
    with joblib.parallel_config(backend="loky", n_jobs=2):
        assert sweep(median_risk, grid, (0, 1), progress=False) == first


def median_risk(solve, family, seed):
    return float(np.median(few_shot_risk(family, 4, solve, seed=seed)))


def diverge(seed):
    tasks = TaskFamily(9).sample(2, 4, np.random.default_rng(seed))
    maml_gradient(np.ones(9), tasks, tasks, 500, 1e3)


@pytest.mark.parametrize("backend", ["loky", "multiprocessing"])
def test_a_divergence_crosses_process_pools(backend):
    with joblib.parallel_config(backend=backend, n_jobs=2):
        cells = sweep(diverge, {}, (0, 1), progress=False)
    assert all("the inner loop diverges: inner rate 1e+03, stable below" in cell.error for cell in cells)


def test_only_code_that_matters_is_in_the_key(tmp_path, monkeypatch):
    """A docstring or a comment that changes runs nothing again; a formula does."""
    module = tmp_path / "swept.py"
    monkeypatch.syspath_prepend(str(tmp_path))

    def files_after(source):
        module.write_text(source)
        sys.modules.pop("swept", None)
        importlib.invalidate_caches()
        linecache.clearcache()
        sweep(importlib.import_module("swept").f, {"a": [1, 2]}, folder=tmp_path / "cells", progress=False)
        return len(list((tmp_path / "cells").iterdir()))

    source = 'def f(a, seed):\n    """Once."""\n    return a + 1\n'
    assert files_after(source) == 2
    assert files_after(source.replace("Once", "Said in other words")) == 2
    assert files_after("# a comment\n" + source.replace("a + 1", "(a + 1)  # more")) == 2
    assert files_after(source.replace("a + 1", "a + 2")) == 4


def note(folder, index, seconds, seed):
    """Leave a trace of every time that this cell is started, then of every time that it ends."""
    trace = Path(folder) / f"{index}-{seed}"
    with open(trace, "a") as file:
        file.write(f"start {os.getpid()}\n")
    time.sleep(seconds)
    with open(trace, "a") as file:
        file.write(f"end {os.getpid()}\n")
    return {"index": index, "sum": float(np.random.default_rng([index, seed]).random(1000).sum())}


def test_every_combination_is_run_in_order_with_every_seed():
    cells = sweep(describe, GRID, seeds=(5, 6), progress=False)
    expected = [({"a": a, "b": b}, seed) for a in (1, 2, 3) for b in ("x", "y") for seed in (5, 6)]
    assert [(cell.configuration, cell.seed) for cell in cells] == expected
    assert [cell.result["text"] for cell in cells[::2]] == ["1x", "1y", "2x", "2y", "3x", "3y"]
    assert cells[-1].result["array"] == [0, 1 / 3, 2 / 3]
    assert all(cell.error is None for cell in cells)


def test_an_empty_grid_is_one_configuration():
    assert sweep(seed_and_one, {}, seeds=(1, 2), progress=False) == [
        Cell({}, 1, 2, None),
        Cell({}, 2, 3, None),
    ]


@pytest.mark.parametrize(
    ("backend", "n_jobs"), [("sequential", 1), ("threading", 3), ("multiprocessing", 2), ("loky", 2), ("loky", 3)]
)
def test_results_do_not_depend_on_the_backend_or_the_number_of_workers(backend, n_jobs):
    grid, seeds = {"n_features": [33, 65], "steps": [3]}, (0, 1, 2)
    alone = sweep(learn, grid, seeds, progress=False)
    with joblib.parallel_config(backend=backend, n_jobs=n_jobs):
        assert sweep(learn, grid, seeds, progress=False) == alone
    assert len({tuple(cell.result["weights"]) for cell in alone}) == len(alone)


def test_a_failed_cell_is_recorded_and_the_rest_goes_on(tmp_path):
    cells = sweep(fail_on_two, {"a": [1, 2, 3]}, folder=tmp_path, progress=False)
    assert [cell.result for cell in cells] == [1, None, 3]
    assert cells[1].error.strip().endswith("ArithmeticError: two is not allowed")
    assert "fail_on_two" in cells[1].error
    assert cells[0].error is cells[2].error is None
    assert len(list(tmp_path.iterdir())) == 3


def test_a_result_that_cannot_be_stored_is_a_failed_cell():
    (cell,) = sweep(nothing_to_store, {}, progress=False)
    assert cell.result is None
    assert "ValueError: a sweep holds numbers" in cell.error


def test_a_second_call_runs_only_what_is_missing_or_failed(tmp_path):
    calls = CALLS
    CALLS.clear()
    FAILING.add(2)
    first = sweep(seventh, {"a": [1, 2]}, (0, 1), folder=tmp_path, progress=False)
    assert calls == [(1, 0), (1, 1), (2, 0), (2, 1)]
    FAILING.clear()
    second = sweep(seventh, {"a": [1, 2, 3]}, (0, 1), folder=tmp_path, progress=False)
    assert calls[4:] == [(2, 0), (2, 1), (3, 0), (3, 1)]
    assert second[:2] == first[:2]
    assert [c.result for c in second] == [1 / 7, 1 / 7, 2 / 7, 2 / 7, 3 / 7, 3 / 7]
    assert sweep(seventh, {"a": [1, 2, 3]}, (0, 1), folder=tmp_path, progress=False) == second
    assert len(calls) == 8


def test_a_file_that_was_cut_short_counts_as_missing_and_no_other_file_is_left(tmp_path):
    whole = sweep(describe, GRID, folder=tmp_path, progress=False)
    victim = sorted(tmp_path.iterdir())[0]
    victim.write_text(victim.read_text()[:10])
    assert sweep(describe, GRID, folder=tmp_path, progress=False) == whole
    assert all(json.loads(path.read_text())["error"] is None for path in tmp_path.iterdir())
    assert len(list(tmp_path.iterdir())) == 6


def test_stored_and_fresh_results_are_the_same(tmp_path):
    fresh = sweep(describe, GRID, progress=False)
    sweep(describe, GRID, folder=tmp_path, progress=False)
    assert sweep(describe, GRID, folder=tmp_path, progress=False) == fresh


def test_not_a_number_is_a_result(tmp_path):
    for _ in range(2):
        (cell,) = sweep(not_a_number, {}, folder=tmp_path, progress=False)
        assert math.isnan(cell.result[0])
        assert cell.result[1] == math.inf


def test_another_function_configuration_or_seed_is_another_cell(tmp_path):
    families = [TaskFamily(9), TaskFamily(9, noise=0.5), TaskFamily(9, (1, 2))]

    sweep(noise, {"family": families}, (0, 1), folder=tmp_path, progress=False)
    assert len(list(tmp_path.iterdir())) == 6
    cells = sweep(features, {"family": families}, (0, 1), folder=tmp_path, progress=False)
    assert {cell.result for cell in cells} == {9}
    assert len(list(tmp_path.iterdir())) == 12
    assert cells[2].configuration["family"] is families[1]


@pytest.mark.parametrize(
    ("grid", "seeds", "message"),
    [
        ({"a": []}, (0,), r"grid\['a'\] must hold at least one value"),
        ({"a": [1, 1]}, (0,), r"none twice"),
        ({"a": 3}, (0,), r"grid\['a'\] must be a list of values, got 3; pass \[3\]"),
        ({"a": "xy"}, (0,), "must be a list of values"),
        ({"a": [object()]}, (0,), "must be something that a record can name"),
        ([1, 2], (0,), "grid must be a dict"),
        ({1: [2]}, (0,), "grid must be a dict"),
        ({"a": [1]}, (), "seeds must hold at least one value"),
        ({"a": [1]}, (0, 0), "seeds must hold at least one value and none twice"),
        ({"a": [1]}, (0.5,), "seeds must be a whole number"),
        ({"a": [1]}, (-1,), "seeds must be at least 0"),
    ],
)
def test_a_wrong_argument_is_named(grid, seeds, message):
    with pytest.raises(ValueError, match=message):
        sweep(describe, grid, seeds, progress=False)


def test_a_function_is_needed():
    with pytest.raises(ValueError, match="function must be a function"):
        sweep(3, GRID, progress=False)


def test_progress_is_told_on_standard_error(capsys):
    sweep(fail_on_two, {"a": [1, 2, 3]})
    out, err = capsys.readouterr()
    assert out == ""
    last = err.split("\r")[-1]
    assert last.startswith("█" * 20 + " 3 of 3 cells, 1 failed, 0 s left")
    assert last.endswith("\n")


def test_without_joblib_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "joblib", None)
    with pytest.raises(ImportError, match=r"sweep needs joblib: install it with pip install 'fourier_meta\[sweep\]'"):
        sweep(describe, GRID)


def test_importing_the_package_does_not_import_joblib():
    code = "import sys, fourier_meta.sweep; sys.exit('joblib' in sys.modules or 'distributed' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_an_interrupted_sweep_loses_no_finished_cell(tmp_path):
    """Ctrl-C in another process while the third cell runs; the next call runs the rest."""
    (tmp_path / "traces").mkdir()
    program = f"""
        import sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_sweep import note, sweep
        sweep(note, {{"folder": [{str(tmp_path / "traces")!r}], "index": list(range(6)), "seconds": [0.3]}},
              folder={str(tmp_path / "cells")!r}, progress=False)
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stderr=subprocess.PIPE)
    while len(list((tmp_path / "cells").glob("[!.]*.json"))) < 2:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert b"KeyboardInterrupt" in process.communicate(timeout=30)[1]
    finished = len(list((tmp_path / "cells").glob("[!.]*.json")))
    assert 2 <= finished < 6
    grid = {"folder": [str(tmp_path / "traces")], "index": list(range(6)), "seconds": [0.3]}
    cells = sweep(note, grid, folder=tmp_path / "cells", progress=False)
    assert [cell.result["index"] for cell in cells] == list(range(6))
    ends = [path.read_text().count("end") for path in sorted((tmp_path / "traces").iterdir())]
    assert ends == [1] * 6


@pytest.fixture
def cluster():
    """Three worker processes, each watched by a nanny that starts another one when it dies."""
    distributed = pytest.importorskip("distributed")
    with (
        warnings.catch_warnings(),
        distributed.LocalCluster(n_workers=3, threads_per_worker=1, dashboard_address=None, silence_logs=50) as local,
        distributed.Client(local) as client,
    ):
        warnings.simplefilter("ignore")  # dask's own warnings are no errors of ours
        yield client


@pytest.mark.filterwarnings("default")
def test_a_killed_dask_worker_loses_nothing_and_doubles_nothing(cluster, tmp_path):
    """A worker is killed half way with SIGKILL, while it is in the middle of a cell."""
    traces, indices = tmp_path / "traces", list(range(24))
    traces.mkdir()
    grid = {"folder": [str(traces)], "index": indices, "seconds": [0.15]}
    expected = [float(np.random.default_rng([index, 7]).random(1000).sum()) for index in indices]
    killed = []

    def kill_half_way():
        while len(list((tmp_path / "cells").glob("[!.]*.json"))) < len(indices) // 2:
            time.sleep(0.01)
        while not killed:  # until a cell is open, which is nearly always
            texts = [path.read_text().split() for path in traces.iterdir()]
            killed.extend([int(words[-1]) for words in texts if words and words[-2] == "start"][:1])
        os.kill(killed[0], signal.SIGKILL)

    with joblib.parallel_config(backend="dask"):
        killer = threading.Thread(target=kill_half_way)
        killer.start()
        cells = sweep(note, grid, seeds=(7,), folder=tmp_path / "cells", progress=False)
        killer.join()

    assert [cell.result for cell in cells] == [{"index": i, "sum": s} for i, s in zip(indices, expected, strict=True)]
    assert all(cell.error is None for cell in cells)
    assert len(list((tmp_path / "cells").iterdir())) == len(indices)  # one file for each, none half written
    runs = {path.name: path.read_text().split() for path in traces.iterdir()}
    workers = {pid for words in runs.values() for pid in words[1::2]}
    assert len(workers) >= 3
    assert sum(words.count("start") for words in runs.values()) > len(indices)  # what the dead worker held ran again
    cut = [words for words in runs.values() if words.count("start") > words.count("end")]
    assert cut  # the killed worker was in the middle of a cell
    assert all(str(killed[0]) in words for words in cut)
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "cells").iterdir()}
    with joblib.parallel_config(backend="dask"):
        assert sweep(note, grid, seeds=(7,), folder=tmp_path / "cells", progress=False) == cells
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "cells").iterdir()} == before
    assert {path.name: path.read_text().split() for path in traces.iterdir()} == runs  # nothing was run twice


@pytest.mark.filterwarnings("default")
def test_a_dask_cluster_computes_what_this_process_computes(cluster):
    grid = {"n_features": [33, 65], "steps": [3]}
    with joblib.parallel_config(backend="dask"):
        there = sweep(learn, grid, (0, 1), progress=False)
    assert there == sweep(learn, grid, (0, 1), progress=False)


def gradient(family, seed):
    rng = np.random.default_rng(seed)
    train = family.sample(2, 4, rng)
    return maml_gradient(np.ones(family.n_features), train, family.observe(train.coefficients, 4, rng))[1]


def test_the_gradient_of_a_family_of_any_size_can_be_swept():
    cells = sweep(gradient, {"family": [TaskFamily(d) for d in (3, 5)]}, progress=False)
    assert [len(cell.result) for cell in cells] == [3, 5]
    assert dataclasses.asdict(cells[0].configuration["family"])["n_features"] == 3


# Stored tables


@pytest.fixture
def table():
    columns = {"method": ["a", "a", "b", "b"], "n": [8, 2, 8, 2], "risk": [1.0, 2.0, 3.0, 4.0]}
    return Table(columns, {})


def test_a_cube_orders_its_axes_as_stored(table):
    np.testing.assert_array_equal(table.cube("risk", "method", "n"), [[1, 2], [3, 4]])
    np.testing.assert_array_equal(table.cube("risk", "n", method="b"), [3, 4])
    np.testing.assert_array_equal(table.cube("risk", "n", method="b", n=[2]), [4])
    assert table.levels("n") == [8, 2]
    assert table.levels("n", method="a") == [8, 2]


def test_a_cube_refuses_axes_that_mix_rows_and_columns_that_are_not_there(table):
    with pytest.raises(ValueError, match="tell all 4 rows apart"):
        table.cube("risk", "n")
    with pytest.raises(ValueError, match=r"no column .*seed.* in this table; there is method, n, risk"):
        table.levels("n", seed=1)


def test_a_missing_table_says_what_to_do_with_a_checkout_and_without_one(monkeypatch, tmp_path):
    with pytest.raises(ValueError, match=r"no stored experiment .* \(there is .*\); run make results"):
        load_table("no_such")
    monkeypatch.setattr(sweep_module, "TABLES", tmp_path / "nowhere")
    with pytest.raises(ValueError, match="only the package is installed here; get the whole book"):
        load_table("mechanisms")
