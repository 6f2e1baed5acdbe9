"""The queue of disagreements with the providers: filed once each, decided by staff."""

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone

from apps.common import events
from apps.common.errors import Conflict, NotFound
from apps.common.money import from_minor
from apps.orders.models import Order
from apps.payments.models import Payment, ReconciliationBreak

if TYPE_CHECKING:
    from apps.users.models import User

log = structlog.get_logger(__name__)
Kind = ReconciliationBreak.Kind
Status = ReconciliationBreak.Status


class BreakClosed(Conflict):
    code = "invalid_transition"
    detail = "This disagreement is closed."


@dataclass(frozen=True, slots=True)
class Side:
    """What one of the two books says."""

    amount: Decimal
    currency: str

    @classmethod
    def of_minor(cls, minor: int, currency: str) -> "Side":
        return cls(from_minor(minor, currency), currency)


@dataclass(frozen=True, slots=True)
class Finding:
    """A disagreement; `healed` when it has been put right meanwhile."""

    kind: Kind
    reference: str
    payment: Payment | None = None
    order: Order | None = None
    here: Side | None = None
    there: Side | None = None
    detail: str = ""
    healed: bool = False


@transaction.atomic
def file(provider: str, found: Finding) -> bool:
    """Note a disagreement; returns whether it is new. One that was seen before keeps what staff made of it."""
    now = timezone.now()
    payment = found.payment
    row, is_new = ReconciliationBreak.objects.get_or_create(
        provider=provider,
        kind=found.kind.value,
        reference=found.reference[:120],
        defaults={
            "status": Status.HEALED if found.healed else Status.OPEN,
            "payment": payment,
            "order": found.order or (payment.order if payment else None),
            "here": found.here.amount if found.here else None,
            "here_currency": found.here.currency if found.here else "",
            "there": found.there.amount if found.there else None,
            "there_currency": found.there.currency if found.there else "",
            "detail": found.detail[:300],
            "seen_at": now,
        },
    )
    if not is_new:
        changed = {"status": Status.HEALED} if found.healed and row.status == Status.OPEN else {}
        ReconciliationBreak.objects.filter(pk=row.pk).update(seen_at=now, updated_at=now, **changed)
        return False
    log.log(30 if found.healed else 40, "reconciliation_break", provider=provider, kind=row.kind, id=str(row.pk))
    data = {"provider": provider, "kind": row.kind, "reference": row.reference, "healed": found.healed}
    events.record("reconciliation.break_found", target=row, data=data)
    return True


@transaction.atomic
def resolve(*, break_id: UUID, note: str, actor: "User") -> ReconciliationBreak:
    """Staff's word that a disagreement has been dealt with, and how. Raises NotFound or BreakClosed."""
    row = ReconciliationBreak.objects.select_for_update(of=("self",)).filter(pk=break_id).first()
    if row is None:
        raise NotFound
    if row.status != Status.OPEN:
        raise BreakClosed
    row.status, row.note, row.resolved_by, row.resolved_at = Status.RESOLVED, note, actor.pk, timezone.now()
    row.save(update_fields=["status", "note", "resolved_by", "resolved_at", "updated_at"])
    data = {"kind": row.kind, "reference": row.reference, "note": note}
    events.record("reconciliation.break_resolved", target=row, actor=actor, data=data)
    return row
