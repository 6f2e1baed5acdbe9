"""Safety stock, units sold ahead, holds that run out, crossings told once, and holds for systems outside."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.common.models import Event
from apps.orders.models import Order
from apps.orders.services import lifecycle
from apps.products.models import StockLevel, StockMovement, StockReservation
from apps.products.services import stock, stock_changes, stock_settings
from apps.products.services.stock_changes import NegativeStock
from tests.client import ApiClient, code
from tests.factories import UserFactory, WarehouseFactory, receive, sellable, shop_rates
from tests.orders.steps import cart_with, order_body, place
from tests.payments.ledger import assert_books_agree, confirm, intent_for

pytestmark = pytest.mark.django_db


def staff_client() -> ApiClient:
    return ApiClient(UserFactory(is_staff=True, is_superuser=True))


def level() -> tuple[int, int]:
    return StockLevel.objects.values_list("on_hand", "reserved").get()


def run_out(order: Order) -> None:
    """The order's hold is over, and no job has noticed yet."""
    past = timezone.now() - timedelta(seconds=1)
    StockReservation.objects.filter(reference=order.pk).update(expires_at=past)
    Order.objects.filter(pk=order.pk).update(expires_at=past)


def test_safety_stock_is_not_sold():
    shop_rates()
    variant = sellable(stock=5)
    StockLevel.objects.update(safety_stock=3)
    client = cart_with(variant, quantity=2)
    assert code(client.post("/cart/items/", {"sku": variant.sku})) == (409, "insufficient_stock")
    assert client.post("/orders/", order_body()).status_code == 201
    assert level() == (5, 2)


def test_units_are_sold_ahead_of_their_arrival_up_to_the_limit(stripe):
    shop_rates()
    variant = sellable(stock=1)
    StockLevel.objects.update(backorder_limit=3)
    client, order = place(variant, quantity=4)
    assert level() == (1, 4)
    confirm(client, intent_for(client, order)["id"])
    assert level() == (-3, 0)
    assert stock.availability([variant.pk]) == {variant.pk: 0}
    stock.adjust(level_id=StockLevel.objects.get().pk, delta=5, reason="arrived", kind="receive")
    assert level() == (2, 0)
    assert stock.availability([variant.pk]) == {variant.pk: 5}
    assert sum(StockMovement.objects.values_list("quantity", flat=True)) == 2


def test_the_constraint_alone_holds_without_the_services_check():
    variant = sellable(stock=2)
    found = StockLevel.objects.get(variant=variant)
    StockLevel.objects.update(backorder_limit=1)
    StockLevel.objects.update(reserved=3)
    with pytest.raises(IntegrityError, match="never_promise_more_than_there_is"), transaction.atomic():
        StockLevel.objects.filter(pk=found.pk).update(reserved=4)
    with pytest.raises(IntegrityError, match="never_promise_more_than_there_is"), transaction.atomic():
        StockLevel.objects.filter(pk=found.pk).update(on_hand=1)
    assert level() == (2, 3)


def test_without_the_statements_guard_the_constraint_still_refuses(monkeypatch):
    found = StockLevel.objects.select_related("variant", "warehouse").get(variant=sellable(stock=2))
    unguarded = stock_changes._APPLY.partition("\n  AND")[0]
    monkeypatch.setattr(stock_changes, "_APPLY", unguarded)
    with pytest.raises(IntegrityError, match="never_promise_more_than_there_is"), transaction.atomic():
        stock_changes.apply([stock_changes.Change(found, reserved=3)])
    assert level() == (2, 0)
    stock_changes.apply([stock_changes.Change(found, reserved=2)])
    assert level() == (2, 2)


def test_a_limit_below_what_is_promised_is_refused():
    variant = sellable(stock=0)
    StockLevel.objects.update(backorder_limit=5)
    place_ = [{"warehouse": "main", "backorder_limit": 1}]
    stock.reserve(
        reference=variant.pk, lines=[stock.StockLine(variant.pk, 3)], expires_at=timezone.now() + timedelta(hours=1)
    )
    with pytest.raises(NegativeStock):
        stock_settings.change(sku=variant.sku, changes=place_, actor=None)
    assert StockLevel.objects.get().backorder_limit == 5


