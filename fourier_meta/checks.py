"""Argument checks: each failure is one sentence that names the argument, the value it got and what to pass instead.

Nothing here is part of the story. Every public function calls these first, so that a wrong argument is
an answer and not a NaN three cells later.
"""

import dataclasses
import functools
import hashlib
import math
import numbers
import operator
import os
import sys
import types

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
    if getattr(value, "requires_grad", False):
        raise ValueError(
            f"{name} carries a gradient that would be lost here, got {shown(value)}; pass {name}.item(), "
            "or write the step by hand as notebook 03_maml does"
        )
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
    if np.ma.is_masked(value):
        raise ValueError(f"{name} has masked entries, which would lose their mask; drop these points, or fill them")
    try:
        result = np.asarray(value)
        if result.dtype == object and result.size:  # pandas' nullable columns
            result = _numbers(result)
        if result.dtype not in (np.float32, np.float64):
            result = result.astype(np.float64, casting="same_kind")
    except (TypeError, ValueError, RuntimeError):  # RuntimeError: a torch tensor that is being differentiated
        raise ValueError(f"{name} must be an array of real numbers, got {shown(value)}; pass a NumPy array") from None
    if result.ndim < dimensions:
        raise ValueError(f"{name} must have at least {dimensions} axes, got shape {result.shape}; add the missing axes")
    return result


def _numbers(objects):
    """An array of Python numbers as floats; None and pandas' missing value become NaN, others are a TypeError."""
    missing = np.array([item is None or type(item).__name__ == "NAType" for item in objects.flat])
    missing = missing.reshape(objects.shape)
    if not all(isinstance(item, numbers.Real) and not isinstance(item, bool) for item in objects[~missing]):
        raise TypeError("not numbers")
    return np.where(missing, np.nan, objects).astype(np.float64)


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
    """Raise ValueError unless `value` can be called, and is no class that somebody forgot to call."""
    if isinstance(value, type):
        kind = value.__name__
        raise ValueError(f"{name} must be a function {signature}, got the class {kind}; pass {kind}() or a function")
    if not callable(value):
        raise ValueError(
            f"{name} must be a function {signature}, got {shown(value)}; pass its name without parentheses"
        )


def same_shape(name, shape, expected, meaning):
    """Raise ValueError unless the array called `name` has the `expected` shape."""
    if tuple(shape) != tuple(expected):
        got = f"got shape {tuple(shape)}"
        raise ValueError(f"{name} must have shape {tuple(expected)}, {meaning}, {got}; make the two agree")


def generator(name, value):
    """Return `value` if it is a NumPy random generator, or raise ValueError."""
    instance(name, value, Generator, "np.random.default_rng(0)")
    return value


def fits_memory(name, shape, itemsize=8):
    """Raise ValueError if an array of this shape would be larger than the machine's memory."""
    size = math.prod(shape) * itemsize
    if size > memory():
        raise ValueError(
            f"{name} of shape {tuple(shape)} would take {size / 1e9:.3g} GB and this machine has "
            f"{memory() / 1e9:.3g} GB; pass smaller numbers"
        )


@functools.cache
def memory():
    """Bytes of the machine's memory; 16 GB where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 16 * 10**9


def described(name, value):
    """What tells `value` from all others, as JSON holds it: a record or a file's name can be made of it.

    Numbers, strings, arrays, lists, dicts, dataclasses, functions with a name, and functools.partial of these.
    Raises ValueError for what cannot be told apart: a lambda, a function that keeps variables, an unknown object.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic) and value.dtype.kind in "biufU":
        return value.item()
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufU":
        return _described_array(value)
    if isinstance(value, dict):
        return {str(key): described(name, item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [described(name, item) for item in value]
    if isinstance(value, functools.partial):
        parts = {"arguments": value.args, "keywords": value.keywords}
        return {"partial": described(name, value.func)} | described(name, parts)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return {type(value).__qualname__: described(name, fields)}
    return _described_function(name, value)


def _described_array(value):
    """Few numbers as they are; many as their shape and a digest."""
    if value.size <= 16:
        return value.tolist()
    digest = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
    return {"shape": list(value.shape), "type": str(value.dtype), "digest": digest[:20]}


def _described_function(name, value):
    plain = isinstance(value, types.FunctionType | types.BuiltinFunctionType | type | np.ufunc)
    place = getattr(value, "__qualname__", getattr(value, "__name__", "<unnamed>"))
    module = getattr(value, "__module__", None) or "builtins"
    found = getattr(sys.modules.get(module), place, None) is value  # as pickle finds it
    bound = not isinstance(getattr(value, "__self__", None), types.ModuleType | None)
    kept = bool(getattr(value, "__closure__", None))
    if not plain or bound or (not found and (kept or "<" in place)):
        raise ValueError(
            f"{name} must be something that a record can name, got {shown(value)}; "
            "pass a function made with def at the top level, or functools.partial of one"
        )
    return f"{module}.{place}"
