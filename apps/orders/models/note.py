"""What staff write beside an order."""

from typing import ClassVar

from django.db import models

from apps.common.models import append_only, new_id
from apps.orders.models.order import Order


class OrderNote(models.Model):
    """A remark: for staff alone, or also in the buyer's timeline. Append-only."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="notes")
    text = models.CharField(max_length=1000)
    is_customer_visible = models.BooleanField(default=False, help_text="shown in the buyer's timeline")
    actor_id = models.UUIDField(null=True)
    actor = models.CharField(max_length=80, default="system")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["id"]
        indexes: ClassVar = [models.Index(fields=["order", "id"], name="notes_of_order")]
        triggers: ClassVar = [append_only("order_note_append_only")]

    def __str__(self) -> str:
        return self.text[:60]
