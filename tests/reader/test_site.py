"""The published book: built once from the stored outputs, then read page by page."""

import base64
import hashlib
import html
import os
import re
import shutil
import subprocess
import sys
from urllib.parse import urlsplit

import built_site
import checkout
import pytest

sys.path.insert(0, str(checkout.NOTEBOOKS / "_ext"))

LARGEST_PAGE = 1_500_000  # bytes, with everything that the page loads, not compressed

# Where links of the book may lead. Each host is cited on purpose; a new one has to be added here.
MAY_LINK_TO = {
    "arxiv.org": "the papers",
    "proceedings.mlr.press": "the papers that are not on arXiv",
    "www.jmlr.org": "a paper that is not on arXiv",
    "doi.org": "the traffic data",
    "creativecommons.org": "the licence of the traffic data",
    "wandb.ai": "the source report",
    "github.com": "the book's repository; Furo",
    "mybinder.org": "run this page",
    "colab.research.google.com": "run this page",
    "numpy.org": "made with",
    "matplotlib.org": "made with",
    "jupyter.org": "made with",
    "www.sphinx-doc.org": "made with, and the footer",
    "myst-nb.readthedocs.io": "made with",
    "pradyunsg.me": "the footer of the theme",
}


@pytest.fixture(scope="module")
def site():
    built = built_site.build()
    assert built.pages, built.messages
    return built


@pytest.fixture(scope="module")
def pages(site):
    """Every page but the lost visitor's, which stands alone."""
    return [built_site.page(path) for path in site.pages if path.name != "404.html"]


def notebook_pages(site):
    return [(path, built_site.page(site.folder / f"{path.stem}.html")) for path in checkout.stored_notebooks()]


def test_it_builds_without_a_warning(site):
    print(f"\nthe site took {site.seconds:.1f} s to build")
    assert site.messages == ""
    assert site.returncode == 0


def test_every_notebook_and_every_page_around_them_is_there(site):
    names = {path.stem for path in site.pages}
    assert {"index", "notation", "references", "api", "changelog", "search", "404"} <= names
    assert {path.stem for path in checkout.stored_notebooks()} <= names
    index = built_site.page(site.folder / "index.html")
    for path in checkout.stored_notebooks():
        assert f"{path.stem}.html" in index.links


def test_no_page_is_heavy(site):
    weights = {path.name: built_site.weight(path) for path in site.pages}
    for name, size in sorted(weights.items(), key=lambda item: -item[1]):
        print(f"{size / 1e6:6.2f} MB  {name}")
    assert {name: size for name, size in weights.items() if size > LARGEST_PAGE} == {}


# Links


def test_internal_links_and_anchors_resolve(site):
    broken = []
    for path in site.pages:
        for href in built_site.page(path).links:
            if urlsplit(href).scheme:
                continue
            file, anchor = built_site.target_of(path, href)
            if not file.is_file():
                broken.append(f"{path.name}: {href}")
            elif anchor and anchor not in built_site.page(file).identifiers:
                broken.append(f"{path.name}: {href}: no such anchor")
    assert broken == []


def test_external_links_are_expected_and_well_formed(site):
    strange = []
    for path in site.pages:
        for href in built_site.page(path).links:
            parts = urlsplit(href)
            if not parts.scheme:
                continue
            own = href.startswith(home(site))
            if (
                parts.scheme != "https"
                or not (own or parts.hostname in MAY_LINK_TO)
                or re.search(r"[\s<>\"{}|\\^`]", href)
            ):
                strange.append(f"{path.name}: {href}")
    assert strange == []


def test_every_host_of_the_list_is_linked_to(site):
    linked = {urlsplit(href).hostname for path in site.pages for href in built_site.page(path).links}
    assert set(MAY_LINK_TO) - linked == set()


def test_arxiv_links_are_papers(pages):
    links = {href for page in pages for href in page.links if "arxiv.org" in href}
    assert len(links) > 8
    assert [href for href in links if not re.fullmatch(r"https://arxiv\.org/abs/\d{4}\.\d{4,5}", href)] == []


def home(site):
    return re.search(r"<loc>(.*?)index\.html</loc>", site.folder.joinpath("sitemap.xml").read_text())[1]


# Nothing from elsewhere


def test_nothing_is_loaded_from_another_origin(site):
    foreign = [
        f"{path.name}: {url}"
        for path in site.pages
        for url in built_site.page(path).resources
        if urlsplit(url).scheme not in ("", "data")
    ]
    for style in site.folder.rglob("*.css"):
        urls = re.findall(r"url\([\"']?([^)\"']+)|@import\s+[\"']([^\"']+)", style.read_text(encoding="utf-8"))
        foreign += [f"{style.name}: {url}" for pair in urls for url in pair if re.match(r"(https?:)?//", url)]
    assert foreign == []