def test_settings_of_a_level_reach_the_shop_at_once():
    variant = sellable(stock=2, sku="MUG-1")
    path = f"/products/{variant.product.slug}/"
    assert ApiClient().get(path).json()["variants"][0]["in_stock"] is True
    body = {"levels": [{"warehouse": "main", "safety_stock": 2, "next_restock_on": "2026-12-24"}]}
    answer = staff_client().patch("/admin/inventory/MUG-1/", body).json()
    assert (answer["available"], answer["levels"][0]["next_restock_on"]) == (0, "2026-12-24")
    assert ApiClient().get(path).json()["variants"][0]["in_stock"] is False
    assert ApiClient().get("/inventory/MUG-1/").json() == {
        "sku": "MUG-1",
        "availability": "out_of_stock",
        "next_restock_on": "2026-12-24",
        "stock": None,
    }
    assert staff_client().get("/inventory/MUG-1/").json()["stock"]["on_hand"] == 2


def test_a_warehouse_that_does_not_ship_there_is_left_alone():
    shop_rates()
    variant = sellable(stock=0)
    receive(variant, 5, warehouse=WarehouseFactory(code="eu", name="EU", country="DE", countries=["DE", "FR"]))
    client = cart_with(variant)
    assert code(client.post("/orders/", order_body())) == (409, "insufficient_stock")
    assert StockReservation.objects.count() == 0


def test_a_hold_that_has_run_out_blocks_nobody_before_any_job_has_run():
    shop_rates()
    variant = sellable(stock=1)
    _, late = place(variant)
    run_out(late)
    assert stock.availability([variant.pk]) == {variant.pk: 1}
    _, quick = place(variant)
    assert level() == (1, 1)
    assert [(each.reference, each.status) for each in StockReservation.objects.order_by("pk")] == [
        (late.pk, "released"),
        (quick.pk, "held"),
    ]
    assert lifecycle.cancel_expired() == 1
    assert level() == (1, 1)


def test_late_money_still_gets_the_goods_while_nobody_else_has_them(stripe):
    shop_rates()
    client, order = place(sellable(stock=1))
    payment = intent_for(client, order)["id"]
    run_out(order)
    assert confirm(client, payment).json()["order"]["status"] == "confirmed"
    assert level() == (0, 0)
    assert_books_agree(stripe)


def test_late_money_goes_back_when_the_units_went_to_others(stripe, deliver):
    shop_rates()
    variant = sellable(stock=1)
    client, late = place(variant)
    payment = intent_for(client, late)["id"]
    run_out(late)
    other, quick = place(variant)
    confirm(client, payment)
    late.refresh_from_db()
    assert (late.status, late.payment_status) == ("cancelled", "refunded")
    assert confirm(other, intent_for(other, quick)["id"]).json()["order"]["status"] == "confirmed"
    assert level() == (0, 0)


def test_crossings_are_told_once_not_at_every_sale():
    variant = sellable(stock=12)
    found = StockLevel.objects.get()
    for _ in range(12):
        stock.adjust(level_id=found.pk, delta=-1, reason="sold")
    stock.adjust(level_id=found.pk, delta=3, reason="found")
    events = Event.objects.filter(target_id=found.pk, type__startswith="stock.").order_by("id")
    assert [(event.type, event.data["available"]) for event in events] == [
        ("stock.low", 5),
        ("stock.out", 0),
        ("stock.back", 3),
    ]
    assert events[0].data == {"sku": variant.sku, "warehouse": "main", "available": 5}


def test_an_outside_system_holds_sells_and_gives_back():
    sellable(sku="MUG-1", stock=5)
    till = staff_client()
    body = {"lines": [{"sku": "MUG-1", "quantity": 2}], "expires_in_seconds": 600}
    first = till.post("/admin/inventory/reservations/", body, Idempotency_Key="a")
    again = till.post("/admin/inventory/reservations/", body, Idempotency_Key="a")
    assert (first.status_code, again.json()) == (201, first.json())
    assert level() == (5, 2)
    held = first.json()
    assert (held["status"], held["lines"]) == ("held", [{"sku": "MUG-1", "warehouse": "main", "quantity": 2}])
    path = f"/admin/inventory/reservations/{held['id']}/"
    assert till.get(path).json() == held
    for _ in range(2):
        assert till.post(f"{path}commit/").json()["status"] == "committed"
    assert level() == (3, 0)
    assert code(till.post(f"{path}release/")) == (409, "invalid_transition")
    other = till.post("/inventory/reserve/", body).json()["id"]
    for _ in range(2):
        assert till.post("/inventory/release/", {"reservation": other}).json()["status"] == "released"
    assert code(till.post("/inventory/commit/", {"reservation": other})) == (409, "reservation_expired")
    assert level() == (3, 0)


