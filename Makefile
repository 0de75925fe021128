# make demo    a sample shop, served; everything it needs is made
# make test    all tests: core, adapters, wire; against real databases
# make check   ruff and mypy
# make bench   the workloads of benchmarks/, with figures

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --no-input
PYTEST ?= -n 2

.PHONY: demo test check bench clean

demo: $(VENV)/.demo
	$(BIN)/bridgectl demo .demo

test: $(VENV)/.test
	$(BIN)/python -m pytest $(PYTEST)

check: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.test
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) .demo .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	|| { echo "Bridge needs Python 3.11 or newer: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(VENV)/bin/python pyproject.toml resources/sql/pyproject.toml
	$(PIP) install --quiet --editable . --editable resources/sql
	touch $@

$(VENV)/.test: $(VENV)/bin/python pyproject.toml resources/sql/pyproject.toml resources/stripe/pyproject.toml resources/sheets/pyproject.toml
	$(PIP) install --quiet --editable '.[test,check]' --editable 'resources/sql[mysql]' --editable resources/stripe \
	  --editable 'resources/sheets[fake]'
	touch $@ $(VENV)/.demo
