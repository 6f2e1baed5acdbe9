"""Bodies of an order's timeline."""

from typing import Any

from rest_framework import serializers

from apps.common.api.serializers import MoneyField
from apps.orders.services.timeline import KINDS, Entry


class TimelineEntryOut(serializers.Serializer[Any]):
    """`status` entries have from_status and to_status; the others are null there."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=KINDS)
    event = serializers.CharField(max_length=80, help_text="such as order.confirmed, shipment.delivered, note.public")
    from_status = serializers.CharField(max_length=12, allow_null=True)
    to_status = serializers.CharField(max_length=12, allow_null=True)
    actor = serializers.CharField(max_length=80, help_text="customer, guest, staff or system")
    reason = serializers.CharField(max_length=200)
    text = serializers.CharField(max_length=1000, help_text="of a note, else empty")
    amount = MoneyField(allow_null=True, help_text="of money that moved, else null")
    shipment = serializers.UUIDField(allow_null=True, help_text="the parcel, of shipment entries")
    created_at = serializers.DateTimeField()


class TimelineOut(serializers.Serializer[Any]):
    results = TimelineEntryOut(many=True)


def present_entry(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "kind": entry.kind,
        "event": entry.event,
        "from_status": entry.from_status,
        "to_status": entry.to_status,
        "actor": entry.actor,
        "reason": entry.reason[:200],
        "text": entry.text,
        "amount": entry.amount.as_json() if entry.amount else None,
        "shipment": entry.data.get("shipment_id") if entry.kind == "shipment" else None,
        "created_at": entry.created_at,
    }
