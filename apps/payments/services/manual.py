"""Bank transfer and cash on delivery: what the shopper is told, and staff's word that money has come."""

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.common import events
from apps.common.errors import Conflict
from apps.common.money import ZERO, money_json
from apps.orders.models import Order
from apps.orders.services import lifecycle
from apps.payments.models import Payment, PaymentEvent
from apps.payments.services import ledger, refunds, settlement
from apps.payments.services.locking import locked

if TYPE_CHECKING:
    from apps.users.models import User

Method = Payment.ManualMethod
_WORDS = {Method.BANK_TRANSFER: "bank transfer", Method.CASH_ON_DELIVERY: "cash on delivery"}


class NotMarkable(Conflict):
    code = "invalid_transition"
    detail = "This payment does not wait for money that comes by hand."


class ExceedsDue(Conflict):
    code = "amount_exceeds_due"
    detail = "This is more than what is still due."


class ReferenceTaken(Conflict):
    code = "reference_taken"
    detail = "This reference was booked before, with another amount or for another payment."


@transaction.atomic
def begin(*, payment_id: UUID, method: str) -> Payment:
    """The shopper chose how to pay by hand: the goods are held as long as a transfer may take. Repeatable.

    Raises ReservationExpired. Cash on delivery confirms the order at once when `CASH_ON_DELIVERY_CONFIRMS` says so.
    """
    payment = locked(payment_id)
    order = payment.order
    payment.manual_method, payment.method = method, _WORDS[Method(method)]
    payment.status, payment.next_check_at = Payment.Status.PROCESSING, None
    payment.save()
    if order.status != Order.Status.PENDING:
        return payment
    if method == Method.CASH_ON_DELIVERY and settings.CASH_ON_DELIVERY_CONFIRMS:
        lifecycle.mark_paid(order=order, payment_status=order.payment_status)
    else:
        until = timezone.now() + timedelta(days=settings.BANK_TRANSFER_DAYS)
        if order.expires_at < until - timedelta(hours=1):
            lifecycle.hold_until(order=order, until=until)
    return payment


def instructions(payment: Payment) -> str:
    """What the shopper has to do, in the shop's words."""
    if payment.manual_method == Method.CASH_ON_DELIVERY:
        return "Pay in cash when the goods arrive."
    return f"{settings.BANK_TRANSFER_INSTRUCTIONS} Reference: {payment.order.number}".strip()


@transaction.atomic
def mark_paid(
    *, payment_id: UUID, reference: str, amount: Decimal | None = None, actor: "User | None" = None
) -> Payment:
    """Staff's word that money has come; all that is due without an amount. One reference counts once.

    Raises NotFound, NotMarkable, ExceedsDue or ReferenceTaken.
    """
    payment = locked(payment_id)
    if payment.provider != Payment.Provider.MANUAL:
        raise NotMarkable
    before = PaymentEvent.objects.filter(
        provider=payment.provider, provider_reference=reference, kind=PaymentEvent.Kind.CAPTURED
    ).first()
    if before is not None:
        if before.payment_id != payment.pk or amount not in (None, before.amount):
            raise ReferenceTaken
        return payment
    due = min(payment.amount - payment.captured, _left_of_order(payment))
    wanted = due if amount is None else amount
    if wanted <= ZERO or wanted > due:
        raise ExceedsDue(extra={"due": money_json(due, payment.currency)})
    ledger.record(payment=payment, kind=PaymentEvent.Kind.CAPTURED, reference=reference, amount=wanted)
    payment.captured_at = timezone.now()
    if wanted == due:
        payment.status, payment.next_check_at = Payment.Status.SUCCEEDED, None
    payment.save()
    data = {"amount": str(wanted), "currency": payment.currency, "order_id": str(payment.order_id)}
    name = "payment.succeeded" if payment.status == Payment.Status.SUCCEEDED else "payment.received"
    events.record(name, target=payment, actor=actor, data=data)
    settlement.use_for_order(payment)
    return payment


def _left_of_order(payment: Payment) -> Decimal:
    """What the order costs, without units that were cancelled, and nobody has paid yet."""
    sums = ledger.sums_of_order(payment.order)
    return max(payment.order.due_total - sums.captured + refunds.for_cancelled_lines(payment.order), ZERO)
