# make run and make test need Python 3.11+ and make, nothing else. See `make help`.

PYTHON ?= python3
LOG ?= samples/mail.log.gz
YEAR ?=
ZONE ?=
ARGS ?=

BIN := .venv/bin
UP_OPTIONS := $(if $(YEAR),--year $(YEAR)) $(if $(ZONE),--zone "$(ZONE)")

.PHONY: help run stop test lint format docs bench chaos soak clean tools

help:
	@echo 'make run     set-up, then LOG through Kafka into PostgreSQL (LOG=path YEAR=2019 ZONE=UTC)'
	@echo 'make stop    stop what make run left running; the data stay'
	@echo 'make test    set-up for tests, then all tests (ARGS="-k word" for some)'
	@echo 'make lint    ruff, mypy, import rules'
	@echo 'make format  rewrite the code as make lint wants it'
	@echo 'make docs    write docs/*.md from the code'
	@echo 'make bench   all benchmarks, ratios of CPU time'
	@echo 'make chaos   faults at random for ten minutes, then the count (ARGS="--seconds 60 --seed 7")'
	@echo 'make soak    ten million hostile lines through the parser (ARGS="--lines 100000" for fewer)'
	@echo 'make clean   stop, then remove .venv and everything else that was made here'

run:
	@$(PYTHON) deploy/setup.py run
	@$(BIN)/posttrail up --detach --log "$(LOG)" $(UP_OPTIONS)

stop:
	@if [ -x $(BIN)/posttrail ]; then $(BIN)/posttrail down; else echo 'nothing runs'; fi

test:
	@$(PYTHON) deploy/setup.py test
	@$(BIN)/python -m pytest --numprocesses 2 --dist worksteal $(ARGS)

lint: tools
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: tools
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

docs: tools
	@$(BIN)/python docs/generate.py

bench:
	@$(PYTHON) deploy/setup.py test
	@$(BIN)/python -m benchmarks

chaos:
	@$(PYTHON) deploy/setup.py test
	@$(BIN)/python -m tests.chaos $(ARGS)

soak: tools
	@$(BIN)/python -m benchmarks.soak $(ARGS)

clean: stop
	@rm -rf .venv .tools .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis dist

tools:
	@$(PYTHON) deploy/setup.py lint
