"""The cart through HTTP."""

from decimal import Decimal

import pytest

from apps.cart.models import Cart, CartItem
from apps.products.models import Product, ProductVariant
from tests.client import ApiClient, code
from tests.factories import ADDRESS, UserFactory, sellable, shop_rates

pytestmark = pytest.mark.django_db


def usd(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "USD"}


def test_reading_a_cart_without_a_token_shows_an_empty_one_and_stores_nothing(api):
    response = api.get("/cart/")
    assert response.status_code == 200
    body = response.json()
    assert (body["id"], body["token"], body["items"], body["item_count"]) == (None, None, [], 0)
    assert body["totals"]["total"] == usd("0.00")
    assert Cart.objects.count() == 0


def test_the_first_item_of_a_guest_creates_the_cart_and_answers_its_token(api):
    variant = sellable(price="19.99")
    response = api.post("/cart/items/", {"sku": variant.sku, "quantity": 2})
    assert response.status_code == 201
    body = response.json()
    cart = Cart.objects.get()
    assert body["token"] == str(cart.token) == response["X-Cart-Token"]
    assert [(item["sku"], item["quantity"], item["line_total"]) for item in body["items"]] == [
        (variant.sku, 2, usd("39.98"))
    ]
    assert body["totals"] == {
        "subtotal": usd("39.98"),
        "discount": usd("0.00"),
        "shipping": usd("0.00"),
        "tax": usd("0.00"),
        "total": usd("39.98"),
    }


def test_the_same_variant_adds_up(api):
    variant = sellable(stock=10)
    token = api.post("/cart/items/", {"sku": variant.sku, "quantity": 2}).json()["token"]
    body = api.post("/cart/items/", {"sku": variant.sku, "quantity": 3}, X_Cart_Token=token).json()
    assert [item["quantity"] for item in body["items"]] == [5]


def test_more_than_the_stock_is_refused_and_nothing_changes(api):
    variant = sellable(stock=3)
    token = api.post("/cart/items/", {"sku": variant.sku, "quantity": 3}).json()["token"]
    response = api.post("/cart/items/", {"sku": variant.sku, "quantity": 1}, X_Cart_Token=token)
    assert code(response) == (409, "insufficient_stock")
    assert response.json()["items"] == [{"sku": variant.sku, "requested": 4, "available": 3}]
    assert CartItem.objects.get().quantity == 3


@pytest.mark.parametrize(
    ("body", "pointer", "error"),
    [
        ({"sku": "NO-SUCH"}, "/sku", "does_not_exist"),
        ({"sku": "X", "quantity": 0}, "/quantity", "min_value"),
        ({"sku": "X", "quantity": 1000}, "/quantity", "max_value"),
        ({"sku": "X", "quantity": "2"}, "/quantity", "wrong_type"),
        ({"sku": "X", "quantity": True}, "/quantity", "wrong_type"),
        ({"quantity": 1}, "/sku", "required"),
        ({"sku": "X", "price": "0.01"}, "/price", "unknown_field"),
    ],
)
def test_a_bad_item_names_the_field_and_creates_no_cart(api, body, pointer, error):
    response = api.post("/cart/items/", body)
    assert code(response) == (400, "validation_error")
    assert [(each["pointer"], each["code"]) for each in response.json()["errors"]] == [(pointer, error)]
    assert Cart.objects.count() == 0


def test_an_archived_variant_or_product_cannot_be_added(api):
    variant = sellable()
    Product.objects.update(status=Product.Status.ARCHIVED)
    assert code(api.post("/cart/items/", {"sku": variant.sku})) == (409, "variant_unavailable")
    Product.objects.update(status=Product.Status.DRAFT)
    assert code(api.post("/cart/items/", {"sku": variant.sku})) == (400, "validation_error")
    assert CartItem.objects.count() == 0


def test_quantity_is_set_and_a_line_removed_by_its_holder_alone(api):
    variant = sellable(stock=10)
    cart = api.post("/cart/items/", {"sku": variant.sku}).json()
    item = cart["items"][0]["id"]
    assert api.put(f"/cart/items/{item}/", {"quantity": 7}).status_code == 404
    assert api.delete(f"/cart/items/{item}/").status_code == 404
    assert CartItem.objects.get().quantity == 1
    mine = ApiClient(X_Cart_Token=cart["token"])
    assert mine.put(f"/cart/items/{item}/", {"quantity": 7}).json()["item_count"] == 7
    assert mine.delete(f"/cart/items/{item}/").json()["items"] == []
    assert code(mine.delete(f"/cart/items/{item}/")) == (404, "not_found")


