"""Carts that were left, as a dry run of a promotion prices them: as they would cost today."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef

from apps.cart.models import Cart, CartItem
from apps.cart.pricing.terms import Gift, PricingInput, PromotionRule, Shopper
from apps.cart.services import contents
from apps.cart.services.customers import Customer, has_ordered
from apps.common.errors import Problem
from apps.products.services.prices import Conversion


@dataclass(frozen=True, slots=True)
class LeftCart:
    """A cart and what it costs without the promotion in question."""

    cart: Cart
    pricing: PricingInput
    conversion: Conversion | None


def left(given: Mapping[str, Any]) -> list[LeftCart]:
    """The newest open carts of the period that hold something to sell, oldest first."""
    found = Cart.objects.filter(Exists(CartItem.objects.wanted().filter(cart=OuterRef("pk"))), status=Cart.Status.OPEN)
    if given["since"]:
        found = found.filter(updated_at__gte=datetime.fromisoformat(given["since"]))
    if given["until"]:
        found = found.filter(updated_at__lt=datetime.fromisoformat(given["until"]))
    carts = found.select_related("pickup_store", "user").order_by("-updated_at", "-id")[: given["limit"]]
    return [each for cart in reversed(carts) if (each := _priced(cart)) is not None]


def _priced(cart: Cart) -> LeftCart | None:
    try:
        basket = contents.load_basket(cart)
    except Problem:  # no price can be told at the moment
        return None
    return LeftCart(cart, basket.pricing, basket.conversion) if basket.pricing.lines else None


def with_rule(
    each: LeftCart,
    rule: PromotionRule,
    *,
    gifts: tuple[Gift, ...],
    products: Mapping[Any, tuple[frozenset[UUID], str]],
    groups: frozenset[str],
) -> PricingInput:
    """The cart's price with the rule among its own offers.

    Groups, first order and categories are read only where an offer asks for them; so they are given anew.
    """
    pricing = each.pricing
    return replace(
        pricing,
        promotions=(rule, *(own for own in pricing.promotions if own.key != rule.key)),
        gifts=(*pricing.gifts, *(gift for gift in gifts if gift.variant not in {own.variant for own in pricing.gifts})),
        shopper=Shopper(groups, is_first_order=not _has_ordered(each.cart)),
        lines=tuple(
            replace(line, categories=products[line.product][0]) if line.product in products else line
            for line in pricing.lines
        ),
    )


def _has_ordered(cart: Cart) -> bool:
    return has_ordered(Customer.of(cart.user, cart.email))
