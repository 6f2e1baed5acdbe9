"""What happened to the money of a payment, fact by fact. The amounts of `Payment` are sums over these rows."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from apps.common.models import AmountField, append_only, new_id
from apps.payments.models.payment import Payment


class PaymentEvent(models.Model):
    """A fact, known once: unique by the provider's reference of what it is about (a payment, a refund, a dispute) and
    its kind. Append-only, so that news which come late, twice or in another order add up to the same amounts.
    """

    class Kind(models.TextChoices):
        AUTHORISED = "authorised"
        CAPTURED = "captured"
        VOIDED = "voided"
        REFUNDED = "refunded"
        REFUND_FAILED = "refund_failed"
        DISPUTE_OPENED = "dispute_opened"
        DISPUTE_WON = "dispute_won"
        DISPUTE_LOST = "dispute_lost"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="facts")
    provider = models.CharField(max_length=12, choices=Payment.Provider.choices)
    provider_reference = models.CharField(max_length=120)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    amount = AmountField(help_text="in the payment's currency")
    occurred_at = models.DateTimeField(default=timezone.now)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["provider", "provider_reference", "kind"], name="payment_fact_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="payment_fact_amount_positive"),
            models.CheckConstraint(condition=~Q(provider_reference=""), name="payment_fact_has_reference"),
        ]
        indexes: ClassVar = [models.Index(fields=["payment", "id"], name="facts_of_payment")]
        triggers: ClassVar = [append_only("payment_event_append_only")]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount}"
