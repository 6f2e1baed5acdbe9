"""Answers of services outside (tax engines, carriers), asked outside transactions and remembered for inside them.

A price is needed where the cart is locked too; a network call there would hold the lock for as long as the other side
likes. So an answer is fetched before (`outside_questions.ask_ahead`), and inside a transaction only what is remembered
counts: in this process, so that a checkout does not depend on the cache, and in the cache, for the other processes.

Nobody waits for the other side longer than OUTSIDE_TIMEOUT_SECONDS. While it fails, an answer that is too old is better
than none for OUTSIDE_ANSWER_KEPT_SECONDS, and it is left alone for OUTSIDE_PAUSE_SECONDS after each failure.
"""

import time
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass
from hashlib import blake2b
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Final, Generic, TypeVar

import structlog
from django.conf import settings
from django.core.cache import cache
from django.db import connection

log = structlog.get_logger(__name__)
T = TypeVar("T")

_REMEMBERED: Final = 1000
_remembered: dict[str, "Answer[Any]"] = {}
_paused_until: dict[str, float] = {}


class OutsideTimeout(Exception):  # noqa: N818 - says what happened
    """The other side took too long."""


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What the other side said (None is an answer, too), and when, in seconds of the Unix clock."""

    value: T
    asked_at: float

    @property
    def is_fresh(self) -> bool:
        return bool(time.time() - self.asked_at < settings.OUTSIDE_ANSWER_SECONDS)


def remembered_or_asked(kind: str, question: object, ask: Callable[[], T]) -> Answer[T] | None:
    """The answer to a question (by its repr); None where there is none: it failed, or this is a transaction."""
    key = f"outside:{kind}:{blake2b(repr(question).encode(), digest_size=16).hexdigest()}"
    known = _known(key)
    if known is not None and known.is_fresh:
        return known
    if _in_transaction() or _paused_until.get(kind, 0.0) > time.time():
        return known
    try:
        answer = Answer(_in_time(ask), time.time())
    except Exception:
        log.exception("outside_service_failed", kind=kind)
        _paused_until[kind] = time.time() + settings.OUTSIDE_PAUSE_SECONDS
        return known
    _remember(key, answer)
    return answer


def forget() -> None:
    """Drop what this process remembers, failures included; what is in the cache stays."""
    _remembered.clear()
    _paused_until.clear()


def _in_transaction() -> bool:
    return bool(connection.in_atomic_block)


def _known(key: str) -> Answer[Any] | None:
    """The latest answer that is remembered, however old; of those too old for anything, none."""
    own = _remembered.get(key)
    if own is not None and own.is_fresh:
        return own
    kept: Any = cache.get(key)
    known = kept if isinstance(kept, Answer) else own
    oldest = time.time() - settings.OUTSIDE_ANSWER_KEPT_SECONDS
    return known if known is not None and known.asked_at > oldest else None


def _remember(key: str, answer: Answer[Any]) -> None:
    # The oldest go first: a dict keeps the order in which its keys came.
    _remembered.pop(key, None)
    while len(_remembered) >= _REMEMBERED:
        _remembered.pop(next(iter(_remembered), ""), None)
    _remembered[key] = answer
    cache.set(key, answer, settings.OUTSIDE_ANSWER_KEPT_SECONDS)


def _in_time(ask: Callable[[], T]) -> T:
    """What `ask` returns or raises. Raises OutsideTimeout when that takes too long; its thread is left to itself."""
    done: SimpleQueue[tuple[T | None, Exception | None]] = SimpleQueue()

    def work() -> None:
        try:
            done.put((ask(), None))
        except Exception as error:  # handed to the thread that waits
            done.put((None, error))

    # A daemon: a call that hangs must not keep the process from ending.
    Thread(target=copy_context().run, args=(work,), name="outside-service", daemon=True).start()
    try:
        value, error = done.get(timeout=settings.OUTSIDE_TIMEOUT_SECONDS)
    except Empty:
        raise OutsideTimeout from None
    if error is not None:
        raise error
    return value  # type: ignore[return-value]
