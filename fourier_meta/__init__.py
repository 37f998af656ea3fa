"""fourier_meta: learn which Fourier features matter, with meta-gradients; the toolbox of the notebooks."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - for who copies the folder instead of installing it
    old = ".".join(map(str, sys.version_info[:2]))
    raise ImportError(f"fourier_meta needs Python 3.11 or newer, this is {old}: try 'make PYTHON=python3.12 lab'.")

import numpy as np

if not hasattr(np, "matvec"):
    raise ImportError(f"fourier_meta needs NumPy 2.2 or newer, this is {np.__version__}: run 'pip install -U numpy'.")

from fourier_meta.features import alias_classes, feature_name, fourier_features, frequencies, regular_grid
from fourier_meta.maml import (
    fomaml_gradient,
    joint_gradient,
    maml_gradient,
    maml_steps,
    min_norm_gradient,
    ridge_gradient,
    train_maml,
)
from fourier_meta.regression import (
    aliased_min_norm,
    few_shot_risk,
    few_steps,
    largest_stable_rate,
    min_norm,
    on_top,
    ridge,
    risk,
    share,
)
from fourier_meta.reptile import joint_descent, reptile_steps, train_reptile
from fourier_meta.tasks import TaskFamily, Tasks, unseen_stream
from fourier_meta.training import Adam, Descent, Interpolate, Run, interrupted_run, load_run

__version__ = "0.2.0"

__all__ = [
    "Adam",
    "Descent",
    "Interpolate",
    "Run",
    "TaskFamily",
    "Tasks",
    "alias_classes",
    "aliased_min_norm",
    "feature_name",
    "few_shot_risk",
    "few_steps",
    "fomaml_gradient",
    "fourier_features",
    "frequencies",
    "interrupted_run",
    "joint_descent",
    "joint_gradient",
    "largest_stable_rate",
    "load_run",
    "maml_gradient",
    "maml_steps",
    "min_norm",
    "min_norm_gradient",
    "on_top",
    "regular_grid",
    "reptile_steps",
    "ridge",
    "ridge_gradient",
    "risk",
    "share",
    "train_maml",
    "train_reptile",
    "unseen_stream",
]
