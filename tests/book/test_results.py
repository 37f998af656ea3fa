"""The stored tables are what the experiments compute, sealed; interruptions and changes of other code lose nothing."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time

import checkout
import pytest
import results
from experiments import Experiment, all_experiments

from fourier_meta.sweep import TABLES, load_table

EXPERIMENTS = all_experiments()
STORED = sorted(path.stem for path in TABLES.glob("*.json") if path.stem != "benchmarks")


def unsealed(folder):
    """The tables of a folder that are not what SHA256SUMS says; line ends do not count, which git may have changed."""
    lines = (folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    sealed = {name: digest for digest, name in map(str.split, lines)}
    found = {path.name: path.read_bytes().replace(b"\r\n", b"\n") for path in folder.glob("*.json")}
    found.pop("benchmarks.json", None)  # holds times, which no run can confirm
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in found.items()}
    return sorted(name for name in sealed.keys() | digests.keys() if sealed.get(name) != digests.get(name))


def test_no_number_of_a_table_was_changed_after_it_was_stored():
    assert unsealed(TABLES) == [], "run make results for them"


def test_every_table_has_its_experiment_and_every_experiment_its_table():
    assert set(STORED) == set(EXPERIMENTS)


@pytest.mark.parametrize("name", STORED)
def test_a_table_says_how_it_was_made_and_is_not_stale(name):
    provenance, experiment = load_table(name).provenance, EXPERIMENTS[name]
    assert provenance["command"] == f"make results ONLY={name}"
    assert provenance["grid"] == json.loads(json.dumps(experiment.grid)), f"run make results ONLY={name}"
    assert provenance["seeds"] == list(experiment.seeds)
    assert provenance["about"] == experiment.about
    assert set(provenance["versions"]) == {"python", *results.LIBRARIES}
    assert (TABLES / f"{name}.json").stat().st_size < 500_000


def test_the_notebooks_read_every_table():
    sources = "".join(path.read_text(encoding="utf-8") for path in checkout.source_notebooks())
    assert [name for name in EXPERIMENTS if f'"{name}"' not in sources] == []


# The runner, with an experiment that takes a moment

TOY = """
import time
from experiments import Experiment

def squares(base, seed):
    time.sleep(0.1)
    return [{"base": base, "seed": seed, "square": float((base + seed) ** 2)}]

EXPERIMENTS = {"toy": Experiment(squares, {"base": [10, 20]}, range(4), "Squares.")}
"""
RUN = """
import sys, experiments, results, toy
results.all_experiments = lambda: toy.EXPERIMENTS
results.main(sys.argv[1:])
"""


@pytest.fixture
def toy(tmp_path):
    """A function (table folder, folder of what is finished, workers) -> a running program."""
    (tmp_path / "toy.py").write_text(TOY)

    def start(tables="tables", finished="finished", workers=1):
        paths = (tmp_path, checkout.ROOT / "tools", checkout.ROOT)
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))}
        options = ["--folder", tmp_path / tables, "--finished", tmp_path / finished, f"--workers={workers}"]
        command = [sys.executable, "-c", RUN, "toy", *options]
        return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True)

    return start


def ended(process, code=0):
    said = process.communicate(timeout=120)[1]
    assert process.returncode == code, said
    return said


@pytest.mark.parametrize("workers", [1, 2])
def test_interrupted_and_resumed_gives_the_same_file_as_run_at_once_by_any_number_of_workers(toy, tmp_path, workers):
    process, finished = toy(workers=workers), tmp_path / "finished"
    while process.poll() is None and len(list(finished.glob("[!.]*"))) < 2:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    assert "continues from there" in ended(process, 1)
    kept = {path.name: path.stat().st_mtime_ns for path in finished.iterdir()}
    assert 2 <= len(kept) < 8
    assert not any(name.startswith(".") for name in kept), "no half-written file is left"
    assert not (tmp_path / "tables").exists(), "no table before its experiment is finished"
    ended(toy())
    assert {name: (finished / name).stat().st_mtime_ns for name in kept} == kept, "what is finished does not run again"
    ended(toy("whole", "anew", workers=2))
    assert (tmp_path / "tables" / "toy.json").read_bytes() == (tmp_path / "whole" / "toy.json").read_bytes()
    columns = json.loads((tmp_path / "whole" / "toy.json").read_text())["columns"]
    assert columns["square"] == [(base + seed) ** 2 for base in (10, 20) for seed in range(4)]
    assert unsealed(tmp_path / "whole") == []


def test_an_edited_comment_runs_nothing_again_and_an_edited_formula_all(toy, tmp_path):
    ended(toy())
    kept = {path.name for path in (tmp_path / "finished").iterdir()}
    (tmp_path / "toy.py").write_text(TOY.replace("time.sleep(0.1)", "time.sleep(0.1)  # a moment"))
    ended(toy())
    assert {path.name for path in (tmp_path / "finished").iterdir()} == kept
    (tmp_path / "toy.py").write_text(TOY.replace("** 2", "** 2 + 1"))
    ended(toy())
    assert len(list((tmp_path / "finished").iterdir())) == 2 * len(kept)


def test_a_failing_cell_is_shown_and_no_table_is_written(toy, tmp_path):
    (tmp_path / "toy.py").write_text(TOY.replace("(base + seed)", "(1 / (base - 20))"))
    said = ended(toy(), 1)
    assert "toy: 4 of 8 failed; {'base': 20}, seed 0:" in said
    assert "ZeroDivisionError" in said
    assert not (tmp_path / "tables" / "toy.json").exists()


def test_a_table_that_is_stored_anew_is_sealed_anew_and_the_others_are_left(tmp_path):
    for name in ("one", "other"):
        (tmp_path / f"{name}.json").write_text(name)
        results.seal(tmp_path / f"{name}.json")
    before = (tmp_path / "SHA256SUMS").read_text().splitlines()
    (tmp_path / "one.json").write_text("one, stored anew")
    results.seal(tmp_path / "one.json")
    after = (tmp_path / "SHA256SUMS").read_text().splitlines()
    assert [a == b for a, b in zip(before, after, strict=True)] == [False, True]


def test_numbers_are_stored_as_other_machines_reproduce_them():
    assert [results.rounded(value) for value in (1.23456, 1e-25, float("nan"), 7, "MAML")] == [
        1.235,
        0,
        None,
        7,
        "MAML",
    ]


def test_an_unknown_experiment_is_named_with_those_that_exist(capsys, monkeypatch):
    monkeypatch.setattr(results, "all_experiments", lambda: {"known": Experiment(len, {}, [0], "")})
    with pytest.raises(SystemExit):
        results.main(["no_such"])
    assert "no experiment no_such: there is known" in capsys.readouterr().err


def test_no_unfinished_file_lies_beside_the_tables():
    assert [path.name for path in TABLES.iterdir() if path.name.startswith(".")] == []
