"""Parcels through HTTP: split, partial, tracked, collected, printed."""

import json
import time
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from apps.common import events
from apps.common.models import Event
from apps.notifications.models import Notification
from apps.orders.models import Order, OrderItem, Shipment, ShipmentLine, TrackingEvent
from apps.orders.services import carrier_events, packing_slips
from apps.orders.services.collection import collection_code
from apps.products.models import StockLevel
from tests.client import ApiClient, code
from tests.factories import UserFactory, WarehouseFactory, receive, sellable, shop_rates
from tests.orders.steps import cart_with, order_body, place
from tests.orders.test_admin_orders import admin_with
from tests.orders.test_api_orders import pay, staff_client

pytestmark = pytest.mark.django_db
UPS = {"carrier": "UPS", "tracking_number": "1Z 9"}


@pytest.fixture(autouse=True)
def _rates() -> None:
    shop_rates()


@pytest.fixture
def staff() -> ApiClient:
    return staff_client("change_order", "view_order")


def paid(quantity: int = 3, **stock: Any) -> tuple[ApiClient, Order]:
    client, order = place(sellable(**stock), quantity=quantity)
    pay(order)
    return client, order


def ship(staff: ApiClient, order: Order, **body: Any) -> Any:
    return staff.post(f"/admin/orders/{order.id}/shipments/", body)


def part(order: Order, quantity: int) -> list[dict[str, Any]]:
    return [{"item": str(order.items.get().id), "quantity": quantity}]


def state(order: Order) -> tuple[str, str, int]:
    order.refresh_from_db()
    return order.status, order.fulfilment_status, order.items.get().shipped_quantity


def test_an_order_goes_out_in_two_parcels_and_follows_them(staff):
    client, order = paid(quantity=3)
    first = ship(staff, order, lines=part(order, 1), leaving=True, **UPS)
    assert first.status_code == 201
    [parcel] = first.json()["results"]
    assert (parcel["status"], parcel["lines"][0]["quantity"], parcel["warehouse"]) == ("shipped", 1, "main")
    assert parcel["tracking_url"] == "https://www.ups.com/track?tracknum=1Z%209"
    assert [line["quantity"] for line in first.json()["open"][0]["lines"]] == [2]
    assert state(order) == ("processing", "partly_fulfilled", 1)
    assert code(client.post(f"/orders/{order.id}/cancel/", {})) == (409, "not_cancellable")
    second = ship(staff, order, all=True).json()
    assert (second["results"][1]["status"], second["open"]) == ("ready", [])
    assert state(order) == ("processing", "partly_fulfilled", 3)
    waiting = second["results"][1]["id"]
    moved = staff.patch(f"/admin/shipments/{waiting}/", {"status": "shipped", **UPS})
    assert (moved.status_code, moved.json()["allowed_statuses"]) == (200, ["in_transit", "delivered", "failed"])
    assert state(order) == ("shipped", "fulfilled", 3)
    for shipment in (parcel["id"], waiting):
        assert staff.patch(f"/admin/shipments/{shipment}/", {"status": "delivered"}).status_code == 200
    assert state(order) == ("delivered", "fulfilled", 3)
    seen = client.get(f"/orders/{order.id}/shipments/").json()["results"]
    assert [[event["status"] for event in row["events"]] for row in seen] == [["shipped", "delivered"]] * 2
    kinds = [
        e["event"] for e in client.get(f"/orders/{order.id}/timeline/").json()["results"] if e["kind"] == "shipment"
    ]
    assert kinds == ["shipment.shipped", "shipment.shipped", "shipment.delivered", "shipment.delivered"]


def test_a_line_held_in_two_warehouses_goes_out_in_two_parcels(staff):
    variant = sellable(stock=3)
    receive(variant, 2, warehouse=WarehouseFactory(code="second", name="Second", priority=5))
    _, order = place(variant, quantity=5)
    pay(order)
    proposal = staff.get(f"/admin/orders/{order.id}/shipments/").json()["open"]
    assert [(each["warehouse"], each["lines"][0]["quantity"]) for each in proposal] == [("main", 3), ("second", 2)]
    assert Shipment.objects.count() == 0
    made = ship(staff, order, all=True).json()["results"]
    assert [(each["warehouse"], each["lines"][0]["quantity"]) for each in made] == [("main", 3), ("second", 2)]


