"""The front page's figure and the figures in the text: what happens is seen, true, and survives any setting."""

import re

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


def test_who_prefers_calm_gets_the_end_at_once(visit, origin):  # noqa: F811
    page = visit(origin + "index.html", reduced_motion="reduce").page
    page.evaluate(
        "() => { const e = document.querySelector('figure#explorer').explorer; window.drawn = 0;"
        " const update = e.weights.update.bind(e.weights);"
        " e.weights.update = (w) => { window.drawn += 1; update(w); }; }"
    )
    reveal(page)
    assert page.evaluate("window.drawn") <= 4


RANDOM_SETTINGS = """(times) => {
  const e = document.querySelector('figure#explorer').explorer;
  const keys = Object.entries(e.controls);
  const bad = [];
  let longest = 0;
  for (let i = 0; i < times; i++) {
    for (const [, { box }] of keys) {
      const input = box.querySelector('input[type=range], select');
      if (!input || Math.random() < 0.5) continue;
      const below = (count) => Math.floor(Math.random() * count);
      if (input.tagName === 'SELECT') input.selectedIndex = below(input.options.length);
      else input.value = [0, input.max, below(1 + Number(input.max)), below(1 + Number(input.max))][below(4)];
      const begin = performance.now();
      input.dispatchEvent(new Event(input.tagName === 'SELECT' ? 'change' : 'input'));
      longest = Math.max(longest, performance.now() - begin);
    }
    if (/NaN|Infinity|undefined/.test(e.figure.innerHTML)) bad.push(JSON.stringify(e.settings));
  }
  return [bad, longest];
}"""


@pytest.mark.parametrize(
    ("name", "times"), [("01_setup.html", 300), ("02_overfitting.html", 300), ("laboratory.html", 200)]
)
def test_random_settings_break_nothing(visit, origin, name, times):  # noqa: F811
    visited = visit(origin + name)
    bad, longest = visited.page.evaluate(RANDOM_SETTINGS, times)
    assert bad == []
    assert visited.complaints == []
    assert longest < 3000, "a setting froze the page"


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
SMALL += [("03_maml.html", "explorer"), ("04_reptile.html", "explorer")]
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
