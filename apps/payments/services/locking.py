"""A payment with its order, both locked."""

from uuid import UUID

from apps.common.errors import NotFound
from apps.orders.models import Order
from apps.payments.models import Payment


def locked(payment_id: UUID) -> Payment:
    """The payment, after its order (docs/locking.md). Raises NotFound. Only inside a transaction."""
    order_id = Payment.objects.filter(pk=payment_id).values_list("order_id", flat=True).first()
    if order_id is None:
        raise NotFound
    order = Order.objects.lock().get(pk=order_id)
    payment = Payment.objects.lock().get(pk=payment_id)
    payment.order = order
    return payment
