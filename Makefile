# make demo   hear the demo library and ask it for one part at a time (no torch is installed)
# make page   the page, over the demo library: http://127.0.0.1:8321/
# make test   everything the tests need, then the tests, on every core: PYTEST_ARGS='-n 0 tests/web'
# make bench  the paper's three experiments, small, in one page: bench/report.html
# make site   the documentation: site/index.html
# make dist   wheels of both houses and the source distribution, checked: dist/
# All set themselves up on a fresh machine and share one .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
NEEDS := pyproject.toml lab/pyproject.toml constraints.txt

.PHONY: demo page test lint format bench bench-speed picture site dist clean help

help:
	@sed -n 's/^# //p' Makefile

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "partwise needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The stamps: a target is set up again only when what it needs has changed.
$(VENV)/.run-installed: $(NEEDS) | $(BIN)/python
	$(PIP) -e .
	@touch $@

$(VENV)/.web-installed: $(NEEDS) | $(BIN)/python
	$(PIP) -e '.[web]'
	@touch $@ $(VENV)/.run-installed

$(VENV)/.dev-installed: $(NEEDS) | $(BIN)/python
	$(PIP) -e '.[dev]' -e lab
	@touch $@ $(VENV)/.run-installed

$(VENV)/.bench-installed: $(NEEDS) | $(BIN)/python
	$(PIP) -e . -e 'lab[bench]'
	$(PIP) --no-deps musicnn==0.1.0
	@touch $@ $(VENV)/.run-installed

$(VENV)/.docs-installed: $(NEEDS) | $(BIN)/python
	$(PIP) -e '.[docs,web]'
	@touch $@ $(VENV)/.run-installed $(VENV)/.web-installed

demo: $(VENV)/.run-installed
	$(BIN)/partwise demo

page: $(VENV)/.web-installed
	$(BIN)/partwise index src/partwise/demo/audio --library .demo-library
	$(BIN)/partwise serve --library .demo-library

test: $(VENV)/.dev-installed
	@scripts/install_sound_tools.sh chromium
	$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile $(PYTEST_ARGS)

lint: $(VENV)/.dev-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/pyright

format: $(VENV)/.dev-installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.bench-installed
	@scripts/install_sound_tools.sh csound-soundfont
	$(BIN)/python benchmarks/experiments.py --out bench

bench-speed: $(VENV)/.bench-installed
	$(BIN)/python benchmarks/indexing.py
	$(BIN)/python benchmarks/rivals.py
	$(BIN)/python benchmarks/search.py
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[web]'
	$(BIN)/python benchmarks/serving.py

picture: $(VENV)/.dev-installed
	@scripts/install_sound_tools.sh chromium
	$(BIN)/python scripts/make_moving_picture.py
	$(BIN)/python scripts/make_terminal_picture.py

# Warnings are errors (mkdocs.yml). Material's notice about its successor is no warning of ours.
site: $(VENV)/.docs-installed
	$(BIN)/python scripts/make_commands.py --check
	$(BIN)/python scripts/make_man.py --check
	$(BIN)/python scripts/make_figures.py --check
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs --quiet build --strict
	$(BIN)/python scripts/website/check_site.py site

# The wheel in dist/ is built from the source distribution; the one beside it, from this tree, must
# be the same.
dist: $(VENV)/.dev-installed
	rm -rf dist
	PIP_CONSTRAINT=constraints.txt $(BIN)/python -m build --outdir dist
	$(BIN)/python -m build --wheel --no-isolation --outdir dist/from-tree
	$(BIN)/python scripts/check_wheel.py dist/from-tree/*.whl dist/*.tar.gz dist/*.whl
	rm -rf dist/from-tree
	$(BIN)/python -m build --wheel --no-isolation --outdir dist lab

clean:
	rm -rf $(VENV) .venv-* build dist site .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
