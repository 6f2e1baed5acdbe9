"""Returned goods taken in: counts, conditions, stock, and what that makes of the order."""

import pytest

from apps.orders.models import Order, OrderItem, Return, ReturnReceipt
from apps.orders.services import stock_audit
from apps.products.models import StockLevel, StockMovement, StockReservation
from tests.client import code
from tests.factories import WarehouseFactory, shop_rates
from tests.orders.return_steps import approved, arrive, asked, delivered, desk, received, status
from tests.orders.test_api_orders import staff_client

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _rates() -> None:
    shop_rates()


def on_hand() -> int:
    return StockLevel.objects.get().on_hand


def test_only_the_resellable_go_back_on_the_shelf():
    client, order, item = delivered(quantity=3)
    found = approved(client, order, item, 3)
    assert on_hand() == 7
    answer = arrive(found, item, resellable=1, used=1, damaged=1)
    assert (answer.status_code, answer.json()["status"]) == (200, "received")
    [line] = answer.json()["lines"]
    assert line["received_quantity"] == 3
    assert [(each["condition"], each["quantity"], each["restocked"]) for each in line["received"]] == [
        ("resellable", 1, True),
        ("used", 1, False),
        ("damaged", 1, False),
    ]
    assert on_hand() == 8
    movement = StockMovement.objects.get(kind="return")
    rma = Return.objects.get()
    assert (movement.quantity, movement.reference, movement.reason) == (1, rma.pk, rma.number)
    assert stock_audit.audit() == []


def test_fewer_than_announced_frees_the_rest():
    client, order, item = delivered(quantity=3)
    found = approved(client, order, item, 3)
    arrive(found, item, resellable=1)
    item.refresh_from_db()
    assert (item.returned_quantity, Return.objects.get().lines.get().received_quantity) == (1, 1)
    assert client.get(f"/orders/{order.pk}/returns/").json()["returnable"] == {str(item.pk): 2}
    assert Order.objects.get().status == "delivered"
    assert stock_audit.audit() == []


def test_more_than_announced_counts_as_long_as_it_was_sent():
    client, order, item = delivered(quantity=3)
    found = approved(client, order, item, 1)
    refused = arrive(found, item, resellable=4)
    assert code(refused) == (409, "exceeds_returnable_quantity")
    assert (on_hand(), status(found), ReturnReceipt.objects.count()) == (7, "approved", 0)
    assert arrive(found, item, resellable=2).status_code == 200
    item.refresh_from_db()
    assert (item.returned_quantity, on_hand()) == (2, 9)
    other = approved(client, order, item, 1)
    assert code(arrive(other, item, resellable=2)) == (409, "exceeds_returnable_quantity")
    item.refresh_from_db()
    assert (item.returned_quantity, on_hand(), stock_audit.audit()) == (3, 9, [])


def test_an_order_of_which_all_is_back_is_returned_and_its_stock_adds_up():
    client, order, item = delivered(quantity=3)
    received(client, order, item, 1)
    assert Order.objects.get().status == "delivered"
    received(client, order, item, 2)
    order.refresh_from_db()
    assert (order.status, order.fulfilment_status, on_hand()) == ("returned", "returned", 10)
    assert set(StockReservation.objects.values_list("status", flat=True)) == {"released"}
    assert stock_audit.audit() == []
    assert client.get(f"/orders/{order.pk}/returns/").json()["returnable"] == {}


def test_taking_a_whole_order_back_would_count_its_returns_twice():
    client, order, item = delivered(quantity=3)
    asked(client, order, item, 1)
    staff = staff_client("change_order", "view_order")
    refused = staff.post(f"/admin/orders/{order.pk}/transitions/", {"to": "returned"})
    assert (code(refused), refused.json()["allowed"]) == ((409, "invalid_transition"), [])
    assert (Order.objects.get().status, on_hand()) == ("delivered", 7)


def test_goods_may_arrive_in_another_warehouse():
    client, order, item = delivered()
    second = WarehouseFactory(code="second", name="Second")
    found = approved(client, order, item)
    lines = [{"item": str(item.pk), "quantity": 1, "condition": "resellable"}]
    assert desk().post(f"/admin/returns/{found}/receive/", {"lines": lines, "warehouse": "moon"}).status_code == 400
    answer = desk().post(f"/admin/returns/{found}/receive/", {"lines": lines, "warehouse": "second"})
    assert answer.json()["warehouse"] == "second"
    assert StockLevel.objects.get(warehouse=second).on_hand == 1
    assert stock_audit.audit() == []


@pytest.mark.parametrize(
    ("line", "pointer"),
    [
        ({"item": "00000000-0000-4000-8000-000000000000"}, "/lines/0/item"),
        ({"quantity": 0}, "/lines/0/quantity"),
        ({"condition": "eaten"}, "/lines/0/condition"),
    ],
)
def test_a_bad_receipt_names_its_field_and_books_nothing(line, pointer):
    client, order, item = delivered()
    found = approved(client, order, item)
    body = {"item": str(item.pk), "quantity": 1, "condition": "resellable"} | line
    answer = desk().post(f"/admin/returns/{found}/receive/", {"lines": [body]})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, pointer)
    assert (status(found), on_hand()) == ("approved", 7)


def test_cancelled_and_rejected_returns_leave_no_trace_in_the_counts():
    client, order, item = delivered(quantity=2)
    for end in ("cancel", "reject"):
        found = asked(client, order, item, 2)["id"]
        desk().post(f"/admin/returns/{found}/{end}/", {"reason": "x"} if end == "cancel" else {"reply": "x"})
    assert OrderItem.objects.get().returned_quantity == 0
