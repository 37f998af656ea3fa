"""What both training loops share: where weights start, Adam, the loop itself, and the record that it leaves.

Taught in notebooks 03_maml and 04_reptile.
"""

import contextlib
import dataclasses
import hashlib
import io
import json
import math
import os
import platform
from pathlib import Path

import numpy as np

from fourier_meta import checks
from fourier_meta.regression import Divergence

SNAPSHOTS = 100  # a history keeps about this many copies of the weights, however long the run is


@dataclasses.dataclass
class Run:
    """The record of one training run, as `train_maml` and `train_reptile` return it. Taught in notebook 03_maml.

    `history` holds "loss" (steps,), one number for every step, and "weights" (n_snapshots, n_features) with the "step"
    (n_snapshots,) after which each was taken; the first snapshot is the start, the last the end.
    """

    method: str
    weights: np.ndarray  # (n_features,), after the last step
    initial_weights: np.ndarray  # (n_features,)
    history: dict
    config: dict  # every argument of the run, its task family and its seed
    versions: dict  # of Python, NumPy and this package
    status: str  # "finished", "stopped at step 12", "interrupted at step 12", "diverged at step 12: ..."

    def save(self, path):
        """Write the run to `path` (.json) and its arrays beside it (.npz): plain data, no pickle.

        Raises ValueError if the files cannot be written there.
        """
        record_path, arrays_path = _pair(path)
        buffer = io.BytesIO()
        np.savez(buffer, weights=self.weights, initial_weights=self.initial_weights, **_prefixed(self.history))
        record = {name: getattr(self, name) for name in ("method", "config", "versions", "status")}
        record["arrays"] = hashlib.sha256(buffer.getvalue()).hexdigest()  # a pair is whole, or it is not loaded
        _replace(arrays_path, buffer.getvalue())
        _replace(record_path, (json.dumps(record, indent=1) + "\n").encode())


def load_run(path):
    """Read the Run that `Run.save` wrote to `path`; raises ValueError if there is none, or not a whole one.

    Not needed by the book, whose runs take a second: it keeps the runs of your own that notebook 03_maml leads to.
    """
    record_path, arrays_path = _pair(path)
    try:
        record, content = json.loads(record_path.read_text(encoding="utf-8")), arrays_path.read_bytes()
        whole = record.pop("arrays") == hashlib.sha256(content).hexdigest()
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise ValueError(f"path {str(path)!r} holds no run ({error!r}); pass a path that Run.save wrote") from None
    if not whole:
        raise ValueError(f"{arrays_path} does not belong to {record_path}; save the run again")
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:  # object arrays could run code: they are refused
        history = {name.removeprefix("history."): arrays[name] for name in arrays.files if name.startswith("history.")}
        return Run(**record, weights=arrays["weights"], initial_weights=arrays["initial_weights"], history=history)


def initial_weights(weights, n_features, rng):
    """Weights to start from, shape (n_features,): all "ones", "uniform" in [0, 1] drawn from `rng`, or a copy."""
    if isinstance(weights, str):
        checks.one_of("weights", weights, ("ones", "uniform"))
        return np.ones(n_features) if weights == "ones" else rng.random(n_features)
    weights = checks.array("weights", weights)
    checks.same_shape("weights", weights.shape, (n_features,), "a weight for every feature")
    return weights.astype(np.float64)


class Adam:
    """Adam with its standard constants (Kingma and Ba, arXiv 1412.6980); the rate falls to 0 along a cosine."""

    def __init__(self, rate, steps):
        self.rate = checks.real("outer_rate", rate, 0.05, minimum=0, above=True)
        self.steps = checks.at_least("steps", steps, 1, 1000)
        self.step, self.mean, self.square = 0, 0.0, 0.0

    def __call__(self, weights, gradient):
        """Return the weights moved one step down the gradient."""
        rate = self.rate * (1 + math.cos(math.pi * self.step / self.steps)) / 2
        self.step += 1
        self.mean = 0.9 * self.mean + 0.1 * gradient
        self.square = 0.999 * self.square + 0.001 * gradient**2
        mean = self.mean / (1 - 0.9**self.step)
        square = self.square / (1 - 0.999**self.step)
        return weights - rate * mean / (np.sqrt(square) + 1e-8)


def run_training(method, update, weights, family, config, callback, callback_every):
    """Call `update(weights) -> (loss, new weights, tasks)` config["steps"] times and record what happens.

    Stops early when the callback returns True, on Ctrl-C, and when the weights are no longer finite or the loss
    exceeds a thousand times that of predicting 0: then the inner loop diverges, which Adam would hide.
    """
    steps = checks.at_least("steps", config["steps"], 1, 1000)
    callback_every = checks.at_least("callback_every", callback_every, 1, 10)
    if callback is not None:
        checks.function("callback", callback, "(step, loss, weights)")
    config = dataclasses.asdict(family) | {name: _plain(value) for name, value in config.items()}
    losses, snapshots, status, start = [], [(0, weights)], "finished", weights
    try:
        for step in range(1, steps + 1):
            with np.errstate(over="ignore", invalid="ignore"):
                loss, moved, tasks = update(weights)
            if math.isfinite(loss):
                losses.append(loss)
            if not (loss <= 1000 * _zero_loss(tasks) and np.isfinite(moved).all()):  # a NaN loss stops, too
                raise Divergence(tasks.features, weights, config["inner_rate"])
            weights = moved
            if step == steps or step % max(1, steps // SNAPSHOTS) == 0:
                snapshots.append((step, weights))
            if callback and step % callback_every == 0 and callback(step, loss, weights):
                status = f"stopped at step {step}"
                break
    except Divergence as error:
        status = f"diverged at step {step}: {error.advice}"
    except KeyboardInterrupt:
        status = f"interrupted at step {len(losses)}"
    if snapshots[-1][1] is not weights:
        snapshots.append((len(losses), weights))
    taken, kept = zip(*snapshots, strict=True)
    history = {"loss": np.array(losses), "step": np.array(taken), "weights": np.array(kept)}
    return Run(method, weights, start, history, config, _versions(), status)


def _zero_loss(tasks):
    """Expected loss of predicting 0, from the true coefficients or from the labels, whichever is larger."""
    return max(np.mean(np.sum(tasks.effective**2, axis=-1)), np.mean(tasks.labels**2))


def _versions():
    from fourier_meta import __version__

    return {"python": platform.python_version(), "numpy": np.__version__, "fourier_meta": __version__}


def _plain(number):
    """A NumPy number as the Python number that JSON can hold."""
    return number.item() if isinstance(number, np.generic) else number


def _prefixed(history):
    return {f"history.{name}": values for name, values in history.items()}


def _pair(path):
    """The two files of a run; "rate_0.02" is a whole name, no suffix is cut from it."""
    try:
        path = Path(path)
        stem = path.stem if path.suffix in (".json", ".npz") else path.name
        return path.with_name(f"{stem}.json"), path.with_name(f"{stem}.npz")
    except (TypeError, ValueError):
        raise ValueError(f"path must name a file, got {path!r}; pass for example 'runs/maml'") from None


def _replace(path, content):
    """Write a file beside `path`, then rename, so that an interruption leaves the old file or the new one."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    except OSError as error:
        reason = f"path {str(path)!r} cannot be written ({error.strerror})"
        raise ValueError(f"{reason}; pass a path in a folder that exists and that you may write to") from None
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()
