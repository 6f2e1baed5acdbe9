"""Starts Debian's nginx with the project's own configuration, in front of a recording upstream."""

import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
TEMPLATES = REPOSITORY / "docker" / "nginx" / "templates"


def nginx_binary() -> str:
    """Path of nginx. In CI its absence is a failure, or the edge would go untested unseen."""
    binary = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if binary:
        return binary
    if os.environ.get("CI"):
        pytest.fail("nginx is not installed (Debian: apt-get install nginx-light)")
    pytest.skip("nginx is not installed")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, alive: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert alive(), f"the process for port {port} ended before it listened"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail(f"nothing listened on port {port} within {seconds} s")


def render(folder: Path, values: dict[str, str], changes: dict[str, str]) -> Path:
    """Writes the project's templates with their ${EDGE_...} names filled in, as the container does."""
    folder.mkdir(parents=True, exist_ok=True)
    for template in sorted(TEMPLATES.glob("*.template")):
        text = re.sub(r"\$\{(EDGE_[A-Z_]+)\}", lambda match: values[match[1]], template.read_text())
        for old, new in changes.items():
            text = text.replace(old, new)
        (folder / template.name.removesuffix(".template")).write_text(text)
    return folder / "nginx.conf"


@dataclass
class Edge:
    port: int
    static_root: Path
    media_root: Path
    access_log: Path
    error_log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def raw(self, data: bytes, seconds: float = 5.0) -> tuple[int, dict[str, str], dict[str, Any]]:
        """Sends bytes that no HTTP library would send; returns status, lower-case headers, JSON body."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as connection:
            connection.sendall(data)
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
        head, _, body = answer.partition(b"\r\n\r\n")
        status_line, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        return int(status_line.split()[1]), headers, json.loads(body)


@contextmanager
def running_edge(
    folder: Path,
    *,
    upstream_port: int,
    port: int | None = None,
    scheme: str = "http",
    static_root: Path | None = None,
    changes: dict[str, str] | None = None,
) -> Iterator[Edge]:
    """nginx on the given or a free port until the block ends. `changes` replaces text: a shorter time-out."""
    binary = nginx_binary()
    port = port or free_port()
    folder.mkdir(parents=True, exist_ok=True)
    edge = Edge(
        port=port,
        static_root=static_root or folder / "static",
        media_root=folder / "media",
        access_log=folder / "access.log",
        error_log=folder / "error.log",
    )
    for path in (edge.static_root, edge.media_root, folder / "tmp"):
        path.mkdir(parents=True, exist_ok=True)
    config = render(
        folder / "conf",
        {
            "EDGE_LISTEN": f"127.0.0.1:{port}",
            "EDGE_UPSTREAM": f"127.0.0.1:{upstream_port}",
            "EDGE_SCHEME": scheme,
            "EDGE_STATIC_ROOT": str(edge.static_root),
            "EDGE_MEDIA_ROOT": str(edge.media_root),
            "EDGE_TMP": str(folder / "tmp"),
            "EDGE_ACCESS_LOG": str(edge.access_log),
            "EDGE_ERROR_LOG": str(edge.error_log),
        },
        changes or {},
    )
    # As root nginx would drop to a user that may not read pytest's private folder.
    globals_ = "daemon off; user root;" if os.geteuid() == 0 else "daemon off;"
    command = [binary, "-p", str(folder), "-c", str(config), "-e", str(edge.error_log), "-g", globals_]
    process = subprocess.Popen(command)
    try:
        wait_for_port(port, lambda: process.poll() is None)
        yield edge
    finally:
        process.terminate()
        process.wait(timeout=10)


@dataclass
class Upstream:
    """A small WSGI server: `/large` is 20 kB of JSON, `/late` takes 3 s, all else tells what it got."""

    port: int = 0
    seen: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        request = {
            "method": environ["REQUEST_METHOD"],
            "path": environ["PATH_INFO"],
            "body_bytes": len(body),
            "headers": {k[5:].replace("_", "-").lower(): v for k, v in environ.items() if k.startswith("HTTP_")},
        }
        self.seen.append(request)
        if request["path"] == "/late":
            time.sleep(3)
        answer: dict[str, Any] = {"rows": ["row"] * 2500} if request["path"] == "/large" else request
        status = "409 Conflict" if request["path"] == "/conflict" else "200 OK"
        media_type = "application/problem+json" if status.startswith("409") else "application/json"
        start_response(status, [("Content-Type", media_type), ("ETag", '"v1"')])
        return [json.dumps(answer).encode()]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_args: Any) -> None:
        """Nothing on the test's output."""


@contextmanager
def running_upstream() -> Iterator[Upstream]:
    upstream = Upstream()
    with make_server("127.0.0.1", 0, upstream, server_class=_Server, handler_class=_Quiet) as server:
        upstream.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield upstream
        finally:
            server.shutdown()
            thread.join()
