"""Claim, send, note: what becomes of a message."""

import smtplib
from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.db import connection
from django.utils import timezone

from apps.notifications import tasks
from apps.notifications.channels import email
from apps.notifications.models import Notification
from apps.notifications.services import sending
from tests.factories import UserFactory
from tests.notifications.backends import Flaky
from tests.notifications.steps import message

pytestmark = pytest.mark.django_db
FLAKY = "tests.notifications.backends.Flaky"
LOGGER = "apps.notifications.services.sending"


def refused(*codes):
    return smtplib.SMTPRecipientsRefused({f"{n}@example.com": (code, b"no") for n, code in enumerate(codes)})


def logged(caplog, event):
    return [record.msg for record in caplog.records if record.name == LOGGER and record.msg["event"] == event]


def test_a_message_is_sent_as_text_and_html_with_its_headers():
    row = message()
    assert sending.send(row.pk) == "sent"
    (sent,) = mail.outbox
    assert (sent.to, sent.cc, sent.bcc) == ([row.email], [], [])
    assert sent.subject == "Welcome to Tradepost, Ada"
    assert sent.body.startswith("Hello Ada,\n")
    (html,) = sent.alternatives
    assert (html.mimetype, html.content[:15]) == ("text/html", "<!DOCTYPE html>")
    wire = sent.message()
    assert wire["Message-ID"] == f"<{row.pk}@example.com>"
    assert wire["Auto-Submitted"] == "auto-generated"
    assert wire["X-Request-ID"] == "req-1"
    assert wire["From"] == "Tradepost <shop@example.com>"


def test_a_sent_message_says_so_and_is_not_sent_again():
    row = message()
    assert [sending.send(row.pk) for _ in range(3)] == ["sent", "not_due", "not_due"]
    row.refresh_from_db()
    assert (row.status, row.attempts, row.subject, row.last_error) == ("sent", 1, "Welcome to Tradepost, Ada", "")
    assert timezone.now() - row.sent_at < timedelta(seconds=5)
    assert len(mail.outbox) == 1


def test_without_a_request_there_is_no_such_header():
    sending.send(message(request_id="").pk)
    assert "X-Request-ID" not in mail.outbox[0].message()


def test_the_log_line_of_a_mail_names_the_request_that_caused_it(caplog):
    row = message(request_id="req-42")
    with caplog.at_level("INFO", LOGGER):
        sending.send(row.pk)
    (line,) = logged(caplog, "mail_sent")
    assert (line["request_id"], line["notification"], line["kind"], line["attempts"]) == (
        "req-42",
        str(row.pk),
        "welcome",
        1,
    )
    assert row.email not in str(line)


@pytest.mark.parametrize("name", sorted(name for name in dir(tasks) if name.startswith("send_") and "pend" not in name))
def test_every_task_sends_its_message(name):
    row = message()
    assert getattr(tasks, name)(str(row.pk)) == "sent"
    assert getattr(tasks, name)(str(row.pk)) == "not_due"
    assert len(mail.outbox) == 1


def test_an_unknown_message_is_nothing_to_send():
    assert sending.send("0199f3a2-7c1e-7d3a-9a55-6f1c2d3e4f50") == "not_due"
    assert mail.outbox == []


def test_mail_is_sent_outside_any_transaction(monkeypatch, transactional_db):
    seen = []
    monkeypatch.setattr(email, "deliver", lambda **_: seen.append(connection.in_atomic_block))
    assert sending.send(message().pk) == "sent"
    assert seen == [False]


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError("down"),
        TimeoutError("slow"),
        smtplib.SMTPServerDisconnected("gone"),
        smtplib.SMTPDataError(554, b"spam"),
        smtplib.SMTPAuthenticationError(535, b"password"),
        refused(450),
        refused(550, 451),
    ],
)
def test_what_may_work_later_waits_and_is_tried_again(settings, caplog, error):
    settings.EMAIL_BACKEND = FLAKY
    Flaky.will_raise(error)
    row = message()
    assert sending.send(row.pk) == "failed"
    row.refresh_from_db()
    assert (row.status, row.attempts, row.sent_at, mail.outbox) == ("pending", 1, None, [])
    assert row.last_error.startswith(type(error).__name__)
    assert timedelta(seconds=1) < row.next_attempt_at - timezone.now() < timedelta(seconds=2.5)
    assert [line["request_id"] for line in logged(caplog, "mail_failed")] == ["req-1"]
    assert sending.send(row.pk) == "not_due"
    with time_machine.travel(timezone.now() + timedelta(seconds=3)):
        assert sending.send(row.pk) == "sent"
    row.refresh_from_db()
    assert (row.status, row.attempts, row.last_error, len(mail.outbox)) == ("sent", 2, "", 1)


