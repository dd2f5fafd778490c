# Everything a newcomer needs: `make demo` and `make test`. `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
UV_QUIET ?= --quiet
export UV_PYTHON_DOWNLOADS := never

.DEFAULT_GOAL := help

$(VENV)/.installed: pyproject.toml requirements/dev.lock requirements/build.lock requirements/installer.lock
	@command -v $(PYTHON) >/dev/null || { echo "terroir: $(PYTHON) is missing: sudo apt install python3 python3-venv" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "terroir: Python 3.11 or newer is needed, $(PYTHON) is older; say which with: make PYTHON=python3.12 ..." >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "terroir: no virtual environment can be made: sudo apt install python3-venv" >&2; exit 2; }
	@echo "terroir: installing the environment into $(VENV) (some 300 MB the first time)"
	@test -x $(UV) || $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/installer.lock
	@$(UV) pip install $(UV_QUIET) --python $(BIN)/python --require-hashes --build-constraints requirements/build.lock -r requirements/build.lock -r requirements/installer.lock -r requirements/dev.lock
	@$(UV) pip install $(UV_QUIET) --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: help install demo test lint format locks fuzz-ingest chaos bench-decoders bench-ingest bench-redecode bench-simulator plots
help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.installed ## the environment, in .venv

locks: ## recompute requirements/*.lock from pyproject.toml and requirements/*.in
	$(UV) pip compile $(UV_QUIET) --universal --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links requirements/build.in -o requirements/build.lock
	$(UV) pip compile $(UV_QUIET) --universal --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links requirements/installer.in -o requirements/installer.lock
	$(UV) pip compile $(UV_QUIET) --universal --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links -c requirements/build.lock --all-extras --group dev pyproject.toml -o requirements/dev.lock
	for process in ingest worker api; do \
	  $(UV) pip compile $(UV_QUIET) --universal --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links -c requirements/dev.lock --extra $$process pyproject.toml -o requirements/$$process.lock; \
	done

demo: install ## a whole territory on this machine: everything started, figures live, Ctrl-C stops it
	@$(BIN)/terroir demo $(ARGS)

test: install ## every test, on real servers
	@$(BIN)/pytest $(ARGS)

fuzz-ingest: install ## bad messages by the hundred thousand through ingest, all accounted for: ARGS="--cases 1000000"
	@$(BIN)/python -m tests.ingest.fuzzing $(ARGS)

chaos: install ## kill everything again and again, then compare what was sent with what is stored: SECONDS=600 ARGS="--stack timescale"
	@$(BIN)/python -m tests.chaos $(if $(SECONDS),--seconds $(SECONDS)) $(ARGS)

bench-decoders: install ## microseconds per decode for every model and for vendors' codecs, as tables
	@$(BIN)/python benchmarks/bench_decoders.py $(ARGS)
	@echo; $(BIN)/python benchmarks/bench_codecs.py $(CODEC_ARGS)

bench-simulator: install ## events a second generated and published, beside a bare publisher (ARGS="--scenario village --hours 48")
	@$(BIN)/python benchmarks/bench_simulator.py $(ARGS)

bench-ingest: install ## uplinks stored a second and what each costs, beside two limits, as tables (ARGS="--uplinks 1000000")
	@$(BIN)/python benchmarks/bench_ingest.py $(ARGS)

plots: install ## the pictures of docs/simulator.md, drawn anew
	@$(BIN)/python docs/plot_simulator.py

bench-redecode: install ## a history decoded again and brought back, with rates and proof (ARGS="--uplinks 1000000")
	@$(BIN)/python benchmarks/bench_redecode.py $(ARGS)

lint: install ## format, style, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports

format: install ## write the format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix-only --quiet .
