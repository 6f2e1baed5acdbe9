#!/usr/bin/env bash
# check_schema.sh [FILE]: Redocly, Spectral and Spectral's OWASP API Top 10 over docs/openapi.yaml.
# Passes with no error and no warning of the first two and no OWASP error.
source "$(dirname "$0")/lib.sh"
JSON=$(schema_json "${1:-$PROJECT/docs/openapi.yaml}"); DIR="$OUT/check_schema"; mkdir -p "$DIR"; rm -f "$DIR"/*.json

npm_env redocly @redocly/cli@2.77.0
"$NPM_BIN/redocly" lint "$JSON" --config "$HERE/rulesets/redocly.yaml" --format=json --max-problems=100000 \
  > "$DIR/redocly.json" 2> "$DIR/redocly.log" || true
npm_env spectral @stoplight/spectral-cli@6.16.3 @stoplight/spectral-owasp-ruleset@2.0.1
cp "$HERE"/rulesets/spectral-*.yaml "$NPM_DIR/"
for rules in oas owasp; do
  (cd "$NPM_DIR" && "$NPM_BIN/spectral" lint "$JSON" -r "spectral-$rules.yaml" -f json -q -o "$DIR/$rules.json") \
    > "$DIR/$rules.log" 2>&1 || true
done
node "$HERE/lint_summary.mjs" "$DIR"
