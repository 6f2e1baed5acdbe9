"""Signed events to one URL, from a background thread, retried until the target answers 2xx."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import itertools
import json
import logging
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from scripts.standin.calls import API_VERSION
from scripts.standin.store import Obj, Store

log = logging.getLogger("standin.webhooks")

MAX_ATTEMPTS = 20
MAX_BACKOFF_SECONDS = 15.0
REQUEST_TIMEOUT_SECONDS = 10.0
HISTORY = 5000


@dataclass
class Settings:
    """How events go out; `duplicate` is how many times each is sent, `delay` seconds before the first."""

    url: str | None = None
    secret: str = "whsec_standin"
    paused: bool = False
    duplicate: int = 1
    reverse: bool = False
    delay: float = 0.0
    backoff: float = 0.5


@dataclass(order=True)
class Delivery:
    due: float
    number: int
    event_id: str


def sign(payload: bytes, secret: str, timestamp: int) -> str:
    """The Stripe-Signature header."""
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + payload, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


class Webhooks:
    """The queue of events still to be delivered, and the thread that empties it."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.settings = settings
        self.attempts: deque[Obj] = deque(maxlen=HISTORY)
        self._defaults = Settings(**vars(settings))
        self._store = store
        self._queue: list[Delivery] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._sending = threading.Lock()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="standin-webhooks", daemon=True)

    def start(self) -> None:
        pending = [row["id"] for row in self._store.where("_delivery", "status", "pending")]
        self.enqueue(pending)
        self._thread.start()

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout=0.3)

    def reset(self) -> None:
        with self._changed:
            self._queue.clear()
            self.attempts.clear()
            self.settings = Settings(**vars(self._defaults))

    def configure(self, changes: dict[str, Any]) -> None:
        """Change settings; raises ValueError for a name or type that does not fit."""
        kinds: dict[str, tuple[type, ...]] = {
            "url": (str, type(None)),
            "secret": (str,),
            "paused": (bool,),
            "duplicate": (int,),
            "reverse": (bool,),
            "delay": (int, float),
            "backoff": (int, float),
        }
        for name, value in changes.items():
            if name not in kinds or not isinstance(value, kinds[name]):
                raise ValueError(f"webhooks: {name} is unknown or of the wrong type")
        with self._changed:
            for name, value in changes.items():
                setattr(self.settings, name, value)
            self._changed.notify_all()

    def enqueue(self, event_ids: list[str]) -> None:
        """Queue events in this order; without a target nothing is queued."""
        if not event_ids or not self.settings.url:
            return
        with self._changed:
            due = time.monotonic() + self.settings.delay
            for event_id in event_ids:
                self._queue.append(Delivery(due, next(self._numbers), event_id))
                self._note(event_id, 0, "pending")
            self._changed.notify_all()

    def pending(self) -> list[str]:
        with self._changed:
            return [item.event_id for item in sorted(self._queue)]

    def flush(self) -> list[Obj]:
        """Deliver all that waits, now, pause or not; what fails stays queued."""
        with self._sending:
            with self._changed:
                items = sorted(self._queue, key=lambda item: item.number, reverse=self.settings.reverse)
                self._queue.clear()
            return [result for item in items for result in self._deliver(item)]

    def deliver(self, event_id: str) -> list[Obj]:
        """Deliver one event now, again if need be; the id and the body stay the same."""
        with self._sending:
            with self._changed:
                self._queue = [item for item in self._queue if item.event_id != event_id]
            return self._deliver(Delivery(time.monotonic(), next(self._numbers), event_id))

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._stopped and self._take(peek=True) is None:
                    self._changed.wait(self._seconds_to_next())
                if self._stopped:
                    return
            with self._sending:
                with self._changed:
                    item = None if self._stopped else self._take()
                if item:
                    self._deliver(item)

    def _take(self, *, peek: bool = False) -> Delivery | None:
        if self.settings.paused:
            return None
        due = [item for item in self._queue if item.due <= time.monotonic()]
        if not due:
            return None
        item = max(due, key=lambda entry: entry.number) if self.settings.reverse else min(due)
        if not peek:
            self._queue.remove(item)
        return item

    def _seconds_to_next(self) -> float | None:
        if self.settings.paused or not self._queue:
            return None
        return max(0.0, min(item.due for item in self._queue) - time.monotonic())

    def _deliver(self, item: Delivery) -> list[Obj]:
        event = self._store.get("event", item.event_id)
        if event is None or not self.settings.url:
            return []
        results = [self._post(event) for _ in range(max(1, self.settings.duplicate))]
        record = self._store.get("_delivery", item.event_id)
        attempts = (record["attempts"] if record else 0) + 1
        if all(result["ok"] for result in results):
            self._note(item.event_id, attempts, "delivered")
        elif attempts >= MAX_ATTEMPTS:
            self._note(item.event_id, attempts, "failed")
        else:
            self._note(item.event_id, attempts, "pending")
            wait = min(self.settings.backoff * 2 ** (attempts - 1), MAX_BACKOFF_SECONDS)
            with self._changed:
                self._queue.append(Delivery(time.monotonic() + wait, item.number, item.event_id))
        return results

    def _post(self, event: Obj) -> Obj:
        payload = json.dumps(event, indent=2).encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": sign(payload, self.settings.secret, int(time.time())),
            "Stripe-Version": API_VERSION,
            "Connection": "close",
        }
        started = time.monotonic()
        status, problem = _send(self.settings.url or "", payload, headers)
        result = {
            "event": event["id"],
            "type": event["type"],
            "status": status,
            "error": problem,
            "ok": status is not None and 200 <= status < 300,
            "ms": round((time.monotonic() - started) * 1000),
        }
        self.attempts.append(result)
        log.info("webhook %s %s -> %s", event["type"], event["id"], status or problem)
        return result

    def _note(self, event_id: str, attempts: int, status: str) -> None:
        with self._store.transaction():
            self._store.put({"object": "_delivery", "id": event_id, "attempts": attempts, "status": status})


def _send(url: str, payload: bytes, headers: dict[str, str]) -> tuple[int | None, str | None]:
    """The status of the answer, or why there was none. A redirect counts as a failure, as at Stripe."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    try:
        connection = kind(parts.hostname or "", parts.port, timeout=REQUEST_TIMEOUT_SECONDS)
        try:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", path, body=payload, headers=headers)
            return connection.getresponse().status, None
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        return None, type(error).__name__
