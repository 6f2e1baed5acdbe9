"""The promotions that concern a cart, as pricing's frozen rules; with the gifts and the shopper they ask about.

Automatic ones that run now and those of the cart's coupons. The number of statements does not depend on how many
promotions, coupons or lines there are; what no rule asks for is not read.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import Group
from django.db.models import Exists, OuterRef, Q

from apps.cart.models import Cart, CartCoupon, Coupon, Promotion
from apps.cart.pricing.terms import Benefit, Conditions, Gift, PromotionRule, Shopper, Tier
from apps.cart.services.customers import Customer, has_ordered
from apps.cart.services.promotion_use import limit_per_customer, used_by
from apps.products.models import Product, ProductVariant, available_of
from apps.products.services import prices
from apps.products.services.prices import Asked, Conversion


@dataclass(frozen=True, slots=True)
class Offers:
    """What pricing is told of promotions. `coupons` are those on the cart, in the order in which they were entered."""

    rules: tuple[PromotionRule, ...] = ()
    gifts: tuple[Gift, ...] = ()
    shopper: Shopper = field(default_factory=Shopper)
    coupons: tuple[Coupon, ...] = ()


def coupons_of(cart: Cart) -> tuple[Coupon, ...]:
    """The coupons on a cart with their promotions; one statement."""
    if cart._state.adding:
        return ()
    rows = CartCoupon.objects.filter(cart=cart).select_related("coupon__promotion").order_by("id")
    return tuple(row.coupon for row in rows)


def offers_for(cart: Cart, *, units: Mapping[UUID, int], now: datetime, conversion: Conversion | None = None) -> Offers:
    """Everything about promotions that the cart's price depends on. `units` by variant are what it holds."""
    if not units:
        return Offers(coupons=coupons_of(cart))
    promotions = list(_concerning(cart, now))
    coupons = coupons_of(cart) if any(row.is_asked_for for row in promotions) else ()
    customer = _customer(cart, promotions)
    codes = _codes(coupons, now)
    used = used_by(customer, {row.pk for row in promotions if limit_per_customer(row) is not None})
    rules = tuple(
        converted(
            rule_of(row, code=codes[row.pk].code if row.pk in codes else "", blocked=_blocked(row, codes, used, now)),
            conversion if row.names_amounts and row.currency == settings.DEFAULT_CURRENCY else None,
        )
        for row in promotions
    )
    return Offers(
        rules=rules,
        gifts=_gifts(cart, promotions, units, conversion, now),
        shopper=_shopper(cart, promotions, customer),
        coupons=coupons,
    )


def rule_of(row: Any, *, code: str = "", blocked: str = "") -> PromotionRule:
    """A promotion read `with_terms` as pricing wants it."""
    tiers = tuple(Tier(Decimal(tier["threshold"]), Decimal(tier["value"])) for tier in row.tier_rows)
    return PromotionRule(
        key=row.pk,
        name=row.name,
        benefit=Benefit(
            kind=row.kind,
            value=row.value,
            maximum=row.maximum,
            buy=row.buy,
            get=row.get,
            get_products=frozenset(row.get_product_ids),
            tiers=tiers,
            tier_by=row.tier_by,
            tier_kind=row.tier_kind,
            gift=row.gift_id,
        ),
        conditions=Conditions(
            minimum_subtotal=row.minimum_subtotal,
            minimum_quantity=row.minimum_quantity,
            products=frozenset(row.product_ids),
            categories=frozenset(row.category_ids),
            brands=frozenset(row.brands),
            customer_groups=frozenset(row.group_names),
            first_order=row.first_order,
            countries=frozenset(row.countries),
            currencies=frozenset([row.currency] if row.names_amounts else row.currencies),
            channels=frozenset(row.channels),
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            weekdays=frozenset(row.weekdays),
            from_time=row.from_time,
            until_time=row.until_time,
        ),
        code=code,
        priority=row.priority,
        exclusive=row.exclusive,
        group=row.group,
        blocked=blocked,
    )


