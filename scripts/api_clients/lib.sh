# Shared by the scripts here; sourced, not run. Tools are installed once into .local/api-clients, at pinned versions.
set -euo pipefail
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
PROJECT="$(cd "$HERE/../.." && pwd)"
CACHE="${API_CLIENTS_CACHE:-$PROJECT/.local/api-clients}"
OUT="${API_CLIENTS_OUT:-$PROJECT/.local/api-clients/reports}"
PYTHON="$PROJECT/.venv/bin/python"
mkdir -p "$CACHE" "$OUT"
export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true npm_config_update_notifier=false

die() { echo "$(basename "$0"): $*" >&2; exit 2; }

# npm_env NAME PACKAGE...: installs once per list of packages; sets NPM_DIR and NPM_BIN
npm_env() {
  local name=$1; shift
  command -v node >/dev/null || die "node 20.19 or newer is needed"
  NPM_DIR="$CACHE/npm/$name"; NPM_BIN="$NPM_DIR/node_modules/.bin"
  mkdir -p "$NPM_DIR"
  if [ "$(cat "$NPM_DIR/.stamp" 2>/dev/null)" != "$*" ]; then
    echo "installing $* (once)" >&2
    echo '{"private":true,"type":"module"}' > "$NPM_DIR/package.json"
    (cd "$NPM_DIR" && npm install --no-audit --no-fund --loglevel=error "$@") > "$NPM_DIR/install.log" 2>&1 \
      || { tail -5 "$NPM_DIR/install.log" >&2; die "npm could not install $*"; }
    echo "$*" > "$NPM_DIR/.stamp"
  fi
}

# schema_json FILE: prints the path of a JSON copy of an OpenAPI document
schema_json() {
  [ -f "$1" ] || die "no such file: $1"
  local to="$OUT/openapi.json"
  (cd "$PROJECT" && "$PYTHON" -m scripts.api_clients.to_json "$(realpath "$1")" "$to")
  echo "$to"
}
