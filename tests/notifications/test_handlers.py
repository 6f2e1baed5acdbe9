"""Which event asks for which message, once per cause."""

from datetime import UTC, datetime

import pytest
import time_machine
from django.contrib.auth.models import AnonymousUser
from django.db import transaction

from apps.common.context import request_context
from apps.common.events import record
from apps.common.models import EventDelivery
from apps.notifications.models import Notification
from apps.orders.models import Invoice, Order, Shipment
from apps.orders.services import lifecycle, transitions
from tests.factories import UserFactory, sellable, shop_rates
from tests.notifications.steps import paid_order
from tests.orders.steps import place

pytestmark = pytest.mark.django_db


def happen(event_type, target, actor=None, **data):
    with request_context("req-7"), transaction.atomic():
        return record(event_type, target=target, actor=actor, data=data)


def queued():
    return list(Notification.objects.order_by("id").values_list("kind", "email", "user_id", "target_id", "dedupe_key"))


@pytest.mark.parametrize(
    ("event_type", "kind"),
    [("user.email_verification_requested", "verification"), ("user.password_reset_requested", "password_reset")],
)
def test_each_request_for_a_link_is_a_mail_of_its_own(deliver, event_type, kind):
    user = UserFactory()
    first, second = happen(event_type, user), happen(event_type, user)
    deliver()
    assert queued() == [
        (kind, user.email, user.pk, None, f"{kind}:{first.pk}"),
        (kind, user.email, user.pk, None, f"{kind}:{second.pk}"),
    ]


def test_welcome_comes_once_in_the_life_of_an_account(deliver):
    user, other = UserFactory(), UserFactory()
    for person in (user, user, other):
        happen("user.email_verified", person)
    deliver()
    assert queued() == [
        ("welcome", user.email, user.pk, None, f"welcome:{user.pk}"),
        ("welcome", other.email, other.pk, None, f"welcome:{other.pk}"),
    ]


def test_registering_a_known_address_again_mails_its_owner_once_a_day(deliver):
    user = UserFactory()
    for moment in ("2026-11-20 08:00", "2026-11-20 23:59", "2026-11-21 00:01"):
        with time_machine.travel(datetime.fromisoformat(moment).replace(tzinfo=UTC), tick=False):
            happen("user.account_exists", user, AnonymousUser())
            deliver()
    assert queued() == [
        ("account_exists", user.email, user.pk, None, f"account_exists:{user.pk}:2026-11-20"),
        ("account_exists", user.email, user.pk, None, f"account_exists:{user.pk}:2026-11-21"),
    ]


def test_a_disabled_account_is_not_written_to(deliver):
    happen("user.password_reset_requested", UserFactory(is_active=False))
    deliver()
    assert queued() == []


def test_an_order_is_told_about_at_each_of_its_steps(deliver):
    shop_rates()
    user = UserFactory()
    order = paid_order(user=user)
    transitions.transition(order_id=order.pk, to="shipped", carrier="UPS")
    transitions.transition(order_id=order.pk, to="delivered")
    deliver()
    shipment = Shipment.objects.get()
    assert queued() == [
        ("order_confirmation", user.email, user.pk, order.pk, f"order_confirmation:{order.pk}"),
        ("order_shipped", user.email, user.pk, order.pk, f"order_shipped:{shipment.pk}"),
        ("order_delivered", user.email, user.pk, order.pk, f"order_delivered:{order.pk}"),
        ("invoice", user.email, user.pk, order.pk, f"invoice:{Invoice.objects.get().pk}"),
    ]
    assert Notification.objects.get(kind="order_shipped").data == {"shipment_id": str(shipment.pk)}


def test_placing_an_order_alone_mails_nothing(deliver):
    shop_rates()
    place(sellable())
    deliver()
    assert queued() == []


@pytest.mark.parametrize(("who", "by"), [("buyer", "buyer"), ("guest", "buyer"), ("staff", "staff"), (None, "system")])
def test_a_cancellation_knows_who_asked_for_it(deliver, who, by):
    shop_rates()
    buyer = UserFactory()
    _, order = place(sellable(), user=None if who == "guest" else buyer)
    actor = {"buyer": buyer, "guest": AnonymousUser(), "staff": UserFactory(is_staff=True), None: None}[who]
    lifecycle.cancel(order_id=order.pk, actor=actor, reason="why not")
    deliver()
    message = Notification.objects.get()
    assert (message.kind, message.data) == ("order_cancelled", {"reason": "why not", "by": by})
    assert message.dedupe_key == f"order_cancelled:{order.pk}"


def test_a_guest_is_written_to_at_the_address_of_the_order(deliver):
    shop_rates()
    order = paid_order()
    deliver()
    assert queued() == [
        ("order_confirmation", "guest@example.com", None, order.pk, f"order_confirmation:{order.pk}"),
        ("invoice", "guest@example.com", None, order.pk, f"invoice:{Invoice.objects.get().pk}"),
    ]


def test_a_message_keeps_the_request_that_caused_it(deliver):
    happen("user.email_verified", UserFactory())
    deliver()
    assert Notification.objects.get().request_id == "req-7"


def test_an_event_of_an_order_that_is_gone_stays_visible_as_a_failed_delivery(deliver):
    happen("order.confirmed", Order())
    deliver()
    failed = EventDelivery.objects.get(handler__startswith="apps.notifications")
    assert (failed.status, failed.attempts) == ("pending", 1)
    assert failed.last_error.startswith("DoesNotExist")
    assert queued() == []
