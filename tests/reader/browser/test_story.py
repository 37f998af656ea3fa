"""The front page's figure and the figures in the text: what happens is seen, true, and survives any setting."""

import os
import re
import zlib

import built_site
import numpy as np
import pytest
from chromium import needs_chromium
from test_site_page import LIVE, NARROW, explorer, origin, still, visit, wait_for  # noqa: F401 - two fixtures

from fourier_meta import Tasks, fourier_features, min_norm, on_top
from fourier_meta.bayes import empirical_bayes
from fourier_meta.rivals import bilevel_weights
from fourier_meta.tasks import dense_size

pytestmark = needs_chromium
SCREENS = {"wide": {"width": 1280, "height": 800}, "narrow": NARROW}


def reveal(page):
    page.get_by_role("button", name="Show me").click()
    wait_for(page, "e.run.status === 'finished'")


@pytest.mark.parametrize("screen", SCREENS)
def test_the_claim_is_seen_without_scrolling(visit, origin, screen):  # noqa: F811
    visited = visit(origin + "index.html", viewport=SCREENS[screen])
    page = visited.page
    assert not page.locator(".fm-truth").get_attribute("d"), "the answer shows too early"
    reveal(page)
    for part in (".fm-front .fm-plot-box >> nth=0", ".fm-front .fm-keys", ".fm-front .fm-bar"):
        box = page.locator(part).bounding_box()
        assert 0 <= box["y"] < box["y"] + box["height"] <= SCREENS[screen]["height"], part
    assert page.evaluate("scrollY") == 0
    errors = explorer(page, "e.errors")
    assert errors["learned"] < 1e-2 < errors["plain"]
    assert visited.complaints == []


def test_the_points_slider_moves_fits_and_errors_over_unseen_tasks(visit, origin):  # noqa: F811
    page = visit(origin + "index.html").page
    reveal(page)
    slider = page.locator(".fm-front input[type=range]")
    for count in (3, 64, 17):
        slider.evaluate("(input, n) => { input.value = n - 3; input.dispatchEvent(new Event('input')); }", count)
        assert explorer(page, "e.plot.points.length") == count
        assert "NaN" not in page.locator(".fm-app").inner_html()
    learned = []
    for _ in range(10):
        page.get_by_role("button", name="Another task").click()
        learned.append(explorer(page, "[e.errors.learned, e.errors.plain]"))
    assert sum(ours < theirs for ours, theirs in learned) == 10


def test_a_drawn_guess_is_judged(visit, origin):  # noqa: F811
    page = visit(origin + "index.html").page
    box = page.locator(".fm-paper").bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + box["height"] / 2)
    page.mouse.down()
    for step in range(1, 30):
        page.mouse.move(box["x"] + step / 30 * box["width"], box["y"] + box["height"] / 2)
    page.mouse.up()
    wait_for(page, "e.run.status === 'finished'")
    assert explorer(page, "e.guess") > 0
    assert "your curve" in page.locator(".fm-keys").inner_text()
    # The chart is narrower now, and the guess is drawn where it was meant.
    last = page.locator(".fm-sketch").get_attribute("d").split("L")[-1].split()[0]
    assert float(last) == pytest.approx(explorer(page, "Number(e.plot.x(e.sketched.at(-1)[0]))"), abs=1)


def test_who_prefers_calm_gets_the_end_at_once(visit, origin):  # noqa: F811
    page = visit(origin + "index.html", reduced_motion="reduce").page
    page.evaluate(
        "() => { const e = document.querySelector('figure#explorer').explorer; window.drawn = 0;"
        " const update = e.weights.update.bind(e.weights);"
        " e.weights.update = (w) => { window.drawn += 1; update(w); }; }"
    )
    reveal(page)
    assert page.evaluate("window.drawn") <= 4


# Hostile use: any control, word or button of any figure, again and again. SITE_RANDOM says how often in all.

