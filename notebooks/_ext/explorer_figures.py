"""The live figures: the script that trains in the page, and the plain figure that stands there without it.

`{explorer}` in a Markdown page and the cell tag `explorer` in a notebook both become a <figure data-explorer="...">.
With JavaScript the script builds the live figure inside it; without, the picture and its caption stay.
"""

import html
import re
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

import covers
import days

STATIC = Path(__file__).parent.parent / "_static"
# In order: each imports from those before it only.
ENGINE = ("engine.mjs", "kernel.mjs", "bayes.mjs", "training.mjs")
MODULES = (*ENGINE, "draw.mjs", "charts.mjs", "live.mjs", "laboratory.mjs", "figures.mjs")
IMPORT = re.compile(r"^import \{([^}]*)\} from \"\./(\w+\.mjs)\";\n", flags=re.MULTILINE)
DATA = re.compile(r"^import (\w+) from \"\./(\w+\.json)\" with \{ type: \"json\" \};\n", flags=re.MULTILINE)
EXPORT = re.compile(r"^export (class|function|const) (\w+)", flags=re.MULTILINE)

# What the explorer of each page is, and its caption.
#
# In captions, [words](at=64) set the figure and {name|64} is a number that follows it; 64 is what it starts with.
# Without JavaScript both are plain words.
EXPLORERS = {
    "index": (
        "front",
        "Four points of a curve that nobody has seen, and two fits through them: with equal weights, and with weights that "
        "MAML has learned from other tasks of the same kind, while you watch.",
    ),
    "laboratory": (
        "train",
        "Two ways to learn one weight for each feature from the same tasks, and one task that neither has seen. "
        "Live, the figure starts from half the book's size, 129 features and 32 points a task. Here, too, words set it: "
        "[hold nothing out](heldout=no), [hold out, and start at 0.01](heldout=yes&scale=0.01), [go back](heldout=yes&scale=1).",
    ),
    "01_setup": (
        "many",
        "Other curves than the true one go through [4 points](at=4), and through [64](at=64) as well: "
        "{open|253} of 257 directions are left open.",
    ),
    "02_overfitting": ("fit", "One task, one fit, and where its coefficients went."),
    "03_maml": (
        "find",
        "Whichever three features are true, MAML finds them, here among 129: [0 to 2](at=0), [10 to 12](at=10) or [126 to 128](at=126). "
        "The true weights end at {least|3.59} or more, all others at {other|0.092} or less.",
    ),
    "04_reptile": (
        "amplify",
        "Reptile on 129 features, from [a start of 1](at=1), where many still, small weights share the signal, and from "
        "[a start of 0.001](at=0.001): the largest of the others ends at {other|1.1}, and unseen tasks are missed by {risk|1.97}.",
    ),
    "06_prior": (
        "front",
        "Train once, then drag the number of points: equal weights against learned ones, "
        "from [3 points](points=3), [16](points=16) or [64](points=64).",
    ),
    "09_traffic": ("day", "An unseen day: drag the readings, and watch what three priors make of them."),
}


# Whose plain picture stands where a kind has none of its own.
PLAIN = {"many": "setup", "front": "train", "find": "train", "amplify": "train"}
# Small live figures: the cell tag "live-alias" puts one in the place of the picture that the cell has stored.
SMALL = {
    "alias": "Drag the number of grid points: how slow a wave still looks like feature 1? [8 points](at=8) leave 31 other "
    "waves that pass through all of them, [64](at=64) leave 3, [129](at=129) leave 1, and [130 or more](at=130) none. "
    "Here equal weights leave {share|0.25} of feature 1.",
    "judges": "Follow one weight under two judges: [feature 1](at=1), a true one, rises either way; [feature 7](at=7) or "
    "[feature 40](at=40), false ones, fall where held-out points judge and rise where the training points do.",
    "hyperbola": "Drag the start: the three true weights (large dots, after 0, 10, 30, 100 and 300 steps) climb the curve, the 30 others "
    "(small) stay nearer its foot. From [0.05](at=0.05) the true ones leave the others behind, from [1.3](at=1.3) hardly: "
    "here they reach {least|0.61} or more, the others {most|0.55} or less.",
    "starts": "Where all weights start decides what Reptile is worth: from [1](at=1) little is gained, from "
    "[0.01](at=0.01) new tasks are solved. From here, unseen tasks of four points are missed by {error1|1.39}.",
    "optimisers": "Judged by its own training points, MAML selects only if every step has one scale for all weights, and "
    "only from a small start: compare [1](at=1) with [0.01](at=0.01).",
    "split": "Judged by [held-out points](at=yes), false weights fall; judged by [its training points](at=no), they rise. "
    "Here they {moved|fell} to {others|0.088}.",
    "bayes": "Drag the steps of empirical Bayes: after [12](at=12) a false feature stands above a true one, after [24](at=24) "
    "the true ones stand out, after [60](at=60) they are alone. Here the lowest true one stands at {least|0.33}, the highest "
    "false one at {others|0.36}.",
    "sign": "Drag the mass: with [0.1](at=0.1) the fit is a poor prediction and a good classifier, with [0.4](at=0.4) it is "
    "good at both. Here its sign is right at {percent|63.6} % of all x, its squared distance is {distance|0.76}.",
    "wide": "Press the button: MAML through two tables finds three features of 65,537, in this page. Which three they are is "
    "drawn anew for every run.",
}


