"""Addresses of notifications under /api/v1/."""

from django.urls import path

from apps.notifications.api.views import events, notifications

urlpatterns = [
    path("events/", events.Events.as_view(), name="events"),
    path("notifications/", notifications.Notifications.as_view(), name="notifications"),
    path("notifications/read-all/", notifications.NotificationsReadAll.as_view(), name="notifications-read-all"),
    path(
        "notifications/<uuid:notification_id>/read/",
        notifications.NotificationRead.as_view(),
        name="notification-read",
    ),
]
