"""Ctrl-C at any moment leaves whole files and whole runs. (make notebooks: test_execute, make site: test_makefile.)"""

import os
import signal
import subprocess
import sys
import time

import checkout
import numpy as np
import pytest

from fourier_meta import TaskFamily, load_run, train_maml

TRAIN = """
import numpy as np
from fourier_meta import TaskFamily, {loop}, {train}, interrupted_run

settings = dict(steps=100_000, n_tasks=3)
import fourier_meta.{module} as module
module.{loop} = lambda source, weights, **settings: watched_steps(source, weights, settings)
steps_of = {loop}

def watched_steps(source, weights, settings):
    for run in steps_of(source, weights, **settings):
        if run.step == 20:
            print("running", flush=True)
        yield run

try:
    {train}(TaskFamily(), **settings)
except KeyboardInterrupt as interrupt:
    print(interrupt)
run = interrupted_run()
assert np.isfinite(run.weights).all() and len(run.losses) == run.step >= 20
np.testing.assert_array_equal(run.history["weights"][-1], run.weights)
print(run.status)
"""


def start(code, *arguments):
    """Run Python code in a process group of its own, as a terminal does."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=checkout.ROOT,
        start_new_session=True,
    )


@pytest.mark.parametrize("delay", [0.0, 0.05, 0.3])
@pytest.mark.parametrize("module", ["maml", "reptile"])
def test_an_interrupted_training_stops_says_so_and_leaves_what_there_is(module, delay):
    process = start(TRAIN.format(train=f"train_{module}", loop=f"{module}_steps", module=module))
    assert process.stdout.readline() == "running\n", process.stderr.read()
    time.sleep(delay)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    told, status = out.splitlines()
    assert told.endswith("run = interrupted_run() has what there is")
    assert status.startswith("interrupted at step ")
    assert int(status.split()[-1]) >= 20


SAVE = """
import itertools, sys
from fourier_meta import TaskFamily, train_maml

runs = [train_maml(TaskFamily(9), steps=steps, n_tasks=2, n_points=4) for steps in (2, 300)]
for count in itertools.count():
    runs[count % 2].save(sys.argv[1])
    if count == 3:
        print("saving", flush=True)
"""


@pytest.mark.parametrize("delay", [0.0, 0.01, 0.02, 0.03, 0.05, 0.08])
def test_an_interrupted_save_leaves_a_whole_run_or_says_that_it_is_not_one(tmp_path, delay):
    process = start(SAVE, tmp_path / "run")
    assert process.stdout.readline() == "saving\n", process.stderr.read()
    time.sleep(delay)
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert {path.name for path in tmp_path.iterdir()} == {"run.json", "run.npz"}, "no half-written file is left"
    expected = {steps: train_maml(TaskFamily(9), steps=steps, n_tasks=2, n_points=4) for steps in (2, 300)}
    try:
        run = load_run(tmp_path / "run")
    except ValueError as error:
        told = str(error)
    else:
        assert run == expected[run.step]
        told = ""
    assert not told or "belongs to another record" in told
    expected[2].save(tmp_path / "run")
    np.testing.assert_array_equal(load_run(tmp_path / "run").weights, expected[2].weights, "saving again mends it")
