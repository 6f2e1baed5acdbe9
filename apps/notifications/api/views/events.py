"""The public stream of events, for systems that follow the shop by asking instead of binding a queue."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from apps.common import stream
from apps.common.api.pagination import Page
from apps.common.api.permissions import staff
from apps.common.api.views import ApiView
from apps.notifications.api.serializers.event import EventOut, EventQuery


class Events(ApiView):
    permission_classes = [staff("common.view_event")]
    query_class = EventQuery

    @extend_schema(
        operation_id="events_list",
        summary="Follow what happens",
        description="Events of orders, oldest first, past a position: remember the last `position` and ask again with"
        " `after`. Nothing is ever missed or reordered; the same documents go to the exchange `tradepost.events`.",
        tags=["Events"],
        responses=EventOut(many=True),
    )
    def get(self, request: Request) -> Response:
        types = tuple(self.query.get("type", "").split(",")) if "type" in self.query else ()
        events = stream.published_after(self.query["after"], types=types, aggregate_id=self.query.get("order"))
        size: int = self.query["page_size"]
        rows = [stream.message(event) for event in events[: size + 1]]
        more, rows = len(rows) > size, rows[:size]
        url = request.build_absolute_uri()
        following = replace_query_param(url, "after", rows[-1]["position"]) if more else None
        return Page(count=None, next=following, previous=None, results=rows).response()
