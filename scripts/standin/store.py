"""All objects in memory under one lock, with a journal file that lets them survive a restart.

The file is a list of JSON lines, one per request that changed something, each a list of whole objects in
their new form. A line is one append (no rewrite of the state), so a killed process loses at most a line
that nobody was told about; loading ignores a torn last line and writes one compact line to a new file that
replaces the old one atomically.
"""

from __future__ import annotations

import json
import os
import secrets
import string
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Obj = dict[str, Any]

ALPHABET = string.ascii_letters + string.digits
KEY_LIFETIME_SECONDS = 24 * 3600
GONE = "_gone"


def random_text(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def new_id(prefix: str) -> str:
    return f"{prefix}_{random_text(24)}"


def now() -> int:
    return int(time.time())


def render(obj: Obj) -> Obj:
    """The object as the outside sees it: names with a leading underscore stay inside."""
    return {key: value for key, value in obj.items() if not key.startswith("_")}


class Store:
    """Tables of plain dicts by their `object` name and id, in order of creation."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.path: Path | None = None
        self._tables: dict[str, dict[str, Obj]] = {}
        self._dirty: dict[tuple[str, str], Obj] = {}
        self._new_events: list[str] = []
        self._journal: int | None = None

    def open(self, path: str | Path) -> None:
        """Load the state file, if there is one, and keep it up to date from now on."""
        with self.lock:
            self.path = Path(path)
            self._load(self.path)
            self._rewrite()

    def put(self, obj: Obj) -> Obj:
        """Add the object, or mark a change made in place for the journal."""
        kind, key = obj["object"], obj["id"]
        table = self._tables.setdefault(kind, {})
        if kind == "event" and key not in table:
            self._new_events.append(key)
        table[key] = obj
        self._dirty[kind, key] = obj
        return obj

    def remove(self, kind: str, key: str) -> None:
        """Forget an object, as if it had never been."""
        if self._tables.get(kind, {}).pop(key, None) is not None:
            self._dirty[kind, key] = {"object": kind, "id": key, GONE: True}

    def get(self, kind: str, key: str) -> Obj | None:
        return self._tables.get(kind, {}).get(key)

    def newest_first(self, kind: str) -> list[Obj]:
        return list(reversed(self._tables.get(kind, {}).values()))

    def where(self, kind: str, field: str, value: str) -> list[Obj]:
        return [obj for obj in self._tables.get(kind, {}).values() if obj.get(field) == value]

    def public_objects(self) -> dict[str, list[Obj]]:
        return {
            kind: [render(obj) for obj in table.values()]
            for kind, table in self._tables.items()
            if not kind.startswith("_")
        }

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Hold the lock; write what changed at the end, also after an error, since a decline counts."""
        with self.lock:
            try:
                yield
            finally:
                self._commit()

    def take_new_events(self) -> list[str]:
        with self.lock:
            events, self._new_events = self._new_events, []
            return events

    def reset(self) -> None:
        with self.lock:
            self._tables.clear()
            self._dirty.clear()
            self._new_events.clear()
            self._rewrite()

    def close(self) -> None:
        with self.lock:
            if self._journal is not None:
                os.close(self._journal)
                self._journal = None

    def _commit(self) -> None:
        if self._dirty and self._journal is not None:
            os.write(self._journal, _line(list(self._dirty.values())))
        self._dirty.clear()

    def _load(self, path: Path) -> None:
        if not path.exists():
            return
        for line in path.read_bytes().splitlines():
            try:
                objects = json.loads(line)
            except ValueError:
                continue
            for obj in objects:
                table = self._tables.setdefault(obj["object"], {})
                table[obj["id"]] = obj
                if obj.get(GONE):
                    del table[obj["id"]]
        keys = self._tables.get("_key", {})
        for name in [name for name, key in keys.items() if key["created"] < now() - KEY_LIFETIME_SECONDS]:
            del keys[name]

    def _rewrite(self) -> None:
        if self.path is None:
            return
        self.close()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        objects = [obj for table in self._tables.values() for obj in table.values()]
        fresh = self.path.with_name(self.path.name + ".new")
        fresh.write_bytes(_line(objects) if objects else b"")
        fresh.replace(self.path)
        self._journal = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def _line(objects: list[Obj]) -> bytes:
    return json.dumps(objects, separators=(",", ":")).encode() + b"\n"
