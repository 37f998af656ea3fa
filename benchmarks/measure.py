"""One section of the measurements, in a process of its own; prints JSON. Started by run.py, which sets the cores."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from startup import peak_megabytes

ROUNDS = 11  # each candidate is timed this often, in turn with all others
BLOCK = 0.05  # seconds that one timing takes, at least

FEATURES = (129, 257, 513, 1025, 2049, 4097, 8193, 16385)
TASKS = (5, 15, 64, 256, 1024, 4096)
STEPS = (1, 2, 5, 10, 20, 50)
GROWTH_PEERS = ("fourier_meta", "JAX, re-associated", "torch, create_graph")


def main(section, *arguments):
    print(json.dumps(SECTIONS[section](*arguments)))


def available(peers):
    """Names of the peers that can be imported, and for the others why not."""
    reasons = {}
    for name, (_, make) in peers.items():
        try:
            make()
        except ImportError as error:
            reasons[name] = f"{type(error).__name__}: {error}"
    return [name for name in peers if name not in reasons], reasons


# ------------------------------------------------------------------------------------------------ timing


def interleaved(blocks, rounds=ROUNDS):
    """Time {name: block}, where block() -> seconds per call, in turn; {name: [seconds, one for each round]}."""
    times = {name: [] for name in blocks}
    for turn in range(rounds):
        for name in list(blocks)[:: 1 if turn % 2 else -1]:
            times[name].append(blocks[name]())
    return times


def repeated(call):
    """A block that repeats a call often enough to be timed."""
    start = time.perf_counter()
    call()
    count = max(1, int(BLOCK / (time.perf_counter() - start)))

    def block():
        start = time.perf_counter()
        for _ in range(count):
            call()
        return (time.perf_counter() - start) / count

    return block


def trained(train):
    """A block that trains: long enough to be timed, and for what happens once a run not to count."""
    start = time.perf_counter()
    train(3)
    steps = max(3, int(4 * BLOCK / ((time.perf_counter() - start) / 3)))

    def block():
        start = time.perf_counter()
        train(steps)
        return (time.perf_counter() - start) / steps

    return block


def summary(times, reference="fourier_meta"):
    """Median time of each, in microseconds, and the median over rounds of its ratio to the reference."""
    return {
        name: {
            "microseconds": 1e6 * float(np.median(seconds)),
            "fastest": 1e6 * min(seconds),
            "ratio": float(np.median(np.divide(seconds, times[reference]))),
        }
        for name, seconds in times.items()
    }


# ------------------------------------------------------------------------------------------------ sections


def base(dtype):
    """The book's own size: the gradient of given data, and a step of training on fresh tasks."""
    from peers import PEERS, REPTILE_PEERS
    from work import Size, checked_gradients, checked_trainings, problem

    size = Size(dtype=dtype)
    names, missing = available(PEERS)
    gradients, worst = checked_gradients(names, size)
    reptile, reptile_worst = checked_gradients(REPTILE_PEERS, size, REPTILE_PEERS, problem(size)[:3])
    trainings, training_worst = checked_trainings(names, size)
    return {
        "gradient": summary(interleaved({name: repeated(call) for name, call in gradients.items()})),
        "step": summary(interleaved({name: trained(train) for name, train in trainings.items()})),
        "reptile": summary(interleaved({name: repeated(call) for name, call in reptile.items()})),
        "missing": missing,
        "worst_difference": {"gradient": worst, "reptile": reptile_worst, "weights after 3 steps": training_worst},
    }


def agreement():
    """Largest relative difference between the peers' gradients at sizes that nobody is tuned for."""
    from peers import PEERS
    from work import Size, checked_gradients

    names, _ = available(PEERS)
    sizes = Size(), Size(257, 5, 32, 48, 1), Size(129, 3, 64, 16, 20), Size(33, 4, 40, 40, 50), Size(1025, 2, 16, 64, 2)
    return [{"size": size._asdict(), "worst": checked_gradients(names, size)[1]} for size in sizes]


