"""Promotions: when they apply, what they give, how often they may be used."""

import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib.auth.models import Group
from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Count, F, OuterRef, Q
from django.db.models.functions import JSONObject

from apps.common.models import AmountField, BaseModel, CurrencyField, default_currency
from apps.common.money import ZERO
from apps.products.models import Category, Product, ProductVariant

if TYPE_CHECKING:
    from datetime import datetime

WEEKDAYS = (0, 1, 2, 3, 4, 5, 6)


class PromotionQuerySet(models.QuerySet["Promotion"]):
    """Reads and locks of promotions."""

    def running(self, now: "datetime") -> "PromotionQuerySet":
        """Switched on, and within their dates. Weekday and time of day are pricing's business."""
        return self.filter(
            Q(starts_at=None) | Q(starts_at__lte=now),
            Q(ends_at=None) | Q(ends_at__gt=now),
            status=Promotion.Status.ACTIVE,
        )

    def lock(self) -> "PromotionQuerySet":
        """Lock against changes and against orders that use them (docs/locking.md)."""
        return self.select_for_update(of=("self",)).order_by("pk")

    def hold(self, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, "Promotion"]:
        """The rows as they are now, by primary key; until the transaction ends staff can't change them, orders may.

        KEY SHARE, which Django's `select_for_update` does not know: it conflicts with `lock`, and not with the counting
        of other orders.
        """
        rows = self.raw(
            "SELECT * FROM cart_promotion WHERE id = ANY(%s::uuid[]) ORDER BY id FOR KEY SHARE", [list(ids)]
        )
        return {row.pk: row for row in rows}

    def with_terms(self) -> "PromotionQuerySet":
        """With everything that rows of other tables say, as arrays: one statement whatever their number."""
        return self.annotate(
            product_ids=_array(Promotion.products, "product_id"),
            category_ids=_array(Promotion.categories, "category_id"),
            get_product_ids=_array(Promotion.get_products, "product_id"),
            group_names=_array(Promotion.customer_groups, "group__name"),
            tier_rows=ArraySubquery(
                PromotionTier.objects.filter(promotion=OuterRef("pk"))
                .order_by("threshold")
                .values(row=JSONObject(threshold=_text("threshold"), value=_text("value")))
            ),
        )

    def found(self, *, status: str | None, kind: str | None, search: str | None) -> "PromotionQuerySet":
        """Those that staff look for; `search` is a part of the name, or a code."""
        found = self.filter(status=status) if status else self
        found = found.filter(kind=kind) if kind else found
        if not search:
            return found
        # A code belongs to one promotion, so the join makes no doubles.
        coded = Promotion.objects.filter(coupons__code=search.upper())
        return found.filter(Q(name__icontains=search) | Q(pk__in=coded.values("pk")))

    def for_staff(self) -> "PromotionQuerySet":
        """With all its rows and `uses_now`, the live orders that carry it; a constant number of statements."""
        related = ("products", "categories", "customer_groups", "get_products", "tiers")
        return self.select_related("gift").prefetch_related(*related).annotate(uses_now=live_uses())


def live_uses() -> Any:
    """The number of live uses of a promotion or coupon."""
    return Count("uses", filter=Q(uses__isnull=False, uses__given_back_at=None), distinct=True)


def _array(relation: Any, column: str) -> ArraySubquery:
    rows = relation.through.objects.filter(promotion_id=OuterRef("pk"))
    return ArraySubquery(rows.order_by("pk").values(column))


def _text(column: str) -> models.expressions.Combinable:
    # As text: JSON numbers come back as floats.
    return models.functions.Cast(column, models.CharField())


