"""Carts that were left: who is reminded, once, with a way back and a way out; and the end of those long forgotten."""

from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.test import Client
from django.utils import timezone

from apps.cart.models import Cart
from apps.cart.services import abandonment, reminder_links
from apps.common.models import Event
from apps.notifications.models import Notification
from apps.notifications.services import sending
from apps.products.models import Product, StockLevel
from apps.users.models import User, UserProfile
from tests.client import ApiClient, code
from tests.factories import ADDRESS, UserFactory, sellable, shop_rates
from tests.orders.steps import cart_with, order_body, place

pytestmark = pytest.mark.django_db
AGREED = {"email": "noor@example.com", "marketing_consent": True}


@pytest.fixture(autouse=True)
def _addresses(settings):
    settings.FRONTEND_URL, settings.PUBLIC_URL = "https://shop.example", "https://api.example"


def left(client: ApiClient, *, hours: float = 5) -> Cart:
    """The client's cart, as if it had been left so many hours ago."""
    cart = Cart.objects.get(token=client.headers["X-Cart-Token"]) if "X-Cart-Token" in client.headers else None
    cart = cart or Cart.objects.get(status="open")
    Cart.objects.filter(pk=cart.pk).update(updated_at=timezone.now() - timedelta(hours=hours))
    return cart


def guests(**changes: Any) -> ApiClient:
    client = cart_with(sellable(price="20.00", product__name="Washed linen shirt"), quantity=2)
    assert client.patch("/cart/", AGREED | changes).status_code == 200
    return client


def customers(*, agreed: bool = True, **fields: Any) -> ApiClient:
    user = UserFactory(first_name="Ada", **fields)
    UserProfile.objects.filter(user=user).update(marketing_email=agreed)
    return cart_with(sellable(), user=user)


def disabled() -> ApiClient:
    client = customers()
    User.objects.update(is_active=False)
    return client


def send(deliver: Any) -> list[Any]:
    """What the workers would do: hand on the events, then send what is due."""
    deliver()
    sending.send_due()
    return mail.outbox


def test_a_guest_who_agreed_is_reminded_once_with_the_lines_and_both_links(deliver):
    client = guests()
    left(client)
    assert (abandonment.remind(), abandonment.remind()) == (1, 0)
    (reminder,) = send(deliver)
    assert reminder.to == ["noor@example.com"]
    assert reminder.subject == "You left something in your cart at Tradepost"
    assert "2 x Washed linen shirt" in reminder.body
    assert "Subtotal: $40.00" in reminder.body
    assert "https://shop.example/cart/restore?token=" in reminder.body
    leave = reminder.extra_headers["List-Unsubscribe"]
    assert leave.startswith("<https://api.example/api/v1/cart/unsubscribe/c")
    assert reminder.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    read = message_from_bytes(reminder.message().as_bytes(), policy=policy.default)
    assert (read["List-Unsubscribe"].strip(), read["List-Unsubscribe-Post"]) == (leave, "List-Unsubscribe=One-Click")
    assert Event.objects.filter(type="cart.abandoned").count() == 1


def test_a_customer_is_reminded_by_the_preference(deliver):
    left(customers(email="ada@example.com"))
    assert abandonment.remind() == 1
    (reminder,) = send(deliver)
    assert (reminder.to, "Hello Ada," in reminder.body) == (["ada@example.com"], True)


@pytest.mark.parametrize(
    "holder",
    [
        lambda: guests(marketing_consent=False),
        lambda: cart_with(sellable()),
        lambda: customers(agreed=False),
        lambda: customers(email_verified_at=None),
        lambda: disabled(),
    ],
    ids=["a guest who did not agree", "nobody known", "not asked for", "address not confirmed", "account disabled"],
)
def test_who_did_not_agree_is_never_written_to(holder, deliver):
    left(holder())
    assert Cart.objects.get().items.count() == 1
    assert abandonment.remind() == 0
    assert send(deliver) == []


