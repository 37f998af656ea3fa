"""What a web server wants besides pages: a policy on every page, a sitemap, a page for lost visitors, the sources."""

import base64
import hashlib
import html
import re
import shutil
from pathlib import Path

# Everything comes from the site itself. Scripts: its files, and the inline ones whose hash is listed. Styles may be
# inline, because the theme and output tables set them. Workers come from text that the explorer's own script holds.
POLICY = (
    "default-src 'none'; script-src 'self' {hashes}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; worker-src blob:; manifest-src 'self'; base-uri 'none'; form-action 'self'"
)
INLINE_SCRIPT = re.compile(r"<script(?P<attributes>[^>]*)>(?P<body>.*?)</script>", re.DOTALL)


def policy_of(page):
    """The Content-Security-Policy of a page: its own inline scripts are allowed by hash, no others."""
    hashes = []
    for script in INLINE_SCRIPT.finditer(page):
        if "src=" in script["attributes"] or 'type="application' in script["attributes"]:
            continue
        digest = base64.b64encode(hashlib.sha256(script["body"].encode()).digest()).decode()
        hashes.append(f"'sha256-{digest}'")
    return POLICY.format(hashes=" ".join(dict.fromkeys(hashes)))


# What the theme's markup lacks for a screen reader.
MENDS = {
    '<p class="caption" role="heading">': '<p class="caption" role="heading" aria-level="2">',
    '<aside class="sidebar-drawer">': '<aside class="sidebar-drawer" aria-label="Chapters and search">',
    '<th class="head"><p></p></th>': '<td class="head"></td>',  # the empty corner of a table is no header
    '<aside class="toc-drawer': '<aside aria-label="On this page" class="toc-drawer',
}
# A size in attributes leaves room for a picture before it comes, and lets the page shrink it.
SIZE = re.compile(r'style="width: (\d+)px; height: (\d+)px;"')


# Asks for the text face before the style sheet that names it is there; from a folder, browsers refuse to be asked.
FACES = """
    <script>
      for (const weight of location.protocol === "file:" ? [] : [400, 600]) {
        const href = `_static/fonts/source-serif-4-latin-${weight}-normal.woff2`;
        document.head.append(Object.assign(document.createElement("link"), { rel: "preload", as: "font", crossOrigin: "", href }));
      }
    </script>"""


def finish_pages(folder):
    """Mend the theme's markup, ask for the text face, and give every page its policy."""
    for path in folder.rglob("*.html"):
        page = path.read_text(encoding="utf-8")
        for lacking, mended in MENDS.items():
            page = page.replace(lacking, mended)
        page = SIZE.sub(r'width="\1" height="\2"', page)
        faces = FACES if "_static/book.css" in page else ""
        tag = f'<meta http-equiv="Content-Security-Policy" content="{policy_of(faces + page)}">'
        charset = re.search(r"<meta charset=[^>]*>", page, re.IGNORECASE)
        if charset is None:
            raise ValueError(f"{path.name} has no <meta charset>, which the policy must follow")
        path.write_text(page[: charset.end()] + "\n    " + tag + faces + page[charset.end() :], encoding="utf-8")


def write_sitemap(app, folder):
    pages = sorted(app.env.found_docs)
    urls = "".join(f"  <url><loc>{html.escape(app.config.html_baseurl + page)}.html</loc></url>\n" for page in pages)
    folder.joinpath("sitemap.xml").write_text(
        f'<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{urls}</urlset>\n',
        encoding="utf-8",
    )
    folder.joinpath("robots.txt").write_text(
        f"User-agent: *\nAllow: /\nSitemap: {app.config.html_baseurl}sitemap.xml\n", encoding="utf-8"
    )


def write_lost_page(app, folder):
    """404.html is served at any depth, so it carries its style with it and its links are absolute."""
    template = Path(app.confdir, "_templates", "404.html").read_text(encoding="utf-8")
    folder.joinpath("404.html").write_text(template.replace("{{ home }}", app.config.html_baseurl), encoding="utf-8")


# Addresses of the first edition, and what stands there now.
MOVED = {
    "05_showdown": "06_prior",
    "06_classification": "07_classification",
    "07_scaling": "08_million",
    "08_theory": "05_mechanisms",
}
MOVED_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>This chapter has moved</title>
<link rel="canonical" href="{new}.html"><meta http-equiv="refresh" content="0; url={new}.html"></head>
<body><p>This chapter has moved: <a href="{new}.html">read it here</a>.</p></body></html>
"""


def write_moved_pages(folder):
    """Old links lead on."""
    for old, new in MOVED.items():
        folder.joinpath(f"{old}.html").write_text(MOVED_PAGE.format(new=new), encoding="utf-8")


def copy_notebooks(app, folder):
    downloads = folder / "downloads"
    downloads.mkdir(exist_ok=True)
    for notebook in sorted(Path(app.srcdir).glob("[0-9A]*_*.ipynb")):
        for path in (notebook, notebook.with_suffix(".py")):
            shutil.copyfile(path, downloads / path.name)


def finish(app, exception):
    if exception or app.builder.name != "html":
        return
    folder = Path(app.outdir)
    copy_notebooks(app, folder)
    write_moved_pages(folder)
    write_sitemap(app, folder)
    write_lost_page(app, folder)
    finish_pages(folder)


def setup(app):
    # Last of all, when every page is written.
    app.connect("build-finished", finish, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
