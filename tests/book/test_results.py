"""The stored tables are what the code computes: a share is computed again, and interruptions leave no trace."""

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import time

import checkout
import numpy as np
import pytest
import results as pipeline

from fourier_meta.results import FOLDER, Results, load_results

# One quick job of each experiment, and how its rows are told apart in the stored table.
SHARE = {
    "few_shot": {"method": "OMP", "seed": 0},
    "budget": {"points": 8, "n_pool": 3, "seed": 1},
    "uneven": {"case": "even", "seed": 0},
    "designs": {"design": "grid", "method": "moment ranking", "seed": 0},
    "phase_points": {"n_features": 65, "n_points": 8, "seed": 2},
    "phase_noise": {"noise": 0.3, "n_pool": 4, "seed": 3},
    "phase_inner": {"inner_steps": 2, "inner_rate": 0.07, "seed": 4},
    "failures": {"case": "coefficients along (1, 0, 0)", "seed": 0},
    "grid_shift": {"seed": 0},
    "classification": {"method": "one-hot weights", "seed": 0},
    "spectrum": {"seed": 0},
}
POOLED = ("few_shot", "classification")  # rows hold quantiles over seeds, and each seed's median in a column of its own
AVERAGED = ("designs",)  # rows hold means over seeds, so a share has to be all seeds of one cell


@pytest.mark.parametrize("name", SHARE)
def test_a_share_computed_now_equals_the_stored_table(name):
    stored, job = load_results(name), SHARE[name]
    experiment = pipeline.EXPERIMENTS[name]
    assert job in experiment.jobs()
    seeds = experiment.levels["seed"] if name in AVERAGED else [job["seed"]]
    rows = experiment.reduce([row for seed in seeds for row in experiment.run(**job | {"seed": seed})])
    for row in rows:
        place = {k: v for k, v in row.items() if k in stored.columns and (isinstance(v, str) or k in LABELS)}
        kept = np.flatnonzero(np.all([stored.columns[k] == v for k, v in place.items()], axis=0))
        assert len(kept) == 1, place
        for column, value in row.items():
            if column not in place and name in POOLED:
                column, value = f"seed_{job['seed']}", row["median"]
            if column not in place:
                np.testing.assert_allclose(value, stored.columns[column][kept[0]], rtol=0.02, atol=1e-9)


LABELS = {"seed", "n_points", "n_pool", "points", "n_features", "noise", "inner_steps", "inner_rate", "feature"}


def test_every_experiment_is_stored_with_its_provenance():
    assert {path.stem for path in FOLDER.glob("*.json")} >= set(pipeline.EXPERIMENTS) == set(SHARE)
    for name, experiment in pipeline.EXPERIMENTS.items():
        provenance = load_results(name).provenance
        assert provenance["command"] == f"make results ONLY={name}"
        assert provenance["levels"] == json.loads(json.dumps(experiment.levels))
        assert len(provenance["levels"]["seed"]) >= 10
        assert set(provenance["versions"]) >= {"python", "numpy", "scikit-learn", "fourier_meta"}
        assert (FOLDER / f"{name}.json").stat().st_size < 500_000


def unsealed(folder):
    """The tables of a folder that are not what SHA256SUMS says; line ends do not count, which git may have changed."""
    lines = (folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    sealed = {name: digest for digest, name in map(str.split, lines)}
    found = {path.name: path.read_bytes().replace(b"\r\n", b"\n") for path in folder.glob("*.json")}
    found.pop("benchmarks.json", None)  # holds times, which no run can confirm
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in found.items()}
    return sorted(name for name in sealed.keys() | digests.keys() if sealed.get(name) != digests.get(name))


def test_no_number_of_a_table_was_changed_after_it_was_stored():
    assert unsealed(FOLDER) == [], "run make results for them"


