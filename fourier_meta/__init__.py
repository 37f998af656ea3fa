"""fourier_meta: learn which Fourier features matter, with meta-gradients; the toolbox of the notebooks."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - for who copies the folder instead of installing it
    old = ".".join(map(str, sys.version_info[:2]))
    raise ImportError(f"fourier_meta needs Python 3.11 or newer, this is {old}: try 'make PYTHON=python3.12 lab'.")

import numpy as np

if not hasattr(np, "matvec"):
    raise ImportError(f"fourier_meta needs NumPy 2.2 or newer, this is {np.__version__}: run 'pip install -U numpy'.")

from fourier_meta.features import (
    alias_classes,
    feature_name,
    fourier_features,
    frequencies,
    regular_grid,
)
from fourier_meta.maml import fomaml_gradient, maml_gradient, train_maml
from fourier_meta.regression import (
    aliased_min_norm,
    few_shot_risk,
    gradient_descent,
    largest_stable_rate,
    min_norm,
    ridge,
    risk,
)
from fourier_meta.reptile import joint_descent, train_reptile
from fourier_meta.tasks import TaskFamily, Tasks
from fourier_meta.training import Run, load_run

__version__ = "0.1.0"

__all__ = [
    "Run",
    "TaskFamily",
    "Tasks",
    "alias_classes",
    "aliased_min_norm",
    "feature_name",
    "few_shot_risk",
    "fomaml_gradient",
    "fourier_features",
    "frequencies",
    "gradient_descent",
    "joint_descent",
    "largest_stable_rate",
    "load_run",
    "maml_gradient",
    "min_norm",
    "regular_grid",
    "ridge",
    "risk",
    "train_maml",
    "train_reptile",
]
