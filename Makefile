# Every target sets up what it needs, in .venv; nothing else is touched.
#
#   make emulate              start the emulator; ARGS="--port 0" are its options
#   make quick                the tests that need nothing but Python, in less than a minute
#   make test                 lint, types, and all that CI runs
#   make deployed             core and lambda_app on Python 3.13; part of the tests
#   make nightly              everything at full size
#   make check                lint, types, the order of the rooms and the check of words
#   make docs                 write docs/cli.md anew
#   make bench                measure; not part of the tests
#   make infrastructure       apply the deployment for real, without AWS; part of the tests
#   make checkov              check infrastructure for policies, in an environment of its own; in CI part of the tests
#   make lambda.zip           build the function's zip in build/, the same bytes on every machine
#   make conformance          hold the emulator against API Gateway's rules; URL=ws://… another server
#   make adversity            play 10 000 schedules of what can go wrong; SCHEDULES=500 are fewer
#   make load                 play crowds, bad peers and a long day at full size
#   make flakes               repeat the tests 50 times in random order; RUNS=5 TESTS=tests/cli are fewer
#   make fuzz                 send 20 000 cases of nonsense; CASES=1000 are fewer

PYTHON ?= python3
BIN := .venv/bin
PIP := PYTHONWARNINGS=ignore $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
ARGS ?=
CASES ?= 20000
RUNS ?= 50
TESTS ?= tests
SCHEDULES ?= 10000

# One pool for all tests. Six processes on two cores: half of the tests wait more than they work.
POOL := -n 6 --dist loadfile --no-loadscope-reorder

# Each process of the tests would compile all modules again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup emulate quick test nightly check bench flakes fuzz load adversity conformance infrastructure browser docs deployed lambda.zip checkov

setup: .venv/ready-for-tests

emulate: .venv/ready
	@$(BIN)/poker-signal emulate $(ARGS)

# The three tiers: tests/support/tiers.py.
quick: .venv/ready-for-tests
	@$(BIN)/ruff check --quiet .
	POKER_SIGNAL_TIER=quick $(BIN)/pytest -q $(POOL) \
		-m "not (games or process or aws or browser or nightly)" tests

# Lint, types and the Python of Lambda run beside the tests; their output comes at the end.
test: .venv/ready-for-tests build/import-root browser
	@mkdir -p build; rm -f .coverage .coverage.*; \
	$(MAKE) --no-print-directory check > build/check.log 2>&1 & check=$$!; \
	$(MAKE) --no-print-directory deployed > build/deployed.log 2>&1 & deployed=$$!; \
	{ test -z "$$CI" || $(MAKE) --no-print-directory checkov; } > build/checkov.log 2>&1 & policies=$$!; \
	trap "kill $$check $$deployed $$policies" INT TERM; \
	POKER_SIGNAL_COVERAGE=1 $(BIN)/pytest -q $(POOL) -m "not nightly" tests; status=$$?; \
	wait $$check || status=1; cat build/check.log; \
	wait $$deployed || status=1; cat build/deployed.log; \
	wait $$policies || status=1; cat build/checkov.log; \
	$(BIN)/coverage combine -q && $(BIN)/coverage report --include 'core/*' --fail-under 100 \
		|| status=1; \
	exit $$status

# The Python that Lambda runs. In CI it must be there.
deployed:
	@python=$$(for each in python3.13 $(HOME)/.pyenv/versions/3.13.*/bin/python; do \
		"$$each" -c "" 2> /dev/null && echo "$$each" && break; done); \
	if [ -z "$$python" ]; then \
		echo "NOT TESTED on Python 3.13, which Lambda runs: no python3.13 on this machine" >&2; \
		test -z "$$CI"; \
	else \
		$(MAKE) --no-print-directory DEPLOYED="$$python" .venv-deployed/ready && \
		POKER_SIGNAL_TIER=quick .venv-deployed/bin/pytest -q -p no:cacheprovider \
			-m "not (nightly or process or aws)" tests/core tests/lambda_app; \
	fi

