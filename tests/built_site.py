"""Builds the published book once into a temporary folder, and reads its pages as a browser would."""

import dataclasses
import functools
import os
import re
import subprocess
import sys
import tempfile
import time
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parents[1]
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


@dataclasses.dataclass
class Built:
    folder: Path
    seconds: float
    returncode: int
    messages: str

    @property
    def pages(self):
        """Every page but those that only lead on from an old address."""
        pages = sorted(self.folder.glob("*.html"))
        return [page for page in pages if 'http-equiv="refresh"' not in page.read_text(encoding="utf-8")]


@functools.cache
def build():
    """Build as `make site` does; the folder lives as long as the test run."""
    holder = tempfile.TemporaryDirectory(prefix="fourier_meta-site-")
    target = Path(holder.name) / "html"
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-W", "--keep-going", "-q"]
    command += ["-d", str(target.parent / "doctrees"), str(ROOT / "notebooks"), str(target)]
    begin = time.perf_counter()
    # One BLAS thread, as the Makefile sets it: the build trains two small runs for its figures.
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)
    built = Built(target, time.perf_counter() - begin, done.returncode, done.stdout + done.stderr)
    built.holder = holder
    return built


@dataclasses.dataclass
class Element:
    tag: str
    attributes: dict
    text: str = ""


class Page(HTMLParser):
    """The elements of a page with their attributes and direct text, and a few views of them."""

    def __init__(self, path):
        super().__init__(convert_charrefs=True)
        self.path = path
        self.source = path.read_text(encoding="utf-8")
        self.elements, self._open = [], []
        self.feed(self.source)

    def handle_starttag(self, tag, attrs):
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag):
        for depth in range(len(self._open) - 1, -1, -1):
            if self._open[depth].tag == tag:
                del self._open[depth:]
                break

    def handle_data(self, data):
        if self._open:
            self._open[-1].text += data

    def all(self, tag, **wanted):
        return [
            element
            for element in self.elements
            if element.tag == tag and all(element.attributes.get(name) == value for name, value in wanted.items())
        ]

    def meta(self, name):
        found = self.all("meta", name=name) + self.all("meta", property=name) + self.all("meta", **{"http-equiv": name})
        return found[0].attributes["content"] if found else None

    @property
    def identifiers(self):
        return {element.attributes["id"] for element in self.elements if "id" in element.attributes}

    @property
    def links(self):
        return [element.attributes["href"] for element in self.all("a") if "href" in element.attributes]

    @property
    def resources(self):
        """What a browser fetches to show the page: scripts, styles, pictures, as written."""
        wanted = {"script": "src", "img": "src", "iframe": "src", "source": "src", "object": "data", "embed": "src"}
        found = [
            element.attributes[wanted[element.tag]]
            for element in self.elements
            if element.attributes.get(wanted.get(element.tag))
        ]
        kinds = {"stylesheet", "icon", "shortcut icon", "preload", "prefetch", "modulepreload", "manifest"}
        return found + [link.attributes["href"] for link in self.all("link") if link.attributes.get("rel") in kinds]


@functools.cache
def page(path):
    return Page(path)


def target_of(path, href):
    """The file and the anchor that a relative address on a page means."""
    parts = urlsplit(href)
    file = (path.parent / unquote(parts.path)).resolve() if parts.path else path.resolve()
    return file, unquote(parts.fragment)


def weight(path):
    """Bytes of a page and of all that it loads, before compression."""
    files = {path.resolve()}
    queue = [target_of(path, address)[0] for address in page(path).resources if not urlsplit(address).scheme]
    while queue:
        file = queue.pop()
        if file in files:
            continue
        files.add(file)
        if file.suffix == ".css":
            urls = re.findall(r"url\([\"']?([^)\"']+)", file.read_text(encoding="utf-8"))
            queue += [target_of(file, url)[0] for url in urls if not url.startswith(("data:", "#"))]
    return sum(file.stat().st_size for file in files)
