# Every target makes what it needs in $(VENV); `make help` lists them.
# Options: PYTHON=python3.12 (interpreter), VENV=.venv (folder), WORKERS=2 (test processes), LOCK_FLAGS=--upgrade.
PYTHON ?=
VENV ?= .venv
PEERS_VENV ?= .venv-peers
WORKERS ?= 2
LOCK_FLAGS ?=

python := $(VENV)/bin/python
bootstrap = @GOAL='$(firstword $(MAKECMDGOALS))' PYTHON='$(PYTHON)' VENV='$(VENV)' sh scripts/bootstrap.sh
compile = uv pip compile --quiet --universal --python-version 3.11 \
	--fork-strategy fewest --no-build --generate-hashes --no-annotate --no-emit-index-url --no-emit-find-links \
	--custom-compile-command 'make lock' $(LOCK_FLAGS)

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help backtest test lint docs bench soak peers differential lock clean env-runtime env-dev

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 14

env-runtime:
	$(bootstrap) runtime

env-dev:
	$(bootstrap) dev

backtest: env-runtime ## run the shipped example; the last line is the report's path
	@$(VENV)/bin/qtrader backtest config/system.yaml

test: env-dev ## run the fast tests and require 90 % branch coverage of src
	@$(python) -m pytest -n $(WORKERS) --cov --cov-report=term $(ARGS)

lint: env-dev ## check format, rules and types
	@$(python) -m ruff format --check .
	@$(python) -m ruff check .
	@$(python) -m mypy

docs: env-dev ## run every code block and command of the documentation
	@$(python) -m pytest tests/test_docs.py $(ARGS)

bench: env-dev ## measure speed and memory
	@$(python) benchmarks/run.py $(ARGS)

soak: env-dev ## run the tests that take minutes
	@$(python) -m pytest -n $(WORKERS) -m soak $(ARGS)

peers: ## make .venv-peers with the backtesters that we compare with
	@GOAL=peers PYTHON='$(PYTHON)' VENV='$(PEERS_VENV)' sh scripts/bootstrap.sh peers

differential: env-dev peers ## run the same cases through QTrader and its peers and compare trade by trade
	@$(python) -m differential --python $(PEERS_VENV)/bin/python $(ARGS)

lock: ## resolve the locks again (LOCK_FLAGS=--upgrade for the newest versions)
	@command -v uv >/dev/null || { echo "make lock needs uv: python3 -m pip install --user uv (or pipx install uv)" >&2; exit 1; }
	@$(compile) pyproject.toml --all-extras --group dev --output-file requirements/dev.txt
	@$(compile) pyproject.toml --constraint requirements/dev.txt --group build --output-file requirements/runtime.txt
	@$(compile) requirements/peers.in --output-file requirements/peers.txt

clean: ## remove the environments, caches and build products; runs/ stays
	@rm -rf .venv .venv-newest .venv-peers build dist .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find src tests benchmarks differential examples -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
