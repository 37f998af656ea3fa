"""The explorers without a browser: every setting gives a picture, a sentence and code that gives the same numbers."""

import asyncio
import builtins
import gc
import io
import subprocess
import sys
import threading
import time

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from fourier_meta import TaskFamily, explorers, min_norm, train_maml, train_reptile
from fourier_meta.explorers import overfitting, picture, showdown
from fourier_meta.explorers.controls import number
from fourier_meta.explorers.overfitting import OverfittingExplorer
from fourier_meta.explorers.panel import Panel
from fourier_meta.explorers.picture import encode_png, limit_above
from fourier_meta.explorers.showdown import ShowdownExplorer
from fourier_meta.explorers.tasks import TasksExplorer
from fourier_meta.explorers.training import MamlExplorer, ReptileExplorer, beside, largest_drift

EXPLORERS = (TasksExplorer, OverfittingExplorer, MamlExplorer, ReptileExplorer, ShowdownExplorer)
RANDOM_SETTINGS = 100  # for each of the five
# Short runs where many settings are tried: what a setting breaks, it breaks in the first steps.
SHORT_TRAINING = {method: options | {"steps": 5} for method, options in showdown.TRAINING.items()}


@pytest.fixture
def short_training(monkeypatch):
    monkeypatch.setattr(showdown, "TRAINING", SHORT_TRAINING)


def short(setting):
    few = {"steps": 5} if "steps" in setting else {"n_tasks": 2} if "methods" in setting else {}
    return setting | few


def extremes(explorer):
    """The default setting, and for every control its ends (of switches: none, all, each alone)."""
    yield explorer.defaults()
    for control in explorer.controls:
        if control.kind == "switches":
            ends = [(), control.values, *((value,) for value in control.values)]
        elif control.kind == "menu":
            ends = control.values
        else:
            ends = [control.values[0], control.values[-1]]
        for end in ends:
            yield explorer.defaults() | {control.name: end}


def random_settings(explorer, count):
    rng = np.random.default_rng(0)
    for _ in range(count):
        yield {control.name: random_value(control, rng) for control in explorer.controls}


def random_value(control, rng):
    if control.kind == "switches":
        return tuple(value for value in control.values if rng.random() < 0.3 and value != "lasso")
    return control.values[rng.integers(len(control.values))]


@pytest.fixture
def small_picture(monkeypatch):
    """One picture for many views, with few pixels: four times faster than `Explorer.view`."""
    monkeypatch.setattr(picture, "DOTS_PER_INCH", 60)

    def view(explorer, drawing, setting):
        setting, notes = explorer.settle(short(setting))
        return explorer.show(drawing, setting, notes, explorer.compute(setting))

    return view


def check_view(view, where):
    """A picture of the right size that is not blank, and a sentence without a failure in it."""
    pixels = np.asarray(Image.open(io.BytesIO(view.png)).convert("L"), dtype=float)
    # Each quarter of the picture has ink in it.
    for half in np.array_split(pixels, 2, axis=0):
        for quarter in np.array_split(half, 2, axis=1):
            assert quarter.std() > 5, where
    assert view.status.endswith("."), where
    for wrong in ("nan", "inf ", "None", "Traceback", "cannot be computed"):
        assert wrong not in view.status, (where, view.status)
    compile(view.code, "code", "exec")


@pytest.mark.parametrize("kind", EXPLORERS, ids=lambda kind: kind.name)
def test_every_extreme_gives_a_picture_and_a_sentence(kind, short_training, small_picture):
    explorer, drawing = kind(), kind.picture()
    for setting in extremes(explorer):
        check_view(small_picture(explorer, drawing, setting), setting)


@pytest.mark.parametrize("kind", EXPLORERS, ids=lambda kind: kind.name)
def test_random_settings_give_a_picture_and_a_sentence(kind, short_training, small_picture):
    explorer, drawing = kind(), kind.picture()
    for setting in random_settings(explorer, RANDOM_SETTINGS):
        check_view(small_picture(explorer, drawing, setting), setting)


