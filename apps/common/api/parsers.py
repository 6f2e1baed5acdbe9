"""JSON in: bounded in size and depth, valid UTF-8, no NUL characters (PostgreSQL cannot store them)."""

from collections.abc import Mapping
from typing import IO, Any

import orjson
from django.conf import settings
from rest_framework.parsers import BaseParser

from apps.common.errors import Invalid, PayloadTooLarge

MAX_DEPTH = 20


class StrictJSONParser(BaseParser):
    """Raises `PayloadTooLarge` (413) or `Invalid` with code `malformed_request` (400)."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        raw = stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
        if len(raw) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise PayloadTooLarge
        try:
            data = orjson.loads(raw)
        except orjson.JSONDecodeError:
            raise Invalid("The body is not valid JSON.", code="malformed_request") from None
        # Cheap tests on the bytes first: almost no request needs the walk.
        if b"\\u0000" in raw or raw.count(b"[") + raw.count(b"{") > MAX_DEPTH:
            _refuse_unstorable(data, depth=0)
        return data


class RawParser(BaseParser):
    """The body as it came: a webhook's signature covers its bytes."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        body: bytes = stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
        if len(body) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise PayloadTooLarge
        return body


def _refuse_unstorable(value: Any, *, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise Invalid("The body is nested too deeply.", code="malformed_request")
    if isinstance(value, str):
        if "\x00" in value:
            raise Invalid("NUL characters are not allowed.", code="malformed_request")
    elif isinstance(value, dict):
        for key, item in value.items():
            _refuse_unstorable(key, depth=depth)
            _refuse_unstorable(item, depth=depth + 1)
    elif isinstance(value, list):
        for item in value:
            _refuse_unstorable(item, depth=depth + 1)
