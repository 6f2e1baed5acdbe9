"""Risk: rules that explain themselves, thresholds, the staff's queue, and never a purchase undone by a fault here."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from apps.common.models import Event, EventDelivery
from apps.orders.models import Order
from apps.payments.models import Payment, RiskReview
from apps.payments.services import risk, risk_facts, risk_rules
from apps.payments.services.risk_rules import Facts, reasons_of, score_of
from apps.payments.tasks import process_pending_payments
from tests.client import ApiClient, code
from tests.factories import ADDRESS, UserFactory, sellable, shop_rates
from tests.orders.steps import order_body
from tests.payments.ledger import assert_books_agree, confirm, intent_for, order_to_pay
from tests.payments.test_admin_payments import admin_with
from tests.payments.test_refunds import staff_client

pytestmark = pytest.mark.django_db
HOME = {"line1": "1 Main St", "postal_code": "10001", "country": "US"}
QUIET = Facts(
    total=Decimal("50.00"),
    currency="USD",
    highest_before=Decimal("40.00"),
    large_first_order=Decimal(1000),
    orders_of_buyer=1,
    buyers_at_address=1,
    buyers_with_card=1,
    declines=0,
    billing=HOME,
    shipping=HOME,
    mail_domain="example.com",
    is_disposable=False,
    is_new_account=False,
    is_express=False,
)


@pytest.fixture(autouse=True)
def _shop(stripe, settings) -> None:
    shop_rates()
    settings.RISK_HOLD_SCORE, settings.RISK_REFUSE_SCORE = 60, 100


def bought(
    *, card: str = "pm_card_visa", email: str = "guest@example.com", price: str = "50.00", **body: Any
) -> tuple[ApiClient, Order]:
    client = ApiClient()
    cart = client.post("/cart/items/", {"sku": sellable(price=price, stock=5).sku, "quantity": 1}).json()
    client.headers["X-Cart-Token"] = cart["token"]
    placed = client.post("/orders/", order_body(email=email, **body))
    assert placed.status_code == 201, placed.json()
    client.headers["X-Order-Token"] = placed.json()["order_token"]
    order = Order.objects.get(pk=placed.json()["id"])
    assert confirm(client, intent_for(client, order)["id"], card).status_code == 200
    return client, order


def assessed(deliver, order: Order) -> RiskReview:
    deliver()
    order.refresh_from_db()
    return RiskReview.objects.get(order=order)


def rules(review: RiskReview) -> dict[str, int]:
    return {each["rule"]: each["weight"] for each in review.reasons}


@pytest.mark.parametrize(
    ("change", "rule", "weight"),
    [
        ({"total": Decimal("120.01")}, "amount_above_history", 20),
        ({"highest_before": None, "total": Decimal("1000.01")}, "amount_above_history", 20),
        ({"orders_of_buyer": 5}, "account_velocity", 25),
        ({"buyers_at_address": 3}, "address_velocity", 25),
        ({"buyers_with_card": 3}, "card_velocity", 40),
        ({"billing": HOME | {"country": "CA"}}, "address_mismatch", 20),
        ({"billing": HOME | {"line1": "2 High St", "postal_code": "90210"}}, "address_mismatch", 20),
        ({"is_disposable": True}, "disposable_mail", 35),
        ({"declines": 3}, "many_declines", 30),
        ({"is_new_account": True, "is_express": True}, "new_account_express", 20),
        ({"provider_level": "elevated", "provider_score": 68}, "provider_elevated", 40),
        ({"provider_level": "highest"}, "provider_highest", 80),
    ],
)
def test_each_rule_speaks_at_its_bound_with_its_weight(change, rule, weight):
    [reason] = reasons_of(replace(QUIET, **change), {})
    assert (reason.rule, reason.weight) == (rule, weight)
    assert reason.detail.endswith(".")
    assert reasons_of(replace(QUIET, **change), {rule: 0}) == []
    assert [each.weight for each in reasons_of(replace(QUIET, **change), {rule: 7})] == [7]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"total": Decimal("120.00")},
        {"highest_before": None, "total": Decimal("1000.00")},
        {"orders_of_buyer": 4, "buyers_at_address": 2, "buyers_with_card": 2, "declines": 2},
        {"billing": HOME | {"line1": " 1  MAIN st"}},
        {"billing": HOME | {"line1": "2 High St"}},
        {"is_express": True},
        {"is_new_account": True},
        {"provider_level": "normal", "provider_score": 12},
    ],
)
def test_below_its_bound_no_rule_speaks(change):
    assert reasons_of(replace(QUIET, **change), {}) == []


def test_the_score_is_the_sum_of_the_weights_up_to_100():
    facts = replace(QUIET, provider_level="elevated", is_disposable=True)
    assert [each.rule for each in reasons_of(facts, {})] == ["provider_elevated", "disposable_mail"]
    assert score_of(reasons_of(facts, {})) == 75
    assert score_of(reasons_of(replace(facts, declines=9, buyers_with_card=9), {})) == 100


def test_a_rule_that_fails_is_named_and_the_others_count(monkeypatch):
    monkeypatch.setitem(risk_rules.RULES, "many_declines", lambda facts: 1 / 0)
    reasons = reasons_of(replace(QUIET, is_disposable=True, declines=9), {})
    assert [(each.rule, each.weight) for each in reasons] == [("disposable_mail", 35), ("many_declines", 0)]


@pytest.mark.parametrize(
    ("domain", "expected"),
    [("mailinator.com", True), ("eu.mailinator.com", True), ("notmailinator.com", False), ("example.com", False)],
)
def test_throw_away_domains_cover_their_subdomains(domain, expected, settings):
    assert risk_facts.is_disposable(domain) is expected
    settings.RISK_DISPOSABLE_DOMAINS = ["Example.com"]
    assert risk_facts.is_disposable("mail.example.com") is True


def test_a_usual_order_is_accepted_with_what_the_provider_said(deliver, django_assert_max_num_queries):
    _, order = bought()
    review = assessed(deliver, order)
    assert (review.status, review.score, review.reasons) == ("accepted", 0, [])
    assert (review.provider_level, review.provider_score) == ("normal", 12)
    assert (order.status, order.held_at) == ("confirmed", None)
    payment = Payment.objects.get()
    with django_assert_max_num_queries(6):
        risk_facts.facts_of(order, payment)
    assert risk.assess(order.pk) == review


def test_a_doubtful_order_is_held_and_staff_let_it_go_on(deliver, stripe):
    client, order = bought(card="pm_card_riskLevelElevated", email="x@mailinator.com")
    review = assessed(deliver, order)
    assert (review.status, review.score) == ("pending", 75)
    assert rules(review) == {"provider_elevated": 40, "disposable_mail": 35}
    assert review.reasons[0]["detail"] == "The provider's own risk level: elevated, score 68."
    assert (order.status, order.hold_reason) == ("confirmed", "risk review")
    moved = staff_client("change_order").post(f"/admin/orders/{order.pk}/transitions/", {"to": "processing"})
    assert code(moved) == (409, "order_on_hold")
    staff = staff_client("view_riskreview", "change_riskreview")
    [row] = staff.get("/admin/risk-reviews/", {"status": "pending"}).json()["results"]
    assert (row["order_number"], row["score"], row["provider_level"]) == (order.number, 75, "elevated")
    done = staff.post(f"/admin/risk-reviews/{row['id']}/approve/", {"note": "Called"}).json()
    assert (done["status"], done["note"]) == ("approved", "Called")
    order.refresh_from_db()
    assert (order.status, order.held_at) == ("confirmed", None)
    for step in ("approve", "reject"):
        assert code(staff.post(f"/admin/risk-reviews/{row['id']}/{step}/", {})) == (409, "invalid_transition")
    assert staff.get(f"/admin/risk-reviews/{row['id']}/").json() == done
    assert client.get(f"/orders/{order.pk}/").json()["status"] == "confirmed"
    assert_books_agree(stripe)


@pytest.mark.parametrize("capture", ["automatic", "manual"])
def test_a_rejected_order_is_cancelled_and_its_money_goes_back_or_is_let_go(deliver, stripe, settings, capture):
    settings.PAYMENT_CAPTURE = capture
    _, order = bought(card="pm_card_riskLevelElevated", email="x@yopmail.com")
    review = assessed(deliver, order)
    staff = staff_client("change_riskreview")
    assert staff.post(f"/admin/risk-reviews/{review.pk}/reject/", {}).json()["status"] == "rejected"
    deliver()
    process_pending_payments()
    order.refresh_from_db()
    payment = Payment.objects.get()
    review.refresh_from_db()
    assert (order.status, review.status) == ("cancelled", "rejected")
    expected = ("refunded", "succeeded") if capture == "automatic" else ("unpaid", "cancelled")
    assert (order.payment_status, payment.status) == expected
    assert payment.captured == payment.refunded
    assert_books_agree(stripe)


def test_above_the_second_threshold_the_order_is_cancelled_at_once(deliver, stripe):
    _, order = bought(card="pm_card_riskLevelHighest", email="x@mailinator.com")
    review = assessed(deliver, order)
    process_pending_payments()
    order.refresh_from_db()
    assert (review.status, review.score) == ("refused", 100)
    assert (order.status, order.payment_status) == ("cancelled", "refunded")
    assert Event.objects.filter(type="risk.refused").count() == 1
    assert_books_agree(stripe)


def test_one_card_used_by_many_buyers_and_many_declines_are_seen(deliver, stripe):
    orders = [bought(email=f"buyer{number}@example.com")[1] for number in range(3)]
    Payment.objects.update(card_fingerprint="one-card", declines=2)
    review = assessed(deliver, orders[0])
    assert rules(review) == {"card_velocity": 40, "address_velocity": 25}
    again = [bought(email="buyer0@example.com")[1] for _ in range(4)][-1]
    assert rules(assessed(deliver, again))["account_velocity"] == 25


def test_declined_attempts_are_counted_once_each(deliver, stripe):
    client, order = order_to_pay()
    payment = intent_for(client, order)["id"]
    for _ in range(3):
        assert confirm(client, payment, "pm_card_chargeDeclined").status_code == 402
        Payment.objects.update(next_check_at=timezone.now())
        process_pending_payments()
    assert Payment.objects.get().declines == 3
    assert confirm(client, payment).status_code == 200
    assert rules(assessed(deliver, order)) == {"many_declines": 30}


def test_a_fault_of_the_assessment_undoes_nothing_and_is_tried_again(deliver, monkeypatch):
    def broken(*_: Any) -> Any:
        raise RuntimeError("no facts")

    with monkeypatch.context() as patch:
        patch.setattr(risk, "facts_of", broken)
        _, order = bought(card="pm_card_riskLevelElevated", email="x@mailinator.com")
        deliver()
    order.refresh_from_db()
    assert (order.status, order.payment_status, RiskReview.objects.count()) == ("confirmed", "paid", 0)
    EventDelivery.objects.filter(status="pending").update(next_attempt_at=timezone.now())
    assert assessed(deliver, order).status == "pending"


def test_an_order_cancelled_otherwise_leaves_the_queue(deliver):
    client, order = bought(card="pm_card_riskLevelElevated", email="x@mailinator.com")
    review = assessed(deliver, order)
    assert client.post(f"/orders/{order.pk}/cancel/", {}).status_code == 200
    deliver()
    review.refresh_from_db()
    assert review.status == "withdrawn"
    staff = staff_client("change_riskreview")
    assert code(staff.post(f"/admin/risk-reviews/{review.pk}/approve/", {})) == (409, "invalid_transition")


def test_cash_is_not_assessed_and_two_zeros_switch_all_off(deliver, settings):
    client, order = order_to_pay()
    body = {"order": str(order.pk), "provider": "manual", "method": "cash_on_delivery"}
    assert client.post("/payments/create-intent/", body).status_code == 201
    deliver()
    settings.RISK_HOLD_SCORE = settings.RISK_REFUSE_SCORE = 0
    bought(card="pm_card_riskLevelHighest", email="x@mailinator.com")
    deliver()
    assert RiskReview.objects.count() == 0


def test_a_new_guest_with_express_delivery_and_other_addresses_is_explained(deliver):
    other = ADDRESS | {"line1": "9 Elm Road", "postal_code": "90001", "city": "Los Angeles", "region": "CA"}
    _, order = bought(shipping_method="express", billing_address=other)
    assert rules(assessed(deliver, order)) == {"address_mismatch": 20, "new_account_express": 20}


def test_the_admin_shows_the_queue_and_decides(deliver):
    _, order = bought(card="pm_card_riskLevelElevated", email="x@mailinator.com")
    review = assessed(deliver, order)
    url = "/admin/payments/riskreview/"
    body = {"action": "approve", "_selected_action": [str(review.pk)], "note": "Fine"}
    looking = admin_with("view_riskreview")
    assert "elevated, score 68" in looking.get(url).content.decode()
    looking.post(url, body)
    review.refresh_from_db()
    assert review.status == "pending"
    deciding = admin_with("view_riskreview", "change_riskreview")
    assert f"{order.number} goes on" in deciding.post(url, body, follow=True).content.decode()
    review.refresh_from_db()
    assert (review.status, review.note) == ("approved", "Fine")
    assert looking.get(f"{url}{review.pk}/change/").status_code == 200


def test_a_decision_on_nothing_is_404():
    staff = ApiClient(UserFactory(is_staff=True, is_superuser=True))
    url = "/admin/risk-reviews/00000000-0000-4000-8000-000000000000/"
    assert code(staff.get(url)) == code(staff.post(f"{url}approve/", {})) == (404, "not_found")
