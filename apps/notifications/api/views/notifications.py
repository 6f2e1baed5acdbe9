"""What the customer has been told."""

from typing import cast
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api.pagination import CursorQuery, newest_first
from apps.common.api.permissions import SignedIn
from apps.common.api.views import ApiView
from apps.notifications.api.serializers.notification import NotificationOut, ReadAllOut, present_notification
from apps.notifications.models import Notification
from apps.notifications.services import history

TAGS = ["Notifications"]


class Notifications(ApiView):
    permission_classes = [SignedIn]
    query_class = CursorQuery

    @extend_schema(
        operation_id="notifications_list",
        summary="My notifications",
        description="Newest first. `count` is null: follow `next` to the end.",
        tags=TAGS,
        responses=NotificationOut(many=True),
    )
    def get(self, request: Request) -> Response:
        own = Notification.objects.visible_to(request.user)
        return newest_first(request, self.query, own, present_notification).response()


class NotificationRead(ApiView):
    permission_classes = [SignedIn]

    @extend_schema(
        operation_id="notifications_read",
        summary="Mark one as read",
        description="Repeatable: `read_at` stays at the first time.",
        tags=TAGS,
        request=None,
        responses=NotificationOut,
    )
    def post(self, request: Request, notification_id: UUID) -> Response:
        notification = history.mark_read(user_id=cast(UUID, request.user.pk), notification_id=notification_id)
        return Response(present_notification(notification))


class NotificationsReadAll(ApiView):
    permission_classes = [SignedIn]

    @extend_schema(
        operation_id="notifications_read_all",
        summary="Mark all as read",
        description="Repeatable; answers how many were unread.",
        tags=TAGS,
        request=None,
        responses=ReadAllOut,
    )
    def post(self, request: Request) -> Response:
        return Response({"marked": history.mark_all_read(user_id=cast(UUID, request.user.pk))})
