"""Steps of the tests of currencies: rates, currencies, price lists."""

import datetime as dt
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import Group
from django.utils import timezone

from apps.common.models import Currency
from apps.products.models import ExchangeRate, Price, PriceList, ProductVariant


def today() -> dt.date:
    return timezone.now().date()


def rate(quote: str, value: str, *, base: str = "EUR", days_ago: int = 0) -> ExchangeRate:
    """One unit of `base` is `value` units of `quote`, since so many days."""
    day = today() - dt.timedelta(days=days_ago)
    return ExchangeRate.objects.create(base=base, quote=quote, rate=Decimal(value), date=day, source="test")


def sells_in(code: str, *, usd: str, **rounding: str) -> Currency:
    """The shop sells in this currency, of which a dollar is worth so much today."""
    rate(code, usd, base="USD")
    return Currency.objects.create(code=code, **{name: Decimal(value) for name, value in rounding.items()})


def price_list(
    code: str, currency: str, prices: dict[ProductVariant, Any], *, group: str = "", **fields: Any
) -> PriceList:
    """A list with prices: an amount, or amounts by minimum quantity."""
    owner = Group.objects.get_or_create(name=group)[0] if group else None
    row = PriceList.objects.create(code=code, name=code, currency=currency, group=owner, **fields)
    for variant, tiers in prices.items():
        for minimum, amount in (tiers if isinstance(tiers, dict) else {1: tiers}).items():
            Price.objects.create(price_list=row, variant=variant, minimum_quantity=minimum, amount=Decimal(amount))
    return row


def money(amount: str, currency: str) -> dict[str, str]:
    return {"amount": amount, "currency": currency}
