"""Coupons, the carts that hold them, and the ledger of uses."""

import uuid
from typing import TYPE_CHECKING, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Upper

from apps.cart.models.basket import Cart
from apps.cart.models.promotions import Promotion, live_uses
from apps.common.models import BaseModel

if TYPE_CHECKING:
    from datetime import datetime

CODE = r"^[A-Z0-9][A-Z0-9_-]{2,39}$"


class CouponBatch(BaseModel):
    """Codes made at once, such as those printed on a flyer."""

    promotion = models.ForeignKey(Promotion, on_delete=models.CASCADE, related_name="batches")
    name = models.CharField(max_length=120)
    prefix = models.CharField(max_length=20, blank=True)
    size = models.PositiveIntegerField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name_plural = "coupon batches"
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(size__gte=1, size__lte=10_000), name="coupon_batch_1_to_10000")
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.size})"


class CouponQuerySet(models.QuerySet["Coupon"]):
    """Reads of coupons."""

    def for_staff(self) -> "CouponQuerySet":
        """With `uses_now`, the live orders that carry each."""
        return self.annotate(uses_now=live_uses())

    def found(self, *, batch: uuid.UUID | None, used: bool | None, search: str | None) -> "CouponQuerySet":
        """Those that staff look for; `search` is the start of a code."""
        found = self.filter(batch_id=batch) if batch else self
        found = found.filter(code__startswith=search.upper()) if search else found
        if used is None:
            return found
        live = Exists(PromotionUse.objects.live().filter(coupon=OuterRef("pk")))
        return found.filter(live if used else ~live)


class Coupon(BaseModel):
    """A code that asks for a promotion; written in capitals, read in any case. Its usage limit never changes."""

    code = models.CharField(max_length=40, unique=True)
    promotion = models.ForeignKey(Promotion, on_delete=models.CASCADE, related_name="coupons")
    batch = models.ForeignKey(CouponBatch, null=True, blank=True, on_delete=models.CASCADE, related_name="coupons")
    usage_limit = models.PositiveIntegerField(null=True, blank=True, help_text="1: single use; empty: no limit")
    used_count = models.PositiveIntegerField(
        default=0, editable=False, help_text="live uses, kept when there is a usage limit"
    )
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    is_active = models.BooleanField(default=True)

    objects = CouponQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(code=Upper("code"), code__regex=CODE), name="coupon_code_in_capitals"),
            models.CheckConstraint(condition=Q(usage_limit=None) | Q(usage_limit__gte=1), name="coupon_limit_positive"),
            models.CheckConstraint(
                condition=Q(usage_limit=None) | Q(used_count__lte=F("usage_limit")), name="coupon_within_its_limit"
            ),
            models.CheckConstraint(
                condition=Q(starts_at=None) | Q(ends_at=None) | Q(ends_at__gt=F("starts_at")),
                name="coupon_ends_after_start",
            ),
        ]

    def __str__(self) -> str:
        return self.code

    def refusal(self, now: "datetime") -> str:
        """Why the code can't be used at all now; empty when it can."""
        if not self.is_active:
            return "code_inactive"
        if self.starts_at is not None and now < self.starts_at:
            return "code_not_started"
        if self.ends_at is not None and now >= self.ends_at:
            return "code_expired"
        if self.usage_limit is not None and self.used_count >= self.usage_limit:
            return "code_used"
        return ""


class CartCoupon(BaseModel):
    """A coupon that a shopper has entered. It stays when it stops to apply, so that the cart can say why."""

    cart = models.ForeignKey(Cart, on_delete=models.CASCADE, related_name="coupons")
    coupon = models.ForeignKey(Coupon, on_delete=models.CASCADE, related_name="+")

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["cart", "coupon"], name="coupon_once_per_cart")]

    def __str__(self) -> str:
        return f"{self.coupon_id} on {self.cart_id}"


class PromotionUseQuerySet(models.QuerySet["PromotionUse"]):
    """Reads of uses."""

    def live(self) -> "PromotionUseQuerySet":
        """Those of orders that have not been cancelled."""
        return self.filter(given_back_at=None)

    def of_customer(self, *, user_id: uuid.UUID | None, emails: frozenset[str]) -> "PromotionUseQuerySet":
        """A customer's: as the account, with the account's address or with one of these, as a guest or not."""
        mine = Q(email__in=emails) | Q(user__email__in=emails)
        return self.filter(mine | Q(user_id=user_id) if user_id is not None else mine)


class PromotionUse(BaseModel):
    """An order that carries a promotion. Cancelling the order gives the use back."""

    promotion = models.ForeignKey(Promotion, on_delete=models.PROTECT, related_name="uses")
    coupon = models.ForeignKey(Coupon, null=True, blank=True, on_delete=models.PROTECT, related_name="uses")
    reference = models.UUIDField(help_text="the order")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    email = models.EmailField(max_length=254, help_text="of the order, in lower case")
    used_at = models.DateTimeField()
    given_back_at = models.DateTimeField(null=True, blank=True)

    objects = PromotionUseQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["promotion", "reference"], name="promotion_once_per_order"),
            models.CheckConstraint(
                condition=Q(given_back_at=None) | Q(given_back_at__gte=F("used_at")), name="given_back_after_use"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["reference"], name="uses_of_order"),
            models.Index(fields=["promotion", "email"], name="uses_by_email", condition=Q(given_back_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.promotion_id} by {self.reference}"
