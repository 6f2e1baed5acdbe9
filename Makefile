# Two commands are enough on a fresh machine: `make run` and `make test`. `make` alone lists the others.
# Relative paths and `python -m` throughout, so that a checkout may live in a folder with blanks in its name.

.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON := .venv/bin/python
INSTALLED := .venv/.installed
MANAGE := $(PYTHON) manage.py
# The suite brings its own servers, whatever the shell has configured for `make run`.
EMBEDDED := DATABASE_URL= CACHE_URL= CELERY_BROKER_URL=
PARALLEL ?= 2
ARGS ?=

.PHONY: help
help:
	@if [ -t 1 ] && [ -z "$$NO_COLOR" ]; then bold='\033[1m' name='\033[36m' plain='\033[0m'; fi; \
	awk -v bold="$$bold" -v name="$$name" -v plain="$$plain" 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s%s%s\n", bold, substr($$0, 5), plain } \
		/^[a-z-]+:.*## / { printf "  %s%-14s%s %s\n", name, $$1, plain, $$2 }' Makefile
	@printf '\nVariables: PORT=9000 make run   ARGS="tests/cart -k coupon" make test   FORCE=1 make reset\n\n'

# When the stamp is older than a requirements file: install (again).
$(INSTALLED): requirements.txt requirements-dev.txt
	@found=; for candidate in python3 python3.13 python3.12 python3.11 python3.14; do \
		if command -v $$candidate >/dev/null 2>&1 && \
			$$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$candidate; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo "Python 3.11 or newer is needed and none was found (looked for python3, python3.11 to python3.14)." >&2; exit 1; \
	fi; \
	$$found scripts/bootstrap.py

##@ Every day
.PHONY: run dev test demo mail
run: $(INSTALLED) ## the whole shop in this terminal: web, worker, beat, database, cache, Stripe stand-in
	@exec $(PYTHON) -m scripts.run

dev: $(INSTALLED) ## the same, restarted whenever a source file changes
	@exec $(PYTHON) -m scripts.run --reload

demo: $(INSTALLED) ## play a shopper against the running shop, from sign-up to the mail
	@$(PYTHON) -m scripts.demo

mail: $(INSTALLED) ## show the mails the local shop has sent
	@$(MANAGE) mail

test: $(INSTALLED) ## the whole test suite on embedded servers
	@$(EMBEDDED) $(PYTHON) -m pytest -n $(PARALLEL) --dist loadfile -m "not services" $(ARGS)

##@ Quality
.PHONY: check lint format test-cov test-services bench chaos
check: $(INSTALLED) ## the whole gate, as in CI: lint, types, layers, migrations, schema, tests
	@bash scripts/check.sh $(ARGS)

lint: $(INSTALLED) ## ruff, mypy and the import contracts only
	@$(PYTHON) -m ruff check . && $(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy
	@$(PYTHON) -c "from importlinter.cli import lint_imports_command; lint_imports_command()"

format: $(INSTALLED) ## format and sort imports
	@$(PYTHON) -m ruff check --fix-only --quiet . && $(PYTHON) -m ruff format .

test-cov: $(INSTALLED) ## the suite with line and branch coverage, fails below 95 %
	@$(EMBEDDED) $(PYTHON) -m pytest -n $(PARALLEL) --dist loadfile -m "not services" --cov --cov-report=term --cov-report=xml $(ARGS)

test-services: $(INSTALLED) ## the suite on real servers: DATABASE_URL, CACHE_URL and CELERY_BROKER_URL
	@: "$${DATABASE_URL:?set it to a PostgreSQL server}" "$${CACHE_URL:?set it to a Redis server}" "$${CELERY_BROKER_URL:?set it to a RabbitMQ server}"
	@$(PYTHON) -m pytest -n $(PARALLEL) --dist loadfile $(ARGS)

bench: $(INSTALLED) ## statements, CPU and latency of the five main flows
	@$(PYTHON) -m scripts.bench $(ARGS)

chaos: $(INSTALLED) ## break a scratch shop under load, one fault after the other, and audit it
	@$(PYTHON) -m scripts.chaos $(ARGS)

##@ Data
.PHONY: migrate seed reset shell
migrate: $(INSTALLED) ## bring the local database up to date
	@$(MANAGE) migrate

seed: $(INSTALLED) ## load the demo shop (again)
	@$(MANAGE) seed $(ARGS)

reset: $(INSTALLED) ## drop all local data (database, cache, uploads, mails); asks first
	@$(PYTHON) -m scripts.reset $(if $(FORCE),--force)

shell: $(INSTALLED) ## a Python shell with the models loaded
	@$(MANAGE) shell

##@ Single processes
.PHONY: worker beat flower
worker: $(INSTALLED) ## a Celery worker
	@exec $(PYTHON) -m celery -A config worker --loglevel INFO

beat: $(INSTALLED) ## the Celery scheduler (one is enough: `make run` has one)
	@exec $(PYTHON) -m celery -A config beat --loglevel INFO --pidfile= --schedule .local/celerybeat-schedule

flower: $(INSTALLED) ## Celery's monitor on http://127.0.0.1:5555
	@exec $(PYTHON) -m celery -A config flower --address=127.0.0.1 --port=5555

##@ Documents
.PHONY: openapi postman
openapi: $(INSTALLED) ## write docs/openapi.yaml
	@$(PYTHON) -m scripts.openapi

postman: $(INSTALLED) ## write the Postman collection
	@$(PYTHON) -m scripts.postman

##@ Docker
.PHONY: docker-up docker-down
docker-up: ## build and start all seven services
	@docker compose up --build --detach --wait

docker-down: ## stop them; the data stays in its volumes
	@docker compose down
