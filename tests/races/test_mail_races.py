"""Many workers and one message, with real connections. The protection is shown to matter: without it mails double."""

import os
import signal
import smtplib
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta

import pytest
import time_machine
from django.core import mail
from django.db import connection
from django.utils import timezone

from apps.notifications.channels import email
from apps.notifications.models import Notification
from apps.notifications.services import sending
from apps.notifications.services.queue import enqueue
from tests.notifications.backends import Flaky
from tests.notifications.steps import message
from tests.races.threads import together

pytestmark = pytest.mark.django_db(transaction=True)
WORKERS = 10


@pytest.fixture
def slow_server(monkeypatch):
    """A mail server that takes its time, so that senders have every chance to meet."""
    deliver = email.deliver

    def slowly(**kwargs):
        time.sleep(0.1)
        deliver(**kwargs)

    monkeypatch.setattr(email, "deliver", slowly)


def test_ten_workers_with_one_message_send_one_mail(slow_server):
    for _ in range(5):
        row = message()
        results = together([lambda row=row: sending.send(row.pk)] * WORKERS)
        assert Counter(results) == {"sent": 1, "not_due": 9}
        row.refresh_from_db()
        assert (row.status, row.attempts) == ("sent", 1)
    assert Counter(sent.to[0] for sent in mail.outbox) == Counter(Notification.objects.values_list("email", flat=True))


def test_without_the_claim_the_same_race_doubles_the_mail(slow_server, monkeypatch):
    """Positive control: look, then act. The window that `_claim` does not have."""

    def naive_claim(due):
        found = due.first()
        if found is not None:
            time.sleep(0.1)
            Notification.objects.filter(pk=found.pk).update(status="sending")
        return found

    monkeypatch.setattr(sending, "_claim", naive_claim)
    row = message()
    results = together([lambda: sending.send(row.pk)] * WORKERS)
    assert results.count("sent") > 1
    assert len(mail.outbox) == results.count("sent")


def test_sweeps_and_tasks_at_once_share_the_work_without_doubling_any(slow_server):
    rows = [message() for _ in range(12)]
    calls = [sending.send_due] * 4 + [lambda row=row: sending.send(row.pk) for row in rows[:6]]
    together(calls)
    assert Counter(sent.to[0] for sent in mail.outbox) == {row.email: 1 for row in rows}
    assert set(Notification.objects.values_list("status", "attempts")) == {("sent", 1)}


def test_ten_causes_of_one_message_queue_it_once():
    results = together([lambda: enqueue(kind="welcome", email="ada@example.com", dedupe_key="welcome:ada")] * WORKERS)
    assert results.count(None) == 9
    assert Notification.objects.get().pk in results


def test_a_worker_killed_while_sending_delays_the_mail_until_its_lease_ends():
    row = message()
    command = [sys.executable, "-m", "tests.races.killed_sender", connection.settings_dict["NAME"], str(row.pk)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as worker:
        try:
            assert worker.stdout.readline() == "sending\n"
        finally:
            worker.send_signal(signal.SIGKILL)
    row.refresh_from_db()
    assert (row.status, row.attempts) == ("sending", 1)
    assert (sending.send(row.pk), sending.send_due(), mail.outbox) == ("not_due", 0, [])
    with time_machine.travel(timezone.now() + sending.LEASE + timedelta(seconds=1)):
        results = together([sending.send_due] * 4)
    assert sorted(results) == [0, 0, 0, 1]
    row.refresh_from_db()
    assert (row.status, row.attempts, len(mail.outbox)) == ("sent", 2, 1)


def test_a_mail_server_that_fails_for_a_while_gets_each_mail_once(settings):
    settings.EMAIL_BACKEND = "tests.notifications.backends.Flaky"
    Flaky.will_raise(*[smtplib.SMTPServerDisconnected("down")] * 5)
    row = message()
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _ in range(5):
            results = together([lambda: sending.send(row.pk)] * 4)
            assert Counter(results) == {"failed": 1, "not_due": 3}
            row.refresh_from_db()
            assert row.status == "pending"
            clock.move_to(row.next_attempt_at)
        assert sending.send_due() == 1
        assert sending.send_due() == 0
    row.refresh_from_db()
    assert (row.status, row.attempts, Flaky.tries, len(mail.outbox)) == ("sent", 6, 6, 1)
