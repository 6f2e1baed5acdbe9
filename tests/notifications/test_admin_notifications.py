"""Messages in the admin: to be looked at, previewed and sent again, never edited."""

import pytest
from django.contrib.auth.models import Permission
from django.core import mail
from django.test import Client
from django.utils import timezone

from apps.common.models import Event, new_id
from apps.notifications.models import Notification
from apps.notifications.services import sending
from apps.users.models import PasswordResetToken
from tests.factories import UserFactory
from tests.notifications.steps import message

pytestmark = pytest.mark.django_db
LIST = "/admin/notifications/notification/"


def admin_with(*permissions: str) -> Client:
    client = Client()
    user = UserFactory(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(user)
    return client


def dead(**fields):
    return message(status="dead", last_error="Refused: 550", **fields)


def again(client, *rows):
    data = {"action": "send_again", "_selected_action": [str(row.pk) for row in rows]}
    return client.post(LIST, data, follow=True).content.decode()


def test_staff_find_a_message_by_address_subject_and_request():
    row = message(subject="Your order TP-1", request_id="req-99", status="sent", sent_at=timezone.now())
    other = dead(request_id="req-1")
    client = admin_with("view_notification")
    for term in (row.email, "TP-1", "req-99"):
        page = client.get(LIST, {"q": term}).content.decode()
        assert row.email in page
        assert other.email not in page


def test_the_dead_ones_are_a_filter_away_with_their_error():
    row, other = dead(), message()
    page = admin_with("view_notification").get(LIST, {"status__exact": "dead"}).content.decode()
    assert row.email in page
    assert "Refused: 550" in page
    assert other.email not in page


def test_nothing_can_be_edited_added_or_deleted():
    row = message()
    client = admin_with("view_notification", "change_notification", "add_notification", "delete_notification")
    page = client.get(f"{LIST}{row.pk}/change/").content.decode()
    assert row.email in page
    assert 'name="email"' not in page
    statuses = [
        client.post(f"{LIST}{row.pk}/change/", {"email": "eve@example.com"}).status_code,
        client.post(f"{LIST}{row.pk}/delete/", {"post": "yes"}).status_code,
        client.post(f"{LIST}add/", {"email": "eve@example.com"}).status_code,
    ]
    assert statuses == [403, 403, 403]
    assert Notification.objects.get().email == row.email


def test_the_page_of_a_message_frames_its_preview_without_powers():
    row = message()
    page = admin_with("view_notification").get(f"{LIST}{row.pk}/change/").content.decode()
    assert f'<iframe src="{LIST}{row.pk}/preview/" sandbox title=' in page


def test_the_preview_is_the_mail_with_a_sample_link_and_can_do_nothing():
    row = message(kind="password_reset", user=UserFactory(first_name="<script>alert(1)</script>"))
    response = admin_with("view_notification").get(f"{LIST}{row.pk}/preview/")
    page = response.content.decode()
    assert response.status_code == 200
    assert "/reset-password?token=sample-token" in page
    assert "<script" not in page
    assert response["Content-Security-Policy"] == (
        "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'self'"
    )
    assert response["X-Frame-Options"] == "SAMEORIGIN"
    assert (PasswordResetToken.objects.count(), mail.outbox) == (0, [])


def test_a_preview_of_something_that_is_gone_says_so():
    row = message(kind="order_shipped", target_id=new_id())
    response = admin_with("view_notification").get(f"{LIST}{row.pk}/preview/")
    assert response.content.decode() == "This message can no longer be shown: its order does not exist."
    assert response["Content-Type"] == "text/plain; charset=utf-8"


def test_a_preview_of_an_unknown_message_is_not_found():
    assert admin_with("view_notification").get(f"{LIST}{new_id()}/preview/").status_code == 404


def test_the_preview_is_for_staff_that_may_see_messages():
    row = message()
    assert admin_with("view_order").get(f"{LIST}{row.pk}/preview/").status_code == 403
    customer = Client()
    customer.force_login(row.user)
    assert customer.get(f"{LIST}{row.pk}/preview/").status_code == 302
    assert Client().get(f"{LIST}{row.pk}/preview/").status_code == 302


def test_sending_again_queues_new_messages_and_leaves_the_old_as_they_were():
    rows = [dead(), message(status="sent", sent_at=timezone.now())]
    page = again(admin_with("view_notification", "change_notification"), *rows)
    assert "2 messages will be sent again." in page
    assert sorted(Notification.objects.values_list("status", flat=True)) == ["dead", "pending", "pending", "sent"]
    assert sending.send_due() == 2
    assert {sent.to[0] for sent in mail.outbox} == {row.email for row in rows}
    assert Event.objects.filter(type="notification.sent_again", actor="user").count() == 2


def test_what_is_still_on_its_way_is_not_sent_again():
    page = again(admin_with("view_notification", "change_notification"), message())
    assert "still on its way" in page
    assert "0 messages will be sent again." in page
    assert Notification.objects.count() == 1


def test_looking_does_not_allow_sending_again():
    row = dead()
    page = again(admin_with("view_notification"), row)
    assert "will be sent again" not in page
    assert (Notification.objects.count(), Event.objects.filter(target_id=row.pk).count()) == (1, 0)
