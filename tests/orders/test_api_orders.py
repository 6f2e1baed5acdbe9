"""Reading, cancelling, finding and moving orders through HTTP."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import transaction
from django.utils import timezone

from apps.common.models import Event
from apps.orders.models import Order, OrderStatusHistory, Shipment
from apps.orders.services import lifecycle, transitions
from apps.orders.tasks import release_expired_reservations
from apps.products.models import Product, Purchase, StockLevel, StockMovement, StockReservation
from tests.client import ApiClient, code
from tests.factories import UserFactory, sellable, shop_rates
from tests.orders.steps import place

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _rates() -> None:
    shop_rates()


def pay(order: Order) -> None:
    with transaction.atomic():
        lifecycle.mark_paid(order=Order.objects.lock().get(pk=order.pk))


def staff_client(*permissions: str) -> ApiClient:
    user = UserFactory(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return ApiClient(user)


def test_customers_see_their_own_orders_newest_first():
    alice, bob = UserFactory(), UserFactory()
    client, first = place(sellable(), user=alice)
    _, second = place(sellable(), user=alice)
    place(sellable(), user=bob)
    body = client.get("/orders/").json()
    assert (body["count"], body["next"], body["previous"]) == (2, None, None)
    assert [row["id"] for row in body["results"]] == [str(second.id), str(first.id)]


def test_orders_are_filtered_and_paged_strictly():
    user = UserFactory()
    client, first = place(sellable(), user=user)
    _, second = place(sellable(), user=user)
    lifecycle.cancel(order_id=first.id)
    assert [r["id"] for r in client.get("/orders/", {"status": "pending"}).json()["results"]] == [str(second.id)]
    page = client.get("/orders/", {"page_size": 1})
    assert page.json()["next"].endswith("/api/v1/orders/?page=2&page_size=1")
    assert page["Link"] == f'<{page.json()["next"]}>; rel="next"'
    assert code(client.get("/orders/", {"page": 3})) == (404, "not_found")
    assert code(client.get("/orders/", {"state": "pending"})) == (400, "unknown_parameter")
    assert code(client.get("/orders/", {"status": "lost"})) == (400, "validation_error")
    assert client.get("/orders/", {"created_after": "2999-01-01T00:00:00Z"}).json()["count"] == 0


def test_a_strangers_order_is_not_there(api):
    alices, order = place(sellable(), user=UserFactory())
    bob = ApiClient(UserFactory())
    for client in (bob, api, ApiClient(X_Order_Token="0" * 64)):
        assert code(client.get(f"/orders/{order.id}/")) == (404, "not_found")
        assert code(client.post(f"/orders/{order.id}/cancel/", {})) == (404, "not_found")
        assert code(client.get(f"/orders/{order.id}/timeline/")) == (404, "not_found")
    order.refresh_from_db()
    assert order.status == "pending"
    assert alices.get(f"/orders/{order.id}/").status_code == 200


def test_a_guests_token_opens_that_order_alone(api):
    _, mine = place(sellable())
    client, other = place(sellable())
    assert client.get(f"/orders/{other.id}/").status_code == 200
    assert code(client.get(f"/orders/{mine.id}/")) == (404, "not_found")


def test_the_token_of_a_customers_order_cannot_be_used_by_a_guest(api):
    from apps.orders.services.access import order_token

    _, order = place(sellable(), user=UserFactory())
    assert code(api.get(f"/orders/{order.id}/", X_Order_Token=order_token(order.id))) == (404, "not_found")


def test_an_unchanged_order_is_304(api):
    client, order = place(sellable())
    etag = client.get(f"/orders/{order.id}/")["ETag"]
    unchanged = client.get(f"/orders/{order.id}/", If_None_Match=etag)
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    lifecycle.cancel(order_id=order.id)
    assert client.get(f"/orders/{order.id}/", If_None_Match=etag).status_code == 200


def test_a_guest_finds_an_order_by_number_and_email(api):
    _, order = place(sellable())
    body = {"number": order.number.lower(), "email": "GUEST@example.com"}
    found = api.post("/orders/lookup/", body)
    assert found.status_code == 200
    assert api.get(f"/orders/{order.id}/", X_Order_Token=found.json()["order_token"]).status_code == 200
    assert code(api.post("/orders/lookup/", {**body, "email": "x@example.com"})) == (404, "not_found")


def test_a_customers_order_is_not_found_by_number_and_email(api):
    user = UserFactory()
    _, order = place(sellable(), user=user)
    assert code(api.post("/orders/lookup/", {"number": order.number, "email": order.email})) == (404, "not_found")


def test_cancelling_an_unpaid_order_gives_the_stock_back():
    client, order = place(sellable(stock=5), quantity=2)
    response = client.post(f"/orders/{order.id}/cancel/", {"reason": "Changed my mind"})
    assert response.status_code == 200
    assert (response.json()["status"], response.json()["cancellable"]) == ("cancelled", False)
    level = StockLevel.objects.get()
    assert (level.on_hand, level.reserved, StockReservation.objects.get().status) == (5, 0, "released")
    assert Event.objects.filter(type="order.cancelled", data__reason="Changed my mind").count() == 1
    assert client.post(f"/orders/{order.id}/cancel/", {}).status_code == 200
    assert Event.objects.filter(type="order.cancelled").count() == 1


def test_paying_turns_the_hold_into_a_sale_and_cancelling_then_restocks():
    user = UserFactory()
    variant = sellable(stock=5)
    client, order = place(variant, quantity=2, user=user)
    pay(order)
    level = StockLevel.objects.get()
    assert (level.on_hand, level.reserved) == (3, 0)
    order.refresh_from_db()
    assert (order.status, order.payment_status, order.confirmed_at is not None) == ("confirmed", "paid", True)
    assert Purchase.objects.filter(user=user, product=variant.product).exists()
    assert Product.objects.get().sold_count == 2
    assert client.post(f"/orders/{order.id}/cancel/", {}).status_code == 200
    level.refresh_from_db()
    assert (level.on_hand, level.reserved) == (5, 0)
    assert list(StockMovement.objects.order_by("id").values_list("kind", "quantity", "on_hand_after")) == [
        ("receive", 5, 5),
        ("sale", -2, 3),
        ("return", 2, 5),
    ]


def test_a_shipped_order_cannot_be_cancelled():
    client, order = place(sellable(stock=5))
    pay(order)
    transitions.transition(order_id=order.id, to="shipped")
    assert code(client.post(f"/orders/{order.id}/cancel/", {})) == (409, "not_cancellable")
    order.refresh_from_db()
    assert (order.status, StockLevel.objects.get().on_hand) == ("shipped", 4)


def test_a_paid_order_is_not_paid_again():
    _, order = place(sellable())
    pay(order)
    with pytest.raises(lifecycle.InvalidTransition), transaction.atomic():
        pay(order)
    assert StockMovement.objects.filter(kind="sale").count() == 1


def test_an_unpaid_order_is_cancelled_when_its_hold_runs_out_and_a_paid_one_is_not():
    _, unpaid = place(sellable(stock=5))
    _, paid = place(sellable(stock=5))
    _, fresh = place(sellable(stock=5))
    pay(paid)
    Order.objects.exclude(id=fresh.id).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert release_expired_reservations() == 1
    assert release_expired_reservations() == 0
    statuses = dict(Order.objects.values_list("id", "status"))
    assert statuses == {unpaid.id: "cancelled", paid.id: "confirmed", fresh.id: "pending"}
    assert list(StockReservation.objects.order_by("id").values_list("status", flat=True)) == [
        "released",
        "committed",
        "held",
    ]


def test_staff_ship_and_deliver_with_tracking_and_history():
    client, order = place(sellable())
    pay(order)
    staff = staff_client("change_order", "view_order")
    shipped = staff.post(
        f"/admin/orders/{order.id}/transitions/",
        {"to": "shipped", "carrier": "UPS", "tracking_number": "1Z", "tracking_url": "https://ups.example/1Z"},
    )
    assert shipped.status_code == 200
    assert (shipped.json()["status"], shipped.json()["fulfilment_status"]) == ("shipped", "fulfilled")
    assert shipped.json()["allowed_transitions"] == ["delivered", "returned"]
    assert [(s["carrier"], s["tracking_number"]) for s in shipped.json()["shipments"]] == [("UPS", "1Z")]
    shipment = Shipment.objects.get()
    assert Event.objects.get(type="order.shipped").data == {
        "number": order.number,
        "by": "staff",
        "shipment_id": str(shipment.id),
    }
    assert staff.post(f"/admin/orders/{order.id}/transitions/", {"to": "delivered"}).status_code == 200
    shipment.refresh_from_db()
    assert shipment.delivered_at is not None
    entries = client.get(f"/orders/{order.id}/timeline/").json()["results"]
    assert [(e["from_status"], e["to_status"], e["actor"]) for e in entries if e["kind"] == "status"] == [
        (None, "pending", "guest"),
        ("pending", "confirmed", "system"),
        ("confirmed", "shipped", "staff"),
        ("shipped", "delivered", "staff"),
    ]


def test_a_forbidden_move_lists_the_allowed_ones_and_changes_nothing():
    _, order = place(sellable())
    staff = staff_client("change_order")
    response = staff.post(f"/admin/orders/{order.id}/transitions/", {"to": "shipped"})
    assert code(response) == (409, "invalid_transition")
    assert response.json()["allowed"] == ["cancelled"]
    assert code(staff.post(f"/admin/orders/{order.id}/transitions/", {"to": "confirmed"})) == (
        409,
        "invalid_transition",
    )
    order.refresh_from_db()
    assert (order.status, OrderStatusHistory.objects.count(), Shipment.objects.count()) == ("pending", 1, 0)


def test_a_returned_order_is_restocked():
    _, order = place(sellable(stock=5), quantity=2)
    pay(order)
    staff = staff_client("change_order")
    staff.post(f"/admin/orders/{order.id}/transitions/", {"to": "shipped"})
    body = staff.post(f"/admin/orders/{order.id}/transitions/", {"to": "returned", "reason": "Wrong size"}).json()
    assert (body["status"], body["fulfilment_status"]) == ("returned", "returned")
    assert StockLevel.objects.get().on_hand == 5


def test_staff_need_the_permission():
    _, order = place(sellable())
    for client, answer in (
        (ApiClient(), (401, "authentication_required")),
        (ApiClient(UserFactory()), (403, "permission_denied")),
        (staff_client("view_order"), (403, "permission_denied")),
    ):
        assert code(client.post(f"/admin/orders/{order.id}/transitions/", {"to": "cancelled"})) == answer
    assert code(staff_client("change_order").get("/admin/orders/")) == (403, "permission_denied")
    order.refresh_from_db()
    assert (order.status, OrderStatusHistory.objects.count()) == ("pending", 1)


def test_staff_search_all_orders_by_number_and_email():
    _, first = place(sellable(), user=UserFactory())
    _, second = place(sellable())
    staff = staff_client("view_order")
    assert staff.get("/admin/orders/").json()["count"] == 2
    assert [r["id"] for r in staff.get("/admin/orders/", {"search": first.number}).json()["results"]] == [str(first.id)]
    assert [r["id"] for r in staff.get("/admin/orders/", {"search": "guest@"}).json()["results"]] == [str(second.id)]
    assert staff.get("/admin/orders/", {"payment_status": "paid"}).json()["count"] == 0
    assert staff.get(f"/admin/orders/{second.id}/").json()["customer"] is None
    missing = "00000000-0000-4000-8000-000000000000"
    assert code(staff.get(f"/admin/orders/{missing}/")) == (404, "not_found")
    mover = staff_client("change_order")
    assert code(mover.post(f"/admin/orders/{missing}/transitions/", {"to": "shipped"})) == (404, "not_found")


def test_history_and_events_cannot_be_rewritten():
    from django.db.utils import InternalError

    place(sellable())
    with pytest.raises(InternalError), transaction.atomic():
        OrderStatusHistory.objects.update(reason="forged")
    with pytest.raises(InternalError), transaction.atomic():
        Event.objects.all().delete()
    assert (OrderStatusHistory.objects.get().reason, Event.objects.count()) == ("", 1)
