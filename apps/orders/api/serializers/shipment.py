"""Bodies of parcels."""

from typing import Any

from django.http import QueryDict
from rest_framework import serializers

from apps.common.api.fields import LineField
from apps.common.api.query import TrueFalseField
from apps.common.api.serializers import StrictSerializer
from apps.orders.models import Order, Shipment, ShipmentLine, TrackingEvent
from apps.orders.models.order import OrderItem
from apps.orders.services import parcels
from apps.orders.services.collection import collection_code
from apps.orders.services.fulfilment import Parcel


class LabelBody(StrictSerializer):
    carrier = LineField(max_length=80, required=False, allow_blank=True)
    tracking_number = LineField(max_length=80, required=False, allow_blank=True)
    tracking_url = serializers.URLField(
        max_length=300, required=False, allow_blank=True, help_text="made up for known carriers"
    )

    def validate_tracking_url(self, value: str) -> str:
        if value and not value.startswith(("https://", "http://")):
            raise serializers.ValidationError("Only http and https addresses.", code="invalid")
        return value


class WantedBody(StrictSerializer):
    item = serializers.UUIDField(help_text="id of the order's line")
    quantity = serializers.IntegerField(min_value=1, max_value=999)


class ShipBody(LabelBody):
    """Either `lines` or `all`."""

    lines = serializers.ListField(child=WantedBody(), required=False, allow_empty=False, max_length=100)
    all = serializers.BooleanField(required=False, default=False, help_text="everything that is left")
    leaving = serializers.BooleanField(
        required=False, default=False, help_text="handed to the carrier at once, or waiting in the store"
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["all"] == ("lines" in attrs):
            raise serializers.ValidationError({"lines": ["Give either lines or all."]}, code="required")
        return attrs


class ShipmentChangeBody(LabelBody):
    status = serializers.ChoiceField(choices=Shipment.Status.choices, required=False)


class ShipmentImportBody(StrictSerializer):
    """multipart/form-data, where everything but the file is a text."""

    file = serializers.FileField(allow_empty_file=True, max_length=1000, help_text="CSV, UTF-8, up to 2,000 rows")
    dry_run = TrueFalseField(required=False, help_text="true: tell what would be refused, change nothing.")

    def to_internal_value(self, data: Any) -> Any:
        return super().to_internal_value(data.dict() if isinstance(data, QueryDict) else data)


class HandOverBody(StrictSerializer):
    code = LineField(max_length=20, help_text="that the buyer shows")


class ShipmentLineOut(serializers.Serializer[Any]):
    item = serializers.UUIDField(help_text="id of the order's line")
    sku = serializers.CharField(max_length=64)
    name = serializers.CharField(max_length=200)
    quantity = serializers.IntegerField(min_value=1, max_value=999)


class TrackingEventOut(serializers.Serializer[Any]):
    status = serializers.CharField(max_length=40)
    description = serializers.CharField(max_length=300)
    location = serializers.CharField(max_length=120)
    occurred_at = serializers.DateTimeField()


class ShipmentOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=Shipment.Status.choices)
    is_pickup = serializers.BooleanField(help_text="collected in the order's store")
    collection_code = serializers.CharField(
        max_length=6, allow_null=True, help_text="shown to the buyer while the parcel waits in the store"
    )
    carrier = serializers.CharField(max_length=80)
    tracking_number = serializers.CharField(max_length=80)
    tracking_url = serializers.CharField(max_length=300)
    lines = ShipmentLineOut(many=True)
    shipped_at = serializers.DateTimeField(allow_null=True)
    delivered_at = serializers.DateTimeField(allow_null=True)


class TrackedShipmentOut(ShipmentOut):
    events = TrackingEventOut(many=True)


class ShipmentsOut(serializers.Serializer[Any]):
    results = TrackedShipmentOut(many=True)


class AdminShipmentOut(TrackedShipmentOut):
    order = serializers.UUIDField()
    order_number = serializers.CharField(max_length=20)
    warehouse = serializers.CharField(max_length=40, allow_null=True)
    allowed_statuses = serializers.ListField(child=serializers.CharField(max_length=16), max_length=8)


class OpenParcelOut(serializers.Serializer[Any]):
    warehouse = serializers.CharField(max_length=40, allow_null=True)
    lines = ShipmentLineOut(many=True)


class AdminShipmentsOut(serializers.Serializer[Any]):
    results = AdminShipmentOut(many=True)
    open = OpenParcelOut(many=True, help_text="what is left, as the parcels that `all` would make")


def shipments_of(order: Order) -> list[Shipment]:
    """The parcels that the buyer may see, with their lines."""
    return list(order.shipments.exclude(status=Shipment.Status.CANCELLED).prefetch_related("lines__item"))


def present_shipment(shipment: Shipment, *, for_buyer: bool = True) -> dict[str, Any]:
    """A parcel. The collection code is the buyer's alone: staff are told it over the counter."""
    waiting = shipment.status == Shipment.Status.READY_FOR_PICKUP
    return {
        "id": shipment.id,
        "status": shipment.status,
        "is_pickup": shipment.is_pickup,
        "collection_code": collection_code(shipment.id) if waiting and for_buyer else None,
        "carrier": shipment.carrier,
        "tracking_number": shipment.tracking_number,
        "tracking_url": shipment.tracking_url,
        "lines": [_present_line(line) for line in shipment.lines.all()],
        "shipped_at": shipment.shipped_at,
        "delivered_at": shipment.delivered_at,
    }


def present_tracked(shipment: Shipment, *, for_buyer: bool = True) -> dict[str, Any]:
    """A parcel with what is known of its way."""
    events = [_present_event(event) for event in shipment.tracking_events.all()]
    return present_shipment(shipment, for_buyer=for_buyer) | {"events": events}


def present_admin_shipment(shipment: Shipment) -> dict[str, Any]:
    return present_tracked(shipment, for_buyer=False) | {
        "order": shipment.order_id,
        "order_number": shipment.order.number,
        "warehouse": shipment.warehouse.code if shipment.warehouse else None,
        "allowed_statuses": parcels.allowed_moves(shipment),
    }


def present_open(parcel: Parcel, items: dict[Any, OrderItem]) -> dict[str, Any]:
    return {
        "warehouse": parcel.warehouse.code if parcel.warehouse else None,
        "lines": [
            {"item": key, "sku": items[key].sku, "name": items[key].name, "quantity": quantity}
            for key, quantity in parcel.units.items()
        ],
    }


def _present_line(line: ShipmentLine) -> dict[str, Any]:
    return {"item": line.item_id, "sku": line.item.sku, "name": line.item.name, "quantity": line.quantity}


def _present_event(event: TrackingEvent) -> dict[str, Any]:
    return {
        "status": event.status,
        "description": event.description,
        "location": event.location,
        "occurred_at": event.occurred_at,
    }
