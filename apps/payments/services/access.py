"""Who may see a payment: whoever may see its order."""

from typing import TYPE_CHECKING
from uuid import UUID

from apps.common.errors import NotFound
from apps.orders.services.access import find_order
from apps.payments.models import Payment

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from apps.users.models import User


def find_payment(*, payment_id: UUID, user: "User | AnonymousUser", order_token: str | None) -> Payment:
    """The payment, if its order is the caller's. Raises NotFound for everybody else, whether it exists or not."""
    payment = Payment.objects.select_related("order").filter(pk=payment_id).first()
    if payment is None:
        raise NotFound
    find_order(order_id=payment.order_id, user=user, order_token=order_token)
    return payment
