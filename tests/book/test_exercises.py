"""The folded solutions pass their checks, and the obvious wrong answers do not."""

import checkout
import exercise_cells
import pytest

EXERCISES = {
    (exercise.notebook, exercise.number): exercise
    for path in checkout.source_notebooks()
    for exercise in exercise_cells.exercises_of(path)
}

# For each exercise, what readers try first. Each is a line of code in place of `name = ...`.
WRONG = {
    ("01_setup", 1): ["index = 5", "index = 9", "index = 11"],
    ("01_setup", 2): ["n_invisible = 193", "n_invisible = 100", "n_invisible = 156"],
    ("01_setup", 3): [
        "draw = lambda n, rng: 2 * rng.standard_normal((n, n_features))",
        "draw = lambda n, rng: np.eye(n_features)[3] * rng.standard_normal((n, 1)) * 2",
        "draw = lambda n, rng: (np.eye(n_features)[3] + np.eye(n_features)[10]) * rng.standard_normal((n, n_features))",
        "draw = lambda n, rng: None",
    ],
    ("02_overfitting", 1): [
        "aliases = {3}",
        "aliases = {3, 53, 103, 153, 203, 253}",
        "aliases = {3, 96, 104, 196, 204}",
        "aliases = {95, 103, 195, 203}",
    ],
    ("02_overfitting", 2): [
        "weights = np.ones(n_features)",
        "weights = np.eye(n_features)[1]",
        "weights = np.full(n_features, 0.01)",
    ],
    ("02_overfitting", 3): [
        "oracle = lambda features, labels: min_norm(features, labels)",
        "oracle = lambda features, labels: np.linalg.lstsq(features[:, :3], labels)[0]",
        "oracle = lambda features, labels: np.zeros(n_features)",
    ],
    ("03_maml", 1): ["ideal = 25.0", "ideal = 7.07", "ideal = 4.0"],
    ("03_maml", 2): ["products = 20", "products = 10", "products = 21"],
    ("03_maml", 3): [
        "my_run = train_maml(family, steps=300, inner_steps=20)",
        "my_run = train_maml(family, steps=300, inner_steps=5, n_tasks=40)",
        "my_run = train_maml(family, steps=1000, inner_steps=20)",
    ],
    ("04_reptile", 1): ["final = 1.2", "final = 1.7", "final = 1.09"],
    ("04_reptile", 2): ["frozen = np.ones(257)", "frozen = np.full(257, 1e-3)", "frozen = 0"],
    ("04_reptile", 3): [
        "first_step = lambda features, labels, weights: joint_descent(features[None], labels[None], weights, 2)[0][0]",
        "first_step = lambda features, labels, weights: weights * 0",
    ],
    ("05_showdown", 1): [
        "best_prior = np.ones(257)",
        "best_prior = rivals.smoothness_weights(257)",
        "best_prior = np.eye(257)[0]",
    ],
    ("05_showdown", 2): ["floor = 0", "floor = 2.0", "floor = 0.5"],
    ("05_showdown", 3): [
        "scores = lambda tasks: rivals.moments(tasks)",
        "scores = lambda tasks: np.eye(257)[:3].sum(axis=0)",
        "scores = lambda tasks: np.ones(257)",
    ],
    ("06_classification", 1): ["accuracy_of_nothing = 0.0", "accuracy_of_nothing = 1.0"],
    ("06_classification", 2): ["my_weights = np.ones(257)", "my_weights = family.true_weights"],
    ("06_classification", 3): [
        "flipped = lambda tasks, part, rng: tasks",
        "flipped = lambda tasks, part, rng: tasks._replace(labels=-tasks.labels)",
        "flipped = lambda tasks, part, rng: tasks._replace(labels=0 * tasks.labels)",
    ],
    ("07_scaling", 1): [
        "reptile_products = 9",
        "reptile_products = lambda K: 2 * K",
        "reptile_products = lambda K: 4 * K - 1",
    ],
    ("07_scaling", 2): ["largest_d = 4e9 / (8 * N)", "largest_d = 4e9 / 16", "largest_d = 1e6"],
    ("07_scaling", 3): [
        'my_sizes = {"n_points": 128}',
        'my_sizes = {"n_features": 516}',
        'my_sizes = {"inner_steps": 19}',
        'my_sizes = {"n_tasks": 40}',
    ],
    ("08_theory", 1): ["survival_513 = 0.25", "survival_513 = 1 / 9", "survival_513 = 64 / 513"],
    ("08_theory", 2): ["rate_for_4 = 0.02", "rate_for_4 = 1 / 16", "rate_for_4 = 1 / 8"],
    ("08_theory", 3): [
        "project = lambda w, g: g",
        "project = lambda w, g: 0 * g",
        "project = lambda w, g: g - w * (w @ g) / (w @ w)",
    ],
}


@pytest.fixture(autouse=True)
def nothing_is_drawn(monkeypatch):
    """Cells that an exercise needs may also draw; the drawing is tested elsewhere."""
    monkeypatch.setattr("fourier_meta.figures.show", lambda fig, alt: None)


def said(exercise, answer, capsys):
    """The last line that the exercise prints."""
    exercise.run(answer)
    return capsys.readouterr().out.strip().splitlines()[-1]


@pytest.mark.parametrize("key", EXERCISES, ids=str)
def test_an_open_exercise_says_so_and_its_solution_is_right(key, capsys):
    exercise = EXERCISES[key]
    assert said(exercise, f"{exercise.name} = ...", capsys) == "Not answered yet."
    assert said(exercise, exercise.solution, capsys) == "Right."


@pytest.mark.parametrize(("key", "answer"), [(key, answer) for key in EXERCISES for answer in WRONG[key]], ids=str)
def test_a_wrong_answer_is_told_so(key, answer, capsys):
    exercise = EXERCISES[key]
    assert answer.startswith(f"{exercise.name} = ")
    assert said(exercise, answer, capsys).startswith("Not right yet")


def test_the_book_has_its_exercises_and_this_file_knows_them_all():
    assert set(WRONG) == set(EXERCISES)
    assert len(EXERCISES) >= 10
    assert min(len(answers) for answers in WRONG.values()) >= 2


@pytest.mark.parametrize("path", checkout.source_notebooks(), ids=lambda path: path.stem)
def test_every_notebook_has_at_least_three(path):
    assert len(exercise_cells.exercises_of(path)) >= 3


def test_a_check_that_accepts_anything_is_noticed(capsys):
    exercise = next(iter(EXERCISES.values()))
    lax = exercise_cells.Exercise(
        "a notebook", 1, "answer", "", (exercise.setup[0],), "answer = ...\ncheck(answer, bool, 'Think.')"
    )
    assert said(lax, "answer = 12345", capsys) == "Right."  # so test_a_wrong_answer_is_told_so would fail