@pytest.mark.parametrize("kind", EXPLORERS, ids=lambda kind: kind.name)
def test_the_panel_shows_what_the_plain_function_gives(kind, short_training):
    """One panel is moved through many settings; it must not remember any of them."""
    panel, explorer = Panel(kind()), kind()
    shorten(panel.explorer)
    for setting in [*random_settings(explorer, 12), explorer.defaults()]:
        panel.set_all(setting)
        assert panel.setting() == setting
        view = explorer.view(short(setting))
        assert panel.image.value == view.png, setting
        assert view.status.replace("&", "&amp;") in panel.status.value.replace("&#x27;", "'"), setting
    panel.close()


def shorten(explorer):
    """Let an explorer train for a few steps only, whatever its control says."""
    compute = type(explorer).compute
    explorer.compute = lambda setting, report=None: compute(explorer, short(setting), report)
    show = type(explorer).show
    explorer.show = lambda picture, setting, *rest: show(explorer, picture, short(setting), *rest)


@pytest.mark.parametrize("kind", EXPLORERS, ids=lambda kind: kind.name)
def test_one_move_of_each_control_changes_the_picture_or_the_notes_say_why_not(kind, short_training):
    explorer = kind()
    default = explorer.view(short(explorer.defaults()))
    _, idle = explorer.settle(explorer.defaults())
    for control in explorer.controls:
        if control.name == "steps" or (control.name == "n_tasks" and kind is ShowdownExplorer):
            continue  # `short` sets these
        other = ("zero",) if control.name == "methods" else (3,) if control.name == "support" else control.values[1]
        other = control.values[2] if other == control.default else other
        changed = explorer.view(short(explorer.defaults() | {control.name: other})).png != default.png
        assert changed != (control.name in idle), control.name


def test_every_control_is_labelled_and_starts_at_one_of_its_values():
    for kind in EXPLORERS:
        names = [control.name for control in kind().controls]
        assert len(names) == len(set(names))
        for control in kind().controls:
            assert control.label
            assert control.help
            assert len(control.values) == len(set(control.values)) > 1
            chosen = control.default if control.kind == "switches" else (control.default,)
            assert set(chosen) <= set(control.values)


# --- the code reproduces the view ------------------------------------------------------------------------------------


def run(code):
    names = {}
    exec(code, names)  # what a reader would do with it
    return names


CODE_SETTINGS = [{}, {"seed": 7, "design": "grid", "noise": 0.1}, {"seed": 3, "design": "jittered"}]


@pytest.mark.parametrize("other", [*CODE_SETTINGS, {"coefficients": "by hand", "third": 1.7, "support": (0, 5)}])
def test_code_of_tasks(other):
    explorer = TasksExplorer()
    setting = {key: value for key, value in other.items() if key in explorer.defaults()}
    view = explorer.view(explorer.defaults() | setting)
    for part, expected in zip(run(view.code)["tasks"], view.numbers, strict=True):
        np.testing.assert_array_equal(part, expected)


@pytest.mark.parametrize(
    "other", [*CODE_SETTINGS, {"mass": 0.5, "n_favoured": 9}, {"mass": 0.9, "n_features": 9, "n_favoured": 60}]
)
def test_code_of_overfitting(other):
    explorer = OverfittingExplorer()
    view = explorer.view(explorer.defaults() | other)
    names = run(view.code)
    np.testing.assert_array_equal(names["estimate"], view.numbers.estimate)
    assert names["test_error"] == view.numbers.test_error
    assert f"test error {number(names['test_error'])}"


