"""Bodies of stored provider events."""

from typing import Any

from rest_framework import serializers

from apps.common.api.pagination import PageQuery
from apps.payments.models import Payment, WebhookEvent


class WebhookEventQuery(PageQuery):
    status = serializers.ChoiceField(
        choices=WebhookEvent.Status.choices, required=False, help_text="Only events in this state; `dead` needs a look."
    )
    type = serializers.CharField(max_length=80, required=False, help_text="Only events of this type.")
    provider = serializers.ChoiceField(
        choices=Payment.Provider.choices, required=False, help_text="Only events of this provider."
    )


class WebhookEventOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    provider = serializers.CharField(max_length=12)
    provider_event_id = serializers.CharField(max_length=120)
    type = serializers.CharField(max_length=80)
    status = serializers.ChoiceField(choices=WebhookEvent.Status.choices)
    attempts = serializers.IntegerField()
    last_error = serializers.CharField(max_length=300, allow_null=True)
    next_attempt_at = serializers.DateTimeField()
    processed_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


def present_event(event: WebhookEvent) -> dict[str, Any]:
    return {
        "id": event.id,
        "provider": event.provider,
        "provider_event_id": event.provider_event_id,
        "type": event.type,
        "status": event.status,
        "attempts": event.attempts,
        "last_error": event.last_error or None,
        "next_attempt_at": event.next_attempt_at,
        "processed_at": event.processed_at,
        "created_at": event.created_at,
    }
