"""What each mail says, taken from the rows as they are when it is sent."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from django.core import mail
from django.utils import timezone

from apps.notifications.models import Notification
from apps.notifications.services import content, sending
from apps.orders.models import Order
from apps.orders.services import transitions
from apps.orders.services.access import order_token
from apps.payments.models import Payment, Refund
from apps.users.models import EmailVerificationToken, PasswordResetToken, User
from apps.users.services import mailed_tokens
from tests.factories import UserFactory, sellable, shop_rates
from tests.notifications.steps import message, paid_order
from tests.orders.steps import place

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _shop(settings):
    settings.FRONTEND_URL = "https://shop.example/"
    shop_rates()


def send(row: Notification) -> mail.EmailMessage:
    assert sending.send(row.pk) == "sent", Notification.objects.get(pk=row.pk).last_error
    return mail.outbox[-1]


def order_mail(kind: str, order: Order, **data: str) -> str:
    return send(message(kind=kind, user=order.user, email=order.email, target_id=order.pk, data=data)).body


def guest_mail(kind: str, order: Order, **data: str) -> str:
    row = message(kind=kind, email=order.email, target_id=order.pk, data=data)
    Notification.objects.filter(pk=row.pk).update(user=None)
    return send(row).body


def lines(text: str) -> list[str]:
    return text.splitlines()


def test_the_verification_mail_holds_a_fresh_working_link():
    user = UserFactory(email_verified_at=None)
    text = send(message(kind="verification", user=user)).body
    (link,) = [line for line in lines(text) if "verify-email" in line]
    raw = link.removeprefix("https://shop.example/verify-email?token=")
    assert raw in lines(text)
    assert mailed_tokens.use_email_verification(raw) == (user, user.email)
    assert "work for 48 hours." in text


def test_the_reset_mail_holds_a_fresh_working_link():
    user = UserFactory()
    text = send(message(kind="password_reset", user=user)).body
    (link,) = [line for line in lines(text) if "reset-password" in line]
    raw = link.removeprefix("https://shop.example/reset-password?token=")
    assert mailed_tokens.holder_of_reset(raw) == user
    assert "work once, for 60 minutes." in text


def test_no_secret_waits_in_the_queue():
    user = UserFactory()
    row = message(kind="password_reset", user=user)
    raw = re.search(r"token=(\S+)", send(row).body)[1]
    row.refresh_from_db()
    assert raw not in str(vars(row))
    assert PasswordResetToken.objects.get().digest != raw


def test_the_newest_link_is_the_one_that_works():
    user = UserFactory()
    links = [re.search(r"token=(\S+)", send(message(kind="password_reset", user=user)).body)[1] for _ in range(2)]
    with pytest.raises(mailed_tokens.LinkInvalid):
        mailed_tokens.holder_of_reset(links[0])
    assert mailed_tokens.holder_of_reset(links[1]) == user


@pytest.mark.parametrize(
    ("kind", "longest"), [("verification", timedelta(hours=48)), ("password_reset", timedelta(minutes=60))]
)
def test_a_link_that_would_have_expired_by_now_is_not_sent(kind, longest):
    early, late = (message(kind=kind, user=UserFactory(email_verified_at=None)) for _ in range(2))
    with time_machine.travel(early.created_at + longest - timedelta(minutes=1)):
        assert sending.send(early.pk) == "sent"
    with time_machine.travel(late.created_at + longest + timedelta(minutes=1)):
        assert sending.send(late.pk) == "dead"
    late.refresh_from_db()
    assert late.last_error == "Undeliverable: older than its link would have been valid"
    assert len(mail.outbox) == 1


def test_an_order_mail_is_never_too_old():
    order = paid_order()
    row = message(kind="order_confirmation", email=order.email, target_id=order.pk)
    with time_machine.travel(timezone.now() + timedelta(days=300)):
        assert sending.send(row.pk) == "sent"


@pytest.mark.parametrize(
    ("kind", "change", "why"),
    [
        ("verification", {"email_verified_at": timezone.now()}, "the address is verified already"),
        ("verification", {"email": "new@example.com"}, "the account has another address now"),
        ("verification", {"is_active": False}, "the account is disabled"),
        ("password_reset", {"email": "new@example.com"}, "the account has another address now"),
        ("password_reset", {"is_active": False}, "the account is disabled"),
    ],
)
def test_a_link_that_nobody_should_have_any_more_is_neither_made_nor_sent(kind, change, why):
    row = message(kind=kind, user=UserFactory(email_verified_at=None))
    User.objects.update(**change)
    assert sending.send(row.pk) == "dead"
    row.refresh_from_db()
    assert row.last_error == f"Undeliverable: {why}"
    assert (mail.outbox, PasswordResetToken.objects.count(), EmailVerificationToken.objects.count()) == ([], 0, 0)


def test_account_mails_link_to_the_shop():
    user = UserFactory(first_name="Ada")
    welcome = send(message(kind="welcome", user=user)).body
    exists = send(message(kind="account_exists", user=user)).body
    assert "https://shop.example/" in lines(welcome)
    assert {"https://shop.example/login", "https://shop.example/forgot-password"} <= set(lines(exists))
    assert welcome.startswith("Hello Ada,\n")


def test_an_order_mail_shows_the_order_as_it_was_sold():
    user = UserFactory(first_name="Ada")
    order = paid_order(user=user, price="1250.50", options={"colour": "red", "size": "M"}, sku="TENT-RED-M")
    sent = send(message(kind="order_confirmation", user=user, email=order.email, target_id=order.pk))
    name = order.items.get().name
    assert sent.subject == f"Your Tradepost order {order.number} is confirmed"
    assert f"https://shop.example/orders/{order.pk}" in lines(sent.body)
    assert f"1 x {name}\n    M, red\n    $1,250.50 each, $1,250.50 in all (SKU TENT-RED-M)\n" in sent.body
    assert (
        "Subtotal       $1,250.50\nShipping           $0.00\nTax              $110.98\nTotal          $1,361.48\n"
    ) in sent.body
    assert "Alice Doe\n350 Fifth Avenue\nNEW YORK, NY 10118\nUNITED STATES\n\nShipping: Standard\n" in sent.body
    assert "Same as the delivery address" in sent.body
    assert re.search(r"Placed on \d{1,2} [A-Z][a-z]+ \d{4}, \d\d:\d\d UTC\nStatus: Confirmed\n", sent.body)
    assert "your payment" in sent.body


def test_a_discount_has_its_line():
    order = paid_order(price="20.00")
    Order.objects.filter(pk=order.pk).update(discount_total=Decimal("1.50"), total=order.total - Decimal("1.50"))
    assert "Discount          -$1.50\n" in guest_mail("order_confirmation", order)


def test_a_guests_link_holds_the_key_to_the_order():
    order = paid_order()
    text = guest_mail("order_confirmation", order)
    assert f"https://shop.example/orders/{order.pk}?token={order_token(order.pk)}" in lines(text)
    assert text.startswith("Hello Alice,\n")


def test_the_shipped_mail_names_its_parcel():
    order = paid_order()
    transitions.transition(
        order_id=order.pk, to="shipped", carrier="UPS", tracking_number="1Z9", tracking_url="https://ups.example/1Z9"
    )
    text = guest_mail("order_shipped", order, shipment_id=str(order.shipments.get().pk))
    assert "your parcel has left us with UPS." in text
    assert "Tracking number: 1Z9" in lines(text)
    assert "https://ups.example/1Z9" in lines(text)
    assert "Status: Shipped" in lines(text)


def test_a_parcel_of_another_order_is_never_shown():
    other, order = paid_order(), paid_order()
    transitions.transition(order_id=other.pk, to="shipped", carrier="UPS", tracking_number="1Z9")
    text = guest_mail("order_shipped", order, shipment_id=str(other.shipments.get().pk))
    assert "1Z9" not in text
    assert "your parcel has left us.\n" in text


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ({"by": "buyer", "reason": "found it cheaper"}, "Reason: You asked us to cancel the order."),
        ({"by": "system", "reason": "not paid in time"}, "Reason: We did not receive the payment in time."),
        ({"by": "staff", "reason": "smells of fraud"}, None),
        ({}, None),
    ],
)
def test_a_cancellation_gives_a_reason_that_is_fit_for_the_buyer(data, line):
    _, order = place(sellable())
    text = guest_mail("order_cancelled", order, **data)
    assert [each for each in lines(text) if each.startswith("Reason")] == ([line] if line else [])


@pytest.mark.parametrize(
    ("captured", "refunds", "line"),
    [
        ("0", [], None),
        ("24.00", [], "Refund: We are refunding $24.00 to the way you paid. Banks take 5 to 10 days to show it."),
        ("24.00", [("24.00", "requested")], "Refund: We are refunding $24.00 to the way you paid."),
        ("24.00", [("4.00", "succeeded")], "Refund: We are refunding $20.00 to the way you paid."),
        ("24.00", [("4.00", "succeeded"), ("20.00", "succeeded")], "Refund: We have refunded $24.00."),
    ],
)
def test_a_cancellation_says_what_becomes_of_the_money(captured, refunds, line):
    _, order = place(sellable())
    payment = Payment.objects.create(
        order=order,
        provider="stripe",
        status="succeeded",
        amount=order.total,
        authorised=captured,
        captured=captured,
        currency="USD",
    )
    for amount, status in refunds:
        Refund.objects.create(payment=payment, amount=amount, status=status, next_attempt_at=timezone.now())
    told = [each for each in lines(guest_mail("order_cancelled", order)) if each.startswith("Refund")]
    assert len(told) == (0 if line is None else 1)
    assert not line or told[0].startswith(line)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"kind": "welcome", "user": None}, "it belongs to no account"),
        ({"kind": "order_delivered", "target_id": None}, "its order does not exist"),
        ({"kind": "order_delivered", "target_id": "0199f3a2-7c1e-7d3a-9a55-6f1c2d3e4f50"}, "its order does not exist"),
    ],
)
def test_a_message_about_nothing_is_dropped(fields, why):
    row = message()
    Notification.objects.filter(pk=row.pk).update(**fields)
    assert sending.send(row.pk) == "dead"
    row.refresh_from_db()
    assert (row.last_error, mail.outbox) == (f"Undeliverable: {why}", [])


@pytest.mark.parametrize(("kind", "page"), [("verification", "verify-email"), ("password_reset", "reset-password")])
def test_a_preview_shows_a_sample_link_and_issues_none(kind, page):
    row = message(kind=kind, user=UserFactory())
    sent = content.preview(row)
    assert f"https://shop.example/{page}?token=sample-token" in lines(sent.text)
    assert (PasswordResetToken.objects.count(), EmailVerificationToken.objects.count()) == (0, 0)


def test_a_preview_does_not_open_a_guests_order():
    order = paid_order()
    row = message(kind="order_confirmation", email=order.email, target_id=order.pk)
    text = content.preview(row).text
    assert f"https://shop.example/orders/{order.pk}?token=sample-token" in lines(text)
    assert order_token(order.pk) not in text
