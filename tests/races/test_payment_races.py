"""Payments at the same time, with real connections and a real (stand-in) Stripe."""

import json
from collections import Counter
from decimal import Decimal

import pytest
from django.db import connection, transaction

from apps.common.models import Event
from apps.orders.models import Order
from apps.orders.services import lifecycle
from apps.payments.gateways.registry import gateway
from apps.payments.models import Payment, Refund, WebhookEvent
from apps.payments.services import ledger, refunds, settlement
from apps.payments.tasks import process_pending_payments, process_refund, process_webhook_event
from apps.products.models import StockLevel
from tests.factories import shop_rates
from tests.payments.ledger import assert_books_agree, at_stripe, confirm, intent_for, order_to_pay
from tests.payments.test_webhooks import events_of, paid_in_the_browser, send
from tests.races.threads import together

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _shop(stripe) -> None:
    shop_rates()


def test_ten_intents_at_once_are_one(stripe):
    client, order = order_to_pay()
    body = {"order": str(order.pk), "provider": "stripe"}
    answers = together([lambda: client.post("/payments/create-intent/", body).json().get("id") for _ in range(10)])
    assert Payment.objects.count() == len(at_stripe(stripe, "payment_intent")) == 1
    assert set(answers) - {None} == {str(Payment.objects.get().pk)}


def test_a_double_click_on_pay_charges_once(stripe):
    client, order = order_to_pay()
    payment = intent_for(client, order)["id"]
    together([lambda: confirm(client, payment).status_code for _ in range(6)])
    assert confirm(client, payment).json()["order"]["status"] == "confirmed"
    assert [charge["status"] for charge in at_stripe(stripe, "charge")] == ["succeeded"]
    assert Event.objects.filter(type="order.confirmed").count() == 1
    assert StockLevel.objects.get().on_hand == 4
    assert_books_agree(stripe)


def test_twenty_deliveries_of_one_event_in_twenty_threads_settle_once(stripe):
    _, order = paid_in_the_browser(stripe)
    [event] = events_of(stripe, "payment_intent.succeeded")
    body = json.dumps(event).encode()
    assert together([lambda: send(body).status_code for _ in range(20)]) == [200] * 20
    assert WebhookEvent.objects.count() == 1
    together([lambda: process_webhook_event(event["id"], "stripe") for _ in range(10)])
    order.refresh_from_db()
    assert (order.status, Payment.objects.get().captured) == ("confirmed", order.total)
    assert Event.objects.filter(type__in=["payment.succeeded", "order.confirmed"]).count() == 2
    assert_books_agree(stripe)


def test_client_webhook_and_sweep_at_once_settle_once(stripe):
    client, order = paid_in_the_browser(stripe)
    payment = str(Payment.objects.get().pk)
    [event] = events_of(stripe, "payment_intent.succeeded")
    send(event)
    Payment.objects.update(next_check_at=order.placed_at)
    together(
        [
            lambda: confirm(client, payment, card=None),
            lambda: process_webhook_event(event["id"], "stripe"),
            process_pending_payments,
        ]
        * 3
    )
    order.refresh_from_db()
    assert order.status == "confirmed"
    assert Event.objects.filter(type="order.confirmed").count() == 1
    assert_books_agree(stripe)


def test_without_the_locks_one_success_would_be_applied_several_times(stripe, monkeypatch):
    """Positive control: the same settlement, but look, wait, write, and a ledger that takes a fact twice."""
    paid_in_the_browser(stripe)
    payment = Payment.objects.get()
    state = gateway("stripe").retrieve(payment.provider_reference)

    def seen_without_locks(payment_id):
        seen = Payment.objects.select_related("order").get(pk=payment_id)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.3)")
        return seen

    monkeypatch.setattr(settlement, "locked", seen_without_locks)
    monkeypatch.setattr(ledger, "record", lambda **_: True)
    together([lambda: settlement.settle(payment_id=payment.pk, state=state)] * 4)
    assert Event.objects.filter(type="payment.succeeded", target_id=payment.pk).count() > 1


def test_with_the_locks_the_same_success_is_applied_once(stripe):
    _, order = paid_in_the_browser(stripe)
    payment = Payment.objects.get()
    state = gateway("stripe").retrieve(payment.provider_reference)
    results = together([lambda: settlement.settle(payment_id=payment.pk, state=state).status] * 8)
    assert results == ["succeeded"] * 8
    assert Event.objects.filter(type="payment.succeeded").count() == 1
    assert Event.objects.filter(type="order.confirmed", target_id=order.pk).count() == 1
    assert_books_agree(stripe)


def paid_payment(stripe) -> Payment:
    client, order = order_to_pay()
    assert confirm(client, intent_for(client, order)["id"]).status_code == 200
    return Payment.objects.get(order=order)


def test_of_ten_full_refunds_at_once_one_is_made(stripe):
    payment = paid_payment(stripe)
    results = together([lambda: refunds.request_refund(payment_id=payment.pk)] * 10)
    assert Counter(type(each).__name__ for each in results) == {"Refund": 1, "ExceedsRefundable": 9}
    refund_id = str(Refund.objects.get().pk)
    together([lambda: process_refund(refund_id)] * 10)
    assert [each["amount"] for each in at_stripe(stripe, "refund")] == [5988]
    payment.refresh_from_db()
    assert payment.refunded == payment.captured == Decimal("59.88")
    assert_books_agree(stripe)


def test_without_the_guard_two_refunds_would_both_be_taken(stripe):
    """Positive control: look, wait, write. Even then the table's check refuses to go below the capture."""
    payment = paid_payment(stripe)

    def naive() -> bool:
        with transaction.atomic():
            seen = Payment.objects.get(pk=payment.pk)
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_sleep(0.2)")
            if seen.refunded > 0:
                return False
            Refund.objects.create(payment=seen, amount=seen.captured, next_attempt_at=seen.created_at)
            Payment.objects.filter(pk=seen.pk).update(refunded=seen.captured)
            return True

    assert together([naive] * 4).count(True) > 1
    assert Refund.objects.count() > 1


def test_payment_and_cancellation_at_the_same_moment_never_keep_money_without_an_order(stripe, deliver):
    for _ in range(5):
        client, order = order_to_pay()
        payment = intent_for(client, order)["id"]
        together([lambda c=client, p=payment: confirm(c, p), lambda o=order: lifecycle.cancel(order_id=o.pk)])
        deliver()
        process_pending_payments()
        process_pending_payments()
        order.refresh_from_db()
        row = Payment.objects.get(pk=payment)
        assert order.status == Order.Status.CANCELLED
        assert row.captured == row.refunded
        level = StockLevel.objects.get(variant=order.items.get().variant)
        assert (level.on_hand, level.reserved) == (5, 0)
    assert_books_agree(stripe)
