"""What staff do beside moving an order: holds, notes, tags, and the timeline that tells of it all."""

from typing import Any

import pytest

from apps.common.models import Event
from apps.orders.models import Order, OrderNote, OrderStatusHistory, Shipment
from apps.orders.services import lifecycle
from apps.products.models import StockLevel
from tests.client import ApiClient, code
from tests.factories import UserFactory, sellable, shop_rates
from tests.orders.steps import place
from tests.orders.test_admin_orders import LIST, admin_with
from tests.orders.test_api_orders import pay, staff_client

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _rates() -> None:
    shop_rates()


def paid(**fields: Any) -> tuple[ApiClient, Order]:
    client, order = place(sellable(), **fields)
    pay(order)
    return client, order


def test_a_held_order_is_not_moved_on_until_it_is_released():
    _, order = paid()
    staff = staff_client("change_order", "view_order")
    held = staff.post(f"/admin/orders/{order.id}/hold/", {"reason": "Address unclear"}).json()
    assert (held["hold_reason"], held["allowed_transitions"]) == ("Address unclear", ["cancelled"])
    assert held["held_at"] is not None
    for to in ("processing", "shipped"):
        refused = staff.post(f"/admin/orders/{order.id}/transitions/", {"to": to})
        assert code(refused) == (409, "order_on_hold")
        assert refused.json()["allowed"] == ["cancelled"]
    assert (Shipment.objects.count(), Order.objects.get().status) == (0, "confirmed")
    released = staff.post(f"/admin/orders/{order.id}/release/", {"reason": "Phoned"}).json()
    assert (released["held_at"], released["hold_reason"]) == (None, "")
    assert staff.post(f"/admin/orders/{order.id}/transitions/", {"to": "shipped"}).status_code == 200
    assert list(
        Event.objects.filter(type__in=["order.held", "order.released"])
        .order_by("id")
        .values_list("type", "data__reason")
    ) == [("order.held", "Address unclear"), ("order.released", "Phoned")]


def test_a_hold_is_repeatable_and_its_reason_may_change():
    _, order = paid()
    staff = staff_client("change_order")
    first = staff.post(f"/admin/orders/{order.id}/hold/", {"reason": "One"}).json()
    again = staff.post(f"/admin/orders/{order.id}/hold/", {"reason": "One"}).json()
    other = staff.post(f"/admin/orders/{order.id}/hold/", {"reason": "Two"}).json()
    assert first["held_at"] == again["held_at"] == other["held_at"]
    assert other["hold_reason"] == "Two"
    assert Event.objects.filter(type="order.held").count() == 2
    for _ in range(2):
        assert staff.post(f"/admin/orders/{order.id}/release/", {}).status_code == 200
    assert Event.objects.filter(type="order.released").count() == 1


def test_a_held_order_may_still_be_cancelled_by_its_buyer_who_is_not_told_of_the_hold():
    client, order = paid(user=UserFactory())
    staff_client("change_order").post(f"/admin/orders/{order.id}/hold/", {"reason": "Smells of fraud"})
    assert b"fraud" not in client.get(f"/orders/{order.id}/").content
    assert b"fraud" not in client.get(f"/orders/{order.id}/timeline/").content
    assert client.post(f"/orders/{order.id}/cancel/", {}).status_code == 200
    assert StockLevel.objects.get().on_hand == 10


def test_an_order_that_has_ended_cannot_be_held():
    _, order = paid()
    lifecycle.cancel(order_id=order.id)
    refused = staff_client("change_order").post(f"/admin/orders/{order.id}/hold/", {"reason": "Late"})
    assert code(refused) == (409, "invalid_transition")
    assert Order.objects.get().held_at is None


def test_a_hold_needs_a_reason():
    _, order = paid()
    staff = staff_client("change_order")
    for body in ({}, {"reason": ""}, {"reason": "x" * 201}, {"reason": "two\nlines"}):
        assert code(staff.post(f"/admin/orders/{order.id}/hold/", body)) == (400, "validation_error")
    assert Order.objects.get().held_at is None


