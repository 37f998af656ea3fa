"""Empirical Bayes climbs the likelihood that it says it climbs, and finds the variances that drew the tasks."""

import numpy as np
import pytest

from fourier_meta import TaskFamily, bayes, ridge, risk
from fourier_meta.bayes import empirical_bayes, log_marginal_likelihood, posterior_mean

FAMILY = TaskFamily(41, (0, 1, 2))
NOISY = TaskFamily(41, (0, 5, 12), noise=0.3)


class Batch:
    """Anything with features and labels will do."""

    def __init__(self, features, labels):
        self.features, self.labels = features, labels


def rng(seed=0):
    return np.random.default_rng(seed)


def drawn(variances, noise, n_tasks, n_points, seed):
    """Tasks of the model itself, with Gaussian columns instead of waves."""
    draw = rng(seed)
    features = draw.standard_normal((n_tasks, n_points, len(variances)))
    coefficients = np.sqrt(variances) * draw.standard_normal((n_tasks, len(variances)))
    labels = np.matvec(features, coefficients) + noise * draw.standard_normal((n_tasks, n_points))
    return Batch(features, labels)


def test_the_likelihood_is_the_normal_density_of_the_labels():
    from scipy.stats import multivariate_normal

    tasks, variances = NOISY.sample(4, 6, rng(1)), rng(2).uniform(0, 1, 41)
    expected = 0.0
    for features, labels in zip(tasks.features, tasks.labels, strict=True):
        covariance = features @ np.diag(variances) @ features.T + 0.2**2 * np.eye(6)
        expected += multivariate_normal(np.zeros(6), covariance).logpdf(labels)
    assert log_marginal_likelihood(tasks, variances, 0.2)[0] == pytest.approx(expected, rel=1e-10)


def test_its_slopes_agree_with_central_differences():
    tasks, variances, noise, h = NOISY.sample(5, 7, rng(3)), rng(4).uniform(0.1, 1, 41), 0.3, 1e-5

    def value(variances, noise):
        return log_marginal_likelihood(tasks, variances, noise)[0]

    _, slopes, noise_slope = log_marginal_likelihood(tasks, variances, noise)
    differences = [(value(variances + e, noise) - value(variances - e, noise)) / (2 * h) for e in h * np.eye(41)]
    np.testing.assert_allclose(slopes, differences, atol=1e-6 * np.abs(slopes).max())
    difference = (value(variances, noise + h) - value(variances, noise - h)) / (2 * h)
    assert noise_slope == pytest.approx(difference, rel=1e-6)


@pytest.mark.parametrize(
    ("family", "n_tasks", "n_points", "noise"),
    [(FAMILY, 3, 8, None), (FAMILY, 30, 3, None), (NOISY, 20, 6, None), (NOISY, 20, 6, 0.3), (FAMILY, 1, 6, None)],
)
def test_no_step_lowers_the_likelihood(family, n_tasks, n_points, noise):
    prior = empirical_bayes(family.sample(n_tasks, n_points, rng(5)), noise=noise)
    assert np.diff(prior.history).min() >= -1e-9 * np.abs(prior.history).max()
    assert prior.history[-1] > prior.history[0]


def test_converged_means_that_every_slope_is_small_and_the_record_is_the_likelihood():
    tasks = NOISY.sample(20, 12, rng(6))
    prior = empirical_bayes(tasks, tolerance=0.001)
    value, slopes, noise_slope = log_marginal_likelihood(tasks, prior.variances, prior.noise)
    assert prior.converged
    assert value == pytest.approx(prior.log_likelihood, rel=1e-9)
    assert np.abs(prior.variances * slopes).max() < 0.0011
    assert abs(prior.noise * noise_slope / 2) < 0.0011
    hurried = empirical_bayes(tasks, steps=3)
    assert not hurried.converged
    assert len(hurried.history) == 4


def test_it_finds_the_support_the_variances_and_the_noise():
    variances = np.zeros(30)
    variances[[2, 7, 20]] = 4, 1, 0.25
    found = [empirical_bayes(drawn(variances, 0.5, 150, 20, seed)) for seed in range(5)]
    recovered = np.mean([prior.variances for prior in found], axis=0)
    np.testing.assert_allclose(recovered[[2, 7, 20]], [4, 1, 0.25], rtol=0.2)
    assert np.delete(recovered, [2, 7, 20]).max() < 0.02
    assert np.mean([prior.noise for prior in found]) == pytest.approx(0.5, rel=0.03)


def test_three_tasks_of_eight_points_give_the_support_of_waves():
    for seed in range(5):
        prior = empirical_bayes(FAMILY.sample(3, 8, rng(seed)))
        assert set(np.argsort(-prior.weights)[:3]) == {0, 1, 2}
        test = FAMILY.sample(20, 4, rng(100 + seed))
        assert np.median(risk(prior.solve(test.features, test.labels), test.effective)) < 1e-9


