"""Paying an order, and looking at what was paid."""

from typing import Any
from uuid import UUID

from django.conf import settings
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api.conditional import conditional
from apps.common.api.idempotency import idempotent
from apps.common.api.pagination import PageQuery, numbered_page
from apps.common.api.permissions import Anyone, SignedIn
from apps.common.api.serializers import QuerySerializer
from apps.common.api.views import ApiView, created
from apps.common.errors import Invalid, NotFound
from apps.common.money import money_json
from apps.orders.models import Order
from apps.orders.services.access import find_order
from apps.payments.api.serializers.payment import (
    ConfirmBody,
    CreateIntentBody,
    IntentOut,
    MethodsOut,
    PaymentOut,
    PaymentRowOut,
    present_payment,
    present_row,
)
from apps.payments.models import Payment, SavedCard
from apps.payments.services import cards, intents, manual, methods, store_credit
from apps.payments.services.access import find_payment

TAGS = ["Payments"]
ORDER = "0199f3a2-7c1e-7d3a-9a55-6f1c2d3e4f50"


class MethodsQuery(QuerySerializer):
    order = serializers.UUIDField(required=False, help_text="What this order may use.")
    currency = serializers.RegexField(
        r"^[A-Z]{3}$", max_length=3, required=False, help_text="What a cart in this currency may use."
    )
    country = serializers.RegexField(
        r"^[A-Z]{2}$", max_length=2, required=False, help_text="What a cart may use whose goods go to this country."
    )


class PaymentMethods(ApiView):
    permission_classes = [Anyone]
    query_class = MethodsQuery
    header_sets = ("order",)
    problems = {"GET": [404]}

    @extend_schema(
        operation_id="payments_methods",
        summary="Ways to pay",
        description="What the shop, a given order, or a cart in a currency and for a country may be paid with.",
        tags=TAGS,
        responses=MethodsOut,
    )
    def get(self, request: Request) -> Response:
        if "order" in self.query:
            token = request.headers.get("X-Order-Token")
            order = find_order(order_id=self.query["order"], user=request.user, order_token=token)
            return Response({"results": methods.for_order(order)})
        where = {name: self.query.get(name, "") for name in ("currency", "country")}
        return Response({"results": methods.offered(**where)})


class CreateIntent(ApiView):
    permission_classes = [Anyone]
    rate_scope = "checkout"
    header_sets = ("order",)
    problems = {"POST": [402, 404, 409, 502]}

    @extend_schema(
        operation_id="payments_create_intent",
        summary="Begin to pay an order",
        description="Opens the order's payment at the provider, or answers the one that is open. Complete it in the"
        " browser with `client_secret`, or on the server with /payments/confirm/. With `payment_method`, a card"
        " that the customer keeps (/users/me/payment-methods/), it is paid at once. `store_credit` is"
        " spent at once, all or an `amount`; what is left to pay takes another provider.",
        tags=TAGS,
        request=CreateIntentBody,
        responses={201: IntentOut},
        examples=[
            OpenApiExample("By card", {"order": ORDER, "provider": "stripe"}, request_only=True),
            OpenApiExample(
                "By a kept card", {"order": ORDER, "provider": "stripe", "payment_method": ORDER}, request_only=True
            ),
            OpenApiExample(
                "By bank transfer",
                {"order": ORDER, "provider": "manual", "method": "bank_transfer"},
                request_only=True,
            ),
            OpenApiExample(
                "All the store credit that the order needs",
                {"order": ORDER, "provider": "store_credit"},
                request_only=True,
            ),
        ],
    )
    @idempotent(
        calls_network=True, withheld={"client_secret": lambda answer: intents.client_secret(UUID(answer["id"]))}
    )
    def post(self, request: Request) -> Response:
        body = self.body(CreateIntentBody)
        token = request.headers.get("X-Order-Token")
        order = find_order(order_id=body["order"], user=request.user, order_token=token)
        card = _kept_card(request, body.get("payment_method"))
        intent = self._begin(order, body)
        payment = intent.payment
        if card is not None:
            payment = intents.confirm(
                payment=payment,
                payment_method=card.provider_reference,
                customer=card.customer.provider_reference,
                return_url=body.get("return_url", ""),
            )
        answer = {
            "id": payment.id,
            "provider": payment.provider,
            "status": payment.status,
            "amount": money_json(payment.amount, payment.currency),
            "client_secret": intent.client_secret,
            "approval_url": intent.approval_url,
            "instructions": manual.instructions(payment) if payment.manual_method else None,
        }
        return created(answer, f"/api/v1/payments/{payment.id}/")

    def _begin(self, order: Order, body: dict[str, Any]) -> intents.Intent:
        if body["provider"] != Payment.Provider.STORE_CREDIT:
            return intents.create_intent(order=order, provider=body["provider"], manual_method=body.get("method", ""))
        if body["provider"] not in settings.PAYMENT_GATEWAYS:
            raise methods.MethodUnavailable
        amount = body.get("amount")
        if amount is not None and amount.currency != order.currency:
            raise Invalid.field("/amount/currency", "unsupported_currency", "The order is in another currency.")
        payment = store_credit.pay(
            order_id=order.pk, user=self.request.user, amount=None if amount is None else amount.amount
        )
        return intents.Intent(payment=payment, client_secret="")


def _kept_card(request: Request, card_id: UUID | None) -> SavedCard | None:
    """The caller's own card. Raises NotFound for any other, and for guests."""
    if card_id is None:
        return None
    user: Any = request.user
    if not user.is_authenticated:
        raise NotFound
    return cards.find(user=user, card_id=card_id)


class ConfirmPayment(ApiView):
    permission_classes = [Anyone]
    rate_scope = "checkout"
    header_sets = ("order",)
    problems = {"POST": [402, 404, 409, 502]}

    @extend_schema(
        operation_id="payments_confirm",
        summary="Confirm a payment",
        description="Checks the payment with its provider and settles the order; with `payment_method` it is tried"
        " first. Repeatable: nothing is charged twice.",
        tags=TAGS,
        request=ConfirmBody,
        responses=PaymentOut,
        examples=[OpenApiExample("Test card", {"payment": ORDER, "payment_method": "pm_card_visa"}, request_only=True)],
    )
    @idempotent(calls_network=True)
    def post(self, request: Request) -> Response:
        body = self.body(ConfirmBody)
        token = request.headers.get("X-Order-Token")
        payment = find_payment(payment_id=body.pop("payment"), user=request.user, order_token=token)
        return Response(present_payment(intents.confirm(payment=payment, **body)))


class Payments(ApiView):
    permission_classes = [SignedIn]
    query_class = PageQuery
    problems = {"GET": [404]}

    @extend_schema(
        operation_id="payments_list",
        summary="My payments",
        description="Newest first.",
        tags=TAGS,
        responses=PaymentRowOut(many=True),
    )
    def get(self, request: Request) -> Response:
        mine = Payment.objects.visible_to(request.user).select_related("order").order_by("-id")
        return numbered_page(request, self.query, mine, present_row).response()


class PaymentDetail(ApiView):
    permission_classes = [SignedIn]
    conditional_read = True

    @extend_schema(
        operation_id="payments_retrieve",
        summary="Read a payment",
        description="With its refunds.",
        tags=TAGS,
        responses=PaymentOut,
    )
    def get(self, request: Request, payment_id: UUID) -> Response:
        payment = Payment.objects.visible_to(request.user).select_related("order").filter(pk=payment_id).first()
        if payment is None:
            raise NotFound
        return conditional(request, present_payment(payment))
