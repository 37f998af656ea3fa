"""The peers: each computes the meta-gradient of the same problem, in the way its own documentation shows.

Each function here imports its library and returns gradient(weights, features, labels, validation_features,
validation_labels, inner_steps, inner_rate), on arrays of that library, of shapes (d,), (T, N, d), (T, N), (T, M, d) and
(T, M). All predict with features @ (weights * alpha), the form that is fastest for each of them; "JAX, as stated" does
not.
"""

import functools
import importlib
import sys
import tarfile
import types
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCES = HERE.parent / ".venv-bench" / "sources"  # where `make bench` puts what does not install

# ------------------------------------------------------------------------------------------------ NumPy: this package


def fourier_meta():
    from fourier_meta import Tasks, maml_gradient

    def gradient(weights, features, labels, validation_features, validation_labels, inner_steps, inner_rate):
        train = Tasks(features, labels)
        validation = Tasks(validation_features, validation_labels)
        return maml_gradient(weights, train, validation, inner_steps, inner_rate)[1]

    return gradient


# ------------------------------------------------------------------------------------------------ torch


def plain_torch():
    import torch

    def gradient(weights, features, labels, validation_features, validation_labels, inner_steps, inner_rate):
        weights = weights.detach().requires_grad_()
        loss = 0
        for task in range(len(features)):
            alpha = torch.zeros_like(weights, requires_grad=True)
            for _ in range(inner_steps):
                error = ((features[task] @ (weights * alpha) - labels[task]) ** 2).mean()
                (slope,) = torch.autograd.grad(error, alpha, create_graph=True)
                alpha = alpha - inner_rate * slope
            loss = loss + ((validation_features[task] @ (weights * alpha) - validation_labels[task]) ** 2).mean()
        return torch.autograd.grad(loss / len(features), weights)[0]

    return gradient


def torch_func():
    import torch
    from torch.func import grad, vmap

    def error(alpha, weights, features, labels):
        return ((features @ (weights * alpha) - labels) ** 2).mean()

    def gradient(weights, features, labels, validation_features, validation_labels, inner_steps, inner_rate):
        def task_loss(weights, features, labels, validation_features, validation_labels):
            alpha = torch.zeros_like(weights)
            for _ in range(inner_steps):
                alpha = alpha - inner_rate * grad(error)(alpha, weights, features, labels)
            return error(alpha, weights, validation_features, validation_labels)

        def loss(weights):
            tasks = vmap(task_loss, (None, 0, 0, 0, 0))
            return tasks(weights, features, labels, validation_features, validation_labels).mean()

        return grad(loss)(weights)

    return gradient