def test_a_table_that_is_stored_anew_is_sealed_anew_and_the_others_are_left(small, tmp_path):
    (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  {QUICK}.json\n{'1' * 64}  other.json\n")
    pipeline.main([QUICK, "--folder", f"{tmp_path}", "--cache", f"{tmp_path}/cache", "--workers=1"])
    digest = hashlib.sha256((tmp_path / f"{QUICK}.json").read_bytes()).hexdigest()
    assert (tmp_path / "SHA256SUMS").read_text() == f"{'1' * 64}  other.json\n{digest}  {QUICK}.json\n"


def test_the_notebooks_read_every_table():
    sources = "".join(path.read_text(encoding="utf-8") for path in checkout.source_notebooks())
    assert [name for name in pipeline.EXPERIMENTS if f'"{name}"' not in sources] == []


QUICK = "phase_points"  # the experiment that the tests below shrink


@pytest.fixture
def small(monkeypatch):
    levels = {"n_features": [9, 17], "n_points": [4, 8], "seed": [0, 1]}
    experiment = pipeline.Experiment(pipeline.phase_points, levels, about="small")
    monkeypatch.setitem(pipeline.EXPERIMENTS, QUICK, experiment)
    return experiment


def test_two_runs_write_the_same_bytes_whatever_the_workers(small, tmp_path):
    for place, workers in (("a", 1), ("b", 2)):
        pipeline.main(
            [QUICK, "--folder", f"{tmp_path}/{place}", "--cache", f"{tmp_path}/cache-{place}", f"--workers={workers}"]
        )
    written = [(tmp_path / place / f"{QUICK}.json").read_bytes() for place in "ab"]
    assert written[0] == written[1]


def test_a_second_run_computes_nothing_and_a_lost_job_alone_is_computed_again(small, tmp_path, monkeypatch):
    arguments = [QUICK, "--folder", f"{tmp_path}/out", "--cache", f"{tmp_path}/cache", "--workers=1"]
    pipeline.main(arguments)
    before = (tmp_path / "out" / f"{QUICK}.json").read_bytes()
    calls = []
    keep = pipeline.run_and_keep
    monkeypatch.setattr(pipeline, "run_and_keep", lambda run, job, file: (calls.append(job), keep(run, job, file)))
    pipeline.main(arguments)
    assert calls == []
    next((tmp_path / "cache").iterdir()).unlink()
    (tmp_path / "out" / f"{QUICK}.json").unlink()
    pipeline.main(arguments)
    assert len(calls) == 1
    assert (tmp_path / "out" / f"{QUICK}.json").read_bytes() == before


def test_other_arguments_and_other_code_get_other_keys(monkeypatch):
    job = {"n_features": 9, "n_points": 4, "seed": 0}
    key = pipeline.key(pipeline.phase_points, job)
    assert pipeline.key(pipeline.phase_points, job | {"seed": 1}) != key
    monkeypatch.setattr(pipeline, "code_digest", lambda: "another")
    assert pipeline.key(pipeline.phase_points, job) != key


def test_interrupted_and_resumed_gives_the_same_file(tmp_path):
    """A real SIGINT in the middle of a run of the real program, then the same command again."""
    script = tmp_path / "run.py"
    script.write_text(
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "sys.path.insert(0, sys.argv.pop(1)); import results\n"
        "levels = {'n_features': [129], 'n_points': [16, 32], 'seed': list(range(12))}\n"
        f"results.EXPERIMENTS['{QUICK}'] = results.Experiment(results.phase_points, levels)\n"
        "results.main()\n"
    )

    def command(place, cache):
        folders = ["--folder", str(tmp_path / place), "--cache", str(tmp_path / cache)]
        return [sys.executable, str(script), str(checkout.ROOT / "tools"), QUICK, "--workers=1", *folders]

    subprocess.run(command("whole", "cache-1"), check=True, capture_output=True)
    process = subprocess.Popen(command("resumed", "cache-2"), stderr=subprocess.PIPE, text=True)
    while not list((tmp_path / "cache-2").glob("[!.]*")) and process.poll() is None:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    finished = len(list((tmp_path / "cache-2").glob("[!.]*")))
    assert process.returncode == 1
    assert "continues from there" in said
    assert 1 <= finished < 24
    assert not (tmp_path / "resumed" / f"{QUICK}.json").exists()
    subprocess.run(command("resumed", "cache-2"), check=True, capture_output=True)
    whole, resumed = ((tmp_path / place / f"{QUICK}.json").read_bytes() for place in ("whole", "resumed"))
    assert whole == resumed


def test_a_job_that_answers_an_interruption_with_less_is_not_kept(tmp_path):
    """Training returns what it has after Ctrl-C; such rows must not pass for finished ones."""

    def half_done():
        with contextlib.suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(10)
        return [{"steps": 1}]

    with pytest.raises(KeyboardInterrupt):
        pipeline.run_and_keep(half_done, {}, tmp_path / "rows.json")
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_unknown_experiment_is_named_with_those_that_exist(capsys):
    with pytest.raises(SystemExit):
        pipeline.main(["no_such"])
    assert "few_shot" in capsys.readouterr().err
    with pytest.raises(ValueError, match="make results"):
        load_results("no_such")


@pytest.fixture
def table():
    columns = {"method": ["a", "a", "b", "b"], "n": [8, 2, 8, 2], "risk": [1.0, 2.0, 3.0, 4.0]}
    return Results(columns, {})


def test_a_cube_orders_its_axes_as_stored(table):
    np.testing.assert_array_equal(table.cube("risk", "method", "n"), [[1, 2], [3, 4]])
    np.testing.assert_array_equal(table.cube("risk", "n", method="b"), [3, 4])
    np.testing.assert_array_equal(table.cube("risk", "n", method="b", n=[2]), [4])
    assert table.levels("n") == [8, 2]
    assert table.levels("n", method="a") == [8, 2]


def test_a_cube_refuses_axes_that_mix_rows(table):
    with pytest.raises(ValueError, match="tell all 4 rows apart"):
        table.cube("risk", "n")
