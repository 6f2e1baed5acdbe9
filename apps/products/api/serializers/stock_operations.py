"""Bodies of what staff do with stock: adjustments, transfers, counts, imports."""

from collections.abc import Sequence
from typing import Any

from django.http import QueryDict
from rest_framework import serializers

from apps.common.api.fields import LineField
from apps.common.api.pagination import PageQuery
from apps.common.api.query import TrueFalseField
from apps.common.api.serializers import StrictSerializer
from apps.products.api.serializers.inventory import MAX, MAX_UNITS, InventoryOut, MovementOut
from apps.products.models import StockCount, StockCountLine, StockMovement, StockTransfer, StockTransferLine
from apps.products.services.stock_adjustments import KINDS

MAX_LINES = 100
_KIND_CHOICES = [(kind.value, kind.label) for kind in KINDS]


class AdjustmentBody(StrictSerializer):
    warehouse = serializers.CharField(max_length=40, help_text="code")
    kind = serializers.ChoiceField(choices=_KIND_CHOICES, default=StockMovement.Kind.ADJUSTMENT.value)
    delta = serializers.IntegerField(
        min_value=-MAX_UNITS, max_value=MAX_UNITS, required=False, help_text="Units to add, negative to take away."
    )
    counted = serializers.IntegerField(
        min_value=0, max_value=MAX_UNITS, required=False, help_text="Instead of `delta`: what is there."
    )
    reason = LineField(max_length=200)
    expected_on_hand = serializers.IntegerField(
        min_value=-MAX,
        max_value=MAX,
        required=False,
        help_text="Refuse (409 `stock_changed`) when another number is there.",
    )


class AdjustmentOut(serializers.Serializer[Any]):
    movement = MovementOut(allow_null=True, help_text="The ledger row; null when nothing had to change.")
    inventory = InventoryOut()


class ImportBody(StrictSerializer):
    """multipart/form-data, where everything but the file is a text."""

    file = serializers.FileField(allow_empty_file=True, max_length=1000, help_text="CSV, UTF-8, up to 5,000 rows")
    dry_run = TrueFalseField(required=False, help_text="true: tell what would be refused, change nothing.")

    def to_internal_value(self, data: Any) -> Any:
        return super().to_internal_value(data.dict() if isinstance(data, QueryDict) else data)


class TransferLineBody(StrictSerializer):
    sku = serializers.CharField(max_length=64)
    quantity = serializers.IntegerField(min_value=1, max_value=MAX_UNITS)


class TransferCreateBody(StrictSerializer):
    source = serializers.CharField(max_length=40, help_text="code of the warehouse")  # type: ignore[assignment]
    destination = serializers.CharField(max_length=40, help_text="code of the warehouse")
    lines = serializers.ListField(child=TransferLineBody(), min_length=1, max_length=MAX_LINES)
    note = LineField(max_length=200, required=False, allow_blank=True, default="")
    dispatch = serializers.BooleanField(default=True, help_text="False: a draft, to be dispatched later.")


class ArrivalBody(StrictSerializer):
    sku = serializers.CharField(max_length=64)
    received = serializers.IntegerField(min_value=0, max_value=MAX_UNITS)
    reason = LineField(
        max_length=200, required=False, allow_blank=True, default="", help_text="Why less arrived; then it is required."
    )


class TransferReceiveBody(StrictSerializer):
    lines = serializers.ListField(
        child=ArrivalBody(),
        max_length=MAX_LINES,
        required=False,
        default=list,
        help_text="What differs; the other lines arrived whole.",
    )


class TransferLineOut(serializers.Serializer[Any]):
    sku = serializers.CharField(max_length=64)
    quantity = serializers.IntegerField(min_value=1, max_value=MAX, help_text="Units sent.")
    received = serializers.IntegerField(min_value=0, max_value=MAX, allow_null=True)
    reason = serializers.CharField(max_length=200, allow_blank=True)


class TransferOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    source = serializers.CharField(max_length=40)  # type: ignore[assignment]
    destination = serializers.CharField(max_length=40)
    status = serializers.ChoiceField(choices=StockTransfer.Status.choices)
    note = serializers.CharField(max_length=200, allow_blank=True)
    lines = TransferLineOut(many=True)
    created_at = serializers.DateTimeField()
    dispatched_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True, help_text="Received or cancelled.")
    actor_id = serializers.UUIDField(allow_null=True, help_text="The staff member who made it.")


