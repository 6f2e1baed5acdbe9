"""Corrections of stock over HTTP: by so many, or to what was counted; for scanners only if the number is known."""

import pytest

from apps.common.models import Event
from apps.orders.services import stock_audit
from apps.products.models import StockLevel, StockMovement
from tests.client import code
from tests.factories import WarehouseFactory, sellable
from tests.products.stock_steps import chief, ledger, quantities, staff_client
from tests.races.threads import together

pytestmark = pytest.mark.django_db
PATH = "/admin/inventory/A-1/adjustments/"


@pytest.fixture
def variant():
    return sellable(stock=10, sku="A-1")


def body(**changes):
    return {"warehouse": "main", "reason": "Shelf check"} | changes


@pytest.mark.parametrize(
    ("change", "kind", "quantity"),
    [
        ({"delta": 4}, "adjustment", 4),
        ({"delta": -4}, "adjustment", -4),
        ({"counted": 7}, "adjustment", -3),
        ({"counted": 12, "kind": "adjustment"}, "adjustment", 2),
        ({"delta": 5, "kind": "receive"}, "receive", 5),
        ({"delta": -1, "kind": "damage"}, "damage", -1),
        ({"delta": -1, "expected_on_hand": 10}, "adjustment", -1),
    ],
)
def test_an_adjustment_is_a_row_of_the_ledger(variant, change, kind, quantity):
    client = chief()
    answer = client.post(PATH, body(**change))
    assert answer.status_code == 201
    assert answer.headers["Location"] == "/api/v1/admin/inventory/A-1/"
    movement = answer.json()["movement"]
    assert (movement["kind"], movement["quantity"], movement["on_hand_after"]) == (kind, quantity, 10 + quantity)
    assert (movement["sku"], movement["warehouse"], movement["reason"]) == ("A-1", "main", "Shelf check")
    assert movement["actor_id"] is not None
    assert answer.json()["inventory"]["on_hand"] == 10 + quantity
    assert ledger("A-1") == [("main", "receive", 10, 10), ("main", kind, quantity, 10 + quantity)]
    event = Event.objects.get(type="stock.adjusted")
    assert (event.data["quantity"], str(event.actor_id)) == (quantity, movement["actor_id"])
    assert stock_audit.audit() == []


def test_counting_what_is_there_changes_nothing(variant):
    answer = chief().post(PATH, body(counted=10))
    assert (answer.status_code, answer.json()["movement"]) == (201, None)
    assert len(ledger("A-1")) == 1
    assert not Event.objects.filter(type="stock.adjusted").exists()


def test_a_warehouse_that_never_had_the_sku_gets_a_level(variant):
    WarehouseFactory(code="second", name="Second", priority=1)
    assert chief().post(PATH, body(warehouse="second", delta=3, kind="receive")).status_code == 201
    assert quantities("A-1") == {"main": (10, 0), "second": (3, 0)}


def test_a_scanner_that_expects_another_number_changes_nothing(variant):
    answer = chief().post(PATH, body(counted=7, expected_on_hand=9))
    assert code(answer) == (409, "stock_changed")
    assert answer.json()["on_hand"] == 10
    assert quantities("A-1") == {"main": (10, 0)}


def test_what_is_promised_stays(variant):
    StockLevel.objects.update(reserved=4)
    client = chief()
    for change in ({"delta": -7}, {"counted": 3}, {"delta": -7, "kind": "damage"}):
        assert code(client.post(PATH, body(**change))) == (409, "negative_stock")
    assert quantities("A-1") == {"main": (10, 4)}
    assert client.post(PATH, body(counted=4)).status_code == 201
    assert quantities("A-1") == {"main": (4, 4)}


