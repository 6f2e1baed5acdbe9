"""Quotes through HTTP: what they promise and hold, and what an order answers when one does not hold any more."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.db.models import F
from django.utils import timezone

from apps.cart.models import CartQuote, Promotion, ShippingMethod, TaxRate
from apps.cart.services import contents, quotes
from apps.orders.models import Order
from apps.products.models import Product, ProductVariant, StockLevel, StockReservation
from apps.products.services import stock
from tests.cart.offers import coupon, offer
from tests.client import ApiClient, code
from tests.factories import ADDRESS, UserFactory, sellable, shop_rates
from tests.orders.steps import cart_with, order_body

pytestmark = pytest.mark.django_db
BODY = {"shipping_address": ADDRESS, "shipping_method": "standard"}


@pytest.fixture(autouse=True)
def _rates():
    shop_rates()


def usd(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "USD"}


def quoted(client: ApiClient, **changes: Any) -> dict[str, Any]:
    response = client.post("/cart/quote/", BODY | changes)
    assert response.status_code == 200, response.json()
    body: dict[str, Any] = response.json()
    return body


def diff(response: Any) -> list[tuple[str, str | None, str | None, str]]:
    return [(row["field"], row["old"], row["new"], row["cause"]) for row in response.json()["diff"]]


def held() -> list[tuple[int, str]]:
    return list(StockReservation.objects.filter(status="held").values_list("quantity", "purpose"))


def test_a_quote_names_lines_taxes_totals_and_end_and_holds_the_stock():
    variant = sellable(price="20.00", stock=3)
    client = cart_with(variant, quantity=2)
    with time_machine.travel("2026-05-04T10:00:00Z", tick=False):
        quote = quoted(client, explain=True)
    assert quote["totals"] == {
        "subtotal": usd("40.00"),
        "discount": usd("0.00"),
        "shipping": usd("5.00"),
        "tax": usd("3.99"),  # 40.00 x 8.875 % = 3.55, 5.00 x 8.875 % = 0.44
        "total": usd("48.99"),
    }
    line = {"sku": variant.sku, "quantity": 2, "unit_price": usd("20.00"), "line_total": usd("40.00")}
    assert [item | line for item in quote["items"]] == quote["items"]
    assert quote["taxes"][0]["amount"] == usd("3.99")
    assert quote["expires_at"] == quote["hold"]["expires_at"] == "2026-05-04T10:15:00Z"
    assert sum(Decimal(step["amount"]["amount"]) for step in quote["explain"] if step["counts"]) == Decimal("48.99")
    assert held() == [(2, "quote")]
    row = CartQuote.objects.get()
    assert (row.total, row.currency) == (Decimal("48.99"), "USD")
    assert "350 Fifth" not in str(row.snapshot)
    assert client.get("/cart/").json()["shipping_address"] is None


def test_an_order_with_its_quote_is_placed_at_the_quoted_total_and_takes_over_the_hold():
    client = cart_with(sellable(price="20.00", stock=1))
    quote = quoted(client)
    assert code(cart_with_other_units()) == (409, "insufficient_stock")
    response = client.post("/orders/", order_body(quote=quote["quote"]))
    assert response.status_code == 201, response.json()
    assert response.json()["totals"] == quote["totals"] | {"cancelled": usd("0.00")}
    assert response.json()["items"][0]["id"] == quote["items"][0]["id"]
    assert held() == [(1, "order")]
    assert StockLevel.objects.get().reserved == 1


def cart_with_other_units() -> Any:
    return ApiClient().post("/cart/items/", {"sku": ProductVariant.objects.get().sku})


def test_the_cart_sees_its_own_held_units_as_available():
    client = cart_with(sellable(price="20.00", stock=2))
    quoted(client)
    item = client.get("/cart/").json()["items"][0]
    assert "insufficient_stock" not in item["warnings"]
    assert client.put(f"/cart/items/{item['id']}/", {"quantity": 2}).status_code == 200
    assert code(client.put(f"/cart/items/{item['id']}/", {"quantity": 3})) == (409, "insufficient_stock")
    quoted(client)
    assert held() == [(2, "quote")]


def test_a_customers_quote_needs_no_token_and_a_strangers_is_no_quote_of_the_cart():
    variant = sellable(price="20.00")
    mine = cart_with(variant, user=UserFactory())
    quote = quoted(mine)["quote"]
    stranger = cart_with(variant)
    for token in (quote, "nonsense", quote[:-1], "00000000000000000000000000000000.x"):
        refused = stranger.post("/orders/", order_body(quote=token))
        assert code(refused) == (400, "validation_error")
        assert refused.json()["errors"][0]["pointer"] == "/quote"
    assert Order.objects.count() == 0
    assert mine.post("/orders/", order_body(email=None, quote=quote)).status_code == 201


def price_up() -> None:
    ProductVariant.objects.update(price=Decimal("25.00"))


def tax_up() -> None:
    TaxRate.objects.update(rate=Decimal("0.10"))


def shipping_up() -> None:
    ShippingMethod.objects.update(price=Decimal("7.00"))


def promotion_over() -> None:
    Promotion.objects.update(ends_at=timezone.now())


@pytest.mark.parametrize(
    ("change", "row"),
    [
        (price_up, ("unit_price", "20.00", "25.00", "price_changed")),
        (tax_up, ("tax", "3.20", "3.60", "tax_changed")),
        (shipping_up, ("shipping", "5.00", "7.00", "shipping_changed")),
        (promotion_over, ("promotion", "Ten", None, "promotion_ended")),
    ],
)
def test_what_changed_since_is_told_with_its_cause_and_a_fresh_quote_that_can_be_ordered(change, row):
    offer("Ten")
    client = cart_with(sellable(price="20.00", stock=4), quantity=2)
    quote = quoted(client)
    change()
    refused = client.post("/orders/", order_body(quote=quote["quote"]))
    assert code(refused) == (409, "price_changed")
    assert row in diff(refused)
    body = refused.json()
    assert diff(refused)[-1] == ("total", body["expected_total"]["amount"], body["total"]["amount"], "consequence")
    assert body["expected_total"] == quote["totals"]["total"]
    assert (body["quote"]["totals"]["total"], held()) == (body["total"], [(2, "quote")])
    assert Order.objects.count() == 0
    placed = client.post("/orders/", order_body(quote=body["quote"]["quote"]))
    assert placed.json()["totals"]["total"] == body["total"]


def test_a_cart_that_changed_since_is_told_by_line():
    client = cart_with(sellable(price="20.00", sku="ONE"))
    quote = quoted(client)["quote"]
    item = client.get("/cart/").json()["items"][0]["id"]
    client.put(f"/cart/items/{item}/", {"quantity": 3})
    client.post("/cart/items/", {"sku": sellable(price="1.00").sku})
    refused = client.post("/orders/", order_body(quote=quote))
    assert code(refused) == (409, "price_changed")
    assert refused.json()["diff"][0] == {
        "line": item,
        "field": "quantity",
        "old": "1",
        "new": "3",
        "cause": "quantity_changed",
        "reason": None,
    }
    assert ("quantity", None, "1", "line_added") in diff(refused)


def test_a_coupon_used_up_by_another_is_told_and_the_fresh_quote_does_without():
    coupon("TEN", usage_limit=1)
    client = cart_with(sellable(price="20.00"))
    client.post("/cart/coupons/", {"code": "TEN"})
    quote = quoted(client)
    other = cart_with(ProductVariant.objects.get())
    other.post("/cart/coupons/", {"code": "TEN"})
    assert other.post("/orders/", order_body(email="other@example.com")).status_code == 201
    refused = client.post("/orders/", order_body(quote=quote["quote"]))
    assert code(refused) == (409, "price_changed")
    coupons = [row for row in refused.json()["diff"] if row["field"] == "coupon"]
    assert [(row["old"], row["new"], row["cause"], row["reason"]) for row in coupons] == [
        ("TEN", None, "coupon_expired", "code_used")
    ]
    fresh = refused.json()["quote"]
    assert (quote["totals"]["total"], fresh["totals"]["total"]) == (usd("25.04"), usd("27.22"))
    assert client.post("/orders/", order_body(quote=fresh["quote"])).status_code == 201


def test_an_expired_quote_is_refused_with_what_changed_and_a_fresh_one():
    client = cart_with(sellable(price="20.00"))
    quote = quoted(client)["quote"]
    with time_machine.travel(timezone.now() + timedelta(minutes=16), tick=False):
        refused = client.post("/orders/", order_body(quote=quote))
        assert code(refused) == (409, "quote_expired")
        assert refused.json()["diff"] == []
        fresh = refused.json()["quote"]
        assert client.post("/orders/", order_body(quote=fresh["quote"])).status_code == 201


def test_a_deleted_quote_counts_as_expired_and_only_old_ones_are_deleted():
    client = cart_with(sellable(price="20.00"))
    quote = quoted(client)["quote"]
    assert quotes.delete_expired() == 0
    with time_machine.travel(timezone.now() + timedelta(minutes=76), tick=False):
        assert quotes.delete_expired() == 1
        assert code(client.post("/orders/", order_body(quote=quote))) == (409, "quote_expired")


def test_the_stock_of_an_expired_quote_is_free_again_before_any_job_ran():
    client = cart_with(sellable(price="20.00", stock=1))
    quoted(client)
    with time_machine.travel(timezone.now() + timedelta(minutes=16), tick=False):
        assert cart_with_other_units().status_code == 201
        assert stock.release_expired() == 1
    assert StockLevel.objects.get().reserved == 0


def test_stock_taken_after_the_hold_ran_out_is_named_and_the_fresh_quote_holds_nothing():
    variant = sellable(price="20.00", stock=2)
    client = cart_with(variant, quantity=2)
    quote = quoted(client)["quote"]
    CartQuote.objects.update(expires_at=timezone.now() + timedelta(hours=1))
    StockReservation.objects.update(expires_at=timezone.now())
    assert cart_with(variant).post("/orders/", order_body()).status_code == 201
    refused = client.post("/orders/", order_body(quote=quote))
    assert code(refused) == (409, "insufficient_stock")
    assert diff(refused) == [("quantity", "2", "1", "insufficient_stock")]
    assert refused.json()["quote"]["hold"] is None
    assert StockLevel.objects.get().reserved == 1


def test_a_line_that_is_not_sold_any_more_is_named_and_there_is_no_fresh_quote():
    client = cart_with(sellable(price="20.00"))
    quote = quoted(client)["quote"]
    Product.objects.update(status=Product.Status.ARCHIVED)
    refused = client.post("/orders/", order_body(quote=quote))
    assert code(refused) == (409, "variant_unavailable")
    assert diff(refused) == [("quantity", "1", None, "variant_unavailable")]
    assert refused.json()["quote"] is None


def test_the_fresh_quote_survives_an_idempotency_key_and_is_replayed():
    client = cart_with(sellable(price="20.00"))
    body = order_body(quote=quoted(client)["quote"])
    price_up()
    first = client.post("/orders/", body, Idempotency_Key="k")
    again = client.post("/orders/", body, Idempotency_Key="k")
    assert code(first) == (409, "price_changed")
    assert (again.json()["quote"], again["Idempotent-Replayed"]) == (first.json()["quote"], "true")
    assert again["Content-Type"] == "application/problem+json"
    assert client.post("/orders/", order_body(quote=first.json()["quote"]["quote"])).status_code == 201


def test_an_expected_total_that_does_not_hold_names_the_price_and_brings_a_quote():
    client = cart_with(sellable(price="20.00"))
    price_up()
    refused = client.post("/orders/", order_body(expected_total=usd("27.22")))
    assert code(refused) == (409, "price_changed")
    assert diff(refused) == [
        ("unit_price", "20.00", "25.00", "price_changed"),
        ("total", "27.22", "32.66", "consequence"),
    ]
    assert refused.json()["quote"]["totals"]["total"] == usd("32.66")


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/shipping_address", "/shipping_method"]),
        ({"shipping_address": ADDRESS}, ["/shipping_method"]),
        ({**BODY, "quote": "x"}, ["/quote"]),
        ({**BODY, "shipping_address": {"country": "US"}}, None),
    ],
)
def test_a_quote_that_lacks_something_names_it_and_holds_nothing(body, pointers):
    client = cart_with(sellable())
    response = client.post("/cart/quote/", body)
    assert code(response) == (400, "validation_error")
    found = [error["pointer"] for error in response.json()["errors"]]
    assert found == pointers if pointers else all(each.startswith("/shipping_address/") for each in found)
    assert (CartQuote.objects.count(), held()) == (0, [])


def test_an_empty_cart_a_short_stock_and_an_unserved_address_are_refused():
    assert code(ApiClient().post("/cart/quote/", BODY)) == (409, "cart_empty")
    client = cart_with(sellable(stock=2), quantity=2)
    teleport = client.post("/cart/quote/", {**BODY, "shipping_method": "teleport"})
    assert code(teleport) == (409, "shipping_unavailable")
    assert diff(teleport) == [("shipping_method", "teleport", None, "shipping_unavailable")]
    StockLevel.objects.update(on_hand=1)
    short = client.post("/cart/quote/", BODY)
    assert code(short) == (409, "insufficient_stock")
    assert (short.json()["items"][0]["available"], CartQuote.objects.count(), held()) == (1, 0, [])


def test_clearing_the_cart_gives_the_hold_back():
    client = cart_with(sellable())
    quoted(client)
    client.post("/cart/clear/")
    assert held() == []


def test_an_offer_of_a_channel_counts_in_carts_of_that_channel_alone(settings):
    settings.CHANNELS = ["web", "app"]
    offer("App", channels=["app"])
    client = cart_with(sellable(price="20.00"))
    assert (client.get("/cart/").json()["channel"], quoted(client)["totals"]["discount"]) == ("web", usd("0.00"))
    cart = client.patch("/cart/", {"channel": "app"}).json()
    assert (cart["channel"], cart["totals"]["discount"]) == ("app", usd("2.00"))
    unknown = client.patch("/cart/", {"channel": "fax"})
    assert [error["pointer"] for error in unknown.json()["errors"]] == ["/channel"]
    assert client.get("/cart/").json()["channel"] == "app"


def test_a_price_that_changes_while_it_is_read_is_read_again(monkeypatch):
    """The offers are read after the lines: without a second reading the old price would meet the new offers."""
    client = cart_with(sellable(price="20.00"))
    promptly, readings = contents.offers_for, []

    def meanwhile(*args: Any, **kwargs: Any) -> Any:
        if not readings:
            price_up()
            offer("Ten")
        readings.append(1)
        return promptly(*args, **kwargs)

    monkeypatch.setattr(contents, "nothing_committed_since", lambda moment: False)
    monkeypatch.setattr(contents, "offers_for", meanwhile)
    placed = client.post("/orders/", order_body()).json()
    assert (placed["totals"]["subtotal"], placed["totals"]["discount"]) == (usd("25.00"), usd("2.50"))
    assert len(readings) == 3


def test_prices_that_never_stand_still_are_a_503_and_nothing_is_ordered(monkeypatch):
    client = cart_with(sellable(price="20.00", stock=4))
    quoted(client)
    promptly = contents.offers_for

    def restlessly(*args: Any, **kwargs: Any) -> Any:
        ProductVariant.objects.update(price=F("price") + 1)
        return promptly(*args, **kwargs)

    monkeypatch.setattr(contents, "nothing_committed_since", lambda moment: False)
    monkeypatch.setattr(contents, "offers_for", restlessly)
    refused = client.post("/orders/", order_body())
    assert (code(refused), "Retry-After" in refused) == ((503, "unavailable"), True)
    assert (Order.objects.count(), held()) == (0, [(1, "quote")])
    assert ProductVariant.objects.get().price == Decimal("20.00")
