SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
LOCK := requirements.lock

.PHONY: help run test lint format bench overload rollouts docs lock clean

help: ## Print this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.run ## Set up everything and serve the example models behind Seawall
	@$(BIN)/seawall models fetch
	@exec $(BIN)/seawall serve

test: $(VENV)/.dev ## Set up everything and run every test
	@$(BIN)/seawall models fetch
	@$(BIN)/python -m pytest

lint: $(VENV)/.dev ## Check style, types, imports and spelling
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/codespell

format: $(VENV)/.dev ## Mend style where a tool can
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

bench: $(VENV)/.dev ## Compare Seawall with Envoy and with Triton alone (about 8 minutes)
	@$(BIN)/seawall models fetch
	@$(BIN)/python -m benchmarks.rules
	@$(BIN)/python -m benchmarks.guards
	@$(BIN)/python -m benchmarks.speed $(BENCH)

overload: $(VENV)/.dev ## Compare them from half to ten times what the model can do (about 10 minutes)
	@$(BIN)/seawall models fetch
	@$(BIN)/python -m benchmarks.overload $(BENCH)

rollouts: $(VENV)/.dev ## Roll out good and bad versions under traffic, and simulate their judge (about 20 minutes)
	@$(BIN)/seawall models fetch
	@$(BIN)/python -m benchmarks.rollouts $(BENCH)
	@$(BIN)/python -m benchmarks.judge_power

docs: $(VENV)/.dev ## Write the reference pages from the code
	@$(BIN)/python docs/reference/generate.py

lock: $(VENV)/.dev ## Write the versions that are installed now into the lock file
	@$(BIN)/python -m pip freeze --exclude-editable --exclude seawall | sed 's/+cpu$$//' > $(LOCK)

clean: ## Remove the virtual environment and all state
	rm -rf $(VENV) var build benchmarks/build

$(BIN)/python:
	@command -v $(PYTHON) > /dev/null || { echo "make: $(PYTHON) not found; name a Python 3.11 as PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

# The stamps depend on what is asked for and on the lock, so a second run installs nothing.
$(VENV)/.run: pyproject.toml $(LOCK) | $(BIN)/python
	@echo "installing Seawall, Triton and what the example models need (the first time takes minutes) ..."
	@$(BIN)/python -m pip install --disable-pip-version-check -c $(LOCK) -e '.[triton,models]'
	@touch $@

$(VENV)/.dev: pyproject.toml $(LOCK) | $(BIN)/python
	@echo "installing Seawall with everything that its tests need (the first time takes minutes) ..."
	@$(BIN)/python -m pip install --disable-pip-version-check -c $(LOCK) -e '.[triton,models,bench,dev]'
	@touch $@ $(VENV)/.run
