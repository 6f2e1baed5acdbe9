#!/usr/bin/env bash
# python_client.sh [FILE]: a typed client by openapi-python-client, imported and checked by mypy --strict.
source "$(dirname "$0")/lib.sh"
JSON=$(schema_json "${1:-$PROJECT/docs/openapi.yaml}"); DIR="$OUT/python"; rm -rf "$DIR"; mkdir -p "$DIR"
TOOLS="$CACHE/py/client"
if [ ! -f "$TOOLS/.stamp" ]; then
  echo "installing openapi-python-client (once)" >&2
  "$PYTHON" -m venv "$TOOLS"
  "$TOOLS/bin/python" -m pip -q --disable-pip-version-check install openapi-python-client==0.29.1 ruff==0.17.5 mypy==2.4.1 \
    python-dateutil types-python-dateutil
  touch "$TOOLS/.stamp"
fi
cd "$DIR"
printf 'project_name_override: shop-client\npackage_name_override: shop_client\n' > config.yaml
PATH="$TOOLS/bin:$PATH" openapi-python-client generate --path "$JSON" --output-path client --config config.yaml --overwrite \
  > generate.log 2>&1 || { tail -5 generate.log; die "openapi-python-client failed"; }
if grep -E "WARNING|ERROR|Cannot parse|will not be generated|Unsupported" generate.log; then die "operations were left out"; fi
cd client
"$TOOLS/bin/python" - <<'PY'
import importlib, pkgutil, shop_client
names = [m.name for m in pkgutil.walk_packages(shop_client.__path__, "shop_client.")]
endpoints = [m for m in map(importlib.import_module, names) if hasattr(m, "sync_detailed")]
print(f"{len(names)} modules imported, {len(endpoints)} operations")
PY
"$TOOLS/bin/mypy" --strict --ignore-missing-imports --no-error-summary --cache-dir "$DIR/.mypy" shop_client \
  || die "the client has type errors"
echo "Python client: PASS"
