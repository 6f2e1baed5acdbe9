"""Staff's corrections of stock, one by one or by a file."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api.idempotency import idempotent
from apps.common.api.jobs import JobOut, job_accepted
from apps.common.api.permissions import staff
from apps.common.api.views import ApiView, created
from apps.products.api.serializers.inventory import present_movement, present_stock
from apps.products.api.serializers.stock_operations import AdjustmentBody, AdjustmentOut, ImportBody
from apps.products.services import inventory, stock_adjustments, stock_import
from apps.products.services.stock_adjustments import Wanted
from apps.products.services.stock_import import FileTooLarge

TAGS = ["Stock for staff"]
# What a form adds around its file.
_FORM_OVERHEAD_BYTES = 64 * 1024


class Adjustments(ApiView):
    permission_classes = [staff("products.change_stocklevel")]
    problems = {"POST": [409]}

    @extend_schema(
        operation_id="admin_inventory_adjust",
        summary="Adjust the stock of a SKU",
        description="By `delta` units, or to what was `counted`, with a reason, as a row of the ledger. A scanner sends"
        " `expected_on_hand` along: when another number is there, nothing changes (409 `stock_changed`).",
        tags=TAGS,
        request=AdjustmentBody,
        responses={201: AdjustmentOut},
        examples=[
            OpenApiExample(
                "A delivery",
                {"warehouse": "east", "kind": "receive", "delta": 24, "reason": "Delivery 4711"},
                request_only=True,
            ),
            OpenApiExample(
                "Counted by a scanner",
                {"warehouse": "east", "counted": 17, "expected_on_hand": 18, "reason": "Shelf check"},
                request_only=True,
            ),
        ],
    )
    @idempotent()
    def post(self, request: Request, sku: str) -> Response:
        body: dict[str, Any] = self.body(AdjustmentBody)
        warehouse = body.pop("warehouse")
        adjusted = stock_adjustments.adjust(sku=sku, warehouse=warehouse, wanted=Wanted(**body), actor=request.user)
        (stock,) = inventory.with_levels([inventory.variant_of(sku)])
        movement = None if adjusted.movement is None else present_movement(adjusted.movement)
        answer = {"movement": movement, "inventory": present_stock(stock)}
        return created(answer, f"/api/v1/admin/inventory/{sku}/")


class StockImport(ApiView):
    permission_classes = [staff("products.change_stocklevel")]
    parser_classes = [MultiPartParser]
    starts_job = True

    @extend_schema(
        operation_id="admin_inventory_import",
        summary="Adjust stock by a CSV file",
        description="Columns `sku`, `warehouse`, and `delta` or `counted`; if wanted `kind`, `reason`,"
        " `expected_on_hand`. A background job books the rows; those that are refused are listed in its `errors`, the"
        " others are booked. With `dry_run=true` it only lists them.",
        tags=TAGS,
        request=ImportBody,
        responses={202: JobOut},
    )
    @idempotent()
    def post(self, request: Request) -> Response:
        declared = request.META.get("CONTENT_LENGTH") or "0"
        if declared.isdigit() and int(declared) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE + _FORM_OVERHEAD_BYTES:
            raise FileTooLarge
        body = self.body(ImportBody)
        job = stock_import.start(upload=body["file"], dry_run=body.get("dry_run", False), actor=request.user)
        return job_accepted(job)
