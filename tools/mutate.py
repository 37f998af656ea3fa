"""Break the package one line at a time and count how many of the breaks the unit tests notice.

Usage: python tools/mutate.py [MODULE ...], as `make trust` does; `--list` only counts. A mutant is one small change of
one expression or statement: another operator, another number, a condition turned round, a statement left out. It is
killed when a test fails (or never ends). Survivors are looked up in tests/survivors.toml, which says in one line each
why the change makes no difference that matters.

Own code and not mutmut or cosmic-ray: here a mutant runs in a fork of one process that has collected the tests, and
only those tests run that reach the mutated line, so that it costs a fraction of a second; and what stands outside
functions is mutated too: constants, defaults, decorators, fields.
"""

import argparse
import ast
import copy
import functools
import importlib.abc
import importlib.util
import inspect
import itertools
import json
import math
import os
import signal
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import coverage
import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "fourier_meta"
SURVIVORS = ROOT / "tests" / "survivors.toml"
MODULES = ["features", "tasks", "regression", "maml", "reptile", "training", "checks", "exercises"]
TESTS = [
    "check", "episodes", "errors", "features", "figures", "maml", "properties", "regression", "reptile", "tasks",
    "training",
]  # fmt: skip
OWN_TESTS = {"exercises": "check", "checks": "errors"}  # all other modules' tests are called like the module
TIMEOUT = 300  # seconds for a mutant that needs a process of its own

COMPARISONS = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
OPERATORS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Div, ast.Mod: ast.Mult,
    ast.Pow: ast.Mult, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr, ast.LShift: ast.RShift,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    module: str
    lines: range  # of the mutated statement
    change: str  # the statement, with [what was -> what is] in it
    slow: bool  # outside functions: the module must be imported anew
    source: str  # of the whole mutated module

    @property
    def name(self) -> str:
        return f"{self.module}: {self.change}"


def mutants(module: str) -> list[Mutant]:
    """Every mutant of a module whose code differs from the original."""
    text = (PACKAGE / f"{module}.py").read_text(encoding="utf-8")
    tree = ast.parse(text)
    found, original = [], ast.unparse(tree)
    for path, node in walk(tree, ()):
        for changed in changes(node, path):
            chain, steps = [*(above for _, above in path), node], [step for step, _ in path]
            depth = max(k for k, above in enumerate(chain) if isinstance(above, ast.stmt))
            lines, slow = situation(chain)
            before = head(chain[depth])
            place(tree, steps, changed)
            source, after = ast.unparse(tree), head(at(tree, steps[:depth]))
            place(tree, steps, node)
            if source != original:
                found.append(Mutant(module, lines, difference(before, after), slow, source))
    return found


def difference(before: str, after: str) -> str:
    """The text before, with the part that changes in brackets."""
    start = common(before, after)
    end = common(before[start:][::-1], after[start:][::-1])
    while start and (before[start - 1].isalnum() or before[start - 1] in "_.'"):  # whole words
        start -= 1
    while end and (before[len(before) - end].isalnum() or before[len(before) - end] in "_.'"):
        end -= 1
    old, new = before[start : len(before) - end], after[start : len(after) - end]
    return f"{before[:start]}[{old} -> {new}]{before[len(before) - end :]}"


def common(one: str, two: str) -> int:
    """How many characters the two have in common at their start."""
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, two, strict=False)))


def situation(chain: list[ast.AST]) -> tuple[range, bool]:
    """The lines of the mutated statement, which the chain of nodes leads to, and whether it is outside functions."""
    inner = max((i for i, node in enumerate(chain[:-1]) if isinstance(node, ast.FunctionDef)), default=None)
    statement = next(node for node in reversed(chain) if isinstance(node, ast.stmt))
    body = getattr(statement, "body", None)
    lines = range(statement.lineno, (body[0].lineno if body else statement.end_lineno) + 1)
    if inner is None:
        return lines, True
    if chain[inner + 1] is chain[inner].args:  # a default value: every test of the function tells
        first = next(node for node in chain[inner].body if not is_docstring(chain[inner], node))
        return range(first.lineno, first.end_lineno + 1), False
    return lines, chain[inner + 1] in chain[inner].decorator_list


Path_ = tuple[tuple[str | tuple[str, int], ast.AST], ...]


