"""A guest's orders become a customer's, once the customer has proven the e-mail they were placed with."""

from typing import TYPE_CHECKING

from django.db import transaction

from apps.common import events
from apps.common.errors import Forbidden
from apps.orders.models import Order
from apps.products.services import reviews

if TYPE_CHECKING:
    from apps.users.models import User


class EmailUnverified(Forbidden):
    code = "email_unverified"
    detail = "Confirm your e-mail address first."


@transaction.atomic
def claim(*, user: "User") -> list[Order]:
    """Take over the guest orders of the customer's own, proven e-mail; returns those taken now. Repeatable.

    Raises EmailUnverified. An order that belongs to an account is never touched.
    """
    if user.email_verified_at is None:
        raise EmailUnverified
    orders = list(Order.objects.lock().filter(user=None, email=user.email.lower()).order_by("pk"))
    for order in orders:
        order.user = user
        order.save(update_fields=["user", "updated_at"])
        events.record("order.claimed", target=order, actor=user, data={"number": order.number})
    bought = [order for order in orders if order.confirmed_at is not None and order.status != Order.Status.CANCELLED]
    products = {item.product_id for order in bought for item in order.items.all()}
    if products:
        reviews.note_purchases(user_id=user.pk, product_ids=sorted(products))
    return orders
