# make demo: hear one tune turn into another.  make test, make lint: what CI runs.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

BASE_PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
FROM := data/samples/ode_to_joy.mid
TO := data/samples/oh_susanna.mid

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test lint format clean

help:
	@echo "make demo   install, then turn $(FROM) into $(TO): demo/morph.mid, .png, .wav"
	@echo "make test   install with the development tools, then run the tests"
	@echo "make lint   ruff, mypy, import-linter"
	@echo "make format let ruff put the code into shape"
	@echo "make clean  remove what these made: $(VENV), demo, caches"

$(BIN)/python:
	"$(BASE_PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11) and "musicvae needs Python 3.11 or newer; set BASE_PYTHON=/path/to/python")'
	"$(BASE_PYTHON)" -m venv $(VENV)

# The development tools come on top: either stamp alone is enough for a demo.
$(VENV)/.core: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing musicvae into $(VENV): about 2 GB and a few minutes, once."
	$(BIN)/python -m pip install --quiet -c constraints.txt -e .
	touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing musicvae and its development tools into $(VENV): a few minutes, once."
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $(VENV)/.core $@

demo: $(VENV)/.core
	@mkdir -p demo
	$(BIN)/musicvae interpolate $(FROM) $(TO) -o demo/morph.mid --plot demo/morph.png --wav demo/morph.wav --seed 1
	@echo
	@echo "$(FROM) has turned into $(TO):"
	@echo "  demo/morph.mid  the music, for any player or sequencer"
	@echo "  demo/morph.wav  the same, rendered to sound"
	@echo "  demo/morph.png  the same, as piano rolls from start to end"

test: $(VENV)/.dev
	$(BIN)/python -m pytest

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) demo build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
