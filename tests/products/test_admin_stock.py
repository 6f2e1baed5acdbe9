"""The staff screens of stock: what they show, and that every number moves by the services."""

import re
from datetime import timedelta
from typing import Any

import pgtrigger
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from apps.common import jobs
from apps.common.models import BackgroundJob
from apps.orders.services import stock_audit
from apps.products.admin.stock import sparkline
from apps.products.models import (
    ProductVariant,
    StockAlert,
    StockCount,
    StockCountLine,
    StockLevel,
    StockMovement,
    StockTransfer,
    Warehouse,
)
from apps.products.services import inventory, stock_counts, stock_transfers
from tests.factories import WarehouseFactory, sellable
from tests.products.stock_steps import ledger, quantities
from tests.products.test_admin_products import ROOT, act, admin_with, form_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def root() -> Any:
    return admin_with(is_superuser=True)


@pytest.fixture(autouse=True)
def _stock() -> None:
    for sku, units in (("A-1", 50), ("A-2", 5), ("A-3", 0)):
        sellable(stock=units, sku=sku)
    WarehouseFactory(code="second", name="Second", priority=1)


def level_of(sku: str) -> StockLevel:
    return StockLevel.objects.get(variant__sku=sku, warehouse__code="main")


def send(**fields: Any) -> StockTransfer:
    return stock_transfers.create(source="main", destination="second", lines=[("A-1", 6)], actor=None, **fields)


def skus_on(page: Any) -> list[str]:
    return sorted(level.variant.sku for level in page.context["cl"].result_list)


def test_the_list_of_levels_shows_what_is_available_and_on_its_way(root):
    send()
    page = root.get(f"{ROOT}/stocklevel/")
    rows = {(level.variant.sku, level.warehouse.code): level for level in page.context["cl"].result_list}
    assert (rows["A-1", "main"].available, rows["A-1", "main"].coming) == (44, 0)
    assert (rows["A-1", "second"].available, rows["A-1", "second"].coming) == (0, 6)
    assert page.content.count(b"<polyline") == 4


@pytest.mark.parametrize(
    ("state", "skus"),
    [
        ("low", ["A-1", "A-2", "A-3"]),
        ("out", ["A-1", "A-3"]),
        ("in_transit", ["A-1"]),
        ("", ["A-1", "A-1", "A-2", "A-3"]),
    ],
)
def test_levels_are_filtered_by_their_state(root, state, skus):
    send()
    query = {"state": state} if state else {}
    assert skus_on(root.get(f"{ROOT}/stocklevel/", query)) == skus


def test_the_list_of_levels_costs_the_same_however_long_it_is(root, django_assert_num_queries):
    root.get(f"{ROOT}/stocklevel/")
    with django_assert_num_queries(9):
        root.get(f"{ROOT}/stocklevel/", {"q": "A-1"})
    with django_assert_num_queries(9):
        root.get(f"{ROOT}/stocklevel/")


def test_the_last_month_is_added_up_backwards_from_the_ledger():
    level, now = level_of("A-1"), timezone.now()
    for days_ago, quantity in ((40, 30), (2, 15), (1, -4)):
        level.on_hand += quantity
        level.save()
        movement = StockMovement.objects.create(
            level=level, kind="adjustment", quantity=quantity, on_hand_after=level.on_hand
        )
        with pgtrigger.ignore("products.StockMovement:movement_append_only"):
            StockMovement.objects.filter(pk=movement.pk).update(created_at=now - timedelta(days=days_ago))
    # The opening 50 are of today.
    assert inventory.on_hand_by_day([level], days=4) == {level.pk: [30, 45, 41, 91]}
    assert inventory.on_hand_by_day([level], days=30)[level.pk] == [30] * 27 + [45, 41, 91]


