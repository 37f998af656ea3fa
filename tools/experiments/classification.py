"""Which weights classify curves whose signs alone are seen: notebook 07_classification.

Every contestant that learns weights adapts by their posterior mean, with the noise level that predicts left-out points
of ten training tasks best, or, where it says so, by the inner loop that it was trained with.
"""

from functools import partial

import numpy as np

from experiments import Experiment
from experiments.prior import adapters, best_of
from fourier_meta import TaskFamily, few_steps, min_norm, regular_grid, ridge_gradient, train_maml
from fourier_meta.bayes import empirical_bayes
from fourier_meta.classification import sign_batches, sign_labels, sign_scores
from fourier_meta.rivals import moments, smoothness_weights

SEEDS = list(range(10))
UNSEEN = 50
STEPS = 1000  # outer steps of 15 tasks
POINTS = (2, 4, 8, 16, 32, 64, 128)
POWERS = (0.5, 1, 2, 3)
FAMILY = TaskFamily()


def tasks_of(seed, n_tasks, n_points, stream=1):
    """Training tasks with sign labels, on a stream of their own."""
    return sign_labels(FAMILY.sample(n_tasks, n_points, np.random.default_rng([seed, stream])))


def maml_weights(seed, **options):
    return np.abs(train_maml(sign_batches(FAMILY, seed=seed), steps=STEPS, seed=seed, **options).weights)


def energy_weights(seed, n_batches=20, n_tasks=50):
    """Root of the mean energy of the labels in each feature; it is told the labels of 1,000 tasks at every x."""
    rng, x = np.random.default_rng([seed, 3]), np.tile(regular_grid(1024), (n_tasks, 1))
    coefficients = (FAMILY.draw_coefficients(n_tasks, rng) for _ in range(n_batches))
    energies = [moments(sign_labels(FAMILY.observe_at(some, x, rng))) for some in coefficients]
    return np.sqrt(np.mean(energies, axis=0))


def bayes_weights(seed):
    """Empirical Bayes from 60 tasks of 32 points."""
    return empirical_bayes(tasks_of(seed, 60, 32)).weights


def logistic(features, labels, support=(0, 1, 2)):
    """Logistic regression on the true features of each task: it is told which they are. Returns effective (T, d)."""
    from sklearn.linear_model import LogisticRegression

    effective = np.zeros((len(features), features.shape[-1]))
    for task, phi, y in zip(effective, features, labels, strict=True):
        if len(set(y)) == 1:  # one class only: predict it everywhere
            task[0] = y[0]
        else:
            model = LogisticRegression(C=1e3, fit_intercept=False, max_iter=1000)
            task[list(support)] = model.fit(phi[:, list(support)], y).coef_[0]
    return effective


def classify(seed):
    """Mean accuracy of every contestant on the same unseen tasks, and how often it beats the logistic oracle there."""
    learned = {
        "ridge": [np.ones(FAMILY.n_features)],
        "smoothness prior": [smoothness_weights(FAMILY.n_features, power) for power in POWERS],
        "root of energy": [energy_weights(seed)],
        "empirical Bayes": [bayes_weights(seed)],
        "MAML": [maml_weights(seed)],
        "MAML, ridge inside": [maml_weights(seed, gradient=ridge_gradient)],
        "oracle": [FAMILY.true_weights],
    }
    rows = []
    for n_points in POINTS:
        test, tuning = sign_labels(FAMILY.unseen(UNSEEN, n_points, seed)), tasks_of(seed, 10, n_points, 2)
        solvers = {
            name: best_of([solve for w in weights for solve in adapters(tuning, w)], tuning)
            for name, weights in learned.items()
        }
        solvers |= {
            "min-norm": min_norm,
            "MAML, its own 5 steps": partial(few_steps, weights=learned["MAML"][0]),
            "logistic oracle": partial(logistic, support=FAMILY.support),
        }
        scores = {
            name: sign_scores(solve(test.features, test.labels), test.effective) for name, solve in solvers.items()
        }
        best = scores["logistic oracle"][0]
        for name, (accuracy, distance) in scores.items():
            row = {"method": name, "n_points": n_points, "seed": seed, "accuracy": float(np.mean(accuracy))}
            won = np.mean((accuracy > best) + 0.5 * (accuracy == best))
            rows.append(row | {"distance": float(np.median(distance)), "won": float(won)})
    return rows


def spectrum(seed):
    """Weights learned from signs, and the energy of the labels, feature by feature."""
    columns = {"MAML": maml_weights(seed), "empirical Bayes": bayes_weights(seed), "energy": energy_weights(seed) ** 2}
    return [
        {"feature": j} | {name: float(values[j]) for name, values in columns.items()} for j in range(FAMILY.n_features)
    ]


def over_seeds(rows):
    """One row a feature: 10, 50 and 90 % of the seeds' MAML weights, medians of the others."""
    reduced = []
    for j in range(FAMILY.n_features):
        group = [row for row in rows if row["feature"] == j]
        low, middle, high = np.quantile([row["MAML"] for row in group], (0.1, 0.5, 0.9)).tolist()
        medians = {name: float(np.median([row[name] for row in group])) for name in ("empirical Bayes", "energy")}
        reduced.append({"feature": j, "low": low, "median": middle, "high": high, "seed_0": group[0]["MAML"]} | medians)
    return reduced


EXPERIMENTS = {
    "classification": Experiment(
        classify,
        {},
        SEEDS,
        "Mean accuracy on 50 unseen tasks a seed; won: part of these tasks with a higher accuracy than the logistic "
        "oracle, ties count half. MAML: 1,000 steps of 15 tasks of 64 + 64 points.",
    ),
    "spectrum": Experiment(
        spectrum, {}, SEEDS, "Weights that MAML learns from 15,000 tasks of signs, over 10 seeds.", over_seeds
    ),
}
