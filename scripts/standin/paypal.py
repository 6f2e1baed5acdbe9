"""A local server that answers like PayPal's REST API: orders, captures, refunds, webhooks and their verification.

In memory, or kept in a file. `PayPal-Request-Id`s are remembered as at PayPal; faults and webhooks are ordered by
`/_control/...` with the same words as at the Stripe stand-in. No money moves.
"""

from __future__ import annotations

import argparse
import json
import secrets
import signal
import socket
import struct
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from scripts.standin.errors import ApiError
from scripts.standin.faults import Faults

Obj = dict[str, Any]
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
SENT = {"PAYPAL-AUTH-ALGO": "SHA256withRSA", "PAYPAL-CERT-URL": "https://api.paypal.com/v1/notifications/certs/CERT-x"}


def new_id() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(17))


class Refusal(Exception):  # noqa: N818
    """An answer of PayPal's that is an error."""

    def __init__(self, status: int, name: str, issue: str = "") -> None:
        self.status = status
        self.body = {"name": name, "details": [{"issue": issue}] if issue else []}
        super().__init__(issue or name)


class PayPal:
    """Everything that one running stand-in knows, under one lock."""

    def __init__(self, webhook_url: str | None, webhook_id: str, state: Path | None = None) -> None:
        self.lock = threading.RLock()
        self.state = state
        self.webhook_url, self.webhook_id, self.base = webhook_url, webhook_id, ""
        self.faults = Faults()
        self.reset()
        if state is not None and state.exists():
            self._load(json.loads(state.read_bytes()))

    def reset(self) -> None:
        """Forget all objects, keys and faults."""
        with self.lock:
            self.orders: dict[str, Obj] = {}
            self.captures: dict[str, Obj] = {}
            self.refunds: dict[str, Obj] = {}
            self.keys: dict[str, tuple[int, Obj]] = {}
            self.events: list[Obj] = []
            self.sent: set[str] = set()
            self.settings: Obj = {"duplicate": 1, "paused": False, "decline": False}
            self.faults.clear()

    def answer(self, method: str, path: str, body: Obj, key: str) -> tuple[int, Obj]:
        """The answer to an API call; one that came before under its key is given again."""
        with self.lock:
            if key in self.keys:
                return self.keys[key]
            try:
                answer = self._work(method, path.strip("/").split("/"), body)
            except Refusal as refusal:
                return refusal.status, refusal.body
            if key:
                self.keys[key] = answer
            if method == "POST":
                self.save()
            return answer

    def save(self) -> None:
        """Write the state file, if there is to be one, so that a restart forgets nothing."""
        if self.state is not None:
            fresh = self.state.with_name(self.state.name + ".new")
            fresh.write_text(json.dumps({"orders": self.orders, "keys": self.keys, "sent": sorted(self.sent)}))
            fresh.replace(self.state)

    def _load(self, kept: Obj) -> None:
        self.orders, self.sent = kept["orders"], set(kept["sent"])
        self.keys = {key: (status, answer) for key, (status, answer) in kept["keys"].items()}
        for order in self.orders.values():
            payments = order["purchase_units"][0].get("payments") or {}
            self.captures |= {row["id"]: row for row in payments.get("captures") or []}
            self.refunds |= {row["id"]: row for row in payments.get("refunds") or []}

    def _work(self, method: str, parts: list[str], body: Obj) -> tuple[int, Obj]:
        if method == "GET" and len(parts) == 4:
            tables = {"orders": self.orders, "captures": self.captures, "refunds": self.refunds}
            return 200, self._known(tables.get(parts[2], {}), parts[3])
        match parts:
            case ["v2", "checkout", "orders"]:
                return 201, self._create(body)
            case ["v2", "checkout", "orders", order_id, "capture"]:
                return 201, self._capture(self._known(self.orders, order_id))
            case ["v2", "checkout", "orders", order_id, "authorize"]:
                return 201, self._authorise(self._known(self.orders, order_id))
            case ["v2", "payments", "authorizations", held_id, "capture" | "void" as step]:
                return 201 if step == "capture" else 200, self._end_hold(held_id, body if step == "capture" else None)
            case ["v2", "payments", "captures", capture_id, "refund"]:
                return 201, self._refund(self._known(self.captures, capture_id), body)
        return self._talk(parts, body)

    def _talk(self, parts: list[str], body: Obj) -> tuple[int, Obj]:
        match parts:
            case ["v1", "oauth2", "token"]:
                return 200, {"access_token": "A21." + new_id(), "token_type": "Bearer", "expires_in": 32400}
            case ["v1", "notifications", "verify-webhook-signature"]:
                known = body.get("transmission_sig") in self.sent and body.get("webhook_id") == self.webhook_id
                return 200, {"verification_status": "SUCCESS" if known else "FAILURE"}
        raise Refusal(404, "RESOURCE_NOT_FOUND")

    def _known(self, table: dict[str, Any], key: str) -> Any:
        if key not in table:
            raise Refusal(404, "RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID")
        return table[key]

    def _create(self, body: Obj) -> Obj:
        order = {"id": new_id(), "status": "PAYER_ACTION_REQUIRED", "intent": body["intent"]}
        order["purchase_units"] = [dict(unit) for unit in body["purchase_units"]]
        approve = f"{self.base}/checkoutnow?token={order['id']}"
        order["links"] = [{"rel": "payer-action", "href": approve, "method": "GET"}]
        self.orders[order["id"]] = order
        return order

    def approve(self, order_id: str) -> Obj:
        """The buyer agrees, as on PayPal's page."""
        with self.lock:
            order: Obj = self._known(self.orders, order_id)
            if order["status"] == "PAYER_ACTION_REQUIRED":
                order["status"] = "APPROVED"
                self._emit("CHECKOUT.ORDER.APPROVED", order)
                self.save()
            return order

    def _capture(self, order: Obj) -> Obj:
        unit = self._payable(order, "CAPTURE")
        unit["payments"] = {"captures": [], "refunds": []}
        self._take(order, unit["amount"])
        return order

    def _authorise(self, order: Obj) -> Obj:
        unit = self._payable(order, "AUTHORIZE")
        held = self._part(order, unit["amount"], "CREATED")
        unit["payments"] = {"authorizations": [held], "captures": [], "refunds": []}
        self._emit("PAYMENT.AUTHORIZATION.CREATED", held)
        return order

    def _payable(self, order: Obj, intent: str) -> Obj:
        """The purchase unit of an approved order, which is completed by it."""
        if order["status"] == "COMPLETED":
            raise Refusal(422, "UNPROCESSABLE_ENTITY", "ORDER_ALREADY_CAPTURED")
        if order["status"] != "APPROVED" or order["intent"] != intent:
            raise Refusal(422, "UNPROCESSABLE_ENTITY", "ORDER_NOT_APPROVED")
        if self.settings["decline"]:
            order["status"] = "PAYER_ACTION_REQUIRED"
            raise Refusal(422, "UNPROCESSABLE_ENTITY", "INSTRUMENT_DECLINED")
        order["status"] = "COMPLETED"
        unit: Obj = order["purchase_units"][0]
        return unit

    def _part(self, order: Obj, amount: Obj, status: str) -> Obj:
        return {
            "id": new_id(),
            "status": status,
            "amount": amount,
            "custom_id": order["purchase_units"][0].get("custom_id"),
            "supplementary_data": {"related_ids": {"order_id": order["id"]}},
        }

    def _take(self, order: Obj, amount: Obj) -> Obj:
        capture = self._part(order, amount, "COMPLETED")
        self.captures[capture["id"]] = capture
        order["purchase_units"][0]["payments"]["captures"].append(capture)
        self._emit("PAYMENT.CAPTURE.COMPLETED", capture)
        return capture

    def _end_hold(self, held_id: str, capture: Obj | None) -> Obj:
        """Take held money, all or a part, or let go of it."""
        rows = {
            row["id"]: (order, row)
            for order in self.orders.values()
            for row in (order["purchase_units"][0].get("payments") or {}).get("authorizations") or []
        }
        order, held = self._known(rows, held_id)
        if held["status"] != "CREATED":
            raise Refusal(422, "UNPROCESSABLE_ENTITY", f"AUTHORIZATION_{held['status']}")
        if capture is None:
            held["status"] = "VOIDED"
            self._emit("PAYMENT.AUTHORIZATION.VOIDED", held)
            return dict(held)
        amount = capture.get("amount") or held["amount"]
        if _cents(amount) > _cents(held["amount"]):
            raise Refusal(422, "UNPROCESSABLE_ENTITY", "MAX_CAPTURE_AMOUNT_EXCEEDED")
        held["status"] = "CAPTURED" if amount["value"] == held["amount"]["value"] else "PARTIALLY_CAPTURED"
        return self._take(order, amount)

    def _refund(self, capture: Obj, body: Obj) -> Obj:
        order = self.orders[capture["supplementary_data"]["related_ids"]["order_id"]]
        done = order["purchase_units"][0]["payments"]["refunds"]
        amount = body.get("amount") or capture["amount"]
        taken = sum(_cents(row["amount"]) for row in done) + _cents(amount)
        if taken > _cents(capture["amount"]):
            raise Refusal(422, "UNPROCESSABLE_ENTITY", "REFUND_AMOUNT_EXCEEDED")
        refund = {"id": new_id(), "status": "COMPLETED", "amount": amount, "custom_id": body.get("custom_id")}
        refund["links"] = [{"rel": "up", "href": f"{self.base}/v2/payments/captures/{capture['id']}"}]
        self.refunds[refund["id"]] = refund
        done.append(refund)
        capture["status"] = "REFUNDED" if taken == _cents(capture["amount"]) else "PARTIALLY_REFUNDED"
        self._emit("PAYMENT.CAPTURE.REFUNDED", refund)
        return refund

    def _emit(self, kind: str, resource: Obj) -> None:
        event = {"id": f"WH-{new_id()}", "event_type": kind, "resource": json.loads(json.dumps(resource))}
        self.events.append(event)
        if self.webhook_url and not self.settings["paused"]:
            threading.Thread(target=self.deliver, args=(event,), daemon=True).start()

    def signed(self) -> dict[str, str]:
        """The headers of a delivery that the verification call will recognise."""
        signature = new_id()
        with self.lock:
            self.sent.add(signature)
            self.save()
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        return SENT | {
            "PAYPAL-TRANSMISSION-ID": new_id(),
            "PAYPAL-TRANSMISSION-SIG": signature,
            "PAYPAL-TRANSMISSION-TIME": now,
        }

    def deliver(self, event: Obj) -> None:
        """Send an event, as often as ordered; tried again until it is taken, up to eight times."""
        data = json.dumps(event).encode()
        for _ in range(int(self.settings["duplicate"])):
            for attempt in range(8):
                headers = {"Content-Type": "application/json"} | self.signed()
                try:
                    with urllib.request.urlopen(
                        urllib.request.Request(self.webhook_url or "", data, headers), timeout=10
                    ):
                        break
                except (urllib.error.URLError, OSError):
                    time.sleep(0.5 * 2**attempt)


