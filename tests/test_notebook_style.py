"""The house rules (house_rules.py) hold in every notebook, and every rule can fail."""

import copy

import book
import house_rules
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from prose_numbers import numbers_in, quoted_numbers


def name_of(value):
    return getattr(value, "stem", None) or getattr(value, "__name__", None)


@pytest.mark.parametrize("path", book.stored_notebooks(), ids=name_of)
@pytest.mark.parametrize("rule", house_rules.RULES, ids=name_of)
def test_house_rule(rule, path):
    problems = [f"{path.stem}, {problem}" for problem in rule(book.read(path))]
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
        text("You will do this, learn that, need nothing."),
        text("## Notation\n\n$x$ is `x`."),
        code("import numpy as np"),
        code("rate = 0.1  # the step"),
        code("print(rate / 3)", outputs=[printed("0.0333\n")]),
        text("## Idea\n\nThe error is 0.033, or 3.3 %.\n\n$$ x = 1234.5 \\tag{1} $$"),
        code('show(draw(rate), alt="three lines")', outputs=[figure()]),
        text("The red line ends at 0.25."),
        *[code(f"step_{n} = rate") for n in range(7)],
        code("slider = controls(rate)", metadata={"tags": ["explorer", "nbval-ignore-output"]}),
        text("## Summary\n\nYou did this."),
        text("## Exercises\n\n**Exercise 1** One.\n\n**Exercise 2** Two.\n\n**Exercise 3** Three."),
        text("<details>\n1\n</details>\n<details>\n2\n</details>\n<details>\n3\n</details>"),
        text("## References\n\nA. Author, 12.345 (1999).\n\n**Next:** [02](02.ipynb)"),
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


def summarise(cell, values):
    """A mutation: the figure of a cell is stored with the summary of the values that it plots."""

    def mutate(notebook):
        notebook.cells[cell - 1].outputs[0].data["text/plain"] += f"\n\n{values}"

    return mutate


def both(first, second):
    def mutate(notebook):
        first(notebook)
        second(notebook)

    return mutate


def tag(cell, *tags):
    def mutate(notebook):
        notebook.cells[cell - 1].metadata["tags"] = list(tags)

    return mutate


def drop_cells(notebook):
    del notebook.cells[9:12]


def repeat_cells(notebook):
    notebook.cells[9:9] = [copy.deepcopy(notebook.cells[8]) for _ in range(20)]


def clear(notebook):
    for _, cell in house_rules.code_cells(notebook):
        cell.outputs, cell.execution_count = [], None


def swap_counts(notebook):
    notebook.cells[4].execution_count, notebook.cells[5].execution_count = 3, 2


def lengthen(notebook):
    for _, cell in house_rules.code_cells(notebook)[1:]:
        cell.source += "\n# more" * 6


def swap_sections(notebook):
    notebook.cells[17:19] = notebook.cells[18:16:-1]


def use_a_control(notebook):
    notebook.cells[9].metadata["tags"] = ["explorer"]
    notebook.cells[10].source = "print(step_0)"


def store_widget_state(notebook):
    notebook.metadata["widgets"] = {}


WIDGET = new_output("display_data", {"application/vnd.jupyter.widget-view+json": {}, "text/plain": "An explorer."})

