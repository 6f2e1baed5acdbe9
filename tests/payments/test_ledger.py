"""Facts of a payment may come late, twice and in any order: they add up to the same amounts and the same status."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.orders.models import Order
from apps.payments.gateways.base import ProviderRefund
from apps.payments.models import Payment, PaymentEvent
from apps.payments.services import ledger, refunds
from apps.payments.services.ledger import Amounts
from tests.client import code
from tests.factories import shop_rates
from tests.payments.ledger import order_to_pay
from tests.payments.test_refunds import paid, staff_client

D = Decimal
KINDS = PaymentEvent.Kind.values


@dataclass(frozen=True)
class Told:
    kind: str
    provider_reference: str
    amount: Decimal


def facts(*rows: tuple[str, str, str]) -> list[Told]:
    return [Told(kind, reference, D(amount)) for kind, reference, amount in rows]


AUTHORISED = ("authorised", "pi", "60")
CAPTURED = ("captured", "pi", "60")
REFUND, REFUND_BACK = ("refunded", "re_1", "20"), ("refund_failed", "re_1", "20")
DISPUTE, WON, LOST = ("dispute_opened", "dp", "30"), ("dispute_won", "dp", "30"), ("dispute_lost", "dp", "30")


@pytest.mark.parametrize(
    ("rows", "amounts", "status"),
    [
        ((), Amounts(), "unpaid"),
        ((AUTHORISED,), Amounts(authorised=D(60)), "authorised"),
        ((AUTHORISED, ("voided", "pi", "60")), Amounts(), "unpaid"),
        ((CAPTURED,), Amounts(D(60), D(60)), "paid"),
        ((AUTHORISED, ("captured", "pi", "40")), Amounts(D(60), D(40)), "partly_paid"),
        ((AUTHORISED, ("captured", "pi", "40"), ("voided", "pi", "20")), Amounts(D(40), D(40)), "partly_paid"),
        ((CAPTURED, REFUND), Amounts(D(60), D(60), D(20)), "partly_refunded"),
        ((CAPTURED, REFUND, ("refunded", "re_2", "40")), Amounts(D(60), D(60), D(60)), "refunded"),
        ((CAPTURED, REFUND, REFUND_BACK), Amounts(D(60), D(60)), "paid"),
        ((CAPTURED, REFUND_BACK), Amounts(D(60), D(60)), "paid"),
        ((REFUND,), Amounts(), "unpaid"),
        ((CAPTURED, DISPUTE), Amounts(D(60), D(60), disputed=D(30)), "disputed"),
        ((CAPTURED, DISPUTE, WON), Amounts(D(60), D(60)), "paid"),
        ((CAPTURED, DISPUTE, LOST), Amounts(D(60), D(60), charged_back=D(30)), "partly_refunded"),
        ((CAPTURED, ("dispute_lost", "dp", "60")), Amounts(D(60), D(60), charged_back=D(60)), "refunded"),
        ((CAPTURED, LOST, WON), Amounts(D(60), D(60)), "paid"),
        ((("captured", "a", "60"), ("captured", "b", "60")), Amounts(D(120), D(120)), "overpaid"),
        ((("captured", "a", "60"), ("captured", "b", "60"), REFUND), Amounts(D(120), D(120), D(20)), "overpaid"),
        ((("captured", "a", "20"),), Amounts(D(20), D(20)), "partly_paid"),
    ],
)
def test_facts_add_up(rows, amounts, status):
    assert ledger.amounts_of(facts(*rows)) == amounts
    assert ledger.status_of(ledger.amounts_of(facts(*rows)), total=D(60)) == status


def test_money_on_its_way_back_counts_as_refunded_but_a_surplus_shows_until_it_has_left():
    once = facts(CAPTURED)
    assert ledger.amounts_of(once, pending=D(60)) == Amounts(D(60), D(60), D(60), D(60))
    assert ledger.status_of(ledger.amounts_of(once, pending=D(60)), total=D(60)) == "refunded"
    assert ledger.status_of(ledger.amounts_of(once, pending=D(10)), total=D(60)) == "partly_refunded"
    twice = facts(CAPTURED, ("captured", "other", "60"))
    assert ledger.status_of(ledger.amounts_of(twice, pending=D(60)), total=D(60)) == "overpaid"
    back = [*twice, *facts(("refunded", "re_1", "60"))]
    assert ledger.status_of(ledger.amounts_of(back), total=D(60)) == "paid"


def test_a_declined_attempt_shows_until_money_comes():
    assert ledger.status_of(Amounts(), total=D(60), failed=True) == "failed"
    assert ledger.status_of(Amounts(authorised=D(60)), total=D(60), failed=True) == "authorised"


def test_more_on_its_way_back_than_there_is_never_exceeds_the_capture():
    """Somebody refunds in the provider's dashboard what we have just reserved."""
    told = facts(CAPTURED, ("refunded", "re_1", "60"))
    assert ledger.amounts_of(told, pending=D(60)) == Amounts(D(60), D(60), D(60), D(0))


