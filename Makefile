# Everything one does with this project, the same on a laptop and in CI. Needs Python 3.11 or later, and pip's network.

MINIMUM := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c '$(MINIMUM)' 2>/dev/null && echo "$$p" && break; done)
VENV ?= .venv
BIN = $(VENV)/bin

RUNTIME = $(VENV)/.runtime
DEV = $(VENV)/.dev
BENCH = $(VENV)/.bench
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement
LOCK = $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-strip-extras --no-emit-index-url --python-version 3.11 \
	--custom-compile-command "make lock" pyproject.toml

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo run test image-test check chaos bench fix lock base wheel install clean

help: ## show this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

demo: $(RUNTIME) ## see the whole job in half a minute: no account needed
	@$(BIN)/python -m bot demo

run: $(RUNTIME) ## watch Chanjing and post to Slack, as config.yaml says
	@$(BIN)/python -m bot run

test: $(DEV) ## run the tests
	@$(BIN)/python -m pytest --quiet

image-test: $(DEV) ## build the container image and try it, with docker or podman, in about 4 minutes
	@$(BIN)/python -m pytest --quiet tests/image

MINUTES ?= 10
SEED ?= 1
chaos: $(DEV) ## kill the bot at random while everything around it fails, for 10 minutes: MINUTES=, SEED=, CHAOS=--webhook
	LISTING_EXAMPLES=10000 $(BIN)/python -m pytest --quiet tests/test_listing_model.py
	$(BIN)/python -m tests.chaos --minutes $(MINUTES) --seed $(SEED) $(CHAOS)

bench: $(BENCH) ## measure requests, delay, CPU and memory anew, in about 10 minutes, and write docs/performance.md
	$(BIN)/python -m benchmarks

check: $(DEV) ## run everything that must hold before a change is merged
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest --quiet --cov

fix: $(DEV) ## format the code, and mend what can be mended without thought
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: $(DEV) ## bring the locked requirements up to date with pyproject.toml and with what has been released
	$(LOCK) --upgrade --output-file requirements.txt
	$(LOCK) --upgrade --group dev --constraint requirements.txt --output-file requirements-dev.txt
	$(LOCK) --upgrade --group bench --constraint requirements.txt --output-file requirements-bench.txt

base: ## bring the image's base up to date: the digest that python:3.13-slim has now (needs docker)
	digest=$$(docker buildx imagetools inspect --format '{{.Manifest.Digest}}' docker.io/library/python:3.13-slim) && \
	sed -i.old -E "s|^(ARG BASE=.*)@sha256:.*|\1@$$digest|" Dockerfile && rm Dockerfile.old && grep '^ARG BASE' Dockerfile

wheel: $(DEV) ## build the wheel, with the locked tools: dist/lipsync_bot-….whl
	@rm -rf dist && $(BIN)/python -m hatchling build --target wheel --directory dist

PREFIX ?= $(HOME)/lipsync-bot
install: wheel ## install the program and its locked libraries: PREFIX=/opt/lipsync-bot
	@"$(PYTHON)" -m venv "$(PREFIX)"
	@"$(PREFIX)/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --requirement requirements.txt
	@"$(PREFIX)/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-index --force-reinstall dist/lipsync_bot-*.whl
	@echo "$(PREFIX)/bin/lipsync-bot"

clean: ## remove what the other targets have made
	rm -rf $(VENV) .coverage* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache

$(RUNTIME): $(VENV)/pyvenv.cfg requirements.txt
	@echo "installing what lipsync-bot needs into $(VENV) …"
	@$(INSTALL) requirements.txt
	@touch $@

$(DEV): $(VENV)/pyvenv.cfg requirements-dev.txt
	@echo "installing what its checks need into $(VENV) …"
	@$(INSTALL) requirements-dev.txt
	@touch $@

$(BENCH): $(DEV) requirements-bench.txt
	@echo "installing what its benchmarks need into $(VENV) …"
	@$(INSTALL) requirements-bench.txt
	@touch $@

$(VENV)/pyvenv.cfg:
	@"$(PYTHON)" -c '$(MINIMUM)' 2>/dev/null || { \
		echo "lipsync-bot needs Python 3.11 or later with venv and pip; $(or $(PYTHON),python3) is not that."; \
		echo "On Debian and Ubuntu: apt install python3-venv. Elsewhere name one: make PYTHON=/path/to/python3.13 …"; \
		exit 1; } >&2
	@"$(PYTHON)" -m venv $(VENV)
