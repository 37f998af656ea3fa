"""The published book in a real browser: quiet, self-contained, accessible, and alive.

Every test looks at the page's own state (`figure.explorer`) or at what the browser itself reports.
SITE_SHOTS=folder keeps a screenshot of every page, wide and narrow, light and dark.
"""

import functools
import json
import os
import re
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import built_site
import engine_cases
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from chromium import needs_chromium

from fourier_meta import fourier_features

PAGES = [path.name for path in built_site.build().pages]
LIVE = [name for name in PAGES if "data-explorer" in built_site.page(built_site.build().folder / name).source]
TRAINS = "laboratory.html"
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}

pytestmark = needs_chromium


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def origin():
    handler = functools.partial(QuietHandler, directory=str(built_site.build().folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


class Visit:
    """A page, with everything that its browser complained about or asked for."""

    def __init__(self, browser, **options):
        self.context = browser.new_context(**({"viewport": WIDE} | options))
        self.page = self.context.new_page()
        self.runs_scripts = options.get("java_script_enabled", True)
        self.complaints, self.requests = [], []
        self.page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("requestfailed", lambda request: self.complaints.append(f"failed: {request.url}"))
        self.page.on("request", lambda request: self.requests.append(request.url))

    def open(self, url):
        self.page.goto(url, wait_until="load")
        if self.runs_scripts and self.page.locator("figure[data-explorer]").count():
            # The figures' script waits until one of them is near; tests do not scroll to it.
            self.page.evaluate("window.dispatchEvent(new Event('wake'))")
            self.page.wait_for_function("() => document.querySelector('figure[data-explorer]').explorer")
        return self.page


@pytest.fixture
def visit(browser):
    visits = []

    def start(url=None, **options):
        visits.append(Visit(browser, **options))
        if url:
            visits[-1].open(url)
        return visits[-1]

    yield start
    for each in visits:
        each.context.close()


def explorer(page, expression, argument=None):
    """Evaluate an expression of `e`, the explorer of the page's large live figure, and of an argument `x`."""
    script = f"(x) => {{ const e = document.querySelector('figure#explorer').explorer; return ({expression}); }}"
    return page.evaluate(script, argument)


def wait_for(page, expression, seconds=180):  # only ends what hangs; the machine may be busy
    page.wait_for_function(
        f"() => {{ const e = document.querySelector('figure#explorer').explorer; return {expression}; }}",
        timeout=seconds * 1000,
    )


def still(page):
    """The laboratory before anything is trained: it plays once by itself as soon as it is seen."""
    wait_for(page, "e.playing || e.state.a.step > 0")
    explorer(page, "e.startAgain()")
    return page


def play_to_the_end(page):
    page.get_by_role("button", name="Play").click()
    wait_for(page, "!e.playing && e.done")


# Every page


@pytest.mark.parametrize("scheme", ["http", "file"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_quiet_and_asks_nobody_else(visit, origin, name, scheme):
    home = origin if scheme == "http" else built_site.build().folder.as_uri() + "/"
    visited = visit(home + name)
    visited.page.wait_for_timeout(200)
    assert visited.complaints == []
    foreign = [url for url in visited.requests if not url.startswith((home, "data:", "blob:"))]
    assert foreign == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(visit, origin, name, scheme):
    page = visit(origin + name, color_scheme=scheme).page
    for closed in page.locator("details:not([open]) > summary").all():
        if closed.is_visible():
            closed.click()
    # What was opened fades in; its contrast is judged once it stands.
    page.evaluate("Promise.all(document.getAnimations().map((animation) => animation.finished))")
    found = Axe().run(page).response["violations"]
    told = [f"{rule['id']}: {rule['help']}: {[node['html'][:150] for node in rule['nodes'][:3]]}" for rule in found]
    assert told == []


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("name", PAGES)
def test_nothing_sticks_out(visit, origin, name, viewport):
    page = visit(origin + name, viewport=viewport).page
    page.wait_for_timeout(300)
    width = page.evaluate("document.scrollingElement.scrollWidth")
    assert width <= viewport["width"]
    sticking_out = page.evaluate(
        """() => [...document.querySelectorAll('figure img, figure svg, .fm-app *')]
          .filter((node) => !node.closest('svg *') && node.getClientRects().length)
          .map((node) => [node, node.getBoundingClientRect()])
          .filter(([, box]) => box.right > innerWidth + 1 || box.left < -1)
          .map(([node]) => node.outerHTML.slice(0, 100))"""
    )
    assert sticking_out == []
    if folder := os.environ.get("SITE_SHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=Path(folder, f"{name}-{viewport['width']}-{scheme}.png"), full_page=True)


@pytest.mark.parametrize("name", LIVE)
def test_without_javascript_the_picture_and_its_caption_stay(visit, origin, name):
    page = visit(origin + name, java_script_enabled=False).page
    figure = page.locator("figure[data-explorer]").first
    assert figure.locator("figcaption").last.is_visible()
    picture = figure.locator("img:visible")
    assert picture.count() == 1
    assert picture.bounding_box()["height"] > 100
    assert picture.evaluate("(image) => image.complete && image.naturalWidth > 0")


def test_the_theme_button_turns_figures_over(visit, origin):
    page = visit(origin + "02_overfitting.html", color_scheme="light").page
    image = page.locator("figure.book-figure img").first
    plain = image.evaluate("(node) => getComputedStyle(node).filter")
    page.evaluate("document.body.dataset.theme = 'dark'")
    assert plain == "none"
    assert "invert" in image.evaluate("(node) => getComputedStyle(node).filter")


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_folds_open_at_once_for_who_asked_for_less_motion(visit, origin, motion):
    page = visit(origin + "02_overfitting.html", reduced_motion=motion).page
    moving = page.locator("details.hide > summary").first.evaluate(
        "(summary) => { summary.click(); return document.getAnimations().length; }"
    )
    assert (moving > 0) == (motion == "no-preference")


@pytest.mark.parametrize("scheme", ["http", "file"])
@pytest.mark.parametrize(("asked", "first"), [("Reptile", "4 · "), ("overfitting", "2 · "), ("prior", "6 · ")])
def test_search_finds_chapters_first_and_shows_sentences(visit, origin, scheme, asked, first):
    home = origin if scheme == "http" else built_site.build().folder.as_uri() + "/"
    visited = visit(f"{home}search.html?q={asked}")
    found = visited.page.locator(".book-found li > a")
    assert found.first.inner_text().startswith(first)
    sentences = visited.page.locator(".book-found li > p").all_inner_texts()
    assert sentences
    assert not [text for text in sentences if re.search(r"\bimport \w|\\\w", text)]
    assert visited.complaints == []


# The engine in the page


def test_the_engine_agrees_with_the_package_inside_the_page(visit, origin):
    page = visit(origin + TRAINS).page
    modules = engine_cases.NAMES.items()
    imports = "".join(f"const {{ {names} }} = await import('{origin}_static/{name}');" for name, names in modules)
    script = f"async (cases) => {{ {imports} {engine_cases.SCRIPT} return JSON.stringify(run(JSON.parse(cases))); }}"
    results = json.loads(page.evaluate(script, json.dumps(engine_cases.cases())))
    assert engine_cases.disagreements(results) == []


# Training


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_maml_recovers_the_support_and_reptile_shrinks_nothing(visit, origin, scheme):
    home = origin if scheme == "http" else built_site.build().folder.as_uri() + "/"
    visited = visit(home + TRAINS)
    page = still(visited.page)
    assert explorer(page, "e.state.a.config.method === 'maml' && e.state.a.weights.every((w) => w === 1)")
    play_to_the_end(page)
    maml, reptile = explorer(page, "e.measure('a')"), explorer(page, "e.measure('b')")
    assert maml["recovered"]
    assert maml["largestOther"] < 0.1 < 3 < maml["smallestTrue"]
    assert maml["risk"] < 1e-3
    assert reptile["recovered"]
    assert reptile["smallestRatio"] >= 1, "Reptile shrank a weight"
    assert reptile["risk"] > 1000 * maml["risk"]
    assert visited.complaints == []


METER = """() => {
  const e = document.querySelector('figure#explorer').explorer;
  const meter = window.meter = { frames: 0, longest: 0, step: null, milliseconds: null };
  const begin = performance.now();
  let before = null;
  const frame = (now) => {
    if (before) meter.longest = Math.max(meter.longest, now - before);
    meter.frames += 1;
    before = now;
    const { smallestTrue, largestOther } = e.measure('a');
    if (meter.step === null && largestOther < smallestTrue / 10) {
      Object.assign(meter, { step: e.state.a.step, milliseconds: now - begin });
    }
    if (e.playing) requestAnimationFrame(frame);
  };
  e.play();
  requestAnimationFrame(frame);
}"""


def test_it_takes_less_than_two_seconds_and_no_frame_is_long(visit, origin):
    """Recovered: every false weight is below a tenth of the smallest true one. Clocks are the page's own."""
    tries = []
    for _ in range(5):
        visited = visit(origin + TRAINS)
        page = still(visited.page)
        page.wait_for_timeout(500)
        page.evaluate(METER)
        wait_for(page, "!e.playing && e.done")
        tries.append(page.evaluate("meter"))
        print("\n{frames} frames, longest {longest:.1f} ms; recovered at step {step}".format(**tries[-1]))
        visited.context.close()
        # Two vertical blanks of 16.7 ms and their jitter lie below 50.5, three whole frames above.
        if tries[-1]["milliseconds"] <= 2000 and tries[-1]["longest"] <= 50.5:
            return
    load, cores = os.getloadavg()[0], os.cpu_count()
    if load > 1.5 * cores:
        pytest.skip(f"the machine is too busy to be timed (load {load:.1f} on {cores} cores): {tries}")
    pytest.fail(f"slow in all of {len(tries)} tries: {tries}")


def test_runs_are_the_same_in_a_worker_and_in_the_page(visit, origin):
    ends = []
    for without in ("", "delete window.Worker"):
        visited = visit()
        if without:
            visited.page.add_init_script(without)
        page = visited.open(f"{origin}{TRAINS}#explorer?d=33&n=16&steps=50&b=fomaml")
        play_to_the_end(page)
        assert visited.complaints == []
        ends.append(explorer(page, "[...e.state.a.weights, ...e.state.b.weights]"))
    assert ends[0] == ends[1]
    assert len(set(ends[0])) > 20


def test_both_sides_see_the_same_tasks(visit, origin):
    page = visit(f"{origin}{TRAINS}#explorer?b=maml&steps=50&d=65&n=16").page
    play_to_the_end(page)
    assert explorer(page, "[...e.state.a.weights].join() === [...e.state.b.weights].join()")
    assert explorer(page, "e.state.a.step") == 50


def test_pause_step_and_reset(visit, origin):
    page = still(visit(origin + TRAINS).page)
    page.get_by_role("button", name="Play").click()
    wait_for(page, "e.state.a.step > 5")
    page.get_by_role("button", name="Pause").click()
    wait_for(page, "!e.state.a.waiting && !e.state.b.waiting")
    paused = explorer(page, "e.state.a.step")
    page.wait_for_timeout(400)
    assert explorer(page, "e.state.a.step") == paused
    behind = explorer(page, "Math.min(e.state.a.step, e.state.b.step)")
    page.get_by_role("button", name="Step", exact=True).click()
    wait_for(page, f"e.state.a.step >= {behind + 1} && e.state.b.step >= {behind + 1}")
    page.get_by_role("button", name="Reset", exact=True).click()
    assert explorer(page, "e.state.a.step") == 0
    assert explorer(page, "e.state.a.weights.every((w) => w === 1)")


def test_a_new_setting_cancels_the_old_run(visit, origin):
    page = still(visit(origin + TRAINS).page)
    page.get_by_role("button", name="Play").click()
    wait_for(page, "e.state.a.step > 5")
    explorer(page, "e.change({ support: [7, 20], d: 65, steps: 100 })")
    assert explorer(page, "e.state.a.weights.length") == 65
    wait_for(page, "!e.playing && e.done")
    assert explorer(page, "e.state.a.step") == 100
    largest = explorer(
        page, "[...e.state.a.weights.keys()].sort((i, j) => e.state.a.weights[j] - e.state.a.weights[i]).slice(0, 2)"
    )
    assert sorted(largest) == [7, 20]


def test_divergence_is_a_sentence(visit, origin):
    page = visit(f"{origin}{TRAINS}#explorer?rate=0.2").page
    play_to_the_end(page)
    assert explorer(page, "e.state.b.status") == "diverged"
    summary = page.locator(".fm-summary").inner_text()
    assert "Reptile diverged at step 1: the inner rate is 0.2, stable below 0.1" in summary


def test_on_one_grid_only_aliases_move(visit, origin):
    page = visit(f"{origin}{TRAINS}#explorer?design=grid&steps=100").page
    play_to_the_end(page)
    unmoved = explorer(
        page, "[...e.state.a.weights.keys()].filter((j) => Math.abs(e.state.a.weights[j] - 1) < 1e-6).length"
    )
    aliases = explorer(page, "e.aliases.size")
    assert unmoved == 129 - aliases > 100


def test_every_preset_runs(visit, origin):
    visited = visit(origin + TRAINS)
    page = still(visited.page)
    chips = page.locator(".fm-chip")
    assert chips.count() >= 8
    for chip in chips.all():
        chip.click()
        assert chip.get_attribute("aria-pressed") == "true"
        assert len(page.locator(".fm-preset-text").inner_text()) > 40
        wait_for(page, "e.done || e.state.a.step > 3")
    assert visited.complaints == []


# Points


def fit_errors(page):
    return explorer(page, "({ ...e.taskErrors })")


def test_points_are_dragged_added_and_removed(visit, origin):
    page = still(visit(origin + TRAINS, viewport={"width": 1280, "height": 1600}).page)
    plot = page.locator(".fm-task svg.fm-plot")
    plot.scroll_into_view_if_needed()
    before, errors = explorer(page, "e.points.map(({ x }) => x)"), fit_errors(page)
    assert len(before) == 4
    handle = page.locator(".fm-handle").nth(1)
    box = handle.locator(".fm-dot").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40, y, steps=5)
    page.mouse.up()
    after = explorer(page, "e.points.map(({ x }) => x)")
    assert len(after) == 4, "dragging must not add a point"
    assert after[1] > before[1] + 0.05
    assert [after[0], *after[2:]] == [before[0], *before[2:]]
    assert explorer(page, "e.points[1].offset") == 0, "points stay on the true curve"
    assert fit_errors(page) != errors
    corner = plot.bounding_box()
    page.mouse.click(corner["x"] + corner["width"] * 0.52, corner["y"] + 30)
    assert explorer(page, "e.points.length") == 5
    page.get_by_role("button", name="Add a point").click()
    assert explorer(page, "e.points.length") == 6
    page.locator(".fm-handle").nth(0).dblclick()
    assert explorer(page, "e.points.length") == 5
    page.get_by_role("button", name="Remove one").click()
    assert explorer(page, "e.points.length") == 4
    page.get_by_label("points may leave the true curve").check()
    box = page.locator(".fm-handle .fm-dot").nth(1).bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(box["x"] + 5, box["y"] + 45, steps=4)
    page.mouse.up()
    assert abs(explorer(page, "e.points[1].offset")) > 0.1


def test_the_keyboard_does_it_all(visit, origin):
    page = still(visit(origin + TRAINS).page)
    page.locator(".fm-play").focus()
    page.keyboard.press("Enter")
    wait_for(page, "e.state.a.step > 3")
    page.keyboard.press("Space")
    assert not explorer(page, "e.playing")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.classList.contains('fm-handle')"):
            break
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("Point 1 of 4: x ")
    start = explorer(page, "e.points[0].x")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    assert explorer(page, "e.points[0].x") == pytest.approx(start + 0.11, abs=1e-9)
    page.keyboard.press("Delete")
    assert explorer(page, "e.points.length") == 3
    assert page.evaluate("document.activeElement.classList.contains('fm-handle')"), "the focus is not lost"
    page.locator(".fm-settings > summary").focus()
    page.keyboard.press("Enter")
    features = page.get_by_label("features d", exact=True)
    features.focus()
    page.keyboard.press("ArrowLeft")
    assert explorer(page, "e.settings.d") == 65
    assert features.get_attribute("aria-valuetext") == "65"
    support = page.get_by_label("true features", exact=True)
    support.fill("3, 9")
    support.press("Enter")
    assert explorer(page, "e.settings.support") == [3, 9]
    support.fill("3, 900")
    support.press("Enter")
    assert explorer(page, "e.settings.support") == [3, 9]
    assert "numbers from 0 to 64" in page.locator(".fm-text .fm-hint").inner_text()


def test_a_bar_is_picked_with_the_mouse(visit, origin):
    page = visit(f"{origin}{TRAINS}#explorer?d=17").page
    plot = page.locator(".fm-panel.fm-a svg")
    place = explorer(page, "e.panels.a.plot.x(9)")
    box = plot.bounding_box()
    page.mouse.click(box["x"] + place, box["y"] + 100)
    assert explorer(page, "e.settings.support") == [0, 1, 2, 9]
    page.mouse.click(box["x"] + place, box["y"] + 100)
    assert explorer(page, "e.settings.support") == [0, 1, 2]


# Links and words


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_a_link_brings_everything_back(visit, origin, scheme):
    home = origin if scheme == "http" else built_site.build().folder.as_uri() + "/"
    page = still(visit(home + TRAINS).page)
    explorer(
        page, "e.change({ a: 'fomaml', d: 33, n: 12, steps: 50, support: [1, 8], seed: 3, noise: 0.1, show: 'loss' })"
    )
    page.get_by_role("button", name="Add a point").click()
    page.wait_for_timeout(500)
    link = page.url
    assert "#explorer?" in link
    play_to_the_end(page)
    state = "({ settings: e.settings, points: e.points, weights: [...e.state.a.weights], errors: e.taskErrors })"
    first = explorer(page, state)
    again = visit(link).page
    play_to_the_end(again)
    assert explorer(again, state) == first
    assert first["settings"]["support"] == [1, 8]


def test_a_hostile_link_does_no_harm(visit, origin):
    for text in (
        "d=1e9&n=-3&rate=x",
        "support=999&d=17",
        "p=5,NaN;",
        "a=%3Cscript%3E",
        "p=" + "0.1,0;" * 500,
        "%E0%A4%A",
    ):
        visited = visit(f"{origin}{TRAINS}#explorer?{text}")
        assert visited.complaints == [], text
        assert explorer(visited.page, "e.points.length") <= 64
        assert explorer(visited.page, "e.settings.support.every((j) => j < e.settings.d)")


def test_the_summary_speaks_now_and_then(visit, origin):
    page = still(visit(origin + TRAINS).page)
    page.evaluate(
        """() => { window.told = []; new MutationObserver(() => told.push(performance.now()))
          .observe(document.querySelector('.fm-spoken'), { childList: true, characterData: true, subtree: true }); }"""
    )
    summary = page.locator(".fm-spoken")
    assert summary.get_attribute("aria-live") == "polite"
    play_to_the_end(page)
    told = page.evaluate("told")
    assert 1 <= len(told) <= 3 + explorer(page, "performance.now() - e.film.startedAt") / 1000
    text = summary.inner_text()
    assert page.locator(".fm-summary").inner_text() == text
    assert "Step 300 of 300. MAML: its 3 largest weights are the true ones, the largest other weight is 0.0" in text
    assert "Reptile: its 3 largest weights are the true ones, no weight has fallen below 1.0" in text


def test_who_prefers_calm_sees_few_pictures(visit, origin):
    draws = {}
    for motion in ("no-preference", "reduce"):
        page = still(visit(origin + TRAINS, reduced_motion=motion).page)
        explorer(page, "e.change({ d: 65, n: 16 })")
        page.evaluate(
            """() => { window.draws = 0; new MutationObserver(() => { draws += 1; })
              .observe(document.querySelector('.fm-a .fm-stem'), { attributes: true }); }"""
        )
        play_to_the_end(page)
        draws[motion] = page.evaluate("draws")
    assert draws["reduce"] <= 14 < draws["no-preference"]


# Chapters 1 and 2


@pytest.mark.parametrize("n_points", [2, 4, 64, 128])
def test_the_first_chapters_strangers_go_through_every_point(visit, origin, n_points):
    page = visit(origin + "01_setup.html").page
    explorer(page, "e.change({ at: x })", n_points)
    x, truth, *strangers = explorer(page, "[e.x, e.truth, ...e.strangers].map((list) => [...list])")
    features = fourier_features(np.array(x), len(truth))
    assert features.shape == (n_points, 257)
    for stranger in strangers:
        assert np.abs(features @ stranger - features @ truth).max() < 1e-9
        assert np.sum((np.array(stranger) - truth) ** 2) > 1e-4


def test_the_second_chapters_figure_agrees_with_the_alias_formula(visit, origin):
    page = visit(origin + "02_overfitting.html").page
    numbers = page.locator("figure[data-explorer] .fm-keys").nth(1)
    assert "farthest from the alias formula below 10⁻¹²" in numbers.inner_text()
    assert "error on the points below 10⁻²⁰" in numbers.inner_text()
    survival = {}
    for share in ("equal", 0.5, 0.99):
        explorer(page, "e.change({ share: x })", share)
        survival[share] = float(numbers.locator("b").first.inner_text())
    assert survival["equal"] < 0.45 < survival[0.5] < survival[0.99]
    explorer(page, "e.change({ design: 'random' })")
    assert "alias formula" not in numbers.inner_text()
