"""The explanation over HTTP: the steps of a cart and of the order made of it add up to the total."""

from decimal import Decimal
from typing import Any

import pytest

from apps.cart.models import Promotion
from tests.cart.offers import offer
from tests.client import ApiClient
from tests.factories import ADDRESS, sellable, shop_rates
from tests.orders.steps import cart_with, order_body

pytestmark = pytest.mark.django_db


def filled() -> ApiClient:
    """A guest's cart of 10.00 and 2 x 6.67 to New York by standard shipping."""
    shop_rates()
    client = cart_with(sellable(sku="OAK", price="10.00"))
    client.post("/cart/items/", {"sku": sellable(sku="ELM", price="6.67").sku, "quantity": 2})
    client.patch("/cart/", {"shipping_address": ADDRESS, "shipping_method": "standard"})
    return client


def counted(steps: list[dict[str, Any]]) -> Decimal:
    return sum((Decimal(step["amount"]["amount"]) for step in steps if step["counts"]), Decimal(0))


def test_a_cart_explains_itself_when_asked():
    ten = offer("Ten")
    offer("Five", kind="amount", value=Decimal("1"))
    client = filled()
    assert client.get("/cart/").json()["explain"] is None
    cart = client.get("/cart/", {"explain": "true"}).json()
    oak, elm = (item["id"] for item in cart["items"])
    told = [(step["kind"], step["code"], step["line"], step["amount"]["amount"]) for step in cart["explain"]]
    assert told == [
        ("base_price", "list_price", oak, "10.00"),
        ("base_price", "list_price", elm, "13.34"),
        ("promotion", "applied", None, "-2.33"),
        ("promotion", "better_offer_in_group", None, "0.00"),
        ("shipping", "standard", None, "5.00"),
        ("tax", "US-NY", oak, "0.80"),
        ("tax", "US-NY", elm, "1.07"),
        ("tax", "US-NY", None, "0.44"),
    ]
    assert cart["explain"][2]["facts"] == {"promotion": str(ten.pk), f"line:{oak}": "-1", f"line:{elm}": "-1.33"}
    assert (cart["explain"][2]["exact"], cart["explain"][2]["rounding"]) == ("-2.334", "0.004")
    assert counted(cart["explain"]) == Decimal(cart["totals"]["total"]["amount"]) == Decimal("28.32")
    assert [(each["name"], each["discount"]["amount"]) for each in cart["promotions"]] == [("Ten", "2.33")]
    assert [(each["jurisdiction"], each["base"]["amount"], each["amount"]["amount"]) for each in cart["taxes"]] == [
        ("US-NY", "26.01", "2.31")
    ]


def test_an_order_keeps_the_explanation_of_the_moment_it_was_placed():
    ten = offer("Ten")
    client = filled()
    steps = client.get("/cart/", {"explain": "true"}).json()["explain"]
    placed = client.post("/orders/", order_body()).json()
    client.headers["X-Order-Token"] = placed["order_token"]
    Promotion.objects.filter(pk=ten.pk).update(value=Decimal("50"))
    order = client.get(f"/orders/{placed['id']}/", {"explain": "true"}).json()
    assert order["explain"] == steps
    assert counted(steps) == Decimal(order["totals"]["total"]["amount"])
    oak, elm = (item["id"] for item in order["items"])
    assert [
        (each["item"], each["rate"], each["base"]["amount"], each["amount"]["amount"]) for each in order["taxes"]
    ] == [
        (oak, "0.08875", "9.00", "0.80"),
        (elm, "0.08875", "12.01", "1.07"),
        (None, "0.08875", "5.00", "0.44"),
    ]
    assert [
        (each["promotion"], each["discount"]["amount"], each["shipping"]["amount"]) for each in order["discounts"]
    ] == [(str(ten.pk), "2.33", "0.00")]
    assert client.get(f"/orders/{placed['id']}/").json()["explain"] is None


def test_what_shipping_costs_by_each_method_counts_promotions_in():
    offer("Ship free", kind="free_shipping", value=Decimal("0"))
    client = filled()
    offers = client.post("/cart/shipping-rates/", {"country": "US"}).json()["results"]
    assert [(each["code"], each["price"]["amount"]) for each in offers] == [("standard", "0.00"), ("express", "0.00")]


def test_explain_takes_true_or_false_alone():
    assert ApiClient().get("/cart/", {"explain": "yes"}).status_code == 400
