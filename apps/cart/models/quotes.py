"""Quotes: what a cart would cost, promised for some minutes."""

from typing import ClassVar

from django.db import models

from apps.cart.models.basket import Cart
from apps.common.models import AmountField, BaseModel, CurrencyField


class CartQuote(BaseModel):
    """One promise. It keeps what was quoted and no address; a job deletes it soon after it has run out.

    `snapshot` has the form of apps/cart/pricing/comparison.py.
    """

    cart = models.ForeignKey(Cart, on_delete=models.CASCADE, related_name="quotes")
    currency = CurrencyField()
    total = AmountField()
    snapshot = models.JSONField()
    expires_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [models.Index(fields=["expires_at"], name="quotes_by_end")]

    def __str__(self) -> str:
        return f"{self.total} {self.currency} until {self.expires_at:%Y-%m-%d %H:%M}"