@pytest.mark.parametrize(("hours", "reminded"), [(3.9, 0), (4.1, 1), (75.9, 1), (76.1, 0)])
def test_only_carts_left_neither_just_now_nor_long_ago_are_reminded_of(hours, reminded):
    left(guests(), hours=hours)
    assert abandonment.remind() == reminded


def test_an_empty_or_ordered_cart_is_not_abandoned_and_the_shop_may_switch_it_off(settings):
    shop_rates()
    emptied, ordered, off = guests(), guests(), guests()
    emptied.post("/cart/clear/")
    assert ordered.post("/orders/", order_body()).status_code == 201
    off.patch("/cart/", {"email": "other@example.com"})  # another address asks anew
    for client in (emptied, ordered, off):
        left(client)
    assert abandonment.remind() == 0
    settings.CART_REMINDER_HOURS = 0
    left(guests())
    assert abandonment.remind() == 0


def test_a_change_ends_an_abandonment_and_leaving_again_is_another_one(deliver):
    client = guests()
    left(client)
    abandonment.remind()
    with time_machine.travel(timezone.now() + timedelta(days=2), tick=False):
        client.patch("/cart/", {"note": "still thinking"})
        assert abandonment.remind() == 0
    with time_machine.travel(timezone.now() + timedelta(days=2, hours=5), tick=False):
        assert abandonment.remind() == 1
        assert len({each.to[0] for each in send(deliver)}) == 1
        assert abandonment.remind() == 0


def test_an_address_gets_one_reminder_a_day_whoever_wrote_it_into_carts(deliver):
    for _ in range(3):
        left(guests())
    assert abandonment.remind() == 3
    assert len(send(deliver)) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda client: client.patch("/cart/", {"note": "I am back"}),
        lambda client: client.patch("/cart/", {"marketing_consent": False}),
        lambda client: client.post("/cart/clear/"),
        lambda client: client.post("/orders/", order_body()),
        lambda client: Product.objects.update(status="archived"),
    ],
    ids=["changed", "consent withdrawn", "emptied", "ordered", "nothing left to buy"],
)
def test_what_happens_before_the_mail_is_sent_keeps_it_back(change, deliver):
    shop_rates()
    client = guests()
    left(client)
    abandonment.remind()
    deliver()
    change(client)
    assert send(deliver) == []
    assert Notification.objects.get(kind="cart_recovery").status == "dead"


# The way back


def test_the_link_opens_a_guests_cart_for_whoever_has_it():
    client = guests()
    cart = left(client)
    back = ApiClient().post("/cart/restore/", {"token": reminder_links.restore_token(cart.pk)})
    assert (back.json()["id"], back["X-Cart-Token"], back.json()["item_count"]) == (str(cart.pk), str(cart.token), 2)
    Cart.objects.filter(pk=cart.pk).update(shipping_address=ADDRESS)
    user = UserFactory()
    merged = ApiClient(user).post("/cart/restore/", {"token": reminder_links.restore_token(cart.pk)})
    assert (merged.json()["token"], merged.json()["item_count"]) == (None, 2)
    assert Cart.objects.get(user=user).status == "open"


def test_a_customers_cart_is_opened_by_its_customer_alone():
    client = customers()
    token = reminder_links.restore_token(left(client).pk)
    assert client.post("/cart/restore/", {"token": token}).json()["item_count"] == 1
    assert code(ApiClient().post("/cart/restore/", {"token": token})) == (401, "authentication_required")
    assert code(ApiClient(UserFactory()).post("/cart/restore/", {"token": token})) == (404, "not_found")


