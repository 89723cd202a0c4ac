# Needs only python3 (3.11 to 3.13) with venv; another interpreter: make PYTHON=python3.12 test
PYTHON ?= python3
VENV   := .venv
LATEST := .venv-latest
BIN    := $(VENV)/bin
PYVER  := $(shell $(PYTHON) -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])')
STAMP  := $(VENV)/.installed-$(PYVER)
LATEST_STAMP := $(LATEST)/.installed-$(PYVER)

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_PROGRESS_BAR := off

.DEFAULT_GOAL := help
.PHONY: help install demo test test-all test-latest check bench torture lock clean python

help:  ## list what can be made
	@grep -hE '^[a-z-]+:.*##' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z-]+):.*## /\1|/' \
	  | while IFS='|' read -r name text; do printf '  %-12s %s\n' "$$name" "$$text"; done

install: $(STAMP)  ## set up .venv with the locked packages

demo: $(STAMP)  ## train the default policy, and measure it
	$(BIN)/wildrobot train --run demo-$$(date +%Y%m%d-%H%M%S)

test: $(STAMP)  ## run the tests with the locked packages
	$(BIN)/python -m pytest

test-all: $(STAMP)  ## run those too that compile for long, as CI does
	$(BIN)/python -m pytest -m 'not slow and not torture'

test-latest: $(LATEST_STAMP)  ## run the tests with the newest packages
	$(LATEST)/bin/python -m pytest -m 'not slow and not torture'

check: $(STAMP)  ## lint, format, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP)  ## measure speed: physics, environment, training, start-up
	$(BIN)/wildrobot bench

torture: $(STAMP)  ## run the tests that take long, kill and corrupt
	$(BIN)/python -m pytest -m 'slow or torture'

lock: python  ## write requirements/test.txt anew
	$(PYTHON) -m venv --clear .venv-lock
	.venv-lock/bin/pip install --quiet uv
	.venv-lock/bin/uv pip compile pyproject.toml --extra dev --constraint requirements/test.in \
	  --upgrade --universal --python-version 3.11 --generate-hashes \
	  --no-header --quiet --output-file requirements/test.txt
	rm -rf .venv-lock

clean:  ## remove environments and caches; runs stay
	rm -rf .venv .venv-latest .venv-lock build dist .hypothesis .mypy_cache .pytest_cache \
	  .ruff_cache .import_linter_cache
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +

python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
	  || { echo "Python 3.11 to 3.13 needed; $(PYTHON) is $(PYVER): make PYTHON=python3.12 ..."; exit 1; }

$(STAMP): requirements/test.txt pyproject.toml | python
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r requirements/test.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

$(LATEST_STAMP): pyproject.toml | python
	$(PYTHON) -m venv --clear $(LATEST)
	$(LATEST)/bin/pip install --quiet -e '.[dev]'
	touch $@