class TransferQuery(PageQuery):
    status = serializers.ChoiceField(choices=StockTransfer.Status.choices, required=False, help_text="In this state.")
    source = serializers.CharField(  # type: ignore[assignment]
        max_length=40, required=False, help_text="From this warehouse (code)."
    )
    destination = serializers.CharField(max_length=40, required=False, help_text="To this warehouse (code).")
    sku = serializers.CharField(max_length=64, required=False, help_text="With this SKU.")


class CountCreateBody(StrictSerializer):
    warehouse = serializers.CharField(max_length=40, help_text="code")
    skus = serializers.ListField(
        child=serializers.CharField(max_length=64),
        min_length=1,
        max_length=1000,
        required=False,
        help_text="Default: every SKU that the warehouse has a level of.",
    )
    note = LineField(max_length=200, required=False, allow_blank=True, default="")


class CountedLineBody(StrictSerializer):
    sku = serializers.CharField(max_length=64)
    counted = serializers.IntegerField(
        min_value=0, max_value=MAX_UNITS, allow_null=True, help_text="Null: not counted after all."
    )


class CountLinesBody(StrictSerializer):
    lines = serializers.ListField(child=CountedLineBody(), min_length=1, max_length=MAX_LINES)


class CountOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    warehouse = serializers.CharField(max_length=40)
    status = serializers.ChoiceField(choices=StockCount.Status.choices)
    note = serializers.CharField(max_length=200, allow_blank=True)
    line_count = serializers.IntegerField(min_value=0, max_value=MAX, help_text="SKUs to count.")
    counted_count = serializers.IntegerField(min_value=0, max_value=MAX, help_text="SKUs counted so far.")
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True, help_text="Applied or cancelled.")
    actor_id = serializers.UUIDField(allow_null=True, help_text="The staff member who opened it.")


class CountQuery(PageQuery):
    status = serializers.ChoiceField(choices=StockCount.Status.choices, required=False, help_text="In this state.")
    warehouse = serializers.CharField(max_length=40, required=False, help_text="Of this warehouse (code).")


class CountLineOut(serializers.Serializer[Any]):
    sku = serializers.CharField(max_length=64)
    counted = serializers.IntegerField(min_value=0, max_value=MAX, allow_null=True)
    on_hand_before = serializers.IntegerField(
        min_value=-MAX, max_value=MAX, allow_null=True, help_text="What the ledger said when the count was applied."
    )
    difference = serializers.IntegerField(min_value=-MAX, max_value=MAX, allow_null=True, help_text="What was booked.")


class CountLineQuery(PageQuery):
    counted = TrueFalseField(required=False, help_text="Only lines that are counted, or that are not.")


def present_transfer(transfer: StockTransfer, lines: Sequence[StockTransferLine]) -> dict[str, Any]:
    names = ("sku", "quantity", "received", "reason")
    rows = [(line.variant.sku, line.quantity, line.received, line.reason) for line in lines]
    return {
        "id": transfer.id,
        "source": transfer.source.code,
        "destination": transfer.destination.code,
        "status": transfer.status,
        "note": transfer.note,
        "lines": [dict(zip(names, row, strict=True)) for row in rows],
        "created_at": transfer.created_at,
        "dispatched_at": transfer.dispatched_at,
        "ended_at": transfer.ended_at,
        "actor_id": transfer.actor_id,
    }


def present_count(count: Any) -> dict[str, Any]:
    """A count of `inventory.counts()`, which brings the numbers of its lines."""
    names = ("id", "status", "note", "line_count", "counted_count", "created_at", "ended_at", "actor_id")
    return {"warehouse": count.warehouse.code, **{name: getattr(count, name) for name in names}}


def present_count_line(line: StockCountLine) -> dict[str, Any]:
    before, counted = line.on_hand_before, line.counted
    return {
        "sku": line.variant.sku,
        "counted": counted,
        "on_hand_before": before,
        "difference": None if before is None or counted is None else counted - max(0, before),
    }
