"""What MAML and Reptile are measured against: priors made by hand, sparse regression, statistics of many tasks.

A method returns either effective coefficients (a solver of one task, or of a batch of tasks one by one) or feature
weights (what was learned from many tasks). Its last knob, a penalty say, is an argument. scikit-learn is imported
where it is used.

Taught in notebooks 02_overfitting, 06_prior, 07_classification and 09_traffic.
"""

import warnings

import numpy as np

from fourier_meta import checks
from fourier_meta.features import frequencies
from fourier_meta.regression import check_regression


def smoothness_weights(n_features, power=2.0):
    """Weights (1 + k)^-power that fall with the frequency k: smooth curves are cheap. Xie et al. (arXiv 2006.08495)."""
    return (1.0 + frequencies(n_features)) ** -checks.real("power", power, 2.0, minimum=0)


def bilevel_weights(n_features, n_favoured=9, mass=0.9):
    """Two levels of weights: the first `n_favoured` features share `mass` of sum w^2 = n_features, all others the rest.

    Muthukumar et al. (arXiv 1903.09139).
    """
    n_favoured = checks.at_least("n_favoured", n_favoured, 1, 9)
    mass = checks.real("mass", mass, 0.9, minimum=0, above=True)
    if n_favoured >= checks.at_least("n_features", n_features, 2, 257) or mass >= 1:
        raise ValueError(
            f"n_favoured must be below n_features and mass below 1, got {n_favoured} of {n_features} and {mass}"
        )
    squared = np.full(n_features, (1 - mass) * n_features / (n_features - n_favoured))
    squared[:n_favoured] = mass * n_features / n_favoured
    return np.sqrt(squared)


def matching_pursuit(features, labels, n_true=3):
    """Orthogonal matching pursuit on each task; it is told how many features are true. Returns effective (T, d)."""
    from sklearn.linear_model import orthogonal_mp

    features, labels, _ = check_regression(features, labels)
    size = min(checks.at_least("n_true", n_true, 1, 3), labels.shape[-1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # it stops early when nothing is left to explain
        return np.array([orthogonal_mp(*task, n_nonzero_coefs=size) for task in zip(features, labels, strict=True)])


def lasso(features, labels, strength=0.01):
    """Lasso on each task; its penalty is `strength` times the smallest that leaves nothing. Returns effective."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import Lasso

    features, labels, _ = check_regression(features, labels)
    strength = checks.real("strength", strength, 0.01, minimum=0, above=True)
    estimates = []
    for phi, y in zip(features, labels, strict=True):
        penalty = strength * (np.abs(phi.T @ y).max() / len(y) or 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the smallest penalties, which are seldom chosen
            estimates.append(Lasso(alpha=penalty, fit_intercept=False, max_iter=2000).fit(phi, y).coef_)
    return np.array(estimates)


def moments(tasks):
    """Mean over tasks of (Phi^T y / n)^2, shape (d,): how much label energy each feature meets."""
    features, labels, _ = check_regression(tasks.features, tasks.labels)
    return np.mean((np.vecmat(labels, features) / labels.shape[-1]) ** 2, axis=0)


def moment_weights(tasks, n_true=3):
    """Weights 1 on the `n_true` features with the largest `moments`, 0 elsewhere; it is told how many are true."""
    weights = np.zeros(tasks.features.shape[-1])
    weights[np.argsort(-moments(tasks))[: checks.at_least("n_true", n_true, 1, 3)]] = 1
    return weights


def group_lasso_weights(tasks, strength=0.01, steps=300):
    """Root mean square over tasks of the coefficients that a group lasso finds, shape (d,); a group is a feature.

    Minimises the mean over points of squared residuals / 2, summed over tasks, + penalty * sum_j |beta_j over tasks|
    with accelerated proximal steps (Beck and Teboulle, 2009). The penalty is `strength` times the smallest one that
    leaves nothing.
    """
    features, labels, _ = check_regression(tasks.features, tasks.labels)
    n_points = labels.shape[-1]
    slope = np.vecmat(labels, features) / n_points
    penalty = checks.real("strength", strength, 0.01, minimum=0) * np.linalg.norm(slope, axis=0).max()
    curvature = np.linalg.norm(features, ord=2, axis=(-2, -1)).max() ** 2 / n_points
    current = ahead = np.zeros_like(slope)
    for k in range(checks.at_least("steps", steps, 1, 300)):
        residual = np.matvec(features, ahead) - labels
        moved = ahead - np.vecmat(residual, features) / n_points / curvature
        size = np.linalg.norm(moved, axis=0)
        shrunk = moved * np.maximum(0, 1 - penalty / curvature / np.maximum(size, 1e-300))
        current, ahead = shrunk, shrunk + k / (k + 3) * (shrunk - current)
    return np.sqrt(np.mean(current**2, axis=0))