def _cents(amount: Obj) -> int:
    return round(float(amount["value"]) * 100)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self._respond()

    def do_POST(self) -> None:
        self._respond()

    def do_DELETE(self) -> None:
        self._respond()

    def log_message(self, template: str, *args: Any) -> None:
        """Nothing: the shop's own log tells enough."""

    def _respond(self) -> None:
        shop, parts = self.server.paypal, urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.loads(raw) if raw[:1] == b"{" else {}
        if parts.path.startswith("/_control/"):
            self._send(200, _control(shop, self.command, parts.path.removeprefix("/_control/"), body))
        elif parts.path == "/checkoutnow":
            self._approved(shop, parse_qs(parts.query).get("token", [""])[0])
        else:
            self._api(shop, parts.path, body)

    def _api(self, shop: PayPal, path: str, body: Obj) -> None:
        fault = shop.faults.take(self.command, path)
        if fault and fault.kind in ("timeout", "slow"):
            time.sleep(fault.seconds)
        if fault and fault.kind in ("timeout", "reset"):
            return self._drop()
        if fault and fault.kind == "status":
            error: ApiError = fault.as_error()
            return self._send(error.status, {"name": "FAULT", "details": []})
        status, answer = shop.answer(self.command, path, body, self.headers.get("PayPal-Request-Id") or "")
        return self._drop() if fault and fault.kind == "answer_lost" else self._send(status, answer)

    def _approved(self, shop: PayPal, order_id: str) -> None:
        try:
            shop.approve(order_id)
        except Refusal as refusal:
            return self._send(refusal.status, refusal.body)
        return self._send(200, {"approved": order_id, "next": "POST /api/v1/payments/confirm/"})

    def _send(self, status: int, answer: Any) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _drop(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True


def _control(shop: PayPal, method: str, path: str, body: Obj) -> Obj:
    with shop.lock:
        if path == "faults" and method == "POST":
            shop.faults.add(body)
        elif path == "faults":
            shop.faults.clear()
        elif path == "webhooks":
            shop.settings |= body
        elif path == "reset":
            shop.reset()
        elif path.startswith("approve/"):
            return shop.approve(path.removeprefix("approve/"))
        return {"orders": [*shop.orders.values()], "refunds": [*shop.refunds.values()], "events": shop.events}


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], paypal: PayPal) -> None:
        self.paypal = paypal
        super().__init__(address, Handler)


