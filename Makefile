# Everything needs only Python 3.11 or newer: make demo, make test, make check set up .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
PYTEST := $(BIN)/python -m pytest --durations=10
PARALLEL := -n auto --dist worksteal
INSTALLED := $(VENV)/.installed
EXAMPLES := examples/plugin_package examples/learned_package
DOCS_INSTALLED := $(VENV)/.installed-docs
T ?= # a room, file or test below tests/: make test T=io
FILES ?= 10000
KILLS ?= 200
LONG := conformance or training or simulation or registration or end_to_end or slow or gpu
TESTS := $(addprefix tests/,$(strip $(T)))

# What is built and what is installed are both pinned; pip reads the one or the other variable.
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_BUILD_CONSTRAINT := $(CURDIR)/constraints.txt
# Tests start many processes; each would compile every module again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: install debian demo test quick slow check audit nightly docs clean

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt $(EXAMPLES:%=%/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "regkit needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 install"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --editable '.[dev]'
	$(PIP) install --quiet --no-deps $(EXAMPLES:%=--editable %)
	$(PIP) install --quiet --no-deps dynamic-network-architectures # nnU-Net's network needs torch only
	$(BIN)/python -m regkit_instance.compile_kernels # takes half a minute, once
	$(BIN)/python -m regkit_nuclear.compile_loops
	touch $@

debian: # as root, on Debian or Ubuntu: programs that some tests need, and skip without
	apt-get install --yes --no-install-recommends chromium dicom3tools

demo: install
	$(BIN)/regkit demo

test: install
	$(PYTEST) $(PARALLEL) -m "not slow and not gpu" $(TESTS)

quick: install
	$(PYTEST) $(PARALLEL) --hypothesis-profile=quick -m "not ($(LONG))" $(TESTS)

slow: install
	$(PYTEST) -m "slow and not gpu" $(TESTS)

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

audit: # needs the network: known vulnerabilities; --strict fails where one cannot be looked up
	$(PYTHON) -m venv build/audit
	build/audit/bin/python -m pip --disable-pip-version-check install --quiet pip-audit
	build/audit/bin/pip-audit --strict --requirement constraints.txt --no-deps --disable-pip

nightly: install # an hour: damaged files of all formats, commands that are killed
	$(BIN)/python benchmarks/fuzz.py --files $(FILES)
	$(BIN)/python benchmarks/kills.py --kills $(KILLS)

# Only the documentation needs Sphinx, so `make test` does not wait for it.
$(DOCS_INSTALLED): $(INSTALLED)
	$(PIP) install --quiet --editable '.[dev,docs]'
	touch $@

docs: $(DOCS_INSTALLED)
	$(BIN)/python -m sphinx -j auto -W --keep-going -n -E -q -b html docs docs/_build/html

clean:
	rm -rf $(VENV) build dist demo docs/_build docs/_generated
