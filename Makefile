SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PORT ?= 8501
TORCH_INDEX ?=
MOE_STUDIO_DATA ?= data
export MOE_STUDIO_DATA

BIN := .venv/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet
# A process a core, four at most; a file is one process's work, for its fixtures, the slow ones first.
PARALLEL := -n logical --maxprocesses=4 --dist=loadfile --no-loadscope-reorder
USUAL := not soak and not nightly

.PHONY: help install run test nightly soak screens lint fmt

help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 18

install: .venv/.studio  ## make .venv and install what the studio needs

run: .venv/.studio  ## start the studio on http://localhost:8501 (PORT=..., TORCH_INDEX=...)
	exec $(BIN)/python -m streamlit run app/main.py --server.port=$(PORT)

test: lint  ## lint, types, import rules, then unit, property and browser tests
	@# A page that is looked at has a server and a browser that work for it, so these tests run alone.
	@ended=0; \
	$(BIN)/python -m pytest -m "$(USUAL) and not browser" $(PARALLEL) || ended=$$?; \
	$(BIN)/python -m pytest -m "$(USUAL) and browser" || ended=$$?; \
	exit $$ended

nightly: .venv/.tests  ## thousands of random designs
	HYPOTHESIS_PROFILE=nightly $(BIN)/python -m pytest -m "not soak and not browser" --timeout=7200

soak: .venv/.tests  ## kill workers and servers at random moments, many times
	$(BIN)/python -m pytest -m soak --timeout=7200

screens: .venv/.tests  ## pictures of every page in both themes, into build/screens
	$(BIN)/python -m tests.browser.screens build/screens

lint: .venv/.tests  ## ruff, mypy, import-linter, hadolint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile

fmt: .venv/.tests  ## let ruff fix and format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# pip is the last thing venv installs, so its presence means that the environment is whole.
.venv/bin/pip:
	@for python in python3.13 python3.12 python3.11 python3 python; do \
	  if "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	    echo "Making .venv with $$("$$python" --version)"; exec "$$python" -m venv .venv; \
	  fi; \
	done; \
	echo "No Python 3.11 or newer with its venv module was found on PATH; the studio needs one." >&2; \
	echo "To fix this, install it (on Debian and Ubuntu: python3 and python3-venv) and run make again." >&2; \
	exit 1

# A chosen index serves torch only; torch==X in requirements.txt then counts a local build X+cpu as installed.
.venv/.studio: requirements.txt | .venv/bin/pip
	@if [ -n "$(TORCH_INDEX)" ]; then \
	  echo "Installing PyTorch from the chosen index"; \
	  $(PIP) --index-url "$(TORCH_INDEX)" "$$(grep '^torch==' requirements.txt)"; \
	fi
	@echo "Installing requirements.txt (a few minutes the first time)"
	@$(PIP) -r requirements.txt
	@touch $@

.venv/.tests: requirements-test.txt .venv/.studio
	@echo "Installing requirements-test.txt"
	@$(PIP) -r requirements-test.txt
	@touch $@
