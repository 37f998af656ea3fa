"""The house rules of a notebook, one function each: it yields a sentence for every cell that breaks the rule.

Each guards something that a reader would miss: a picture without words, an output that nobody compared, text that
only one program renders. Layout is ruff's business, and numbers in the text are held by assertions in the cells.
"""

import ast
import re
from collections.abc import Iterator

import checkout
from nbformat import NotebookNode

ALLOWED_TAGS = {"colab", "exercise", "explorer", "hide-input", "nbval-ignore-output", "parameters", "solution"}
ALLOWED_TAGS |= {"wall-clock"}
MAY_IGNORE_OUTPUT = {"explorer", "wall-clock"}

Problems = Iterator[str]


def numbered(notebook: NotebookNode, kind: str) -> list[tuple[int, NotebookNode]]:
    """The cells of one kind with their positions, counted from 1 over all cells."""
    return [(n, cell) for n, cell in enumerate(notebook.cells, start=1) if cell.cell_type == kind]


def code_cells(notebook: NotebookNode) -> list[tuple[int, NotebookNode]]:
    return numbered(notebook, "code")


def outputs(notebook: NotebookNode) -> list[tuple[int, NotebookNode]]:
    return [(n, output) for n, cell in code_cells(notebook) for output in cell.outputs]


def tree(cell: NotebookNode) -> ast.Module:
    """The parsed source; lines that only IPython understands are left out."""
    return ast.parse("\n".join(line for line in cell.source.splitlines() if not line.lstrip().startswith(("%", "!"))))


def without_code(markdown: str) -> str:
    """The Markdown without code blocks and code spans, which may show anything."""
    return re.sub(r"```.*?```|`[^`\n]*`", " ", markdown, flags=re.DOTALL)


def headings(notebook: NotebookNode) -> list[tuple[int, str]]:
    """(cell, text) of each Markdown heading and of each bold phrase that opens a line."""
    opening = re.compile(r"^(?:#{1,6}\s+(.*)|\*\*(.+?)\*\*)", re.MULTILINE)
    return [
        (n, found[1] or found[2])
        for n, cell in numbered(notebook, "markdown")
        for found in opening.finditer(without_code(cell.source))
    ]


def stored_text(output: NotebookNode) -> str:
    return output.get("text", "") or output.get("data", {}).get("text/plain", "")


# Structure


def opens_with_a_title_and_a_question(notebook: NotebookNode) -> Problems:
    first = notebook.cells[0]
    if first.cell_type != "markdown" or not first.source.startswith("# "):
        yield "cell 1: a notebook opens with its title, '# Verb ...'."
    elif "?" not in first.source:
        yield "cell 1: under the title stands the one question that the notebook answers."
    titles = [
        n for n, cell in numbered(notebook, "markdown") for _ in re.findall(r"^# ", without_code(cell.source), re.M)
    ]
    for n in titles[1:]:
        yield f"cell {n}: a second '# ' title; sections start with '## '."


def ends_with_what_a_reader_looks_up(notebook: NotebookNode) -> Problems:
    found = [text for _, text in headings(notebook)]
    for section in ("Exercises", "Summary", "References"):
        if not any(re.match(rf"\W*{section}\b", text, re.I) for text in found):
            yield f"a heading '{section}' is missing."


def nothing_depends_on_an_explorer(notebook: NotebookNode) -> Problems:
    controls: set[str] = set()
    picture_before = False
    for n, cell in code_cells(notebook):
        used = {node.id for node in ast.walk(tree(cell)) if isinstance(node, ast.Name)}
        if "explorer" in checkout.tags(cell):
            if not picture_before:
                yield f"cell {n}: a static figure comes before the explorer and carries the same argument."
            controls |= {node.id for node in ast.walk(tree(cell)) if is_assigned(node)}
        elif used & controls:
            yield f"cell {n}: uses {', '.join(sorted(used & controls))}, which an explorer defines."
        picture_before |= any("image/png" in output.get("data", {}) for output in cell.outputs)


