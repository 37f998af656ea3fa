"""Chapters as most readers see them: in JupyterLab, at 1,280 pixels, as they are stored."""

import json

import pytest
from chromium import needs_chromium
from lab import NOTEBOOKS, SETTINGS, Lab, open_notebook

pytestmark = needs_chromium
CHAPTERS = sorted(path.name for path in NOTEBOOKS.glob("[0-9A-Z]*_*.ipynb"))
LOOK = """() => {
  const shown = (node) => node.offsetParent !== null;
  const code = [...document.querySelectorAll('.jp-CodeCell .cm-scroller')].filter(shown);
  const pictures = [...document.querySelectorAll('.jp-OutputArea-output img')];
  return {
    folded: document.querySelectorAll('.jp-CodeCell .jp-InputPlaceholder').length,
    cut: code.filter((node) => node.scrollWidth > node.clientWidth + 1).map((node) => node.innerText.slice(0, 200)),
    blurred: pictures.filter((node) => node.naturalWidth < 1.9 * node.width).length,
    told: pictures.map((node) => node.alt),
    wide: pictures.filter((node) => node.getBoundingClientRect().width > node.parentNode.clientWidth + 1).length,
  };
}"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    lab = Lab(tmp_path_factory.mktemp("lab"), SETTINGS)
    lab.wait()
    yield lab
    lab.close()


@pytest.mark.parametrize("name", CHAPTERS)
def test_nothing_is_cut_what_may_be_skipped_is_folded_and_figures_are_sharp_and_told(browser, lab, name):
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = open_notebook(context, lab, name)
    cells = json.loads((NOTEBOOKS / name).read_text(encoding="utf-8"))["cells"]
    folded = sum(cell["metadata"].get("jupyter", {}).get("source_hidden", False) for cell in cells)
    page.wait_for_function("n => document.querySelectorAll('.jp-Cell').length >= n", arg=len(cells))
    page.wait_for_timeout(1000)
    seen = page.evaluate(LOOK)
    context.close()
    lab.stop_kernels()
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    told = [output["metadata"]["image/png"]["alt"] for output in outputs if "image/png" in output.get("data", {})]
    assert seen == {"folded": folded, "cut": [], "blurred": 0, "told": told, "wide": 0}