def walk(node: ast.AST, path: Path_) -> Iterator[tuple[Path_, ast.AST]]:
    """Every node below `node`, with the fields and indices that lead to it; docstrings and annotations are left out."""
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns"):
            continue
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST) or is_docstring(node, child):
                continue
            step = (field, index) if index is not None else field
            here = (*path, (step, node))
            yield here, child
            yield from walk(child, here)


def is_docstring(parent: ast.AST, child: ast.AST) -> bool:
    return isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant) and isinstance(parent, ast.AST)


def at(tree: ast.AST, path: list) -> ast.AST:
    """The node where `path` leads."""
    for step in path:
        tree = getattr(tree, step[0])[step[1]] if isinstance(step, tuple) else getattr(tree, step)
    return tree


def place(tree: ast.AST, path: list, new: ast.AST) -> None:
    """Put `new` where `path` leads."""
    tree, last = at(tree, path[:-1]), path[-1]
    if isinstance(last, tuple):
        getattr(tree, last[0])[last[1]] = new
    else:
        setattr(tree, last, new)


def changes(node: ast.AST, path: Path_) -> Iterator[ast.AST]:
    """The nodes that may stand in the place of `node`."""
    parent = path[-1][1]
    if any(isinstance(above, ast.JoinedStr) for _, above in path) or is_wording(path):
        return  # how a message is put
    match node:
        case ast.Compare(ops=[operator, *_]):
            yield replaced(node, ops=[COMPARISONS[type(operator)](), *node.ops[1:]])
        case ast.BinOp(op=operator) if type(operator) in OPERATORS:
            yield replaced(node, op=OPERATORS[type(operator)]())
            yield node.left
        case ast.AugAssign(op=operator) if type(operator) in OPERATORS:
            yield replaced(node, op=OPERATORS[type(operator)]())
            yield ast.Pass()
        case ast.UnaryOp():
            yield node.operand
        case ast.BoolOp():
            yield replaced(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
        case ast.Constant(value=bool()):
            yield ast.Constant(not node.value)
        case ast.Constant(value=int() | float()):
            yield ast.Constant(node.value + 1)
            if node.value not in (0, 1):
                yield ast.Constant(node.value / 2 if isinstance(node.value, float) else node.value // 2)
        case ast.Constant(value=str()) if not isinstance(parent, ast.Expr):
            yield ast.Constant(f"{node.value}?")
        case ast.IfExp():
            yield node.body
            yield node.orelse
        case ast.If() | ast.While():
            yield replaced(node, test=ast.UnaryOp(ast.Not(), node.test))
        case ast.Return(value=ast.AST()):
            yield ast.Return(ast.Constant(None))
        case ast.Assign():
            yield replaced(node, value=ast.Constant(None))
        case ast.Expr() | ast.Raise() | ast.Break():
            yield ast.Pass()
        case ast.Call(keywords=[_, *_]) | ast.Call(args=[_, _, *_]):
            for index, keyword in enumerate(node.keywords):
                if keyword.arg:
                    yield replaced(node, keywords=node.keywords[:index] + node.keywords[index + 1 :])
        case ast.FunctionDef(decorator_list=[_, *_]):
            yield replaced(node, decorator_list=[])
        case ast.Slice():
            if node.lower is not None:
                yield replaced(node, lower=None)
            if node.upper is not None:
                yield replaced(node, upper=None)


def is_wording(path: Path_) -> bool:
    """Does the path end at an argument of a call of `checks` that only says what to pass instead?"""
    step, call = path[-1]
    if not (isinstance(call, ast.Call) and ast.unparse(call.func).startswith("checks.") and step[0] == "args"):
        return False
    names = parameters_of_checks().get(call.func.attr, [])
    return names[step[1] : step[1] + 1] in (["suggestion"], ["meaning"], ["remedy"], ["signature"])


@functools.cache
def parameters_of_checks() -> dict[str, list[str]]:
    tree = ast.parse((PACKAGE / "checks.py").read_text(encoding="utf-8"))
    return {node.name: [a.arg for a in node.args.args] for node in tree.body if isinstance(node, ast.FunctionDef)}


def replaced(node: ast.AST, **fields) -> ast.AST:
    new = copy.copy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new


def head(node: ast.AST) -> str:
    """The code of a statement on one line; of one with a body, its first line (and its decorators)."""
    lines = ast.unparse(node).splitlines()
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        lines = lines[: len(node.decorator_list) + 1]
    elif hasattr(node, "body"):
        lines = lines[:1]
    return " ".join(" ".join(lines).split())


# Running the tests on a mutant


class Mutation:
    """A pytest plugin: after collection it runs the tests once, then for every mutant those that reach it, in a fork.

    In the fork, the functions of the package get the code of the mutated ones, so nothing is imported again. What a
    change of code cannot express, such as another decorator, runs in a process of its own.
    """

    def __init__(self, tried: list[Mutant], jobs: int):
        self.tried, self.jobs = tried, jobs
        self.alive: list[Mutant] = []
        self.failed: list[str] = []
        self.forked = False

    def pytest_runtest_logreport(self, report):
        if report.failed:
            if self.forked:
                os._exit(1)
            self.failed.append(report.nodeid)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session):
        reached, seconds = reach(session.items)
        if self.failed:
            raise pytest.UsageError(f"{self.failed[0]} fails on the unchanged package: mend that first.")
        running: dict[int, Mutant] = {}
        for number, mutant in enumerate(self.tried):
            if number % 100 == 0:
                print(f"\n{number} of {len(self.tried)} mutants tried, {len(self.alive)} alive", flush=True)
            found = {item.nodeid: item for line in mutant.lines for item in reached.get((mutant.module, line), ())}
            items = sorted(found.values(), key=lambda item: seconds[item.nodeid])
            if not items and not mutant.slow:
                self.alive.append(mutant)  # no test comes here
                continue
            while len(running) >= self.jobs:
                self.wait(running)
            running[self.start(mutant, items, limit=30 + 20 * sum(seconds[name] for name in found))] = mutant
        while running:
            self.wait(running)
        return True

    def start(self, mutant: Mutant, items: list, limit: float) -> int:
        """Try a mutant in a child; the child's exit status is 0 if it survives."""
        child = os.fork()
        if child:
            return child
        self.forked = True
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        status = 1
        try:
            if mutant.slow or not transplant(mutant):
                signal.alarm(TIMEOUT)
                index = str(mutants(mutant.module).index(mutant))
                os.execv(sys.executable, [sys.executable, __file__, "--one", index, mutant.module])
            signal.alarm(math.ceil(limit))
            for item in items:
                run(item)
            status = 0
        finally:
            os._exit(status)

    def wait(self, running: dict[int, Mutant]) -> None:
        child, status = os.wait()
        mutant = running.pop(child)
        if status == 0:
            self.alive.append(mutant)
            print(f"\nalive: line {mutant.lines[0]} of {mutant.name}", flush=True)


def run(item) -> None:
    item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)


