# Everything needs only Python 3.11 or newer: make demo, make test, make check set up .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALLED := $(VENV)/.installed

.PHONY: install demo test slow check clean

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt examples/plugin_package/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "regkit needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 install"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --constraint constraints.txt --editable '.[dev]'
	$(PIP) install --quiet --constraint constraints.txt --no-deps --editable examples/plugin_package
	$(BIN)/python -m regkit_instance.compile_kernels # takes seconds, once
	touch $@

demo: install
	$(BIN)/regkit demo

test: install
	$(BIN)/python -m pytest -n auto -m "not slow and not gpu"

slow: install
	$(BIN)/python -m pytest -m "slow and not gpu"

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

clean:
	rm -rf $(VENV) build dist demo
