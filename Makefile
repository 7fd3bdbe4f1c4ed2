# One command for each thing. Every target sets up what it needs and is quick when that is there already.
#
#   make run     a first node: the domain lightwave.local in ./data, LDAP and HTTPS on 10389, 10636, 10443, local only
#   make test    the tests, with real clients from Debian's packages
#   make lint    ruff, mypy --strict, import-linter
#   make bench   side by side with slapd (BENCH="--people 1000000" for more than the default)
#   make soak    the long tests: more kills, more examples

SHELL := /bin/bash

# The current folder would otherwise come first on Python's path, and the link `dns` would hide dnspython.
export PYTHONSAFEPATH = 1

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV    = .venv
BIN     = $(VENV)/bin
DATA   ?= data
OFFSET ?= 10000
JOBS   ?= 2
BENCH  ?=
PYTEST  = $(BIN)/python -m pytest
SOURCES = lightwave tests bench

.DEFAULT_GOAL := help
.PHONY: help run test lint bench soak clients

help:
	@sed -n 's/^#   //p' Makefile

# Stamps, not the folder: an interrupted installation is done again.
$(VENV)/.installed: pyproject.toml
	@.ci/make-venv $(PYTHON) $(VENV)
	@echo "Installing Lightwave into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.installed-for-tests: pyproject.toml
	@.ci/make-venv $(PYTHON) $(VENV)
	@.ci/install-clients build
	@echo "Installing Lightwave and its test tools into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,lint]'
	@touch $@ $(VENV)/.installed

run: $(VENV)/.installed
	@test -e $(DATA)/lightwave.toml || \
	    $(BIN)/lightwave promote --domain lightwave.local --data $(DATA) --port-offset $(OFFSET) --bind 127.0.0.1
	@exec $(BIN)/lightwave serve --data $(DATA)

clients:
	@.ci/install-clients test

test: clients $(VENV)/.installed-for-tests
	$(PYTEST) -q -n $(JOBS) --dist worksteal tests

soak: clients $(VENV)/.installed-for-tests
	$(PYTEST) -q --soak -m soak --timeout 3600 tests

lint: $(VENV)/.installed-for-tests
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy $(SOURCES)
	$(BIN)/lint-imports

bench: clients $(VENV)/.installed-for-tests
	$(BIN)/python bench $(BENCH)
