"""Bodies of stock reservations."""

from typing import Any

from rest_framework import serializers

from apps.common.api.serializers import StrictSerializer
from apps.products.api.serializers.inventory import InventoryOut
from apps.products.services.reservations import Reservation

STATES = ("held", "expired", "committed", "released")


class ReserveLineBody(StrictSerializer):
    sku = serializers.CharField(max_length=64)
    quantity = serializers.IntegerField(min_value=1, max_value=1_000_000)


class ReserveBody(StrictSerializer):
    lines = serializers.ListField(child=ReserveLineBody(), min_length=1, max_length=100)
    expires_in_seconds = serializers.IntegerField(min_value=10, max_value=604_800, default=900)
    country = serializers.RegexField("^[A-Z]{2}$", max_length=2, required=False, help_text="where the goods will go")


class ExtendBody(StrictSerializer):
    expires_in_seconds = serializers.IntegerField(min_value=10, max_value=604_800, help_text="from now on")


class ReservationKeyBody(StrictSerializer):
    reservation = serializers.UUIDField()


class ReservedLineOut(serializers.Serializer[Any]):
    sku = serializers.CharField(max_length=64)
    warehouse = serializers.CharField(max_length=40, help_text="code")
    quantity = serializers.IntegerField(min_value=1, max_value=1_000_000)


class ReservationOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=STATES)
    expires_at = serializers.DateTimeField()
    lines = ReservedLineOut(many=True)


class PublicStockOut(serializers.Serializer[Any]):
    """What anybody may know of a SKU's stock; `stock` for staff alone."""

    sku = serializers.CharField(max_length=64)
    availability = serializers.ChoiceField(choices=("in_stock", "low_stock", "out_of_stock"))
    next_restock_on = serializers.DateField(allow_null=True, help_text="when more are expected, if there are none")
    stock = InventoryOut(allow_null=True)


def present_reservation(reservation: Reservation) -> dict[str, Any]:
    return {
        "id": reservation.id,
        "status": reservation.status,
        "expires_at": reservation.expires_at,
        "lines": [
            {"sku": line.sku, "warehouse": line.warehouse, "quantity": line.quantity} for line in reservation.lines
        ],
    }
