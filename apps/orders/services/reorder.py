"""Buying the same again: an order's lines into the cart."""

from dataclasses import dataclass

from django.db import transaction

from apps.cart.services import baskets
from apps.cart.services.baskets import Owner
from apps.common.errors import Problem
from apps.orders.models import Order


@dataclass(frozen=True, slots=True)
class Unavailable:
    """A line that could not be put into the cart, and why."""

    sku: str
    code: str
    detail: str


@transaction.atomic
def reorder(*, order: Order, owner: Owner) -> tuple[list[str], list[Unavailable]]:
    """Put an order's lines into the owner's cart, at today's prices; answers the SKUs put in and those that were not.

    Gifts are left out: promotions give them anew. What is not sold any more, or not in that quantity, is left out too.
    """
    added: list[str] = []
    unavailable: list[Unavailable] = []
    for item in order.items.filter(gift_of=None).select_related("variant"):
        try:
            with transaction.atomic():
                baskets.add_item(owner, sku=item.variant.sku, quantity=item.quantity)
            added.append(item.variant.sku)
        except Problem as refusal:
            unavailable.append(Unavailable(item.sku, refusal.code, refusal.detail))
    return added, unavailable
