"""Stock counts: nothing changes until the count is applied; then each difference is booked, all or none."""

import pytest

from apps.common.models import Event
from apps.orders.services import stock_audit
from apps.products.models import StockCount, StockLevel
from tests.client import ApiClient, code
from tests.factories import VariantFactory, WarehouseFactory, receive, sellable
from tests.products.stock_steps import chief, ledger, quantities, staff_client
from tests.races.threads import together

pytestmark = pytest.mark.django_db
PATH = "/admin/inventory/counts/"


@pytest.fixture(autouse=True)
def _three_skus():
    for number in (1, 2, 3):
        sellable(stock=10, sku=f"A-{number}")
    receive(sellable(stock=0, sku="B-1"), 5, warehouse=WarehouseFactory(code="second", name="Second"))


def open_count(client: ApiClient, **changes) -> str:
    answer = client.post(PATH, {"warehouse": "main", "note": "Year's end"} | changes)
    assert answer.status_code == 201, answer.json()
    assert answer.headers["Location"] == f"/api/v1{PATH}{answer.json()['id']}/"
    return f"{PATH}{answer.json()['id']}/"


def note(client: ApiClient, path: str, **counted):
    lines = [{"sku": sku.replace("_", "-"), "counted": units} for sku, units in counted.items()]
    return client.patch(f"{path}lines/", {"lines": lines})


def test_a_count_of_the_whole_warehouse_has_a_line_per_level():
    client = chief()
    path = open_count(client)
    count = client.get(path).json()
    assert (count["status"], count["line_count"], count["counted_count"]) == ("open", 4, 0)
    lines = client.get(f"{path}lines/").json()
    assert [line["sku"] for line in lines["results"]] == ["A-1", "A-2", "A-3", "B-1"]


def test_applying_books_the_differences_and_leaves_what_nobody_counted():
    client = chief()
    path = open_count(client)
    answer = note(client, path, A_1=8, A_2=10)
    assert (answer.status_code, answer.json()["counted_count"]) == (200, 2)
    assert quantities("A-1") == {"main": (10, 0)}
    note(client, path, A_1=12)
    applied = client.post(f"{path}apply/")
    assert (applied.status_code, applied.json()["status"]) == (200, "applied")
    assert quantities("A-1") == {"main": (12, 0)}
    assert ledger("A-1")[1:] == [("main", "count", 2, 12)]
    assert (len(ledger("A-2")), len(ledger("A-3"))) == (1, 1)
    rows = client.get(f"{path}lines/", {"counted": "true"}).json()["results"]
    assert rows == [
        {"sku": "A-1", "counted": 12, "on_hand_before": 10, "difference": 2},
        {"sku": "A-2", "counted": 10, "on_hand_before": 10, "difference": 0},
    ]
    moved = client.get("/admin/inventory/movements/", {"reference": applied.json()["id"]}).json()["results"]
    assert [(row["quantity"], row["reason"]) for row in moved] == [(2, "Year's end")]
    assert Event.objects.get(type="stock.count_applied").data == {"warehouse": "main", "lines": 2, "changed": 1}
    assert stock_audit.audit() == []


def test_the_difference_is_taken_when_the_count_is_applied():
    client = chief()
    path = open_count(client)
    note(client, path, A_1=8)
    client.post("/admin/inventory/A-1/adjustments/", {"warehouse": "main", "delta": -5, "reason": "Sold at the fair"})
    client.post(f"{path}apply/")
    assert quantities("A-1") == {"main": (8, 0)}
    assert ledger("A-1")[2:] == [("main", "count", 3, 8)]


def test_what_is_promised_is_respected_and_nothing_is_booked():
    StockLevel.objects.filter(variant__sku="A-2").update(reserved=4)
    client = chief()
    path = open_count(client)
    note(client, path, A_1=1, A_2=3)
    answer = client.post(f"{path}apply/")
    assert code(answer) == (409, "negative_stock")
    assert [item["sku"] for item in answer.json()["items"]] == ["A-2"]
    assert (quantities("A-1"), quantities("A-2")) == ({"main": (10, 0)}, {"main": (10, 4)})
    assert client.get(path).json()["status"] == "open"
    note(client, path, A_2=4)
    assert client.post(f"{path}apply/").status_code == 200
    assert (quantities("A-1"), quantities("A-2")) == ({"main": (1, 0)}, {"main": (4, 4)})


def test_a_sku_that_the_ledger_does_not_know_in_the_warehouse_can_be_found_there():
    VariantFactory(sku="C-1")
    client = chief()
    path = open_count(client, skus=["C-1"])
    note(client, path, C_1=3)
    client.post(f"{path}apply/")
    assert quantities("C-1") == {"main": (3, 0)}
    assert ledger("C-1") == [("main", "count", 3, 3)]


