"""Stock held for a cart: while it is in there, where the shop wants it so (CART_HOLD_MINUTES), and while it is quoted.

A cart has one hold, by its own key: a quote's takes the place of the cart's, and the order's of either.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import OuterRef, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from apps.cart.models import Cart, CartItem
from apps.products.models import Product, StockReservation
from apps.products.services import stock
from apps.products.services.allocation import Destination


def are_wanted() -> bool:
    """Whether carts hold stock in this shop."""
    return bool(settings.CART_HOLD_MINUTES)


def renew(cart: Cart) -> None:
    """Hold what is in the locked cart, from now on for the shop's time. Raises InsufficientStock."""
    if not are_wanted():
        return
    sold = (
        CartItem.objects.wanted()
        .filter(cart=cart, variant__archived_at=None, variant__product__status=Product.Status.ACTIVE)
        .values_list("variant_id", "quantity")
    )
    stock.reserve(
        reference=cart.pk,
        lines=[stock.StockLine(variant_id, quantity) for variant_id, quantity in sold],
        expires_at=timezone.now() + timedelta(minutes=settings.CART_HOLD_MINUTES),
        purpose=StockReservation.Purpose.CART,
        replaces=[cart.pk],
    )


def try_to_renew(cart: Cart) -> None:
    """The same where a shopper must not be refused: merging, taking less. What is gone is shown as a warning."""
    try:
        with transaction.atomic():
            renew(cart)
    except stock.InsufficientStock:
        stock.release(reference=cart.pk)


def hold_quoted(
    cart: Cart, *, lines: Sequence[stock.StockLine], expires_at: datetime, destination: Destination
) -> None:
    """Hold what was quoted, in place of whatever the locked cart holds. Raises InsufficientStock."""
    stock.reserve(
        reference=cart.pk,
        lines=lines,
        expires_at=expires_at,
        purpose=StockReservation.Purpose.QUOTE,
        destination=destination,
        replaces=[cart.pk],
    )


def drop(cart: Cart) -> None:
    """Hold nothing for this cart any more."""
    stock.release(reference=cart.pk)


def units_of(variant: str, *, cart: Cart, now: datetime) -> Coalesce:
    """An expression: units of the variant (named by its column) that the cart holds; to itself they are available."""
    held = StockReservation.objects.filter(
        reference=cart.pk, level__variant=OuterRef(variant), status=StockReservation.Status.HELD, expires_at__gt=now
    )
    total = held.order_by().values("reference").annotate(units=Sum("quantity")).values("units")
    return Coalesce(Subquery(total), 0)


def units_held(cart: Cart, variants: Collection[UUID]) -> Counter[UUID]:
    """The same of some variants, as numbers."""
    held = StockReservation.objects.filter(
        reference=cart.pk,
        level__variant__in=variants,
        status=StockReservation.Status.HELD,
        expires_at__gt=timezone.now(),
    )
    return Counter(dict(held.order_by().values_list("level__variant").annotate(units=Sum("quantity"))))