def _linear(weights):
    """A torch module whose only parameter is alpha; the weights belong to nobody and get the meta-gradient."""
    import torch

    class Linear(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.alpha = torch.nn.Parameter(torch.zeros_like(weights))

        def forward(self, features):
            return features @ (weights * self.alpha)

    return Linear()


def higher():
    import torch
    from higher import innerloop_ctx

    def gradient(weights, features, labels, validation_features, validation_labels, inner_steps, inner_rate):
        weights = weights.detach().requires_grad_()
        model, total = _linear(weights), torch.zeros_like(weights)
        optimizer = torch.optim.SGD(model.parameters(), lr=inner_rate)
        for task in range(len(features)):
            with innerloop_ctx(model, optimizer) as (functional, differentiable):
                for _ in range(inner_steps):
                    differentiable.step(((functional(features[task]) - labels[task]) ** 2).mean())
                loss = ((functional(validation_features[task]) - validation_labels[task]) ** 2).mean()
                total += torch.autograd.grad(loss, weights)[0]
        return total / len(features)

    return gradient


def torchopt():
    import torch
    from torchopt import MetaSGD, extract_state_dict, recover_state_dict

    def gradient(weights, features, labels, validation_features, validation_labels, inner_steps, inner_rate):
        weights = weights.detach().requires_grad_()
        model, total = _linear(weights), torch.zeros_like(weights)
        optimizer = MetaSGD(model, lr=inner_rate)
        start = extract_state_dict(model, by="reference"), extract_state_dict(optimizer, by="reference")
        for task in range(len(features)):
            for _ in range(inner_steps):
                optimizer.step(((model(features[task]) - labels[task]) ** 2).mean())
            loss = ((model(validation_features[task]) - validation_labels[task]) ** 2).mean()
            total += torch.autograd.grad(loss, weights)[0]
            recover_state_dict(model, start[0])
            recover_state_dict(optimizer, start[1])
        return total / len(features)

    return gradient


def learn2learn():
    import torch

    MAML = _learn2learn_maml()

    def gradient(weights, features, labels, validation_features, validation_labels, inner_steps, inner_rate):
        weights = weights.detach().requires_grad_()
        maml, total = MAML(_linear(weights), lr=inner_rate), torch.zeros_like(weights)
        for task in range(len(features)):
            learner = maml.clone()
            for _ in range(inner_steps):
                learner.adapt(((learner(features[task]) - labels[task]) ** 2).mean())
            loss = ((learner(validation_features[task]) - validation_labels[task]) ** 2).mean()
            total += torch.autograd.grad(loss, weights)[0]
        return total / len(features)

    return gradient


@functools.cache
def _learn2learn_maml():
    """Its class MAML: installed, or else from its source distribution, which does not build on Python 3.11.

    The file algorithms/maml.py is its own, unchanged; only the package's __init__, which imports compiled data loaders
    and torchvision, is replaced by an empty one.
    """
    try:
        return importlib.import_module("learn2learn").algorithms.MAML
    except ImportError:
        archive = next(SOURCES.glob("learn2learn-*.tar.gz"), None)
        if archive is None:
            raise
    root = SOURCES / archive.name.removesuffix(".tar.gz") / "learn2learn"
    if not root.exists():
        with tarfile.open(archive) as file:
            file.extractall(SOURCES, filter="data")
    for name, folder in (("learn2learn", root), ("learn2learn.algorithms", root / "algorithms")):
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__path__ = [str(folder)]
    return importlib.import_module("learn2learn.algorithms.maml").MAML


# ------------------------------------------------------------------------------------------------ JAX


def _jax(predict, unroll=1):
    import jax
    import jax.numpy as jnp

    def error(alpha, weights, features, labels):
        return jnp.mean((predict(features, weights, alpha) - labels) ** 2)

    def gradient(weights, features, labels, validation_features, validation_labels, inner_steps, inner_rate):
        def task_loss(weights, features, labels, validation_features, validation_labels):
            def step(alpha, _):
                return alpha - inner_rate * jax.grad(error)(alpha, weights, features, labels), None

            alpha, _ = jax.lax.scan(step, jnp.zeros_like(weights), length=inner_steps, unroll=unroll)
            return error(alpha, weights, validation_features, validation_labels)

        def loss(weights):
            tasks = jax.vmap(task_loss, (None, 0, 0, 0, 0))
            return tasks(weights, features, labels, validation_features, validation_labels).mean()

        return jax.grad(loss)(weights)

    return jax.jit(gradient, static_argnames=("inner_steps", "inner_rate"))


def jax_as_stated():
    return _jax(lambda features, weights, alpha: (features * weights) @ alpha)


def jax_reassociated():
    return _jax(lambda features, weights, alpha: features @ (weights * alpha))


def jax_unrolled():
    return _jax(lambda features, weights, alpha: features @ (weights * alpha), unroll=True)


# ------------------------------------------------------------------------------------------------ Reptile
# displacement(weights, features, labels, inner_steps, inner_rate): mean over tasks of (adapted weights - weights)


def fourier_meta_reptile():
    from fourier_meta import joint_descent

    def displacement(weights, features, labels, inner_steps, inner_rate):
        return joint_descent(features, labels, weights, inner_steps, inner_rate)[0].mean(axis=0) - weights

    return displacement


def torch_reptile():
    import torch

    def displacement(weights, features, labels, inner_steps, inner_rate):
        total = torch.zeros_like(weights)
        for task in range(len(features)):
            adapted = weights.clone().requires_grad_()
            alpha = torch.zeros_like(weights, requires_grad=True)
            optimizer = torch.optim.SGD([adapted, alpha], lr=inner_rate)
            for _ in range(inner_steps):
                optimizer.zero_grad()
                ((features[task] @ (adapted * alpha) - labels[task]) ** 2).mean().backward()
                optimizer.step()
            total += adapted.detach() - weights
        return total / len(features)

    return displacement


def jax_reptile():
    import jax
    import jax.numpy as jnp

    def error(parameters, features, labels):
        weights, alpha = parameters
        return jnp.mean((features @ (weights * alpha) - labels) ** 2)

    def displacement(weights, features, labels, inner_steps, inner_rate):
        def adapted(features, labels):
            def step(parameters, _):
                slopes = jax.grad(error)(parameters, features, labels)
                return jax.tree.map(lambda value, slope: value - inner_rate * slope, parameters, slopes), None

            start = weights, jnp.zeros_like(weights)
            return jax.lax.scan(step, start, length=inner_steps, unroll=True)[0][0]

        return jax.vmap(adapted)(features, labels).mean(axis=0) - weights

    return jax.jit(displacement, static_argnames=("inner_steps", "inner_rate"))


PEERS = {  # name in the table: (library of its arrays, function that imports it and returns its gradient)
    "fourier_meta": ("numpy", fourier_meta),
    "JAX, re-associated": ("jax", jax_reassociated),
    "JAX, re-associated, unrolled": ("jax", jax_unrolled),
    "JAX, as stated": ("jax", jax_as_stated),
    "torch.func": ("torch", torch_func),
    "torch, create_graph": ("torch", plain_torch),
    "TorchOpt": ("torch", torchopt),
    "higher": ("torch", higher),
    "learn2learn": ("torch", learn2learn),
}
REPTILE_PEERS = {
    "fourier_meta": ("numpy", fourier_meta_reptile),
    "JAX, re-associated, unrolled": ("jax", jax_reptile),
    "torch, SGD": ("torch", torch_reptile),
}
