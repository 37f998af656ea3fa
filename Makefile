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
THREADS ?= 1
export OPENBLAS_NUM_THREADS := $(THREADS)
export OMP_NUM_THREADS := $(THREADS)
export MKL_NUM_THREADS := $(THREADS)

# A reader's own IPython start-up files and matplotlibrc must not change what is stored or compared.
BOOK_MPLCONFIGDIR := $(abspath $(VENV))/etc/matplotlib
test notebooks: export IPYTHONDIR := $(abspath $(VENV))/etc/ipython
test notebooks: export MPLCONFIGDIR := $(BOOK_MPLCONFIGDIR)

.PHONY: help
help:  ## list the targets
	@grep -hE '^[a-z.-]+:.*  ## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z.-]+):.*  ## /\1\t/' | awk -F'\t' '{printf "make %-14s %s\n", $$1, $$2}'

.PHONY: .venv
.venv: $(STAMP)  ## create the virtual environment from requirements.lock

$(STAMP): pyproject.toml requirements.lock
	@command -v $(PYTHON) >/dev/null || { echo "'$(PYTHON)' was not found: install Python 3.11 or newer, or name it, as in 'make PYTHON=python3.12 lab'." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$$($(PYTHON) --version) is too old: this book needs 3.11 or newer; name one that you have, as in 'make PYTHON=python3.12 lab'." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$$($(PYTHON) --version) cannot create virtual environments: install its venv module (Debian, Ubuntu: sudo apt install python3-venv) and run make again." >&2; exit 1; }
	@[ -w . ] || { echo "This folder cannot be written to, so nothing can be installed in it: copy the book to a folder of yours." >&2; exit 1; }
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	@echo "Installing what requirements.lock names into $(VENV): about 1.8 GB, a few minutes the first time."
	@$(BIN)/python -m pip install --disable-pip-version-check -qq $(CONSTRAINTS) -e ".[$(EXTRAS)]"
	@mkdir -p $(dir $(LAB_SETTINGS)) && echo '$(QUIET_LAB)' > $(LAB_SETTINGS)
	@# matplotlib looks for fonts when it first runs, and may say so in the first notebook that is compared.
	@MPLCONFIGDIR=$(BOOK_MPLCONFIGDIR) $(BIN)/python -W ignore -c 'import matplotlib.font_manager' 2>/dev/null
	@touch $(STAMP)

# `make CONSTRAINTS= ...` installs the newest versions that pyproject.toml allows.
CONSTRAINTS ?= -c requirements.lock

# JupyterLab of this environment only: no question about news, no look for updates.
LAB_SETTINGS := $(VENV)/share/jupyter/lab/settings/overrides.json
QUIET_LAB := {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": false}}

# Added to JupyterLab's command line; it refuses to run as root (in a container, say) unless told that this is meant.
LAB_FLAGS ?=
AS_ROOT = $(if $(filter 0,$(shell id -u)),--allow-root)

.PHONY: lab
lab: $(STAMP)  ## open the book in JupyterLab at the first notebook
	@# JupyterLab shows stored HTML and widgets only in notebooks that are trusted.
	@$(BIN)/python -m jupyter trust notebooks/*.ipynb >/dev/null
	$(BIN)/python -m jupyter lab --ServerApp.root_dir="$(CURDIR)" $(AS_ROOT) $(LAB_FLAGS) notebooks/01_setup.ipynb

.PHONY: test
test: $(STAMP)  ## unit tests, pairs, house rules, and every stored output compared with a fresh run
	@SECONDS=0; status=0; \
	$(BIN)/python -m pytest $(NBVAL) --durations=10 --ignore=tests/reader/browser tests notebooks || status=$$?; \
	echo "make test took $$SECONDS s after installation."; \
	exit $$status

# Strict: every stored output is compared, and the kernel is this environment's, whatever the notebook names.
# No cell takes 15 s on a machine that is free; the timeout only ends what hangs.
NBVAL := --nbval --nbval-current-env --nbval-cell-timeout=300

.PHONY: test-browser
test-browser: $(STAMP) chromium  ## the explorers and the site in a real browser
	$(BIN)/python -m pytest --durations=10 tests/reader/browser

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
	$(BIN)/python tools/readme_figure.py

.PHONY: site
site: $(STAMP)  ## build the published book into _site/ from the stored outputs
	@SECONDS=0; rm -rf _build/site && mkdir -p _build/site; \
	$(BIN)/python -m sphinx -b html -W --keep-going -q -d _build/site/doctrees notebooks _build/site/html; \
	$(SWAP_SITE); \
	echo "make site took $$SECONDS s: open _site/index.html, no server is needed."

# The old site stays until the new one is complete, so an interruption never leaves half a site behind.
SWAP_SITE := rm -rf _build/old-site; [ ! -e _site ] || mv _site _build/old-site; mv _build/site/html _site; rm -rf _build/site _build/old-site

.PHONY: results
results: $(STAMP)  ## run the experiments that notebooks 05 and 06 plot: all, or make results ONLY=few_shot; it resumes
	$(BIN)/python tools/results.py $(ONLY)

.PHONY: lint
lint: $(STAMP)  ## ruff over everything
	$(BIN)/ruff check .

.PHONY: hooks
hooks: $(STAMP)  ## check style and pairs before every commit from now on
	$(BIN)/pre-commit install

# The other libraries get an environment of their own: nothing else needs them.
BENCH := .venv-bench

.PHONY: bench
bench: $(BENCH)/.installed  ## the speed of this package beside other libraries', about 10 minutes on a quiet machine
	$(BENCH)/bin/python benchmarks/run.py

$(BENCH)/.installed: pyproject.toml requirements.lock benchmarks/requirements.lock
	@[ -x $(BENCH)/bin/python ] || $(PYTHON) -m venv $(BENCH)
	@echo "Installing JAX, torch, higher and TorchOpt into $(BENCH): about 1.5 GB."
	@$(BENCH)/bin/python -m pip install --disable-pip-version-check -qq -c requirements.lock -c benchmarks/requirements.lock -e ".[bench]"
	@# learn2learn does not build on Python 3.11; its source is enough, and without it the page says so.
	@mkdir -p $(BENCH)/sources && $(BENCH)/bin/python -m pip download --disable-pip-version-check -qq --no-deps --no-binary learn2learn \
	  -d $(BENCH)/sources learn2learn==0.2.0 || echo "The source of learn2learn is not to be had here: it will be missing."
	@touch $@

.PHONY: lock
lock:  ## resolve the ranges of pyproject.toml again and write requirements.lock
	$(PYTHON) tools/lock.py $(EXTRAS)
