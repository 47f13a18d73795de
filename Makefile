# Development; bare `make` lists the targets. What they make is in .venv/ and build/.

PYTHON ?= $(shell tools/find-python)
export PYTHON PYTHONS EXAMPLES SEED SANITIZE FUZZ_SECONDS FUZZ_TARGETS FUZZ_LENGTH

.PHONY: help demo test test-all conformance soak hostile leaks servers programs bench bench-regress dist \
	docs man compile-commands lint sanitize fuzz clean

help:
	@sed -n 's/^\([a-z-]*\):.*## */\1\t/p' Makefile | expand -t 15

demo: ## build, then fetch a small mailbox from a server on this machine, and compare it
	@tools/system-packages build
	@venv=$$(tools/venv) && $$venv/bin/python -I -m poplib_c demo

test: ## build and run the tests (PYTEST_ARGS="-k retr", PYTHON=python3.12, JOBS=4)
	@tools/system-packages build test
	@venv=$$(tools/venv test) && $$venv/bin/pytest -n auto $(PYTEST_ARGS)

test-all: ## the tests on every CPython from 3.9 to 3.14 (PYTHONS="python3.9 python3.13")
	@tools/test-all $(PYTEST_ARGS)

conformance: ## poplib_c beside poplib with random servers (EXAMPLES=200000 SEED=1)
	@tools/system-packages build test
	@tools/conformance $(PYTEST_ARGS)

soak: ## random sessions over a failing network, killed fetches (SOAK_SECONDS=60 SOAK=500 SEED=1)
	@tools/system-packages build test
	@venv=$$(tools/venv test) && export SOAK_SECONDS=$${SOAK_SECONDS:-60} SOAK=$${SOAK:-500} && \
	    $$venv/bin/pytest -q tests/soak tests/cli/test_killing.py $(PYTEST_ARGS)

leaks: ## everything that can fail fails again and again, and nothing is kept (LEAKS=20)
	@tools/system-packages build test
	@venv=$$(tools/venv test) && LEAKS=$${LEAKS:-20} $$venv/bin/pytest -q -s tests/faults/test_walks.py

hostile: ## replies of ten million lines, and what memory they take (HOSTILE=10000000)
	@tools/system-packages build test
	@venv=$$(tools/venv test) && HOSTILE=$${HOSTILE:-10000000} \
	    $$venv/bin/pytest -q tests/faults/test_hostile.py

man: ## write the man page, docs/poplib-c.1, from --help
	@tools/system-packages build
	@venv=$$(tools/venv) && $$venv/bin/python tools/manpage.py

compile-commands: ## write compile_commands.json, by which clangd finds headers and flags
	@tools/system-packages build
	@venv=$$(tools/venv) && $$venv/bin/python setup.py -q compile_commands

servers: ## the whole conversation with each real POP3 server that can be had
	@tools/servers $(PYTEST_ARGS)

programs: ## getmail6, django-helpdesk and django-mailbox on poplib and on poplib_c
	@tools/programs $(PYTEST_ARGS)

bench: ## measure beside poplib (BENCH_ARGS="--quick noop 'RETR 2 kB'"; --help)
	@tools/system-packages build
	@venv=$$(tools/venv bench) && $$venv/bin/python benchmarks/bench.py $(BENCH_ARGS)

bench-regress: ## instructions of core/, now and at the last commit (BENCH_ARGS="--base main")
	@tools/system-packages build regress
	@$(PYTHON) benchmarks/regress.py $(BENCH_ARGS)

dist: ## the source distribution and a wheel, in dist/, checked and tried
	@tools/dist

docs: ## the manual as HTML, in build/docs/, and the example with a cluster
	@tools/docs

lint: ## the checks of .pre-commit-config.yaml: warnings, formatting, house rules, types, and more
	@tools/lint

sanitize: ## the tests under ASan and UBSan, or those with threads under TSan (SANITIZE=thread)
	@tools/sanitize $(PYTEST_ARGS)

fuzz: ## random input, with libFuzzer (FUZZ_SECONDS=60 FUZZ_TARGETS="reply link")
	@tools/system-packages build fuzz
	@tools/fuzz

clean: ## remove everything that was made here
	rm -rf .venv build dist *.egg-info _cpoplib.*.so compile_commands.json .hypothesis .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
