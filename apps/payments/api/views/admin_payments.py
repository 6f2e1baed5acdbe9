"""Payments and refunds as staff see them."""

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
from apps.common.api.views import ApiView, created
from apps.common.errors import Invalid, NotFound
from apps.orders.services.fulfilment import Wanted
from apps.payments.api.serializers.payment import (
    CaptureBody,
    MarkPaidBody,
    PaymentRowOut,
    RefundBody,
    RefundOut,
    VoidBody,
    present_refund,
    present_row,
)
from apps.payments.models import Payment
from apps.payments.services import captures, manual
from apps.payments.services.refunds import request_refund

TAGS = ["Payments for staff"]


class AdminPaymentQuery(PageQuery):
    status = serializers.ChoiceField(
        choices=Payment.Status.choices, required=False, help_text="Only payments in this state."
    )
    order = serializers.UUIDField(required=False, help_text="Only payments of this order.")


class AdminPayments(ApiView):
    permission_classes = [staff("payments.view_payment")]
    query_class = AdminPaymentQuery
    problems = {"GET": [404]}

    @extend_schema(
        operation_id="admin_payments_list",
        summary="Search payments",
        description="All payments, newest first.",
        tags=TAGS,
        responses=PaymentRowOut(many=True),
    )
    def get(self, request: Request) -> Response:
        wanted = {name: self.query[name] for name in ("status", "order") if name in self.query}
        payments = Payment.objects.filter(**wanted).select_related("order").order_by("-id")
        return numbered_page(request, self.query, payments, present_row).response()


class AdminRefunds(ApiView):
    permissions = {"GET": [staff("payments.view_refund")], "POST": [staff("payments.add_refund")]}
    query_class = PageQuery
    problems = {"POST": [409]}

    @extend_schema(
        operation_id="admin_refunds_list",
        summary="Refunds of a payment",
        description="Newest first.",
        tags=TAGS,
        responses=RefundOut(many=True),
    )
    def get(self, request: Request, payment_id: UUID) -> Response:
        payment = _payment(payment_id)
        refunds = payment.refunds.order_by("-id").prefetch_related("lines__item")
        return numbered_page(
            request, self.query, refunds, lambda refund: present_refund(refund, payment.currency)
        ).response()

    @extend_schema(
        operation_id="admin_refunds_create",
        summary="Refund a payment",
        description="All that is left, an amount, or what units of some lines cost. The money is reserved at once and"
        " sent by a worker. Goods are not moved by it: see /admin/returns/.",
        tags=TAGS,
        request=RefundBody,
        responses={201: RefundOut},
        examples=[
            OpenApiExample(
                "A part", {"amount": {"amount": "5.00", "currency": "USD"}, "reason": "Scratched"}, request_only=True
            ),
            OpenApiExample(
                "One unit of a line",
                {"lines": [{"item": "019a5c5e-0000-7000-8000-000000000001", "quantity": 1}], "reason": "Scratched"},
                request_only=True,
            ),
        ],
    )
    @idempotent()
    def post(self, request: Request, payment_id: UUID) -> Response:
        body = self.body(RefundBody)
        actor: Any = request.user
        payment = _payment(payment_id)
        refund = request_refund(
            payment_id=payment_id,
            amount=_amount_of(body, payment),
            lines=[Wanted(line["item"], line["quantity"]) for line in body.get("lines", ())],
            reason=body["reason"],
            actor=actor,
        )
        location = f"/api/v1/admin/payments/{payment_id}/refunds/"
        return created(present_refund(refund, payment.currency), location)


class CapturePayment(ApiView):
    permission_classes = [staff("payments.change_payment")]
    problems = {"POST": [404, 409, 502]}

    @extend_schema(
        operation_id="admin_payments_capture",
        summary="Take money that is held",
        description="All that the bank holds, or a part; the rest of a part is released. Repeated by the sweep when the"
        " provider does not answer.",
        tags=TAGS,
        request=CaptureBody,
        responses=PaymentRowOut,
        examples=[OpenApiExample("A part", {"amount": {"amount": "5.00", "currency": "USD"}}, request_only=True)],
    )
    def post(self, request: Request, payment_id: UUID) -> Response:
        body = self.body(CaptureBody)
        actor: Any = request.user
        amount = _amount_of(body, _payment(payment_id))
        return Response(present_row(captures.capture(payment_id=payment_id, amount=amount, actor=actor)))


class VoidPayment(ApiView):
    permission_classes = [staff("payments.change_payment")]
    problems = {"POST": [404, 409, 502]}

    @extend_schema(
        operation_id="admin_payments_void",
        summary="Let go of money that is held",
        description="A live order is put on hold: nothing covers it any more. Repeatable.",
        tags=TAGS,
        request=VoidBody,
        responses=PaymentRowOut,
        examples=[OpenApiExample("Why", {"reason": "Out of stock"}, request_only=True)],
    )
    def post(self, request: Request, payment_id: UUID) -> Response:
        body = self.body(VoidBody)
        actor: Any = request.user
        return Response(present_row(captures.void(payment_id=payment_id, reason=body["reason"], actor=actor)))


class MarkPaid(ApiView):
    permission_classes = [staff("payments.change_payment")]
    problems = {"POST": [404, 409]}

    @extend_schema(
        operation_id="admin_payments_mark_paid",
        summary="Note money that came by hand",
        description="For bank transfer and cash on delivery. The order is confirmed once it is paid in full; a"
        " reference counts once.",
        tags=TAGS,
        request=MarkPaidBody,
        responses=PaymentRowOut,
        examples=[
            OpenApiExample(
                "A part",
                {"reference": "STMT-2026-11-21/7", "amount": {"amount": "5.00", "currency": "USD"}},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request, payment_id: UUID) -> Response:
        body = self.body(MarkPaidBody)
        actor: Any = request.user
        amount = _amount_of(body, _payment(payment_id))
        payment = manual.mark_paid(payment_id=payment_id, reference=body["reference"], amount=amount, actor=actor)
        return Response(present_row(payment))


def _amount_of(body: dict[str, Any], payment: Payment) -> Decimal | None:
    """The amount asked for. Raises Invalid when it is nothing, or of another currency."""
    money = body.get("amount")
    if money is None:
        return None
    if money.currency != payment.currency:
        raise Invalid.field("/amount/currency", "unsupported_currency", "The payment is in another currency.")
    if money.amount == 0:
        raise Invalid.field("/amount/amount", "min_value", "This is more than nothing.")
    return Decimal(money.amount)


def _payment(payment_id: UUID) -> Payment:
    payment = Payment.objects.filter(pk=payment_id).first()
    if payment is None:
        raise NotFound
    return payment
