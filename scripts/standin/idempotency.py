"""Idempotency-Key: the first answer is remembered for 24 hours and given again, byte for byte."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from scripts.standin.errors import ApiError
from scripts.standin.params import Params
from scripts.standin.store import KEY_LIFETIME_SECONDS, Store, now


@dataclass(frozen=True)
class Remembered:
    status: int
    body: bytes
    request_id: str


def fingerprint(method: str, path: str, params: Params) -> str:
    text = json.dumps([method, path, params], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


class Keys:
    """Which keys are known, and which are being worked on."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._running: set[str] = set()

    def begin(self, key: str, mark: str) -> Remembered | None:
        """The remembered answer, or None after claiming the key.

        Raises 400 for other parameters than the first, 409 while the first is at work.
        """
        if len(key) > 255:
            message = "Idempotency keys can be at most 255 characters long."
            raise ApiError(400, {"type": "idempotency_error", "message": message}, stored=False)
        with self._store.lock:
            record = self._store.get("_key", key)
            if record and record["created"] >= now() - KEY_LIFETIME_SECONDS:
                if record["fingerprint"] != mark:
                    raise _other_params(key)
                return Remembered(record["status"], record["body"].encode(), record["request_id"])
            if key in self._running:
                raise _in_use(key)
            self._running.add(key)
            return None

    def remember(self, key: str, mark: str, answer: Remembered) -> None:
        """Call inside the transaction of the work itself, so that both are written in one line."""
        self._store.put(
            {
                "object": "_key",
                "id": key,
                "created": now(),
                "fingerprint": mark,
                "status": answer.status,
                "body": answer.body.decode(),
                "request_id": answer.request_id,
            }
        )

    def end(self, key: str) -> None:
        with self._store.lock:
            self._running.discard(key)


def _other_params(key: str) -> ApiError:
    message = (
        "Keys for idempotent requests can only be used with the same parameters they were first used with. "
        f"Try using a key other than '{key}' if you meant to execute a different request."
    )
    return ApiError(400, {"type": "idempotency_error", "message": message}, stored=False)


def _in_use(key: str) -> ApiError:
    message = (
        "There is currently another in-progress request using this Idempotent Key (that probably means you "
        f"submitted twice, and the other request is still going through): {key}. Please try again later."
    )
    error = {"type": "idempotency_error", "code": "idempotency_key_in_use", "message": message}
    return ApiError(409, error, stored=False)
