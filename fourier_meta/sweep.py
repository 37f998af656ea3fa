"""Run one function over a grid of configurations and seeds, on as many processes or machines as the reader has.

joblib decides where: wrap the call in `joblib.parallel_config(backend="loky", n_jobs=4)`, or "dask", or "ray".
The long experiments of the book run so; their tables are stored, and `load_table` reads them.
Used from 05_mechanisms on.
"""

import ast
import dataclasses
import functools
import hashlib
import inspect
import itertools
import json
import sys
import textwrap
import time
import traceback
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fourier_meta import checks, files

# Where the book is: around this package, or, if the package was installed without it, where a notebook or script runs.
BOOK = (Path(__file__).resolve().parents[1] / "notebooks", Path.cwd(), Path.cwd() / "notebooks")
TABLES = next((folder for folder in BOOK if (folder / "results" / "SHA256SUMS").exists()), BOOK[0]) / "results"
NO_RESULT_NEEDS = ("__init__", "figures", "pictures", "explorers", "exercises", "sweep", "files")  # of the modules


class Cell(NamedTuple):
    """One configuration with one seed, and what came of it."""

    configuration: dict
    seed: int
    result: Any  # what the function returned, as JSON holds it: arrays are lists; None if it raised
    error: str | None  # the traceback if it raised


def sweep(function, grid, seeds=(0,), *, folder=None, progress=True):
    """Call `function(**configuration, seed=seed)` for every configuration of a grid and every seed.

    A cell that raises is recorded with its traceback, and the rest goes on. The results do not depend on where and in
    which order the cells run: each computes with one BLAS thread, and what is returned is what JSON holds.

    Parameters
    ----------
    function : returns numbers, strings, arrays, or lists and dicts of these; drawn from `seed` alone if at all. It has
        a name (no lambda), or is a functools.partial of one that has.
    grid : dict from an argument's name to a list of its values; all combinations are run. Values are numbers, strings,
        None, arrays, functions with a name, dataclasses such as TaskFamily, or tuples and lists of these.
    seeds : int >= 0, several.
    folder : where to keep one file for each finished cell. A second call with the same folder runs only the cells that
        are missing or failed. A cell is known by the function, its configuration and seed, and by the code that made
        it: of the function's module and of this package, without comments and docstrings. Nothing is kept if None.
    progress : bool, whether to say on standard error how far it is.

    Returns
    -------
    list of Cell, in the order of the grid (last argument fastest), seeds innermost.

    Raises
    ------
    ValueError if the grid is empty, a value cannot be told from another, or a seed is not a whole number.
    ImportError if joblib or threadpoolctl is missing.

    Whatever ends the call early, Ctrl-C or a process that is killed more often than the cluster allows, loses no
    finished cell of a `folder`: call again.
    """
    try:
        import joblib
        from threadpoolctl import threadpool_limits
    except ImportError as error:
        raise ImportError(f"sweep needs {error.name}: install it with pip install 'fourier_meta[sweep]'") from error
    checks.function("function", function, "that takes a configuration and a seed")
    store = _Store(folder, [checks.described("function", function), code_digest(function) if folder else ""])
    cells = {store.name(*cell): cell for cell in _cells(grid, seeds)}
    done = {name: record for name in cells if (record := store.load(name)) and record["error"] is None}
    missing = [name for name in cells if name not in done]
    report = _progress(len(missing)) if progress else lambda failed: None
    with threadpool_limits(1):  # this process may run cells, too
        for name, record in _finished([joblib.delayed(_run_cell)(function, name, *cells[name]) for name in missing]):
            store.save(name, record)
            done[name] = record
            report(record["error"] is not None)
    return [Cell(*cells[name], done[name]["result"], done[name]["error"]) for name in cells]


def _cells(grid, seeds):
    """All (configuration, seed), in order, no two the same."""
    seeds = [checks.at_least("seeds", seed, 0, "(0, 1, 2)") for seed in seeds]
    if not isinstance(grid, dict) or not all(isinstance(name, str) for name in grid):
        raise ValueError(f"grid must be a dict from names of arguments to lists of values, got {grid!r:.80}")
    for name, values in grid.items():
        if isinstance(values, str) or not hasattr(values, "__len__"):
            raise ValueError(f"grid[{name!r}] must be a list of values, got {values!r:.80}; pass [{values!r:.40}]")
        _check_different(f"grid[{name!r}]", values)
    _check_different("seeds", seeds)
    for values in itertools.product(*grid.values()):
        for seed in seeds:
            yield dict(zip(grid, values, strict=True)), seed


def _check_different(name, values):
    described = [json.dumps(checks.described(name, value), sort_keys=True) for value in values]
    if not described or len(set(described)) < len(described):
        raise ValueError(f"{name} must hold at least one value and none twice, got {list(values)!r:.80}")


def _finished(calls):
    """Make the calls where joblib is told to, and yield what each returns as soon as it has ended.

    Some backends (multiprocessing, ray) only return when all calls have ended: these get a few calls at a time.
    """
    from joblib.parallel import Parallel, get_active_backend

    backend, n_jobs = get_active_backend()
    at_once = getattr(backend, "supports_return_generator", False)
    few = len(calls) if at_once else 4 * max(1, backend.effective_n_jobs(n_jobs))
    for first in range(0, len(calls), few or 1):
        parallel = Parallel(return_as="generator_unordered" if at_once else "list", batch_size=1)
        yield from parallel(calls[first : first + few])