@pytest.mark.parametrize("status", ["refunded", "disputed"])
def test_what_was_paid_back_is_not_shipped(status):
    _, order = paid()
    Order.objects.update(payment_status=status)
    staff = staff_client("change_order")
    for to in ("processing", "shipped"):
        refused = staff.post(f"/admin/orders/{order.id}/transitions/", {"to": to})
        assert code(refused) == (409, "invalid_transition")
        assert refused.json()["allowed"] == ["cancelled"]
    assert (Order.objects.get().status, Shipment.objects.count()) == ("confirmed", 0)


def test_a_partly_refunded_order_is_shipped():
    _, order = paid()
    Order.objects.update(payment_status="partly_refunded")
    moved = staff_client("change_order").post(f"/admin/orders/{order.id}/transitions/", {"to": "shipped"})
    assert moved.json()["status"] == "shipped"


def test_the_history_tells_buyer_guest_staff_and_system_apart():
    buyer = UserFactory()
    client, order = paid(user=buyer)
    client.post(f"/orders/{order.id}/cancel/", {"reason": "Found it cheaper"})
    guest, other = place(sellable())
    guest.post(f"/orders/{other.id}/cancel/", {})
    _, third = place(sellable(), user=buyer)
    staff_client("change_order").post(f"/admin/orders/{third.id}/transitions/", {"to": "cancelled"})
    rows = OrderStatusHistory.objects.order_by("id").values_list("order", "to_status", "actor")
    assert list(rows) == [
        (order.id, "pending", "customer"),
        (order.id, "confirmed", "system"),
        (order.id, "cancelled", "customer"),
        (other.id, "pending", "guest"),
        (other.id, "cancelled", "guest"),
        (third.id, "pending", "customer"),
        (third.id, "cancelled", "staff"),
    ]
    assert list(Event.objects.filter(type="order.cancelled").order_by("id").values_list("data__by", flat=True)) == [
        "customer",
        "guest",
        "staff",
    ]


def test_notes_are_for_staff_unless_they_are_for_the_buyer():
    client, order = paid()
    staff = staff_client("change_order", "view_order")
    internal = staff.post(f"/admin/orders/{order.id}/notes/", {"text": "Watch this one"})
    public = staff.post(f"/admin/orders/{order.id}/notes/", {"text": "Gift-wrapped", "customer_visible": True})
    assert (internal.status_code, public.status_code) == (201, 201)
    assert (internal.json()["customer_visible"], internal.json()["actor"]) == (False, "staff")
    listed = staff.get(f"/admin/orders/{order.id}/notes/").json()["results"]
    assert [note["text"] for note in listed] == ["Watch this one", "Gift-wrapped"]
    seen = client.get(f"/orders/{order.id}/timeline/").json()["results"]
    assert [(e["event"], e["text"]) for e in seen if e["kind"] == "note"] == [("note.public", "Gift-wrapped")]
    all_of_it = staff.get(f"/admin/orders/{order.id}/timeline/").json()["results"]
    assert [e["text"] for e in all_of_it if e["kind"] == "note"] == ["Watch this one", "Gift-wrapped"]
    assert b"Watch" not in client.get(f"/orders/{order.id}/").content


def test_the_timeline_hides_why_staff_acted_from_the_buyer():
    client, order = paid()
    staff = staff_client("change_order", "view_order")
    staff.post(f"/admin/orders/{order.id}/transitions/", {"to": "cancelled", "reason": "Suspicious address"})
    [mine] = [e for e in client.get(f"/orders/{order.id}/timeline/").json()["results"] if e["to_status"] == "cancelled"]
    [theirs] = [
        e for e in staff.get(f"/admin/orders/{order.id}/timeline/").json()["results"] if e["to_status"] == "cancelled"
    ]
    assert (mine["actor"], mine["reason"], theirs["reason"]) == ("staff", "", "Suspicious address")


