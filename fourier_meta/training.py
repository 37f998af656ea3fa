"""What MAML and Reptile share: where weights start, the outer optimisers, the one loop, and the record that it leaves.

Taught in notebooks 03_maml and 04_reptile.
"""

import dataclasses
import hashlib
import io
import itertools
import json
import math
import platform
from pathlib import Path

import numpy as np

from fourier_meta import checks, files
from fourier_meta.regression import Divergence, check_inner_loop, divergence, share, stable_rate
from fourier_meta.tasks import TaskFamily, Tasks

SNAPSHOTS = 100  # a history keeps about this many copies of the weights, however long the run is,
SNAPSHOT_BYTES = 2**25  # or fewer if they are large


# Outer optimisers: functions (parameters, gradient, state, progress) -> (new parameters, new state). The state is None
# at first and a tuple of numbers and arrays afterwards; progress goes from 0 to 1 over the run.


@dataclasses.dataclass(frozen=True)
class Adam:
    """Adam with its standard constants (Kingma and Ba, arXiv 1412.6980); the rate falls to 0 along a cosine.

    It divides every coordinate by a scale of its own, so all coordinates take steps of about the same size.
    Taught in notebook 03_maml.
    """

    rate: float = 0.05

    def __post_init__(self):
        checks.real("rate", self.rate, 0.05, minimum=0, above=True)

    def __call__(self, parameters, gradient, state, progress):
        """Return the parameters moved one step down the gradient, and the new state."""
        step, mean, square = state or (0, 0.0, 0.0)
        step = step + 1
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        direction = mean / (1 - 0.9**step) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
        return parameters - self.rate * _cosine(progress) * direction, (step, mean, square)


@dataclasses.dataclass(frozen=True)
class Descent:
    """Gradient descent with momentum and one common scale: each step is divided by its largest entry.

    The largest coordinate moves by `rate` and all others in proportion, so what has a small gradient stays where it
    is. The rate falls to 0 along a cosine. Taught in notebooks 04_reptile and 05_mechanisms.
    """

    rate: float = 0.05
    momentum: float = 0.9

    def __post_init__(self):
        checks.real("rate", self.rate, 0.05, minimum=0, above=True)
        checks.real("momentum", self.momentum, 0.9, minimum=0, maximum=0.9999)

    def __call__(self, parameters, gradient, state, progress):
        """Return the parameters moved one step down the averaged gradient, and the new state."""
        (mean,) = state or (0.0,)
        mean = self.momentum * mean + (1 - self.momentum) * gradient
        largest = np.abs(mean).max() or 1.0
        return parameters - self.rate * _cosine(progress) / largest * mean, (mean,)


@dataclasses.dataclass(frozen=True)
class Interpolate:
    """A plain step: the parameters move by `rate` times the gradient, and the rate falls to 0 along a line.

    Reptile's gradient is the way back from the mean of the adapted weights, so this goes a part of the way there.
    Taught in notebook 04_reptile.
    """

    rate: float = 0.5

    def __post_init__(self):
        checks.real("rate", self.rate, 0.5, minimum=0, maximum=1, above=True)

    def __call__(self, parameters, gradient, state, progress):
        """Return the parameters moved one step down the gradient, and no state."""
        return parameters - self.rate * (1 - progress) * gradient, state