def _run_cell(function, name, configuration, seed):
    """Run one cell, wherever that is; return its name and its record, both of plain data."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)  # sums come out the same in every process, and processes do not crowd each other's cores
    try:
        return name, {"result": _plain(function(**configuration, seed=seed)), "error": None}
    except Exception:
        return name, {"result": None, "error": traceback.format_exc()}


class _Store:
    """One JSON file for each finished cell, in a folder; or nothing if there is no folder."""

    def __init__(self, folder, function):
        self.folder = None if folder is None else Path(folder)
        self.function = function

    def name(self, configuration, seed):
        """What tells a cell from all others: a digest of the function, the configuration and the seed."""
        described = json.dumps([self.function, checks.described("grid", configuration), seed], sort_keys=True)
        return hashlib.sha256(described.encode()).hexdigest()[:20]

    def load(self, name):
        """The record of a cell that has run before, or None: also for a file that a crash of the disk cut short."""
        try:
            return json.loads((self.folder / f"{name}.json").read_text(encoding="utf-8")) if self.folder else None
        except (FileNotFoundError, json.JSONDecodeError):
            return None

    def save(self, name, record):
        """Keep the record of a cell that has ended."""
        if self.folder:
            files.replace(self.folder / f"{name}.json", json.dumps(record) + "\n")


def code_digest(function):
    """A digest of the code behind a function: its module (in a notebook, its source) and this package's mathematics.

    Comments, docstrings and layout do not count.
    """
    while isinstance(function, functools.partial):
        function = function.func
    module = sys.modules.get(getattr(function, "__module__", None))
    try:
        own = inspect.getsource(module if getattr(module, "__file__", None) else function)
    except (OSError, TypeError):  # built in, or typed into a plain interpreter
        own = ""
    return hashlib.sha256((_code_only(own) + _package_code()).encode()).hexdigest()


@functools.cache
def _package_code():
    modules = sorted(Path(__file__).parent.glob("*.py"))
    return "".join(_code_only(file.read_text(encoding="utf-8")) for file in modules if file.stem not in NO_RESULT_NEEDS)


def _code_only(source):
    """The syntax of a source without its docstrings."""
    tree = ast.parse(textwrap.dedent(source))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(body, list)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
        ):
            body[0].value.value = ""
    return ast.dump(tree)


def _plain(value):
    """`value` as JSON holds it; a value that JSON cannot hold raises ValueError."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {type(value).__name__: _plain(dataclasses.asdict(value))}
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biufU":
        return value.tolist()
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ValueError(f"a sweep holds numbers, strings, arrays, and lists and dicts of these, got {value!r:.80}")


def _progress(total):
    """A function that counts finished cells on standard error, on one line."""
    start, done, failures = time.monotonic(), 0, 0

    def report(failed):
        nonlocal done, failures
        done, failures = done + 1, failures + failed
        left = (time.monotonic() - start) / done * (total - done)
        bar = "█" * round(20 * done / total)
        note = f", {failures} failed" if failures else ""
        end = "\n" if done == total else ""
        print(f"\r{bar:░<20} {done} of {total} cells{note}, {left:.0f} s left ", end=end, file=sys.stderr, flush=True)

    return report


class Table:
    """A stored experiment: `columns` (name -> array, one entry per row) and `provenance` (how it was made)."""

    def __init__(self, columns, provenance):
        self.columns = {name: np.array(values) for name, values in columns.items()}
        self.provenance = provenance

    def cube(self, value, *axes, **where):
        """The column `value` as an array with one axis for each column in `axes`, levels in their stored order.

        Keyword arguments select rows first. Raises ValueError unless every combination of levels occurs exactly once.
        """
        rows = self._rows(where)
        places = []
        for axis in axes:
            levels = {level: i for i, level in enumerate(self.levels(axis, **where))}
            places.append([levels[level] for level in self.columns[axis][rows].tolist()])
        shape = tuple(max(place, default=-1) + 1 for place in places)
        if len(rows) != np.prod(shape) or len(set(zip(*places, strict=True))) < len(rows):
            raise ValueError(f"axes {axes} must tell all {len(rows)} rows apart; name more axes, or select rows")
        result = np.empty(shape)
        result[tuple(places)] = self.columns[value][rows]
        return result

    def levels(self, axis, **where):
        """The different values of a column in their stored order, as a list; keyword arguments select rows."""
        return list(dict.fromkeys(self.columns[axis][self._rows(where)].tolist()))

    def _rows(self, where):
        unknown = set(where) - set(self.columns)
        if unknown:
            raise ValueError(f"no column {sorted(unknown)} in this table; there is {', '.join(self.columns)}")
        size = len(next(iter(self.columns.values())))
        chosen = np.all([np.isin(self.columns[name], level) for name, level in where.items()] or [True], axis=0)
        return np.flatnonzero(np.broadcast_to(chosen, size))


def load_table(name):
    """Read the stored results of one experiment, for example "mechanisms"; raises ValueError if there are none."""
    path = TABLES / f"{name}.json"
    if not TABLES.is_dir():
        raise ValueError(
            f"name {name!r} is a stored experiment of the book, and only the package is installed here; get the whole "
            "book, its source distribution or a clone, and run its notebooks there"
        )
    if not path.exists():
        known = ", ".join(sorted(file.stem for file in TABLES.glob("*.json"))) or "none"
        raise ValueError(f"name {name!r} is no stored experiment in {TABLES} (there is {known}); run make results")
    content = json.loads(path.read_text(encoding="utf-8"))
    columns = {
        key: [np.nan if value is None else value for value in values] for key, values in content["columns"].items()
    }
    return Table(columns, content["provenance"])
