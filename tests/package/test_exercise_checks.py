"""The check of an exercise says open, right or not right yet, whatever the answer is."""

import numpy as np
import pytest

from fourier_meta.exercises import check


def said(capsys, answer, accepts):
    assert check(answer, accepts, "Count the columns.") is None
    return capsys.readouterr().out


def test_an_open_exercise_is_not_checked(capsys):
    def never(answer):
        raise AssertionError

    assert said(capsys, ..., never) == "Not answered yet.\n"


@pytest.mark.parametrize("true", [True, 1, np.bool_(True), "yes"])
def test_a_right_answer_is_called_right(capsys, true):
    assert said(capsys, 3, lambda answer: answer == 3 and true) == "Right.\n"


@pytest.mark.parametrize("false", [False, 0, None, np.bool_(False), ""])
def test_a_wrong_answer_gets_the_hint(capsys, false):
    assert said(capsys, 4, lambda answer: false) == "Not right yet. Count the columns.\n"


def test_an_answer_that_fails_is_told_how(capsys):
    assert said(capsys, 0, lambda answer: 1 / answer) == "Not right yet: ZeroDivisionError: division by zero\n"
    assert said(capsys, [1, 2], lambda answer: np.array(answer) == 1).startswith("Not right yet: ValueError: The truth")


def test_ctrl_c_in_a_check_is_not_a_wrong_answer():
    def interrupted(answer):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check(3, interrupted, "Wait.")