TIMES = int(os.environ.get("SITE_RANDOM", "200"))
VISITORS = {
    "http": {},
    "file": {},
    "touch": {"viewport": NARROW, "has_touch": True, "is_mobile": True},
    "forced colours": {"forced_colors": "active", "reduced_motion": "reduce"},
}
RANDOM_USE = """async ([times, seed]) => {
  let state = seed;
  const uniform = () => { // mulberry32
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const below = (count) => Math.floor(uniform() * count);
  const pick = (list) => list[below(list.length)];
  const figures = [...document.querySelectorAll("figure[data-explorer]")];
  const report = { bad: [], longest: 0, slowest: "", done: 0 };
  const use = (input) => {
    if (input.tagName === "BUTTON") input.click();
    else if (input.tagName === "SELECT") input.selectedIndex = below(input.options.length);
    else if (input.type === "checkbox") input.click();
    else if (input.type === "text") input.value = pick(["0", "3, 9", "1, 2, 3, 4, 5, 6, 7, 8", "-1", "x", "384"]);
    else input.value = pick([0, input.max, below(1 + Number(input.max)), below(1 + Number(input.max))]);
    input.dispatchEvent(new Event(input.type === "range" ? "input" : "change"));
  };
  const press = (handle) => {
    const key = pick(["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Delete", "Enter"]);
    const shiftKey = uniform() < 0.5;
    handle.dispatchEvent(new KeyboardEvent("keydown", { key, shiftKey, bubbles: true, cancelable: true }));
  };
  for (let i = 0; i < times; i++) {
    const figure = pick(figures);
    const inputs = [...figure.querySelectorAll("input, select, button")]
      .filter((input) => !input.disabled && !input.hidden && input.textContent !== "Copy link");
    const handles = [...figure.querySelectorAll(".fm-handle")];
    const begin = performance.now();
    if (handles.length && uniform() < 0.15) press(pick(handles));
    else use(pick(inputs));
    const took = performance.now() - begin;
    const slowest = JSON.stringify(figure.explorer.settings);
    if (took > report.longest) Object.assign(report, { longest: took, slowest });
    if (uniform() < 0.3) await new Promise((next) => setTimeout(next, 30));
    const seen = figure.querySelector(".fm-app").innerHTML;
    if (/NaN|Infinity|undefined/.test(seen)) report.bad.push(JSON.stringify(figure.explorer.settings));
    report.done += 1;
  }
  return report;
}"""


@pytest.mark.parametrize("visitor", VISITORS)
@pytest.mark.parametrize("name", LIVE)
def test_random_use_breaks_nothing(visit, origin, name, visitor):  # noqa: F811
    home = built_site.build().folder.as_uri() + "/" if visitor == "file" else origin
    visited = visit(home + name, **VISITORS[visitor])
    for figure in visited.page.locator("figure[data-explorer]").all():
        figure.scroll_into_view_if_needed()
    times = -(-TIMES // (len(LIVE) * len(VISITORS)))
    report = visited.page.evaluate(RANDOM_USE, [times, zlib.crc32((name + visitor).encode())])
    print(f"\n{name}, {visitor}: {report['done']} uses, the longest {report['longest']:.0f} ms at {report['slowest']}")
    assert report["bad"] == []
    assert visited.complaints == []
    assert report["longest"] < 3000, "a setting froze the page"


@pytest.mark.parametrize("name", LIVE)
def test_printed_figures_show_what_is_on_the_screen_and_no_controls(visit, origin, name):  # noqa: F811
    page = visit(origin + name).page
    page.emulate_media(media="print")
    for figure in page.locator("figure[data-explorer]").all():
        assert figure.locator("svg.fm-plot").first.bounding_box()["height"] > 100
        assert not figure.locator(".fm-control").first.is_visible()


def test_a_finger_drags_a_point_up_and_down(visit, origin):  # noqa: F811
    visited = visit(origin + "laboratory.html#explorer?free=1&steps=50", **VISITORS["touch"])
    page = visited.page
    wait_for(page, "e.done")
    dot = page.locator(".fm-handle .fm-dot").nth(1)
    dot.scroll_into_view_if_needed()
    box = dot.bounding_box()
    x, y = box["x"] + 5, box["y"] + 5
    scrolled = page.evaluate("scrollY")
    touch = visited.context.new_cdp_session(page)
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for far in range(4, 44, 8):
        touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x, "y": y + far}]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert abs(explorer(page, "e.points[1].offset")) > 0.1
    assert page.evaluate("scrollY") == scrolled


def test_the_sentence_about_aliases_is_true_at_every_number_of_points(visit, origin):  # noqa: F811
    """Told by the figure, and counted here: features that are feature 1 or its opposite at every point of the grid."""
    page = visit(origin + "02_overfitting.html").page
    told = page.evaluate(
        """() => {
          const e = document.getElementById('live-alias').explorer;
          const at = (n) => { e.change({ at: n }); return e.plot.svg.getAttribute('aria-label'); };
          return Array.from({ length: 153 }, (_, i) => at(i + 8));
        }"""
    )
    for n_points, text in enumerate(told, start=8):
        features = fourier_features(np.arange(n_points) * 2 / n_points - 1, 257)
        same = np.abs(np.abs(features.T @ features[:, 1]) / n_points - 1) < 1e-9
        others = int(same.sum()) - 1
        words = f"{others} of 256 other features" if others else "all of it survives"
        assert words in text, n_points
        assert not others or f"the slowest is {feature_name(np.flatnonzero(same)[1])}." in text, n_points


