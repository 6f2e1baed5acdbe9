"""/v1: from a request to an answer: key check, ordered faults, idempotency, the handler, the journal."""

from __future__ import annotations

import hmac
import json
import time
from base64 import b64decode
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from scripts.standin import (
    captures,
    charges,
    customers,
    disputes,
    events,
    payment_intents,
    payment_methods,
    refunds,
    setup_intents,
)
from scripts.standin.calls import API_VERSION, Call, Handler, Route
from scripts.standin.errors import ApiError
from scripts.standin.faults import Fault, Faults
from scripts.standin.idempotency import Keys, Remembered, fingerprint
from scripts.standin.lists import expand
from scripts.standin.params import Params, parse_form, refuse_unknown
from scripts.standin.store import Store, new_id, render
from scripts.standin.webhooks import Webhooks

ROUTES: tuple[Route, ...] = (
    *payment_intents.ROUTES,
    *captures.ROUTES,
    *refunds.ROUTES,
    *charges.ROUTES,
    *customers.ROUTES,
    *payment_methods.ROUTES,
    *setup_intents.ROUTES,
    *disputes.ROUTES,
    *events.ROUTES,
)
LOG_LENGTH = 10_000


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: str
    body: bytes
    headers: dict[str, str]  # names in lower case
    base_url: str


