# Two commands do all the set-up they need: `make run` and `make test`.
BIN := .venv/bin
PYTEST ?= $(BIN)/python -m pytest
JOBS ?= auto

.PHONY: help run demo test check format lint types imports tests sample prove bench screenshots lock clean

help: ## show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: ## start the lab; without a terminal: play the demo
	@scripts/setup run
	@if [ -t 0 ] && [ -t 1 ]; then exec $(BIN)/cka-lab; else exec $(BIN)/cka-lab demo; fi

demo: ## one scenario started, graded, solved, graded, stopped
	@scripts/setup run
	@$(BIN)/cka-lab demo

test: ## set up and run everything: format, lint, types, imports, tests, proofs
	@scripts/setup dev
	@$(MAKE) --no-print-directory check

check: format lint types imports tests sample ## exactly what CI runs

format:
	$(BIN)/ruff format --check .

lint:
	$(BIN)/ruff check .

types:
	$(BIN)/mypy

imports:
	$(BIN)/lint-imports

tests:
	$(PYTEST) -n $(JOBS) --dist loadgroup

sample: ## prove every shipped scenario in the sandbox; on kind, where that takes minutes each, play its solution
	$(BIN)/cka-lab dev check --quick kind

prove: ## prove every shipped scenario on all that this machine has
	$(BIN)/cka-lab dev check

bench: ## measure every speed that is promised, against its target
	@scripts/setup dev
	$(BIN)/python -m tests.bench

screenshots: ## make the pictures of the README from the real program
	@scripts/setup dev
	$(BIN)/python -m tests.screenshots

lock: ## write the hash-checked requirements files anew
	scripts/lock

clean: ## remove what the commands above made in this folder
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
