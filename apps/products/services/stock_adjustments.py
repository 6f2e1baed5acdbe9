"""Staff's corrections of what is on hand: a delivery, a correction, a loss; one by one or as a list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db import transaction

from apps.common.errors import Conflict, Invalid, Problem
from apps.common.events import Actor, record
from apps.products.models import StockLevel, StockMovement
from apps.products.services import inventory, stock_posting
from apps.products.services.stock_changes import NegativeStock
from apps.products.services.stock_posting import Posting

Kind = StockMovement.Kind
KINDS: Final = (Kind.RECEIVE, Kind.ADJUSTMENT, Kind.DAMAGE)


class StockChanged(Conflict):
    code = "stock_changed"
    detail = "What is on hand is not what you expected."


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants of a level: units more or less (`delta`), or what was counted; one of the two."""

    kind: str
    delta: int | None = None
    counted: int | None = None
    reason: str = ""
    expected_on_hand: int | None = None


@dataclass(frozen=True, slots=True)
class Adjusted:
    """A level after its adjustment, and the ledger row; none when nothing had to change."""

    level: StockLevel
    movement: StockMovement | None


@transaction.atomic
def adjust(*, sku: str, warehouse: str, wanted: Wanted, actor: Actor | None) -> Adjusted:
    """Adjust the level of a SKU in a warehouse (by code); it is made when the warehouse never had the SKU.

    Raises NotFound, Invalid, StockChanged when `expected_on_hand` is not what is there, NegativeStock.
    """
    check(wanted)
    variant = inventory.variant_of(sku)
    place = inventory.warehouse_of(warehouse)
    level_id = stock_posting.ensure_levels(warehouse_id=place.pk, variant_ids=[variant.pk])[variant.pk]
    levels = stock_posting.locked([level_id])
    level = levels[level_id]
    delta = delta_of(wanted, on_hand=level.on_hand, least=level.reserved - level.backorder_limit)
    movements = stock_posting.post(
        postings=[Posting(level_id, wanted.kind, delta, wanted.reason)],
        levels=levels,
        actor_id=None if actor is None else actor.pk,
    )
    if movements:
        data = {"sku": sku, "warehouse": warehouse, "kind": wanted.kind, "quantity": delta, "reason": wanted.reason}
        record("stock.adjusted", target=level, actor=actor, data=data)
    return Adjusted(level, movements[0] if movements else None)


def check(wanted: Wanted) -> None:
    """Refuse what makes no sense whatever the level holds. Raises Invalid, naming the field."""
    if wanted.kind not in KINDS:
        raise Invalid.field("/kind", "invalid_choice", "Staff receive, adjust, or note damage.")
    if (wanted.delta is None) == (wanted.counted is None):
        raise Invalid.field("/delta", "required", "Give either delta or counted.")
    if wanted.counted is not None and wanted.kind != Kind.ADJUSTMENT:
        raise Invalid.field("/counted", "invalid", "What was counted is an adjustment.")
    if wanted.delta == 0:
        raise Invalid.field("/delta", "invalid", "Nothing would change.")
    if wanted.delta is not None and wanted.delta < 0 and wanted.kind == Kind.RECEIVE:
        raise Invalid.field("/delta", "min_value", "A delivery brings units.")
    if wanted.delta is not None and wanted.delta > 0 and wanted.kind == Kind.DAMAGE:
        raise Invalid.field("/delta", "max_value", "Damage takes units away.")
    if not wanted.reason.strip():
        raise Invalid.field("/reason", "required", "Say why.")


def delta_of(wanted: Wanted, *, on_hand: int, least: int) -> int:
    """The units to add or take away, of a locked level that must keep `least`. Raises StockChanged, NegativeStock.

    Below zero nothing lies on the shelf: nobody can take any away, and what is counted there is still owed to buyers.
    """
    if wanted.expected_on_hand not in (None, on_hand):
        raise StockChanged(extra={"on_hand": on_hand})
    shelf = max(0, on_hand)
    delta = wanted.delta if wanted.delta is not None else (wanted.counted or 0) - shelf
    if shelf + delta < 0:
        raise NegativeStock("So many are not there.")
    if on_hand + delta < least:
        raise NegativeStock
    return delta


@dataclass(frozen=True, slots=True)
class Planned:
    """One row of a list with the level it is about."""

    row: int
    level_id: UUID
    wanted: Wanted


def plan(
    rows: Sequence[Planned], *, holdings: Mapping[UUID, tuple[int, int]]
) -> tuple[list[Posting], list[tuple[int, Problem]]]:
    """What a list of adjustments comes to, one after the other, and the rows that are refused.

    `holdings` is (on hand, the least that must stay) per level before the first row. Nothing is changed.
    """
    on_hand = {level_id: held for level_id, (held, _) in holdings.items()}
    postings: list[Posting] = []
    refused: list[tuple[int, Problem]] = []
    for each in rows:
        held = on_hand[each.level_id]
        try:
            check(each.wanted)
            delta = delta_of(each.wanted, on_hand=held, least=holdings[each.level_id][1])
        except Problem as refusal:
            refused.append((each.row, refusal))
            continue
        on_hand[each.level_id] = held + delta
        postings.append(Posting(each.level_id, each.wanted.kind, delta, each.wanted.reason))
    return postings, refused
