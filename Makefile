# Every target sets up what it needs first. `make demo` and `make test` are all one has to know.

PYTHON ?= python3
NODE ?= a
SEEDS ?= 200
MINUTES ?= 5

PY := .venv/bin/python
RUN_HASH := $(shell cat requirements.txt | sha256sum | cut -c1-16)
DEV_HASH := $(shell cat requirements.txt requirements-dev.txt | sha256sum | cut -c1-16)
RUN_READY := .venv/.run-$(RUN_HASH)
DEV_READY := .venv/.dev-$(DEV_HASH)
CHECKS := $(PYTHON) omm_portal/node/checks.py
CHECK_ENV := OMM_ENV_FILE=tests/check.env
PIP := $(PY) -m pip install --quiet --disable-pip-version-check

.PHONY: help messages demo demo-kill demo-start demo-clean test check format schema bench sim chaos screenshots
.DEFAULT_GOAL := help

help:
	@echo "make demo                  run a pair on this machine; Ctrl-C ends it"
	@echo "make demo-kill NODE=a      kill every process of one OMM of the demo"
	@echo "make demo-start NODE=a     start it again"
	@echo "make demo-clean            remove the demo and its data"
	@echo "make test                  run all tests"
	@echo "make check                 lint, types, migrations, REST schema"
	@echo "make messages              gather all texts into the German catalogue and compile it"
	@echo "make bench                 measure; writes bench.json"
	@echo "make screenshots           pictures of every page, in screenshots/"
	@echo "make sim SEEDS=$(SEEDS)          simulate the pair with many random seeds"
	@echo "make sim MUTANTS=1         look for the planted faults with as many seeds"
	@echo "make chaos MINUTES=$(MINUTES)       real pairs in network namespaces, faults at random (needs root)"

demo:
	@$(CHECKS) --pair
	@$(MAKE) --silent --no-print-directory $(RUN_READY)
	@$(PY) -m omm_portal.node.demo run

demo-kill: $(RUN_READY)
	@$(PY) -m omm_portal.node.demo kill $(NODE)

demo-start: $(RUN_READY)
	@$(PY) -m omm_portal.node.demo start $(NODE)

demo-clean: $(RUN_READY)
	@$(PY) -m omm_portal.node.demo clean

test:
	@$(CHECKS)
	@$(MAKE) --silent --no-print-directory $(DEV_READY)
	@$(PY) -m pytest -n 2

check: $(DEV_READY)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(CHECK_ENV) $(PY) -m mypy
	@data=$$(mktemp -d) && trap 'rm -rf "$$data"' EXIT && export OMM_DATA_DIR="$$data" $(CHECK_ENV) && \
	  echo "makemigrations --check" && $(PY) manage.py makemigrations --check --dry-run && \
	  echo "the REST schema is docs/openapi.yaml" && \
	  $(PY) manage.py spectacular --validate --fail-on-warn --file "$$data/openapi.yaml" && \
	  diff -u docs/openapi.yaml "$$data/openapi.yaml"

format: $(DEV_READY)
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

schema: $(DEV_READY)
	@data=$$(mktemp -d) && trap 'rm -rf "$$data"' EXIT && export OMM_DATA_DIR="$$data" $(CHECK_ENV) && \
	  $(PY) manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml

messages: $(DEV_READY)
	@$(CHECK_ENV) DJANGO_SETTINGS_MODULE=omm_portal.settings $(PY) -m tests.catalogue

bench: $(DEV_READY)
	@$(PY) -m tests.bench.run --output bench.json

screenshots: $(DEV_READY)
	@$(PY) -m tests.screenshots

sim: $(DEV_READY)
	@$(PY) -m tests.simulation --seeds $(SEEDS) --jobs $$(nproc) $(if $(MUTANTS),--mutants)

chaos: $(DEV_READY)
	@$(PY) -m tests.chaos --minutes $(MINUTES)

# A virtual environment whose making was interrupted has no pip or no stamp: it is made again.
$(RUN_READY): requirements.txt
	@$(PY) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@echo "installing the packages of requirements.txt ..."
	@$(PIP) -r requirements.txt
	@rm -f .venv/.run-*; touch $@

$(DEV_READY): requirements.txt requirements-dev.txt
	@$(PY) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@echo "installing the packages of requirements-dev.txt ..."
	@$(PIP) -r requirements-dev.txt
	@rm -f .venv/.run-* .venv/.dev-*; touch $(RUN_READY) $@
