PYTHON ?= python3.11
BIN := .venv/bin

help: ## This list
	@grep -E '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

quick: .venv/installed ## Install into .venv, run the quick replication, say where its page is
	$(BIN)/python -m replication.reproduce --preset=quick

test: .venv/installed ## Install into .venv and run the tests
	$(BIN)/python -m pytest

lint: .venv/installed ## Check the style
	$(BIN)/python -m ruff check .

.venv/installed: requirements.txt requirements-dev.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --requirement requirements-dev.txt
	touch $@

.PHONY: help quick test lint
