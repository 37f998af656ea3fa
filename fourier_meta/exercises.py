"""The checks of the book's exercises."""

from fourier_meta import checks


def check(answer, accepts, hint):
    """Print whether an exercise is answered, and whether the answer is right.

    Parameters
    ----------
    answer : what the reader found, or `...` as long as it is open.
    accepts : function of the answer, true if it is right; it tests what the answer does, not how it is written.
    hint : str, one sentence, printed after a wrong answer.

    Raises
    ------
    ValueError if `accepts` is not a function or `hint` says nothing: an exercise must be able to help.
    """
    checks.function("accepts", accepts, "of the answer")
    checks.words("hint", hint, "Count the columns.")
    if answer is ...:
        print("Not answered yet.")
        return
    try:
        right = bool(accepts(answer))
    except Exception as error:  # a wrong answer may fail in any way, and the reader must learn how
        print(f"Not right yet: {type(error).__name__}: {error}")
        return
    print("Right." if right else f"Not right yet. {hint}")
