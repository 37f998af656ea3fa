"""Count what the tests try, print it, and keep it in tests/trust.json.

Usage: python tools/trust.py [STEP ...], as `make trust` does; without a STEP all of them run, which takes an hour or
more. Each step writes its part of the file as soon as it is finished. A count below its promise is a failure.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REPORT = ROOT / "tests" / "trust.json"
EXAMPLES = 400  # of each property; make test tries fewer
UNIT = ["tests/test_" + name + ".py" for name in (
    "check", "classification", "contest_figures", "episodes", "errors", "explorers", "features", "figures", "maml",
    "properties", "regression", "reptile", "results", "rivals", "sweep", "tasks", "training",
)]  # fmt: skip


@dataclass(frozen=True)
class Step:
    run: Callable[[], dict]
    says: str  # a sentence with the counts
    holds: Callable[[dict], bool]  # what was promised


def pytest(*arguments, **environment) -> str:
    """The output of the tests, which must all pass."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    run = subprocess.run(command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True)
    if run.returncode:
        sys.exit(run.stdout + run.stderr)
    return run.stdout


def passed(output: str) -> int:
    return int(re.findall(r"(\d+) passed", output)[-1])


def bad_inputs() -> dict:
    output = pytest("tests/test_errors.py", "-k", "test_a_bad_argument")
    return {"tried": passed(output), "answered": passed(output)}


def hypothesis_examples() -> dict:
    output = pytest("tests/test_properties.py", "--hypothesis-show-statistics", EXAMPLES=str(EXAMPLES))
    counts = re.findall(r"(\d+) passing(?: examples)?, (\d+) failing", output)  # older versions say "examples"
    runs, failing = [int(passing) for passing, _ in counts], sum(int(failing) for _, failing in counts)
    return {"properties": len(runs), "examples": sum(runs), "failing": failing}


def interruptions() -> dict:
    files = ["interruption", "execute", "site", "sweep", "training"]
    output = pytest(*(f"tests/test_{name}.py" for name in files), "-k", "interrupt or ctrl_c or halfway or killed")
    return {"tried": passed(output), "survived": passed(output)}


def recovery() -> dict:
    output = pytest("tests/test_recovery.py")
    return {"seeds": 10, "starts": 2, "claims": passed(output)}


def first_aid() -> dict:
    return {"cases": passed(pytest("tests/test_first_aid.py", "tests/test_makefile.py"))}


def coverage() -> dict:
    """Branches of the package that the unit tests take; the whole package counts."""
    files = [name for name in UNIT if (ROOT / name).exists()]
    with tempfile.TemporaryDirectory() as folder:
        data, report = f"--data-file={folder}/data", Path(folder) / "report.json"
        measure = [sys.executable, "-m", "coverage", "run", data, "--branch", "--source=fourier_meta", "-m", "pytest"]
        run = subprocess.run(
            [*measure, "-q", "-p", "no:cacheprovider", *files], cwd=ROOT, capture_output=True, text=True
        )
        if run.returncode:
            sys.exit(run.stdout + run.stderr)
        write = [sys.executable, "-m", "coverage", "json", data, "-o", str(report)]
        subprocess.run(write, cwd=ROOT, check=True, capture_output=True)
        measured = json.loads(report.read_text())
    totals = measured["totals"]
    low = {name: round(f["summary"]["percent_covered"], 1) for name, f in measured["files"].items()}
    return {
        "branches": totals["num_branches"],
        "taken": totals["covered_branches"],
        "percent": round(100 * totals["covered_branches"] / totals["num_branches"], 2),
        "percent_of_lines": round(100 * totals["covered_lines"] / totals["num_statements"], 2),
        "below_98": {name: percent for name, percent in low.items() if percent < 98},
    }


def script(name: str, *arguments: str) -> dict:
    """The report of one of the neighbouring scripts, which take long and print as they go."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, ROOT / "tools" / f"{name}.py", "--report", report, *arguments]
        subprocess.run(command, cwd=ROOT, check=False)
        if not report.exists():
            sys.exit(f"{name}.py wrote no report.")
        return json.loads(report.read_text(encoding="utf-8"))


def mutants() -> dict:
    report = script("mutate")
    return report | {"percent": round(100 * report["killed"] / report["mutants"], 2)}


STEPS = {
    "bad_inputs": Step(
        bad_inputs,
        "{answered} of {tried} bad inputs answered by a ValueError with name, value and remedy",
        lambda r: r["answered"] == r["tried"] > 1000,
    ),
    "hypothesis": Step(
        hypothesis_examples,
        "{examples} examples of {properties} properties, {failing} failing",
        lambda r: r["failing"] == 0 and r["examples"] > 1000,
    ),
    "recovery": Step(
        recovery,
        "{claims} claims on {seeds} seeds from each of {starts} starts",
        lambda r: r["claims"] >= 10,
    ),
    "interruptions": Step(
        interruptions, "{survived} of {tried} interruptions survived", lambda r: r["survived"] == r["tried"] >= 20
    ),
    "first_aid": Step(first_aid, "{cases} cases of first aid, each one sentence", lambda r: r["cases"] >= 10),
    "coverage": Step(
        coverage,
        "{taken} of {branches} branches of the package taken ({percent} %), {percent_of_lines} % of its lines",
        lambda r: r["percent"] >= 98,
    ),
    "mutants": Step(
        mutants,
        "{killed} of {mutants} mutants of the package killed ({percent} %), {explained} explained",
        lambda r: r["percent"] >= 95 and not r["unexplained"],
    ),
    "book": Step(
        lambda: script("mutate_book"),
        "{caught} of {breaks} breaks of the book caught by make test",
        lambda r: r["caught"] == r["breaks"],
    ),
    "versions": Step(
        lambda: script("matrix"),
        "{passed} of {tried} combinations of versions, threads and processors pass",
        lambda r: r["passed"] == r["tried"],
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("steps", nargs="*", metavar="STEP", help=f"one of {', '.join(STEPS)}; all by default")
    parser.add_argument("--show", action="store_true", help="only print what is kept")
    arguments = parser.parse_args()
    unknown = set(arguments.steps) - set(STEPS)
    if unknown:
        parser.error(f"no step {', '.join(sorted(unknown))}: there is {', '.join(STEPS)}")
    for name in [] if arguments.show else arguments.steps or STEPS:
        began = time.monotonic()
        counted = STEPS[name].run()
        counted |= {"seconds": round(time.monotonic() - began), "python": platform.python_version()}
        report = kept() | {name: counted}  # read only now: another run may have counted other steps meanwhile
        keep({step: report[step] for step in STEPS if step in report})
    sys.exit(show(kept()))


def kept() -> dict:
    return json.loads(REPORT.read_text(encoding="utf-8")) if REPORT.exists() else {}


def keep(report: dict) -> None:
    """Write beside, then rename: an interruption leaves a whole file."""
    beside = REPORT.with_name(f".{REPORT.name}.{os.getpid()}")
    try:
        beside.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        os.replace(beside, REPORT)
    finally:
        beside.unlink(missing_ok=True)


def show(report: dict) -> int:
    """Print a line for each step; 1 if a promise is not kept or not yet counted."""
    broken = 0
    for name, step in STEPS.items():
        kept = name in report and step.holds(report[name])
        broken |= not kept
        line = step.says.format(**report[name]) if name in report else f"{name}: not counted"
        print("ok " if kept else "-- ", line)
    return int(broken)


if __name__ == "__main__":
    main()
