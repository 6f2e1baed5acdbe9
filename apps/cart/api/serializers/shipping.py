"""Shipping zones, methods with their tariffs, and holidays, as staff read and write them."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.conf import settings
from rest_framework import serializers

from apps.cart.api.serializers.promotion_bodies import KeysField
from apps.cart.models import ShippingHoliday, ShippingMethod, ShippingZone
from apps.common.api.fields import CountryField, LineField, RowField
from apps.common.api.pagination import PageQuery
from apps.common.api.query import TrueFalseField
from apps.common.api.serializers import MoneyField, StrictSerializer
from apps.common.errors import Invalid
from apps.common.money import Money, money_json, optional_money_json
from apps.products.models import Store

MAX_BANDS = 500
_MAX_GRAMS = 100_000_000
_CODE = r"^[a-z0-9]+(-[a-z0-9]+)*$"
_POSTAL = r"^[A-Z0-9]+$"


class _ZoneBody(StrictSerializer):
    countries = serializers.ListField(
        child=CountryField(), max_length=300, required=False, help_text="empty: everywhere else"
    )
    regions = serializers.ListField(
        child=LineField(max_length=120), max_length=300, required=False, help_text="of its one country"
    )
    postal_prefixes = serializers.ListField(
        child=serializers.RegexField(_POSTAL, max_length=12),
        max_length=1000,
        required=False,
        help_text="of its one country",
    )


class ShippingZoneBody(_ZoneBody):
    code = serializers.RegexField(_CODE, max_length=40)
    name = LineField(max_length=80)


class ShippingZoneChangeBody(_ZoneBody):
    name = LineField(max_length=80, required=False)


class ShippingZoneOut(serializers.Serializer[Any]):
    code = serializers.CharField(max_length=40)
    name = serializers.CharField(max_length=80)
    countries = serializers.ListField(child=serializers.CharField(max_length=2), max_length=300)
    regions = serializers.ListField(child=serializers.CharField(max_length=120), max_length=300)
    postal_prefixes = serializers.ListField(child=serializers.CharField(max_length=12), max_length=1000)


class _Threshold(serializers.DecimalField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=14, decimal_places=4, min_value=0, max_value=_MAX_GRAMS, **kwargs)


class BandBody(StrictSerializer):
    """From `threshold` on the method costs `price`."""

    country = CountryField(required=False, allow_blank=True, help_text="empty: everywhere (table)")
    postal_prefix = serializers.RegexField(_POSTAL, max_length=12, required=False, allow_blank=True)
    threshold = _Threshold(required=False, help_text="grams, or money of a price tariff; default 0")
    price = MoneyField()


class BandOut(serializers.Serializer[Any]):
    country = serializers.CharField(max_length=2)
    postal_prefix = serializers.CharField(max_length=12)
    threshold = _Threshold()
    price = MoneyField()


def _grams(**kwargs: Any) -> serializers.IntegerField:
    return serializers.IntegerField(min_value=1, max_value=_MAX_GRAMS, allow_null=True, **kwargs)


def _days(**kwargs: Any) -> serializers.IntegerField:
    return serializers.IntegerField(min_value=0, max_value=365, **kwargs)


class _MethodBody(StrictSerializer):
    kind = serializers.ChoiceField(choices=ShippingMethod.Kind.choices, required=False)
    zone = RowField(
        model=ShippingZone, key="code", max_length=40, required=False, allow_null=True, help_text="null: every address"
    )
    per_kilogram = MoneyField(required=False, help_text="for each kilogram begun (weight)")
    free_over = MoneyField(required=False, allow_null=True, help_text="free from this value of the goods on")
    parcel_grams = _grams(required=False, help_text="what fits into one parcel")
    max_grams = _grams(required=False, help_text="what it takes at most")
    carrier = serializers.CharField(
        max_length=40, required=False, allow_blank=True, help_text="key of SHIPPING_CARRIERS (carrier)"
    )
    service = LineField(max_length=40, required=False, allow_blank=True, help_text="the carrier's name of the product")
    stores = KeysField(model=Store, key="slug", required=False, help_text="slugs; empty: every open store (pickup)")
    min_days = _days(required=False, help_text="business days on the way, at best")
    max_days = _days(required=False, help_text="business days on the way, at worst")
    cutoff_hour = serializers.IntegerField(
        min_value=0, max_value=24, required=False, allow_null=True, help_text="ordered before it, sent the same day"
    )
    position = serializers.IntegerField(min_value=0, max_value=30_000, required=False)
    is_active = serializers.BooleanField(required=False)
    bands = serializers.ListField(
        child=BandBody(), max_length=MAX_BANDS, required=False, help_text="replaced as a whole (weight, price, table)"
    )

    def validate_carrier(self, key: str) -> str:
        if key and key not in settings.SHIPPING_CARRIERS:
            raise serializers.ValidationError("SHIPPING_CARRIERS names no such carrier.", code="does_not_exist")
        return key


class ShippingMethodBody(_MethodBody):
    code = serializers.RegexField(_CODE, max_length=40)
    name = LineField(max_length=80)
    price = MoneyField(help_text="its currency is the method's")


class ShippingMethodChangeBody(_MethodBody):
    name = LineField(max_length=80, required=False)
    price = MoneyField(required=False)


class ShippingMethodOut(serializers.Serializer[Any]):
    code = serializers.CharField(max_length=40)
    name = serializers.CharField(max_length=80)
    kind = serializers.ChoiceField(choices=ShippingMethod.Kind.choices)
    zone = serializers.CharField(max_length=40, allow_null=True)
    price = MoneyField()
    per_kilogram = MoneyField()
    free_over = MoneyField(allow_null=True)
    parcel_grams = _grams()
    max_grams = _grams()
    carrier = serializers.CharField(max_length=40)
    service = serializers.CharField(max_length=40)
    stores = serializers.ListField(child=serializers.CharField(max_length=80), max_length=300)
    min_days = _days()
    max_days = _days()
    cutoff_hour = serializers.IntegerField(min_value=0, max_value=24, allow_null=True)
    position = serializers.IntegerField(min_value=0, max_value=32_767)
    is_active = serializers.BooleanField()
    bands = BandOut(many=True)


class ShippingMethodQuery(PageQuery):
    zone = serializers.SlugField(max_length=40, required=False, help_text="Only of this zone.")
    is_active = TrueFalseField(required=False, help_text="Only those that are on, or off.")


class HolidayBody(StrictSerializer):
    country = CountryField()
    day = serializers.DateField()
    name = LineField(max_length=80)


class HolidayChangeBody(StrictSerializer):
    name = LineField(max_length=80, required=False)


class HolidayOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    country = serializers.CharField(max_length=2)
    day = serializers.DateField()
    name = serializers.CharField(max_length=80)


class HolidayQuery(PageQuery):
    country = serializers.RegexField("^[A-Z]{2}$", max_length=2, required=False, help_text="Only of this country.")


def present_zone(row: ShippingZone) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ("code", "name", "countries", "regions", "postal_prefixes")}


def present_holiday(row: ShippingHoliday) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ("id", "country", "day", "name")}


def present_method(row: ShippingMethod) -> dict[str, Any]:
    names = (
        *("code", "name", "kind", "parcel_grams", "max_grams", "carrier", "service"),
        *("min_days", "max_days", "cutoff_hour", "position", "is_active"),
    )
    money = row.currency
    bands = sorted(row.bands.all(), key=lambda band: (band.country, band.postal_prefix, band.threshold))
    return {name: getattr(row, name) for name in names} | {
        "zone": row.zone.code if row.zone is not None else None,
        "price": money_json(row.price, money),
        "per_kilogram": money_json(row.per_kilogram, money),
        "free_over": optional_money_json(row.free_over, money),
        "stores": sorted(store.slug for store in row.stores.all()),
        "bands": [
            {
                "country": band.country,
                "postal_prefix": band.postal_prefix,
                "threshold": f"{band.threshold.normalize():f}",
                "price": money_json(band.price, money),
            }
            for band in bands
        ],
    }


def method_columns(body: Mapping[str, Any], *, currency: str | None) -> dict[str, Any]:
    """The columns of a validated body. `currency` is the method's; None for a new one, which takes its price's.

    Raises Invalid for an amount in another currency: a method has one, for good.
    """
    money = currency or body["price"].currency
    for pointer, amount in _amounts(body):
        if amount.currency != money:
            raise Invalid.field(pointer, "invalid", f"All amounts of this method are in {money}.")
    columns = {name: _plain(value) for name, value in body.items()}
    if "bands" in body:
        columns["bands"] = [{name: _plain(value) for name, value in band.items()} for band in body["bands"]]
    return columns if currency else columns | {"currency": money}


def _amounts(body: Mapping[str, Any]) -> Iterator[tuple[str, Money]]:
    bands: Iterable[Mapping[str, Any]] = body.get("bands", ())
    for name in ("price", "per_kilogram", "free_over"):
        if body.get(name) is not None:
            yield f"/{name}", body[name]
    for number, band in enumerate(bands):
        yield f"/bands/{number}/price", band["price"]


def _plain(value: Any) -> Any:
    return value.amount if isinstance(value, Money) else value
