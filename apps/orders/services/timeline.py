"""What happened to an order, oldest first: its statuses, parcels, payments and notes, from history and events.

The buyer sees what concerns the buyer: not why staff moved or held the order, and none of their internal notes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from apps.common.models import Event
from apps.common.money import Money
from apps.orders.models import Order
from apps.orders.services.actors import STAFF, label_of_event

KINDS: Final = ("status", "shipment", "payment", "refund", "return", "change", "note", "desk")
# Event families and single events, and the kind of entry they make. Statuses come from the history instead.
_FAMILIES: Final = {"shipment": "shipment", "payment": "payment", "refund": "refund", "return": "return"}
_SINGLE: Final = {"order.lines_cancelled": "change"}
_DESK: Final = dict.fromkeys(("order.held", "order.released", "order.tagged", "order.late"), "desk")
# Steps inside the shop that say nothing to the buyer.
_HIDDEN: Final = frozenset({"payment.mismatch", "refund.failed", "shipment.created", "shipment.voided"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened; `event` names it, `status` entries say from where to where."""

    id: UUID
    kind: str
    event: str
    actor: str
    created_at: datetime
    from_status: str | None = None
    to_status: str | None = None
    reason: str = ""
    text: str = ""
    amount: Money | None = None
    data: dict[str, Any] = field(default_factory=dict)


def timeline(order: Order, *, for_staff: bool = False) -> list[Entry]:
    """Everything that the reader may know, oldest first. Three statements."""
    entries = [*_statuses(order, for_staff), *_notes(order, for_staff), *_events(order, for_staff)]
    return sorted(entries, key=lambda entry: (entry.created_at, entry.id))


def _statuses(order: Order, for_staff: bool) -> Iterator[Entry]:
    for row in order.history.all():
        yield Entry(
            id=row.id,
            kind="status",
            event=f"order.{row.to_status}" if row.from_status else "order.placed",
            actor=row.actor,
            created_at=row.created_at,
            from_status=row.from_status or None,
            to_status=row.to_status,
            # What staff type is for the shop's own history.
            reason=row.reason if for_staff or row.actor != STAFF else "",
        )


def _notes(order: Order, for_staff: bool) -> Iterator[Entry]:
    notes = order.notes.all() if for_staff else order.notes.filter(is_customer_visible=True)
    for note in notes:
        event = "note.public" if note.is_customer_visible else "note.internal"
        yield Entry(id=note.id, kind="note", event=event, actor=note.actor, created_at=note.created_at, text=note.text)


def _events(order: Order, for_staff: bool) -> Iterator[Entry]:
    for event in Event.objects.filter(aggregate_type="order", aggregate_id=order.pk).order_by("id"):
        kind = _kind(event.type, for_staff)
        if kind is not None:
            actor = label_of_event(actor=event.actor, actor_id=event.actor_id, owner_id=order.user_id)
            yield Entry(
                id=event.id,
                kind=kind,
                event=event.type,
                actor=actor,
                created_at=event.created_at,
                reason=str(event.data.get("reason", "")) if for_staff or actor != STAFF else "",
                amount=_amount(event.data, order.currency),
                data=event.data,
            )


def _kind(event_type: str, for_staff: bool) -> str | None:
    if not for_staff and event_type in _HIDDEN:
        return None
    if for_staff and event_type in _DESK:
        return _DESK[event_type]
    return _SINGLE.get(event_type) or _FAMILIES.get(event_type.partition(".")[0])


def _amount(data: dict[str, Any], currency: str) -> Money | None:
    """Events carry amounts as decimal strings; what is none (an older event's) is left out."""
    amount = data.get("amount")
    if not isinstance(amount, str):
        return None
    return Money(Decimal(amount), str(data.get("currency") or currency))
