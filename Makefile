# Runreel. `make` tells what there is; `make run` is all it takes to see it.
# Needs: python3 (3.11 or newer, with venv) and make. Everything else is fetched, checked by hash, into .venv/.

PYTHON ?= python3
ARGS   ?=
UV     := uv==0.13.9

BIN    := .venv/bin
PIP    := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input
DONE   := .venv/.done
NODE   := tests/e2e/node
CODE   := worker recorder schemas deploy tests
say     = @printf '\033[1m%s\033[0m\n' '$(1)'

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup run setup-dev test check format bench faults lock clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# ── use it ───────────────────────────────────────────────────────────────────────────────────────

setup: $(DONE)/chromium ## install Runreel and, where there is none, Chromium
	@:

run: setup ## start everything on this machine and make a first recording (ARGS="…" goes to `runreel up`)
	@$(BIN)/runreel up --first-run $(ARGS)

# ── work on it ───────────────────────────────────────────────────────────────────────────────────

setup-dev: $(DONE)/dev $(DONE)/node setup ## also install the tools for tests and checks
	@:

test: setup-dev ## run every test (ARGS="tests/recorder -k name" goes to pytest)
	@$(BIN)/python -m pytest $(ARGS)

check: $(DONE)/dev ## format, lint, types, import rules, generated schemas; under a minute
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m schemas.catalogue --check
	$(BIN)/python -m deploy.settings_table --check

format: $(DONE)/dev ## rewrite the code as `make check` wants it
	$(BIN)/ruff check --fix $(CODE) || true
	$(BIN)/ruff format $(CODE)

bench: setup-dev ## measure; each figure beside its baseline and its target (ARGS="--quick", "--full", a figure …)
	@$(BIN)/python tests/bench/run.py $(ARGS)

faults: setup-dev ## kill processes at random under load, and look whether everything is there (N=200, SEED=…)
	@$(BIN)/python -m tests.faults.loop $(or $(N),200) $(if $(SEED),--seed $(SEED))

lock: $(DONE)/venv ## resolve the *.in files and pyproject.toml into the locks (UPGRADE=1 takes newer versions)
	@$(PIP) install '$(UV)'
	$(BIN)/uv pip compile $(LOCK_FLAGS) pyproject.toml requirements.in -o requirements.lock
	$(BIN)/uv pip compile $(LOCK_FLAGS) requirements-dev.in -o requirements-dev.lock
LOCK_FLAGS := --quiet --universal --python-version 3.11 --generate-hashes --custom-compile-command 'make lock' \
              --no-config --no-emit-index-url --no-emit-find-links $(if $(UPGRADE),--upgrade)

clean: ## remove what make and the tools made (not your recordings)
	rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache $(NODE)/node_modules
	find $(wildcard $(CODE)) -name __pycache__ -type d -prune -exec rm -rf {} +

# ── each step leaves a mark when it is done, so the next `make` skips it ─────────────────────────

$(DONE)/venv:
	@$(PYTHON) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo 'Runreel needs Python 3.11 or newer with venv: `apt-get install python3 python3-venv`, or name one with `make PYTHON=/path/to/python3.11 …`.' >&2; exit 1; }
	$(call say,Making .venv)
	@$(PYTHON) -m venv --clear .venv
	@mkdir -p $(DONE) && touch $@

$(DONE)/runtime: requirements.lock | $(DONE)/venv
	$(call say,Installing libraries)
	@$(PIP) install --require-hashes --only-binary :all: -r requirements.lock
	@touch $@

$(DONE)/project: pyproject.toml | $(DONE)/runtime
	$(call say,Installing Runreel)
	@$(PIP) install --no-build-isolation --no-deps -e .
	@touch $@

$(DONE)/chromium: deploy/install_chromium.py $(DONE)/runtime | $(DONE)/project
	$(call say,Looking for Chromium)
	@$(BIN)/python -m deploy.install_chromium
	@touch $@

$(DONE)/dev: requirements-dev.lock $(DONE)/runtime | $(DONE)/project
	$(call say,Installing tools for tests and checks)
	@$(PIP) install --require-hashes --only-binary :all: -r requirements-dev.lock
	@touch $@

$(DONE)/node: $(NODE)/package.json $(NODE)/package-lock.json | $(DONE)/dev
	$(call say,Installing Puppeteer for tests)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/npm ci --prefix $(NODE) --silent
	@touch $@