def _cosine(progress):
    return (1 + math.cos(math.pi * progress)) / 2


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Run:
    """The record of a training run, whole or up to some step, as the training loops yield it.

    Nothing in it changes when the training goes on. Pass it as `resume=` to go on from here. Taught in the
    appendix, A_report.
    """

    method: str
    config: dict  # every argument of the run, its task family and its seed, as JSON holds them
    status: str  # "finished", "stopped at step 12", "interrupted at step 12", "diverged at step 12: ...", "stuck ..."
    advice: str  # why the end is of little use, if that can be seen; "" otherwise
    step: int  # outer steps taken
    weights: np.ndarray  # (n_features,), after the last step
    start: np.ndarray  # (n_features,), where every task's effective coefficients start; zeros unless learned
    initial_weights: np.ndarray  # (n_features,)
    losses: np.ndarray  # (step,), the loss of every step
    snapshots: tuple  # of (step, weights (n_features,)), the first after step 0
    state: dict  # what a resumed run needs besides: the optimisers' states and those of the random streams
    versions: dict  # of Python, NumPy and this package

    @property
    def loss(self):
        """The loss of the last step; NaN before the first."""
        return float(self.losses[-1]) if len(self.losses) else math.nan

    @property
    def history(self):
        """Arrays by name: "loss" (step,), and "weights" (n_snapshots, n_features) with the "step" of each."""
        taken, kept = zip(*self.snapshots, strict=True)
        if taken[-1] != self.step:
            taken, kept = (*taken, self.step), (*kept, self.weights)
        return {"loss": np.array(self.losses), "step": np.array(taken), "weights": np.array(kept)}

    def __repr__(self):
        advice = f"; {self.advice}" if self.advice else ""
        return f"Run({self.method}, {self.status}{advice}; {len(self.weights)} weights, loss {self.loss:.3g})"

    def __eq__(self, other):
        if not isinstance(other, Run):
            return NotImplemented
        pairs = zip(_arrays(self).values(), _arrays(other).values(), strict=True)
        return _record(self) == _record(other) and all(np.array_equal(a, b, equal_nan=True) for a, b in pairs)

    __hash__ = None

    def save(self, path):
        """Write the run to `path` (.json) and its arrays beside it (.npz): plain data, no pickle.

        Raises ValueError if the files cannot be written there.
        """
        record_path, arrays_path = _pair(path)
        buffer = io.BytesIO()
        np.savez(buffer, **_arrays(self))
        record = _record(self) | {
            "arrays": hashlib.sha256(buffer.getvalue()).hexdigest()
        }  # a pair is whole, or not loaded
        files.replace(arrays_path, buffer.getvalue())
        files.replace(record_path, json.dumps(record, indent=1) + "\n")


def load_run(path):
    """Read the Run that `Run.save` wrote to `path`; raises ValueError if there is none, or not a whole one.

    Taught in the appendix, A_report.
    """
    record_path, arrays_path = _pair(path)
    try:
        record, content = json.loads(record_path.read_text(encoding="utf-8")), arrays_path.read_bytes()
        if record.pop("arrays") != hashlib.sha256(content).hexdigest():
            raise ValueError(f"{arrays_path.name} belongs to another record")
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:  # object arrays could run code: refused
            arrays = dict(stored)
        taken, kept = arrays.pop("snapshots.step").tolist(), arrays.pop("snapshots.weights")
        states = [
            tuple(_number_or_array(arrays.pop(f"state.{i}.{j}")) for j in range(size)) if size else None
            for i, size in enumerate(record.pop("state_sizes"))
        ]
        state = {"optimisers": states, "streams": record.pop("streams")}
        return Run(**record, **arrays, snapshots=tuple(zip(taken, kept, strict=True)), state=state)
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise ValueError(f"path {str(path)!r} holds no run ({error!r}); pass a path that Run.save wrote") from None


def _number_or_array(part):
    """A number as Python's, whose powers have the same last digit as before it was saved; an array as it is."""
    return part if part.ndim else part.item()


def _record(run):
    """What JSON holds of a run."""
    record = {name: getattr(run, name) for name in ("method", "config", "status", "advice", "step", "versions")}
    sizes = [0 if state is None else len(state) for state in run.state["optimisers"]]
    return record | {"state_sizes": sizes, "streams": run.state["streams"]}


def _arrays(run):
    """What NumPy holds of a run."""
    taken, kept = zip(*run.snapshots, strict=True)
    arrays = {name: getattr(run, name) for name in ("weights", "start", "initial_weights", "losses")}
    arrays |= {"snapshots.step": np.array(taken), "snapshots.weights": np.array(kept)}
    for i, state in enumerate(run.state["optimisers"]):
        arrays |= {f"state.{i}.{j}": np.asarray(part) for j, part in enumerate(state or ())}
    return arrays


