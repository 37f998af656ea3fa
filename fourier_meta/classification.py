"""Tasks whose labels are the signs of the book's curves, and what fitting them by least squares is worth.

Taught in notebook 06_classification.
"""

import numpy as np

from fourier_meta import checks
from fourier_meta.features import fourier_features, regular_grid
from fourier_meta.regression import check_regression, min_norm, ridge
from fourier_meta.rivals import (
    bilevel_weights,
    descent_solver,
    group_lasso_weights,
    maml_on,
    ridge_gradient,
    smoothness_weights,
    weighted_solver,
)

DENSE_POINTS = 1024  # accuracy is the share of these points of [-1, 1) that are labelled as the task labels them


def sign_labels(tasks):
    """The same Tasks with labels +1 where they were positive or zero, and -1 elsewhere."""
    return tasks._replace(labels=np.where(tasks.labels >= 0, 1.0, -1.0))


def sign_batches(family, n_tasks=15, n_points=128, seed=0):
    """Endless batches of `n_tasks` new tasks with sign labels, for `rivals.maml_on`."""
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


def logistic(features, labels, support=(0, 1, 2)):
    """Logistic regression on the true features of each task: it is told which they are. Returns effective (T, d)."""
    from sklearn.linear_model import LogisticRegression

    features, labels, _ = check_regression(features, labels)
    effective = np.zeros((len(features), features.shape[-1]))
    for task, phi, y in zip(effective, features, labels, strict=True):
        if len(set(y)) == 1:  # one class only: predict it everywhere
            task[0] = y[0]
        else:
            model = LogisticRegression(C=1e3, fit_intercept=False, max_iter=1000)
            task[list(support)] = model.fit(phi[:, list(support)], y).coef_[0]
    return effective


def _ridge_solver(weights, penalty=0.1):
    return lambda features, labels: ridge(features, labels, penalty, weights)


# Each is learn(family, seed) -> solve(features, labels) -> effective coefficients, as in rivals.CONTESTANTS.
CLASSIFIERS = {
    "min-norm": lambda family, seed: min_norm,
    "smoothness prior": lambda family, seed: weighted_solver(smoothness_weights(family.n_features)),
    "bi-level prior": lambda family, seed: weighted_solver(bilevel_weights(family.n_features)),
    "one-hot weights": lambda family, seed: weighted_solver(family.true_weights),
    "group lasso": lambda family, seed: weighted_solver(
        group_lasso_weights(next(sign_batches(family, n_tasks=150, seed=seed)))
    ),
    "MAML": lambda family, seed: descent_solver(maml_on(sign_batches(family, seed=seed), steps=1000)),
    "MAML, ridge inside": lambda family, seed: _ridge_solver(
        maml_on(sign_batches(family, seed=seed), ridge_gradient, steps=1000)
    ),
    "logistic oracle": lambda family, seed: lambda features, labels: logistic(features, labels, family.support),
}
