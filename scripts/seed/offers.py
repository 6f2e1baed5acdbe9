"""Offers of several kinds, made by the services that staff use: automatic ones, codes, a batch, a draft."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from apps.cart.models import Coupon, Promotion
from apps.cart.services import coupon_codes, promotions
from apps.cart.services.coupon_codes import CodeRules
from apps.products.models import Category, ProductVariant

D = Decimal

# Name, what it gives and asks, and its code with the code's usage limit. The dates are those of `seed_promotions`.
AUTOMATIC: tuple[dict[str, Any], ...] = (
    {"name": "Coffee week: 10 % off", "kind": "percent", "value": D(10), "in": "coffee-tea"},
    {"name": "20 off orders over 200", "kind": "amount", "value": D(20), "minimum_subtotal": D(200)},
    {"name": "Free shipping over 75", "kind": "free_shipping", "minimum_subtotal": D(75)},
    {"name": "T-shirts: three for two", "kind": "buy_x_get_y", "value": D(100), "buy": 2, "in": "t-shirts"},
    {
        "name": "Books: more saves more",
        "kind": "tiered",
        "tier_by": Promotion.TierBy.QUANTITY,
        "tiers": [(D(3), D(5)), (D(5), D(10))],
        "in": "books",
    },
    {"name": "Four for the trail", "kind": "cheapest_free", "minimum_quantity": 4, "in": "hiking"},
)
WITH_CODE: tuple[tuple[dict[str, Any], str, int | None], ...] = (
    (
        {
            "name": "Welcome: 10 % off the first order",
            "description": "At most 20 off, once per customer.",
            "kind": "percent",
            "value": D(10),
            "maximum": D(20),
            "first_order": True,
        },
        "WELCOME10",
        None,
    ),
    ({"name": "Free shipping by code", "kind": "free_shipping", "group": "shipping"}, "SHIPFREE", None),
    ({"name": "A mug from 60 on", "kind": "gift", "gift": "OS-MUG-OAT", "minimum_subtotal": D(60)}, "MUGFORYOU", None),
    ({"name": "5 off for the first 100", "kind": "amount", "value": D(5), "usage_limit": 100}, "FIVEOFF", 100),
)
FLYER = {"name": "Flyer: 15 % off", "kind": "percent", "value": D(15), "needs_coupon": True}
DRAFTS: tuple[dict[str, Any], ...] = (
    {"name": "Autumn sale", "kind": "percent", "value": D(20), "exclusive": True, "in": "clothing", "status": "draft"},
    {"name": "Knives for 50", "kind": "fixed_price", "value": D(50), "in": "knives", "status": "paused"},
)


def seed_promotions(*, since: datetime) -> None:
    """Whatever of them is missing, running from `since` on."""
    for offer in AUTOMATIC:
        _make(offer, since, is_public=True)
    for offer, code, usage_limit in WITH_CODE:
        promotion = _make(offer, since, needs_coupon=True, is_public=code == "WELCOME10")
        if not Coupon.objects.filter(code=code).exists():
            coupon_codes.create_coupon(
                promotion_id=promotion.pk, code=code, rules=CodeRules(usage_limit=usage_limit), actor=None
            )
    flyer = _make(FLYER, since)
    if not flyer.batches.exists():
        rules = CodeRules(usage_limit=1)
        coupon_codes.create_batch(
            promotion_id=flyer.pk, count=25, rules=rules, actor=None, name="Flyer at the market", prefix="FLYER-"
        )
    for offer in DRAFTS:
        _make(offer, since)


def _make(offer: dict[str, Any], since: datetime, **more: Any) -> Promotion:
    found = Promotion.objects.filter(name=offer["name"]).first()
    if found is not None:
        return found
    columns = {"status": Promotion.Status.ACTIVE, "starts_at": since, **offer, **more}
    if slug := columns.pop("in", ""):
        columns["categories"] = [Category.objects.get(slug=slug)]
    if sku := columns.get("gift"):
        columns["gift"] = ProductVariant.objects.get(sku=sku)
    return promotions.create_promotion(actor=None, columns=columns)
