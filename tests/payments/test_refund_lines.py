"""Refunds line by line, and what part-cancelling does to the money: taken, held, or given back before."""

from decimal import Decimal

import pytest
from django.utils import timezone

from apps.orders.models import Order, OrderItem
from apps.orders.services import cancellation, transitions
from apps.orders.services.fulfilment import Wanted
from apps.payments.models import Payment, Refund, RefundLine
from apps.payments.services import captures, refunds
from apps.payments.tasks import process_pending_payments, process_refund
from tests.client import code
from tests.factories import sellable, shop_rates
from tests.orders.steps import place
from tests.payments.ledger import assert_books_agree, confirm, intent_for
from tests.payments.test_refunds import staff_client, usd

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _shop(stripe) -> None:
    shop_rates()


def ordered() -> tuple[Order, OrderItem, Payment]:
    """3 x 19.99 = 59.97, shipping 5.00, tax 8.875 % = 5.32 and 0.44. Units cost 21.77, 21.76 and 21.76."""
    client, order = place(sellable(price="19.99"), quantity=3)
    assert confirm(client, intent_for(client, order)["id"]).status_code == 200
    order.refresh_from_db()
    return order, order.items.get(), Payment.objects.get(order=order)


def ask(payment: Payment, item: OrderItem, quantity: int, **more: object):
    body = {"lines": [{"item": str(item.pk), "quantity": quantity}], **more}
    return staff_client("add_refund").post(f"/admin/payments/{payment.pk}/refunds/", body)


def settle(deliver) -> None:
    deliver()
    process_pending_payments()


def test_units_are_refunded_from_the_lines_end_and_add_up_to_the_line(stripe):
    order, item, payment = ordered()
    first = ask(payment, item, 1, reason="Scratched").json()
    assert (first["amount"], first["cause"]) == (usd("21.76"), "staff")
    assert first["lines"] == [{"item": str(item.pk), "sku": item.sku, "quantity": 1, "amount": usd("21.76")}]
    assert ask(payment, item, 2).json()["amount"] == usd("43.53")
    item.refresh_from_db()
    assert item.refunded_quantity == 3
    assert sum(Refund.objects.values_list("amount", flat=True)) == item.line_total + item.tax
    process_pending_payments()
    order.refresh_from_db()
    assert order.payment_status == "partly_refunded"  # the shipping is still here
    assert_books_agree(stripe)


def test_more_units_than_are_left_are_refused_and_nothing_is_reserved():
    _, item, payment = ordered()
    ask(payment, item, 2)
    refused = ask(payment, item, 2)
    assert code(refused) == (409, "exceeds_refundable_quantity")
    assert refused.json()["items"] == [{"sku": item.sku, "requested": 2, "available": 1}]
    payment.refresh_from_db()
    assert (Refund.objects.count(), RefundLine.objects.count(), payment.refunded) == (1, 1, Decimal("43.52"))


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"lines": []}, "/lines"),
        ({"lines": [{"item": "00000000-0000-4000-8000-000000000000", "quantity": 1}]}, "/lines/0/item"),
        ({"lines": [{"item": "00000000-0000-4000-8000-000000000000", "quantity": 0}]}, "/lines/0/quantity"),
        (
            {
                "lines": [{"item": "00000000-0000-4000-8000-000000000000", "quantity": 1}],
                "amount": usd("1.00"),
            },
            "/lines",
        ),
    ],
)
def test_bad_lines_are_400_and_nothing_is_refunded(body, pointer):
    _, _, payment = ordered()
    answer = staff_client("add_refund").post(f"/admin/payments/{payment.pk}/refunds/", body)
    assert (answer.status_code, [each["pointer"] for each in answer.json()["errors"]]) == (400, [pointer])
    assert Refund.objects.count() == 0


def test_units_whose_money_is_gone_already_are_refused_and_stay_refundable():
    _, item, payment = ordered()
    refunds.request_refund(payment_id=payment.pk, amount=Decimal("60.00"))
    assert code(ask(payment, item, 1)) == (409, "amount_exceeds_refundable")
    item.refresh_from_db()
    assert (item.refunded_quantity, Refund.objects.count()) == (0, 1)


def test_a_refund_that_fails_makes_its_units_refundable_again(stripe):
    _, item, payment = ordered()
    refund = refunds.request_refund(payment_id=payment.pk, lines=[Wanted(item.pk, 2)])
    stripe.control(
        "POST", "faults", {"path": "/v1/refunds", "method": "POST", "kind": "status", "status": 400, "times": 1}
    )
    assert process_refund(str(refund.pk)) is True
    item.refresh_from_db()
    assert item.refunded_quantity == 0
    assert ask(payment, item, 3).json()["amount"] == usd("65.29")