def test_an_outside_hold_that_has_run_out_is_gone():
    sellable(sku="MUG-1", stock=5)
    till = staff_client()
    body = {"lines": [{"sku": "MUG-1", "quantity": 5}], "expires_in_seconds": 60}
    held = till.post("/inventory/reserve/", body).json()
    path = f"/admin/inventory/reservations/{held['id']}/"
    assert till.post(f"{path}extend/", {"expires_in_seconds": 3600}).json()["status"] == "held"
    StockReservation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert till.get(path).json()["status"] == "expired"
    for step in ("commit/", "extend/"):
        sent = {"expires_in_seconds": 60} if step == "extend/" else None
        assert code(till.post(path + step, sent)) == (409, "reservation_expired")
    assert till.post("/inventory/reserve/", body).status_code == 201
    assert level() == (5, 5)
    assert stock.release_expired() == 0
    StockReservation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert stock.release_expired() == 1
    assert level() == (5, 0)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"lines": []}, 400),
        ({"lines": [{"sku": "NOPE", "quantity": 1}]}, 400),
        ({"lines": [{"sku": "MUG-1", "quantity": 0}]}, 400),
        ({"lines": [{"sku": "MUG-1", "quantity": 1}], "expires_in_seconds": 600_000}, 400),
        ({"lines": [{"sku": "MUG-1", "quantity": 6}]}, 409),
    ],
)
def test_a_hold_that_cannot_be_changes_nothing(body, expected):
    sellable(sku="MUG-1", stock=5)
    assert staff_client().post("/inventory/reserve/", body).status_code == expected
    assert (level(), StockReservation.objects.count()) == ((5, 0), 0)


def test_holds_of_orders_are_not_for_outside_systems():
    shop_rates()
    _, order = place(sellable())
    path = f"/admin/inventory/reservations/{order.pk}/"
    assert code(staff_client().get(path)) == (404, "not_found")
    assert code(staff_client().post(f"{path}commit/")) == (404, "not_found")


def test_a_cart_holds_its_units_where_the_shop_wants_it(settings):
    settings.CART_HOLD_MINUTES = 15
    shop_rates()
    variant = sellable(stock=3)
    first = cart_with(variant, quantity=2)
    assert level() == (3, 2)
    assert first.get("/cart/").json()["items"][0]["warnings"] == ["low_stock"]
    assert code(ApiClient().post("/cart/items/", {"sku": variant.sku, "quantity": 2})) == (409, "insufficient_stock")
    item = first.post("/cart/items/", {"sku": variant.sku}).json()["items"][0]
    assert level() == (3, 3)
    first.put(f"/cart/items/{item['id']}/", {"quantity": 1})
    assert level() == (3, 1)
    assert first.post("/orders/", order_body()).status_code == 201
    assert level() == (3, 1)
    assert set(StockReservation.objects.filter(status="held").values_list("purpose", flat=True)) == {"order"}
    second = cart_with(variant)
    second.post("/cart/clear/")
    assert level() == (3, 1)


def test_taking_a_line_out_is_never_refused_by_the_stock(settings):
    settings.CART_HOLD_MINUTES = 15
    first, second = sellable(stock=1), sellable(stock=5)
    client = cart_with(first)
    items = client.post("/cart/items/", {"sku": second.sku, "quantity": 3}).json()["items"]
    StockReservation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    cart_with(first)
    line = next(each["id"] for each in items if each["sku"] == second.sku)
    fewer = client.put(f"/cart/items/{line}/", {"quantity": 2})
    assert (fewer.status_code, fewer.json()["warnings"][0]["code"]) == (200, "insufficient_stock")
    assert client.delete(f"/cart/items/{line}/").status_code == 200


def test_the_sweep_leaves_a_hold_that_was_renewed_meanwhile(settings, monkeypatch):
    settings.CART_HOLD_MINUTES = 15
    variant = sellable(stock=3)
    client = cart_with(variant)
    StockReservation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    release = stock._release_over

    def after_the_shopper(reference):
        client.post("/cart/items/", {"sku": variant.sku})
        return release(reference)

    monkeypatch.setattr(stock, "_release_over", after_the_shopper)
    stock.release_expired()
    assert StockReservation.objects.filter(status="held", quantity=2).count() == 1
    assert level() == (3, 2)


def test_holds_that_ran_out_are_cleared_before_warehouses_are_chosen():
    variant = sellable(stock=5)
    receive(variant, 3, warehouse=WarehouseFactory(code="second", name="S", priority=1))
    receive(variant, 2, warehouse=WarehouseFactory(code="third", name="T", priority=2))
    five, now = [stock.StockLine(variant.pk, 5)], timezone.now()
    stock.reserve(reference=uuid4(), lines=five, expires_at=now - timedelta(seconds=1))
    [held] = stock.reserve(reference=uuid4(), lines=five, expires_at=now + timedelta(minutes=5))
    assert held.level.warehouse.code == "main"
