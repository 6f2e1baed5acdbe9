"""Returns in the admin: looked at with their pictures, decided, received and settled by the services."""

import pytest

from apps.orders.models import OrderItem, Return
from apps.products.models import StockLevel
from tests.client import ApiClient
from tests.factories import shop_rates
from tests.orders.return_steps import asked, delivered, picture, status, upload
from tests.orders.test_admin_orders import admin_with

pytestmark = pytest.mark.django_db
LIST = "/admin/orders/return/"


@pytest.fixture
def wanted() -> tuple[ApiClient, str, OrderItem]:
    shop_rates()
    client, order, item = delivered()
    return client, asked(client, order, item, 2, note="Broken")["id"], item


def act(action: str, return_id: str, *permissions: str, **more: str):
    client = admin_with("view_return", *permissions)
    client.post(LIST, {"action": action, "_selected_action": [return_id], **more})
    return client


def test_staff_find_a_return_and_see_its_picture(wanted):
    client, found, _ = wanted
    upload(client, found, picture())
    staff = admin_with("view_return", "view_returnline", "view_returnphoto")
    number = Return.objects.get().number
    assert number in staff.get(LIST, {"q": number}).content.decode()
    page = staff.get(f"{LIST}{found}/change/").content.decode()
    assert "data:image/webp;base64," in page
    assert "Broken" in page
    assert 'name="status"' not in page


def test_approve_send_and_give_up(wanted):
    _, found, item = wanted
    act("approve", found, "change_return", reason="Keep the box")
    assert (status(found), Return.objects.get().reply) == ("approved", "Keep the box")
    label = admin_with("view_return").post(LIST, {"action": "print_label", "_selected_action": [found]})
    assert label.content[:5] == b"%PDF-"
    act("mark_sent", found, "change_return")
    assert status(found) == "in_transit"
    act("cancel", found, "change_return")
    item.refresh_from_db()
    assert (status(found), item.returned_quantity) == ("cancelled", 0)


def test_a_rejection_says_why(wanted):
    _, found, _ = wanted
    page = act("reject", found, "change_return").get(LIST).content.decode()
    assert ("Say why" in page, status(found)) == (True, "requested")
    act("reject", found, "change_return", reason="It shows wear")
    assert (status(found), Return.objects.get().reply) == ("rejected", "It shows wear")


def test_goods_are_received_by_condition_and_settled_in_forms(wanted):
    _, found, item = wanted
    act("approve", found, "change_return")
    staff = admin_with("view_return", "change_return")
    form = staff.get(f"{LIST}{found}/receive/").content.decode()
    assert f"{item.sku}" in form
    names = {f"line0_{name}": "0" for name in ("resellable", "used", "damaged", "defective")}
    assert "Type how many" in staff.post(f"{LIST}{found}/receive/", names).content.decode()
    too_many = staff.post(f"{LIST}{found}/receive/", names | {"line0_used": "4"}).content.decode()
    assert "more than was sent" in too_many
    assert status(found) == "approved"
    done = staff.post(f"{LIST}{found}/receive/", names | {"line0_resellable": "1", "line0_used": "1"})
    assert (done.status_code, status(found), StockLevel.objects.get().on_hand) == (302, "received", 8)
    body = {"outcome": "refund", "restocking_fee": "500", "shipping_refund": "0"}
    assert "fee is more" in staff.post(f"{LIST}{found}/settle/", body).content.decode()
    staff.post(f"{LIST}{found}/settle/", body | {"restocking_fee": "1.50"})
    assert (status(found), str(Return.objects.get().restocking_fee)) == ("completed", "1.5000")


@pytest.mark.parametrize("action", ["approve", "reject", "mark_sent", "cancel"])
def test_without_the_permission_nothing_moves(wanted, action):
    _, found, _ = wanted
    act(action, found, reason="x")
    staff = admin_with("view_return")
    for page in ("receive", "settle"):
        assert staff.post(f"{LIST}{found}/{page}/", {"line0_resellable": "1"}).status_code == 403
    assert status(found) == "requested"


def test_a_move_off_the_table_is_told(wanted):
    _, found, _ = wanted
    act("approve", found, "change_return")
    page = act("approve", found, "change_return").get(LIST).content.decode()
    assert "cannot make this move" in page
    assert status(found) == "approved"