def test_a_part_cancelled_order_is_paid_once_the_share_has_gone_back(stripe, deliver):
    order, item, _ = ordered()
    cancellation.cancel_lines(order_id=order.pk, wanted=[Wanted(item.pk, 1)])
    deliver()
    order.refresh_from_db()
    assert order.payment_status == "overpaid"  # the share is on its way
    process_pending_payments()
    order.refresh_from_db()
    assert (order.payment_status, order.due_total) == ("paid", order.total - Decimal("21.77"))
    refund = Refund.objects.get()
    assert (refund.cause, refund.lines.get().quantity, refund.lines.get().amount) == (
        "lines_cancelled",
        1,
        Decimal("21.77"),
    )
    refunds.request_refund(payment_id=refund.payment_id, amount=Decimal("1.00"))
    process_pending_payments()
    order.refresh_from_db()
    assert order.payment_status == "partly_refunded"
    refunds.request_refund(payment_id=refund.payment_id)
    process_pending_payments()
    order.refresh_from_db()
    assert order.payment_status == "refunded"
    assert_books_agree(stripe)


def test_a_unit_that_was_refunded_before_is_cancelled_without_a_second_refund(deliver):
    order, item, payment = ordered()
    ask(payment, item, 1)
    cancellation.cancel_lines(order_id=order.pk, wanted=[Wanted(item.pk, 2)])
    settle(deliver)
    assert list(Refund.objects.order_by("id").values_list("amount", flat=True)) == [Decimal("21.76"), Decimal("43.53")]
    order.refresh_from_db()
    item.refresh_from_db()
    # The third unit's money is back already.
    cancellation.cancel_lines(order_id=order.pk, wanted=[Wanted(item.pk, 1)])
    settle(deliver)
    order.refresh_from_db()
    assert (order.status, order.payment_status) == ("cancelled", "refunded")
    assert sum(Refund.objects.values_list("amount", flat=True)) == order.total


def test_of_money_that_is_held_the_share_of_cancelled_units_is_never_taken(stripe, settings, deliver):
    settings.PAYMENT_CAPTURE = "manual"
    order, item, payment = ordered()
    assert order.payment_status == "authorised"
    cancellation.cancel_lines(order_id=order.pk, wanted=[Wanted(item.pk, 1)])
    settle(deliver)
    assert Refund.objects.count() == 0
    transitions.transition(order_id=order.pk, to="shipped")
    settle(deliver)
    order.refresh_from_db()
    payment.refresh_from_db()
    assert (payment.captured, payment.authorised) == (order.total - Decimal("21.77"),) * 2
    assert (order.payment_status, Refund.objects.count()) == ("paid", 0)
    assert_books_agree(stripe)


def test_the_cancellation_may_be_heard_of_after_the_money_was_taken(stripe, settings, deliver):
    settings.PAYMENT_CAPTURE = "manual"
    order, item, payment = ordered()
    cancellation.cancel_lines(order_id=order.pk, wanted=[Wanted(item.pk, 1)])
    transitions.transition(order_id=order.pk, to="shipped")

    captures.request_for_order(order.pk)
    Payment.objects.update(next_check_at=timezone.now())
    process_pending_payments()
    settle(deliver)
    payment.refresh_from_db()
    assert (payment.captured, payment.refunded) == (order.total - Decimal("21.77"), 0)
    assert_books_agree(stripe)


def test_staff_take_what_the_order_costs_now_unless_they_name_an_amount(stripe, settings):
    settings.PAYMENT_CAPTURE = "manual"
    order, item, payment = ordered()
    cancellation.cancel_lines(order_id=order.pk, wanted=[Wanted(item.pk, 1)])
    staff = staff_client("change_payment")
    taken = staff.post(f"/admin/payments/{payment.pk}/capture/", {}).json()
    assert taken["captured"] == usd(str((order.total - Decimal("21.77")).quantize(Decimal("0.01"))))
    assert_books_agree(stripe)


def test_refunds_of_lines_take_the_permission():
    _, item, payment = ordered()
    body = {"lines": [{"item": str(item.pk), "quantity": 1}]}
    for caller in (staff_client("view_refund"), staff_client("change_order")):
        assert code(caller.post(f"/admin/payments/{payment.pk}/refunds/", body)) == (403, "permission_denied")
    assert Refund.objects.count() == 0
