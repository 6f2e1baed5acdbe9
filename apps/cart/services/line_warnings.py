"""What a shopper should know about a line, as codes with their facts."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from apps.cart.services.contents import Line


@dataclass(frozen=True, slots=True)
class Warned:
    """A warning; facts that do not belong to its code are None."""

    code: str
    old: Decimal | None = None
    new: Decimal | None = None
    available: int | None = None
    minimum: int | None = None
    maximum: int | None = None


def warnings_of(line: "Line") -> list[Warned]:
    """Nothing else matters of what is not sold any more."""
    return [Warned("variant_unavailable")] if not line.sellable else list(_found(line))


def _found(line: "Line") -> Iterator[Warned]:
    if line.unit_price != line.seen_price:
        yield Warned("price_changed", old=line.seen_price, new=line.unit_price)
    if line.available < line.quantity:
        yield Warned("insufficient_stock", available=line.available)
    elif line.available <= settings.LOW_STOCK_THRESHOLD:
        yield Warned("low_stock", available=line.available)
    if not line.quantity_allowed:
        yield Warned("quantity_not_allowed", minimum=line.min_quantity, maximum=line.max_quantity)
