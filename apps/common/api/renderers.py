"""JSON out, by orjson: Decimals as strings, datetimes as RFC 3339 in UTC with `Z`."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from django.utils.functional import Promise
from rest_framework.renderers import BaseRenderer

_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS


def _default(value: object) -> object:
    if isinstance(value, Decimal | UUID | Promise):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | tuple):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def dumps(data: object) -> bytes:
    """Serialise to JSON bytes in the API's one form."""
    return orjson.dumps(data, default=_default, option=_OPTIONS)


class OrjsonRenderer(BaseRenderer):
    """The API's renderer but for documents. Bytes pass through: a cached body is not rendered twice."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        if data is None:
            return b""
        return data if isinstance(data, bytes) else dumps(data)


class PdfRenderer(BaseRenderer):
    """For views that answer documents: bytes are the PDF, anything else is a problem document."""

    media_type = "application/pdf"
    format = "pdf"
    charset = None
    render_style = "binary"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        return data if isinstance(data, bytes) else dumps(data)


class WebPRenderer(PdfRenderer):
    """The same for pictures."""

    media_type = "image/webp"
    format = "webp"
