"""Which ways to pay there are: for the shop, for an order, for a currency and a country."""

from typing import Any

from django.conf import settings

from apps.common.errors import Conflict
from apps.common.money import format_money
from apps.orders.models import Order
from apps.payments.models import Payment
from apps.payments.services import store_credit

Manual = Payment.ManualMethod
# What PayPal takes (developer.paypal.com, currency codes).
PAYPAL_CURRENCIES = frozenset(
    {
        *("AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS"),
        *("JPY", "MXN", "MYR", "NOK", "NZD", "PHP", "PLN", "SEK", "SGD", "THB", "TWD", "USD"),
    }
)


class MethodUnavailable(Conflict):
    code = "payment_method_unavailable"
    detail = "The shop does not take this way to pay, or not in this currency or country."


def for_order(order: Order) -> list[dict[str, Any]]:
    """What an order may be paid with, in its currency and where it goes; nothing once it waits for no payment."""
    if order.status != Order.Status.PENDING:
        return []
    ways = offered(currency=order.currency, country=str(order.shipping_address.get("country") or ""))
    credit = store_credit.balance_for(order)
    if credit and Payment.Provider.STORE_CREDIT in settings.PAYMENT_GATEWAYS:
        name = f"Store credit ({format_money(credit, order.currency)})"
        way = {"provider": Payment.Provider.STORE_CREDIT.value, "name": name, "publishable_key": "", "method": None}
        ways.append(way)
    return ways


def offered(*, currency: str = "", country: str = "") -> list[dict[str, Any]]:
    """Ways to pay in a currency and for goods that go to a country: what a client needs to start each of them."""
    ways = [way for provider in settings.PAYMENT_GATEWAYS for way in _ways(provider)]
    return [way for way in ways if _fits(way, currency, country)]


def require(order: Order, *, provider: str, method: str = "") -> None:
    """Raises MethodUnavailable unless the shop takes this way to pay for such an order."""
    wanted = method if provider == Payment.Provider.MANUAL else None
    country = str(order.shipping_address.get("country") or "")
    ways = offered(currency=order.currency, country=country)
    if not any((way["provider"], way["method"]) == (provider, wanted) for way in ways):
        raise MethodUnavailable


def _ways(provider: str) -> list[dict[str, Any]]:
    known: dict[str, list[dict[str, Any]]] = {
        "paypal": [{"name": "PayPal", "publishable_key": settings.PAYPAL_CLIENT_ID, "method": None}],
        "stripe": [{"name": "Card", "publishable_key": settings.STRIPE_PUBLISHABLE_KEY, "method": None}],
        "manual": [
            {"name": Manual(method).label, "publishable_key": "", "method": method}
            for method in settings.MANUAL_PAYMENT_METHODS
        ],
    }
    return [{"provider": provider} | way for way in known.get(provider, [])]


def _fits(way: dict[str, Any], currency: str, country: str) -> bool:
    """An empty list of a setting is no limit; neither is a currency or country that nobody has named."""
    currencies = PAYPAL_CURRENCIES if way["provider"] == Payment.Provider.PAYPAL else frozenset()
    if way["method"] == Manual.BANK_TRANSFER:
        currencies = frozenset(settings.BANK_TRANSFER_CURRENCIES)
    countries = frozenset(settings.CASH_ON_DELIVERY_COUNTRIES if way["method"] == Manual.CASH_ON_DELIVERY else ())
    fits_currency = not currency or not currencies or currency in currencies
    return fits_currency and (not country or not countries or country in countries)
