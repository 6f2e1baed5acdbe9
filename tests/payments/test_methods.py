"""Ways to pay: what the shop, an order, or a cart in a currency and for a country may be paid with."""

import pytest

from tests.client import ApiClient, code
from tests.factories import shop_rates
from tests.payments.ledger import order_to_pay

pytestmark = pytest.mark.django_db
URL = "/payments/methods/"


@pytest.fixture(autouse=True)
def _shop(settings) -> None:
    shop_rates()
    gateways = settings.PAYMENT_GATEWAYS | {"paypal": "apps.payments.gateways.paypal.PayPalGateway"}
    settings.PAYMENT_GATEWAYS = gateways


def ways(client: ApiClient, **query: str) -> list[str]:
    answer = client.get(URL, query)
    assert answer.status_code == 200, answer.json()
    return [row["method"] or row["provider"] for row in answer.json()["results"]]


def test_a_currency_and_a_country_take_ways_away(api, settings):
    every = ["stripe", "bank_transfer", "cash_on_delivery", "paypal"]
    assert ways(api) == every
    assert ways(api, currency="USD", country="US") == every
    assert ways(api, currency="KWD") == ["stripe", "bank_transfer", "cash_on_delivery"]
    settings.BANK_TRANSFER_CURRENCIES, settings.CASH_ON_DELIVERY_COUNTRIES = ["EUR"], ["US", "CA"]
    assert ways(api, currency="USD") == ["stripe", "cash_on_delivery", "paypal"]
    assert ways(api, currency="EUR", country="DE") == ["stripe", "bank_transfer", "paypal"]
    assert ways(api) == every


@pytest.mark.parametrize("query", [{"currency": "usd"}, {"currency": "US"}, {"country": "USA"}, {"cart": "x"}])
def test_a_bad_currency_or_country_is_refused(api, query):
    assert api.get(URL, query).status_code == 400


def test_an_order_is_offered_what_fits_it_and_takes_nothing_else(settings):
    client, order = order_to_pay()
    settings.BANK_TRANSFER_CURRENCIES, settings.CASH_ON_DELIVERY_COUNTRIES = ["EUR"], ["CA"]
    assert ways(client, order=str(order.pk)) == ["stripe", "paypal"]
    for method in ("bank_transfer", "cash_on_delivery"):
        body = {"order": str(order.pk), "provider": "manual", "method": method}
        assert code(client.post("/payments/create-intent/", body)) == (409, "payment_method_unavailable")
    assert order.payments.count() == 0
