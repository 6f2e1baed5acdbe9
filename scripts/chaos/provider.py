"""What the run asks of the Stripe stand-in: its ledger, and misbehaviour."""

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode

SECRET_KEY = "sk_test_chaos"
WEBHOOK_SECRET = "whsec_chaos"
INTENTS, CONFIRM = "/v1/payment_intents", "/v1/payment_intents/*/confirm"


def post(port: int, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
    """One POST to a server of this run. Raises OSError."""
    connection = HTTPConnection("127.0.0.1", port, timeout=15)
    try:
        connection.request("POST", path, body=body, headers=dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@dataclass(frozen=True)
class Provider:
    """The stand-in on its port."""

    port: int

    def control(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """A /_control call. Raises RuntimeError when it is refused."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, f"/_control/{path}", body=json.dumps(body) if body is not None else None)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise RuntimeError(f"the stand-in refused {method} {path}: {text[:200]!r}")
        found: dict[str, Any] = json.loads(text)
        return found

    def misbehave(self, path: str, kind: str, *, times: int = 0, method: str = "POST", **more: Any) -> None:
        """Order a fault; `times` 0 is until `behave`."""
        self.control("POST", "faults", {"path": path, "kind": kind, "times": times, "method": method, **more})

    def behave(self) -> None:
        self.control("DELETE", "faults")

    def objects(self, kind: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.control("GET", "objects").get(kind, [])
        return rows

    def webhooks(self, **settings: Any) -> None:
        self.control("POST", "webhooks", settings)

    def calls(self, note: str) -> int:
        """How many calls a fault of this kind has met."""
        return sum(each["fault"] == note for each in self.control("GET", "log")["requests"])

    def ask(self, path: str, **fields: str) -> tuple[int, dict[str, Any]]:
        """A call of the provider's own API, as the buyer's browser makes it. Raises OSError."""
        headers = {"Authorization": f"Bearer {SECRET_KEY}", "Content-Type": "application/x-www-form-urlencoded"}
        status, text = post(self.port, path, urlencode(fields).encode(), headers)
        return status, json.loads(text)


def signature(body: bytes, *, secret: str = WEBHOOK_SECRET, age: int = 0) -> str:
    """The Stripe-Signature header as of `age` seconds ago."""
    stamp = int(time.time()) - age
    digest = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={stamp},v1={digest}"
