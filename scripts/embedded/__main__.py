"""The keeper: the one process that owns the embedded servers of a checkout. Started by `config.embedded`.

A client asks for services by one line of JSON and then holds the connection open: that connection is its
lease. The kernel closes it however the client ends, so there is no reference count to go stale. When the last
lease ends, the servers are stopped and the keeper exits. Neither Django nor Celery is loaded here.
"""

import argparse
import fcntl
import json
import os
import selectors
import shutil
import signal
import socket
import sys
import time
from pathlib import Path
from typing import IO, Any

from scripts.embedded.postgres import Postgres
from scripts.embedded.processes import StartError
from scripts.embedded.valkey import Valkey

FIRST_CLIENT_SECONDS = 30.0
# Two commands in a row share one start.
LINGER_SECONDS = 1.0
PREDECESSOR_SECONDS = 40.0
# Cleaners of /tmp remove what nobody has touched for days.
TOUCH_SECONDS = 3600.0


class Keeper:
    """Serves leases on one Unix socket, one request at a time: concurrent callers queue behind a start."""

    def __init__(self, *, listener: socket.socket, postgres: Postgres, valkey: Valkey) -> None:
        self.listener, self.postgres, self.valkey = listener, postgres, valkey
        self.selector = selectors.DefaultSelector()
        self.selector.register(listener, selectors.EVENT_READ)
        self.leases: set[socket.socket] = set()
        self.stopping = False

    def serve(self) -> None:
        """Returns when nobody needs the servers any more."""
        idle_until = time.monotonic() + FIRST_CLIENT_SECONDS
        while not self.stopping:
            if self.leases:
                idle_until = time.monotonic() + LINGER_SECONDS
            elif time.monotonic() >= idle_until:
                return
            patience = TOUCH_SECONDS if self.leases else idle_until - time.monotonic()
            for key, _ in self.selector.select(max(patience, 0)):
                if key.fileobj is self.listener:
                    self._admit()
                elif isinstance(key.fileobj, socket.socket):
                    self._hear(key.fileobj)
            self._touch()

    def close(self) -> None:
        self.selector.close()
        for lease in self.leases:
            lease.close()
        self.valkey.stop()
        self.postgres.stop()

    def _admit(self) -> None:
        client, _ = self.listener.accept()
        client.settimeout(5)
        self.leases.add(client)
        self.selector.register(client, selectors.EVENT_READ)

    def _hear(self, client: socket.socket) -> None:
        try:
            line = client.recv(4096)
            if not line:
                raise ConnectionError
            client.sendall(json.dumps(self._answer(client, json.loads(line))).encode() + b"\n")
        except (OSError, ValueError, KeyError):
            self._forget(client)

    def _answer(self, client: socket.socket, request: dict[str, Any]) -> dict[str, Any]:
        if request["command"] == "stop":
            others = len(self.leases - {client})
            self.stopping = not others or bool(request["force"])
            return {"stopping": self.stopping, "others": others}
        try:
            if request["database"] and not self.postgres.running:
                self.postgres.start()
            if request["cache"] and not self.valkey.running:
                self.valkey.start()
        except (StartError, OSError) as problem:
            return {"error": str(problem)}
        return {
            "database_url": self.postgres.url if request["database"] else "",
            "cache_url": self.valkey.cache_url if request["cache"] else "",
            "broker_url": self.valkey.broker_url if request["cache"] else "",
        }

    def _forget(self, client: socket.socket) -> None:
        self.selector.unregister(client)
        self.leases.discard(client)
        client.close()

    def _touch(self) -> None:
        for path in (Path(self.listener.getsockname()), self.valkey.socket):
            if path.exists():
                os.utime(path)


def take_lock(path: Path) -> IO[str]:
    """The lock that makes this the only keeper of the data; a predecessor may still be stopping servers."""
    lock = path.open("w")
    deadline = time.monotonic() + PREDECESSOR_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise StartError(f"another process holds {path} and does not let go") from None
            time.sleep(0.02)


def make_runtime_folder(path: Path) -> None:
    """Sockets live here. It is ours alone; as root, others may pass to the subfolder that is theirs."""
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    if path.is_symlink() or found.st_uid != os.geteuid():
        raise StartError(f"{path} belongs to somebody else: remove it")
    path.chmod(0o711 if os.geteuid() == 0 else 0o700)


def main() -> int:
    parser = argparse.ArgumentParser(description="Keep the embedded servers of a checkout while they are used.")
    parser.add_argument("--project", type=Path, required=True)
    parser.add_argument("--home", type=Path, required=True, help="folder of data and logs")
    parser.add_argument("--runtime", type=Path, required=True, help="short folder for sockets")
    parser.add_argument("--fast", action="store_true", help="data may be lost: for tests")
    options = parser.parse_args()
    try:
        lock = take_lock(options.home / "keeper.lock")
        make_runtime_folder(options.runtime)
    except (StartError, OSError) as problem:
        print(problem, file=sys.stderr)
        return 1
    address = options.runtime / "keeper.sock"
    address.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(address))
    address.chmod(0o600)
    listener.listen(128)
    # The starter waits for this exit: from now on the socket takes requests.
    if os.fork():
        os._exit(0)
    status = keep(listener, options)
    lock.close()
    return status


def keep(listener: socket.socket, options: argparse.Namespace) -> int:
    """Serves until the last lease ends. The caller's lock is held until this process is gone."""
    address = Path(listener.getsockname())
    postgres = Postgres(
        home=options.home, sockets=options.runtime / "postgres", project=options.project, fast=options.fast
    )
    keeper = Keeper(
        listener=listener,
        postgres=postgres,
        valkey=Valkey(home=options.home, sockets=options.runtime, fast=options.fast),
    )
    for signum in (signal.SIGINT, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        keeper.serve()
    finally:
        # First the door, so that a late caller starts a new keeper, which waits for the lock.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        address.unlink(missing_ok=True)
        listener.close()
        keeper.close()
        shutil.rmtree(options.runtime, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
