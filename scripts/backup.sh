#!/usr/bin/env bash
# One backup: scripts/backup.sh FOLDER
#
# Writes FOLDER/tradepost-<UTC time>/ with database.dump (pg_dump's custom format), media.tar.gz and SHA256SUMS.
# Environment: DATABASE_URL, MEDIA_ROOT, BACKUP_KEEP_DAYS (older backups in FOLDER are removed; default 14).
# Needs pg_dump of the server's major version or newer.
set -euo pipefail
umask 077  # customers' data

[ "$#" -eq 1 ] || { echo "usage: scripts/backup.sh FOLDER" >&2; exit 64; }
: "${DATABASE_URL:?set DATABASE_URL}" "${MEDIA_ROOT:?set MEDIA_ROOT}"
folder="$1"
target="$folder/tradepost-$(date -u +%Y%m%dT%H%M%SZ)"
unfinished="$target.unfinished"

mkdir -p "$unfinished"
trap 'rm -rf -- "$unfinished"' EXIT

# The database first: every picture that its rows name is then already on the disk.
pg_dump --format=custom --no-owner --no-privileges --lock-wait-timeout=30s \
    --file="$unfinished/database.dump" "$DATABASE_URL"
pg_restore --list "$unfinished/database.dump" >/dev/null
mkdir -p "$MEDIA_ROOT"
tar --create --gzip --file="$unfinished/media.tar.gz" --directory="$MEDIA_ROOT" .
# macOS has the same tool under another name.
command -v sha256sum >/dev/null || sha256sum() { shasum -a 256 "$@"; }
(cd "$unfinished" && sha256sum database.dump media.tar.gz >SHA256SUMS)

# Only a whole backup gets the name of one.
mv -- "$unfinished" "$target"
find "$folder" -maxdepth 1 -type d -name 'tradepost-*Z' -mtime "+${BACKUP_KEEP_DAYS:-14}" -exec rm -rf -- {} +
echo "$target"
