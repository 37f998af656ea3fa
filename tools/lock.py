"""Write requirements.lock: the exact versions that `make` installs, resolved afresh in an empty environment.

Usage: python3.11 tools/lock.py EXTRAS, as `make lock` does. The lock is a constraints file: it lists more than any
one platform installs and forces nothing to be installed.
"""

import re
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Held back on purpose: every stored number was tested with this torch, and its CPU build is what the README names.
PINNED = ["torch==2.13.0"]

# Linux builds of torch with CUDA pull these in; the book computes on the CPU.
CUDA_ONLY = re.compile(r"(nvidia|cuda|triton)\b", re.IGNORECASE)

HEADER = """\
# The versions that were tested together. Written by `make lock`; do not edit by hand.
# A constraints file: pip install -c requirements.lock -e ".[{extras}]"
"""


def main(extras: str) -> None:
    require_oldest_python()
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / "bin" / "python"
        install = [python, "-m", "pip", "install", "-qq", *PINNED, "-e", f"{ROOT}[{extras}]"]
        subprocess.run(install, check=True)
        freeze = [python, "-m", "pip", "freeze", "--all", "--exclude", "pip", "--exclude", "fourier_meta"]
        frozen = subprocess.run(freeze, check=True, capture_output=True, text=True).stdout
    write_lock(frozen.splitlines(), extras)


def require_oldest_python() -> None:
    """A lock resolved with a newer Python could name versions that the oldest supported one cannot install."""
    oldest = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"].removeprefix(">=")
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    if running != oldest:
        sys.exit(f"This is Python {running}: lock with the oldest supported one, 'make PYTHON=python{oldest} lock'.")


def write_lock(lines: list[str], extras: str) -> None:
    # "+cpu" names a build, not a version: it would exclude every other platform's torch.
    kept = sorted((re.sub(r"\+\w+$", "", line) for line in lines if not CUDA_ONLY.match(line)), key=str.lower)
    stray = [line for line in kept if not re.fullmatch(r"[\w.-]+==[\w.!]+", line)]
    if stray:
        sys.exit(f"These are not plain name==version lines: {stray}.")
    (ROOT / "requirements.lock").write_text(HEADER.format(extras=extras) + "\n".join(kept) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
