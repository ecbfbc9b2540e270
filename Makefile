# Needs Python 3.11 or later with venv, and make. Everything else goes into .venv.
PYTHON ?= python3
BIN := .venv/bin
PACKAGING := setup.py $(wildcard plugins/*/plugin.py)

unexport PYTHONDONTWRITEBYTECODE # else each server that a test starts would compile everything anew

.PHONY: run test demo bench check compiled docs faults format clean

run: .venv/.installed          ## serve with the embedded default
	$(BIN)/postroom serve -c config.yaml

test: .venv/.tested            ## every check and every test
	$(MAKE) --no-print-directory -j 2 check compiled
	$(BIN)/python -m pytest -n 3 --dist loadgroup

check: .venv/.tested           ## the fast part of test: format, lint, types, imports, documents
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy core plugins
	$(BIN)/lint-imports --no-cache
	$(BIN)/python docs/generate.py --check

compiled: .venv/.tested        # the bytecode of the tests: once, instead of in each of their processes
	-@$(BIN)/python -m pytest --collect-only -q >/dev/null

demo: .venv/.installed         ## one message through the whole server, with the dialogue
	$(BIN)/python bench/demo.py

bench: .venv/.tested           ## measure against the peers that are installed
	$(BIN)/python -m bench

faults: .venv/.tested          ## the fault tests in their long form
	POSTROOM_FAULTS=long $(BIN)/python -m pytest tests/faults

docs: .venv/.installed         ## write the generated references in docs/
	$(BIN)/python docs/generate.py

format: .venv/.tested
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis core/*.egg-info *.egg-info

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv

# The stamps make a second call instant; new plugins and new requirements install anew.
.venv/.installed: $(PACKAGING) | .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/.tested: $(PACKAGING) | .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@ .venv/.installed
