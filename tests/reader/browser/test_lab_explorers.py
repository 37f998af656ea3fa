"""Every explorer in a real JupyterLab: each control moved, each picture compared with what the plain function gives.

The latencies are printed, not asserted: they depend on what else the machine does. LAB_SHOTS=folder keeps screenshots.
"""

import base64
import html
import os
import statistics
import time
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from chromium import needs_chromium
from lab import DARK, SETTINGS, Lab, notebooks_with_explorer, run_notebook

from fourier_meta import explorers
from fourier_meta.explorers import controls as parts

KINDS = {kind.name: kind for kind in parts.Explorer.__subclasses__() if kind.name}
KINDS |= {kind.name: kind for base in parts.Explorer.__subclasses__() for kind in base.__subclasses__()}
NOTEBOOKS = notebooks_with_explorer()
MOVES = {"explore_showdown": 10}  # timed moves; in all others 50
# 200 moves without waiting, from seed 40; the last value is reached by the last move only.
RAPID_MOVES = (("ArrowLeft", 30), ("ArrowRight", 85), ("ArrowLeft", 85))
SECONDS = 30  # that a picture may take on a busy machine before the test gives up
VIEWPORT = {"width": 1500, "height": 1250}
SHOTS = os.environ.get("LAB_SHOTS")
# The control whose moves are timed: a larger or other task where nothing trains, another training where something does.
TIMED = {"explore_tasks": "n_points", "explore_overfitting": "n_points"}

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    lab = Lab(tmp_path_factory.mktemp("lab"), SETTINGS)
    try:
        lab.wait()
        yield lab
    finally:
        lab.close()


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda name: name.removesuffix(".ipynb"))
def opened(request, browser, lab):
    """A notebook that has run, and hands on its explorer."""
    context = browser.new_context(viewport=VIEWPORT, permissions=["clipboard-read", "clipboard-write"])
    driver = Driver(run_notebook(context, lab, request.param), KINDS[NOTEBOOKS[request.param]]())
    driver.notebook, driver.lab = request.param, lab
    yield driver
    context.close()
    lab.stop_kernels()


class Driver:
    """Hands on the controls of one explorer; `setting` is what they must be at."""

    def __init__(self, page, explorer):
        self.page, self.explorer, self.setting = page, explorer, explorer.defaults()
        self.controls = {control.name: control for control in explorer.controls}
        self.panel = page.locator(".fm-explorer")

    def handle(self, name):
        return self.panel.get_by_role("slider", name=self.controls[name].label, exact=True)

    def press(self, name, key):
        """Press an arrow key on a slider."""
        values = self.controls[name].values
        step = 1 if key == "ArrowRight" else -1
        self.page.keyboard.press(key)
        place = min(max(values.index(self.setting[name]) + step, 0), len(values) - 1)
        self.setting = self.setting | {name: values[place]}

    def move(self, name):
        """Move a control to a neighbouring value, as its kind is moved."""
        control = self.controls[name]
        if control.kind == "slider":
            self.handle(name).focus()
            self.press(name, "ArrowLeft" if self.setting[name] == control.values[-1] else "ArrowRight")
        elif control.kind == "menu":
            value = next(value for value in control.values if value != self.setting[name])
            self.panel.get_by_label(control.label, exact=True).select_option(str(value))
            self.setting = self.setting | {name: value}
        else:
            place = next(n for n, value in enumerate(control.values) if value not in self.setting[name])
            self.panel.locator(".fm-switch").nth(place).focus()
            self.page.keyboard.press("Space")
            chosen = {*self.setting[name], control.values[place]}
            self.setting = self.setting | {name: tuple(value for value in control.values if value in chosen)}

    def reset(self):
        self.panel.get_by_role("button", name="Reset").click()
        self.setting = self.explorer.defaults()

    def png(self):
        """The bytes of the picture that is on the screen."""
        return base64.b64decode(self.page.evaluate(PICTURE))

    def status(self):
        return self.panel.get_by_role("status").inner_text()

    def code(self):
        return html.unescape(self.panel.locator(".fm-code code").text_content())

    def settles(self):
        """Wait for exactly the picture, sentence and code of the plain function; return that view."""
        view = self.explorer.view(self.setting)
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            if self.png() == view.png and self.status() == view.status and self.code() == view.code:
                return view
            time.sleep(0.03)
        assert self.status() == view.status
        assert self.code() == view.code
        pytest.fail(f"another picture than that of {self.setting}")

    def shoot(self, name):
        if SHOTS:
            Path(SHOTS).mkdir(parents=True, exist_ok=True)
            self.panel.screenshot(path=f"{SHOTS}/{name}.png")


