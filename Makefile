# `make` alone lists what can be done. Each target can be interrupted and run again.
PYTHON ?= python3
STACK ?= local
EMBEDDED ?=
WORKERS ?= auto
REPORT ?=
ON := --stack $(STACK) $(if $(EMBEDDED),--embedded)
VENV := .venv
UNIT := tests/test_structure.py tests/unit tests/policies tests/commands -m "not engine"
# Not the scripts: their first line holds the path of the environment, which may be too long for the
# system, or hold what a shell reads otherwise.
PYTHON_M := $(VENV)/bin/python -m
SURGEPROOF := $(PYTHON_M) surgeproof
PIP := $(PYTHON_M) pip install --quiet --disable-pip-version-check
UV_COMPILE := $(PYTHON_M) uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header

# An environment whose Python has gone (the system has another one now) is made anew.
$(shell test ! -e $(VENV)/.made || test -x $(VENV)/bin/python || rm -f $(VENV)/.made $(VENV)/.run $(VENV)/.dev)

.DEFAULT_GOAL := help
.PHONY: help up preview status down test unit lint format reference probe lock engine torture fuzz corpus mutate outage monotony bench clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: $(VENV)/.run  ## Bring the stack up on the embedded AWS, with the policy pack enforced
	@$(SURGEPROOF) up $(ON)

preview: $(VENV)/.run  ## Show what `up` would change
	@$(SURGEPROOF) preview $(ON) $(if $(REPORT),--report $(REPORT))

status: $(VENV)/.run  ## Show what is up
	@$(SURGEPROOF) status $(ON)

down: $(VENV)/.run  ## Take the stack and the embedded AWS away
	@$(SURGEPROOF) down $(ON)

# Files of tests run side by side: what two tests of a file share is then made once.
test: $(VENV)/.dev  ## Run everything that CI checks
	@began=$$(date +%s) && $(MAKE) --no-print-directory lint && linted=$$(date +%s) && \
		$(PYTHON_M) surgeproof.emulator.engine && \
		SURGEPROOF_LINT_SECONDS=$$((linted - began)) $(PYTHON_M) pytest --numprocesses $(WORKERS) --dist loadfile

unit: $(VENV)/.dev  ## Run the quick tests of configuration, components and rules
	$(PYTHON_M) pytest $(UNIT)

lint: $(VENV)/.dev  ## Check style and types
	$(PYTHON_M) ruff check
	$(PYTHON_M) ruff format --check
	$(PYTHON_M) mypy

format: $(VENV)/.dev  ## Lay the code out
	$(PYTHON_M) ruff format
	$(PYTHON_M) ruff check --fix

reference: $(VENV)/.dev  ## Write docs/reference and Pulumi.yaml's keys anew from the code
	$(PYTHON_M) surgeproof.components.configuration.reference
	$(PYTHON_M) surgeproof.policies.shapes
	$(PYTHON_M) surgeproof.policies.reference

probe: $(VENV)/.dev  ## Measure anew what the embedded AWS loses, refuses, lacks, does not enforce
	$(PYTHON_M) surgeproof.emulator.probe

lock: $(VENV)/.dev  ## Lock the requirements anew
	$(UV_COMPILE) requirements.in pyproject.toml --all-extras -o requirements.txt
	$(UV_COMPILE) requirements-dev.in pyproject.toml --all-extras -o requirements-dev.txt
	$(UV_COMPILE) policies/requirements.in -o policies/requirements.txt
	$(UV_COMPILE) surgeproof/emulator/tools/go/requirements.in -o surgeproof/emulator/tools/go/requirements.txt

engine: $(VENV)/.run  ## Find the Pulumi engine, or build it
	$(PYTHON_M) surgeproof.emulator.engine

torture: $(VENV)/.dev  ## Interrupt, kill and damage runs in hundreds of ways; says how many were put right
	SURGEPROOF_MOMENTS=20 SURGEPROOF_DAMAGES=340 $(PYTHON_M) pytest --timeout 7200 tests/engine/test_interruptions.py \
		tests/engine/test_damages.py tests/engine/test_odd_paths.py tests/simulation/test_compile.py tests/test_files.py

fuzz: $(VENV)/.dev  ## Read 2,000 damaged inputs of each kind; none may end in a traceback
	$(PYTHON_M) tests.fuzz

corpus: $(VENV)/.dev  ## Check other people's stacks; print faults found and missed, and keep the findings
	$(PYTHON_M) tests.corpus --write

mutate: $(VENV)/.dev  ## Change the policies in thousands of places; tests must notice (about half an hour)
	$(PYTHON_M) mutmut run $(MUTANTS)
	$(PYTHON_M) benchmarks.mutants

outage: $(VENV)/.dev  ## Find the outage's family anew, and print its facts and who survives it
	$(PYTHON_M) surgeproof.outage --calibrate

monotony: $(VENV)/.dev  ## Compare 700 random configurations with more of what should help (about 10 seconds)
	$(PYTHON_M) benchmarks.monotony

bench: $(VENV)/.dev  ## Print the figures that the README states
	$(PYTHON_M) benchmarks.embedded_aws
	$(PYTHON_M) benchmarks.simulation
	$(PYTHON_M) benchmarks.replay
	$(PYTHON_M) benchmarks.policies
	$(PYTHON_M) benchmarks.traces

clean:  ## Remove the environment and what the tools left in the tree
	rm -rf $(VENV) mutants .mypy_cache .pytest_cache .ruff_cache .hypothesis surgeproof.egg-info

# A stamp, not bin/python: an interrupted `venv` leaves a python without pip.
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14) and \
		f"make: PYTHON must be Python 3.11, 3.12 or 3.13, got {sys.version.split()[0]} ({sys.executable})")'
	@echo "creating the Python environment"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.made requirements.txt pyproject.toml
	@echo "installing the locked requirements"
	@$(PIP) --require-hashes --requirement requirements.txt
	@$(PIP) --no-build-isolation --no-deps --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.txt
	@echo "installing the tools of development"
	@$(PIP) --require-hashes --requirement requirements-dev.txt
	@touch $@
