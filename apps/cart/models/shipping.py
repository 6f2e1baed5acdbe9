"""Ways to get goods to the shopper: zones, methods with their tariffs, and days on which nothing moves."""

import re
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.lookups import Exact

from apps.common.models import AmountField, BaseModel, CurrencyField, default_currency
from apps.common.money import ZERO
from apps.products.models import Store


def _check_texts(value: Any, pattern: str, example: str) -> None:
    if not isinstance(value, list) or not all(isinstance(each, str) and re.fullmatch(pattern, each) for each in value):
        raise ValidationError(f"Expected a list such as {example}.", code="invalid")


def check_countries(value: Any) -> None:
    """A list of ISO 3166-1 alpha-2 codes. Raises ValidationError."""
    _check_texts(value, "[A-Z]{2}", '["DE", "AT"]')


def check_regions(value: Any) -> None:
    """A list of regions as addresses write them. Raises ValidationError."""
    _check_texts(value, r"\S(.{0,118}\S)?", '["NY", "NJ"]')


def check_postal_prefixes(value: Any) -> None:
    """A list of beginnings of postal codes, capitals and digits. Raises ValidationError."""
    _check_texts(value, "[A-Z0-9]{1,12}", '["967", "968"]')


class ShippingZone(BaseModel):
    """Addresses that are served alike. Of an address's zones only the most specific ones count.

    A zone of postal codes comes before one of regions, that one before one of countries, that one before the zone
    without countries, which is everywhere else.
    """

    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    countries = models.JSONField(
        default=list, blank=True, validators=[check_countries], help_text="ISO codes; empty: everywhere else"
    )
    regions = models.JSONField(
        default=list, blank=True, validators=[check_regions], help_text="of its one country; empty: all of it"
    )
    postal_prefixes = models.JSONField(
        default=list, blank=True, validators=[check_postal_prefixes], help_text="of its one country, such as 967"
    )

    class Meta:
        ordering: ClassVar = ["code"]
        constraints: ClassVar = [
            # Regions and postal codes mean something in one country alone.
            models.CheckConstraint(
                condition=Q(regions=[], postal_prefixes=[])
                | Q(Exact(Func(F("countries"), function="jsonb_array_length", output_field=models.IntegerField()), 1)),
                name="shipping_zone_parts_of_one_country",
            )
        ]

    def clean(self) -> None:
        """Says in words what the constraint holds. Raises ValidationError."""
        if (self.regions or self.postal_prefixes) and len(self.countries or ()) != 1:
            raise ValidationError({"countries": "Regions and postal codes are parts of exactly one country."})

    def __str__(self) -> str:
        return self.name


class ShippingMethod(BaseModel):
    """A way to ship, and what it costs in its currency.

    flat: `price`. weight: `price`, or the band of the weight, and `per_kilogram` for each kilogram begun. price: the
    band of the discounted goods. table: the band of destination and weight. carrier: what the carrier asks. pickup:
    `price` for collecting the goods in a store.
    """

    class Kind(models.TextChoices):
        FLAT = "flat"
        WEIGHT = "weight"
        PRICE = "price"
        TABLE = "table"
        CARRIER = "carrier"
        PICKUP = "pickup"

    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.FLAT)
    zone = models.ForeignKey(
        ShippingZone,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="methods",
        help_text="empty: every address",
    )
    price = AmountField()
    currency = CurrencyField(default=default_currency)
    per_kilogram = AmountField(default=ZERO, help_text="for each kilogram begun (weight)")
    free_over = AmountField(null=True, blank=True, help_text="free when the discounted subtotal reaches this")
    parcel_grams = models.PositiveIntegerField(null=True, blank=True, help_text="what fits into one parcel")
    max_grams = models.PositiveIntegerField(null=True, blank=True, help_text="what it takes at most, in all parcels")
    carrier = models.SlugField(max_length=40, blank=True, help_text="key of SHIPPING_CARRIERS (carrier)")
    service = models.CharField(max_length=40, blank=True, help_text="the carrier's name of the product (carrier)")
    stores = models.ManyToManyField(Store, blank=True, related_name="+", help_text="empty: every open store (pickup)")
    min_days = models.PositiveSmallIntegerField(default=1, help_text="business days on the way, at best")
    max_days = models.PositiveSmallIntegerField(default=5, help_text="business days on the way, at worst")
    cutoff_hour = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="ordered before this hour of the shop's clock, sent the same business day"
    )
    position = models.PositiveSmallIntegerField(default=0)
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering: ClassVar = ["position", "code"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(price__gte=0), name="shipping_price_not_negative"),
            models.CheckConstraint(condition=Q(max_days__gte=F("min_days")), name="shipping_days_in_order"),
            models.CheckConstraint(condition=Q(per_kilogram__gte=0), name="per_kilogram_not_negative"),
            models.CheckConstraint(condition=Q(free_over=None) | Q(free_over__gte=0), name="free_over_not_negative"),
            models.CheckConstraint(
                condition=(Q(parcel_grams=None) | Q(parcel_grams__gt=0)) & (Q(max_grams=None) | Q(max_grams__gt=0)),
                name="shipping_limits_positive",
            ),
            models.CheckConstraint(
                condition=Q(cutoff_hour=None) | Q(cutoff_hour__lte=24), name="cutoff_is_an_hour_of_the_day"
            ),
            models.CheckConstraint(
                condition=(Q(kind="carrier") & ~Q(carrier="")) | (~Q(kind="carrier") & Q(carrier="", service="")),
                name="shipping_carrier_names_itself",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ShippingBand(BaseModel):
    """From `threshold` on (grams, or money of a price tariff) the method costs `price`.

    Rows of a table name where they hold: a country, a beginning of its postal codes, or everywhere.
    """

    method = models.ForeignKey(ShippingMethod, on_delete=models.CASCADE, related_name="bands")
    country = models.CharField(max_length=2, blank=True, help_text="empty: everywhere (table)")
    postal_prefix = models.CharField(max_length=12, blank=True, help_text="capitals and digits (table)")
    threshold = AmountField(default=ZERO, help_text="grams, or an amount of money")
    price = AmountField()

    class Meta:
        ordering: ClassVar = ["method", "country", "postal_prefix", "threshold"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["method", "country", "postal_prefix", "threshold"], name="one_price_per_band"
            ),
            models.CheckConstraint(condition=Q(threshold__gte=0, price__gte=0), name="band_not_negative"),
            models.CheckConstraint(
                condition=Q(country__regex="^([A-Z]{2})?$", postal_prefix__regex="^[A-Z0-9]*$")
                & (Q(postal_prefix="") | ~Q(country="")),
                name="band_names_a_place",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.method_id} from {self.threshold.normalize():f}"


class ShippingHoliday(BaseModel):
    """A day on which nothing is sent from a country or delivered in it."""

    country = models.CharField(max_length=2, help_text="ISO 3166-1 alpha-2")
    day = models.DateField()
    name = models.CharField(max_length=80)

    class Meta:
        ordering: ClassVar = ["day", "country"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["country", "day"], name="one_holiday_per_day"),
            models.CheckConstraint(condition=Q(country__regex="^[A-Z]{2}$"), name="holiday_country_is_iso"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.country})"
