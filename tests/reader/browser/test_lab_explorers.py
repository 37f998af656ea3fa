"""Every explorer in a real JupyterLab, each in a notebook of its own; pictures are those of a panel without a browser.

Latencies are printed, not asserted: they depend on what else the machine does. LAB_SHOTS=folder keeps screenshots.
"""

import base64
import html
import os
import re
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from chromium import needs_chromium
from lab import DARK, SETTINGS, SLOW, Lab, choose, open_notebook, run_all, store

from fourier_meta import explorers

DAY = """\
hours = np.arange(24)
days = {name: 2000 + 1500 * np.sin(hours / 4 + shift) for shift, name in enumerate(("Monday", "Tuesday"))}
def level(places, readings):
    return np.full(24, readings.mean())
def known(places, readings):
    return days["Monday"]
explore_day = explorers.explore_day
"""
CALLS = {
    "tasks": "explore_tasks()",
    "overfitting": "explore_overfitting()",
    "maml": "explore_maml()",
    "reptile": "explore_reptile()",
    "points": "explore_points()",
    "day": f'{DAY}explore_day(days, hours, {{"Reptile": level, "MAML": known}}, "vehicles an hour")',
}
SOURCE = "from fourier_meta import explorers\nfrom fourier_meta.explorers import *\n"
TIMED = {"tasks": "n_points", "overfitting": "n_points", "maml": "seed", "reptile": "seed", "points": "n_points",
         "day": "first"}  # fmt: skip
TRAINS = ("maml", "reptile")
SECONDS = 20  # that a picture may take on a busy machine before the test gives up
SHOTS = os.environ.get("LAB_SHOTS")
PICTURE = """async () => {
  const answer = await fetch(document.querySelector('.fm-explorer .widget-image').src);
  const bytes = new Uint8Array(await answer.arrayBuffer());
  let text = '';
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}"""
# Notes when keys go down and when pictures arrive.
CLOCK = """() => {
  window.clock = {keys: [], pictures: [], codes: []};
  const code = document.querySelector('.fm-code');
  const note = () => clock.codes.push([performance.now(), code.textContent.trim()]);
  new MutationObserver(note).observe(code, {subtree: true, childList: true, characterData: true});
  document.addEventListener('keydown', () => clock.keys.push(performance.now()), true);
  const picture = document.querySelector('.fm-explorer .widget-image');
  picture.addEventListener('load', () => clock.pictures.push(performance.now()));
}"""
LAYOUT = """() => {
  const wide = (node) => node.getBoundingClientRect().width;
  const notebook = document.querySelector('.jp-WindowedPanel-outer, .jp-Notebook').getBoundingClientRect();
  return {tracks: [...document.querySelectorAll('.fm-explorer .noUi-target')].map(wide), panel: notebook.height,
          explorer: document.querySelector('.fm-explorer').getBoundingClientRect().height,
          overflow: document.querySelector('.fm-explorer').scrollWidth - wide(document.querySelector('.fm-explorer'))};
}"""
FOCUSED = """() => {
  const node = document.activeElement;
  return node.getAttribute('aria-label') || node.labels?.[0]?.textContent || node.textContent.trim();
}"""
pytestmark = needs_chromium


def make_lab(folder, settings):
    lab = Lab(folder, settings)
    for name, call in CALLS.items():
        store(folder / "notebooks" / f"{name}.ipynb", SOURCE + call)
    lab.wait()
    return lab


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    lab = make_lab(tmp_path_factory.mktemp("lab"), SETTINGS)
    yield lab
    lab.close()


