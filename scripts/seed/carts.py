"""A cart that was left: the reminder goes out soon after the demo shop has started."""

from datetime import datetime, timedelta
from typing import Final

from apps.cart.models import Cart
from apps.cart.services import baskets
from apps.cart.services.baskets import Owner, Wanted
from apps.products.models import Product, ProductVariant, available_of
from scripts.seed.clock import at

LEFT_BY: Final = "noor.haddad@example.com"
_LEFT_AGO: Final = timedelta(hours=6)
_UNITS: Final = 10


def seed_abandoned_cart(*, now: datetime) -> None:
    """A guest's cart of two lines, left some hours ago, whose holder agreed to be reminded."""
    if Cart.objects.filter(email=LEFT_BY).exists():
        return
    stocked = ProductVariant.objects.filter(product__status=Product.Status.ACTIVE, archived_at=None)
    plenty = stocked.annotate(units=available_of("pk")).filter(units__gte=_UNITS)
    skus = list(plenty.order_by("sku").values_list("sku", flat=True)[:2])
    with at(now - _LEFT_AGO):
        basket = baskets.add_items(Owner(), wanted=[Wanted(sku) for sku in skus])
        owner = Owner(token=basket.cart.token)
        baskets.describe(owner, changes={"email": LEFT_BY, "marketing_consent": True})
