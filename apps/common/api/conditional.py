"""ETags: 304 for an unchanged read, 412 for a write over somebody else's change (RFC 9110, section 13)."""

import hashlib
from typing import Any

from django.utils.http import parse_etags
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api.renderers import dumps
from apps.common.errors import PreconditionFailed


def etag_of(body: Any) -> str:
    """Strong validator of a representation: a hash of its bytes."""
    raw = body if isinstance(body, bytes) else dumps(body)
    return f'"{hashlib.blake2b(raw, digest_size=12).hexdigest()}"'


def matches(header: str, etag: str) -> bool:
    """Whether an If-Match or If-None-Match header names this validator (weak comparison)."""
    return any(candidate == "*" or candidate.removeprefix("W/") == etag for candidate in parse_etags(header))


def conditional(
    request: Request, body: Any, *, headers: dict[str, str] | None = None, etag: str | None = None
) -> Response:
    """200 with an ETag, or 304 without a body when the caller already has it."""
    raw = body if isinstance(body, bytes) else dumps(body)
    etag = etag or etag_of(raw)
    if matches(request.headers.get("If-None-Match", ""), etag):
        response = Response(None, status=304, headers=headers)
    else:
        response = Response(raw, headers=headers)
    response["ETag"] = etag
    return response


def check_if_match(request: Request, current_body: Any) -> None:
    """Refuse with `PreconditionFailed` when If-Match is given and does not name the current representation.

    Call it with the row locked, in the transaction that writes.
    """
    header = request.headers.get("If-Match")
    if header is not None and not matches(header, etag_of(current_body)):
        raise PreconditionFailed