def test_a_sparkline_is_a_line_without_scripts_that_says_what_it_shows():
    svg = sparkline([0, 10, 5])
    assert 'points="0.0,22.0 60.0,2.0 120.0,12.0"' in svg
    assert 'aria-label="on hand: from 0 to 5, at most 10, at least 0"' in svg
    assert "<script" not in svg
    assert sparkline([0, 0]).count("22.0") == 2
    assert 'points="0.0,22.0 120.0,2.0"' in sparkline([-5, 5])
    assert sparkline([]) == "-"


def test_a_level_is_counted_and_adjusted_with_kind_and_expected_number(root):
    path = f"{ROOT}/stocklevel/{level_of('A-1').pk}/change/"

    def save(**changes: str) -> str:
        return root.post(path, form_of(root, path, **changes), follow=True).content.decode()

    save(counted="47", reason="Shelf check")
    save(delta="10", kind="receive", reason="Delivery", expected_on_hand="47")
    save(delta="-1", kind="damage", reason="Dropped")
    assert ledger("A-1")[1:] == [
        ("main", "adjustment", -3, 47),
        ("main", "receive", 10, 57),
        ("main", "damage", -1, 56),
    ]
    assert "not what you expected" in save(delta="-1", reason="x", expected_on_hand="57")
    assert "A delivery brings units." in save(delta="-1", kind="receive", reason="x")
    assert "Give either delta or counted." in save(delta="-1", counted="3", reason="x")
    assert "Say why." in save(counted="3")
    assert quantities("A-1")["main"] == (56, 0)


def test_a_levels_settings_are_those_of_the_api(root):
    path = f"{ROOT}/stocklevel/{level_of('A-1').pk}/change/"
    root.post(path, form_of(root, path, safety_stock=3, backorder_limit=8, next_restock_on="2027-02-01"))
    level = level_of("A-1")
    assert (level.safety_stock, level.backorder_limit, str(level.next_restock_on)) == (3, 8, "2027-02-01")
    StockLevel.objects.filter(pk=level.pk).update(reserved=55)
    page = root.post(path, form_of(root, path, backorder_limit=1), follow=True).content.decode()
    assert "already promised" in page
    assert level_of("A-1").backorder_limit == 8


def test_nobody_without_the_right_adjusts_or_imports():
    reader = admin_with("view_stocklevel")
    assert reader.get(f"{ROOT}/stocklevel/").status_code == 200
    assert b"import-csv" not in reader.get(f"{ROOT}/stocklevel/").content
    assert reader.get(f"{ROOT}/stocklevel/import-csv/").status_code == 403
    upload = SimpleUploadedFile("s.csv", b"sku,warehouse,delta\nA-1,main,1\n")
    assert reader.post(f"{ROOT}/stocklevel/import-csv/", {"file": upload}).status_code == 403
    path = f"{ROOT}/stocklevel/{level_of('A-1').pk}/change/"
    assert reader.post(path, {"delta": "1", "reason": "x"}).status_code == 403
    assert (BackgroundJob.objects.count(), quantities("A-1")) == (0, {"main": (50, 0)})


def test_a_file_is_imported_by_a_job(root):
    page = f"{ROOT}/stocklevel/import-csv/"
    assert b'type="file"' in root.get(page).content
    assert b"import-csv" in root.get(f"{ROOT}/stocklevel/").content
    content = b"sku,warehouse,delta\nA-1,main,1\nNO,main,1\n"
    done = root.post(page, {"file": SimpleUploadedFile("s.csv", content)}, follow=True)
    job = BackgroundJob.objects.get()
    assert f"The import of 2 rows is under way: job {job.pk}." in done.content.decode()
    assert jobs.run_due() == 1
    job.refresh_from_db()
    assert (job.status, job.error_count, quantities("A-1")["main"]) == ("succeeded", 1, (51, 0))
    assert b"does_not_exist" in root.get(f"/admin/common/backgroundjob/{job.pk}/change/").content


