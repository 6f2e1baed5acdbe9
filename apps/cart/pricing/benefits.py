"""What a promotion takes off the lines it covers. Every function answers exact amounts per line, before rounding."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from apps.cart.pricing.spreading import spread
from apps.cart.pricing.terms import Benefit, PriceLine, Tier
from apps.common.money import ZERO, round_money


@dataclass(frozen=True, slots=True)
class Saving:
    """`shares` per line, rounded; together `amount`, which is `exact` before rounding."""

    exact: Decimal = ZERO
    shares: Mapping[UUID, Decimal] | None = None

    @property
    def amount(self) -> Decimal:
        return sum((self.shares or {}).values(), ZERO)


@dataclass(frozen=True, slots=True)
class Covered:
    """The lines a rule covers, all lines, and what each line still costs after the promotions before."""

    lines: Sequence[PriceLine]
    basket: Sequence[PriceLine]
    left: Mapping[UUID, Decimal]
    currency: str

    @property
    def base(self) -> Decimal:
        return sum((self.left[line.key] for line in self.lines), ZERO)

    @property
    def units(self) -> int:
        return sum(line.quantity for line in self.lines)


def saving(benefit: Benefit, on: Covered) -> Saving:
    """What the benefit saves on the goods; nothing for benefits that concern shipping or add a gift."""
    work = _GOODS.get(benefit.kind)
    return work(benefit, on) if work and on.base > 0 else Saving()


def _together(exact: Decimal, on: Covered) -> Saving:
    """An amount off the covered lines together, at most what they cost, spread by what each still costs."""
    exact = min(exact, on.base)
    amount = min(round_money(exact, on.currency), on.base)
    if amount <= 0:
        return Saving()
    shares = spread(amount, {line.key: on.left[line.key] for line in on.lines}, on.currency)
    return Saving(exact, {key: share for key, share in shares.items() if share})


def _each(exact: Mapping[UUID, Decimal], on: Covered) -> Saving:
    """Amounts line by line, each at most what the line still costs."""
    capped = {key: min(amount, on.left[key]) for key, amount in exact.items() if amount > 0}
    shares = {key: min(round_money(amount, on.currency), on.left[key]) for key, amount in capped.items()}
    return Saving(sum(capped.values(), ZERO), {key: share for key, share in shares.items() if share})


def _percent(benefit: Benefit, on: Covered) -> Saving:
    exact = on.base * benefit.value / 100
    return _together(exact if benefit.maximum is None else min(exact, benefit.maximum), on)


def _amount(benefit: Benefit, on: Covered) -> Saving:
    return _together(benefit.value, on)


def _fixed_price(benefit: Benefit, on: Covered) -> Saving:
    return _each({line.key: on.left[line.key] - benefit.value * line.quantity for line in on.lines}, on)


def _tiered(benefit: Benefit, on: Covered) -> Saving:
    reached_by = on.base if benefit.tier_by == "subtotal" else Decimal(on.units)
    reached: list[Tier] = [tier for tier in benefit.tiers if tier.threshold <= reached_by]
    if not reached:
        return Saving()
    value = max(reached, key=lambda tier: tier.threshold).value
    return _together(on.base * value / 100 if benefit.tier_kind == "percent" else value, on)


def _buy_x_get_y(benefit: Benefit, on: Covered) -> Saving:
    if benefit.get_products:
        units = on.units // benefit.buy * benefit.get
        wanted = [line for line in on.basket if line.product in benefit.get_products]
        return _each({key: cost * benefit.value / 100 for key, cost in _cheapest(wanted, units).items()}, on)
    exact, position = {}, 0
    for line in _by_price(on.lines, dearest_first=True):
        free = _free_until(position + line.quantity, benefit) - _free_until(position, benefit)
        exact[line.key] = line.unit_price * free * benefit.value / 100
        position += line.quantity
    return _each(exact, on)


def _free_until(units: int, benefit: Benefit) -> int:
    """Of so many units, dearest first, how many are the last `get` of a block of `buy + get`."""
    blocks, rest = divmod(units, benefit.buy + benefit.get)
    return blocks * benefit.get + max(0, rest - benefit.buy)


def _cheapest_free(benefit: Benefit, on: Covered) -> Saving:
    return _each(_cheapest(on.lines, benefit.get), on)


def _cheapest(lines: Sequence[PriceLine], units: int) -> dict[UUID, Decimal]:
    """The price of the cheapest units, by line."""
    found: dict[UUID, Decimal] = {}
    for line in _by_price(lines, dearest_first=False):
        taken = min(units, line.quantity)
        if taken <= 0:
            break
        found[line.key] = line.unit_price * taken
        units -= taken
    return found


def _by_price(lines: Sequence[PriceLine], *, dearest_first: bool) -> list[PriceLine]:
    return sorted(lines, key=lambda line: (-line.unit_price if dearest_first else line.unit_price, line.key))


_GOODS: Mapping[str, Callable[[Benefit, Covered], Saving]] = {
    "percent": _percent,
    "amount": _amount,
    "fixed_price": _fixed_price,
    "tiered": _tiered,
    "buy_x_get_y": _buy_x_get_y,
    "cheapest_free": _cheapest_free,
}
