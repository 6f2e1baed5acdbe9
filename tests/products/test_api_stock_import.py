"""Adjusting stock by a CSV file: a job that books the good rows, lists the bad ones, and can be run twice."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from apps.common import jobs
from apps.common.models import BackgroundJob
from apps.orders.services import stock_audit
from apps.products.models import StockLevel
from apps.products.services import stock_import
from tests.client import ApiClient, code
from tests.contracts import schema_truth
from tests.factories import WarehouseFactory, sellable
from tests.products.stock_steps import chief, ledger, quantities, staff_client

pytestmark = pytest.mark.django_db
PATH = "/admin/inventory/import/"


@pytest.fixture(autouse=True)
def _three_skus():
    for number in (1, 2, 3):
        sellable(stock=10, sku=f"A-{number}")
    WarehouseFactory(code="second", name="Second", priority=1)


def upload(client: ApiClient, content: str | bytes, *, headers: dict[str, str] | None = None, **fields: str) -> Any:
    """A multipart request, its answer held against the schema."""
    raw = content.encode() if isinstance(content, str) else content
    data = {"file": SimpleUploadedFile("stock.csv", raw), **fields}
    answer = Client().post(f"/api/v1{PATH}", data, headers={**client.headers, **(headers or {})})
    schema_truth.check("post", answer)
    return answer


def run_it(client: ApiClient, content: str | bytes, **fields: str) -> dict[str, Any]:
    answer = upload(client, content, **fields)
    assert answer.status_code == 202, answer.json()
    assert answer.headers["Location"] == f"/api/v1/admin/jobs/{answer.json()['id']}/"
    assert answer.json()["status"] == "queued"
    assert jobs.run_due() == 1
    return client.get(f"/admin/jobs/{answer.json()['id']}/").json()


def test_the_rows_of_a_file_are_booked():
    job = run_it(
        chief(),
        "warehouse,sku,delta,counted,kind,reason,expected_on_hand\n"
        "main,A-1,-2,,,Broken shelf,10\n"
        "main,A-2,,4,,,\n"
        "second,A-2,25,,receive,Delivery 4711,\n"
        "main,A-3,-1,,damage,,\n"
        "main,A-1,5,,receive,,8\n",
    )
    assert (job["status"], job["progress"], job["done"], job["total"], job["errors"]) == ("succeeded", 100, 5, 5, [])
    assert job["result"] == {"dry_run": False, "rows": 5, "accepted": 5, "refused": 0, "movements": 5}
    assert quantities("A-1") == {"main": (13, 0)}
    assert ledger("A-1")[1:] == [("main", "adjustment", -2, 8), ("main", "receive", 5, 13)]
    assert quantities("A-2") == {"main": (4, 0), "second": (25, 0)}
    assert ledger("A-3")[1:] == [("main", "damage", -1, 9)]
    moved = chief().get("/admin/inventory/movements/", {"reference": job["id"]}).json()["results"]
    assert {row["reason"] for row in moved} == {"Broken shelf", "import", "Delivery 4711"}
    assert stock_audit.audit() == []


BAD = (
    "sku,warehouse,delta,counted,kind,expected_on_hand\n"
    "A-1,main,1,,,\n"
    "NO,main,1,,,\n"
    "A-1,nowhere,1,,,\n"
    "A-1,main,,,,\n"
    "A-1,main,x,,,\n"
    "A-2,main,-11,,,\n"
    "A-1,main,1,,sale,\n"
    "A-1,main,1,,,10\n"
    "A-1,main,,-4,,\n"
    "A-1,main,99999999999,,,\n"
    "A-1,main,1,,,,surplus\n"
    "A-3,main,1,,,\n"
)
BAD_ROWS = [
    (2, "/sku", "does_not_exist"),
    (3, "/warehouse", "does_not_exist"),
    (4, "/delta", "required"),
    (5, "/delta", "invalid"),
    (6, "", "negative_stock"),
    (7, "/kind", "invalid_choice"),
    (8, "", "stock_changed"),
    (9, "/counted", "min_value"),
    (10, "/delta", "invalid"),
    (11, "", "invalid"),
]


def test_bad_rows_are_listed_and_the_good_ones_are_booked():
    job = run_it(chief(), BAD)
    assert [(error["row"], error["pointer"], error["code"]) for error in job["errors"]] == BAD_ROWS
    assert (job["status"], job["error_count"], job["result"]["accepted"]) == ("succeeded", 10, 2)
    assert (quantities("A-1"), quantities("A-2"), quantities("A-3")) == (
        {"main": (11, 0)},
        {"main": (10, 0)},
        {"main": (11, 0)},
    )


def test_a_dry_run_lists_the_same_and_changes_nothing():
    levels = StockLevel.objects.count()
    job = run_it(chief(), BAD + "A-1,second,1,,receive,\n", dry_run="true")
    assert [(error["row"], error["pointer"], error["code"]) for error in job["errors"]] == BAD_ROWS
    assert job["result"] == {"dry_run": True, "rows": 13, "accepted": 3, "refused": 10, "movements": 0}
    assert quantities("A-1") == {"main": (10, 0)}
    assert StockLevel.objects.count() == levels


def test_a_dry_run_adds_up_the_rows_of_one_level():
    rows = "sku,warehouse,delta\nA-1,main,-6\nA-1,main,-6\nA-1,second,3\nA-1,second,-4\n"
    job = run_it(chief(), rows, dry_run="true")
    assert [(error["row"], error["code"]) for error in job["errors"]] == [(2, "negative_stock"), (4, "negative_stock")]


def test_what_is_promised_stays():
    StockLevel.objects.filter(variant__sku="A-1").update(reserved=4)
    job = run_it(chief(), "sku,warehouse,counted\nA-1,main,3\nA-2,main,3\n")
    assert [(error["row"], error["code"]) for error in job["errors"]] == [(1, "negative_stock")]
    assert (quantities("A-1"), quantities("A-2")) == ({"main": (10, 4)}, {"main": (3, 0)})


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "required"),
        ("sku,warehouse,delta\n", "required"),
        ("sku,delta\nA-1,1\n", "required"),
        ("sku,warehouse\nA-1,main\n", "required"),
        ("sku,warehouse,delta,price\nA-1,main,1,2\n", "unknown_field"),
        ("sku,sku,warehouse,delta\nA-1,A-1,main,1\n", "unknown_field"),
        (b"sku,warehouse,delta\n\xff\xfe,main,1\n", "invalid"),
        ("sku,warehouse,delta\nA\x00-1,main,1\n", "invalid"),
        ('sku,warehouse,delta\n"A-1,main,1\n', "invalid"),
        ("sku,warehouse,delta\n" + "A-1,main,1\n" * 5001, "max_length"),
    ],
)
def test_a_file_that_is_no_such_table_is_refused_at_once(content, problem):
    answer = upload(chief(), content)
    assert code(answer) == (400, "validation_error")
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [("/file", problem)]
    assert BackgroundJob.objects.count() == 0


def test_a_file_with_a_byte_order_mark_and_windows_lines_is_read():
    job = run_it(chief(), b"\xef\xbb\xbfsku,warehouse,delta\r\nA-1,main,1\r\n")
    assert (job["error_count"], quantities("A-1")) == (0, {"main": (11, 0)})


def test_a_file_over_the_limit_is_too_large(settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    assert code(upload(chief(), "sku,warehouse,delta\n" + "A-1,main,1\n" * 20)) == (413, "file_too_large")
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = -70_000
    assert code(upload(chief(), "sku,warehouse,delta\n")) == (413, "file_too_large")
    assert BackgroundJob.objects.count() == 0


def test_the_form_needs_a_file_and_knows_no_other_fields():
    answer = Client().post(f"/api/v1{PATH}", {"dry_run": "maybe"}, headers=chief().headers)
    assert {error["pointer"] for error in answer.json()["errors"]} == {"/file", "/dry_run"}
    unknown = upload(chief(), "sku,warehouse,delta\nA-1,main,1\n", colour="red")
    assert [error["pointer"] for error in unknown.json()["errors"]] == ["/colour"]
    assert code(chief().post(PATH, {"file": "x"})) == (415, "unsupported_media_type")


def test_an_import_takes_the_right():
    assert code(upload(staff_client("view_stocklevel"), "sku,warehouse,delta\nA-1,main,1\n")) == (
        403,
        "permission_denied",
    )


def test_a_repeated_upload_with_its_key_starts_one_job():
    client, content = chief(), "sku,warehouse,delta\nA-1,main,1\n"
    first, again = (upload(client, content, headers={"Idempotency-Key": "i1"}) for _ in range(2))
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (202, "true")
    assert again.json() == first.json()
    other = upload(client, "sku,warehouse,delta\nA-1,main,2\n", headers={"Idempotency-Key": "i1"})
    assert code(other) == (422, "idempotency_key_reused")
    assert BackgroundJob.objects.count() == 1


def test_a_worker_that_dies_between_two_batches_books_no_row_twice(monkeypatch):
    monkeypatch.setattr(stock_import, "BATCH", 2)
    real, calls = stock_import._book, []

    def dies_at_the_second_batch(numbered: Any, current: Any) -> Any:
        calls.append([number for number, _ in numbered])
        errors = real(numbered, current)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return errors

    monkeypatch.setattr(stock_import, "_book", dies_at_the_second_batch)
    client = chief()
    rows = "sku,warehouse,delta\n" + "A-1,main,1\n" * 3 + "NO,main,1\n" + "A-1,main,1\n"
    job = upload(client, rows).json()["id"]
    with pytest.raises(KeyboardInterrupt):
        jobs.run_due()
    assert quantities("A-1") == {"main": (12, 0)}
    assert client.get(f"/admin/jobs/{job}/").json()["progress"] == 40
    BackgroundJob.objects.update(next_attempt_at=timezone.now())
    assert jobs.run_due() == 1
    assert calls == [[1, 2], [3, 4], [3, 4], [5]]
    done = client.get(f"/admin/jobs/{job}/").json()
    assert (done["status"], [error["row"] for error in done["errors"]]) == ("succeeded", [4])
    assert quantities("A-1") == {"main": (14, 0)}
    assert stock_audit.audit() == []


def test_a_long_file_costs_statements_per_batch_not_per_row(django_assert_max_num_queries):
    for number in range(40):
        sellable(stock=1, sku=f"C-{number}")
    client = chief()
    upload(client, "sku,warehouse,delta\n" + "".join(f"C-{number},main,100\n" for number in range(40)))
    with django_assert_max_num_queries(30):
        assert jobs.run_due() == 1
    assert quantities("C-39") == {"main": (101, 0)}
