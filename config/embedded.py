"""A real PostgreSQL and a real Valkey under `.local/`, for a machine that has neither.

Settings call `ensure` when no URL is configured. The servers live exactly as long as somebody uses them: each
process that called `ensure` holds a connection to their keeper (`scripts/embedded`), and the last one to end,
by whatever death, ends the servers. `make run`, a shell and a worker of one checkout so share one pair, and
the test suite (`purpose="test"`) has its own, tuned for speed instead of durability.
"""

import fcntl
import hashlib
import json
import os
import socket
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
# Creating a cluster on a slow disk takes a while.
ANSWER_SECONDS = 180.0
STOP_SECONDS = 60.0


class EmbeddedError(RuntimeError):
    """The embedded servers cannot run here; the text says why and what helps."""


@dataclass(frozen=True, slots=True)
class Services:
    """URLs as django-environ, redis-py and Celery read them. A service that was not asked for is ''."""

    database_url: str
    cache_url: str
    broker_url: str


class Instance:
    """One pair of servers: the folder of its data and this process's lease on it."""

    def __init__(self, *, purpose: str, project: Path = PROJECT) -> None:
        self.purpose, self.project = purpose, project.resolve()
        self.home = self.project / ".local" if purpose == "local" else self.project / ".local" / purpose
        digest = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:12]
        # A socket's path may have about 100 characters, a checkout's path may have more, and blanks in it.
        # Named by user and checkout, made with mode 0700, refused when it is not ours.
        self.runtime = Path("/tmp") / f"tradepost-{os.getuid()}-{digest}"  # noqa: S108 - see above
        self._lease: socket.socket | None = None
        self._lease_owner = 0
        self._guard = threading.Lock()

    def ensure(self, *, database: bool, cache: bool) -> Services:
        """Starts what is asked for, or joins it when it runs. Raises EmbeddedError."""
        request = {"command": "ensure", "database": database, "cache": cache}
        deadline = time.monotonic() + ANSWER_SECONDS
        with self._guard:
            while time.monotonic() < deadline:
                answer = self._ask(request) if self._connect() or self._start() else None
                if answer is not None:
                    break
                # The keeper was just leaving: its successor is a matter of milliseconds.
                time.sleep(0.02)
            else:
                raise EmbeddedError(f"the embedded servers do not answer, see {self.home / 'keeper.log'}")
        if "error" in answer:
            raise EmbeddedError(answer["error"])
        return Services(**answer)

    def stop(self, *, force: bool = False) -> int:
        """Gives the lease back. Returns how many other processes still use the servers.

        With none left, or with `force`, it returns 0 after the servers have stopped.
        """
        with self._guard:
            if not self._connect():
                return 0
            answer = self._ask({"command": "stop", "force": force}) or {"stopping": True, "others": 0}
            self._drop()
            if not answer["stopping"]:
                return int(answer["others"])
            self._await_end()
            return 0

    def _connect(self) -> bool:
        if self._lease is not None and self._lease_owner == os.getpid():
            return True
        self._drop()
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(ANSWER_SECONDS)
        try:
            connection.connect(str(self.runtime / "keeper.sock"))
        except OSError:
            connection.close()
            return False
        self._lease, self._lease_owner = connection, os.getpid()
        return True

    def _drop(self) -> None:
        if self._lease is not None:
            self._lease.close()
            self._lease = None

    def _ask(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """The keeper's answer, or None when it is gone."""
        lease, line = self._lease, b""
        if lease is None:
            return None
        try:
            lease.sendall(json.dumps(request).encode() + b"\n")
            while not line.endswith(b"\n"):
                received = lease.recv(4096)
                if not received:
                    raise ConnectionResetError
                line += received
        except TimeoutError:
            self._drop()
            raise EmbeddedError(f"the embedded servers do not answer, see {self.home / 'keeper.log'}") from None
        except OSError:
            self._drop()
            return None
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _start(self) -> bool:
        """Starts a keeper unless somebody else has by now. Of many callers at once, one starts it."""
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            with (self.home / "start.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not self._connect():
                    self._spawn_keeper()
        except PermissionError as problem:
            raise EmbeddedError(f"{self.home} belongs to another user ({problem})") from None
        return self._connect()

    def _spawn_keeper(self) -> None:
        import subprocess

        command = [sys.executable, "-m", "scripts.embedded", "--project", str(self.project)]
        command += ["--home", str(self.home), "--runtime", str(self.runtime)]
        command += ["--fast"] if self.purpose == "test" else []
        log_path = self.home / "keeper.log"
        with log_path.open("w") as log:
            # An own session: Ctrl-C in the terminal is not meant for it. The command returns when it listens.
            done = subprocess.run(  # noqa: S603 - our own module, no input of anybody's
                command,
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                check=False,
            )
        if done.returncode:
            raise EmbeddedError(f"the embedded servers cannot start: {log_path.read_text().strip()}")

    def _await_end(self) -> None:
        deadline = time.monotonic() + STOP_SECONDS
        with (self.home / "keeper.lock").open("a") as lock:
            while time.monotonic() < deadline:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return
                except BlockingIOError:
                    time.sleep(0.02)
        raise EmbeddedError(f"the embedded servers do not stop, see {self.home / 'keeper.log'}")


_instances: dict[str, Instance] = {}


def _instance(purpose: str) -> Instance:
    return _instances.setdefault(purpose, Instance(purpose=purpose))


def ensure(*, database: bool, cache: bool, purpose: str = "local") -> Services:
    """URLs of the running embedded servers of this checkout; starts what is missing.

    `purpose` is "local" or "test". Raises EmbeddedError when they cannot run on this machine.
    """
    return _instance(purpose).ensure(database=database, cache=cache)


def stop(*, purpose: str = "local", force: bool = False) -> int:
    """Gives back what `ensure` took; see `Instance.stop`."""
    return _instance(purpose).stop(force=force)
