"""Every setting of every notebook can be changed: the notebook runs to its end and says what it was told.

A value is set as papermill sets it, by a cell after the one that is tagged `parameters`. A few quick changes are tried
by `make test`, all of them by `make test-knobs`; what is printed, and what stands in figures, must not name the value
of the book where the new one is meant.
"""

import ast
import functools
import os
import re
import subprocess
import sys

import checkout
import jupytext
import pytest

# Two sensible values for each setting; those of one notebook where the same name means something else there.
ALTERNATIVES = {
    "few_points": (3, 6),
    "few_tasks": (3, 8),
    "first_test_year": (2016, 2018),
    "good_hours": ((6, 12, 20), (8, 16)),
    "hours_read": ((6, 18), (3, 9, 15, 21)),
    "inner_rate": (0.01, 0.03),
    "inner_steps": (2, 8),
    "masses": ((9 / 257, 0.2, 0.9), (0.05, 0.5)),
    "n_alone": (5, 12),
    "n_favoured": (5, 15),
    "n_features": (129, 65),
    "n_few": (3, 6),
    "n_known": (129, 65),
    "n_points": (32, 48),
    "n_readings": (3, 6),
    "n_searched": (2, 4),
    "n_seeds": (3, 5),
    "n_tasks": (8, 20),
    "noise": (0.05, 0.2),
    "noise_level": (0.05, 0.2),
    "outer_rate": (0.03, 0.1),
    "penalty": (0.003, 0.1),
    "seed": (1, 2),
    "seeds": (3, 5),
    "small": (0.01, 0.0005),
    "sizes": ((2, 4, 8), (3, 6, 12)),
    "start": ("uniform", 0.5),
    "starts": ((1, 0.01), (0.5, 0.05, 0.002)),
    "steps": (100, 500),
    "support": ((1, 4, 9), (0, 3)),
    "width": (20, 60),
} | {
    ("04_reptile", "outer_rate"): (0.3, 0.8),
    ("05_mechanisms", "steps"): (60, 150),
    ("08_million", "n_features"): (4097, 16_385),
    ("08_million", "start"): (0.01, 0.0005),
    ("09_traffic", "n_features"): (13, 17),
    ("10_networks", "inner_rate"): (0.005, 0.02),
    ("10_networks", "inner_steps"): (2, 3),
    ("10_networks", "n_points"): (5, 20),
    ("10_networks", "outer_rate"): (0.0005, 0.002),
    ("10_networks", "steps"): (100, 300),
}  # fmt: skip

# Tried by `make test`: a value each, chosen to be quick.
QUICK = {
    ("01_setup", "n_features"): 129,
    ("01_setup", "support"): (1, 4, 9),
    ("01_setup", "n_points"): 32,
    ("02_overfitting", "n_tasks"): 8,
    ("03_maml", "steps"): 100,
    ("04_reptile", "steps"): 100,
    ("05_mechanisms", "steps"): 60,
}

# How a text names a value of the book; after a change it must not. Settings that are not here have no such name.
NAMED = {
    "inner_rate": r"inner rate {}(?!\d)",
    "inner_steps": r"\bK = {}(?!\d)",
    "n_features": r"(?<![\d.,]){}(?![\d.,]*\d)",
    "n_points": r"\b{} (?:\+ {} )?(?:random |training )?points",
    "n_seeds": r"\b{} seeds",
    "n_tasks": r"\b{} tasks",
    "noise": r"noise {}(?!\d)",
    "seeds": r"\b{} seeds",
    "steps": r"\b{} (?:outer )?steps",
    "width": r"\b{} units",
}

# Here the book's value is named where a stored table is described, which was made with it.
OF_TABLES = {("05_mechanisms", "steps"), ("10_networks", "steps"), ("10_networks", "n_points")}

# Runs before the notebook: words instead of pictures, and with them all words that stand in the picture.
PRELUDE = """
import warnings
import matplotlib
matplotlib.use("agg")
warnings.simplefilter("ignore")
import matplotlib.text
from fourier_meta import figures
def show_and_tell(fig, alt, show=figures.show):
    show(fig, alt)
    print(*(text.get_text() for text in fig.findobj(matplotlib.text.Text)), sep="; ")
figures.show = show_and_tell
"""


@functools.cache
def cells(path):
    """The code of a notebook in three parts: before the settings, the settings, after them; without explorers."""
    code = [cell for cell in jupytext.read(path).cells if cell.cell_type == "code"]
    code = [cell for cell in code if not {"explorer", "colab", "solution"} & set(checkout.tags(cell))]
    (place,) = (n for n, cell in enumerate(code) if "parameters" in checkout.tags(cell))
    sources = [cell.source for cell in code]
    return "\n".join(sources[:place]), sources[place], "\n".join(sources[place + 1 :])