def test_an_address_that_does_not_exist_is_given_up_at_once(settings, caplog):
    settings.EMAIL_BACKEND = FLAKY
    Flaky.will_raise(refused(550))
    row = message()
    assert sending.send(row.pk) == "dead"
    row.refresh_from_db()
    assert (row.status, row.attempts, row.sent_at) == ("dead", 1, None)
    assert row.last_error.startswith("Refused: ")
    (line,) = logged(caplog, "mail_dropped")
    assert (line["level"], line["request_id"]) == ("error", "req-1")
    with time_machine.travel(timezone.now() + timedelta(days=2)):
        assert sending.send_due() == 0
    assert (Flaky.tries, mail.outbox) == (1, [])


def test_after_about_a_day_of_failures_a_message_is_given_up_and_shouted_about(settings, caplog):
    settings.EMAIL_BACKEND = FLAKY
    Flaky.will_raise(*[ConnectionRefusedError("down")] * 100)
    row = message()
    began = timezone.now()
    with time_machine.travel(began, tick=False) as clock:
        while sending.send(row.pk) != "dead":
            row.refresh_from_db()
            assert row.status == "pending"
            clock.move_to(row.next_attempt_at)
        lasted = timezone.now() - began
    row.refresh_from_db()
    assert (row.status, row.attempts, Flaky.tries) == ("dead", 36, 36)
    assert timedelta(hours=19) < lasted < timedelta(hours=31)
    (line,) = logged(caplog, "mail_dropped")
    assert line["level"] == "error"


def test_a_message_that_kills_every_sender_is_given_up():
    row = message(status="sending", attempts=36, next_attempt_at=timezone.now())
    assert sending.send(row.pk) == "dead"
    row.refresh_from_db()
    assert (row.status, row.last_error, mail.outbox) == ("dead", "GaveUp: ", [])


def test_a_backend_that_fails_in_silence_is_a_failure(settings):
    settings.EMAIL_BACKEND = "tests.notifications.backends.Silent"
    row = message()
    assert sending.send(row.pk) == "failed"
    row.refresh_from_db()
    assert (row.status, row.last_error) == ("pending", "NotAccepted: ")


def test_a_failing_goodbye_after_the_mail_was_taken_does_not_repeat_it(settings):
    settings.EMAIL_BACKEND = "tests.notifications.backends.BadGoodbye"
    row = message()
    assert [sending.send(row.pk), sending.send(row.pk)] == ["sent", "not_due"]
    assert len(mail.outbox) == 1


def test_a_lease_is_respected_until_it_ends():
    row = message(status="sending", attempts=1, next_attempt_at=timezone.now() + sending.LEASE)
    assert (sending.send(row.pk), sending.send_due()) == ("not_due", 0)
    with time_machine.travel(timezone.now() + sending.LEASE + timedelta(seconds=1)):
        assert sending.send_due() == 1
    row.refresh_from_db()
    assert (row.status, row.attempts, len(mail.outbox)) == ("sent", 2, 1)


def test_a_lease_outlives_the_hard_limit_of_its_task(settings):
    assert sending.LEASE.total_seconds() > settings.CELERY_TASK_TIME_LIMIT


def test_a_sender_that_overslept_its_lease_changes_nothing(monkeypatch, caplog):
    row = message()

    def oversleep(**_):
        Notification.objects.filter(pk=row.pk).update(attempts=2)

    monkeypatch.setattr(email, "deliver", oversleep)
    sending.send(row.pk)
    row.refresh_from_db()
    assert (row.status, row.attempts, row.sent_at) == ("sending", 2, None)
    assert len(logged(caplog, "mail_lease_lost")) == 1


def test_the_sweep_sends_what_is_due_longest_waiting_first():
    now = timezone.now()
    people = [UserFactory() for _ in range(4)]
    for person, seconds in zip(people, (-10, -30, -20, 60), strict=True):
        message(user=person, next_attempt_at=now + timedelta(seconds=seconds))
    assert tasks.send_pending_notifications() == 3
    assert [sent.to[0] for sent in mail.outbox] == [people[1].email, people[2].email, people[0].email]
    assert tasks.send_pending_notifications() == 0


def test_the_sweep_stops_at_a_dead_mail_server_and_goes_on_later(settings):
    settings.EMAIL_BACKEND = FLAKY
    Flaky.will_raise(ConnectionRefusedError("down"))
    for _ in range(3):
        message()
    assert (sending.send_due(), Flaky.tries) == (0, 1)
    assert (sending.send_due(), Flaky.tries) == (2, 3)
    with time_machine.travel(timezone.now() + timedelta(seconds=3)):
        assert sending.send_due() == 1
    assert len({sent.to[0] for sent in mail.outbox}) == len(mail.outbox) == 3


def test_a_dead_message_does_not_stop_the_sweep(settings):
    settings.EMAIL_BACKEND = FLAKY
    Flaky.will_raise(refused(550))
    for _ in range(3):
        message()
    assert sending.send_due() == 2
    assert sorted(Notification.objects.values_list("status", flat=True)) == ["dead", "sent", "sent"]


def test_the_sweep_has_an_end(monkeypatch):
    for _ in range(3):
        message()
    assert sending.send_due(limit=2) == 2
    monkeypatch.setattr(sending, "SWEEP_SECONDS", -1.0)
    message()
    assert sending.send_due() == 1
    assert Notification.objects.filter(status="pending").count() == 1
