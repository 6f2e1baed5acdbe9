"""The steps of a price, in the order in which they were taken. The amounts of those that count add up to the total."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from apps.cart.pricing.promotions import Counted, Plan
from apps.cart.pricing.shipping import parcels, weight_of
from apps.cart.pricing.taxes import Taxed
from apps.cart.pricing.terms import PricingInput, Step
from apps.common.money import ZERO, money_json


def steps(
    given: PricingInput,
    chosen: Plan,
    *,
    method: Decimal,
    freed: Counted | None,
    taxes: Mapping[UUID, Sequence[Taxed]],
    shipping_key: UUID,
) -> tuple[Step, ...]:
    """Base prices, every promotion tried, gifts, shipping at `method`'s price, what `freed` it, and each tax row."""
    return (
        *_base_prices(given),
        *_promotions(chosen),
        *_shipping(given, method, freed),
        *_taxes(given, taxes, shipping_key),
    )


def replay(explained: Iterable[Step]) -> Decimal:
    """The total that the steps give."""
    return sum((step.amount for step in explained if step.counts), ZERO)


def as_json(explained: Iterable[Step], currency: str) -> list[dict[str, Any]]:
    """The steps as answers and orders carry them; `exact` and `rounding` are decimal strings in the same currency."""
    return [
        {
            "kind": step.kind,
            "code": step.code,
            "detail": step.detail,
            "line": str(step.line) if step.line else None,
            "amount": money_json(step.amount, currency),
            "exact": _plain(step.exact),
            "rounding": _plain(step.rounding),
            "counts": step.counts,
            "facts": dict(step.facts),
        }
        for step in explained
    ]


def _plain(number: Decimal) -> str:
    """Without an exponent and without zeros at the end."""
    return f"{number.normalize():f}"


def _base_prices(given: PricingInput) -> Iterable[Step]:
    for line in given.lines:
        amount = line.unit_price * line.quantity
        yield Step(
            kind="base_price",
            detail=f"{line.quantity} x {line.sku}" if line.sku else f"{line.quantity} units",
            amount=amount,
            exact=amount,
            line=line.key,
            code=line.price_source,
            facts={"unit_price": _plain(line.unit_price), "quantity": str(line.quantity)},
        )


def _promotions(chosen: Plan) -> Iterable[Step]:
    for each in chosen.counted:
        rule, shares = each.rule, each.saving.shares or {}
        known = {"promotion": str(rule.key)} | ({"coupon": rule.code} if rule.code else {})
        if each.gift:
            facts = known | {"sku": each.gift.sku, "quantity": str(rule.benefit.get), "worth": _plain(each.gift.worth)}
            yield Step("gift", rule.name, ZERO, ZERO, code="applied", facts=facts)
        elif rule.benefit.kind != "free_shipping":
            facts = known | {f"line:{key}": _plain(-share) for key, share in shares.items()}
            yield Step("promotion", rule.name, -each.saving.amount, -each.saving.exact, code="applied", facts=facts)
    for rule, reason in chosen.refused:
        known = {"promotion": str(rule.key)} | ({"coupon": rule.code} if rule.code else {})
        yield Step("promotion", rule.name, ZERO, ZERO, code=reason, facts=known)


def _shipping(given: PricingInput, method: Decimal, freed: Counted | None) -> Iterable[Step]:
    rule = given.shipping
    if rule is None or not given.lines:
        return
    grams = weight_of(given.lines)
    facts = {"basis": rule.basis, "grams": str(grams), "parcels": str(parcels(rule, grams))}
    if rule.free_over is not None:
        facts["free_over"] = _plain(rule.free_over)
    yield Step("shipping", rule.name or rule.code, method, method, code=rule.code, facts=facts)
    if freed:
        facts = {"promotion": str(freed.rule.key)} | ({"coupon": freed.rule.code} if freed.rule.code else {})
        yield Step("promotion", freed.rule.name, -method, -method, code="applied", facts=facts)


def _taxes(given: PricingInput, taxes: Mapping[UUID, Sequence[Taxed]], shipping_key: UUID) -> Iterable[Step]:
    for key, rows in taxes.items():
        for taxed in rows:
            row = taxed.row
            yield Step(
                kind="tax",
                detail=row.name,
                amount=row.amount,
                exact=taxed.exact,
                counts=not given.prices_include_tax,
                line=None if key == shipping_key else key,
                code=row.jurisdiction,
                facts={"rate": _plain(row.rate), "base": _plain(row.base)},
            )
    if given.taxes and given.taxes.exemption:
        yield Step("tax", "no tax is due", ZERO, ZERO, code=given.taxes.exemption)
