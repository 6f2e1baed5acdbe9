"""Moving stock between warehouses in two steps: what left is on hand nowhere until somebody receives it.

dispatch   source -q          (ledger row `transfer_out`)
receive    destination +q     (`transfer_in`), and what did not arrive -lost (`damage`, with the reason)
cancel     source +q          (`transfer_in`), when it was dispatched already
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from apps.common.errors import Conflict, FieldError, Invalid, NotFound
from apps.common.events import Actor, record
from apps.products.models import ProductVariant, StockMovement, StockTransfer, StockTransferLine, Warehouse
from apps.products.services import inventory, stock_posting
from apps.products.services.stock import InsufficientStock
from apps.products.services.stock_posting import Posting

Kind = StockMovement.Kind
S = StockTransfer.Status
MOVES: dict[str, tuple[str, ...]] = {
    S.DRAFT: ("dispatch", "cancel"),
    S.IN_TRANSIT: ("receive", "cancel"),
    S.RECEIVED: (),
    S.CANCELLED: (),
}


class TransferTransition(Conflict):
    code = "invalid_transition"
    detail = "The transfer cannot make this move now."


@dataclass(frozen=True, slots=True)
class Arrival:
    """What came of a line: so many units, and why not more."""

    received: int
    reason: str = ""


@transaction.atomic
def create(
    *,
    source: str,
    destination: str,
    lines: Sequence[tuple[str, int]],
    actor: Actor | None,
    note: str = "",
    dispatched: bool = True,
) -> StockTransfer:
    """A transfer of (SKU, units) between two warehouses (by code), on its way at once unless it is to be a draft.

    Raises Invalid, InsufficientStock.
    """
    places = _places(source, destination)
    variants = _variants([sku for sku, _ in lines])
    signed_in = actor is not None and actor.is_authenticated
    transfer = StockTransfer.objects.create(
        source=places[0],
        destination=places[1],
        note=note,
        actor_id=actor.pk if actor is not None and signed_in else None,
    )
    StockTransferLine.objects.bulk_create(
        StockTransferLine(transfer=transfer, variant=variants[sku], quantity=units) for sku, units in lines
    )
    if dispatched:
        return dispatch(transfer_id=transfer.pk, actor=actor)
    return transfer


@transaction.atomic
def dispatch(*, transfer_id: UUID, actor: Actor | None) -> StockTransfer:
    """Send a draft on its way. Raises NotFound, TransferTransition, InsufficientStock."""
    transfer = _locked(transfer_id, "dispatch")
    units = {line.variant_id: line.quantity for line in transfer.lines.all()}
    # Where it goes it is shown as coming, so there is a level from now on.
    stock_posting.ensure_levels(warehouse_id=transfer.destination_id, variant_ids=units)
    _book(transfer, transfer.source, {key: [(Kind.TRANSFER_OUT, -q, transfer.note)] for key, q in units.items()}, actor)
    transfer.status, transfer.dispatched_at = S.IN_TRANSIT, timezone.now()
    transfer.save(update_fields=["status", "dispatched_at", "updated_at"])
    _tell("stock.transfer_dispatched", transfer, actor, units=sum(units.values()))
    return transfer


@transaction.atomic
def receive(*, transfer_id: UUID, actor: Actor | None, arrivals: Mapping[str, Arrival] | None = None) -> StockTransfer:
    """Note what arrived, by SKU. A line that is not named arrived as was noted at it, else whole. What is missing is a
    loss with its reason.

    Raises NotFound, TransferTransition, Invalid (an unknown SKU, more than was sent, a loss without a reason).
    """
    transfer = _locked(transfer_id, "receive")
    lines = list(transfer.lines.select_related("variant"))
    noted = {line.variant.sku: Arrival(line.received, line.reason) for line in lines if line.received is not None}
    came_in = {**(arrivals or {}), **{sku: noted[sku] for sku in noted if sku not in (arrivals or {})}}
    _check_arrivals(lines, came_in)
    moves: dict[UUID, list[tuple[str, int, str]]] = {}
    for line in lines:
        arrival = came_in.get(line.variant.sku, Arrival(line.quantity))
        line.received, line.reason = arrival.received, arrival.reason
        lost = line.quantity - arrival.received
        moves[line.variant_id] = [(Kind.TRANSFER_IN, line.quantity, transfer.note), (Kind.DAMAGE, -lost, line.reason)]
    _book(transfer, transfer.destination, moves, actor)
    StockTransferLine.objects.bulk_update(lines, ["received", "reason"])
    _end(transfer, S.RECEIVED)
    sent, came = sum(line.quantity for line in lines), sum(line.received or 0 for line in lines)
    _tell("stock.transfer_received", transfer, actor, units=came, lost=sent - came)
    return transfer


@transaction.atomic
def cancel(*, transfer_id: UUID, actor: Actor | None) -> StockTransfer:
    """Call a transfer off; units on their way go back to where they came from. Raises NotFound, TransferTransition."""
    transfer = _locked(transfer_id, "cancel")
    if transfer.status == S.IN_TRANSIT:
        lines = transfer.lines.all()
        moves = {line.variant_id: [(str(Kind.TRANSFER_IN), line.quantity, "transfer cancelled")] for line in lines}
        _book(transfer, transfer.source, moves, actor)
    _end(transfer, S.CANCELLED)
    _tell("stock.transfer_cancelled", transfer, actor)
    return transfer


def _places(source: str, destination: str) -> tuple[Warehouse, Warehouse]:
    from_, to = (
        inventory.warehouse_of(source, pointer="/source"),
        inventory.warehouse_of(destination, pointer="/destination"),
    )
    if from_ == to:
        raise Invalid.field("/destination", "invalid", "It is there already.")
    if not to.is_active:
        raise Invalid.field("/destination", "invalid", "This warehouse is closed.")
    return from_, to


def _variants(skus: Sequence[str]) -> dict[str, ProductVariant]:
    variants = {variant.sku: variant for variant in ProductVariant.objects.filter(sku__in=skus)}
    errors = [
        FieldError("does_not_exist", "There is no such SKU.", f"/lines/{index}/sku")
        if sku not in variants
        else FieldError("unique", "This SKU is named twice.", f"/lines/{index}/sku")
        for index, sku in enumerate(skus)
        if sku not in variants or sku in skus[:index]
    ]
    if errors:
        raise Invalid(errors=errors)
    return variants


def _check_arrivals(lines: Sequence[StockTransferLine], arrivals: Mapping[str, Arrival]) -> None:
    sent = {line.variant.sku: line.quantity for line in lines}
    errors = []
    for index, (sku, arrival) in enumerate(arrivals.items()):
        if sku not in sent:
            errors.append(FieldError("does_not_exist", "The transfer has no such SKU.", f"/lines/{index}/sku"))
        elif arrival.received > sent[sku]:
            errors.append(FieldError("max_value", "This is more than was sent.", f"/lines/{index}/received"))
        elif arrival.received < sent[sku] and not arrival.reason.strip():
            errors.append(FieldError("required", "Say why less arrived.", f"/lines/{index}/reason"))
    if errors:
        raise Invalid(errors=errors)


def _book(
    transfer: StockTransfer,
    warehouse: Warehouse,
    moves: Mapping[UUID, Sequence[tuple[str, int, str]]],
    actor: Actor | None,
) -> None:
    """Book (kind, units, reason) per variant in a warehouse, with the transfer as reference."""
    ids = stock_posting.ensure_levels(warehouse_id=warehouse.pk, variant_ids=moves)
    stock_posting.post(
        postings=[
            Posting(ids[variant_id], kind, units, reason)
            for variant_id, steps in moves.items()
            for kind, units, reason in steps
        ],
        levels=stock_posting.locked(ids.values()),
        reference=transfer.pk,
        actor_id=None if actor is None else actor.pk,
        shortage=InsufficientStock,
        from_the_shelf=transfer.status == S.DRAFT,
    )


def _locked(transfer_id: UUID, move: str) -> StockTransfer:
    transfer = StockTransfer.objects.lock().select_related("source", "destination").filter(pk=transfer_id).first()
    if transfer is None:
        raise NotFound
    if move not in MOVES[transfer.status]:
        raise TransferTransition(extra={"allowed": list(MOVES[transfer.status])})
    return transfer


def _end(transfer: StockTransfer, status: str) -> None:
    transfer.status, transfer.ended_at = status, timezone.now()
    transfer.save(update_fields=["status", "ended_at", "updated_at"])


def _tell(event: str, transfer: StockTransfer, actor: Actor | None, **data: Any) -> None:
    places = {"source": transfer.source.code, "destination": transfer.destination.code}
    record(event, target=transfer, actor=actor, data={**places, **data})