def test_its_solver_is_ridge_with_its_weights_and_its_noise():
    prior, test = empirical_bayes(NOISY.sample(20, 10, rng(7))), NOISY.sample(6, 10, rng(8))
    expected = ridge(test.features, test.labels, prior.noise**2 / 10, prior.weights)
    np.testing.assert_allclose(prior.solve(test.features, test.labels), expected, atol=1e-10)
    np.testing.assert_allclose(prior.solve(test.features[0], test.labels[0]), expected[0], atol=1e-10)


def test_tasks_of_different_sizes_count_together():
    tasks = NOISY.sample(12, 8, rng(9))
    halves = [Batch(tasks.features[part], tasks.labels[part]) for part in (slice(5), slice(5, None))]
    whole, parts = empirical_bayes(tasks), empirical_bayes(halves)
    np.testing.assert_allclose(whole.variances, parts.variances, atol=1e-9)
    assert whole.noise == pytest.approx(parts.noise)
    several = [NOISY.sample(6, 5, rng(10)), NOISY.sample(9, 20, rng(11))]
    assert np.diff(empirical_bayes(several).history).min() >= -1e-9
    alone = sum(log_marginal_likelihood(batch, whole.variances, 0.3)[0] for batch in several)
    assert log_marginal_likelihood(several, whole.variances, 0.3)[0] == pytest.approx(alone)


def test_the_unit_of_a_feature_and_of_the_labels_does_not_matter():
    tasks = drawn(np.array([1.0, 0, 0.5, 0]), 0.2, 30, 6, 12)
    units = np.array([1.0, 100, 0.01, 3])
    prior = empirical_bayes(tasks)
    other = empirical_bayes(Batch(tasks.features * units, 5 * tasks.labels))
    np.testing.assert_allclose(other.variances * units**2, 25 * prior.variances, rtol=1e-6, atol=1e-12)
    assert other.noise == pytest.approx(5 * prior.noise)


def test_a_feature_that_is_always_zero_has_no_variance_and_known_noise_stays():
    tasks = NOISY.sample(10, 8, rng(13))
    features = np.concatenate([tasks.features, np.zeros((10, 8, 1))], axis=2)
    prior = empirical_bayes(Batch(features, tasks.labels), noise=0.3)
    assert prior.variances[-1] == 0
    assert prior.noise == 0.3
    assert np.isfinite(prior.variances).all()
    assert empirical_bayes(FAMILY.sample(3, 8, rng(14)), noise=1e-30).noise > 1e-5  # C has to be inverted


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ({"noise": 0}, "noise"),
        ({"steps": 0}, "steps"),
        ({"tolerance": -1.0}, "tolerance"),
        ({"noise": np.nan}, "noise"),
    ],
)
def test_bad_settings_are_refused(arguments, names):
    with pytest.raises(ValueError, match=names):
        empirical_bayes(FAMILY.sample(3, 8, rng()), **arguments)


def test_bad_tasks_are_refused():
    tasks = FAMILY.sample(3, 8, rng())
    with pytest.raises(ValueError, match="labels must not all be zero"):
        empirical_bayes(Batch(tasks.features, 0 * tasks.labels))
    with pytest.raises(ValueError, match="features must be finite"):
        empirical_bayes(Batch(tasks.features * np.nan, tasks.labels))
    with pytest.raises(ValueError, match="columns"):
        empirical_bayes([tasks, TaskFamily(33).sample(3, 8, rng())])
    with pytest.raises(ValueError, match="axes"):
        empirical_bayes(Batch(tasks.features[0], tasks.labels[0]))
    with pytest.raises(ValueError, match="tasks"):
        empirical_bayes([])
    with pytest.raises(ValueError, match="variances"):
        log_marginal_likelihood(tasks, -np.ones(41), 0.1)
    with pytest.raises(ValueError, match="variances"):
        log_marginal_likelihood(tasks, np.ones(40), 0.1)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"noise": "a"}, "noise must be a finite number of at least 0, got 'a'"),
        ({"noise": -0.1}, "noise must be a finite number of at least 0"),
        ({"noise": 0, "variances": np.zeros(41)}, "noise must be above 0 where the variances alone"),
        ({"variances": -np.ones(41)}, "variances must not be negative"),
        ({"variances": np.ones(40)}, "variances must have shape"),
    ],
)
def test_a_posterior_mean_of_nonsense_is_refused(wrong, says):
    tasks = FAMILY.sample(3, 8, rng())
    good = {"features": tasks.features, "labels": tasks.labels, "variances": np.ones(41), "noise": 0}
    np.testing.assert_allclose(np.matvec(tasks.features, posterior_mean(**good)), tasks.labels, atol=1e-12)
    with pytest.raises(ValueError, match=says):
        posterior_mean(**good | wrong)


def test_the_prior_is_frozen():
    prior = empirical_bayes(FAMILY.sample(3, 8, rng()))
    assert isinstance(prior, bayes.Prior)
    with pytest.raises(AttributeError):
        prior.noise = 1.0