def test_clearing_is_repeatable(api):
    cart = api.post("/cart/items/", {"sku": sellable().sku}).json()
    mine = ApiClient(X_Cart_Token=cart["token"])
    assert mine.post("/cart/clear/").json()["items"] == []
    assert mine.post("/cart/clear/").status_code == 200
    assert api.post("/cart/clear/").status_code == 200
    assert Cart.objects.count() == 1


def test_a_price_that_changed_since_is_told_and_acknowledged_by_setting_the_quantity(api):
    variant = sellable(price="10.00")
    cart = api.post("/cart/items/", {"sku": variant.sku}).json()
    mine = ApiClient(X_Cart_Token=cart["token"])
    ProductVariant.objects.update(price=Decimal("12.50"))
    body = mine.get("/cart/").json()
    assert body["items"][0]["unit_price"] == usd("12.50")
    assert [(w["code"], w["item"]) for w in body["warnings"]] == [("price_changed", cart["items"][0]["id"])]
    assert body["totals"]["total"] == usd("12.50")
    assert mine.put(f"/cart/items/{cart['items'][0]['id']}/", {"quantity": 1}).json()["warnings"] == []


def test_what_is_sold_out_or_gone_is_told_and_what_is_gone_is_not_priced(api):
    sold_out, gone = sellable(stock=1, price="5.00"), sellable(price="7.00")
    token = api.post("/cart/items/", {"sku": sold_out.sku}).json()["token"]
    mine = ApiClient(X_Cart_Token=token)
    mine.post("/cart/items/", {"sku": gone.sku})
    sold_out.stock_levels.update(on_hand=0)
    Product.objects.filter(id=gone.product_id).update(status=Product.Status.ARCHIVED)
    body = mine.get("/cart/").json()
    assert [item["warnings"] for item in body["items"]] == [["insufficient_stock"], ["variant_unavailable"]]
    assert body["totals"]["subtotal"] == usd("5.00")


def test_address_and_shipping_method_make_the_totals_follow(api):
    shop_rates()
    token = api.post("/cart/items/", {"sku": sellable(price="50.00").sku}).json()["token"]
    mine = ApiClient(X_Cart_Token=token)
    response = mine.patch("/cart/", {"shipping_address": ADDRESS, "shipping_method": "standard"})
    assert response.status_code == 200
    # 50.00 x 8.875 % = 4.4375 -> 4.44; shipping 5.00 x 8.875 % = 0.44375 -> 0.44
    assert response.json()["totals"] == {
        "subtotal": usd("50.00"),
        "discount": usd("0.00"),
        "shipping": usd("5.00"),
        "tax": usd("4.88"),
        "total": usd("59.88"),
    }


def test_a_method_that_does_not_serve_is_refused_and_not_kept(api):
    shop_rates()
    token = api.post("/cart/items/", {"sku": sellable().sku}).json()["token"]
    mine = ApiClient(X_Cart_Token=token)
    assert code(mine.patch("/cart/", {"shipping_method": "teleport"})) == (409, "shipping_unavailable")
    assert Cart.objects.get().shipping_method == ""


def test_an_incomplete_address_names_its_fields(api):
    token = api.post("/cart/items/", {"sku": sellable().sku}).json()["token"]
    mine = ApiClient(X_Cart_Token=token)
    response = mine.patch("/cart/", {"shipping_address": {**ADDRESS, "postal_code": "", "region": ""}})
    assert code(response) == (400, "validation_error")
    assert sorted((e["pointer"], e["code"]) for e in response.json()["errors"]) == [
        ("/shipping_address/postal_code", "address_incomplete"),
        ("/shipping_address/region", "address_incomplete"),
    ]
    assert Cart.objects.get().shipping_address is None


def test_shipping_rates_are_quoted_for_this_cart(api):
    shop_rates()
    token = api.post("/cart/items/", {"sku": sellable(price="120.00").sku}).json()["token"]
    mine = ApiClient(X_Cart_Token=token)
    rows = mine.post("/cart/shipping-rates/", {"country": "US"}).json()["results"]
    assert [(row["code"], row["price"]) for row in rows] == [("standard", usd("0.00")), ("express", usd("15.00"))]
    assert code(api.post("/cart/shipping-rates/", {"country": "US"})) == (409, "cart_empty")


def test_the_badge_reads_count_and_totals(api):
    token = api.post("/cart/items/", {"sku": sellable(price="2.50").sku, "quantity": 4}).json()["token"]
    body = api.get("/cart/totals/", X_Cart_Token=token).json()
    assert (body["item_count"], body["totals"]["total"]) == (4, usd("10.00"))


