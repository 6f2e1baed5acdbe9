"""A customer's own messages through HTTP."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from apps.common.models import new_id
from apps.notifications.models import Notification
from tests.client import ApiClient, code
from tests.factories import UserFactory
from tests.notifications.steps import message

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice():
    return UserFactory()


@pytest.fixture
def client(alice):
    return ApiClient(alice)


def stamp(moment):
    return moment.isoformat().replace("+00:00", "Z")


def test_the_history_is_the_callers_own_newest_first(client, alice):
    rows = [message(user=alice) for _ in range(3)]
    message()
    body = client.get("/notifications/").json()
    assert (body["count"], body["next"], body["previous"]) == (None, None, None)
    assert [each["id"] for each in body["results"]] == [str(row.pk) for row in reversed(rows)]


def test_an_entry_has_exactly_these_members(client, alice):
    order_id, sent_at = new_id(), timezone.now()
    row = message(user=alice, kind="order_shipped", target_id=order_id, status="sent", sent_at=sent_at, subject="Sent")
    response = client.get("/notifications/")
    assert response["Cache-Control"] == "no-store"
    assert response.json()["results"] == [
        {
            "id": str(row.pk),
            "kind": "order_shipped",
            "channel": "email",
            "subject": "Sent",
            "status": "sent",
            "target_id": str(order_id),
            "created_at": stamp(row.created_at),
            "sent_at": stamp(sent_at),
            "read_at": None,
        }
    ]


def test_an_entry_that_is_not_sent_yet_has_no_subject(client, alice):
    message(user=alice)
    (entry,) = client.get("/notifications/").json()["results"]
    assert (entry["subject"], entry["status"], entry["target_id"], entry["sent_at"]) == (None, "pending", None, None)


def test_the_history_is_walked_by_cursor(client, alice):
    rows = [message(user=alice) for _ in range(5)]
    seen, address = [], "/api/v1/notifications/?page_size=2"
    while address:
        response = client.get(address)
        seen += [each["id"] for each in response.json()["results"]]
        address = (response.json()["next"] or "").removeprefix("http://testserver")
    assert seen == [str(row.pk) for row in reversed(rows)]
    message(user=alice)
    assert len(client.get("/notifications/", {"cursor": seen[0]}).json()["results"]) == 4


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ({"status": "sent"}, "unknown_parameter"),
        ({"page_size": "0"}, "validation_error"),
        ({"page_size": "101"}, "validation_error"),
        ({"cursor": "x"}, "validation_error"),
        ({"cursor": ""}, "empty_parameter"),
    ],
)
def test_the_query_is_taken_literally(client, query, problem):
    assert code(client.get("/notifications/", query)) == (400, problem)


def test_marking_one_read_keeps_the_first_time(client, alice):
    row, other = message(user=alice), message(user=alice)
    first = client.post(f"/notifications/{row.pk}/read/")
    with time_machine.travel(timezone.now() + timedelta(minutes=5)):
        again = client.post(f"/notifications/{row.pk}/read/")
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    assert first.json()["id"] == str(row.pk)
    assert first.json()["read_at"] is not None
    other.refresh_from_db()
    assert other.read_at is None


def test_marking_all_read_touches_only_the_callers_own_unread(client, alice):
    read_at = timezone.now() - timedelta(days=1)
    old = message(user=alice, read_at=read_at)
    message(user=alice)
    strangers = message()
    assert client.post("/notifications/read-all/").json() == {"marked": 1}
    again = client.post("/notifications/read-all/")
    assert (again.status_code, again.json()) == (200, {"marked": 0})
    old.refresh_from_db()
    strangers.refresh_from_db()
    assert (old.read_at, strangers.read_at) == (read_at, None)
    assert Notification.objects.filter(user=alice, read_at=None).count() == 0


@pytest.mark.parametrize("who", ["stranger", "staff"])
def test_a_message_of_somebody_else_does_not_exist(alice, who):
    row = message(user=alice)
    client = ApiClient(UserFactory(is_staff=who == "staff", is_superuser=who == "staff"))
    assert code(client.post(f"/notifications/{row.pk}/read/")) == (404, "not_found")
    assert client.get("/notifications/").json()["results"] == []
    row.refresh_from_db()
    assert row.read_at is None


def test_an_unknown_message_does_not_exist(client):
    assert code(client.post(f"/notifications/{new_id()}/read/")) == (404, "not_found")


def test_guests_have_no_history(api):
    row = message()
    Notification.objects.filter(pk=row.pk).update(user=None)
    for answer in (
        api.get("/notifications/"),
        api.post(f"/notifications/{row.pk}/read/"),
        api.post("/notifications/read-all/"),
    ):
        assert code(answer) == (401, "authentication_required")
    row.refresh_from_db()
    assert row.read_at is None


def test_the_calls_are_cheap_however_many_messages_there_are(client, alice, django_assert_num_queries):
    rows = [message(user=alice) for _ in range(12)]
    client.get("/notifications/")
    with django_assert_num_queries(2):  # the session, the page
        client.get("/notifications/")
    with django_assert_num_queries(2):  # the session, the update
        client.post("/notifications/read-all/")
    with django_assert_num_queries(3):  # the session, the update, the row
        client.post(f"/notifications/{rows[0].pk}/read/")
