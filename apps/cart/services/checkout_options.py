"""What a shopper may choose at checkout."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from django.utils import timezone

from apps.cart.models import ShippingMethod
from apps.cart.pricing.delivery_dates import Delivery
from apps.cart.services import baskets, contents, delivery, shipping
from apps.cart.services.baskets import Owner
from apps.common.errors import Conflict, Invalid
from apps.products.models import Store


class CartEmpty(Conflict):
    code = "cart_empty"
    detail = "There is nothing in the cart."


@dataclass(frozen=True, slots=True)
class ShippingOffer:
    """A method, what it would cost this cart, when it would arrive, and where it could be collected."""

    method: ShippingMethod
    price: Decimal
    free_over: Decimal | None
    currency: str
    delivery: Delivery
    stores: tuple[Store, ...]


@dataclass(frozen=True, slots=True)
class Offers:
    """The methods that serve, and why the others do not."""

    served: tuple[ShippingOffer, ...]
    refused: tuple[shipping.Option, ...]


def shipping_offers(owner: Owner, *, address: Mapping[str, str] | None) -> Offers:
    """Each method at what it costs the owner's cart at the address (None: the cart's own), promotions included.

    Raises CartEmpty, or Invalid (address_incomplete) when nobody has said where to.
    """
    basket = baskets.view(owner, shipping_address=address)
    if not basket.lines:
        raise CartEmpty
    place = address or basket.cart.shipping_address
    if not place:
        raise Invalid.field("/country", "address_incomplete", "Say where to, here or in the cart.")
    load = contents.load_of(basket.lines)
    found = shipping.options(place, load, currency=basket.cart.currency, conversion=basket.conversion)
    stores = shipping.stores_of([option.method for option in found], country=place["country"])
    found = [shipping.with_stores(option, stores) for option in found]
    served = [option for option in found if not option.reason]
    days = delivery.estimates([option.method for option in served], country=place["country"], now=timezone.now())
    return Offers(
        served=tuple(
            ShippingOffer(
                option.method,
                contents.shipping_price(basket, option),
                option.rule.free_over if option.rule is not None else None,
                basket.cart.currency,
                days[option.method.pk],
                tuple(stores.get(option.method.pk, ())),
            )
            for option in served
        ),
        refused=tuple(option for option in found if option.reason),
    )