def converted(rule: PromotionRule, conversion: Conversion | None) -> PromotionRule:
    """A rule whose amounts are the shop's own, in the currency of the conversion; the same rule without one."""
    if conversion is None:
        return rule
    benefit, conditions = rule.benefit, rule.conditions
    by_money, in_money = benefit.tier_by == "subtotal", benefit.tier_kind == "amount"
    return replace(
        rule,
        benefit=replace(
            benefit,
            value=conversion.of(benefit.value) if benefit.kind in ("amount", "fixed_price") else benefit.value,
            maximum=conversion.of(benefit.maximum) if benefit.maximum is not None else None,
            tiers=tuple(
                Tier(
                    conversion.of(tier.threshold) if by_money else tier.threshold,
                    conversion.of(tier.value) if in_money else tier.value,
                )
                for tier in benefit.tiers
            ),
        ),
        conditions=replace(
            conditions,
            minimum_subtotal=conversion.of(conditions.minimum_subtotal),
            currencies=frozenset({conversion.currency}),
        ),
    )


def _concerning(cart: Cart, now: datetime) -> Any:
    """Those that run by themselves and those that the cart's coupons ask for, running or not."""
    asked_for = Exists(CartCoupon.objects.filter(cart=cart.pk, coupon__promotion=OuterRef("pk")))
    automatic = Q(pk__in=Promotion.objects.running(now).filter(needs_coupon=False).values("pk"))
    return Promotion.objects.with_terms().annotate(is_asked_for=asked_for).filter(automatic | Q(is_asked_for=True))


def _customer(cart: Cart, promotions: Collection[Promotion]) -> Customer:
    asks = any(limit_per_customer(row) is not None for row in promotions)
    return Customer.of_cart(cart) if asks else Customer()


def _codes(coupons: Sequence[Coupon], now: datetime) -> Mapping[UUID, Coupon]:
    """The coupon with which each promotion is asked for: the first that can be used, else the first."""
    codes: dict[UUID, Coupon] = {}
    for coupon in coupons:
        present = codes.get(coupon.promotion_id)
        if present is None or (present.refusal(now) and not coupon.refusal(now)):
            codes[coupon.promotion_id] = coupon
    return codes


def _blocked(row: Promotion, codes: Mapping[UUID, Coupon], used: Mapping[UUID, int], now: datetime) -> str:
    """Why it can't be used whatever is in the basket; empty when it can."""
    coupon = codes.get(row.pk)
    if row.status != Promotion.Status.ACTIVE:
        return "not_running"
    if coupon is not None and (reason := coupon.refusal(now)):
        return reason
    if row.usage_limit is not None and row.used_count >= row.usage_limit:
        return "usage_limit_reached"
    limit = limit_per_customer(row)
    if limit is not None and used.get(row.pk, 0) >= limit:
        return "customer_limit_reached"
    return ""


def _shopper(cart: Cart, promotions: Collection[Any], customer: Customer) -> Shopper:
    groups: frozenset[str] = frozenset()
    if cart.user_id is not None and any(row.group_names for row in promotions):
        groups = frozenset(Group.objects.filter(user=cart.user_id).values_list("name", flat=True))
    first = any(row.first_order for row in promotions) and not has_ordered(customer)
    return Shopper(groups=groups, is_first_order=first)


def _gifts(
    cart: Cart,
    promotions: Collection[Promotion],
    units: Mapping[UUID, int],
    conversion: Conversion | None,
    now: datetime,
) -> tuple[Gift, ...]:
    """What may be given away, worth what it costs in this cart; what has no price in its currency is left out."""
    wanted = {row.gift_id for row in promotions if row.gift_id is not None}
    if not wanted:
        return ()
    variants = list(
        ProductVariant.objects.filter(pk__in=wanted, archived_at=None, product__status=Product.Status.ACTIVE)
        .select_related("product")
        .annotate(available=available_of("pk"))
        .order_by("pk")
    )
    worth = prices.resolve(
        lines=[Asked(row.pk, 1, row.price, row.compare_at_price, row.currency) for row in variants],
        currency=cart.currency,
        at=now,
        customer_id=cart.user_id,
        rate=conversion.rate if conversion is not None else None,
    )
    return tuple(
        Gift(
            variant=variant.pk,
            sku=variant.sku,
            name=variant.product.name,
            available=max(0, variant.available - units.get(variant.pk, 0)),
            worth=worth[variant.pk].amount,
        )
        for variant in variants
        if variant.pk in worth
    )
