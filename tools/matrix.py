"""Run the unit tests and compare every stored output on the oldest and the newest versions, and on other processors.

Usage: python tools/matrix.py [NAME ...] [--report FILE], as `make test-matrix` does; without a NAME, all combinations
that this machine can make. Environments are kept under build/matrix, so a second run installs nothing.

- oldest: the lower end of every range in pyproject.toml, on the oldest Python; newest: no lock, on the same Python.
- python3.12 and so on: the versions of the lock on every newer Python that is found here.
- haswell and so on: this environment, with OpenBLAS told to use the code for another processor; two-threads likewise.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "build" / "matrix"
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
PROCESSORS = ["Nehalem", "Sandybridge", "Haswell", "SkylakeX", "Zen"]  # of OpenBLAS on x86-64
NBVAL = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=600"]
# What tests the machinery around the book and not the versions under it.
NEEDLESS = ("browser", "environment", "interruption", "makefile", "packaging", "recovery", "site", "workflows")


@dataclass(frozen=True)
class Combination:
    name: str
    python: str = ""  # the interpreter of a new environment; none: this one
    constraints: str = ""  # the contents of a constraints file
    variables: dict = field(default_factory=dict)
    absent: str = ""  # why it cannot be tried here


def combinations() -> Iterator[Combination]:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    oldest = interpreter(PYTHONS[0])
    yield Combination("oldest", oldest, lower_ends(), absent="" if oldest else f"no Python {PYTHONS[0]} here")
    yield Combination("newest", oldest, "", absent="" if oldest else f"no Python {PYTHONS[0]} here")
    for version in PYTHONS[1:]:
        python = interpreter(version)
        yield Combination(f"python{version}", python, lock, absent="" if python else f"no Python {version} here")
    yield Combination("two-threads", variables={"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"})
    for processor in PROCESSORS:
        used = architecture(processor)
        absent = "" if used == processor else f"OpenBLAS uses {used} instead"
        yield Combination(processor.lower(), variables={"OPENBLAS_CORETYPE": processor}, absent=absent)


def interpreter(version: str) -> str:
    """An interpreter of a version: on the path, or among those of pyenv and uv."""
    found = [shutil.which(f"python{version}")]
    found += sorted(map(str, Path.home().glob(f".pyenv/versions/{version}.*/bin/python")))
    found += sorted(map(str, Path.home().glob(f".local/share/uv/python/cpython-{version}.*/bin/python3")))
    for python in filter(None, found):
        run = subprocess.run(
            [python, "-c", "import sys, venv, ensurepip; print(sys.version)"], capture_output=True, text=True
        )
        if run.stdout.startswith(f"{version}."):
            return python
    return ""


def lower_ends() -> str:
    """Constraints that hold every package of pyproject.toml to the lower end of its range."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["notebooks"]]
    found = [re.fullmatch(r"([\w-]+)>=([\d.]+)", requirement) for requirement in wanted]
    return "\n".join(f"{match[1]}=={match[2]}.*" for match in found if match) + "\n"


def architecture(processor: str) -> str:
    """The processor that OpenBLAS settles on when it is told this one."""
    code = "import numpy, threadpoolctl; print(*{i.get('architecture', '') for i in threadpoolctl.threadpool_info()})"
    environment = os.environ | {"OPENBLAS_CORETYPE": processor}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True).stdout.strip()


def environment_of(combination: Combination) -> str:
    """The interpreter that runs the combination's tests, installed first if need be."""
    if not combination.python:
        return sys.executable
    folder = KEPT / combination.name
    python, done = folder / "bin" / "python", folder / ".constraints"
    if not done.exists() or done.read_text() != combination.constraints:
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([combination.python, "-m", "venv", folder], check=True)
        constraints = folder / "constraints.txt"
        constraints.write_text(combination.constraints)
        install = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-c", constraints]
        subprocess.run([*install, "-e", f"{ROOT}[test]"], check=True)
        done.write_text(combination.constraints)
    return str(python)


def tests_of(combination: Combination) -> list[str]:
    """Unit tests and all notebooks; for another processor or more threads, the stored outputs only."""
    if not combination.python:
        return [*NBVAL, "tests/test_pairs.py", "tests/test_properties.py", "notebooks"]
    ignored = [f"--ignore=tests/test_{name}.py" for name in NEEDLESS]
    # Old libraries call each other by names that newer ones are about to drop; what we call is tried with the newest.
    quiet = ["-W", "ignore::DeprecationWarning"] if combination.name == "oldest" else []
    return [*NBVAL, *ignored, *quiet, "--ignore=tests/browser", "tests", "notebooks"]


def attempt(combination: Combination) -> dict:
    """Install, run, and say which versions were used and what failed."""
    python = environment_of(combination)
    variables = os.environ | combination.variables
    run = subprocess.run(
        [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests_of(combination)],
        cwd=ROOT, env=variables, capture_output=True, text=True,
    )  # fmt: skip
    names = ("numpy", "torch", "matplotlib", "scikit-learn", "ipywidgets", "jupyterlab")
    code = f"from importlib.metadata import version; import sys; print(sys.version.split()[0], *map(version, {names}))"
    versions = subprocess.run([python, "-c", code], capture_output=True, text=True).stdout.split()
    failed = re.findall(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", run.stdout, re.MULTILINE)
    if run.returncode:
        print(run.stdout[-4000:], run.stderr[-2000:], sep="\n")
    return {
        "passes": run.returncode == 0,
        "summary": (run.stdout.strip().splitlines() or [""])[-1],
        "versions": dict(zip(("python", *names), versions, strict=False)),
        "variables": combination.variables,
        "failed": failed,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="combinations to try; all by default")
    parser.add_argument("--report", type=Path, help="write what passed to this JSON file")
    parser.add_argument("--list", action="store_true", help="only say what could be tried")
    arguments = parser.parse_args()
    results, absent = {}, {}
    for combination in combinations():
        if arguments.names and combination.name not in arguments.names:
            continue
        if combination.absent or arguments.list:
            absent[combination.name] = combination.absent
            print(f"{combination.name}: {combination.absent or 'can be tried'}", flush=True)
            continue
        began = time.monotonic()
        result = attempt(combination)
        results[combination.name] = result
        print(f"{combination.name}: {result['summary']} ({time.monotonic() - began:.0f} s in all)", flush=True)
    passed = sum(result["passes"] for result in results.values())
    print(f"{passed} of {len(results)} combinations pass, {len(absent)} cannot be had here")
    if arguments.report:
        report = {"tried": len(results), "passed": passed, "absent": absent, "combinations": results}
        arguments.report.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    sys.exit(passed < len(results))


if __name__ == "__main__":
    main()
