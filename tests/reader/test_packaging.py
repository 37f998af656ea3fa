"""The package stays a thin toolbox: fast to import, small, documented, and silent about the machine it was made on."""

import ast
import inspect
import io
import re
import shutil
import subprocess
import sys
import tarfile
import tokenize
import tomllib
from pathlib import Path
from statistics import median

import checkout
import pytest
import setuptools

import fourier_meta

PACKAGE = checkout.ROOT / "fourier_meta"
MODULES = {path.stem: path for path in sorted(PACKAGE.glob("*.py"))}
FIGURES_AND_EXPLORERS = {"figures", "pictures", "explorers"}


def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


# Imports


def test_importing_the_package_loads_numpy_and_nothing_heavy():
    code = "import sys, fourier_meta; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "numpy" in loaded
    heavy = {"torch", "sklearn", "scipy", "matplotlib", "IPython", "ipywidgets", "joblib", "pandas"}
    assert heavy & set(loaded) == set()


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_module_imports_torch(path):
    for node in ast.walk(tree(path)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [getattr(node, "module", "")]
        assert not any((name or "").split(".")[0] == "torch" for name in names)


def imports_of(path):
    """The package's own modules that a module imports when it is imported."""
    found = set()
    for node in tree(path).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fourier_meta"):
            inner = node.module.removeprefix("fourier_meta").removeprefix(".").split(".")[0]
            found |= {inner} if inner else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {name.split(".")[1] for name in (a.name for a in node.names) if name.startswith("fourier_meta.")}
    return found & set(MODULES)


def test_the_modules_import_each_other_without_circles():
    graph = {name: imports_of(path) for name, path in MODULES.items() if name != "__init__"}
    done = set()
    while len(done) < len(graph):
        ready = {name for name, needed in graph.items() if name not in done and needed <= done | {"__init__"}}
        assert ready, f"a circle among {sorted(set(graph) - done)}"
        done |= ready


def test_every_module_is_installed():
    setup = tomllib.loads((checkout.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    found = setuptools.find_packages(str(checkout.ROOT), **setup["packages"]["find"])
    folders = {".".join(path.parent.relative_to(checkout.ROOT).parts) for path in PACKAGE.rglob("*.py")}
    assert set(found) == folders, "all of the package, and nothing else"


def tracked():
    """The names of the files that git knows; the test that asks is skipped where there is no git checkout."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=checkout.ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [name for name in listed.stdout.split("\0") if (checkout.ROOT / name).is_file()]


def test_the_source_distribution_is_the_whole_book_and_nothing_else(tmp_path):
    book = tmp_path / "book"
    strays = [
        "notebooks/.ipynb_checkpoints/01.ipynb",
        "tests/__pycache__/a.pyc",
        "build/log",
    ]
    for name in tracked():
        (book / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(checkout.ROOT / name, book / name)
    for name in strays:
        (book / name).parent.mkdir(parents=True, exist_ok=True)
        (book / name).touch()
    code = f"from setuptools import build_meta; print(build_meta.build_sdist({str(tmp_path)!r}))"
    ran = subprocess.run([sys.executable, "-c", code], cwd=book, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    with tarfile.open(tmp_path / ran.stdout.split()[-1]) as archive:
        names = {member.name.split("/", 1)[1] for member in archive if member.isfile()}
    added = {name for name in names if name.startswith("fourier_meta.egg-info/")} | {"PKG-INFO", "setup.cfg"}
    assert names - added == set(tracked())


# Size


def code_lines(path):
    """The numbers of the lines that hold code: no blank lines, comments or docstrings."""
    text = path.read_text(encoding="utf-8")
    ignored = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in ignored:
            lines |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            lines -= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return lines


def test_functions_are_short():
    lengths = []
    for name, path in MODULES.items():
        if name not in FIGURES_AND_EXPLORERS:
            lines = code_lines(path)
            for node in ast.walk(tree(path)):
                if isinstance(node, ast.FunctionDef):
                    lengths.append(len(lines & set(range(node.lineno + 1, node.end_lineno + 1))))
    assert median(lengths) <= 10
    assert max(lengths) <= 45


# Docstrings


def public():
    return [(name, getattr(fourier_meta, name)) for name in fourier_meta.__all__]


@pytest.mark.parametrize(("name", "thing"), public())
def test_a_public_name_says_shapes_errors_and_where_it_is_taught(name, thing):
    text = inspect.getdoc(thing)
    taught = re.findall(r"\b(?:\d\d|A)_[a-z]+", text)
    assert taught or "In no notebook" in text, "which notebook teaches it?"
    for notebook in taught:
        source = (checkout.ROOT / "notebooks" / f"{notebook}.py").read_text(encoding="utf-8")
        assert re.search(rf"\b{name}\b", source), f"{notebook} has it not"
    if inspect.isfunction(thing):
        for argument in inspect.signature(thing).parameters:
            if re.search(r"as for `\w+`|[Aa]s `\w+`|[Ss]ame arguments|What `\w+`|of `\w+`", text):
                continue
            assert re.search(rf"\b{argument}\b", text), f"what is {argument}?"
    else:
        assert re.search(r"\(n_|ValueError|Taught", text + inspect.getsource(thing)), "which shapes has it?"


# What the repository may not say


def tracked_texts():
    for name in tracked():
        path = checkout.ROOT / name
        if path.suffix not in (".png", ".npz", ".woff2", ".ico"):
            yield name, path.read_text(encoding="utf-8", errors="replace")


HOSTS = [".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("registry", "npmjs", "org"))]
FOLDERS = [str(checkout.ROOT) + "/", str(Path.home()) + "/", sys.prefix + "/"]


def test_no_file_names_a_registrys_host_or_a_folder_of_the_machine():
    seen = [
        f"{name}: {word}"
        for name, text in tracked_texts()
        for word in [*HOSTS, *(folder for folder in FOLDERS if len(folder) > 2)]
        if word in text
    ]
    assert seen == []
