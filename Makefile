# `make help` lists the targets. Every target sets up .venv by itself.
#
# Written for what readers have: GNU make 3.81 (macOS), any POSIX sh, BSD or GNU tools, a folder whose name has spaces.
# So: no .SHELLFLAGS, .ONESHELL or pipefail, a recipe of several commands starts with `set -e`, and paths are relative.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# The extras of pyproject.toml that every target may rely on.
EXTRAS := test,site

# A recipe that fails must not leave a file behind that looks finished.
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# One BLAS thread: the matrices are small, so more threads only get in each other's way,
# and the sums come out in the same order on every machine.
THREADS ?= 1
export OPENBLAS_NUM_THREADS := $(THREADS)
export OMP_NUM_THREADS := $(THREADS)
export MKL_NUM_THREADS := $(THREADS)

# A reader's own IPython start-up files and matplotlibrc must not change what is stored or compared.
ETC := $(if $(filter /%,$(VENV)),$(VENV),$(CURDIR)/$(VENV))/etc
AS_STORED := IPYTHONDIR="$(ETC)/ipython" MPLCONFIGDIR="$(ETC)/matplotlib"

.PHONY: help
help:  ## list the targets
	@awk -F ':.*  ## ' '/^[a-z.-]+:.*  ## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

.PHONY: .venv
.venv: $(STAMP)  ## create the virtual environment from requirements.lock

$(STAMP): pyproject.toml requirements.lock
	@command -v "$(PYTHON)" >/dev/null || { echo "'$(PYTHON)' was not found: install Python 3.11 or newer, or name it, as in 'make PYTHON=python3.12 lab'." >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$$("$(PYTHON)" --version) is too old: this book needs 3.11 or newer; name one that you have, as in 'make PYTHON=python3.12 lab'." >&2; exit 1; }
	@"$(PYTHON)" -c 'import venv, ensurepip' || { echo "$$("$(PYTHON)" --version) cannot create virtual environments: install its venv module (Debian, Ubuntu: sudo apt install python3-venv) and run make again." >&2; exit 1; }
	@[ -w . ] || { echo "This folder cannot be written to, so nothing can be installed in it: copy the book to a folder of yours." >&2; exit 1; }
	@[ -x "$(BIN)/python" ] || "$(PYTHON)" -m venv "$(VENV)"
	@echo "Installing what requirements.lock names into $(VENV): about 2 GB, a few minutes the first time."
	@"$(BIN)/python" -m pip install --disable-pip-version-check -qq $(CONSTRAINTS) -e ".[$(EXTRAS)]"
	@mkdir -p "$(LAB_SETTINGS)" && echo '{$(QUIET), $(WRAP)}' > "$(LAB_SETTINGS)/overrides.json"
	@# matplotlib looks for fonts when it first runs, and would say so in the first notebook that is compared.
	@$(AS_STORED) "$(BIN)/python" -c 'import matplotlib.font_manager'
	@touch "$(STAMP)"

# `make CONSTRAINTS= ...` installs the newest versions that pyproject.toml allows.
CONSTRAINTS ?= -c requirements.lock

# JupyterLab of this environment only: no question about news, no look for updates, and in a narrow window
# long lines of code are wrapped instead of cut.
LAB_SETTINGS := $(VENV)/share/jupyter/lab/settings
QUIET := "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": false}
WRAP := "@jupyterlab/notebook-extension:tracker": {"codeCellConfig": {"lineNumbers": false, "lineWrap": true}}

# Added to JupyterLab's command line; it refuses to run as root (in a container, say) unless told that this is meant.
LAB_FLAGS ?=
AS_ROOT = $(if $(filter 0,$(shell id -u)),--allow-root)

# JupyterLab draws stored pictures without their alt texts; the extension in this folder keeps them.
WITH_WORDS := --LabApp.extra_labextensions_path=tools/lab