def growth(axis):
    """Time of a gradient, and of a step of ours, along one axis; a peer leaves where one gradient takes 10 s."""
    from work import Size, checked_gradients, training_call

    field, values = {"features": ("n_features", FEATURES), "tasks": ("n_tasks", TASKS), "K": ("inner_steps", STEPS)}[
        axis
    ]
    names, lines = list(GROWTH_PEERS), []
    for value in values:
        size = Size()._replace(**{field: value})
        calls, worst = checked_gradients(names, size)
        rounds = 3 if value == max(values) else 5
        times = summary(interleaved({name: repeated(call) for name, call in calls.items()}, rounds))
        train = training_call("fourier_meta", size)
        step = float(np.median(interleaved({"step": trained(train)}, rounds)["step"]))
        lines.append({"value": value, "gradient": times, "step": 1e6 * step, "worst": worst})
        names = [name for name in names if times[name]["microseconds"] < 1e7]
    return lines


def floor():
    """Rates of this core at what a step consists of: arithmetic, reading features from the cache, copying rows."""
    from work import Size

    from fourier_meta.tasks import CACHE_BYTES, dense_table

    size, rng = Size(), np.random.default_rng(0)
    square, line = rng.random((512, 512)), rng.random(CACHE_BYTES // 16)
    table, rows = dense_table(size.n_features), np.empty((size.n_tasks, size.n_points, size.n_features))
    index = [rng.integers(len(table), size=rows.shape[:2]) for _ in range(100)]
    count = iter(range(10**9))
    times = interleaved(
        {
            "arithmetic": repeated(lambda: square @ square),
            "read": repeated(lambda: line @ line),
            "copy": repeated(lambda: table.take(index[next(count) % 100], axis=0, out=rows, mode="clip")),
        }
    )
    best = {name: min(seconds) for name, seconds in times.items()}
    flops = 2 * size.n_features * size.n_tasks
    points = size.n_points * (4 * size.inner_steps - 3) + 2 * size.n_validation  # rows of features that are multiplied
    row_bytes = rows.strides[1]
    rates = {
        "gigaflops": 2 * 512**3 / best["arithmetic"] / 1e9,
        "read_gigabytes": line.nbytes / best["read"] / 1e9,
        "copy_gigabytes": rows.nbytes / best["copy"] / 1e9,
    }
    fresh = size.n_tasks * (size.n_points + size.n_validation) * row_bytes
    return rates | {
        "arithmetic": points * flops / rates["gigaflops"] / 1e3,
        "reading": points * row_bytes * size.n_tasks / rates["read_gigabytes"] / 1e3,
        "copying": fresh / rates["copy_gigabytes"] / 1e3,
        "labelling": fresh / rates["read_gigabytes"] / 1e3,
    }


def many_features():
    """Tables instead of features, here and in JAX."""
    from wide import wide

    return wide()


def startups():
    """The median of three fresh processes for every peer."""
    from peers import PEERS

    names, _ = available(PEERS)
    runs = {name: [child(name, script="startup.py") for _ in range(3)] for name in names}
    return {name: {key: float(np.median([r[key] for r in three])) for key in three[0]} for name, three in runs.items()}


def memory():
    """Growth of this process's memory from a run of 100 steps to one of 10,000, in megabytes."""
    import fourier_meta

    sizes = []
    for steps in (100, 10_000):
        fourier_meta.train_maml(fourier_meta.TaskFamily(), steps=steps)
        sizes.append(peak_megabytes())
    return {"growth_megabytes": sizes[1] - sizes[0]}


def child(section, *arguments, cores=None, script="measure.py"):
    """Measure a section in a fresh process, on the first `cores` cores if a number is given."""
    environment = dict(os.environ)
    pin = None
    if cores:
        chosen = sorted(os.sched_getaffinity(0))[:cores]
        pin = lambda: os.sched_setaffinity(0, chosen)  # noqa: E731
        for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
            environment[variable] = str(cores)
    command = [sys.executable, Path(__file__).with_name(script), section, *arguments]
    done = subprocess.run(command, env=environment, preexec_fn=pin, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"measuring {section} {' '.join(arguments)} failed; nothing is reported")
    return json.loads(done.stdout.splitlines()[-1])


SECTIONS = {section.__name__: section for section in (base, agreement, growth, many_features, floor, startups, memory)}

if __name__ == "__main__":
    main(*sys.argv[1:])
