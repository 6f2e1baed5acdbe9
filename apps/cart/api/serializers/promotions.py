"""Promotions, coupons and uses as staff and shoppers see them."""

from collections.abc import Iterable
from typing import Any

from rest_framework import serializers

from apps.cart.api.serializers.promotion_bodies import MAX, MAX_KEYS
from apps.cart.models import CouponBatch, Promotion, PromotionUse
from apps.cart.services import promotion_terms
from apps.cart.services.coupon_codes import MAX_BATCH
from apps.common.api.conditional import etag_of
from apps.common.api.serializers import MoneyField
from apps.common.money import Money

# What orders change; a form that staff have open is not outdated by it.
_LIVE = frozenset({"uses", "updated_at"})


class ConditionsOut(serializers.Serializer[Any]):
    minimum_subtotal = MoneyField(allow_null=True)
    minimum_quantity = serializers.IntegerField(min_value=0, max_value=1_000_000)
    products = serializers.ListField(child=serializers.CharField(max_length=220), max_length=MAX_KEYS)
    categories = serializers.ListField(child=serializers.CharField(max_length=140), max_length=MAX_KEYS)
    brands = serializers.ListField(child=serializers.CharField(max_length=120), max_length=MAX_KEYS)
    customer_groups = serializers.ListField(child=serializers.CharField(max_length=150), max_length=MAX_KEYS)
    first_order = serializers.BooleanField()
    countries = serializers.ListField(child=serializers.CharField(max_length=2), max_length=300)
    currencies = serializers.ListField(child=serializers.CharField(max_length=3), max_length=200)
    channels = serializers.ListField(child=serializers.CharField(max_length=40), max_length=50)
    starts_at = serializers.DateTimeField(allow_null=True)
    ends_at = serializers.DateTimeField(allow_null=True)
    weekdays = serializers.ListField(child=serializers.IntegerField(min_value=0, max_value=6), max_length=7)
    from_time = serializers.TimeField(allow_null=True)
    until_time = serializers.TimeField(allow_null=True)


class TierOut(serializers.Serializer[Any]):
    from_subtotal = MoneyField(allow_null=True)
    from_quantity = serializers.IntegerField(min_value=1, max_value=MAX, allow_null=True)
    percent = serializers.CharField(max_length=10, allow_null=True)
    amount = MoneyField(allow_null=True)


class BenefitOut(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=Promotion.Kind.choices)
    percent = serializers.CharField(max_length=10, allow_null=True)
    amount = MoneyField(allow_null=True)
    maximum = MoneyField(allow_null=True)
    buy = serializers.IntegerField(min_value=1, max_value=MAX, allow_null=True)
    get = serializers.IntegerField(min_value=1, max_value=MAX, allow_null=True)
    get_products = serializers.ListField(child=serializers.CharField(max_length=220), max_length=MAX_KEYS)
    tiers = TierOut(many=True)
    gift = serializers.CharField(max_length=64, allow_null=True, help_text="SKU")


class StaffPromotionOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField(max_length=120)
    description = serializers.CharField(max_length=1000)
    summary = serializers.CharField(max_length=2000, help_text="what it gives, in words")
    status = serializers.ChoiceField(choices=Promotion.Status.choices)
    is_public = serializers.BooleanField()
    needs_coupon = serializers.BooleanField()
    priority = serializers.IntegerField(min_value=-32768, max_value=32767)
    group = serializers.CharField(max_length=40)
    exclusive = serializers.BooleanField()
    usage_limit = serializers.IntegerField(min_value=1, max_value=MAX, allow_null=True)
    per_customer_limit = serializers.IntegerField(min_value=1, max_value=MAX, allow_null=True)
    uses = serializers.IntegerField(min_value=0, max_value=MAX, help_text="live orders that carry it")
    conditions = ConditionsOut()
    benefit = BenefitOut()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class PublicPromotionOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField(max_length=120)
    description = serializers.CharField(max_length=1000)
    kind = serializers.ChoiceField(choices=Promotion.Kind.choices)
    summary = serializers.CharField(max_length=2000, help_text="what it gives, in words")
    needs_coupon = serializers.BooleanField()
    minimum_subtotal = MoneyField(allow_null=True)
    starts_at = serializers.DateTimeField(allow_null=True)
    ends_at = serializers.DateTimeField(allow_null=True)


class CouponOut(serializers.Serializer[Any]):
    code = serializers.CharField(max_length=40)
    batch = serializers.UUIDField(allow_null=True)
    usage_limit = serializers.IntegerField(min_value=1, max_value=MAX, allow_null=True)
    uses = serializers.IntegerField(min_value=0, max_value=MAX, help_text="live orders that carry it")
    starts_at = serializers.DateTimeField(allow_null=True)
    ends_at = serializers.DateTimeField(allow_null=True)
    is_active = serializers.BooleanField()
    created_at = serializers.DateTimeField()


class CouponBatchOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField(max_length=120)
    prefix = serializers.CharField(max_length=20)
    size = serializers.IntegerField(min_value=1, max_value=MAX_BATCH)


class CouponsMadeOut(serializers.Serializer[Any]):
    batch = CouponBatchOut(allow_null=True)
    coupons = CouponOut(many=True)


class UseOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    order = serializers.UUIDField()
    coupon = serializers.CharField(max_length=40, allow_null=True)
    email = serializers.CharField(max_length=254)
    used_at = serializers.DateTimeField()
    given_back_at = serializers.DateTimeField(allow_null=True)


def present_promotion(promotion: Any) -> dict[str, Any]:
    """The whole promotion for staff; read it with `Promotion.objects.for_staff()`."""
    tiers = list(promotion.tiers.all())
    plain = ("description", "status", "is_public", "needs_coupon", "priority", "group", "exclusive", "usage_limit")
    return {
        "id": promotion.pk,
        "name": promotion.name,
        "summary": promotion_terms.sentence(promotion, tiers),
        **{name: getattr(promotion, name) for name in plain},
        "per_customer_limit": promotion.per_customer_limit,
        "uses": promotion.uses_now,
        "conditions": _present_conditions(promotion),
        "benefit": _present_benefit(promotion, tiers),
        "created_at": promotion.created_at,
        "updated_at": promotion.updated_at,
    }


def promotion_etag(promotion: Any) -> str:
    return etag_of(editable_part(promotion))


def editable_part(promotion: Any) -> dict[str, Any]:
    """What `If-Match` protects: all that staff write, nothing that an order moves."""
    return {name: value for name, value in present_promotion(promotion).items() if name not in _LIVE}


def present_public(promotion: Promotion) -> dict[str, Any]:
    return {
        "id": promotion.pk,
        "name": promotion.name,
        "description": promotion.description,
        "kind": promotion.kind,
        "summary": promotion_terms.sentence(promotion, list(promotion.tiers.all())),
        "needs_coupon": promotion.needs_coupon,
        "minimum_subtotal": _minimum(promotion),
        "starts_at": promotion.starts_at,
        "ends_at": promotion.ends_at,
    }


def present_coupon(coupon: Any) -> dict[str, Any]:
    names = ("code", "usage_limit", "starts_at", "ends_at", "is_active", "created_at")
    return {"batch": coupon.batch_id, "uses": coupon.uses_now} | {name: getattr(coupon, name) for name in names}


def present_made(coupons: Iterable[Any], batch: CouponBatch | None = None) -> dict[str, Any]:
    names = ("id", "name", "prefix", "size")
    return {
        "batch": {name: getattr(batch, name) for name in names} if batch is not None else None,
        "coupons": [present_coupon(coupon) for coupon in coupons],
    }


def present_use(use: PromotionUse) -> dict[str, Any]:
    return {
        "id": use.pk,
        "order": use.reference,
        "coupon": use.coupon.code if use.coupon is not None else None,
        "email": use.email,
        "used_at": use.used_at,
        "given_back_at": use.given_back_at,
    }


def _minimum(promotion: Promotion) -> dict[str, str] | None:
    return Money(promotion.minimum_subtotal, promotion.currency).as_json() if promotion.minimum_subtotal else None


def _present_conditions(promotion: Promotion) -> dict[str, Any]:
    names = (
        "minimum_quantity",
        "brands",
        "first_order",
        "countries",
        "currencies",
        "channels",
        "starts_at",
        "ends_at",
        "weekdays",
    )
    return {
        "minimum_subtotal": _minimum(promotion),
        **{name: getattr(promotion, name) for name in names},
        "products": sorted(row.slug for row in promotion.products.all()),
        "categories": sorted(row.slug for row in promotion.categories.all()),
        "customer_groups": sorted(row.name for row in promotion.customer_groups.all()),
        "from_time": promotion.from_time.isoformat() if promotion.from_time is not None else None,
        "until_time": promotion.until_time.isoformat() if promotion.until_time is not None else None,
    }


def _present_benefit(promotion: Promotion, tiers: list[Any]) -> dict[str, Any]:
    benefit = promotion_terms.benefit_of(promotion, tiers)
    return {
        **_plain(benefit),
        "get_products": sorted(row.slug for row in promotion.get_products.all()),
        "tiers": [_plain(tier) for tier in benefit["tiers"]],
        "gift": promotion.gift.sku if promotion.gift is not None else None,
    }


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    shown = {name: value.as_json() if isinstance(value, Money) else value for name, value in row.items()}
    percent = row["percent"]
    return {**shown, "percent": f"{percent:.2f}" if percent is not None else None}
