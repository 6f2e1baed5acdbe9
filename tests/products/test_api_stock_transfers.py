"""Transfers: what left is on hand nowhere, cannot be bought, and is accounted for to the unit."""

import pytest

from apps.common.models import Event
from apps.orders.services import stock_audit
from apps.products.models import StockLevel, StockTransfer
from tests.client import ApiClient, code
from tests.factories import WarehouseFactory, sellable, shop_rates
from tests.products.stock_steps import chief, ledger, quantities, staff_client
from tests.races.threads import together

pytestmark = pytest.mark.django_db
PATH = "/admin/inventory/transfers/"


@pytest.fixture(autouse=True)
def _two_warehouses():
    for sku in ("A-1", "A-2"):
        sellable(stock=10, sku=sku)
    WarehouseFactory(code="second", name="Second", priority=1)


def body(**changes):
    lines = [{"sku": "A-1", "quantity": 6}, {"sku": "A-2", "quantity": 2}]
    return {"source": "main", "destination": "second", "lines": lines} | changes


def send(client: ApiClient, **changes) -> str:
    answer = client.post(PATH, body(**changes))
    assert answer.status_code == 201, answer.json()
    assert answer.headers["Location"] == f"/api/v1{PATH}{answer.json()['id']}/"
    return f"{PATH}{answer.json()['id']}/"


def test_what_left_is_on_its_way_and_on_hand_nowhere():
    client = chief()
    path = send(client, note="Refill")
    transfer = client.get(path).json()
    assert (transfer["status"], transfer["source"], transfer["destination"]) == ("in_transit", "main", "second")
    assert transfer["lines"] == [
        {"sku": "A-1", "quantity": 6, "received": None, "reason": ""},
        {"sku": "A-2", "quantity": 2, "received": None, "reason": ""},
    ]
    assert (transfer["dispatched_at"] is not None, transfer["ended_at"]) == (True, None)
    assert quantities("A-1") == {"main": (4, 0), "second": (0, 0)}
    assert ledger("A-1")[1:] == [("main", "transfer_out", -6, 4)]
    stock = client.get("/admin/inventory/A-1/").json()
    assert (stock["on_hand"], stock["available"], stock["in_transit"]) == (4, 4, 6)
    assert [level["in_transit"] for level in stock["levels"]] == [0, 6]
    assert Event.objects.get(type="stock.transfer_dispatched").data == {
        "source": "main",
        "destination": "second",
        "units": 8,
    }
    assert stock_audit.audit() == []


def test_nobody_can_buy_what_is_on_its_way(api):
    shop_rates()
    send(chief())
    line = api.post("/cart/items/", {"sku": "A-1", "quantity": 5})
    assert code(line) == (409, "insufficient_stock")
    assert line.json()["items"] == [{"sku": "A-1", "requested": 5, "available": 4}]


def test_a_transfer_that_arrives_whole_is_received_with_an_empty_body():
    client = chief()
    path = send(client)
    answer = client.post(f"{path}receive/", {})
    assert (answer.status_code, answer.json()["status"]) == (200, "received")
    assert [line["received"] for line in answer.json()["lines"]] == [6, 2]
    assert quantities("A-1") == {"main": (4, 0), "second": (6, 0)}
    assert ledger("A-1")[2:] == [("second", "transfer_in", 6, 6)]
    assert client.get("/admin/inventory/A-1/").json()["in_transit"] == 0
    moved = client.get("/admin/inventory/movements/", {"reference": answer.json()["id"]}).json()["results"]
    assert sorted(row["quantity"] for row in moved) == [-6, -2, 2, 6]
    assert stock_audit.audit() == []


def test_what_did_not_arrive_is_booked_as_damage_with_its_reason():
    client = chief()
    path = send(client)
    lines = [
        {"sku": "A-1", "received": 5, "reason": "One broke"},
        {"sku": "A-2", "received": 0, "reason": "Stolen"},
    ]
    answer = client.post(f"{path}receive/", {"lines": lines})
    assert answer.json()["lines"] == [
        {"sku": "A-1", "quantity": 6, "received": 5, "reason": "One broke"},
        {"sku": "A-2", "quantity": 2, "received": 0, "reason": "Stolen"},
    ]
    assert quantities("A-1") == {"main": (4, 0), "second": (5, 0)}
    assert quantities("A-2") == {"main": (8, 0), "second": (0, 0)}
    assert ledger("A-1")[2:] == [("second", "transfer_in", 6, 6), ("second", "damage", -1, 5)]
    assert ledger("A-2")[2:] == [("second", "transfer_in", 2, 2), ("second", "damage", -2, 0)]
    losses = client.get("/admin/inventory/movements/", {"kind": "damage"}).json()["results"]
    assert {row["reason"] for row in losses} == {"One broke", "Stolen"}
    assert Event.objects.get(type="stock.transfer_received").data["lost"] == 3
    assert stock_audit.audit() == []


