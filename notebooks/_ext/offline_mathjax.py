"""MathJax from a package on this machine: only the parts that the book needs, none of them from another server."""

import importlib.util
import shutil
from pathlib import Path

from sphinx.errors import ExtensionError

# MathJax loads its parts beside startup.js. The combined files of MathJax hold menus and speech as well, at twice the size.
PARTS = [
    "startup.js",
    "core.js",
    "input/tex-base.js",
    "input/tex/extensions/ams.js",
    "output/chtml.js",
    "output/chtml/fonts/tex.js",
    "a11y/assistive-mml.js",
]
FONTS = "output/chtml/fonts/woff-v2"
CONFIG = {
    "loader": {"load": ["core", "input/tex-base", "[tex]/ams", "output/chtml", "a11y/assistive-mml"]},
    "tex": {"packages": {"[+]": ["ams"]}},
}


def mathjax_folder():
    """Where the package sphinx-mathjax-offline keeps its files; its own extension would copy all 24 MB of them."""
    package = importlib.util.find_spec("sphinx-mathjax-offline")
    if package is None:
        raise ExtensionError("MathJax was not found: pip install sphinx-mathjax-offline (the extra [site] has it)")
    return Path(package.origin).parent / "static" / "mathjax"


def copy_parts(app, exception):
    if exception or app.builder.format != "html":
        return
    source, target = mathjax_folder(), Path(app.outdir) / "_static" / "mathjax"
    for part in PARTS:
        (target / part).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / part, target / part)
    shutil.copytree(source / FONTS, target / FONTS, dirs_exist_ok=True)


def setup(app):
    app.setup_extension("sphinx.ext.mathjax")
    app.config.mathjax_path = "mathjax/startup.js"
    app.config.mathjax3_config = CONFIG
    app.connect("build-finished", copy_parts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
