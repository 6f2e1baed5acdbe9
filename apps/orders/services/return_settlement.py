"""What the buyer gets for returned goods: their price to the cent, perhaps the shipping, less a fee."""

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.db.models import Sum

from apps.cart.pricing.spreading import spread
from apps.common.errors import Invalid
from apps.common.money import ZERO, round_money
from apps.orders.models import Order, Return
from apps.orders.services import exchanges, line_shares, return_moves, returns
from apps.orders.services.fulfilment import Wanted
from apps.orders.services.line_shares import LineShare

if TYPE_CHECKING:
    from apps.orders.services.actors import Actor


@dataclass(frozen=True, slots=True)
class Terms:
    """What staff decide when they complete a return; amounts in the order's currency."""

    restocking_fee: Decimal = ZERO
    shipping_refund: Decimal = ZERO
    outcome: str | None = None


@transaction.atomic
def complete(*, return_id: UUID, terms: Terms | None = None, actor: "Actor" = None) -> Return:
    """Settle a received return. The payments app moves the money once this commits.

    Units whose price staff had refunded before are not paid for again. Raises NotFound, InvalidTransition,
    CreditNeedsAccount, InsufficientStock (of an exchange) or Invalid (a fee over what the goods cost, more shipping
    than was paid, nothing chosen to have instead).
    """
    terms = terms or Terms()
    order, rma = return_moves.locked(return_id)
    return_moves.require(rma, Return.Status.COMPLETED)
    shares = line_shares.take_refunded(order, _owed(rma))
    rma.outcome = terms.outcome or rma.outcome
    returns.require_outcome(order, rma.outcome)
    rma.goods_amount = sum((part.amount for part in shares), ZERO)
    rma.shipping_refund, rma.restocking_fee = terms.shipping_refund, terms.restocking_fee
    _check(order, rma)
    rma.amount = rma.goods_amount + rma.shipping_refund - rma.restocking_fee
    if rma.outcome == Return.Outcome.EXCHANGE:
        rma.replacement = exchanges.replace(order, rma, shares, actor=actor)
    data = {
        "replacement_id": str(rma.replacement_id) if rma.replacement_id else None,
        "outcome": rma.outcome,
        "amount": str(rma.amount),
        "currency": order.currency,
        "restocking_fee": str(rma.restocking_fee),
        "parts": _parts(order, rma, shares),
    }
    return_moves.move(rma, Return.Status.COMPLETED, actor=actor, data=data)
    return rma


def shipping_left(order: Order) -> Decimal:
    """What the buyer paid for the shipping, with its tax, less what returns have given back of it."""
    tax = order.taxes.filter(item=None).aggregate(sum=Sum("amount"))["sum"] or ZERO
    paid = order.shipping_total + (ZERO if order.tax_included else tax)
    done = order.returns.filter(status=Return.Status.COMPLETED)
    given = done.aggregate(sum=Sum("shipping_refund"))["sum"] or ZERO
    return max(paid - given, ZERO)


def _owed(rma: Return) -> list[Wanted]:
    """Received units whose price has not gone back yet."""
    owed = []
    for line in rma.lines.select_related("item"):
        units = min(line.received_quantity, line_shares.refundable_units(line.item))
        if units:
            owed.append(Wanted(line.item_id, units))
    return owed


def _check(order: Order, rma: Return) -> None:
    for name in ("restocking_fee", "shipping_refund"):
        amount = getattr(rma, name)
        if amount != round_money(amount, order.currency):
            raise Invalid.field(f"/{name}/amount", "too_precise", "More decimal places than the currency has.")
    if rma.shipping_refund > shipping_left(order):
        raise Invalid.field("/shipping_refund/amount", "max_value", "More than what was paid for the shipping.")
    if rma.restocking_fee > rma.goods_amount + rma.shipping_refund:
        raise Invalid.field("/restocking_fee/amount", "max_value", "The fee is more than what would go back.")


def _parts(order: Order, rma: Return, shares: list[LineShare]) -> list[dict[str, str | int]]:
    """What goes back for each line; the fee is taken from the lines by what they cost."""
    off = min(rma.restocking_fee, rma.goods_amount)
    weights = {part.item.pk: part.amount for part in shares}
    fee = spread(off, weights, order.currency) if off else dict.fromkeys(weights, ZERO)
    return [
        {"item": str(part.item.pk), "quantity": part.quantity, "amount": str(part.amount - fee[part.item.pk])}
        for part in shares
    ]
