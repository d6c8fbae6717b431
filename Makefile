PYTHON ?= python3.11
BIN := .venv/bin
# The lock file pins versions for Python 3.11 on Linux (x86-64); elsewhere requirements-dev.txt gives their bounds.
LOCKED := $(filter python3.11-Linux-x86_64,$(notdir $(PYTHON))-$(shell uname -s)-$(shell uname -m))
REQUIREMENTS := $(or $(and $(LOCKED),$(wildcard requirements.lock)),requirements-dev.txt)
RAY_REQUIREMENTS := $(or $(and $(LOCKED),$(wildcard requirements-ray.lock)),requirements-ray.txt)
COMPILE := $(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-header --python-version 3.11 \
	--python-platform linux

help: ## Print this list
	@grep -E '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

quick: .venv/installed ## Install into .venv, run the quick replication, print the path of its page
	$(BIN)/python -m replication.reproduce --preset=quick

test: .venv/installed ## Install into .venv and run the tests
	$(BIN)/python -m pytest

ray: .venv/installed ## Add Ray to .venv, for `reproduce --executor=ray` and its tests
	$(BIN)/python -m pip install --quiet --requirement $(RAY_REQUIREMENTS)

lint: .venv/installed ## Check the style
	$(BIN)/python -m ruff check .

lock: .venv/installed ## Renew the lock files with the newest versions within the bounds, and their checksums
	$(BIN)/python -m pip install --quiet uv
	$(COMPILE) --output-file requirements.lock requirements-dev.txt
	$(COMPILE) --constraint requirements.lock --output-file requirements-ray.lock requirements-dev.txt requirements-ray.txt

.venv/installed: requirements.txt requirements-dev.txt $(REQUIREMENTS)
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --requirement $(REQUIREMENTS)
	touch $@

.PHONY: help quick test ray lint lock
