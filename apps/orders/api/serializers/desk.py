"""Bodies of what staff do beside moving an order."""

from typing import Any

from rest_framework import serializers

from apps.common.api.fields import LineField
from apps.common.api.serializers import StrictSerializer
from apps.orders.models import OrderNote
from apps.orders.services.desk import MAX_TAGS


class HoldBody(StrictSerializer):
    reason = LineField(max_length=200)


class ReleaseBody(StrictSerializer):
    reason = LineField(max_length=200, required=False, allow_blank=True, default="")


class OrderChangeBody(StrictSerializer):
    tags = serializers.ListField(child=serializers.SlugField(max_length=40), max_length=MAX_TAGS, required=True)


class NoteBody(StrictSerializer):
    text = serializers.CharField(max_length=1000)
    customer_visible = serializers.BooleanField(
        required=False, default=False, help_text="also shown in the buyer's timeline"
    )


class NoteOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    text = serializers.CharField(max_length=1000)
    customer_visible = serializers.BooleanField()
    actor = serializers.CharField(max_length=80)
    actor_id = serializers.UUIDField(allow_null=True)
    created_at = serializers.DateTimeField()


class NotesOut(serializers.Serializer[Any]):
    results = NoteOut(many=True)


def present_note(note: OrderNote) -> dict[str, Any]:
    return {
        "id": note.id,
        "text": note.text,
        "customer_visible": note.is_customer_visible,
        "actor": note.actor,
        "actor_id": note.actor_id,
        "created_at": note.created_at,
    }
