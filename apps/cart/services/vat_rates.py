"""Europe's value added tax, from the dataset of the package eu-vat-rates-data, into the tax tables.

The dataset tells each country's rates but not which goods they are for. Imported are the categories `standard`,
`reduced` (the lowest reduced rate of the mainland), `super-reduced` and `parking`; which product is in which category
is the merchant's to say.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db import transaction
from django.db.models import Q
from eu_vat_rates_data import data_version, get_all_rates

from apps.cart.models import TaxRate, TaxZone
from apps.cart.models.taxes import BEGINNING
from apps.common.events import record
from apps.products.models import STANDARD, TaxCategory

NAMES: Final = {STANDARD: "Standard", "reduced": "Reduced", "super-reduced": "Super-reduced", "parking": "Parking"}
# Where the dataset's lowest reduced rate is that of an island: France's 0.9 % is Corsica's.
_MAINLAND_REDUCED: Final = {"FR": Decimal("5.5")}
# Northern Ireland is no country of an address.
_NO_COUNTRIES: Final = frozenset({"XI"})
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did, in rates."""

    created: int
    changed: int
    unchanged: int
    version: str


@transaction.atomic
def import_rates(*, starting: date, countries: Iterable[str] = ()) -> Imported:
    """Bring the tables to the dataset's rates from a day on; repeatable. `countries`: ISO codes; empty: all.

    A country without a rate gets one from the beginning of time; a rate that differs ends the day before `starting`.
    """
    wanted = frozenset(countries)
    categories = {code: _category(code) for code in NAMES}
    counts = {"created": 0, "changed": 0, "unchanged": 0}
    for country, facts in sorted(get_all_rates().items()):
        if country in _NO_COUNTRIES or (wanted and country not in wanted):
            continue
        zone, _ = TaxZone.objects.get_or_create(
            country=country,
            region="",
            postal_from="",
            postal_to="",
            defaults={"code": country.lower(), "name": facts["country"]},
        )
        for code, percent in _rates(country, facts):
            counts[_put(zone, categories[code], facts["vat_name"], percent / 100, starting)] += 1
    if counts["created"] or counts["changed"]:
        record("tax_rates.imported", target=None, data={**counts, "version": data_version, "starting": str(starting)})
    return Imported(**counts, version=data_version)


def _category(code: str) -> TaxCategory:
    return TaxCategory.objects.get_or_create(code=code, defaults={"name": NAMES[code]})[0]


def _rates(country: str, facts: Mapping[str, Any]) -> Iterator[tuple[str, Decimal]]:
    yield STANDARD, _percent(facts["standard"])
    if facts["reduced"]:
        yield "reduced", _MAINLAND_REDUCED.get(country, _percent(min(facts["reduced"])))
    if facts["super_reduced"] is not None:
        yield "super-reduced", _percent(facts["super_reduced"])
    if facts["parking"] is not None:
        yield "parking", _percent(facts["parking"])


def _percent(number: float) -> Decimal:
    # By its text: 25.5 is exact there, and no float reaches a rate.
    return Decimal(str(number))


def _put(zone: TaxZone, category: TaxCategory, name: str, rate: Decimal, starting: date) -> str:
    """Make the rate hold from a day on. Returns created, changed or unchanged."""
    rows = TaxRate.objects.select_for_update().filter(zone=zone, category=category, jurisdiction=zone.country)
    present = rows.valid_on(starting).first()
    row = TaxRate(zone=zone, category=category, jurisdiction=zone.country, name=name[:80], rate=rate)
    if present is None:
        later = rows.filter(valid_from__gt=starting).order_by("valid_from").first()
        earlier = rows.filter(Q(valid_until__lt=starting)).exists()
        row.valid_from = starting if earlier else BEGINNING
        row.valid_until = later.valid_from - _DAY if later is not None else None
        row.save()
        return "created"
    if present.rate == rate:
        return "unchanged"
    if present.valid_from == starting:
        TaxRate.objects.filter(pk=present.pk).update(rate=rate, name=row.name)
        return "changed"
    row.valid_from, row.valid_until = starting, present.valid_until
    present.valid_until = starting - _DAY
    present.save(update_fields=["valid_until", "updated_at"])
    row.save()
    return "changed"


def known_countries() -> frozenset[str]:
    """ISO codes of the countries that the dataset has rates of."""
    return frozenset(get_all_rates()) - _NO_COUNTRIES
