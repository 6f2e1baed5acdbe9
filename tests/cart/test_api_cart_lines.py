"""What lines can do beside their quantity: several at once, for later, notes and gifts, warnings, limits."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.cart.models import Cart, CartItem
from apps.orders.models import OrderItem
from apps.products.models import Product, ProductVariant, StockLevel, StockReservation, WishlistItem
from tests.cart.quiet_shop import be_quiet
from tests.client import ApiClient, code
from tests.factories import ADDRESS, UserFactory, VariantFactory, receive, sellable, shop_rates
from tests.orders.steps import cart_with, order_body

pytestmark = pytest.mark.django_db
NO_FACTS = dict.fromkeys(("old", "new", "available", "minimum", "maximum", "reason"))


def usd(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "USD"}


def lines(cart: dict[str, Any], side: str = "items") -> list[tuple[str, int]]:
    return [(item["sku"], item["quantity"]) for item in cart[side]]


def told(cart: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (each["code"], {name: fact for name, fact in each["facts"].items() if fact is not None})
        for each in cart["warnings"]
    ]


def pointers(response: Any) -> list[tuple[str, str]]:
    return [(error["pointer"], error["code"]) for error in response.json()["errors"]]


def line_of(client: ApiClient, number: int = 0, side: str = "items") -> str:
    return str(client.get("/cart/").json()[side][number]["id"])


# Several at once


def test_several_variants_are_added_at_once_and_add_up():
    mug, jug = sellable(price="20.00", sku="MUG"), sellable(price="5.00", sku="JUG")
    client = cart_with(mug)
    items = [{"sku": "JUG", "quantity": 2}, {"sku": "MUG"}, {"sku": "JUG", "note": "the blue one"}]
    cart = client.post("/cart/items/bulk/", {"items": items}).json()
    assert lines(cart) == [("MUG", 2), ("JUG", 3)]
    assert cart["items"][1]["note"] == "the blue one"
    assert cart["totals"]["subtotal"] == usd("55.00")
    assert jug.pk in CartItem.objects.values_list("variant", flat=True)


@pytest.mark.parametrize(
    ("items", "found"),
    [
        ([{"sku": "MUG"}, {"sku": "NOPE"}], [("/items/1/sku", "does_not_exist")]),
        ([{"sku": "NOPE"}, {"sku": "NADA"}], [("/items/0/sku", "does_not_exist"), ("/items/1/sku", "does_not_exist")]),
        ([{"sku": "MUG", "quantity": 0}], [("/items/0/quantity", "min_value")]),
        ([{"sku": "MUG"}, {"quantity": 2}], [("/items/1/sku", "required")]),
        ([], [("/items", "empty")]),
        ([{"sku": "MUG"}] * 101, [("/items", "max_length")]),
        ([{"sku": "MUG", "quantity": 600}, {"sku": "MUG", "quantity": 600}], None),
    ],
)
def test_a_batch_with_one_bad_row_puts_nothing_in_and_names_the_row(items, found):
    sellable(sku="MUG", stock=5)
    client = ApiClient()
    response = client.post("/cart/items/bulk/", {"items": items})
    assert code(response) == (400, "validation_error")
    if found is not None:
        assert pointers(response) == found
    assert (Cart.objects.count(), CartItem.objects.count()) == (0, 0)


def test_a_batch_beyond_the_stock_lists_each_short_variant():
    sellable(sku="MUG", stock=1)
    sellable(sku="JUG", stock=2)
    items = [{"sku": "MUG", "quantity": 3}, {"sku": "JUG", "quantity": 2}, {"sku": "JUG"}]
    response = ApiClient().post("/cart/items/bulk/", {"items": items})
    assert code(response) == (409, "insufficient_stock")
    assert sorted((each["sku"], each["requested"], each["available"]) for each in response.json()["items"]) == [
        ("JUG", 3, 2),
        ("MUG", 3, 1),
    ]
    assert CartItem.objects.count() == 0


# For later


def test_a_line_saved_for_later_is_shown_beside_the_cart_and_neither_priced_nor_ordered():
    shop_rates()
    mug, jug = sellable(price="20.00", sku="MUG"), sellable(price="5.00", sku="JUG")
    client = cart_with(mug, quantity=2)
    client.post("/cart/items/", {"sku": jug.sku})
    saved = client.post(f"/cart/items/{line_of(client)}/save-for-later/").json()
    assert (lines(saved), lines(saved, "saved")) == ([("JUG", 1)], [("MUG", 2)])
    assert (saved["totals"]["subtotal"], saved["item_count"]) == (usd("5.00"), 1)
    assert client.get("/cart/totals/").json()["item_count"] == 1
    placed = client.post("/orders/", order_body()).json()
    assert [item["sku"] for item in placed["items"]] == ["JUG"]
    assert list(StockReservation.objects.values_list("level__variant__sku", flat=True)) == ["JUG"]


def test_moving_back_adds_up_at_todays_price_and_both_moves_are_repeatable():
    mug = sellable(price="20.00", sku="MUG")
    client = cart_with(mug, quantity=2)
    item = line_of(client)
    for _ in range(2):
        assert lines(client.post(f"/cart/items/{item}/save-for-later/").json(), "saved") == [("MUG", 2)]
    ProductVariant.objects.update(price=Decimal("25.00"))
    other = client.post("/cart/items/", {"sku": "MUG"}).json()["items"][0]["id"]
    back = client.post(f"/cart/items/{item}/move-to-cart/").json()
    assert (lines(back), back["saved"]) == ([("MUG", 3)], [])
    assert (back["items"][0]["id"], back["items"][0]["unit_price"], back["warnings"]) == (other, usd("25.00"), [])
    assert client.post(f"/cart/items/{other}/move-to-cart/").json()["items"] == back["items"]
    assert code(client.post(f"/cart/items/{item}/move-to-cart/")) == (404, "not_found")


def test_a_saved_line_comes_back_only_with_stock_and_only_to_its_holder():
    client = cart_with(sellable(stock=3), quantity=3)
    item = line_of(client)
    client.post(f"/cart/items/{item}/save-for-later/")
    StockLevel.objects.update(on_hand=1)
    refused = client.post(f"/cart/items/{item}/move-to-cart/")
    assert (code(refused), refused.json()["items"][0]["available"]) == ((409, "insufficient_stock"), 1)
    assert CartItem.objects.get().is_saved
    assert code(ApiClient().post(f"/cart/items/{item}/move-to-cart/")) == (404, "not_found")
    assert lines(client.delete(f"/cart/items/{item}/").json(), "saved") == []


def test_clearing_keeps_what_is_saved_and_signing_in_takes_it_along():
    user = UserFactory()
    mug, jug = sellable(sku="MUG"), sellable(sku="JUG")
    guest = cart_with(mug)
    guest.post(f"/cart/items/{line_of(guest)}/save-for-later/")
    guest.post("/cart/items/", {"sku": jug.sku})
    cleared = guest.post("/cart/clear/").json()
    assert (cleared["items"], lines(cleared, "saved")) == ([], [("MUG", 1)])
    merged = ApiClient(user).post("/cart/merge/", {"token": guest.headers["X-Cart-Token"]}).json()
    assert (merged["items"], lines(merged, "saved")) == ([], [("MUG", 1)])


def test_only_so_many_lines_can_be_saved(settings):
    settings.CART_MAX_LINES = 1
    client = cart_with(sellable())
    client.post(f"/cart/items/{line_of(client)}/save-for-later/")
    client.post("/cart/items/", {"sku": sellable().sku})
    assert code(client.post(f"/cart/items/{line_of(client)}/save-for-later/")) == (409, "cart_full")
    assert code(client.post(f"/cart/items/{line_of(client, side='saved')}/move-to-cart/")) == (409, "cart_full")
    assert sorted(CartItem.objects.values_list("is_saved", flat=True)) == [False, True]


# From the wishlist


def test_a_wanted_product_moves_from_the_wishlist_into_the_cart():
    user = UserFactory()
    client = ApiClient(user)
    variant = sellable(sku="MUG", product__slug="mug")
    client.post("/products/mug/wishlist/")
    cart = client.post("/wishlist/mug/move-to-cart/", {"quantity": 2}).json()
    assert lines(cart) == [("MUG", 2)]
    assert not WishlistItem.objects.exists()
    assert code(client.post("/wishlist/mug/move-to-cart/", {})) == (404, "not_found")
    assert variant.product.slug == "mug"


def test_a_product_of_several_variants_needs_one_named_and_a_refusal_keeps_the_wish():
    user = UserFactory()
    client = ApiClient(user)
    first = sellable(sku="MUG-S", product__slug="mug", stock=1)
    VariantFactory(product=first.product, sku="MUG-L")
    sellable(sku="OTHER")
    client.post("/products/mug/wishlist/")
    for body, error in (({}, "required"), ({"sku": "OTHER"}, "does_not_exist")):
        assert pointers(client.post("/wishlist/mug/move-to-cart/", body)) == [("/sku", error)]
    short = client.post("/wishlist/mug/move-to-cart/", {"sku": "MUG-S", "quantity": 2})
    assert code(short) == (409, "insufficient_stock")
    assert code(ApiClient(UserFactory()).post("/wishlist/mug/move-to-cart/", {"sku": "MUG-S"})) == (404, "not_found")
    assert (WishlistItem.objects.count(), CartItem.objects.count()) == (1, 0)
    assert lines(client.post("/wishlist/mug/move-to-cart/", {"sku": "MUG-S"}).json()) == [("MUG-S", 1)]


# Notes and gifts


def test_notes_and_gift_options_stay_with_the_line_and_are_frozen_with_the_order():
    shop_rates()
    variant = sellable(sku="MUG")
    client = ApiClient()
    body = {"sku": "MUG", "note": "No lid, 請", "gift_wrap": True, "gift_message": "Für Ada"}
    cart = client.post("/cart/items/", body).json()
    client.headers["X-Cart-Token"] = cart["token"]
    item = cart["items"][0]
    assert (item["note"], item["gift_wrap"], item["gift_message"]) == ("No lid, 請", True, "Für Ada")
    kept = client.put(f"/cart/items/{item['id']}/", {"quantity": 2, "gift_message": ""}).json()["items"][0]
    assert (kept["quantity"], kept["note"], kept["gift_wrap"], kept["gift_message"]) == (2, "No lid, 請", True, "")
    placed = client.post("/orders/", order_body()).json()["items"][0]
    assert (placed["note"], placed["gift_wrap"], placed["gift_message"]) == ("No lid, 請", True, "")
    row = OrderItem.objects.get()
    assert (row.variant_id, row.note, row.gift_wrap) == (variant.pk, "No lid, 請", True)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"note": "x" * 201}, ("/note", "max_length")),
        ({"gift_message": "x" * 301}, ("/gift_message", "max_length")),
        ({"gift_wrap": "yes"}, ("/gift_wrap", "wrong_type")),
        ({"gift_wrap": None}, ("/gift_wrap", "null")),
        ({"gift_paper": "red"}, ("/gift_paper", "unknown_field")),
    ],
)
def test_a_bad_line_option_is_named_and_changes_nothing(body, found):
    client = cart_with(sellable())
    response = client.put(f"/cart/items/{line_of(client)}/", {"quantity": 2, **body})
    assert pointers(response) == [found]
    assert CartItem.objects.get().quantity == 1


# Warnings


def test_warnings_come_with_their_facts():
    few, dear, short = (sellable(price="10.00", sku=sku, stock=9) for sku in ("FEW", "DEAR", "SHORT"))
    client = cart_with(few, quantity=3)
    for variant in (dear, short):
        client.post("/cart/items/", {"sku": variant.sku, "quantity": 3})
    StockLevel.objects.filter(variant=few).update(on_hand=5)
    ProductVariant.objects.filter(pk=dear.pk).update(price=Decimal("12.50"))
    StockLevel.objects.filter(variant=short).update(on_hand=2)
    cart = client.get("/cart/").json()
    assert told(cart) == [
        ("low_stock", {"available": 5}),
        ("price_changed", {"old": usd("10.00"), "new": usd("12.50")}),
        ("insufficient_stock", {"available": 2}),
    ]
    assert [item["warnings"] for item in cart["items"]] == [["low_stock"], ["price_changed"], ["insufficient_stock"]]
    Product.objects.filter(pk=dear.product_id).update(status=Product.Status.ARCHIVED)
    gone = client.get("/cart/").json()["warnings"][1]
    assert (gone["code"], gone["facts"]) == ("variant_unavailable", NO_FACTS)


def test_limits_that_are_newer_than_the_line_warn_and_hinder_the_order():
    shop_rates()
    client = cart_with(sellable(), quantity=5)
    ProductVariant.objects.update(min_quantity=2, max_quantity=4)
    assert told(client.get("/cart/").json()) == [("quantity_not_allowed", {"minimum": 2, "maximum": 4})]
    refused = client.post("/orders/", order_body())
    assert code(refused) == (409, "quantity_not_allowed")
    (row,) = refused.json()["diff"]
    assert (row["field"], row["old"], row["new"], row["cause"]) == ("quantity", "5", "4", "quantity_not_allowed")
    client.put(f"/cart/items/{line_of(client)}/", {"quantity": 4})
    assert client.post("/orders/", order_body()).status_code == 201


# Limits


def test_a_variants_own_limits_hold_when_adding_and_setting():
    variant = sellable(stock=50, min_quantity=2, max_quantity=4)
    client = ApiClient()
    few = client.post("/cart/items/", {"sku": variant.sku})
    assert pointers(few) == [("/quantity", "min_value")]
    assert few.json()["errors"][0]["detail"] == "At least 2 of this variant."
    assert Cart.objects.count() == 0
    client.headers["X-Cart-Token"] = client.post("/cart/items/", {"sku": variant.sku, "quantity": 3}).json()["token"]
    assert pointers(client.post("/cart/items/", {"sku": variant.sku, "quantity": 2})) == [("/quantity", "max_value")]
    item = line_of(client)
    for quantity, error in ((1, "min_value"), (5, "max_value")):
        assert pointers(client.put(f"/cart/items/{item}/", {"quantity": quantity})) == [("/quantity", error)]
    assert CartItem.objects.get().quantity == 3


def test_the_shops_limits_are_settings(settings):
    settings.CART_MAX_LINES, settings.CART_MAX_QUANTITY = 2, 3
    client = cart_with(sellable(stock=9), quantity=3)
    over = client.put(f"/cart/items/{line_of(client)}/", {"quantity": 4})
    assert pointers(over) == [("/quantity", "max_value")]
    client.post("/cart/items/", {"sku": sellable().sku})
    assert code(client.post("/cart/items/", {"sku": sellable().sku})) == (409, "cart_full")
    assert CartItem.objects.count() == 2


# Merging


@pytest.mark.parametrize(("strategy", "quantity"), [("max", 3), ("sum", 4), ("guest", 1), ("customer", 3)])
def test_the_shop_says_how_carts_merge(settings, strategy, quantity):
    settings.CART_MERGE = strategy
    mug, jug = sellable(sku="MUG", stock=50), sellable(sku="JUG", stock=50)
    user = UserFactory()
    mine = cart_with(mug, quantity=3, user=user)
    guest = cart_with(mug, quantity=1)
    guest.post("/cart/items/", {"sku": jug.sku, "quantity": 2, "note": "blue"})
    merged = mine.post("/cart/merge/", {"token": guest.headers["X-Cart-Token"]}).json()
    assert lines(merged) == [("MUG", quantity), ("JUG", 2)]
    assert merged["items"][1]["note"] == "blue"
    again = mine.post("/cart/merge/", {"token": guest.headers["X-Cart-Token"]}).json()
    assert lines(again) == lines(merged)


def test_a_sum_is_capped_by_the_variants_limit_and_the_stock(settings):
    settings.CART_MERGE = "sum"
    mug, jug = sellable(sku="MUG", stock=50, max_quantity=4), sellable(sku="JUG", stock=3)
    mine = cart_with(mug, quantity=3, user=UserFactory())
    mine.post("/cart/items/", {"sku": "JUG", "quantity": 2})
    guest = cart_with(mug, quantity=3)
    guest.post("/cart/items/", {"sku": jug.sku, "quantity": 2})
    merged = mine.post("/cart/merge/", {"token": guest.headers["X-Cart-Token"]}).json()
    assert lines(merged) == [("MUG", 4), ("JUG", 3)]


# Conditional requests


def test_a_cart_is_changed_only_as_it_was_read():
    client = cart_with(sellable())
    read = client.get("/cart/")
    assert client.get("/cart/", If_None_Match=read["ETag"]).status_code == 304
    changed = client.patch("/cart/", {"note": "first"}, If_Match=read["ETag"])
    assert (changed.status_code, changed.json()["note"]) == (200, "first")
    lost = client.patch("/cart/", {"note": "second"}, If_Match=read["ETag"])
    assert code(lost) == (412, "precondition_failed")
    assert Cart.objects.get().note == "first"
    assert client.get("/cart/")["ETag"] == changed["ETag"]
    assert client.patch("/cart/", {"note": "third"}, If_Match=changed["ETag"]).status_code == 200


def test_a_lost_condition_makes_no_cart():
    client = ApiClient(UserFactory())
    assert code(client.patch("/cart/", {"note": "x"}, If_Match='"other"')) == (412, "precondition_failed")
    assert Cart.objects.count() == 0
    assert client.patch("/cart/", {"note": "x"}, If_Match=client.get("/cart/")["ETag"]).status_code == 200


# The number of statements


def statements(call: Any) -> int:
    with CaptureQueriesContext(connection) as captured:
        response = call()
    assert response.status_code in (200, 201), response.content
    return len(captured)


def filled(number: int) -> tuple[ApiClient, list[str]]:
    product = sellable().product
    skus = []
    for _ in range(number):
        variant = VariantFactory(product=product)
        receive(variant, 20)
        skus.append(variant.sku)
    client = ApiClient(UserFactory())
    client.post("/cart/items/bulk/", {"items": [{"sku": sku} for sku in skus]})
    return client, skus


def test_a_hundred_lines_cost_as_many_statements_as_one(monkeypatch):
    be_quiet(monkeypatch)
    shop_rates()
    counts = []
    for number in (1, 100):
        client, skus = filled(number)
        item = line_of(client)
        batch = {"items": [{"sku": sku} for sku in skus]}
        quote = {"shipping_address": ADDRESS, "shipping_method": "standard"}
        calls = {
            "read": lambda client=client: client.get("/cart/", {"explain": "true"}),
            "totals": lambda client=client: client.get("/cart/totals/"),
            "rates": lambda client=client: client.post("/cart/shipping-rates/", {"country": "US"}),
            "describe": lambda client=client: client.patch("/cart/", {"note": "x"}),
            "quantity": lambda client=client, item=item: client.put(f"/cart/items/{item}/", {"quantity": 3}),
            "batch": lambda client=client, batch=batch: client.post("/cart/items/bulk/", batch),
            "quote": lambda client=client, quote=quote: client.post("/cart/quote/", quote),
            "order": lambda client=client: client.post("/orders/", order_body(email=None)),
        }
        counts.append({name: statements(call) for name, call in calls.items()})
    print(f"statements with one line and with a hundred: {counts}")
    assert counts[0] == counts[1]
