"""Goods that come back: what the buyer asks for, what arrives, and how it was settled."""

from typing import ClassVar
from uuid import UUID

from django.db import models
from django.db.models import Q

from apps.common.models import AmountField, BaseModel, append_only, new_id
from apps.common.money import ZERO
from apps.orders.models.order import Order, OrderItem
from apps.products.models import ProductVariant, Warehouse


class ReturnQuerySet(models.QuerySet["Return"]):
    """Reads and locks of returns."""

    def lock(self) -> "ReturnQuerySet":
        """Lock the rows (docs/locking.md: after their order)."""
        return self.select_for_update(of=("self",)).order_by("pk")

    def with_all(self) -> "ReturnQuerySet":
        """With all that is shown of them; pictures without their bytes."""
        photos = models.Prefetch("photos", ReturnPhoto.objects.defer("image", "thumbnail"))
        rows = self.select_related("order", "warehouse")
        return rows.prefetch_related("lines__item", "lines__exchange_for", "lines__receipts", "history", photos)

    def found(self, text: str) -> "ReturnQuerySet":
        """Those of a number, of an order's number, or of a buyer's e-mail; in any case."""
        wanted = text.strip()
        by_number = Q(number=wanted.upper()) | Q(order__number=wanted.upper())
        return self.filter(by_number | Q(order__email=wanted.lower()))


class Return(BaseModel):
    """A return merchandise authorisation. `status` moves along the table in services/return_moves.py alone.

    Amounts are in the order's currency; they are set when it is completed.
    """

    class Status(models.TextChoices):
        REQUESTED = "requested"
        APPROVED = "approved"
        REJECTED = "rejected"
        IN_TRANSIT = "in_transit"
        RECEIVED = "received"
        COMPLETED = "completed"
        CANCELLED = "cancelled"

    class Outcome(models.TextChoices):
        REFUND = "refund"
        STORE_CREDIT = "store_credit"
        EXCHANGE = "exchange"

    # What its units are counted for in their lines' `returned_quantity`.
    LIVE: ClassVar = (Status.REQUESTED, Status.APPROVED, Status.IN_TRANSIT, Status.RECEIVED, Status.COMPLETED)

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="returns")
    number = models.CharField(max_length=20, unique=True)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.REQUESTED)
    outcome = models.CharField(max_length=12, choices=Outcome.choices, default=Outcome.REFUND)
    note = models.CharField(max_length=1000, blank=True, help_text="the buyer's words")
    reply = models.CharField(max_length=500, blank=True, help_text="the shop's words to the buyer")
    warehouse = models.ForeignKey(
        Warehouse, null=True, blank=True, on_delete=models.PROTECT, related_name="+", help_text="where it is sent to"
    )
    replacement = models.OneToOneField(
        Order, null=True, blank=True, on_delete=models.PROTECT, related_name="exchange_of", help_text="of an exchange"
    )
    carrier = models.CharField(max_length=80, blank=True)
    tracking_number = models.CharField(max_length=80, blank=True)
    goods_amount = AmountField(default=ZERO, help_text="what the received units cost the buyer")
    shipping_refund = AmountField(default=ZERO, help_text="of the outward shipping, given back as well")
    restocking_fee = AmountField(default=ZERO, help_text="kept by the shop")
    amount = AmountField(default=ZERO, help_text="what the buyer gets: goods and shipping less the fee")
    approved_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True, help_text="completed, rejected or cancelled")

    objects = ReturnQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(goods_amount__gte=0, shipping_refund__gte=0, restocking_fee__gte=0, amount__gte=0)
                & Q(amount=models.F("goods_amount") + models.F("shipping_refund") - models.F("restocking_fee")),
                name="return_amount_is_its_parts",
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=["order", "-id"], name="returns_of_order"),
            models.Index(fields=["status", "-id"], name="returns_by_status"),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def event_aggregate(self) -> tuple[str, UUID]:
        """Events of this belong to the order's public stream."""
        return ("order", self.order_id)


class ReturnLine(models.Model):
    """So many units of an order line, and why they come back."""

    class Reason(models.TextChoices):
        DAMAGED = "damaged"
        DEFECTIVE = "defective"
        WRONG_ITEM = "wrong_item"
        NOT_AS_DESCRIBED = "not_as_described"
        WRONG_SIZE = "wrong_size"
        ARRIVED_LATE = "arrived_late"
        CHANGED_MIND = "changed_mind"
        OTHER = "other"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    rma = models.ForeignKey(Return, on_delete=models.PROTECT, related_name="lines", verbose_name="return")
    item = models.ForeignKey(OrderItem, on_delete=models.PROTECT, related_name="return_lines")
    quantity = models.PositiveIntegerField(help_text="units asked for")
    reason = models.CharField(max_length=16, choices=Reason.choices)
    comment = models.CharField(max_length=500, blank=True)
    exchange_for = models.ForeignKey(
        ProductVariant, null=True, blank=True, on_delete=models.PROTECT, related_name="+", help_text="to have instead"
    )
    received_quantity = models.PositiveIntegerField(default=0, help_text="units that arrived")

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["rma", "item"], name="return_line_once"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="return_quantity_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of {self.item_id}"


class ReturnReceipt(models.Model):
    """Units that arrived in one condition, and whether they went back on the shelf. Append-only."""

    class Condition(models.TextChoices):
        RESELLABLE = "resellable"
        USED = "used"
        DAMAGED = "damaged"
        DEFECTIVE = "defective"

    # Goods in these conditions are sold again; all others are written off.
    RESTOCKED: ClassVar = (Condition.RESELLABLE,)

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    line = models.ForeignKey(ReturnLine, on_delete=models.PROTECT, related_name="receipts")
    condition = models.CharField(max_length=12, choices=Condition.choices)
    quantity = models.PositiveIntegerField()
    is_restocked = models.BooleanField()
    warehouse = models.ForeignKey(Warehouse, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["line", "condition"], name="return_receipt_once"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="return_receipt_positive"),
        ]
        triggers: ClassVar = [append_only("return_receipt_append_only")]

    def __str__(self) -> str:
        return f"{self.quantity} {self.condition}"


class ReturnPhoto(models.Model):
    """A picture that the buyer took: clean WebP, kept here and not among the public media. Append-only."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    rma = models.ForeignKey(Return, on_delete=models.PROTECT, related_name="photos", verbose_name="return")
    image = models.BinaryField()
    thumbnail = models.BinaryField()
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["id"]
        triggers: ClassVar = [append_only("return_photo_append_only")]

    def __str__(self) -> str:
        return f"{self.width} x {self.height}"


class ReturnHistory(models.Model):
    """One move of a return, who made it and why. Append-only."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    rma = models.ForeignKey(Return, on_delete=models.PROTECT, related_name="history", verbose_name="return")
    from_status = models.CharField(max_length=12, blank=True)
    to_status = models.CharField(max_length=12)
    actor_id = models.UUIDField(null=True)
    actor = models.CharField(max_length=80, default="system")
    reason = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["id"]
        verbose_name_plural = "return history"
        triggers: ClassVar = [append_only("return_history_append_only")]

    def __str__(self) -> str:
        return f"{self.from_status or 'new'} to {self.to_status}"
