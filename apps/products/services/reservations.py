"""Stock held for systems outside the shop (a till, a marketplace): by SKU, for a limited time, in two phases."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.common.errors import Conflict, FieldError, Invalid, NotFound
from apps.common.models import new_id
from apps.products.models import ProductVariant, StockReservation
from apps.products.models.stock import StockReservationQuerySet
from apps.products.services import stock
from apps.products.services.allocation import Destination
from apps.products.services.stock import ReservationExpired, StockLine

Status = StockReservation.Status
State = Literal["held", "expired", "committed", "released"]


class AlreadyCommitted(Conflict):
    code = "invalid_transition"
    detail = "The units of this reservation have been sold."


@dataclass(frozen=True, slots=True)
class HeldLine:
    """Units of a SKU in a warehouse."""

    sku: str
    warehouse: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Reservation:
    """A hold as outside systems see it."""

    id: UUID
    status: State
    expires_at: datetime
    lines: tuple[HeldLine, ...]


@transaction.atomic
def create(*, lines: Sequence[tuple[str, int]], seconds: int, destination: Destination | None = None) -> Reservation:
    """Hold all of these units or none. Raises Invalid (an unknown SKU, too long a hold) or InsufficientStock."""
    longest = settings.RESERVATION_MAX_SECONDS
    if seconds > longest:
        raise Invalid.field("/expires_in_seconds", "max_value", f"At most {longest} seconds.")
    known = dict(ProductVariant.objects.filter(sku__in=[sku for sku, _ in lines]).values_list("sku", "pk"))
    unknown = [
        FieldError("does_not_exist", "There is no such SKU.", pointer=f"/lines/{index}/sku")
        for index, (sku, _) in enumerate(lines)
        if sku not in known
    ]
    if unknown:
        raise Invalid(errors=unknown)
    reference = new_id()
    stock.reserve(
        reference=reference,
        lines=[StockLine(known[sku], quantity) for sku, quantity in lines],
        expires_at=timezone.now() + timedelta(seconds=seconds),
        purpose=StockReservation.Purpose.EXTERNAL,
        destination=destination,
    )
    return read(reference)


def read(reservation_id: UUID) -> Reservation:
    """A hold of an outside system. Raises NotFound, also for the holds of orders, carts and quotes."""
    rows = list(_rows(reservation_id).select_related("level__variant", "level__warehouse").order_by("pk"))
    if not rows:
        raise NotFound
    return Reservation(
        id=reservation_id,
        status=_state(rows),
        expires_at=rows[0].expires_at,
        lines=tuple(HeldLine(row.level.variant.sku, row.level.warehouse.code, row.quantity) for row in rows),
    )


@transaction.atomic
def commit(reservation_id: UUID) -> Reservation:
    """The units are sold. Repeatable. Raises NotFound or ReservationExpired."""
    _known(reservation_id)
    if _state(list(_rows(reservation_id).lock())) != "committed":
        stock.commit(reference=reservation_id)
    return read(reservation_id)


@transaction.atomic
def release(reservation_id: UUID) -> Reservation:
    """The units are free again. Repeatable. Raises NotFound or AlreadyCommitted."""
    _known(reservation_id)
    if _state(list(_rows(reservation_id).lock())) == "committed":
        raise AlreadyCommitted
    stock.release(reference=reservation_id)
    return read(reservation_id)


@transaction.atomic
def extend(reservation_id: UUID, *, seconds: int) -> Reservation:
    """Hold from now on for so long. Raises NotFound, ReservationExpired, or Invalid for too long a hold."""
    if seconds > settings.RESERVATION_MAX_SECONDS:
        raise Invalid.field("/expires_in_seconds", "max_value", f"At most {settings.RESERVATION_MAX_SECONDS} seconds.")
    _known(reservation_id)
    stock.extend(reference=reservation_id, expires_at=timezone.now() + timedelta(seconds=seconds))
    return read(reservation_id)


def _rows(reservation_id: UUID) -> StockReservationQuerySet:
    return StockReservation.objects.filter(reference=reservation_id, purpose=StockReservation.Purpose.EXTERNAL)


def _known(reservation_id: UUID) -> None:
    if not _rows(reservation_id).exists():
        raise NotFound


def _state(rows: Sequence[StockReservation]) -> State:
    if all(row.status == Status.COMMITTED for row in rows):
        return "committed"
    if any(row.status == Status.RELEASED for row in rows):
        return "expired" if rows[0].expires_at <= timezone.now() else "released"
    return "expired" if rows[0].expires_at <= timezone.now() else "held"


__all__ = ["AlreadyCommitted", "Reservation", "ReservationExpired", "commit", "create", "extend", "read", "release"]
