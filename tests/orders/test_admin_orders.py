"""Orders in the admin: to be looked at, and moved only by the services."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from apps.orders.models import Order, OrderStatusHistory
from tests.factories import UserFactory, sellable, shop_rates
from tests.orders.steps import place
from tests.orders.test_api_orders import pay

pytestmark = pytest.mark.django_db
LIST = "/admin/orders/order/"


@pytest.fixture
def order() -> Order:
    shop_rates()
    return place(sellable())[1]


def admin_with(*permissions: str, **fields: bool) -> Client:
    client = Client()
    user = UserFactory(is_staff=True, **fields)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(user)
    return client


def act(client: Client, action: str, order: Order) -> int:
    return client.post(LIST, {"action": action, "_selected_action": [str(order.pk)]}).status_code


def test_staff_find_and_read_an_order(order):
    client = admin_with("view_order")
    assert order.number in client.get(LIST, {"q": order.number}).content.decode()
    page = client.get(f"{LIST}{order.pk}/change/").content.decode()
    assert order.number in page
    assert 'name="status"' not in page
    assert 'name="total"' not in page


def test_a_paid_order_is_shipped_by_an_action_with_its_history(order):
    pay(order)
    act(admin_with("view_order", "change_order"), "ship", order)
    order.refresh_from_db()
    assert order.status == "shipped"
    last = OrderStatusHistory.objects.order_by("id").last()
    assert (last.from_status, last.to_status, last.actor, last.reason) == ("confirmed", "shipped", "staff", "by staff")


@pytest.mark.parametrize("action", ["start_processing", "ship", "deliver", "take_back"])
def test_a_move_that_the_api_refuses_is_refused_here_too(order, action):
    client = admin_with("view_order", "change_order")
    assert act(client, action, order) == 302
    assert "cannot make this move" in client.get(LIST).content.decode()
    order.refresh_from_db()
    assert (order.status, OrderStatusHistory.objects.count()) == ("pending", 1)


def test_cancelling_gives_the_stock_back(order):
    act(admin_with("view_order", "change_order"), "cancel", order)
    order.refresh_from_db()
    assert order.status == "cancelled"
    assert set(order.items.values_list("variant__stock_levels__reserved", flat=True)) == {0}


def test_without_the_permission_there_is_no_action(order):
    act(admin_with("view_order"), "cancel", order)
    order.refresh_from_db()
    assert order.status == "pending"


def test_not_even_a_superuser_edits_adds_or_deletes_an_order(order):
    client = admin_with(is_superuser=True)
    assert client.post(f"{LIST}{order.pk}/change/", {"status": "delivered", "total": "0"}).status_code == 403
    assert client.post(f"{LIST}{order.pk}/delete/", {"post": "yes"}).status_code == 403
    assert client.get(f"{LIST}add/").status_code == 403
    order.refresh_from_db()
    assert order.status == "pending"
