"""Unpaid orders that run out and paid ones that should have left: told once, listed, mailed."""

from datetime import timedelta

import pytest
from django.core import mail
from django.db import transaction
from django.utils import timezone

from apps.common.models import Event
from apps.notifications.models import Notification
from apps.notifications.services import sending
from apps.orders.models import Order
from apps.orders.services import deadlines, desk, lifecycle
from apps.orders.tasks import note_late_orders, warn_unpaid_orders
from tests.factories import UserFactory, sellable, shop_rates
from tests.orders.steps import place
from tests.orders.test_admin_orders import admin_with
from tests.orders.test_api_orders import pay, staff_client

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _rates() -> None:
    shop_rates()


def unpaid(*, placed: timedelta, left: timedelta) -> Order:
    """An unpaid order that was placed so long ago and ends in so long."""
    _, order = place(sellable())
    now = timezone.now()
    Order.objects.filter(pk=order.pk).update(placed_at=now - placed, expires_at=now + left)
    return order


def paid(hours: float) -> Order:
    """An order that was paid so long ago."""
    _, order = place(sellable())
    pay(order)
    Order.objects.filter(pk=order.pk).update(confirmed_at=timezone.now() - timedelta(hours=hours))
    return order


def events(kind: str) -> list[str]:
    return list(Event.objects.filter(type=kind).order_by("id").values_list("data__number", flat=True))


@pytest.mark.parametrize(
    ("placed", "left", "warned"),
    [
        (timedelta(days=6), timedelta(hours=23, minutes=59), True),
        (timedelta(days=6), timedelta(hours=24, minutes=1), False),
        (timedelta(minutes=21), timedelta(minutes=9), True),
        (timedelta(minutes=19), timedelta(minutes=11), False),
        (timedelta(minutes=30), timedelta(seconds=-1), False),
    ],
)
def test_the_buyer_is_warned_before_the_end_and_not_too_early(placed, left, warned):
    order = unpaid(placed=placed, left=left)
    assert deadlines.warn_of_expiry() == warned
    assert events("order.expiring") == ([order.number] if warned else [])


def test_the_warning_is_mailed_once_and_says_until_when(deliver):
    order = unpaid(placed=timedelta(days=6), left=timedelta(hours=5))
    assert [warn_unpaid_orders() for _ in range(2)] == [1, 0]
    deliver()
    sending.send_due()
    [sent] = [each for each in mail.outbox if "waits for your payment" in each.subject]
    order.refresh_from_db()
    assert f"{order.expires_at:%H:%M} UTC" in sent.body
    assert sent.to == [order.email]


def test_an_order_that_was_paid_meanwhile_is_not_warned_of(deliver):
    order = unpaid(placed=timedelta(days=6), left=timedelta(hours=5))
    warn_unpaid_orders()
    pay(order)
    deliver()
    sending.send_due()
    assert not [each for each in mail.outbox if "waits for your payment" in each.subject]


def test_more_time_makes_room_for_another_warning():
    order = unpaid(placed=timedelta(days=6), left=timedelta(hours=5))
    warn_unpaid_orders()
    with transaction.atomic():
        lifecycle.hold_until(order=Order.objects.lock().get(pk=order.pk), until=timezone.now() + timedelta(days=7))
    assert warn_unpaid_orders() == 0
    Order.objects.update(expires_at=timezone.now() + timedelta(hours=1))
    assert warn_unpaid_orders() == 1


def test_warnings_can_be_switched_off(settings):
    settings.UNPAID_WARNING_HOURS = 0
    unpaid(placed=timedelta(days=6), left=timedelta(hours=5))
    assert warn_unpaid_orders() == 0


def test_a_paid_order_that_has_not_left_is_late_once(settings):
    settings.SLA_SHIP_HOURS = 24
    late, fresh = paid(24.1), paid(23.9)
    assert [note_late_orders() for _ in range(2)] == [1, 0]
    assert events("order.late") == [late.number]
    late.refresh_from_db()
    fresh.refresh_from_db()
    assert (late.late_at is not None, fresh.late_at) == (True, None)
    timeline = staff_client("view_order").get(f"/admin/orders/{late.pk}/timeline/").json()["results"]
    assert [row["event"] for row in timeline if row["kind"] == "desk"] == ["order.late"]


def test_held_refunded_and_shipped_orders_are_not_late(settings):
    settings.SLA_SHIP_HOURS = 24
    held, refunded, shipped = paid(30), paid(30), paid(30)
    desk.hold(order_id=held.pk, reason="Address")
    Order.objects.filter(pk=refunded.pk).update(payment_status="refunded")
    Order.objects.filter(pk=shipped.pk).update(status="shipped")
    assert note_late_orders() == 0
    desk.release(order_id=held.pk)
    assert note_late_orders() == 1


def test_staff_list_what_is_late_and_get_one_mail_of_it(settings, deliver):
    settings.SLA_SHIP_HOURS = 24
    chief = UserFactory(email="chief@example.com", is_staff=True, is_superuser=True)
    first, second, fresh = paid(72), paid(30), paid(1)
    note_late_orders()
    deliver()
    assert Notification.objects.filter(kind="late_orders", user=chief).count() == 1
    sending.send_due()
    [sent] = [each for each in mail.outbox if each.to == ["chief@example.com"]]
    assert sent.subject == "2 late orders at Tradepost"
    assert sent.body.index(first.number) < sent.body.index(second.number)
    assert fresh.number not in sent.body
    staff = staff_client("view_order")
    listed = staff.get("/admin/orders/", {"late": "true"}).json()["results"]
    assert [row["number"] for row in listed] == [second.number, first.number]
    assert [row["number"] for row in staff.get("/admin/orders/", {"late": "false"}).json()["results"]] == [fresh.number]
    page = admin_with("view_order").get("/admin/orders/order/", {"late": "yes"}).content.decode()
    assert (first.number in page, fresh.number in page) == (True, False)
    Order.objects.filter(pk=first.pk).update(status="shipped")
    listed = staff.get("/admin/orders/", {"late": "true"}).json()["results"]
    assert [row["number"] for row in listed] == [second.number]
