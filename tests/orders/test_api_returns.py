"""Asking for a return, following it, and deciding on it, through HTTP."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.common.models import Event
from apps.orders.models import Order, OrderItem, Return, ReturnHistory, ReturnPhoto
from apps.orders.services import fulfilment, return_moves
from apps.orders.services.fulfilment import Wanted
from tests.client import ApiClient, code
from tests.factories import UserFactory, WarehouseFactory, sellable, shop_rates
from tests.orders.return_steps import approved, arrive, asked, delivered, desk, picture, status, upload, wish
from tests.orders.steps import place
from tests.orders.test_api_orders import pay, staff_client

pytestmark = pytest.mark.django_db
NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(autouse=True)
def _rates() -> None:
    shop_rates()


def counted(item: OrderItem) -> int:
    item.refresh_from_db()
    return item.returned_quantity


def test_a_guest_asks_for_a_return_and_follows_it():
    client, order, item = delivered()
    body = asked(client, order, item, 2, note="The handle is off.")
    assert (body["status"], body["outcome"], body["note"]) == ("requested", "refund", "The handle is off.")
    assert body["number"].startswith("RMA-")
    assert [(line["sku"], line["quantity"], line["reason"]) for line in body["lines"]] == [(item.sku, 2, "damaged")]
    assert (body["return_address"], body["label_ready"]) == ([], False)
    assert client.get(f"/returns/{body['id']}/").json() == body
    listed = client.get(f"/orders/{order.pk}/returns/").json()
    assert ([row["id"] for row in listed["results"]], listed["returnable"]) == ([body["id"]], {str(item.pk): 1})
    assert counted(item) == 2
    event = Event.objects.get(type="return.requested")
    assert (event.aggregate_type, event.aggregate_id, event.data["lines"][0]["quantity"]) == ("order", order.pk, 2)


def test_nobody_else_sees_or_touches_a_return():
    client, order, item = delivered(user=UserFactory())
    found = asked(client, order, item)["id"]
    for stranger in (ApiClient(), ApiClient(UserFactory()), ApiClient(X_Order_Token="x" * 64)):
        assert code(stranger.get(f"/returns/{found}/")) == (404, "not_found")
        assert code(stranger.get(f"/orders/{order.pk}/returns/")) == (404, "not_found")
        assert code(stranger.post(f"/orders/{order.pk}/returns/", wish(item))) == (404, "not_found")
        for what in ("cancel", "sent"):
            assert code(stranger.post(f"/returns/{found}/{what}/", {})) == (404, "not_found")
        assert code(upload(stranger, found, picture())) == (404, "not_found")
    assert (status(found), Return.objects.count(), ReturnPhoto.objects.count()) == ("requested", 1, 0)


def test_a_key_asks_once():
    client, order, item = delivered()
    answers = [client.post(f"/orders/{order.pk}/returns/", wish(item), Idempotency_Key="r") for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert (Return.objects.count(), counted(item)) == (1, 1)


def test_never_more_than_was_sent_and_not_returned():
    client, order, item = delivered(quantity=3)
    asked(client, order, item, 2)
    refused = client.post(f"/orders/{order.pk}/returns/", wish(item, 2))
    assert code(refused) == (409, "exceeds_returnable_quantity")
    assert refused.json()["items"] == [{"sku": item.sku, "requested": 2, "available": 1}]
    assert (Return.objects.count(), counted(item)) == (1, 2)


def test_what_still_lies_in_the_house_cannot_come_back():
    client, order = place(sellable(), quantity=3)
    pay(order)
    item = order.items.get()
    assert code(client.post(f"/orders/{order.pk}/returns/", wish(item)))[0] == 409
    fulfilment.ship(order_id=order.pk, wanted=[Wanted(item.pk, 1)], is_leaving=True)
    fulfilment.ship(order_id=order.pk, wanted=[Wanted(item.pk, 1)])
    assert client.get(f"/orders/{order.pk}/returns/").json()["returnable"] == {str(item.pk): 1}
    assert code(client.post(f"/orders/{order.pk}/returns/", wish(item, 2)))[0] == 409
    assert asked(client, order, item)["status"] == "requested"


def test_the_database_itself_refuses_more_than_was_sent():
    _, _, item = delivered(quantity=3)
    with pytest.raises(IntegrityError), transaction.atomic():
        OrderItem.objects.filter(pk=item.pk).update(returned_quantity=4)


def test_the_window_closes_for_buyers_and_not_for_staff(settings):
    settings.RETURN_WINDOW_DAYS = 14
    client, order, item = delivered()
    seen = client.get(f"/orders/{order.pk}/returns/").json()
    assert seen["window_closes_at"][:10] == f"{order.delivered_at + timedelta(days=14):%Y-%m-%d}"
    Order.objects.update(delivered_at=timezone.now() - timedelta(days=14, seconds=1))
    refused = client.post(f"/orders/{order.pk}/returns/", wish(item))
    assert code(refused) == (409, "return_window_closed")
    assert client.get(f"/orders/{order.pk}/returns/").json()["returnable"] == {}
    assert Return.objects.count() == 0
    made = desk().post("/admin/returns/", {"order": str(order.pk), **wish(item)})
    assert (made.status_code, made.json()["history"][0]["actor"]) == (201, "staff")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"lines": []}, "/lines"),
        ({"lines": [{"item": NOBODY, "quantity": 1, "reason": "damaged"}]}, "/lines/0/item"),
        ({"lines": [{"item": NOBODY, "quantity": 0, "reason": "damaged"}]}, "/lines/0/quantity"),
        ({"lines": [{"item": NOBODY, "quantity": 1, "reason": "bored"}]}, "/lines/0/reason"),
        ({"lines": [{"item": NOBODY, "quantity": 1}]}, "/lines/0/reason"),
        ({"outcome": "cash"}, "/outcome"),
        ({"note": "x" * 1001}, "/note"),
    ],
)
def test_a_bad_wish_names_its_field_and_changes_nothing(change, pointer):
    client, order, item = delivered()
    answer = client.post(f"/orders/{order.pk}/returns/", {**wish(item), **change})
    assert (answer.status_code, [each["pointer"] for each in answer.json()["errors"]]) == (400, [pointer])
    assert (Return.objects.count(), counted(item)) == (0, 0)


def test_a_line_is_named_once():
    client, order, item = delivered()
    twice = {"lines": wish(item)["lines"] * 2}
    answer = client.post(f"/orders/{order.pk}/returns/", twice)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "/lines/1/item")
    assert counted(item) == 0


def test_the_buyer_withdraws_until_the_goods_are_on_their_way():
    client, order, item = delivered()
    found = asked(client, order, item, 2)["id"]
    withdrawn = client.post(f"/returns/{found}/cancel/", {"reason": "It fits"})
    assert (withdrawn.status_code, withdrawn.json()["status"]) == (200, "cancelled")
    assert client.post(f"/returns/{found}/cancel/", {}).status_code == 200
    assert counted(item) == 0
    second = approved(client, order, item, 3)
    sent = client.post(f"/returns/{second}/sent/", {"carrier": "UPS", "tracking_number": "1Z9"})
    assert (sent.json()["status"], sent.json()["tracking_number"]) == ("in_transit", "1Z9")
    assert code(client.post(f"/returns/{second}/cancel/", {})) == (409, "invalid_transition")
    assert counted(item) == 3
    assert desk().post(f"/admin/returns/{second}/cancel/", {"reason": "Lost"}).json()["status"] == "cancelled"
    assert counted(item) == 0


def test_staff_approve_with_a_word_and_a_warehouse_and_the_label_is_there():
    client, order, item = delivered()
    WarehouseFactory(code="returns", name="Returns dock", line1="12 Dock Road", city="Newark", postal_code="07114")
    found = asked(client, order, item)["id"]
    assert code(client.get(f"/returns/{found}/label/")) == (409, "not_ready")
    answer = desk().post(f"/admin/returns/{found}/approve/", {"warehouse": "returns", "reply": "Keep the box."})
    assert (answer.status_code, answer.json()["allowed_statuses"]) == (200, ["in_transit", "received", "cancelled"])
    body = client.get(f"/returns/{found}/").json()
    assert (body["status"], body["reply"], body["label_ready"]) == ("approved", "Keep the box.", True)
    assert body["return_address"] == ["Tradepost", "Returns dock", "12 Dock Road", "Newark 07114", "US"]
    label = client.get(f"/returns/{found}/label/")
    assert (label.headers["Content-Type"], label.content[:5]) == ("application/pdf", b"%PDF-")
    assert body["number"] in label.headers["Content-Disposition"]
    assert desk().get(f"/admin/returns/{found}/label/").content == label.content
    as_json = client.get(f"/returns/{found}/label/", Accept="application/json")
    assert as_json.json() == client.get(f"/returns/{found}/").json()


def test_staff_reject_and_the_units_are_free_again():
    client, order, item = delivered()
    found = asked(client, order, item, 3)["id"]
    assert desk().post(f"/admin/returns/{found}/reject/", {}).status_code == 400
    assert desk().post(f"/admin/returns/{found}/reject/", {"reply": "It shows wear."}).json()["status"] == "rejected"
    assert (counted(item), client.get(f"/returns/{found}/").json()["reply"]) == (0, "It shows wear.")
    assert code(desk().post(f"/admin/returns/{found}/approve/", {})) == (409, "invalid_transition")
    assert code(desk().post(f"/admin/returns/{found}/reject/", {"reply": "Twice"})) == (409, "invalid_transition")
    assert counted(item) == 0


def test_every_move_off_the_table_is_refused_and_lists_what_is_allowed():
    moves = {
        "approve": ("approved", {}),
        "reject": ("rejected", {"reply": "No"}),
        "sent": ("in_transit", {}),
        "complete": ("completed", {}),
        "cancel": ("cancelled", {}),
    }
    client, order, item = delivered()
    found = asked(client, order, item)["id"]
    for current, allowed in return_moves.MOVES.items():
        Return.objects.filter(pk=found).update(status=current)
        for name, (to, body) in moves.items():
            if to in allowed or (to == current == "cancelled"):
                continue
            refused = desk().post(f"/admin/returns/{found}/{name}/", body)
            assert code(refused) == (409, "invalid_transition"), f"{current} to {to}"
            assert refused.json()["allowed"] == [str(each) for each in allowed]
            assert status(found) == current
        if "received" not in allowed:
            assert code(arrive(found, item, resellable=1)) == (409, "invalid_transition")


def test_every_move_has_its_history_and_event():
    client, order, item = delivered()
    found = approved(client, order, item)
    client.post(f"/returns/{found}/sent/", {})
    arrive(found, item, resellable=1)
    desk().post(f"/admin/returns/{found}/complete/", {})
    names = ["requested", "approved", "in_transit", "received", "completed"]
    rows = ReturnHistory.objects.order_by("id").values_list("to_status", "actor")
    assert list(rows) == list(zip(names, ["guest", "staff", "guest", "staff", "staff"], strict=True))
    events = Event.objects.filter(type__startswith="return.").order_by("id").values_list("type", "sequence")
    assert [name for name, _ in events] == [f"return.{each}" for each in names]
    told = [row for row in client.get(f"/orders/{order.pk}/timeline/").json()["results"] if row["kind"] == "return"]
    assert [row["event"] for row in told] == [f"return.{each}" for each in names]


def test_the_queue_is_filtered_and_searched():
    client, order, item = delivered()
    first = asked(client, order, item)
    second = approved(client, order, item)
    other, other_order, other_item = delivered(user=UserFactory(email="zoe@example.com"))
    third = asked(other, other_order, other_item)
    staff = desk()

    def ids(**query: str) -> list[str]:
        return [row["id"] for row in staff.get("/admin/returns/", query).json()["results"]]

    assert ids() == [third["id"], second, first["id"]]
    assert ids(status="approved") == [second]
    assert ids(order=str(order.pk)) == [second, first["id"]]
    assert ids(search=first["number"].lower()) == [first["id"]]
    assert ids(search="Zoe@example.com") == [third["id"]]
    assert code(staff.get("/admin/returns/", {"status": "lost"})) == (400, "validation_error")


def test_each_deed_takes_its_permission():
    client, order, item = delivered()
    found = asked(client, order, item)["id"]
    reader = staff_client("view_return")
    for path, body in (
        (f"/admin/returns/{found}/approve/", {}),
        (f"/admin/returns/{found}/reject/", {"reply": "No"}),
        ("/admin/returns/", {"order": str(order.pk), **wish(item)}),
    ):
        assert code(reader.post(path, body)) == (403, "permission_denied")
    assert code(staff_client("view_order").get("/admin/returns/")) == (403, "permission_denied")
    assert (status(found), Return.objects.count()) == ("requested", 1)


def test_pictures_are_cleaned_limited_and_shown_to_buyer_and_staff_alone(settings):
    settings.RETURN_PHOTO_LIMIT = 2
    client, order, item = delivered()
    found = asked(client, order, item)["id"]
    first = upload(client, found, picture())
    assert (first.status_code, first.json()["width"], first.json()["height"]) == (201, 600, 300)
    path = f"/returns/{found}/photos/{first.json()['id']}/"
    seen = client.get(path)
    assert (seen.headers["Content-Type"], seen.headers["X-Content-Type-Options"]) == ("image/webp", "nosniff")
    assert seen.content[8:12] == b"WEBP"
    assert len(client.get(path, {"size": "small"}).content) < len(seen.content)
    assert desk().get(f"/admin{path}").content == seen.content
    assert client.get(path, Accept="application/json").json() == first.json()
    assert desk().get(f"/admin{path}", Accept="application/json").json() == first.json()
    assert code(ApiClient().get(path)) == (404, "not_found")
    assert upload(client, found, picture("PNG")).status_code == 201
    assert code(upload(client, found, picture())) == (409, "too_many_photos")
    assert client.get(f"/returns/{found}/").json()["photos"][0]["id"] == first.json()["id"]
    assert ReturnPhoto.objects.count() == 2


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        (b"GIF89a", (415, "unsupported_image")),
        (b"", (415, "unsupported_image")),
        (picture()[:200], (415, "unsupported_image")),
        (b"\xff\xd8" + b"x" * (10 * 1024 * 1024), (413, "file_too_large")),
    ],
)
def test_what_is_no_picture_or_too_large_is_refused(content, answer):
    client, order, item = delivered()
    found = asked(client, order, item)["id"]
    assert code(upload(client, found, content)) == answer
    assert ReturnPhoto.objects.count() == 0


def test_a_return_that_has_ended_takes_no_more_pictures():
    client, order, item = delivered()
    found = asked(client, order, item)["id"]
    client.post(f"/returns/{found}/cancel/", {})
    assert code(upload(client, found, picture())) == (409, "invalid_transition")
    assert ReturnPhoto.objects.count() == 0
