"""Base models and the kernel's own tables: currencies, events, their deliveries, idempotency keys, rate windows."""

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any

import pgtrigger
import uuid_utils.compat as uuid_utils
from django import forms
from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.common.money import DECIMAL_PLACES, MAX_DIGITS


def new_id() -> uuid.UUID:
    """A UUIDv7 (RFC 9562): unique and ordered by creation time, so that indexes stay compact."""
    return uuid_utils.uuid7()


class BaseModel(models.Model):
    """UUIDv7 primary key and timestamps."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    created_at = models.DateTimeField(auto_now_add=True, editable=False)
    updated_at = models.DateTimeField(auto_now=True, editable=False)

    class Meta:
        abstract = True


def default_currency() -> str:
    """The shop's currency, read late so that migrations do not contain it."""
    return str(settings.DEFAULT_CURRENCY)


class AmountFormField(forms.DecimalField):
    """Shows what a column with four decimals holds with as many as it needs, at least two: 79.00, 1.234."""

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, Decimal) or not value.is_finite():
            return value
        whole, _, decimals = f"{value.normalize():f}".partition(".")
        return f"{whole}.{decimals:0<2}"


class AmountField(models.DecimalField):
    """A column for an amount of money; its currency is a column of the same row or of the row's parent."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["max_digits"] = MAX_DIGITS
        kwargs["decimal_places"] = DECIMAL_PLACES
        super().__init__(*args, **kwargs)

    def formfield(self, **kwargs: Any) -> Any:
        return super().formfield(**{"form_class": AmountFormField, **kwargs})


class CurrencyField(models.CharField):
    """ISO 4217 code, three capital letters."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["max_length"] = 3
        super().__init__(*args, **kwargs)


class Currency(models.Model):
    """A currency that the shop sells in, and how prices converted into it are rounded.

    The shop's own currency (DEFAULT_CURRENCY) needs no row. Changed through apps/common/currencies.py.
    """

    code = models.CharField(primary_key=True, max_length=3, help_text="ISO 4217, such as EUR")
    is_active = models.BooleanField(default=True)
    increment = AmountField(
        null=True, blank=True, help_text="converted prices are multiples of it; empty: the currency's smallest unit"
    )
    ending = AmountField(
        null=True, blank=True, help_text="what converted prices end in, such as 0.99 with an increment of 1"
    )

    class Meta:
        ordering = ["code"]
        verbose_name_plural = "currencies"
        constraints = [
            models.CheckConstraint(condition=Q(code__regex=r"^[A-Z]{3}$"), name="currency_is_three_letters"),
            models.CheckConstraint(condition=Q(increment=None) | Q(increment__gt=0), name="increment_above_zero"),
            models.CheckConstraint(
                condition=Q(ending=None) | Q(increment__isnull=False, ending__gt=0, ending__lt=models.F("increment")),
                name="ending_within_increment",
            ),
        ]

    def __str__(self) -> str:
        return self.code


def append_only(name: str) -> pgtrigger.Protect:
    """A trigger that makes the database refuse to change or delete the rows of a ledger."""
    return pgtrigger.Protect(name=name, operation=pgtrigger.Update | pgtrigger.Delete)


# Gives events of an order the next number of that order (no gaps: the counter's row is locked until the commit, and a
# rollback takes the number back with it), and puts every event that has an aggregate into the public stream.
_NUMBER_AND_QUEUE = """
IF NEW.aggregate_type = 'order' THEN
    INSERT INTO common_eventcounter AS counter (aggregate_id, last) VALUES (NEW.aggregate_id, 1)
    ON CONFLICT (aggregate_id) DO UPDATE SET last = counter.last + 1
    RETURNING last INTO NEW.sequence;
END IF;
IF NEW.aggregate_type <> '' THEN
    INSERT INTO common_eventpublication (event_id) VALUES (NEW.id);
END IF;
RETURN NEW;
"""


class Event(models.Model):
    """Something that happened, written in the transaction that made it happen. Outbox and audit trail at once.

    Events of an aggregate (an order, whatever of it they tell: its payments, its parcels) are public: they go out in a
    stream (apps/common/stream.py). Those of an order carry its `sequence`, which has no gaps.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    type = models.CharField(max_length=80)
    aggregate_type = models.CharField(max_length=40, blank=True)
    aggregate_id = models.UUIDField(null=True)
    sequence = models.PositiveIntegerField(null=True, editable=False)
    target_type = models.CharField(max_length=40)
    target_id = models.UUIDField(null=True)
    actor_id = models.UUIDField(null=True)
    actor = models.CharField(max_length=80, default="system")
    data = models.JSONField(default=dict)
    request_id = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["target_type", "target_id", "id"], name="event_target"),
            models.Index(fields=["type", "id"], name="event_type"),
        ]
        constraints = [models.UniqueConstraint(fields=["aggregate_id", "sequence"], name="event_sequence_once")]
        triggers = [
            append_only("event_append_only"),
            pgtrigger.Trigger(
                name="event_number_and_queue",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func=_NUMBER_AND_QUEUE,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.created_at:%Y-%m-%d %H:%M:%S}"


class EventCounter(models.Model):
    """The last number given to an event of an aggregate. Written by the trigger alone."""

    aggregate_id = models.UUIDField(primary_key=True)
    last = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.aggregate_id}: {self.last}"


class EventPublication(models.Model):
    """An event's place in the public stream. It has none until its transaction has committed."""

    event = models.OneToOneField(Event, primary_key=True, on_delete=models.CASCADE, related_name="publication")
    position = models.PositiveBigIntegerField(null=True, unique=True)
    published_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["event"], name="publication_unplaced", condition=Q(position=None)),
            models.Index(
                fields=["position"],
                name="publication_due",
                condition=Q(position__isnull=False, published_at=None),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.position or 'not placed'}"


