"""What MAML and Reptile are measured against: priors made by hand, sparse regression, statistics of many tasks.

Every function here returns either effective coefficients (a solver of one task, or of a batch of tasks one by one) or
feature weights for `min_norm` (what was learned from many tasks). scikit-learn is imported where it is used.

Taught in notebook 05_showdown; the meta-gradient of a closed-form inner loop in 08_theory.
"""

import functools
import warnings

import numpy as np

from fourier_meta import checks
from fourier_meta.features import frequencies
from fourier_meta.maml import fomaml_gradient, maml_gradient, train_maml
from fourier_meta.regression import check_regression, gradient_descent, min_norm
from fourier_meta.reptile import joint_descent, train_reptile
from fourier_meta.tasks import Tasks
from fourier_meta.training import Adam


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


def lasso(features, labels, folds=5):
    """Lasso on each task, its penalty chosen by cross-validation. Returns effective (T, d)."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LassoCV

    features, labels, _ = check_regression(features, labels)
    n_points = checks.at_least("the number of points", labels.shape[-1], 2, 8)
    estimates = []
    for phi, y in zip(features, labels, strict=True):
        penalties = (np.abs(phi.T @ y).max() / n_points or 1) * np.logspace(0, -4, 30)
        model = LassoCV(alphas=penalties, cv=min(folds, n_points), fit_intercept=False, max_iter=2000)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the smallest penalties, which it seldom chooses
            estimates.append(model.fit(phi, y).coef_)
    return np.array(estimates)


def small_start(features, labels, scale=1e-3, steps=500, rate=0.1):
    """Reptile's inner loop on one task from tiny weights: sparsity without any meta-learning. Returns effective (T, d).

    Woodworth et al. (arXiv 2002.09277): descent on (w, alpha) from a small scale prefers a small l1 norm.
    """
    weights, coefficients = joint_descent(features, labels, np.full(features.shape[-1], scale), steps, rate)
    return weights * coefficients


def moments(tasks):
    """Mean over tasks of (Phi^T y / n)^2, shape (d,): how much label energy each feature meets."""
    features, labels, _ = check_regression(tasks.features, tasks.labels)
    return np.mean(((labels[:, None, :] @ features)[:, 0] / labels.shape[-1]) ** 2, axis=0)


def moment_weights(tasks, n_true=3):
    """One-hot weights on the `n_true` features with the largest `moments`; it is told how many are true."""
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
    slope = (labels[:, None, :] @ features)[:, 0] / n_points
    penalty = checks.real("strength", strength, 0.01, minimum=0) * np.linalg.norm(slope, axis=0).max()
    curvature = np.linalg.norm(features, ord=2, axis=(-2, -1)).max() ** 2 / n_points
    current = ahead = np.zeros_like(slope)
    for k in range(checks.at_least("steps", steps, 1, 300)):
        fitted = (ahead[:, None, :] @ features.mT)[:, 0]
        moved = ahead - (((fitted - labels)[:, None, :] @ features)[:, 0] / n_points) / curvature
        size = np.linalg.norm(moved, axis=0)
        shrunk = moved * np.maximum(0, 1 - penalty / curvature / np.maximum(size, 1e-300))
        current, ahead = shrunk, shrunk + k / (k + 3) * (shrunk - current)
    return np.sqrt(np.mean(current**2, axis=0))


def closed_form_gradient(weights, train, validation, inner_steps=None, inner_rate=None, penalty=0.0):
    """Validation loss and meta-gradient when the inner loop is solved exactly: min-norm, or ridge with `penalty`.

    With s = w^2, G = Phi diag(s) Phi^T + n penalty I, a = G^-1 y, r = Phi_v beta - y_v and
    b = G^-1 Phi diag(s) Phi_v^T r:  dL/dw_j = (4 / M) w_j (Phi^T a)_j ((Phi_v^T r)_j - (Phi^T b)_j).
    Same signature as `maml_gradient`, so that `train_maml(gradient=closed_form_gradient)` works; the inner steps and
    rate have no meaning here. Without a penalty G must be regular: at least n weights must not vanish.

    Taught in notebook 08_theory.
    """
    features, labels, weights = check_regression(train.features, train.labels, weights)
    unseen, targets, _ = check_regression(validation.features, validation.labels)
    if not penalty and np.count_nonzero(weights) < labels.shape[-1]:
        raise ValueError(
            f"weights must have at least {labels.shape[-1]} entries that are not zero, as many as points, "
            f"got {np.count_nonzero(weights)}; pass a penalty, or fewer points"
        )
    weighted = features * weights
    ridge = labels.shape[-1] * checks.real("penalty", penalty, 0.1, minimum=0) * np.eye(labels.shape[-1])
    gram = weighted @ weighted.mT + ridge
    slope = (np.linalg.solve(gram, labels[..., None]).mT @ features)[:, 0]  # Phi^T a
    residual = ((weights**2 * slope)[:, None, :] @ unseen.mT)[:, 0] - targets
    pull = (residual[:, None, :] @ unseen)[:, 0]  # Phi_v^T r
    b = np.linalg.solve(gram, features @ (weights**2 * pull)[..., None])
    gradient = 4 / targets.shape[-1] * weights * slope * (pull - (b.mT @ features)[:, 0])
    return float(np.mean(residual**2)), gradient.mean(axis=0)


def ridge_gradient(weights, train, validation, inner_steps=None, inner_rate=None, penalty=0.1):
    """`closed_form_gradient` of ridge regression."""
    return closed_form_gradient(weights, train, validation, penalty=penalty)


def split(tasks, n_first):
    """Cut every task into its first `n_first` points and the others; returns two Tasks."""
    n_first = checks.at_least("n_first", n_first, 1, 64)
    cuts = slice(None, n_first), slice(n_first, None)
    return tuple(Tasks(*(array[:, cut] for array in tasks[:3]), tasks.effective) for cut in cuts)


def take(tasks, index):
    """The tasks at `index`, as Tasks."""
    return Tasks(*(array[index] for array in tasks))


def draw_from(tasks, n_tasks=15, seed=0):
    """Endless batches of `n_tasks` tasks from a fixed pool, with repetition if the pool is smaller than a batch."""
    rng, size = np.random.default_rng(seed), len(tasks.labels)
    while True:
        yield take(tasks, rng.choice(size, n_tasks, replace=size < n_tasks))


def maml_on(batches, gradient=maml_gradient, steps=300, inner_steps=5, inner_rate=0.02, outer_rate=0.05):
    """`train_maml` on tasks that come from anywhere, from weights one; returns the weights (d,).

    `batches` is an iterator of Tasks; the first half of each task's points trains, the second validates.
    """
    adam, weights = Adam(outer_rate, steps), 1.0
    for _, tasks in zip(range(steps), batches, strict=False):
        weights = weights * np.ones(tasks.features.shape[-1])
        train, validation = split(tasks, tasks.labels.shape[-1] // 2)
        weights = adam(weights, gradient(weights, train, validation, inner_steps, inner_rate)[1])
    return weights


def reptile_on(batches, steps=300, step_size=0.5, inner_steps=20, inner_rate=0.02):
    """`train_reptile` on tasks that come from anywhere, from weights one; returns the weights (d,)."""
    weights = 1.0
    for step, tasks in zip(range(steps), batches, strict=False):
        weights = weights * np.ones(tasks.features.shape[-1])
        adapted, _ = joint_descent(tasks.features, tasks.labels, weights, inner_steps, inner_rate)
        weights = weights + step_size * (1 - step / steps) * (adapted.mean(axis=0) - weights)
    return weights


def weighted_solver(weights):
    """The solver `min_norm` with these weights, a function (features, labels) -> effective."""
    return lambda features, labels: min_norm(features, labels, weights)


def descent_solver(weights, inner_steps=5, inner_rate=0.02):
    """The solver that takes K steps of gradient descent with these weights, as in meta-training."""
    return lambda features, labels: weights * gradient_descent(features, labels, weights, inner_steps, inner_rate)


def _meta(train, solver=weighted_solver, **options):
    return lambda family, seed: solver(train(family, seed=seed, **options).weights)


def _from_tasks(learn, n_tasks=15, n_points=128):
    return lambda family, seed: weighted_solver(
        learn(family.sample(n_tasks, n_points, np.random.default_rng([seed, 15])))
    )


def _always(solver):
    return lambda family, seed: solver


# Each contestant is learn(family, seed) -> solve(features, labels) -> effective coefficients, all of shape (T, ...).
CONTESTANTS = {
    "zero": _always(lambda features, labels: np.zeros((len(features), features.shape[-1]))),
    "min-norm": _always(min_norm),
    "smoothness prior": lambda family, seed: weighted_solver(smoothness_weights(family.n_features)),
    "bi-level prior": lambda family, seed: weighted_solver(bilevel_weights(family.n_features)),
    "lasso": _always(lasso),
    "OMP": lambda family, seed: functools.partial(matching_pursuit, n_true=len(family.support)),
    "small start": _always(small_start),
    "moment ranking": lambda family, seed: _from_tasks(functools.partial(moment_weights, n_true=len(family.support)))(
        family, seed
    ),
    "group lasso": _from_tasks(group_lasso_weights),
    "Reptile": _meta(train_reptile, n_points=128),
    "FOMAML": _meta(train_maml, gradient=fomaml_gradient),
    "MAML": _meta(train_maml, gradient=maml_gradient),
    "MAML, 5 steps": _meta(train_maml, descent_solver, gradient=maml_gradient),
    "MAML, min-norm inside": _meta(train_maml, gradient=closed_form_gradient),
    "MAML, ridge inside": _meta(train_maml, gradient=ridge_gradient),
    "oracle": lambda family, seed: weighted_solver(family.true_weights),
}
