#!/usr/bin/env bash
# newman.sh BASE_URL: runs docs/postman_collection.json against a running shop (make run).
source "$(dirname "$0")/lib.sh"
[ $# -eq 1 ] || die "usage: newman.sh BASE_URL"
npm_env newman newman@6.2.2
mkdir -p "$OUT/newman"; rm -f "$OUT/newman/report.json"
"$NPM_BIN/newman" run "$PROJECT/docs/postman_collection.json" --env-var "baseUrl=${1%/}" --timeout-request 10000 \
  --reporters json --reporter-json-export "$OUT/newman/report.json" --suppress-exit-code > "$OUT/newman/run.log" 2>&1 || true
[ -s "$OUT/newman/report.json" ] || { tail -5 "$OUT/newman/run.log"; die "newman wrote no report"; }
node "$HERE/newman_summary.mjs" "$OUT/newman/report.json" collection