def feature_name(index):
    return f"{'sin' if index % 2 else 'cos'} {(index + 1) // 2}πx"


def test_noise_at_the_interpolation_threshold_does_not_freeze(visit, origin):  # noqa: F811
    """64 points, 65 features, noise: the fit reaches 1e5, and axes once drew a tick for every unit of it."""
    page = visit(origin + "02_overfitting.html#explorer?design=random&d=65&noise=1").page
    assert page.locator("#explorer .fm-tick").count() < 60
    assert "NaN" not in page.locator("#explorer .fm-app").inner_html()


def test_a_link_shows_the_run_that_it_promises(visit, origin):  # noqa: F811
    page = visit(origin + "laboratory.html#explorer?b=none&steps=50").page
    wait_for(page, "e.done && e.state.a.step === 50")
    page.evaluate("location.hash = '#explorer?b=none&steps=50&scale=0.01'")
    wait_for(page, "e.settings.scale === 0.01 && e.done")
    assert abs(page.locator("#explorer").bounding_box()["y"]) < 120, "the figure is not where the link leads"


def test_a_tap_on_a_weight_can_be_undone(visit, origin):  # noqa: F811
    page = still(visit(origin + "laboratory.html").page)
    before = explorer(page, "JSON.stringify(e.settings)")
    plot = page.locator(".fm-panel.fm-a svg")
    box = plot.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert explorer(page, "JSON.stringify(e.settings)") != before
    page.get_by_role("button", name="Undo").click()
    assert explorer(page, "JSON.stringify(e.settings)") == before


SOURCES = {name: built_site.page(built_site.build().folder / name).source for name in LIVE}
SMALL = [(name, figure) for name in LIVE for figure in re.findall(r'id="(live-(?!wide)\w+)"', SOURCES[name])]
SMALL += [("01_setup.html", "explorer"), ("03_maml.html", "explorer"), ("04_reptile.html", "explorer")]
AT_AN_END = """([id, last]) => {
  const e = document.getElementById(id).explorer;
  const { choices, values } = e.specs.at;
  const all = values ?? Object.keys(choices);
  e.change({ at: last ? all.at(-1) : all[0] });
}"""
TRAINED = """(id) => {
  const { seen, runs } = document.getElementById(id).explorer;
  return seen && Object.values(runs).every((run) => run.done);
}"""


@pytest.fixture
def small(visit, origin):  # noqa: F811
    """Opens a page, waits until its small figure has trained what it shows first, and returns both."""

    def opened(name, identifier, **options):
        page = visit(origin + name, **options).page
        figure = page.locator(f"#{identifier}")
        figure.scroll_into_view_if_needed()
        page.wait_for_function(TRAINED, arg=identifier)
        return page, figure

    return opened


@pytest.mark.parametrize(("name", "identifier"), SMALL)
def test_small_figures_say_what_they_show_at_both_ends(small, name, identifier):
    page, figure = small(name, identifier)
    said = set()
    for last in (False, True):
        page.evaluate(AT_AN_END, [identifier, last])
        page.wait_for_function(TRAINED, arg=identifier)
        said.add(figure.locator("svg").get_attribute("aria-label"))
        assert "NaN" not in figure.inner_html()
    assert len(said) == 2


@pytest.mark.parametrize(("name", "identifier"), SMALL)
def test_words_set_the_figure_and_numbers_follow_it(small, visit, origin, name, identifier):  # noqa: F811
    """Without JavaScript the words are plain, and the numbers are those that the figure starts with."""
    plain = visit(origin + name, java_script_enabled=False).page
    stored = plain.locator(f"#{identifier} figcaption [data-tell]").all_inner_texts()
    assert plain.locator(f"#{identifier} figcaption button").count() == 0
    page, figure = small(name, identifier)
    assert figure.locator("figcaption [data-tell]").all_inner_texts() == stored
    words = figure.locator("figcaption .fm-word")
    assert words.count() >= 2
    for word in words.all():
        word.focus()
        page.keyboard.press("Enter")
        wanted = word.get_attribute("data-set").removeprefix("at=")
        assert page.evaluate("(id) => String(document.getElementById(id).explorer.settings.at)", identifier) == wanted
        page.wait_for_function(TRAINED, arg=identifier)
        told = figure.locator("figcaption [data-tell]").all_inner_texts()
        assert not any(word in "".join(told) for word in ("NaN", "undefined", "not finite"))


