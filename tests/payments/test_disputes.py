"""Disputes: one case whatever the order of its news, money that a bank holds, a checklist; and the analytics."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
from django.utils import timezone

from apps.common.models import Event
from apps.orders.models import Order
from apps.payments.models import Dispute, DisputeEvidence, Payment, WebhookEvent
from apps.payments.services import refunds
from apps.payments.tasks import process_pending_payments, process_refund
from tests.client import code
from tests.factories import shop_rates
from tests.payments.ledger import at_stripe, confirm, intent_for, order_to_pay
from tests.payments.test_admin_payments import admin_with
from tests.payments.test_refunds import paid, staff_client, usd
from tests.payments.test_webhooks import send

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _shop(stripe) -> None:
    shop_rates()


def dispute(stripe, payment: Payment, **fields: Any) -> str:
    body = {"payment_intent": payment.provider_reference, "reason": "fraudulent"} | fields
    return str(stripe.control("POST", "disputes", body)["id"])


def tell(stripe, *, backwards: bool = False) -> None:
    WebhookEvent.objects.all().delete()
    news = at_stripe(stripe, "event")
    for event in reversed(news) if backwards else news:
        send(event)
    process_pending_payments()
    assert set(WebhookEvent.objects.values_list("status", flat=True)) == {"processed"}


def state(order: Order) -> str:
    order.refresh_from_db()
    return order.payment_status


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize(
    ("end", "status", "charged_back", "events"),
    [
        (None, "disputed", 0, ["dispute.opened"]),
        ("won", "paid", 0, ["dispute.opened", "dispute.won"]),
        ("lost", "refunded", Decimal("59.88"), ["dispute.opened", "dispute.lost"]),
    ],
)
def test_a_dispute_ends_in_one_state_whatever_the_order_of_its_news(
    stripe, backwards, end, status, charged_back, events
):
    _, order, payment = paid()
    reference = dispute(stripe, payment)
    if end:
        stripe.control("POST", f"disputes/{reference}", {"status": end})
    tell(stripe, backwards=backwards)
    tell(stripe)
    payment.refresh_from_db()
    assert (state(order), payment.charged_back) == (status, charged_back)
    assert payment.disputed == (payment.captured if end is None else 0)
    row = Dispute.objects.get()
    assert (row.status, row.amount) == (end or "needs_response", Decimal("59.88"))
    assert (row.closed_at is not None) == (end is not None)
    told = Event.objects.filter(type__startswith="dispute.").order_by("id")
    assert list(told.values_list("type", flat=True)) == events


def test_a_dispute_that_is_heard_of_twice_moves_from_open_to_won(stripe):
    _, order, payment = paid()
    reference = dispute(stripe, payment)
    tell(stripe)
    assert state(order) == "disputed"
    stripe.control("POST", f"disputes/{reference}", {"status": "won"})
    tell(stripe)
    assert (state(order), Dispute.objects.count()) == ("paid", 1)


def test_what_a_bank_holds_is_not_refunded_and_does_not_ship(stripe):
    _, order, payment = paid()
    dispute(stripe, payment)
    tell(stripe)
    refused = staff_client("add_refund").post(f"/admin/payments/{payment.pk}/refunds/", {})
    assert code(refused) == (409, "amount_exceeds_refundable")
    moved = staff_client("change_order").post(f"/admin/orders/{order.pk}/transitions/", {"to": "shipped"})
    assert code(moved) == (409, "invalid_transition")
    assert state(order) == "disputed"


def test_a_refund_on_its_way_when_the_dispute_comes_is_refused_there_and_frees_its_money(stripe):
    _, order, payment = paid()
    refund = refunds.request_refund(payment_id=payment.pk)
    reference = dispute(stripe, payment)
    tell(stripe)
    process_refund(str(refund.pk))
    payment.refresh_from_db()
    refund.refresh_from_db()
    assert (refund.status, payment.refunded, payment.disputed) == ("failed", 0, payment.captured)
    stripe.control("POST", f"disputes/{reference}", {"status": "lost"})
    tell(stripe)
    assert state(order) == "refunded"


def test_staff_tick_off_the_evidence_until_the_case_closes(stripe):
    _, _, payment = paid()
    reference = dispute(stripe, payment)
    tell(stripe)
    staff = staff_client("view_dispute", "change_dispute")
    [row] = staff.get("/admin/disputes/", {"status": "needs_response"}).json()["results"]
    assert (row["amount"], row["reason"], row["payment"]) == (usd("59.88"), "fraudulent", str(payment.pk))
    assert [each["kind"] for each in row["evidence"]] == [
        "order_confirmation",
        "receipt",
        "customer_communication",
        "shipping_proof",
        "delivery_signature",
        "sign_in_history",
    ]
    url = f"/admin/disputes/{row['id']}/"
    body = {"evidence": [{"kind": "receipt", "done": True}, {"kind": "refund_policy", "done": False}], "note": "Call"}
    changed = staff.patch(url, body).json()
    done = {each["kind"]: each["done"] for each in changed["evidence"]}
    assert (done["receipt"], done["shipping_proof"], done["refund_policy"]) == (True, False, False)
    assert (changed["note"], staff.get(url).json()) == ("Call", changed)
    bad = staff.patch(url, {"evidence": [{"kind": "witness", "done": True}]})
    assert bad.status_code == 400
    stripe.control("POST", f"disputes/{reference}", {"status": "lost"})
    tell(stripe)
    assert code(staff.patch(url, {"note": "Too late"})) == (409, "invalid_transition")
    assert staff.get(url).json()["note"] == "Call"
    missing = "/admin/disputes/00000000-0000-4000-8000-000000000000/"
    assert code(staff.patch(missing, {"note": "x"})) == code(staff.get(missing)) == (404, "not_found")


def test_the_analytics_count_what_happened(stripe, django_assert_max_num_queries):
    _, _, payment = paid()
    refund = refunds.request_refund(payment_id=payment.pk, amount=Decimal("10.00"))
    process_refund(str(refund.pk))
    client, order = order_to_pay()
    confirm(client, intent_for(client, order)["id"], "pm_card_chargeDeclinedInsufficientFunds")
    intent_for(*order_to_pay())
    staff = staff_client("view_payment")
    with django_assert_max_num_queries(12):
        body = staff.get("/admin/payments/analytics/").json()
    assert (body["payments"], body["succeeded"], body["success_rate"]) == (3, 1, 0.5)
    assert (body["captured"], body["refunds"]) == (usd("59.88"), {"count": 1, "amount": usd("10.00")})
    assert body["declines"] == [{"code": "insufficient_funds", "count": 1}]
    assert body["methods"] == [
        {"provider": "stripe", "method": None, "payments": 3, "succeeded": 1, "captured": usd("59.88")}
    ]
    assert body["time_to_capture_seconds"] is not None


def test_the_analytics_of_an_empty_span_are_empty_and_a_bad_span_is_refused():
    paid()
    staff = staff_client("view_payment")
    ago = [(timezone.now() - timedelta(days=days)).isoformat().replace("+00:00", "Z") for days in (9, 8)]
    body = staff.get("/admin/payments/analytics/", {"from": ago[0], "to": ago[1]}).json()
    assert (body["payments"], body["success_rate"], body["methods"]) == (0, None, [])
    assert staff.get("/admin/payments/analytics/", {"from": ago[1], "to": ago[0]}).status_code == 400
    assert staff.get("/admin/payments/analytics/", {"from": quote("yesterday")}).status_code == 400


def test_staff_tick_evidence_off_in_the_admin(stripe):
    _, _, payment = paid()
    reference = dispute(stripe, payment)
    tell(stripe)
    row = DisputeEvidence.objects.get(kind="receipt")
    url = "/admin/payments/disputeevidence/"
    body = {"action": "tick_off", "_selected_action": [str(row.pk)]}
    admin_with("view_disputeevidence").post(url, body)
    row.refresh_from_db()
    assert row.done is False
    staff = admin_with("view_disputeevidence", "change_dispute")
    assert "receipt: there." in staff.post(url, body, follow=True).content.decode()
    row.refresh_from_db()
    assert (row.done, row.done_at is not None, row.actor_id is not None) == (True, True, True)
    stripe.control("POST", f"disputes/{reference}", {"status": "lost"})
    tell(stripe)
    late = staff.post(url, body | {"action": "tick_on"}, follow=True).content.decode()
    assert "The dispute is closed." in late
    row.refresh_from_db()
    assert row.done is True
