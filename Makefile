# Every command of this project. `make` lists them. Python 3.11 or newer and make are all that is needed.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

# The first Python that is new enough; PYTHON=… chooses another.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo "$$p"; break; }; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check --no-input

# PORT= and DATA= reach the programs through the environment.
export PORT DATA

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: .venv/runtime ## everything in one process on SQLite, with the sample province (PORT=8000 DATA=data)
	@$(BIN)/xuefen run

run-servers: .venv/runtime ## the processes of production on local PostgreSQL and RabbitMQ (PORT=8000 DATA=run)
	@$(BIN)/python deploy/run_servers.py

drop-servers: .venv/runtime ## removes the databases, logins and virtual host of run-servers
	@$(BIN)/python deploy/prepare_servers.py drop

demo: .venv/runtime ## the whole job over HTTP against a running system (PORT=8000, ARGS="--resume")
	@$(BIN)/xuefen demo --url http://127.0.0.1:$(or $(PORT),8000) $(ARGS)

test: .venv/dev ## all tests; those without servers or Chromium here are left out by name (ARGS="tests/plans -x")
	@$(BIN)/python -m pytest $(or $(ARGS),-n auto --maxprocesses 4 --dist loadgroup)

check: lint types ## lint and types

lint: .venv/dev ## ruff, and who may import whom
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

types: .venv/dev ## mypy, strict
	@$(BIN)/mypy

migration: .venv/dev ## writes the next migration from the tables (SERVICE=plans NAME=add_x)
	@test -n "$(SERVICE)" && test -n "$(NAME)" || { echo "usage: make migration SERVICE=plans NAME=add_x"; exit 2; }
	@$(BIN)/xuefen make-migration $(SERVICE) $(NAME)

event-sample: .venv/dev ## writes the stored sample of each event that has none
	@$(BIN)/python -m tests.contracts.make_samples

event-docs: .venv/dev ## writes docs/events.md, the catalogue of events
	@$(BIN)/python -m tests.house.test_docs

screenshots: .venv/dev ## takes the pictures in docs/screenshots (needs Chromium and fonts-noto-cjk)
	@$(BIN)/python -m tests.browser.take_screenshots

secrets: ## writes deploy/secrets/ for docker-compose.yml, once
	@$(or $(PYTHON),python3) deploy/make_secrets.py

lock: .venv/dev ## writes requirements/*.txt from pyproject.toml
	@$(BIN)/uv pip compile --quiet $(LOCK) --extra build pyproject.toml -o requirements/runtime.txt
	@$(BIN)/uv pip compile --quiet $(LOCK) --extra build --extra dev -c requirements/runtime.txt pyproject.toml \
		-o requirements/dev.txt
LOCK := --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version 3.11

bench: .venv/dev ## measures, as ratios against ceilings (needs PostgreSQL and RabbitMQ; ARGS="messaging start")
	@$(BIN)/python -m bench $(ARGS)

bench-plans: .venv/dev ## the numbers of approval and rosters: queue, board, three stages, fifty at once (ARGS="plans --peers")
	@for bench in $(or $(firstword $(ARGS)),plans plans_queue board rosters); do \
		$(BIN)/python "bench/$$bench.py" $(wordlist 2,9,$(ARGS)) || exit 1; done

bench-credits: .venv/dev ## everybody's standing at 1, 3, 10 million lines, an audit of 10,000, pages (ARGS="--sizes 1000000")
	@$(BIN)/python bench/credits.py $(ARGS)

bench-people: .venv/dev ## the yearly collection of 100,000 people (ARGS="--people 10000")
	@$(BIN)/python bench/people.py $(ARGS)

clean: ## removes what was installed and cached; keeps data/ and run/
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# An install that broke off leaves no stamp, so that the next start goes on with it.
.venv/runtime: requirements/runtime.txt pyproject.toml | .venv/bin/python
	@echo "installing what xuefen runs on (once; half a minute or so) …"
	@$(PIP) install --require-hashes -r requirements/runtime.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

.venv/dev: requirements/dev.txt pyproject.toml | .venv/runtime
	@echo "installing what tests and checks need (once; a minute or so) …"
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "xuefen needs Python 3.11 or newer, and found none: install it, or name it with" \
		"make PYTHON=/path/to/python3.12 …"; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "xuefen needs Python 3.11 or newer;" \
		"$(PYTHON) is $$("$(PYTHON)" --version 2>&1)"; exit 1; }
	@"$(PYTHON)" -m venv .venv >/dev/null 2>&1 || { rm -rf .venv; echo "$(PYTHON) cannot make a virtual environment;" \
		"on Debian and Ubuntu install its venv package first: apt-get install python3-venv"; exit 1; }

.PHONY: help run run-servers drop-servers demo test check lint types migration event-sample event-docs screenshots \
	secrets lock bench bench-plans bench-credits bench-people clean
