"""The tracker example of the appendix shows a run in a real TensorBoard while the run goes on."""

import json
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import checkout
import numpy as np
import pytest

from fourier_meta import TaskFamily, maml_steps

EXAMPLE = re.search(
    r"^# ```python\n(# from tensorboard.*?)^# ```",
    (checkout.NOTEBOOKS / "A_report.py").read_text(encoding="utf-8"),
    re.DOTALL | re.MULTILINE,
)[1]


@pytest.fixture
def board(tmp_path):
    """A TensorBoard server over tmp_path/runs; returns a function (route) -> parsed JSON."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    flags = ["--logdir", str(tmp_path / "runs"), "--port", str(port), "--host", "127.0.0.1"]
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "tensorboard.main",
        *flags,
        "--reload_interval",
        "1",
        "--load_fast=false",
    ]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def ask(route):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/data/plugin/scalars/{route}", timeout=10) as answer:
            return json.load(answer)

    yield ask
    server.terminate()
    server.wait(timeout=20)


def patiently(ask, route, enough, seconds=120):
    """Ask until the answer is enough: the server starts, and reloads, in its own time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            answer = ask(route)
            if enough(answer):
                return answer
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            pass
        time.sleep(0.2)
    raise AssertionError(f"{route} was not enough after {seconds} s")


def test_the_example_shows_a_run_while_it_trains(tmp_path, monkeypatch, board):
    monkeypatch.chdir(tmp_path)
    seen_half_way = []

    def slowly(family, *, steps):
        """Train as the example asks, and wait half way until the board has shown the first half."""
        for run in maml_steps(family, steps=20, n_points=16, n_validation=16, inner_rate=0.005):
            if run.step == 11:
                half = patiently(board, "scalars?tag=loss&run=maml", lambda points: len(points) >= 10)
                seen_half_way.extend(point[1] for point in half)
            yield run

    namespace = {"random": TaskFamily(33), "support": (0, 1, 2), "maml_steps": slowly, "np": np}
    exec(re.sub(r"^# ?", "", EXAMPLE, flags=re.MULTILINE), namespace)
    assert seen_half_way == list(range(1, 11))
    run = namespace["run"]
    assert run.status == "finished"
    shown = patiently(board, "scalars?tag=loss&run=maml", lambda points: len(points) == run.step)
    np.testing.assert_allclose(np.array(shown)[:, 2], run.history["loss"], rtol=1e-6)
    others = board("scalars?tag=largest+other+weight&run=maml")
    np.testing.assert_allclose(others[-1][2], np.abs(run.weights[3:]).max(), rtol=1e-5)