def is_assigned(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


# Outputs


def every_code_cell_ran_in_order(notebook: NotebookNode) -> Problems:
    """nbval compares nothing in a cell without an execution count, so cleared outputs would pass it."""
    for expected, (n, cell) in enumerate(code_cells(notebook), start=1):
        if cell.execution_count != expected:
            yield f"cell {n}: execution count {cell.execution_count}, not {expected}: run make notebooks."


def figures_are_described(notebook: NotebookNode) -> Problems:
    for n, output in outputs(notebook):
        data = output.get("data", {})
        if not any(kind.startswith("image/") for kind in data):
            continue
        text = data.get("text/plain", "").strip()
        if len(text) < 20 or text.startswith("<"):
            yield f"cell {n}: a figure without a description, {text!r}: display it with show(fig, alt=...)."


def shown_figures_have_alt_texts(notebook: NotebookNode) -> Problems:
    for n, cell in code_cells(notebook):
        for call in ast.walk(tree(cell)):
            if isinstance(call, ast.Call) and getattr(call.func, "id", None) == "show" and not has_alt(call):
                yield f"cell {n}: show(...) without alt='what is seen'."


def has_alt(call: ast.Call) -> bool:
    given = [keyword.value for keyword in call.keywords if keyword.arg == "alt"]
    return bool(given) and not (isinstance(given[0], ast.Constant) and not given[0].value)


def outputs_are_clean(notebook: NotebookNode) -> Problems:
    machine = re.compile(r"0x[0-9a-f]{6,}|ipykernel_\d+|/(?:home|root|tmp|Users|work)/\S+")
    for n, output in outputs(notebook):
        if output.get("name") == "stderr" or output.output_type == "error":
            kind = output.get("name", "error")
            yield f"cell {n}: a stored {kind} output: a warning is fixed, an error is caught and printed."
        found = machine.search(stored_text(output))
        if found:
            yield f"cell {n}: the output names something of one machine or one run: {found[0]!r}."


def no_widget_state_is_stored(notebook: NotebookNode) -> Problems:
    if "widgets" in notebook.metadata:
        yield "the notebook stores widget state: run make notebooks."
    for n, output in outputs(notebook):
        if "application/vnd.jupyter.widget-view+json" in output.get("data", {}):
            yield f"cell {n}: a stored widget, whose model is gone: run make notebooks."


def no_check_is_switched_off(notebook: NotebookNode) -> Problems:
    for n, cell in enumerate(notebook.cells, start=1):
        given = {tag for tag in checkout.tags(cell) if not tag.startswith("live-")}  # the site makes these figures live
        if given - ALLOWED_TAGS:
            yield f"cell {n}: tags {sorted(given - ALLOWED_TAGS)}; only {sorted(ALLOWED_TAGS)} are used here."
        if "nbval-ignore-output" in given and not given & MAY_IGNORE_OUTPUT:
            yield f"cell {n}: only a cell tagged explorer or wall-clock may ignore its output."
        if cell.cell_type == "code" and re.search(r"^\s*#\s*(NBVAL|PYTEST_VALIDATE)_", cell.source, re.M):
            yield f"cell {n}: an NBVAL comment; tags say what nbval does, where everybody sees them."


# Text


UNPORTABLE = {
    "a MyST role": r"(?:^|[\s(])\{[\w:-]+\}`[^`\s]",
    "a MyST directive": r"^\s*(?:```|~~~)\s*\{",
    "a MyST block": r"^:::",
    "a MyST target": r"^\([\w-]+\)=\s*$",
    "a footnote": r"\[\^[^\]]+\]",
    "an equation label (use \\tag{1})": r"\\(?:label|eqref|ref)\{|^\$\$\s*\([\w-]+\)\s*$",
    "a LaTeX environment outside $$": r"^\\begin\{",
}


def markdown_is_portable(notebook: NotebookNode) -> Problems:
    """What stock JupyterLab, GitHub, Colab and Sphinx all render."""
    for n, cell in numbered(notebook, "markdown"):
        text = re.sub(r"\$\$.*?\$\$", only_labels, cell.source, flags=re.DOTALL)
        for name, pattern in UNPORTABLE.items():
            if re.search(pattern, text, re.MULTILINE):
                yield f"cell {n}: {name}, which not every reader's program renders."


def only_labels(equation: re.Match) -> str:
    return "$$" + " ".join(re.findall(r"\\(?:label|eqref|ref)\{", equation[0]))


RULES = [
    opens_with_a_title_and_a_question,
    ends_with_what_a_reader_looks_up,
    nothing_depends_on_an_explorer,
    every_code_cell_ran_in_order,
    figures_are_described,
    shown_figures_have_alt_texts,
    outputs_are_clean,
    no_widget_state_is_stored,
    no_check_is_switched_off,
    markdown_is_portable,
]
