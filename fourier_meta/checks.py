"""Argument checks: each failure is one sentence that names the argument, the value it got and what to pass instead.

Nothing here is part of the story. Every public function calls these first, so that a wrong argument is
an answer and not a NaN three cells later.
"""

import math
import operator

import numpy as np
from numpy.random import Generator  # NumPy imports it late; the first step should not wait for it


def shown(value):
    """The value as one line of at most 80 characters."""
    return " ".join(repr(value).split())[:80]


def at_least(name, value, minimum, suggestion):
    """Return `value` as an int of at least `minimum`, or raise ValueError."""
    try:  # Python takes True for 1, and so does older NumPy
        number = operator.index(None if isinstance(value, bool | np.bool_) else value)
    except TypeError:
        raise ValueError(f"{name} must be a whole number, got {shown(value)}; pass for example {suggestion}") from None
    if number < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {shown(number)}; pass for example {suggestion}")
    return number


def real(name, value, suggestion, minimum=-math.inf, maximum=math.inf, *, above=False):
    """Return `value` as a finite float from minimum (`above` excludes it) to maximum, or raise ValueError."""
    try:  # float() would also take True, "0.1" and an array of one number
        number = math.nan if isinstance(value, bool | np.bool_ | str | bytes | np.ndarray) else float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} must be a number, got {shown(value)}; pass for example {suggestion}") from None
    if not math.isfinite(number) or not minimum <= number <= maximum or (above and number == minimum):
        bound = "" if minimum == -math.inf else f" {'above' if above else 'of at least'} {minimum:g}"
        bound += "" if maximum == math.inf else f" and at most {maximum:g}"
        raise ValueError(f"{name} must be a finite number{bound}, got {shown(value)}; pass for example {suggestion}")
    return number


def one_of(name, value, choices):
    """Return `value` if it is one of `choices`, or raise ValueError."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(
            f"{name} must be one of {', '.join(map(repr, choices))}, got {shown(value)}; pass one of these"
        )
    return value


def array(name, value, dimensions=0):
    """Return `value` as a finite floating-point array with at least `dimensions` axes, or raise ValueError."""
    return finite(name, floats(name, value, dimensions))


def floats(name, value, dimensions=0):
    """Return `value` as a floating-point array (float32 and float64 are kept, integers become float64)."""
    try:
        result = np.asarray(value)
        if result.dtype not in (np.float32, np.float64):
            result = result.astype(np.float64, casting="same_kind")
    except (TypeError, ValueError, RuntimeError):  # RuntimeError: a torch tensor that is being differentiated
        raise ValueError(f"{name} must be an array of real numbers, got {shown(value)}; pass a NumPy array") from None
    if result.ndim < dimensions:
        raise ValueError(f"{name} must have at least {dimensions} axes, got shape {result.shape}; add the missing axes")
    return result


def finite(name, value):
    """Return the array `value` if all of it is finite, or raise ValueError."""
    if not np.isfinite(value).all():
        bad = int(value.size - np.isfinite(value).sum())
        raise ValueError(f"{name} must be finite, got {bad} NaN or infinite of {value.size}; remove or replace them")
    return value


def in_range(result, remedy):
    """Return the array `result` if all of it is finite, or raise ValueError: what was computed is too large."""
    if not np.isfinite(result).all():
        raise ValueError(f"the result exceeds the range of {np.asarray(result).dtype} numbers; {remedy}")
    return result


def same_size(name, size, expected, meaning):
    """Raise ValueError unless the axis of `name` that counts `meaning` has the `expected` length."""
    if size != expected:
        raise ValueError(f"{name} has {size} {meaning} where {expected} are needed; make the two agree")


def instance(name, value, kind, suggestion):
    """Raise ValueError unless `value` is a `kind`."""
    if not isinstance(value, kind):
        raise ValueError(f"{name} must be a {kind.__name__}, got {shown(value)}; pass for example {suggestion}")


def function(name, value, signature):
    """Raise ValueError unless `value` can be called."""
    if not callable(value):
        raise ValueError(
            f"{name} must be a function {signature}, got {shown(value)}; pass its name without parentheses"
        )


def same_shape(name, shape, expected, meaning):
    """Raise ValueError unless the array called `name` has the `expected` shape."""
    if tuple(shape) != tuple(expected):
        got = f"got shape {tuple(shape)}"
        raise ValueError(f"{name} must have shape {tuple(expected)}, {meaning}, {got}; make the two agree")


def words(name, value, suggestion):
    """Raise ValueError unless `value` is a text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} must be a text, got {shown(value)}; pass for example {suggestion!r}")


def generator(name, value):
    """Return `value` if it is a NumPy random generator, or raise ValueError."""
    if not isinstance(value, Generator):
        raise ValueError(f"{name} must be a numpy.random.Generator, got {shown(value)}; pass np.random.default_rng(0)")
    return value
