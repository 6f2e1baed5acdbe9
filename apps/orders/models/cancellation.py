"""Units of an order line that the buyer does not want any more."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from apps.common.models import AmountField, append_only, new_id
from apps.orders.models.order import Order, OrderItem


class LineCancellation(models.Model):
    """So many units of a line, and their share of what the line cost. Append-only.

    The shares of all units of a line add up to its line total, discount and tax exactly.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="line_cancellations")
    item = models.ForeignKey(OrderItem, on_delete=models.PROTECT, related_name="cancellations")
    quantity = models.PositiveIntegerField()
    line_total = AmountField()
    discount = AmountField()
    tax = AmountField()
    amount = AmountField(help_text="what the units cost: line total less discount, and the tax that was added")
    reason = models.CharField(max_length=200, blank=True)
    actor = models.CharField(max_length=80, default="system")
    actor_id = models.UUIDField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(quantity__gt=0, line_total__gte=0, discount__gte=0, tax__gte=0, amount__gte=0),
                name="line_cancellation_sane",
            )
        ]
        triggers: ClassVar = [append_only("line_cancellation_append_only")]

    def __str__(self) -> str:
        return f"{self.quantity} of {self.item_id}"