PICTURE = """async () => {
  const image = document.querySelector('.fm-explorer .widget-image');
  const bytes = new Uint8Array(await (await fetch(image.src)).arrayBuffer());
  let text = '';
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}"""
# Notes when keys go down, pictures arrive, and the sentence or the code changes.
CLOCK = """() => {
  if (window.clock) return;
  const clock = window.clock = {keys: [], pictures: [], ends: [], codes: []};
  const root = document.querySelector('.fm-explorer');
  document.addEventListener('keydown', () => clock.keys.push(performance.now()), true);
  root.querySelector('.widget-image').addEventListener('load', () => clock.pictures.push(performance.now()));
  let trained = true;
  new MutationObserver(() => {
    const now = performance.now(), said = root.querySelector('.fm-status').textContent;
    if (/step \\d+ of|^Computing/.test(said.trim())) trained = false;
    else if (!trained) { trained = true; clock.ends.push(now); }
    clock.codes.push([now, root.querySelector('.fm-code code')?.textContent]);
  }).observe(root, {subtree: true, childList: true, characterData: true});
}"""


def test_the_notebooks_of_all_explorers_were_found():
    assert set(NOTEBOOKS.values()) <= set(explorers.__all__) == set(KINDS)
    assert {"explore_tasks", "explore_overfitting", "explore_maml", "explore_reptile"} <= set(NOTEBOOKS.values())


def test_it_runs_to_the_end_without_an_error(opened):
    assert opened.page.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0
    assert opened.page.locator(".fm-explorer").count() == 1
    opened.settles()
    opened.shoot(opened.notebook)


def test_every_control_moves_the_picture_as_the_plain_function_says(opened):
    for name in opened.controls:
        before = opened.png()
        opened.move(name)
        view = opened.settles()
        _, idle = opened.explorer.settle(opened.setting)
        assert (view.png != before) != (name in idle), name
    opened.reset()
    opened.settles()
    assert opened.page.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0
    assert opened.page.complaints == []


def test_the_keyboard_reaches_every_control_and_each_has_a_name(opened):
    opened.panel.locator(".fm-switch, [role=slider]").first.focus()
    reached = []
    for _ in range(60):
        reached.append(opened.page.evaluate(FOCUSED))
        opened.page.keyboard.press("Tab")
    labels = [control.label for control in opened.controls.values() if control.kind != "switches"]
    switches = [text for control in opened.controls.values() for text in control.texts]
    assert {*labels, *switches, "Reset", "Copy as code"} <= set(reached)
    findings = Axe().run(opened.page, context=".fm-explorer")
    assert findings.violations_count == 0, findings.generate_report()


FOCUSED = """() => {
  const node = document.activeElement;
  return node.getAttribute('aria-label') || node.labels?.[0]?.textContent || node.textContent.trim();
}"""


def test_copy_as_code_shows_and_copies(opened):
    expected = opened.settles().code
    opened.panel.locator("summary").click()
    assert opened.panel.locator(".fm-code code").is_visible()
    opened.page.wait_for_function("document.querySelector('.fm-copy summary').textContent === 'Copied'")
    assert opened.page.evaluate("navigator.clipboard.readText()") == expected
    opened.shoot(f"{opened.notebook}-code")
    opened.panel.locator("summary").click()
    assert not opened.panel.locator(".fm-code code").is_visible()


def test_stop_stops(opened):
    stop = opened.panel.get_by_role("button", name="Stop")
    if not opened.explorer.trains:
        assert not stop.is_visible()
        return
    if "steps" in opened.controls:
        opened.handle("steps").focus()
        for _ in range(2):
            opened.press("steps", "ArrowRight")
        opened.page.wait_for_function("/steps=1000/.test(document.querySelector('.fm-code').textContent)")
        stopped, code = "stopped at step", "callback=lambda step, loss, weights: step == "
    else:
        opened.panel.get_by_role("button", name="lasso").click()
        stopped, code = "Stopped; what was complete is shown", "few_shot_curves(family, ('min-norm', 'OMP'"
    stop.click()
    opened.page.wait_for_function(f"/{stopped}/.test(document.querySelector('.fm-status').textContent)")
    assert code in opened.code()
    assert "lasso" not in opened.code()
    opened.reset()
    opened.settles()