@pytest.fixture(scope="module", params=CALLS)
def opened(request, browser, lab):
    """One explorer in a notebook that has run."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 800}, permissions=["clipboard-read", "clipboard-write"]
    )
    driver = Driver(context, lab, request.param)
    yield driver
    context.close()
    driver.twin.close()
    lab.stop_kernels()


def twin_of(name):
    """The panel that the notebook of this name opens."""
    exec(SOURCE + CALLS[name], {})
    return explorers.open_panels.popitem()[1]


class Driver:
    """An explorer on the page, and its twin: a panel in this process that is moved alike."""

    def __init__(self, context, lab, name):
        self.name, self.lab, self.page = name, lab, open_notebook(context, lab, f"{name}.ipynb")
        run_all(self.page)
        self.page.wait_for_selector(".fm-explorer [role=slider][aria-label]", timeout=SLOW)
        with ThreadPoolExecutor() as thread:  # where no event loop runs, so that the twin answers at once
            self.twin = thread.submit(twin_of, name).result()
        self.panel = self.page.locator(".fm-explorer")

    def slider(self, control):
        return self.panel.get_by_role("slider", name=self.twin.inputs[control].description, exact=True)

    def readout(self, control):
        handle = self.page.locator(f"[aria-label='{self.twin.inputs[control].description}']")
        return self.panel.locator(".widget-hslider").filter(has=handle).locator(".widget-readout")

    def number(self, control):
        """What the readout says, as the control's kind of number."""
        return type(self.twin.inputs[control].value)(self.readout(control).inner_text().replace("−", "-"))

    def said(self):
        return self.panel.locator(".fm-said").inner_text().replace("\n", " ").strip()

    def code(self):
        return self.panel.locator(".fm-code code").text_content()

    def expected(self):
        plain = (html.unescape(re.sub("<[^>]*>", " ", part.value)) for part in (self.twin.said, self.twin.written))
        said, code = plain
        return " ".join(said.split()), code.strip()

    def settles(self):
        """Wait for exactly the picture, the sentence and the code of the twin.

        What to watch is taken away by a move, also by one that came back, which the twin has not made.
        """
        said, code = self.expected()
        watch = " ".join(html.unescape(re.sub("<[^>]*>", " ", self.twin.watch)).split())
        sentences = {said, said.removeprefix(watch).strip()}
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            picture = base64.b64decode(self.page.evaluate(PICTURE))
            same = picture == self.twin.image.value and self.code().strip() == code
            if same and " ".join(self.said().split()) in sentences:
                return
            time.sleep(0.05)
        assert " ".join(self.said().split()) in sentences
        assert self.code().strip() == code
        pytest.fail("another picture than the twin's")

    def try_out(self, title):
        self.panel.get_by_role("button", name=title, exact=True).click()
        self.twin.try_out(title)

    def reset(self):
        self.panel.get_by_role("button", name="Reset").click()
        self.twin.try_out(next(iter(self.twin.explorer.tries)))
        self.settles()

    def shoot(self, name):
        if SHOTS:
            Path(SHOTS).mkdir(parents=True, exist_ok=True)
            self.panel.locator(".fm-grid").scroll_into_view_if_needed()
            self.page.screenshot(path=f"{SHOTS}/{name}.png")


def test_it_opens_with_the_twins_picture_and_each_try_shows_what_to_watch(opened):
    opened.settles()
    assert opened.said().startswith("Watch:")
    for title in opened.twin.explorer.tries:
        opened.try_out(title)
        opened.settles()
    opened.reset()
    assert opened.page.complaints == []


@pytest.mark.parametrize("width", [1280, 1000])
def test_controls_picture_and_sentence_are_seen_together(opened, width):
    opened.page.set_viewport_size({"width": width, "height": 800})
    opened.page.wait_for_timeout(500)
    layout = opened.page.evaluate(LAYOUT)
    opened.shoot(f"{opened.name}-{width}")
    assert min(layout["tracks"]) >= 200
    assert layout["explorer"] <= layout["panel"]
    assert layout["overflow"] <= 1
    opened.page.set_viewport_size({"width": 1280, "height": 800})


def test_every_control_is_reached_by_keyboard_named_and_moves_the_picture(opened):
    for control, widget in opened.twin.inputs.items():
        if hasattr(widget, "options"):
            widget.index = 1
            opened.panel.get_by_label(widget.description, exact=True).select_option(index=1)
        else:
            key = "ArrowLeft" if widget.value == widget.max else "ArrowRight"
            opened.slider(control).focus()
            opened.page.keyboard.press(key)
            opened.page.wait_for_timeout(200)
            assert opened.number(control) != widget.value
            widget.value = opened.number(control)
        opened.settles()
    opened.reset()
    kept = "(nodes) => nodes.every((node) => node.dataset.lmSuppressShortcuts)"  # what Notebook 7 looks at
    assert opened.panel.locator("select, button, summary, [role=slider]").evaluate_all(kept)
    opened.panel.locator("select, [role=slider]").first.focus()
    reached = set()
    for _ in range(60):
        reached.add(opened.page.evaluate(FOCUSED))
        opened.page.keyboard.press("Tab")
    assert {widget.description for widget in opened.twin.inputs.values()} | {"Reset", "Copy as code"} <= reached
    findings = Axe().run(opened.page, context=".fm-explorer")
    assert findings.violations_count == 0, findings.generate_report()


def test_a_number_can_be_typed(opened):
    control = TIMED[opened.name]
    opened.readout(control).click()
    opened.page.keyboard.press("Control+A")
    opened.page.keyboard.type("5")
    opened.page.keyboard.press("Enter")
    opened.twin.inputs[control].value = 5
    opened.settles()
    opened.reset()


def test_copy_as_code_shows_and_copies(opened):
    opened.panel.locator("summary").click()
    opened.page.wait_for_function("document.querySelector('.fm-explorer summary').textContent === 'Copied'")
    assert opened.page.evaluate("navigator.clipboard.readText()").strip() == opened.expected()[1]
    assert opened.panel.locator(".fm-code").is_visible()
    opened.panel.locator("summary").click()
    assert not opened.panel.locator(".fm-code").is_visible()