@pytest.mark.parametrize("quantity", [3, 999])
def test_no_more_is_shipped_than_is_left(staff, quantity):
    _, order = paid(quantity=4)
    ship(staff, order, lines=part(order, 2))
    refused = ship(staff, order, lines=part(order, quantity))
    assert code(refused) == (409, "exceeds_open_quantity")
    assert refused.json()["items"] == [
        {"sku": order.items.get().sku, "requested": quantity, "available": 2},
    ]
    assert (Shipment.objects.count(), ShipmentLine.objects.count()) == (1, 1)
    twice = ship(staff, order, lines=part(order, 2) * 2)
    assert code(twice) == (409, "exceeds_open_quantity")


def test_the_database_refuses_to_ship_more_than_was_ordered():
    paid(quantity=2)
    with pytest.raises(IntegrityError, match="never_ship_more_than_is_ordered"), transaction.atomic():
        OrderItem.objects.update(shipped_quantity=3)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"all": True, "lines": [{"item": "00000000-0000-4000-8000-000000000000", "quantity": 1}]},
        {"lines": []},
        {"lines": [{"item": "00000000-0000-4000-8000-000000000000", "quantity": 1}]},
        {"lines": [{"item": "x", "quantity": 1}]},
        {"lines": [{"item": "00000000-0000-4000-8000-000000000000", "quantity": 0}]},
        {"all": True, "tracking_url": "ftp://example.com/x"},
    ],
)
def test_a_bad_parcel_is_400_and_nothing_is_packed(staff, body):
    _, order = paid()
    assert ship(staff, order, **body).status_code == 400
    assert (Shipment.objects.count(), state(order)) == (0, ("confirmed", "unfulfilled", 0))


def test_unpaid_held_and_refunded_orders_are_not_packed(staff):
    _, unpaid = place(sellable())
    assert code(ship(staff, unpaid, all=True)) == (409, "invalid_transition")
    _, held = paid()
    staff.post(f"/admin/orders/{held.id}/hold/", {"reason": "Wait"})
    assert code(ship(staff, held, all=True)) == (409, "order_on_hold")
    _, refunded = paid()
    Order.objects.filter(pk=refunded.pk).update(payment_status="refunded")
    assert code(ship(staff, refunded, all=True)) == (409, "invalid_transition")
    assert Shipment.objects.count() == 0


def test_a_parcel_packed_before_the_hold_does_not_leave(staff):
    _, order = paid()
    shipment = ship(staff, order, all=True).json()["results"][0]["id"]
    staff.post(f"/admin/orders/{order.id}/hold/", {"reason": "Wait"})
    assert code(staff.patch(f"/admin/shipments/{shipment}/", {"status": "shipped"})) == (409, "order_on_hold")
    assert Shipment.objects.get().status == "ready"


def test_a_waiting_parcel_is_unpacked_and_its_units_are_free_again(staff):
    client, order = paid(quantity=2)
    shipment = ship(staff, order, all=True).json()["results"][0]["id"]
    assert state(order) == ("confirmed", "unfulfilled", 2)
    assert staff.patch(f"/admin/shipments/{shipment}/", {"status": "cancelled"}).status_code == 200
    assert state(order) == ("confirmed", "unfulfilled", 0)
    assert client.get(f"/orders/{order.id}/shipments/").json()["results"] == []
    refused = staff.patch(f"/admin/shipments/{shipment}/", {"status": "shipped"})
    assert (code(refused), refused.json()["allowed"]) == ((409, "invalid_transition"), [])


def test_cancelling_unpacks_what_waits_and_gives_all_the_stock_back(staff):
    client, order = paid(quantity=2)
    ship(staff, order, all=True)
    assert client.post(f"/orders/{order.id}/cancel/", {}).json()["status"] == "cancelled"
    assert (Shipment.objects.get().status, OrderItem.objects.get().shipped_quantity) == ("cancelled", 0)
    assert StockLevel.objects.get().on_hand == 10


def test_each_parcel_that_leaves_has_its_mail(staff):
    _, order = paid(quantity=2)
    ship(staff, order, lines=part(order, 1), leaving=True)
    ship(staff, order, lines=part(order, 1), leaving=True)
    while events.deliver_due():
        pass
    mails = Notification.objects.filter(kind="order_shipped").values_list("data__shipment_id", flat=True)
    assert sorted(mails) == sorted(str(key) for key in Shipment.objects.values_list("id", flat=True))


