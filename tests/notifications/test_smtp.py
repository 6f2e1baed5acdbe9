"""Real SMTP over a socket: what a mail server sees, and what its refusals do."""

import pytest

from apps.notifications.services import sending
from tests.factories import UserFactory
from tests.notifications.smtp_server import SmtpServer
from tests.notifications.steps import message

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(settings):
    with SmtpServer() as running:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", running.port
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        settings.EMAIL_TIMEOUT = 3
        yield running


def test_the_mail_arrives_whole(server):
    row = message(user=UserFactory(first_name="Zoë"))
    assert sending.send(row.pk) == "sent"
    (mail,) = server.mails
    assert (mail["To"], mail["Subject"]) == (row.email, "Welcome to Tradepost, Zoë")
    assert mail["Message-ID"] == f"<{row.pk}@example.com>"
    assert (mail["X-Request-ID"], mail["Auto-Submitted"]) == ("req-1", "auto-generated")
    assert mail["Date"] is not None
    assert mail.get_content_type() == "multipart/alternative"
    assert mail.get_body(("plain",)).get_content().startswith("Hello Zoë,")
    assert mail.get_body(("html",)).get_content().startswith("<!DOCTYPE html>")


def test_an_unknown_recipient_is_given_up(server):
    server.rcpt_answer = "550 no such mailbox"
    row = message()
    assert sending.send(row.pk) == "dead"
    row.refresh_from_db()
    assert (row.status, row.attempts, server.mails) == ("dead", 1, [])
    assert "no such mailbox" in row.last_error


def test_a_greylisted_mail_is_tried_again(server):
    server.rcpt_answer = "451 come back later"
    row = message()
    assert sending.send(row.pk) == "failed"
    row.refresh_from_db()
    assert (row.status, server.mails) == ("pending", [])
    server.rcpt_answer = "250 ok"
    row.next_attempt_at = row.created_at
    row.save()
    assert sending.send(row.pk) == "sent"
    assert len(server.mails) == 1


def test_a_server_that_hangs_up_at_the_end_has_the_mail_once(server):
    server.drops_at_quit = True
    row = message()
    assert [sending.send(row.pk), sending.send(row.pk)] == ["sent", "not_due"]
    assert len(server.mails) == 1


def test_no_server_at_all_is_a_failure_for_now(server, settings):
    settings.EMAIL_PORT = 1
    row = message()
    assert sending.send(row.pk) == "failed"
    row.refresh_from_db()
    assert row.last_error.startswith("ConnectionRefusedError")