def caption(text):
    """A caption's words that set the figure and numbers that follow it, as HTML."""
    text = re.sub(r"\[([^\]]+)\]\(([^)]+)\)", r'<span data-set="\2">\1</span>', html.escape(text))
    return re.sub(r"\{(\w+)\|([^}]*)\}", r'<output aria-live="off" data-tell="\1">\2</output>', text)


def small_figure(kind, identifier, images):
    """The node of a small live figure around the stored pictures of its cell."""
    opening = f'<figure class="book-explorer book-small" id="{identifier}" data-explorer="{kind}">'
    closing = f"<figcaption>{caption(SMALL[kind])}</figcaption></figure>"
    container = nodes.container(classes=["book-explorer-place"])
    container += [nodes.raw("", opening, format="html"), *images, nodes.raw("", closing, format="html")]
    container["explorer"] = True
    return container


def classic_script():
    """One script without imports, made of the modules and their data: browsers refuse modules from file://.

    The engine stays a function, because a worker needs it as text; the others follow it in one scope.
    """
    exports, bodies = {}, {}
    for name in MODULES:
        source = STATIC.joinpath(name).read_text(encoding="utf-8")
        for names, other in IMPORT.findall(source):
            missing = set(re.findall(r"\w+", names)) - set(exports[other])
            if missing:
                raise ValueError(f"{name} imports {sorted(missing)}, which {other} does not export")
        exports[name] = [word for _, word in EXPORT.findall(source)]
        source = DATA.sub(lambda found: f"const {found[1]} = {(STATIC / found[2]).read_text('utf-8')};\n", source)
        bodies[name] = EXPORT.sub(r"\1 \2", IMPORT.sub("", source))
    engine = "\n".join(bodies.pop(name) for name in ENGINE)
    names = ", ".join(word for name in ENGINE for word in exports[name])
    return (
        '(() => {\n"use strict";\n'
        f"function makeEngine() {{\n{engine}\nreturn {{ {names} }};\n}}\n"
        f"const {{ {names} }} = makeEngine();\n" + "\n".join(bodies.values()) + "\n})();\n"
    )


def plain_figure(kind):
    """What stands there without JavaScript: two pictures, one for light pages and one for dark ones."""
    alt = html.escape(covers.ALT[kind])
    width, height = (round(100 * inches) for inches in covers.SIZES[kind])
    return "".join(
        f'<img class="only-{tone}" src="_static/{kind}-{tone}.svg" alt="{alt}" width="{width}" height="{height}">'
        for tone in covers.TONES
    )


def explorer_figure(docname, identifier="explorer", images=()):
    """The node of an explorer: its plain picture, its caption, and what the script must know."""
    kind, words = EXPLORERS.get(docname, EXPLORERS["index"])
    known = f' data-days="{html.escape(days.priors_and_days())}"' if kind == "day" else ""
    opening = f'<figure class="book-explorer" id="{identifier}" data-explorer="{kind}"{known}>'
    closing = (
        f"<figcaption>{caption(words)}<noscript> With JavaScript this figure is live: "
        "it trains in the page.</noscript></figcaption></figure>"
    )
    container = nodes.container(classes=["book-explorer-place"])
    picture = list(images) or [nodes.raw("", plain_figure(PLAIN.get(kind, kind)), format="html")]
    container += [nodes.raw("", opening, format="html"), *picture, nodes.raw("", closing, format="html")]
    container["explorer"] = True
    return container


class Explorer(SphinxDirective):
    """The directive `{explorer}`: the live figure of the page it stands on."""

    def run(self):
        return [explorer_figure(self.env.docname)]


def add_script(app, pagename, templatename, context, doctree):
    """Only pages with an explorer load its script; text to the browser, until reading.js makes a script of it."""
    if doctree is not None and any(node.get("explorer") for node in doctree.findall(nodes.container)):
        app.add_js_file("explorer.js", type="text/plain", id="figures")


def write_files(app):
    if app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    static.mkdir(parents=True, exist_ok=True)
    static.joinpath("explorer.js").write_text(classic_script(), encoding="utf-8")
    covers.write(static)


def setup(app):
    app.add_directive("explorer", Explorer)
    app.connect("builder-inited", write_files)
    app.connect("html-page-context", add_script)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