def _pair(path):
    """The two files of a run; "rate_0.02" is a whole name, no suffix is cut from it."""
    try:
        path = Path(path)
        stem = path.stem if path.suffix in (".json", ".npz") else path.name
        return path.with_name(f"{stem}.json"), path.with_name(f"{stem}.npz")
    except (TypeError, ValueError):
        raise ValueError(f"path must name a file, got {path!r}; pass for example 'runs/maml'") from None


# Where tasks come from


class FamilyBatches:
    """Endless batches of a family: new tasks at n_points[0] points, the same ones at n_points[1], ... random others.

    Every observation has a random stream of its own, so that Reptile with the same seed trains on MAML's tasks.
    """

    def __init__(self, family, n_tasks, n_points, rng):
        self.family, self.n_tasks, self.n_points = family, checks.at_least("n_tasks", n_tasks, 1, 15), n_points
        self.rngs = [rng, *rng.spawn(len(n_points) - 1)]

    def __next__(self):
        first = self.family.sample(self.n_tasks, self.n_points[0], self.rngs[0])
        streams = zip(self.n_points[1:], self.rngs[1:], strict=True)
        return first, *(self.family.observe(first.coefficients, n, rng, "random") for n, rng in streams)

    @property
    def state(self):
        """The states of the random streams, as JSON holds them."""
        return [rng.bit_generator.state for rng in self.rngs]

    @state.setter
    def state(self, states):
        for rng, state in zip(self.rngs, states, strict=True):
            rng.bit_generator.state = state