@pytest.mark.parametrize("kind", [MamlExplorer, ReptileExplorer], ids=lambda kind: kind.name)
@pytest.mark.parametrize(
    "other",
    [
        *CODE_SETTINGS,
        {"start": "own scale", "scale": 0.2},
        {"start": "uniform", "support": (1, 129)},
        {"inner_rate": 0.5},
    ],
)
def test_code_of_training(kind, other):
    explorer = kind()
    view = explorer.view(explorer.defaults() | {"steps": 50} | other)
    check_same_training(run(view.code), view.numbers)
    if other.get("inner_rate") == 0.5:
        assert "diverged at step" in view.status
        assert "inner rate 0.5, stable below" in view.status


def check_same_training(names, numbers):
    same_run(names["run"], numbers.run)
    np.testing.assert_array_equal(names["task"].labels, numbers.unseen.task.labels)
    method = "Reptile" if hasattr(numbers, "maml") else "MAML"
    np.testing.assert_array_equal(names["estimate"], numbers.unseen.estimates[method])
    assert names["unseen_risk"] == numbers.unseen.risks[method]
    if getattr(numbers, "maml", None):
        same_run(names["maml"], numbers.maml)
        if numbers.adapted:
            np.testing.assert_array_equal(names["adapted"][0], numbers.adapted[0])
            np.testing.assert_array_equal(names["coefficients"][0], numbers.adapted[1])


def same_run(one, other):
    np.testing.assert_array_equal(one.weights, other.weights)
    np.testing.assert_array_equal(one.history["loss"], other.history["loss"])
    assert one.status == other.status


@pytest.mark.parametrize(
    "other", [{}, {"methods": ("zero", "Reptile", "MAML", "small start"), "noise": 0.2, "seed": 4}]
)
def test_code_of_showdown(other, short_training):
    explorer = ShowdownExplorer()
    view = explorer.view(explorer.defaults() | {"n_tasks": 5} | other)
    curves = run(view.code)["curves"]
    assert curves.keys() == view.numbers.risks.keys()
    for method, risks in curves.items():
        np.testing.assert_array_equal(risks, view.numbers.risks[method])


# --- training in an event loop, as in a kernel -----------------------------------------------------------------------


def in_a_loop(scenario, kind=MamlExplorer):
    """Run scenario(panel, shown) in an event loop; `shown` collects what the panel shows. Returns the last of it."""

    async def main():
        panel, shown = Panel(kind()), []
        show = panel.show
        panel.show = lambda setting, notes, numbers: (show(setting, notes, numbers), shown.append((setting, numbers)))
        await scenario(panel, shown)
        view = panel.code.value, panel.status.value
        panel.close()
        return *view, shown

    return asyncio.run(main())


async def until(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.005)


def test_the_picture_moves_while_it_trains():
    async def scenario(panel, shown):
        pictures = set()
        panel.image.observe(lambda change: pictures.add(change["new"]), "value")
        panel.inputs["steps"].value = 1000
        await until(lambda: not panel.stop.disabled)
        await until(lambda: not panel.busy)
        assert panel.stop.disabled
        assert len(pictures) >= 3

    _, status, shown = in_a_loop(scenario)
    steps = [len(numbers.run.history["loss"]) for _, numbers in shown]
    assert steps == sorted(set(steps))
    assert steps[-1] == 1000
    assert steps[0] < 500
    assert "finished after 1000 steps" in status


@pytest.mark.parametrize("kind", [MamlExplorer, ReptileExplorer], ids=lambda kind: kind.name)
def test_stop_stops_and_the_code_stops_there_too(kind):
    async def scenario(panel, shown):
        panel.inputs["steps"].value = 1000
        await until(lambda: shown)
        panel.stop.click()
        await until(lambda: not panel.busy)

    code, status, shown = in_a_loop(scenario, kind)
    numbers = shown[-1][1]
    assert f"stopped at step {len(numbers.run.history['loss'])}" in status
    assert len(numbers.run.history["loss"]) < 1000
    check_same_training(run(html_code(code)), numbers)


def html_code(value):
    import html

    return html.unescape(value.split("<code>")[1].split("</code>")[0])


