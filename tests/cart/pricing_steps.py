"""Short words for pricing tests: amounts, lines, promotions, and the quote of them."""

import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from apps.cart.pricing.terms import (
    STANDARD,
    Benefit,
    Conditions,
    PriceLine,
    PricingInput,
    PromotionRule,
    Quote,
    ShippingRule,
    TaxRule,
    TaxRules,
)
from apps.cart.services.pricing import quote

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)  # a Saturday
BOOKS, SHOES = uuid.UUID(int=1001), uuid.UUID(int=1002)


def D(text: str) -> Decimal:
    return Decimal(text)


def taxes(rate: str, *, shipping: bool = True, **categories: str) -> TaxRules:
    """The standard rate, on shipping too unless told otherwise, and rates of other categories."""
    rules = {name: (TaxRule(name=name, rate=D(each)),) for name, each in {STANDARD: rate, **categories}.items()}
    return TaxRules(by_category=rules, shipping=rules[STANDARD] if shipping else ())


NEW_YORK = taxes("0.08875")
STANDARD_SHIPPING = ShippingRule(code="standard", price=D("5.00"), free_over=D("100.00"))


def line(number: int, price: str, quantity: int = 1, category: uuid.UUID = BOOKS, **changes: Any) -> PriceLine:
    return PriceLine(
        key=uuid.UUID(int=number),
        variant=uuid.UUID(int=100 + number),
        product=uuid.UUID(int=200 + number),
        quantity=quantity,
        unit_price=D(price),
        categories=frozenset({category}),
        **changes,
    )


def promotion(kind: str, value: str = "0", **changes: Any) -> PromotionRule:
    """A rule named after its benefit; names of Conditions, Benefit and PromotionRule fields may be mixed."""

    def only(cls: type) -> dict[str, Any]:
        return {name: changes.pop(name) for name in list(changes) if name in cls.__dataclass_fields__}

    name = changes.pop("name", f"{kind} {value}")
    conditions = Conditions(**({"starts_at": NOW - timedelta(days=1)} | only(Conditions)))
    benefit = Benefit(kind=kind, value=D(value), **only(Benefit))
    key = changes.pop("key", uuid.uuid5(uuid.NAMESPACE_OID, name))
    return PromotionRule(key=key, name=name, conditions=conditions, benefit=benefit, **changes)


def price(*lines: PriceLine, **changes: Any) -> Quote:
    return quote(PricingInput(currency=changes.pop("currency", "USD"), lines=lines, **{"now": NOW, **changes}))


def rows(quoted: Quote) -> list[tuple[str, str, str]]:
    return [(str(each.line_total), str(each.discount), str(each.tax)) for each in quoted.lines]


def names(quoted: Quote) -> list[str]:
    return [each.name for each in quoted.promotions]


def reasons(quoted: Quote) -> dict[str, str]:
    return {each.name: each.reason for each in quoted.refused}
