"""What the buyer gets for returned goods, to the cent, once."""

from decimal import Decimal
from typing import Any

import pytest

from apps.common.models import Event
from apps.notifications.models import Notification
from apps.orders.models import Invoice, Order, OrderItem, Return
from apps.orders.services import transitions
from apps.orders.services.fulfilment import Wanted
from apps.payments.models import Payment, Refund
from apps.payments.services import refunds
from apps.payments.tasks import process_pending_payments
from tests.client import ApiClient, code
from tests.factories import UserFactory, sellable, shop_rates
from tests.orders.return_steps import approved, arrive, desk, received, status
from tests.orders.steps import place
from tests.payments.ledger import assert_books_agree, confirm, intent_for
from tests.payments.test_refunds import usd

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _shop(stripe) -> None:
    shop_rates()


def bought(quantity: int = 3) -> tuple[ApiClient, Order, OrderItem, Payment]:
    """3 x 19.99 = 59.97, shipping 5.00, tax 8.875 % = 5.32 and 0.44. Units cost 21.77, 21.76 and 21.76."""
    client, order = place(sellable(price="19.99"), quantity=quantity, user=UserFactory(email="alice@example.com"))
    assert confirm(client, intent_for(client, order)["id"]).status_code == 200
    for to in ("shipped", "delivered"):
        transitions.transition(order_id=order.pk, to=to)
    return client, order, order.items.get(), Payment.objects.get(order=order)


def settle(deliver: Any) -> None:
    deliver()
    process_pending_payments()
    deliver()


def complete(return_id: str, **body: Any) -> Any:
    return desk().post(f"/admin/returns/{return_id}/complete/", body)


def test_a_unit_is_refunded_with_its_discount_and_tax_once(stripe, deliver):
    client, order, item, _ = bought()
    found = received(client, order, item)
    answer = complete(found)
    assert (answer.status_code, answer.json()["amount"], answer.json()["goods_amount"]) == (
        200,
        usd("21.76"),
        usd("21.76"),
    )
    settle(deliver)
    order.refresh_from_db()
    refund = Refund.objects.get()
    assert (refund.amount, refund.cause, refund.status, refund.reason) == (
        Decimal("21.76"),
        "return",
        "succeeded",
        f"return {Return.objects.get().number}",
    )
    assert list(refund.lines.values_list("quantity", "amount")) == [(1, Decimal("21.76"))]
    assert order.payment_status == "partly_refunded"
    assert Invoice.objects.get(kind="credit_note").total == Decimal("21.76")
    assert code(complete(found)) == (409, "invalid_transition")
    settle(deliver)
    assert Refund.objects.count() == 1
    assert_books_agree(stripe)


def test_all_units_and_the_shipping_give_back_all_that_was_paid(stripe, deliver):
    client, order, item, payment = bought()
    for units in (1, 2):
        found = received(client, order, item, units)
        body = {"shipping_refund": usd("5.44")} if units == 2 else {}
        assert complete(found, **body).status_code == 200
    settle(deliver)
    order.refresh_from_db()
    payment.refresh_from_db()
    assert (order.status, order.payment_status, payment.refunded) == ("returned", "refunded", order.total)
    assert_books_agree(stripe)


def test_the_fee_is_kept(stripe, deliver):
    client, order, item, _ = bought()
    found = received(client, order, item, 2)
    body = complete(found, restocking_fee=usd("10.00"), shipping_refund=usd("1.00")).json()
    assert (body["goods_amount"], body["restocking_fee"], body["amount"]) == (usd("43.52"), usd("10.00"), usd("34.52"))
    settle(deliver)
    refund = Refund.objects.get()
    assert (refund.amount, refund.lines.get().amount) == (Decimal("34.52"), Decimal("33.52"))
    assert_books_agree(stripe)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"restocking_fee": usd("21.77")}, "/restocking_fee/amount"),
        ({"shipping_refund": usd("5.45")}, "/shipping_refund/amount"),
        ({"shipping_refund": {"amount": "1.00", "currency": "EUR"}}, "/shipping_refund"),
        ({"restocking_fee": "1.00"}, "/restocking_fee"),
        ({"outcome": "cash"}, "/outcome"),
    ],
)
def test_a_bad_settlement_names_its_field_and_moves_no_money(deliver, body, pointer):
    client, order, item, _ = bought()
    found = received(client, order, item)
    answer = complete(found, **body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, pointer)
    settle(deliver)
    item.refresh_from_db()
    assert (status(found), Refund.objects.count(), item.refunded_quantity) == ("received", 0, 0)


def test_goods_that_did_not_arrive_are_not_paid_for(deliver):
    client, order, item, _ = bought()
    found = approved(client, order, item, 3)
    arrive(found, item, damaged=1)
    assert complete(found).json()["amount"] == usd("21.76")
    settle(deliver)
    assert Refund.objects.get().amount == Decimal("21.76")


def test_a_unit_that_was_refunded_before_is_not_paid_for_twice(deliver):
    client, order, item, payment = bought()
    refunds.request_refund(payment_id=payment.pk, lines=[Wanted(item.pk, 2)])
    found = received(client, order, item, 3)
    assert complete(found).json()["amount"] == usd("21.77")
    settle(deliver)
    assert sum(Refund.objects.values_list("amount", flat=True)) == item.line_total + item.tax


def test_never_more_than_what_is_left_of_the_money(stripe, deliver):
    client, order, item, payment = bought()
    refunds.request_refund(payment_id=payment.pk, amount=Decimal("60.00"))
    found = received(client, order, item, 3)
    complete(found)
    settle(deliver)
    payment.refresh_from_db()
    assert payment.refunded == payment.captured
    assert_books_agree(stripe)


def test_the_buyer_is_mailed_at_each_step_with_the_label(deliver):
    client, order, item, _ = bought()
    found = received(client, order, item)
    complete(found)
    deliver()
    kinds = list(Notification.objects.filter(kind__startswith="return").order_by("id").values_list("kind", flat=True))
    assert sorted(kinds) == ["return_approved", "return_completed", "return_received", "return_requested"]
    assert Event.objects.filter(type="return.completed").count() == 1
