"""Checkout: a cart becomes an order, in one transaction.

The cart is locked, priced again, its stock reserved, everything a later change could alter is copied, and the cart is
closed. Either all of it happens or none.
"""

import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.cart.models import Cart
from apps.cart.services import contents, coupons, delivery, holds, promotion_use, quotes, shipping
from apps.cart.services.baskets import Owner
from apps.cart.services.checkout_details import CheckoutDetails, complete_for_order
from apps.cart.services.checkout_options import CartEmpty
from apps.cart.services.customers import Customer
from apps.common import events
from apps.common.errors import Conflict
from apps.common.money import Money
from apps.orders.models import Order, OrderStatusHistory
from apps.orders.services import frozen_lines
from apps.products.services import stock

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from apps.users.models import User

# No vowels, so no words; no 0, 1, I, L, O, U, so nothing to misread. Ten of them are 27^10 = 2 * 10^14 numbers.
_NUMBER_ALPHABET = "23456789BCDFGHJKMNPQRSTVWXZ"


class CartAlreadyOrdered(Conflict):
    code = "cart_already_ordered"
    detail = "This cart has already become an order."


@transaction.atomic
def place_order(*, owner: Owner, user: "User | AnonymousUser", details: CheckoutDetails) -> Order:
    """Turn the owner's cart into a pending order whose stock is held until `expires_at`.

    Raises Invalid (a detail is missing, no such quote), CartEmpty, CartAlreadyOrdered, VariantUnavailable,
    ShippingUnavailable, CouponExpired, CouponNotApplicable, QuoteExpired, PriceChanged or InsufficientStock; then
    nothing has changed. What is compared with the quote or the expected total is what is placed: one reading, made
    under the cart's lock. Who names neither gets a price of one consistent state of the shop.
    """
    cart = _locked_cart(owner)
    complete_for_order(cart, user, details)
    agreed = details.quote is not None or details.expected_total is not None
    basket = contents.load_basket(cart) if agreed else contents.load_settled(cart)
    _check(basket, details)
    order = _insert(basket, user)
    promotion_use.use(
        reference=order.pk,
        applied=basket.quote.promotions,
        customer=Customer.of(user, order.email),
        email=order.email,
    )
    _reserve(basket, order)
    Cart.objects.filter(pk=cart.pk).update(status=Cart.Status.ORDERED, updated_at=order.placed_at)
    events.record("order.placed", target=order, actor=user, data={"number": order.number})
    return order


def _locked_cart(owner: Owner) -> Cart:
    cart = Cart.objects.open_for(user_id=owner.user_id, token=owner.token).lock().first()
    if cart is not None:
        return cart
    ordered = Cart.objects.filter(status=Cart.Status.ORDERED)
    if owner.user_id is None and owner.token is not None and ordered.filter(token=owner.token).exists():
        raise CartAlreadyOrdered
    raise CartEmpty


def _check(basket: contents.Basket, details: CheckoutDetails) -> None:
    quotes.check_orderable(basket)
    expected = details.expected_total
    if details.quote is not None:
        quotes.check_quote(basket, details.quote)
    elif expected is None or expected != Money(basket.quote.total, basket.quote.currency):
        # Whoever relies on a price has accepted it with the coupons that count for it.
        coupons.check_placeable(basket)
    if expected is not None:
        quotes.check_total(basket, expected)


def _reserve(basket: contents.Basket, order: Order) -> None:
    cart = basket.cart
    holding = holds.are_wanted() or any(line.held for line in basket.lines)
    try:
        stock.reserve(
            reference=order.pk,
            lines=[stock.StockLine(line.variant, line.quantity) for line in basket.quote.lines],
            expires_at=order.expires_at,
            destination=contents.stock_destination(cart),
            replaces=[cart.pk] if holding else [],
        )
    except stock.InsufficientStock as shortage:
        raise quotes.with_shortage(basket, shortage) from None


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
