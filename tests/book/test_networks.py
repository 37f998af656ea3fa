"""The long runs on networks train by a short way round; each step is what plain gradients of one network give."""

from functools import partial

import numpy as np
import pytest
import torch
from experiments import networks
from torch.func import grad, vmap

from fourier_meta import share
from fourier_meta.sweep import load_table

N_POINTS = 10


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def batch():
    """Three networks and five waves for each."""
    parameters = tuple(torch.stack(same) for same in zip(*map(networks.start, range(3)), strict=True))
    drawn = [networks.sample(5, 2 * N_POINTS, np.random.default_rng(seed)) for seed in range(3)]
    x, y = (torch.stack(same) for same in zip(*drawn, strict=True))
    return parameters, x, y


def detached(parameters, x, y):
    slopes = grad(networks.loss)(parameters, x, y)
    return tuple(p - networks.INNER_RATE * s.detach() for p, s in zip(parameters, slopes, strict=True))


def unchanged(parameters, x, y):
    return parameters


def plain(parameters, x, y, adapt, held_out=True):
    """The meta-gradient of one network, through its inner loop, written without any short cut."""

    def after(x, y):
        checked = slice(N_POINTS, None) if held_out else slice(0, N_POINTS)
        return networks.loss(adapt(p, x[:N_POINTS], y[:N_POINTS]), x[checked], y[checked])

    p = tuple(part.detach().requires_grad_() for part in parameters)
    return torch.autograd.grad(vmap(after)(x, y).mean(), p)


PLAIN = {
    "MAML": partial(plain, adapt=networks.adapt),
    "MAML, nothing held out": partial(plain, adapt=networks.adapt, held_out=False),
    "first order": partial(plain, adapt=detached),
    "head only": partial(plain, adapt=networks.adapt_head),
    "pretraining": partial(plain, adapt=unchanged),
}


@pytest.mark.parametrize("method", PLAIN)
def test_all_networks_at_once_have_the_gradients_of_each_alone(batch, method):
    parameters, x, y = batch
    together = networks.GRADIENTS[method](parameters, x, y)
    for i in range(3):
        alone = PLAIN[method](tuple(p[i] for p in parameters), x[i], y[i])
        for a, b in zip(together, alone, strict=True):
            torch.testing.assert_close(a[i], b, rtol=0, atol=1e-13)


def test_several_inner_steps_too(batch):
    parameters, x, y = batch
    together = networks.meta_gradient(parameters, x, y, steps=3)
    alone = plain(tuple(p[0] for p in parameters), x[0], y[0], partial(networks.adapt, steps=3))
    for a, b in zip(together, alone, strict=True):
        torch.testing.assert_close(a[0], b, rtol=0, atol=1e-13)


def test_reptile_moves_to_the_mean_of_the_adapted_networks(batch):
    parameters, x, y = batch
    back = networks.reptile_gradient(parameters, x, y)
    one = tuple(p[1] for p in parameters)
    ends = vmap(partial(networks.adapt, steps=5), (None, 0, 0))(one, x[1, :, :N_POINTS], y[1, :, :N_POINTS])
    for start, end, a in zip(one, ends, back, strict=True):
        torch.testing.assert_close(start - end.mean(0), a[1], rtol=0, atol=1e-13)


def test_adam_is_torchs(batch):
    parameters, *_ = batch
    ours, state = parameters, None
    leaves = [p.clone().requires_grad_() for p in parameters]
    optimiser = torch.optim.Adam(leaves, lr=networks.OUTER_RATE)
    for step in range(5):
        gradient = tuple(torch.sin((step + 1) * p) for p in parameters)
        ours, state = networks.adam(ours, gradient, state, 0.0)
        for leaf, g in zip(leaves, gradient, strict=True):
            leaf.grad = g
        optimiser.step()
    for a, b in zip(ours, leaves, strict=True):
        torch.testing.assert_close(a, b.detach(), rtol=0, atol=1e-14)


def test_one_common_scale_moves_the_largest_entry_of_each_network_alike(batch):
    parameters, *_ = batch
    gradient = tuple(torch.cos(p) * torch.tensor([1.0, 5.0, 0.01]).reshape(3, *[1] * (p.ndim - 1)) for p in parameters)
    moved, _ = networks.common_scale(parameters, gradient, None, 0.0, rate=1.0)
    largest = torch.stack([(a - b).flatten(1).abs().amax(1) for a, b in zip(moved, parameters, strict=True)]).amax(0)
    torch.testing.assert_close(largest, torch.full((3,), 0.1, dtype=torch.float64))


def test_the_share_of_a_linear_models_kernel_is_that_of_its_weights():
    weights = np.random.default_rng(0).random(3)
    others = torch.linalg.qr(torch.stack((networks.GRID.sin(), networks.GRID.cos(), networks.GRID**2), dim=1))[0]
    found, speed = networks.share_and_speed(others * torch.from_numpy(weights))
    assert found == pytest.approx(share(weights, (0, 1)), rel=1e-12)
    assert speed == pytest.approx(networks.INNER_RATE * (weights[:2] ** 2).sum() / 100, rel=1e-12)


def test_the_kernel_at_the_start_predicts_a_short_way():
    parameters = networks.start(0)
    many_small = networks.unseen_losses(parameters, partial(networks.adapt, steps=50), rate=1e-5, n_steps=10)
    frozen, _ = networks.frozen(parameters, n_steps=0.5)  # 500 steps of 1e-5 are half a step of 0.01
    assert frozen == pytest.approx(many_small[10], rel=0.02)


@pytest.mark.parametrize("method", ["MAML", "pretraining", "Reptile"])
def test_a_stored_row_is_what_training_again_gives(method):
    stored = load_table("networks_training")
    *_, (_, [parameters]) = networks.train(networks.GRADIENTS[method], (0, 100), seed=3, n_networks=1)
    row = networks.measured(parameters, tune=False)
    for column in ("share", "speed", "head_share", "frozen_10", "edge", "loss_0", "loss_10", "head_loss_10"):
        kept = stored.cube(column, "network", "step", method=method)[3, 1]
        assert row[column] == pytest.approx(kept, rel=1e-3), column


@pytest.mark.parametrize("name", ["networks_training", "networks_split", "networks_scale"])
def test_every_network_is_there_and_ends_finite(name):
    """At a large start an inner step may diverge; after training it must not."""
    columns = load_table(name).columns
    assert set(columns["network"]) == set(range(10))
    trained = columns["step"] >= 2000
    for column, values in columns.items():
        if values.dtype.kind == "f" and not column.startswith("tuned"):
            assert np.isfinite(values[trained]).all(), column
