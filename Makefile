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
.PHONY: help backtest test lint docs bench bench-peers soak peers differential lock clean env-runtime env-dev env-differential

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
	@$(python) -m benchmarks.run $(ARGS)

soak: env-dev ## run the tests that take minutes
	@$(python) -m pytest -n $(WORKERS) -m soak $(ARGS)

bench-peers: env-dev ## measure beside the peers that `make peers` made and write benchmarks/RESULTS.md
	@$(python) -m benchmarks.peers_run --peers $(PEERS_VENV) $(ARGS)

peers: ## make an environment below .venv-peers for each backtester that we compare with
	@PYTHON='$(PYTHON)' PEERS_VENV='$(PEERS_VENV)' sh scripts/peers.sh $(ARGS)

env-differential:
	@GOAL=differential PYTHON='$(PYTHON)' VENV='$(PEERS_VENV)/differential' sh scripts/bootstrap.sh peers

differential: env-dev env-differential ## run the same cases through QTrader and its peers and compare trade by trade
	@$(python) -m differential --python $(PEERS_VENV)/differential/bin/python $(ARGS)

lock: ## resolve the locks again (LOCK_FLAGS=--upgrade for the newest versions)
	@command -v uv >/dev/null || { echo "make lock needs uv: python3 -m pip install --user uv (or pipx install uv)" >&2; exit 1; }
	@$(compile) pyproject.toml --all-extras --group dev --output-file requirements/dev.txt
	@$(compile) pyproject.toml --constraint requirements/dev.txt --group build --output-file requirements/runtime.txt
	@$(compile) requirements/peers.in --output-file requirements/peers.txt
	@for peer in requirements/peers/*.in; do \
		oldest=$$(sed -n 's/^# python //p' $$peer); \
		$(compile) --python-version $${oldest:-3.11} $$peer --output-file $${peer%.in}.txt || exit 1; \
	done

clean: ## remove the environments, caches and build products; runs/ stays
	@rm -rf .venv .venv-newest .venv-peers build dist .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find src tests benchmarks differential examples -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
