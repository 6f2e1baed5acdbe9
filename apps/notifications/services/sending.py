"""Sending a message exactly once, however many workers try.

A sender claims the row for `LEASE` in a short transaction, talks to the mail server outside any transaction, and notes
the outcome under the condition that the claim is still its own. A sender that dies leaves a claim that runs out; the
next sweep then sends. Only a death between the mail server's "accepted" and the note repeats a mail, and the repetition
has the same Message-ID.
"""

import time
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone

from apps.common.context import request_context
from apps.common.events import backoff
from apps.notifications.channels import email
from apps.notifications.channels.email import Refused
from apps.notifications.models import Notification
from apps.notifications.models.notification import NotificationQuerySet
from apps.notifications.rendering import RenderedMail
from apps.notifications.services import content
from apps.notifications.services.content import Undeliverable

log = structlog.get_logger(__name__)
Status = Notification.Status

# Longer than CELERY_TASK_TIME_LIMIT: when a lease ends, its sender is certainly dead.
LEASE: Final = timedelta(minutes=6)
# With the delays of `backoff`, about a day.
MAX_ATTEMPTS: Final = 36
SWEEP_SECONDS: Final = 20.0
SWEEP_MAX: Final = 200
SENT, FAILED, DEAD, NOT_DUE = "sent", "failed", "dead", "not_due"


class GaveUp(Exception):  # noqa: N818 - an end, not a fault
    """No sender of this message has ever come back: it seems to kill them."""


def send(notification_id: UUID | str) -> str:
    """Send one message if it is due and nobody else is at it. Returns SENT, FAILED (for now), DEAD or NOT_DUE."""
    claimed = _claim(Notification.objects.due(timezone.now()).filter(pk=notification_id))
    return NOT_DUE if claimed is None else _send(claimed)


def send_due(*, limit: int = SWEEP_MAX) -> int:
    """Send what is due, longest waiting first; returns how many were sent. Two sweeps at once share the work.

    Ends at the first failure (the mail server is probably down; every further mail would wait for a time-out, too) and
    after `SWEEP_SECONDS`: the next sweep goes on.
    """
    sent, started = 0, time.monotonic()
    for _ in range(limit):
        claimed = _claim(Notification.objects.due(timezone.now()))
        outcome = NOT_DUE if claimed is None else _send(claimed)
        sent += outcome == SENT
        if outcome in (NOT_DUE, FAILED) or time.monotonic() - started > SWEEP_SECONDS:
            break
    return sent


@transaction.atomic(durable=True)
def _claim(due: NotificationQuerySet) -> Notification | None:
    notification = due.lock_free().first()
    if notification is None:
        return None
    # Counted before the attempt, so that a mail that kills its sender does not do so for ever.
    notification.attempts += 1
    notification.status = Status.SENDING
    notification.next_attempt_at = timezone.now() + LEASE
    notification.save(update_fields=["attempts", "status", "next_attempt_at", "updated_at"])
    return notification


def _send(claimed: Notification) -> str:
    with request_context(claimed.request_id):
        try:
            mail = _build(claimed)
            email.deliver(
                to=claimed.email,
                content=mail,
                message_id=email.message_id_for(str(claimed.pk)),
                request_id=claimed.request_id,
            )
        except (Undeliverable, Refused) as error:
            return _note_end(claimed, error)
        except Exception as error:
            return _note_end(claimed, error) if claimed.attempts >= MAX_ATTEMPTS else _note_failure(claimed, error)
        return _note_sent(claimed, mail)


def _build(claimed: Notification) -> RenderedMail:
    if claimed.attempts > MAX_ATTEMPTS:
        raise GaveUp
    return content.build(claimed)


def _note_sent(claimed: Notification, mail: RenderedMail) -> str:
    now = timezone.now()
    _note(claimed, status=Status.SENT, sent_at=now, subject=mail.subject[:200], last_error="")
    log.info(
        "mail_sent",
        notification=str(claimed.pk),
        kind=claimed.kind,
        attempts=claimed.attempts,
        seconds_waited=round((now - claimed.created_at).total_seconds(), 1),
    )
    return SENT


def _note_failure(claimed: Notification, error: Exception) -> str:
    _note(
        claimed,
        status=Status.PENDING,
        next_attempt_at=timezone.now() + backoff(claimed.attempts),
        last_error=_text(error),
    )
    log.warning("mail_failed", error=_text(error), **_facts(claimed))
    return FAILED


def _note_end(claimed: Notification, error: Exception) -> str:
    _note(claimed, status=Status.DEAD, last_error=_text(error))
    # A message that nobody needs any more is no alarm; one that could not be delivered is.
    say = log.info if isinstance(error, Undeliverable) else log.error
    say("mail_dropped", error=_text(error), **_facts(claimed))
    return DEAD


def _note(claimed: Notification, **outcome: str | datetime) -> None:
    # The attempt number is the claim's: a sender that overslept its lease changes nothing.
    noted = Notification.objects.filter(pk=claimed.pk, status=Status.SENDING, attempts=claimed.attempts).update(
        updated_at=timezone.now(), **outcome
    )
    if not noted:
        log.error("mail_lease_lost", **_facts(claimed))


def _facts(claimed: Notification) -> dict[str, str | int]:
    return {"notification": str(claimed.pk), "kind": claimed.kind, "attempts": claimed.attempts}


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".replace("\x00", "")[:300]