def test_a_draft_moves_nothing_until_it_is_dispatched():
    client = chief()
    path = send(client, dispatch=False)
    assert client.get(path).json()["status"] == "draft"
    assert quantities("A-1") == {"main": (10, 0)}
    assert code(client.post(f"{path}receive/", {})) == (409, "invalid_transition")
    assert client.post(f"{path}dispatch/").json()["status"] == "in_transit"
    assert quantities("A-1") == {"main": (4, 0), "second": (0, 0)}


def test_a_cancelled_transfer_goes_back():
    client = chief()
    path = send(client)
    assert client.post(f"{path}cancel/").json()["status"] == "cancelled"
    assert quantities("A-1") == {"main": (10, 0), "second": (0, 0)}
    assert ledger("A-1")[1:] == [("main", "transfer_out", -6, 4), ("main", "transfer_in", 6, 10)]
    draft = send(client, dispatch=False)
    assert client.post(f"{draft}cancel/").json()["status"] == "cancelled"
    assert len(ledger("A-1")) == 3
    assert stock_audit.audit() == []


@pytest.mark.parametrize(
    ("moves", "refused", "allowed"),
    [
        (["receive"], "receive", []),
        (["receive"], "cancel", []),
        (["cancel"], "dispatch", []),
        ([], "dispatch", ["receive", "cancel"]),
    ],
)
def test_moves_that_the_state_forbids_are_refused_and_say_which_are_possible(moves, refused, allowed):
    client = chief()
    path = send(client)
    for move in moves:
        assert client.post(f"{path}{move}/", {}).status_code == 200
    before = quantities("A-1")
    answer = client.post(f"{path}{refused}/", {})
    assert code(answer) == (409, "invalid_transition")
    assert answer.json()["allowed"] == allowed
    assert quantities("A-1") == before


def test_only_what_is_there_and_not_promised_is_sent():
    StockLevel.objects.filter(variant__sku="A-1").update(reserved=5)
    answer = chief().post(PATH, body())
    assert code(answer) == (409, "insufficient_stock")
    assert answer.json()["items"] == [{"sku": "A-1", "requested": 6, "available": 5}]
    assert quantities("A-2") == {"main": (10, 0)}
    assert StockTransfer.objects.count() == 0


@pytest.mark.parametrize(
    ("change", "pointer", "problem"),
    [
        ({"source": "nowhere"}, "/source", "does_not_exist"),
        ({"destination": "nowhere"}, "/destination", "does_not_exist"),
        ({"destination": "main"}, "/destination", "invalid"),
        ({"lines": []}, "/lines", "min_length"),
        ({"lines": [{"sku": "NO", "quantity": 1}]}, "/lines/0/sku", "does_not_exist"),
        ({"lines": [{"sku": "A-1", "quantity": 1}] * 2}, "/lines/1/sku", "unique"),
        ({"lines": [{"sku": "A-1", "quantity": 0}]}, "/lines/0/quantity", "min_value"),
        ({"colour": "red"}, "/colour", "unknown_field"),
    ],
)
def test_bad_transfers_are_refused(change, pointer, problem):
    answer = chief().post(PATH, body(**change))
    assert code(answer) == (400, "validation_error")
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [(pointer, problem)]
    assert StockTransfer.objects.count() == 0


def test_nothing_is_sent_to_a_closed_warehouse():
    WarehouseFactory(code="closed", name="Closed", is_active=False)
    answer = chief().post(PATH, body(destination="closed"))
    assert answer.json()["errors"][0]["pointer"] == "/destination"


