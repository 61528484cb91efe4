# Everything below runs in an environment under this checkout (.venv); the system's Python is left alone.
# Nothing is installed again until pyproject.toml, constraints.txt, CMakeLists.txt or a file under src/ changes.
#
#   make demo [IMAGE=path]   compress a photograph to 0.1 bits per pixel and set it beside JPEG
#   make test [ARGS=...]     the tests; ARGS goes to pytest
#   make test-slow [ARGS=...]  the proofs that take longer, which CI runs too
#   make lowest [ARGS=...]   the tests with the lowest versions of what pyproject.toml names, where they matter
#   make check               lint, format, types, warnings of the C compiler, order of imports, length of files
#   make format              mend what `make check` finds, as far as a machine can
#   make fuzz [ARGS=...]     mutate valid files against a kernel built with sanitisers, for as long as one likes
#   make fuzz-guided [ARGS=...]  fuzz the kernel's C functions by coverage, with libFuzzer
#   make bench [ARGS=...]    times beside Pillow's JPEG
#   make cross [ARGS=...]    the kernel on other machines, by several compilers, and docs/machines.md;
#                            cross-check: by one compiler for each machine, without docs/machines.md
#   make web                 the npm package: WebAssembly, its types and its demonstration (web/dist)
#   make results [ARGS=...]  measure on the test images again (a part with --only), and write docs/results.md
#   make ablation            leave out one part of the codec after the other, and write docs/ablation.md
#   make clean               remove what the above made, .venv included
#
# PYTHON=python3.12 chooses the interpreter, CC=clang the compiler.

PYTHON = python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES = $(shell find src -type f -not -path '*/__pycache__/*' | LC_ALL=C sort)

# The kernel is compiled in build/wheel, so that an edit of a Python file does not compile it again. Without build
# isolation, because a reinstallation then works without a network. Python compiles the modules that it imports when it
# does; to compile all of every package would take half the time of an installation. The pip that comes with Python 3.11
# takes twice the time of the one in constraints.txt.
INSTALL = $(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt
INSTALL_APERCU = sh scripts/check_machine.sh $(BIN)/python && $(INSTALL) --no-build-isolation \
	--config-settings=build-dir=build/wheel

C_CHECKS = -std=c99 -fsyntax-only -Werror -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion \
	-Wstrict-prototypes

# What Python compiles is kept, whatever the machine's environment says: a process that compiles all that it imports
# takes twice as long to start, and tests start hundreds.
unexport PYTHONDONTWRITEBYTECODE

# A worker for each processor, up to eight; who ends first takes tests from the others. Without them: ARGS="-n 0".
PARALLEL = -n logical --maxprocesses 8 --dist worksteal

.PHONY: demo test test-slow lowest check quick-checks lint types c-warnings import-order lengths fuzz fuzz-guided bench \
	cross cross-check web results ablation format clean FORCE
demo: $(VENV)/demo.stamp
	@$(BIN)/python scripts/demo.py $(if $(IMAGE),"$(IMAGE)")

test: $(VENV)/dev.stamp
	@$(BIN)/python -m pytest -q $(PARALLEL) $(ARGS)

test-slow: $(VENV)/dev.stamp
	@$(BIN)/python -m pytest -q -m slow $(PARALLEL) $(or $(ARGS),$(shell grep -l "mark.slow" tests/test_*.py))

# With the lowest versions that pyproject.toml allows, but for torch, whose old releases come with 2 GB of CUDA.
# What those versions say about their own dependencies, which are new ones, is no fault of theirs or ours. Left out is
# what no version changes, since it is a matter of the kernel, of our own Python, of trained networks, of torch alone or of
# processes and files. What the codecs need of NumPy shows in test_every_codec.py, the vectors and all that reads and
# restores pictures; what is needed for scenes shows in the tests of files, of bridges and of archives; what ONNX Runtime
# has to do in test_every_codec_restored.py, and the writing of networks in test_train_apercu.py.
NO_MATTER_OF_VERSIONS = border bounded c cli_many cli_streams compare_own container dct dct_codec dct_symbols \
	dual_ae dual_code dual_maps dual_quantise every_codec_budgets every_codec_cost every_codec_damage \
	every_codec_filled every_codec_told export_c extreme_models few_bytes fill forecast forks fuzz generative \
	importance large layers layout levels machines mali2021 mask memory network_process page_generated page_many \
	page_seen placeholder predict prefix printable processes promised_files properties proportion range_coder rate \
	rate_forecast recipes reduced reference reference_codecs reference_dual_maps reference_maps reference_predictive \
	replace_a_stage replacing replacing_ended resize restore_never_worse restore_never_worse_blocks rnn rnn_codec \
	rotated rotation rules rules_learn search small_tables source stage_arguments standard_streams symbol_maps train \
	train_diffusion train_gan train_predictive train_rnn train_rnn_codec train_stacked_ae web web_element web_fuzz
OURS_ALONE = tests/test_conformance.py::test_a_decoder_written_from_the_specification \
	tests/test_train_apercu.py::test_the_error_of_a_picture_falls \
	tests/test_train_apercu.py::test_network_for_blocks_takes_its_place \
	tests/test_train_apercu.py::test_a_network_for_other_codecs_is_refused \
	$(OF_EVERY_CODEC:%=tests/test_every_codec.py::test_%) \
	$(OF_RESTORERS:%=tests/test_every_codec_restored.py::test_%)
OF_EVERY_CODEC = files_grow a_hot_pixel tiles_ threads_ windows_are_crops every_layer colour_under psnr_is
OF_RESTORERS = windows_ with_fewer_layers alpha_is_left
lowest: $(VENV)/lowest/lowest.stamp
	@$(VENV)/lowest/bin/python -m pytest -q $(PARALLEL) -W ignore::DeprecationWarning \
		$(NO_MATTER_OF_VERSIONS:%=--ignore tests/test_%.py) $(OURS_ALONE:%=--deselect %) $(ARGS)

# A gate each, so that `make -k check` goes on after the first that fails. Types take a minute where nothing is known yet.
check: quick-checks types

quick-checks: lint c-warnings import-order lengths

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)/dev.stamp
	$(BIN)/mypy

