"""Where goods are, where people can pick them up, and what delivery and tax cost."""

from decimal import Decimal
from typing import Any

from django.utils import timezone

from apps.products.models import Store, Warehouse
from scripts.seed.delivery import seed_delivery
from scripts.seed.taxes import seed_taxes

D = Decimal
WAREHOUSES: tuple[dict[str, Any], ...] = (
    {
        "code": "east",
        "name": "Newark, New Jersey",
        "line1": "120 Port Street",
        "city": "Newark",
        "region": "NJ",
        "postal_code": "07114",
        "country": "US",
        "priority": 0,
    },
    {
        "code": "europe",
        "name": "Leipzig, Germany",
        "line1": "Messe-Allee 1",
        "city": "Leipzig",
        "postal_code": "04356",
        "country": "DE",
        "priority": 1,
    },
)
_WEEK = ("mon", "tue", "wed", "thu", "fri")
# Slug, name, street, city, region, postal code, country, phone, latitude, longitude, time zone, Sunday.
STORES: tuple[tuple[Any, ...], ...] = (
    (
        "new-york-flatiron",
        "Tradepost Flatiron",
        "175 Fifth Avenue",
        "New York",
        "NY",
        "10010",
        "US",
        "+12125550100",
        D("40.74106"),
        D("-73.98970"),
        "America/New_York",
        [["11:00", "18:00"]],
    ),
    (
        "san-francisco-union-square",
        "Tradepost Union Square",
        "333 Post Street",
        "San Francisco",
        "CA",
        "94108",
        "US",
        "+14155550100",
        D("37.78797"),
        D("-122.40747"),
        "America/Los_Angeles",
        [["11:00", "18:00"]],
    ),
    (
        "chicago-loop",
        "Tradepost Loop",
        "233 South Wacker Drive",
        "Chicago",
        "IL",
        "60606",
        "US",
        "+13125550100",
        D("41.87888"),
        D("-87.63592"),
        "America/Chicago",
        [["11:00", "17:00"]],
    ),
    (
        "berlin-alexanderplatz",
        "Tradepost Alexanderplatz",
        "Alexanderplatz 1",
        "Berlin",
        "",
        "10178",
        "DE",
        "+493055550100",
        D("52.52192"),
        D("13.41321"),
        "Europe/Berlin",
        [],
    ),
    (
        "munich-marienplatz",
        "Tradepost Marienplatz",
        "Marienplatz 8",
        "München",
        "",
        "80331",
        "DE",
        "+498955550100",
        D("48.13743"),
        D("11.57549"),
        "Europe/Berlin",
        [],
    ),
    (
        "london-covent-garden",
        "Tradepost Covent Garden",
        "41 The Market",
        "London",
        "",
        "WC2E 8RF",
        "GB",
        "+442079460100",
        D("51.51197"),
        D("-0.12280"),
        "Europe/London",
        [["12:00", "18:00"]],
    ),
)
_STORE_FIELDS = (
    "name",
    "line1",
    "city",
    "region",
    "postal_code",
    "country",
    "phone",
    "latitude",
    "longitude",
    "timezone",
)


def seed_shop() -> None:
    """Warehouses and stores, as listed above; shipping methods and tax rates."""
    for row in WAREHOUSES:
        Warehouse.objects.update_or_create(code=row["code"], defaults=row)
    for slug, *fields, sunday in STORES:
        hours = {day: [["10:00", "20:00"]] for day in _WEEK} | {"sat": [["10:00", "18:00"]], "sun": sunday}
        Store.objects.update_or_create(
            slug=slug, defaults={**dict(zip(_STORE_FIELDS, fields, strict=True)), "hours": hours}
        )
    year = timezone.localdate().year
    seed_delivery(years=range(year, year + 3))
    seed_taxes()
