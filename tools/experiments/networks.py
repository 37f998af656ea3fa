"""What MAML does to a network: the long runs of notebook 10_networks.

Ten networks train together, each from its own start and on its own tasks; a row is one network at one checkpoint.
The notebook writes inner loop, outer loop and kernel by hand, and trains one of the ten networks again.
"""

import math
from functools import partial

import numpy as np
import torch
from torch.func import grad, jacrev, vmap

from experiments import Experiment

N_NETWORKS = 10
N_TASKS, N_POINTS, INNER_RATE, OUTER_RATE = 25, 10, 0.01, 1e-3
GRID = torch.linspace(-5, 5, 100, dtype=torch.float64)
BODY = 4  # of the six arrays of parameters, the last two are the head
UNSEEN, TUNING = (1_000_000, 0), (1_000_000, 1)  # streams of tasks that no training seed reaches
TUNED_RATES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05)
LONG, SHORT = (0, 100, 200, 500, 1000, 2000, 3000, 4000), (0, 500, 1000, 2000)


# The network and its tasks


def start(seed, scale=1.0, width=40):
    """Parameters of 1 -> width -> width -> 1, uniform within scale / sqrt(inputs), as torch.nn.Linear draws them."""
    rng = np.random.default_rng(seed)
    shapes = ((1, width), (width,), (width, width), (width,), (width, 1), (1,))
    inputs = (1, 1, width, width, width, width)
    return tuple(
        torch.from_numpy(scale * rng.uniform(-1, 1, shape) / math.sqrt(n))
        for shape, n in zip(shapes, inputs, strict=True)
    )


def network(parameters, x):
    """Predictions (N,) at x (N,)."""
    w1, b1, w2, b2, w3, b3 = parameters
    hidden = torch.relu(x[:, None] @ w1 + b1)
    hidden = torch.relu(hidden @ w2 + b2)
    return (hidden @ w3 + b3)[:, 0]


def loss(parameters, x, y):
    """Mean squared error of the network on one task."""
    return (network(parameters, x) - y).square().mean()


def draw_waves(n_tasks, n_points, rng):
    """Amplitudes (n_tasks, 1) in [0.1, 5], phases (n_tasks, 1) in [0, pi], x (n_tasks, n_points) in [-5, 5]."""
    amplitude = rng.uniform(0.1, 5, (n_tasks, 1))
    phase = rng.uniform(0, math.pi, (n_tasks, 1))
    return amplitude, phase, rng.uniform(-5, 5, (n_tasks, n_points))


def sample(n_tasks, n_points, rng):
    """x and y, both (n_tasks, n_points), of waves amplitude * sin(x - phase)."""
    amplitude, phase, x = draw_waves(n_tasks, n_points, rng)
    return torch.from_numpy(x), torch.from_numpy(amplitude * np.sin(x - phase))


def sample_with_truth(n_tasks, n_points, stream):
    """x and y (n_tasks, n_points), and the true waves on the grid (n_tasks, 100)."""
    amplitude, phase, x = draw_waves(n_tasks, n_points, np.random.default_rng(stream))
    truth = amplitude * np.sin(GRID.numpy() - phase)
    return torch.from_numpy(x), torch.from_numpy(amplitude * np.sin(x - phase)), torch.from_numpy(truth)


# Inner loops for one network: parameters, x, y -> adapted parameters


def adapt(parameters, x, y, steps=1, rate=INNER_RATE):
    """Gradient descent in all parameters."""
    for _ in range(steps):
        slopes = grad(loss)(parameters, x, y)
        parameters = tuple(p - rate * s for p, s in zip(parameters, slopes, strict=True))
    return parameters


def adapt_head(parameters, x, y, steps=1, rate=INNER_RATE):
    """Gradient descent in the last layer; the two below stay."""
    body, head = parameters[:BODY], parameters[BODY:]
    for _ in range(steps):
        slopes = grad(head_loss)(head, body, x, y)
        head = tuple(p - rate * s for p, s in zip(head, slopes, strict=True))
    return body + head


def head_loss(head, body, x, y):
    return loss(body + head, x, y)


# Outer gradients for many networks at once. A step in a layer W from inputs h with errors d leads to W - rate h^T d,
# which would be another matrix for every task. It is never formed: (a W') is a W - rate (a h^T) d, and a h^T is N x N.


