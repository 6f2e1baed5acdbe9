"""The queue of returns: decided, received and settled by staff."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api.idempotency import idempotent
from apps.common.api.pagination import PageQuery, numbered_page
from apps.common.api.permissions import staff
from apps.common.api.renderers import OrjsonRenderer, PdfRenderer, WebPRenderer
from apps.common.api.views import ApiView, created
from apps.common.errors import Invalid, NotFound
from apps.common.money import ZERO, Money
from apps.orders.api.serializers.returns import (
    AdminReturnBody,
    AdminReturnOut,
    ReturnApproveBody,
    ReturnCompleteBody,
    ReturnReceiveBody,
    ReturnRejectBody,
    ReturnSentBody,
    ReturnWithdrawBody,
    arrived_of,
    asked_of,
    present_admin_return,
)
from apps.orders.api.views.returns import (
    LABEL,
    PICTURE,
    PhotoQuery,
    label_response,
    photo_response,
    wants_json,
    with_all,
)
from apps.orders.models import Return
from apps.orders.services import return_moves, return_receipts, return_settlement, returns
from apps.orders.services.return_settlement import Terms
from apps.products.models import Warehouse

TAGS = ["Returns for staff"]
_VIEW, _ADD, _CHANGE = (staff(f"orders.{what}_return") for what in ("view", "add", "change"))
_LINE = "019a5c5e-0000-7000-8000-000000000001"


class AdminReturnQuery(PageQuery):
    status = serializers.ChoiceField(choices=Return.Status.choices, required=False, help_text="Only in this state.")
    order = serializers.UUIDField(required=False, help_text="Only of this order.")
    search = serializers.CharField(
        max_length=100, required=False, help_text="Number of the return or order, or the buyer's e-mail."
    )


class AdminReturns(ApiView):
    permissions = {"GET": [_VIEW], "POST": [_ADD]}
    query_class = AdminReturnQuery
    problems = {"GET": [404], "POST": [404, 409]}

    @extend_schema(
        operation_id="admin_returns_list",
        summary="The queue of returns",
        description="Newest first.",
        tags=TAGS,
        responses=AdminReturnOut(many=True),
    )
    def get(self, request: Request) -> Response:
        wanted = {name: self.query[name] for name in ("status", "order") if name in self.query}
        rows = Return.objects.with_all().filter(**wanted).order_by("-id")
        if "search" in self.query:
            rows = rows.found(self.query["search"])
        return numbered_page(request, self.query, rows, present_admin_return).response()

    @extend_schema(
        operation_id="admin_returns_create",
        summary="Begin a return for a buyer",
        description="As the buyer would, but the window does not count.",
        tags=TAGS,
        request=AdminReturnBody,
        responses={201: AdminReturnOut},
        examples=[
            OpenApiExample(
                "By phone",
                {
                    "order": "019a5c5e-0000-7000-8000-000000000000",
                    "lines": [{"item": _LINE, "quantity": 1, "reason": "defective"}],
                },
                request_only=True,
            )
        ],
    )
    @idempotent()
    def post(self, request: Request) -> Response:
        body = self.body(AdminReturnBody)
        rma = returns.request_return(
            order_id=body["order"],
            lines=asked_of(body),
            outcome=body["outcome"],
            note=body["note"],
            actor=request.user,
            by_staff=True,
        )
        return created(_shown(rma.pk), f"/api/v1/admin/returns/{rma.pk}/")


class AdminReturn(ApiView):
    permission_classes = [_VIEW]

    @extend_schema(
        operation_id="admin_returns_retrieve",
        summary="Read a return",
        description="With its history and the statuses it can be given now.",
        tags=TAGS,
        responses=AdminReturnOut,
    )
    def get(self, request: Request, return_id: UUID) -> Response:
        return Response(_shown(return_id))


class _Move(ApiView):
    """Base of the moves."""

    permission_classes = [_CHANGE]
    problems = {"POST": [409]}


class AdminReturnApprove(_Move):
    @extend_schema(
        operation_id="admin_returns_approve",
        summary="Approve a return",
        description="The buyer is mailed the label and where to send the goods.",
        tags=TAGS,
        request=ReturnApproveBody,
        responses=AdminReturnOut,
        examples=[OpenApiExample("With a word", {"reply": "Please keep the box."}, request_only=True)],
    )
    def post(self, request: Request, return_id: UUID) -> Response:
        body = self.body(ReturnApproveBody)
        return_moves.approve(
            return_id=return_id, warehouse_id=_warehouse(body), reply=body["reply"], actor=request.user
        )
        return Response(_shown(return_id))


class AdminReturnReject(_Move):
    @extend_schema(
        operation_id="admin_returns_reject",
        summary="Reject a return",
        description="The buyer is mailed the reason. Its units may be asked for again.",
        tags=TAGS,
        request=ReturnRejectBody,
        responses=AdminReturnOut,
        examples=[OpenApiExample("Worn", {"reply": "The soles show wear."}, request_only=True)],
    )
    def post(self, request: Request, return_id: UUID) -> Response:
        return_moves.reject(return_id=return_id, actor=request.user, **self.body(ReturnRejectBody))
        return Response(_shown(return_id))


class AdminReturnSent(_Move):
    @extend_schema(
        operation_id="admin_returns_sent",
        summary="Note that the goods are on their way",
        description="As the buyer can.",
        tags=TAGS,
        request=ReturnSentBody,
        responses=AdminReturnOut,
        examples=[OpenApiExample("By UPS", {"carrier": "UPS"}, request_only=True)],
    )
    def post(self, request: Request, return_id: UUID) -> Response:
        return_moves.mark_sent(return_id=return_id, actor=request.user, **self.body(ReturnSentBody))
        return Response(_shown(return_id))


class AdminReturnReceive(_Move):
    @extend_schema(
        operation_id="admin_returns_receive",
        summary="Take returned goods in",
        description="What arrived of each line, by condition. `resellable` units go back on hand in the warehouse. It"
        " may be less than announced, or more, but never more than was sent: 409 `exceeds_returnable_quantity`.",
        tags=TAGS,
        request=ReturnReceiveBody,
        responses=AdminReturnOut,
        examples=[
            OpenApiExample(
                "One good, one broken",
                {
                    "lines": [
                        {"item": _LINE, "quantity": 1, "condition": "resellable"},
                        {"item": _LINE, "quantity": 1, "condition": "damaged"},
                    ]
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request, return_id: UUID) -> Response:
        body = self.body(ReturnReceiveBody)
        return_receipts.receive(
            return_id=return_id, arrived=arrived_of(body), warehouse_id=_warehouse(body), actor=request.user
        )
        return Response(_shown(return_id))


class AdminReturnComplete(_Move):
    @extend_schema(
        operation_id="admin_returns_complete",
        summary="Settle a received return",
        description="The buyer gets what the received units cost, and of the shipping what is named, less the fee.",
        tags=TAGS,
        request=ReturnCompleteBody,
        responses=AdminReturnOut,
        examples=[
            OpenApiExample("With a fee", {"restocking_fee": {"amount": "5.00", "currency": "USD"}}, request_only=True)
        ],
    )
    def post(self, request: Request, return_id: UUID) -> Response:
        body = self.body(ReturnCompleteBody)
        currency = _found(return_id).order.currency
        terms = Terms(
            restocking_fee=_amount(body, "restocking_fee", currency),
            shipping_refund=_amount(body, "shipping_refund", currency),
            outcome=body.get("outcome"),
        )
        return_settlement.complete(return_id=return_id, terms=terms, actor=request.user)
        return Response(_shown(return_id))


class AdminReturnCancel(_Move):
    @extend_schema(
        operation_id="admin_returns_cancel",
        summary="Give a return up",
        description="Until its goods have arrived; also when they got lost on their way. Repeatable.",
        tags=TAGS,
        request=ReturnWithdrawBody,
        responses=AdminReturnOut,
        examples=[OpenApiExample("Lost", {"reason": "Nothing arrived in six weeks"}, request_only=True)],
    )
    def post(self, request: Request, return_id: UUID) -> Response:
        body = self.body(ReturnWithdrawBody)
        return_moves.cancel(return_id=return_id, reason=body["reason"], actor=request.user, by_staff=True)
        return Response(_shown(return_id))


class AdminReturnLabel(ApiView):
    permission_classes = [_VIEW]
    renderer_classes = [PdfRenderer, OrjsonRenderer]
    problems = {"GET": [409]}

    @extend_schema(
        operation_id="admin_returns_label",
        summary="Print a return's label",
        description="As the buyer gets it: as PDF, or by `Accept: application/json` the return.",
        tags=TAGS,
        responses={**LABEL, (200, "application/json"): AdminReturnOut},
    )
    def get(self, request: Request, return_id: UUID) -> Response:
        return Response(_shown(return_id)) if wants_json(request) else label_response(_found(return_id))


class AdminReturnPhoto(ApiView):
    permission_classes = [_VIEW]
    renderer_classes = [WebPRenderer, OrjsonRenderer]
    query_class = PhotoQuery

    @extend_schema(
        operation_id="admin_returns_photos_retrieve",
        summary="Read a picture of a return",
        description="As WebP, or by `Accept: application/json` what it is.",
        tags=TAGS,
        responses=PICTURE,
    )
    def get(self, request: Request, return_id: UUID, photo_id: UUID) -> Response:
        return photo_response(request, _found(return_id), photo_id, self.query)


def _found(return_id: UUID) -> Return:
    rma = Return.objects.select_related("order", "warehouse").filter(pk=return_id).first()
    if rma is None:
        raise NotFound
    return rma


def _shown(return_id: UUID) -> dict[str, Any]:
    return present_admin_return(with_all(_found(return_id).pk))


def _warehouse(body: dict[str, Any]) -> UUID | None:
    code = body.get("warehouse")
    if code is None:
        return None
    found: UUID | None = Warehouse.objects.filter(code=code, is_active=True).values_list("id", flat=True).first()
    if found is None:
        raise Invalid.field("/warehouse", "does_not_exist", "There is no such warehouse.")
    return found


def _amount(body: dict[str, Any], name: str, currency: str) -> Decimal:
    money: Money | None = body.get(name)
    if money is None:
        return ZERO
    if money.currency != currency:
        raise Invalid.field(f"/{name}/currency", "unsupported_currency", "The order is in another currency.")
    return money.amount
