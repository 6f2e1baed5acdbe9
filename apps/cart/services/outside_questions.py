"""What the price of a cart needs from services outside, asked before a transaction begins."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from apps.cart.gateways.carriers import carrier
from apps.cart.gateways.tax_engines import tax_engine
from apps.cart.models import Cart
from apps.cart.services import contents, shipping
from apps.common.errors import Problem

_ASKED_ABOUT = ("shipping_address", "shipping_method")


def are_needed() -> bool:
    """Whether the shop uses a service that is asked over the network."""
    if tax_engine().calls_network:
        return True
    found = (carrier(key) for key in settings.SHIPPING_CARRIERS)
    return any(rates is not None and rates.calls_network for rates in found)


def ask_ahead(carts: "QuerySet[Cart]", changes: Mapping[str, Any]) -> None:
    """Have the answers ready that the one cart of `carts` needs with these changes of address, method and store.

    Without such services, or without a cart, it does nothing. It never fails: what is wrong with the changes is said by
    the one who makes them.
    """
    if not are_needed():
        return
    cart = carts.first()
    if cart is None:
        return
    try:
        for name in _ASKED_ABOUT:
            if changes.get(name):
                setattr(cart, name, changes[name])
        if changes.get("pickup_store"):
            cart.pickup_store = shipping.store_of(changes["pickup_store"])
        contents.load_basket(cart)
    except Problem:
        return
