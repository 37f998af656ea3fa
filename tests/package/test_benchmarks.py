"""The benchmark takes no time of libraries that do not compute the same, and its page says what was measured."""

import json
import re
import subprocess
import sys
import textwrap

import checkout
import numpy as np
import pytest

BENCHMARKS = checkout.ROOT / "benchmarks"
INSTALLED = ("fourier_meta", "torch, create_graph", "torch.func")  # the peers that need nothing besides torch


@pytest.fixture(autouse=True)
def _benchmarks_are_importable(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def test_the_installed_peers_agree_on_gradients_of_odd_sizes():
    from work import Size, checked_gradients

    for size in (Size(33, 3, 12, 20, 4), Size(17, 1, 5, 3, 1)):
        assert checked_gradients(INSTALLED, size)[1] < 1e-13


def test_the_installed_peers_agree_on_a_training():
    from work import Size, checked_trainings

    assert checked_trainings(INSTALLED[:2], Size(33, 3, 12, 20, 2))[1] < 1e-12


def test_reptile_agrees_with_torch():
    from peers import REPTILE_PEERS
    from work import Size, checked_gradients, problem

    size = Size(33, 3, 12, 12, 4)
    assert checked_gradients(("fourier_meta", "torch, SGD"), size, REPTILE_PEERS, problem(size)[:3])[1] < 1e-12


def first_order():
    """A gradient that is wrong in the way that is easiest to get wrong: the inner loop counts as a constant."""
    from fourier_meta import Tasks, fomaml_gradient

    def gradient(weights, features, labels, others, other_labels, steps, rate):
        train, validation = Tasks(features, labels), Tasks(others, other_labels)
        return fomaml_gradient(weights, train, validation, steps, rate)[1]

    return gradient


def slightly_off():
    from peers import fourier_meta

    right = fourier_meta()
    return lambda *arguments: right(*arguments) * (1 + 2e-10)


def not_a_number():
    return lambda weights, *arguments: weights * np.nan


@pytest.mark.parametrize("wrong", [first_order, slightly_off, not_a_number])
def test_a_gradient_that_differs_is_refused(wrong):
    from peers import fourier_meta
    from work import DisagreementError, Size, checked_gradients

    peers = {"fourier_meta": ("numpy", fourier_meta), "wrong": ("numpy", wrong)}
    with pytest.raises(DisagreementError, match=r"wrong and fourier_meta differ by .*, allowed is 1e-10"):
        checked_gradients(peers, Size(17, 2, 6, 6, 3), peers)


def test_a_training_that_differs_is_refused(monkeypatch):
    import work

    monkeypatch.setitem(work.PEERS, "wrong", ("torch", lambda: lambda weights, *arguments: weights * 0 + 1))
    with pytest.raises(work.DisagreementError, match="wrong and fourier_meta differ"):
        work.checked_trainings(("fourier_meta", "wrong"), work.Size(17, 2, 6, 6, 3))


def test_where_gradients_disagree_nothing_is_measured_or_written(tmp_path):
    """The whole program, with one wrong peer: no page, no numbers, an exit status that make sees."""
    program = f"""
        import sys
        from pathlib import Path
        sys.path[:0] = {[str(BENCHMARKS), str(checkout.ROOT / "tests"), str(checkout.ROOT / "tests" / "package")]!r}
        import measure, peers, run, test_benchmarks
        peers.PEERS = {{"fourier_meta": peers.PEERS["fourier_meta"], "wrong": ("numpy", test_benchmarks.first_order)}}
        def timed(*anything):
            raise AssertionError("times were taken")
        measure.interleaved = measure.repeated = measure.trained = timed
        run.child = lambda section, *arguments, cores=None: measure.SECTIONS[section](*arguments)
        run.NOTEBOOKS = Path({str(tmp_path)!r})
        sys.argv = ["run.py"]
        run.main()
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True)
    assert done.returncode != 0
    assert "DisagreementError: wrong and fourier_meta differ" in done.stderr
    assert "times were taken" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_section_that_fails_ends_the_run():
    from measure import child

    with pytest.raises(SystemExit, match="measuring growth nowhere failed; nothing is reported"):
        child("growth", "nowhere")


def test_a_peer_that_cannot_be_imported_is_named_with_the_reason():
    from measure import available

    def absent():
        import no_such_library  # noqa: F401

    names, reasons = available({"here": (None, dict), "absent": (None, absent)})
    assert names == ["here"]
    assert reasons == {"absent": "ModuleNotFoundError: No module named 'no_such_library'"}


def test_candidates_take_turns_and_the_order_alternates():
    from measure import interleaved

    calls = []
    times = interleaved({name: lambda name=name: calls.append(name) or len(calls) for name in "ab"}, rounds=3)
    assert calls == ["b", "a", "a", "b", "b", "a"]
    assert times == {"a": [2, 3, 6], "b": [1, 4, 5]}


def test_ratios_are_medians_over_rounds():
    from measure import summary

    times = {"fourier_meta": [1e-6, 2e-6, 4e-6], "slow": [3e-6, 8e-6, 4e-6]}
    assert summary(times)["slow"] == {
        "microseconds": pytest.approx(4),
        "fastest": pytest.approx(3),
        "ratio": pytest.approx(3),
    }


def test_a_slope_is_that_of_the_logarithms():
    from run import slope

    lines = [{"value": n, "time": 3 * n**1.5} for n in (2, 8, 32)]
    assert slope(lines, lambda line: line["time"]) == pytest.approx(1.5)


def test_start_and_memory_are_those_of_a_fresh_process():
    from measure import child

    ballast = np.ones(2**25)  # 256 MB here must not count there
    numbers = child("fourier_meta", script="startup.py")
    assert ballast.nbytes == 2**28
    assert numbers["peak_megabytes"] < 120  # what the book promises of a default run
    assert numbers["import"] > 0
    assert numbers["first_step"] > 0


@pytest.mark.skipif(not (checkout.NOTEBOOKS / "results" / "benchmarks.json").exists(), reason="make bench has not run")
def test_the_page_is_that_of_the_stored_numbers():
    from run import page

    numbers = json.loads((checkout.NOTEBOOKS / "results" / "benchmarks.json").read_text(encoding="utf-8"))
    text = (checkout.NOTEBOOKS / "benchmarks.md").read_text(encoding="utf-8")
    assert page(numbers) == text
    assert all(line["worst"] <= 1e-10 for line in numbers["agreement"])
    for section in numbers["base"].values():
        assert set(section["gradient"]) == set(section["step"])
        ours = section["step"]["fourier_meta"]["microseconds"]
        assert re.search(rf"fourier_meta \|.* {ours:,.0f} µs \(1\.00\)", text)
