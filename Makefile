# Commands for people: make demo, make test, make lint, make bench, make verify-aws, make clean.
# Needs only make (GNU 3.81 or newer) and Python 3.11 or newer. All that is installed goes into .venv.
#
#   make demo ARGS="--server.port 8600"    arguments for streamlit
#   make test ARGS="-k lookup"             arguments for pytest
#   make test BROWSER=0                    without the browser tests
#   make demo PYTHON=/opt/python3.13/bin/python3

VENV   := .venv
PY     := $(VENV)/bin/python
# The stamps live inside the venv, so a venv made anew has none of them.
CREATED := $(VENV)/.created
RUNS    := $(VENV)/.requirements-installed
TESTS   := $(VENV)/.requirements-dev-installed
PIP     := $(PY) -m pip install --quiet --disable-pip-version-check
PYTHON  ?=
PYTHONS := $(or $(PYTHON),python3.13 python3.12 python3.11 python3)
ARGS    ?=

.PHONY: help demo test lint bench verify-aws clean

help:
	@echo "make demo    the dashboard on an embedded pipeline, in the browser"
	@echo "make test    every test, those in a real browser included (BROWSER=0 leaves them out)"
	@echo "make lint    ruff and mypy"
	@echo "make bench   measurements, as a table"
	@echo "make verify-aws   makes a stack in the AWS account of .env, drives it, and takes it away (docs/verify-on-aws.md)"
	@echo "make clean   removes .venv, caches and the sandbox's state"

demo: $(RUNS)
	@echo "Starting the dashboard (Ctrl-C ends it)"
	@$(PY) -m streamlit run dashboard.py --server.showEmailPrompt=false $(ARGS)

# Three processes, since most tests wait most of the time; the tests of a file stay together, with the stack they share.
# A test that fails on a machine that is busy is run again, at most twice, and the summary counts that as a rerun.
# Compiled modules are kept, whatever the shell says: the tests start a hundred processes, and each would compile all anew.
test: export PYTHONDONTWRITEBYTECODE :=
test: $(TESTS)
	@if [ "$$BROWSER" != 0 ]; then $(PY) -m tests.support.chromium; fi
	@$(PY) -m pytest -n 3 --dist loadfile --no-loadscope-reorder --reruns 2 --reruns-delay 1 $(ARGS)

lint: $(TESTS)
	@echo "ruff check"
	@$(PY) -m ruff check .
	@echo "ruff format --check"
	@$(PY) -m ruff format --check .
	@echo "mypy"
	@$(PY) -m mypy

bench: $(TESTS)
	@$(PY) -m bench $(ARGS)

verify-aws: $(RUNS)
	@TARGET=aws $(PY) -m provision doctor
	@TARGET=aws $(PY) -m provision verify $(ARGS)

clean:
	rm -rf $(VENV) .sandbox .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A venv whose Python has gone, by an upgrade of the system say, is made anew.
ifneq ($(shell $(PY) -c "print(1)" 2>/dev/null),1)
.PHONY: $(CREATED)
endif

# Each candidate is tried, not just found: a pyenv shim can be on the PATH and have no Python behind it.
$(CREATED):
	@for python in $(PYTHONS); do \
	  "$$python" -c "import sys; sys.exit(sys.version_info < (3, 11))" 2>/dev/null || continue; \
	  "$$python" -c "import ensurepip, venv" 2>/dev/null || { unusable="$$unusable $$python"; continue; }; \
	  echo "Creating $(VENV) with $$("$$python" --version)"; \
	  "$$python" -m venv --clear $(VENV) || exit 1; \
	  touch $@; exit 0; \
	done; \
	if [ -n "$$unusable" ]; then \
	  echo "No usable Python:$$unusable cannot create virtual environments. On Debian or Ubuntu: apt-get install python3-venv" >&2; \
	else \
	  echo "Python 3.11 or newer is needed, and none was found (tried: $(PYTHONS)). Name one with: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; \
	fi; \
	exit 1

$(RUNS): requirements.txt $(CREATED)
	@echo "Installing requirements.txt (about a minute the first time)"
	@$(PIP) -r requirements.txt
	@touch $@

$(TESTS): requirements-dev.txt requirements.txt $(CREATED)
	@echo "Installing requirements-dev.txt (about a minute the first time)"
	@$(PIP) -r requirements-dev.txt
	@touch $(RUNS) $@