class OwnBatches:
    """Batches from any iterable; a `Tasks` is cut in two halves where two are needed, a pair is taken as it is."""

    def __init__(self, source, parts):
        try:
            self.source, self.parts = iter(source), parts
        except TypeError:
            wanted = "a TaskFamily or an iterable of batches"
            raise ValueError(f"source must be {wanted}, got {checks.shown(source)}; pass TaskFamily()") from None
        self.state = None  # the reader's own iterator: a resumed run goes on with what it yields next

    def __next__(self):
        batch = next(self.source)
        if isinstance(batch, Tasks) and self.parts == 1:
            batch = (batch,)
        elif isinstance(batch, Tasks):
            if batch.n_points < 2:
                raise ValueError("a batch must have two points to be halved, got 1; pass pairs, or n_validation=0")
            batch = batch.split(batch.n_points // 2)
        if not isinstance(batch, tuple | list) or not all(isinstance(tasks, Tasks) for tasks in batch):
            raise ValueError(f"a batch must be a Tasks or a pair of them, got {checks.shown(batch)}; pass Tasks(...)")
        return tuple(batch)[: self.parts]


def open_source(source, n_tasks, n_points, rng):
    """Batches of a TaskFamily or of an iterable, and the first of them if that is needed to count the features."""
    if isinstance(source, TaskFamily):
        return (
            FamilyBatches(source, n_tasks, n_points, rng),
            source.n_features,
            checks.described("source", dataclasses.asdict(source)),
        )
    own = OwnBatches(source, len(n_points))
    try:
        first = next(own)
    except StopIteration:
        raise ValueError("source has no batch at all; pass an iterable that yields at least one Tasks") from None
    own.source = itertools.chain([first], own.source)
    return own, first[0].n_features, {"source": type(source).__name__}


def initial_weights(weights, n_features, rng):
    """Weights to start from, (n_features,), and what a record says of them.

    They are "ones", "uniform" in [0, 1] from `rng`, one number for all, or a copy; of an array the record has a digest.
    """
    if isinstance(weights, str):
        checks.one_of("weights", weights, ("ones", "uniform"))
        return np.ones(n_features) if weights == "ones" else rng.random(n_features), weights
    if not isinstance(weights, list | tuple) and np.ndim(weights) == 0:
        size = checks.real("weights", weights, 0.001)
        return np.full(n_features, size), size
    weights = checks.array("weights", weights)
    checks.same_shape("weights", weights.shape, (n_features,), "a weight for every feature")
    initial = weights.astype(np.float64)
    return initial, checks.described("weights", initial)


def common_settings(steps, n_tasks, n_points, inner_steps, inner_rate, outer, seed):
    """The settings that MAML and Reptile share, checked, as a record holds them."""
    inner_steps, inner_rate = check_inner_loop(inner_steps, inner_rate)
    settings = {
        "steps": checks.at_least("steps", steps, 1, 1000),
        "n_tasks": checks.at_least("n_tasks", n_tasks, 1, 15),
        "n_points": checks.at_least("n_points", n_points, 1, 64),
        "inner_steps": inner_steps,
        "inner_rate": inner_rate,
        "outer": checks.described("outer", outer),
        "seed": checks.at_least("seed", seed, 0, 0),
    }
    checks.function("outer", outer, "such as Adam(0.05) or Interpolate(0.5)")
    return settings


def start_training(method, objective, source, sizes, weights, outer, settings, resume):
    """Draw what a training begins with, and return its steps; `sizes` are the points of each part of a batch."""
    rng = np.random.default_rng(settings["seed"])
    batches, n_features, described = open_source(source, settings["n_tasks"], sizes, rng)
    initial, told = initial_weights(weights, n_features, rng)
    config = described | settings | {"weights": told}
    return run_steps(method, objective, batches, initial, np.zeros(n_features), outer, config, resume)


# The loop


def run_steps(method, objective, batches, weights, start, outer, config, resume):
    """Yield a Run after every outer step: this is the one training loop.

    `objective(weights, start, *batch)` returns the loss and one gradient for each parameter that is learned: the
    weights, or the weights and the start. It ends when all steps are taken, when the source has no more batches, when
    all gradients are exactly 0, and when the weights are no longer finite or the loss exceeds a thousand times that of
    predicting 0: then the inner loop diverges, which Adam would hide.
    """
    progress = _Progress(method, config, weights, start)
    if resume is not None:
        progress.resume(resume)
        batches.state = resume.state["streams"]
    while progress.step < progress.steps:
        try:
            batch = next(batches)
        except StopIteration:
            yield progress.record(batches, f"stopped at step {progress.step}", "the source had no more batches")
            return
        try:
            progress.take_step(objective, outer, batch)
        except Divergence as error:
            yield progress.record(batches, f"diverged at step {progress.step}: {progress.advice(error, batch[0])}")
            return
        if progress.stuck:
            cause = "every gradient is exactly 0, as from weights 0; start from other weights"
            yield progress.record(batches, f"stuck at step {progress.step}", cause)
            return
        if progress.step < progress.steps:
            yield progress.record(batches, f"stopped at step {progress.step}")
    yield progress.record(batches, "finished", useless(progress.weights, progress.initial, config))


class _Progress:
    """Where a training is: parameters, states of their optimisers, and what has happened so far."""

    def __init__(self, method, config, weights, start):
        self.method, self.config, self.steps = method, config, config["steps"]
        checks.fits_memory("losses", (self.steps,))
        self.losses, self.step, self.stuck = np.full(self.steps, math.nan), 0, False
        self.initial, self.weights, self.start, self.states = weights, weights, start, (None, None)
        self.snapshots = ((0, weights.copy()),)
        self.every = max(1, self.steps // max(1, min(SNAPSHOTS, SNAPSHOT_BYTES // weights.nbytes)))
        self.versions = _versions()

    def resume(self, run):
        """Go on where `run` stopped."""
        _check_resumable(run, self.method, self.config)
        self.step, self.weights, self.start = run.step, run.weights, run.start
        self.initial, self.snapshots, self.states = run.initial_weights, run.snapshots, run.state["optimisers"]
        self.losses[: self.step] = run.losses

    def take_step(self, objective, outer, batch):
        """Move the parameters by one outer step, or raise Divergence and leave them where they were."""
        before, progress = (self.weights, self.start), self.step / self.steps
        self.step += 1
        with np.errstate(over="ignore", invalid="ignore"):
            loss, *gradients = objective(*(values.copy() for values in before), *batch)
            parts = zip(before, gradients, self.states, strict=False)  # the start has no gradient unless it is learned
            moved, states = zip(*(outer(*part, progress) for part in parts), strict=True)
        self.losses[self.step - 1] = loss
        finite = all(np.isfinite(values).all() for values in moved)
        if not (loss <= 1000 * batch[-1].zero_loss and finite):  # a NaN loss stops, too
            raise divergence(stable_rate(self.weights, batch[0]), self.config["inner_rate"])
        self.stuck = loss > 0 and not any(gradient.any() for gradient in gradients)
        self.weights, self.start = moved + before[len(moved) :]
        self.states = (*states, *self.states[len(moved) :])
        if self.step == self.steps or self.step % self.every == 0:
            self.snapshots = (*self.snapshots, (self.step, self.weights.copy()))

    def record(self, batches, status, advice=""):
        """The Run so far; what it holds does not change when the training goes on."""
        state = {"optimisers": self.states, "streams": batches.state}
        arrays = self.weights.copy(), self.start.copy(), self.initial.copy(), self.losses[: self.step]
        return Run(self.method, self.config, status, advice, self.step, *arrays, self.snapshots, state, self.versions)

    def advice(self, error, tasks):
        """What was too large: the inner rate, or weights that have grown."""
        size, before = np.abs(self.weights).max(), np.abs(self.initial).max()
        if not size > 100 * before:
            return error.advice
        stable = stable_rate(self.initial, tasks)
        rates = f"inner rate {self.config['inner_rate']:.3g}, stable below {stable:.3g} at first"
        return f"weights have grown from {before:.3g} to {size:.3g}; {rates}"


def useless(weights, initial, config):
    """Why trained weights are of little use, in a sentence, if their family's support shows it; "" otherwise."""
    if "support" not in config or not initial.any() or not weights.any():
        return ""
    before, after = share(initial, config["support"]), share(weights, config["support"])
    if after >= min(0.5, 5 * before):
        return ""
    return (
        f"nothing was selected: the true features' share of the squared weights went from {before:.2g} to {after:.2g}"
    )


_interrupted = []  # the run that an interrupt last cut short


class Interrupted(KeyboardInterrupt):
    """Training was interrupted; `interrupted_run()` returns what there is."""


def run_to_end(steps):
    """Take all steps of a training and return its Run; an interrupt keeps what there is and goes through."""
    run = None
    try:
        for run in steps:  # noqa: B007 - the last one is returned
            pass
    except KeyboardInterrupt:
        if run is None:
            raise
        _interrupted[:] = [dataclasses.replace(run, status=f"interrupted at step {run.step}")]
        total = run.config["steps"]
        raise Interrupted(f"at step {run.step} of {total}; run = interrupted_run() has what there is") from None
    return run


def interrupted_run():
    """The Run that an interrupt last cut short, to look at or to `resume`; raises ValueError if there is none.

    In no notebook: the message of the interrupt names it.
    """
    if not _interrupted:
        raise ValueError("run: no training has been interrupted here; start one and stop it")
    return _interrupted[0]


def _check_resumable(run, method, config):
    """Raise ValueError unless a run was made by the same method with the same settings and can go on."""
    checks.instance("resume", run, Run, "what train_maml returned")
    for name, now in {"method": method, **config}.items():
        before = run.method if name == "method" else run.config.get(name)
        if json.dumps(before, sort_keys=True) != json.dumps(now, sort_keys=True):
            raise ValueError(
                f"resume has {name} {checks.shown(before)} where {checks.shown(now)} is asked; pass the same"
            )
    if run.status.startswith(("diverged", "stuck")):
        raise ValueError(f"resume has {run.status}, so nothing can go on; start anew with other settings")


def _versions():
    from fourier_meta import __version__

    return {"python": platform.python_version(), "numpy": np.__version__, "fourier_meta": __version__}
