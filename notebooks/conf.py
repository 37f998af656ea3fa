"""Sphinx settings of the published book: the stored notebooks, never executed here, and a few pages around them."""

import os
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))
PROJECT = tomllib.loads((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]

# ------------------------------------------------------------------------------------------------ where the book lives

# A fork's workflow sets GITHUB_REPOSITORY to owner/name; anywhere else pyproject.toml knows.
repository = os.environ.get("GITHUB_REPOSITORY") or PROJECT["urls"]["Repository"].split("github.com/")[1]
owner, name = repository.split("/")
html_baseurl = os.environ.get("SITE_URL") or f"https://{owner.lower()}.github.io/{name}/"

# ------------------------------------------------------------------------------------------------ the book

project = "fourier_meta"
author = PROJECT["authors"][0]["name"]
copyright = f"{author}. Text and code under the MIT licence."
release = version = PROJECT["version"]
language = "en"

extensions = [
    "myst_nb",
    "sphinx_copybutton",
    "plain_docstrings",
    "mathml",
    "notebook_pages",
    "explorer_figures",
    "search_sentences",
    "site_files",
]
exclude_patterns = ["_*", "paper", "results", "data", "**.ipynb_checkpoints"]
templates_path = ["_templates"]

# The reader sees the outputs that `make test` compared with a fresh run.
nb_execution_mode = "off"
nb_merge_streams = True
nb_ipywidgets_js = {}  # widget views need a kernel; the pages have explorers of their own instead
nb_mime_priority_overrides = [("html", "application/vnd.jupyter.widget-view+json", None)]
nb_code_prompt_show = "Show the code"
nb_code_prompt_hide = "Hide the code"
suppress_warnings = ["mystnb.unknown_mime_type"]  # a widget view; the picture or words beside it are shown
myst_enable_extensions = ["dollarmath", "attrs_block", "colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_typehints = "none"
default_role = "py:obj"
add_module_names = False
toc_object_entries = False

# ------------------------------------------------------------------------------------------------ how it looks

html_theme = "furo"
html_title = "fourier_meta"
html_static_path = ["_static"]
html_css_files = ["book.css", "explorer.css"]
html_js_files = [("reading.js", {"defer": "defer"})]
html_favicon = "_static/favicon.svg"
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = True
html_last_updated_fmt = None  # two builds of the same sources are the same
html_use_index = False
html_domain_indices = False
html_theme_options = {
    "source_repository": f"https://github.com/{repository}/",
    "source_branch": "main",
    "source_directory": "notebooks/",
    "top_of_page_buttons": [],
    "light_css_variables": {
        "color-brand-primary": "#0A5C95",
        "color-brand-content": "#0A5C95",
        "color-brand-visited": "#6A3D7C",
        "color-code-background": "#F6F8FA",
        "font-stack": "-apple-system, BlinkMacSystemFont, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif",
        "book-maml": "#0072B2",
        "book-fomaml": "#1A78A6",
        "book-reptile": "#00795A",
        "book-min-norm": "#B84A00",
        "book-empirical-bayes": "#C4122F",
        "book-true": "#1F2328",
        "book-line": "#D0D7DE",
        "book-quiet": "#59636E",
        "book-paper": "#FFFFFF",
        "book-raised": "#F6F8FA",
        "book-turned": "none",
    },
    # The same hues, lighter: each has at least 4.5 : 1 on furo's dark page.
    "dark_css_variables": {
        "color-brand-primary": "#7CC0EE",
        "color-brand-content": "#7CC0EE",
        "color-brand-visited": "#C9A4DA",
        "book-maml": "#6CB8EE",
        "book-fomaml": "#A9D6F5",
        "book-reptile": "#3ECFA3",
        "book-min-norm": "#FF9A57",
        "book-empirical-bayes": "#FF8296",
        "book-true": "#E6EDF3",
        "book-line": "#3B434C",
        "book-quiet": "#A3ADB8",
        "book-paper": "#131416",
        "book-raised": "#1C1F23",
        "book-turned": "invert(0.93) hue-rotate(180deg) saturate(1.35)",
    },
}
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
copybutton_exclude = ".linenos, .gp, .go"

book_repository = repository
book_description = (
    "A short book that runs: how MAML and Reptile learn which of 257 Fourier features matter, "
    "and when three points of a new task are then enough. Train both in the page."
)


def name_repository(app, docname, source):
    """The front page tells what to clone; a fork's front page tells to clone the fork."""
    if docname == "index":
        source[0] = (
            source[0].replace("{{ repository }}", f"https://github.com/{repository}").replace("{{ folder }}", name)
        )


def setup(app):
    """Let the extensions of this folder read where the book is published."""
    app.connect("source-read", name_repository)
    app.add_config_value("book_repository", repository, "html")
    app.add_config_value("book_description", book_description, "html")
