#!/usr/bin/env bash
# typescript_client.sh [FILE [BASE_URL [TOKEN]]]: can a client in strict TypeScript call every operation?
# Types by openapi-typescript and one call per operation, built from the document, compiled with tsc --strict;
# then the SDK of @hey-api/openapi-ts, compiled too. With BASE_URL every GET without arguments is called as well.
source "$(dirname "$0")/lib.sh"
JSON=$(schema_json "${1:-$PROJECT/docs/openapi.yaml}"); DIR="$OUT/typescript"; rm -rf "$DIR"; mkdir -p "$DIR"
# TypeScript stays on 5.x: both generators use its old compiler API.
npm_env typescript openapi-typescript@7.13.0 openapi-fetch@0.17.0 typescript@5.9.3 @hey-api/openapi-ts@0.95.0
FLAGS=(--strict --noEmit --noUncheckedIndexedAccess --target es2022 --module esnext --moduleResolution bundler
  --lib "es2022,dom,dom.iterable" --skipLibCheck --pretty false)
ln -sfn "$NPM_DIR/node_modules" "$DIR/node_modules"; echo '{"type":"module","private":true}' > "$DIR/package.json"
cd "$DIR"
"$NPM_BIN/openapi-typescript" "$JSON" -o schema.d.ts > generate.log 2>&1 || { tail -5 generate.log; die "openapi-typescript failed"; }
counts=$(node "$HERE/ts_sample.mjs" "$JSON" sample.ts)
"$NPM_BIN/tsc" "${FLAGS[@]}" sample.ts || die "the sample client does not compile"
"$NPM_BIN/openapi-ts" -i "$JSON" -o sdk -c @hey-api/client-fetch > sdk.log 2>&1 || { tail -5 sdk.log; die "openapi-ts failed"; }
"$NPM_BIN/tsc" "${FLAGS[@]}" sdk/index.ts || die "the SDK does not compile"
[ -z "${2:-}" ] || node "$HERE/ts_live.mjs" "$JSON" "$2" "${3:-}"
echo "TypeScript client: PASS $counts"