def after_steps(layer, inputs, moves, rate):
    """Outputs (networks, tasks, N, out) of a layer (weights, bias) that has made the `moves`, a list of (h, d)."""
    weights, bias = layer
    outputs = (inputs.flatten(1, 2) @ weights + bias[:, None]).unflatten(1, inputs.shape[1:3])
    for h, d in moves:
        outputs = outputs - rate * ((inputs @ h.mT + 1) @ d)
    return outputs


def back(layer, errors, moves, rate):
    """Errors at the inputs of that layer."""
    result = (errors.flatten(1, 2) @ layer[0].mT).unflatten(1, errors.shape[1:3])
    for h, d in moves:
        result = result - rate * ((errors @ d.mT) @ h)
    return result


def forward(layers, x, moves, rate):
    """Activations of both hidden layers and predictions (networks, tasks, N, 1)."""
    first = torch.relu(after_steps(layers[0], x[..., None], moves[0], rate))
    second = torch.relu(after_steps(layers[1], first, moves[1], rate))
    return first, second, after_steps(layers[2], second, moves[2], rate)


def inner_moves(layers, x, y, steps, rate, adapting, first_order):
    """The moves of each layer in gradient descent on x, y (networks, tasks, N)."""
    moves = ([], [], [])
    for _ in range(steps):
        first, second, predictions = forward(layers, x, moves, rate)
        top = (predictions - y[..., None]) * (2 / x.shape[-1])
        middle = back(layers[2], top, moves[2], rate) * (second > 0)
        bottom = back(layers[1], middle, moves[1], rate) * (first > 0)
        step = ((x[..., None], bottom), (first, middle), (second, top))
        for layer in adapting:
            moves[layer].append(tuple(part.detach() if first_order else part for part in step[layer]))
    return moves


def meta_gradient(parameters, x, y, steps=1, rate=INNER_RATE, adapting=(0, 1, 2), first_order=False, held_out=True):
    """Gradient of the mean loss after adaptation to half of the points x (networks, tasks, 2 N), on the other half."""
    n_points = x.shape[-1] // 2
    train, checked = slice(0, n_points), slice(n_points, None) if held_out else slice(0, n_points)
    leaves = [p.detach().requires_grad_() for p in parameters]
    layers = list(zip(leaves[::2], leaves[1::2], strict=True))
    moves = inner_moves(layers, x[..., train], y[..., train], steps, rate, adapting, first_order)
    *_, predictions = forward(layers, x[..., checked], moves, rate)
    losses = (predictions[..., 0] - y[..., checked]).square().mean((1, 2))  # one a network
    return torch.autograd.grad(losses.sum(), leaves)


@torch.no_grad()
def reptile_gradient(parameters, x, y, steps=5, rate=INNER_RATE):
    """Minus the direction in which Reptile moves; it fits the first half of the points and needs no other."""
    n_points, layers = x.shape[-1] // 2, list(zip(parameters[::2], parameters[1::2], strict=True))
    moves = inner_moves(layers, x[..., :n_points], y[..., :n_points], steps, rate, (0, 1, 2), True)
    gradient = []
    for of_layer in moves:
        gradient.append(rate * sum((h.mT @ d).mean(1) for h, d in of_layer))
        gradient.append(rate * sum(d.sum(2).mean(1) for _, d in of_layer))
    return tuple(gradient)


GRADIENTS = {
    "MAML": meta_gradient,
    "MAML, nothing held out": partial(meta_gradient, held_out=False),
    "first order": partial(meta_gradient, first_order=True),
    "head only": partial(meta_gradient, adapting=(2,)),
    "Reptile": reptile_gradient,
    "pretraining": partial(meta_gradient, adapting=()),
}


# Outer optimisers: parameters, gradient (each with a leading axis of networks), state, progress -> parameters, state


def adam(parameters, gradient, state, progress, rate=OUTER_RATE):
    """Adam, as torch.optim.Adam."""
    step, means, squares = state or (0, [0.0] * len(gradient), [0.0] * len(gradient))
    step += 1
    means = [0.9 * m + 0.1 * g for m, g in zip(means, gradient, strict=True)]
    squares = [0.999 * s + 0.001 * g**2 for s, g in zip(squares, gradient, strict=True)]
    moves = [m / (1 - 0.9**step) for m in means]
    scales = [(s / (1 - 0.999**step)).sqrt() + 1e-8 for s in squares]
    moved = tuple(p - rate * m / s for p, m, s in zip(parameters, moves, scales, strict=True))
    return moved, (step, means, squares)


