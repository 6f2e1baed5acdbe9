"""The places that hold stock, as staff manage them."""

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api.conditional import check_if_match, conditional, etag_of
from apps.common.api.idempotency import idempotent
from apps.common.api.pagination import PageQuery, numbered_page
from apps.common.api.permissions import staff
from apps.common.api.views import ApiView, created
from apps.common.errors import NotFound
from apps.products.api.serializers.inventory import (
    WarehouseChangeBody,
    WarehouseCreateBody,
    WarehouseOut,
    present_warehouse,
)
from apps.products.models import Warehouse
from apps.products.services import warehouses

TAGS = ["Stock for staff"]
_VIEW = staff("products.view_warehouse")


class Warehouses(ApiView):
    permissions = {"GET": [_VIEW], "POST": [staff("products.add_warehouse")]}
    query_class = PageQuery
    problems = {"GET": [404]}

    @extend_schema(
        operation_id="admin_warehouses_list",
        summary="List warehouses",
        description="By priority, closed ones too.",
        tags=TAGS,
        responses=WarehouseOut(many=True),
    )
    def get(self, request: Request) -> Response:
        found = Warehouse.objects.order_by("priority", "code")
        return numbered_page(request, self.query, found, present_warehouse).response()

    @extend_schema(
        operation_id="admin_warehouses_create",
        summary="Open a warehouse",
        description="It holds stock from the first delivery on.",
        tags=TAGS,
        request=WarehouseCreateBody,
        responses={201: WarehouseOut},
        examples=[
            OpenApiExample(
                "In Leipzig",
                {"code": "leipzig", "name": "Leipzig", "city": "Leipzig", "country": "DE", "priority": 2},
                request_only=True,
            )
        ],
    )
    @idempotent()
    def post(self, request: Request) -> Response:
        warehouse = warehouses.create(actor=request.user, **self.body(WarehouseCreateBody))
        return created(present_warehouse(warehouse), f"/api/v1/admin/warehouses/{warehouse.code}/")


class WarehouseDetail(ApiView):
    permissions = {
        "GET": [_VIEW],
        "PATCH": [staff("products.change_warehouse")],
        "DELETE": [staff("products.delete_warehouse")],
    }
    conditional_read = True
    conditional_write = True
    problems = {"DELETE": [409]}

    @extend_schema(
        operation_id="admin_warehouses_retrieve",
        summary="Read a warehouse",
        description="Its address, priority and whether it is open.",
        tags=TAGS,
        responses=WarehouseOut,
    )
    def get(self, request: Request, code: str) -> Response:
        warehouse = Warehouse.objects.filter(code=code).first()
        if warehouse is None:
            raise NotFound
        return conditional(request, present_warehouse(warehouse))

    @extend_schema(
        operation_id="admin_warehouses_change",
        summary="Change a warehouse",
        description="Only the given members change. One that is switched off takes its stock off the shop.",
        tags=TAGS,
        request=WarehouseChangeBody,
        responses=WarehouseOut,
        examples=[OpenApiExample("Take from it first", {"priority": 0}, request_only=True)],
    )
    def patch(self, request: Request, code: str) -> Response:
        warehouse = warehouses.change(
            code=code,
            changes=self.body(WarehouseChangeBody),
            actor=request.user,
            precondition=self._unchanged,
        )
        body = present_warehouse(warehouse)
        return Response(body, headers={"ETag": etag_of(body)})

    @extend_schema(
        operation_id="admin_warehouses_close",
        summary="Close a warehouse",
        description="Only an empty one, with nothing on its way. Its ledger stays. Repeatable.",
        tags=TAGS,
        request=None,
        responses={204: OpenApiResponse(description="Closed.")},
    )
    def delete(self, request: Request, code: str) -> Response:
        warehouses.close(code=code, actor=request.user, precondition=self._unchanged)
        return Response(status=204)

    def _unchanged(self, warehouse: Warehouse) -> None:
        check_if_match(self.request, present_warehouse(warehouse))
