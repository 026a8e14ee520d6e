# Everything a contributor types. A fresh machine needs git, make and Python 3.11 or newer with venv.
#   make test    sets up .venv and the databases, then runs the linters and every test
#   make demo    sets up .venv and runs the git data source on this clone
#   make demo-bridge    the same plugin, called from Go as DevLake's server calls it
#   make bench   measures speed and memory beside code by hand; takes some ten minutes
# ARGS goes to pytest: make test ARGS="tests/store -k upsert"

PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
VENV ?= .venv
ARGS ?=
PY := $(VENV)/bin/python
PROJECTS := $(dir $(wildcard devlake_plugins/*/pyproject.toml contrib/*/pyproject.toml))
# Set up again when one of the project files changes, or when the folder was copied elsewhere.
KEY := $(shell (pwd; cat Makefile pyproject.toml $(PROJECTS:%=%pyproject.toml)) | cksum | cut -d ' ' -f 1)
DEMO_READY := $(VENV)/.demo-$(KEY)
TEST_READY := $(VENV)/.test-$(KEY)

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help test lint format demo demo-bridge bench databases go clean

help:
	@sed -n 's/^#   //p' Makefile

test: $(TEST_READY) databases go lint
	$(PY) -m pytest -n 2 -m "not slow" $(ARGS)

lint: $(TEST_READY)
	$(PY) -m ruff check --quiet --output-format concise
	$(PY) -m ruff format --check --quiet
	$(PY) -m mypy --no-error-summary
	$(PY) -c 'from importlinter.cli import lint_imports_command as main; main()' --no-logo

format: $(TEST_READY)
	$(PY) -m ruff check --quiet --fix-only
	$(PY) -m ruff format

databases: $(TEST_READY)
	$(PY) -m tests.servers.install

go: $(TEST_READY)
	$(PY) -m tests.bridge.gotools

demo: $(DEMO_READY)
	@$(PY) -m devlake_plugin_gitrepo.demo

demo-bridge: $(DEMO_READY)
	@$(PY) -m contrib.go.demo

bench: $(TEST_READY) databases go
	$(PY) -m pip install --quiet --disable-pip-version-check --group bench
	$(PY) -m benchmarks.run $(ARGS)

$(PY):
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
			&& apt-get update -qq && apt-get install -qq -y --no-install-recommends python3-venv; } \
		|| { echo "Python's venv is missing (Debian: apt-get install python3-venv)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'

$(DEMO_READY): | $(PY)
	$(PY) -m pip install --quiet --disable-pip-version-check -e . -e devlake_plugins/gitrepo
	@rm -f $(VENV)/.demo-* && touch $@

$(TEST_READY): | $(PY)
	$(PY) -m pip install --quiet --disable-pip-version-check --group test --group lint \
		-e '.[postgres,mysql]' $(PROJECTS:%=-e ./%)
	@rm -f $(VENV)/.demo-* $(VENV)/.test-* && touch $(DEMO_READY) $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