def test_every_resource_exists(site):
    missing = []
    for path in site.pages:
        for url in built_site.page(path).resources:
            if not url.startswith("data:") and not built_site.target_of(path, url)[0].is_file():
                missing.append(f"{path.name}: {url}")
    assert missing == []


def test_the_policy_allows_the_pages_own_scripts_and_no_others(site):
    for path in site.pages:
        page = built_site.page(path)
        policy = html.unescape(page.meta("Content-Security-Policy") or "")
        rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
        assert rules["default-src"] == "'none'", path.name
        assert rules["base-uri"] == "'none'"
        assert "unsafe" not in rules["script-src"]
        assert "http" not in policy
        allowed = set(re.findall(r"'(sha256-[^']+)'", rules["script-src"]))
        inline = re.findall(r"<script(?![^>]*src=)[^>]*>(.*?)</script>", page.source, re.DOTALL)
        used = {"sha256-" + base64.b64encode(hashlib.sha256(body.encode()).digest()).decode() for body in inline}
        assert allowed == used, path.name
        assert page.source.index("Content-Security-Policy") < page.source.index("<script") if inline else True


def test_no_element_carries_a_script_of_its_own(site):
    found = [
        f"{path.name}: <{element.tag} {name}>"
        for path in site.pages
        for element in built_site.page(path).elements
        for name, value in element.attributes.items()
        if name.startswith("on") or value.strip().lower().startswith("javascript:")
    ]
    assert found == []


def test_no_widget_waits_for_a_kernel(site):
    for path in site.pages:
        assert "application/vnd.jupyter.widget" not in built_site.page(path).source, path.name


# Every page says what it is


def test_titles_descriptions_and_cards(site, pages):
    titles = [page.all("title")[0].text for page in pages]
    assert len(set(titles)) == len(titles)
    for page in pages:
        name = page.path.name
        assert page.all("html")[0].attributes["lang"] == "en", name
        assert len(page.all("h1")) == 1, name
        assert 40 < len(page.meta("description")) <= 210, (name, page.meta("description"))
        assert page.meta("og:title"), name
        assert page.meta("og:description") == page.meta("description"), name
        assert page.meta("og:image") == home(site) + "_static/card.png", name
        canonical = [link.attributes["href"] for link in page.all("link", rel="canonical")]
        assert canonical == [home(site) + name], name


def test_a_fork_names_itself():
    """GITHUB_REPOSITORY, which a fork's workflow sets, decides what is cloned and where the pages are."""
    code = "import runpy; c = runpy.run_path('notebooks/conf.py'); s = ['{{ repository }} {{ folder }}'];"
    code += "c['name_repository'](None, 'index', s); print(c['html_baseurl'], c['book_repository'], *s)"
    environment = os.environ | {"GITHUB_REPOSITORY": "Somebody/fork"}
    environment.pop("SITE_URL", None)
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=checkout.ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == [
        "https://somebody.github.io/fork/",
        "Somebody/fork",
        "https://github.com/Somebody/fork",
        "fork",
    ]


def test_the_front_page_tells_what_to_clone(site):
    source = built_site.page(site.folder / "index.html").source
    assert re.search(r"clone https://github\.com/[\w-]+/[\w-]+", re.sub(r"<[^>]+>", "", source))
    assert "{{" not in source


def test_the_sitemap_lists_the_pages(site):
    listed = re.findall(r"<loc>(.*?)</loc>", site.folder.joinpath("sitemap.xml").read_text())
    written = {path.name for path in site.pages} - {"404.html", "search.html"}
    assert {url.removeprefix(home(site)) for url in listed} == written
    assert home(site) + "sitemap.xml" in site.folder.joinpath("robots.txt").read_text()


def test_the_card_is_a_picture_of_the_usual_size(site):
    header = site.folder.joinpath("_static", "card.png").read_bytes()[:24]
    assert header[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(header[16:20], "big"), int.from_bytes(header[20:24], "big")) == (1200, 630)


# Notebooks as pages


def test_figures_have_the_words_that_the_notebook_stores(site):
    for path, page in notebook_pages(site):
        stored = [
            " ".join(output["data"]["text/plain"].split("\n\n")[0].split())
            for cell in checkout.read(path).cells
            if cell.cell_type == "code" and "explorer" not in checkout.tags(cell)
            for output in cell.outputs
            if "image/png" in output.get("data", {})
        ]
        shown = [image.attributes["alt"] for image in page.all("img") if image.attributes["src"].startswith("_images/")]
        assert stored, path.name
        assert shown == stored, path.name
        captions = re.findall(r"<strong>Figure (\w+\.\d+)\. </strong>(.+?)</span>", page.source)
        assert [number for number, _ in captions] == [
            f"{path.stem.partition('_')[0].lstrip('0')}.{k}" for k in range(1, len(stored) + 1)
        ]
        for (_, caption), alt in zip(captions, stored, strict=True):
            assert len(caption) > 15
            assert alt.startswith(html.unescape(caption.strip()))


