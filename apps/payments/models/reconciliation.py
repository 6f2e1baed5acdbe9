"""Where a provider's books and ours disagree: one row per disagreement, kept; and which spans were compared."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from apps.common.models import AmountField, BaseModel, CurrencyField
from apps.orders.models import Order
from apps.payments.models.payment import Payment


class ReconciliationRun(BaseModel):
    """One comparison of a provider's charges, refunds and disputes of a span of time with ours."""

    class Status(models.TextChoices):
        REQUESTED = "requested"
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"

    provider = models.CharField(max_length=12, choices=Payment.Provider.choices)
    since = models.DateTimeField()
    until = models.DateTimeField()
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.REQUESTED)
    charges = models.PositiveIntegerField(default=0, help_text="of the provider's, compared")
    refunds = models.PositiveIntegerField(default=0)
    disputes = models.PositiveIntegerField(default=0)
    breaks = models.PositiveIntegerField(default=0, help_text="disagreements seen")
    new_breaks = models.PositiveIntegerField(default=0, help_text="of these, never seen before")
    healed = models.PositiveIntegerField(default=0, help_text="of these, put right by itself")
    failure = models.CharField(max_length=300, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    actor_id = models.UUIDField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(since__lt=models.F("until")), name="reconciliation_span_not_empty")
        ]
        indexes: ClassVar = [
            models.Index(fields=["id"], name="reconciliations_to_run", condition=Q(status="requested"))
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.since:%Y-%m-%d} to {self.until:%Y-%m-%d} ({self.status})"


class ReconciliationBreak(BaseModel):
    """A disagreement, filed once by provider, kind and the reference of what it is about."""

    class Kind(models.TextChoices):
        PAID_WITHOUT_ORDER = "paid_without_order"
        ORDER_WITHOUT_PAYMENT = "order_without_payment"
        CAPTURE_MISSING = "capture_missing"
        DUPLICATE_CHARGE = "duplicate_charge"
        AMOUNT_DIFFERS = "amount_differs"
        CURRENCY_DIFFERS = "currency_differs"
        REFUND_MISSING_HERE = "refund_missing_here"
        REFUND_MISSING_THERE = "refund_missing_there"
        DISPUTE_MISSING_HERE = "dispute_missing_here"
        DISPUTE_MISSING_THERE = "dispute_missing_there"

    class Status(models.TextChoices):
        OPEN = "open"
        HEALED = "healed"
        RESOLVED = "resolved"

    provider = models.CharField(max_length=12, choices=Payment.Provider.choices)
    kind = models.CharField(max_length=24, choices=Kind.choices)
    reference = models.CharField(max_length=120, help_text="of the charge, payment, refund or dispute at the provider")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.OPEN)
    order = models.ForeignKey(Order, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    payment = models.ForeignKey(Payment, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    here = AmountField(null=True, blank=True, help_text="what our books say; empty: nothing")
    here_currency = CurrencyField(blank=True)
    there = AmountField(null=True, blank=True, help_text="what the provider's books say; empty: nothing")
    there_currency = CurrencyField(blank=True)
    detail = models.CharField(max_length=300, blank=True)
    note = models.CharField(max_length=500, blank=True)
    seen_at = models.DateTimeField(help_text="when it was seen last")
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.UUIDField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["provider", "kind", "reference"], name="reconciliation_break_once"),
            models.CheckConstraint(
                condition=Q(status="resolved", resolved_at__isnull=False)
                | (~Q(status="resolved") & Q(resolved_at__isnull=True)),
                name="resolved_break_has_its_time",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["status", "-id"], name="reconciliation_queue")]

    def __str__(self) -> str:
        return f"{self.kind} {self.reference} ({self.status})"
