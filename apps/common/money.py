"""Amounts of money: Decimal with an ISO 4217 currency, rounded by one rule, shown by one function."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any

from babel.numbers import format_currency, get_currency_precision

ZERO = Decimal(0)
# Storage of any amount: ISO 4217 currencies have at most four decimal places.
MAX_DIGITS = 18
DECIMAL_PLACES = 4
# The largest amount that anybody may name.
MAX_AMOUNT = Decimal("9999999.9999")


@lru_cache(maxsize=256)
def exponent(currency: str) -> Decimal:
    """The smallest unit of a currency as a Decimal (USD 0.01, JPY 1, KWD 0.001)."""
    return Decimal(1).scaleb(-get_currency_precision(currency))


def round_money(amount: Decimal, currency: str) -> Decimal:
    """Round half up (away from zero at the tie) to the currency's smallest unit."""
    return amount.quantize(exponent(currency), rounding=ROUND_HALF_UP)


def to_minor(amount: Decimal, currency: str) -> int:
    """Amount in the currency's smallest unit, as payment providers count. Raises ValueError when it does not fit."""
    units = amount / exponent(currency)
    if units != units.to_integral_value():
        raise ValueError(f"{amount} is finer than the smallest unit of {currency}")
    return int(units)


def from_minor(units: int, currency: str) -> Decimal:
    """The inverse of `to_minor`."""
    return Decimal(units) * exponent(currency)


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in a currency."""

    amount: Decimal
    currency: str

    def as_json(self) -> dict[str, str]:
        return money_json(self.amount, self.currency)


def money_json(amount: Decimal, currency: str) -> dict[str, str]:
    """The one wire form of money: a canonical decimal string with the currency's own number of digits."""
    return {"amount": str(amount.quantize(exponent(currency))), "currency": currency}


def optional_money_json(amount: Decimal | None, currency: str) -> dict[str, str] | None:
    """`money_json`, with null for no amount."""
    return None if amount is None else money_json(amount, currency)


def format_money(amount: Decimal, currency: str, locale: str = "en") -> str:
    """Human text such as `$1,299.00`, for mails and the admin."""
    text: Any = format_currency(amount, currency, locale=locale)
    return str(text)