def told(event: dict[str, Any], *, at: int | None = None, secret: str | None = None) -> Any:
    body = json.dumps(event).encode()
    signature = secret or carrier_events.sign(body, at=at or int(time.time()))
    return Client().post(
        "/api/v1/shipments/webhook/",
        body,
        content_type="application/json",
        headers={"X-Carrier-Signature": signature},
    )


def news(number: int, status: str, *, hour: int, tracking: str = "1Z 9") -> dict[str, Any]:
    moment = f"2031-05-01T{hour:02d}:00:00Z"
    return {"id": f"ev-{number}", "tracking_number": tracking, "status": status, "occurred_at": moment}


@pytest.mark.parametrize("order_of_news", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1), (1, 1, 3, 0, 2, 2)])
def test_late_repeated_and_reversed_carrier_events_end_alike(staff, order_of_news):
    _, order = paid()
    ship(staff, order, all=True, leaving=True, **UPS)
    all_news = [
        news(0, "in_transit", hour=8),
        news(1, "failed", hour=10),
        news(2, "customs_hold", hour=11),
        news(3, "delivered", hour=12),
    ]
    for index in order_of_news:
        assert told(all_news[index]).status_code == 200
    shipment = Shipment.objects.get()
    assert (shipment.status, shipment.delivered_at.hour) == ("delivered", 12)
    assert state(order)[0] == "delivered"
    assert TrackingEvent.objects.filter(source="carrier").count() == 4
    assert Event.objects.filter(type__in=["shipment.delivered", "order.delivered"]).count() == 2


def test_a_carrier_that_is_faster_than_the_clerk_is_believed_afterwards(staff):
    _, order = paid()
    shipment = ship(staff, order, all=True, leaving=True).json()["results"][0]["id"]
    told(news(0, "delivered", hour=9))
    assert state(order)[0] == "shipped"
    staff.patch(f"/admin/shipments/{shipment}/", UPS)
    assert state(order)[0] == "delivered"


def test_a_carrier_cannot_send_what_still_waits_here(staff):
    _, order = paid()
    ship(staff, order, all=True, **UPS)
    assert told(news(0, "delivered", hour=9)).status_code == 200
    assert (Shipment.objects.get().status, state(order)[0]) == ("ready", "confirmed")


def test_forged_stale_and_malformed_news_are_refused(settings):
    now = int(time.time())
    good = news(0, "delivered", hour=9)
    for refused in (
        told(good, secret=f"t={now},v1={'0' * 64}"),
        told(good, at=now - 301),
        told(good, at=now + 301),
        told(good, secret="nonsense"),
        told(good, secret="t=1,v1=ü"),
    ):
        assert code(refused) == (400, "signature_invalid")
    for event in (
        {},
        [],
        {**good, "occurred_at": "yesterday"},
        {**good, "occurred_at": "2031-05-01T09:00:00"},
        {**good, "id": "x" * 121},
        {**good, "status": 7},
        {**good, "description": "a\x00b"},
    ):
        assert told(event).status_code == 400
    settings.CARRIER_WEBHOOK_SECRET = ""
    assert code(told(good)) == (400, "signature_invalid")
    assert TrackingEvent.objects.count() == 0


def for_pickup() -> tuple[ApiClient, Order]:
    client, order = paid(quantity=1)
    Order.objects.update(pickup_store={"slug": "downtown", "name": "Downtown", "line1": "1 Main", "city": "New York"})
    return client, order


def test_an_order_is_collected_in_the_store_with_its_code(staff):
    client, order = for_pickup()
    parcel = ship(staff, order, all=True, leaving=True).json()["results"][0]
    assert (parcel["status"], parcel["is_pickup"], parcel["collection_code"]) == ("ready_for_pickup", True, None)
    [seen] = client.get(f"/orders/{order.id}/shipments/").json()["results"]
    assert seen["collection_code"] == collection_code(Shipment.objects.get().pk)
    while events.deliver_due():
        pass
    assert Notification.objects.filter(kind="order_ready_for_pickup").count() == 1
    url = f"/admin/shipments/{parcel['id']}/"
    assert code(staff.patch(url, {"status": "picked_up"})) == (409, "invalid_transition")
    assert code(staff.post(f"{url}hand-over/", {"code": "222222"})) == (400, "code_invalid")
    assert state(order)[0] == "confirmed"
    typed = f" {seen['collection_code'][:3].lower()}-{seen['collection_code'][3:]} "
    for _ in range(2):
        assert staff.post(f"{url}hand-over/", {"code": typed}).json()["status"] == "picked_up"
    assert state(order) == ("delivered", "fulfilled", 1)
    assert client.get(f"/orders/{order.id}/shipments/").json()["results"][0]["collection_code"] is None
    assert Event.objects.filter(type="shipment.picked_up").count() == 1