def test_every_picture_has_words(site):
    for path in site.pages:
        for image in built_site.page(path).all("img"):
            alt = image.attributes.get("alt")
            assert alt, (path.name, image.attributes)
            assert not re.search(r"\.(png|svg)$", alt), (path.name, alt)


def test_every_notebook_says_how_to_run_it(site):
    for path, page in notebook_pages(site):
        assert page.all("details", **{"class": "book-run"}), path.name
        hosts = [urlsplit(link).hostname for link in page.links if path.name in link]
        assert {"mybinder.org", "colab.research.google.com", None} <= set(hosts), path.name
        for source in (path, path.with_suffix(".py")):
            assert f"downloads/{source.name}" in page.links
            assert site.folder.joinpath("downloads", source.name).read_bytes() == source.read_bytes()


def test_cells_that_are_skimmed_are_folded_and_not_dropped(site):
    """Imports (hide-input), cells that only draw, and those that open an explorer; what prints stays open."""
    for path, page in notebook_pages(site):
        code = [cell for cell in checkout.read(path).cells if cell.cell_type == "code"]
        skimmed = [cell for cell in code if {"hide-input", "explorer"} & set(checkout.tags(cell)) or draws(cell)]
        folded = [element for element in page.all("details") if "hide" in element.attributes.get("class", "").split()]
        assert len(folded) == len(skimmed) > 2, path.name
        assert len(re.findall('class="cell_input docutils container', page.source)) == len(code), path.name


def draws(cell):
    return bool(cell.outputs) and all("image/png" in output.get("data", {}) for output in cell.outputs)


def test_equations_keep_their_numbers(site):
    for path, page in notebook_pages(site):
        stored = [
            tag
            for cell in checkout.read(path).cells
            if cell.cell_type == "markdown"
            for tag in re.findall(r"\\tag\{(\d+)\}", cell.source)
        ]
        assert re.findall(r'<span class="eqno">\((\d+)\)</span>', page.source) == stored, path.name


# The live figures


def test_explorer_cells_become_live_figures_with_a_picture_inside(site):
    for path, page in notebook_pages(site):
        cells = [cell for cell in checkout.read(path).cells if "explorer" in checkout.tags(cell)]
        figures = [figure for figure in page.all("figure") if "data-explorer" in figure.attributes]
        small = [
            cell for cell in checkout.read(path).cells if any(tag.startswith("live-") for tag in checkout.tags(cell))
        ]
        assert len(figures) == len(cells) + len(small), path.name
    index = built_site.page(site.folder / "index.html")
    assert [
        figure.attributes["data-explorer"] for figure in index.all("figure") if "data-explorer" in figure.attributes
    ] == ["front"]
    for page in [index, *(page for _, page in notebook_pages(site) if "data-explorer" in page.source)]:
        inside = re.search(r"<figure[^>]*data-explorer.*?</figure>", page.source, re.DOTALL)[0]
        assert "<img" in inside, page.path.name
        assert "<figcaption" in inside


def test_only_pages_with_a_live_figure_load_its_script(site):
    for path in site.pages:
        page = built_site.page(path)
        loads = any("explorer.js" in url for url in page.resources)
        assert loads == ("data-explorer" in page.source), path.name


def test_the_script_runs_from_a_folder(site):
    """Browsers refuse module imports from file://, so the script must be a classic one."""
    script = site.folder.joinpath("_static", "explorer.js").read_text(encoding="utf-8")
    assert not re.search(r"^\s*(import|export)\b", script, re.MULTILINE)
    assert not re.search(r"https?://(?!www\.w3\.org/)", script)


def test_a_missing_export_stops_the_build(monkeypatch, tmp_path):
    import explorer_figures

    for name in explorer_figures.MODULES:
        shutil.copy(explorer_figures.STATIC / name, tmp_path / name)
    engine = tmp_path / "engine.mjs"
    engine.write_text(engine.read_text().replace("export function minNorm", "function minNorm"))
    monkeypatch.setattr(explorer_figures, "STATIC", tmp_path)
    with pytest.raises(ValueError, match=r"imports \['minNorm'\], which engine\.mjs does not export"):
        explorer_figures.classic_script()


def test_the_front_figure_cannot_say_what_the_runs_do_not_show(monkeypatch):
    import covers

    run = covers.train_maml
    monkeypatch.setattr(covers, "train_maml", lambda family, steps: run(family, steps=5))
    monkeypatch.setattr(covers, "train_reptile", lambda family, steps: run(family, steps=5))
    with pytest.raises(ValueError, match="no longer describes the figure"):
        covers.story.__wrapped__()
