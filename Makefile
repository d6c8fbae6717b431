# The first Python 3.11 to 3.13 that has the modules venv and ensurepip; `make PYTHON=...` takes another one.
SUITS := import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
ifndef PYTHON
PYTHON := $(shell for each in python3.11 python3.12 python3.13 python3; do \
	if $$each -c "$(SUITS)" 2>/dev/null; then echo $$each; break; fi; done)
endif
CHECK_PYTHON = $(if $(PYTHON),,$(error no Python 3.11, 3.12 or 3.13 with the module venv; install python3.11 and \
	python3.11-venv))
BIN := .venv/bin
# The lock file pins versions for Python 3.11 on Linux (x86-64); elsewhere requirements-dev.txt gives their bounds.
VERSION := $(if $(PYTHON),$(shell $(PYTHON) -c "import sys; print('%d.%d' % sys.version_info[:2])"))
LOCKED := $(filter 3.11-Linux-x86_64,$(VERSION)-$(shell uname -s)-$(shell uname -m))
REQUIREMENTS := $(or $(and $(LOCKED),$(wildcard requirements.lock)),requirements-dev.txt)
RAY_REQUIREMENTS := $(or $(and $(LOCKED),$(wildcard requirements-ray.lock)),requirements-ray.txt)
COMPILE := $(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-header --python-version 3.11 \
	--python-platform linux

# pip compiles no bytecode, so that it is written where it is imported, even where the environment forbids that.
export PYTHONDONTWRITEBYTECODE =

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "%-8s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

quick: .venv/installed ## Install into .venv, run the quick replication, print the path of its page
	$(BIN)/python -m replication.reproduce --preset=quick --jobs=2

test: .venv/installed ## Install into .venv and run the tests
	$(BIN)/python -m pytest

ray: .venv/installed ## Add Ray to .venv, for `reproduce --executor=ray` and its tests
	$(BIN)/python -m pip install --quiet --requirement $(RAY_REQUIREMENTS)

oldest: requirements.txt requirements-dev.txt ## Test the solver with the oldest packages that requirements.txt allows
	$(CHECK_PYTHON)
	$(PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/python -m pip install --quiet uv
	.venv-oldest/bin/uv pip install --quiet --python .venv-oldest/bin/python --resolution lowest-direct \
		--requirement requirements-dev.txt
	.venv-oldest/bin/python -m pytest tests/sharpness

cross: .venv/installed .venv-cross/installed ## Compare f, gradient, metric and Hessian with PyTorch, in .venv-cross
	CROSS_PYTHON=$(CURDIR)/.venv-cross/bin/python $(BIN)/python -m pytest tests/cross/test_torch.py

cluster: ray ## Add Ray to .venv and run the tests on a Ray cluster of two nodes
	$(BIN)/python -m pytest -m slow tests/execution

mutants: .venv/installed ## Put small faults into the code and count those that the tests notice; ARGUMENTS="--each=50 MODULE"
	$(BIN)/python -m pip install --quiet "cosmic-ray>=8.7,<9"
	$(BIN)/python -m tests.mutants $(ARGUMENTS)

wheel: .venv/installed ## Build the wheel and try it in an empty environment
	$(BIN)/python -m pytest -m slow tests/packaging

docker: ## Build the container image
	docker build --tag large-batch-replication .

lint: .venv/installed ## Check the style
	$(BIN)/python -m ruff check .

lock: .venv/installed ## Renew the lock files with the newest versions within the bounds, and their checksums
	$(BIN)/python -m pip install --quiet uv
	$(COMPILE) --output-file requirements.lock requirements-dev.txt
	$(COMPILE) --constraint requirements.lock --output-file requirements-ray.lock requirements-dev.txt requirements-ray.txt

.venv/installed: requirements.txt requirements-dev.txt $(REQUIREMENTS)
	$(CHECK_PYTHON)
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --no-compile --upgrade pip
	$(BIN)/python -m pip install --quiet --no-compile --requirement $(REQUIREMENTS)
	touch $@

.venv-cross/installed: requirements-cross.txt
	$(CHECK_PYTHON)
	$(PYTHON) -m venv .venv-cross
	.venv-cross/bin/python -m pip install --quiet --no-compile --upgrade pip
	.venv-cross/bin/python -m pip install --quiet --no-compile --requirement requirements-cross.txt
	touch $@

.PHONY: help quick test ray oldest cross cluster mutants wheel docker lint lock