def test_merging_takes_the_larger_quantity_capped_by_stock_and_lists_what_stayed_behind(api):
    user = UserFactory()
    mine = ApiClient(user)
    both, guests_only, gone = sellable(stock=5), sellable(stock=9), sellable()
    mine.post("/cart/items/", {"sku": both.sku, "quantity": 2})
    token = api.post("/cart/items/", {"sku": both.sku, "quantity": 4}).json()["token"]
    guest = ApiClient(X_Cart_Token=token)
    guest.post("/cart/items/", {"sku": guests_only.sku, "quantity": 1})
    guest.post("/cart/items/", {"sku": gone.sku})
    gone.stock_levels.update(on_hand=0)
    both.stock_levels.update(on_hand=3)

    response = mine.post("/cart/merge/", {"token": token})
    assert response.status_code == 200
    assert {item["sku"]: item["quantity"] for item in response.json()["items"]} == {both.sku: 3, guests_only.sku: 1}
    told = [(each["code"], each["item"]) for each in response.json()["warnings"] if each["code"] != "low_stock"]
    assert told == [("dropped", gone.sku)]
    again = mine.post("/cart/merge/", {"token": token}).json()
    assert {item["sku"]: item["quantity"] for item in again["items"]} == {both.sku: 3, guests_only.sku: 1}
    assert guest.get("/cart/").json()["items"] == []


def test_merging_an_unknown_cart_is_refused_and_guests_may_not_merge(api):
    mine = ApiClient(UserFactory())
    missing = "00000000-0000-4000-8000-000000000000"
    assert code(mine.post("/cart/merge/", {"token": missing})) == (400, "validation_error")
    assert code(api.post("/cart/merge/", {"token": missing})) == (401, "authentication_required")
    assert Cart.objects.count() == 0


def test_a_customers_cart_cannot_be_reached_by_its_token(api):
    mine = ApiClient(UserFactory())
    mine.post("/cart/items/", {"sku": sellable().sku})
    stolen = str(Cart.objects.get().token)
    assert api.get("/cart/", X_Cart_Token=stolen).json()["items"] == []
    assert mine.get("/cart/").json()["token"] is None


def test_an_idempotency_key_adds_once(api):
    variant = sellable()
    first = api.post("/cart/items/", {"sku": variant.sku}, Idempotency_Key="k1")
    token = first.json()["token"]
    second = api.post("/cart/items/", {"sku": variant.sku}, Idempotency_Key="k1")
    assert second.status_code == 201
    assert second.json() == first.json()
    assert (second["Idempotent-Replayed"], second["X-Cart-Token"]) == ("true", token)
    assert CartItem.objects.get().quantity == 1
    reused = api.post("/cart/items/", {"sku": variant.sku, "quantity": 2}, Idempotency_Key="k1")
    assert code(reused) == (422, "idempotency_key_reused")
    assert CartItem.objects.get().quantity == 1


def test_two_new_guests_with_the_same_key_do_not_share_a_cart(api, settings):
    """Keys such as the time of day are easy to hit; a guest without a token is told apart by address."""
    settings.TRUSTED_PROXIES = 1
    body = {"sku": sellable().sku}
    first = api.post("/cart/items/", body, Idempotency_Key="1795241459", X_Forwarded_For="203.0.113.7")
    other = api.post("/cart/items/", body, Idempotency_Key="1795241459", X_Forwarded_For="203.0.113.8")
    again = api.post("/cart/items/", body, Idempotency_Key="1795241459", X_Forwarded_For="203.0.113.7")
    assert [answer.status_code for answer in (first, other, again)] == [201, 201, 201]
    assert other.json()["token"] != first.json()["token"]
    assert "Idempotent-Replayed" not in other.headers
    assert (again.json()["token"], again["Idempotent-Replayed"]) == (first.json()["token"], "true")


def test_a_malformed_cart_token_is_refused(api):
    assert code(api.get("/cart/", X_Cart_Token="not-a-uuid")) == (400, "validation_error")


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({}, "Shirt"),
        ({"name": "Medium"}, "Shirt (Medium)"),
        ({"name": "Medium", "options": {"size": "M"}}, "Shirt"),
    ],
)
def test_a_line_is_named_after_its_product_and_where_needed_its_variant(api, fields, name):
    variant = sellable(product__name="Shirt", **fields)
    assert api.post("/cart/items/", {"sku": variant.sku}).json()["items"][0]["name"] == name


def test_a_signed_in_customers_token_changes_nothing_until_it_is_merged(api):
    token = api.post("/cart/items/", {"sku": sellable().sku}).json()["token"]
    mine = ApiClient(UserFactory(), X_Cart_Token=token)
    assert mine.get("/cart/").json()["items"] == []
    assert api.get("/cart/", X_Cart_Token=token).json()["item_count"] == 1
    assert mine.post("/cart/merge/", {"token": token}).json()["item_count"] == 1
