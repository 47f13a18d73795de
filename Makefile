# Targets for development; bare `make` lists them. They write to .venv/ and build/.

PYTHON ?= $(shell tools/find-python)
export PYTHON PYTHONS EXAMPLES SEED SANITIZE STRESS FUZZ_SECONDS FUZZ_TARGETS FUZZ_LENGTH

.PHONY: help demo test test-all conformance soak hostile leaks servers programs bench bench-mailboxes \
	bench-threads bench-regress dist docs man stub compile-commands lint sanitize free-threaded \
	fuzz clean

help:
	@sed -n 's/^\([a-z-]*\):.*## */\1\t/p' Makefile | expand -t 18

demo: ## build, then fetch a small mailbox from a server on loopback, and compare it
	@tools/system-packages build
	@venv=$$(tools/venv) && $$venv/bin/python -I -m poplib_c demo

test: ## build and run the tests (PYTEST_ARGS="-k retr", PYTHON=python3.12, JOBS=4)
	@tools/system-packages build test
	@venv=$$(tools/venv test) && $$venv/bin/pytest -n auto $(PYTEST_ARGS)

test-all: ## run the tests on each CPython from 3.9 to 3.15 (PYTHONS="python3.9 python3.13")
	@tools/test-all $(PYTEST_ARGS)

conformance: ## play random dialogues to poplib and poplib_c (EXAMPLES=200000 SEED=1)
	@tools/system-packages build test
	@tools/conformance $(PYTEST_ARGS)

soak: ## run random sessions over a failing network, kill fetches (SOAK_SECONDS=60 SOAK=500 SEED=1)
	@tools/system-packages build test
	@venv=$$(tools/venv test) && export SOAK_SECONDS=$${SOAK_SECONDS:-60} SOAK=$${SOAK:-500} && \
	    $$venv/bin/pytest -q tests/soak tests/cli/test_killing.py \
	    tests/cli/test_commits.py $(PYTEST_ARGS)

leaks: ## make each call fail repeatedly, and look for leaks (LEAKS=20)
	@tools/system-packages build test
	@venv=$$(tools/venv test) && LEAKS=$${LEAKS:-20} $$venv/bin/pytest -q -s tests/faults/test_walks.py

hostile: ## measure the memory of replies with ten million lines (HOSTILE=10000000)
	@tools/system-packages build test
	@venv=$$(tools/venv test) && HOSTILE=$${HOSTILE:-10000000} \
	    $$venv/bin/pytest -q tests/faults/test_hostile.py

man: ## write the man page, docs/poplib-c.1, from --help
	@tools/system-packages build
	@venv=$$(tools/venv) && $$venv/bin/python tools/manpage.py

stub: ## write the docstrings of the code into the stub, poplib_c/__init__.pyi
	@tools/system-packages build
	@venv=$$(tools/venv) && $$venv/bin/python tools/stub_docs.py

compile-commands: ## write compile_commands.json, which clangd reads
	@tools/system-packages build
	@venv=$$(tools/venv) && $$venv/bin/python setup.py -q compile_commands

servers: ## run the whole conversation with each real POP3 server that can be installed
	@tools/servers $(PYTEST_ARGS)

programs: ## run getmail6, django-helpdesk and django-mailbox on poplib_c; move from three fetchers
	@tools/programs $(PYTEST_ARGS)

bench: ## compare the speed with poplib's (BENCH_ARGS="--quick noop 'RETR 2 kB'"; --help)
	@tools/system-packages build
	@venv=$$(tools/venv bench) && $$venv/bin/python benchmarks/bench.py $(BENCH_ARGS)

bench-mailboxes: ## compare threads, asyncio, uvloop and poplib with many mailboxes (BENCH_ARGS="--delay 20")
	@venv=$$(tools/venv bench) && $$venv/bin/python benchmarks/mailboxes.py $(BENCH_ARGS)

bench-threads: ## compare the speed of threads with poplib's, with the GIL and without (BENCH_ARGS=--quick)
	@tools/system-packages build
	@for python in $(PYTHON) $$(tools/free-threaded-python); do \
	    venv=$$(PYTHON=$$python tools/venv) && $$venv/bin/python benchmarks/bench.py \
	    $(BENCH_ARGS) threads || exit; \
	done

bench-regress: ## compare instructions of core/ with the last commit (BENCH_ARGS="--base main")
	@tools/system-packages build regress
	@$(PYTHON) benchmarks/regress.py $(BENCH_ARGS)

dist: ## make and check the source distribution and a wheel, in dist/
	@tools/dist

docs: ## make the manual in build/docs/, run the example with a cluster
	@tools/docs

lint: ## run the checks of .pre-commit-config.yaml: warnings, format, house rules, types, ...
	@tools/lint

sanitize: ## run the tests under ASan and UBSan, or TSan (SANITIZE=thread)
	@tools/sanitize $(PYTEST_ARGS)

free-threaded: ## run the tests of threads without the GIL (STRESS=100), build CPython for it at need
	@tools/free-threaded $(PYTEST_ARGS)

fuzz: ## run the fuzz targets with libFuzzer (FUZZ_SECONDS=60 FUZZ_TARGETS="reply link")
	@tools/system-packages build fuzz
	@tools/fuzz

clean: ## remove everything that these targets make
	rm -rf .venv build dist *.egg-info _cpoplib.*.so compile_commands.json .hypothesis .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
