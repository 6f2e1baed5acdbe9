"""News of a payment, whatever its age and order, ends in the one true state."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.common.models import Event
from apps.orders.models import Order
from apps.orders.services import lifecycle
from apps.payments.gateways.base import ProviderPayment
from apps.payments.gateways.registry import gateway
from apps.payments.models import Payment, Refund
from apps.payments.services import intents, settlement
from apps.payments.tasks import process_pending_payments
from tests.client import code
from tests.factories import shop_rates
from tests.payments.ledger import assert_books_agree, at_stripe, confirm, intent_for, order_to_pay
from tests.payments.test_webhooks import paid_in_the_browser

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _shop(stripe) -> None:
    shop_rates()


def waiting() -> tuple[Any, Order, Payment]:
    client, order = order_to_pay()
    intent_for(client, order)
    return client, order, Payment.objects.get()


def told(payment: Payment, state: str, **news: Any) -> ProviderPayment:
    """News as the gateway would bring them."""
    facts = {"reference": payment.provider_reference, "amount": 5988, "received": 0, "currency": "USD"}
    return ProviderPayment(state=state, **facts | news)  # type: ignore[arg-type]


def test_old_news_of_a_cancelled_payment_do_not_open_it_again():
    _, _, payment = waiting()
    old = gateway("stripe").retrieve(payment.provider_reference)
    settlement.settle(payment_id=payment.pk, state=gateway("stripe").cancel(payment.provider_reference))
    settlement.settle(payment_id=payment.pk, state=old)
    payment.refresh_from_db()
    assert (payment.status, payment.next_check_at) == ("cancelled", None)


@pytest.mark.parametrize("state", ["created", "requires_action", "processing", "failed", "cancelled"])
def test_old_news_of_a_paid_payment_change_nothing(stripe, state):
    client, order, payment = waiting()
    confirm(client, str(payment.pk))
    settlement.settle(payment_id=payment.pk, state=told(payment, state, failure_code="expired_card"))
    payment.refresh_from_db()
    order.refresh_from_db()
    assert (payment.status, payment.failure_code, order.payment_status) == ("succeeded", "", "paid")
    assert Event.objects.filter(type="payment.failed").count() == 0


def test_a_second_payment_of_a_paid_order_goes_back(stripe):
    """Our own rules let no second one begin; should it happen all the same, nobody pays twice."""
    client, order, first = waiting()
    confirm(client, str(first.pk))
    surplus = Payment.objects.create(order=order, provider="stripe", amount=order.total, currency="USD")
    reference = intents.open_at_provider(surplus, order_number=order.number).reference
    paid = gateway("stripe").confirm(reference, payment_method="pm_card_visa", return_url="https://shop.example/")
    assert settlement.settle(payment_id=surplus.pk, state=paid).refunded == order.total
    assert process_pending_payments()["refunds"] == 1
    order.refresh_from_db()
    assert (order.status, order.payment_status) == ("confirmed", "paid")
    assert Event.objects.filter(type="order.confirmed").count() == 1
    assert [(row.payment_id, row.amount, row.status) for row in Refund.objects.all()] == [
        (surplus.pk, order.total, "succeeded")
    ]
    assert_books_agree(stripe)


def test_a_cancelled_intent_is_replaced_by_a_new_one(stripe):
    client, order, payment = waiting()
    gateway("stripe").cancel(payment.provider_reference)
    again = intent_for(client, order)
    assert again["id"] != str(payment.pk)
    assert sorted(Payment.objects.values_list("status", flat=True)) == ["cancelled", "created"]
    assert confirm(client, again["id"]).json()["order"]["status"] == "confirmed"
    assert_books_agree(stripe)


def test_asking_for_an_intent_finds_out_that_the_order_is_paid_already(stripe):
    client, order = paid_in_the_browser(stripe)
    response = client.post("/payments/create-intent/", {"order": str(order.pk), "provider": "stripe"})
    assert code(response) == (409, "invalid_transition")
    order.refresh_from_db()
    assert (order.status, Payment.objects.count()) == ("confirmed", 1)


def test_confirming_what_was_cancelled_at_the_provider_is_refused():
    client, order, payment = waiting()
    gateway("stripe").cancel(payment.provider_reference)
    assert code(confirm(client, str(payment.pk))) == (409, "invalid_transition")
    assert code(confirm(client, str(payment.pk), card=None)) == (409, "invalid_transition")
    order.refresh_from_db()
    assert (Payment.objects.get().status, order.status) == ("cancelled", "pending")


def test_of_two_intents_for_one_payment_the_first_counts(stripe):
    client, order = order_to_pay()
    first, _ = intents._open_payment(order_id=order.pk, provider="stripe")
    late = Payment.objects.get()
    state = intents.open_at_provider(first, order_number=order.number)
    late.key_attempt = 1
    assert intents.open_at_provider(late, order_number=order.number).reference == state.reference
    assert Payment.objects.get().provider_reference == late.provider_reference == state.reference
    assert confirm(client, str(first.pk)).status_code == 200
    assert [each["status"] for each in at_stripe(stripe, "charge")] == ["succeeded"]


@pytest.mark.parametrize(
    "lie",
    [{"amount": 5987, "received": 5987}, {"received": 5987}, {"currency": "EUR", "received": 5988}],
)
def test_money_that_is_not_the_orders_confirms_nothing(lie):
    _, order, payment = waiting()
    for _ in range(2):
        with pytest.raises(settlement.PaymentMismatch):
            settlement.settle(payment_id=payment.pk, state=told(payment, "succeeded", **lie))
    order.refresh_from_db()
    payment.refresh_from_db()
    assert (order.status, order.payment_status) == ("pending", "unpaid")
    assert (payment.status, payment.captured, payment.failure_code) == ("created", 0, "payment_mismatch")
    assert payment.next_check_at > timezone.now() + timedelta(minutes=59)
    [event] = Event.objects.filter(type="payment.mismatch")
    assert event.data["provider_received"] == lie["received"]


def test_a_mismatched_payment_can_still_be_given_up(stripe, deliver):
    _, order, payment = waiting()
    Payment.objects.update(amount=order.total + 1)
    lifecycle.cancel(order_id=order.pk)
    deliver()
    assert process_pending_payments()["payments"] == 1
    payment.refresh_from_db()
    assert (payment.status, payment.next_check_at) == ("cancelled", None)
    assert [intent["status"] for intent in at_stripe(stripe, "payment_intent")] == ["canceled"]


@pytest.mark.parametrize(
    ("age", "order_status", "state", "minutes"),
    [
        (0, "pending", "created", 1),
        (3, "pending", "failed", 3),
        (29, "pending", "requires_action", 5),
        (31, "cancelled", "created", 1),
        (31, "cancelled", "processing", 31),
        (5000, "cancelled", "processing", 60),
    ],
)
def test_an_open_payment_is_asked_after_until_it_has_ended(age, order_status, state, minutes):
    _, _, payment = waiting()
    Order.objects.update(status=order_status)
    Payment.objects.update(created_at=timezone.now() - timedelta(minutes=age), checks=500)
    payment = settlement.settle(payment_id=payment.pk, state=told(payment, state))
    assert abs(payment.next_check_at - timezone.now() - timedelta(minutes=minutes)) < timedelta(seconds=5)


def test_any_number_of_declines_leaves_the_payment_watched(stripe):
    client, order, payment = waiting()
    for _ in range(13):
        assert code(confirm(client, str(payment.pk), "pm_card_chargeDeclined")) == (402, "payment_declined")
    gateway("stripe").confirm(
        payment.provider_reference, payment_method="pm_card_visa", return_url="https://shop.example/"
    )
    Payment.objects.update(next_check_at=Payment.objects.get().next_check_at - timedelta(minutes=5))
    assert process_pending_payments()["payments"] == 1
    order.refresh_from_db()
    assert order.status == "confirmed"
    assert_books_agree(stripe)
