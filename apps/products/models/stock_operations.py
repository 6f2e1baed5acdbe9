"""What staff do with stock: transfers between warehouses, counts, and the alerts that tell them to."""

from collections.abc import Iterable
from typing import ClassVar
from uuid import UUID

from django.db import models
from django.db.models import F, Q, Sum

from apps.common.models import BaseModel
from apps.products.models.catalogue import ProductVariant
from apps.products.models.stock import StockLevel, Warehouse


class StockTransferQuerySet(models.QuerySet["StockTransfer"]):
    """Reads and locks of transfers."""

    def lock(self) -> "StockTransferQuerySet":
        """Lock the transfer rows (docs/locking.md: before reservations and levels)."""
        return self.select_for_update(of=("self",))


class StockTransfer(BaseModel):
    """Units on their way from one warehouse to another. In transit they are on hand nowhere, so nobody can buy them."""

    class Status(models.TextChoices):
        DRAFT = "draft"
        IN_TRANSIT = "in_transit"
        RECEIVED = "received"
        CANCELLED = "cancelled"

    source = models.ForeignKey(Warehouse, on_delete=models.PROTECT, related_name="transfers_out")
    destination = models.ForeignKey(Warehouse, on_delete=models.PROTECT, related_name="transfers_in")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.DRAFT)
    note = models.CharField(max_length=200, blank=True)
    actor_id = models.UUIDField(null=True, blank=True, editable=False)
    dispatched_at = models.DateTimeField(null=True, blank=True, editable=False)
    ended_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="received or cancelled")

    objects = StockTransferQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(source=F("destination")), name="transfer_goes_somewhere"),
            models.CheckConstraint(
                condition=Q(status__in=["draft", "in_transit"], ended_at__isnull=True)
                | (~Q(status__in=["draft", "in_transit"]) & Q(ended_at__isnull=False)),
                name="an_ended_transfer_has_its_time",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["destination"], name="transfers_in_transit", condition=Q(status="in_transit")),
        ]

    def __str__(self) -> str:
        return f"transfer of {self.created_at:%Y-%m-%d} ({self.get_status_display()})"


class StockTransferLine(BaseModel):
    """So many units of a variant in a transfer, and how many of them arrived."""

    transfer = models.ForeignKey(StockTransfer, on_delete=models.CASCADE, related_name="lines")
    variant = models.ForeignKey(ProductVariant, on_delete=models.PROTECT, related_name="+")
    quantity = models.PositiveIntegerField()
    received = models.PositiveIntegerField(null=True, blank=True)
    reason = models.CharField(max_length=200, blank=True, help_text="why less arrived")

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["transfer", "variant"], name="one_transfer_line_per_variant"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="transfer_quantity_positive"),
            models.CheckConstraint(
                condition=Q(received__isnull=True) | Q(received__lte=F("quantity")), name="no_more_received_than_sent"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} units"


def in_transit_to(variant_ids: Iterable[UUID]) -> dict[tuple[UUID, UUID], int]:
    """Units on their way, per (variant, destination); pairs with none are left out."""
    rows = (
        StockTransferLine.objects.filter(
            variant_id__in=list(variant_ids), transfer__status=StockTransfer.Status.IN_TRANSIT
        )
        .order_by()
        .values_list("variant_id", "transfer__destination_id")
        .annotate(units=Sum("quantity"))
    )
    return {(variant_id, warehouse_id): units for variant_id, warehouse_id, units in rows}


class StockCountQuerySet(models.QuerySet["StockCount"]):
    """Reads and locks of counts."""

    def lock(self) -> "StockCountQuerySet":
        """Lock the count rows (docs/locking.md: before reservations and levels)."""
        return self.select_for_update(of=("self",))


class StockCount(BaseModel):
    """People counting what a warehouse really holds. Nothing changes until it is applied."""

    class Status(models.TextChoices):
        OPEN = "open"
        APPLIED = "applied"
        CANCELLED = "cancelled"

    warehouse = models.ForeignKey(Warehouse, on_delete=models.PROTECT, related_name="counts")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.OPEN)
    note = models.CharField(max_length=200, blank=True)
    actor_id = models.UUIDField(null=True, blank=True, editable=False)
    ended_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="applied or cancelled")

    objects = StockCountQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(status="open", ended_at__isnull=True) | (~Q(status="open") & Q(ended_at__isnull=False)),
                name="an_ended_count_has_its_time",
            ),
        ]

    def __str__(self) -> str:
        return f"count of {self.created_at:%Y-%m-%d} ({self.get_status_display()})"


class StockCountLine(BaseModel):
    """What was counted of a variant; empty: not counted yet."""

    stock_count = models.ForeignKey(StockCount, on_delete=models.CASCADE, related_name="lines")
    variant = models.ForeignKey(ProductVariant, on_delete=models.PROTECT, related_name="+")
    counted = models.PositiveIntegerField(null=True, blank=True)
    on_hand_before = models.IntegerField(
        null=True, blank=True, editable=False, help_text="what the ledger said when the count was applied"
    )

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["stock_count", "variant"], name="one_count_line_per_variant"),
        ]

    def __str__(self) -> str:
        return "not counted" if self.counted is None else f"{self.counted} units"


class StockAlertQuerySet(models.QuerySet["StockAlert"]):
    """Reads and locks of alerts."""

    def open(self) -> "StockAlertQuerySet":
        """What still needs somebody: neither acknowledged nor over."""
        return self.filter(closed_at=None)

    def untold(self) -> "StockAlertQuerySet":
        """What no digest has told yet, locked; rows that another digest is telling are left to it."""
        return self.filter(told_at=None).order_by("pk").select_for_update(of=("self",), skip_locked=True)


class StockAlert(BaseModel):
    """A level crossed a line: it ran low, ran out, or came back. Written from the events `stock.low`, `.out`, `.back`.

    A level has at most one open alert; the next crossing closes it.
    """

    class Kind(models.TextChoices):
        LOW = "low"
        OUT = "out"
        BACK = "back"

    level = models.ForeignKey(StockLevel, on_delete=models.PROTECT, related_name="alerts")
    kind = models.CharField(max_length=4, choices=Kind.choices)
    available = models.IntegerField(help_text="units left at that moment")
    crossed_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.UUIDField(null=True, blank=True, help_text="the staff member who closed it")
    digest_id = models.UUIDField(null=True, blank=True, help_text="the mail that told it")
    told_at = models.DateTimeField(null=True, blank=True)

    objects = StockAlertQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["level"], condition=Q(closed_at=None), name="one_open_alert_per_level"),
            models.CheckConstraint(condition=~Q(kind="back") | Q(closed_at__isnull=False), name="good_news_is_closed"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["-id"], name="open_stock_alerts", condition=Q(closed_at=None)),
            models.Index(fields=["id"], name="untold_stock_alerts", condition=Q(told_at=None)),
            models.Index(fields=["digest_id"], name="stock_alerts_of_digest"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} since {self.crossed_at:%Y-%m-%d %H:%M}"
