# Everything one does with this project, the same on a laptop and in CI. Needs Python 3.11 or later, and pip's network.

MINIMUM := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
ifeq ($(origin PYTHON),undefined)
PYTHON := $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c '$(MINIMUM)' 2>/dev/null && echo "$$p" && break; done)
endif
VENV ?= .venv
BIN = $(VENV)/bin
# The virtual environment can be used where this ends well: it is whole, of a supported Python, and of the one that
# PYTHON= names, where it does.
USABLE := import pip, sys; sys.exit(sys.version_info < (3, 11) or sys.argv[1:] not in ([], [sys.version]))
NAMED = $(if $(filter file,$(origin PYTHON)),,"$$("$(PYTHON)" -c 'import sys; print(sys.version)' 2>/dev/null)")

RUNTIME = $(VENV)/.runtime
TESTS = $(VENV)/.test
DEV = $(VENV)/.dev
BENCH = $(VENV)/.bench
BROWSER = $(VENV)/.browser
# What is not in the lock is not installed, and nothing is built: no release of tomorrow has a say.
LOCKED = -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary :all: --requirement
INSTALL = $(BIN)/python $(LOCKED)
TEST = $(BIN)/python -m pytest --quiet --numprocesses auto
LOCK = $(BIN)/python -m uv pip compile --quiet --universal --generate-hashes --no-strip-extras --no-emit-index-url --python-version 3.11 \
	--custom-compile-command "make lock" --extra postgres pyproject.toml

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: FORCE help demo run check test image-test package-test browser-test gate chaos bench fix lock base wheel dist install clean

help: ## show this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

demo: $(RUNTIME) ## see the whole job in half a minute: no account needed
	@$(BIN)/python -m bot demo

run: $(RUNTIME) ## watch Chanjing and post to Slack, as config.yaml says
	@$(BIN)/python -m bot run

check: $(RUNTIME) ## try what config.yaml says: Chanjing, Slack, the state; posts nothing
	@$(BIN)/python -m bot check

test: $(TESTS) ## run the tests
	@$(TEST)

image-test: $(TESTS) ## build the container image and try it, with docker or podman, in about 4 minutes
	@$(BIN)/python -m pytest --quiet tests/image

package-test: $(TESTS) ## try what is built and installed, and run the demo from the wheel and from the sdist, in about 2 minutes
	@$(TEST) tests/package

browser-test: $(BROWSER) ## look at the page and the demo in chromium, which must be there, in about a minute
	@$(BIN)/python -m pytest --quiet tests/browser

MINUTES ?= 10
SEED ?= 1
chaos: $(TESTS) ## kill the bot at random while everything around it fails, for 10 minutes: MINUTES=, SEED=, CHAOS=--webhook or CHAOS=--postgres
	LISTING_EXAMPLES=10000 TAKEOVERS=1000 $(BIN)/python -m pytest --quiet tests/test_listing_model.py tests/faults/test_takeovers.py
	$(BIN)/python -m tests.chaos --minutes $(MINUTES) --seed $(SEED) $(CHAOS)

bench: $(BENCH) ## measure requests, delay, CPU and memory anew, in half an hour or more, and write docs/performance.md
	$(BIN)/python -m benchmarks

gate: $(DEV) ## run everything that must hold before a change is merged
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy
	$(BIN)/python -c 'from importlinter.cli import lint_imports_command; lint_imports_command()'
	$(BIN)/python -m check_jsonschema --quiet --schemafile config.schema.json config.example.yaml
	$(BIN)/python -m check_jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/python -m check_jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/zizmor --offline --quiet --no-progress .github
	$(TEST) --cov

fix: $(DEV) ## format the code, and mend what can be mended without thought
	$(BIN)/python -m ruff format .
	$(BIN)/python -m ruff check --fix .

lock: $(DEV) ## bring the locked requirements up to date with pyproject.toml and with what has been released
	$(LOCK) --upgrade --output-file requirements.txt
	$(LOCK) --upgrade --group dev --constraint requirements.txt --output-file requirements-dev.txt
	$(LOCK) --group test --constraint requirements-dev.txt --output-file requirements-test.txt
	$(LOCK) --upgrade --group bench --constraint requirements.txt --output-file requirements-bench.txt
	$(LOCK) --upgrade --group browser --constraint requirements-test.txt --output-file requirements-browser.txt
	$(BIN)/python -m tests.locks

base: ## bring the image's base up to date: the digest that python:3.13-slim has now (needs docker)
	digest=$$(docker buildx imagetools inspect --format '{{.Manifest.Digest}}' docker.io/library/python:3.13-slim) && \
	sed -i.old -E "s|^(ARG BASE=.*)@sha256:.*|\1@$$digest|" Dockerfile && rm Dockerfile.old && grep '^ARG BASE' Dockerfile

wheel: $(TESTS) ## build the wheel, with the locked tools: dist/lipsync_bot-….whl
	@rm -rf dist && $(BIN)/python -m hatchling build --target wheel --directory dist

dist: $(TESTS) ## build what is published, wheel and sdist: the same files make the same bytes
	@rm -rf dist && $(BIN)/python -m hatchling build --directory dist && cd dist && sha256sum *

PREFIX ?= $(HOME)/lipsync-bot
install: wheel ## install the program and its locked libraries: PREFIX=/opt/lipsync-bot
	@umask 022 && "$(PYTHON)" -m venv "$(PREFIX)" && \
	"$(PREFIX)/bin/python" $(LOCKED) requirements.txt && \
	"$(PREFIX)/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-index --force-reinstall dist/lipsync_bot-*.whl
	@echo "$(PREFIX)/bin/lipsync-bot"

clean: ## remove what the other targets have made
	rm -rf $(VENV) .coverage* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache

$(RUNTIME): $(VENV)/pyvenv.cfg requirements.txt
	@echo "installing what lipsync-bot needs into $(VENV) …"
	@$(INSTALL) requirements.txt
	@touch $@

$(TESTS): $(VENV)/pyvenv.cfg requirements-test.txt
	@echo "installing what its tests need into $(VENV) …"
	@$(INSTALL) requirements-test.txt --no-compile
	@touch $@

$(DEV): $(TESTS) requirements-dev.txt
	@echo "installing what its checks need into $(VENV) …"
	@$(INSTALL) requirements-dev.txt --no-compile
	@touch $@

$(BENCH): $(DEV) requirements-bench.txt
	@echo "installing what its benchmarks need into $(VENV) …"
	@$(INSTALL) requirements-bench.txt --no-compile
	@touch $@

$(BROWSER): $(TESTS) requirements-browser.txt
	@echo "installing what its tests in a browser need into $(VENV) …"
	@$(INSTALL) requirements-browser.txt --no-compile
	@touch $@

$(VENV)/pyvenv.cfg: FORCE
	@$(BIN)/python -c '$(USABLE)' $(NAMED) 2>/dev/null && exit; \
	"$(PYTHON)" -c '$(MINIMUM)' 2>/dev/null || { \
		echo "lipsync-bot needs Python 3.11 or later with venv and pip; $(or $(PYTHON),python3) is not that."; \
		echo "On Debian and Ubuntu: apt install python3-venv. Elsewhere name one: make PYTHON=/path/to/python3.13 …"; \
		exit 1; } >&2; \
	[ -d $(VENV) ] || rm -f $(VENV); \
	"$(PYTHON)" -m venv --clear $(VENV)