@pytest.mark.parametrize(
    ("change", "pointer", "problem"),
    [
        ({}, "/delta", "required"),
        ({"delta": 1, "counted": 1}, "/delta", "required"),
        ({"delta": 0}, "/delta", "invalid"),
        ({"delta": -1, "kind": "receive"}, "/delta", "min_value"),
        ({"delta": 1, "kind": "damage"}, "/delta", "max_value"),
        ({"counted": 1, "kind": "receive"}, "/counted", "invalid"),
        ({"counted": -1}, "/counted", "min_value"),
        ({"delta": 1, "kind": "sale"}, "/kind", "invalid_choice"),
        ({"delta": 1, "reason": ""}, "/reason", "blank"),
        ({"delta": 1, "reason": "a\nb"}, "/reason", "control_character"),
        ({"delta": "1"}, "/delta", "wrong_type"),
        ({"delta": 1, "warehouse": "nowhere"}, "/warehouse", "does_not_exist"),
        ({"delta": 1, "on_hand": 4}, "/on_hand", "unknown_field"),
        ({"delta": 10**12}, "/delta", "max_value"),
    ],
)
def test_bad_adjustments_are_refused_and_change_nothing(variant, change, pointer, problem):
    answer = chief().post(PATH, body(**change))
    assert code(answer) == (400, "validation_error")
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [(pointer, problem)]
    assert quantities("A-1") == {"main": (10, 0)}
    assert len(ledger("A-1")) == 1


def test_without_a_reason_nothing_is_adjusted(variant):
    answer = chief().post(PATH, {"warehouse": "main", "delta": 1})
    assert answer.json()["errors"][0]["pointer"] == "/reason"


def test_an_adjustment_takes_the_right_and_an_existing_sku(variant):
    assert code(staff_client("view_stocklevel").post(PATH, body(delta=1))) == (403, "permission_denied")
    client = staff_client("change_stocklevel")
    assert code(client.post("/admin/inventory/NO/adjustments/", body(delta=1))) == (404, "not_found")
    assert client.post(PATH, body(delta=1)).status_code == 201


def test_a_repeated_adjustment_with_its_key_happens_once(variant):
    client = chief()
    first = client.post(PATH, body(delta=-1), Idempotency_Key="a1")
    again = client.post(PATH, body(delta=-1), Idempotency_Key="a1")
    assert (again.headers["Idempotent-Replayed"], again.json()) == ("true", first.json())
    assert code(client.post(PATH, body(delta=-2), Idempotency_Key="a1")) == (422, "idempotency_key_reused")
    assert quantities("A-1") == {"main": (9, 0)}


def test_shoppers_see_an_adjustment_at_once(variant, api):
    chief().post(PATH, body(counted=0))
    assert api.get(f"/products/{variant.product.slug}/").json()["in_stock"] is False


@pytest.mark.django_db(transaction=True)
def test_of_many_scanners_that_expect_the_same_number_one_wins(variant):
    clients = [chief() for _ in range(8)]
    answers = together([lambda c=c: c.post(PATH, body(delta=-1, expected_on_hand=10)).status_code for c in clients])
    assert sorted(answers) == [201] + [409] * 7
    assert quantities("A-1") == {"main": (9, 0)}
    assert StockMovement.objects.filter(kind="adjustment").count() == 1


def test_below_zero_nothing_is_on_the_shelf_and_what_is_counted_there_is_still_owed(variant):
    """Two units were sold before they arrived."""
    StockLevel.objects.update(on_hand=-2, backorder_limit=5)
    client = chief()
    for change in ({"delta": -1}, {"delta": -1, "kind": "damage"}):
        assert code(client.post(PATH, body(**change))) == (409, "negative_stock")
    stale = client.post(PATH, body(counted=3, expected_on_hand=0))
    assert (code(stale), stale.json()["on_hand"]) == ((409, "stock_changed"), -2)
    answer = client.post(PATH, body(counted=3, expected_on_hand=-2))
    assert (answer.json()["movement"]["quantity"], quantities("A-1")) == (3, {"main": (1, 0)})


def test_units_that_may_be_sold_ahead_cannot_break(variant):
    StockLevel.objects.update(backorder_limit=5)
    client = chief()
    assert code(client.post(PATH, body(delta=-11, kind="damage"))) == (409, "negative_stock")
    assert client.post(PATH, body(delta=-10, kind="damage")).status_code == 201
