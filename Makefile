# `make help` lists the targets. Every target sets up .venv by itself.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# The extras of pyproject.toml that every target may rely on.
EXTRAS := test,site

# A recipe that fails must not leave a file behind that looks finished.
.DELETE_ON_ERROR:
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# One BLAS thread: the matrices are small, so more threads only get in each other's way,
# and the sums come out in the same order on every machine.
export OPENBLAS_NUM_THREADS := 1
export OMP_NUM_THREADS := 1
export MKL_NUM_THREADS := 1

# A reader's own IPython start-up files and matplotlibrc must not change what is stored or compared.
test notebooks: export IPYTHONDIR := $(CURDIR)/$(VENV)/etc/ipython
test notebooks: export MPLCONFIGDIR := $(CURDIR)/$(VENV)/etc/matplotlib

.PHONY: help
help:  ## list the targets
	@grep -hE '^[a-z.-]+:.*  ## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z.-]+):.*  ## /\1\t/' | awk -F'\t' '{printf "make %-14s %s\n", $$1, $$2}'

.PHONY: .venv
.venv: $(STAMP)  ## create the virtual environment from requirements.lock

$(STAMP): pyproject.toml requirements.lock
	@command -v $(PYTHON) >/dev/null || { echo "'$(PYTHON)' was not found: install Python 3.11 or newer, or name it, as in 'make PYTHON=python3.12 lab'." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$$($(PYTHON) --version) is too old: this book needs 3.11 or newer; name one that you have, as in 'make PYTHON=python3.12 lab'." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$$($(PYTHON) --version) cannot create virtual environments: install its venv module (Debian, Ubuntu: sudo apt install python3-venv) and run make again." >&2; exit 1; }
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	@echo "Installing what requirements.lock names into $(VENV): about 1.5 GB, a minute or more the first time."
	@$(BIN)/python -m pip install --disable-pip-version-check -qq -c requirements.lock -e ".[$(EXTRAS)]"
	@touch $(STAMP)

.PHONY: lab
lab: trust  ## open the book in JupyterLab at the first notebook
	$(BIN)/python -m jupyter lab $(LAB_FLAGS) notebooks/01_setup.ipynb

# LAB_FLAGS is empty for a reader; a test uses it to run without a window.
LAB_FLAGS ?=

.PHONY: trust
trust: $(STAMP)
	@# A trusted notebook shows its stored explorers before anything has run.
	@$(BIN)/python -m jupyter trust notebooks/*.ipynb >/dev/null

.PHONY: test
test: $(STAMP)  ## unit tests, pairs, house rules, and every stored output compared with a fresh run
	@SECONDS=0; \
	$(BIN)/python -m pytest --nbval --nbval-current-env --nbval-cell-timeout=60 --durations=10 --ignore=tests/browser tests notebooks; \
	echo "make test took $$SECONDS s after installation."

.PHONY: test-browser
test-browser: $(STAMP) chromium  ## the explorers and the site in a real browser
	$(BIN)/python -m pytest --durations=10 tests/browser

# The first browser found; CHROMIUM=/path/to/browser overrides it.
export CHROMIUM ?= $(shell command -v chromium || command -v google-chrome || command -v chromium-browser)

.PHONY: chromium
chromium:
	@if [ -z "$(CHROMIUM)" ]; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; \
	  else \
	    echo "No Chromium was found: install it (Debian: sudo apt install chromium) or run 'make CHROMIUM=/path/to/chrome test-browser'." >&2; exit 1; \
	  fi; \
	fi

.PHONY: notebooks
notebooks: $(STAMP)  ## execute the .py sources and store the .ipynb files (one of them: make notebooks ONLY=03_maml)
	$(BIN)/python tools/execute.py $(ONLY)

.PHONY: lint
lint: $(STAMP)  ## ruff over everything
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: lock
lock:  ## resolve the ranges of pyproject.toml again and write requirements.lock
	$(PYTHON) tools/lock.py $(EXTRAS)
