"""Empirical Bayes: the prior variance of every coefficient, and the noise, under which the labels are likeliest.

The model of a task is y = Phi beta + noise with beta_j ~ N(0, q_j), so y ~ N(0, C) with C = Phi diag(q) Phi^T + s I and
s the variance of the noise. With a = C^-1 y, the labels show (Phi^T a)_j^2 of feature j, where the model expects
(Phi^T C^-1 Phi)_jj. Every step multiplies q_j by the root of what was observed over what was expected, both summed over
tasks. The noise is one more variance, that of the columns of the identity.

Taught in notebook 06_prior.
"""

import dataclasses

import numpy as np

from fourier_meta import checks, kernel
from fourier_meta.regression import check_regression, many_waves

LEAST_NOISE = 1e-8  # the noise variance is at least this part of the labels' mean square, so that C can be inverted
GONE = 1e-30  # a variance below this part of the largest is 0 from then on


@dataclasses.dataclass(frozen=True)
class Prior:
    """What `empirical_bayes` learned: independent Gaussian coefficients with these variances, and the noise."""

    variances: np.ndarray  # (n_features,), q
    noise: float  # standard deviation of the noise, as in TaskFamily
    history: np.ndarray  # log marginal likelihood of all labels: at the start and after every step; it never falls
    converged: bool  # to first order, no variance can gain more than the tolerance by changing by a factor e

    @property
    def weights(self):
        """Root of the variances, (n_features,): the prior standard deviations, as feature weights."""
        return np.sqrt(self.variances)

    @property
    def log_likelihood(self):
        """Log marginal likelihood of the tasks that the prior was learned from."""
        return float(self.history[-1])

    def solve(self, features, labels):
        """Posterior mean of the effective coefficients of new tasks: (..., N, d) and (..., N) -> (..., d).

        It is what `ridge` gives with these weights and the penalty noise^2 / N.
        """
        return posterior_mean(features, labels, self.variances, self.noise)


def posterior_mean(features, labels, variances, noise):
    """Expected effective coefficients of tasks, given their labels, prior variances (d,) and noise: (..., d).

    It is what `ridge` gives with weights sqrt(variances) and the penalty noise^2 / N.

    Raises ValueError if an argument is out of range, not finite or of the wrong shape, or if there is no noise and the
    variances cannot explain all labels. Taught in notebook 06_prior.
    """
    features, labels, _ = check_regression(features, labels)
    variances = _check_variances(variances, features.shape[-1])
    noise = checks.real("noise", noise, 0.1, minimum=0)
    covariance = _covariance(features, np.append(variances, noise**2))
    try:
        return variances * np.vecmat(np.linalg.solve(covariance, labels[..., None])[..., 0], features)
    except np.linalg.LinAlgError:
        alone = "where the variances alone do not explain the labels"
        raise ValueError(f"noise must be above 0 {alone}, got {noise:g}; pass for example 0.1") from None


def empirical_bayes(tasks, noise=None, steps=1000, tolerance=0.01):
    """Learn the variance of every coefficient, and of the noise, by maximising the marginal likelihood of many tasks.

    It is not told how many features matter. A step never lowers the likelihood: it maximises a lower bound that
    touches it where the step begins (log det C is concave in the variances, and y^T C^-1 y is a minimum over beta). It
    may still end in a local maximum, the more easily the fewer points and tasks there are.

    Parameters
    ----------
    tasks : Tasks with features (T, N, d) and labels (T, N), or a list of Tasks whose T and N may differ.
    noise : float > 0, standard deviation of the noise, or None to learn it. It counts as at least 1e-4 times the root
        mean square of the labels.
    steps : int >= 1, the most that are taken.
    tolerance : float > 0; converged is when, to first order, changing one variance by a factor e changes the log
        likelihood by less than this.

    Returns
    -------
    Prior.

    Raises
    ------
    ValueError if an argument is out of range, not finite or of the wrong shape, or if all labels are zero.

    Taught in notebook 06_prior; sparse Bayesian learning (Tipping, 2001) from many tasks at once.
    """
    batches = _batches(tasks)
    steps = checks.at_least("steps", steps, 1, 1000)
    tolerance = checks.real("tolerance", tolerance, 0.01, minimum=0, above=True)
    variances, least = _start(batches, noise)
    history = []
    while True:
        likelihood, observed, expected = _evidence(batches, variances)
        if noise is not None:
            observed[-1] = expected[-1]  # what is known does not move
        history.append(likelihood)
        gain = np.abs(variances * (observed - expected))[variances > least] / 2
        settled = len(history) > 1 and likelihood - history[-2] < 1  # a million small gains are a large one
        converged = bool(settled and np.all(gain < tolerance))
        if converged or len(history) > steps:
            return Prior(variances[:-1], float(np.sqrt(variances[-1])), np.array(history), converged)
        variances = np.maximum(variances * np.sqrt(observed / expected), least)
        variances[variances < GONE * variances.max()] = 0


