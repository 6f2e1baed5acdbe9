"""Bodies of returns."""

from typing import Any

from rest_framework import serializers

from apps.common.api.fields import LineField
from apps.common.api.serializers import MoneyField, StrictSerializer
from apps.common.money import money_json
from apps.orders.models import Return, ReturnHistory, ReturnLine, ReturnPhoto, ReturnReceipt
from apps.orders.services import return_labels, return_moves
from apps.orders.services.return_receipts import Arrived
from apps.orders.services.returns import Asked


class ReturnLineBody(StrictSerializer):
    item = serializers.UUIDField(help_text="id of the order's line")
    quantity = serializers.IntegerField(min_value=1, max_value=999)
    reason = serializers.ChoiceField(choices=ReturnLine.Reason.choices)
    comment = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")
    exchange_for = serializers.CharField(
        max_length=64,
        required=False,
        allow_blank=True,
        default="",
        help_text="with outcome `exchange`: SKU of the same product to have instead",
    )


class ReturnBody(StrictSerializer):
    lines = serializers.ListField(child=ReturnLineBody(), allow_empty=False, max_length=100)
    outcome = serializers.ChoiceField(
        choices=Return.Outcome.choices, required=False, default=Return.Outcome.REFUND, help_text="what you would like"
    )
    note = serializers.CharField(max_length=1000, required=False, allow_blank=True, default="")


class AdminReturnBody(ReturnBody):
    order = serializers.UUIDField()


class ReturnSentBody(StrictSerializer):
    carrier = LineField(max_length=80, required=False, allow_blank=True, default="")
    tracking_number = LineField(max_length=80, required=False, allow_blank=True, default="")


class ReturnWithdrawBody(StrictSerializer):
    reason = LineField(max_length=200, required=False, allow_blank=True, default="")


class ReturnApproveBody(StrictSerializer):
    warehouse = serializers.SlugField(max_length=40, required=False, help_text="default: where the goods came from")
    reply = serializers.CharField(
        max_length=500, required=False, allow_blank=True, default="", help_text="shown to the buyer"
    )


class ReturnRejectBody(StrictSerializer):
    reply = serializers.CharField(max_length=500, help_text="shown to the buyer")


class ReturnReceivedLineBody(StrictSerializer):
    item = serializers.UUIDField(help_text="id of the order's line")
    quantity = serializers.IntegerField(min_value=1, max_value=999)
    condition = serializers.ChoiceField(choices=ReturnReceipt.Condition.choices)


class ReturnReceiveBody(StrictSerializer):
    lines = serializers.ListField(child=ReturnReceivedLineBody(), allow_empty=False, max_length=200)
    warehouse = serializers.SlugField(max_length=40, required=False, help_text="default: the one it was sent to")


class ReturnCompleteBody(StrictSerializer):
    outcome = serializers.ChoiceField(
        choices=Return.Outcome.choices, required=False, help_text="default: what the buyer asked for"
    )
    restocking_fee = MoneyField(required=False, help_text="default: none")
    shipping_refund = MoneyField(required=False, help_text="of the outward shipping; default: none")


class ReturnPhotoBody(StrictSerializer):
    """multipart/form-data."""

    file = serializers.FileField(allow_empty_file=True, max_length=1000, help_text="JPEG, PNG or WebP")


class ReturnReceiptOut(serializers.Serializer[Any]):
    condition = serializers.ChoiceField(choices=ReturnReceipt.Condition.choices)
    quantity = serializers.IntegerField(min_value=1, max_value=999)
    restocked = serializers.BooleanField()


class ReturnLineOut(serializers.Serializer[Any]):
    item = serializers.UUIDField(help_text="id of the order's line")
    sku = serializers.CharField(max_length=64)
    name = serializers.CharField(max_length=200)
    quantity = serializers.IntegerField(min_value=1, max_value=999)
    reason = serializers.ChoiceField(choices=ReturnLine.Reason.choices)
    comment = serializers.CharField(max_length=500)
    exchange_for = serializers.CharField(max_length=64, allow_null=True, help_text="SKU to have instead")
    received_quantity = serializers.IntegerField(min_value=0, max_value=999)
    received = ReturnReceiptOut(many=True)


class ReturnPhotoOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    width = serializers.IntegerField(min_value=1, max_value=2000)
    height = serializers.IntegerField(min_value=1, max_value=2000)
    created_at = serializers.DateTimeField()


class ReturnOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    number = serializers.CharField(max_length=20)
    order = serializers.UUIDField()
    order_number = serializers.CharField(max_length=20)
    status = serializers.ChoiceField(choices=Return.Status.choices)
    outcome = serializers.ChoiceField(choices=Return.Outcome.choices)
    note = serializers.CharField(max_length=1000)
    reply = serializers.CharField(max_length=500, help_text="the shop's words to the buyer")
    lines = ReturnLineOut(many=True)
    photos = ReturnPhotoOut(many=True)
    return_address = serializers.ListField(
        child=serializers.CharField(max_length=300), max_length=8, help_text="once it is approved"
    )
    label_ready = serializers.BooleanField(help_text="/returns/{id}/label/ answers it")
    replacement = serializers.UUIDField(allow_null=True, help_text="the order of an exchange")
    carrier = serializers.CharField(max_length=80)
    tracking_number = serializers.CharField(max_length=80)
    goods_amount = MoneyField(help_text="what the received units cost")
    shipping_refund = MoneyField()
    restocking_fee = MoneyField()
    amount = MoneyField(help_text="what the buyer gets; nothing until it is completed")
    created_at = serializers.DateTimeField()
    approved_at = serializers.DateTimeField(allow_null=True)
    received_at = serializers.DateTimeField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)


class ReturnsOut(serializers.Serializer[Any]):
    results = ReturnOut(many=True)
    returnable = serializers.DictField(
        child=serializers.IntegerField(min_value=1, max_value=999), help_text="units that may be asked for, by line"
    )
    window_closes_at = serializers.DateTimeField(allow_null=True, help_text="null: not all has arrived yet")


class ReturnHistoryOut(serializers.Serializer[Any]):
    from_status = serializers.CharField(max_length=12, allow_null=True)
    to_status = serializers.ChoiceField(choices=Return.Status.choices)
    actor = serializers.CharField(max_length=80)
    reason = serializers.CharField(max_length=500)
    created_at = serializers.DateTimeField()


class AdminReturnOut(ReturnOut):
    email = serializers.EmailField(max_length=254)
    warehouse = serializers.CharField(max_length=40, allow_null=True)
    allowed_statuses = serializers.ListField(child=serializers.CharField(max_length=12), max_length=8)
    history = ReturnHistoryOut(many=True)


def asked_of(body: dict[str, Any]) -> list[Asked]:
    return [
        Asked(each["item"], each["quantity"], each["reason"], each["comment"], each["exchange_for"])
        for each in body["lines"]
    ]


def arrived_of(body: dict[str, Any]) -> list[Arrived]:
    return [Arrived(each["item"], each["quantity"], each["condition"]) for each in body["lines"]]


def present_return(rma: Return) -> dict[str, Any]:
    """A return as its buyer sees it; needs `order`, `warehouse`, lines with items and receipts, and photos."""
    currency = rma.order.currency
    amounts = ("goods_amount", "shipping_refund", "restocking_fee", "amount")
    approved = rma.approved_at is not None
    return {
        "id": rma.id,
        "number": rma.number,
        "order": rma.order_id,
        "order_number": rma.order.number,
        "status": rma.status,
        "outcome": rma.outcome,
        "note": rma.note,
        "reply": rma.reply,
        "lines": [_line(line) for line in rma.lines.all()],
        "photos": [present_photo(photo) for photo in rma.photos.all()],
        "return_address": return_labels.return_address(rma) if approved else [],
        "label_ready": rma.status in return_labels.PRINTABLE,
        "replacement": rma.replacement_id,
        "carrier": rma.carrier,
        "tracking_number": rma.tracking_number,
        **{name: money_json(getattr(rma, name), currency) for name in amounts},
        "created_at": rma.created_at,
        "approved_at": rma.approved_at,
        "received_at": rma.received_at,
        "closed_at": rma.closed_at,
    }


def present_admin_return(rma: Return) -> dict[str, Any]:
    return present_return(rma) | {
        "email": rma.order.email,
        "warehouse": rma.warehouse.code if rma.warehouse else None,
        "allowed_statuses": return_moves.allowed_moves(rma),
        "history": [_history(row) for row in rma.history.all()],
    }


def _line(line: ReturnLine) -> dict[str, Any]:
    return {
        "item": line.item_id,
        "sku": line.item.sku,
        "name": line.item.name,
        "quantity": line.quantity,
        "reason": line.reason,
        "comment": line.comment,
        "exchange_for": line.exchange_for.sku if line.exchange_for else None,
        "received_quantity": line.received_quantity,
        "received": [
            {"condition": each.condition, "quantity": each.quantity, "restocked": each.is_restocked}
            for each in line.receipts.all()
        ],
    }


def present_photo(photo: ReturnPhoto) -> dict[str, Any]:
    return {"id": photo.id, "width": photo.width, "height": photo.height, "created_at": photo.created_at}


def _history(row: ReturnHistory) -> dict[str, Any]:
    return {
        "from_status": row.from_status or None,
        "to_status": row.to_status,
        "actor": row.actor,
        "reason": row.reason,
        "created_at": row.created_at,
    }
