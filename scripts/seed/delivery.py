"""Ways to ship in the demo shop: zones, methods of every kind, holidays."""

from datetime import date
from decimal import Decimal
from typing import Any

from apps.cart.models import ShippingBand, ShippingHoliday, ShippingMethod, ShippingZone
from apps.cart.services.vat_numbers import EU_COUNTRIES

D = Decimal
ZONES: tuple[dict[str, Any], ...] = (
    {"code": "us", "name": "United States", "countries": ["US"]},
    {"code": "us-remote", "name": "Alaska and Hawaii", "countries": ["US"], "regions": ["AK", "HI"]},
    {
        "code": "europe",
        "name": "European Union",
        "countries": sorted(EU_COUNTRIES),
    },
    {"code": "elsewhere", "name": "Everywhere else", "countries": []},
)
METHODS: tuple[dict[str, Any], ...] = (
    {
        "code": "standard",
        "name": "Standard",
        "price": D("5.00"),
        "free_over": D("100.00"),
        "min_days": 3,
        "max_days": 5,
        "position": 1,
    },
    {
        "code": "express",
        "name": "Express",
        "price": D("15.00"),
        "min_days": 1,
        "max_days": 2,
        "cutoff_hour": 14,
        "position": 2,
    },
    {
        "code": "economy",
        "name": "Economy",
        "zone": "us",
        "price": D("2.50"),
        "min_days": 6,
        "max_days": 12,
        "position": 3,
    },
    {
        "code": "by-weight",
        "name": "Parcel by weight",
        "kind": "weight",
        "zone": "europe",
        "price": D("3.90"),
        "per_kilogram": D("1.20"),
        "parcel_grams": 31_500,
        "max_grams": 126_000,
        "min_days": 2,
        "max_days": 4,
        "position": 4,
    },
    {
        "code": "insured",
        "name": "Insured, by value",
        "kind": "price",
        "zone": "europe",
        "price": D("6.90"),
        "min_days": 2,
        "max_days": 3,
        "position": 5,
    },
    {
        "code": "airmail",
        "name": "Airmail",
        "kind": "table",
        "zone": "elsewhere",
        "price": D(0),
        "parcel_grams": 20_000,
        "min_days": 5,
        "max_days": 15,
        "position": 6,
    },
    {
        "code": "island-freight",
        "name": "Freight to Alaska and Hawaii",
        "kind": "table",
        "zone": "us-remote",
        "price": D(0),
        "min_days": 7,
        "max_days": 14,
        "position": 7,
    },
    {
        "code": "pickup",
        "name": "Pick up in store",
        "kind": "pickup",
        "price": D(0),
        "min_days": 1,
        "max_days": 2,
        "position": 8,
    },
)
# Method, country, beginning of the postal code, from, price.
BANDS = (
    ("insured", "", "", "100", "9.90"),
    ("insured", "", "", "500", "14.90"),
    ("airmail", "", "", "0", "12.00"),
    ("airmail", "", "", "2000", "24.00"),
    ("airmail", "", "", "10000", "60.00"),
    ("airmail", "CA", "", "0", "9.00"),
    ("airmail", "CA", "", "5000", "22.00"),
    ("airmail", "JP", "", "0", "14.00"),
    ("airmail", "JP", "", "5000", "35.00"),
    ("island-freight", "US", "", "0", "19.00"),
    ("island-freight", "US", "", "10000", "45.00"),
    ("island-freight", "US", "967", "0", "17.00"),
    ("island-freight", "US", "967", "10000", "40.00"),
)
# Month and day of every year.
HOLIDAYS = (
    ("US", 1, 1, "New Year's Day"),
    ("US", 6, 19, "Juneteenth"),
    ("US", 7, 4, "Independence Day"),
    ("US", 11, 11, "Veterans Day"),
    ("US", 12, 25, "Christmas Day"),
    ("DE", 1, 1, "Neujahr"),
    ("DE", 5, 1, "Tag der Arbeit"),
    ("DE", 10, 3, "Tag der Deutschen Einheit"),
    ("DE", 12, 25, "1. Weihnachtstag"),
    ("DE", 12, 26, "2. Weihnachtstag"),
)


def seed_delivery(*, years: range) -> None:
    """Zones, methods with their tariffs, and the holidays of these years."""
    zones = {row["code"]: ShippingZone.objects.update_or_create(code=row["code"], defaults=row)[0] for row in ZONES}
    for row in METHODS:
        values = {**row, "zone": zones[row["zone"]] if "zone" in row else None}
        ShippingMethod.objects.update_or_create(code=row["code"], defaults=values)
    for code, country, prefix, threshold, price in BANDS:
        ShippingBand.objects.update_or_create(
            method=ShippingMethod.objects.get(code=code),
            country=country,
            postal_prefix=prefix,
            threshold=D(threshold),
            defaults={"price": D(price)},
        )
    for year in years:
        for country, month, day, name in HOLIDAYS:
            ShippingHoliday.objects.update_or_create(
                country=country, day=date(year, month, day), defaults={"name": name}
            )