def test_tags_are_replaced_under_if_match_and_filter_the_list():
    _, order = paid()
    paid()
    staff = staff_client("change_order", "view_order")
    url = f"/admin/orders/{order.id}/"
    etag = staff.get(url)["ETag"]
    tagged = staff.patch(url, {"tags": ["vip", "gift", "vip"]}, If_Match=etag)
    assert (tagged.status_code, tagged.json()["tags"]) == (200, ["gift", "vip"])
    assert code(staff.patch(url, {"tags": []}, If_Match=etag)) == (412, "precondition_failed")
    assert staff.patch(url, {"tags": ["gift"]}, If_Match=tagged["ETag"]).json()["tags"] == ["gift"]
    found = staff.get("/admin/orders/", {"tag": "gift"}).json()
    assert [row["id"] for row in found["results"]] == [str(order.id)]
    assert staff.get("/admin/orders/", {"tag": "vip"}).json()["count"] == 0
    assert Event.objects.filter(type="order.tagged").count() == 2


@pytest.mark.parametrize("body", [{}, {"tags": "gift"}, {"tags": ["two words"]}, {"tags": ["a"] * 21}, {"total": "1"}])
def test_bad_tags_change_nothing(body):
    _, order = paid()
    staff = staff_client("change_order")
    assert code(staff.patch(f"/admin/orders/{order.id}/", body)) == (400, "validation_error")
    assert Order.objects.get().tags == []


def test_staff_filter_by_hold_fulfilment_customer_sku_and_tracking():
    buyer = UserFactory()
    _, held = paid(user=buyer)
    _, shipped = paid()
    staff = staff_client("change_order", "view_order")
    staff.post(f"/admin/orders/{held.id}/hold/", {"reason": "Wait"})
    staff.post(f"/admin/orders/{shipped.id}/transitions/", {"to": "shipped", "tracking_number": "1Z9"})

    def found(**query: str) -> list[str]:
        return [row["id"] for row in staff.get("/admin/orders/", query).json()["results"]]

    assert found(on_hold="true") == [str(held.id)]
    assert found(on_hold="false") == [str(shipped.id)]
    assert found(fulfilment_status="fulfilled") == [str(shipped.id)]
    assert found(customer=str(buyer.id)) == [str(held.id)]
    assert found(search=held.items.get().sku) == [str(held.id)]
    assert found(search="1Z9") == [str(shipped.id)]
    assert found(search="nothing") == []
    assert code(staff.get("/admin/orders/", {"on_hold": "yes"})) == (400, "validation_error")


def test_unknown_orders_are_404_at_every_desk():
    staff = staff_client("change_order", "view_order")
    missing = "/admin/orders/00000000-0000-4000-8000-000000000000"
    for path, body in (("hold", {"reason": "x"}), ("release", {}), ("notes", {"text": "x"})):
        assert code(staff.post(f"{missing}/{path}/", body)) == (404, "not_found")
    assert code(staff.patch(f"{missing}/", {"tags": []})) == (404, "not_found")
    for path in ("notes", "timeline"):
        assert code(staff.get(f"{missing}/{path}/")) == (404, "not_found")
    assert OrderNote.objects.count() == 0


def test_staff_hold_note_and_release_in_the_admin():
    _, order = paid()
    client = admin_with("view_order", "change_order", "view_ordernote")
    assert 'name="reason"' in client.get(LIST).content.decode()
    body = {"_selected_action": [str(order.pk)], "reason": "Call first"}
    client.post(LIST, {**body, "action": "hold"})
    assert Order.objects.get().hold_reason == "Call first"
    client.post(LIST, {**body, "action": "ship"})
    assert Order.objects.get().status == "confirmed"
    assert "on hold" in client.get(LIST, {"on_hold": "yes"}).content.decode()
    client.post(LIST, {**body, "action": "note"})
    assert list(OrderNote.objects.values_list("text", "is_customer_visible")) == [("Call first", False)]
    client.post(LIST, {**body, "action": "release"})
    assert Order.objects.get().held_at is None
    assert "Call first" in client.get(f"{LIST}{order.pk}/change/").content.decode()
