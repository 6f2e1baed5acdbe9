"""Stock levels, their settings, the ledger and the past, for staff."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.common.models import Event
from apps.products.models import StockLevel, StockMovement, StockTransfer, StockTransferLine
from tests.client import ApiClient, code
from tests.factories import UserFactory, WarehouseFactory, receive, sellable
from tests.products.stock_steps import chief, staff_client

pytestmark = pytest.mark.django_db


def second():
    return WarehouseFactory(code="second", name="Second", priority=1)


def on_the_way(variant, units, status="in_transit"):
    transfer = StockTransfer.objects.create(source=WarehouseFactory(), destination=second(), status=status)
    StockTransferLine.objects.create(transfer=transfer, variant=variant, quantity=units)


def test_staff_see_what_each_warehouse_holds_and_what_is_coming():
    variant = sellable(stock=3, sku="A-1", product__name="Mug", name="red")
    receive(variant, 4, warehouse=second())
    variant.stock_levels.filter(warehouse__code="main").update(reserved=2)
    on_the_way(variant, 6)
    on_the_way(variant, 100, status="draft")
    assert staff_client("view_stocklevel").get("/admin/inventory/A-1/").json() == {
        "sku": "A-1",
        "name": "Mug red",
        "on_hand": 7,
        "reserved": 2,
        "available": 5,
        "in_transit": 6,
        "levels": [
            {
                "warehouse": "main",
                "on_hand": 3,
                "reserved": 2,
                "available": 1,
                "in_transit": 0,
                "safety_stock": 0,
                "backorder_limit": 0,
                "next_restock_on": None,
                "low_stock_threshold": None,
            },
            {
                "warehouse": "second",
                "on_hand": 4,
                "reserved": 0,
                "available": 4,
                "in_transit": 6,
                "safety_stock": 0,
                "backorder_limit": 0,
                "next_restock_on": None,
                "low_stock_threshold": None,
            },
        ],
    }


def test_others_do_not(api):
    sellable(sku="A-1")
    for path in ("/admin/inventory/", "/admin/inventory/A-1/", "/admin/inventory/movements/", "/admin/warehouses/"):
        assert code(api.get(path)) == (401, "authentication_required")
        assert code(ApiClient(UserFactory()).get(path)) == (403, "permission_denied")
        assert code(staff_client("view_order").get(path)) == (403, "permission_denied")
    assert code(staff_client("view_stocklevel").get("/admin/inventory/NO/")) == (404, "not_found")


@pytest.fixture
def three_skus():
    plenty, low, out = (
        sellable(stock=50, sku="A-PLENTY", product__name="Teapot"),
        sellable(stock=5, sku="B-LOW", product__name="Cup"),
        sellable(stock=0, sku="C-OUT", product__name="Kettle"),
    )
    receive(low, 40, warehouse=second())
    return plenty, low, out


@pytest.mark.parametrize(
    ("query", "skus"),
    [
        ({}, ["A-PLENTY", "B-LOW", "C-OUT"]),
        ({"low_stock": "true"}, ["B-LOW", "C-OUT"]),
        ({"low_stock": "false"}, ["A-PLENTY"]),
        ({"out_of_stock": "true"}, ["C-OUT"]),
        ({"out_of_stock": "false"}, ["A-PLENTY", "B-LOW"]),
        ({"warehouse": "second"}, ["B-LOW"]),
        ({"warehouse": "second", "low_stock": "true"}, []),
        ({"warehouse": "nowhere"}, []),
        ({"search": "a-pl"}, ["A-PLENTY"]),
        ({"search": "kett"}, ["C-OUT"]),
        ({"search": "%"}, []),
    ],
)
def test_the_list_filters(three_skus, query, skus):
    answer = staff_client("view_stocklevel").get("/admin/inventory/", query).json()
    assert [row["sku"] for row in answer["results"]] == skus
    assert answer["count"] == len(skus)


def test_a_level_is_low_by_its_own_threshold(three_skus):
    StockLevel.objects.filter(variant__sku="B-LOW").update(low_stock_threshold=4)
    StockLevel.objects.filter(variant__sku="A-PLENTY").update(low_stock_threshold=50)
    rows = staff_client("view_stocklevel").get("/admin/inventory/", {"low_stock": "true"}).json()["results"]
    assert [row["sku"] for row in rows] == ["A-PLENTY", "C-OUT"]


def test_of_one_warehouse_only_its_levels_are_added_up(three_skus):
    (row,) = staff_client("view_stocklevel").get("/admin/inventory/", {"warehouse": "second"}).json()["results"]
    assert (row["on_hand"], [level["warehouse"] for level in row["levels"]]) == (40, ["second"])


def test_an_archived_sku_is_listed_while_some_of_it_lies_about(three_skus):
    for variant in three_skus:
        variant.archived_at = timezone.now()
        variant.save()
    rows = staff_client("view_stocklevel").get("/admin/inventory/").json()["results"]
    assert [row["sku"] for row in rows] == ["A-PLENTY", "B-LOW"]


def test_the_list_has_pages(three_skus):
    client = staff_client("view_stocklevel")
    page = client.get("/admin/inventory/", {"page": 2, "page_size": 2}).json()
    assert ([row["sku"] for row in page["results"]], page["count"], page["next"]) == (["C-OUT"], 3, None)
    assert code(client.get("/admin/inventory/", {"page": 3, "page_size": 2})) == (404, "not_found")
    assert code(client.get("/admin/inventory/", {"low_stock": "maybe"})) == (400, "validation_error")


def test_the_list_costs_the_same_however_long_it_is(three_skus, django_assert_num_queries):
    client = staff_client("view_stocklevel")
    client.get("/admin/inventory/")
    with django_assert_num_queries(7):  # session, two of permissions, count, variants, levels, in transit
        client.get("/admin/inventory/", {"page_size": 1})
    with django_assert_num_queries(7):
        client.get("/admin/inventory/", {"page_size": 100})


def settings_body(**settings):
    return {"levels": [{"warehouse": "main", **settings}]}


def test_staff_set_a_threshold():
    variant = sellable(sku="A-1")
    client = staff_client("view_stocklevel", "change_stocklevel")
    answer = client.patch("/admin/inventory/A-1/", settings_body(low_stock_threshold=12))
    assert answer.json()["levels"][0]["low_stock_threshold"] == 12
    assert variant.stock_levels.get().low_stock_threshold == 12
    assert Event.objects.get(type="stock.settings_changed").data == {
        "sku": "A-1",
        "fields": {"main": ["low_stock_threshold"]},
    }
    client.patch("/admin/inventory/A-1/", settings_body(low_stock_threshold=12))
    assert Event.objects.filter(type="stock.settings_changed").count() == 1, "nothing changed, nothing is told"


def test_a_sale_does_not_outdate_the_form_that_staff_have_open_but_a_colleague_does():
    variant = sellable(sku="A-1")
    client = staff_client("view_stocklevel", "change_stocklevel")
    etag = client.get("/admin/inventory/A-1/").headers["ETag"]
    variant.stock_levels.update(reserved=3)
    first = client.patch("/admin/inventory/A-1/", settings_body(low_stock_threshold=7), If_Match=etag)
    assert first.status_code == 200
    assert code(client.patch("/admin/inventory/A-1/", settings_body(low_stock_threshold=8), If_Match=etag)) == (
        412,
        "precondition_failed",
    )
    again = client.patch("/admin/inventory/A-1/", settings_body(low_stock_threshold=8), If_Match=first.headers["ETag"])
    assert again.status_code == 200
    assert variant.stock_levels.get().low_stock_threshold == 8


@pytest.mark.parametrize(
    ("body", "pointer", "problem"),
    [
        ({}, "/levels", "required"),
        ({"levels": []}, "/levels", "min_length"),
        ({"levels": [{"low_stock_threshold": 1}]}, "/levels/0/warehouse", "required"),
        (settings_body(low_stock_threshold=-1), "/levels/0/low_stock_threshold", "min_value"),
        (settings_body(low_stock_threshold="4"), "/levels/0/low_stock_threshold", "wrong_type"),
        (settings_body(on_hand=4), "/levels/0/on_hand", "unknown_field"),
        ({"levels": [{"warehouse": "nowhere"}]}, "/levels/0/warehouse", "does_not_exist"),
        ({"levels": [{"warehouse": "main"}] * 2}, "/levels/1/warehouse", "unique"),
    ],
)
def test_bad_settings_are_refused_and_change_nothing(body, pointer, problem):
    variant = sellable(sku="A-1")
    answer = chief().patch("/admin/inventory/A-1/", body)
    assert code(answer) == (400, "validation_error")
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [(pointer, problem)]
    assert variant.stock_levels.get().low_stock_threshold is None


def test_looking_is_not_enough_to_set():
    sellable(sku="A-1")
    answer = staff_client("view_stocklevel").patch("/admin/inventory/A-1/", settings_body(low_stock_threshold=1))
    assert code(answer) == (403, "permission_denied")


def test_the_ledger_is_read_newest_first_and_filtered():
    one, two = sellable(stock=3, sku="A-1"), sellable(stock=5, sku="A-2")
    receive(one, 4, warehouse=second())
    moved = StockMovement.objects.create(
        level=two.stock_levels.get(), kind="sale", quantity=-2, on_hand_after=3, reference=one.pk, reason="why"
    )
    client = staff_client("view_stockmovement")
    rows = client.get("/admin/inventory/movements/").json()
    assert rows["count"] is None
    assert [(row["sku"], row["warehouse"], row["kind"], row["quantity"]) for row in rows["results"]] == [
        ("A-2", "main", "sale", -2),
        ("A-1", "second", "receive", 4),
        ("A-2", "main", "receive", 5),
        ("A-1", "main", "receive", 3),
    ]
    assert rows["results"][0]["reference"] == str(one.pk)
    now = timezone.now()
    for query, found in (
        ({"sku": "A-2"}, [-2, 5]),
        ({"warehouse": "second"}, [4]),
        ({"kind": "sale"}, [-2]),
        ({"reference": str(one.pk)}, [-2]),
        ({"created_after": (now + timedelta(minutes=1)).isoformat()}, []),
        ({"created_before": moved.created_at.isoformat(), "sku": "A-2"}, [5]),
        ({"sku": "NO"}, []),
    ):
        answer = client.get("/admin/inventory/movements/", query).json()
        assert [row["quantity"] for row in answer["results"]] == found, query
    first = client.get("/admin/inventory/movements/", {"page_size": 3}).json()
    rest = client.get(first["next"].removeprefix("http://testserver/api/v1")).json()
    assert [row["quantity"] for row in rest["results"]] == [3]


def test_the_past_is_added_up_from_the_ledger():
    variant = sellable(stock=0, sku="A-1")
    start = timezone.now() - timedelta(days=10)
    for warehouse, steps in ((WarehouseFactory(), (8, -3, 4)), (second(), (2,))):
        level = receive(variant, 0, warehouse=warehouse)
        total = 0
        for day, quantity in enumerate(steps):
            total += quantity
            movement = StockMovement(level=level, kind="adjustment", quantity=quantity, on_hand_after=total)
            movement.save()
            _backdate(movement, start + timedelta(days=day))
    client = staff_client("view_stocklevel")

    def then(moment):
        body = client.get("/admin/inventory/A-1/history/", {"at": moment.isoformat()}).json()
        return body["on_hand"], {level["warehouse"]: level["on_hand"] for level in body["levels"]}

    assert then(start - timedelta(seconds=1)) == (0, {"main": 0, "second": 0})
    assert then(start) == (10, {"main": 8, "second": 2})
    assert then(start + timedelta(days=1)) == (7, {"main": 5, "second": 2})
    assert then(start + timedelta(days=2) - timedelta(microseconds=1)) == (7, {"main": 5, "second": 2})
    assert then(start + timedelta(days=2)) == (11, {"main": 9, "second": 2})


def _backdate(movement, moment):
    import pgtrigger

    with pgtrigger.ignore("products.StockMovement:movement_append_only"):
        StockMovement.objects.filter(pk=movement.pk).update(created_at=moment)


def test_the_future_has_no_history():
    sellable(sku="A-1")
    client = staff_client("view_stocklevel")
    tomorrow = (timezone.now() + timedelta(days=1)).isoformat()
    for query, problem in (
        ({"at": tomorrow}, "invalid"),
        ({}, "required"),
        ({"at": "yesterday"}, "invalid"),
    ):
        answer = client.get("/admin/inventory/A-1/history/", query)
        assert code(answer) == (400, "validation_error")
        assert [(error["parameter"], error["code"]) for error in answer.json()["errors"]] == [("at", problem)]
    assert code(client.get("/admin/inventory/NO/history/", {"at": "2026-01-01T00:00:00Z"})) == (404, "not_found")


def test_staff_keep_units_back_sell_ahead_and_announce_the_next_delivery(api):
    variant = sellable(stock=4, sku="A-1")
    client = chief()
    body = settings_body(safety_stock=3, backorder_limit=0, next_restock_on="2027-02-01")
    answer = client.patch("/admin/inventory/A-1/", body)
    (level,) = answer.json()["levels"]
    assert (level["safety_stock"], level["next_restock_on"], level["available"]) == (3, "2027-02-01", 1)
    assert code(api.post("/cart/items/", {"sku": "A-1", "quantity": 2})) == (409, "insufficient_stock")
    client.patch("/admin/inventory/A-1/", settings_body(safety_stock=0, backorder_limit=5))
    assert client.get("/admin/inventory/A-1/").json()["available"] == 9
    variant.stock_levels.update(reserved=9)
    refused = client.patch("/admin/inventory/A-1/", settings_body(backorder_limit=4))
    assert code(refused) == (409, "negative_stock")
    assert variant.stock_levels.get().backorder_limit == 5


def test_what_is_owed_is_read_as_a_negative_number():
    variant = sellable(stock=1, sku="A-1")
    level = variant.stock_levels.get()
    StockLevel.objects.filter(pk=level.pk).update(on_hand=-2, backorder_limit=5)
    StockMovement.objects.create(level=level, kind="sale", quantity=-3, on_hand_after=-2)
    client = chief()
    assert client.get("/admin/inventory/A-1/").json()["on_hand"] == -2
    assert client.get("/admin/inventory/movements/").json()["results"][0]["on_hand_after"] == -2
    now = timezone.now().isoformat()
    assert client.get("/admin/inventory/A-1/history/", {"at": now}).json()["on_hand"] == -2
