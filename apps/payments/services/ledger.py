"""The money of a payment as sums over its facts, and an order's payment status as a function of those sums.

Both are functions of a set: whatever order facts come in, and however often, the same set gives the same amounts and
the same status (docs/payments.md has the table). Callers hold the locks of the order and of the payment.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

import structlog
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from apps.common.money import ZERO
from apps.orders.models import Order
from apps.orders.services import lifecycle
from apps.payments.models import Payment, PaymentEvent, Refund

log = structlog.get_logger(__name__)
Kind = PaymentEvent.Kind
AMOUNTS = ("authorised", "captured", "refunded", "refund_pending", "disputed", "charged_back")


class Fact(Protocol):
    """What the sums need of a `PaymentEvent`."""

    @property
    def kind(self) -> str: ...
    @property
    def provider_reference(self) -> str: ...
    @property
    def amount(self) -> Decimal: ...


@dataclass(frozen=True, slots=True)
class Amounts:
    """Sums of a payment or of an order's payments, in its currency; see `Payment` for their meaning."""

    authorised: Decimal = ZERO
    captured: Decimal = ZERO
    refunded: Decimal = ZERO
    refund_pending: Decimal = ZERO
    disputed: Decimal = ZERO
    charged_back: Decimal = ZERO


def amounts_of(facts: Iterable[Fact], *, pending: Decimal = ZERO) -> Amounts:
    """The sums over a payment's facts; `pending` is what requested refunds have reserved.

    A refund that failed, or a dispute that was won, undoes what bears the same reference, even when it is heard of
    first. Refunds and disputes of a capture that has not been heard of yet count once it has.
    """
    by_kind: dict[str, dict[str, Decimal]] = {kind: {} for kind in Kind.values}
    for fact in facts:
        by_kind[fact.kind][fact.provider_reference] = fact.amount
    captured = _sum(by_kind[Kind.CAPTURED])
    authorised = max(_sum(by_kind[Kind.AUTHORISED], but=by_kind[Kind.VOIDED]), captured)
    returned = min(_sum(by_kind[Kind.REFUNDED], but=by_kind[Kind.REFUND_FAILED]), captured)
    refunded = min(returned + pending, captured)
    won, lost = by_kind[Kind.DISPUTE_WON], by_kind[Kind.DISPUTE_LOST]
    charged_back = min(_sum(lost, but=won), captured)
    disputed = min(_sum(by_kind[Kind.DISPUTE_OPENED], but=won | lost), captured - charged_back)
    return Amounts(authorised, captured, refunded, refunded - returned, disputed, charged_back)


def _sum(amounts: dict[str, Decimal], *, but: Iterable[str] = ()) -> Decimal:
    undone = set(but)
    return sum((amount for reference, amount in amounts.items() if reference not in undone), ZERO)


def status_of(sums: Amounts, *, total: Decimal, failed: bool = False) -> str:
    """An order's payment status; `failed` when its open payment was declined last."""
    status = Order.PaymentStatus
    if sums.disputed > ZERO:
        return status.DISPUTED
    if sums.captured == ZERO:
        if sums.authorised > ZERO:
            return status.AUTHORISED
        return status.FAILED if failed else status.UNPAID
    gone = sums.refunded + sums.charged_back
    if gone >= sums.captured:
        return status.REFUNDED
    # What is on its way back is still here: a surplus shows until it has left.
    if sums.captured - gone + sums.refund_pending > total:
        return status.OVERPAID
    if sums.captured - gone >= total:
        return status.PAID
    return status.PARTLY_REFUNDED if gone > ZERO else status.PARTLY_PAID


@transaction.atomic(savepoint=False)  # a step: part of the caller's transaction
def record(
    *, payment: Payment, kind: str, reference: str, amount: Decimal, occurred_at: datetime | None = None
) -> bool:
    """Note a fact of a locked payment and sum up again; returns whether it is new. The first word on a fact counts."""
    fact = PaymentEvent(
        payment=payment,
        provider=payment.provider,
        provider_reference=reference[:120],
        kind=kind,
        amount=amount,
        occurred_at=occurred_at or timezone.now(),
    )
    before = PaymentEvent.objects.filter(
        provider=fact.provider, provider_reference=fact.provider_reference, kind=kind
    ).first()
    if before is not None:
        if (before.payment_id, before.amount) != (payment.pk, amount):
            log.error("payment_fact_contradicted", payment=str(payment.pk), kind=kind, reference=reference)
        return False
    fact.save(force_insert=True)
    recompute(payment)
    return True


@transaction.atomic(savepoint=False)  # a step: part of the caller's transaction
def recompute(payment: Payment) -> None:
    """Write the amounts of a locked payment from its facts and its requested refunds."""
    requested = Refund.objects.filter(payment=payment, status=Refund.Status.REQUESTED)
    pending = requested.aggregate(sum=Sum("amount"))["sum"] or ZERO
    amounts = amounts_of(PaymentEvent.objects.filter(payment=payment), pending=pending)
    for name in AMOUNTS:
        setattr(payment, name, getattr(amounts, name))
    payment.save(update_fields=[*AMOUNTS, "updated_at"])


def sums_of_order(order: Order) -> Amounts:
    """The amounts of all payments of an order together. One statement."""
    sums = order.payments.aggregate(**{name: Sum(name) for name in AMOUNTS})
    return Amounts(**{name: sums[name] or ZERO for name in AMOUNTS})


def derived_status(order: Order, sums: Amounts) -> str:
    """The payment status of a locked order; see `status_of`."""
    failed = sums.authorised == ZERO and order.payments.filter(status=Payment.Status.FAILED).exists()
    return status_of(sums, total=order.due_total, failed=failed)


@transaction.atomic(savepoint=False)  # a step: part of the caller's transaction
def derive_payment_status(order: Order) -> Amounts:
    """Store a locked order's payment status; returns the sums it came from."""
    sums = sums_of_order(order)
    derived: Any = derived_status(order, sums)
    lifecycle.set_payment_status(order=order, status=derived)
    return sums
