"""When an order would arrive, by the shop's clock and the holidays of both countries."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings

from apps.cart.models import ShippingHoliday, ShippingMethod
from apps.cart.pricing import delivery_dates
from apps.cart.pricing.delivery_dates import Delivery

# Calendar days that so many business days can take, with every holiday a country may have.
_DAYS_PER_BUSINESS_DAY = 3
_MARGIN_DAYS = 30


def estimates(methods: Iterable[ShippingMethod], *, country: str, now: datetime) -> Mapping[UUID, Delivery]:
    """The days of arrival by method; one statement. `country` is the destination's."""
    rows = list(methods)
    clock = now.astimezone(ZoneInfo(settings.SHOP_TIME_ZONE))
    longest = max((method.max_days for method in rows), default=0)
    closed = _holidays({settings.SHOP_COUNTRY, country}, clock.date(), longest)
    return {
        method.pk: delivery_dates.estimate(
            clock,
            cutoff_hour=method.cutoff_hour,
            min_days=method.min_days,
            max_days=method.max_days,
            closed_here=closed.get(settings.SHOP_COUNTRY, frozenset()),
            closed_there=closed.get(country, frozenset()),
        )
        for method in rows
    }


def _holidays(countries: set[str], today: date, business_days: int) -> Mapping[str, set[date]]:
    until = today + timedelta(days=business_days * _DAYS_PER_BUSINESS_DAY + _MARGIN_DAYS)
    found: dict[str, set[date]] = {}
    rows = ShippingHoliday.objects.filter(country__in=countries, day__gte=today, day__lte=until)
    for country, day in rows.values_list("country", "day"):
        found.setdefault(country, set()).add(day)
    return found
