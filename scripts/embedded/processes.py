"""What both embedded servers share: finding binaries, accounts, logs, waiting, stopping."""

import ctypes
import importlib.util
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

START_SECONDS = 60.0
STOP_SECONDS = 15.0
LOG_LIMIT_BYTES = 5_000_000


class StartError(Exception):
    """A server could not be started; the text is meant for the person at the terminal."""


def package_folder(package: str) -> Path:
    """The folder of an installed package, found without importing it. Raises StartError when absent."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise StartError(f"the package {package} is missing: python -m pip install -r requirements-dev.txt")
    return Path(next(iter(spec.submodule_search_locations)))


def die_with_parent(signum: int) -> Callable[[], None] | None:
    """On Linux, a hook for a new child that makes the kernel signal it when its parent is killed."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    set_parent_death_signal = 1
    return lambda: prctl(set_parent_death_signal, int(signum), 0, 0, 0)


def unprivileged_account(path: Path) -> pwd.struct_passwd | None:
    """The account a server runs under when this process is root: the owner of `path`, else `nobody`.

    None for an ordinary user, who runs it as himself.
    """
    if os.geteuid() != 0:
        return None
    try:
        owner = pwd.getpwuid(path.stat().st_uid)
    except KeyError:
        return pwd.getpwnam("nobody")
    return owner if owner.pw_uid else pwd.getpwnam("nobody")


def allow_passage(path: Path) -> None:
    """Lets another account walk down to `path`: adds x, and only x, to a parent that lacks it."""
    for folder in path.resolve().parents:
        mode = folder.stat().st_mode
        if not mode & 0o001:
            print(f"chmod o+x {folder}: PostgreSQL refuses to run as root and must pass here", flush=True)
            folder.chmod(mode | 0o001)


def open_log(path: Path) -> IO[bytes]:
    """Appends to a log; a large one is put aside first."""
    if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
        path.replace(path.with_suffix(".log.old"))
    return path.open("ab")


def tail(path: Path, lines: int = 12) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])


def wait_until(ready: Callable[[], bool], *, process: subprocess.Popen[bytes], name: str, log: Path) -> None:
    """Returns when `ready()`. Raises StartError when the process ends first or takes over a minute."""
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.wait()
            raise StartError(f"{name} did not start (log: {log}):\n{tail(log)}")
        time.sleep(0.02)


def stop(process: subprocess.Popen[bytes], signals: Sequence[signal.Signals]) -> None:
    """Sends the signals one after the other, each followed by patience, until the process has ended."""
    for signum in (*signals, signal.SIGKILL):
        if process.poll() is not None:
            return
        process.send_signal(signum)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            continue


def command_line(pid: int) -> str:
    """The command of a running process, '' when there is none."""
    if not sys.platform.startswith("linux"):
        found = subprocess.run(["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, check=False)
        return found.stdout.decode(errors="replace").strip()
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def end_orphan(pid: int, *, argument: str, signals: Sequence[signal.Signals]) -> None:
    """Ends a server left by a killed keeper, if `pid` is still one with `argument` on its command line."""
    for signum in (*signals, signal.SIGKILL):
        if argument not in command_line(pid):
            return
        os.kill(pid, signum)
        deadline = time.monotonic() + STOP_SECONDS
        while argument in command_line(pid) and time.monotonic() < deadline:
            time.sleep(0.02)
