"""When goods arrive, as cart and order tell it."""

from datetime import date
from typing import Any

from rest_framework import serializers


class DeliveryOut(serializers.Serializer[Any]):
    """Dates of the shop's calendar."""

    earliest = serializers.DateField()
    latest = serializers.DateField()


def present_delivery(earliest: date | None, latest: date | None) -> dict[str, Any] | None:
    """Null for orders of the time before there were estimates."""
    return {"earliest": earliest, "latest": latest} if earliest is not None and latest is not None else None
