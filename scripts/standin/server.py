"""The HTTP server around it all, and `StripeStandin`, which starts it in a thread."""

from __future__ import annotations

import json
import logging
import socket
import struct
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from scripts.standin.api import Answer, Request, Shop, encode
from scripts.standin.control import control
from scripts.standin.pages import authentication, html, root
from scripts.standin.store import Store
from scripts.standin.webhooks import Settings, Webhooks

log = logging.getLogger("standin")

MAX_BODY_BYTES = 1_000_000
IDLE_SECONDS = 60
NO_LINGER = struct.pack("ii", 1, 0)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], shop: Shop) -> None:
        self.shop = shop
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(address, Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        # No shutdown() before the close: a dropped answer shall end in a reset, not in an orderly goodbye.
        with self._open_lock:
            self._open.discard(request)
        self.close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("connection %s of %s ended badly", request, client_address, exc_info=True)

    def close_connections(self) -> None:
        with self._open_lock:
            connections = list(self._open)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                log.debug("connection was closed already")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "StripeStandin"
    disable_nagle_algorithm = True
    wbufsize = 65536  # headers and body leave in one packet
    timeout = IDLE_SECONDS
    server: Server

    def do_GET(self) -> None:
        self._respond()

    def do_POST(self) -> None:
        self._respond()

    def do_DELETE(self) -> None:
        self._respond()

    def log_message(self, template: str, *args: Any) -> None:
        log.debug(template, *args)

    def _respond(self) -> None:
        started = time.monotonic()
        request = self._read()
        try:
            answer = self._answer(request)
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            error = {"type": "api_error", "message": "The stand-in itself failed; see its log."}
            answer = Answer(500, encode({"error": error}))
        time.sleep(answer.delay)
        took = (time.monotonic() - started) * 1000
        note = f" [{answer.note}]" if answer.note else ""
        log.info("%s %s %s %.0fms%s", request.method, request.path, answer.status, took, note)
        self._drop() if answer.dropped else self._send(answer)

    def _read(self) -> Request:
        length = self.headers.get("Content-Length", "0")
        size = min(int(length), MAX_BODY_BYTES) if length.isdigit() else 0
        body = self.rfile.read(size)
        if length != str(size):
            self.close_connection = True
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        host = headers.get("host") or "{}:{}".format(*self.server.server_address[:2])
        return Request(self.command, path, query, body, headers, f"http://{host}")

    def _answer(self, request: Request) -> Answer:
        shop = self.server.shop
        if request.path.startswith("/v1/"):
            return shop.api(request)
        if request.path.startswith("/_control/"):
            return control(shop, request)
        if request.path.startswith("/authenticate/"):
            return authentication(shop, request)
        if request.path == "/" and request.method == "GET":
            return root()
        return html(404, "<h1>Not found</h1>")

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        headers = {"Content-Type": "application/json"} | answer.headers
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def _drop(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        self.close_connection = True


class StripeStandin:
    """A stand-in in this process: `with StripeStandin() as stripe: StripeClient(..., {"api": stripe.url})`.

    Port 0 takes a free one. Without `secret_key` every sk_test_ key is accepted; without `webhook_url`
    nothing is delivered; without `state_path` nothing outlives it. `webhook_backoff` is in seconds.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        webhook_url: str | None = None,
        webhook_secret: str = "whsec_standin",
        secret_key: str | None = None,
        state_path: str | Path | None = None,
        webhook_backoff: float = 0.5,
    ) -> None:
        self.webhook_secret = webhook_secret
        self._address = (host, port)
        self._state_path = state_path
        self._secret_key = secret_key
        self._settings = Settings(url=webhook_url, secret=webhook_secret, backoff=webhook_backoff)
        self._shop: Shop | None = None
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def shop(self) -> Shop:
        """What it holds; raises RuntimeError before start."""
        if self._shop is None:
            raise RuntimeError("the stand-in is not running")
        return self._shop

    @property
    def url(self) -> str:
        """Where it listens; raises RuntimeError before start."""
        if self._server is None:
            raise RuntimeError("the stand-in is not running")
        return f"http://{self._address[0]}:{self._server.server_address[1]}"

    def start(self) -> Self:
        """Listen; raises OSError when the port is taken. The state file is opened after that."""
        store = Store()
        shop = Shop(store, Webhooks(store, Settings(**vars(self._settings))), self._secret_key)
        self._server = Server(self._address, shop)
        if self._state_path:
            store.open(self._state_path)
        self._shop = shop
        shop.webhooks.start()
        serve = self._server.serve_forever
        self._thread = threading.Thread(target=serve, args=(0.05,), name="standin-http", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Close the port and all connections; what was answered is in the state file."""
        if self._server is None or self._shop is None:
            return
        self._server.shutdown()
        self._server.server_close()
        self._server.close_connections()
        self._shop.webhooks.stop()
        self._shop.store.close()
        self._server = None
        self._shop = None

    def reset(self) -> None:
        """Forget everything, as a new one would."""
        self.shop.reset()

    def control(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """A /_control call, `path` without that prefix; raises urllib.error.HTTPError when refused."""
        data = json.dumps(body or {}).encode() if method != "GET" else None
        request = urllib.request.Request(f"{self.url}/_control/{path}", data, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return dict(json.load(answer))

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
