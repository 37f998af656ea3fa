"""Run the long experiments (tools/experiments) and store their tables in notebooks/results, with provenance and a seal.

Usage: python tools/results.py [NAME ...], as `make results` does. What is finished is kept in build/results: after an
interruption, or a change of other code, the same command runs only what is missing.
"""

import argparse
import hashlib
import importlib.metadata
import json
import math
import os
import platform
import sys
from pathlib import Path

import joblib
from experiments import Experiment, all_experiments

from fourier_meta import files
from fourier_meta.sweep import TABLES, sweep

FINISHED = Path(__file__).resolve().parent.parent / "build" / "results"
ROUNDING = 1e-20  # a risk below this says how a sum was ordered, and nothing about a method
LIBRARIES = ("numpy", "scikit-learn", "torch", "fourier_meta")


def main(arguments: list[str] | None = None) -> None:
    experiments = all_experiments()
    parser = argparse.ArgumentParser(description="Run the long experiments and store their tables.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(experiments)}; all by default")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--folder", type=Path, default=TABLES, help="where the tables go")
    parser.add_argument("--finished", type=Path, default=FINISHED, help="where what is finished waits")
    options = parser.parse_args(arguments)
    unknown = set(options.names) - set(experiments)
    if unknown:
        parser.error(f"no experiment {', '.join(sorted(unknown))}: there is {', '.join(experiments)}")
    try:
        with joblib.parallel_config(backend="loky", n_jobs=options.workers):
            for name in options.names or experiments:
                store(name, experiments[name], options.folder, options.finished)
    except KeyboardInterrupt:
        sys.exit("\nInterrupted. What is finished is kept; the same command continues from there.")


def store(name: str, experiment: Experiment, folder: Path, finished: Path) -> None:
    """Run what is missing of one experiment and write its table."""
    print(f"{name}: {experiment.about}", file=sys.stderr)
    cells = sweep(experiment.function, experiment.grid, experiment.seeds, folder=finished)
    failed = [cell for cell in cells if cell.error]
    if failed:
        cell = failed[0]
        sys.exit(f"{name}: {len(failed)} of {len(cells)} failed; {cell.configuration}, seed {cell.seed}:\n{cell.error}")
    rows = experiment.reduce([row for cell in cells for row in cell.result])
    files.replace(folder / f"{name}.json", table(name, experiment, rows))
    seal(folder / f"{name}.json")


def table(name: str, experiment: Experiment, rows: list[dict]) -> str:
    """The JSON text of a table: provenance, and one line for each column."""
    provenance = {
        "experiment": name,
        "about": experiment.about,
        "command": f"make results ONLY={name}",
        "grid": experiment.grid,
        "seeds": list(experiment.seeds),
        "versions": {"python": platform.python_version()} | {lib: importlib.metadata.version(lib) for lib in LIBRARIES},
    }
    columns = ",\n".join(
        f"  {json.dumps(column)}: {json.dumps([rounded(row[column]) for row in rows])}" for column in rows[0]
    )
    return f'{{\n "provenance": {json.dumps(provenance)},\n "columns": {{\n{columns}\n }}\n}}\n'


def rounded(value: float | int | str) -> float | int | str | None:
    """Four significant digits, which other machines reproduce, 0 for what is rounding, None for NaN."""
    if not isinstance(value, float):
        return value
    if not math.isfinite(value):
        return None
    return float(f"{value:.4g}") if abs(value) > ROUNDING else 0.0


def seal(path: Path) -> None:
    """Note the digest of a table in SHA256SUMS beside it: a number that is changed later, by hand, is noticed."""
    sums = path.with_name("SHA256SUMS")
    lines = sums.read_text(encoding="utf-8").splitlines() if sums.exists() else []
    digests = {name: digest for digest, name in map(str.split, lines) if path.with_name(name).exists()}
    digests[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    files.replace(sums, "".join(f"{digests[name]}  {name}\n" for name in sorted(digests)))


if __name__ == "__main__":
    main()
