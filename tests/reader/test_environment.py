"""One set of dependencies: environment.yml and requirements.lock say what pyproject.toml says."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import checkout
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

PROJECT = tomllib.loads((checkout.ROOT / "pyproject.toml").read_text())["project"]
LOCK = (checkout.ROOT / "requirements.lock").read_text()
ENVIRONMENT = (checkout.ROOT / "environment.yml").read_text()

# conda-forge's names for what pip calls otherwise: matplotlib without a GUI, torch without CUDA.
PIP_NAME = {"matplotlib-base": "matplotlib", "pytorch-cpu": "torch"}


def asked_by_pip(*extras):
    """{name: range} that pyproject.toml asks for, with the extras that an extra takes in."""
    lines = PROJECT["dependencies"] + [line for extra in extras for line in PROJECT["optional-dependencies"][extra]]
    asked = {}
    for requirement in map(Requirement, lines):
        if requirement.name == PROJECT["name"]:
            asked |= asked_by_pip(*requirement.extras)
        else:
            name = canonicalize_name(requirement.name)
            asked[name] = asked.get(name, SpecifierSet()) & requirement.specifier
    return asked


def asked_by_conda(text):
    """{pip's name: range} that an environment.yml asks for, python and pip included."""
    lines = [line for line in yaml.safe_load(text)["dependencies"] if isinstance(line, str)]
    parsed = [re.fullmatch(r"([\w.-]+?)\s*(=(?=\d))?([<>=!].*|\d.*)?", line).groups() for line in lines]
    return {PIP_NAME.get(name, name): SpecifierSet(f"=={spec}.*" if pin else spec or "") for name, pin, spec in parsed}


def differences(text):
    """The packages that an environment.yml and pyproject.toml ask for differently."""
    conda = asked_by_conda(text)
    pip = asked_by_pip("notebooks") | {name: conda.get(name) for name in ("python", "pip")}
    return {name for name in conda.keys() | pip.keys() if conda.get(name) != pip.get(name)}


def test_conda_and_pip_install_the_same_packages():
    assert differences(ENVIRONMENT) == set()
    environment = yaml.safe_load(ENVIRONMENT)
    assert environment["channels"] == ["conda-forge"]
    assert environment["dependencies"][-1] == {"pip": ["-e ."]}


@pytest.mark.parametrize(
    ("old", "new", "seen"),
    [
        ("  - joblib>=1.4\n", "", {"joblib"}),
        ("numpy>=2.2", "numpy>=1.26", {"numpy"}),
        ("pytorch-cpu>=2.6", "pytorch>=2.6", {"pytorch", "torch"}),
        ("  - pip\n", "  - pip\n  - pandas\n", {"pandas"}),
    ],
)
def test_a_difference_is_seen(old, new, seen):
    assert old in ENVIRONMENT
    assert differences(ENVIRONMENT.replace(old, new)) == seen


def test_condas_python_is_one_that_the_package_supports():
    (pin,) = asked_by_conda(ENVIRONMENT)["python"]
    assert Version(pin.version.removesuffix(".*")) in SpecifierSet(PROJECT["requires-python"])


def repo2docker(folder):
    """Have Binder's own program read a folder, without building anything: (accepted, its log)."""
    command = [Path(sys.executable).with_name("jupyter-repo2docker"), "--no-build", "--debug", folder]
    run = subprocess.run(command, capture_output=True, text=True)
    return run.returncode == 0, run.stdout + run.stderr


def test_binder_accepts_the_environment(tmp_path):
    (tmp_path / "environment.yml").write_text(ENVIRONMENT)
    accepted, log = repo2docker(tmp_path)
    assert accepted, log
    assert "Building conda environment for python=3." in log
    assert "version unspecified" not in log  # Binder would then start from a Python that is too old
    assert '--file "environment.yml"' in log

    (tmp_path / "environment.yml").write_text("dependencies: [python\n")
    assert not repo2docker(tmp_path)[0]


def locked(text):
    """{name: version} of a lock, whose lines are all name==version: no hashes, addresses or local builds."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    pairs = [re.fullmatch(r"([\w.-]+)==([\w.!]+)", line) for line in lines]
    assert all(pairs), [line for line, pair in zip(lines, pairs, strict=True) if not pair]
    return {canonicalize_name(pair[1]): Version(pair[2]) for pair in pairs}


def unsatisfied(lock):
    """What `make` installs that a lock does not name, or names outside the range of pyproject.toml."""
    wanted = asked_by_pip("test", "site")  # EXTRAS in the Makefile
    return {name for name, spec in wanted.items() if name not in lock or lock[name] not in spec}


def test_the_lock_satisfies_every_range():
    lock = locked(LOCK)
    assert unsatisfied(lock) == set(), "run make lock"
    assert "EXTRAS := test,site\n" in (checkout.ROOT / "Makefile").read_text()
    assert unsatisfied(lock | {"numpy": Version("1.26.4")}) == {"numpy"}
    assert unsatisfied({name: version for name, version in lock.items() if name != "nbval"}) == {"nbval"}


def test_the_lock_names_the_torch_that_was_tested_without_a_build():
    assert locked(LOCK)["torch"] == Version("2.13.0")
