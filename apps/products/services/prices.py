"""What a unit costs: by the best price list that applies, else the catalogue's price, converted where it must be."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db.models import Q

from apps.common.currencies import RoundingRule, rules
from apps.products.models import Price, PriceList
from apps.products.services import exchange
from apps.products.services.exchange import Rate

LIST_PRICE = "list_price"


@dataclass(frozen=True, slots=True)
class Asked:
    """So many units of a variant, with the catalogue's own price of it."""

    variant: UUID
    quantity: int
    amount: Decimal
    compare_at: Decimal | None
    currency: str


@dataclass(frozen=True, slots=True)
class ListPrice:
    """What a price list asks for a unit from `minimum_quantity` on."""

    code: str
    priority: int
    minimum_quantity: int
    amount: Decimal
    compare_at: Decimal | None


@dataclass(frozen=True, slots=True)
class PricePoint:
    """A unit's price and where it comes from: `list_price`, `price_list:<code>`, or `converted:<rate>@<date>`."""

    amount: Decimal
    compare_at: Decimal | None
    source: str


@dataclass(frozen=True, slots=True)
class Conversion:
    """From the shop's currency into another: the rate of a moment and the other currency's rounding."""

    currency: str
    rate: Rate
    rule: RoundingRule

    def of(self, amount: Decimal) -> Decimal:
        return convert(amount, self.rate, self.rule)


def conversion(currency: str, at: datetime) -> Conversion | None:
    """From the shop's own currency to this one; None for its own, or without a rate. At most one statement."""
    own: str = settings.DEFAULT_CURRENCY
    rate = exchange.find(own, currency, on=at.date()) if currency != own else None
    return Conversion(currency, rate, rules().get(currency, RoundingRule(currency))) if rate is not None else None


def resolve(
    *,
    lines: Sequence[Asked],
    currency: str,
    at: datetime,
    customer_id: UUID | None = None,
    rate: Rate | None = None,
) -> dict[UUID, PricePoint]:
    """The price of each variant in a currency at a time, for a customer's groups; each variant once in `lines`.

    A variant is left out where no list names it and there is no rate to convert by. One statement for the lists, and
    one for the rate where it is needed and not given.
    """
    if not lines:
        return {}
    offered = _offered([line.variant for line in lines], currency, at, customer_id)
    best = {line.variant: choose(offered.get(line.variant, ()), quantity=line.quantity) for line in lines}
    others = {line.currency for line in lines if best[line.variant] is None and line.currency != currency}
    rates = {
        base: rate if rate and rate.base == base else exchange.find(base, currency, on=at.date()) for base in others
    }
    rule = rules().get(currency, RoundingRule(currency)) if rates else RoundingRule(currency)
    found = {line.variant: point(line, best[line.variant], rates.get(line.currency), rule, currency) for line in lines}
    return {variant: each for variant, each in found.items() if each is not None}


def choose(offered: Iterable[ListPrice], *, quantity: int) -> ListPrice | None:
    """Of each list the highest tier that the quantity reaches; of the lists the highest priority, then the cheapest."""
    tiers: dict[str, ListPrice] = {}
    for each in offered:
        known = tiers.get(each.code)
        if each.minimum_quantity <= quantity and (known is None or known.minimum_quantity < each.minimum_quantity):
            tiers[each.code] = each
    return min(tiers.values(), key=lambda each: (-each.priority, each.amount, each.code), default=None)


def point(
    asked: Asked, best: ListPrice | None, rate: Rate | None, rule: RoundingRule, currency: str
) -> PricePoint | None:
    """The price by a list, else the catalogue's, converted by the rate where it is of another currency."""
    if best is not None:
        return PricePoint(best.amount, best.compare_at, f"price_list:{best.code}")
    if asked.currency == currency:
        return PricePoint(asked.amount, asked.compare_at, LIST_PRICE)
    if rate is None:
        return None
    amount = convert(asked.amount, rate, rule)
    was = convert(asked.compare_at, rate, rule) if asked.compare_at is not None else None
    # Rounding may bring the two together; then there is nothing to compare.
    return PricePoint(amount, was if was is not None and was > amount else None, rate.source)


def convert(amount: Decimal, rate: Rate, rule: RoundingRule) -> Decimal:
    """An amount in the rate's other currency, rounded by that currency's rule."""
    return rule.round(amount * rate.rate)


def lists_for(currency: str, at: datetime, customer_id: UUID | None) -> "Collection[PriceList]":
    """A query of the lists of a currency that run at a time and are for this customer."""
    mine = Q(group=None)
    if customer_id is not None:
        mine |= Q(group__user=customer_id)
    return PriceList.objects.running(at).filter(mine, currency=currency)


def _offered(
    variants: Sequence[UUID], currency: str, at: datetime, customer_id: UUID | None
) -> Mapping[UUID, list[ListPrice]]:
    offered: dict[UUID, list[ListPrice]] = defaultdict(list)
    rows = Price.objects.filter(variant__in=variants, price_list__in=lists_for(currency, at, customer_id))
    columns = ("variant_id", "price_list__code", "price_list__priority", "minimum_quantity", "amount", "compare_at")
    for variant, *row in rows.order_by().values_list(*columns):
        offered[variant].append(ListPrice(*row))
    return offered