def reach(items: list) -> tuple[dict, dict]:
    """Run the tests; return which of them reach each (module, line), and how many seconds each takes."""
    recorder = coverage.Coverage(data_file=None, config_file=False, include=[f"{PACKAGE}/*"], messages=False)
    seconds = {}
    recorder.start()
    for item in items:
        recorder.switch_context(item.nodeid)
        began = time.monotonic()
        run(item)
        seconds[item.nodeid] = time.monotonic() - began
    recorder.stop()
    by_name, data = {item.nodeid: item for item in items}, recorder.get_data()
    reached = {
        (Path(file).stem, line): [by_name[name] for name in names if name]
        for file in data.measured_files()
        for line, names in data.contexts_by_lineno(file).items()
    }
    return reached, seconds


def transplant(mutant: Mutant) -> bool:
    """Give the functions of the loaded module the mutated code and defaults; False if that does not express it."""
    module = sys.modules[f"fourier_meta.{mutant.module}"]
    fresh = {"__name__": module.__name__, "__file__": module.__file__}
    exec(compile(mutant.source, module.__file__, "exec"), fresh)
    new = dict(functions(fresh, module.__name__))
    for name, function in functions(vars(module), module.__name__):
        if name not in new or function.__code__.co_freevars != new[name].__code__.co_freevars:
            return False
        function.__code__ = new[name].__code__
        function.__defaults__, function.__kwdefaults__ = new[name].__defaults__, new[name].__kwdefaults__
    for value in vars(module).values():
        if hasattr(value, "cache_clear"):
            value.cache_clear()
    return True