def test_a_bad_file_is_refused_on_the_page(root):
    bad = root.post(f"{ROOT}/stocklevel/import-csv/", {"file": SimpleUploadedFile("s.csv", b"a,b\n1,2\n")})
    assert "The file has no column sku and warehouse." in bad.content.decode()
    assert "This field is required." in root.post(f"{ROOT}/stocklevel/import-csv/", {}).content.decode()
    assert BackgroundJob.objects.count() == 0


def test_the_ledger_is_read_only_and_filtered(root):
    page = root.get(f"{ROOT}/stockmovement/", {"kind__exact": "receive", "q": "A-2"})
    assert [movement.quantity for movement in page.context["cl"].result_list] == [5]
    movement = StockMovement.objects.first()
    assert root.post(f"{ROOT}/stockmovement/{movement.pk}/change/", {"quantity": "9"}).status_code == 403
    assert root.get(f"{ROOT}/stockmovement/add/").status_code == 403
    assert root.post(f"{ROOT}/stockmovement/{movement.pk}/delete/", {"post": "yes"}).status_code == 403


def transfer_form(root: Any, **changes: Any) -> dict[str, Any]:
    return form_of(
        root,
        f"{ROOT}/stocktransfer/add/",
        source=str(Warehouse.objects.get(code="main").pk),
        destination=str(Warehouse.objects.get(code="second").pk),
        **{
            "lines-TOTAL_FORMS": 1,
            "lines-0-variant": str(ProductVariant.objects.get(sku="A-1").pk),
            "lines-0-quantity": 6,
        },
        **changes,
    )


def test_a_transfer_is_drafted_dispatched_noted_and_received(root):
    root.post(f"{ROOT}/stocktransfer/add/", transfer_form(root, note="Refill"))
    transfer = StockTransfer.objects.get()
    assert (transfer.status, transfer.actor_id is not None) == ("draft", True)
    assert quantities("A-1") == {"main": (50, 0)}
    assert "1 dispatched." in act(root, "stocktransfer", "dispatch_transfers", transfer)
    assert quantities("A-1") == {"main": (44, 0), "second": (0, 0)}

    path = f"{ROOT}/stocktransfer/{transfer.pk}/change/"
    noted = form_of(root, path, **{"lines-0-received": 4, "lines-0-reason": "Two broke", "lines-0-quantity": 99})
    assert root.post(path, noted).status_code == 302
    line = transfer.lines.get()
    assert (line.quantity, line.received, line.reason) == (6, 4, "Two broke")
    assert "1 received." in act(root, "stocktransfer", "receive_transfers", transfer)
    assert quantities("A-1") == {"main": (44, 0), "second": (4, 0)}
    assert ledger("A-1")[2:] == [("second", "transfer_in", 6, 6), ("second", "damage", -2, 4)]
    assert "cannot make this move" in act(root, "stocktransfer", "cancel_transfers", transfer)
    assert stock_audit.audit() == []


def test_a_line_on_its_way_without_a_reason_for_its_loss_is_not_received(root):
    transfer = send()
    transfer.lines.update(received=5)
    assert "Say why less arrived." in act(root, "stocktransfer", "receive_transfers", transfer)
    assert StockTransfer.objects.get().status == "in_transit"


def test_more_than_was_sent_cannot_be_noted(root):
    transfer = send()
    path = f"{ROOT}/stocktransfer/{transfer.pk}/change/"
    page = root.post(path, form_of(root, path, **{"lines-0-received": 7}))
    assert (page.status_code, transfer.lines.get().received) == (200, None)


def test_a_transfer_of_a_warehouse_to_itself_is_not_drafted(root):
    data = transfer_form(root)
    page = root.post(f"{ROOT}/stocktransfer/add/", data | {"destination": data["source"]})
    assert (page.status_code, StockTransfer.objects.count()) == (200, 0)


