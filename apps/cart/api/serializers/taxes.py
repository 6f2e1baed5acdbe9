"""Tax categories, zones, rates and exemptions, as staff read and write them."""

from decimal import Decimal
from typing import Any

from rest_framework import serializers

from apps.cart.models import TaxExemption, TaxRate, TaxZone
from apps.common.api.fields import CountryField, LineField, RowField
from apps.common.api.pagination import PageQuery
from apps.common.api.serializers import StrictSerializer
from apps.products.models import TaxCategory
from apps.users.models import User
from apps.users.models.account import normalise_email

CODE = r"^[a-z0-9]+(-[a-z0-9]+)*$"
POSTAL = r"^[A-Z0-9]*$"
_HIGHEST = Decimal("0.99999")


class TaxCategoryBody(StrictSerializer):
    code = serializers.RegexField(CODE, max_length=40)
    name = LineField(max_length=80)


class TaxCategoryChangeBody(StrictSerializer):
    name = LineField(max_length=80, required=False)


class TaxCategoryOut(serializers.Serializer[Any]):
    code = serializers.CharField(max_length=40)
    name = serializers.CharField(max_length=80)


class _ZoneBody(StrictSerializer):
    region = LineField(max_length=120, required=False, allow_blank=True, help_text="as addresses write it: NY")
    postal_from = serializers.RegexField(POSTAL, max_length=12, required=False, allow_blank=True)
    postal_to = serializers.RegexField(
        POSTAL, max_length=12, required=False, allow_blank=True, help_text="as long as `postal_from`"
    )
    is_active = serializers.BooleanField(required=False)


class TaxZoneBody(_ZoneBody):
    code = serializers.SlugField(max_length=60)
    name = LineField(max_length=80)
    country = CountryField()


class TaxZoneChangeBody(_ZoneBody):
    name = LineField(max_length=80, required=False)
    country = CountryField(required=False)


class TaxZoneOut(serializers.Serializer[Any]):
    code = serializers.CharField(max_length=60)
    name = serializers.CharField(max_length=80)
    country = serializers.CharField(max_length=2)
    region = serializers.CharField(max_length=120)
    postal_from = serializers.CharField(max_length=12)
    postal_to = serializers.CharField(max_length=12)
    is_active = serializers.BooleanField()


class TaxZoneQuery(PageQuery):
    country = serializers.RegexField("^[A-Z]{2}$", max_length=2, required=False, help_text="Only of this country.")


class _RateBody(StrictSerializer):
    taxes_shipping = serializers.BooleanField(required=False, help_text="of the category `standard`: shipping too")
    valid_from = serializers.DateField(required=False, help_text="first day; default: since ever")
    valid_until = serializers.DateField(required=False, allow_null=True, help_text="last day; null: until further")


class _Fraction(serializers.DecimalField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            max_digits=6, decimal_places=5, min_value=0, max_value=_HIGHEST, help_text="0.19 is 19 %", **kwargs
        )


class TaxRateBody(_RateBody):
    zone = RowField(model=TaxZone, key="code", max_length=60, help_text="code of a tax zone")
    category = RowField(model=TaxCategory, key="code", max_length=40, help_text="code of a tax category")
    name = LineField(max_length=80, help_text="as shoppers read it")
    jurisdiction = LineField(max_length=60, help_text="who levies it, such as US-NY")
    rate = _Fraction()


class TaxRateChangeBody(_RateBody):
    name = LineField(max_length=80, required=False)
    rate = _Fraction(required=False)


class TaxRateOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    zone = serializers.CharField(max_length=60)
    category = serializers.CharField(max_length=40)
    name = serializers.CharField(max_length=80)
    jurisdiction = serializers.CharField(max_length=60)
    rate = _Fraction()
    taxes_shipping = serializers.BooleanField()
    valid_from = serializers.DateField()
    valid_until = serializers.DateField(allow_null=True)


class TaxRateQuery(PageQuery):
    zone = serializers.SlugField(max_length=60, required=False, help_text="Only of this zone.")
    category = serializers.SlugField(max_length=40, required=False, help_text="Only of this category.")
    valid_on = serializers.DateField(required=False, help_text="Only those that hold on this day.")


class TaxExemptionBody(StrictSerializer):
    email = RowField(
        model=User, key="email", plain=normalise_email, max_length=254, help_text="e-mail of the customer's account"
    )
    country = CountryField(required=False, allow_blank=True, help_text="empty: everywhere")
    reason = LineField(max_length=200, help_text="why, with the number of the certificate")
    valid_until = serializers.DateField(required=False, allow_null=True, help_text="last day; null: until further")


class TaxExemptionChangeBody(StrictSerializer):
    reason = LineField(max_length=200, required=False)
    valid_until = serializers.DateField(required=False, allow_null=True)


class TaxExemptionOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    email = serializers.EmailField(max_length=254)
    country = serializers.CharField(max_length=2)
    reason = serializers.CharField(max_length=200)
    valid_until = serializers.DateField(allow_null=True)


class TaxExemptionQuery(PageQuery):
    email = serializers.CharField(max_length=254, required=False, help_text="Only of this account.")


def present_category(row: TaxCategory) -> dict[str, Any]:
    return {"code": row.code, "name": row.name}


def present_zone(row: TaxZone) -> dict[str, Any]:
    names = ("code", "name", "country", "region", "postal_from", "postal_to", "is_active")
    return {name: getattr(row, name) for name in names}


def present_rate(row: TaxRate) -> dict[str, Any]:
    names = ("id", "name", "jurisdiction", "taxes_shipping", "valid_from", "valid_until")
    plain = {name: getattr(row, name) for name in names}
    return plain | {"zone": row.zone.code, "category": row.category.code, "rate": f"{row.rate.normalize():f}"}


def present_exemption(row: TaxExemption) -> dict[str, Any]:
    names = ("id", "country", "reason", "valid_until")
    return {name: getattr(row, name) for name in names} | {"email": row.user.email}
