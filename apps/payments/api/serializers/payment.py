"""Bodies of payments."""

from typing import Any

from rest_framework import serializers

from apps.common.api.serializers import MoneyField, StrictSerializer
from apps.common.money import money_json
from apps.orders.models import Order
from apps.payments.models import Payment, Refund


class CreateIntentBody(StrictSerializer):
    order = serializers.UUIDField()
    provider = serializers.ChoiceField(choices=Payment.Provider.choices, default=Payment.Provider.STRIPE)
    method = serializers.ChoiceField(
        choices=Payment.ManualMethod.choices, required=False, help_text="with provider `manual`: how the money comes"
    )
    payment_method = serializers.UUIDField(
        required=False, help_text="with provider `stripe`: pay at once with this kept card of the signed-in customer"
    )
    return_url = serializers.URLField(
        max_length=500, required=False, help_text="where the provider sends the shopper after authentication"
    )

    amount = MoneyField(required=False, help_text="with provider `store_credit`: how much of it; default: all needed")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "payment_method" in attrs and attrs["provider"] != Payment.Provider.STRIPE:
            raise serializers.ValidationError({"payment_method": ["Only Stripe keeps cards."]}, code="invalid")
        if "amount" in attrs and attrs["provider"] != Payment.Provider.STORE_CREDIT:
            raise serializers.ValidationError({"amount": ["Only store credit is spent in parts."]}, code="invalid")
        return attrs


class ConfirmBody(StrictSerializer):
    payment = serializers.UUIDField()
    payment_method = serializers.RegexField(
        r"^[A-Za-z0-9_]+$", max_length=120, required=False, help_text="confirm on the server, e.g. pm_card_visa"
    )
    return_url = serializers.URLField(
        max_length=500, required=False, help_text="where the provider sends the shopper after authentication"
    )


class RefundUnitsBody(StrictSerializer):
    item = serializers.UUIDField(help_text="id of the order's line")
    quantity = serializers.IntegerField(min_value=1, max_value=999)


class RefundBody(StrictSerializer):
    """An amount, or lines, or neither."""

    amount = MoneyField(required=False, help_text="default: all that is left")
    lines = serializers.ListField(
        child=RefundUnitsBody(),
        required=False,
        allow_empty=False,
        max_length=100,
        help_text="what these units cost, with discount and tax",
    )
    reason = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "amount" in attrs and "lines" in attrs:
            raise serializers.ValidationError({"lines": ["Give either lines or an amount."]}, code="invalid")
        return attrs


class CaptureBody(StrictSerializer):
    amount = MoneyField(required=False, help_text="default: all that is held; the rest of a part is released")


class VoidBody(StrictSerializer):
    reason = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")


class MarkPaidBody(StrictSerializer):
    reference = serializers.RegexField(
        r"^[\x21-\x7e][\x20-\x7e]*$", max_length=100, help_text="of the bank statement or receipt; counts once"
    )
    amount = MoneyField(required=False, help_text="default: all that is due")


class MethodOut(serializers.Serializer[Any]):
    provider = serializers.CharField(max_length=12)
    name = serializers.CharField(max_length=40)
    publishable_key = serializers.CharField(max_length=200)
    method = serializers.ChoiceField(choices=Payment.ManualMethod.choices, allow_null=True)


class MethodsOut(serializers.Serializer[Any]):
    results = MethodOut(many=True)


class IntentOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    provider = serializers.CharField(max_length=12)
    status = serializers.ChoiceField(choices=Payment.Status.choices)
    amount = MoneyField()
    client_secret = serializers.CharField(max_length=200)
    approval_url = serializers.URLField(
        max_length=500, allow_null=True, help_text="with `paypal`: where the buyer approves; then confirm"
    )
    instructions = serializers.CharField(max_length=1000, allow_null=True, help_text="what to do, with `manual`")


class PaidOrderOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    number = serializers.CharField(max_length=20)
    status = serializers.ChoiceField(choices=Order.Status.choices)
    payment_status = serializers.ChoiceField(choices=Order.PaymentStatus.choices)


class RefundLineOut(serializers.Serializer[Any]):
    item = serializers.UUIDField(help_text="id of the order's line")
    sku = serializers.CharField(max_length=64)
    quantity = serializers.IntegerField(
        min_value=0, max_value=999, help_text="0: the units stand with a refund of another payment"
    )
    amount = MoneyField()


class RefundOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    amount = MoneyField()
    status = serializers.ChoiceField(choices=Refund.Status.choices)
    cause = serializers.ChoiceField(choices=Refund.Cause.choices)
    lines = RefundLineOut(many=True)
    reason = serializers.CharField(max_length=200)
    created_at = serializers.DateTimeField()
    succeeded_at = serializers.DateTimeField(allow_null=True)


class PaymentRowOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    provider = serializers.CharField(max_length=12)
    status = serializers.ChoiceField(choices=Payment.Status.choices)
    amount = MoneyField()
    authorised = MoneyField()
    captured = MoneyField()
    refunded = MoneyField()
    disputed = MoneyField()
    charged_back = MoneyField(help_text="lost in disputes")
    method = serializers.CharField(max_length=60, allow_null=True)
    failure_code = serializers.CharField(max_length=80, allow_null=True)
    order = PaidOrderOut()
    created_at = serializers.DateTimeField()
    captured_at = serializers.DateTimeField(allow_null=True)


class PaymentOut(PaymentRowOut):
    refunds = RefundOut(many=True)


class WebhookOut(serializers.Serializer[Any]):
    received = serializers.BooleanField()


def present_row(payment: Payment) -> dict[str, Any]:
    order = payment.order
    return {
        "id": payment.id,
        "provider": payment.provider,
        "status": payment.status,
        "amount": money_json(payment.amount, payment.currency),
        "authorised": money_json(payment.authorised, payment.currency),
        "captured": money_json(payment.captured, payment.currency),
        "refunded": money_json(payment.refunded, payment.currency),
        "disputed": money_json(payment.disputed, payment.currency),
        "charged_back": money_json(payment.charged_back, payment.currency),
        "method": payment.method or None,
        "failure_code": payment.failure_code or None,
        "order": {
            "id": order.id,
            "number": order.number,
            "status": order.status,
            "payment_status": order.payment_status,
        },
        "created_at": payment.created_at,
        "captured_at": payment.captured_at,
    }


def present_payment(payment: Payment) -> dict[str, Any]:
    refunds = [present_refund(refund, payment.currency) for refund in payment.refunds.prefetch_related("lines__item")]
    return {**present_row(payment), "refunds": refunds}


def present_refund(refund: Refund, currency: str) -> dict[str, Any]:
    return {
        "id": refund.id,
        "amount": money_json(refund.amount, currency),
        "status": refund.status,
        "cause": refund.cause,
        "lines": [
            {
                "item": line.item_id,
                "sku": line.item.sku,
                "quantity": line.quantity,
                "amount": money_json(line.amount, currency),
            }
            for line in refund.lines.all()
        ],
        "reason": refund.reason,
        "created_at": refund.created_at,
        "succeeded_at": refund.succeeded_at,
    }
