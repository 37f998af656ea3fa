"""Tasks whose labels are the signs of the book's curves, and what fitting them by least squares is worth.

Taught in notebook 07_classification.
"""

import numpy as np

from fourier_meta import checks
from fourier_meta.features import fourier_features, regular_grid

DENSE_POINTS = 1024  # accuracy is the share of these points of [-1, 1) that are labelled as the task labels them


def sign_labels(tasks):
    """The same tasks with labels +1 where they were positive or zero, and -1 elsewhere."""
    return tasks.relabelled(np.where(tasks.labels >= 0, 1.0, -1.0))


def sign_batches(family, n_tasks=15, n_points=128, seed=0):
    """Endless batches of `n_tasks` new tasks with sign labels: a source for `train_maml`, which halves the points."""
    rng = np.random.default_rng(seed)
    while True:
        yield sign_labels(family.sample(n_tasks, n_points, rng))


def sign_scores(estimate, truth):
    """Accuracy of sign(phi . estimate) as a guess of sign(phi . truth), and the mean square of its distance to +-1.

    Both over a dense grid of x, for effective coefficients (..., d); returns two arrays (...,).
    """
    truth, estimate = checks.array("truth", truth, 1), checks.array("estimate", estimate, 1)
    dense = fourier_features(regular_grid(DENSE_POINTS), truth.shape[-1])
    predicted, target = estimate @ dense.T, np.where(truth @ dense.T >= 0, 1.0, -1.0)
    return np.mean((predicted >= 0) == (target > 0), axis=-1), np.mean((predicted - target) ** 2, axis=-1)
