"""Staff screen of the messages: what was sent, what could not be, how it looks, and sending it again."""

from typing import Any, cast
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.views.decorators.clickjacking import xframe_options_sameorigin

from apps.common.admin import ReadOnlyAdmin
from apps.common.errors import Problem
from apps.notifications.models import Notification
from apps.notifications.services import content, queue

# The frame runs nothing, fetches nothing and has no origin, whatever a customer's name or a product's text contains.
_PREVIEW_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'self'"
_COLOURS = {"pending": "#b45309", "sending": "#1d4ed8", "sent": "#15803d", "dead": "#b91c1c"}


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "kind", "email", "state", "subject", "attempts", "sent_at", "last_error"]
    list_filter = ["status", "kind", "channel", "created_at"]
    search_fields = ["email", "subject", "request_id"]
    date_hierarchy = "created_at"
    actions = ["send_again"]
    readonly_fields = ["preview"]

    def has_resend_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("notifications.change_notification")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Notification]:
        queryset: QuerySet[Notification] = super().get_queryset(request)
        return queryset.select_related("user")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(xframe_options_sameorigin(self.preview_page))
        return [path("<uuid:notification_id>/preview/", view, name="notification-preview"), *super().get_urls()]

    @admin.display(description="status", ordering="status")
    def state(self, notification: Notification) -> str:
        colour = _COLOURS[notification.status]
        return format_html(
            '<span style="color:{};font-weight:600">{}</span>', colour, notification.get_status_display()
        )

    @admin.display(description="preview, with sample links")
    def preview(self, notification: Notification) -> str:
        address = reverse("admin:notification-preview", args=[notification.pk])
        return format_html(
            '<iframe src="{}" sandbox title="Preview of the mail" style="{}"></iframe>',
            address,
            "width:100%;min-width:640px;height:900px;border:1px solid #d4d4d4;background:#fff",
        )

    def preview_page(self, request: HttpRequest, notification_id: UUID) -> HttpResponse:
        """The HTML of the mail as it would be sent now; issues no token."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        notification = Notification.objects.select_related("user").filter(pk=notification_id).first()
        if notification is None:
            raise Http404
        headers = {"Content-Security-Policy": _PREVIEW_POLICY, "Cache-Control": "no-store"}
        try:
            return HttpResponse(content.preview(notification).html, headers=headers)
        except content.Undeliverable as reason:
            text = f"This message can no longer be shown: {reason}."
            return HttpResponse(text, content_type="text/plain; charset=utf-8", headers=headers)

    @admin.action(description="Send again", permissions=["resend"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Notification]) -> None:
        actor = cast(Any, request.user)
        queued = 0
        for notification_id in queryset.order_by("pk").values_list("pk", flat=True):
            try:
                queued += queue.send_again(notification_id=notification_id, actor=actor) is not None
            except Problem as refusal:
                self.message_user(request, refusal.detail, messages.WARNING)
        self.message_user(request, f"{queued} messages will be sent again.", messages.SUCCESS)
