"""Fourier features on [-1, 1), and which of them a regular grid cannot tell apart.

Taught in notebooks 01_setup (the features) and 02_overfitting (the alias classes).
"""

from typing import NamedTuple

import numpy as np

from fourier_meta import checks


def frequencies(n_features):
    """Frequency of every feature: 0, 1, 1, 2, 2, ... half periods per unit of x, int array of shape (n_features,).

    Raises ValueError if `n_features` is not a positive whole number. Taught in notebook 01_setup.
    """
    return (np.arange(checks.at_least("n_features", n_features, 1, 257)) + 1) // 2


def fourier_features(x, n_features):
    r"""The first `n_features` Fourier features at every point of `x`.

    Feature 0 is the constant 1, feature 2k-1 is sqrt(2) sin(pi k x) and feature 2k is sqrt(2) cos(pi k x). They are
    orthonormal for x uniform on [-1, 1): each has unit mean square.

    Parameters
    ----------
    x : array of any shape (...,), usually in [-1, 1); every feature has period 2.
    n_features : int, at least 1.

    Returns
    -------
    array of shape (..., n_features), float64 (float32 if `x` is float32).

    Raises
    ------
    ValueError if `x` is not finite and real, or `n_features` is not a positive whole number.

    Taught in notebook 01_setup.
    """
    x = checks.array("x", x)
    n_features = checks.at_least("n_features", n_features, 1, 257)
    x = np.fmod(x, 2)  # exact, so a huge x has a phase too; x in [-1, 1) is left as it is
    angles = x[..., None] * (np.pi * np.arange(1, n_features // 2 + 1, dtype=x.dtype))
    features = np.empty((*x.shape, n_features), x.dtype)
    features[..., 0] = 1
    features[..., 1::2] = np.sqrt(2) * np.sin(angles)
    features[..., 2::2] = np.sqrt(2) * np.cos(angles[..., : (n_features - 1) // 2])
    return features


def fourier_columns(x, indices):
    """Only the features at `indices`, at every point of `x`, shape (..., len(indices)), as `fourier_features` has them.

    Phases are reduced to one period before the sine is taken, so that a high frequency loses no digits.
    Raises ValueError if `x` is not finite and real, or an index is not a whole number of at least 0.
    """
    x = checks.array("x", x)
    indices = np.array([checks.at_least("indices", index, 0, 3) for index in indices])
    phase = np.pi * np.fmod(np.fmod(x, 2)[..., None] * ((indices + 1) // 2), 2)
    waves = np.sqrt(2) * np.where(indices % 2, np.sin(phase), np.cos(phase))
    return np.where(indices == 0, 1, waves).astype(x.dtype, copy=False)


def feature_name(index):
    """Name of feature `index` in plain text: "1", "sin πx", "cos πx", "sin 2πx", ...

    Raises ValueError if `index` is not a whole number of at least 0. Taught in notebook 01_setup.
    """
    index = checks.at_least("index", index, 0, 3)
    if index == 0:
        return "1"
    frequency = (index + 1) // 2
    return f"{'sin' if index % 2 else 'cos'} {'' if frequency == 1 else frequency}πx"


def regular_grid(n_points):
    """`n_points` equally spaced points in [-1, 1), the end point 1 left out (it repeats -1), shape (n_points,).

    Raises ValueError if `n_points` is not a positive whole number. Taught in notebooks 01_setup and 02_overfitting.
    """
    n_points = checks.at_least("n_points", n_points, 1, 64)
    return -1 + 2 * np.arange(n_points) / n_points


class AliasClasses(NamedTuple):
    """Which features coincide on a regular grid; see `alias_classes`."""

    representative: np.ndarray  # (n_features,) lowest feature of the class; -1 for a feature that is zero on the grid
    factor: np.ndarray  # (n_features,) value on the grid = factor * (one unit-mean-square vector per class)

    def members(self, index):
        """The features that look like feature `index` on the grid, in increasing order, as a tuple of ints.

        Raises ValueError if there is no such feature.
        """
        index = checks.at_least("index", index, 0, 3)
        if index >= len(self.factor):
            raise ValueError(f"index must be below the number of features, {len(self.factor)}, got {index}; pass one")
        return tuple(np.flatnonzero(self.representative == self.representative[index]).tolist())


def alias_classes(n_points, n_features):
    """Group the features that are proportional to each other on the regular grid of `n_points` points.

    On x_i = -1 + 2 i / N the frequency m N + r and the frequency r agree up to the sign (-1)^(m N), and m N - r is
    r mirrored: cosines agree, sines change sign. Frequencies that fold onto 0 or N / 2 lose their sine (it is zero at
    every point), and their cosine has mean square 2 there instead of 1.

    Parameters
    ----------
    n_points : int, the grid's number of points, at least 1.
    n_features : int, at least 1.

    Returns
    -------
    AliasClasses with `representative`, int (n_features,), and `factor`, float (n_features,): on the grid,
    feature j = factor[j] * u for a vector u of unit mean square that the whole class shares.

    Raises
    ------
    ValueError if either number is not a positive whole number.

    Taught in notebook 02_overfitting; the algebra is that of the discrete Fourier transform.
    """
    n_points = checks.at_least("n_points", n_points, 1, 64)
    frequency = frequencies(n_features)
    is_sine = np.arange(n_features) % 2 == 1
    turns, residue = np.divmod(frequency, n_points)
    mirrored = 2 * residue > n_points
    folded = np.where(mirrored, n_points - residue, residue)
    turns = turns + mirrored
    factor = np.where(turns * n_points % 2, -1.0, 1.0) * np.where(mirrored & is_sine, -1.0, 1.0)
    at_edge = (folded == 0) | (2 * folded == n_points)
    factor = np.where(at_edge, np.where(is_sine, 0.0, np.sqrt(2) * factor), factor)
    factor[0] = 1.0
    representative = np.where(folded == 0, 0, 2 * folded - is_sine)
    return AliasClasses(np.where(factor == 0, -1, representative), factor)
