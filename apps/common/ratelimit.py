"""Request limits that parallel callers cannot outrun: one atomic increment per attempt, fixed windows.

The general limits count in Redis and let traffic pass while it is down. The limits that protect passwords and mail
boxes count in PostgreSQL, so they hold without Redis too. DRF's throttles do neither (they read, then write).
"""

import hashlib
import ipaddress
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.http import HttpRequest
from django.utils import timezone

from apps.common.cache import ResilientRedisCache
from apps.common.errors import Throttled
from apps.common.housekeeping import delete_in_batches
from apps.common.models import RateWindow

_INCREMENT = """
local count = redis.call('INCR', KEYS[1])
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {count, redis.call('PTTL', KEYS[1])}
"""
_UPSERT = """
INSERT INTO common_ratewindow AS w (key, count, expires_at) VALUES (%s, 1, %s)
ON CONFLICT (key) DO UPDATE SET
    count = CASE WHEN w.expires_at <= %s THEN 1 ELSE w.count + 1 END,
    expires_at = CASE WHEN w.expires_at <= %s THEN excluded.expires_at ELSE w.expires_at END
RETURNING count, expires_at
"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Where a caller stands in a window; `reset_seconds` counts from now."""

    limit: int
    remaining: int
    reset_seconds: int
    allowed: bool

    def headers(self) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset_seconds),
        }


def client_ip(request: HttpRequest) -> str:
    """The caller's address, in its one spelling; '' when there is none (a Unix socket).

    Of X-Forwarded-For only what our own proxies wrote counts (`TRUSTED_PROXIES` entries from the end).
    """
    hops = settings.TRUSTED_PROXIES
    if hops:
        forwarded = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
        if forwarded and (address := _address(forwarded[-min(hops, len(forwarded))])):
            return address
    return _address(request.META.get("REMOTE_ADDR", ""))


def who(ip: str) -> str:
    """What one caller is counted as: an IPv4 address, or the /64 network that an IPv6 customer has for himself."""
    return str(ipaddress.ip_network(f"{ip}/64", strict=False)) if ":" in ip else ip


def caller(request: HttpRequest) -> str:
    """`who` of a request's address."""
    return who(client_ip(request))


def _address(text: str) -> str:
    """An IP address without port, brackets or zone; '' for anything else. Some proxies append the port."""
    bare = text.partition("]")[0].removeprefix("[") if text.startswith("[") else text
    if bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ipaddress.ip_address(bare.partition("%")[0])
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def hit(scope: str, who: str) -> Verdict | None:
    """Count one request in Redis. None when Redis does not answer: the request then passes uncounted."""
    limit, seconds = settings.RATE_LIMITS[scope]
    backend = cast(ResilientRedisCache, cache)
    key = cache.make_key(f"rate:{scope}:{who}")
    client = backend.client
    answer = client.call(
        lambda: client.get_client(write=True).eval(_INCREMENT, 1, key, seconds * 1000),
        otherwise=None,
    )
    if answer is None:
        return None
    count, ttl_ms = answer
    return _verdict(limit, int(count), max(1, -(-int(ttl_ms) // 1000)))


def hit_durably(scope: str, who: str) -> Verdict:
    """Count one attempt in PostgreSQL, committed at once, and raise `Throttled` past the limit.

    Raises RuntimeError inside a transaction, where a later rollback would take the count back.
    """
    # Like Django's `durable`: the transaction that a test case wraps around everything is no transaction of ours.
    if connection.atomic_blocks and not connection.atomic_blocks[-1]._from_testcase:  # type: ignore[attr-defined] # as in Django's Atomic
        raise RuntimeError("attempts are counted outside transactions")
    limit, seconds = settings.RATE_LIMITS[scope]
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(_UPSERT, [_key(scope, who), now + timedelta(seconds=seconds), now, now])
        count, expires_at = cursor.fetchone()
    verdict = _verdict(limit, count, max(1, int((expires_at - now).total_seconds() + 0.999)))
    if not verdict.allowed:
        raise throttled(verdict)
    return verdict


def forget(scope: str, who: str) -> None:
    """Drop a durable count (a correct password clears the account's failures)."""
    RateWindow.objects.filter(key=_key(scope, who)).delete()


def throttled(verdict: Verdict) -> Throttled:
    """The problem for a verdict that does not allow."""
    return Throttled(headers={**verdict.headers(), "Retry-After": str(verdict.reset_seconds)})


def delete_expired() -> int:
    """Remove windows that ended; returns how many."""
    return delete_in_batches(RateWindow.objects.filter(expires_at__lt=timezone.now()))


def _verdict(limit: int, count: int, reset_seconds: int) -> Verdict:
    return Verdict(limit=limit, remaining=max(0, limit - count), reset_seconds=reset_seconds, allowed=count <= limit)


def _key(scope: str, who: str) -> str:
    # Hashed: the table must not become a list of addresses and accounts.
    return f"{scope}:{hashlib.sha256(who.encode()).hexdigest()}"