def test_a_new_setting_cancels_the_old_run():
    async def scenario(panel, shown):
        threads = threading.active_count()
        panel.inputs["steps"].value = 1000
        await until(lambda: shown)
        for seed in range(1, 40):
            panel.inputs["seed"].value = seed
            await asyncio.sleep(0.003)
        await until(lambda: panel.job and panel.job.setting["seed"] == 39)
        shown.clear()
        await until(lambda: not panel.busy)
        assert {setting["seed"] for setting, _ in shown} == {39}
        await until(lambda: threading.active_count() <= threads)

    *_, shown = in_a_loop(scenario)
    expected = MamlExplorer().view(MamlExplorer().defaults() | {"steps": 1000, "seed": 39})
    same_run(shown[-1][1].run, expected.numbers.run)


def test_moves_from_another_thread_are_answered_by_the_loop():
    """JupyterLab sends moves to a subshell: their handlers run in its thread, beside the event loop."""

    async def scenario(panel, shown):
        threads = set()
        panel.image.observe(lambda change: threads.add(threading.current_thread()), "value")

        def drag():
            for seed in range(1, 30):
                panel.inputs["seed"].value = seed
                time.sleep(0.002)

        subshell = threading.Thread(target=drag)
        subshell.start()
        await until(lambda: not (subshell.is_alive() or panel.busy))
        assert threads == {threading.main_thread()}
        assert len(shown) < 29

    *_, shown = in_a_loop(scenario, OverfittingExplorer)
    assert shown[-1][0]["seed"] == 29


def test_what_is_shown_of_a_run_changes_without_training_again(monkeypatch):
    explorer = MamlExplorer()
    first = explorer.compute(explorer.defaults() | {"scale": None})
    monkeypatch.setattr("fourier_meta.explorers.training.train_maml", fail_if_called)
    monkeypatch.setattr(fail_if_called, "__name__", "train_maml")
    second = explorer.compute(explorer.defaults() | {"scale": None, "n_few": 8, "unseen": 5})
    assert second.run is first.run
    assert len(second.unseen.task.x[0]) == 8


def fail_if_called(*arguments, **options):
    raise AssertionError("trained again")


def test_an_error_becomes_a_sentence_and_the_panel_lives_on(monkeypatch):
    async def scenario(panel, shown):
        compute = panel.explorer.compute
        panel.explorer.compute = fail_if_called
        panel.inputs["seed"].value = 1
        await until(lambda: not panel.busy)
        assert "This setting cannot be computed: trained again" in panel.status.value
        panel.explorer.compute = compute
        panel.inputs["seed"].value = 2
        await until(lambda: not panel.busy)

    _, status, _ = in_a_loop(scenario)
    assert "finished after 300 steps" in status
    panel = Panel(TasksExplorer())
    panel.explorer.compute = fail_if_called
    panel.inputs["seed"].value = 1
    assert "This setting cannot be computed: trained again" in panel.status.value
    panel.close()


def test_a_finished_showdown_method_is_kept_when_others_change(short_training):
    explorer = ShowdownExplorer()
    setting = explorer.defaults() | {"methods": ("MAML",)}
    first = explorer.compute(setting)
    second = explorer.compute(setting | {"methods": ("oracle", "MAML")})
    assert second.risks["MAML"] is first.risks["MAML"]
    assert list(second.risks) == ["oracle", "MAML"]


def test_a_stopped_showdown_shows_what_is_complete(short_training):
    asked = []

    def report(make_numbers):
        asked.append(make_numbers())
        return "MAML" in asked[-1].state

    curves = ShowdownExplorer().compute(ShowdownExplorer().defaults() | {"methods": ("min-norm", "MAML")}, report)
    assert curves.state == "stopped"
    assert list(curves.risks) == ["min-norm"]
    assert "Stopped" in ShowdownExplorer().status(ShowdownExplorer().defaults(), curves)


# --- panels and what they leave behind -------------------------------------------------------------------------------