class PayPalStandin:
    """The stand-in in a thread of this process: `with PayPalStandin() as paypal: ... paypal.url`."""

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        webhook_url: str | None = None,
        webhook_id: str = "WHSTANDIN",
        state: Path | None = None,
    ) -> None:
        self.shop = PayPal(webhook_url, webhook_id, state)
        self._server = Server((host, port), self.shop)
        self.url = self.shop.base = f"http://{host}:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def main(wait: Callable[[threading.Event], object] = threading.Event.wait) -> int:
    """Serve until SIGTERM or SIGINT; 1 when the port is taken."""
    parser = argparse.ArgumentParser(prog="scripts.standin.paypal", description="A local stand-in for PayPal's API.")
    parser.add_argument("--port", type=int, default=8002)
    parser.add_argument("--webhook-url")
    parser.add_argument("--webhook-id", default="WHSTANDIN")
    parser.add_argument("--state", type=Path, help="file that survives a restart (default: memory only)")
    options = parser.parse_args()
    stopped = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: stopped.set())
    try:
        standin = PayPalStandin(
            port=options.port, webhook_url=options.webhook_url, webhook_id=options.webhook_id, state=options.state
        )
    except OSError as error:
        print(f"cannot listen on port {options.port}: {error}", file=sys.stderr)
        return 1
    with standin:
        wait(stopped)
    return 0


if __name__ == "__main__":
    sys.exit(main())