def test_a_link_that_is_too_old_ordered_or_forged_opens_nothing():
    shop_rates()
    client, order = place(sellable())
    ordered = reminder_links.restore_token(order.cart_id)
    assert code(ApiClient().post("/cart/restore/", {"token": ordered})) == (410, "token_expired")
    token = reminder_links.restore_token(left(guests()).pk)
    for forged in (token[:-1], f"x{token}", reminder_links.unsubscribe_token(order.cart), "x"):
        assert code(ApiClient().post("/cart/restore/", {"token": forged})) == (400, "validation_error")
    with time_machine.travel(timezone.now() + timedelta(days=31), tick=False):
        assert code(ApiClient().post("/cart/restore/", {"token": token})) == (410, "token_expired")
    assert client.headers["X-Cart-Token"]


# The way out


def test_one_click_of_a_mail_program_ends_a_guests_reminders_everywhere():
    carts = [left(guests()) for _ in range(2)]
    other = left(guests(email="other@example.com"))
    path = f"/api/v1/cart/unsubscribe/{reminder_links.unsubscribe_token(carts[0])}/"
    form = {"data": "List-Unsubscribe=One-Click", "content_type": "application/x-www-form-urlencoded"}
    for _ in range(2):
        answer = Client().post(path, **form)
        assert (answer.status_code, answer.json()) == (200, {"unsubscribed": True})
    agreed = Cart.objects.filter(marketing_consent_at__isnull=False).values_list("pk", flat=True)
    assert list(agreed) == [other.pk]
    assert Event.objects.filter(type="cart.consent_withdrawn").count() == 1
    assert abandonment.remind() == 1


def test_a_customers_click_changes_the_preference_and_a_forged_one_nothing():
    cart = left(customers(email="ada@example.com"))
    token = reminder_links.unsubscribe_token(cart)
    for forged in (token[:-1], f"c{token[1:]}", reminder_links.restore_token(cart.pk), "x"):
        assert code(ApiClient().post(f"/cart/unsubscribe/{forged}/")) == (404, "not_found")
    assert UserProfile.objects.get(user=cart.user).marketing_email is True
    assert ApiClient().post(f"/cart/unsubscribe/{token}/").json() == {"unsubscribed": True}
    assert UserProfile.objects.get(user=cart.user).marketing_email is False
    assert Event.objects.filter(type="user.consent_changed").count() == 1
    assert code(ApiClient().get(f"/cart/unsubscribe/{token}/")) == (405, "method_not_allowed")


def test_unsubscribing_works_when_the_cart_is_gone():
    cart = left(guests())
    token = reminder_links.unsubscribe_token(cart)
    Cart.objects.all().delete()
    assert ApiClient().post(f"/cart/unsubscribe/{token}/").json() == {"unsubscribed": True}


# The end


def test_forgotten_carts_are_deleted_but_never_one_that_became_an_order(settings):
    shop_rates()
    settings.CART_HOLD_MINUTES = 60 * 24 * 365
    forgotten, fresh = guests(), guests()
    _, order = place(sellable())
    merged = Cart.objects.create(status="merged")
    old = timezone.now() - timedelta(days=91)
    Cart.objects.exclude(token=fresh.headers["X-Cart-Token"]).update(updated_at=old)
    assert sum(StockLevel.objects.values_list("reserved", flat=True)) == 5
    assert abandonment.delete_idle() == 2
    assert set(Cart.objects.values_list("pk", flat=True)) == {
        order.cart_id,
        Cart.objects.get(token=fresh.headers["X-Cart-Token"]).pk,
    }
    assert not Cart.objects.filter(pk=merged.pk).exists()
    assert sum(StockLevel.objects.values_list("reserved", flat=True)) == 3
    order.refresh_from_db()
    assert order.cart_id is not None
    assert forgotten.get("/cart/").json()["items"] == []


def test_a_cart_of_just_under_the_limit_stays(settings):
    settings.CART_EXPIRY_DAYS = 10
    left(guests(), hours=10 * 24 - 1)
    assert abandonment.delete_idle() == 0
    left(guests(), hours=10 * 24 + 1)
    assert abandonment.delete_idle() == 1
