"""Stock levels, the ledger and the past, as staff see them."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api.conditional import check_if_match
from apps.common.api.pagination import newest_first, numbered_page
from apps.common.api.permissions import staff
from apps.common.api.views import ApiView
from apps.common.errors import Invalid
from apps.products.api.serializers.inventory import (
    HistoryOut,
    HistoryQuery,
    InventoryChangeBody,
    InventoryOut,
    InventoryQuery,
    MovementOut,
    MovementQuery,
    present_movement,
    present_stock,
    stock_etag,
    stock_etag_part,
)
from apps.products.services import inventory, stock_settings
from apps.products.services.inventory import SkuStock

TAGS = ["Stock for staff"]


def _answer(stock: SkuStock) -> Response:
    return Response(present_stock(stock), headers={"ETag": stock_etag(stock)})


class Inventory(ApiView):
    permission_classes = [staff("products.view_stocklevel")]
    query_class = InventoryQuery
    problems = {"GET": [404]}

    @extend_schema(
        operation_id="admin_inventory_list",
        summary="List stock by SKU",
        description="Each SKU with its levels per warehouse and what is on its way to them.",
        tags=TAGS,
        responses=InventoryOut(many=True),
    )
    def get(self, request: Request) -> Response:
        wanted = {name: self.query.get(name) for name in ("search", "warehouse", "low_stock", "out_of_stock")}
        page = numbered_page(request, self.query, inventory.stocked(**wanted), lambda variant: variant)
        rows = inventory.with_levels(page.results, warehouse=wanted["warehouse"])
        body = page.body() | {"results": [present_stock(row) for row in rows]}
        return Response(body, headers=page.headers())


class InventoryDetail(ApiView):
    permissions = {
        "GET": [staff("products.view_stocklevel")],
        "PATCH": [staff("products.change_stocklevel")],
    }
    edit_etag = True
    conditional_write = True
    problems = {"PATCH": [409]}

    @extend_schema(
        operation_id="admin_inventory_retrieve",
        summary="Read the stock of a SKU",
        description="On hand, reserved, available and in transit, in all and per warehouse. The `ETag` names the"
        " settings alone: sales do not outdate it.",
        tags=TAGS,
        responses=InventoryOut,
    )
    def get(self, request: Request, sku: str) -> Response:
        (stock,) = inventory.with_levels([inventory.variant_of(sku)])
        return _answer(stock)

    @extend_schema(
        operation_id="admin_inventory_change",
        summary="Change the settings of a SKU's levels",
        description="Only the given members of the named warehouses change. Quantities change by adjustments.",
        tags=TAGS,
        request=InventoryChangeBody,
        responses=InventoryOut,
        examples=[
            OpenApiExample(
                "Warn at ten", {"levels": [{"warehouse": "east", "low_stock_threshold": 10}]}, request_only=True
            )
        ],
    )
    def patch(self, request: Request, sku: str) -> Response:
        body = self.body(InventoryChangeBody)
        return _answer(
            stock_settings.change(sku=sku, changes=body["levels"], actor=request.user, precondition=self._unchanged)
        )

    def _unchanged(self, stock: SkuStock) -> None:
        check_if_match(self.request, stock_etag_part(stock))


class Movements(ApiView):
    permission_classes = [staff("products.view_stockmovement")]
    query_class = MovementQuery

    @extend_schema(
        operation_id="admin_inventory_movements",
        summary="Read the ledger",
        description="Every change of what is on hand, newest first. Rows are never changed or deleted.",
        tags=TAGS,
        responses=MovementOut(many=True),
    )
    def get(self, request: Request) -> Response:
        query: dict[str, Any] = dict(self.query)
        page: dict[str, Any] = {name: query.pop(name) for name in ("cursor", "page_size") if name in query}
        return newest_first(request, page, inventory.movements(**query), present_movement).response()


class History(ApiView):
    permission_classes = [staff("products.view_stocklevel")]
    query_class = HistoryQuery

    @extend_schema(
        operation_id="admin_inventory_history",
        summary="Read the stock of a SKU at a past moment",
        description="What was on hand then, added up from the ledger.",
        tags=TAGS,
        responses=HistoryOut,
    )
    def get(self, request: Request, sku: str) -> Response:
        at = self.query["at"]
        if at > timezone.now():
            raise Invalid.parameter("at", "invalid", "Give a moment in the past.")
        rows = inventory.on_hand_at(variant=inventory.variant_of(sku), at=at)
        levels = [{"warehouse": code, "on_hand": units} for code, units in rows]
        return Response({"sku": sku, "at": at, "on_hand": sum(units for _, units in rows), "levels": levels})
