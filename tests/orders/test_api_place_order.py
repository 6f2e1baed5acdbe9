"""Placing an order through HTTP."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from apps.cart.models import Cart
from apps.common.models import Event, IdempotencyKey
from apps.orders.models import Order, OrderItem, OrderStatusHistory
from apps.products.models import Product, ProductVariant, StockLevel, StockReservation
from apps.users.models import Address
from tests.cart.quiet_shop import be_quiet
from tests.client import ApiClient, code
from tests.factories import ADDRESS, UserFactory, sellable, shop_rates
from tests.orders.steps import cart_with, order_body, place

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _rates() -> None:
    shop_rates()


def usd(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "USD"}


def nothing_was_ordered(stock: int) -> None:
    assert (Order.objects.count(), StockReservation.objects.count(), Event.objects.count()) == (0, 0, 0)
    assert list(StockLevel.objects.values_list("on_hand", "reserved")) == [(stock, 0)]
    assert Cart.objects.get().status == Cart.Status.OPEN


def test_a_guest_places_an_order_that_freezes_everything_and_holds_the_stock():
    variant = sellable(price="50.00", stock=10, options={"size": "M"})
    client = cart_with(variant, quantity=2)
    response = client.post("/orders/", order_body(note="Ring twice"))
    assert response.status_code == 201
    body = response.json()
    order = Order.objects.get()
    assert response["Location"] == f"/api/v1/orders/{order.id}/"
    assert (body["status"], body["payment_status"], body["fulfilment_status"]) == ("pending", "unpaid", "unfulfilled")
    # subtotal 100.00 reaches free shipping; tax 100.00 x 8.875 % = 8.875 -> 8.88
    assert body["totals"] == {
        "subtotal": usd("100.00"),
        "discount": usd("0.00"),
        "shipping": usd("0.00"),
        "tax": usd("8.88"),
        "total": usd("108.88"),
        "cancelled": usd("0.00"),
    }
    assert [(i["sku"], i["quantity"], i["unit_price"], i["line_total"], i["options"]) for i in body["items"]] == [
        (variant.sku, 2, usd("50.00"), usd("100.00"), {"size": "M"})
    ]
    assert body["shipping_address"] == body["billing_address"] == ADDRESS
    assert (body["email"], body["note"], body["cancellable"]) == ("guest@example.com", "Ring twice", True)
    level = StockLevel.objects.get()
    assert (level.on_hand, level.reserved) == (10, 2)
    reservation = StockReservation.objects.get()
    assert (reservation.reference, reservation.quantity, reservation.status) == (order.id, 2, "held")
    assert timedelta(minutes=29) < reservation.expires_at - timezone.now() <= timedelta(minutes=30)
    assert Cart.objects.get().status == Cart.Status.ORDERED
    assert list(OrderStatusHistory.objects.values_list("from_status", "to_status", "actor")) == [
        ("", "pending", "guest")
    ]
    assert list(Event.objects.values_list("type", "target_id")) == [("order.placed", order.id)]


def test_later_changes_of_product_and_price_do_not_touch_the_order():
    variant = sellable(price="10.00")
    client, order = place(variant)
    ProductVariant.objects.update(price=Decimal("99.00"), sku="RENAMED")
    Product.objects.update(name="Renamed")
    item = client.get(f"/orders/{order.id}/").json()["items"][0]
    assert (item["unit_price"], item["sku"]) == (usd("10.00"), variant.sku)
    assert item["name"] == variant.product.name


def test_a_customer_orders_with_an_address_of_the_book_and_without_naming_an_email():
    user = UserFactory()
    address = Address.objects.create(user=user, **ADDRESS)
    client = cart_with(sellable(), user=user)
    body = {"shipping_address_id": str(address.id), "shipping_method": "standard"}
    response = client.post("/orders/", body)
    assert response.status_code == 201
    assert response.json()["email"] == user.email
    assert response.json()["order_token"] is None
    address.delete()
    assert client.get(response["Location"]).json()["shipping_address"] == ADDRESS


def test_another_customers_address_is_unknown():
    address = Address.objects.create(user=UserFactory(), **ADDRESS)
    client = cart_with(sellable(stock=4), user=UserFactory())
    response = client.post("/orders/", {"shipping_address_id": str(address.id), "shipping_method": "standard"})
    assert response.json()["errors"][0] == {
        "pointer": "/shipping_address_id",
        "code": "does_not_exist",
        "detail": "There is no such address.",
    }
    nothing_was_ordered(stock=4)


def test_what_the_cart_knows_need_not_be_said_again():
    client = cart_with(sellable())
    client.patch("/cart/", {"email": "a@example.com", "shipping_address": ADDRESS, "shipping_method": "express"})
    response = client.post("/orders/", {})
    assert response.status_code == 201
    assert (response.json()["email"], response.json()["shipping_method"]) == ("a@example.com", "express")


def test_missing_details_are_named_and_nothing_happens():
    client = cart_with(sellable(stock=4))
    response = client.post("/orders/", {})
    assert code(response) == (400, "validation_error")
    assert [e["pointer"] for e in response.json()["errors"]] == ["/email", "/shipping_address", "/shipping_method"]
    nothing_was_ordered(stock=4)


def test_stock_that_went_meanwhile_is_a_409_that_lists_it():
    variant = sellable(stock=5)
    client = cart_with(variant, quantity=3)
    StockLevel.objects.update(on_hand=2)
    response = client.post("/orders/", order_body())
    assert code(response) == (409, "insufficient_stock")
    assert response.json()["items"] == [{"sku": variant.sku, "requested": 3, "available": 2}]
    nothing_was_ordered(stock=2)


def test_an_archived_product_cannot_be_ordered():
    variant = sellable(stock=4)
    client = cart_with(variant)
    Product.objects.update(status=Product.Status.ARCHIVED)
    response = client.post("/orders/", order_body())
    assert code(response) == (409, "variant_unavailable")
    assert response.json()["items"] == [{"sku": variant.sku}]
    nothing_was_ordered(stock=4)


def test_an_expected_total_that_no_longer_holds_is_refused_with_both_numbers():
    client = cart_with(sellable(price="20.00", stock=4))
    ProductVariant.objects.update(price=Decimal("25.00"))
    # 20.00 + 5.00 shipping = 25.00, tax 25.00 x 8.875 % split 1.78 + 0.44
    response = client.post("/orders/", order_body(expected_total=usd("27.22")))
    assert code(response) == (409, "price_changed")
    # 25.00 x 8.875 % = 2.21875 -> 2.22; 5.00 x 8.875 % -> 0.44
    assert (response.json()["expected_total"], response.json()["total"]) == (usd("27.22"), usd("32.66"))
    # The fresh quote that comes along holds the unit.
    assert (Order.objects.count(), StockLevel.objects.get().reserved) == (0, 1)
    assert client.post("/orders/", order_body(expected_total=usd("32.66"))).status_code == 201


@pytest.mark.parametrize("change", [{"shipping_method": "teleport"}, {"shipping_method": "express"}])
def test_a_shipping_method_that_does_not_serve_the_address_is_refused(change):
    from apps.cart.models import ShippingMethod, ShippingZone

    germany = ShippingZone.objects.create(code="de", name="Germany", countries=["DE"])
    ShippingMethod.objects.filter(code="express").update(zone=germany)
    client = cart_with(sellable(stock=4))
    assert code(client.post("/orders/", order_body(**change))) == (409, "shipping_unavailable")
    nothing_was_ordered(stock=4)


def test_an_empty_cart_and_a_cart_already_ordered_are_told_apart(api):
    assert code(api.post("/orders/", order_body())) == (409, "cart_empty")
    client, _ = place(sellable())
    assert code(client.post("/orders/", order_body())) == (409, "cart_already_ordered")
    assert Order.objects.count() == 1


def test_the_same_idempotency_key_gives_the_same_answer_and_one_order():
    client = cart_with(sellable(stock=4))
    first = client.post("/orders/", order_body(), Idempotency_Key="order-1")
    second = client.post("/orders/", order_body(), Idempotency_Key="order-1")
    assert first.status_code == second.status_code == 201
    assert second.json() == first.json()
    assert second["Location"] == first["Location"]
    assert (second["Idempotent-Replayed"], "Idempotent-Replayed" in first) == ("true", False)
    assert (Order.objects.count(), StockLevel.objects.get().reserved) == (1, 1)


def test_a_key_used_with_another_body_is_422_and_a_refusal_is_replayed_too():
    client = cart_with(sellable(stock=4))
    refused = client.post("/orders/", order_body(shipping_method="teleport"), Idempotency_Key="k")
    again = client.post("/orders/", order_body(shipping_method="teleport"), Idempotency_Key="k")
    assert code(refused) == code(again) == (409, "shipping_unavailable")
    assert again["Idempotent-Replayed"] == "true"
    assert again["Content-Type"] == "application/problem+json"
    assert code(client.post("/orders/", order_body(), Idempotency_Key="k")) == (422, "idempotency_key_reused")
    nothing_was_ordered(stock=4)
    assert IdempotencyKey.objects.count() == 1


def test_a_key_belongs_to_its_user_alone():
    first = cart_with(sellable(), user=UserFactory())
    second = cart_with(sellable(), user=UserFactory())
    one = first.post("/orders/", order_body(), Idempotency_Key="same")
    two = second.post("/orders/", order_body(), Idempotency_Key="same")
    assert (one.status_code, two.status_code) == (201, 201)
    assert one.json()["id"] != two.json()["id"]


@pytest.mark.parametrize("key", ["", "with space", "x" * 256, "ünï"])
def test_a_malformed_key_is_refused(key):
    client = cart_with(sellable(stock=4))
    assert code(client.post("/orders/", order_body(), Idempotency_Key=key)) == (400, "validation_error")
    nothing_was_ordered(stock=4)


def test_an_order_takes_few_statements_whatever_the_number_of_lines(django_assert_max_num_queries, monkeypatch):
    be_quiet(monkeypatch)
    product = sellable().product
    client = ApiClient(UserFactory())
    for _ in range(40):
        client.post("/cart/items/", {"sku": sellable(product=product).sku})
    with django_assert_max_num_queries(34):
        assert client.post("/orders/", order_body(), Idempotency_Key="k").status_code == 201
    assert OrderItem.objects.count() == 40


def test_a_line_split_over_two_warehouses_holds_both():
    from tests.factories import WarehouseFactory, receive

    variant = sellable(stock=3)
    receive(variant, 2, warehouse=WarehouseFactory(code="second", name="Second", priority=5))
    place(variant, quantity=4)
    levels = StockLevel.objects.order_by("warehouse__priority").values_list("on_hand", "reserved")
    assert list(levels) == [(3, 3), (2, 1)]
