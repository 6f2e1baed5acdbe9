"""Where which tax is due: zones, their rates in time, and customers who are exempt."""

from datetime import date
from typing import ClassVar, Final

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Length
from django.db.models.lookups import Exact

from apps.common.models import BaseModel
from apps.products.models import TaxCategory

# Rates without a known beginning hold from here on.
BEGINNING: Final = date(2000, 1, 1)
SHIPPING_CATEGORY: Final = "shipping"


class TaxZone(BaseModel):
    """A country, a region of it, or a range of postal codes. The most specific zone of an address taxes it, alone.

    A postal code is compared without spaces and hyphens, by as many of its first characters as the range has: 100 to
    102 holds every code that begins so, 10118 to 10118 one code.
    """

    code = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=80)
    country = models.CharField(max_length=2, help_text="ISO 3166-1 alpha-2")
    region = models.CharField(max_length=120, blank=True, help_text="as addresses write it; empty: the whole country")
    postal_from = models.CharField(max_length=12, blank=True, help_text="capitals and digits; empty: every code")
    postal_to = models.CharField(max_length=12, blank=True, help_text="as long as the first; the same: one beginning")
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering: ClassVar = ["country", "region", "postal_from", "code"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["country", "region", "postal_from", "postal_to"], name="one_zone_per_area"),
            models.CheckConstraint(condition=Q(country__regex="^[A-Z]{2}$"), name="tax_zone_country_is_iso"),
            models.CheckConstraint(
                condition=Q(postal_from__regex="^[A-Z0-9]*$", postal_to__regex="^[A-Z0-9]*$")
                & Q(postal_to__gte=F("postal_from"))
                & Q(Exact(Length("postal_from"), Length("postal_to"))),
                name="tax_zone_postal_range",
            ),
        ]

    def __str__(self) -> str:
        return self.name


def same_rate() -> Func:
    """A range of one number, the same for rates of one zone, category and jurisdiction.

    GiST knows ranges by itself, but equality of keys only with an extension (btree_gist) that not every server has.
    """
    hashed = Func(F("zone"), Value(0), function="uuid_hash_extended")
    hashed = Func(F("category"), hashed, function="uuid_hash_extended")
    hashed = Func(F("jurisdiction"), hashed, function="hashtextextended")
    return Func(hashed, hashed, Value("[]"), function="numrange")


class TaxRateQuerySet(models.QuerySet["TaxRate"]):
    """Reads of rates."""

    def valid_on(self, day: date) -> "TaxRateQuerySet":
        """Rates that hold on this day."""
        return self.filter(Q(valid_until=None) | Q(valid_until__gte=day), valid_from__lte=day)


class TaxRate(BaseModel):
    """A rate of a zone for a kind of goods. Several of one category (state, county) add up.

    At no day do two rates of one zone, category and jurisdiction hold: the database refuses it.
    """

    zone = models.ForeignKey(TaxZone, on_delete=models.PROTECT, related_name="rates")
    category = models.ForeignKey(TaxCategory, on_delete=models.PROTECT, related_name="rates")
    name = models.CharField(max_length=80, help_text="as shoppers read it")
    jurisdiction = models.CharField(max_length=60, help_text="who levies it, such as US-NY")
    rate = models.DecimalField(max_digits=6, decimal_places=5, help_text="0.19 is 19 %")
    taxes_shipping = models.BooleanField(
        default=True, help_text="of the standard category: shipping too, unless the zone has rates for `shipping`"
    )
    valid_from = models.DateField(default=BEGINNING, help_text="first day")
    valid_until = models.DateField(null=True, blank=True, help_text="last day; empty: until further notice")

    objects = TaxRateQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["zone", "category", "jurisdiction", "valid_from"]
        constraints: ClassVar = [
            ExclusionConstraint(
                name="tax_rates_do_not_overlap",
                expressions=[
                    (same_rate(), RangeOperators.OVERLAPS),
                    (
                        Func(F("valid_from"), F("valid_until"), Value("[]"), function="daterange"),
                        RangeOperators.OVERLAPS,
                    ),
                ],
                violation_error_code="overlaps",
                violation_error_message="Another rate of this zone, category and jurisdiction holds at that time.",
            ),
            models.CheckConstraint(condition=Q(rate__gte=0, rate__lt=1), name="tax_rate_a_fraction"),
            models.CheckConstraint(
                condition=Q(valid_until=None) | Q(valid_until__gte=F("valid_from")), name="tax_rate_ends_after_start"
            ),
        ]

    def clean(self) -> None:
        """Days in the wrong order are no range that the database could compare with others. Raises ValidationError."""
        if self.valid_from and self.valid_until and self.valid_until < self.valid_from:
            raise ValidationError({"valid_until": "It must not end before it begins."})

    def __str__(self) -> str:
        return f"{self.name} {self.rate.normalize() * 100:f} %"


class TaxExemption(BaseModel):
    """A customer who pays no tax, everywhere or in one country, as staff have seen proven."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="tax_exemptions")
    country = models.CharField(max_length=2, blank=True, help_text="empty: everywhere")
    reason = models.CharField(max_length=200, help_text="why, with the number of the certificate")
    valid_until = models.DateField(null=True, blank=True, help_text="last day; empty: until further notice")

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "country"], name="one_exemption_per_country"),
            models.CheckConstraint(condition=Q(country__regex="^([A-Z]{2})?$"), name="exemption_country_is_iso"),
            models.CheckConstraint(condition=~Q(reason=""), name="exemption_has_a_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.country or 'every country'}"
