"""Staff, banks and shoppers at the same moment: money is taken or let go, refunded or disputed, never both."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from apps.common.models import Event
from apps.orders.models import Order
from apps.payments.gateways.registry import gateway
from apps.payments.models import Dispute, Payment, ReconciliationBreak, RiskReview
from apps.payments.services import captures, disputes, reconciliation, refunds, risk
from apps.payments.tasks import process_pending_payments, process_refund
from tests.factories import UserFactory, shop_rates
from tests.payments.ledger import assert_books_agree, at_stripe, confirm, intent_for, order_to_pay
from tests.races.threads import together

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 5


@pytest.fixture(autouse=True)
def _shop(stripe) -> None:
    shop_rates()


def bought() -> Payment:
    client, order = order_to_pay()
    assert confirm(client, intent_for(client, order)["id"]).status_code == 200
    return Payment.objects.select_related("order").get(order=order)


def names(results: list[Any]) -> list[str]:
    return [type(each).__name__ for each in results]


def test_capture_against_void_takes_the_money_or_lets_it_go_never_both(stripe, settings):
    settings.PAYMENT_CAPTURE = "manual"
    ends: Counter[tuple[str, str]] = Counter()
    for _ in range(ROUNDS):
        payment = bought()
        done = together(
            [lambda p=payment: captures.capture(payment_id=p.pk), lambda p=payment: captures.void(payment_id=p.pk)] * 2
        )
        process_pending_payments()
        payment.refresh_from_db()
        payment.order.refresh_from_db()
        [charge] = [row for row in at_stripe(stripe, "charge") if row["payment_intent"] == payment.provider_reference]
        if payment.status == "succeeded":
            assert (payment.captured, charge["amount_captured"], payment.order.payment_status) == (
                payment.order.total,
                5988,
                "paid",
            )
        else:
            assert (payment.status, payment.captured, charge["amount_captured"]) == ("cancelled", 0, 0)
            assert (payment.order.payment_status, payment.order.held_at is not None) == ("unpaid", True)
        assert set(names(done)) <= {"Payment", "NotAuthorised", "UpstreamFailed"}
        ends[payment.status, payment.order.payment_status] += 1
    print(f"\ncapture against void, {ROUNDS} rounds of 4 calls: {dict(ends)}; never both")
    assert_books_agree(stripe)


def test_refund_against_dispute_never_gives_more_back_than_was_taken(stripe):
    ends: Counter[str] = Counter()
    for _ in range(ROUNDS):
        payment = bought()
        case = stripe.control("POST", "disputes", {"payment_intent": payment.provider_reference})["id"]
        together(
            [
                lambda p=payment: refunds.request_refund(payment_id=p.pk),
                lambda c=case: disputes.follow(provider="stripe", reference=c),
            ]
            * 3
        )
        for refund in payment.refunds.all():
            process_refund(str(refund.pk))
        payment.refresh_from_db()
        payment.order.refresh_from_db()
        assert (payment.refunded, payment.disputed) == (0, payment.captured)
        assert payment.order.payment_status == "disputed"
        ends[",".join(payment.refunds.values_list("status", flat=True)) or "not taken"] += 1
    print(
        f"\nrefund against dispute, {ROUNDS} rounds of 6 calls: refunds {dict(ends)}; the money was disputed once each"
    )
    assert Dispute.objects.count() == ROUNDS
    assert at_stripe(stripe, "refund") == []


def test_partial_refunds_at_once_never_exceed_what_was_captured(stripe):
    payment = bought()
    part = payment.captured / 4
    results = together([lambda: refunds.request_refund(payment_id=payment.pk, amount=part)] * 12)
    assert Counter(names(results)) == {"Refund": 4, "ExceedsRefundable": 8}
    together([lambda r=refund: process_refund(str(r.pk)) for refund in payment.refunds.all()] * 2)
    payment.refresh_from_db()
    assert payment.refunded == payment.captured
    print(f"\n12 refunds of a quarter at once: {dict(Counter(names(results)))}")
    assert_books_agree(stripe)


def test_approve_against_reject_decides_once(stripe):
    ends: Counter[str] = Counter()
    staff = UserFactory(is_staff=True)
    for _ in range(ROUNDS):
        payment = bought()
        review = RiskReview.objects.create(order=payment.order, payment=payment, status="pending", score=70)
        results = together(
            [
                lambda r=review: risk.approve(review_id=r.pk, actor=staff),
                lambda r=review: risk.reject(review_id=r.pk, actor=staff),
            ]
            * 2
        )
        assert Counter(names(results)) == {"RiskReview": 1, "ReviewClosed": 3}
        review.refresh_from_db()
        order = Order.objects.get(pk=payment.order_id)
        assert (review.status, order.status) in (("approved", "confirmed"), ("rejected", "cancelled"))
        ends[review.status] += 1
    print(f"\napprove against reject, {ROUNDS} rounds of 4 calls: {dict(ends)}")


def test_four_comparisons_at_once_file_each_break_once(stripe, monkeypatch):
    monkeypatch.setattr(reconciliation, "GRACE", timedelta(seconds=-60))
    for _ in range(3):
        client, order = order_to_pay()
        intent_for(client, order)
        reference = Payment.objects.get(order=order).provider_reference
        gateway("stripe").confirm(reference, payment_method="pm_card_visa", return_url="https://x.example/")
    runs = [reconciliation.begin(provider="stripe").pk for _ in range(4)]
    done = together([lambda r=run: reconciliation.carry_out(r) for run in runs] + [process_pending_payments])
    kinds = Counter(run.status for run in done[:4])
    assert kinds == {"succeeded": 4}
    filed = ReconciliationBreak.objects.count()
    assert filed <= 3
    assert sum(run.new_breaks for run in done[:4]) == filed
    assert Event.objects.filter(type="order.confirmed").count() == 3
    print(f"\n4 comparisons and a sweep over 3 lost messages: {filed} filed, 3 orders confirmed once each")
    assert_books_agree(stripe)
