# Everything works from a clean clone with Python 3.11+ and make. `make` alone prints the targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
UV_VERSION := 0.13.8
# uv from PATH, or fetched by pip into the checkout.
UV := $(shell command -v uv 2>/dev/null || echo $(CURDIR)/.tools/uv/bin/uv)
export UV_PYTHON_DOWNLOADS := never
# The interpreter itself, not a shim or another virtual environment's link to it.
INTERPRETER := $(shell $(PYTHON) -c 'import sys; print(getattr(sys, "_base_executable", None) or sys.executable)' 2>/dev/null)
export UV_FROZEN := 1
# Every process would compile Django or dagster anew: half of what a start costs.
unexport PYTHONDONTWRITEBYTECODE
RUN := $(UV) run --no-sync
# Type checking reads the settings; nothing is connected to.
CHECK_SETTINGS := DAGGERBOARD_SECRET_KEY=check DAGGERBOARD_MASTER_KEY=Y2hlY2ssIGNoZWNrLCBjaGVjayBhbmQgY2hlY2sgaXQ= DAGGERBOARD_REDIS_URL=redis://127.0.0.1 DAGGERBOARD_OBJECT_STORE_URL=file:///tmp \
  DAGGERBOARD_DATABASE_URL=postgresql://app@127.0.0.1/x DAGGERBOARD_DATABASE_DOOR_URL=postgresql://door@127.0.0.1/x
SYNC := $(UV) sync --quiet --inexact --python $(INTERPRETER)

help: ## Show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 14

python: # One clear line when the interpreter is too old or missing.
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "Daggerboard needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1 || echo missing). Set PYTHON=/path/to/python3.11."; exit 1; }

$(CURDIR)/.tools/uv/bin/uv:
	@echo "Fetching uv $(UV_VERSION)"
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --target $(CURDIR)/.tools/uv uv==$(UV_VERSION) || \
	  { echo "uv could not be installed with pip. Install uv (or pip) for $(PYTHON) and try again."; exit 1; }

env: python $(UV) # What running needs: the control plane, the agent and the sample project.
	@$(SYNC) --no-default-groups --group sample --extra evaluator

dev: python $(UV) # What developing needs as well.
	@$(SYNC)

frontend: # Bundle scripts and styles; does nothing when the sources did not change.
	@$(RUN) python -m controlplane.ui.build

browser: # Debian's chromium, for the browser tests.
	@$(RUN) python -m tests.browser.install

up: env frontend ## Start everything on this machine; PORT=<number> chooses the port, ONCE=1 runs the first materialization and exits
	@$(RUN) daggerboard up $(if $(ONCE),--once) $(if $(PORT),--port $(PORT))

test: dev frontend browser ## Run the tests; T=<path> and K=<expression> narrow the run
	@$(RUN) pytest $(if $(T),$(T),-n 4 --no-loadscope-reorder tests) $(if $(K),-k "$(K)")

check: dev frontend ## Lint, types, import contracts, the front end: what CI checks beside the tests
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .
	@$(RUN) lint-imports
	@$(CHECK_SETTINGS) $(RUN) mypy
	@$(RUN) python -m controlplane.ui.build --check

versions: dev ## Run the code worker's tests with every supported dagster (CI runs the oldest and the newest)
	@$(RUN) python -m tests.worker.versions

bench: dev frontend ## Measure the figures of the design; PEERS=1 measures Dagster beside it
	@$(RUN) python -m benchmarks $(if $(PEERS),--peers)

fmt: dev ## Format and fix what can be fixed
	@$(RUN) ruff format .
	@$(RUN) ruff check --fix .

.PHONY: help python env dev frontend browser up test check versions bench fmt
