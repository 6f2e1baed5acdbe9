"""The catalogue and the wishlist in another currency."""

from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.common.currencies import rules
from apps.products.services import exchange, listing
from tests.client import ApiClient, code
from tests.factories import UserFactory, VariantFactory, sellable
from tests.products.money_steps import money, price_list, sells_in, today

pytestmark = pytest.mark.django_db
D = Decimal


def listed(api: ApiClient, query: str = "", **headers: str) -> dict[str, tuple[Any, Any]]:
    answer = api.get(f"/products/?{query}", **headers)
    assert answer.status_code == 200, answer.content
    return {row["slug"]: (row["price"], row["compare_at_price"]) for row in answer.json()["results"]}


def test_a_list_answers_in_the_asked_currency(api):
    sells_in("EUR", usd="0.9")
    mug = sellable(price="20.00", compare_at_price=D("25.00"), product__slug="mug")
    with transaction.atomic():
        listing.refresh([mug.product_id])
    expected = {"mug": (money("18.00", "EUR"), money("22.50", "EUR"))}
    assert listed(api, "currency=EUR") == listed(api, X_Currency="EUR") == expected
    assert listed(api) == {"mug": (money("20.00", "USD"), money("25.00", "USD"))}


def test_a_price_list_for_everybody_shows_and_one_for_a_group_does_not(api):
    sells_in("EUR", usd="0.9")
    mug = sellable(price="20.00", product__slug="mug")
    dear = VariantFactory(product=mug.product, price=D("40.00"))
    price_list("trade", "EUR", {mug: "1.00"}, group="trade")
    price_list("bulk", "EUR", {mug: {10: "2.00"}})
    assert listed(api, "currency=EUR")["mug"][0] == money("18.00", "EUR")
    price_list("euro", "EUR", {dear: "15.00"})
    with transaction.atomic():
        listing.bump_version()
    assert listed(api, "currency=EUR")["mug"][0] == money("15.00", "EUR")
    body = api.get("/products/mug/?currency=EUR").json()
    assert [row["price"] for row in body["variants"]] == [money("18.00", "EUR"), money("15.00", "EUR")]
    assert body["price"] == money("15.00", "EUR")


def test_currencies_have_their_own_digits_and_rounding(api):
    sells_in("JPY", usd="155.1", increment="10")
    sells_in("KWD", usd="0.30761")
    sellable(price="19.99", product__slug="mug")
    assert listed(api, "currency=JPY")["mug"][0] == money("3100", "JPY")
    assert listed(api, "currency=KWD")["mug"][0] == money("6.149", "KWD")


def test_bounds_and_order_are_of_the_converted_price(api):
    sells_in("JPY", usd="150")
    for name, price in (("a", "10.00"), ("b", "20.00"), ("c", "30.00")):
        sellable(price=price, product__slug=name)
    assert list(listed(api, "currency=JPY&price_min=3000&ordering=-price")) == ["c", "b"]
    assert list(listed(api, "currency=JPY&price_max=3000&ordering=price")) == ["a", "b"]


def test_a_currency_the_shop_does_not_sell_in_is_refused(api):
    sells_in("EUR", usd="0.9").delete()
    sellable(product__slug="mug")
    for path in ("/products/", "/products/mug/"):
        for wanted in ("EUR", "eur", "XXX"):
            assert code(api.get(f"{path}?currency={wanted}")) == (400, "unsupported_currency")


def test_a_currency_without_a_present_rate_is_refused(api, settings):
    sells_in("EUR", usd="0.9")
    sellable(product__slug="mug")
    assert api.get("/products/mug/?currency=EUR").status_code == 200
    settings.EXCHANGE_RATE_MAX_AGE_DAYS = -1
    cache.clear()
    assert code(api.get("/products/mug/?currency=EUR")) == (400, "unsupported_currency")


def test_a_new_rate_is_seen_by_the_next_request(api):
    sells_in("EUR", usd="0.9")
    sellable(price="20.00", product__slug="mug")
    first = api.get("/products/?currency=EUR")
    exchange.import_rates([exchange.Quotation("JPY", "USD", D("0.007"), today())], source="test")
    second = api.get("/products/?currency=EUR", If_None_Match=first.headers["ETag"])
    assert second.status_code == 200
    assert api.get("/products/?currency=EUR", If_None_Match=second.headers["ETag"]).status_code == 304
    assert "X-Currency" in second.headers["Vary"]


@pytest.mark.parametrize("products", [2, 9])
def test_another_currency_costs_two_statements_more(api, products):
    sells_in("EUR", usd="0.9")
    for number in range(products):
        sellable(product__slug=f"p{number}")
    counts = {}
    for query in ("", "currency=EUR", "currency=EUR&ordering=price&price_min=1"):
        cache.clear()
        rules()
        with CaptureQueriesContext(connection) as captured:
            assert len(listed(api, query)) == products
        counts[query] = len(captured)
    assert counts == {"": 3, "currency=EUR": 5, "currency=EUR&ordering=price&price_min=1": 5}
    costs = []
    for query in ("", "?currency=EUR"):
        cache.clear()
        rules()
        with CaptureQueriesContext(connection) as captured:
            api.get(f"/products/p0/{query}")
        costs.append(len(captured))
    assert costs == [5, 7]


def test_the_wishlist_answers_in_the_asked_currency():
    sells_in("EUR", usd="0.9")
    mug = sellable(price="20.00", product__slug="mug")
    client = ApiClient(UserFactory())
    client.post("/products/mug/wishlist/")
    price_list("euro", "EUR", {mug: "15.00"})
    (wish,) = client.get("/wishlist/?currency=EUR").json()["results"]
    assert (wish["product"]["price"], wish["price_when_added"]) == (money("15.00", "EUR"), money("18.00", "EUR"))
    assert wish["price_dropped"] is False
    (wish,) = client.get("/wishlist/").json()["results"]
    assert (wish["product"]["price"], wish["price_when_added"]) == (money("20.00", "USD"), money("20.00", "USD"))
    assert code(client.get("/wishlist/", X_Currency="GBP")) == (400, "unsupported_currency")