@pytest.mark.parametrize("name", ["03_maml.html", "04_reptile.html"])
def test_the_laboratory_opens_what_a_chapter_shows(small, name):
    """The link leads to the same run, trained: its error on unseen tasks is the same number."""
    page, figure = small(name, "explorer")
    page.evaluate(AT_AN_END, ["explorer", False])
    page.wait_for_function(TRAINED, arg="explorer")
    shown = page.evaluate("document.getElementById('explorer').explorer.runs.run.risk")
    figure.locator(".fm-link").click()
    page.wait_for_url("**/laboratory.html#explorer?*")
    wait_for(page, "e.done && !e.playing")
    assert explorer(page, "e.state.a.risk") == shown


def test_words_of_the_front_page_set_its_figure(visit, origin):  # noqa: F811
    page = visit(origin + "index.html").page
    page.locator(".fm-word[data-set='points=64']").click()
    wait_for(page, "e.run.status === 'finished'")
    assert explorer(page, "e.plot.points.length") == 64
    told = page.locator("[data-tell]").all_inner_texts()
    legend = page.locator("#explorer .fm-keys b").all_inner_texts()
    assert told == legend


def at(page, kind, expression, argument=None):
    """Evaluate an expression of `e`, a small figure, and of an argument `x`."""
    script = f"(x) => {{ const e = document.getElementById('live-{kind}').explorer; return ({expression}); }}"
    return page.evaluate(script, argument)


def test_variances_grow_sharp_as_the_package_says(visit, origin):  # noqa: F811
    page = visit(origin + "06_prior.html").page
    tasks = at(page, "bayes", "e.learner.tasks.map(({ places, labels }) => [[...places], [...labels]])")
    x = np.array([places for places, _ in tasks]) * 2 / dense_size(257) - 1
    batch = Tasks(fourier_features(x, 257), [labels for _, labels in tasks], x)
    for step in (1, 12, 24, 60):
        at(page, "bayes", "e.change({ at: x })", step)
        prior = empirical_bayes(batch, steps=step, tolerance=1e-12)
        seen = at(page, "bayes", "[...e.stages[x]]", step)
        np.testing.assert_allclose(seen, prior.weights, rtol=1e-6 if step > 12 else 1e-9, atol=1e-9)
        sentence = page.locator("#live-bayes svg").get_attribute("aria-label")
        assert f"After {step} step" in sentence
        sharp = step > 20
        assert on_top(prior.weights, (12, 33, 60)) == sharp
        assert ("above a true one" in sentence) == (not sharp)
    assert page.locator("#live-bayes .fm-head.fm-true").get_attribute("d").count("M") == 3


def test_the_sign_is_right_before_the_values_are_as_the_package_says(visit, origin):  # noqa: F811
    page = visit(origin + "07_classification.html").page
    task = at(page, "sign", "({ x: [...e.task.x], y: [...e.task.labels], truth: [...e.task.truth] })")
    dense, truth = fourier_features(np.linspace(-1, 1, 1024, endpoint=False), 257), np.array(task["truth"])
    scores = {}
    for mass in at(page, "sign", "e.specs.at.values"):
        at(page, "sign", "e.change({ at: x })", mass)
        fit = dense @ min_norm(fourier_features(np.array(task["x"]), 257), task["y"], bilevel_weights(257, 9, mass))
        scores[mass] = at(page, "sign", "e.scores")
        assert scores[mass]["distance"] == pytest.approx(np.mean((fit - truth) ** 2), rel=1e-8)
        assert scores[mass]["accuracy"] == pytest.approx(np.mean((fit >= 0) == (truth > 0)), abs=1e-12)
    assert scores[0.1]["accuracy"] > 0.93
    assert scores[0.1]["distance"] > 0.3


def test_65537_features_train_in_the_page(visit, origin):  # noqa: F811
    visited = visit(origin + "08_million.html")
    page = visited.page
    train = page.locator("#live-wide button")
    train.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.getElementById('live-wide').explorer.run.step >= 20", timeout=120_000)
    page.keyboard.press("Enter")
    page.wait_for_function("() => !document.getElementById('live-wide').explorer.run.waiting")
    found = at(
        page, "wide", "[...e.run.weights.keys()].sort((i, j) => e.run.weights[j] - e.run.weights[i]).slice(0, 3)"
    )
    assert sorted(found) == at(page, "wide", "e.run.config.support")
    stopped = at(page, "wide", "e.run.step")
    page.wait_for_timeout(1100)
    assert at(page, "wide", "e.run.step") == stopped
    said = page.locator("#live-wide .fm-summary").inner_text()
    assert f"Step {stopped} of 150" in said
    assert "are the largest of 65,537" in said
    print(f"\n{said}")
    assert visited.complaints == []