.PHONY: lab
lab: $(STAMP)  ## open the book in JupyterLab at the first notebook
	@# JupyterLab shows stored HTML and widgets only in notebooks that are trusted.
	@"$(BIN)/python" -m jupyter trust notebooks/*.ipynb >/dev/null
	"$(BIN)/python" -m jupyter lab --ServerApp.root_dir="$(CURDIR)" $(WITH_WORDS) $(AS_ROOT) $(LAB_FLAGS) notebooks/01_setup.ipynb

# Strict: every stored output is compared, and the kernel is this environment's, whatever the notebook names.
# No cell takes 15 s on a machine that is free; the timeout only ends what hangs.
PYTEST := $(AS_STORED) "$(BIN)/python" -m pytest
NBVAL := --nbval --nbval-current-env --nbval-cell-timeout=300

# The chapter that ONLY names, 03 or 03_maml: its sources' names without folder and .py.
CHAPTER = $(basename $(notdir $(wildcard notebooks/$(ONLY)*.py)))
empty :=
MATCHING = -k "$(subst $(empty) $(empty), or ,$(CHAPTER))"
NO_CHAPTER = { echo "No chapter '$(ONLY)': there is $(basename $(notdir $(wildcard notebooks/[0-9A-Z]*_*.py)))." >&2; exit 1; }

.PHONY: test
test: $(STAMP)  ## all tests, and every stored output compared with a fresh run (one chapter: make test ONLY=03)
	@start=$$(date +%s); status=0; \
	if [ -n "$(ONLY)" ]; then \
	  [ -n "$(CHAPTER)" ] || $(NO_CHAPTER); \
	  $(PYTEST) $(NBVAL) -m "not knobs" $(MATCHING) tests/book notebooks || status=$$?; \
	else \
	  mkdir -p build; \
	  $(PYTEST) $(NBVAL) --durations=10 notebooks >build/test-notebooks.log 2>&1 & \
	  $(PYTEST) -m "not knobs" --durations=10 --ignore=tests/reader/browser tests || status=$$?; \
	  wait $$! || status=$$?; \
	  cat build/test-notebooks.log; \
	fi; \
	echo "make test took $$(($$(date +%s) - start)) s after installation."; \
	exit $$status

.PHONY: test-knobs
test-knobs: $(STAMP)  ## change every setting of every notebook, one at a time, and run it (one: make test-knobs ONLY=03)
	@[ -n "$(CHAPTER)" ] || $(NO_CHAPTER)
	$(PYTEST) --durations=10 tests/book/test_knobs.py $(if $(ONLY),$(MATCHING))

.PHONY: test-browser
test-browser: $(STAMP) chromium  ## the explorers and the site in a real browser
	CHROMIUM="$(CHROMIUM)" "$(BIN)/python" -m pytest --durations=10 $(AGAIN) tests/reader/browser

# The first browser found; CHROMIUM=/path/to/browser overrides it.
CHROMIUM ?= $(shell command -v chromium || command -v google-chrome || command -v chromium-browser)

.PHONY: chromium
chromium:
	@[ -n "$(CHROMIUM)" ] || { [ "$$(id -u)" = 0 ] && command -v apt-get; } \
	  || { echo "No Chromium was found: install it (Debian: sudo apt install chromium) or run 'make CHROMIUM=/path/to/chrome test-browser'." >&2; exit 1; }
	@[ -n "$(CHROMIUM)" ] || apt-get update -qq
	@[ -n "$(CHROMIUM)" ] || DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium

.PHONY: notebooks
notebooks: $(STAMP)  ## execute the .py sources and store the .ipynb files (one of them: make notebooks ONLY=03)
	$(AS_STORED) "$(BIN)/python" tools/execute.py $(ONLY)
	"$(BIN)/python" tools/readme_figure.py

.PHONY: handout
handout: $(STAMP)  ## write build/handout: the notebooks for students, without solutions, for their teacher, and for nbgrader
	"$(BIN)/python" tools/handout.py $(ONLY)

TO ?= html

.PHONY: convert
convert: $(STAMP)  ## write build/convert: chapters as html, slides or pdf (make convert TO=slides ONLY=03)
	@[ -z "$(ONLY)" ] || [ -n "$(CHAPTER)" ] || $(NO_CHAPTER)
	"$(BIN)/python" -m jupyter nbconvert --config tools/convert.py --to $(TO) --output-dir build/convert \
	  $(if $(ONLY),$(CHAPTER:%=notebooks/%.ipynb),notebooks/[0-9A-Z]*_*.ipynb)

.PHONY: site
site: $(STAMP)  ## build the published book into _site/ from the stored outputs
	@set -e; start=$$(date +%s); \
	rm -rf _build/site; mkdir -p _build/site; \
	"$(BIN)/python" -m sphinx -b html -W --keep-going -q -d _build/site/doctrees notebooks _build/site/html; \
	rm -rf _build/old-site; \
	if [ -e _site ]; then mv _site _build/old-site; fi; \
	mv _build/site/html _site; \
	rm -rf _build/site _build/old-site; \
	echo "make site took $$(($$(date +%s) - start)) s: open _site/index.html, no server is needed."

.PHONY: lighthouse
lighthouse: $(STAMP) chromium  ## Lighthouse over _site/, after make site; needs node 20 (one chapter: make lighthouse ONLY=03)
	CHROME_PATH="$(CHROMIUM)" "$(BIN)/python" tools/lighthouse.py $(ONLY)

.PHONY: results
results: $(STAMP)  ## run the long experiments whose tables the book plots (one: make results ONLY=name); it resumes
	"$(BIN)/python" tools/results.py $(ONLY)

.PHONY: lint
lint: $(STAMP)  ## ruff over everything, and the layout of the code
	"$(BIN)/ruff" check .
	"$(BIN)/ruff" format --check .

.PHONY: hooks
hooks: $(STAMP)  ## check style and pairs before every commit from now on
	"$(BIN)/pre-commit" install

# The other libraries get an environment of their own: nothing else needs them.
BENCH := .venv-bench

.PHONY: bench
bench: $(BENCH)/.installed  ## the speed of this package beside other libraries', about 10 minutes on a quiet machine
	$(BENCH)/bin/python benchmarks/run.py

$(BENCH)/.installed: pyproject.toml requirements.lock benchmarks/requirements.lock
	@[ -x $(BENCH)/bin/python ] || "$(PYTHON)" -m venv $(BENCH)
	@echo "Installing JAX, torch, higher and TorchOpt into $(BENCH): about 1.5 GB."
	@$(BENCH)/bin/python -m pip install --disable-pip-version-check -qq -c requirements.lock -c benchmarks/requirements.lock -e ".[bench]"
	@# learn2learn does not build on Python 3.11; its source is enough, and without it the page says so.
	@mkdir -p $(BENCH)/sources
	@$(BENCH)/bin/python -m pip download --disable-pip-version-check -qq --no-deps --no-binary learn2learn \
	  -d $(BENCH)/sources learn2learn==0.2.0 || echo "The source of learn2learn is not to be had here: it will be missing."
	@touch $@

.PHONY: lock
lock:  ## resolve the ranges of pyproject.toml again and write requirements.lock
	"$(PYTHON)" tools/lock.py $(EXTRAS)
