"""Break a stored notebook in one place, as a slip of the hand, a merge or another machine may: `make test` notices.

The breaks are made in a small notebook of the book's kind. What notices them is what runs over the real ones: strict
nbval with pictures, and the seals of the tables. (What is noticed without running anything: test_house_rules,
test_pairs. A lenient check of an exercise: test_exercises.)
"""

import base64
import copy
import io
import json
import os
import re
import shutil
import subprocess
import sys

import checkout
import execute
import nbformat
import numpy as np
import pytest
from PIL import Image
from test_results import unsealed

SOURCE = """\
# %% [markdown]
# # Draw one wave
#
# Why is it round?

# %% tags=["parameters"]
n_points = 64  # how many points are drawn
seed = 3  # of the noise

# %%
import numpy as np
from fourier_meta import figures, fourier_features
from fourier_meta.figures import show

x = np.linspace(-1, 1, n_points)
noise = np.random.default_rng(seed).standard_normal(n_points)

# %%
y = fourier_features(x, 3)[:, 1] + 0.1 * noise
print(f"largest {y.max():.3f}, smallest {y.min():.3f}, round: {y.max() > 1}")
assert 1.4 < y.max() < 1.6  # the text says so

# %% tags=["hide-input"]
fig, ax = figures.subplots()
ax.plot(x, y)
show(fig, alt=f"{n_points} points of a wave between {y.min():.2f} and {y.max():.2f}.")

# %% tags=["hide-input"]
fig, ax = figures.subplots()
ax.plot(x, np.sort(y))
show(fig, alt=f"The same {n_points} values in order, rising.")
"""
SETTINGS, PRINT, WAVE = 1, 3, 4  # cells


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """The source of a stored pair that is in order."""
    source = tmp_path_factory.mktemp("pair") / "01_wave.py"
    source.write_text(SOURCE, encoding="utf-8")
    execute.store(source)
    return source


# What nbval compares: each break changes one cell, given with the next one.


def text(change):
    return lambda cell, _: cell.outputs[0].update(text=change(cell.outputs[0].text))


def edit(old, new):
    def change(cell, _):
        assert old in cell.source
        cell.source = cell.source.replace(old, new)

    return change


def dropped(cell, _):
    cell.outputs = []


def picture_dropped(cell, _):
    del cell.outputs[0].data["image/png"]


def picture_of_another(cell, other):
    cell.outputs[0].data["image/png"] = other.outputs[0].data["image/png"]


def picture_retouched(cell, _):
    """Its middle is upside down."""
    data = cell.outputs[0].data
    pixels = np.array(Image.open(io.BytesIO(base64.b64decode(data["image/png"]))))
    middle = slice(len(pixels) // 4, 3 * len(pixels) // 4)
    pixels[middle] = pixels[middle][::-1].copy()
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    data["image/png"] = base64.b64encode(buffer.getvalue()).decode()


def another_description(cell, _):
    data = cell.outputs[0].data
    data["text/plain"] = data["text/plain"].replace("64", "65")


COMPARED = {
    "nothing": (PRINT, lambda cell, _: None),
    "nothing in a figure": (WAVE, lambda cell, _: None),
    "a digit": (PRINT, text(lambda said: said.replace("1.", "2.", 1))),
    "a sign": (PRINT, text(lambda said: said.replace("-1.", "1.", 1))),
    "a truth": (PRINT, text(lambda said: said.replace("True", "False"))),
    "a dropped print": (PRINT, dropped),
    "a dropped figure": (WAVE, dropped),
    "a dropped picture": (WAVE, picture_dropped),
    "the picture of another cell": (WAVE, picture_of_another),
    "a retouched picture": (WAVE, picture_retouched),
    "another description": (WAVE, another_description),
    "another setting": (PRINT, edit("0.1", "0.11")),
    "a headline that is no longer so": (PRINT, edit("1.4 <", "1.55 <")),
    "a use of the network": (PRINT, edit("y =", "import urllib.request as r; r.urlopen('http://192.0.2.1')\ny =")),
    "a file outside the tree": (PRINT, edit("y =", "import pathlib; (pathlib.Path.home() / 'x').touch()\ny =")),
}


def cells_that_fail(notebook, folder):
    """Run strict nbval on a notebook as `make test` does: {code cell, counted from 0: why}."""
    path = folder / "notebook.ipynb"
    nbformat.write(notebook, path)
    options = ["-p", "conftest", "-c", checkout.ROOT / "pyproject.toml", "--nbval", "--nbval-current-env", "--color=no"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, path],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (checkout.ROOT / "tests", checkout.ROOT)))},
        capture_output=True,
        text=True,
    )
    assert " passed" in run.stdout, run.stdout + run.stderr
    return {int(n): reason for n, reason in re.findall(r"^Cell (\d+): (.*?)(?=^_{5,}|^={5,})", run.stdout, re.M | re.S)}


@pytest.fixture(scope="module")
def noticed(pair, tmp_path_factory):
    """Break -> why, as one strict run of nbval says, which meets a broken copy of a cell for each."""
    stored = checkout.read(pair.with_suffix(".ipynb"))
    broken = [copy.deepcopy(stored.cells[where]) for where, _ in COMPARED.values()]
    for cell, (where, change) in zip(broken, COMPARED.values(), strict=True):
        change(cell, stored.cells[where + 1])
    before = stored.cells[SETTINGS : PRINT + 1]
    stored.cells = before + broken
    execute.give_fixed_ids(stored)
    failed = cells_that_fail(stored, tmp_path_factory.mktemp("broken"))
    return {name: failed[n] for n, name in enumerate(COMPARED, start=len(before)) if n in failed}


@pytest.mark.parametrize("name", COMPARED)
def test_nbval_notices(noticed, name):
    assert (name in noticed) is not name.startswith("nothing")


def test_nbval_says_what_differs(noticed):
    assert "mismatch 'stdout'" in noticed["a digit"]
    assert re.search(r"picture 1: .* of its pixels differ", noticed["a retouched picture"])


def test_a_changed_number_of_a_stored_table_is_noticed(tmp_path):
    folder = tmp_path / "results"
    shutil.copytree(checkout.NOTEBOOKS / "results", folder)
    assert unsealed(folder) == []
    path = next(path for path in sorted(folder.glob("*.json")) if path.name != "benchmarks.json")
    table = json.loads(path.read_text(encoding="utf-8"))
    measured = [values for values in table["columns"].values() if isinstance(values[0], float)][-1]
    measured[next(k for k, value in enumerate(measured) if value)] *= 3
    path.write_text(json.dumps(table), encoding="utf-8")
    assert unsealed(folder) == [path.name]
