"""A buyer's complaint at the bank, and what staff have gathered to answer it."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from apps.common.models import AmountField, BaseModel
from apps.payments.models.payment import Payment


class Dispute(BaseModel):
    """A case at the provider. Its effect on the money is in the payment's facts."""

    class Status(models.TextChoices):
        NEEDS_RESPONSE = "needs_response"
        UNDER_REVIEW = "under_review"
        WON = "won"
        LOST = "lost"

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="disputes")
    provider = models.CharField(max_length=12, choices=Payment.Provider.choices)
    provider_reference = models.CharField(max_length=120)
    status = models.CharField(max_length=16, choices=Status.choices)
    reason = models.CharField(max_length=60)
    amount = AmountField(help_text="in the payment's currency")
    due_at = models.DateTimeField(null=True, blank=True, help_text="evidence must be in by then")
    closed_at = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["provider", "provider_reference"], name="dispute_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="dispute_amount_positive"),
        ]
        indexes: ClassVar = [models.Index(fields=["status", "due_at"], name="disputes_by_status")]

    def __str__(self) -> str:
        return f"{self.provider_reference} ({self.status})"


class DisputeEvidence(models.Model):
    """One line of the checklist: which evidence, and whether it is there."""

    class Kind(models.TextChoices):
        ORDER_CONFIRMATION = "order_confirmation"
        RECEIPT = "receipt"
        SHIPPING_PROOF = "shipping_proof"
        DELIVERY_SIGNATURE = "delivery_signature"
        CUSTOMER_COMMUNICATION = "customer_communication"
        REFUND_POLICY = "refund_policy"
        PRODUCT_DESCRIPTION = "product_description"
        SIGN_IN_HISTORY = "sign_in_history"

    dispute = models.ForeignKey(Dispute, on_delete=models.CASCADE, related_name="evidence")
    kind = models.CharField(max_length=24, choices=Kind.choices)
    done = models.BooleanField(default=False)
    done_at = models.DateTimeField(null=True, blank=True)
    actor_id = models.UUIDField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["dispute", "kind"], name="evidence_listed_once")]

    def __str__(self) -> str:
        return f"{self.kind}: {'done' if self.done else 'open'}"
