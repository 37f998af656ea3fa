"""What every explorer is, without a widget: controls as plain values, and one function from a setting to a view.

An explorer turns a setting (a dict, one value per control) into numbers, a picture, a sentence and the code that
reproduces the numbers. All of it runs, and is tested, without a browser and without ipywidgets; `panel.py` adds these.
"""

import dataclasses
from typing import Any

from fourier_meta.features import feature_name

# Features that can be switched on as true ones: the lowest seven, and three that a grid of 32, 64 or 128 points takes
# for low ones.
SWITCHABLE = (0, 1, 2, 3, 4, 5, 6, 128, 129, 256)
RATES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.5)
NOISES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
DESIGNS = ("random", "grid", "jittered")


@dataclasses.dataclass(frozen=True)
class Control:
    """One control: its name in the setting, its label, and every value that it can take."""

    name: str
    label: str
    values: tuple
    default: Any
    help: str
    kind: str = "slider"  # "slider", "menu", or "switches": then the value is a tuple of some of `values`
    texts: tuple = ()  # how the values are shown, if not by str


@dataclasses.dataclass(frozen=True)
class View:
    """What an explorer shows for one setting."""

    setting: dict
    numbers: Any
    status: str
    code: str
    png: bytes


class Explorer:
    """Base of the five explorers; see the module's description. Only `panel.Panel` knows widgets."""

    name = ""  # the function that opens it
    summary = ""  # one line, stored in the notebook where the widget is
    alt = ""  # what the picture shows, for those who cannot see it
    controls: tuple[Control, ...] = ()
    trains = False  # numbers take long: they are computed in a thread, and shown while they grow
    picture: type

    def defaults(self):
        """The setting that the explorer opens with."""
        return {control.name: control.default for control in self.controls}

    def settle(self, setting):
        """Return the setting made consistent, and {control name: why it is idle or adapted}."""
        return setting, {}

    def compute(self, setting, report=None):
        """Return the numbers to show. `report(make_numbers)` offers unfinished ones, and answers True to stop."""
        raise NotImplementedError

    def status(self, setting, numbers):
        """One or two plain sentences that say what the picture shows."""
        raise NotImplementedError

    def code(self, setting, numbers):
        """Python that reproduces the numbers."""
        raise NotImplementedError

    def view(self, setting):
        """Compute and draw one setting, from nothing: what the panel must show for it."""
        setting, notes = self.settle(setting)
        return self.show(self.picture(), setting, notes, self.compute(setting))

    def show(self, picture, setting, notes, numbers):
        """Draw numbers on a picture and put them in words and in code."""
        picture.draw(setting, numbers)
        status = " ".join(filter(None, [self.status(setting, numbers), *notes.values()]))
        return View(setting, numbers, status, self.code(setting, numbers), picture.png())


def slider(name, label, values, default, help):
    """A control that moves along ordered values."""
    return Control(name, label, tuple(values), default, help)


def menu(name, label, values, default, help):
    """A control that picks one of a few named values."""
    return Control(name, label, tuple(values), default, help, "menu")


def support_switches():
    """One switch for each feature that may be a true one."""
    texts = tuple(feature_name(index) for index in SWITCHABLE)
    return Control(
        "support", "true features", SWITCHABLE, (0, 1, 2), "Features that the labels are made of", "switches", texts
    )


def design_menu(default="random"):
    """Where the points x lie."""
    return menu("design", "design of x", DESIGNS, default, "How the points x are placed; see notebook 1")


def noise_slider():
    """Noise on every label."""
    return slider("noise", "noise σ", NOISES, 0.0, "Standard deviation of the noise on every label")


def seed_slider():
    """Everything random follows from the seed."""
    return slider("seed", "seed", range(100), 0, "Everything random follows from it")


def settle_support(setting, notes, n_features=257):
    """Return the support with features below n_features only, at least one; say in `notes` what was left out."""
    kept = tuple(index for index in setting["support"] if index < n_features)
    left_out = [feature_name(index) for index in setting["support"] if index >= n_features]
    if left_out:
        fastest = feature_name(n_features - 1)
        notes["support"] = f"{' and '.join(left_out)} left out: of {n_features} features the fastest is {fastest}."
    if not kept:
        kept = (0,)
        stand_in = "A task needs a true feature: the constant stands in until you pick one."
        notes["support"] = f"{notes.get('support', '')} {stand_in}".strip()
    return setting | {"support": kept}


def family_code(setting, n_features=257):
    """The line that makes the task family of a setting."""
    noise = setting.get("noise", 0.0)
    return f'family = TaskFamily({n_features}, {setting["support"]}, noise={noise}, design="{setting["design"]}")'


def points(count):
    """ "1 point", "4 points"."""
    return f"{count} point{'' if count == 1 else 's'}"


def number(value):
    """A number as a sentence says it: two or three digits, or that it is rounding."""
    if abs(value) < 1e-20:
        return "below 1e-20"
    if abs(value) >= 1000 or abs(value) < 0.001:
        mantissa, exponent = f"{value:.1e}".split("e")
        return f"{mantissa}e{int(exponent)}"
    return f"{value:.3g}"
