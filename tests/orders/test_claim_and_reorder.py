"""Guest orders are taken over by their proven e-mail; an order is bought again."""

import pytest
from django.db import transaction

from apps.common import events
from apps.common.models import Event
from apps.orders.models import Order
from apps.products.models import Product, Purchase, StockLevel
from apps.users.services import email_verification
from tests.client import ApiClient, code
from tests.factories import UserFactory, sellable, shop_rates
from tests.orders.steps import place
from tests.orders.test_api_orders import pay

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _rates() -> None:
    shop_rates()


def test_a_customer_claims_the_guest_orders_of_the_own_email():
    guest, order = place(sellable())
    pay(order)
    _, other = place(sellable(), user=UserFactory(email="somebody@example.com"))
    user = UserFactory(email="guest@example.com")
    client = ApiClient(user)
    claimed = client.post("/orders/claim/")
    assert [row["id"] for row in claimed.json()["results"]] == [str(order.id)]
    assert client.get(f"/orders/{order.id}/").status_code == 200
    assert code(guest.get(f"/orders/{order.id}/")) == (404, "not_found")
    assert client.post("/orders/claim/").json()["results"] == []
    assert Order.objects.get(pk=other.pk).user.email == "somebody@example.com"
    assert Event.objects.filter(type="order.claimed").count() == 1
    assert Purchase.objects.filter(user=user).count() == 1


def test_an_unproven_email_claims_nothing():
    _, order = place(sellable())
    client = ApiClient(UserFactory(email="guest@example.com", email_verified_at=None))
    assert code(client.post("/orders/claim/")) == (403, "email_unverified")
    order.refresh_from_db()
    assert order.user_id is None


def test_another_customers_email_claims_nothing():
    _, order = place(sellable())
    assert ApiClient(UserFactory()).post("/orders/claim/").json()["results"] == []
    order.refresh_from_db()
    assert order.user_id is None


def test_proving_the_email_claims_by_itself():
    _, order = place(sellable())
    user = UserFactory(email="guest@example.com", email_verified_at=None)
    with transaction.atomic():
        email_verification.mark_verified(user=user)
    while events.deliver_due():
        pass
    order.refresh_from_db()
    assert order.user_id == user.pk


def test_an_order_is_bought_again_and_what_is_gone_is_listed():
    user = UserFactory()
    variant = sellable(stock=5)
    client, order = place(variant, quantity=2, user=user)
    again = client.post(f"/orders/{order.id}/reorder/")
    assert (again.status_code, again.json()) == (200, {"added": [variant.sku], "unavailable": []})
    assert [(i["sku"], i["quantity"]) for i in client.get("/cart/").json()["items"]] == [(variant.sku, 2)]
    StockLevel.objects.update(on_hand=2)
    [short] = client.post(f"/orders/{order.id}/reorder/").json()["unavailable"]
    assert (short["sku"], short["code"]) == (variant.sku, "insufficient_stock")
    Product.objects.update(status=Product.Status.ARCHIVED)
    [gone] = client.post(f"/orders/{order.id}/reorder/").json()["unavailable"]
    assert gone["sku"] == variant.sku
    assert code(ApiClient(UserFactory()).post(f"/orders/{order.id}/reorder/")) == (404, "not_found")
