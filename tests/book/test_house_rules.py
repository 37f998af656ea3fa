"""The house rules (house_rules.py) hold in every notebook, and every rule can fail."""

import checkout
import house_rules
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output


def name_of(value):
    return getattr(value, "stem", None) or getattr(value, "__name__", None)


@pytest.mark.parametrize("path", checkout.stored_notebooks(), ids=name_of)
@pytest.mark.parametrize("rule", house_rules.RULES, ids=name_of)
def test_house_rule(rule, path):
    problems = [f"{path.stem}, {problem}" for problem in rule(checkout.read(path))]
    assert not problems, "\n" + "\n".join(problems)


def figure(text="Three lines; the red one ends at 0.25."):
    return new_output("display_data", {"image/png": "iVBORw0KGgo=", "text/plain": text})


def printed(text, name="stdout"):
    return new_output("stream", name=name, text=text)


@pytest.fixture
def good():
    """A notebook that breaks no rule; the tests below break one each."""
    text, code = new_markdown_cell, new_code_cell
    cells = [
        text("# Draw one line\n\nWhy is it straight?"),
        code("rate = 0.1  # the step"),
        code("print(rate / 3)", outputs=[printed("0.0333\n")]),
        code('show(draw(rate), alt="three lines")', outputs=[figure()]),
        text("The red line ends at 0.25.\n\n$$ x = 1234.5 \\tag{1} $$"),
        code("slider = controls(rate)", metadata={"tags": ["explorer", "nbval-ignore-output"]}),
        code("print(rate)"),
        text("## Summary\n\nYou did this."),
        text("## Exercises\n\n**Exercise 1** One."),
        text("## References\n\nA. Author, 12.345 (1999)."),
    ]
    notebook = new_notebook(cells=cells)
    for count, (_, cell) in enumerate(house_rules.code_cells(notebook), start=1):
        cell.execution_count = count
    return notebook


def test_the_good_notebook_breaks_no_rule(good):
    assert [problem for rule in house_rules.RULES for problem in rule(good)] == []


def write(cell, source):
    """A mutation: cell `cell` (counted from 1) gets this source."""

    def mutate(notebook):
        notebook.cells[cell - 1].source = source

    return mutate


def add(cell, source):
    def mutate(notebook):
        notebook.cells[cell - 1].source += source

    return mutate


def output(cell, *outputs):
    def mutate(notebook):
        notebook.cells[cell - 1].outputs = list(outputs)

    return mutate


def tag(cell, *tags):
    def mutate(notebook):
        notebook.cells[cell - 1].metadata["tags"] = list(tags)

    return mutate


def clear(notebook):
    for _, cell in house_rules.code_cells(notebook):
        cell.outputs, cell.execution_count = [], None


def swap_counts(notebook):
    notebook.cells[1].execution_count, notebook.cells[2].execution_count = 2, 1


def store_widget_state(notebook):
    notebook.metadata["widgets"] = {}


WIDGET = new_output("display_data", {"application/vnd.jupyter.widget-view+json": {}, "text/plain": "An explorer."})

MUTATIONS = [
    ("opens_with_a_title_and_a_question", write(1, "Draw one line. Why?")),
    ("opens_with_a_title_and_a_question", write(1, "# Draw one line")),
    ("opens_with_a_title_and_a_question", add(5, "\n\n# Another title")),
    ("ends_with_what_a_reader_looks_up", write(8, "You did this.")),
    ("ends_with_what_a_reader_looks_up", write(10, "A. Author, 12.345 (1999).")),
    ("nothing_depends_on_an_explorer", output(4)),
    ("nothing_depends_on_an_explorer", write(7, "print(slider)")),
    ("every_code_cell_ran_in_order", clear),
    ("every_code_cell_ran_in_order", swap_counts),
    ("figures_are_described", output(4, figure("<Figure size 640x480 with 1 Axes>"))),
    ("figures_are_described", output(4, figure(""))),
    ("shown_figures_have_alt_texts", write(4, "show(draw(rate))")),
    ("shown_figures_have_alt_texts", write(4, 'show(draw(rate), alt="")')),
    ("outputs_are_clean", output(3, printed("0.0333"), printed("UserWarning", "stderr"))),
    ("outputs_are_clean", output(3, new_output("error", ename="E", evalue="0.0333", traceback=[]))),
    ("outputs_are_clean", output(3, printed("0.0333 <object at 0x7f0123456789>"))),
    ("outputs_are_clean", output(3, printed("0.0333 in /home/reader/book"))),
    ("no_widget_state_is_stored", store_widget_state),
    ("no_widget_state_is_stored", output(6, WIDGET)),
    ("no_check_is_switched_off", tag(3, "nbval-skip")),
    ("no_check_is_switched_off", tag(3, "raises-exception")),
    ("no_check_is_switched_off", tag(3, "nbval-ignore-output")),
    ("no_check_is_switched_off", add(3, "\n# NBVAL_IGNORE_OUTPUT")),
    ("markdown_is_portable", add(5, " See {cite:p}`finn2017`.")),
    ("markdown_is_portable", add(5, "\n```{note}\n```")),
    ("markdown_is_portable", add(5, "\n:::note")),
    ("markdown_is_portable", add(5, "\n(target)=\n")),
    ("markdown_is_portable", add(5, " A note.[^1]")),
    ("markdown_is_portable", add(5, "\n$$ x \\label{eq} $$")),
    ("markdown_is_portable", add(5, "\n$$ x $$ (eq)")),
    ("markdown_is_portable", add(5, "\n\\begin{align} x \\end{align}")),
]


@pytest.mark.parametrize(("rule", "mutate"), MUTATIONS)
def test_the_rule_catches_the_mutation(good, rule, mutate):
    mutate(good)
    assert list(getattr(house_rules, rule)(good)), f"{rule} let it pass"


def test_every_rule_has_a_mutation():
    assert {rule.__name__ for rule in house_rules.RULES} == {rule for rule, _ in MUTATIONS}
