#!/usr/bin/env bash
# The whole gate, in the order of its cost. Stops at the first failure. `--fast` leaves the test suite out.
set -u
cd "$(dirname "$0")/.." || exit 1
PYTHON=.venv/bin/python
FAST=""
[ "${1:-}" = "--fast" ] && FAST=1
# The suite brings its own servers, whatever the shell has configured.
unset DATABASE_URL CACHE_URL CELERY_BROKER_URL DJANGO_SETTINGS_MODULE
LOG=$(mktemp)
trap 'rm -f "$LOG"' EXIT
BEGAN=$SECONDS

# step NAME COMMAND...: quiet when it passes, its whole output when it fails
step() {
  local name=$1 from=$SECONDS; shift
  if "$@" > "$LOG" 2>&1; then
    printf 'ok   %-34s %3d s\n' "$name" $((SECONDS - from))
  else
    cat "$LOG"
    printf '\nFAIL %s: the gate stops here (%s)\n' "$name" "$*"
    exit 1
  fi
}

client_tools() {
  scripts/api_clients/check_schema.sh &
  local lint=$!
  scripts/api_clients/typescript_client.sh
  local typescript=$?
  wait "$lint" && [ "$typescript" = 0 ]
}

suite() {
  "$PYTHON" -m pytest -n "${PARALLEL:-2}" --dist loadfile -q -m "not services" --cov --cov-report=term --cov-report=xml
}

step "format (ruff)" "$PYTHON" -m ruff format --check .
step "lint (ruff)" "$PYTHON" -m ruff check .
step "sizes, names, pins" "$PYTHON" -m scripts.lint_sizes
step "import directions (import-linter)" "$PYTHON" -c 'from importlinter.cli import lint_imports_command as run; run()'
step "types (mypy, strict)" "$PYTHON" -m mypy
step "migrations complete" "$PYTHON" -m scripts.serverless makemigrations --check --dry-run
step "production settings" "$PYTHON" -m scripts.serverless check --deploy --fail-level WARNING
step "OpenAPI document current" "$PYTHON" -m scripts.openapi --check
step "Postman collection current" "$PYTHON" -m scripts.postman --check
if command -v node > /dev/null; then
  step "API document, TypeScript client" client_tools
elif [ -n "${CI:-}" ]; then
  echo "FAIL API document, TypeScript client: node is not installed, and CI must not skip this"
  exit 1
else
  echo "--   API document, TypeScript client: left out, node is not installed"
fi
if [ -z "$FAST" ]; then
  step "test suite, coverage" suite
  grep -E "^TOTAL|passed|failed|Required test coverage" "$LOG"
fi
echo "The gate passes ($((SECONDS - BEGAN)) s)."
