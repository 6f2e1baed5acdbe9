"""From which warehouses a request is served. Pure: levels in, parts out.

Ranked rules: the fewest parcels (warehouses) for the whole request; among as few, the nearest; then the priority, then
the code. Within the chosen warehouses a line comes whole from the first by rank that has it, else in parts by rank.
Real units go before those sold ahead of their arrival.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import asin, cos, inf, radians, sin, sqrt
from uuid import UUID

from apps.products.models import StockLevel, Warehouse

# All subsets of so many warehouses are tried; of more the greedy choice is good enough.
EXHAUSTIVE = 6
EARTH_KILOMETRES = 6371.0


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the goods go, as far as it is known."""

    country: str = ""
    region: str = ""
    latitude: float | None = None
    longitude: float | None = None


Part = tuple[StockLevel, int]
ByVariant = Mapping[UUID, Sequence[StockLevel]]


def allocate(wanted: Mapping[UUID, int], levels: ByVariant, destination: Destination) -> list[Part]:
    """Parts that add up to what is wanted of each variant. `levels` must hold enough together."""
    places: dict[UUID, Warehouse] = {
        level.warehouse_id: level.warehouse for of_variant in levels.values() for level in of_variant if level.available
    }
    ranked = sorted(places, key=lambda place: _rank(places[place], destination))
    chosen = _fewest(wanted, levels, ranked)
    parts: list[Part] = []
    for variant_id, units in wanted.items():
        by_place = {level.warehouse_id: level for level in levels[variant_id]}
        parts += _parts(units, [by_place[place] for place in chosen if place in by_place])
    return parts


def _rank(warehouse: Warehouse, destination: Destination) -> tuple[float, int, int, str]:
    same = warehouse.country == destination.country
    region = destination.region.casefold()
    nearness = 0 if same and region and warehouse.region.casefold() == region else 1 if same else 2
    return _kilometres(warehouse, destination), nearness, warehouse.priority, warehouse.code


def _kilometres(warehouse: Warehouse, destination: Destination) -> float:
    """The great-circle distance (haversine formula); farther than anything while one of both places is not known."""
    if destination.latitude is None or destination.longitude is None:
        return inf
    if warehouse.latitude is None or warehouse.longitude is None:
        return inf
    here = radians(float(warehouse.latitude)), radians(float(warehouse.longitude))
    there = radians(destination.latitude), radians(destination.longitude)
    half = sin((there[0] - here[0]) / 2) ** 2 + cos(here[0]) * cos(there[0]) * sin((there[1] - here[1]) / 2) ** 2
    return 2 * EARTH_KILOMETRES * asin(sqrt(half))


def _fewest(wanted: Mapping[UUID, int], levels: ByVariant, ranked: Sequence[UUID]) -> Sequence[UUID]:
    """The smallest set of places that can serve everything, the best-ranked of as small ones."""
    units: dict[UUID, dict[UUID, int]] = defaultdict(dict)
    for variant_id, of_variant in levels.items():
        for level in of_variant:
            units[level.warehouse_id][variant_id] = level.available
    if len(ranked) > EXHAUSTIVE:
        return _greedy(wanted, units, ranked)
    for size in range(1, len(ranked) + 1):
        for places in combinations(ranked, size):
            if all(sum(units[place].get(variant, 0) for place in places) >= n for variant, n in wanted.items()):
                return places
    return ranked


def _greedy(wanted: Mapping[UUID, int], units: Mapping[UUID, Mapping[UUID, int]], ranked: Sequence[UUID]) -> list[UUID]:
    """Again and again the place that serves most of what is still missing; of equal ones the best-ranked."""
    missing, left, chosen = dict(wanted), list(ranked), []
    while left and any(missing.values()):
        served = {place: sum(min(n, units[place].get(v, 0)) for v, n in missing.items()) for place in left}
        best = max(left, key=lambda place: served[place])
        left.remove(best)
        chosen.append(best)
        missing = {variant: n - min(n, units[best].get(variant, 0)) for variant, n in missing.items()}
    return [place for place in ranked if place in chosen]


def _parts(units: int, levels: Sequence[StockLevel]) -> list[Part]:
    for level in levels:
        if min(level.available, max(0, level.on_hand - level.reserved)) >= units:
            return [(level, units)]
    for level in levels:
        if level.available >= units:
            return [(level, units)]
    parts = []
    for level in levels:
        part = min(level.available, units)
        if part > 0:
            parts.append((level, part))
            units -= part
    return parts
