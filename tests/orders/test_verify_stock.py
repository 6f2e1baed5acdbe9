"""The proof that stock adds up: a clean shop has no break, and each kind of break is found and named."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from apps.common.models import Event
from apps.orders.models import Order
from apps.orders.services import lifecycle, stock_audit, transitions
from apps.orders.tasks import verify_stock
from apps.products.models import StockLevel, StockMovement, StockReservation, StockTransfer, StockTransferLine
from tests.factories import WarehouseFactory, receive, sellable, shop_rates
from tests.orders.steps import place

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> dict[str, Any]:
    """Ten units; one order waits, one is paid, one is cancelled, one is returned."""
    shop_rates()
    variant = sellable(stock=10, sku="A-1")
    sellable(stock=0, sku="A-2")
    orders = [place(variant, quantity=2)[1] for _ in range(4)]
    for order in (orders[1], orders[3]):
        lifecycle.mark_paid(order=Order.objects.get(pk=order.pk))
    lifecycle.cancel(order_id=orders[2].pk)
    for to in ("shipped", "returned"):
        transitions.transition(order_id=orders[3].pk, to=to)
    return {"variant": variant, "level": variant.stock_levels.get(), "waiting": orders[0], "paid": orders[1]}


@contextmanager
def _without_triggers(*tables: str) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        yield
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def spoil(statement: str, *values: Any) -> None:
    """Change rows behind the back of every rule but the table's own checks."""
    with _without_triggers("products_stockmovement"), connection.cursor() as cursor:
        cursor.execute(statement, values)
        assert cursor.rowcount == 1


def found() -> list[str]:
    return [str(each) for each in stock_audit.audit()]


def test_a_shop_with_orders_in_every_state_has_no_break(shop):
    assert found() == []
    assert not Event.objects.filter(type__startswith="stock.audit").exists()


def test_a_level_that_is_not_its_ledger_is_named(shop):
    spoil("UPDATE products_stocklevel SET on_hand = 9 WHERE id = %s", shop["level"].pk)
    assert found() == ["on_hand_is_the_sum_of_its_movements: main/A-1: expected 8, found 9"]


def test_a_movement_whose_quantity_was_changed_is_named(shop):
    movement = StockMovement.objects.filter(kind="sale").order_by("id").first()
    spoil("UPDATE products_stockmovement SET quantity = -1 WHERE id = %s", movement.pk)
    assert found() == [
        "on_hand_is_the_sum_of_its_movements: main/A-1: expected 9, found 8",
        f"each_movement_continues_the_one_before: main/A-1, movement {movement.pk}: expected 9, found 8",
    ]


def test_a_movement_whose_balance_was_changed_is_named(shop):
    movement = StockMovement.objects.filter(kind="sale").order_by("id").first()
    spoil("UPDATE products_stockmovement SET on_hand_after = 7 WHERE id = %s", movement.pk)
    assert found() == [f"each_movement_continues_the_one_before: main/A-1, movement {movement.pk}: expected 8, found 7"]


def test_a_deleted_movement_is_missed(shop):
    first, _, last = StockMovement.objects.filter(kind__in=["sale", "return"]).order_by("id")
    spoil("DELETE FROM products_stockmovement WHERE id = %s", first.pk)
    second = StockMovement.objects.filter(kind="sale").get()
    assert found() == [
        "on_hand_is_the_sum_of_its_movements: main/A-1: expected 10, found 8",
        f"each_movement_continues_the_one_before: main/A-1, movement {second.pk}: expected 8, found 6",
    ]
    assert last.quantity == 2


def test_a_round_trip_cut_out_of_the_ledger_is_missed():
    """The rest still adds up to what is on hand, and each quantity is entered as often as it is left."""
    level = receive(sellable(stock=10, sku="A-1"), 0)
    moved, total = [], 10
    for quantity in (-5, -2, 2, 5):
        total += quantity
        moved.append(
            StockMovement.objects.create(level=level, kind="adjustment", quantity=quantity, on_hand_after=total)
        )
    assert found() == []
    for movement in (moved[0], moved[3]):
        spoil("DELETE FROM products_stockmovement WHERE id = %s", movement.pk)
    assert found() == [f"each_movement_continues_the_one_before: main/A-1, movement {moved[1].pk}: expected 8, found 3"]


def test_clocks_that_differ_are_no_break(shop):
    """Two servers write to one ledger; the later row has the earlier time."""
    first, second = StockMovement.objects.filter(kind="sale").order_by("id")
    spoil(
        "UPDATE products_stockmovement SET created_at = %s WHERE id = %s",
        first.created_at - timedelta(seconds=5),
        second.pk,
    )
    assert found() == []


def test_a_level_that_promises_more_than_is_held_is_named(shop):
    spoil("UPDATE products_stocklevel SET reserved = 3 WHERE id = %s", shop["level"].pk)
    assert found() == ["reserved_is_the_sum_of_held_reservations: main/A-1: expected 2, found 3"]


