"""What variants cost in other currencies, for groups of customers from a quantity on; and what they used to cost."""

from datetime import datetime
from typing import ClassVar

import pgtrigger
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import F, Q

from apps.common.models import AmountField, BaseModel, CurrencyField, append_only
from apps.products.models.catalogue import ProductVariant

RATE_DIGITS, RATE_PLACES = 24, 12


class ExchangeRate(BaseModel):
    """One unit of `base` is `rate` units of `quote`, from this date on. Rates are added, never changed."""

    base = CurrencyField()
    quote = CurrencyField()
    rate = models.DecimalField(max_digits=RATE_DIGITS, decimal_places=RATE_PLACES)
    date = models.DateField()
    source = models.CharField(max_length=40)

    class Meta:
        ordering: ClassVar = ["-date", "base", "quote"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["base", "quote", "date"], name="one_rate_per_pair_and_date"),
            models.CheckConstraint(condition=Q(rate__gt=0), name="exchange_rate_above_zero"),
            models.CheckConstraint(condition=~Q(base=F("quote")), name="exchange_rate_of_two_currencies"),
        ]
        triggers: ClassVar = [append_only("exchange_rate_append_only")]

    def __str__(self) -> str:
        return f"{self.base}/{self.quote} {self.date}"


class PriceListQuerySet(models.QuerySet["PriceList"]):
    """Reads and locks of price lists."""

    def running(self, now: datetime) -> "PriceListQuerySet":
        """Active ones inside their dates."""
        return self.filter(
            Q(starts_at=None) | Q(starts_at__lte=now), Q(ends_at=None) | Q(ends_at__gt=now), is_active=True
        )

    def lock(self) -> "PriceListQuerySet":
        """Lock the rows against other staff."""
        return self.select_for_update(of=("self",), no_key=True)


class PriceList(BaseModel):
    """Prices of its own in one currency, for everybody or for a group of customers, for a time or for good."""

    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=120)
    currency = CurrencyField()
    group = models.ForeignKey(
        Group, null=True, blank=True, on_delete=models.PROTECT, related_name="+", help_text="empty: for everybody"
    )
    priority = models.SmallIntegerField(default=0, help_text="the highest that has a price wins")
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    is_active = models.BooleanField(default=True)

    objects = PriceListQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-priority", "code"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(starts_at=None) | Q(ends_at=None) | Q(ends_at__gt=F("starts_at")),
                name="price_list_ends_after_its_start",
            )
        ]

    def __str__(self) -> str:
        return self.code


class Price(BaseModel):
    """What one unit of a variant costs in a list for whoever buys at least `minimum_quantity` of it."""

    price_list = models.ForeignKey(PriceList, on_delete=models.CASCADE, related_name="prices")
    variant = models.ForeignKey(ProductVariant, on_delete=models.PROTECT, related_name="list_prices")
    minimum_quantity = models.PositiveIntegerField(default=1)
    amount = AmountField()
    compare_at = AmountField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["variant", "minimum_quantity"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["variant", "price_list", "minimum_quantity"], name="one_price_per_variant_and_tier"
            ),
            models.CheckConstraint(condition=Q(amount__gte=0), name="list_price_not_negative"),
            models.CheckConstraint(condition=Q(minimum_quantity__gte=1), name="tier_from_one_unit"),
            models.CheckConstraint(
                condition=Q(compare_at=None) | Q(compare_at__gt=F("amount")), name="list_compare_at_above_price"
            ),
        ]
        # In the database, so that no way of writing (bulk, import, SQL) leaves the past out.
        triggers: ClassVar = [
            pgtrigger.Trigger(
                name="price_history_of_lists",
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
                func="""
IF TG_OP = 'UPDATE' AND (OLD.amount, OLD.compare_at) IS NOT DISTINCT FROM (NEW.amount, NEW.compare_at)
    AND (OLD.price_list_id, OLD.variant_id, OLD.minimum_quantity)
        = (NEW.price_list_id, NEW.variant_id, NEW.minimum_quantity) THEN
    RETURN NULL;
END IF;
IF TG_OP <> 'INSERT' THEN
    INSERT INTO products_pricehistory (variant_id, price_list_id, minimum_quantity, currency, since)
    SELECT OLD.variant_id, list.id, OLD.minimum_quantity, list.currency, now()
    FROM products_pricelist AS list WHERE list.id = OLD.price_list_id;
END IF;
IF TG_OP <> 'DELETE' THEN
    INSERT INTO products_pricehistory
        (variant_id, price_list_id, minimum_quantity, amount, compare_at, currency, since)
    SELECT NEW.variant_id, list.id, NEW.minimum_quantity, NEW.amount, NEW.compare_at, list.currency, now()
    FROM products_pricelist AS list WHERE list.id = NEW.price_list_id;
END IF;
RETURN NULL;
""",
            )
        ]

    def __str__(self) -> str:
        return f"{self.variant_id} from {self.minimum_quantity}"


class PriceHistory(models.Model):
    """Every price a variant ever had, in the catalogue (no list) or in a price list. No amount: taken off the list.

    Written by the triggers of variants and prices alone.
    """

    id = models.BigAutoField(primary_key=True)
    variant = models.ForeignKey(ProductVariant, on_delete=models.PROTECT, related_name="price_history")
    price_list = models.ForeignKey(PriceList, null=True, on_delete=models.PROTECT, related_name="+")
    minimum_quantity = models.PositiveIntegerField(default=1)
    amount = AmountField(null=True)
    compare_at = AmountField(null=True)
    currency = CurrencyField()
    since = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-since", "-id"]
        verbose_name_plural = "price history"
        indexes: ClassVar = [
            models.Index(fields=["variant", "price_list", "minimum_quantity", "-since", "-id"], name="price_at_a_time")
        ]
        triggers: ClassVar = [append_only("price_history_append_only")]

    def __str__(self) -> str:
        return f"{self.variant_id} since {self.since:%Y-%m-%d}"
