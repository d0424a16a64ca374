# Everything runs in .venv, made from the pinned and hashed constraints in deploy/.
PYTHON ?= python3
PIP := .venv/bin/python -m pip --disable-pip-version-check install --quiet --progress-bar off

# The tests start hundreds of Python processes. Where compiled files are not wanted beside the sources, they go elsewhere.
ifneq ($(PYTHONDONTWRITEBYTECODE),)
export PYTHONDONTWRITEBYTECODE :=
export PYTHONPYCACHEPREFIX := $(CURDIR)/.pytest_cache/compiled
endif

.DEFAULT_GOAL := help
.PHONY: help up test proof check schema audit chaos ha bench lock clean

help:
	@echo "make up      start everything on this machine: Postgres, a simulated provider, the gateway, the console"
	@echo "make test    the fast tests on a real Postgres: unit, integration, end to end, browser (about three minutes)"
	@echo "make proof   the slow tests: mutations, crash sweep, long models, fuzz; then chaos and ha (about ten minutes)"
	@echo "make check   ruff, mypy --strict, SQL, deploy and prose lint"
	@echo "make schema  renew sql/schema.sql after a change of the migrations"
	@echo "make audit   known weaknesses of the pinned dependencies (needs the network)"
	@echo "make chaos   inject all faults at once for CHAOS_SECONDS (or CHAOS_HOURS), then check; CHAOS_SEED reproduces a run"
	@echo "make ha      take the primary away during a run: Patroni, HAProxy, PgBouncer (Debian's packages)"
	@echo "make bench   measure the gateway beside the floors of this machine (about ten minutes)"
	@echo "make lock    renew the pinned constraints (needs uv)"

up: .venv/installed
	@.venv/bin/smsgw up

# Plain `.venv/bin/pytest PATH` selects by path only, so it runs slow tests too. See tests/support/tiers.py.
test: .venv/installed-dev
	.venv/bin/pytest -q -m "not slow"

proof: .venv/installed-dev
	.venv/bin/pytest -q -m slow
	@$(MAKE) --no-print-directory chaos
	@$(MAKE) --no-print-directory ha HA_PARTIAL=1

check: .venv/installed-dev
	.venv/bin/ruff check gateway tests
	.venv/bin/ruff format --check gateway tests
	.venv/bin/mypy
	.venv/bin/sqlfluff lint --disable-progress-bar sql/*/
	.venv/bin/yamllint --strict deploy
	.venv/bin/python tests/prose/check.py

schema: .venv/installed-dev
	PYTHONPATH=tests .venv/bin/python -m support.schema_dump

# In an environment of its own: the auditor's dependencies are not ours. A dependency that the advisory database does not
# know is an error too (--strict), so that an audit which looked at nothing does not pass.
audit: .venv/installed
	$(PYTHON) -m venv .venv/audit
	.venv/audit/bin/python -m pip --disable-pip-version-check install --quiet --progress-bar off 'pip-audit>=2.9'
	.venv/audit/bin/pip-audit --strict --disable-pip --require-hashes --progress-spinner off \
		-r deploy/constraints.txt -r deploy/constraints-dev.txt

# A run of 25 seconds injects each kind of fault at least once. A run of hours finds what is rare.
CHAOS_SECONDS ?= 25
CHAOS_HOURS ?= 0
chaos: .venv/installed-dev
	PYTHONPATH=tests .venv/bin/python -m chaos --seconds $(CHAOS_SECONDS) --hours $(CHAOS_HOURS) \
		$(if $(CHAOS_SEED),--seed $(CHAOS_SEED))

# With HA_PARTIAL=1 a scenario whose programs are not installed is reported and is no error.
ha: .venv/installed-dev
	PYTHONPATH=tests .venv/bin/python -m ha $(if $(HA_ONLY),--only $(HA_ONLY)) $(if $(HA_PARTIAL),--partial)

# Results in .smsgw/bench.json; the full set, with other queues: .venv/bin/smsgw bench run --scale full
bench: .venv/installed
	.venv/bin/smsgw bench run --scale short

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python deploy/constraints.txt pyproject.toml
	$(PIP) --require-hashes -r deploy/constraints.txt
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

.venv/installed-dev: .venv/installed deploy/constraints-dev.txt
	$(PIP) --require-hashes -r deploy/constraints-dev.txt
	@touch $@

# Names, versions and hashes only: no registry's address belongs in these files.
LOCK = uv pip compile pyproject.toml - --universal --python-version 3.11 --no-header --no-annotate \
	--generate-hashes --no-emit-index-url --quiet
lock:
	echo 'hatchling>=1.27' | $(LOCK) --extra local -o deploy/constraints.txt
	echo 'hatchling>=1.27' | $(LOCK) --extra local --extra test --extra check --extra bench \
		-c deploy/constraints.txt -o deploy/constraints-dev.txt

clean:
	rm -rf .venv .smsgw .pytest_cache .mypy_cache .ruff_cache .hypothesis
