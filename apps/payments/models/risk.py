"""How risky an order looked when its money was promised, why, and what was decided."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from apps.common.models import BaseModel
from apps.orders.models import Order
from apps.payments.models.payment import Payment


class RiskReview(BaseModel):
    """The assessment of an order, one for each. Only `pending` ones wait for a person."""

    class Status(models.TextChoices):
        ACCEPTED = "accepted"
        PENDING = "pending"
        REFUSED = "refused"
        APPROVED = "approved"
        REJECTED = "rejected"
        WITHDRAWN = "withdrawn"

    order = models.OneToOneField(Order, on_delete=models.PROTECT, related_name="risk_review")
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="+")
    status = models.CharField(max_length=10, choices=Status.choices)
    score = models.PositiveSmallIntegerField(help_text="0 to 100")
    reasons = models.JSONField(default=list, help_text="the rules that spoke: rule, weight, detail")
    provider_level = models.CharField(max_length=20, blank=True, help_text="the provider's own word")
    provider_score = models.PositiveSmallIntegerField(null=True, blank=True)
    note = models.CharField(max_length=500, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.UUIDField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(score__gte=0, score__lte=100), name="risk_score_in_percent"),
            models.CheckConstraint(
                condition=Q(status__in=["approved", "rejected"], decided_by__isnull=False)
                | (~Q(status__in=["approved", "rejected"]) & Q(decided_by__isnull=True)),
                name="risk_decision_has_its_person",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["status", "-id"], name="risk_queue")]

    def __str__(self) -> str:
        return f"{self.order_id}: {self.score} ({self.status})"
