"""Tax: per line or shipping and rate a row, rounded line by line or once per rate of the whole.

On prices without tax a rate gives base x rate; in prices that contain it, with several rates r1, r2 ..., each gives
base x ri / (1 + r1 + r2 + ...).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, ROUND_HALF_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_UP, Decimal
from uuid import UUID

from apps.cart.pricing.spreading import spread
from apps.cart.pricing.terms import Rounding, RoundingMode, TaxRow, TaxRule
from apps.common.money import ZERO, exponent

MODES: Mapping[RoundingMode, str] = {
    "half_up": ROUND_HALF_UP,
    "half_even": ROUND_HALF_EVEN,
    "half_down": ROUND_HALF_DOWN,
    "up": ROUND_UP,
    "down": ROUND_DOWN,
}


@dataclass(frozen=True, slots=True)
class Taxable:
    """An amount (after discounts) and the rates it is taxed with."""

    key: UUID
    base: Decimal
    rules: tuple[TaxRule, ...]


@dataclass(frozen=True, slots=True)
class Taxed:
    """A row and its amount before rounding."""

    row: TaxRow
    exact: Decimal


def tax_rows(
    taxables: Sequence[Taxable], *, currency: str, included: bool, rounding: Rounding
) -> dict[UUID, tuple[Taxed, ...]]:
    """The rows of each taxable, by its key. The order of taxables does not matter."""
    exact = {each.key: tuple(_exact(each, rule, included=included) for rule in each.rules) for each in taxables}
    if rounding.level == "line":
        return {key: tuple(_rounded(taxed, currency, rounding) for taxed in rows) for key, rows in exact.items()}
    return _rounded_together(exact, currency, rounding)


def net_of(amount: Decimal, rules: Sequence[TaxRule], *, currency: str, rounding: Rounding) -> Decimal:
    """What is left of a price that contains these rates without them."""
    return (amount / (1 + _sum_of(rules))).quantize(exponent(currency), rounding=MODES[rounding.mode])


def _sum_of(rules: Sequence[TaxRule]) -> Decimal:
    return sum((rule.rate for rule in rules), ZERO)


def _exact(taxable: Taxable, rule: TaxRule, *, included: bool) -> Taxed:
    amount = taxable.base * rule.rate
    if included:
        amount /= 1 + _sum_of(taxable.rules)
    row = TaxRow(name=rule.name, jurisdiction=rule.jurisdiction, rate=rule.rate, base=taxable.base, amount=ZERO)
    return Taxed(row, amount)


def _rounded(taxed: Taxed, currency: str, rounding: Rounding) -> Taxed:
    amount = taxed.exact.quantize(exponent(currency), rounding=MODES[rounding.mode])
    return replace(taxed, row=replace(taxed.row, amount=amount))


def _rounded_together(
    exact: Mapping[UUID, tuple[Taxed, ...]], currency: str, rounding: Rounding
) -> dict[UUID, tuple[Taxed, ...]]:
    """Each rate is rounded once over everything; its amount is spread over the rows by largest remainder."""
    groups: dict[tuple[str, str, Decimal], dict[tuple[UUID, int], Decimal]] = defaultdict(dict)
    for key, rows in exact.items():
        for position, taxed in enumerate(rows):
            if taxed.exact:
                row = taxed.row
                groups[row.name, row.jurisdiction, row.rate][key, position] = taxed.exact
    shares: dict[tuple[UUID, int], Decimal] = {}
    for weights in groups.values():
        total = sum(weights.values(), ZERO).quantize(exponent(currency), rounding=MODES[rounding.mode])
        shares |= spread(total, weights, currency)
    return {
        key: tuple(
            replace(taxed, row=replace(taxed.row, amount=shares.get((key, position), ZERO)))
            for position, taxed in enumerate(rows)
        )
        for key, rows in exact.items()
    }
