"""What providers told us, for staff: the list, with its dead letters, and another try."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api.pagination import numbered_page
from apps.common.api.permissions import staff
from apps.common.api.views import ApiView
from apps.payments.api.serializers.webhook import WebhookEventOut, WebhookEventQuery, present_event
from apps.payments.models import WebhookEvent
from apps.payments.services import webhooks

TAGS = ["Payments for staff"]


class AdminWebhookEvents(ApiView):
    permission_classes = [staff("payments.view_webhookevent")]
    query_class = WebhookEventQuery
    problems = {"GET": [404]}

    @extend_schema(
        operation_id="admin_webhook_events_list",
        summary="Events of the providers",
        description="Newest first. Dead ones failed too often and wait for a person.",
        tags=TAGS,
        responses=WebhookEventOut(many=True),
    )
    def get(self, request: Request) -> Response:
        wanted = {name: self.query[name] for name in ("status", "type", "provider") if name in self.query}
        events = WebhookEvent.objects.filter(**wanted).defer("payload").order_by("-id")
        return numbered_page(request, self.query, events, present_event).response()


class ReplayWebhookEvent(ApiView):
    permission_classes = [staff("payments.change_webhookevent")]
    problems = {"POST": [404]}

    @extend_schema(
        operation_id="admin_webhook_events_replay",
        summary="Apply an event again",
        description="Gives the event another series of attempts; harmless for one that was applied before.",
        tags=TAGS,
        request=None,
        responses=WebhookEventOut,
    )
    def post(self, request: Request, event_id: UUID) -> Response:
        return Response(present_event(webhooks.replay(event_id)))
