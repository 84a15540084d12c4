# Tierline. `make` lists what there is.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
LOCK := requirements.lock
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Of the benchmarks: customers, days of CDRs, a folder that keeps what they generate, an interpreter that has pyspark.
SIZE ?= 1000000
DAYS ?= 8
KEEP ?=
KEEPING = $(if $(KEEP),--keep $(KEEP),)
SPARK_PYTHON ?= .venv-spark/bin/python
NIGHTS_OF ?= 2000
RESULTS := benchmarks/results

.DEFAULT_GOAL := help
.PHONY: help java setup demo test lint types lock bench bench-night bench-intake bench-year bench-demo bench-report bench-lookup bench-scoring bench-churn bench-truth soak clean prerequisites setup-spark test-spark test-spark-cases test-spark-cluster run-test-spark run-test-spark-cases run-test-spark-cluster

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | awk -F'\t' '{printf "  make %-18s %s\n", $$1, $$2}'

prerequisites:
	@command -v git >/dev/null || { echo "git is missing. Cure: sudo apt-get install git" >&2; exit 1; }
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing. Cure: sudo apt-get install python3 python3-venv" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' || \
		{ echo "$$($(PYTHON) --version) is outside 3.11 to 3.14. Cure: install one of these and call make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "$(PYTHON) has no venv module. Cure: sudo apt-get install python3-venv" >&2; exit 1; }

setup: $(READY) ## Make the environment from requirements.lock

# uv where it is or can be had, because it is fast; plain pip reads the same lock. Bytecode is compiled once, here: where Python may not write
# it later, every start of a night would compile Dagster anew.
$(READY): $(LOCK) pyproject.toml | prerequisites
	@echo "Setting up $(VENV) from $(LOCK)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@UV="$$(command -v uv || true)"; \
	if [ -z "$$UV" ]; then $(BIN)/python -m pip install --quiet --disable-pip-version-check uv 2>/dev/null && UV=$(BIN)/uv || true; fi; \
	if [ -n "$$UV" ]; then \
		"$$UV" pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r $(LOCK) && \
		"$$UV" pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e . ; \
	else \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(LOCK) && \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . ; \
	fi
	@touch $(READY)

demo: $(READY) ## Run the whole job on the sample data and show what it published
	@$(BIN)/tierline demo

test: $(READY) ## Run all tests
	@$(BIN)/pytest -n auto --dist loadfile

# The same rules in an environment of its own, so that nobody who needs no Spark downloads it.
ON_SPARK := $(MAKE) --no-print-directory VENV=.venv-spark LOCK=requirements-spark.lock

setup-spark: ## Make .venv-spark from requirements-spark.lock
	@$(ON_SPARK) setup

java:
	@command -v java >/dev/null || { echo "java is missing. Cure: sudo apt-get install openjdk-17-jre-headless" >&2; exit 1; }

test-spark: java ## Run the tests that need Spark (Java 17 or newer)
	@$(ON_SPARK) run-test-spark

test-spark-cases: java ## Run every case of tests/sql on Spark too
	@$(ON_SPARK) run-test-spark-cases

test-spark-cluster: java ## Run whole nights and intake of large files on a Spark cluster of processes on this machine
	@$(ON_SPARK) run-test-spark-cluster

# Java lives for minutes here: what its second compiler costs, it never gives back.
run-test-spark: $(READY)
	@JAVA_TOOL_OPTIONS=-XX:TieredStopAtLevel=1 $(BIN)/pytest tests/spark

run-test-spark-cluster: $(READY)
	@$(BIN)/python tests/spark/cluster.py $(BIN)/pytest tests/spark/test_spark_night.py tests/spark/test_spark_intake.py

run-test-spark-cases: $(READY)
	@$(BIN)/pytest tests/sql --engine spark

lint: $(READY) ## Check style and formatting
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(READY) ## Check types
	@$(BIN)/mypy

bench: $(READY) ## Time one night of 100,000 customers, stage by stage, beside DuckDB, Polars and pandas
bench-night: $(READY) ## The same of SIZE customers (1000000); DAYS of CDRs, KEEP=folder keeps the extracts
bench: SIZE := 100000
bench bench-night:
	@$(BIN)/python -m benchmarks.night --customers $(SIZE) --days $(DAYS) $(KEEPING) --spark-python "$(SPARK_PYTHON)" --json $(RESULTS)/night-$(SIZE).json

bench-intake: $(READY) ## Time intake of SIZE customers: a day of CDRs, and 18 bill runs, each beside bare DuckDB
	@$(BIN)/python -m benchmarks.cdr_intake --customers $(SIZE) --days $(DAYS) $(KEEPING) --json $(RESULTS)/intake-cdr.json
	@$(BIN)/python -m benchmarks.cdr_intake --customers $(SIZE) --days $(DAYS) $(KEEPING) --bills --json $(RESULTS)/intake-bills.json

bench-scoring: $(READY) ## Time the scoring of 1,000,000 customers with memory and reasons
	@$(BIN)/python -m benchmarks.scoring

bench-year: $(READY) ## Run a year of nights of NIGHTS_OF customers (2000), and see what they cost and what grows
	@$(BIN)/python -m benchmarks.year --customers $(NIGHTS_OF) $(KEEPING) --json $(RESULTS)/year.json

bench-demo: $(READY) ## Time the demo, by stage
	@$(BIN)/python -m benchmarks.demo --json $(RESULTS)/demo.json

bench-report: $(READY) ## Write benchmarks/results/ into docs/performance.md and its charts
	@$(BIN)/python -m benchmarks.report

bench-lookup: $(READY) ## Time lookups in a table of 5,000,000 rows
	@$(BIN)/python -m benchmarks.lookup

bench-churn: $(READY) ## Time a churn model of 1,000,000 customers: its risks with reasons, and its fit
	@$(BIN)/python -m benchmarks.churn_scoring
	@$(BIN)/python -m benchmarks.churn_training

bench-truth: $(READY) ## Train on a generated operator and hold the risks against the true probabilities
	@$(BIN)/python -m benchmarks.churn_truth

soak: $(READY) ## Hours of faults: kills at every step and at random under readers, mutated extracts, full disks; many examples of each property
	@$(BIN)/pytest -n auto --dist loadfile -m hypothesis --hypothesis-profile soak
	@$(BIN)/python tests/faults/soak.py
	@$(BIN)/python tests/faults/kill_runs.py
	@$(BIN)/python tests/faults/kill_year.py --every 1 --kills 60
	@$(BIN)/python -m tests.faults.kill_every_step --kills 100
	@$(BIN)/python -m tests.faults.mutated_extracts --count 10000 --seed 1
	@$(BIN)/python -m tests.faults.disk_full

lock: ## Make both locks anew (needs uv); the second adds Spark to the versions of the first
	uv pip compile pyproject.toml --universal --generate-hashes --extra pipeline --extra dev --python-version 3.11 --no-header --upgrade -o requirements.lock
	uv pip compile pyproject.toml --universal --generate-hashes --extra spark --extra dev --python-version 3.11 --no-header --upgrade -c requirements.lock -o requirements-spark.lock

clean: ## Remove the environment and the demo's home
	rm -rf $(VENV) .venv-spark .tierline