def test_a_number_can_be_taken_back():
    client = chief()
    path = open_count(client)
    note(client, path, A_1=3)
    assert note(client, path, A_1=None).json()["counted_count"] == 0
    answer = client.post(f"{path}apply/")
    assert code(answer) == (400, "validation_error")
    assert quantities("A-1") == {"main": (10, 0)}


def test_a_count_that_ended_stays_as_it_is():
    client = chief()
    for move in ("apply", "cancel"):
        path = open_count(client)
        note(client, path, A_1=7)
        assert client.post(f"{path}{move}/").status_code == 200
        for call in (
            lambda path=path: client.post(f"{path}apply/"),
            lambda path=path: client.post(f"{path}cancel/"),
            lambda path=path: note(client, path, A_1=1),
        ):
            assert code(call()) == (409, "invalid_transition")
    assert quantities("A-1") == {"main": (7, 0)}
    assert list(StockCount.objects.order_by("id").values_list("status", flat=True)) == ["applied", "cancelled"]


@pytest.mark.parametrize(
    ("body", "pointer", "problem"),
    [
        ({}, "/warehouse", "required"),
        ({"warehouse": "nowhere"}, "/warehouse", "does_not_exist"),
        ({"warehouse": "main", "skus": ["A-1", "NO"]}, "/skus/1", "does_not_exist"),
        ({"warehouse": "main", "skus": []}, "/skus", "min_length"),
        ({"warehouse": "empty"}, "/skus", "required"),
    ],
)
def test_bad_counts_are_refused(body, pointer, problem):
    WarehouseFactory(code="empty", name="Empty")
    answer = chief().post(PATH, body)
    assert code(answer) == (400, "validation_error")
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [(pointer, problem)]
    assert StockCount.objects.count() == 0


@pytest.mark.parametrize(
    ("lines", "pointer", "problem"),
    [
        ([{"sku": "NO", "counted": 1}], "/lines/0/sku", "does_not_exist"),
        ([{"sku": "A-1", "counted": 1}] * 2, "/lines/1/sku", "unique"),
        ([{"sku": "A-1", "counted": -1}], "/lines/0/counted", "min_value"),
        ([{"sku": "A-1"}], "/lines/0/counted", "required"),
        ([], "/lines", "min_length"),
    ],
)
def test_bad_numbers_are_refused_and_none_is_noted(lines, pointer, problem):
    client = chief()
    path = open_count(client)
    answer = client.patch(f"{path}lines/", {"lines": [*lines]})
    assert code(answer) == (400, "validation_error")
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [(pointer, problem)]
    assert client.get(path).json()["counted_count"] == 0


def test_the_list_filters():
    client = chief()
    open_count(client)
    client.post(f"{open_count(client, warehouse='second')}cancel/")
    for query, found in (({}, 2), ({"status": "open"}, 1), ({"warehouse": "second"}, 1), ({"warehouse": "no"}, 0)):
        assert client.get(PATH, query).json()["count"] == found


def test_each_step_takes_its_right():
    path = open_count(chief())
    reader = staff_client("view_stockcount")
    assert reader.get(path).status_code == 200
    for call in (
        lambda: reader.post(PATH, {"warehouse": "main"}),
        lambda: note(reader, path, A_1=1),
        lambda: reader.post(f"{path}apply/"),
    ):
        assert code(call()) == (403, "permission_denied")
    missing = f"{PATH}0199f3a2-7c1e-7d3a-9a55-6f1c2d3e4f50/"
    for call in (
        lambda: reader.get(missing),
        lambda: reader.get(f"{missing}lines/"),
        lambda: chief().post(f"{missing}apply/"),
        lambda: note(chief(), missing, A_1=1),
    ):
        assert code(call()) == (404, "not_found")


@pytest.mark.django_db(transaction=True)
def test_a_count_is_applied_once_however_many_people_apply_it():
    client = chief()
    path = open_count(client)
    note(client, path, A_1=7)
    clients = [chief() for _ in range(6)]
    answers = together([lambda c=c: c.post(f"{path}apply/").status_code for c in clients])
    assert sorted(answers) == [200] + [409] * 5
    assert ledger("A-1")[1:] == [("main", "count", -3, 7)]


def test_what_is_counted_where_units_are_owed_is_still_owed():
    StockLevel.objects.filter(variant__sku="A-1").update(on_hand=-2, backorder_limit=5)
    client = chief()
    path = open_count(client, skus=["A-1"])
    note(client, path, A_1=5)
    assert client.post(f"{path}apply/").status_code == 200
    assert quantities("A-1") == {"main": (3, 0)}
    (line,) = client.get(f"{path}lines/").json()["results"]
    assert (line["on_hand_before"], line["difference"]) == (-2, 5)
