"""Stock that cannot be sold twice: reserve, commit, release, in two phases.

    available = on_hand + backorder_limit - safety_stock - reserved  (apps/products/models/stock.py, SELLABLE)
    reserve   reserved += q                  (all lines or none)
    commit    on_hand -= q, reserved -= q    (the sale is paid; ledger row `sale`)
    release   reserved -= q                  (given back before the sale)
    restock   on_hand += q                   (given back after the sale; ledger row `return`)

Reservations are locked, then levels, both in primary key order (docs/locking.md), and levels are changed by one guarded
UPDATE whatever the number of lines; the table's check constraints hold the same rule should this code ever be wrong.
A hold that has run out counts no longer, whether a job has cleared it away or not: reads leave it out, and who needs
its units clears it away (`_reclaim`).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.common.errors import Conflict
from apps.products.models import ProductVariant, StockLevel, StockMovement, StockReservation
from apps.products.models.stock import available_of
from apps.products.services import allocation, stock_posting
from apps.products.services.allocation import Destination
from apps.products.services.stock_changes import Change, apply

Status = StockReservation.Status
Purpose = StockReservation.Purpose


class InsufficientStock(Conflict):
    code = "insufficient_stock"
    detail = "There is not enough stock for this request."


class ReservationExpired(Conflict):
    code = "reservation_expired"
    detail = "The reservation is no longer held."


@dataclass(frozen=True, slots=True)
class StockLine:
    """So many units of a variant."""

    variant_id: UUID
    quantity: int


def availability(variant_ids: Iterable[UUID]) -> dict[UUID, int]:
    """Units that can be sold now, per variant, over all active warehouses; zero where there is no level."""
    ids = list(variant_ids)
    rows = ProductVariant.objects.filter(pk__in=ids).order_by().annotate(units=available_of("pk"))
    return dict.fromkeys(ids, 0) | dict(rows.values_list("pk", "units"))


def band(available: int) -> str:
    """What shoppers are told of a number of units: `in_stock`, `low_stock` or `out_of_stock`."""
    if available <= 0:
        return "out_of_stock"
    return "low_stock" if available <= settings.LOW_STOCK_THRESHOLD else "in_stock"


@transaction.atomic(savepoint=False)  # a step: part of the caller's transaction
def reserve(
    *,
    reference: UUID,
    lines: Sequence[StockLine],
    expires_at: datetime,
    purpose: str = Purpose.ORDER,
    destination: Destination | None = None,
    replaces: Collection[UUID] = (),
) -> list[StockReservation]:
    """Promise all these units to `reference` until `expires_at`, or none of them; holds of `replaces` are given back.

    From which warehouses: apps/products/services/allocation.py. Raises InsufficientStock, whose `items` list what was
    asked for and what is left per SKU.
    """
    destination = destination or Destination()
    wanted: dict[UUID, int] = defaultdict(int)
    for line in lines:
        wanted[line.variant_id] += line.quantity
    replaced = (
        list(StockReservation.objects.filter(reference__in=replaces, status=Status.HELD).lock()) if replaces else []
    )
    levels = list(
        StockLevel.objects.locked_for(wanted, also=[each.level_id for each in replaced]).select_related("variant")
    )
    _give_back(replaced, {level.pk: level for level in levels})
    _reclaim(levels)
    by_variant = _serving(levels, wanted, destination)
    _refuse_shortage(wanted, by_variant)

    taken = allocation.allocate(wanted, by_variant, destination)
    apply([Change(level, reserved=units) for level, units in taken])
    return StockReservation.objects.bulk_create(
        StockReservation(reference=reference, purpose=purpose, level=level, quantity=units, expires_at=expires_at)
        for level, units in taken
    )


@transaction.atomic(savepoint=False)  # a step: part of the caller's transaction
def commit(*, reference: UUID, late: bool = False) -> None:
    """Turn the held units of `reference` into a sale. Repeatable. Raises ReservationExpired when they are not held.

    A hold that has run out is not held any more; with `late` (money has come for it) it is, as long as nobody else has
    taken the units: then they are promised again, from the same levels.
    """
    reservations = _locked_reservations(reference)
    held = [each for each in reservations if each.status == Status.HELD]
    lost = [each for each in reservations if each.status == Status.RELEASED]
    now = timezone.now()
    if not reservations or (not late and (lost or any(each.expires_at <= now for each in held))):
        raise ReservationExpired
    if lost:
        _reclaim([each.level for each in lost])
        if any(each.level.available < each.quantity for each in lost):
            raise ReservationExpired
        apply([Change(each.level, reserved=each.quantity) for each in lost])
    if held or lost:
        _settle([*held, *lost], Status.COMMITTED, on_hand=-1, reserved=-1, kind=StockMovement.Kind.SALE)


@transaction.atomic(savepoint=False)  # a step: part of the caller's transaction
def extend(*, reference: UUID, expires_at: datetime) -> None:
    """Hold the units of `reference` until a later time. Raises ReservationExpired when they are not held any more."""
    held = list(StockReservation.objects.filter(reference=reference, status=Status.HELD).lock())
    if not held or any(each.expires_at <= timezone.now() for each in held):
        raise ReservationExpired
    StockReservation.objects.filter(pk__in=[each.pk for each in held]).update(
        expires_at=expires_at, updated_at=timezone.now()
    )


@transaction.atomic(savepoint=False)  # a step: part of the caller's transaction
def release(*, reference: UUID) -> int:
    """Give back the held units of `reference`; returns how many. Repeatable; committed units stay sold."""
    held = [each for each in _locked_reservations(reference) if each.status == Status.HELD]
    if held:
        _settle(held, Status.RELEASED, on_hand=0, reserved=-1, kind=None)
    return sum(each.quantity for each in held)


@transaction.atomic(savepoint=False)  # a step: part of the caller's transaction
def restock(*, reference: UUID) -> int:
    """Put the sold units of `reference` back on hand; returns how many. Repeatable."""
    sold = [each for each in _locked_reservations(reference) if each.status == Status.COMMITTED]
    if sold:
        _settle(sold, Status.RELEASED, on_hand=1, reserved=0, kind=StockMovement.Kind.RETURN)
    return sum(each.quantity for each in sold)


def release_expired(*, limit: int = 200) -> int:
    """Clear away holds of carts, quotes and outside systems that have run out; returns how many. Safe to run twice.

    Those of orders go with their orders (apps/orders, cancel_expired).
    """
    over = StockReservation.objects.filter(status=Status.HELD, expires_at__lte=timezone.now()).exclude(
        purpose=Purpose.ORDER
    )
    return sum(bool(_release_over(each)) for each in set(over.values_list("reference", flat=True)[:limit]))


@transaction.atomic
def _release_over(reference: UUID) -> int:
    """Of a reference only what has run out: a cart may have renewed its hold meanwhile."""
    now = timezone.now()
    over = [each for each in _locked_reservations(reference) if each.status == Status.HELD and each.expires_at <= now]
    if over:
        _settle(over, Status.RELEASED, on_hand=0, reserved=-1, kind=None)
    return sum(each.quantity for each in over)


@transaction.atomic
def adjust(
    *,
    level_id: UUID,
    delta: int,
    reason: str,
    actor_id: UUID | None = None,
    kind: StockMovement.Kind = StockMovement.Kind.ADJUSTMENT,
) -> StockLevel:
    """Correct what is on hand by `delta` units, with a ledger row. Raises NegativeStock below what is promised."""
    levels = stock_posting.locked([level_id])
    posting = stock_posting.Posting(level_id, kind, delta, reason)
    stock_posting.post(postings=[posting], levels=levels, actor_id=actor_id)
    return levels[level_id]


@transaction.atomic
def receive(
    *, variant_id: UUID, warehouse_id: UUID, quantity: int, reason: str = "", actor_id: UUID | None = None
) -> StockLevel:
    """Put new units on hand in a warehouse. Raises ValueError for a quantity below one."""
    if quantity < 1:
        raise ValueError("a delivery has at least one unit")
    level, _ = StockLevel.objects.get_or_create(variant_id=variant_id, warehouse_id=warehouse_id)
    return adjust(level_id=level.pk, delta=quantity, reason=reason, actor_id=actor_id, kind=StockMovement.Kind.RECEIVE)


def _serving(
    levels: Iterable[StockLevel], wanted: Mapping[UUID, int], destination: Destination
) -> dict[UUID, list[StockLevel]]:
    """Levels of the wanted variants in active warehouses that ship to the destination."""
    found: dict[UUID, list[StockLevel]] = {variant_id: [] for variant_id in wanted}
    for level in levels:
        if level.variant_id in found and level.warehouse.is_active and level.warehouse.serves(destination.country):
            found[level.variant_id].append(level)
    return found


def _short(wanted: Mapping[UUID, int], by_variant: Mapping[UUID, Sequence[StockLevel]]) -> dict[UUID, int]:
    """Variants of which there is not enough, and what is left of each."""
    left = {variant_id: sum(level.available for level in levels) for variant_id, levels in by_variant.items()}
    return {variant_id: left[variant_id] for variant_id, units in wanted.items() if left[variant_id] < units}


def _refuse_shortage(wanted: Mapping[UUID, int], by_variant: Mapping[UUID, Sequence[StockLevel]]) -> None:
    short = _short(wanted, by_variant)
    if short:
        skus = ProductVariant.objects.filter(id__in=short).order_by("sku").values_list("id", "sku")
        items = [{"sku": sku, "requested": wanted[each], "available": short[each]} for each, sku in skus]
        raise InsufficientStock(extra={"items": items})


def _reclaim(levels: Sequence[StockLevel]) -> None:
    """Clear away holds of locked levels that have run out.

    Reservations come before levels in the order of locks. Here the levels are locked already, so nobody is waited for:
    a hold that somebody has locked is being paid, extended or released, and is left to him.
    """
    over = list(
        StockReservation.objects.filter(
            level__in=[level.pk for level in levels], status=Status.HELD, expires_at__lte=timezone.now()
        )
        .order_by("pk")
        .select_for_update(of=("self",), skip_locked=True)
    )
    _give_back(over, {level.pk: level for level in levels})


def _give_back(reservations: Sequence[StockReservation], levels: Mapping[UUID, StockLevel]) -> None:
    for each in reservations:
        each.level = levels[each.level_id]
    if reservations:
        _settle(reservations, Status.RELEASED, on_hand=0, reserved=-1, kind=None)


def _locked_reservations(reference: UUID) -> list[StockReservation]:
    """Reservations of a reference, then their levels, both locked in primary key order."""
    reservations = list(StockReservation.objects.filter(reference=reference).lock())
    levels = StockLevel.objects.lock(each.level_id for each in reservations).select_related("variant", "warehouse")
    by_id = {level.pk: level for level in levels}
    for each in reservations:
        each.level = by_id[each.level_id]
    return reservations


def _settle(
    reservations: Sequence[StockReservation],
    status: StockReservation.Status,
    *,
    on_hand: int,
    reserved: int,
    kind: StockMovement.Kind | None,
) -> None:
    """Move reservations to `status`, their levels by quantity x sign, and write the ledger."""
    apply(
        [
            Change(each.level, on_hand=on_hand * each.quantity, reserved=reserved * each.quantity)
            for each in reservations
        ]
    )
    StockReservation.objects.filter(pk__in=[each.pk for each in reservations]).update(
        status=status, updated_at=timezone.now()
    )
    if kind is not None:
        StockMovement.objects.bulk_create(
            StockMovement(
                level=each.level,
                kind=kind,
                quantity=on_hand * each.quantity,
                on_hand_after=each.level.on_hand,
                reference=each.reference,
            )
            for each in reservations
        )
