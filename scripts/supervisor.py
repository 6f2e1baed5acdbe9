"""Runs several programs in one terminal: prefixed and coloured output, one end for all of them.

Single-threaded on purpose: one selector reads every pipe, so that children can be forked safely at any time.
"""

import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from scripts.embedded.processes import die_with_parent

COLOURS = (36, 32, 35, 33, 34, 96)
PREFIX_WIDTH = 7
TERM_SECONDS = 10.0


def coloured(text: str, colour: int) -> str:
    """The text in an ANSI colour when a terminal reads it and NO_COLOR is not set."""
    if os.environ.get("NO_COLOR") or not sys.stdout.isatty():
        return text
    return f"\x1b[{colour}m{text}\x1b[0m"


class ChildError(Exception):
    """A program ended that should not have; the text names it, `output` holds its last lines."""

    def __init__(self, message: str, output: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.output = list(output)


@dataclass(eq=False)
class Child:
    """One running program. `quiet` keeps its lines instead of printing them."""

    name: str
    colour: int
    quiet: bool
    process: subprocess.Popen[bytes]
    output: IO[bytes]
    rest: bytes = b""
    recent: deque[str] = field(default_factory=lambda: deque(maxlen=40))

    def take(self, received: bytes) -> None:
        *lines, self.rest = (self.rest + received).split(b"\n")
        for line in lines:
            self.say(line.decode(errors="replace").rstrip("\r"))

    def say(self, line: str) -> None:
        self.recent.append(line)
        if not self.quiet:
            print(f"{coloured(f'{self.name:<{PREFIX_WIDTH}}|', self.colour)} {line}", flush=True)


class Supervisor:
    """Starts programs in `folder` with `environment`, shows what they print and ends them together."""

    def __init__(self, *, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.environment = folder, environment
        self.children: list[Child] = []
        self.selector = selectors.DefaultSelector()
        self._started = 0

    def start(self, name: str, command: Sequence[str], *, quiet: bool = False) -> Child:
        """Starts a program in a process group of its own: Ctrl-C reaches it through `stop` only."""
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGTERM),
        )
        if process.stdout is None:
            raise RuntimeError("a child without a pipe")
        os.set_blocking(process.stdout.fileno(), False)
        child = Child(name, COLOURS[self._started % len(COLOURS)], quiet, process, process.stdout)
        self._started += 1
        self.children.append(child)
        self.selector.register(child.output, selectors.EVENT_READ, child)
        return child

    def run(self, name: str, command: Sequence[str], *, quiet: bool = False) -> Child:
        """Runs a program to its end. Raises ChildError when it fails, or when another one ends meanwhile."""
        child = self.start(name, command, quiet=quiet)
        while child.process.poll() is None:
            self.pump(0.05)
            self.require_alive(but=child)
        self._forget(child)
        if child.process.returncode:
            raise ChildError(f"{name} failed ({ending(child)})", child.recent if quiet else ())
        return child

    def pump(self, seconds: float) -> None:
        """Passes output on; returns when some has come or the time is up."""
        for key, _ in self.selector.select(seconds):
            self._read(key.data)

    def wait(self, condition: Callable[[], bool], *, seconds: float) -> bool:
        """Passes output on until the condition holds. False when the time is up. Raises ChildError."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                return False
            self.pump(0.1)
            self.require_alive()
        return True

    def require_alive(self, *, but: Child | None = None) -> None:
        """Raises ChildError when a program has ended by itself."""
        for child in self.children:
            if child is not but and child.process.poll() is not None:
                self._forget(child)
                raise ChildError(
                    f"{child.name} has ended by itself ({ending(child)})", child.recent if child.quiet else ()
                )

    def stop(self, children: Sequence[Child] | None = None) -> None:
        """TERM to each program, then KILL to the whole groups of those that have not ended in 10 seconds."""
        ended = list(self.children if children is None else children)
        for child in ended:
            with suppress(ProcessLookupError):
                child.process.terminate()
        deadline = time.monotonic() + TERM_SECONDS
        while any(child.process.poll() is None for child in ended) and time.monotonic() < deadline:
            self.pump(0.05)
        self.kill(ended)

    def kill(self, children: Sequence[Child] | None = None) -> None:
        for child in list(self.children if children is None else children):
            # Also after a good end: a pool process may have outlived its parent.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(child.process.pid, signal.SIGKILL)
            child.process.wait()
            self._forget(child)

    def _read(self, child: Child) -> None:
        descriptor = child.output.fileno()
        if received := os.read(descriptor, 65536):
            child.take(received)
        else:
            self.selector.unregister(child.output)

    def _forget(self, child: Child) -> None:
        """Prints what is left in the pipe and lets go of it."""
        if child not in self.children:
            return
        self.children.remove(child)
        with suppress(KeyError):
            self.selector.unregister(child.output)
        # A grandchild may still hold the other end: take what is there, wait for nothing.
        with suppress(BlockingIOError):
            while received := os.read(child.output.fileno(), 65536):
                child.take(received)
        child.output.close()
        if child.rest:
            child.take(b"\n")


def ending(child: Child) -> str:
    code = child.process.returncode
    return f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"
