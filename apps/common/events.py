"""Events: recorded in the caller's transaction, delivered after it, each to each subscriber exactly once.

    record("order.placed", target=order, actor=user, data={...})      # in a service, inside a transaction

    @on("order.placed")                                               # in <app>/handlers.py
    def reserve_a_gift(event: Event) -> None: ...

The row is the truth. The Celery message sent after commit only makes delivery fast; `redeliver_events`, run by beat,
delivers whatever a crash, a dead broker or a lost message left behind. A handler runs in one transaction with the mark
"done", so its database effects happen once; it must not talk to the network (write a row, let a task do that).
"""

import random
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Protocol
from uuid import UUID

import structlog
from django.db import connection, models, transaction
from django.utils import timezone

from apps.common import nudge
from apps.common.context import current_request_id, request_context
from apps.common.models import Event, EventDelivery

log = structlog.get_logger(__name__)

Handler = Callable[[Event], None]
MAX_ATTEMPTS = 12
_handlers: dict[str, dict[str, Handler]] = defaultdict(dict)


class Actor(Protocol):
    """Whoever caused an event: a user, or nobody (`None`: the system; an anonymous user: a guest)."""

    @property
    def pk(self) -> Any: ...
    @property
    def is_authenticated(self) -> Any: ...


def on(*event_types: str) -> Callable[[Handler], Handler]:
    """Subscribe a function to event types. Its dotted name identifies it in deliveries: a rename orphans old ones."""

    def register(function: Handler) -> Handler:
        for event_type in event_types:
            _handlers[event_type][f"{function.__module__}.{function.__qualname__}"] = function
        return function

    return register


def record(
    event_type: str,
    *,
    target: models.Model | None,
    actor: Actor | None = None,
    data: dict[str, Any] | None = None,
) -> Event:
    """Insert an event and one delivery per subscriber in the caller's transaction; raises RuntimeError outside one.

    A target that has an `event_aggregate`, such as ("order", its id), makes the event public (apps/common/stream.py).
    """
    if not connection.in_atomic_block:
        raise RuntimeError(f"{event_type} must be recorded inside the transaction that makes it true")
    signed_in = actor is not None and bool(actor.is_authenticated)
    aggregate_type, aggregate_id = getattr(target, "event_aggregate", ("", None))
    event = Event.objects.create(
        type=event_type,
        aggregate_type=aggregate_type,
        aggregate_id=aggregate_id,
        target_type=target._meta.model_name or "" if target is not None else "",
        target_id=target.pk if target is not None else None,
        actor_id=actor.pk if actor is not None and signed_in else None,
        actor=("user" if signed_in else "guest") if actor is not None else "system",
        data=data or {},
        request_id=current_request_id(),
    )
    if aggregate_type:
        transaction.on_commit(lambda: nudge.send("publish_events"), robust=True)
    deliveries = [EventDelivery(event=event, handler=name) for name in _handlers.get(event_type, ())]
    if deliveries:
        EventDelivery.objects.bulk_create(deliveries)
        ids = [str(delivery.id) for delivery in deliveries]
        transaction.on_commit(lambda: nudge.send("deliver_events", ids), robust=True)
    return event


def deliver(delivery_id: UUID | str) -> bool:
    """Run one pending delivery now. Returns whether it was done by this call (False: done, dead, taken or failed)."""
    try:
        with transaction.atomic():
            delivery = (
                EventDelivery.objects.select_for_update(of=("self",), skip_locked=True)
                .select_related("event")
                .filter(id=delivery_id, status=EventDelivery.Status.PENDING)
                .first()
            )
            if delivery is None:
                return False
            with request_context(delivery.event.request_id):
                _handler_named(delivery.event.type, delivery.handler)(delivery.event)
            EventDelivery.objects.filter(id=delivery_id).update(
                status=EventDelivery.Status.DONE,
                attempts=delivery.attempts + 1,
                done_at=timezone.now(),
                last_error="",
            )
            return True
    except Exception as error:
        log.exception("event_delivery_failed", delivery=str(delivery_id))
        _note_failure(delivery_id, error)
        return False


def deliver_due(*, limit: int = 200) -> int:
    """Deliver what is due, oldest first; returns how many were done. Two callers at once share the work."""
    due = (
        EventDelivery.objects.filter(status=EventDelivery.Status.PENDING, next_attempt_at__lte=timezone.now())
        .order_by("next_attempt_at")
        .values_list("id", flat=True)[:limit]
    )
    return sum(deliver(delivery_id) for delivery_id in list(due))


def retry_dead(delivery_ids: list[UUID]) -> int:
    """Give dead deliveries a new series of attempts (a staff decision); returns how many were revived."""
    return EventDelivery.objects.filter(id__in=delivery_ids, status=EventDelivery.Status.DEAD).update(
        status=EventDelivery.Status.PENDING, attempts=0, next_attempt_at=timezone.now()
    )


def _handler_named(event_type: str, name: str) -> Handler:
    try:
        return _handlers[event_type][name]
    except KeyError:
        raise LookupError(f"no subscriber {name} for {event_type}") from None


def _note_failure(delivery_id: UUID | str, error: Exception) -> None:
    delivery = EventDelivery.objects.filter(id=delivery_id, status=EventDelivery.Status.PENDING).first()
    if delivery is None:
        return
    attempts = delivery.attempts + 1
    EventDelivery.objects.filter(id=delivery_id, attempts=delivery.attempts).update(
        attempts=attempts,
        last_error=f"{type(error).__name__}: {error}"[:500],
        next_attempt_at=timezone.now() + backoff(attempts),
        status=EventDelivery.Status.DEAD if attempts >= MAX_ATTEMPTS else EventDelivery.Status.PENDING,
    )


def backoff(attempts: int) -> timedelta:
    """Exponential delay before the next attempt, from 2 s to 1 h, with 20 % jitter so that retries spread out."""
    base = min(2.0 ** min(attempts, 12), 3600.0)
    return timedelta(seconds=base * random.uniform(0.8, 1.2))  # noqa: S311 - jitter, not a secret
