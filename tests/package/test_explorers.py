"""The explorers without a browser: every setting gives a picture, a true sentence, and code with the same numbers."""

import asyncio
import functools
import gc
import html
import io
import re
import threading
import time
import weakref

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from fourier_meta import TaskFamily, explorers, figures, min_norm, on_top, pictures

HOURS = np.arange(24)
DAYS = {name: 2000 + 1500 * np.sin(HOURS / 4 + shift) for shift, name in enumerate(("Monday", "Tuesday"))}


def level(places, readings):
    return np.full(24, readings.mean())


def known(places, readings):
    return DAYS["Monday"]


SOLVERS = {"min-norm": min_norm, "MAML": functools.partial(min_norm, weights=TaskFamily().true_weights + 0.001)}
OPEN = {
    "tasks": explorers.explore_tasks,
    "overfitting": explorers.explore_overfitting,
    "maml": explorers.explore_maml,
    "reptile": explorers.explore_reptile,
    "points": functools.partial(explorers.explore_points, SOLVERS),
    "day": functools.partial(explorers.explore_day, DAYS, HOURS, {"Reptile": level, "MAML": known}, "vehicles an hour"),
}
GIVEN = {
    "points": {"solvers": SOLVERS, "family": TaskFamily()},
    "day": {"days": DAYS, "fits": {"Reptile": level, "MAML": known}},
}
every = pytest.mark.parametrize("name", OPEN)
training = pytest.mark.parametrize("name", ["maml", "reptile"])


@pytest.fixture
def short(monkeypatch):
    """Few steps and few pixels: what a setting breaks, it breaks in the first of them."""
    monkeypatch.setattr(figures, "SHARPNESS", 0.5)
    monkeypatch.setattr(explorers, "STEPS", 5)


@pytest.fixture(autouse=True)
def closes():
    yield
    while explorers.open_panels:
        explorers.open_panels.popitem()[1].close()


def code(panel):
    return html.unescape(re.sub("<[^>]*>", "", panel.written.value))


def said(panel):
    return html.unescape(re.sub("<[^>]*>", " ", panel.said.value)).strip()


def other_values(widget):
    """The ends of a control, or all options of a menu."""
    if hasattr(widget, "options"):
        return [value for _, value in widget.options]
    power = 10 if isinstance(widget, ipywidgets.FloatLogSlider) else None
    return [power**end if power else end for end in (widget.min, widget.max)]


def check(panel):
    """A picture with ink in each half, a sentence without a failure in it, code that compiles."""
    pixels = np.asarray(Image.open(io.BytesIO(panel.image.value)).convert("L"), float)
    assert pixels.shape in ((700, 1520), (175, 380))
    assert all(half.std() > 5 for half in np.array_split(pixels, 2, axis=1))
    assert said(panel).endswith(".")
    assert not re.search(r"\bnan\b|\binf\b|None|cannot be computed", said(panel)), said(panel)
    compile(code(panel), "code", "exec")


@every
def test_every_end_of_every_control_gives_a_picture_and_a_sentence(name, short):
    panel = OPEN[name]()
    check(panel)
    for widget in panel.inputs.values():
        for value in other_values(widget):
            panel.move_to(panel.defaults)
            widget.value = value
            check(panel)


@every
def test_no_control_is_dead(name, short):
    panel = OPEN[name]()
    for control, widget in panel.inputs.items():
        panel.try_out(next(iter(panel.explorer.tries)))
        before = panel.image.value, code(panel)
        other = [value for value in other_values(widget) if value != widget.value]
        widget.value = other[0] if control != "n_favoured" else 9
        assert (panel.image.value, code(panel)) != before, control


@every
def test_a_picture_depends_on_its_setting_only(name, short):
    panel = OPEN[name]()
    first = panel.image.value, said(panel), code(panel)
    for title in [*panel.explorer.tries, next(iter(panel.explorer.tries))]:
        panel.try_out(title)
        assert said(panel).startswith("Watch:")
        check(panel)
    assert (panel.image.value, said(panel), code(panel)) == first
    panel.inputs[next(iter(panel.inputs))].value = other_values(next(iter(panel.inputs.values())))[1]
    assert "Watch" not in said(panel)


