"""The public stream of events: each has a position, given after its transaction committed, in one series without gaps.

Whoever reads `after` a position misses nothing: an event that commits late gets a later position, whatever its id or
time. Events of one order come in the order of their `sequence`.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from apps.common.models import Event, EventPublication, EventStream

VERSION = 1
LEASE = timedelta(seconds=60)
_BATCH = 500

_PLACE = """
UPDATE common_eventpublication AS publication SET position = %s + placed.number
FROM unnest(%s::uuid[]) WITH ORDINALITY AS placed (event_id, number)
WHERE publication.event_id = placed.event_id
"""


@transaction.atomic
def place_committed() -> int:
    """Give positions to events that have committed and have none; returns how many. Two callers take turns."""
    EventStream.objects.bulk_create([EventStream()], ignore_conflicts=True)
    stream = EventStream.objects.select_for_update().get()
    # The order's lock makes its events commit in the order of their sequence: what is seen here has no holes.
    waiting = Event.objects.filter(publication__position=None, publication__isnull=False)
    rows = list(waiting.order_by("id").values_list("id", "aggregate_id", "sequence")[:_BATCH])
    if not rows:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_PLACE, [stream.last, _in_sequence(rows)])
    EventStream.objects.update(last=stream.last + len(rows))
    return len(rows)


def _in_sequence(rows: list[tuple[UUID, UUID | None, int | None]]) -> list[UUID]:
    """By id, but the events of one aggregate by its sequence: clocks of two machines may differ."""
    by_aggregate: dict[UUID | None, list[tuple[int, UUID]]] = {}
    for event_id, aggregate_id, sequence in rows:
        if sequence is not None:
            by_aggregate.setdefault(aggregate_id, []).append((sequence, event_id))
    turns = {key: iter(sorted(events)) for key, events in by_aggregate.items()}
    return [event_id if sequence is None else next(turns[aggregate_id])[1] for event_id, aggregate_id, sequence in rows]


def published_after(position: int, *, types: tuple[str, ...] = (), aggregate_id: UUID | None = None) -> QuerySet[Event]:
    """Placed events past a position, oldest first; of the types (or type families such as `order.`) and aggregate."""
    events = Event.objects.filter(publication__position__gt=position).select_related("publication")
    if types:
        wanted = Q()
        for each in types:
            wanted |= Q(type__startswith=each) if each.endswith(".") else Q(type=each)
        events = events.filter(wanted)
    if aggregate_id is not None:
        events = events.filter(aggregate_id=aggregate_id)
    return events.order_by("publication__position")


def message(event: Event) -> dict[str, Any]:
    """The event as the world sees it, in the feed and in the exchange."""
    return {
        "id": str(event.pk),
        "type": event.type,
        "version": VERSION,
        "time": event.created_at.isoformat().replace("+00:00", "Z"),
        "position": event.publication.position,
        "aggregate": {"type": event.aggregate_type, "id": str(event.aggregate_id)},
        "sequence": event.sequence,
        "subject": {"type": event.target_type, "id": str(event.target_id)},
        "actor": event.actor,
        "payload": event.data,
    }


def lease() -> bool:
    """Become the one publisher for a minute; False while another is."""
    now = timezone.now()
    free = EventStream.objects.filter(Q(leased_until=None) | Q(leased_until__lte=now))
    return bool(free.update(leased_until=now + LEASE))


def give_up_lease() -> None:
    """Let the next publisher in."""
    EventStream.objects.update(leased_until=None)


def unpublished(limit: int) -> list[Event]:
    """Placed events that have not gone out, in order."""
    due = Event.objects.filter(publication__position__isnull=False, publication__published_at=None)
    return list(due.select_related("publication").order_by("publication__position")[:limit])


def note_published(events: list[Event]) -> None:
    """Mark events as gone out."""
    EventPublication.objects.filter(event__in=events).update(published_at=timezone.now())
