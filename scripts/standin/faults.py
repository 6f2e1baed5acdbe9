"""Misbehaviour on order: slow, refusing, breaking, or silent after the work is done."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any

from scripts.standin.errors import ApiError

KINDS = ("timeout", "status", "reset", "answer_lost", "answer_late", "slow")
ERRORS = {
    402: ("card_error", "card_declined", "Your card was declined."),
    409: ("invalid_request_error", "lock_timeout", "This object cannot be accessed right now. Try again."),
    429: ("invalid_request_error", "rate_limit", "Request rate limit exceeded."),
}


@dataclass
class Fault:
    """One order. `path` takes * as a wildcard, `times` 0 means until deleted, `skip` spares the first ones.

    timeout: no work, no answer for `seconds`, then the connection is dropped. reset: no work, dropped at
    once. answer_lost: the work is done, the connection dropped. answer_late: the work is done and logged, the
    answer comes after `seconds`. slow: works after `seconds`. status: no work, answers `status`; `stored` says
    whether the Idempotency-Key remembers it (default: only for 500).
    """

    path: str
    kind: str
    method: str = "*"
    status: int = 500
    seconds: float = 2.0
    times: int = 1
    skip: int = 0
    stored: bool | None = None
    error: dict[str, Any] | None = None

    def as_error(self) -> ApiError:
        kind, code, message = ERRORS.get(
            self.status, ("api_error", None, "An unknown error occurred (a fault was ordered).")
        )
        error = {"type": kind, "code": code, "message": message} | (self.error or {})
        stored = self.status == 500 if self.stored is None else self.stored
        return ApiError(self.status, error, stored=stored)


class Faults:
    """The orders still open."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, order: dict[str, Any]) -> Fault:
        """Take an order; raises ValueError when it does not fit."""
        try:
            fault = Fault(**order)
        except TypeError as error:
            raise ValueError(f"faults: {error}") from error
        numbers = (fault.status, fault.seconds, fault.times, fault.skip)
        if fault.kind not in KINDS or not all(isinstance(number, int | float) for number in numbers):
            raise ValueError(f"faults: kind must be one of {', '.join(KINDS)}, and numbers be numbers")
        if not 400 <= fault.status <= 599:
            raise ValueError("faults: status must be an error status, 400 to 599")
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def open_orders(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(fault) for fault in self._faults]

    def take(self, method: str, path: str) -> Fault | None:
        """The fault for this request, used up by one."""
        with self._lock:
            for fault in self._faults:
                if fault.method not in ("*", method) or not fnmatchcase(path, fault.path):
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    return None
                if fault.times == 1:
                    self._faults.remove(fault)
                elif fault.times > 1:
                    fault.times -= 1
                return fault
        return None
