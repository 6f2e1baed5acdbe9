"""Counting what a warehouse really holds."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api.idempotency import idempotent
from apps.common.api.pagination import numbered_page
from apps.common.api.permissions import staff
from apps.common.api.views import ApiView, created
from apps.common.errors import NotFound
from apps.products.api.serializers.stock_operations import (
    CountCreateBody,
    CountLineOut,
    CountLineQuery,
    CountLinesBody,
    CountOut,
    CountQuery,
    present_count,
    present_count_line,
)
from apps.products.models import StockCount, StockCountLine
from apps.products.services import inventory, stock_counts

TAGS = ["Stock for staff"]
_LOOKUPS = {"status": "status", "warehouse": "warehouse__code"}
_VIEW, _CHANGE = staff("products.view_stockcount"), staff("products.change_stockcount")


def _answer(count_id: UUID) -> dict[str, Any]:
    count = inventory.counts().filter(pk=count_id).first()
    if count is None:
        raise NotFound
    return present_count(count)


class Counts(ApiView):
    permissions = {"GET": [_VIEW], "POST": [staff("products.add_stockcount")]}
    query_class = CountQuery
    problems = {"GET": [404]}

    @extend_schema(
        operation_id="admin_inventory_counts_list",
        summary="List stock counts",
        description="Newest first.",
        tags=TAGS,
        responses=CountOut(many=True),
    )
    def get(self, request: Request) -> Response:
        wanted = {lookup: self.query[name] for name, lookup in _LOOKUPS.items() if name in self.query}
        rows = StockCount.objects.filter(**wanted).count()
        found = inventory.counts().filter(**wanted)
        return numbered_page(request, self.query, found, present_count, count=rows).response()

    @extend_schema(
        operation_id="admin_inventory_counts_open",
        summary="Open a stock count",
        description="Of the given SKUs, or of all that the warehouse has a level of. Nothing changes until it is"
        " applied.",
        tags=TAGS,
        request=CountCreateBody,
        responses={201: CountOut},
        examples=[
            OpenApiExample("One shelf", {"warehouse": "east", "skus": ["OS-MUG-OAT"]}, request_only=True),
            OpenApiExample("The whole warehouse", {"warehouse": "east", "note": "Year's end"}, request_only=True),
        ],
    )
    @idempotent()
    def post(self, request: Request) -> Response:
        count = stock_counts.open_count(actor=request.user, **self.body(CountCreateBody))
        return created(_answer(count.pk), f"/api/v1/admin/inventory/counts/{count.pk}/")


class CountDetail(ApiView):
    permission_classes = [_VIEW]

    @extend_schema(
        operation_id="admin_inventory_counts_retrieve",
        summary="Read a stock count",
        description="Its state and how far it is. The lines are beside it.",
        tags=TAGS,
        responses=CountOut,
    )
    def get(self, request: Request, count_id: UUID) -> Response:
        return Response(_answer(count_id))


class CountLines(ApiView):
    permissions = {"GET": [_VIEW], "PATCH": [_CHANGE]}
    query_class = CountLineQuery
    problems = {"PATCH": [409]}

    @extend_schema(
        operation_id="admin_inventory_counts_lines",
        summary="List the lines of a stock count",
        description="By SKU, with what was counted and, once applied, what was booked.",
        tags=TAGS,
        responses=CountLineOut(many=True),
    )
    def get(self, request: Request, count_id: UUID) -> Response:
        if not StockCount.objects.filter(pk=count_id).exists():
            raise NotFound
        lines = StockCountLine.objects.filter(stock_count_id=count_id).select_related("variant")
        if "counted" in self.query:
            lines = lines.filter(counted__isnull=not self.query["counted"])
        return numbered_page(request, self.query, lines.order_by("variant__sku"), present_count_line).response()

    @extend_schema(
        operation_id="admin_inventory_counts_note",
        summary="Note what was counted",
        description="Up to 100 lines, all or none. A later number replaces an earlier one.",
        tags=TAGS,
        request=CountLinesBody,
        responses=CountOut,
        examples=[
            OpenApiExample("Seventeen mugs", {"lines": [{"sku": "OS-MUG-OAT", "counted": 17}]}, request_only=True)
        ],
    )
    def patch(self, request: Request, count_id: UUID) -> Response:
        lines = self.body(CountLinesBody)["lines"]
        stock_counts.set_counted(count_id=count_id, counted=[(line["sku"], line["counted"]) for line in lines])
        return Response(_answer(count_id))


class ApplyCount(ApiView):
    permission_classes = [_CHANGE]
    problems = {"POST": [409]}

    @extend_schema(
        operation_id="admin_inventory_counts_apply",
        summary="Apply a stock count",
        description="Books the difference of each counted line against what is on hand now, all or none. 409"
        " `negative_stock` names the SKUs of which fewer were counted than are promised.",
        tags=TAGS,
        request=None,
        responses=CountOut,
    )
    @idempotent()
    def post(self, request: Request, count_id: UUID) -> Response:
        stock_counts.apply(count_id=count_id, actor=request.user)
        return Response(_answer(count_id))


class CancelCount(ApiView):
    permission_classes = [_CHANGE]
    problems = {"POST": [409]}

    @extend_schema(
        operation_id="admin_inventory_counts_cancel",
        summary="Cancel a stock count",
        description="What was counted is thrown away.",
        tags=TAGS,
        request=None,
        responses=CountOut,
    )
    @idempotent()
    def post(self, request: Request, count_id: UUID) -> Response:
        stock_counts.cancel(count_id=count_id, actor=request.user)
        return Response(_answer(count_id))
