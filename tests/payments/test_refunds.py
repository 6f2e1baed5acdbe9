"""Money back: never more than was captured, never twice, never forgotten."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone

from apps.common.models import Event
from apps.orders.models import Order
from apps.orders.services import lifecycle
from apps.payments.models import Payment, Refund
from apps.payments.services import refunds
from apps.payments.tasks import process_pending_payments, process_refund
from tests.client import ApiClient, code
from tests.factories import UserFactory, shop_rates
from tests.payments.ledger import assert_books_agree, at_stripe, confirm, intent_for, order_to_pay

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _shop(stripe) -> None:
    shop_rates()


def staff_client(*permissions: str) -> ApiClient:
    user = UserFactory(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return ApiClient(user)


def paid() -> tuple[ApiClient, Order, Payment]:
    client, order = order_to_pay()
    assert confirm(client, intent_for(client, order)["id"]).status_code == 200
    order.refresh_from_db()
    return client, order, Payment.objects.get(order=order)


def usd(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "USD"}


def test_staff_refund_a_part_and_then_the_rest(stripe):
    _, order, payment = paid()
    staff = staff_client("add_refund", "view_refund", "view_payment")
    url = f"/admin/payments/{payment.pk}/refunds/"
    first = staff.post(url, {"amount": usd("9.88"), "reason": "Scratched"})
    assert (first.status_code, first.json()["amount"], first.json()["status"]) == (201, usd("9.88"), "requested")
    process_pending_payments()
    order.refresh_from_db()
    assert (order.status, order.payment_status) == ("confirmed", "partly_refunded")
    assert_books_agree(stripe)
    rest = staff.post(url, {})
    assert rest.json()["amount"] == usd("50.00")
    process_pending_payments()
    order.refresh_from_db()
    assert order.payment_status == "refunded"
    assert_books_agree(stripe)
    assert [row["status"] for row in staff.get(url).json()["results"]] == ["succeeded", "succeeded"]
    assert code(staff.post(url, {})) == (409, "amount_exceeds_refundable")
    assert staff.get("/admin/payments/", {"order": str(order.pk)}).json()["results"][0]["refunded"] == usd("59.88")


def test_more_than_what_is_left_is_refused_and_nothing_is_reserved():
    _, _, payment = paid()
    staff = staff_client("add_refund")
    response = staff.post(f"/admin/payments/{payment.pk}/refunds/", {"amount": usd("59.89")})
    assert code(response) == (409, "amount_exceeds_refundable")
    assert response.json()["refundable"]["currency"] == "USD"
    payment.refresh_from_db()
    assert (payment.refunded, Refund.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    ("amount", "pointer", "error"),
    [
        (usd("0.00"), "/amount/amount", "min_value"),
        (usd("1.001"), "/amount", "too_precise"),
        (usd("-1.00"), "/amount", "min_value"),
        ({"amount": "1.00", "currency": "EUR"}, "/amount", "unsupported_currency"),
        ("1.00", "/amount", "wrong_type"),
        ({"amount": 1, "currency": "USD"}, "/amount", "wrong_type"),
    ],
)
def test_a_bad_amount_names_its_field(amount, pointer, error):
    _, _, payment = paid()
    response = staff_client("add_refund").post(f"/admin/payments/{payment.pk}/refunds/", {"amount": amount})
    assert [(each["pointer"], each["code"]) for each in response.json()["errors"]] == [(pointer, error)]
    assert Refund.objects.count() == 0


def test_refunding_takes_the_permission():
    client, _, payment = paid()
    url = f"/admin/payments/{payment.pk}/refunds/"
    for caller, answer in (
        (ApiClient(), (401, "authentication_required")),
        (client, (401, "authentication_required")),
        (ApiClient(UserFactory()), (403, "permission_denied")),
        (staff_client("view_refund", "view_payment"), (403, "permission_denied")),
    ):
        assert code(caller.post(url, {})) == answer
    assert code(staff_client("add_refund").get(url)) == (403, "permission_denied")
    assert Refund.objects.count() == 0
    missing = "00000000-0000-4000-8000-000000000000"
    assert code(staff_client("add_refund").post(f"/admin/payments/{missing}/refunds/", {})) == (404, "not_found")


def test_a_key_refunds_once(stripe):
    _, _, payment = paid()
    staff = staff_client("add_refund")
    url = f"/admin/payments/{payment.pk}/refunds/"
    first = staff.post(url, {"amount": usd("5.00")}, Idempotency_Key="r")
    again = staff.post(url, {"amount": usd("5.00")}, Idempotency_Key="r")
    assert first.json() == again.json()
    assert Refund.objects.count() == 1


def test_cancelling_a_paid_order_refunds_it_all(stripe, deliver):
    client, order, payment = paid()
    client.post(f"/orders/{order.pk}/cancel/", {"reason": "Changed my mind"})
    deliver()
    deliver()
    process_pending_payments()
    order.refresh_from_db()
    payment.refresh_from_db()
    assert (order.status, order.payment_status) == ("cancelled", "refunded")
    assert (payment.captured, payment.refunded, Refund.objects.count()) == (order.total, order.total, 1)
    assert Event.objects.filter(type="refund.succeeded").count() == 1
    assert_books_agree(stripe)


def test_cancelling_an_unpaid_order_gives_up_the_intent_at_the_provider(stripe, deliver):
    client, order = order_to_pay()
    intent_for(client, order)
    client.post(f"/orders/{order.pk}/cancel/", {})
    deliver()
    process_pending_payments()
    assert (Payment.objects.get().status, Refund.objects.count()) == ("cancelled", 0)
    assert [intent["status"] for intent in at_stripe(stripe, "payment_intent")] == ["canceled"]


def test_money_that_comes_after_the_cancellation_goes_back(stripe, deliver):
    client, order = order_to_pay()
    intent_for(client, order)
    payment = Payment.objects.get()
    from apps.payments.gateways.registry import gateway

    gateway("stripe").confirm(
        payment.provider_reference, payment_method="pm_card_visa", return_url="https://shop.example/"
    )
    lifecycle.cancel(order_id=order.pk)
    deliver()
    process_pending_payments()
    process_pending_payments()
    order.refresh_from_db()
    assert (order.status, order.payment_status) == ("cancelled", "refunded")
    assert_books_agree(stripe)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "answer_lost"},
        {"kind": "reset"},
        {"kind": "status", "status": 503},
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 429},
    ],
)
def test_a_refund_whose_answer_is_lost_is_sent_again_and_made_once(stripe, fault: dict[str, Any]):
    _, _, payment = paid()
    refund = refunds.request_refund(payment_id=payment.pk, amount=Decimal("10.00"))
    stripe.control("POST", "faults", {"path": "/v1/refunds", "method": "POST", "times": 1} | fault)
    assert process_refund(str(refund.pk)) is False
    refund.refresh_from_db()
    assert (refund.status, refund.attempts) == ("requested", 1)
    assert process_refund(str(refund.pk)) is False
    Refund.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=1))
    assert process_refund(str(refund.pk)) is True
    assert [each["amount"] for each in at_stripe(stripe, "refund")] == [1000]
    assert_books_agree(stripe)


def test_a_refund_that_the_provider_refuses_gives_its_amount_back_to_the_payment(stripe):
    _, order, payment = paid()
    refund = refunds.request_refund(payment_id=payment.pk, amount=Decimal("10.00"))
    stripe.control(
        "POST", "faults", {"path": "/v1/refunds", "method": "POST", "kind": "status", "status": 400, "times": 1}
    )
    assert process_refund(str(refund.pk)) is True
    refund.refresh_from_db()
    payment.refresh_from_db()
    order.refresh_from_db()
    assert (refund.status, payment.refunded, order.payment_status) == ("failed", 0, "paid")
    assert Event.objects.filter(type="refund.failed").count() == 1


def test_a_refund_that_the_bank_takes_its_time_for_is_asked_after(stripe):
    client, order = order_to_pay()
    confirm(client, intent_for(client, order)["id"], "pm_card_pendingRefund")
    refund = refunds.request_refund(payment_id=Payment.objects.get().pk)
    assert process_refund(str(refund.pk)) is False
    refund.refresh_from_db()
    assert (refund.status, refund.provider_reference.startswith("re_")) == ("requested", True)
    stripe.control("POST", f"refunds/{refund.provider_reference}", {"status": "succeeded"})
    Refund.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=1))
    assert process_refund(str(refund.pk)) is True
    assert len(at_stripe(stripe, "refund")) == 1
