"""How much processor time a server's processes have used."""

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass

import psutil  # type: ignore[import-untyped]  # it ships no types
import psycopg2
import redis


@dataclass(frozen=True, slots=True)
class Meter:
    """The main processes of each part; None where it runs on another machine."""

    web: int
    database: int | None
    cache: int | None

    def read(self) -> dict[str, float | None]:
        """Seconds of processor time used so far, user and system, by each part with all its children."""
        return {name: _used(getattr(self, name)) for name in ("web", "database", "cache")}


def spent(before: dict[str, float | None], after: dict[str, float | None], runs: int) -> dict[str, float | None]:
    """Milliseconds per run of each part between two readings."""
    found: dict[str, float | None] = {}
    for name, used in after.items():
        start = before[name]
        found[name] = None if used is None or start is None else (used - start) * 1000 / runs
    return found


def postmaster(database_url: str) -> int | None:
    """The main process of a PostgreSQL server on this machine."""
    with closing(psycopg2.connect(database_url)) as connection:
        return _parent_named(connection.info.backend_pid, "postgres")


def cache_process(cache_url: str) -> int | None:
    """The process of a Redis server on this machine."""
    with redis.Redis.from_url(cache_url) as client:
        process = int(client.info("server")["process_id"])
    return process if _is_named(process, ("redis", "valkey")) else None


def _used(pid: int | None) -> float | None:
    if pid is None:
        return None
    main = psutil.Process(pid)
    # Children that have ended are in the times of their parent.
    times = main.cpu_times()
    ended = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return ended + sum(_own(process) for process in [main, *main.children(recursive=True)])


def _own(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def _parent_named(pid: int, name: str) -> int | None:
    if not _is_named(pid, (name,)):
        return None
    parent = psutil.Process(pid).parent()
    return parent.pid if parent is not None else None


def _is_named(pid: int, names: Iterable[str]) -> bool:
    try:
        command = psutil.Process(pid).name()
    except psutil.NoSuchProcess:
        return False
    return any(name in command for name in names)