def test_guessing_the_code_ends_after_five(staff, settings):
    settings.RATE_LIMITS = {**settings.RATE_LIMITS, "collection_code": (5, 900)}
    _, order = for_pickup()
    parcel = ship(staff, order, all=True, leaving=True).json()["results"][0]["id"]
    answers = [staff.post(f"/admin/shipments/{parcel}/hand-over/", {"code": f"22222{n}"}).status_code for n in range(6)]
    right = staff.post(f"/admin/shipments/{parcel}/hand-over/", {"code": collection_code(Shipment.objects.get().pk)})
    assert (answers, right.status_code) == ([400] * 5 + [429], 429)
    assert Shipment.objects.get().status == "ready_for_pickup"


def test_the_packing_slip_is_a_pdf_in_any_script(staff):
    client = cart_with(sellable(product__name="Чайник 茶壺 إبريق"))
    body = order_body(note="Ring ✓ twice: Grüße, 東京")
    order = Order.objects.get(pk=client.post("/orders/", body).json()["id"])
    pay(order)
    parcel = ship(staff, order, all=True).json()["results"][0]["id"]
    slip = staff.get(f"/admin/shipments/{parcel}/packing-slip/", Accept="application/pdf")
    as_json = staff.get(f"/admin/shipments/{parcel}/packing-slip/", Accept="application/json").json()
    assert as_json == staff.get(f"/admin/shipments/{parcel}/").json()
    assert (slip.status_code, slip["Content-Type"], slip.content[:5]) == (200, "application/pdf", b"%PDF-")
    missing = "/admin/shipments/00000000-0000-4000-8000-000000000000"
    assert code(staff.get(f"{missing}/packing-slip/")) == (404, "not_found")
    assert code(staff.get(f"{missing}/")) == (404, "not_found")


def test_the_packing_slip_prints_the_lines_note_and_gift_options(staff):
    client = cart_with(sellable())
    item = client.get("/cart/").json()["items"][0]["id"]
    wishes = {"quantity": 1, "note": "No lid, 請", "gift_wrap": True, "gift_message": "Für #Ada *with* $love$"}
    client.put(f"/cart/items/{item}/", wishes)
    order = Order.objects.get(pk=client.post("/orders/", order_body()).json()["id"])
    pay(order)
    parcel = ship(staff, order, all=True).json()["results"][0]["id"]
    (line,) = packing_slips._content(Shipment.objects.get(pk=parcel))["lines"]
    assert (line["note"], line["gift"], line["message"]) == ("No lid, 請", "Gift wrap", "Für #Ada *with* $love$")
    slip = staff.get(f"/admin/shipments/{parcel}/packing-slip/", Accept="application/pdf")
    assert (slip.status_code, slip.content[:5]) == (200, b"%PDF-")


def test_a_stranger_does_not_see_the_parcels(staff):
    _, order = paid()
    ship(staff, order, all=True, leaving=True)
    for client in (ApiClient(), ApiClient(UserFactory())):
        assert code(client.get(f"/orders/{order.id}/shipments/")) == (404, "not_found")


def test_staff_move_and_print_parcels_in_the_admin(staff):
    _, order = paid()
    ship(staff, order, all=True)
    client = admin_with("view_shipment", "change_order")
    body = {"_selected_action": [str(Shipment.objects.get().pk)]}
    url = "/admin/orders/shipment/"
    assert client.post(url, {**body, "action": "print_slip"})["Content-Type"] == "application/pdf"
    client.post(url, {**body, "action": "send"})
    assert state(order)[0] == "shipped"
    client.post(url, {**body, "action": "unpack"})
    assert Shipment.objects.get().status == "shipped"
    client.post(url, {**body, "action": "arrive"})
    assert state(order)[0] == "delivered"
    assert order.number in client.get(f"{url}{Shipment.objects.get().pk}/change/").content.decode()
    assert timezone.now() >= Shipment.objects.get().delivered_at
