"""Answers of services outside (tax engines, carriers), asked outside transactions and remembered for inside them.

A price is needed where the cart is locked too; a network call there would hold the lock for as long as the other side
likes. So an answer is fetched when the cart is read or described, kept in the cache, and inside a transaction only what
is kept counts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Generic, TypeVar

import structlog
from django.conf import settings
from django.core.cache import cache
from django.db import connection

log = structlog.get_logger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What the other side said; None is an answer, too."""

    value: T


def remembered_or_asked(kind: str, question: object, ask: Callable[[], T]) -> Answer[T] | None:
    """The answer to a question (by its repr); None where there is none: it failed, or this is a transaction."""
    key = f"outside:{kind}:{blake2b(repr(question).encode(), digest_size=16).hexdigest()}"
    kept: Any = cache.get(key)
    if isinstance(kept, Answer):
        return kept
    if connection.in_atomic_block:
        return None
    try:
        answer = Answer(ask())
    except Exception:
        log.exception("outside_service_failed", kind=kind)
        return None
    cache.set(key, answer, settings.OUTSIDE_ANSWER_SECONDS)
    return answer
