# Everything a checkout needs, by name. `make` alone lists the targets.
# Needs: python3 (3.11 or newer) with venv, and make. Nothing is installed outside .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BASE := $(VENV)/base.stamp
DEV := $(VENV)/dev.stamp
MANIFEST := src/kizuna/web/static/manifest.json
TIMES := $(VENV)/check.times
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet
PYTEST := $(BIN)/python -m pytest -n auto

# Runs a part of `check` and keeps how long it took: $(call part,NAME,COMMAND)
part = @echo "== $(1)"; start=$$(date +%s); $(2) || { echo "$(1) failed"; exit 1; }; \
	printf '%-12s %5d s\n' "$(1)" "$$(( $$(date +%s) - start ))" >> $(TIMES)

LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links

# Every extra but `spark`, which is half a gigabyte: locks/spark.txt is for whoever wants it.
EXTRAS := $(foreach extra,documents postgres nats cedar cise oidc pkcs11 xmldsig,--extra $(extra))

.DEFAULT_GOAL := help
.PHONY: help setup demo test check fix bench sim soak syscalls docs pages screens sbom lock clean
.DELETE_ON_ERROR:

help: ## list the targets (the default)
	@echo "Kizuna: an open cooperation node. From a fresh clone, 'make demo' is all you need to type."
	@echo
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(BASE) ## make .venv and install Kizuna into it from the hash lock
	@echo "ready: $(BIN)/kizuna"

demo: $(BASE) ## two nodes, India's and Japan's, exchange ship traffic before your eyes
	$(BIN)/kizuna demo

test: $(DEV) ## every test that is not slow, on all cores
	$(PYTEST) -m "not slow"

check: $(DEV) ## all that a change must pass: lint, types, layers, every test; says how long each part took
	@rm -f $(TIMES)
	$(call part,lint,$(BIN)/ruff check .)
	$(call part,format,$(BIN)/ruff format --check .)
	$(call part,types,$(BIN)/mypy)
	$(call part,layers,$(BIN)/lint-imports --no-logo)
	$(call part,licences,$(BIN)/python packaging/bom.py --check)
	$(call part,tests,$(PYTEST))
	@echo "== how long each part took"; cat $(TIMES)

fix: $(DEV) ## mend what ruff can mend, and format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(DEV) ## measure; prints a table and writes bench/latest.json (ONLY=name runs one)
	$(BIN)/python bench/run.py $(if $(ONLY),--only $(ONLY))

sim: $(BASE) ## play seeded partnerships through faults for a minute, on every core (SECONDS=n)
	$(BIN)/kizuna simulate --seconds $(or $(SECONDS),60) --shrink

soak: $(DEV) ## two real nodes, 1,000 records a second, a kill a minute (MINUTES=n or HOURS=n; five minutes by default)
	MINUTES=$(or $(MINUTES),$(if $(HOURS),0,5)) HOURS=$(or $(HOURS),0) $(BIN)/python tests/scripts/soak.py

syscalls: $(DEV) ## fail or kill system calls of a node's commands one by one (RUNS=n, 100 by default; needs strace)
	$(BIN)/python tests/scripts/strace_faults.py $(or $(RUNS),100)

docs: $(DEV) ## check the documents: links, commands, settings, names
	$(BIN)/python -m pytest tests/project

pages: $(BASE) ## build what a browser loads from web/ anew (needs a package mirror for npm, no installed Node)
	@$(BIN)/python hatch_build.py

screens: $(DEV) ## photograph every page into docs/screens/ (needs Chromium)
	$(BIN)/python tests/browser/screens.py

sbom: $(DEV) ## write build/bom.cdx.json, the bill of materials of what runs (CycloneDX), and check its licences
	$(BIN)/python packaging/bom.py build/bom.cdx.json
	@echo "build/bom.cdx.json"

lock: ## write locks/ anew from pyproject.toml (needs uv on the PATH)
	@command -v uv >/dev/null || { echo "make lock needs uv: see docs/operations.md, 'Dependencies'"; exit 1; }
	$(LOCK) --upgrade --group build -o locks/base.txt pyproject.toml
	$(LOCK) --upgrade --group build --group dev $(EXTRAS) --constraint locks/base.txt -o locks/dev.txt pyproject.toml
	$(LOCK) --upgrade --extra spark --constraint locks/base.txt -o locks/spark.txt pyproject.toml

clean: ## remove .venv, caches and build results; data of nodes stays
	rm -rf $(VENV) web/node_modules src/kizuna/web/static src/kizuna/formats/fonts build dist bench/latest.json .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests bench -name __pycache__ -prune -exec rm -rf {} +

$(BASE): pyproject.toml locks/base.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Kizuna needs Python 3.11 or newer; name one with: make $(MAKECMDGOALS) PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "on Debian: apt-get install python3-venv, then try again"; rm -rf $(VENV); exit 1; }
	@echo "installing into $(VENV): about 235 MB to download, 900 MB on disk"
	@$(PIP) --require-hashes -r locks/base.txt
	@echo "building the pages from web/: about 40 MB more to download, 135 MB on disk, a minute"
	@$(PIP) --no-deps --no-build-isolation --editable .
	@echo "compiling the passes over sentences, tracks and events for this machine, once: half a minute"
	@$(BIN)/python -c 'from kizuna.node.maritime.warming import compile_all; compile_all()'
	@test -f $(MANIFEST) || $(BIN)/python hatch_build.py || echo "node and command line work without; the pages say what to do"
	@touch $@

$(DEV): $(BASE) locks/dev.txt
	@echo "installing the test tools: about 200 MB more to download, 760 MB on disk"
	@$(PIP) --require-hashes -r locks/dev.txt
	@touch $@
