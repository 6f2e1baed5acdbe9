"""Carts and orders in other currencies than the shop's own, up to the payment."""

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group

from apps.orders.models import Order
from tests.cart.offers import coupon, offer
from tests.client import ApiClient, code
from tests.factories import UserFactory, sellable, shop_rates
from tests.orders.steps import cart_with, order_body
from tests.payments.ledger import at_stripe
from tests.products.money_steps import money, price_list, sells_in, today

pytestmark = pytest.mark.django_db


def in_currency(sku: str, currency: str, *, quantity: int = 1) -> tuple[ApiClient, dict[str, Any]]:
    client = ApiClient()
    answer = client.post("/cart/items/", {"sku": sku, "quantity": quantity}, X_Currency=currency)
    assert answer.status_code == 201, answer.content
    client.headers["X-Cart-Token"] = answer.json()["token"]
    return client, answer.json()


@pytest.mark.parametrize(
    ("currency", "usd", "unit", "shipping", "tax", "total", "minor"),
    [
        ("JPY", "150", "2999", "750", "599", "7347", 7347),
        ("KWD", "0.3075", "6.147", "1.538", "1.227", "15.059", 15059),
    ],
)
def test_a_cart_becomes_a_paid_order_in_its_currency(stripe, currency, usd, unit, shipping, tax, total, minor):
    shop_rates()
    sells_in(currency, usd=usd)
    client, cart = in_currency(sellable(price="19.99").sku, currency, quantity=2)
    assert (cart["currency"], cart["items"][0]["unit_price"]) == (currency, money(unit, currency))
    placed = client.post("/orders/", order_body())
    assert placed.status_code == 201, placed.content
    totals = placed.json()["totals"]
    assert [totals[name] for name in ("shipping", "tax", "total")] == [
        money(each, currency) for each in (shipping, tax, total)
    ]
    assert placed.json()["exchange_rate"] == {"rate": usd, "on": today().isoformat()}
    order = Order.objects.get()
    assert (order.currency, order.exchange_rate, order.exchange_rate_on) == (currency, Decimal(usd), today())
    client.headers["X-Order-Token"] = placed.json()["order_token"]
    intent = client.post("/payments/create-intent/", {"order": str(order.pk), "provider": "stripe"})
    assert intent.status_code == 201
    (sent,) = at_stripe(stripe, "payment_intent")
    assert (sent["amount"], sent["currency"]) == (minor, currency.lower())
    paid = client.post("/payments/confirm/", {"payment": intent.json()["id"], "payment_method": "pm_card_visa"})
    assert paid.status_code == 200
    order.refresh_from_db()
    assert (order.status, order.payment_status) == ("confirmed", "paid")


def test_a_cart_changes_its_currency_and_says_where_prices_come_from():
    shop_rates()
    sells_in("EUR", usd="0.9")
    mug, jug = sellable(price="20.00"), sellable(price="10.00")
    price_list("euro", "EUR", {jug: "8.50"})
    client = cart_with(mug)
    client.post("/cart/items/", {"sku": jug.sku, "quantity": 1})
    body = client.patch("/cart/", {"currency": "EUR"}).json()
    assert [(row["unit_price"], row["warnings"]) for row in body["items"]] == [
        (money("18.00", "EUR"), []),
        (money("8.50", "EUR"), []),
    ]
    steps = client.get("/cart/?explain=true").json()["explain"]
    assert [step["code"] for step in steps if step["kind"] == "base_price"] == [
        f"converted:0.9@{today().isoformat()}",
        "price_list:euro",
    ]
    back = client.patch("/cart/", {"currency": "USD"}).json()
    assert back["totals"]["subtotal"] == money("30.00", "USD")


def test_a_currency_the_shop_does_not_sell_in_changes_nothing():
    client = cart_with(sellable())
    assert code(client.patch("/cart/", {"currency": "EUR"})) == (400, "validation_error")
    assert client.get("/cart/").json()["currency"] == "USD"
    assert code(ApiClient().post("/cart/items/", {"sku": "X", "quantity": 1}, X_Currency="EUR")) == (
        400,
        "unsupported_currency",
    )


def test_without_a_rate_a_line_cannot_be_sold(settings):
    sells_in("EUR", usd="0.9")
    client, _ = in_currency(sellable().sku, "EUR")
    settings.EXCHANGE_RATE_MAX_AGE_DAYS = -1
    body = client.get("/cart/").json()
    assert body["items"][0]["warnings"] == ["variant_unavailable"]
    assert body["totals"]["total"] == money("0.00", "EUR")


def test_a_wholesale_buyer_pays_the_tier_that_the_quantity_reaches():
    mug = sellable(price="20.00", stock=100)
    price_list("wholesale", "USD", {mug: {1: "15.00", 10: "12.00"}}, group="wholesale")
    buyer = UserFactory()
    buyer.groups.add(Group.objects.get(name="wholesale"))
    client = cart_with(mug, user=buyer)
    (line,) = client.get("/cart/").json()["items"]
    assert (line["unit_price"], line["warnings"]) == (money("15.00", "USD"), [])
    (line,) = client.put(f"/cart/items/{line['id']}/", {"quantity": 10}).json()["items"]
    assert (line["unit_price"], line["line_total"]) == (money("12.00", "USD"), money("120.00", "USD"))
    assert line["warnings"] == []
    (line,) = cart_with(mug, quantity=10).get("/cart/").json()["items"]
    assert line["unit_price"] == money("20.00", "USD")


def test_amounts_of_offers_and_shipping_are_converted_by_the_same_rate():
    shop_rates()
    sells_in("EUR", usd="0.9")
    coupon("FIVE")
    client, _ = in_currency(sellable(price="20.00").sku, "EUR")
    rates = client.post("/cart/shipping-rates/", {"country": "US"}).json()["results"]
    assert [(row["code"], row["price"], row["free_over"]) for row in rates] == [
        ("standard", money("4.50", "EUR"), money("90.00", "EUR")),
        ("express", money("13.50", "EUR"), None),
    ]


def worth_of_the_gift(client: ApiClient) -> str:
    steps = client.get("/cart/?explain=true").json()["explain"]
    return next(step["facts"]["worth"] for step in steps if step["kind"] == "gift")


def test_a_gift_is_worth_what_it_costs_in_the_carts_currency():
    sells_in("EUR", usd="0.9")
    shirt, mug = sellable(price="50.00"), sellable(price="10.00")
    offer("A mug on top", kind="gift", value=0, gift=mug)
    client, _ = in_currency(shirt.sku, "EUR")
    assert worth_of_the_gift(client) == "9"
    price_list("euro", "EUR", {mug: "7.77"})
    assert worth_of_the_gift(client) == "7.77"
    dollars = cart_with(shirt)
    assert worth_of_the_gift(dollars) == "10"
    price_list("sale", "USD", {mug: "4.00"})
    assert worth_of_the_gift(dollars) == "4"


def test_of_two_gifts_the_one_worth_more_in_the_carts_currency_is_given():
    sells_in("EUR", usd="1")
    shirt, mug, jug = sellable(price="50.00"), sellable(price="10.00"), sellable(price="9.00")
    offer("Mug", kind="gift", value=0, gift=mug), offer("Jug", kind="gift", value=0, gift=jug)
    price_list("euro", "EUR", {mug: "8.00"})
    _, cart = in_currency(shirt.sku, "EUR")
    assert [gift["sku"] for gift in cart["gifts"]] == [jug.sku]
    assert [gift["sku"] for gift in cart_with(shirt).get("/cart/").json()["gifts"]] == [mug.sku]