def test_reset_goes_back_to_where_it_started():
    panel = Panel(OverfittingExplorer())
    first = panel.image.value
    panel.set_all({"n_points": 9, "seed": 3, "mass": 0.5})
    assert panel.image.value != first
    panel.reset.click()
    assert panel.image.value == first
    assert panel.setting() == OverfittingExplorer().defaults()
    panel.close()


def test_an_idle_control_is_dimmed_and_says_why():
    panel = Panel(TasksExplorer())
    assert "fm-idle" in panel.inputs["first"].widget._dom_classes
    assert "by hand" in panel.status.value
    panel.inputs["coefficients"].value = "by hand"
    assert "fm-idle" not in panel.inputs["first"].widget._dom_classes
    panel.inputs["n_features"].value = 65
    panel.inputs["support"].value = (1, 129)
    assert "sin 65πx left out: of 65 features the fastest is cos 32πx." in panel.status.value
    panel.inputs["support"].value = ()
    assert "the constant stands in until you pick one" in panel.status.value
    panel.close()


def test_nothing_accumulates():
    """Moving a panel makes no figures and no widgets; opening and closing one leaves neither behind."""

    def widgets():
        return len(ipywidgets.widgets.widget._instances)

    before, figures = widgets(), plt.get_fignums()
    panel = Panel(OverfittingExplorer())
    opened = widgets()
    for n_points in range(20, 60):
        panel.inputs["n_points"].value = n_points
    assert widgets() == opened > before
    assert len(panel.drawing.figure.axes) == 3
    panel.close()
    del panel
    gc.collect()
    assert widgets() == before
    assert plt.get_fignums() == figures


def test_running_a_cell_again_closes_its_old_panel(monkeypatch):
    monkeypatch.setattr(explorers, "current_cell", lambda: "a cell")
    first = explorers.explore_tasks()
    second = explorers.explore_tasks()
    assert first.comm is None
    assert second.comm is not None
    explorers.open_panels.pop(("explore_tasks", "a cell")).close()


@pytest.mark.parametrize("name", explorers.__all__)
def test_what_is_stored_in_the_notebook_is_one_stable_line(name, short_training):
    panel = getattr(explorers, name)()
    bundle = panel._repr_mimebundle_()
    assert bundle["text/plain"].startswith("Explorer of")
    assert bundle["text/plain"].endswith(".")
    assert "0x" not in bundle["text/plain"]
    panel.close()
    explorers.open_panels.clear()


def test_without_ipywidgets_one_sentence_says_so(monkeypatch, capsys):
    real = builtins.__import__

    def no_widgets(name, *rest):
        if name.startswith("ipywidgets"):
            raise ImportError("No module named 'ipywidgets'")
        return real(name, *rest)

    monkeypatch.delitem(sys.modules, "fourier_meta.explorers.panel")
    monkeypatch.setattr(builtins, "__import__", no_widgets)
    assert explorers.explore_maml() is None
    said = capsys.readouterr().out
    assert "explore_maml() needs ipywidgets" in said
    assert "pip install" in said
    assert "The figure before this cell makes the same point." in said