def test_a_reservation_without_an_order_is_named(shop):
    spoil("UPDATE products_stocklevel SET reserved = reserved + 1 WHERE id = %s", shop["level"].pk)
    stray = StockReservation.objects.create(
        reference=shop["level"].pk, level=shop["level"], quantity=1, expires_at=timezone.now()
    )
    assert found() == [
        f"each_reservation_has_its_order_in_the_same_state: reservation {stray.pk}: expected an order,"
        f" found none with the key {shop['level'].pk}"
    ]


@pytest.mark.parametrize(
    ("which", "status", "expected", "is_"),
    [
        ("waiting", "confirmed", "committed", "held"),
        ("waiting", "cancelled", "released", "held"),
        ("paid", "pending", "held", "committed"),
        ("paid", "cancelled", "released", "committed"),
    ],
)
def test_a_reservation_against_its_orders_state_is_named(shop, which, status, expected, is_):
    order = shop[which]
    spoil("UPDATE orders_order SET status = %s WHERE id = %s", status, order.pk)
    reservation = StockReservation.objects.get(reference=order.pk)
    assert found() == [
        f"each_reservation_has_its_order_in_the_same_state: reservation {reservation.pk}, order {order.number}:"
        f" expected {expected}, found {is_}"
    ]


def test_a_released_reservation_of_a_paid_order_is_named_twice(shop):
    order = shop["paid"]
    reservation = StockReservation.objects.get(reference=order.pk)
    spoil("UPDATE products_stockreservation SET status = 'released' WHERE id = %s", reservation.pk)
    assert found() == [
        f"each_reservation_has_its_order_in_the_same_state: reservation {reservation.pk}, order {order.number}:"
        " expected committed, found released",
        f"each_order_line_has_its_reservation: order {order.number}, A-1: expected 2, found 0",
    ]


def test_an_order_line_that_reserves_another_number_is_named(shop):
    order = shop["paid"]
    reservation = StockReservation.objects.get(reference=order.pk)
    spoil("UPDATE products_stockreservation SET quantity = 1 WHERE id = %s", reservation.pk)
    assert found() == [f"each_order_line_has_its_reservation: order {order.number}, A-1: expected 2, found 1"]


def test_units_lost_between_two_warehouses_are_named(shop):
    transfer = StockTransfer.objects.create(
        source=shop["level"].warehouse, destination=WarehouseFactory(code="second"), status="in_transit"
    )
    StockTransferLine.objects.create(transfer=transfer, variant=shop["variant"], quantity=3)
    assert found() == [f"in_transit_is_what_left_and_has_not_arrived: transfer {transfer.pk}, A-1: expected 3, found 0"]


def test_the_command_names_the_breaks_and_fails(shop):
    spoil("UPDATE products_stocklevel SET on_hand = 9 WHERE id = %s", shop["level"].pk)
    out, err = StringIO(), StringIO()
    with pytest.raises(SystemExit) as end:
        call_command("verify_stock", stdout=out, stderr=err)
    assert end.value.code == 1
    assert out.getvalue() == "on_hand_is_the_sum_of_its_movements: main/A-1: expected 8, found 9\n"
    assert err.getvalue() == "1 breaks\n"


def test_the_command_says_that_all_is_well(shop):
    out = StringIO()
    call_command("verify_stock", stdout=out)
    assert out.getvalue() == "stock adds up\n"


def test_a_finding_is_recorded_once_and_its_end_too(shop):
    spoil("UPDATE products_stocklevel SET on_hand = 9 WHERE id = %s", shop["level"].pk)
    assert (verify_stock(), verify_stock()) == (1, 1)
    event = Event.objects.get(type="stock.audit_failed")
    assert (event.data["count"], event.data["breaks"]) == (
        1,
        [
            {
                "rule": "on_hand_is_the_sum_of_its_movements",
                "where": "main/A-1",
                "expected": "8",
                "found": "9",
            }
        ],
    )
    spoil("UPDATE products_stocklevel SET reserved = 3 WHERE id = %s", shop["level"].pk)
    assert verify_stock() == 2
    StockLevel.objects.filter(pk=shop["level"].pk).update(on_hand=8, reserved=2)
    assert (verify_stock(), verify_stock()) == (0, 0)
    assert list(Event.objects.filter(type__startswith="stock.audit").order_by("id").values_list("type", flat=True)) == [
        "stock.audit_failed",
        "stock.audit_failed",
        "stock.audit_passed",
    ]
    spoil("UPDATE products_stocklevel SET on_hand = 9 WHERE id = %s", shop["level"].pk)
    assert verify_stock() == 1
    assert Event.objects.filter(type="stock.audit_failed").count() == 3


def test_each_break_is_logged_as_an_error(shop, caplog):
    spoil("UPDATE products_stocklevel SET on_hand = 9 WHERE id = %s", shop["level"].pk)
    verify_stock()
    assert [record.levelname for record in caplog.records if "stock_audit_break" in record.getMessage()] == ["ERROR"]


def test_the_proof_costs_the_same_however_large_the_shop(shop, django_assert_num_queries):
    with django_assert_num_queries(12):
        stock_audit.audit()
    for number in range(5):
        receive(sellable(stock=number, sku=f"B-{number}"), 3, warehouse=WarehouseFactory(code="second"))
    with django_assert_num_queries(12):
        stock_audit.audit()