def common_scale(parameters, gradient, state, progress, rate=0.03):
    """Momentum 0.9; a network's step is divided by the largest entry of its whole gradient; cosine schedule."""
    largest = torch.stack([g.flatten(1).abs().amax(1) for g in gradient]).amax(0)
    scaled = [g / largest.reshape(-1, *[1] * (g.ndim - 1)) for g in gradient]
    state = [0.9 * v + 0.1 * g for v, g in zip(state or [0.0] * len(scaled), scaled, strict=True)]
    rate = rate * (1 + math.cos(math.pi * progress)) / 2
    return tuple(p - rate * v for p, v in zip(parameters, state, strict=True)), state


OPTIMISERS = {"Adam": adam, "one common scale": common_scale}


# What is measured


def jacobian(parameters, x):
    """Gradients (N, n_parameters) of the predictions at x (N,) in all parameters."""
    pieces = vmap(jacrev(prediction), (None, 0))(parameters, x)
    return torch.cat([piece.flatten(1) for piece in pieces], dim=1)


def prediction(parameters, point):
    return network(parameters, point[None])[0]


def share_and_speed(slopes):
    """Of the kernel slopes @ slopes.T on the grid: its trace in the span of sin and cos over the whole trace;
    and the mean part of such a wave that one inner step on all of the grid would fit."""
    waves, _ = torch.linalg.qr(torch.stack((GRID.sin(), GRID.cos()), dim=1))
    inside = (waves.T @ slopes).square().sum().item()
    return inside / slopes.square().sum().item(), 2 * INNER_RATE * inside / 2 / len(GRID)


def unseen_losses(parameters, adapt, n_points=N_POINTS, rate=INNER_RATE, n_steps=10, stream=UNSEEN):
    """Mean loss on the grid after 0, 1, ..., n_steps inner steps (n_steps + 1,), over 100 unseen tasks."""
    x, y, truth = sample_with_truth(100, n_points, stream)
    adapted = tuple(p.expand(100, *p.shape) for p in parameters)
    losses = []
    for _ in range(n_steps + 1):
        losses.append(vmap(loss, (0, None, 0))(adapted, GRID, truth).mean().item())
        adapted = vmap(partial(adapt, rate=rate))(adapted, x, y)
    return losses


def frozen(parameters, n_steps=10):
    """If the kernel stayed what it is before adaptation and steps were small: the mean loss of unseen tasks after
    n_steps; and the median of inner rate over largest stable rate."""
    x, y, truth = sample_with_truth(100, N_POINTS, UNSEEN)
    at_points = jacobian(parameters, x.flatten()).reshape(*x.shape, -1)
    curvature, directions = torch.linalg.eigh(at_points @ at_points.mT * (2 / N_POINTS))
    residual = network(parameters, x.flatten()).reshape(x.shape) - y
    decayed = -torch.expm1(-n_steps * INNER_RATE * curvature) / curvature.clamp(min=1e-12)
    moved = directions @ (decayed[..., None] * (directions.mT @ residual[..., None]))
    change = jacobian(parameters, GRID) @ (at_points.mT @ moved) * (2 / N_POINTS)
    losses = (network(parameters, GRID) - change[..., 0] - truth).square().mean()
    return losses.item(), (INNER_RATE * curvature[:, -1] / 2).median().item()


def measured(parameters, tune):
    """Everything about one network, as a row; the tuned losses are missing (nan) unless asked for: they take long."""
    slopes = jacobian(parameters, GRID)
    row = {}
    row["share"], row["speed"] = share_and_speed(slopes)
    row["head_share"], row["head_speed"] = share_and_speed(slopes[:, -(parameters[BODY].numel() + 1) :])
    row["frozen_10"], row["edge"] = frozen(parameters)
    losses, head = unseen_losses(parameters, adapt), unseen_losses(parameters, adapt_head)
    row |= {f"loss_{step}": losses[step] for step in (0, 1, 2, 3, 5, 10)}
    row |= {f"head_loss_{step}": head[step] for step in (1, 2, 3, 5, 10)}
    row["tuned_rate"], losses = tuned(parameters) if tune else (math.nan, [math.nan] * 11)
    return row | {f"tuned_loss_{step}": losses[step] for step in (1, 2, 3, 5, 10)}