def functions(namespace: dict, module: str) -> Iterator[tuple[str, object]]:
    """All functions that a module defines, methods and properties too, by name."""
    for name, value in list(namespace.items()):
        if isinstance(value, type) and value.__module__ == module:
            for inner, member in vars(value).items():
                member = getattr(member, "fget", None) or member
                if inspect.isfunction(member) and member.__module__ == module:
                    yield f"{name}.{inner}", member
        else:
            value = inspect.unwrap(value) if callable(value) else value
            if inspect.isfunction(value) and value.__module__ == module:
                yield name, value


class MutantLoader(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives Python the mutated source of one module instead of the file."""

    def __init__(self, mutant: Mutant):
        self.mutant = mutant

    def find_spec(self, name, path, target=None):
        if name == f"fourier_meta.{self.mutant.module}":
            return importlib.util.spec_from_loader(name, self)
        return None

    def exec_module(self, module):
        module.__file__ = str(PACKAGE / f"{self.mutant.module}.py")
        exec(compile(self.mutant.source, module.__file__, "exec"), module.__dict__)


def pytest_main(*plugins, options=(), names=TESTS) -> int:
    """Run the unit tests in this process, with nothing written outside a temporary folder."""
    os.chdir(ROOT)
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    with tempfile.TemporaryDirectory() as folder:
        always = ["-q", "--assert=plain", "-p", "no:cacheprovider", "--no-header", f"--basetemp={folder}/pytest"]
        return int(pytest.main([*always, *options, *(f"tests/test_{name}.py" for name in names)], plugins=plugins))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", default=MODULES, metavar="MODULE", help=", ".join(MODULES))
    parser.add_argument("--list", action="store_true", help="only count the mutants")
    parser.add_argument("--one", type=int, metavar="INDEX", help="try one mutant of one module, in this process")
    parser.add_argument("--jobs", type=int, default=1, help="how many mutants are tried at a time")
    parser.add_argument("--report", type=Path, help="write the counts and the survivors to this JSON file")
    arguments = parser.parse_args()
    tried = [mutant for module in arguments.modules for mutant in mutants(module)]
    if arguments.one is not None:
        sys.meta_path.insert(0, MutantLoader(tried[arguments.one]))
        module = tried[arguments.one].module
        own = OWN_TESTS.get(module, module)
        sys.exit(pytest_main(options=["-x"], names=[own]) or pytest_main(options=["-x"]))
    slow = sum(mutant.slow for mutant in tried)
    print(f"{len(tried)} mutants of {', '.join(arguments.modules)}, {slow} of them outside functions", flush=True)
    if arguments.list:
        return
    began = time.monotonic()
    mutation = Mutation(tried, arguments.jobs)
    if pytest_main(mutation, options=["-s"]):
        sys.exit(1)
    report = judge(tried, mutation.alive)
    print(f"\n{report['killed']} killed, {report['explained']} survivors explained, "
          f"{len(report['unexplained'])} not, in {time.monotonic() - began:.0f} s")  # fmt: skip
    for line in report["unexplained"]:
        print(f"  {line}")
    if arguments.report:
        arguments.report.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    sys.exit(bool(report["unexplained"]))


def judge(tried: list[Mutant], alive: list[Mutant]) -> dict:
    """Counts by module, and the survivors that tests/survivors.toml does not explain."""
    known = tomllib.loads(SURVIVORS.read_text(encoding="utf-8")) if SURVIVORS.exists() else {}
    explained = [mutant for mutant in alive if mutant.change in known.get(mutant.module, {})]
    modules = {
        module: {"mutants": count(tried, module), "survivors": count(alive, module)}
        for module in dict.fromkeys(mutant.module for mutant in tried)
    }
    return {
        "mutants": len(tried),
        "killed": len(tried) - len(alive),
        "explained": len(explained),
        "unexplained": [f"line {mutant.lines[0]} of {mutant.name}" for mutant in alive if mutant not in explained],
        "modules": modules,
    }


def count(found: list[Mutant], module: str) -> int:
    return sum(mutant.module == module for mutant in found)


if __name__ == "__main__":
    main()
