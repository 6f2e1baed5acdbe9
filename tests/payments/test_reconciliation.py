"""The provider's books beside ours: each injected fault is found, none is invented, a second look adds nothing."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from apps.common.models import Event
from apps.orders.models import Order
from apps.payments.gateways.registry import gateway
from apps.payments.models import Dispute, Payment, ReconciliationBreak, ReconciliationRun, Refund
from apps.payments.services import breaks, reconciliation, refunds
from apps.payments.tasks import process_refund, reconcile_payments, run_reconciliation
from tests.client import code
from tests.factories import UserFactory, shop_rates
from tests.payments.ledger import at_stripe, confirm, intent_for, order_to_pay
from tests.payments.test_admin_payments import admin_with
from tests.payments.test_refunds import paid, staff_client, usd

pytestmark = pytest.mark.django_db
Fault = tuple[str, str, str]


@pytest.fixture(autouse=True)
def _shop(stripe, settings, monkeypatch) -> None:
    shop_rates()
    monkeypatch.setattr(reconciliation, "GRACE", timedelta(seconds=-60))
    # Two rows a page: the lists have to be read on.
    monkeypatch.setattr("apps.payments.gateways.stripe.PAGE_SIZE", 2)


def compare(provider: str = "stripe") -> ReconciliationRun:
    run = reconciliation.carry_out(reconciliation.begin(provider=provider).pk)
    assert run is not None
    assert (run.status, run.failure) == ("succeeded", "")
    return run


def refunded(payment: Payment, amount: str = "9.88") -> Refund:
    refund = refunds.request_refund(payment_id=payment.pk, amount=Decimal(amount))
    assert process_refund(str(refund.pk)) is True
    refund.refresh_from_db()
    return refund


def charge_at_stripe(stripe, **metadata: str) -> str:
    """Money taken at the provider that no payment of ours asked for; its charge."""
    sdk: Any = gateway("stripe")
    made = sdk._ask(
        lambda client: client.v1.payment_intents.create(
            {
                "amount": 5988,
                "currency": "usd",
                "confirm": True,
                "payment_method": "pm_card_visa",
                "return_url": "https://shop.example/",
                "metadata": metadata,
            }
        )
    )
    return str(made.latest_charge)


def paid_and_unheard() -> tuple[Order, Payment]:
    client, order = order_to_pay()
    intent_for(client, order)
    payment = Payment.objects.get(order=order)
    gateway("stripe").confirm(
        payment.provider_reference, payment_method="pm_card_visa", return_url="https://x.example/"
    )
    return order, payment


def charge_of(stripe, payment: str) -> str:
    [charge] = [row for row in at_stripe(stripe, "charge") if row["payment_intent"] == payment]
    return str(charge["id"])


def found() -> Counter[tuple[str, str, str]]:
    return Counter(ReconciliationBreak.objects.values_list("kind", "status", "reference"))


def faults_of_charges(stripe) -> Iterator[Fault]:
    alien = charge_at_stripe(stripe)
    yield "paid_without_order", "open", alien
    twice = paid()[2]
    again = charge_at_stripe(stripe, payment=str(twice.pk), order=twice.order.number)
    yield "duplicate_charge", "open", again
    unpaid = paid()[2].provider_reference
    stripe.control("DELETE", f"objects/{charge_of(stripe, unpaid)}")
    stripe.control("DELETE", f"objects/{unpaid}")
    yield "order_without_payment", "open", unpaid
    less = paid()[2].provider_reference
    stripe.control("POST", f"objects/{charge_of(stripe, less)}", {"amount_captured": 5000})
    yield "amount_differs", "open", less
    euros = paid()[2].provider_reference
    stripe.control("POST", f"objects/{charge_of(stripe, euros)}", {"currency": "eur"})
    yield "currency_differs", "open", euros


def faults_of_refunds(stripe) -> Iterator[Fault]:
    order = {"payment_intent": paid()[2].provider_reference, "amount": 988}
    sdk: Any = gateway("stripe")
    yield "refund_missing_here", "healed", sdk._ask(lambda client: client.v1.refunds.create(order)).id
    ours = refunded(paid()[2])
    stripe.control("DELETE", f"objects/{ours.provider_reference}")
    yield "refund_missing_there", "open", ours.provider_reference


def faults_of_disputes(stripe) -> Iterator[Fault]:
    complained, other = paid()[2], paid()[2]
    case = stripe.control("POST", "disputes", {"payment_intent": complained.provider_reference})["id"]
    yield "dispute_missing_here", "healed", case
    gone = stripe.control("POST", "disputes", {"payment_intent": other.provider_reference})["id"]
    stripe.control("POST", f"objects/{gone}", {"payment_intent": "pi_elsewhere"})
    yield "dispute_missing_here", "open", gone
    Dispute.objects.create(
        payment=other, provider="stripe", provider_reference="dp_never", status="needs_response", reason="x", amount=1
    )
    yield "dispute_missing_there", "open", "dp_never"


def test_eleven_faults_are_found_none_is_invented_and_a_second_run_adds_nothing(stripe):
    clean = [paid()[2] for _ in range(3)]
    refunded(clean[0])
    pending = order_to_pay()[1]
    order, unheard = paid_and_unheard()
    faults = [("capture_missing", "healed", unheard.provider_reference)]
    faults += [*faults_of_charges(stripe), *faults_of_refunds(stripe), *faults_of_disputes(stripe)]
    run = compare()
    invented = len(found() - Counter(faults))
    print(f"\n{len(faults)} faults injected, {run.breaks} found, {run.healed} healed, {invented} invented")
    assert found() == Counter(faults)
    assert (run.charges, run.refunds, run.disputes) == (13, 2, 2)
    assert (run.breaks, run.new_breaks, run.healed) == (11, 11, 3)
    order.refresh_from_db()
    pending.refresh_from_db()
    assert ((order.status, order.payment_status), pending.status) == (("confirmed", "paid"), "pending")
    assert Event.objects.filter(type="order.confirmed", target_id=order.pk).count() == 1
    assert Refund.objects.get(cause="provider").amount == Decimal("9.88")
    assert Payment.objects.filter(disputed=Decimal("59.88")).count() == 1
    second = compare()
    assert (second.breaks, second.new_breaks, second.healed) == (8, 0, 0)
    assert found() == Counter(faults)
    assert Event.objects.filter(type="reconciliation.break_found").count() == 11


def test_books_that_agree_have_no_breaks_with_captures_voids_refunds_and_disputes(stripe, settings):
    payment = paid()[2]
    refunded(payment)
    settings.PAYMENT_CAPTURE = "manual"
    staff = staff_client("change_payment")
    for step, body in (("capture", {"amount": usd("20.00")}), ("capture", {}), ("void", {})):
        client, order = order_to_pay()
        confirm(client, intent_for(client, order)["id"])
        held = Payment.objects.get(order=order)
        assert staff.post(f"/admin/payments/{held.pk}/{step}/", body).status_code == 200
    client, order = order_to_pay()
    confirm(client, intent_for(client, order)["id"])
    client, order = order_to_pay()
    confirm(client, intent_for(client, order)["id"], "pm_card_chargeDeclined")
    run = compare()
    assert (run.charges, run.refunds, run.breaks) == (3, 1, 0)
    assert found() == Counter()


def test_what_a_provider_calls_a_refund_but_was_only_held_is_no_break(stripe, settings):
    other = refunded(paid()[2])
    settings.PAYMENT_CAPTURE = "manual"
    client, order = order_to_pay()
    confirm(client, intent_for(client, order)["id"])
    held = Payment.objects.get(order=order)
    staff_client("change_payment").post(f"/admin/payments/{held.pk}/void/", {})
    stripe.control(
        "POST",
        f"objects/{other.provider_reference}",
        {"payment_intent": held.provider_reference, "amount": 5988, "metadata": {}},
    )
    Refund.objects.filter(pk=other.pk).update(provider_reference="")
    assert compare().breaks == 0


def test_money_kept_for_a_cancelled_order_is_a_break(stripe):
    _, order, payment = paid()
    Order.objects.filter(pk=order.pk).update(status="cancelled", cancelled_at=timezone.now())
    compare()
    row = ReconciliationBreak.objects.get()
    assert (row.kind, row.here, row.here_currency, row.order) == ("paid_without_order", Decimal("59.88"), "USD", order)
    assert row.reference == payment.provider_reference


def test_a_refund_that_failed_at_the_bank_unheard_is_healed(stripe):
    client, order = order_to_pay()
    assert confirm(client, intent_for(client, order)["id"], "pm_card_refundFail").status_code == 200
    refund = refunded(Payment.objects.get(order=order))
    stripe.control("POST", f"refunds/{refund.provider_reference}", {"status": "failed"})
    compare()
    assert found() == Counter([("refund_missing_there", "healed", refund.provider_reference)])
    refund.refresh_from_db()
    assert (refund.status, refund.payment.refunded) == ("failed", 0)


def test_rows_outside_the_span_and_young_ones_are_left_alone(stripe, monkeypatch):
    monkeypatch.setattr(reconciliation, "GRACE", timedelta(minutes=15))
    paid_and_unheard()
    assert compare().charges == 0
    assert found() == Counter()


def test_a_provider_that_fails_on_the_way_fails_the_run_and_the_next_one_finds_the_rest(stripe):
    charge_at_stripe(stripe)
    fault = {"path": "/v1/refunds", "method": "GET", "kind": "status", "status": 500, "times": 9}
    stripe.control("POST", "faults", fault)
    run = reconciliation.carry_out(reconciliation.begin(provider="stripe").pk)
    assert run is not None
    assert (run.status, run.failure, run.new_breaks) == ("failed", "ProviderUnavailable: HTTP 500", 1)
    stripe.control("DELETE", "faults")
    assert (compare().new_breaks, ReconciliationBreak.objects.count()) == (0, 1)


def test_a_run_is_carried_out_once(stripe):
    run = reconciliation.begin(provider="stripe")
    assert run_reconciliation(str(run.pk)) is True
    assert run_reconciliation(str(run.pk)) is False
    dead = reconciliation.begin(provider="stripe")
    ReconciliationRun.objects.filter(pk=dead.pk).update(
        status="running", updated_at=timezone.now() - timedelta(hours=3)
    )
    compare()
    dead.refresh_from_db()
    assert (dead.status, dead.failure) == ("failed", "The worker died.")


def test_the_daily_round_compares_each_provider_but_not_cash(stripe):
    assert reconcile_payments() == 1
    assert list(ReconciliationRun.objects.values_list("provider", "status")) == [("stripe", "requested")]


def test_staff_read_the_queue_and_close_a_case_once_with_a_note(stripe):
    alien = charge_at_stripe(stripe)
    compare()
    staff = staff_client("view_reconciliationbreak", "change_reconciliationbreak")
    [row] = staff.get("/admin/reconciliation/", {"status": "open", "kind": "paid_without_order"}).json()["results"]
    assert (row["reference"], row["here"], row["there"], row["order"]) == (alien, None, usd("59.88"), None)
    assert staff.get("/admin/reconciliation/", {"status": "healed"}).json()["results"] == []
    url = f"/admin/reconciliation/{row['id']}/"
    assert staff.post(f"{url}resolve/", {}).status_code == 400
    assert staff.get(url).json() == row
    closed = staff.post(f"{url}resolve/", {"note": "Refunded at Stripe. 返金済み"}).json()
    assert (closed["status"], closed["note"]) == ("resolved", "Refunded at Stripe. 返金済み")
    assert closed["resolved_at"] is not None
    assert code(staff.post(f"{url}resolve/", {"note": "Again"})) == (409, "invalid_transition")
    assert staff.get(url).json() == closed
    compare()
    assert staff.get(url).json()["status"] == "resolved"
    missing = "/admin/reconciliation/00000000-0000-4000-8000-000000000000/"
    assert code(staff.get(missing)) == code(staff.post(f"{missing}resolve/", {"note": "x"})) == (404, "not_found")


def test_staff_ask_for_a_comparison(stripe):
    staff = staff_client("view_reconciliationrun", "add_reconciliationrun")
    asked = staff.post("/admin/reconciliation/runs/", {"provider": "stripe"})
    assert (asked.status_code, asked.json()["status"]) == (202, "requested")
    assert reconciliation.carry_out(asked.json()["id"]) is not None
    [row] = staff.get("/admin/reconciliation/runs/").json()["results"]
    assert (row["status"], row["charges"], row["breaks"], row["failure"]) == ("succeeded", 0, 0, None)
    day = {"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}
    for body in (day, {"provider": "manual"}, {"provider": "acme"}, {"since": "2020-01-01T00:00:00Z"}, {"days": 3}):
        assert staff.post("/admin/reconciliation/runs/", body).status_code == 400, body
    assert ReconciliationRun.objects.count() == 1


def test_the_command_names_open_breaks_and_fails_until_there_are_none(stripe):
    out = StringIO()
    call_command("reconcile_payments", provider="stripe", days=2, stdout=out)
    assert out.getvalue().splitlines()[-1] == "the books agree"
    alien = charge_at_stripe(stripe)
    with pytest.raises(SystemExit):
        call_command("reconcile_payments", stdout=out)
    assert f"open: stripe paid_without_order {alien}" in out.getvalue()
    row = ReconciliationBreak.objects.get()
    breaks.resolve(break_id=row.pk, note="known", actor=UserFactory(is_staff=True))
    call_command("reconcile_payments", stdout=out)


def test_the_admin_closes_a_case_with_a_note_and_asks_for_a_comparison(stripe):
    charge_at_stripe(stripe)
    run = compare()
    row = ReconciliationBreak.objects.get()
    url = "/admin/payments/reconciliationbreak/"
    body = {"action": "mark_resolved", "_selected_action": [str(row.pk)], "note": "Another shop's"}
    looking = admin_with("view_reconciliationbreak", "view_reconciliationrun")
    assert "$59.88" in looking.get(url).content.decode()
    looking.post(url, body)
    row.refresh_from_db()
    assert row.status == "open"
    staff = admin_with("view_reconciliationbreak", "change_reconciliationbreak")
    assert "is closed" in staff.post(url, body, follow=True).content.decode()
    row.refresh_from_db()
    assert (row.status, row.note) == ("resolved", "Another shop's")
    again = {"action": "compare_again", "_selected_action": [str(run.pk)]}
    looking.post("/admin/payments/reconciliationrun/", again)
    assert ReconciliationRun.objects.count() == 1
    admin_with("view_reconciliationrun", "add_reconciliationrun").post("/admin/payments/reconciliationrun/", again)
    assert ReconciliationRun.objects.filter(status="requested").count() == 1
