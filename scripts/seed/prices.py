"""What the demo shop sells in beside dollars: currencies, rates of today, a list in euro and one for the trade."""

from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

from django.contrib.auth.models import Group
from django.utils import timezone

from apps.common import currencies
from apps.common.models import Currency
from apps.common.money import Money
from apps.products.models import ExchangeRate, PriceList, ProductVariant
from apps.products.services import exchange, price_lists, rate_files
from apps.products.services.price_lists import PriceRow

RATES = Path(__file__).parent / "data" / "eurofxref-daily.csv"
TRADE = "wholesale"
D = Decimal
# Code, increment, ending.
CURRENCIES = (("EUR", None, None), ("GBP", D(1), D("0.99")), ("JPY", D(10), None), ("KWD", None, None))
# The first variants of the catalogue, by position.
_EURO_PRICED, _TRADED = 12, 20
_CENT, _OFF = D("0.01"), {1: D("0.85"), 10: D("0.75"), 50: D("0.65")}


def seed_prices() -> None:
    """Repeatable: rates become today's, lists that are there keep their prices."""
    for code, increment, ending in CURRENCIES:
        Currency.objects.update_or_create(
            code=code, defaults={"is_active": True, "increment": increment, "ending": ending}
        )
    currencies.forget()
    today = timezone.now().date()
    published = [replace(each, date=today) for each in rate_files.read(RATES)]
    kept = set(ExchangeRate.objects.filter(date=today).values_list("base", "quote"))
    new = [each for each in published if (each.base, each.quote) not in kept]
    exchange.import_rates(new, source="ECB (demo)")
    variants = list(ProductVariant.objects.filter(archived_at=None).order_by("sku")[:_TRADED])
    _euro([each for each in variants[:_EURO_PRICED] if each.price >= 1])
    _trade(variants)


def _euro(variants: list[ProductVariant]) -> None:
    rows = [
        PriceRow(each.sku, 1, Money((each.price * D("0.9")).to_integral_value(ROUND_HALF_UP) - _CENT, "EUR"))
        for each in variants
    ]
    _list("euro-zone", "Euro zone", "EUR", None, rows)


def _trade(variants: list[ProductVariant]) -> None:
    group, _ = Group.objects.get_or_create(name=TRADE)
    rows = [
        PriceRow(each.sku, units, Money((each.price * share).quantize(_CENT), "USD"))
        for each in variants
        for units, share in _OFF.items()
    ]
    _list(TRADE, "Wholesale", "USD", group, rows)


def _list(code: str, name: str, currency: str, group: Group | None, rows: list[PriceRow]) -> None:
    """Make the list with its prices; one that has prices keeps them."""
    row, _ = PriceList.objects.update_or_create(
        code=code, defaults={"name": name, "currency": currency, "group": group, "is_active": True}
    )
    if not row.prices.exists():
        price_lists.set_prices(code=code, rows=rows, actor=None)
