"""How an order's price came about, frozen with it: the taxes and the discounts, row by row. Append-only."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from apps.common.models import AmountField, append_only, new_id
from apps.common.money import ZERO
from apps.orders.models.order import Order, OrderItem


class OrderExplanation(models.Model):
    """The steps that led to the order's total, as the API tells them. Apart from the order: few ask for it."""

    order = models.OneToOneField(Order, primary_key=True, on_delete=models.PROTECT, related_name="explanation")
    steps = models.JSONField()

    class Meta:
        triggers: ClassVar = [append_only("order_explanation_append_only")]

    def __str__(self) -> str:
        return f"{len(self.steps)} steps"


class OrderTax(models.Model):
    """One rate on one line, or on the shipping when there is no line."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="taxes")
    item = models.ForeignKey(OrderItem, null=True, blank=True, on_delete=models.PROTECT, related_name="taxes")
    name = models.CharField(max_length=80)
    jurisdiction = models.CharField(max_length=130, blank=True)
    rate = models.DecimalField(max_digits=6, decimal_places=5)
    base = AmountField(help_text="what the rate was taken of, after discounts")
    amount = AmountField()

    class Meta:
        ordering: ClassVar = ["id"]
        verbose_name_plural = "order taxes"
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(rate__gte=0, base__gte=0, amount__gte=0), name="order_tax_not_negative")
        ]
        triggers: ClassVar = [append_only("order_tax_append_only")]

    def __str__(self) -> str:
        return f"{self.name} {self.rate.normalize() * 100:f} %"


class OrderDiscount(models.Model):
    """A promotion that counted for the order: what it took off the goods and off the shipping."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="discounts")
    promotion_id = models.UUIDField()
    name = models.CharField(max_length=120)
    code = models.CharField(max_length=40, blank=True, help_text="the coupon it came with")
    discount = AmountField(default=ZERO)
    shipping = AmountField(default=ZERO)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(discount__gte=0, shipping__gte=0), name="order_discount_not_negative")
        ]
        indexes: ClassVar = [models.Index(fields=["promotion_id"], name="orders_of_promotion")]
        triggers: ClassVar = [append_only("order_discount_append_only")]

    def __str__(self) -> str:
        return self.name
