"""Warehouses for staff: opened, changed, closed when empty."""

import pytest

from apps.common.models import Event
from apps.products.models import StockTransfer, Warehouse
from tests.client import code
from tests.factories import WarehouseFactory, sellable
from tests.products.stock_steps import chief, staff_client

pytestmark = pytest.mark.django_db
LEIPZIG = {"code": "leipzig", "name": "Leipzig", "city": "Leipzig", "country": "DE", "priority": 2}


def test_a_warehouse_is_opened():
    client = chief()
    answer = client.post("/admin/warehouses/", LEIPZIG)
    assert answer.status_code == 201
    assert answer.headers["Location"] == "/api/v1/admin/warehouses/leipzig/"
    assert answer.json() == LEIPZIG | {
        "line1": "",
        "line2": "",
        "region": "",
        "postal_code": "",
        "is_active": True,
        "countries": [],
        "latitude": None,
        "longitude": None,
    }
    assert client.get("/admin/warehouses/leipzig/").json() == answer.json()
    assert Event.objects.get(type="warehouse.created").data["code"] == "leipzig"


def test_a_code_is_taken_once():
    WarehouseFactory(code="leipzig")
    answer = chief().post("/admin/warehouses/", LEIPZIG)
    assert (code(answer), answer.json()["errors"][0]["pointer"]) == ((400, "validation_error"), "/code")
    assert Warehouse.objects.count() == 1


def test_a_key_makes_opening_repeatable():
    client = chief()
    first = client.post("/admin/warehouses/", LEIPZIG, Idempotency_Key="w1")
    again = client.post("/admin/warehouses/", LEIPZIG, Idempotency_Key="w1")
    assert (first.status_code, again.status_code, again.headers["Idempotent-Replayed"]) == (201, 201, "true")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"code": "UP"}, "/code"),
        ({"country": "de"}, "/country"),
        ({"priority": -1}, "/priority"),
        ({"name": "a\nb"}, "/name"),
        ({"colour": "red"}, "/colour"),
    ],
)
def test_bad_warehouses_are_refused(change, pointer):
    answer = chief().post("/admin/warehouses/", LEIPZIG | change)
    assert code(answer) == (400, "validation_error")
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert Warehouse.objects.count() == 0


def test_the_list_is_by_priority():
    for name, priority in (("b", 1), ("a", 1), ("c", 0)):
        WarehouseFactory(code=name, name=name, priority=priority)
    rows = staff_client("view_warehouse").get("/admin/warehouses/").json()
    assert ([row["code"] for row in rows["results"]], rows["count"]) == (["c", "a", "b"], 3)


def test_a_warehouse_changes_under_if_match():
    WarehouseFactory()
    client = chief()
    etag = client.get("/admin/warehouses/main/").headers["ETag"]
    assert client.get("/admin/warehouses/main/", If_None_Match=etag).status_code == 304
    changed = client.patch("/admin/warehouses/main/", {"priority": 4}, If_Match=etag)
    assert (changed.status_code, changed.json()["priority"]) == (200, 4)
    assert code(client.patch("/admin/warehouses/main/", {"priority": 5}, If_Match=etag)) == (412, "precondition_failed")
    assert Warehouse.objects.get().priority == 4
    assert changed.headers["ETag"] == client.get("/admin/warehouses/main/").headers["ETag"]


def test_switching_a_warehouse_off_takes_its_stock_off_the_shop(api):
    variant = sellable(stock=5)
    assert api.get(f"/products/{variant.product.slug}/").json()["in_stock"] is True
    assert chief().patch("/admin/warehouses/main/", {"is_active": False}).json()["is_active"] is False
    assert api.get(f"/products/{variant.product.slug}/").json()["in_stock"] is False


def test_only_an_empty_warehouse_is_closed():
    variant = sellable(stock=5)
    client = chief()
    assert code(client.delete("/admin/warehouses/main/")) == (409, "has_stock")
    assert Warehouse.objects.get().is_active is True
    variant.stock_levels.update(on_hand=0)
    transfer = StockTransfer.objects.create(
        source=WarehouseFactory(code="second"), destination=Warehouse.objects.get(code="main"), status="in_transit"
    )
    assert code(client.delete("/admin/warehouses/main/")) == (409, "has_stock")
    transfer.delete()
    assert client.delete("/admin/warehouses/main/").status_code == 204
    assert client.delete("/admin/warehouses/main/").status_code == 204
    assert client.get("/admin/warehouses/main/").json()["is_active"] is False
    assert Event.objects.filter(type="warehouse.changed").count() == 1


def test_closing_heeds_if_match():
    WarehouseFactory()
    assert code(chief().delete("/admin/warehouses/main/", If_Match='"old"')) == (412, "precondition_failed")
    assert Warehouse.objects.get().is_active is True


def test_an_unknown_warehouse_is_not_found():
    client = chief()
    for call in (client.get, client.delete, lambda path: client.patch(path, {"priority": 1})):
        assert code(call("/admin/warehouses/nowhere/")) == (404, "not_found")


def test_a_warehouse_says_where_it_is_and_where_it_ships():
    client = chief()
    body = LEIPZIG | {"countries": ["DE", "AT"], "latitude": "51.340000", "longitude": "12.374000", "line2": "Gate 7"}
    answer = client.post("/admin/warehouses/", body).json()
    assert {name: answer[name] for name in body} == body
    for wrong in ({"countries": ["Germany"]}, {"latitude": "91"}, {"longitude": "12.3456789"}):
        assert client.post("/admin/warehouses/", LEIPZIG | {"code": "other"} | wrong).status_code == 400
    assert Warehouse.objects.filter(code="other").count() == 0
