"""fourier_meta: learn which Fourier features matter, with meta-gradients; the toolbox of the notebooks."""

__version__ = "0.1.0"

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
