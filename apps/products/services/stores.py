"""Finding our shops: by name, and by distance.

Distances are great-circle ones (haversine, sphere of 6371 km; within 0.5 % of the true ones). A box of latitudes and
longitudes, which the index serves, leaves few rows for the formula.
"""

import math
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import F, Q, QuerySet, Value
from django.db.models.expressions import RawSQL
from django.db.models.fields import FloatField

from apps.products.models import Store

EARTH_KM = 6371.0
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d|24:00", re.ASCII)
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HAVERSINE = """
2 * %s * ASIN(LEAST(1, SQRT(
    POWER(SIN(RADIANS(latitude::float8 - %s) / 2), 2)
    + COS(RADIANS(%s)) * COS(RADIANS(latitude::float8)) * POWER(SIN(RADIANS(longitude::float8 - %s) / 2), 2)
)))
"""


@dataclass(frozen=True, slots=True)
class Nearby:
    """A store and how far it is, in kilometres."""

    store: Store
    distance_km: float


def active() -> "QuerySet[Store]":
    """Stores that shoppers see, by name."""
    return Store.objects.filter(is_active=True).order_by("name", "id")


def nearby(*, latitude: float, longitude: float, radius_km: float) -> list[Nearby]:
    """Active stores within the radius, nearest first."""
    distance = RawSQL(  # noqa: S611 - every value is a parameter
        _HAVERSINE, [EARTH_KM, latitude, latitude, longitude], output_field=FloatField()
    )
    stores = Store.objects.filter(_box(latitude, longitude, radius_km), is_active=True).annotate(distance=distance)
    found = stores.filter(distance__lte=Value(radius_km)).order_by(F("distance"), "id")
    return [Nearby(store, getattr(store, "distance", 0.0)) for store in found]


def is_open(store: Store, at: datetime) -> bool:
    """Whether a store is open at an aware moment, by its own clock. Hours that end before they begin pass midnight."""
    local = at.astimezone(ZoneInfo(store.timezone))
    clock = local.strftime("%H:%M")
    today, yesterday = _hours(store, local.weekday()), _hours(store, local.weekday() - 1)
    return any(
        opens <= clock < closes or closes < opens <= clock  # all of it, or its part before midnight
        for opens, closes in today
    ) or any(clock < closes < opens for opens, closes in yesterday)


def are_hours(value: Any) -> bool:
    """Whether a value is a week of opening hours: days with pairs of `HH:MM`, such as {"mon": [["09:00", "18:00"]]}."""
    return isinstance(value, dict) and all(
        day in _DAYS and isinstance(spans, list) and all(_is_span(span) for span in spans)
        for day, spans in value.items()
    )


def _is_span(span: Any) -> bool:
    return (
        isinstance(span, list)
        and len(span) == 2
        and all(isinstance(clock, str) and _CLOCK.fullmatch(clock) for clock in span)
    )


def _hours(store: Store, weekday: int) -> list[Any]:
    hours: list[Any] = store.hours.get(_DAYS[weekday], [])
    return hours


def _box(latitude: float, longitude: float, radius_km: float) -> Q:
    reach = math.degrees(radius_km / EARTH_KM)
    box = Q(latitude__gte=latitude - reach, latitude__lte=latitude + reach)
    # Near a pole every longitude may be close.
    if abs(latitude) + reach >= 90:
        return box
    span = math.degrees(math.asin(min(1.0, math.sin(math.radians(reach)) / math.cos(math.radians(latitude)))))
    west, east = longitude - span, longitude + span
    if west < -180:
        return box & (Q(longitude__gte=west + 360) | Q(longitude__lte=east))
    if east > 180:
        return box & (Q(longitude__gte=west) | Q(longitude__lte=east - 360))
    return box & Q(longitude__gte=west, longitude__lte=east)
