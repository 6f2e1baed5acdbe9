"""Moving stock between warehouses."""

from uuid import UUID

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api.idempotency import idempotent
from apps.common.api.pagination import numbered_page
from apps.common.api.permissions import staff
from apps.common.api.views import ApiView, created
from apps.common.errors import FieldError, Invalid, NotFound
from apps.products.api.serializers.stock_operations import (
    TransferCreateBody,
    TransferOut,
    TransferQuery,
    TransferReceiveBody,
    present_transfer,
)
from apps.products.models import StockTransfer
from apps.products.services import inventory, stock_transfers
from apps.products.services.stock_transfers import Arrival

TAGS = ["Stock for staff"]
_LOOKUPS = {
    "status": "status",
    "source": "source__code",
    "destination": "destination__code",
    "sku": "lines__variant__sku",
}
_CHANGE = staff("products.change_stocktransfer")


def _present(transfer: StockTransfer) -> dict[str, object]:
    return present_transfer(transfer, list(transfer.lines.all()))


def _answer(transfer_id: UUID) -> dict[str, object]:
    transfer = inventory.transfers().filter(pk=transfer_id).first()
    if transfer is None:
        raise NotFound
    return _present(transfer)


class Transfers(ApiView):
    permissions = {"GET": [staff("products.view_stocktransfer")], "POST": [staff("products.add_stocktransfer")]}
    query_class = TransferQuery
    problems = {"GET": [404], "POST": [409]}

    @extend_schema(
        operation_id="admin_inventory_transfers_list",
        summary="List transfers",
        description="Newest first, with their lines.",
        tags=TAGS,
        responses=TransferOut(many=True),
    )
    def get(self, request: Request) -> Response:
        wanted = {lookup: self.query[name] for name, lookup in _LOOKUPS.items() if name in self.query}
        return numbered_page(request, self.query, inventory.transfers().filter(**wanted), _present).response()

    @extend_schema(
        operation_id="admin_inventory_transfers_create",
        summary="Send stock to another warehouse",
        description="The units leave the source at once and are on hand nowhere until they are received; nobody can buy"
        " them meanwhile. With `dispatch: false` it stays a draft that moves nothing.",
        tags=TAGS,
        request=TransferCreateBody,
        responses={201: TransferOut},
        examples=[
            OpenApiExample(
                "Twelve mugs to Europe",
                {"source": "east", "destination": "europe", "lines": [{"sku": "OS-MUG-OAT", "quantity": 12}]},
                request_only=True,
            )
        ],
    )
    @idempotent()
    def post(self, request: Request) -> Response:
        body = self.body(TransferCreateBody)
        transfer = stock_transfers.create(
            source=body["source"],
            destination=body["destination"],
            lines=[(line["sku"], line["quantity"]) for line in body["lines"]],
            note=body["note"],
            dispatched=body["dispatch"],
            actor=request.user,
        )
        return created(_answer(transfer.pk), f"/api/v1/admin/inventory/transfers/{transfer.pk}/")


class TransferDetail(ApiView):
    permission_classes = [staff("products.view_stocktransfer")]

    @extend_schema(
        operation_id="admin_inventory_transfers_retrieve",
        summary="Read a transfer",
        description="With its lines and what arrived.",
        tags=TAGS,
        responses=TransferOut,
    )
    def get(self, request: Request, transfer_id: UUID) -> Response:
        return Response(_answer(transfer_id))


class DispatchTransfer(ApiView):
    permission_classes = [_CHANGE]
    problems = {"POST": [409]}

    @extend_schema(
        operation_id="admin_inventory_transfers_dispatch",
        summary="Dispatch a draft",
        description="Its units leave the source.",
        tags=TAGS,
        request=None,
        responses=TransferOut,
    )
    @idempotent()
    def post(self, request: Request, transfer_id: UUID) -> Response:
        stock_transfers.dispatch(transfer_id=transfer_id, actor=request.user)
        return Response(_answer(transfer_id))


class ReceiveTransfer(ApiView):
    permission_classes = [_CHANGE]
    problems = {"POST": [409]}

    @extend_schema(
        operation_id="admin_inventory_transfers_receive",
        summary="Receive a transfer",
        description="Lines that are not named arrived whole. What is missing is booked as damage at the destination,"
        " with its reason.",
        tags=TAGS,
        request=TransferReceiveBody,
        responses=TransferOut,
        examples=[
            OpenApiExample(
                "Two broke",
                {"lines": [{"sku": "OS-MUG-OAT", "received": 10, "reason": "Two broke on the way"}]},
                request_only=True,
            ),
            OpenApiExample("All arrived", {}, request_only=True),
        ],
    )
    @idempotent()
    def post(self, request: Request, transfer_id: UUID) -> Response:
        lines = self.body(TransferReceiveBody)["lines"]
        arrivals: dict[str, Arrival] = {}
        for index, line in enumerate(lines):
            if line["sku"] in arrivals:
                raise Invalid(errors=[FieldError("unique", "This SKU is named twice.", f"/lines/{index}/sku")])
            arrivals[line["sku"]] = Arrival(line["received"], line["reason"])
        stock_transfers.receive(transfer_id=transfer_id, arrivals=arrivals, actor=request.user)
        return Response(_answer(transfer_id))


class CancelTransfer(ApiView):
    permission_classes = [_CHANGE]
    problems = {"POST": [409]}

    @extend_schema(
        operation_id="admin_inventory_transfers_cancel",
        summary="Cancel a transfer",
        description="Units on their way go back to the source.",
        tags=TAGS,
        request=None,
        responses=TransferOut,
    )
    @idempotent()
    def post(self, request: Request, transfer_id: UUID) -> Response:
        stock_transfers.cancel(transfer_id=transfer_id, actor=request.user)
        return Response(_answer(transfer_id))