def test_latency(opened, capsys):
    """Key press to picture, over 50 moves at default sizes; where something trains, also to the finished picture."""
    opened.reset()
    opened.settles()
    name = TIMED.get(opened.explorer.name, "seed")
    opened.page.evaluate(CLOCK)
    opened.handle(name).focus()
    first, last, moves = [], [], MOVES.get(opened.explorer.name, 50)
    for move in range(moves):
        key = "ArrowLeft" if name == "n_points" and move % 2 else "ArrowRight"
        opened.page.evaluate("Object.values(clock).forEach((list) => list.length = 0)")
        opened.press(name, key)
        done = "clock.pictures.length" if not opened.explorer.trains else "clock.ends.length"
        opened.page.wait_for_function(f"{done} > 0", polling=10, timeout=SECONDS * 1000)
        opened.page.wait_for_timeout(60)  # the last picture may be decoded after the last sentence is set
        clock = opened.page.evaluate("clock")
        first.append(clock["pictures"][0] - clock["keys"][0])
        last.append(max(clock["pictures"][-1], *clock["ends"], 0) - clock["keys"][0])
    said = f"first picture {statistics.median(first):.0f} ms (slowest {max(first):.0f})"
    if opened.explorer.trains:
        said += f", finished {statistics.median(last):.0f} ms (slowest {max(last):.0f})"
    with capsys.disabled():
        print(f"\n{opened.notebook}: medians over {moves} moves of “{opened.controls[name].label}”: {said}")
    opened.settles()


def test_rapid_moves_leave_no_queue_and_no_memory(opened, capsys):
    """200 moves as fast as keys go: half a second later the picture belongs to the last of them."""
    opened.reset()
    opened.settles()
    opened.page.evaluate(CLOCK)
    opened.handle("seed").focus()
    rapidly(opened, "ArrowRight", 40)  # caches fill
    opened.settles()
    before, delays = opened.lab.kernel_memory(), []
    for _ in range(3):  # the machine may be busy with something else; a queue would be there every time
        started = time.monotonic()
        opened.page.evaluate("Object.values(clock).forEach((list) => list.length = 0)")
        for key, moves in RAPID_MOVES:
            rapidly(opened, key, moves)
        took = time.monotonic() - started
        view = opened.settles()
        clock = opened.page.evaluate("clock")
        arrived = min(when for when, code in clock["codes"] if code == view.code and when > clock["keys"][-2])
        delays.append(max(0.0, arrived - clock["keys"][-1]) / 1000)
        grown = (opened.lab.kernel_memory() - before) / 2**20
        if delays[-1] < 0.5:
            break
    with capsys.disabled():
        print(
            f"\n{opened.notebook}: 200 moves in {took:.1f} s, the last one’s picture after "
            f"{delays[-1] * 1000:.0f} ms, kernel memory {grown:+.1f} MB"
        )
    assert min(delays) < 0.5
    assert grown < 20
    opened.reset()
    opened.settles()


def rapidly(opened, key, moves):
    """Press a key many times without waiting."""
    for _ in range(moves):
        opened.press("seed", key)


def test_in_the_dark_theme_everything_can_be_read(browser, tmp_path):
    lab = Lab(tmp_path, SETTINGS | DARK)
    try:
        lab.wait()
        context = browser.new_context(viewport=VIEWPORT)
        for name, function in NOTEBOOKS.items():
            if function not in ("explore_tasks", "explore_overfitting") and not SHOTS:
                continue
            driver = Driver(run_notebook(context, lab, name), KINDS[function]())
            driver.settles()
            driver.shoot(f"{name}-dark")
            assert driver.page.evaluate("document.body.dataset.jpThemeLight") == "false"
            findings = Axe().run(driver.page, context=".fm-explorer")
            assert findings.violations_count == 0, findings.generate_report()
            driver.page.close()
        context.close()
    finally:
        lab.close()
