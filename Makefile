# Every target does its own set-up, and installs no more than it needs. Needs Python >= 3.11, make and cargo.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# auto: PyTorch as uv.lock has it, with CUDA on Linux. cpu: PyTorch's own build without, 4 GB smaller.
TORCH ?= auto
# One more than there are cores: a quarter of the time some test waits, for a limit or another process.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(1 + (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()))')
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal
INPUT ?=

.PHONY: build demo test test-all lint bench fuzz docs wheel lock clean

$(BIN)/uv:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Cupel needs Python 3.11 or newer; try make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.9,<1"

# What has been installed is noted in a stamp per set, and done again only when the lock changes.
SETS := build demo lint docs test
$(VENV)/.for-build: NEEDS := --group build
$(VENV)/.for-demo: NEEDS := --extra lab
$(VENV)/.for-lint: NEEDS := --extra lab --group lint
$(VENV)/.for-docs: NEEDS := --group docs
$(VENV)/.for-test: NEEDS := --all-extras --group test --group peers
$(SETS:%=$(VENV)/.for-%): uv.lock | $(BIN)/uv
	$(PYTHON) tools/install.py $(VENV) --torch $(TORCH) $(NEEDS)
	@touch $@

RUST := $(shell find crates -name '*.rs' -o -name '*.toml') Cargo.toml Cargo.lock

$(VENV)/.built: $(RUST) pyproject.toml $(VENV)/.for-build
	VIRTUAL_ENV=$(CURDIR)/$(VENV) PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/uv pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

build: $(VENV)/.built

lock: | $(BIN)/uv
	$(BIN)/uv lock

# Refine the text that this machine already has, or INPUT=path, and train on it raw and refined.
demo: build $(VENV)/.for-demo
	$(BIN)/python tools/demo.py $(if $(INPUT),--input "$(INPUT)")

# All that a change can break. Tests keep compiled files of their own, wherever writing them is switched off.
test: build $(VENV)/.for-test
	cargo test --profile checked --locked --workspace --quiet
	$(PYTEST) -m "not slow" $(TESTS)

# And the long agreement and calibration runs.
test-all: build $(VENV)/.for-test
	cargo test --profile checked --locked --workspace --quiet
	$(PYTEST) $(TESTS)

lint: build $(VENV)/.for-lint
	cargo fmt --all --check
	cargo clippy --release --locked --workspace --all-targets --quiet -- -D warnings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

# Wheel and source distribution in dist/, each installed into a bare environment and tried there.
wheel: build
	rm -rf dist
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/maturin build --release --locked --quiet --out dist
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/maturin sdist --out dist
	$(PYTHON) tools/try_wheel.py dist $(BIN)/uv

# Side by side with peers, one run; tables are printed and kept in bench-results/.
bench: build $(VENV)/.for-test
	$(BIN)/python benchmarks/all.py

# Coverage-guided, SECONDS for each target; what breaks is kept in fuzz/artifacts/. Sanitizers are
# unstable options of the compiler, which RUSTC_BOOTSTRAP lets the stable one take.
SECONDS ?= 60
FUZZ_TARGETS ?= signals edits dedup repeats fields rows model bpe charsets view fasttext ngram
CARGO_FUZZ := .cargo-tools/bin/cargo-fuzz

$(CARGO_FUZZ):
	cargo install --locked --quiet --root .cargo-tools cargo-fuzz

fuzz: build $(CARGO_FUZZ)
	for target in $(FUZZ_TARGETS); do \
	  LANGUAGE_MODEL=$$($(BIN)/python -c 'from cupel.signals.language import bundled_model; print(bundled_model())') \
	  RUSTC_BOOTSTRAP=1 $(CARGO_FUZZ) run $$target -- -max_total_time=$(SECONDS) || exit 1; \
	done

docs: build $(VENV)/.for-docs
	$(BIN)/mkdocs build --strict --quiet
	@echo "docs in site/index.html"

clean:
	rm -rf $(VENV) .peers .cargo-tools target fuzz/target site demo dist bench-results src/cupel/_kernels*.so
