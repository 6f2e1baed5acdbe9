"""A circuit breaker per provider: a provider that does not answer is left alone for a while, and orders stay payable.

The state lives in the process: each one finds out for itself, and nothing has to be shared or reset.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

import structlog
from django.conf import settings

from apps.payments.gateways.base import Gateway, ProviderPaused, ProviderUnavailable

log = structlog.get_logger(__name__)
# What takes the network; reading a message's parts does not.
_CALLS = frozenset(
    {
        *("create", "retrieve", "confirm", "capture", "cancel", "refund", "retrieve_refund", "retrieve_dispute"),
        *("list_charges", "list_refunds", "list_disputes"),
        *("create_customer", "delete_customer", "create_setup", "confirm_setup", "list_cards", "detach_card"),
        "assign_customer",
        "verify_event",
    }
)


class CircuitBreaker:
    """Opens after `PAYMENT_BREAKER_FAILURES` failures in a row, for `PAYMENT_BREAKER_SECONDS`; then one call probes."""

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.name, self._clock = name, clock
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Closed, without a past."""
        self._failures, self._open_until = 0, 0.0

    def call(self, work: Callable[[], Any]) -> Any:
        """The result of `work`; raises ProviderPaused, without calling it, while open."""
        self._enter()
        try:
            result = work()
        except ProviderUnavailable:
            self._failed()
            raise
        except Exception:
            self._answered()
            raise
        self._answered()
        return result

    def _enter(self) -> None:
        with self._lock:
            if self._failures < settings.PAYMENT_BREAKER_FAILURES:
                return
            now = self._clock()
            if now < self._open_until:
                raise ProviderPaused(int(self._open_until - now) + 1)
            # Half open: this call is the probe, the others wait for its end.
            self._open_until = now + settings.PAYMENT_BREAKER_SECONDS

    def _failed(self) -> None:
        with self._lock:
            self._failures += 1
            if self._failures >= settings.PAYMENT_BREAKER_FAILURES:
                self._open_until = self._clock() + settings.PAYMENT_BREAKER_SECONDS
                log.error("payment_circuit_open", provider=self.name, failures=self._failures)

    def _answered(self) -> None:
        with self._lock:
            self.reset()


class GuardedGateway:
    """A gateway whose network calls pass a breaker."""

    def __init__(self, gateway: Gateway, breaker: CircuitBreaker) -> None:
        self._gateway, self.breaker = gateway, breaker

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._gateway, name)
        if name not in _CALLS:
            return attribute
        return lambda *args, **kwargs: self.breaker.call(lambda: attribute(*args, **kwargs))