@functools.cache
def settings_of(path):
    """{name: value} of the cell that is tagged `parameters`."""
    namespace = {}
    exec(cells(path)[1], namespace)
    return {name: namespace[name] for node in ast.walk(ast.parse(cells(path)[1])) for name in assigned(node)}


def assigned(node):
    return [node.id] if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) else []


def has_settings(path):
    return any("parameters" in checkout.tags(cell) for cell in jupytext.read(path).cells)


NOTEBOOKS = {path.stem: path for path in checkout.source_notebooks() if has_settings(path)}


def alternatives(notebook, name):
    """The values to try; a KeyError here asks for an entry in ALTERNATIVES."""
    values = ALTERNATIVES.get((notebook, name), ALTERNATIVES.get(name, ()))
    return [value for value in values if value != settings_of(NOTEBOOKS[notebook])[name]]


def run(notebook, **changes):
    """What a notebook prints, alt texts and words in figures included, with some settings changed."""
    before, settings, after = cells(NOTEBOOKS[notebook])
    changed = "\n".join(f"{name} = {value!r}" for name, value in changes.items())
    program = "\n".join([PRELUDE, before, settings, changed, after])
    path = os.pathsep.join([str(checkout.ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-"], input=program, cwd=checkout.NOTEBOOKS, env=os.environ | {"PYTHONPATH": path},
        capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 0, f"{notebook} with {changes}:\n{done.stderr[-3000:]}"
    return done.stdout


def stale(name, old, new, said):
    """Places where a text names the old value of a setting."""
    if name not in NAMED:
        return []
    written = {str(old), f"{old:,}"} if isinstance(old, int) else {str(old)}
    pattern = "|".join(NAMED[name].replace("{}", re.escape(word)) for word in written)
    return [said[max(0, found.start() - 60) : found.end() + 60] for found in re.finditer(pattern, said)]


def check(notebook, name, value):
    said = run(notebook, **{name: value})
    assert said.strip()
    if (notebook, name) not in OF_TABLES:
        assert stale(name, settings_of(NOTEBOOKS[notebook])[name], value, said) == []


def test_every_chapter_has_a_cell_of_settings():
    assert [path.stem for path in checkout.source_notebooks() if path.stem[0].isdigit()] == [
        name for name in NOTEBOOKS if name[0].isdigit()
    ]


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_every_setting_has_two_other_values(notebook):
    entries = {
        name: ALTERNATIVES.get((notebook, name), ALTERNATIVES.get(name, ()))
        for name in settings_of(NOTEBOOKS[notebook])
    }
    assert [name for name, values in entries.items() if len(values) < 2] == [], "give each two values in ALTERNATIVES"


FLAGS = {"BOOK", "as_in_the_book", "AS_IN_THE_BOOK"}  # what a notebook calls "these are the settings of the text"


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_the_stored_settings_are_those_that_the_text_speaks_of(notebook):
    before, settings, after = cells(NOTEBOOKS[notebook])
    statements = ast.parse("\n".join([before, settings, after])).body
    flagged = [
        n for n, node in enumerate(statements) if FLAGS & {name for sub in ast.walk(node) for name in assigned(sub)}
    ]
    if not flagged:
        pytest.skip("this notebook compares itself with stored tables only")
    namespace = {"__name__": "settings"}
    exec(compile(ast.Module(statements[: flagged[0] + 1], []), notebook, "exec"), namespace)
    (flag,) = FLAGS & set(namespace)
    text = (
        f"{notebook}: the text, its headlines and stored tables are those of other settings; set them back, or rewrite"
    )
    assert namespace[flag] is True, text


@pytest.mark.parametrize(("notebook", "name"), [key for key in QUICK if key[0] in NOTEBOOKS], ids=str)
def test_a_quick_change_of_a_setting_runs_to_the_end_and_is_obeyed(notebook, name):
    check(notebook, name, QUICK[notebook, name])


@pytest.mark.knobs
@pytest.mark.parametrize(
    ("notebook", "name", "value"),
    [
        pytest.param(notebook, name, value, id=f"{notebook}-{name}-{value}")
        for notebook, path in NOTEBOOKS.items()
        for name in settings_of(path)
        for value in alternatives(notebook, name)
    ],
)
def test_every_change_of_a_setting_runs_to_the_end_and_is_obeyed(notebook, name, value):
    check(notebook, name, value)


def test_a_text_that_names_the_old_value_is_noticed():
    assert stale("n_features", 257, 129, "min-norm with 257 features")
    assert stale("steps", 1000, 100, "after 1,000 steps")
    assert stale("n_points", 64, 32, "from 64 + 64 points")
    assert not stale("n_features", 257, 129, "min-norm with 129 features, risk 0.257")
    assert not stale("seed", 0, 1, "seed 0")
