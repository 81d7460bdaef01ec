# Plumbline's commands. A fresh Debian 12 or Ubuntu with Python 3.11 or 3.12, make and git is enough:
# the first command that needs it builds .venv from requirements.lock.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
BIN := .venv/bin
STAMP := .venv/.complete
ARGS ?=

.PHONY: help demo test check bench dashboards chaos mutants docs fmt lock format-check lint types package screenshots soak programs

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile

demo: $(STAMP)  ## a simulated plant on the live board; ARGS="--seed 7" are passed on
	@$(BIN)/plumbline demo $(ARGS)

test: $(STAMP) programs  ## every test; ARGS="tests/unit -k name" are passed on
	@PYTHONUNBUFFERED=1 $(BIN)/python -m pytest $(ARGS)

check: format-check lint types test package  ## what CI runs: format, lint, types, tests, the wheel

bench: $(STAMP)  ## values a second, messages a second and latency, beside plain peers; ARGS=--curves
	@$(BIN)/python -m benchmarks.run $(ARGS)

chaos: $(STAMP) programs  ## kill everything at random and compare what is left; ARGS="--seconds 3600 --seed 7"
	@$(BIN)/python -m tests.chaos $(ARGS)

mutants: $(STAMP) programs  ## does the kill loop find each fault that is put into the program? (minutes)
	@$(BIN)/python -m tests.mutants $(ARGS)

soak: $(STAMP) programs  ## the whole plant for 20 minutes: memory, files, logs and lag stay flat; ARGS="--minutes 1"
	@$(BIN)/python -m benchmarks.soak $(ARGS)

docs: $(STAMP)  ## the documentation as a site in build/docs; ARGS=serve shows it while one writes
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs $(if $(ARGS),$(ARGS),build) --strict

fmt: $(STAMP)  ## format the code, and mend what the linter can mend
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock:  ## renew requirements.lock from pyproject.toml
	@tools/lock.sh

format-check: $(STAMP)  ## is the code formatted?
	@$(BIN)/ruff format --check .

lint: $(STAMP)  ## ruff
	@$(BIN)/ruff check .

types: $(STAMP)  ## mypy --strict
	@$(BIN)/mypy

package: $(STAMP)  ## build the wheel and try it in a fresh environment outside the checkout
	@tools/try_wheel.sh

screenshots: $(STAMP) programs  ## take the README's pictures anew, from a running demo
	@README_SCREENSHOTS=1 $(BIN)/python -m pytest tests/integration/test_demo.py

dashboards: $(STAMP)  ## write Grafana's dashboards anew from config/grafana
	@$(BIN)/python -m config.grafana

programs:
	@tools/install_programs.sh mosquitto mosquitto-clients influxdb chromium nodejs npm docker-compose

$(STAMP): requirements.lock pyproject.toml tools/make_venv.sh
	@tools/make_venv.sh .venv
	@touch $@
