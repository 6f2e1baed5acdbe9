"""Bodies that make and change promotions and coupons."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import Group
from django.db.models import Model
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.cart.models import Promotion
from apps.cart.services import promotion_terms
from apps.cart.services.coupon_codes import MAX_BATCH
from apps.common.api.fields import LineField
from apps.common.api.serializers import MoneyField, StrictSerializer
from apps.common.errors import Invalid
from apps.common.money import Money
from apps.products.models import Category, Product, ProductVariant

MAX = 2147483647
MAX_KEYS = 500
CODE = r"^[A-Za-z0-9][A-Za-z0-9_-]{2,39}$"
PREFIX = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"


@extend_schema_field({"type": "array", "items": {"type": "string", "maxLength": 220}, "maxItems": MAX_KEYS})
class KeysField(serializers.ListField):
    """Rows by the key that people type, in one statement; an unknown one is refused by its place in the list."""

    default_error_messages = {"does_not_exist": "There is no such row."}

    def __init__(self, *, model: type[Model], key: str, **kwargs: Any) -> None:
        self.model, self.key = model, key
        super().__init__(child=serializers.CharField(max_length=220), max_length=MAX_KEYS, **kwargs)

    def to_internal_value(self, data: Any) -> list[Any]:
        keys = super().to_internal_value(data)
        rows = {getattr(row, self.key): row for row in self.model._default_manager.filter(**{f"{self.key}__in": keys})}
        unknown: dict[Any, Any] = {
            number: [serializers.ErrorDetail(str(self.error_messages["does_not_exist"]), code="does_not_exist")]
            for number, key in enumerate(keys)
            if key not in rows
        }
        if unknown:
            raise serializers.ValidationError(unknown)
        return list({key: rows[key] for key in keys}.values())


class _Percent(serializers.DecimalField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=5, decimal_places=2, min_value=promotion_terms.LEAST, max_value=100, **kwargs)


class ConditionsBody(StrictSerializer):
    """When it applies and to what; a member that is left out, null or empty asks nothing."""

    minimum_subtotal = MoneyField(required=False, allow_null=True)
    minimum_quantity = serializers.IntegerField(min_value=0, max_value=1_000_000, required=False)
    products = KeysField(model=Product, key="slug", required=False, help_text="slugs")
    categories = KeysField(model=Category, key="slug", required=False, help_text="slugs; with all below")
    brands = serializers.ListField(child=LineField(max_length=120), max_length=MAX_KEYS, required=False)
    customer_groups = KeysField(model=Group, key="name", required=False, help_text="names")
    first_order = serializers.BooleanField(required=False)
    countries = serializers.ListField(
        child=serializers.RegexField("^[A-Z]{2}$", max_length=2), max_length=300, required=False
    )
    currencies = serializers.ListField(
        child=serializers.RegexField("^[A-Z]{3}$", max_length=3), max_length=200, required=False
    )
    channels = serializers.ListField(child=serializers.SlugField(max_length=40), max_length=50, required=False)
    starts_at = serializers.DateTimeField(required=False, allow_null=True)
    ends_at = serializers.DateTimeField(required=False, allow_null=True)
    weekdays = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=6), max_length=7, required=False, help_text="0 is Monday"
    )
    from_time = serializers.TimeField(required=False, allow_null=True, help_text="in the shop's time zone")
    until_time = serializers.TimeField(required=False, allow_null=True)


class TierBody(StrictSerializer):
    """Starts at one of the first two, gives one of the others; all tiers of a promotion alike."""

    from_subtotal = MoneyField(required=False, allow_null=True)
    from_quantity = serializers.IntegerField(min_value=1, max_value=1_000_000, required=False, allow_null=True)
    percent = _Percent(required=False, allow_null=True)
    amount = MoneyField(required=False, allow_null=True)


class BenefitBody(StrictSerializer):
    """`kind` decides which of the others are required, possible or refused; docs/promotions.md has the table."""

    kind = serializers.ChoiceField(choices=Promotion.Kind.choices)
    percent = _Percent(required=False, allow_null=True)
    amount = MoneyField(required=False, allow_null=True)
    maximum = MoneyField(required=False, allow_null=True)
    buy = serializers.IntegerField(min_value=1, max_value=1000, required=False, allow_null=True)
    get = serializers.IntegerField(min_value=1, max_value=1000, required=False, allow_null=True)
    get_products = KeysField(model=Product, key="slug", required=False, help_text="slugs")
    tiers = serializers.ListField(child=TierBody(), max_length=50, required=False)
    gift = serializers.CharField(max_length=64, required=False, allow_null=True, help_text="SKU")

    def validate_gift(self, sku: str | None) -> ProductVariant | None:
        if sku is None:
            return None
        variant = ProductVariant.objects.filter(sku=sku, archived_at=None).first()
        if variant is None:
            raise serializers.ValidationError("There is no such SKU.", code="does_not_exist")
        return variant


class _PromotionBody(StrictSerializer):
    description = serializers.CharField(max_length=1000, required=False, allow_blank=True)
    status = serializers.ChoiceField(choices=Promotion.Status.choices, required=False)
    is_public = serializers.BooleanField(required=False)
    needs_coupon = serializers.BooleanField(required=False)
    priority = serializers.IntegerField(min_value=-1000, max_value=1000, required=False)
    group = LineField(max_length=40, required=False, allow_blank=True)
    exclusive = serializers.BooleanField(required=False)
    usage_limit = serializers.IntegerField(min_value=1, max_value=MAX, required=False, allow_null=True)
    per_customer_limit = serializers.IntegerField(min_value=1, max_value=MAX, required=False, allow_null=True)
    conditions = ConditionsBody(required=False, help_text="Only the given members change.")


class PromotionCreateBody(_PromotionBody):
    name = LineField(max_length=120)
    benefit = BenefitBody()


class PromotionChangeBody(_PromotionBody):
    name = LineField(max_length=120, required=False)
    benefit = BenefitBody(required=False, help_text="Replaced as a whole.")


class CouponsBody(StrictSerializer):
    """Either `code`, or `count` of a batch."""

    code = serializers.RegexField(CODE, max_length=40, required=False)
    count = serializers.IntegerField(min_value=1, max_value=MAX_BATCH, required=False)
    name = LineField(max_length=120, required=False, allow_blank=True, help_text="of the batch")
    prefix = serializers.RegexField(PREFIX, max_length=20, required=False, allow_blank=True)
    usage_limit = serializers.IntegerField(
        min_value=1, max_value=MAX, required=False, allow_null=True, help_text="of each code; a batch's default is 1"
    )
    starts_at = serializers.DateTimeField(required=False, allow_null=True)
    ends_at = serializers.DateTimeField(required=False, allow_null=True)


class CouponChangeBody(StrictSerializer):
    is_active = serializers.BooleanField()


def columns_of(body: dict[str, Any]) -> dict[str, Any]:
    """The columns that a validated body names. Raises Invalid where benefit or currencies do not fit."""
    columns = {name: value for name, value in body.items() if name not in ("conditions", "benefit")}
    conditions, benefit = body.get("conditions", {}), body.get("benefit")
    columns |= conditions
    minimum: Money | None = conditions.get("minimum_subtotal")
    if "minimum_subtotal" in conditions:
        columns["minimum_subtotal"] = minimum.amount if minimum is not None else 0
    amounts = [("/conditions/minimum_subtotal", minimum)] if minimum is not None else []
    if benefit is not None:
        columns |= promotion_terms.columns_of(benefit)
        amounts += promotion_terms.amounts_in(benefit)
    return columns | _currency(amounts)


def _currency(amounts: Iterable[tuple[str, Money]]) -> dict[str, str]:
    first: str | None = None
    for pointer, money in amounts:
        first = first or money.currency
        if money.currency != first:
            raise Invalid.field(pointer, "invalid", "All amounts of a promotion must be in one currency.")
    return {"currency": first} if first is not None else {}