def test_stop_stops(opened):
    stop = opened.panel.get_by_role("button", name="Stop")
    if opened.name not in TRAINS:
        assert not stop.is_visible()
        return
    opened.panel.get_by_role("button", name="Reset").click()
    opened.page.wait_for_function("/step \\d+ of 300/.test(document.querySelector('.fm-said').innerText)", polling=10)
    stop.click()
    opened.page.wait_for_function("/stopped at step/.test(document.querySelector('.fm-said').innerText)")
    assert re.search(r"run.step == \d+:  # stopped at step", opened.code())
    opened.reset()


def test_latency_and_rapid_moves(opened, capsys):
    """Key press to first picture over 50 moves; 200 moves as fast as keys go leave no queue and no memory."""
    control = TIMED[opened.name]
    opened.page.evaluate(CLOCK)
    opened.slider(control).focus()
    first = []
    for move in range(50):
        opened.page.evaluate("Object.values(clock).forEach((list) => list.length = 0)")
        opened.page.keyboard.press("ArrowRight" if move % 2 == 0 else "ArrowLeft")
        opened.page.wait_for_function("clock.pictures.length > 0", polling=10, timeout=SECONDS * 1000)
        clock = opened.page.evaluate("clock")
        first.append(clock["pictures"][0] - clock["keys"][0])
        if opened.name in TRAINS and move % 10 == 9:
            opened.page.wait_for_function("/finished/.test(document.querySelector('.fm-said').innerText)", timeout=SLOW)
    before, waits = opened.lab.kernel_memory(), []
    for _ in range(3):  # the machine may be busy with something else; a queue would be there every time
        opened.page.evaluate("Object.values(clock).forEach((list) => list.length = 0)")
        for key, moves in (("ArrowLeft", 30), ("ArrowRight", 85), ("ArrowLeft", 85)):
            for _ in range(moves):
                opened.page.keyboard.press(key)
        opened.twin.inputs[control].value = opened.number(control)
        opened.settles()
        clock = opened.page.evaluate("clock")
        shown = opened.expected()[1].split("    if run.step")[0]  # of a training the first picture counts
        arrived = [when for when, code in clock["codes"] if when > clock["keys"][-1] and code.startswith(shown)]
        waits.append(max(0, min(arrived, default=0) - clock["keys"][-1]))
    grown = (opened.lab.kernel_memory() - before) / 2**20
    with capsys.disabled():
        print(
            f"\n{opened.name}: first picture {statistics.median(first):.0f} ms (of 50, at most {max(first):.0f}), "
            f"the last of 200 moves after {min(waits):.0f} ms; kernel memory {grown:+.1f} MB; "
            f"load {os.getloadavg()[0]:.1f}"
        )
    assert min(waits) < 500 or os.getloadavg()[0] > os.cpu_count()  # others keep the machine busy
    assert grown < 20
    opened.reset()


def test_a_cell_that_runs_again_closes_its_panel_and_memory_stays(opened, capsys):
    if opened.name != "overfitting":
        pytest.skip("the same for all")
    sizes = []
    for _ in range(12):
        run_all(opened.page)
        opened.page.wait_for_timeout(700)
        sizes.append(opened.lab.kernel_memory() / 2**20)
    assert opened.page.locator(".fm-explorer").count() == 1
    with capsys.disabled():
        print(f"\n12 re-runs: kernel memory {sizes[3]:.0f} to {sizes[-1]:.0f} MB")
    assert sizes[-1] - sizes[3] < 10


def test_a_panel_whose_kernel_is_gone_says_so(opened):
    if opened.name != "tasks":
        pytest.skip("the same for all")
    choose(opened.page, "Kernel", "Restart Kernel…")
    opened.page.click(".jp-Dialog button:has-text('Restart')")
    opened.page.wait_for_selector(".fm-explorer.jupyter-widgets-disconnected", timeout=SLOW)
    before = opened.page.evaluate("getComputedStyle(document.querySelector('.fm-explorer'), '::before').content")
    assert "run its cell again" in before
    opened.shoot("gone")


def test_in_the_dark_theme_everything_can_be_read(browser, tmp_path):
    lab = make_lab(tmp_path, SETTINGS | DARK)
    try:
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        for name in CALLS if SHOTS else ("overfitting",):
            driver = Driver(context, lab, name)
            driver.settles()
            driver.shoot(f"{name}-dark")
            assert driver.page.evaluate("document.body.dataset.jpThemeLight") == "false"
            findings = Axe().run(driver.page, context=".fm-explorer")
            assert findings.violations_count == 0, findings.generate_report()
            driver.page.close()
    finally:
        lab.close()
