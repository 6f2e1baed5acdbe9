"""What shipping a basket costs by the rule of the chosen method, before promotions."""

from collections.abc import Iterable
from decimal import ROUND_CEILING, Decimal

from apps.cart.pricing.terms import PriceLine, ShippingBand, ShippingRule
from apps.common.money import ZERO

GRAMS_PER_KILOGRAM = 1000


def weight_of(lines: Iterable[PriceLine]) -> int:
    """Grams of all units."""
    return sum(line.weight_grams * line.quantity for line in lines)


def parcels(rule: ShippingRule, grams: int) -> int:
    """How many parcels the weight makes; one at least."""
    if not rule.parcel_grams:
        return 1
    return max(1, -(-grams // rule.parcel_grams))


def shipping_price(rule: ShippingRule, *, goods: Decimal, grams: int) -> Decimal:
    """The price for goods worth `goods` after discounts, weighing `grams`; zero from `free_over` on."""
    if rule.free_over is not None and goods >= rule.free_over:
        return ZERO
    if rule.basis == "flat":
        return rule.price * parcels(rule, grams)
    if rule.basis == "price":
        return _band(rule, goods) * parcels(rule, grams)
    heaviest = min(grams, rule.parcel_grams or grams)
    full, rest = divmod(grams, heaviest) if heaviest else (0, 0)
    price = full * _by_weight(rule, heaviest)
    return price + _by_weight(rule, rest) if rest or not full else price


def _by_weight(rule: ShippingRule, grams: int) -> Decimal:
    kilograms = (Decimal(grams) / GRAMS_PER_KILOGRAM).to_integral_value(rounding=ROUND_CEILING)
    return _band(rule, Decimal(grams)) + rule.per_kilogram * kilograms


def _band(rule: ShippingRule, value: Decimal) -> Decimal:
    """The price of the highest band that `value` reaches; the method's own price below all of them."""
    reached: list[ShippingBand] = [band for band in rule.bands if band.threshold <= value]
    return max(reached, key=lambda band: band.threshold).price if reached else rule.price
