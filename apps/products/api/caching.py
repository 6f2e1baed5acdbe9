"""Public catalogue answers, rendered once per catalogue version.

The version is read from PostgreSQL with every request (one statement), so a write is seen by the next one. It names the
cached bytes and the ETag: what a client or Redis holds for an older version is never asked for again.
"""

import hashlib
from collections.abc import Callable
from typing import Any, TypeVar

from django.conf import settings
from django.core.cache import cache
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common import currencies
from apps.common.api.conditional import conditional
from apps.common.api.renderers import dumps
from apps.common.api.serializers import QuerySerializer
from apps.products.services import listing

T = TypeVar("T")
# Authorization: staff get another answer, drafts too, at the same address; a shared cache must not mix them up.
HEADERS = {"Cache-Control": "public, max-age=60", "Vary": "Accept-Language, X-Currency, Authorization"}


class CurrencyQuery(QuerySerializer):
    currency = serializers.CharField(max_length=3, required=False, help_text="Also as header X-Currency.")


def currency_of(request: Request, wanted: str | None) -> str:
    """The currency to show, the shop's own unless another is asked for. Raises UnsupportedCurrency."""
    return currencies.require(wanted or request.headers.get("X-Currency") or settings.DEFAULT_CURRENCY)


def catalogue_response(request: Request, build: Callable[[int], tuple[Any, dict[str, str]]]) -> Response:
    """304, or the cached bytes, or what `build(version)` makes: a body and further headers. Errors are not cached."""
    version = listing.current_version()
    key = _key(request, version)
    etag = f'"{key}"'
    cached: tuple[bytes, dict[str, str]] | None = cache.get(f"catalogue:{key}")
    if cached is None:
        body, headers = build(version)
        cached = dumps(body), headers
        cache.set(f"catalogue:{key}", cached, settings.CATALOGUE_CACHE_SECONDS)
    return conditional(request, cached[0], headers=HEADERS | cached[1], etag=etag)


def remember(version: int, name: str, compute: Callable[[], T]) -> T:
    """A value that belongs to a catalogue version, such as a count."""
    key = f"catalogue-value:{version}:{hashlib.blake2b(name.encode(), digest_size=16).hexdigest()}"
    value: T | None = cache.get(key)
    if value is None:
        value = compute()
        cache.set(key, value, settings.CATALOGUE_CACHE_SECONDS)
    return value


def _key(request: Request, version: int) -> str:
    query = sorted(request.query_params.items())
    currency = request.headers.get("X-Currency", "")
    parts = (version, request.get_host(), request.scheme, request.path, query, currency, settings.API_RELEASE)
    return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()