# One amount per reference, as at a provider; references of different kinds meet.
told = st.builds(Told, st.sampled_from(KINDS), st.sampled_from("abcd"), st.just(D(0))).map(
    lambda fact: Told(fact.kind, fact.provider_reference, D(10 * (1 + "abcd".index(fact.provider_reference))))
)


@given(st.lists(told, max_size=12), st.randoms(use_true_random=False))
def test_any_order_with_repetitions_gives_the_same_amounts_and_status(rows, random):
    shuffled = [*rows, *random.sample(rows, k=len(rows) // 2)]
    random.shuffle(shuffled)
    amounts = ledger.amounts_of(rows)
    assert ledger.amounts_of(shuffled) == amounts
    assert ledger.status_of(ledger.amounts_of(shuffled), total=D(60)) == ledger.status_of(amounts, total=D(60))


@given(st.lists(told, max_size=12), st.integers(0, 200).map(D))
def test_the_sums_keep_their_order_of_size_whatever_is_told(rows, pending):
    sums = ledger.amounts_of(rows, pending=pending)
    assert D(0) <= sums.refund_pending <= sums.refunded <= sums.captured <= sums.authorised
    assert sums.disputed >= 0 <= sums.charged_back
    assert sums.disputed + sums.charged_back <= sums.captured


@pytest.fixture
def open_payment(stripe) -> Payment:
    shop_rates()
    _, order = order_to_pay()
    return Payment.objects.create(
        order=order, provider="stripe", amount=order.total, currency="USD", provider_reference="pi"
    )


def note(payment: Payment, fact: Told) -> bool:
    return ledger.record(payment=payment, kind=fact.kind, reference=fact.provider_reference, amount=fact.amount)


@pytest.mark.django_db
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_the_database_converges_as_well(open_payment, data):
    """The same facts, recorded in two orders, the second time some of them twice."""
    known = facts(
        AUTHORISED, CAPTURED, REFUND, REFUND_BACK, ("refunded", "re_2", "10"), DISPUTE, WON, ("refunded", "re_3", "5")
    )
    known = [Told(each.kind, each.provider_reference, min(each.amount, D("59.88"))) for each in known]
    rows = data.draw(st.lists(st.sampled_from(known), unique=True))
    other = data.draw(st.permutations([*rows, *rows[: len(rows) // 2]]))
    assert _recorded(open_payment, rows) == _recorded(open_payment, other)


def _recorded(payment: Payment, rows: list[Told]) -> tuple[Any, ...]:
    with transaction.atomic():
        payment = Payment.objects.lock().get(pk=payment.pk)
        for row in rows:
            note(payment, row)
        ledger.derive_payment_status(payment.order)
        stored = Payment.objects.values_list(*ledger.AMOUNTS, "order__payment_status").get(pk=payment.pk)
        transaction.set_rollback(True)
    return stored


@pytest.mark.django_db
def test_a_fact_is_known_once_and_its_first_amount_counts(open_payment):
    with transaction.atomic():
        assert note(open_payment, Told("captured", "pi", D(20))) is True
        assert note(open_payment, Told("captured", "pi", D(20))) is False
        assert note(open_payment, Told("captured", "pi", D(25))) is False
    open_payment.refresh_from_db()
    assert (open_payment.captured, PaymentEvent.objects.count()) == (20, 1)


@pytest.mark.django_db
def test_the_database_refuses_a_second_row_of_one_fact_and_any_change_of_one(open_payment):
    row = {"payment": open_payment, "provider": "stripe", "provider_reference": "pi", "kind": "captured", "amount": 5}
    event = PaymentEvent.objects.create(**row)
    with pytest.raises(IntegrityError), transaction.atomic():
        PaymentEvent.objects.create(**row)
    for change in (event.delete, lambda: PaymentEvent.objects.update(amount=6)):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()


@pytest.mark.django_db
def test_a_refund_in_full_is_told_at_once_and_undone_when_it_fails(stripe):
    shop_rates()
    _, order, payment = paid()
    refund = refunds.request_refund(payment_id=payment.pk)
    order.refresh_from_db()
    assert order.payment_status == Order.PaymentStatus.REFUNDED
    refunds.conclude(refund.pk, ProviderRefund("", "failed", "expired"))
    payment.refresh_from_db()
    order.refresh_from_db()
    assert (payment.refunded, payment.refund_pending, order.payment_status) == (0, 0, "paid")
    assert list(payment.facts.values_list("kind", flat=True)) == ["captured"]


@pytest.mark.django_db
def test_what_a_bank_holds_cannot_be_refunded(stripe):
    shop_rates()
    _, _, payment = paid()
    with transaction.atomic():
        note(Payment.objects.lock().get(pk=payment.pk), Told("dispute_opened", "dp_1", D("59.88")))
    answer = staff_client("add_refund").post(f"/admin/payments/{payment.pk}/refunds/", {})
    assert code(answer) == (409, "amount_exceeds_refundable")
    assert answer.json()["refundable"] == {"amount": "0.00", "currency": "USD"}