@every
def test_the_code_prints_the_same_numbers(name, short, capsys):
    panel = OPEN[name]()
    panel.try_out(list(panel.explorer.tries)[1])
    names = dict(GIVEN.get(name, {}))
    exec(code(panel), names)  # what a reader does with it
    assert capsys.readouterr().out
    if name in ("maml", "reptile"):
        np.testing.assert_array_equal(names["run"].weights, panel.frame["MAML"].weights)
    else:
        for one, other in zip(flat(names["result"]), flat(panel.frame), strict=True):
            np.testing.assert_array_equal(one, other)


def flat(values):
    """All arrays of nested tuples, dicts and tasks."""
    if isinstance(values, tuple | dict):
        return [array for part in (values.values() if isinstance(values, dict) else values) for array in flat(part)]
    return [values.x, values.labels] if hasattr(values, "labels") else [values]


# What "Watch" says is so


def test_watch_tasks():
    panel = explorers.explore_tasks()
    assert "253 directions cannot be seen" in said(panel)
    panel.try_out("64 points")
    assert "193 directions cannot be seen" in said(panel)
    assert float(re.search(r"leave the truth by up to ([\d.]+)", said(panel))[1]) > 0.5
    panel.try_out("65 of 65")
    assert "one explanation, and it is the truth" in said(panel)


def test_watch_overfitting():
    panel = explorers.explore_overfitting()
    assert "constant 20%, sine 25%, cosine 25%. They have 2, 3, 3 aliases" in said(panel)
    panel.try_out("129")
    assert "constant 100%, sine 50%, cosine 50%. They have 0, 1, 1 aliases" in said(panel)
    for title in ("130", "3, weighted"):
        panel.try_out(title)
        assert re.search("test error (below 1e-12|[0-9.]+e-)", said(panel))


def test_watch_maml():
    panel = explorers.explore_maml()
    found = {}
    for title in panel.explorer.tries:
        panel.try_out(title)
        found[title] = on_top(panel.frame["MAML"].weights, (0, 1, 2))
        assert panel.frame["MAML"].status == "finished"
    assert list(found.values()) == [True, False, True, False]


def test_watch_reptile():
    panel, runs = explorers.explore_reptile(), {}
    for title in panel.explorer.tries:
        panel.try_out(title)
        runs[title] = {name: np.abs(run.weights) for name, run in panel.frame.items()}
    large, small, _ = (each["Reptile"] for each in runs.values())
    assert large[:3].min() > 2 > 1.2 > large[3:].max() > large[3:].min() > 0.99
    assert small[:3].min() > 2 > 0.01 > small[3:].max()
    assert [on_top(each["MAML"], (0, 1, 2)) for each in runs.values()] == [True, True, False]


def test_watch_points():
    panel = explorers.explore_points()
    risks = {}
    for title in panel.explorer.tries:
        panel.try_out(title)
        risks[title] = panel.frame[-1]
    few, many, noisy = risks.values()
    assert max(few["MAML"], few["Reptile"], few["empirical Bayes"]) < 1e-3 < few["min-norm"]
    assert few["OMP"] > 1 > 1e-9 > many["OMP"]
    assert noisy["MAML"] > 0.01


def test_what_ends_badly_is_shown_and_said():
    panel = explorers.explore_maml()
    for start, status in ((0.0, "stuck at step 1"), (5.0, "diverged at step 1")):
        panel.inputs["start"].value = start
        assert status in said(panel)
        check(panel)


def test_a_mode_follows_the_control_that_needs_it():
    panel = explorers.explore_overfitting()
    panel.inputs["n_favoured"].value = 9
    assert panel.setting()["weight"] == 10
    panel = OPEN["day"]()
    panel.inputs["fourth"].value = 20
    assert panel.setting()["readings"] == 4
    panel = explorers.explore_tasks()
    panel.inputs["support"].value = (20, 57, 200)
    panel.inputs["n_features"].value = 100
    assert panel.setting()["support"] == (0, 1, 2)


# Training in an event loop, as in a kernel


def in_a_loop(scenario, name="maml"):
    """Run scenario(panel, shown) in an event loop; `shown` collects the frames that the panel shows."""

    async def main():
        panel, shown = OPEN[name](), []
        show = panel.show
        panel.show = lambda: (show(), shown.append(panel.frame))
        await scenario(panel, shown)
        return panel, shown

    return asyncio.run(main())


