"""Orders as staff see and move them."""

from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api.conditional import check_if_match, conditional, etag_of
from apps.common.api.pagination import PageQuery, numbered_page
from apps.common.api.permissions import staff
from apps.common.api.query import TrueFalseField
from apps.common.api.views import ApiView
from apps.orders.api.serializers.desk import OrderChangeBody
from apps.orders.api.serializers.order import (
    AdminOrderOut,
    OrderRowOut,
    TransitionBody,
    present_admin_order,
    present_row,
)
from apps.orders.api.views.desk import any_order
from apps.orders.models import Order, OrderItem, Shipment
from apps.orders.models.order import OrderQuerySet
from apps.orders.services import deadlines, desk, transitions

TAGS = ["Orders for staff"]


class AdminOrderQuery(PageQuery):
    status = serializers.ChoiceField(choices=Order.Status.choices, required=False)
    payment_status = serializers.ChoiceField(choices=Order.PaymentStatus.choices, required=False)
    fulfilment_status = serializers.ChoiceField(choices=Order.FulfilmentStatus.choices, required=False)
    customer = serializers.UUIDField(required=False, help_text="Orders of this account.")
    tag = serializers.SlugField(max_length=40, required=False, help_text="Orders that carry this tag.")
    on_hold = TrueFalseField(required=False, help_text="Only held orders, or only those that are not.")
    late = TrueFalseField(required=False, help_text="Only paid orders that should have left, or only the others.")
    search = serializers.CharField(
        max_length=100, required=False, help_text="Number, SKU, tracking number, or the start of an e-mail."
    )
    created_after = serializers.DateTimeField(required=False, help_text="Placed at or after this time.")
    created_before = serializers.DateTimeField(required=False, help_text="Placed before this time.")


_LOOKUPS = {
    "status": "status",
    "payment_status": "payment_status",
    "fulfilment_status": "fulfilment_status",
    "customer": "user_id",
    "tag": "tags__contains",
    "created_after": "placed_at__gte",
    "created_before": "placed_at__lt",
}


def _found(orders: OrderQuerySet, query: dict[str, Any]) -> OrderQuerySet:
    for name, lookup in _LOOKUPS.items():
        if name in query:
            orders = orders.filter(**{lookup: [query[name]] if name == "tag" else query[name]})
    if "on_hold" in query:
        orders = orders.filter(held_at__isnull=not query["on_hold"])
    if "late" in query:
        late = Q(pk__in=deadlines.late_orders().order_by().values("pk"))
        orders = orders.filter(late if query["late"] else ~late)
    if search := query.get("search"):
        parts = Q(number=search.upper()) | Q(email__startswith=search.lower())
        lines = OrderItem.objects.filter(order=OuterRef("pk"), sku=search)
        parcels = Shipment.objects.filter(order=OuterRef("pk"), tracking_number=search)
        orders = orders.filter(parts | Q(Exists(lines)) | Q(Exists(parcels)))
    return orders


class AdminOrders(ApiView):
    permission_classes = [staff("orders.view_order")]
    query_class = AdminOrderQuery
    problems = {"GET": [404]}

    @extend_schema(
        operation_id="admin_orders_list",
        summary="Search orders",
        description="All orders, newest first.",
        tags=TAGS,
        responses=OrderRowOut(many=True),
    )
    def get(self, request: Request) -> Response:
        orders = _found(Order.objects.order_by("-id"), self.query)
        return numbered_page(request, self.query, orders, present_row).response()


class AdminOrderDetail(ApiView):
    permissions = {"GET": [staff("orders.view_order")], "PATCH": [staff("orders.change_order")]}
    conditional_read = True
    conditional_write = True

    @extend_schema(
        operation_id="admin_orders_retrieve",
        summary="Read an order for staff",
        description="With its customer and the moves that are possible now.",
        tags=TAGS,
        responses=AdminOrderOut,
    )
    def get(self, request: Request, order_id: UUID) -> Response:
        return conditional(request, present_admin_order(any_order(order_id)))

    @extend_schema(
        operation_id="admin_orders_change",
        summary="Tag an order",
        description="Replaces its tags. What was sold is never changed here.",
        tags=TAGS,
        request=OrderChangeBody,
        responses=AdminOrderOut,
        examples=[OpenApiExample("Two tags", {"tags": ["gift", "vip"]}, request_only=True)],
    )
    def patch(self, request: Request, order_id: UUID) -> Response:
        order = desk.set_tags(
            order_id=order_id, actor=request.user, precondition=self._unchanged, **self.body(OrderChangeBody)
        )
        body = present_admin_order(order)
        return Response(body, headers={"ETag": etag_of(body)})

    def _unchanged(self, order: Order) -> None:
        check_if_match(self.request, present_admin_order(order))


class AdminOrderTransitions(ApiView):
    permission_classes = [staff("orders.change_order")]
    problems = {"POST": [409]}

    @extend_schema(
        operation_id="admin_orders_transition",
        summary="Move an order",
        description="A 409 lists the `allowed` moves. Shipping takes carrier and tracking; only a payment confirms.",
        tags=TAGS,
        request=TransitionBody,
        responses=AdminOrderOut,
        examples=[
            OpenApiExample(
                "Shipped",
                {"to": "shipped", "carrier": "UPS", "tracking_number": "1Z999AA10123456784"},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request, order_id: UUID) -> Response:
        order = transitions.transition(order_id=order_id, actor=request.user, **self.body(TransitionBody))
        return Response(present_admin_order(order))