def test_importing_the_explorers_loads_neither_widgets_nor_scikit_learn():
    code = (
        "import sys, fourier_meta.explorers; print([m for m in ('ipywidgets', 'sklearn', 'torch') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


# --- pieces ----------------------------------------------------------------------------------------------------------


def test_png_holds_the_pixels():
    pixels = np.random.default_rng(0).integers(0, 256, (7, 5, 4), dtype=np.uint8)
    decoded = np.asarray(Image.open(io.BytesIO(encode_png(pixels))))
    np.testing.assert_array_equal(decoded, pixels[..., :3])


def test_a_limit_is_the_first_round_number_above():
    assert [limit_above(value) for value in (0.1, 1, 1.01, 3.7, 99, 101)] == [1, 1, 1.2, 4, 100, 120]
    assert limit_above(0.03, least=0.01) == pytest.approx(0.03)


def test_numbers_are_said_in_few_digits():
    assert [number(value) for value in (0, 3e-31, 1.234e-7, 0.0123, 2.345, 123456)] == [
        "below 1e-20", "below 1e-20", "1.2e-7", "0.0123", "2.35", "1.2e5",
    ]  # fmt: skip


def test_words_keep_their_distance():
    rng = np.random.default_rng(0)
    for least, most, low, high in np.sort(rng.random((200, 4)), axis=1):
        true, others = beside(low, high, least, most)
        assert abs(true - others) > 0.11
        assert 0 < min(true, others) < max(true, others) < 1
    # A usual end of MAML: true weights high up, all others near 0. Each word stands next to its own, on nothing.
    true, others = beside(0.89, 0.92, 0.0, 0.02)
    assert true == pytest.approx(0.82, abs=0.02)
    assert others == pytest.approx(0.09, abs=0.02)
    # A usual end of Reptile: all others at 1, true weights at 1.45, on an axis up to 4.
    true, others = beside(0.36, 0.37, 0.255, 0.26)
    assert true == pytest.approx(0.44, abs=0.02)
    assert others == pytest.approx(0.19, abs=0.02)


@pytest.mark.parametrize("design", ["grid", "random", "jittered"])
@pytest.mark.parametrize("n_points", [2, 33, 64, 130])
def test_survival_is_what_min_norm_leaves_of_a_feature_alone(design, n_points):
    task = TaskFamily(design=design).sample(1, n_points, np.random.default_rng(1))
    weights = overfitting.favouring_weights(257, 5, 0.3)
    alone = [min_norm(task.features[0], task.features[0][:, j], weights)[j] for j in overfitting.SUPPORT]
    np.testing.assert_allclose(overfitting.exact_survival(task.features[0], weights), alone, atol=1e-8)
    if design == "grid":
        np.testing.assert_allclose(overfitting.grid_survival(257, 5, 0.3)[n_points - 1], alone, atol=1e-8)


def test_survival_has_its_resonance_where_the_grid_folds_the_fastest_features_onto_the_true_ones():
    by_n = overfitting.grid_survival(129, 3, overfitting.EQUAL)
    np.testing.assert_allclose(by_n[[63, 64, 65]], [[1 / 3, 1 / 2, 1 / 2], [1, 1 / 2, 1 / 2], [1, 1, 1]])


def test_the_sentence_of_overfitting_names_exact_and_formula():
    view = OverfittingExplorer().view(OverfittingExplorer().defaults())
    assert "by the alias formula: 1 20% (20%), sin πx 25% (25%), cos πx 25% (25%)" in view.status


def test_drift_is_relative_and_ignores_features_at_zero():
    assert largest_drift(
        np.array([1.0, 2.0, 0.0]), np.array([1.0, 2.2, 5.0]), np.array([0.0, 0.2, 0.0])
    ) == pytest.approx(0.2)


def test_maml_and_reptile_of_one_seed_train_on_the_same_tasks(monkeypatch):
    seen = {"maml": [], "reptile": []}

    def gradient(weights, train, validation, *rest):
        seen["maml"].append(train.labels.copy())
        return 1.0, np.zeros_like(weights)

    import fourier_meta.reptile as reptile

    joint_descent = reptile.joint_descent

    def watched(features, labels, *rest):
        seen["reptile"].append(labels.copy())
        return joint_descent(features, labels, *rest)

    monkeypatch.setattr(reptile, "joint_descent", watched)
    train_maml(TaskFamily(), "uniform", steps=3, n_tasks=4, n_points=16, seed=5, gradient=gradient)
    train_reptile(TaskFamily(), "uniform", steps=3, n_tasks=4, n_points=16, seed=5)
    np.testing.assert_array_equal(np.concatenate(seen["maml"]), np.concatenate(seen["reptile"]))