@dataclass
class Answer:
    """`dropped` answers are never sent: the connection is cut instead. Others wait for `delay` seconds first."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    dropped: bool = False
    delay: float = 0.0
    note: str = ""


@dataclass
class Shop:
    """Everything one running stand-in owns."""

    store: Store
    webhooks: Webhooks
    secret_key: str | None = None
    faults: Faults = field(default_factory=Faults)
    log: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=LOG_LENGTH))
    keys: Keys = field(init=False)

    def __post_init__(self) -> None:
        self.keys = Keys(self.store)

    def reset(self) -> None:
        """Forget all objects, keys, faults, logs and changed settings."""
        self.webhooks.reset()
        self.faults.clear()
        self.log.clear()
        self.store.reset()

    def api(self, request: Request) -> Answer:
        """Answer a request to /v1."""
        request_id = new_id("req")
        params: Params = {}
        try:
            self._authenticate(request.headers.get("authorization", ""))
            encoded = request.query if request.method == "GET" else _body_text(request)
            params = parse_form(encoded)
            answer = self._with_faults(request, params, request_id)
        except ApiError as error:
            answer = _error_answer(error, request_id)
        answer.headers.setdefault("Request-Id", request_id)
        answer.headers["Stripe-Version"] = request.headers.get("stripe-version", API_VERSION)
        if key := request.headers.get("idempotency-key"):
            answer.headers["Idempotency-Key"] = key
        self._log(request, params, answer)
        self.webhooks.enqueue(self.store.take_new_events())
        return answer

    def _authenticate(self, header: str) -> None:
        scheme, _, given = header.partition(" ")
        if scheme.lower() == "basic":
            given = _basic_user(given)
        given = given.strip()
        if not given:
            message = (
                "You did not provide an API key. You need to provide your API key in the Authorization "
                "header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
            )
            raise ApiError(401, {"type": "invalid_request_error", "message": message}, stored=False)
        expected = self.secret_key
        accepted = (
            hmac.compare_digest(given.encode(), expected.encode())
            if expected
            else given.startswith(("sk_test_", "rk_test_"))
        )
        if not accepted:
            shown = given[:8] + "*" * max(0, len(given) - 12) + given[-4:]
            message = f"Invalid API Key provided: {shown}"
            raise ApiError(401, {"type": "invalid_request_error", "message": message}, stored=False)

    def _with_faults(self, request: Request, params: Params, request_id: str) -> Answer:
        fault = self.faults.take(request.method, request.path)
        if fault and fault.kind in ("timeout", "reset"):
            if fault.kind == "timeout":
                time.sleep(fault.seconds)
            return Answer(0, b"", dropped=True, note=fault.kind)
        answer = self._with_key(request, params, request_id, fault)
        if fault:
            answer.note = fault.kind
            answer.dropped = fault.kind == "answer_lost"
            answer.delay = fault.seconds if fault.kind == "answer_late" else 0.0
        return answer

    def _with_key(self, request: Request, params: Params, request_id: str, fault: Fault | None) -> Answer:
        key = request.headers.get("idempotency-key")
        if request.method != "POST" or not key:
            return self._run(request, params, request_id, fault, None, "")
        mark = fingerprint(request.method, request.path, params)
        known = self.keys.begin(key, mark)
        if known:
            headers = {"Idempotent-Replayed": "true", "Original-Request": known.request_id}
            return Answer(known.status, known.body, headers | _retry_advice(known.status))
        try:
            return self._run(request, params, request_id, fault, key, mark)
        finally:
            self.keys.end(key)

    def _run(
        self,
        request: Request,
        params: Params,
        request_id: str,
        fault: Fault | None,
        key: str | None,
        mark: str,
    ) -> Answer:
        if fault and fault.kind == "slow":
            time.sleep(fault.seconds)
        stored = True
        with self.store.transaction():
            try:
                if fault and fault.kind == "status":
                    raise fault.as_error()
                answer = self._handle(request, params, request_id, key)
            except ApiError as error:
                answer, stored = _error_answer(error, request_id), error.stored
            if key and stored:
                self.keys.remember(key, mark, Remembered(answer.status, answer.body, request_id))
        return answer

    def _handle(self, request: Request, params: Params, request_id: str, key: str | None) -> Answer:
        handler, names, object_id = find(request.method, request.path)
        refuse_unknown(params, names)
        call = Call(self.store, request.base_url, params, request_id, key, object_id, request.path, request.method)
        found = render(handler(call))
        return Answer(200, encode(expand(self.store, found, params.get("expand"))))

    def _log(self, request: Request, params: Params, answer: Answer) -> None:
        self.log.append(
            {
                "at": round(time.time(), 3),
                "method": request.method,
                "path": request.path,
                "idempotency_key": request.headers.get("idempotency-key"),
                "status": answer.status,
                "replayed": "Idempotent-Replayed" in answer.headers,
                "fault": answer.note or None,
                "dropped": answer.dropped,
                "request_id": answer.headers.get("Request-Id"),
                "params": params,
            }
        )


def find(method: str, path: str) -> tuple[Handler, frozenset[str], str]:
    """The handler, the parameters it takes and the id in the path; raises 404."""
    for route in ROUTES:
        if route.method == method and (match := route.regex.match(path)):
            return route.handler, route.names, match.groupdict().get("id", "")
    message = f"Unrecognized request URL ({method}: {path}). This stand-in does not know it."
    raise ApiError(404, {"type": "invalid_request_error", "message": message}, stored=False)


def encode(value: Any) -> bytes:
    return json.dumps(value, indent=2).encode()


def _error_answer(error: ApiError, request_id: str) -> Answer:
    body = encode({"error": error.error | {"request_log_url": f"https://dashboard.stripe.com/{request_id}"}})
    return Answer(error.status, body, _retry_advice(error.status))


def _retry_advice(status: int) -> dict[str, str]:
    if status == 409:
        return {"Stripe-Should-Retry": "true"}
    # A 500 sits in the idempotency record: the same key would only replay it.
    return {"Stripe-Should-Retry": "false"} if status == 500 else {}


def _body_text(request: Request) -> str:
    try:
        return request.body.decode()
    except UnicodeDecodeError as error:
        message = "Invalid request body: not UTF-8."
        raise ApiError(400, {"type": "invalid_request_error", "message": message}, stored=False) from error


def _basic_user(encoded: str) -> str:
    try:
        return b64decode(encoded).decode().partition(":")[0]
    except ValueError:
        return ""
