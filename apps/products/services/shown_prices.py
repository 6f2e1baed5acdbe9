"""The catalogue in another currency than its own: what anybody pays for one unit, for whole pages at a time.

Prices of customer groups and of larger quantities are the cart's; what is shown here is the same for everybody.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from django.conf import settings
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, TextField
from django.db.models.functions import Cast, JSONObject
from django.utils import timezone

from apps.common.currencies import RoundingRule, UnsupportedCurrency, rules
from apps.products.models import Price, ProductVariant
from apps.products.services import exchange
from apps.products.services.exchange import Rate
from apps.products.services.prices import Asked, ListPrice, PricePoint, choose, convert, lists_for, point, resolve
from apps.products.services.search import Filters

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Showing:
    """A currency that the catalogue is asked for, and the rate of the moment."""

    currency: str
    rate: Rate
    rule: RoundingRule
    at: datetime

    def converted(self, amount: Decimal) -> Decimal:
        return convert(amount, self.rate, self.rule)


class Rows(Protocol):
    """Rows of products that are read when a part of them is asked for."""

    def __getitem__(self, part: slice, /) -> Iterable[Row]: ...


@dataclass(frozen=True, slots=True)
class PricedRows:
    """Product rows whose prices are in the wanted currency. A slice costs one statement more than the rows."""

    rows: Rows
    showing: Showing

    def __getitem__(self, part: slice) -> list[Row]:
        page = list(self.rows[part])
        prices = of_products([row["id"] for row in page], self.showing)
        return [priced_row(row, prices.get(row["id"]), self.showing) for row in page]


def showing(currency: str) -> Showing | None:
    """How to show a currency; None for the shop's own, whose prices are in the rows. One statement for others.

    Raises UnsupportedCurrency while there is no rate to convert by: some prices would be missing.
    """
    own: str = settings.DEFAULT_CURRENCY
    if currency == own:
        return None
    now = timezone.now()
    rate = exchange.find(own, currency, on=now.date())
    if rate is None:
        raise UnsupportedCurrency("There is no present exchange rate of this currency.")
    return Showing(currency, rate, rules().get(currency, RoundingRule(currency)), now)


def in_own_currency(filters: Filters, wanted: Showing | None) -> Filters:
    """The filters with their price bounds brought from the wanted currency to the shop's."""
    if wanted is None:
        return filters
    low, high = filters.price_min, filters.price_max
    return replace(
        filters,
        price_min=None if low is None else low / wanted.rate.rate,
        price_max=None if high is None else high / wanted.rate.rate,
    )


def of_products(product_ids: Sequence[UUID], wanted: Showing) -> dict[UUID, PricePoint]:
    """The lowest price of each product's active variants; one statement."""
    offered: dict[UUID, list[ListPrice]] = {}
    asked: dict[UUID, list[Asked]] = defaultdict(list)
    for row in _variants_with_lists(product_ids, wanted):
        line = Asked(row["id"], 1, row["price"], row["compare_at_price"], row["currency"])
        asked[row["product_id"]].append(line)
        offered[line.variant] = [_list_price(each) for each in row["listed"]]
    return {product: _lowest(lines, offered, wanted) for product, lines in asked.items()}


def priced_row(row: Row, price: PricePoint | None, wanted: Showing) -> Row:
    """A product's row in the wanted currency. One without a variant that is sold keeps its last price, converted."""
    if price is None:
        price = PricePoint(wanted.converted(row["price"]), None, wanted.rate.source)
    return {**row, "price": price.amount, "compare_at_price": price.compare_at, "currency": wanted.currency}


def of_detail(product: Row, variants: Sequence[Row], wanted: Showing | None) -> tuple[Row, Sequence[Row]]:
    """A product's row and those of its variants in the wanted currency; one statement."""
    if wanted is None:
        return product, variants
    lines = [Asked(row["id"], 1, row["price"], row["compare_at_price"], row["currency"]) for row in variants]
    prices = resolve(lines=lines, currency=wanted.currency, at=wanted.at, rate=wanted.rate)
    lowest = min(prices.values(), key=lambda price: price.amount, default=None)
    return (
        priced_row(product, lowest, wanted),
        [priced_row(row, prices.get(row["id"]), wanted) for row in variants],
    )


def _variants_with_lists(product_ids: Sequence[UUID], wanted: Showing) -> Iterable[Row]:
    listed = Price.objects.filter(
        variant=OuterRef("pk"), minimum_quantity=1, price_list__in=lists_for(wanted.currency, wanted.at, None)
    )
    row = JSONObject(
        code="price_list__code",
        priority="price_list__priority",
        amount=Cast("amount", TextField()),
        compare_at=Cast("compare_at", TextField()),
    )
    variants = ProductVariant.objects.filter(product__in=product_ids, archived_at=None)
    rows: Iterable[Row] = (
        variants.annotate(listed=ArraySubquery(listed.order_by().values(row=row)))
        .order_by("position", "id")
        .values("id", "product_id", "price", "compare_at_price", "currency", "listed")
    )
    return rows


def _list_price(row: Row) -> ListPrice:
    was = row["compare_at"]
    return ListPrice(row["code"], row["priority"], 1, Decimal(row["amount"]), None if was is None else Decimal(was))


def _lowest(lines: Iterable[Asked], offered: Mapping[UUID, list[ListPrice]], wanted: Showing) -> PricePoint:
    prices = []
    for line in lines:
        best = choose(offered.get(line.variant, ()), quantity=1)
        found = point(line, best, wanted.rate, wanted.rule, wanted.currency)
        if found is not None:
            prices.append(found)
    return min(prices, key=lambda price: price.amount)
