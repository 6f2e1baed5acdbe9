"""Alerts of stock: one per crossing, one open per level, taken care of by staff."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from apps.common.events import record
from apps.common.models import Event
from apps.products.models import StockAlert, StockLevel
from apps.products.services import stock_alerts
from tests.client import code
from tests.factories import WarehouseFactory, receive, sellable
from tests.products.stock_steps import staff_client
from tests.races.threads import together

pytestmark = pytest.mark.django_db


def crossed(level: StockLevel, kind: str, *, left: int = 2) -> None:
    data = {"sku": level.variant.sku, "warehouse": level.warehouse.code, "available": left}
    with transaction.atomic():
        record(f"stock.{kind}", target=level, data=data)


def alerts() -> list[tuple[Any, ...]]:
    """(kind, is open), oldest first."""
    return [(alert.kind, alert.closed_at is None) for alert in StockAlert.objects.order_by("crossed_at")]


@pytest.fixture
def level() -> StockLevel:
    return sellable(stock=2, sku="A-1", product__name="Mug").stock_levels.get()


def test_each_crossing_is_an_alert_and_closes_the_one_before(level, deliver):
    crossed(level, "low")
    deliver()
    assert alerts() == [("low", True)]
    crossed(level, "out", left=0)
    deliver()
    assert alerts() == [("low", False), ("out", True)]
    crossed(level, "back", left=9)
    deliver()
    assert alerts() == [("low", False), ("out", False), ("back", False)]
    assert [alert.available for alert in StockAlert.objects.order_by("crossed_at")] == [2, 0, 9]


def test_a_late_crossing_opens_nothing(level):
    now = timezone.now()

    def note(kind: str, moment: datetime) -> None:
        with transaction.atomic():
            stock_alerts.note(level_id=level.pk, kind=kind, available=1, crossed_at=moment)

    note("back", now)
    note("out", now - timedelta(seconds=5))
    assert alerts() == [("out", False), ("back", False)]
    note("low", now + timedelta(seconds=5))
    note("back", now + timedelta(seconds=1))
    assert StockAlert.objects.open().get().kind == "low"


@pytest.mark.django_db(transaction=True)
def test_crossings_at_once_leave_one_open_alert(level):
    now = timezone.now()

    def note(seconds: int) -> None:
        with transaction.atomic():
            moment = now + timedelta(seconds=seconds)
            stock_alerts.note(level_id=level.pk, kind="low", available=seconds, crossed_at=moment)

    results = together([lambda n=n: note(n) for n in range(6)])
    assert results == [None] * 6
    assert StockAlert.objects.count() == 6
    assert StockAlert.objects.open().get().available == 5


def test_staff_read_open_alerts_and_take_care_of_one(level, deliver):
    other = receive(level.variant, 3, warehouse=WarehouseFactory(code="second", name="Second"))
    crossed(level, "low")
    crossed(other, "out", left=0)
    deliver()
    client = staff_client("view_stockalert", "change_stockalert")
    rows = client.get("/admin/inventory/alerts/").json()["results"]
    assert {(row["warehouse"], row["kind"], row["available_then"], row["available"]) for row in rows} == {
        ("main", "low", 2, 2),
        ("second", "out", 0, 3),
    }
    assert {row["name"] for row in rows} == {"Mug"}
    (low,) = client.get("/admin/inventory/alerts/", {"kind": "low"}).json()["results"]
    (out,) = client.get("/admin/inventory/alerts/", {"warehouse": "second"}).json()["results"]
    assert (low["warehouse"], out["kind"]) == ("main", "out")

    path = f"/admin/inventory/alerts/{low['id']}/acknowledge/"
    answer, again = client.post(path), client.post(path)
    assert answer.status_code == 200
    assert answer.json()["acknowledged_by"] is not None
    assert again.json() == answer.json()
    assert client.get("/admin/inventory/alerts/").json()["results"] == [out]
    event = Event.objects.get(type="stock.alert_acknowledged")
    assert event.data == {"sku": "A-1", "warehouse": "main", "kind": "low"}


def test_an_unknown_alert_is_not_found_and_looking_is_not_enough(level, deliver):
    crossed(level, "low")
    deliver()
    reader = staff_client("view_stockalert")
    path = f"/admin/inventory/alerts/{StockAlert.objects.get().pk}/acknowledge/"
    assert code(reader.post(path)) == (403, "permission_denied")
    editor = staff_client("change_stockalert")
    assert code(editor.get("/admin/inventory/alerts/")) == (403, "permission_denied")
    assert code(editor.post(f"/admin/inventory/alerts/{level.pk}/acknowledge/")) == (404, "not_found")
    assert StockAlert.objects.open().count() == 1