class EventStream(models.Model):
    """One row: the last position given, and who is publishing at present."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    last = models.PositiveBigIntegerField(default=0)
    leased_until = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_event_stream")]

    def __str__(self) -> str:
        return f"at {self.last}"


class EventDelivery(models.Model):
    """One subscriber's share of an event: handled exactly once, retried until it is, kept when it cannot be."""

    class Status(models.TextChoices):
        PENDING = "pending"
        DONE = "done"
        DEAD = "dead"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="deliveries")
    handler = models.CharField(max_length=120)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(auto_now_add=True)
    last_error = models.CharField(max_length=500, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "event deliveries"
        constraints = [models.UniqueConstraint(fields=["event", "handler"], name="one_delivery_per_handler")]
        indexes = [
            models.Index(fields=["next_attempt_at"], name="delivery_due", condition=Q(status="pending")),
            models.Index(fields=["id"], name="delivery_dead", condition=Q(status="dead")),
        ]

    def __str__(self) -> str:
        return f"{self.handler} ({self.status})"


class IdempotencyKey(models.Model):
    """The first answer given to a client's Idempotency-Key, for replay within a day."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    scope = models.CharField(max_length=200, help_text="who asked and on which path")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of the request body")
    status = models.PositiveSmallIntegerField(null=True, help_text="HTTP status of the stored answer; empty = running")
    headers = models.JSONField(default=dict)
    body = models.BinaryField(default=b"")
    locked_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scope", "key"], name="one_answer_per_key")]
        indexes = [models.Index(fields=["created_at"], name="idempotency_age")]

    def __str__(self) -> str:
        return f"{self.scope} {self.key}"


class RateWindow(models.Model):
    """A counter of attempts in a time window, for the limits that must hold without Redis (sign-in and its kin)."""

    key = models.CharField(primary_key=True, max_length=128)
    count = models.PositiveIntegerField()
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.key


class BackgroundJobQuerySet(models.QuerySet["BackgroundJob"]):
    """Reads and locks of jobs."""

    def due(self, now: datetime) -> "BackgroundJobQuerySet":
        """What waits to run, longest first: queued jobs, and running ones whose worker did not come back in time."""
        return self.filter(
            status__in=[BackgroundJob.Status.QUEUED, BackgroundJob.Status.RUNNING], next_attempt_at__lte=now
        ).order_by("next_attempt_at")

    def lock_free(self) -> "BackgroundJobQuerySet":
        """Lock the rows that nobody else is locking right now."""
        return self.select_for_update(of=("self",), skip_locked=True)


class BackgroundJob(BaseModel):
    """Long work that somebody asked for: how far it is, what it found, what came of it (apps/common/jobs.py).

    `next_attempt_at` is when it is due; while `running` it is the end of the worker's lease.
    """

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELLED = "cancelled"

    kind = models.CharField(max_length=60)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.QUEUED)
    arguments = models.JSONField(default=dict, help_text="what it works on")
    done = models.PositiveIntegerField(default=0, help_text="rows worked off")
    total = models.PositiveIntegerField(null=True, help_text="rows in all, once known")
    errors = models.JSONField(default=list, help_text="the first rows that were refused: row, pointer, code, detail")
    error_count = models.PositiveIntegerField(default=0)
    result = models.JSONField(null=True)
    result_url = models.CharField(max_length=300, blank=True)
    actor_id = models.UUIDField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    claim = models.UUIDField(null=True, help_text="key of the running attempt")
    failure = models.CharField(max_length=80, blank=True, help_text="the code of what ended it")
    last_error = models.CharField(max_length=300, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = BackgroundJobQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["queued", "running"], finished_at__isnull=True)
                | (~Q(status__in=["queued", "running"]) & Q(finished_at__isnull=False)),
                name="an_ended_job_has_its_time",
            ),
            models.CheckConstraint(
                condition=Q(total__isnull=True) | Q(done__lte=models.F("total")), name="no_more_done_than_there_is"
            ),
        ]
        indexes = [
            models.Index(fields=["next_attempt_at"], name="jobs_due", condition=Q(status__in=["queued", "running"])),
            models.Index(fields=["actor_id", "-id"], name="my_jobs"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} ({self.status})"

    @property
    def progress(self) -> int:
        """Percent done; 0 while the amount of work is not known."""
        if self.status == self.Status.SUCCEEDED:
            return 100
        return 100 * self.done // self.total if self.total else 0
