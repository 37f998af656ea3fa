"""The features and the alias classes hold what notebooks 01 and 02 say of them."""

import math

import numpy as np
import pytest

from fourier_meta import alias_classes, feature_name, fourier_features, frequencies, regular_grid


def one_feature(x, j):
    """Feature j at the number x, written out once more and independently."""
    if j == 0:
        return 1.0
    k = (j + 1) // 2
    return math.sqrt(2) * (math.sin(math.pi * k * x) if j % 2 else math.cos(math.pi * k * x))


@pytest.mark.parametrize("n_features", [1, 2, 3, 4, 9, 256, 257])
def test_every_column_is_the_function_that_its_index_names(n_features):
    x = np.array([-1.0, -0.7, 0.0, 0.1, 0.5, 0.999])
    expected = [[one_feature(value, j) for j in range(n_features)] for value in x]
    np.testing.assert_allclose(fourier_features(x, n_features), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("n_features", [1, 2, 8, 33])
def test_the_features_are_orthonormal_over_one_period(n_features):
    features = fourier_features(regular_grid(128), n_features)
    np.testing.assert_allclose(features.T @ features / 128, np.eye(n_features), atol=1e-12)


@pytest.mark.parametrize("shape", [(), (5,), (2, 3), (2, 1, 4), (0,)])
def test_the_result_has_the_shape_of_x_and_one_more_axis(shape):
    assert fourier_features(np.zeros(shape), 7).shape == (*shape, 7)


def test_leading_axes_are_independent_of_each_other():
    x = np.linspace(-1, 1, 12).reshape(3, 4)
    batch = fourier_features(x, 11)
    for row, single in zip(x, batch, strict=True):
        np.testing.assert_array_equal(fourier_features(row, 11), single)


def test_float32_stays_float32_and_integers_become_float64():
    x = np.array([-1, 0, 1])
    assert fourier_features(x.astype(np.float32), 9).dtype == np.float32
    assert fourier_features(x, 9).dtype == np.float64
    np.testing.assert_array_equal(fourier_features(x, 9), fourier_features(x.astype(float), 9))
    close = fourier_features(np.float32([0.25, -0.5]), 9)
    np.testing.assert_allclose(close, fourier_features([0.25, -0.5], 9), atol=1e-6)


@pytest.mark.parametrize("x", [0.25, -0.75, 0.5])
@pytest.mark.parametrize("turns", [1, -1, 7, 2**40])
def test_every_feature_has_period_2_however_far_away(x, turns):
    np.testing.assert_allclose(fourier_features(x + 2 * turns, 65), fourier_features(x, 65), atol=1e-12)


@pytest.mark.parametrize("x", [1e300, -1e300, 1.7e308, 5e-324])
def test_huge_and_tiny_x_give_features_of_the_right_size(x):
    features = fourier_features(x, 257)
    np.testing.assert_allclose(features[1::2] ** 2 + features[2::2] ** 2, 2, atol=1e-9)
    np.testing.assert_allclose(features, fourier_features(math.fmod(x, 2), 257), atol=1e-9)


def test_frequencies_count_half_periods():
    assert frequencies(1).tolist() == [0]
    assert frequencies(6).tolist() == [0, 1, 1, 2, 2, 3]
    assert frequencies(257)[-1] == 128


def test_a_feature_changes_sign_as_often_as_its_frequency_says():
    x = regular_grid(4096) + 1 / 4096
    features = fourier_features(np.append(x, x[0] + 2), 21)
    changes = (np.diff(np.sign(features), axis=0) != 0).sum(axis=0)
    assert changes.tolist() == (2 * frequencies(21)).tolist()


def test_names_say_sine_or_cosine_and_the_frequency():
    names = [feature_name(j) for j in (0, 1, 2, 3, 4, 255, 256)]
    assert names == ["1", "sin πx", "cos πx", "sin 2πx", "cos 2πx", "sin 128πx", "cos 128πx"]


@pytest.mark.parametrize("n_points", [1, 2, 3, 64])
def test_the_regular_grid_starts_at_minus_1_and_leaves_1_out(n_points):
    x = regular_grid(n_points)
    assert x.shape == (n_points,)
    assert x[0] == -1
    np.testing.assert_allclose(np.diff(np.append(x, 1)), 2 / n_points, atol=1e-15)


def test_the_classes_of_64_points_and_257_features_are_those_of_the_book():
    classes = alias_classes(64, 257)
    assert classes.members(0) == (0, 128, 256)
    assert classes.members(1) == (1, 125, 129, 253)
    assert classes.members(2) == (2, 126, 130, 254)
    assert classes.factor[list(classes.members(1))].tolist() == [1, -1, 1, -1]
    assert np.flatnonzero(classes.representative == -1).tolist() == [63, 127, 191, 255]


@pytest.mark.parametrize("n_points", [1, 2, 3, 4, 5, 8, 9, 16, 31, 64])
@pytest.mark.parametrize("n_features", [1, 2, 3, 10, 67])
def test_on_the_grid_a_feature_is_its_factor_times_the_vector_of_its_class(n_points, n_features):
    features = fourier_features(regular_grid(n_points), n_features)
    representative, factor = alias_classes(n_points, n_features)
    assert representative.shape == factor.shape == (n_features,)
    for j in range(n_features):
        if representative[j] == -1:
            assert factor[j] == 0
            np.testing.assert_allclose(features[:, j], 0, atol=1e-11)
            continue
        first = representative[j]
        assert first <= j
        assert representative[first] == first, "the representative is the lowest feature of its own class"
        vector = features[:, first] / factor[first]
        np.testing.assert_allclose(np.mean(vector**2), 1, atol=1e-11)
        np.testing.assert_allclose(features[:, j], factor[j] * vector, atol=1e-10)


@pytest.mark.parametrize(("n_points", "n_features"), [(4, 33), (5, 33), (64, 257)])
def test_different_classes_are_orthogonal_on_the_grid_so_their_number_is_the_rank(n_points, n_features):
    features = fourier_features(regular_grid(n_points), n_features)
    representative, factor = alias_classes(n_points, n_features)
    leaders = np.unique(representative[representative >= 0])
    vectors = features[:, leaders] / factor[leaders]
    np.testing.assert_allclose(vectors.T @ vectors / n_points, np.eye(len(leaders)), atol=1e-10)
    assert np.linalg.matrix_rank(features) == len(leaders)


def test_members_of_a_vanishing_feature_are_the_vanishing_features():
    classes = alias_classes(4, 16)
    vanishing = tuple(np.flatnonzero(classes.factor == 0).tolist())
    assert classes.members(vanishing[0]) == vanishing == (3, 7, 11, 15)
