"""What staff do beside moving an order: hold it back, write notes, read all that happened."""

from uuid import UUID

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api.permissions import staff
from apps.common.api.views import ApiView, created
from apps.common.errors import NotFound
from apps.orders.api.serializers.desk import HoldBody, NoteBody, NoteOut, NotesOut, ReleaseBody, present_note
from apps.orders.api.serializers.order import AdminOrderOut, present_admin_order
from apps.orders.api.serializers.timeline import TimelineOut, present_entry
from apps.orders.models import Order
from apps.orders.services import desk
from apps.orders.services.timeline import timeline

TAGS = ["Orders for staff"]
_VIEW, _CHANGE = staff("orders.view_order"), staff("orders.change_order")


def any_order(order_id: UUID) -> Order:
    """Whosever it is. Raises NotFound."""
    order = Order.objects.filter(pk=order_id).first()
    if order is None:
        raise NotFound
    return order


class AdminOrderHold(ApiView):
    permission_classes = [_CHANGE]
    problems = {"POST": [409]}

    @extend_schema(
        operation_id="admin_orders_hold",
        summary="Hold an order back",
        description="Until it is released it is neither processed nor shipped; it may be cancelled. The buyer does not"
        " see it. A second hold changes the reason.",
        tags=TAGS,
        request=HoldBody,
        responses=AdminOrderOut,
        examples=[OpenApiExample("Address", {"reason": "Address to be confirmed by phone"}, request_only=True)],
    )
    def post(self, request: Request, order_id: UUID) -> Response:
        order = desk.hold(order_id=order_id, actor=request.user, **self.body(HoldBody))
        return Response(present_admin_order(order))


class AdminOrderRelease(ApiView):
    permission_classes = [_CHANGE]

    @extend_schema(
        operation_id="admin_orders_release",
        summary="Release a held order",
        description="It may go on. Repeatable.",
        tags=TAGS,
        request=ReleaseBody,
        responses=AdminOrderOut,
        examples=[OpenApiExample("With a reason", {"reason": "Address confirmed"}, request_only=True)],
    )
    def post(self, request: Request, order_id: UUID) -> Response:
        order = desk.release(order_id=order_id, actor=request.user, **self.body(ReleaseBody))
        return Response(present_admin_order(order))


class AdminOrderNotes(ApiView):
    permissions = {"GET": [_VIEW], "POST": [_CHANGE]}

    @extend_schema(
        operation_id="admin_orders_notes_list",
        summary="Read an order's notes",
        description="Internal ones and those that the buyer sees, oldest first.",
        tags=TAGS,
        responses=NotesOut,
    )
    def get(self, request: Request, order_id: UUID) -> Response:
        return Response({"results": [present_note(note) for note in any_order(order_id).notes.all()]})

    @extend_schema(
        operation_id="admin_orders_notes_create",
        summary="Write a note",
        description="Internal, or with `customer_visible` also shown in the buyer's timeline. Notes are not changed.",
        tags=TAGS,
        request=NoteBody,
        responses={201: NoteOut},
        examples=[
            OpenApiExample(
                "For the buyer",
                {"text": "We wrapped it as a gift.", "customer_visible": True},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request, order_id: UUID) -> Response:
        body = self.body(NoteBody)
        note = desk.add_note(
            order_id=order_id, text=body["text"], is_customer_visible=body["customer_visible"], actor=request.user
        )
        return created(present_note(note), f"/api/v1/admin/orders/{order_id}/notes/")


class AdminOrderTimeline(ApiView):
    permission_classes = [_VIEW]

    @extend_schema(
        operation_id="admin_orders_timeline",
        summary="Read all that happened to an order",
        description="As the buyer's timeline, with internal notes, holds, tags and every reason.",
        tags=TAGS,
        responses=TimelineOut,
    )
    def get(self, request: Request, order_id: UUID) -> Response:
        entries = timeline(any_order(order_id), for_staff=True)
        return Response({"results": [present_entry(entry) for entry in entries]})
