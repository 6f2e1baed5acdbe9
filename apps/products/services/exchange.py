"""Exchange rates: kept by date, found for a pair and a day, directly, the other way round, or by way of the euro."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from django.conf import settings
from django.db import transaction

from apps.common.errors import Invalid
from apps.common.events import Actor, record
from apps.products.models import ExchangeRate
from apps.products.models.prices import RATE_PLACES
from apps.products.services import listing

Known = Mapping[tuple[str, str], tuple[Decimal, dt.date]]
PIVOT = "EUR"
_FINEST = Decimal(1).scaleb(-RATE_PLACES)


@dataclass(frozen=True, slots=True)
class Rate:
    """One unit of `base` is `rate` units of `quote`, as of `date`."""

    base: str
    quote: str
    rate: Decimal
    date: dt.date

    @property
    def source(self) -> str:
        """How a price that was converted by it names its source."""
        return f"converted:{self.rate.normalize():f}@{self.date.isoformat()}"


@dataclass(frozen=True, slots=True)
class Quotation:
    """A rate as somebody publishes it."""

    base: str
    quote: str
    rate: Decimal
    date: dt.date


def find(base: str, quote: str, *, on: dt.date) -> Rate | None:
    """The rate of a day or the last before it; None when there is none, or only one that is too old. One statement.

    A pair's own rate comes before the other way round, and both before the way by the euro, whatever their dates. A
    rate by the euro is as old as the older of the two it is made of.
    """
    if base == quote:
        return Rate(base, quote, Decimal(1), on)
    oldest = on - dt.timedelta(days=settings.EXCHANGE_RATE_MAX_AGE_DAYS)
    trio = {base, quote, PIVOT}
    rows = ExchangeRate.objects.filter(base__in=trio, quote__in=trio, date__lte=on, date__gte=oldest)
    latest = rows.order_by("base", "quote", "-date").distinct("base", "quote")
    known = {(row.base, row.quote): (row.rate, row.date) for row in latest}
    return _combined(known, base, quote)


def import_rates(quotations: Iterable[Quotation], *, source: str, actor: Actor | None = None) -> tuple[int, int]:
    """Add what is not there yet; returns how many were added and how many were there. Repeatable.

    Raises Invalid (`conflict`) when a rate differs from the one kept for its pair and date; then nothing is added.
    """
    wanted = {(each.base, each.quote, each.date): each.rate for each in quotations}
    return _add(wanted, source, actor)


def add(*, base: str, quote: str, rate: Decimal, date: dt.date, source: str, actor: Actor | None) -> ExchangeRate:
    """Add one rate, by hand. Repeatable. Raises Invalid: not above zero, of one currency, or as `import_rates`."""
    if base == quote:
        raise Invalid.field("/quote", "invalid", "A rate is one of two currencies.")
    if rate <= 0:
        raise Invalid.field("/rate", "min_value", "A rate is above zero.")
    _add({(base, quote, date): rate}, source, actor)
    return ExchangeRate.objects.get(base=base, quote=quote, date=date)


@transaction.atomic
def _add(wanted: Mapping[tuple[str, str, dt.date], Decimal], source: str, actor: Actor | None) -> tuple[int, int]:
    days = {day for _, _, day in wanted}
    before = {
        (row.base, row.quote, row.date): row.rate
        for row in ExchangeRate.objects.filter(date__in=days)
        if (row.base, row.quote, row.date) in wanted
    }
    for (base, quote, day), rate in wanted.items():
        kept = before.get((base, quote, day), rate)
        if kept != rate:
            raise Invalid.field("/rate", "conflict", f"{base}/{quote} of {day} is kept as {kept.normalize():f}.")
    new = {key: rate for key, rate in wanted.items() if key not in before}
    # A twin import may have been quicker; its rows are the same.
    ExchangeRate.objects.bulk_create(
        [ExchangeRate(base=b, quote=q, date=day, rate=rate, source=source) for (b, q, day), rate in new.items()],
        ignore_conflicts=True,
        batch_size=1000,
    )
    if new:
        data = {"source": source, "rates": len(new), "until": max(day for _, _, day in new).isoformat()}
        record("exchange_rates.added", target=None, actor=actor, data=data)
        listing.bump_version()
    return len(new), len(before)


def _combined(known: Known, base: str, quote: str) -> Rate | None:
    own = _leg(known, base, quote)
    if own is not None:
        return Rate(base, quote, _rounded(own[0]), own[1])
    first, second = _leg(known, base, PIVOT), _leg(known, PIVOT, quote)
    if first is None or second is None:
        return None
    return Rate(base, quote, _rounded(first[0] * second[0]), min(first[1], second[1]))


def _leg(known: Known, base: str, quote: str) -> tuple[Decimal, dt.date] | None:
    if (base, quote) in known:
        return known[base, quote]
    if (quote, base) in known:
        rate, day = known[quote, base]
        return 1 / rate, day
    return None


def _rounded(rate: Decimal) -> Decimal:
    """To as many places as are kept: what an order stores is what it was converted by."""
    return max(rate.quantize(_FINEST, rounding=ROUND_HALF_EVEN), _FINEST)
