"""Carts that were left: a reminder for who agreed to it, once per abandonment; the end of those long forgotten.

A change of the cart ends an abandonment; if the cart is left again, that is another one. The reminder itself is a mail
of apps/notifications, asked for by the event `cart.abandoned`.
"""

from datetime import timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.cart.models import Cart
from apps.cart.models.basket import CartQuerySet
from apps.cart.services import holds
from apps.common import events
from apps.common.housekeeping import BATCH

# Who switches reminders on, or was down for a week, does not write to everybody of the past.
WINDOW: Final = timedelta(days=3)


def remind(*, limit: int = BATCH) -> int:
    """Record `cart.abandoned` for carts that were left and not changed since; returns how many. Safe to run twice."""
    if not settings.CART_REMINDER_HOURS:
        return 0
    due = _due().order_by("updated_at").values_list("pk", flat=True)[:limit]
    return sum(_remind(cart_id) for cart_id in list(due))


def may_remind(cart_id: UUID) -> Cart | None:
    """The cart, if its holder still wants to hear of it and has not touched it since; asked when the mail is sent."""
    carts = Cart.objects.may_be_reminded().select_related("user")
    cart = carts.filter(pk=cart_id, reminded_at__isnull=False).first()
    return cart if cart is not None and cart.reminded_at and cart.reminded_at >= cart.updated_at else None


def delete_idle() -> int:
    """Delete carts that nobody changed for CART_EXPIRY_DAYS, with their addresses; returns how many. Safe to run twice.

    A cart that became an order stays, whatever its age: it explains what somebody pays for. Locked first: a cart that
    is being ordered right now is left to its order.
    """
    total = 0
    while deleted := _delete_batch():
        total += deleted
    return total


def _due() -> CartQuerySet:
    latest = timezone.now() - timedelta(hours=settings.CART_REMINDER_HOURS)
    return Cart.objects.may_be_reminded().left_behind(after=latest - WINDOW, before=latest)


@transaction.atomic
def _remind(cart_id: UUID) -> bool:
    cart = _due().lock_free().filter(pk=cart_id).first()
    if cart is None:
        return False
    # Not by save(): the reminder is no change of the cart.
    Cart.objects.filter(pk=cart.pk).update(reminded_at=timezone.now())
    events.record("cart.abandoned", target=cart)
    return True


@transaction.atomic
def _delete_batch() -> int:
    forgotten = Cart.objects.idle_since(timezone.now() - timedelta(days=settings.CART_EXPIRY_DAYS))
    carts = list(forgotten.order_by("pk").lock_free()[:BATCH])
    for cart in carts:
        holds.drop(cart)
    Cart.objects.filter(pk__in=[cart.pk for cart in carts]).delete()
    return len(carts)