class Promotion(BaseModel):
    """An offer. Automatic ones apply by themselves, the others with a coupon; docs/promotions.md tells the rules.

    Amounts are of `currency`; a promotion that names one applies to baskets of that currency alone.
    """

    class Status(models.TextChoices):
        DRAFT = "draft"
        ACTIVE = "active"
        PAUSED = "paused"

    class Kind(models.TextChoices):
        PERCENT = "percent"
        AMOUNT = "amount"
        FIXED_PRICE = "fixed_price"
        BUY_X_GET_Y = "buy_x_get_y"
        CHEAPEST_FREE = "cheapest_free"
        TIERED = "tiered"
        FREE_SHIPPING = "free_shipping"
        GIFT = "gift"

    class TierBy(models.TextChoices):
        SUBTOTAL = "subtotal"
        QUANTITY = "quantity"

    class TierKind(models.TextChoices):
        PERCENT = "percent"
        AMOUNT = "amount"

    name = models.CharField(max_length=120, unique=True)
    description = models.CharField(max_length=1000, blank=True, help_text="shown to shoppers")
    status = models.CharField(max_length=6, choices=Status.choices, default=Status.DRAFT)
    is_public = models.BooleanField(default=False, help_text="listed among the shop's offers")
    needs_coupon = models.BooleanField(default=False)
    priority = models.SmallIntegerField(default=0, help_text="of two groups the higher is taken first")
    exclusive = models.BooleanField(default=False, help_text="applies alone or not at all")
    group = models.CharField(
        max_length=40,
        blank=True,
        default="default",
        help_text="of one group only the best offer counts; empty: adds up",
    )

    currency = CurrencyField(default=default_currency)
    minimum_subtotal = AmountField(default=ZERO)
    minimum_quantity = models.PositiveIntegerField(default=0)
    products = models.ManyToManyField(Product, blank=True, related_name="+")
    categories = models.ManyToManyField(Category, blank=True, related_name="+")
    brands = ArrayField(models.CharField(max_length=120), default=list, blank=True)
    customer_groups = models.ManyToManyField(Group, blank=True, related_name="+")
    first_order = models.BooleanField(default=False)
    countries = ArrayField(models.CharField(max_length=2), default=list, blank=True, help_text="ISO codes")
    currencies = ArrayField(models.CharField(max_length=3), default=list, blank=True)
    channels = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    weekdays = ArrayField(models.SmallIntegerField(), default=list, blank=True, help_text="0 is Monday")
    from_time = models.TimeField(null=True, blank=True, help_text="in the shop's time zone")
    until_time = models.TimeField(null=True, blank=True)

    kind = models.CharField(max_length=14, choices=Kind.choices)
    value = AmountField(default=ZERO, help_text="percent (10 is 10 %) or an amount of money")
    maximum = AmountField(null=True, blank=True, help_text="the most that a percentage saves")
    buy = models.PositiveSmallIntegerField(default=0)
    get = models.PositiveSmallIntegerField(default=1)
    get_products = models.ManyToManyField(Product, blank=True, related_name="+")
    tier_by = models.CharField(max_length=8, choices=TierBy.choices, default=TierBy.SUBTOTAL)
    tier_kind = models.CharField(max_length=7, choices=TierKind.choices, default=TierKind.PERCENT)
    gift = models.ForeignKey(ProductVariant, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    usage_limit = models.PositiveIntegerField(null=True, blank=True)
    per_customer_limit = models.PositiveIntegerField(null=True, blank=True)
    used_count = models.PositiveIntegerField(
        default=0, editable=False, help_text="live uses, kept while there is a usage limit"
    )

    objects = PromotionQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-priority", "name"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(value__gte=0, minimum_subtotal__gte=0), name="promotion_amounts_not_negative"
            ),
            models.CheckConstraint(
                condition=~Q(kind__in=["percent", "buy_x_get_y"]) | Q(value__lte=100),
                name="promotion_at_most_100_percent",
                violation_error_message="At most 100 %.",
            ),
            models.CheckConstraint(
                condition=Q(maximum=None) | Q(kind="percent", maximum__gt=0),
                name="promotion_maximum_of_percent",
                violation_error_message="Only a percentage has a maximum, and it is more than nothing.",
            ),
            models.CheckConstraint(
                condition=Q(kind="buy_x_get_y", buy__gte=1) | (~Q(kind="buy_x_get_y") & Q(buy=0)),
                name="promotion_buys_of_buy_x_get_y",
            ),
            models.CheckConstraint(
                condition=Q(get__gte=1),
                name="promotion_gets_something",
                violation_error_message="At least one unit must be got.",
            ),
            models.CheckConstraint(
                condition=Q(kind="gift", gift__isnull=False) | (~Q(kind="gift") & Q(gift=None)),
                name="promotion_gift_of_gift",
            ),
            models.CheckConstraint(
                condition=Q(starts_at=None) | Q(ends_at=None) | Q(ends_at__gt=F("starts_at")),
                name="promotion_ends_after_start",
                violation_error_message="It must end after it starts.",
            ),
            models.CheckConstraint(
                condition=Q(from_time=None) | Q(until_time=None) | ~Q(from_time=F("until_time")),
                name="promotion_hours_not_empty",
                violation_error_message="The hours must not be empty.",
            ),
            models.CheckConstraint(
                condition=Q(weekdays__contained_by=list(WEEKDAYS)), name="promotion_weekdays_0_to_6"
            ),
            models.CheckConstraint(
                condition=Q(usage_limit=None) | Q(used_count__lte=F("usage_limit")),
                name="promotion_within_its_limit",
                violation_error_message="It has been used more often.",
            ),
            models.CheckConstraint(
                condition=(Q(usage_limit=None) | Q(usage_limit__gte=1))
                & (Q(per_customer_limit=None) | Q(per_customer_limit__gte=1)),
                name="promotion_limits_positive",
                violation_error_message="A cap is at least 1.",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["starts_at"], name="automatic_promotions", condition=Q(status="active", needs_coupon=False)
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def names_amounts(self) -> bool:
        """Whether it can apply to baskets of its own currency alone."""
        return bool(self.minimum_subtotal) or self.benefit_names_amounts

    @property
    def benefit_names_amounts(self) -> bool:
        money_tiers = self.kind == self.Kind.TIERED and (
            self.tier_by == self.TierBy.SUBTOTAL or self.tier_kind == self.TierKind.AMOUNT
        )
        return self.kind in (self.Kind.AMOUNT, self.Kind.FIXED_PRICE) or self.maximum is not None or money_tiers


class PromotionTier(BaseModel):
    """From `threshold` on (money or units) the benefit is `value` (percent or money)."""

    promotion = models.ForeignKey(Promotion, on_delete=models.CASCADE, related_name="tiers")
    threshold = AmountField()
    value = AmountField()

    class Meta:
        ordering: ClassVar = ["promotion", "threshold"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["promotion", "threshold"], name="one_tier_per_threshold"),
            models.CheckConstraint(condition=Q(threshold__gte=0, value__gt=0), name="tier_gives_something"),
        ]

    def __str__(self) -> str:
        return f"from {self.threshold.normalize():f}: {self.value.normalize():f}"