def test_too_much_is_not_dispatched(root):
    transfer = send(dispatched=False)
    StockLevel.objects.update(reserved=0, on_hand=0)
    assert "not enough stock" in act(root, "stocktransfer", "dispatch_transfers", transfer)
    assert StockTransfer.objects.get().status == "draft"


def test_looking_at_transfers_is_not_moving_them():
    transfer = send(dispatched=False)
    act(admin_with("view_stocktransfer"), "stocktransfer", "dispatch_transfers", transfer)
    assert StockTransfer.objects.get().status == "draft"
    act(admin_with("view_stocktransfer", "change_stocktransfer"), "stocktransfer", "cancel_transfers", transfer)
    assert StockTransfer.objects.get().status == "cancelled"


def test_a_count_is_opened_counted_in_the_list_and_applied(root):
    main = str(Warehouse.objects.get(code="main").pk)
    root.post(f"{ROOT}/stockcount/add/", form_of(root, f"{ROOT}/stockcount/add/", warehouse=main, skus="A-1\nA-2"))
    count = StockCount.objects.get()
    assert (count.lines.count(), count.actor_id is not None) == (2, True)
    page = root.get(f"{ROOT}/stockcount/{count.pk}/change/").content.decode()
    (address,) = re.findall(r'href="(/admin/products/stockcountline/[^"]+)"', page)
    rows = root.get(address).context["cl"].formset
    data = {"form-TOTAL_FORMS": 2, "form-INITIAL_FORMS": 2, "_save": "Save"}
    for index, form in enumerate(rows.forms):
        data[f"form-{index}-id"] = str(form.instance.pk)
        data[f"form-{index}-counted"] = 48 if form.instance.variant.sku == "A-1" else ""
    root.post(address, data)
    assert list(count.lines.order_by("variant__sku").values_list("counted", flat=True)) == [48, None]
    assert quantities("A-1") == {"main": (50, 0)}
    assert "1 applied." in act(root, "stockcount", "apply_counts", count)
    assert ledger("A-1")[1:] == [("main", "count", -2, 48)]
    refused = root.post(address, data | {"form-0-counted": 1}, follow=True)
    assert "The count has ended." in refused.content.decode()
    assert StockCountLine.objects.filter(counted=48).count() == 1


def test_an_unknown_sku_opens_no_count(root):
    main = str(Warehouse.objects.get(code="main").pk)
    page = root.post(
        f"{ROOT}/stockcount/add/", form_of(root, f"{ROOT}/stockcount/add/", warehouse=main, skus="NO"), follow=True
    )
    assert "There is no such SKU." in page.content.decode()
    assert StockCount.objects.count() == 0


def test_a_count_against_promises_is_refused_and_can_be_cancelled(root):
    StockLevel.objects.filter(variant__sku="A-1").update(reserved=4)
    count = stock_counts.open_count(warehouse="main", actor=None, skus=["A-1"])
    stock_counts.set_counted(count_id=count.pk, counted=[("A-1", 3)])
    assert "already promised" in act(root, "stockcount", "apply_counts", count)
    assert "1 cancelled." in act(root, "stockcount", "cancel_counts", count)
    assert quantities("A-1") == {"main": (50, 4)}


def test_counting_takes_the_right_to_change_counts():
    stock_counts.open_count(warehouse="main", actor=None)
    reader = admin_with("view_stockcount")
    page = reader.get(f"{ROOT}/stockcountline/")
    assert (page.status_code, page.context["cl"].formset) == (200, None)
    assert admin_with("view_stocklevel").get(f"{ROOT}/stockcountline/").status_code == 403


def test_alerts_are_taken_care_of(root):
    alert = StockAlert.objects.create(level=level_of("A-2"), kind="low", available=5, crossed_at=timezone.now())
    assert "1 taken care of." in act(root, "stockalert", "acknowledge", alert)
    alert.refresh_from_db()
    assert (alert.closed_at is not None, alert.acknowledged_by is not None) == (True, True)