@pytest.mark.parametrize(
    ("lines", "pointer", "problem"),
    [
        ([{"sku": "NO", "received": 1}], "/lines/0/sku", "does_not_exist"),
        ([{"sku": "A-1", "received": 7}], "/lines/0/received", "max_value"),
        ([{"sku": "A-1", "received": 5}], "/lines/0/reason", "required"),
        ([{"sku": "A-1", "received": 6}] * 2, "/lines/1/sku", "unique"),
    ],
)
def test_bad_arrivals_are_refused_and_the_transfer_stays_on_its_way(lines, pointer, problem):
    client = chief()
    path = send(client)
    answer = client.post(f"{path}receive/", {"lines": lines})
    assert code(answer) == (400, "validation_error")
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [(pointer, problem)]
    assert client.get(path).json()["status"] == "in_transit"
    assert quantities("A-1") == {"main": (4, 0), "second": (0, 0)}


def test_the_list_filters():
    client = chief()
    send(client, dispatch=False)
    send(client, lines=[{"sku": "A-2", "quantity": 1}])
    for query, found in (
        ({}, 2),
        ({"status": "draft"}, 1),
        ({"sku": "A-2"}, 2),
        ({"sku": "A-1"}, 1),
        ({"source": "main", "destination": "second"}, 2),
        ({"source": "second"}, 0),
    ):
        page = client.get(PATH, query).json()
        assert (page["count"], len(page["results"])) == (found, found), query


def test_each_step_takes_its_right():
    path = send(chief())
    reader = staff_client("view_stocktransfer")
    assert reader.get(path).status_code == 200
    assert code(reader.post(PATH, body())) == (403, "permission_denied")
    assert code(reader.post(f"{path}receive/", {})) == (403, "permission_denied")
    assert code(staff_client("change_stocktransfer").get(path)) == (403, "permission_denied")
    missing = "/admin/inventory/transfers/0199f3a2-7c1e-7d3a-9a55-6f1c2d3e4f50/"
    assert code(reader.get(missing)) == (404, "not_found")
    assert code(staff_client("change_stocktransfer").post(f"{missing}cancel/")) == (404, "not_found")


@pytest.mark.django_db(transaction=True)
def test_a_transfer_is_received_once_however_many_people_receive_it():
    path = send(chief())
    clients = [chief() for _ in range(6)]
    answers = together([lambda c=c: c.post(f"{path}receive/", {}).status_code for c in clients])
    assert sorted(answers) == [200] + [409] * 5
    assert quantities("A-1") == {"main": (4, 0), "second": (6, 0)}


@pytest.mark.django_db(transaction=True)
def test_transfers_to_and_fro_at_once_end_without_a_deadlock():
    sellable(stock=0, sku="B-1")
    chief().post("/admin/inventory/A-1/adjustments/", {"warehouse": "second", "delta": 10, "reason": "x"})
    chief().post("/admin/inventory/A-2/adjustments/", {"warehouse": "second", "delta": 10, "reason": "x"})
    lines = [{"sku": "A-1", "quantity": 1}, {"sku": "A-2", "quantity": 1}]
    there = [body(lines=lines)] * 4
    back = [body(source="second", destination="main", lines=lines[::-1])] * 4
    calls = [(chief(), each) for each in there + back]
    answers = together([lambda c=c, b=b: c.post(PATH, b).status_code for c, b in calls])
    assert answers == [201] * 8
    assert quantities("A-1") == {"main": (6, 0), "second": (6, 0)}


def test_units_that_may_be_sold_ahead_cannot_be_sent():
    StockLevel.objects.filter(variant__sku="A-1").update(backorder_limit=50, safety_stock=9)
    client = chief()
    refused = client.post(PATH, body(lines=[{"sku": "A-1", "quantity": 11}]))
    assert (code(refused), refused.json()["items"][0]["available"]) == ((409, "insufficient_stock"), 10)
    send(client, lines=[{"sku": "A-1", "quantity": 10}])
    assert quantities("A-1")["main"] == (0, 0)


def test_what_arrives_where_units_are_owed_pays_them_off_first():
    client = chief()
    path = send(client)
    StockLevel.objects.filter(variant__sku="A-1", warehouse__code="second").update(on_hand=-4, backorder_limit=9)
    assert client.post(f"{path}receive/", {}).status_code == 200
    assert quantities("A-1")["second"] == (2, 0)