async def until(condition, seconds=300):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.005)


@training
def test_the_picture_moves_while_it_trains(name):
    async def scenario(panel, shown):
        panel.inputs["seed"].value = 1
        await until(lambda: shown)
        assert not panel.stop.disabled
        await until(lambda: panel.running is None)

    panel, shown = in_a_loop(scenario, name)
    steps = [runs["MAML"].step for runs in shown]
    assert len(steps) >= 2
    assert steps == sorted(set(steps))
    assert steps[-1] == 300
    assert panel.stop.disabled
    assert "finished" in said(panel)


@training
def test_stop_stops_and_the_code_stops_there_too(name):
    async def scenario(panel, shown):
        panel.inputs["seed"].value = 1
        await until(lambda: shown)
        panel.stop.click()
        await until(lambda: panel.running is None)

    panel, shown = in_a_loop(scenario, name)
    assert f"stopped at step {shown[-1]['MAML'].step};" in said(panel)
    assert shown[-1]["MAML"].step < 300
    names = {}
    exec(code(panel), names)
    np.testing.assert_array_equal(names["run"].weights, shown[-1]["MAML"].weights)


def test_a_new_setting_forgets_the_old_run_and_only_the_last_of_many_moves_is_trained():
    async def scenario(panel, shown):
        for seed in range(1, 40):
            panel.inputs["seed"].value = seed
            await asyncio.sleep(0.001)
        await until(lambda: shown and shown[-1]["MAML"].config["seed"] == 39)
        shown.clear()
        await until(lambda: panel.running is None)

    _, shown = in_a_loop(scenario)
    assert {runs["MAML"].config["seed"] for runs in shown} == {39}


def test_moves_from_another_thread_are_answered_by_the_loop():
    """JupyterLab sends moves to a subshell: their handlers run in its thread, beside the event loop."""

    async def scenario(panel, shown):
        threads = set()
        panel.image.observe(lambda change: threads.add(threading.current_thread()), "value")
        subshell = threading.Thread(
            target=lambda: [setattr(panel.inputs["seed"], "value", seed) for seed in range(1, 30)]
        )
        subshell.start()
        await until(lambda: not subshell.is_alive() and panel.shown["seed"] == 29)
        assert threads == {threading.main_thread()}
        assert len(shown) < 29

    in_a_loop(scenario, "overfitting")


def test_an_error_becomes_a_sentence_and_the_panel_lives_on():
    panel = OPEN["day"]()
    fits = panel.explorer.given["fits"]
    panel.explorer.given["fits"] = {"MAML": "no function"}
    panel.inputs["readings"].value = 2
    assert "This setting cannot be computed" in said(panel)
    panel.explorer.given["fits"] = fits
    panel.inputs["readings"].value = 1
    check(panel)


# Opening and closing


def test_a_panel_can_be_freed_and_a_cell_that_runs_again_frees_its_old_one(monkeypatch):
    monkeypatch.setattr(explorers, "_current_cell", lambda: "a cell")
    explorers.explore_tasks()
    opened, plots = len(ipywidgets.widgets.widget._instances), plt.get_fignums()
    first = weakref.ref(explorers.open_panels["explore_tasks", "a cell"])
    figure = weakref.ref(first().picture.canvas.figure)
    explorers.explore_tasks()
    gc.collect()
    assert figure() is None
    assert len(ipywidgets.widgets.widget._instances) == opened
    assert plt.get_fignums() == plots == []


@every
def test_what_is_stored_in_a_notebook_is_one_stable_line(name, short):
    stored = OPEN[name]()._repr_mimebundle_()["text/plain"]
    assert re.fullmatch(r"Explorer of [^\n]*\. Run this cell in JupyterLab to move its controls\.", stored)


def test_numbers_are_said_in_few_digits():
    values = (0, 3e-31, 1.234e-7, 0.0123, 2.345, 1234.5, 123456)
    assert [explorers.in_digits(value) for value in values] == [
        "below 1e-12", "below 1e-12", "1.2e-7", "0.0123", "2.35", "1,234", "1.2e5",
    ]  # fmt: skip


def test_a_limit_is_a_round_number_above():
    assert [pictures.limit_above([value], room=1) for value in (0.1, 1.01, 3.7, 99)] == [1, 1.2, 4, 100]
