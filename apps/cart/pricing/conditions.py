"""Whether a promotion may apply at all, and to which lines."""

from collections.abc import Callable, Sequence
from decimal import Decimal

from apps.cart.pricing.terms import Conditions, PriceLine, PricingInput, PromotionRule

Check = Callable[[Conditions, PricingInput], bool]

# In this order; the first that fails is the reason that the shopper is told.
_CHECKS: tuple[tuple[str, Check], ...] = (
    ("not_started", lambda asked, given: asked.starts_at is None or asked.starts_at <= given.now),
    ("ended", lambda asked, given: asked.ends_at is None or given.now < asked.ends_at),
    ("wrong_currency", lambda asked, given: not asked.currencies or given.currency in asked.currencies),
    ("wrong_channel", lambda asked, given: not asked.channels or given.channel in asked.channels),
    ("wrong_country", lambda asked, given: not asked.countries or given.country in asked.countries),
    (
        "wrong_customer_group",
        lambda asked, given: not asked.customer_groups or bool(asked.customer_groups & given.shopper.groups),
    ),
    ("not_first_order", lambda asked, given: not asked.first_order or given.shopper.is_first_order),
    ("wrong_time", lambda asked, given: _in_hours(asked, given)),
)


def refusal(rule: PromotionRule, given: PricingInput, subtotal: Decimal, lines: Sequence[PriceLine]) -> str:
    """Why the rule does not apply to this basket; empty when it does. `lines` are those it covers."""
    if rule.blocked:
        return rule.blocked
    for reason, holds in _CHECKS:
        if not holds(rule.conditions, given):
            return reason
    if not lines:
        return "no_covered_products"
    if subtotal < rule.conditions.minimum_subtotal:
        return "minimum_subtotal_not_reached"
    if sum(line.quantity for line in lines) < rule.conditions.minimum_quantity:
        return "minimum_quantity_not_reached"
    return ""


def covered(rule: PromotionRule, lines: Sequence[PriceLine]) -> tuple[PriceLine, ...]:
    """The lines whose product, category and brand the conditions name."""
    asked = rule.conditions
    return tuple(
        line
        for line in lines
        if (not asked.products or line.product in asked.products)
        and (not asked.categories or asked.categories & line.categories)
        and (not asked.brands or line.brand in asked.brands)
    )


def _in_hours(asked: Conditions, given: PricingInput) -> bool:
    """Weekday and time of day in the shop's zone. A window over midnight belongs to the day on which it began."""
    local = given.now.astimezone(given.zone)
    start, end, clock, day = asked.from_time, asked.until_time, local.time(), local.weekday()
    if start and end and start > end:
        if clock < end:
            day = (day - 1) % 7
        elif clock < start:
            return False
    elif (start and clock < start) or (end and clock >= end):
        return False
    return not asked.weekdays or day in asked.weekdays
