"""Many features: this package, JAX with features, and JAX with this package's own idea, written for JAX.

So the gain of the idea (tables against features, within one library) and the gain of the code (one idea, two libraries)
can be told apart. Every form starts from where x lies and from labels, and has to make its features or its tables.
Times are of the processor, on one core: they do not grow with what else the machine does.
"""

import functools
import time

import numpy as np

FEATURES = (1_025, 4_097, 16_385, 65_537)
WITH_FEATURES = 16_385  # beyond that one task at a time takes seconds, and JAX's batch gigabytes
ROUNDS = 7
OURS, OURS_MADE = "fourier_meta, tables", "fourier_meta, features"


def wide():
    """Gradients and training steps at growing numbers of features; a section of measure.py."""
    return [line(n_features) for n_features in FEATURES]


def line(n_features):
    """All forms at one size, after they have agreed."""
    from work import Size, check_agreement

    size = Size(n_features)
    rng = np.random.default_rng(0)
    train = size.family.sample(size.n_tasks, size.n_points, rng)
    validation = size.family.observe(train.coefficients, size.n_validation, rng)
    weights = rng.uniform(0.5, 1.5, n_features) / np.sqrt(n_features / 257)
    calls = {name: make(size, weights, train, validation) for name, make in forms(n_features).items()}
    worst = check_agreement({name: call() for name, call in calls.items()})
    gradient = {name: [] for name in calls}
    for _ in range(ROUNDS if n_features < WITH_FEATURES else 3):
        for name, call in calls.items():
            gradient[name].append(seconds(call))
    return {
        "value": n_features,
        "gradient": {name: 1e6 * min(times) for name, times in gradient.items()},
        "step": 1e6 * min(seconds(functools.partial(training, size)) for _ in range(3)) / 10,
        "worst": worst,
    }


def forms(n_features):
    """What is measured at this size, name -> function (size, weights, train, validation) -> call."""
    chosen = {OURS: our_tables, "JAX, tables": jax_tables}
    if n_features <= WITH_FEATURES:
        chosen |= {OURS_MADE: our_features, "JAX, features": jax_features}
    return chosen


def seconds(call, least=0.05):
    """Processor time of a call, repeated until it can be told from nothing."""
    began, count = time.process_time(), 0
    while count == 0 or time.process_time() - began < least:
        call()
        count += 1
    return (time.process_time() - began) / count


def training(size):
    """Ten steps of ours, drawing fresh tasks included."""
    from fourier_meta import Descent, train_maml

    train_maml(size.family, 0.001, steps=10, outer=Descent())


def our_tables(size, weights, train, validation):
    from fourier_meta import kernel

    through = functools.partial(kernel.through_steps, inner_steps=size.inner_steps, inner_rate=size.inner_rate)
    return lambda: kernel.meta_gradient(through, weights, train, validation)[1]


def our_features(size, weights, train, validation):
    from fourier_meta import Tasks, maml_gradient
    from fourier_meta.tasks import slices

    def gradient():
        total = 0
        for pair in slices(train, validation):
            made = [Tasks(tasks.features, tasks.labels) for tasks in pair]
            total = total + len(made[0]) / len(train) * maml_gradient(weights, *made, *size.inner)[1]
        return total

    return gradient


def jax_arrays(*arrays):
    import jax

    jax.config.update("jax_enable_x64", True)
    return [jax.numpy.asarray(array) for array in arrays]


def jax_features(size, weights, train, validation):
    """The strongest form of peers.py on features that are made, one task after the other: a batch would not fit."""
    from peers import jax_unrolled

    arrays = jax_arrays(weights, train.x, train.labels, validation.x, validation.labels)
    import jax
    import jax.numpy as jnp

    one_task = jax_unrolled()

    def made(x):
        angles = x[:, None] * (jnp.pi * jnp.arange(1, size.n_features // 2 + 1))
        pairs = jnp.stack([jnp.sin(angles), jnp.cos(angles)], axis=-1).reshape(len(x), -1)
        return jnp.concatenate([jnp.ones((len(x), 1)), jnp.sqrt(2) * pairs], axis=1)[:, : size.n_features]

    @jax.jit
    def gradient(weights, x, labels, other_x, other_labels):
        def add(total, task):
            x, labels, other_x, other_labels = task
            parts = made(x)[None], labels[None], made(other_x)[None], other_labels[None]
            return total + one_task(weights, *parts, *size.inner), None

        total = jax.lax.scan(add, jnp.zeros_like(weights), (x, labels, other_x, other_labels))[0]
        return total / len(labels)

    return lambda: gradient(*arrays).block_until_ready()


def jax_tables(size, weights, train, validation):
    """This package's idea in JAX: two real transforms, look-ups, K steps on N x N; differentiated by JAX itself."""
    from fourier_meta.tasks import dense_size

    arrays = jax_arrays(weights, train.x, train.labels, validation.x, validation.labels)
    import jax
    import jax.numpy as jnp

    n_places, d = dense_size(size.n_features), size.n_features

    @jax.jit
    @jax.grad
    def gradient(weights, x, labels, other_x, other_labels):
        squared = weights**2
        empty = jnp.zeros(n_places // 2 + 1)
        cosines = empty.at[1 : (d + 1) // 2].set(squared[2::2]).at[0].set(squared[0])
        sines = empty.at[1 : d // 2 + 1].set(squared[1::2])
        minus = jnp.fft.irfft(n_places / 2 * (cosines + sines), n_places)
        plus = jnp.fft.irfft(n_places / 2 * (cosines - sines), n_places)
        columns = jnp.rint(x * (n_places / 2)).astype(int)
        others = jnp.rint(other_x * (n_places / 2)).astype(int)

        def products(rows):
            rows, across = rows[:, :, None], columns[:, None, :]
            return minus[(rows - across) % n_places] + plus[(rows + across) % n_places]

        gram, held_out = products(columns), products(others)
        dual = jnp.zeros_like(labels)
        for _ in range(size.inner_steps):
            residual = jnp.einsum("tij,tj->ti", gram, dual) - labels
            dual = dual - 2 * size.inner_rate / size.n_points * residual
        return jnp.mean((jnp.einsum("tij,tj->ti", held_out, dual) - other_labels) ** 2)

    return lambda: gradient(*arrays).block_until_ready()
