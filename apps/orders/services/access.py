"""Who may see an order: its customer, or a guest who holds its token.

A guest's token is an HMAC of the order's id under the server's secret: nothing is stored, nothing can be guessed, and
it can be made again for somebody who knows the number and the e-mail.
"""

from typing import TYPE_CHECKING
from uuid import UUID

from django.utils.crypto import constant_time_compare, salted_hmac

from apps.common.errors import NotFound
from apps.orders.models import Order

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from apps.users.models import User

_SALT = "orders.guest-token"


def order_token(order_id: UUID) -> str:
    """The secret that opens a guest's order."""
    return salted_hmac(_SALT, str(order_id), algorithm="sha256").hexdigest()


def find_order(*, order_id: UUID, user: "User | AnonymousUser", order_token: str | None) -> Order:
    """The order, if it is the caller's. Raises NotFound for everybody else, whether it exists or not."""
    if order_token is not None and _opens(order_id, order_token):
        order = Order.objects.filter(pk=order_id, user=None).first()
    else:
        order = Order.objects.visible_to(user).filter(pk=order_id).first()
    if order is None:
        raise NotFound
    return order


def find_guest_order(*, number: str, email: str) -> Order:
    """A guest's order by the number and e-mail on its mails. Raises NotFound unless both fit."""
    order = Order.objects.filter(number=number.strip().upper(), email=email.strip().lower(), user=None).first()
    if order is None:
        raise NotFound
    return order


def _opens(order_id: UUID, token: str) -> bool:
    return constant_time_compare(salted_hmac(_SALT, str(order_id), algorithm="sha256").hexdigest(), token)
