"""Checkout: a cart becomes an order, in one transaction.

The cart is locked, priced again, its stock reserved, everything a later change could alter is copied, and the cart is
closed. Either all of it happens or none.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.cart.models import Cart
from apps.cart.services import contents, coupons, delivery, holds, promotion_use, shipping
from apps.cart.services.baskets import Owner, VariantUnavailable, choose_store
from apps.cart.services.checkout_options import CartEmpty
from apps.cart.services.customers import Customer
from apps.common import events
from apps.common.errors import Conflict, FieldError, Invalid
from apps.common.money import Money
from apps.orders.models import Order, OrderStatusHistory
from apps.orders.services import frozen_lines
from apps.products.services import stock
from apps.products.services.allocation import Destination

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from apps.users.models import User

# No vowels, so no words; no 0, 1, I, L, O, U, so nothing to misread. Ten of them are 27^10 = 2 * 10^14 numbers.
_NUMBER_ALPHABET = "23456789BCDFGHJKMNPQRSTVWXZ"


class PriceChanged(Conflict):
    code = "price_changed"
    detail = "The total differs from the one you expected."


class CartAlreadyOrdered(Conflict):
    code = "cart_already_ordered"
    detail = "This cart has already become an order."


@dataclass(frozen=True, slots=True)
class CheckoutDetails:
    """What the shopper says at checkout; what is None is taken from the cart, then from the account.

    Addresses are validated dicts of `validate_address`.
    """

    email: str | None = None
    shipping_address: dict[str, str] | None = None
    billing_address: dict[str, str] | None = None
    shipping_method: str | None = None
    pickup_store: str | None = None
    note: str | None = None
    expected_total: Money | None = None


@transaction.atomic
def place_order(*, owner: Owner, user: "User | AnonymousUser", details: CheckoutDetails) -> Order:
    """Turn the owner's cart into a pending order whose stock is held until `expires_at`.

    Raises Invalid (a detail is missing), CartEmpty, CartAlreadyOrdered, VariantUnavailable, ShippingUnavailable,
    CouponExpired, CouponNotApplicable, PriceChanged or InsufficientStock; then nothing has changed.
    """
    cart = _locked_cart(owner)
    _complete(cart, user, details)
    basket = contents.load_basket(cart)
    _check(basket, details.expected_total)
    order = _insert(basket, user)
    promotion_use.use(
        reference=order.pk,
        applied=basket.quote.promotions,
        customer=Customer.of(user, order.email),
        email=order.email,
    )
    stock.reserve(
        reference=order.pk,
        lines=[stock.StockLine(line.variant, line.quantity) for line in basket.quote.lines],
        expires_at=order.expires_at,
        destination=_destination(cart),
        replaces=[cart.pk] if holds.are_wanted() else [],
    )
    Cart.objects.filter(pk=cart.pk).update(status=Cart.Status.ORDERED, updated_at=order.placed_at)
    events.record("order.placed", target=order, actor=user, data={"number": order.number})
    return order


def _destination(cart: Cart) -> Destination:
    """Where the goods go, for the choice of warehouses."""
    address, store = contents.destination(cart) or {}, cart.pickup_store
    return Destination(
        country=address.get("country", ""),
        region=address.get("region", ""),
        latitude=float(store.latitude) if store else None,
        longitude=float(store.longitude) if store else None,
    )


def _locked_cart(owner: Owner) -> Cart:
    cart = Cart.objects.open_for(user_id=owner.user_id, token=owner.token).lock().first()
    if cart is not None:
        return cart
    ordered = Cart.objects.filter(status=Cart.Status.ORDERED)
    if owner.user_id is None and owner.token is not None and ordered.filter(token=owner.token).exists():
        raise CartAlreadyOrdered
    raise CartEmpty


def _complete(cart: Cart, user: "User | AnonymousUser", details: CheckoutDetails) -> None:
    """Lay the details over the cart in memory. Raises Invalid naming what nobody has said."""
    cart.email = details.email or cart.email or (user.email if user.is_authenticated else "")
    cart.shipping_address = details.shipping_address or cart.shipping_address
    cart.billing_address = details.billing_address or cart.billing_address or cart.shipping_address
    _choose_shipping(cart, details)
    cart.note = cart.note if details.note is None else details.note
    wanted = ["email", "shipping_address", "shipping_method"]
    if cart.pickup_store is not None:
        # Nothing is sent: the bill alone needs an address.
        wanted[1] = "billing_address"
    missing = [name for name in wanted if not getattr(cart, name)]
    if missing:
        raise Invalid(errors=[FieldError("required", "This field is required.", f"/{name}") for name in missing])


def _choose_shipping(cart: Cart, details: CheckoutDetails) -> None:
    wanted: dict[str, Any] = {}
    if details.shipping_method:
        wanted["shipping_method"] = details.shipping_method
    if details.pickup_store:
        wanted["pickup_store"] = details.pickup_store
    choose_store(cart, wanted)
    for name, value in wanted.items():
        setattr(cart, name, value)


def _check(basket: contents.Basket, expected: Money | None) -> None:
    if not basket.lines:
        raise CartEmpty
    gone = [line.sku for line in basket.lines if not line.sellable]
    if gone:
        raise VariantUnavailable(extra={"items": [{"sku": sku} for sku in gone]})
    shipping.check_choice(basket.shipping, basket.cart.pickup_store)
    total = Money(basket.quote.total, basket.quote.currency)
    if expected == total:
        return
    coupons.check_placeable(basket)
    if expected is not None:
        raise PriceChanged(extra={"expected_total": expected.as_json(), "total": total.as_json()})


def _insert(basket: contents.Basket, user: "User | AnonymousUser") -> Order:
    cart, quote, now = basket.cart, basket.quote, timezone.now()
    rate = basket.conversion.rate if basket.conversion is not None else None
    order = Order.objects.create(
        number=new_number(),
        user_id=user.pk if user.is_authenticated else None,
        cart=cart,
        email=cart.email.lower(),
        currency=quote.currency,
        exchange_rate=rate.rate if rate is not None else None,
        exchange_rate_on=rate.date if rate is not None else None,
        subtotal=quote.subtotal,
        discount_total=quote.discount,
        shipping_total=quote.shipping,
        tax_total=quote.tax,
        total=quote.total,
        tax_included=quote.prices_include_tax,
        tax_exemption=quote.exemption,
        tax_rounding_level=quote.rounding.level,
        tax_rounding_mode=quote.rounding.mode,
        vat_number=cart.vat_number,
        vat_number_check=cart.vat_number_check,
        **_shipping(basket, now),
        billing_address=cart.billing_address,
        note=cart.note,
        placed_at=now,
        expires_at=now + timedelta(minutes=settings.RESERVATION_MINUTES),
    )
    frozen_lines.copy(basket, order)
    OrderStatusHistory.objects.create(
        order=order,
        to_status=order.status,
        actor="customer" if user.is_authenticated else "guest",
        actor_id=user.pk if user.is_authenticated else None,
    )
    return order


def _shipping(basket: contents.Basket, now: datetime) -> dict[str, Any]:
    """The columns that tell how, when and where to the goods go."""
    cart, chosen = basket.cart, basket.shipping
    address = contents.destination(cart)
    if chosen is None or address is None:
        raise shipping.ShippingUnavailable("unknown_method")
    days = delivery.estimates([chosen.method], country=address["country"], now=now)[chosen.method.pk]
    store = cart.pickup_store
    of_store = dict(cart.billing_address or {}) | dict(address) | {"line2": "", "company": ""}
    return {
        "shipping_method": chosen.method.code,
        "shipping_method_name": chosen.method.name,
        "delivery_earliest": days.earliest,
        "delivery_latest": days.latest,
        "pickup_store": {"slug": store.slug, "name": store.name, **address} if store is not None else None,
        "shipping_address": cart.shipping_address or of_store,
    }


def new_number() -> str:
    """A short order number that cannot be guessed from another; the unique constraint watches over it."""
    return "TP-" + "".join(secrets.choice(_NUMBER_ALPHABET) for _ in range(10))
