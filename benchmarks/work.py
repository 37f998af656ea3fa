"""The work that is timed: the same numbers for every peer, and the check that all get the same result from them."""

import itertools
from typing import NamedTuple

import numpy as np
from peers import PEERS

from fourier_meta import Adam, TaskFamily, train_maml
from fourier_meta.tasks import dense_table

AGREEMENT = 1e-10  # largest difference of two gradients in float64, relative to their largest entry
OUTER_RATE = 0.05


class DisagreementError(Exception):
    """Two peers computed different results; nothing that was timed would mean anything."""


class Size(NamedTuple):
    """How large a problem is; the defaults are those of the book."""

    n_features: int = 257
    n_tasks: int = 15
    n_points: int = 64
    n_validation: int = 64
    inner_steps: int = 5
    dtype: str = "float64"

    @property
    def inner_rate(self):
        """Stable at every size: the largest stable rate falls as 1 / n_features."""
        return 0.02 * min(1, 257 / self.n_features)

    @property
    def family(self):
        return TaskFamily(self.n_features, dtype=self.dtype)

    @property
    def inner(self):
        return self.inner_steps, self.inner_rate


def problem(size, seed=0):
    """Weights and data of one meta-gradient, as NumPy arrays: (weights, features, labels, the same for validation)."""
    rng = np.random.default_rng(seed)
    train = size.family.sample(size.n_tasks, size.n_points, rng)
    validation = size.family.observe(train.coefficients, size.n_validation, rng)
    weights = rng.uniform(0.5, 1.5, size.n_features).astype(size.dtype)
    return weights, train.features, train.labels, validation.features, validation.labels


# ------------------------------------------------------------------------------------------ other libraries' arrays


def to_library(library, array):
    if library == "torch":
        import torch

        return torch.from_numpy(np.ascontiguousarray(array))
    if library == "jax":
        import jax

        jax.config.update("jax_enable_x64", True)
        return jax.numpy.asarray(array)
    return array


def finished(result):
    """The result itself, once it is there: JAX returns before it has computed."""
    return result.block_until_ready() if hasattr(result, "block_until_ready") else result


def gradient_call(name, size, data, peers=PEERS):
    """A function without arguments that computes the gradient of `data` with the named peer."""
    library, make = peers[name]
    gradient, arrays = make(), [to_library(library, array) for array in data]
    return lambda: finished(gradient(*arrays, *size.inner))


# ------------------------------------------------------------------------------------------ training on fresh tasks


def draws(size, seed):
    """Endless (coefficients, rows of the table to train on, rows to validate on), as `train_maml` draws them."""
    family, rng = size.family, np.random.default_rng(seed)
    streams = (size.n_points, rng), (size.n_validation, rng.spawn(1)[0])
    while True:
        coefficients = family.draw_coefficients(size.n_tasks, rng)
        observed = [family.observe(coefficients, n_points, stream, "random") for n_points, stream in streams]
        yield coefficients.astype(size.dtype), *(family.dense_index(tasks.x) for tasks in observed)


def training_call(name, size):
    """A function train(steps) -> weights (NumPy) that trains with the named peer, on fresh tasks at every step."""
    library, make = PEERS[name]
    if library == "numpy":
        options = size._asdict() | {"outer": Adam(OUTER_RATE), "inner_rate": size.inner_rate}
        del options["n_features"], options["dtype"]
        return lambda steps: train_maml(size.family, steps=steps, **options).weights
    table = to_library(library, dense_table(size.n_features, size.dtype).copy())
    return (torch_training if library == "torch" else jax_training)(make(), size, table)


def torch_training(gradient, size, table):
    import torch

    true = len(size.family.support)  # the first features

    def train(steps):
        weights = torch.ones(size.n_features, dtype=table.dtype)
        adam = torch.optim.Adam([weights], lr=OUTER_RATE)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
        for drawn in itertools.islice(draws(size, 0), steps):
            coefficients, rows, other_rows = map(torch.from_numpy, drawn)
            features, others = table[rows], table[other_rows]
            labels, other_labels = ((part[..., :true] @ coefficients[..., None])[..., 0] for part in (features, others))
            weights.grad = gradient(weights, features, labels, others, other_labels, *size.inner)
            adam.step()
            schedule.step()
        return weights.numpy()

    return train


def jax_training(gradient, size, table):
    import jax
    import jax.numpy as jnp

    true = len(size.family.support)

    @jax.jit
    def update(state, step, steps, table, coefficients, rows, other_rows):
        weights, mean, square = state
        features, others = table[rows], table[other_rows]
        labels, other_labels = ((part[..., :true] @ coefficients[..., None])[..., 0] for part in (features, others))
        slope = gradient(weights, features, labels, others, other_labels, *size.inner)
        mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope**2
        unbiased = mean / (1 - 0.9 ** (step + 1)), square / (1 - 0.999 ** (step + 1))
        rate = OUTER_RATE * (1 + jnp.cos(jnp.pi * step / steps)) / 2
        moved = weights - rate * unbiased[0] / (jnp.sqrt(unbiased[1]) + 1e-8)
        return moved.astype(weights.dtype), mean.astype(weights.dtype), square.astype(weights.dtype)

    def train(steps):
        zeros = jnp.zeros(size.n_features, table.dtype)
        state = jnp.ones_like(zeros), zeros, zeros
        for step, drawn in enumerate(itertools.islice(draws(size, 0), steps)):
            state = update(state, float(step), float(steps), table, *drawn)
        return np.asarray(state[0])

    return train


# ------------------------------------------------------------------------------------------ the check


def check_agreement(results, allowed=AGREEMENT):
    """Raise DisagreementError unless all results {name: array} are the first one's; return the largest difference."""
    (first, expected), *others = ((name, np.asarray(result)) for name, result in results.items())
    worst = 0.0
    for name, result in others:
        difference = float(np.abs(result - expected).max() / np.abs(expected).max())
        if not difference <= allowed:  # a NaN is a disagreement
            raise DisagreementError(f"{name} and {first} differ by {difference:.1e}, allowed is {allowed:.0e}")
        worst = max(worst, difference)
    return worst


def checked_gradients(names, size, peers=PEERS, data=None):
    """{name: call} for the gradient of the same data, after all of them have agreed on it in float64."""
    data = problem(size) if data is None else data
    calls = {name: gradient_call(name, size, data, peers) for name in names}
    allowed = AGREEMENT if size.dtype == "float64" else 1e-4
    return calls, check_agreement({name: call() for name, call in calls.items()}, allowed)


def checked_trainings(names, size):
    """{name: train} on the same fresh tasks, after all of them have agreed on the weights of a short training."""
    calls = {name: training_call(name, size) for name in names}
    allowed = 1e-8 if size.dtype == "float64" else 1e-2  # Adam divides by gradients that may be small
    return calls, check_agreement({name: train(3) for name, train in calls.items()}, allowed)