def tuned(parameters):
    """The inner rate that is best after ten steps on tasks kept for tuning, and the losses at that rate."""
    last = [unseen_losses(parameters, adapt, rate=rate, stream=TUNING)[-1] for rate in TUNED_RATES]
    rate = TUNED_RATES[int(np.nanargmin(last))]
    return rate, unseen_losses(parameters, adapt, rate=rate)


# Experiments


def train(gradient, checkpoints, scale=1.0, move=adam, n_points=N_POINTS, seed=0, n_networks=N_NETWORKS):
    """Train the networks seed, seed + 1, ... together; at every checkpoint yields the step and the networks."""
    seeds, steps = range(seed, seed + n_networks), max(checkpoints)
    parameters = tuple(torch.stack(same) for same in zip(*[start(s, scale) for s in seeds], strict=True))
    rngs, state = [np.random.default_rng([s, 1]) for s in seeds], None
    for step in range(steps + 1):
        if step in checkpoints:
            yield step, [tuple(p[i] for p in parameters) for i in range(n_networks)]
        if step == steps:
            return
        batches = [sample(N_TASKS, 2 * n_points, rng) for rng in rngs]
        x, y = (torch.stack(same) for same in zip(*batches, strict=True))
        parameters, state = move(parameters, gradient(parameters, x, y), state, step / steps)


def networks_training(method, seed):
    """All methods with the same optimiser and the same tasks; MAML goes on for twice as long."""
    torch.set_num_threads(1)
    checkpoints = (*LONG, 6000, 8000) if method == "MAML" else LONG
    return [
        {"method": method, "network": seed + i, "step": step} | measured(parameters, step in (0, 4000, 8000))
        for step, networks in train(GRADIENTS[method], checkpoints, seed=seed)
        for i, parameters in enumerate(networks)
    ]


def networks_split(n_points, method, optimiser, scale, seed):
    """Held-out points or none, with few and with many points, from small and large starts."""
    torch.set_num_threads(1)
    where = {"n_points": n_points, "method": method, "optimiser": optimiser, "scale": scale}
    rows = []
    for step, networks in train(GRADIENTS[method], SHORT, scale, OPTIMISERS[optimiser], n_points, seed):
        for i, parameters in enumerate(networks):
            share, speed = share_and_speed(jacobian(parameters, GRID))
            losses = unseen_losses(parameters, adapt, n_points)
            kept = {f"loss_{k}": losses[k] for k in (0, 1, 10)}
            rows.append(where | {"network": seed + i, "step": step, "share": share, "speed": speed} | kept)
    return rows


SPLITS = (
    "Ten networks from the seeds 0 to 9, 25 waves a step, one inner step of 0.01; loss_k: mean squared error on the "
    "curve of 100 unseen waves after k inner steps on n_points (missing where that diverges); share, speed: of the "
    "neural tangent kernel on the waves."
)
EXPERIMENTS = {
    "networks_training": Experiment(
        networks_training,
        {"method": ["MAML", "first order", "head only", "Reptile", "pretraining"]},
        (0,),
        "Ten networks from the seeds 0 to 9, 25 waves of 10 points a step, one inner step of 0.01 (Reptile five), Adam "
        "0.001; loss_k: mean squared error on the curve of 100 unseen waves after k inner steps, head_loss_k: in the "
        "last layer only, tuned_loss_k: at the best of six rates on other waves; share, speed: of the neural tangent "
        "kernel on the waves; frozen_10: error if that kernel stayed, by algebra; edge: rate / largest stable one.",
    ),
    "networks_split": Experiment(
        networks_split,
        {
            "n_points": [3, 5, 10],
            "method": ["MAML", "MAML, nothing held out"],
            "optimiser": ["Adam"],
            "scale": [1.0],
        },
        (0,),
        SPLITS,
    ),
    "networks_scale": Experiment(
        networks_split,
        {
            "n_points": [5],
            "method": ["MAML", "MAML, nothing held out"],
            "optimiser": list(OPTIMISERS),
            "scale": [0.25, 1.0, 2.0],
        },
        (0,),
        SPLITS,
    ),
}
