"""Money that a bank holds for us: taking it, all or a part, or letting it go.

What is to be taken is written down first; whoever dies before the provider's answer is followed by the sweep.
Capture against void is decided by the provider: whoever comes second learns how the payment stands.
"""

from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from apps.common import events, nudge
from apps.common.errors import Conflict, NotFound
from apps.common.money import ZERO, money_json, to_minor
from apps.orders.models import Order
from apps.orders.services import desk, lifecycle
from apps.payments.gateways.base import ProviderPayment
from apps.payments.gateways.registry import gateway
from apps.payments.models import Payment
from apps.payments.services import ledger, refunds, settlement
from apps.payments.services.asking import asking_provider
from apps.payments.services.locking import locked

if TYPE_CHECKING:
    from apps.users.models import User


_BEFORE_SHIPPING = (Order.Status.CONFIRMED, Order.Status.PROCESSING)


class NotAuthorised(Conflict):
    code = "invalid_transition"
    detail = "No money is held for this payment."


class ExceedsAuthorised(Conflict):
    code = "amount_exceeds_authorised"
    detail = "This is more than what the bank holds."


def capture(*, payment_id: UUID, amount: Decimal | None = None, actor: "User | None" = None) -> Payment:
    """Take authorised money; all of it without an amount, else the rest is released.

    Raises NotFound, NotAuthorised, ExceedsAuthorised or UpstreamFailed (then the sweep goes on with it).
    """
    payment = _request(payment_id, amount, actor)
    with asking_provider():
        state = take(payment)
    payment = settlement.settle(payment_id=payment.pk, state=state)
    if payment.status != Payment.Status.SUCCEEDED:
        raise NotAuthorised
    return payment


def take(payment: Payment) -> ProviderPayment:
    """Ask the provider for what was requested. Raises ProviderUnavailable or ProviderRefused."""
    amount = to_minor(payment.capture_requested or payment.authorised, payment.currency)
    return gateway(payment.provider).capture(payment.provider_reference, amount=amount)


@transaction.atomic
def _request(payment_id: UUID, amount: Decimal | None, actor: "User | None") -> Payment:
    payment = locked(payment_id)
    if payment.status != Payment.Status.AUTHORISED:
        raise NotAuthorised
    left = _left_to_take(payment.order)
    wanted = min(payment.authorised, left) if amount is None else amount
    if wanted <= ZERO or wanted > payment.authorised:
        raise ExceedsAuthorised(extra={"authorised": money_json(payment.authorised, payment.currency)})
    payment.capture_requested, payment.next_check_at = wanted, timezone.now() + settlement.SHORTEST
    payment.save(update_fields=["capture_requested", "next_check_at", "updated_at"])
    data = {"amount": str(wanted), "currency": payment.currency, "order_id": str(payment.order_id)}
    events.record("payment.capture_requested", target=payment, actor=actor, data=data)
    if wanted < min(payment.authorised, left) and payment.order.status in _BEFORE_SHIPPING:
        # The bank releases the rest: goods that nothing covers do not leave by themselves.
        desk.place_hold(order=payment.order, reason="captured in part", actor=actor)
    return payment


@transaction.atomic
def request_for_order(order_id: UUID) -> int:
    """The goods have left: what they cost is to be taken of the money that is held. Returns of how many payments.

    Units that were cancelled meanwhile are not charged: the bank releases their share.
    """
    order = Order.objects.lock().get(pk=order_id)
    left, asked = _left_to_take(order), 0
    for payment in Payment.objects.lock().filter(order=order, status=Payment.Status.AUTHORISED, capture_requested=None):
        wanted = min(payment.authorised, left)
        if wanted <= ZERO:
            break
        payment.capture_requested, payment.next_check_at = wanted, timezone.now()
        payment.save(update_fields=["capture_requested", "next_check_at", "updated_at"])
        left, asked = left - wanted, asked + 1
    if asked:
        transaction.on_commit(lambda: nudge.send("process_pending_payments"), robust=True)
    return asked


def _left_to_take(order: Order) -> Decimal:
    """What a locked order costs and nobody has taken yet. What went back for cancelled units was taken too much."""
    return order.due_total - ledger.sums_of_order(order).captured + refunds.for_cancelled_lines(order)


def void(*, payment_id: UUID, reason: str = "", actor: "User | None" = None) -> Payment:
    """Let go of money that is held. A live order is put on hold: nothing covers it any more.

    Raises NotFound, NotAuthorised or UpstreamFailed.
    """
    payment = Payment.objects.filter(pk=payment_id).first()
    if payment is None:
        raise NotFound
    if payment.status == Payment.Status.CANCELLED:
        return payment
    if payment.status != Payment.Status.AUTHORISED:
        raise NotAuthorised
    with asking_provider():
        state = gateway(payment.provider).cancel(payment.provider_reference)
    payment = settlement.settle(payment_id=payment.pk, state=state)
    if payment.status != Payment.Status.CANCELLED:
        raise NotAuthorised
    _hold(payment.order_id, reason, actor)
    return payment


@transaction.atomic
def _hold(order_id: UUID, reason: str, actor: "User | None") -> None:
    order = Order.objects.lock().get(pk=order_id)
    if lifecycle.MOVES[order.status] and order.status != Order.Status.PENDING:
        desk.place_hold(order=order, reason=reason or "the payment was voided", actor=actor)
