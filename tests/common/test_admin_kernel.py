"""The kernel's staff screens: everything can be looked at, nothing can be touched."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.common import events
from apps.common.models import Event, EventDelivery, IdempotencyKey, RateWindow
from apps.users.models import User
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
MODELS = ["event", "eventdelivery", "idempotencykey", "ratewindow"]


@pytest.fixture
def rows() -> dict[str, object]:
    """One row of each table, the delivery dead."""
    with transaction.atomic():
        event = events.record("test.happened", target=None)
    delivery = EventDelivery.objects.create(
        event=event, handler="tests.nothing", status="dead", attempts=12, last_error="ValueError: x"
    )
    return {
        "event": event,
        "eventdelivery": delivery,
        "idempotencykey": IdempotencyKey.objects.create(
            scope="user:1 /x", key="k", fingerprint="f", body=b"secret-body"
        ),
        "ratewindow": RateWindow.objects.create(
            key="login:abc", count=3, expires_at=timezone.now() + timedelta(hours=1)
        ),
    }


def staff(*codenames: str, **fields: object) -> Client:
    """A browser of a staff member with these permissions on the kernel's tables."""
    user: User = UserFactory(is_staff=True, **fields)
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="common", codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client


def retry(client: Client, delivery: EventDelivery):
    url = reverse("admin:common_eventdelivery_changelist")
    return client.post(url, {"action": "deliver_again", "_selected_action": [str(delivery.id)]}, follow=True)


@pytest.mark.parametrize("model", MODELS)
def test_a_superuser_sees_lists_and_rows_without_a_way_to_change_them(rows, model):
    client = staff(is_superuser=True)
    listed = client.get(reverse(f"admin:common_{model}_changelist"))
    shown = client.get(reverse(f"admin:common_{model}_change", args=[rows[model].pk]))
    assert (listed.status_code, shown.status_code) == (200, 200)
    assert b'name="_save"' not in shown.content
    assert b"secret-body" not in shown.content
    assert client.get(reverse(f"admin:common_{model}_add")).status_code == 403
    assert client.get(reverse(f"admin:common_{model}_delete", args=[rows[model].pk])).status_code == 403


@pytest.mark.parametrize("model", MODELS)
def test_a_posted_change_is_refused_and_changes_nothing(rows, model):
    client, row = staff(is_superuser=True), rows[model]
    before = type(row).objects.values().get()
    response = client.post(reverse(f"admin:common_{model}_change", args=[row.pk]), {"count": 0, "type": "forged"})
    assert response.status_code == 403
    assert type(row).objects.values().get() == before


@pytest.mark.parametrize("model", MODELS)
def test_staff_without_the_permission_see_nothing(rows, model):
    assert staff().get(reverse(f"admin:common_{model}_changelist")).status_code == 403
    assert Client().get(reverse(f"admin:common_{model}_changelist")).status_code == 302


def test_a_dead_delivery_is_given_a_new_series_of_attempts(rows):
    response = retry(staff("view_eventdelivery", "change_eventdelivery"), rows["eventdelivery"])
    assert b"1 deliveries will be tried again." in response.content
    delivery = EventDelivery.objects.get()
    assert (delivery.status, delivery.attempts) == ("pending", 0)
    assert delivery.next_attempt_at <= timezone.now()


def test_looking_is_not_enough_to_set_a_handler_going(rows):
    retry(staff("view_eventdelivery"), rows["eventdelivery"])
    assert EventDelivery.objects.values_list("status", "attempts").get() == ("dead", 12)


def test_what_is_not_dead_is_left_alone(rows):
    EventDelivery.objects.update(status="done", attempts=1)
    retry(staff(is_superuser=True), rows["eventdelivery"])
    assert EventDelivery.objects.values_list("status", "attempts").get() == ("done", 1)
    assert Event.objects.count() == 1
