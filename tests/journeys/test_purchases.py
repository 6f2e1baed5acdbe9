"""Whole purchases through HTTP: as a guest, with an account, with a declined card, with a change of mind."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core import mail

from apps.notifications.tasks import send_pending_notifications
from apps.payments.models import Payment
from apps.payments.tasks import process_pending_payments
from apps.products.models import StockLevel, StockMovement
from tests.client import ApiClient, code
from tests.factories import ADDRESS, PASSWORD, UserFactory, sellable, shop_rates

pytestmark = pytest.mark.django_db
EMAIL = "shopper@example.com"


@pytest.fixture(autouse=True)
def _shop(stripe: Any) -> None:
    shop_rates()


def stock() -> tuple[int, int]:
    level = StockLevel.objects.get()
    return level.on_hand, level.reserved


def staff() -> ApiClient:
    user = UserFactory(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_order", "change_order"]))
    return ApiClient(user)


def pay(client: ApiClient, order: dict[str, Any], card: str = "pm_card_visa") -> Any:
    intent = client.post("/payments/create-intent/", {"order": order["id"], "provider": "stripe"}).json()
    assert intent["amount"] == order["totals"]["total"]
    return client.post("/payments/confirm/", {"payment": intent["id"], "payment_method": card})


def test_a_shopper_with_an_account_buys_and_gets_the_goods(deliver):
    variant = sellable(price="50.00", stock=10)
    guest = ApiClient()
    token = guest.post("/cart/items/", {"sku": variant.sku, "quantity": 2}).json()["token"]
    registered = guest.post(
        "/auth/register/",
        {"email": EMAIL, "password": PASSWORD, "first_name": "Sam", "last_name": "Lee"},
    )
    assert registered.status_code == 201
    login = guest.post("/auth/login/", {"email": EMAIL, "password": PASSWORD}, X_Cart_Token=token)
    assert login.status_code == 200
    client = ApiClient(Authorization=f"Bearer {login.json()['access']}")
    assert client.get("/cart/").json()["item_count"] == 2

    address = client.post("/users/me/addresses/", ADDRESS).json()
    order = client.post("/orders/", {"shipping_address_id": address["id"], "shipping_method": "standard"}).json()
    assert (order["email"], order["totals"]["total"]) == (EMAIL, {"amount": "108.88", "currency": "USD"})
    assert stock() == (10, 2)

    paid = pay(client, order)
    assert paid.status_code == 200
    assert stock() == (8, 0)
    order = client.get(f"/orders/{order['id']}/").json()
    assert (order["status"], order["payment_status"]) == ("confirmed", "paid")

    staff().post(f"/admin/orders/{order['id']}/transitions/", {"to": "shipped", "tracking_number": "1Z"})
    staff().post(f"/admin/orders/{order['id']}/transitions/", {"to": "delivered"})
    deliver()
    send_pending_notifications()
    subjects = [message.subject for message in mail.outbox if message.to == [EMAIL]]
    assert len(subjects) == 5
    assert sum(order["number"] in subject for subject in subjects) == 4
    history = client.get("/notifications/").json()["results"]
    assert sorted(row["kind"] for row in history) == [
        "invoice",
        "order_confirmation",
        "order_delivered",
        "order_shipped",
        "verification",
    ]
    review = client.post(
        f"/products/{variant.product.slug}/reviews/", {"rating": 5, "title": "Good", "body": "Does what it should."}
    )
    assert (review.status_code, review.json()["is_verified_purchase"]) == (201, True)


def test_a_guest_buys_with_nothing_but_an_email_and_finds_the_order_again(deliver):
    variant = sellable(stock=3)
    guest = ApiClient()
    guest.headers["X-Cart-Token"] = guest.post("/cart/items/", {"sku": variant.sku}).json()["token"]
    body = {"email": EMAIL, "shipping_address": ADDRESS, "shipping_method": "express"}
    order = guest.post("/orders/", body, Idempotency_Key="k").json()
    guest.headers["X-Order-Token"] = order["order_token"]
    assert pay(guest, order).status_code == 200
    deliver()
    send_pending_notifications()
    assert [message.to for message in mail.outbox] == [[EMAIL], [EMAIL]]  # confirmation and invoice
    assert order["number"] in mail.outbox[0].subject

    found = ApiClient().post("/orders/lookup/", {"number": order["number"], "email": EMAIL}).json()
    later = ApiClient(X_Order_Token=found["order_token"])
    assert later.get(f"/orders/{order['id']}/").json()["status"] == "confirmed"
    assert later.get(f"/orders/{order['id']}/").json()["order_token"] is None


def test_a_declined_card_leaves_the_order_payable_with_another():
    guest = ApiClient()
    guest.headers["X-Cart-Token"] = guest.post("/cart/items/", {"sku": sellable(stock=1).sku}).json()["token"]
    order = guest.post("/orders/", {"email": EMAIL, "shipping_address": ADDRESS, "shipping_method": "standard"}).json()
    guest.headers["X-Order-Token"] = order["order_token"]
    assert code(pay(guest, order, card="pm_card_chargeDeclined")) == (402, "payment_declined")
    assert (guest.get(f"/orders/{order['id']}/").json()["status"], stock()) == ("pending", (1, 1))
    assert pay(guest, order).status_code == 200
    assert (guest.get(f"/orders/{order['id']}/").json()["status"], stock()) == ("confirmed", (0, 0))
    assert Payment.objects.count() == 1


def test_cancelling_a_paid_order_gives_back_stock_and_money_and_says_so(deliver):
    client = ApiClient(UserFactory(email=EMAIL))
    client.post("/cart/items/", {"sku": sellable(stock=5).sku, "quantity": 2})
    order = client.post("/orders/", {"shipping_address": ADDRESS, "shipping_method": "standard"}).json()
    pay(client, order)
    assert client.post(f"/orders/{order['id']}/cancel/", {"reason": "Too late"}).json()["status"] == "cancelled"
    deliver()
    process_pending_payments()
    deliver()
    send_pending_notifications()
    order = client.get(f"/orders/{order['id']}/").json()
    assert (order["status"], order["payment_status"], stock()) == ("cancelled", "refunded", (5, 0))
    payment = Payment.objects.get()
    assert payment.captured == payment.refunded == payment.amount
    assert list(StockMovement.objects.order_by("id").values_list("kind", "quantity")) == [
        ("receive", 5),
        ("sale", -2),
        ("return", 2),
    ]
    assert any("cancelled" in message.subject.lower() for message in mail.outbox)