# Of its packages, which take a minute to compile, a few modules are imported.
.venv-deployed/ready: pyproject.toml constraints.txt | .venv/ready-for-tests
	@$(DEPLOYED) -m venv --clear --without-pip .venv-deployed
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip --python .venv-deployed/bin/python \
		--disable-pip-version-check install --quiet --no-compile --constraint constraints.txt \
		--editable '.[moto]' --group deployed
	@touch $@

nightly: check deployed browser
	POKER_SIGNAL_TIER=nightly $(BIN)/pytest -q $(POOL) tests

check: .venv/ready-for-tests build/import-root
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.support.words

# Pages that programs write; tests compare them.
docs: .venv/ready-for-tests
	@$(BIN)/python -m tests.support.cli_page

bench: .venv/ready-for-tests
	@$(BIN)/python -m tests.bench $(ARGS)

# One line per run; what failed, and all that was said, is in build/flakes.
# Files come in random order too: without the option, xdist puts the largest first.
flakes: .venv/ready-for-tests
	@mkdir -p build/flakes; status=0; for run in $$(seq $(RUNS)); do \
		seed=$$(date +%s); log=build/flakes/$$seed.log; \
		$(BIN)/pytest -rfEs -n 2 --dist loadfile --no-loadscope-reorder --random-order-seed=$$seed $(TESTS) > $$log 2>&1 || { status=1; grep -E '^(FAILED|ERROR)' $$log; }; \
		echo "$$run of $(RUNS), --random-order-seed=$$seed: $$(tail -n 1 $$log)"; \
	done; exit $$status

fuzz: .venv/ready-for-tests
	POKER_SIGNAL_FUZZ_CASES=$(CASES) $(BIN)/pytest --capture no tests/emulator/test_fuzz.py

load: .venv/ready-for-tests
	POKER_SIGNAL_LOAD=full $(BIN)/pytest tests/load

adversity: .venv/ready-for-tests
	SCHEDULES=$(SCHEDULES) $(BIN)/pytest --capture no tests/adversity

conformance: .venv/ready-for-tests
	$(BIN)/pytest tests/conformance $(if $(URL),--endpoint $(URL)) $(ARGS)

infrastructure: .venv/ready-for-tests
	$(BIN)/pytest tests/infrastructure

# A hundred packages, whose versions are not those of the tests.
checkov: .venv-checkov/ready
	@.venv-checkov/bin/checkov --config-file infrastructure/checkov.yaml

.venv-checkov/ready:
	@$(PYTHON) -m venv .venv-checkov
	@PYTHONWARNINGS=ignore .venv-checkov/bin/pip --disable-pip-version-check install --quiet --no-compile checkov==3.3.30
	@touch $@

lambda.zip:
	@$(PYTHON) infrastructure/lambda_zip.py build/lambda.zip

browser:
	@sh tests/end_to_end/install-browser.sh

# What stdout says is for programs that start the emulator: set-up speaks on stderr.
.venv/ready: pyproject.toml constraints.txt cli/__init__.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "poker-signal needs Python 3.11 or newer; name one with: make PYTHON=python3.12 …")'
	@echo "setting up .venv, once: about 10 MB" >&2
	@$(PYTHON) -m venv .venv >&2
	@$(PIP) --editable '.[lan,reload]' >&2
	@# pip compiles no editable install; without this the first start would.
	@$(BIN)/python -m compileall -q cli core emulator >&2
	@touch $@

.venv/ready-for-tests: .venv/ready
	@echo "adding the test tools, once" >&2
	@# For --group, which older ones lack.
	@$(PIP) --upgrade pip >&2
	@$(PIP) --editable '.[aws,lan,moto,reload,template,tls]' --group dev >&2
	@touch $@

# A type checker cannot follow the import hook of an editable install: it gets links.
build/import-root: Makefile
	@mkdir -p $@/poker_signal
	@for folder in core lambda_app emulator cli; do ln -sfn "../../../$$folder" "$@/poker_signal/$$folder"; done
	@touch $@
