# Needs GNU make 4, git and python3 >= 3.11. Everything is installed into .venv and nowhere else.
SHELL := /bin/sh
.SHELLFLAGS := -ec
.ONESHELL:
.DEFAULT_GOAL := help

PYTHON ?= python3
# Not from the environment, where some shells keep the machine's name under HOST.
HOST = 127.0.0.1
PORT ?= 8000
DATA ?= .data
ARGS ?=
SCALAR ?= 1.46.4

PY := .venv/bin/python
INSTALLED := .venv/installed.lock

.PHONY: help venv run test coverage check format lock openapi reader bench demo clean

help: ## This list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	echo
	echo "  Variables: HOST=$(HOST) PORT=$(PORT) DATA=$(DATA) PYTHON=$(PYTHON) ARGS='…' (for test and bench)"

venv: ## Make .venv and install exactly what requirements.lock says
	@# The copy of the lock is written last; without it the folder is the rest of an interrupted call, and made anew.
	if cmp -s requirements.lock $(INSTALLED) && $(PY) -c '' 2>/dev/null; then exit 0; fi
	if ! command -v "$(PYTHON)" >/dev/null; then
		echo "Python 3.11 or newer is needed, and '$(PYTHON)' is not found. Name another one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2
		exit 1
	fi
	if ! "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
		echo "Python 3.11 or newer is needed, and '$(PYTHON)' is $$("$(PYTHON)" --version 2>&1). Name another one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2
		exit 1
	fi
	if ! "$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null; then
		echo "'$(PYTHON)' cannot make virtual environments: install its venv package (Debian, Ubuntu: apt install python3-venv)." >&2
		exit 1
	fi
	if [ ! -e $(INSTALLED) ] || ! $(PY) -m pip --version >/dev/null 2>&1; then
		echo "Making .venv with $$("$(PYTHON)" --version) …"
		"$(PYTHON)" -m venv --clear .venv
	fi
	rm -f $(INSTALLED)
	echo "Installing from requirements.lock into .venv (a minute or two the first time) …"
	$(PY) -m pip install -qq --disable-pip-version-check --no-input --require-hashes -r requirements.lock
	cp requirements.lock $(INSTALLED)

run: venv ## Start PostgreSQL, Valkey, API and worker; Ctrl-C stops them and keeps the data
	@exec $(PY) -m app up --host "$(HOST)" --port "$(PORT)" --data-dir "$(DATA)"

test: venv ## Run the tests (one file: make test ARGS=tests/domain)
	@# In a folder of its own, so that nothing is left of the run.
	place=$$(mktemp -d)
	trap 'rm -rf "$$place"' EXIT
	trap 'exit 130' INT TERM
	$(PY) -m pytest -n 2 --dist worksteal --basetemp="$$place/t" $(ARGS)

coverage: venv ## Run the tests, and hold the branches they cover to their floors
	@place=$$(mktemp -d)
	trap 'rm -rf "$$place"' EXIT
	trap 'exit 130' INT TERM
	export COVERAGE_FILE="$$place/coverage"
	$(PY) -m pytest -n 2 --dist worksteal --basetemp="$$place/t" --cov --cov-report=term:skip-covered --cov-report=json:"$$place/coverage.json" $(ARGS)
	$(PY) -m tests.contract.coverage_gate "$$place/coverage.json"

check: venv ## Lint, formatting, types, layers, breaking changes of the API
	@$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	# Not through its script, whose first line is wrong once the project has been moved.
	$(PY) -c 'from importlinter.cli import lint_imports_command as main; main(prog_name="lint-imports")'
	$(PY) -m tests.contract.breaking $(if $(filter allowed,$(BREAKING)),--allowed)

format: venv ## Format and fix what can be fixed
	@$(PY) -m ruff check --fix-only --quiet .
	$(PY) -m ruff format .

lock: venv ## Write the locks anew from pyproject.toml: all, what the image needs, and what it needs for letters
	@PATH="$$PWD/.venv/bin:$$PATH"
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-emit-find-links --extra embedded --extra dev --python-version 3.11 -o requirements.lock pyproject.toml >/dev/null
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-emit-find-links --constraint requirements.lock --python-version 3.11 -o requirements.runtime.lock pyproject.toml >/dev/null
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-emit-find-links --extra letters --constraint requirements.lock --python-version 3.11 -o requirements.letters.lock pyproject.toml >/dev/null

openapi: venv ## Write the OpenAPI document from the code
	@$(PY) -m app openapi

reader: ## Take the reader of /docs from its npm package anew (another version: make reader SCALAR=…)
	@place=$$(mktemp -d)
	trap 'rm -rf "$$place"' EXIT
	npm pack --silent --pack-destination "$$place" "@scalar/api-reference@$(SCALAR)" >/dev/null
	tar -xzf "$$place"/*.tgz -C "$$place"
	rm -f app/docs/static/scalar-*.js
	cp "$$place/package/dist/browser/standalone.js" "app/docs/static/scalar-$(SCALAR).js"
	sed -i 's/scalar-[0-9.]*[0-9][.]js/scalar-$(SCALAR).js/; s/api-reference [0-9.]*[0-9],/api-reference $(SCALAR),/' \
		app/docs/static/index.html app/docs/static/LICENSE.scalar.txt

bench: venv ## Measure throughput and latency on this machine
	@$(PY) -m tests.benchmarks $(ARGS)

demo: venv ## Play the sample portfolio through the API
	@$(PY) -m examples.demo $(ARGS)

clean: ## Remove the data and the caches; refused while something is running
	@python=$(PY)
	if [ ! -x "$$python" ]; then python="$(PYTHON)"; fi
	if [ -e "$(DATA)" ]; then "$$python" -m app.embedded "$(DATA)"; fi
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.*
	find . -name .venv -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
