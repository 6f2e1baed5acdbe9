"""When a parcel arrives: business days, counted from the day it is sent."""

from collections.abc import Set
from dataclasses import dataclass
from datetime import date, datetime, timedelta

_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Delivery:
    """The first and the last day on which it may arrive."""

    earliest: date
    latest: date


def estimate(
    now: datetime,
    *,
    cutoff_hour: int | None,
    min_days: int,
    max_days: int,
    closed_here: Set[date] = frozenset(),
    closed_there: Set[date] = frozenset(),
) -> Delivery:
    """The days of arrival for an order at `now` on the shop's clock.

    It is sent today when today is a business day here and the hour is before the cut-off, else on the next business day
    here. Then `min_days` to `max_days` business days of the destination pass. Saturdays, Sundays and holidays are no
    business days.
    """
    sent = now.date()
    if _is_closed(sent, closed_here) or (cutoff_hour is not None and now.hour >= cutoff_hour):
        sent = _after(sent, 1, closed_here)
    return Delivery(_after(sent, min_days, closed_there), _after(sent, max_days, closed_there))


def _after(day: date, business_days: int, closed: Set[date]) -> date:
    """The day so many business days later; for none, the day itself or the next business day."""
    while _is_closed(day, closed) and not business_days:
        day += timedelta(days=1)
    for _ in range(business_days):
        day += timedelta(days=1)
        while _is_closed(day, closed):
            day += timedelta(days=1)
    return day


def _is_closed(day: date, holidays: Set[date]) -> bool:
    return day.weekday() >= _SATURDAY or day in holidays