c-warnings:
	$(CC) $(C_CHECKS) src/apercu/kernel/*.c src/apercu/kernel/at_build/*.c

import-order: $(VENV)/dev.stamp
	PYTHONPATH=src $(BIN)/lint-imports --no-logo

lengths: $(VENV)/dev.stamp
	$(BIN)/python scripts/check_lengths.py

fuzz: $(VENV)/dev.stamp
	@$(BIN)/python fuzz/run.py $(ARGS)

fuzz-guided: $(VENV)/dev.stamp
	@$(BIN)/python fuzz/guided.py $(ARGS)

bench: $(VENV)/dev.stamp
	@$(BIN)/apercu bench $(ARGS)

cross cross-check: $(VENV)/dev.stamp
	@$(BIN)/python -m scripts.cross $(ARGS)

cross-check: ARGS = --some

web:
	@$(MAKE) -C web

results: $(VENV)/dev.stamp
	@$(BIN)/python -m scripts.results $(ARGS)

ablation: $(VENV)/dev.stamp
	@$(BIN)/python -m scripts.ablation $(ARGS)

format: $(VENV)/dev.stamp
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:
	rm -rf $(VENV) build dist web/dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp for each set of extras.
$(VENV)/demo.stamp: EXTRAS = demo
$(VENV)/dev.stamp: EXTRAS = dev
$(VENV)/demo.stamp $(VENV)/dev.stamp: $(VENV)/venv.stamp $(VENV)/sources.txt $(SOURCES) CMakeLists.txt README.md LICENSE
	@echo "Installing apercu[$(EXTRAS)] into $(VENV)"
	@$(INSTALL_APERCU) '.[$(EXTRAS)]'
	@touch $@

$(VENV)/venv.stamp: $(VENV)/made-by.txt pyproject.toml constraints.txt
	@$(INSTALL) pip
	@cmake --version >/dev/null 2>&1 || $(INSTALL) cmake
	@$(INSTALL) scikit-build-core
	@touch $@

# After the other installation of apercu, since both compile the kernel in the same folder.
$(VENV)/lowest/lowest.stamp: $(VENV)/lowest/versions.stamp $(VENV)/dev.stamp
	@$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --config-settings=build-dir=build/wheel \
		--wheel-dir $(VENV)/lowest/wheel .
	@$(VENV)/lowest/bin/python -m pip install --quiet --no-compile --no-deps --force-reinstall \
		$(VENV)/lowest/wheel/apercu-*.whl
	@touch $@

$(VENV)/lowest/versions.stamp: $(VENV)/venv.stamp
	@echo "Installing the lowest versions into $(VENV)/lowest"
	@sh scripts/install_lowest.sh $(BIN) $(VENV)/lowest
	@touch $@

# The list of sources, written again only when it changes: a file that goes away makes no other file newer.
$(VENV)/sources.txt: $(VENV)/made-by.txt FORCE
	@echo '$(SOURCES)' | tr ' ' '\n' | cmp -s - $@ || echo '$(SOURCES)' | tr ' ' '\n' > $@

$(VENV)/made-by.txt: FORCE
	@sh scripts/make_environment.sh $(VENV) '$(PYTHON)' $(origin PYTHON)
