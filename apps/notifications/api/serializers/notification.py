"""Bodies of notifications."""

from typing import Any

from rest_framework import serializers

from apps.notifications.models import Notification


class NotificationOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=Notification.Kind.choices)
    channel = serializers.CharField(max_length=10)
    subject = serializers.CharField(max_length=200, allow_null=True, help_text="null until it has been sent")
    status = serializers.ChoiceField(choices=Notification.Status.choices)
    target_id = serializers.UUIDField(allow_null=True, help_text="the order, for messages about one")
    created_at = serializers.DateTimeField()
    sent_at = serializers.DateTimeField(allow_null=True)
    read_at = serializers.DateTimeField(allow_null=True)


class ReadAllOut(serializers.Serializer[Any]):
    marked = serializers.IntegerField(min_value=0, max_value=2_147_483_647, help_text="how many were unread")


def present_notification(notification: Notification) -> dict[str, Any]:
    return {
        "id": notification.id,
        "kind": notification.kind,
        "channel": notification.channel,
        "subject": notification.subject or None,
        "status": notification.status,
        "target_id": notification.target_id,
        "created_at": notification.created_at,
        "sent_at": notification.sent_at,
        "read_at": notification.read_at,
    }
