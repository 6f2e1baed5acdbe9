"""What returned goods were worth pays for their replacement; the difference is refunded, or still to be paid."""

from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from apps.common import events
from apps.common.models import new_id
from apps.common.money import ZERO
from apps.orders.models import Order
from apps.payments.models import Payment, PaymentEvent
from apps.payments.services import ledger, refunds, settlement, store_credit


@transaction.atomic
def settle_exchange(*, order_id: UUID, replacement_id: UUID, amount: Decimal, number: str, return_id: UUID) -> None:
    """Move a completed return's worth to the replacement order, once; what that does not cost goes back to the buyer.

    At most what is left of the money that came for the returned order.
    """
    # Two orders: by primary key, as whoever locks many.
    orders = {
        order.pk: order for order in Order.objects.lock().filter(pk__in=[order_id, replacement_id]).order_by("pk")
    }
    order, replacement = orders[order_id], orders[replacement_id]
    reference = f"exchange_{return_id}"
    if Payment.objects.filter(provider=Payment.Provider.EXCHANGE, provider_reference=reference).exists():
        return
    worth = min(amount, store_credit.left_of_order(order))
    moved = min(worth, replacement.total)
    if moved > ZERO:
        payment = _pay(replacement, moved, reference, number)
        data = {"returned_order_id": str(order.pk), "amount": str(moved), "return_number": number}
        events.record("payment.moved", target=payment, data=data)
    refunds.refund_rest_of_return(order, amount=worth - moved, number=number, return_id=return_id)


def _pay(replacement: Order, amount: Decimal, reference: str, number: str) -> Payment:
    payment = Payment.objects.create(
        id=new_id(),
        order=replacement,
        provider=Payment.Provider.EXCHANGE,
        provider_reference=reference,
        status=Payment.Status.SUCCEEDED,
        amount=amount,
        currency=replacement.currency,
        method=f"return {number}",
        captured_at=timezone.now(),
    )
    ledger.record(payment=payment, kind=PaymentEvent.Kind.CAPTURED, reference=reference, amount=amount)
    data = {"order_id": str(replacement.pk), "amount": str(amount), "currency": replacement.currency}
    events.record("payment.succeeded", target=payment, data=data)
    settlement.use_for_order(payment)
    return payment
