"""From which warehouses a request is served: the ranked rules with their worked examples (docs/inventory.md)."""

import uuid
from typing import Any

import pytest

from apps.products.models import StockLevel, Warehouse
from apps.products.services.allocation import Destination, allocate

MUG, TEE, PEN = (uuid.UUID(int=n) for n in (1, 2, 3))


def place(code: str, **fields: Any) -> Warehouse:
    return Warehouse(code=code, name=code, **{"country": "US", **fields})


def level(warehouse: Warehouse, variant: uuid.UUID, units: int, **fields: Any) -> StockLevel:
    return StockLevel(variant_id=variant, warehouse=warehouse, on_hand=units, **fields)


def served(wanted: dict[uuid.UUID, int], *levels: StockLevel, to: Destination | None = None) -> list[tuple[str, int]]:
    by_variant: dict[uuid.UUID, list[StockLevel]] = {variant: [] for variant in wanted}
    for each in levels:
        by_variant[each.variant_id].append(each)
    parts = allocate(wanted, by_variant, to or Destination())
    return [(part.warehouse.code, units) for part, units in parts]


def test_one_parcel_comes_before_a_better_priority():
    first, second = place("first", priority=0), place("second", priority=9)
    levels = [level(first, MUG, 5), level(second, MUG, 5), level(second, TEE, 5)]
    assert served({MUG: 1, TEE: 1}, *levels) == [("second", 1), ("second", 1)]


def test_of_as_few_parcels_the_better_priority_counts_then_the_code():
    a, b, c = place("a", priority=2), place("b", priority=1), place("c", priority=1)
    assert served({MUG: 2}, level(a, MUG, 9), level(c, MUG, 9), level(b, MUG, 9)) == [("b", 2)]


def test_the_nearest_comes_before_the_priority():
    far, near = (
        place("far", country="US", region="CA", priority=0),
        place("near", country="US", region="NY", priority=5),
    )
    abroad = place("abroad", country="DE", priority=0)
    levels = [level(each, MUG, 9) for each in (far, near, abroad)]
    assert served({MUG: 1}, *levels, to=Destination("US", "ny")) == [("near", 1)]
    assert served({MUG: 1}, *levels, to=Destination("DE")) == [("abroad", 1)]
    assert served({MUG: 1}, *levels, to=Destination("US", "TX")) == [("far", 1)]


def test_no_region_is_nobodys_neighbour():
    first, second = place("first", country="US", region="NJ", priority=0), place("second", country="US", priority=9)
    levels = [level(first, MUG, 9), level(second, MUG, 9)]
    assert served({MUG: 1}, *levels, to=Destination("US")) == [("first", 1)]


def test_coordinates_tell_the_distance_where_they_are_known():
    berlin = place("berlin", country="DE", latitude="52.52", longitude="13.405", priority=1)
    munich = place("munich", country="DE", latitude="48.137", longitude="11.575", priority=0)
    levels = [level(each, MUG, 9) for each in (munich, berlin)]
    assert served({MUG: 1}, *levels, to=Destination("DE", "", 53.55, 9.99)) == [("berlin", 1)]  # Hamburg
    assert served({MUG: 1}, *levels, to=Destination("DE", "", 48.3, 14.29)) == [("munich", 1)]  # Linz


def test_a_border_does_not_make_a_place_farther():
    far = place("la", country="US", latitude="34.05", longitude="-118.24")
    near = place("toronto", country="CA", latitude="43.65", longitude="-79.38", priority=1)
    buffalo = Destination("US", "NY", 42.88, -78.87)
    assert served({MUG: 1}, level(far, MUG, 5), level(near, MUG, 5), to=buffalo) == [("toronto", 1)]


def test_a_line_is_split_only_when_nobody_has_it_whole():
    a, b, c = place("a", priority=0), place("b", priority=1), place("c", priority=2)
    levels = [level(a, MUG, 2), level(b, MUG, 3), level(c, MUG, 6)]
    assert served({MUG: 5}, *levels) == [("c", 5)]
    assert served({MUG: 8}, *levels) == [("a", 2), ("c", 6)]
    assert served({MUG: 11}, *levels) == [("a", 2), ("b", 3), ("c", 6)]


def test_units_on_the_shelf_go_before_units_that_are_still_to_come():
    soon, now = place("soon", priority=0), place("now", priority=1)
    levels = [level(soon, MUG, 0, backorder_limit=10), level(now, MUG, 4)]
    assert served({MUG: 2}, *levels) == [("soon", 2)]  # one place each: the priority counts
    both = [*levels, level(soon, TEE, 5)]
    assert served({MUG: 2, TEE: 1}, *both) == [("soon", 2), ("soon", 1)]


def test_safety_stock_is_never_taken():
    a, b = place("a", priority=0), place("b", priority=1)
    levels = [level(a, MUG, 5, safety_stock=4), level(b, MUG, 2)]
    assert served({MUG: 2}, *levels) == [("b", 2)]
    assert served({MUG: 3}, *levels) == [("a", 1), ("b", 2)]


@pytest.mark.parametrize("count", [6, 9])
def test_three_lines_over_many_places_take_as_few_as_can_be(count):
    places = [place(f"p{n}", priority=n) for n in range(count)]
    levels = [level(each, variant, 1) for each, variant in zip(places, (MUG, TEE, PEN) * 3, strict=False)]
    levels += [level(places[-1], MUG, 1), level(places[-1], TEE, 1)]
    unique = {(each.warehouse.code, each.variant_id): each for each in levels}
    used = {code for code, _ in served({MUG: 1, TEE: 1, PEN: 1}, *unique.values())}
    assert len(used) == 1
