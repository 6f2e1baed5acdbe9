"""What a customer has been told, and what of it they have seen."""

from uuid import UUID

from django.utils import timezone

from apps.common.errors import NotFound
from apps.notifications.models import Notification


def mark_read(*, user_id: UUID, notification_id: UUID) -> Notification:
    """Note that the customer has seen a message; the first time counts. Raises NotFound for anybody else's."""
    own = Notification.objects.filter(pk=notification_id, user_id=user_id)
    own.filter(read_at=None).update(read_at=timezone.now())
    notification = own.first()
    if notification is None:
        raise NotFound
    return notification


def mark_all_read(*, user_id: UUID) -> int:
    """Note that the customer has seen everything; returns how many were new."""
    return Notification.objects.filter(user_id=user_id, read_at=None).update(read_at=timezone.now())
