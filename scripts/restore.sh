#!/usr/bin/env bash
# Bring one backup back: scripts/restore.sh FOLDER/tradepost-<UTC time>
#
# DATABASE_URL names an empty database: restore beside the old one and switch the application over, so that a bad
# backup costs nothing. Files are added to MEDIA_ROOT; a picture's name is never used twice.
# All of the database is restored, or nothing of it.
set -euo pipefail

[ "$#" -eq 1 ] || { echo "usage: scripts/restore.sh BACKUP" >&2; exit 64; }
: "${DATABASE_URL:?set DATABASE_URL}" "${MEDIA_ROOT:?set MEDIA_ROOT}"
backup="$1"

# macOS has the same tool under another name.
command -v sha256sum >/dev/null || sha256sum() { shasum -a 256 "$@"; }
(cd "$backup" && sha256sum -c SHA256SUMS >/dev/null)

tables=$(psql --no-psqlrc --tuples-only --no-align --dbname="$DATABASE_URL" --command="
    SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')")
if [ "$tables" -ne 0 ]; then
    echo "restore: the database has $tables tables already; create an empty one and point DATABASE_URL at it" >&2
    exit 1
fi

pg_restore --exit-on-error --single-transaction --no-owner --no-privileges \
    --dbname="$DATABASE_URL" "$backup/database.dump"
psql --no-psqlrc --quiet --dbname="$DATABASE_URL" --command="ANALYZE"
mkdir -p "$MEDIA_ROOT"
tar --extract --gzip --no-same-owner --file="$backup/media.tar.gz" --directory="$MEDIA_ROOT"
echo "restored $backup"