def log_marginal_likelihood(tasks, variances, noise):
    """Log density of all labels under N(0, Phi diag(variances) Phi^T + noise^2 I), and its slopes.

    Parameters
    ----------
    tasks : Tasks, or a list of Tasks, as for `empirical_bayes`.
    variances : array (d,), none negative.
    noise : float > 0, standard deviation.

    Returns
    -------
    value : float.
    slopes : array (d,), its derivatives in the variances.
    noise_slope : float, its derivative in the noise.

    Raises
    ------
    ValueError if an argument is out of range, not finite or of the wrong shape.

    Taught in notebook 06_prior.
    """
    batches = _batches(tasks)
    noise = checks.real("noise", noise, 0.1, minimum=0, above=True)
    variances = _check_variances(variances, batches[0][0].shape[-1])
    value, observed, expected = _evidence(batches, np.append(variances, noise**2))
    slopes = (observed - expected) / 2
    return value, slopes[:-1], float(2 * noise * slopes[-1])


def _check_variances(variances, n_features):
    """Variances (n_features,), none negative, or ValueError."""
    variances = checks.array("variances", variances)
    checks.same_shape("variances", variances.shape, (n_features,), "one for every feature")
    if (variances < 0).any():
        raise ValueError(f"variances must not be negative, got {variances.min():.3g}; pass squares of weights")
    return variances


def _batches(tasks):
    """Features (T, N, d), or what stands for them, and labels (T, N) of every batch, all with the same d."""
    batches = [tasks] if hasattr(tasks, "labels") else list(tasks)
    if not batches:
        raise ValueError("tasks must hold at least one batch, got none; pass TaskFamily().sample(15, 64, rng)")
    arrays = [_arrays(batch) for batch in batches]
    for features, _ in arrays:
        checks.same_size("features", len(features.shape), 3, "axes")
        checks.same_size("features", features.shape[-1], arrays[0][0].shape[-1], "columns")
    return arrays


def _arrays(tasks):
    """Features and labels; of so many waves that no table holds them their Gram matrices instead of features."""
    if many_waves(tasks):
        return kernel.Tables(tasks), tasks.labels
    return check_regression(tasks.features, tasks.labels)[:2]


def _start(batches, noise):
    """Variances, the last one of the noise, that explain nine tenths of the labels evenly, and the least ones."""
    size = np.mean(np.concatenate([labels.ravel() for _, labels in batches]) ** 2)
    if not size > 0:
        raise ValueError("labels must not all be zero, they show no variance; pass tasks that were observed")
    power = sum(_power(features) for features, _ in batches) / sum(labels.size for _, labels in batches)
    variances = 0.9 * size / np.maximum(power, 1e-300) / len(power)
    least = np.append(np.zeros_like(power), LEAST_NOISE * size)
    known = 0.1 * size if noise is None else checks.real("noise", noise, 0.1, minimum=0, above=True) ** 2
    return np.maximum(np.append(np.where(power > 0, variances, 0), known), least), least


def _power(features):
    """Sum over points of the squares of every feature, (d,); waves have a mean square of 1."""
    if isinstance(features, kernel.Tables):
        return np.full(features.shape[-1], float(features.labels.size))
    return np.sum(features**2, axis=(0, 1))


def _covariance(features, variances):
    """C of every task, (T, N, N); the last of the variances is that of the noise."""
    return (features * variances[:-1]) @ features.mT + variances[-1] * np.eye(features.shape[-2])


def _evidence(batches, variances):
    """Log likelihood, and for each variance, the noise last, what the labels show of it and what the model expects."""
    likelihood, observed, expected = 0.0, np.zeros_like(variances), np.full_like(variances, 1e-300)
    for features, labels in batches:
        if isinstance(features, kernel.Tables):
            parts = kernel.evidence(features, variances)
            likelihood, observed, expected = likelihood + parts[0], observed + parts[1], expected + parts[2]
            continue
        covariance = _covariance(features, variances)
        inverse = np.linalg.inv(covariance)
        a = np.matvec(inverse, labels)
        distance = np.sum(labels * a) + labels.size * np.log(2 * np.pi)
        likelihood -= float(np.linalg.slogdet(covariance)[1].sum() + distance) / 2
        observed[:-1] += np.sum(np.vecmat(a, features) ** 2, axis=0)
        observed[-1] += np.sum(a**2)
        expected[:-1] += np.sum((inverse @ features) * features, axis=(0, 1))
        expected[-1] += np.trace(inverse, axis1=-2, axis2=-1).sum()
    return likelihood, observed, expected