MUTATIONS = [
    ("opens_with_a_title_and_a_question", write(1, "Draw one line. Why?")),
    ("opens_with_a_title_and_a_question", write(1, "# Draw one line")),
    ("opens_with_a_title_and_a_question", add(9, "\n\n# Another title")),
    ("promises_do_learn_need", write(2, "You will do this and learn that.")),
    ("sections_stand_in_order", write(3, "$x$ is `x`.")),
    ("sections_stand_in_order", swap_sections),
    ("has_the_right_length", drop_cells),
    ("has_the_right_length", repeat_cells),
    ("code_cells_are_short", add(5, "\nx = 1" * 15)),
    ("code_cells_are_short", lengthen),
    ("code_cells_are_short", write(5, " \n")),
    ("imports_stand_in_one_cell", add(5, "\nfrom math import pi")),
    ("has_three_exercises_with_folded_solutions", write(19, "## Exercises\n\nExercise 1, Exercise 2")),
    ("has_three_exercises_with_folded_solutions", write(20, "<details>")),
    ("nothing_depends_on_an_explorer", output(8)),
    ("nothing_depends_on_an_explorer", use_a_control),
    ("every_code_cell_ran_in_order", clear),
    ("every_code_cell_ran_in_order", swap_counts),
    ("figures_are_described", output(8, figure("<Figure size 640x480 with 1 Axes>"))),
    ("figures_are_described", output(8, figure(""))),
    ("shown_figures_have_alt_texts", write(8, "show(draw(rate))")),
    ("shown_figures_have_alt_texts", write(8, 'show(draw(rate), alt="")')),
    ("outputs_are_clean", output(6, printed("0.0333"), printed("UserWarning", "stderr"))),
    ("outputs_are_clean", output(6, new_output("error", ename="E", evalue="0.0333", traceback=[]))),
    ("outputs_are_clean", output(6, printed("0.0333 <object at 0x7f0123456789>"))),
    ("outputs_are_clean", output(6, printed("0.0333 in /home/reader/book"))),
    ("no_widget_state_is_stored", store_widget_state),
    ("no_widget_state_is_stored", output(17, WIDGET)),
    ("no_check_is_switched_off", tag(6, "nbval-skip")),
    ("no_check_is_switched_off", tag(6, "raises-exception")),
    ("no_check_is_switched_off", tag(6, "nbval-ignore-output")),
    ("no_check_is_switched_off", add(6, "\n# NBVAL_IGNORE_OUTPUT")),
    ("markdown_is_portable", add(9, " See {cite:p}`finn2017`.")),
    ("markdown_is_portable", add(9, "\n```{note}\n```")),
    ("markdown_is_portable", add(9, "\n:::note")),
    ("markdown_is_portable", add(9, "\n(target)=\n")),
    ("markdown_is_portable", add(9, " A note.[^1]")),
    ("markdown_is_portable", add(9, "\n$$ x \\label{eq} $$")),
    ("markdown_is_portable", add(9, "\n$$ x $$ (eq)")),
    ("markdown_is_portable", add(9, "\n\\begin{align} x \\end{align}")),
    ("numbers_in_prose_were_computed", write(9, "The red line ends at 0.26.")),
    ("numbers_in_prose_were_computed", add(9, " That is 25.1 %.")),
    ("numbers_in_prose_were_computed", add(18, " It took 257 features.")),
    ("numbers_in_prose_were_computed", output(6)),
    ("numbers_in_prose_were_computed", both(write(15, "step_5 = 0.77"), add(9, " It is 0.77."))),
    ("numbers_in_prose_were_computed", both(summarise(8, "line: 0.77"), add(9, " It is 0.77."))),
    (
        "numbers_in_prose_were_computed",
        both(both(write(10, "x = 0.77"), write(11, "y = 0.88")), add(9, " From 0.77 to 0.88.")),
    ),
    ("numbers_in_prose_were_computed", both(write(10, "x = 0.77"), add(9, " It is 0.8."))),
]


@pytest.mark.parametrize(("rule", "mutate"), MUTATIONS)
def test_the_rule_catches_the_mutation(good, rule, mutate):
    mutate(good)
    assert list(getattr(house_rules, rule)(good)), f"{rule} let it pass"


def test_every_rule_has_a_mutation():
    assert {rule.__name__ for rule in house_rules.RULES} == {rule for rule, _ in MUTATIONS}


@pytest.mark.parametrize(
    ("text", "output", "stands"),
    [
        ("3.6", "3.6401", True),
        ("3.6", "3.66", False),
        ("1e-5", "1.2e-05", True),
        ("1e-5", "1.6e-05", False),
        ("2.1e-5", "2.14e-05", True),
        ("3 × 10⁻⁵", "2.9e-05", True),
        ("10⁻³⁰", "1e-28", False),
        ("1,000 steps", "1000", True),
        ("about 1,200", "1187", True),
        ("about 1,200", "1287", False),
        ("257", "258", False),
        ("−0.25", "0.25", True),
        ("99.5 %", "0.995", True),
        ("99.5 %", "99.5", True),
        ("99.5%", "0.985", False),
    ],
)
def test_a_quoted_number_stands_in_the_output_when_it_rounds_to_it(text, output, stands):
    (number,) = quoted_numbers(f"We see {text}.")
    assert number.stands_in(numbers_in([output])) is stands


@pytest.mark.parametrize(
    "text",
    [
        "5 tasks, 64 points",
        "(Finn et al., 2017)",
        "$x = 0.5$",
        "$$ x = 0.5 $$",
        "`0.5`",
        "```\n0.5\n```",
        "[A. Author, 0.5](https://example.org/0.5)",
        "arXiv:1703.03400",
        "Python 3.11, torch 2.13.0 and version 2.13.0",
        "Section 3.2, equation (1.1)",
    ],
)
def test_what_is_no_quoted_number(text):
    assert quoted_numbers(text) == []
