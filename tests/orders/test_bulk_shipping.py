"""Shipping by a CSV file: a job that ships the good rows, lists the bad ones, and ships nothing twice."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from apps.common import jobs
from apps.common.models import BackgroundJob, Event
from apps.orders.models import Order, Shipment
from apps.orders.services import bulk_shipping
from tests.client import ApiClient, code
from tests.contracts import schema_truth
from tests.factories import sellable, shop_rates
from tests.orders.steps import place
from tests.orders.test_admin_orders import admin_with
from tests.orders.test_api_orders import pay, staff_client

pytestmark = pytest.mark.django_db
HEAD = "order,carrier,tracking_number"


@pytest.fixture(autouse=True)
def _rates() -> None:
    shop_rates()


def paid(quantity: int = 1, sku: str = "MUG") -> Order:
    _, order = place(sellable(stock=10, sku=sku), quantity=quantity)
    pay(order)
    return order


def upload(client: ApiClient, content: str | bytes, **fields: str) -> Any:
    raw = content.encode() if isinstance(content, str) else content
    file = SimpleUploadedFile("parcels.csv", raw, content_type="text/csv")
    response = Client(raise_request_exception=False).post(
        "/api/v1/admin/shipments/import/", {"file": file, **fields}, headers=client.headers
    )
    schema_truth.check("post", response)
    return response


def shipped(content: str, **fields: str) -> dict[str, Any]:
    """The job of an upload, once it has run."""
    staff = staff_client("view_order", "change_order")
    answer = upload(staff, content, **fields)
    assert answer.status_code == 202, answer.json()
    assert jobs.run(answer.json()["id"])
    body: dict[str, Any] = staff.get(f"/admin/jobs/{answer.json()['id']}/").json()
    return body


def test_each_row_is_a_parcel_that_leaves():
    first, second = paid(), paid(3, sku="CUP")
    job = shipped(
        f"{HEAD},sku,quantity\n{first.number.lower()},UPS,1Z1,,\n{second.number},DHL,JD2,CUP,2\n{second.number},DHL,JD3,CUP,1\n"
    )
    assert (job["status"], job["errors"]) == ("succeeded", [])
    assert job["result"] == {"dry_run": False, "rows": 3, "accepted": 3, "refused": 0}
    parcels = Shipment.objects.order_by("id").values_list("order__number", "status", "carrier", "tracking_number")
    assert list(parcels) == [
        (first.number, "shipped", "UPS", "1Z1"),
        (second.number, "shipped", "DHL", "JD2"),
        (second.number, "shipped", "DHL", "JD3"),
    ]
    assert list(Shipment.objects.order_by("id").values_list("lines__quantity", flat=True)) == [1, 2, 1]
    assert set(Order.objects.values_list("status", flat=True)) == {"shipped"}
    assert set(Event.objects.filter(type="shipment.shipped").values_list("actor", flat=True)) == {"user"}


def test_the_same_file_again_sends_nothing_again():
    order = paid(3, sku="CUP")
    content = f"{HEAD},sku,quantity\n{order.number},DHL,JD2,CUP,1\n"
    assert shipped(content)["result"]["accepted"] == 1
    again = shipped(content)
    assert (again["result"]["accepted"], [error["code"] for error in again["errors"]]) == (0, ["unique"])
    assert list(Shipment.objects.values_list("lines__quantity", flat=True)) == [1]


def test_refused_rows_are_listed_and_the_others_leave():
    good, unpaid = paid(), place(sellable(sku="PEN"))[1]
    job = shipped(
        f"{HEAD},sku,quantity,tracking_url\n"
        f"NO-1,UPS,1Z,,,\n"
        f"{unpaid.number},UPS,1Z,,,\n"
        f"{good.number},,1Z,,,\n"
        f"{good.number},UPS,1Z,HAT,1,\n"
        f"{good.number},UPS,1Z,MUG,0,\n"
        f"{good.number},UPS,1Z,MUG,2,\n"
        f"{good.number},UPS,1Z,,,javascript:alert(1)\n"
        f"{good.number},UPS,1Z,,,,surplus\n"
        f"{good.number},UPS,{'1' * 81},,,\n"
        f"{good.number},UPS,1Z9,,,\n"
        f"{good.number},UPS,1Z9,,,\n"
    )
    found = [(each["row"], each["pointer"], each["code"]) for each in job["errors"]]
    assert found == [
        (1, "/order", "does_not_exist"),
        (2, "", "invalid_transition"),
        (3, "/carrier", "required"),
        (4, "/sku", "does_not_exist"),
        (5, "/quantity", "invalid"),
        (6, "", "exceeds_open_quantity"),
        (7, "/tracking_url", "invalid"),
        (8, "", "invalid"),
        (9, "/tracking_number", "max_length"),
        (11, "", "invalid_transition"),
    ]
    assert (job["result"]["accepted"], Shipment.objects.get().tracking_number) == (1, "1Z9")


def test_a_dry_run_tells_and_changes_nothing():
    order = paid()
    job = shipped(f"{HEAD}\n{order.number},UPS,1Z\nNO-1,UPS,1Z\n", dry_run="true")
    assert (job["result"]["accepted"], [each["row"] for each in job["errors"]]) == (1, [2])
    order.refresh_from_db()
    assert (order.status, Shipment.objects.count(), order.items.get().shipped_quantity) == ("confirmed", 0, 0)


def test_a_worker_that_dies_ships_nothing_twice(monkeypatch):
    first, second = paid(), paid(sku="CUP")
    rows = bulk_shipping.parse(f"{HEAD}\n{first.number},UPS,1\n{second.number},UPS,2\n".encode())
    job = jobs.start(kind=bulk_shipping.KIND, arguments={"rows": rows, "dry_run": False}, actor=None, total=2)
    ship = bulk_shipping._ship

    def dies(number: int, *args: Any, **more: Any) -> Any:
        done = ship(number, *args, **more)
        if number == 2:
            raise MemoryError
        return done

    monkeypatch.setattr(bulk_shipping, "_ship", dies)
    jobs.run(job.pk)
    assert list(Shipment.objects.values_list("order__number", flat=True)) == [first.number]
    monkeypatch.setattr(bulk_shipping, "_ship", ship)
    BackgroundJob.objects.update(next_attempt_at=timezone.now())
    jobs.run(job.pk)
    assert Shipment.objects.count() == 2
    assert BackgroundJob.objects.get().status == "succeeded"


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("", "required"),
        (HEAD, "required"),
        ("order,carrier\nA,B\n", "required"),
        (f"{HEAD},colour\nA,B,C,D\n", "unknown_field"),
        (f"{HEAD},order\nA,B,C,D\n", "unknown_field"),
        (b"\xff\xfe", "invalid"),
        (f"{HEAD}\nA,B,\x00\n", "invalid"),
        (f"{HEAD}\n" + "A,B,C\n" * 2001, "max_length"),
    ],
)
def test_a_file_that_is_no_such_table_starts_no_job(content, error):
    answer = upload(staff_client("change_order"), content)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "/file")
    assert answer.json()["errors"][0]["code"] == error
    assert BackgroundJob.objects.count() == 0


def test_it_takes_the_right_to_move_orders():
    assert code(upload(staff_client("view_order"), f"{HEAD}\nA,B,C\n")) == (403, "permission_denied")
    assert BackgroundJob.objects.count() == 0


def test_the_admin_takes_a_file_too():
    order = paid()
    client = admin_with("view_shipment", "change_order")
    path = "/admin/orders/shipment/import-csv/"
    assert "tracking_number" in client.get(path).content.decode()
    bad = client.post(path, {"file": SimpleUploadedFile("a.csv", b"x")})
    assert "no column" in bad.content.decode()
    file = SimpleUploadedFile("a.csv", f"{HEAD}\n{order.number},UPS,1Z\n".encode())
    assert client.post(path, {"file": file}).status_code == 302
    assert jobs.run(BackgroundJob.objects.get().pk)
    assert Shipment.objects.get().status == "shipped"
    assert admin_with("view_shipment").get(path).status_code == 403
