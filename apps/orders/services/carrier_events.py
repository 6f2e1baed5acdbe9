"""What carriers tell of parcels: signed, stored once, applied to the parcel that has the tracking number.

Signature: header `t=<unix time>,v1=<hex HMAC-SHA256 of "<t>." + body>` under CARRIER_WEBHOOK_SECRET, five minutes
old at most.
"""

import hashlib
import hmac
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from django.conf import settings
from django.db import transaction
from django.utils.dateparse import parse_datetime

from apps.common.errors import FieldError, Invalid
from apps.orders.models import Shipment, TrackingEvent
from apps.orders.services import parcels

TOLERANCE_SECONDS: Final = 300
_SIGNATURE = re.compile(r"t=(\d{1,12}),v1=([0-9a-f]{64})", re.ASCII)
_LENGTHS: Final = {"id": 120, "tracking_number": 80, "status": 40, "description": 300, "location": 120}
_REQUIRED: Final = ("id", "tracking_number", "status", "occurred_at")


class SignatureInvalid(Invalid):
    code = "signature_invalid"
    detail = "The signature or its time is wrong."


@dataclass(frozen=True, slots=True)
class _News:
    id: str
    tracking_number: str
    status: str
    description: str
    location: str
    occurred_at: datetime


def receive(*, body: bytes, signature: str) -> bool:
    """Verify, keep and apply a carrier's event; False when it was known already.

    Raises SignatureInvalid, or Invalid for a body that is not an event; then nothing is kept.
    """
    _verify(body, signature)
    news = _read(body)
    with transaction.atomic():
        return _keep(news)


def sign(body: bytes, *, at: int) -> str:
    """The signature header that a carrier sends at this Unix time."""
    digest = hmac.new(settings.CARRIER_WEBHOOK_SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256)
    return f"t={at},v1={digest.hexdigest()}"


def _verify(body: bytes, signature: str) -> None:
    found = _SIGNATURE.fullmatch(signature)
    if not settings.CARRIER_WEBHOOK_SECRET or found is None:
        raise SignatureInvalid
    at = int(found[1])
    if abs(time.time() - at) > TOLERANCE_SECONDS or not hmac.compare_digest(sign(body, at=at), signature):
        raise SignatureInvalid


def _read(body: bytes) -> _News:
    try:
        data: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Invalid("The body is not valid JSON.", code="malformed_request") from None
    if not isinstance(data, dict):
        raise Invalid("Expected an object.")
    errors = [FieldError("required", "This is missing.", f"/{name}") for name in _REQUIRED if not data.get(name)]
    texts = {name: data.get(name) or "" for name in _LENGTHS}
    errors += [
        FieldError("invalid", "This is not a short text.", f"/{name}")
        for name, text in texts.items()
        if not isinstance(text, str) or len(text) > _LENGTHS[name] or "\x00" in text
    ]
    moment = _moment(data.get("occurred_at"))
    if moment is None:
        errors.append(FieldError("invalid", "Not a time with its zone.", "/occurred_at"))
    if errors or moment is None:
        raise Invalid(errors=errors)
    return _News(**texts, occurred_at=moment)


def _moment(text: Any) -> datetime | None:
    try:
        moment = parse_datetime(text) if isinstance(text, str) else None
        return moment.astimezone(UTC) if moment is not None and moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def _keep(news: _News) -> bool:
    event = TrackingEvent(
        source=TrackingEvent.Source.CARRIER,
        external_id=news.id,
        tracking_number=news.tracking_number,
        status=news.status,
        description=news.description,
        location=news.location,
        occurred_at=news.occurred_at,
    )
    # ON CONFLICT DO NOTHING waits for a twin's commit; a look before the insert would not.
    TrackingEvent.objects.bulk_create([event], ignore_conflicts=True)
    if not TrackingEvent.objects.filter(pk=event.pk).exists():
        return False
    found = Shipment.objects.filter(tracking_number=news.tracking_number).order_by("-id").first()
    if found is not None:
        order, shipment = parcels.locked(found.pk)
        parcels.adopt(shipment)
        parcels.settle(order)
    return True
