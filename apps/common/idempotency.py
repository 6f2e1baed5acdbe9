"""Idempotency keys: one answer per key, whatever the number of retries and however they overlap.

A key row lives in the same transaction as the effect it guards. A concurrent twin waits on the unique index and then
reads the first one's answer; a worker killed midway rolls both back, so nothing is ever left "running".

Work that calls a payment provider cannot hold a transaction open. It claims its key first (`claim`), committed, with a
deadline; a twin is told 409 `request_in_progress` until the answer is stored or the deadline has passed.
Follows draft-ietf-httpapi-idempotency-key-header and Stripe's rules.
"""

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import connection
from django.db.models import Q
from django.utils import timezone

from apps.common.errors import Conflict, Unprocessable
from apps.common.housekeeping import delete_in_batches
from apps.common.models import IdempotencyKey, new_id

CLAIM_SECONDS = 50


class RequestInProgress(Conflict):
    code = "request_in_progress"
    detail = "A request with this Idempotency-Key is still running. Try again shortly."


class KeyReused(Unprocessable):
    """422: same key, other body."""


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An HTTP answer as it was first given."""

    status: int
    headers: dict[str, str]
    body: bytes


def fingerprint(body: bytes) -> str:
    """SHA-256 of the raw request body."""
    return hashlib.sha256(body).hexdigest()


def claim(*, scope: str, key: str, body_hash: str, exclusive_seconds: int | None = None) -> StoredAnswer | None:
    """Take the key for this request, or return the answer already given to it.

    Inside a transaction, a twin that is still running makes this wait. With `exclusive_seconds` the claim is meant to
    be committed alone, and a twin within that time raises `RequestInProgress`.
    Raises `KeyReused` when the key was used with another body.
    """
    now = timezone.now()
    locked_until = now + timedelta(seconds=exclusive_seconds) if exclusive_seconds else None
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO common_idempotencykey (id, scope, key, fingerprint, headers, body, locked_until, created_at)"
            " VALUES (%s, %s, %s, %s, '{}', '', %s, %s) ON CONFLICT (scope, key) DO NOTHING",
            [new_id(), scope, key, body_hash, locked_until, now],
        )
        if cursor.rowcount:
            return None
    row = IdempotencyKey.objects.get(scope=scope, key=key)
    if row.fingerprint != body_hash:
        raise KeyReused
    if row.status is not None:
        return StoredAnswer(status=row.status, headers=row.headers, body=bytes(row.body))
    taken_over = IdempotencyKey.objects.filter(
        Q(locked_until__isnull=True) | Q(locked_until__lte=now), id=row.id, status__isnull=True
    ).update(locked_until=locked_until)
    if not taken_over:
        raise RequestInProgress(headers={"Retry-After": "1"})
    return None


def store(*, scope: str, key: str, answer: StoredAnswer) -> None:
    """Keep the answer for replay."""
    IdempotencyKey.objects.filter(scope=scope, key=key).update(
        status=answer.status, headers=answer.headers, body=answer.body, locked_until=None
    )


def release(*, scope: str, key: str) -> None:
    """Forget a claim whose work failed in a way that a retry should repeat (a 5xx or 429)."""
    IdempotencyKey.objects.filter(scope=scope, key=key, status__isnull=True).delete()


def delete_expired() -> int:
    """Remove keys past their day; returns how many."""
    limit = timezone.now() - timedelta(hours=settings.IDEMPOTENCY_HOURS)
    return delete_in_batches(IdempotencyKey.objects.filter(created_at__lt=limit))
