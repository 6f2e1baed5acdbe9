"""What is in a cart and what it costs right now: one read of the lines, one pure quote, and the warnings they give."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection
from django.db.models import F, TextField
from django.db.models.expressions import RawSQL
from django.utils import timezone

from apps.cart.models import Cart, CartItem, Coupon, ShippingMethod
from apps.cart.pricing.terms import PriceLine, PricingInput, Quote, QuotedLine, Rounding
from apps.cart.services import holds, shipping, taxes
from apps.cart.services.pricing import quote
from apps.cart.services.promotion_rules import Offers, offers_for
from apps.common.errors import Unavailable
from apps.products.models import Product, available_of
from apps.products.services import prices, tree
from apps.products.services.allocation import Destination
from apps.products.services.prices import Asked, Conversion, PricePoint

_MOMENT = RawSQL("pg_current_snapshot()::text", (), output_field=TextField())
_READINGS = 10


class PricesInMotion(Unavailable):
    detail = "Prices change faster than they can be read. Try again shortly."


@dataclass(frozen=True, slots=True)
class Line:
    """A cart line as it stands now. `seen_price` is what it cost when the shopper last acted on it."""

    id: UUID
    variant_id: UUID
    product_id: UUID
    category_id: UUID
    brand: str
    tax_category: str
    weight_grams: int
    product_slug: str
    sku: str
    name: str
    options: Mapping[str, str]
    thumbnail: str
    quantity: int
    unit_price: Decimal
    seen_price: Decimal
    available: int
    sellable: bool
    price_source: str = prices.LIST_PRICE
    held: int = 0
    """Units of it that the cart holds itself, by a quote or because the shop holds what is in carts."""
    min_quantity: int = 1
    max_quantity: int | None = None
    note: str = ""
    gift_wrap: bool = False
    gift_message: str = ""

    @property
    def quantity_allowed(self) -> bool:
        """Whether the variant's own limits, which may have changed, allow so many units."""
        return self.quantity == self.nearest_quantity

    @property
    def nearest_quantity(self) -> int:
        """The quantity, brought within the variant's limits."""
        return max(self.min_quantity, min(self.quantity, self.max_quantity or self.quantity))


@dataclass(frozen=True, slots=True)
class Basket:
    """A cart with its lines and its price. Lines that cannot be sold any more are shown but not priced."""

    cart: Cart
    lines: tuple[Line, ...]
    pricing: PricingInput
    quote: Quote
    shipping: shipping.Option | None
    """The chosen method; it is priced only while it serves."""
    coupons: tuple[Coupon, ...] = ()
    """Those on the cart, whether they apply or not; see services/coupons.py."""
    conversion: Conversion | None = None
    moment: str = ""
    """The database's snapshot in which the lines were read; empty without lines."""
    saved: tuple[Line, ...] = ()
    """Lines put aside for later: not priced, not counted, not ordered."""

    @property
    def shipping_method(self) -> ShippingMethod | None:
        """The chosen method, while it serves."""
        return self.shipping.method if self.shipping is not None and not self.shipping.reason else None

    @property
    def item_count(self) -> int:
        return sum(line.quantity for line in self.lines)

    def quoted(self) -> dict[UUID, QuotedLine]:
        """Quoted lines by cart line id."""
        return {line.key: line for line in self.quote.lines}

    @property
    def gifts(self) -> list[QuotedLine]:
        """What promotions add to the lines."""
        return [line for line in self.quote.lines if line.gift_of]


@dataclass(frozen=True, slots=True)
class _Lines:
    wanted: tuple[Line, ...] = ()
    saved: tuple[Line, ...] = ()
    moment: str = ""


def _load_lines(cart: Cart, *, conversion: Conversion | None, now: datetime) -> _Lines:
    """The cart's lines with present prices and stock, and the snapshot they were read in; two statements at most."""
    if cart._state.adding:
        return _Lines()
    rows = list(
        CartItem.objects.filter(cart=cart)
        .annotate(available=available_of("variant"), own=holds.units_of("variant", cart=cart, now=now), moment=_MOMENT)
        .order_by("id")
        .values(
            "id",
            "variant_id",
            "quantity",
            "available",
            "own",
            "moment",
            "is_saved",
            "note",
            "gift_wrap",
            "gift_message",
            min_quantity=F("variant__min_quantity"),
            max_quantity=F("variant__max_quantity"),
            seen_price=F("unit_price"),
            product_id=F("variant__product_id"),
            category_id=F("variant__product__category_id"),
            brand=F("variant__product__brand"),
            tax_category=F("variant__product__tax_category"),
            weight_grams=F("variant__weight_grams"),
            product_slug=F("variant__product__slug"),
            product_name=F("variant__product__name"),
            product_status=F("variant__product__status"),
            thumbnail=F("variant__product__thumbnail"),
            sku=F("variant__sku"),
            variant_name=F("variant__name"),
            options=F("variant__options"),
            price=F("variant__price"),
            compare_at=F("variant__compare_at_price"),
            priced_in=F("variant__currency"),
            archived_at=F("variant__archived_at"),
        )
    )
    priced = _prices(cart, rows, conversion, now)
    lines = [(row["is_saved"], _line(row, priced)) for row in rows]
    return _Lines(
        wanted=tuple(line for is_saved, line in lines if not is_saved),
        saved=tuple(line for is_saved, line in lines if is_saved),
        moment=rows[0]["moment"] if rows else "",
    )


def load_basket(
    cart: Cart, *, chosen: shipping.Option | None = None, shipping_address: Mapping[str, str] | None = None
) -> Basket:
    """The cart priced now, for its own choice of shipping and address or for the given ones.

    A chosen method that no longer serves the address is left out of the price; the checkout refuses it.
    """
    address = shipping_address or destination(cart)
    now = timezone.now()
    conversion = prices.conversion(cart.currency, now)
    loaded = _load_lines(cart, conversion=conversion, now=now)
    lines = loaded.wanted
    option = chosen or _chosen_method(cart, lines, address, conversion)
    units = {line.variant_id: line.quantity for line in lines if line.sellable}
    offers = offers_for(cart, units=units, now=now, conversion=conversion)
    pricing = pricing_input(cart, lines, option=option, address=address, offers=offers, now=now)
    return Basket(cart, lines, pricing, quote(pricing), option, offers.coupons, conversion, loaded.moment, loaded.saved)


def load_settled(cart: Cart) -> Basket:
    """The locked cart priced in one consistent state of the shop, for quotes and orders.

    A price is read in several statements, and each sees what had been committed when it began: a new price and an old
    promotion could meet that never stood side by side. Where nothing was committed in between, that cannot be; else
    the cart is read until two readings agree, for then both show what stood at the moment between them (unless a
    change was made and taken back within those milliseconds).
    """
    basket = load_basket(cart)
    if not basket.lines or nothing_committed_since(basket.moment):
        return basket
    for _ in range(_READINGS):
        again = load_basket(cart)
        if _agree(basket, again):
            return again
        basket = again
    raise PricesInMotion


def _agree(one: Basket, other: Basket) -> bool:
    """Whether two readings saw the same. The clock moves, and how many gifts are left matters by what was given."""
    plain = [replace(each.pricing, now=one.pricing.now, gifts=()) for each in (one, other)]
    return plain[0] == plain[1] and one.quote.lines == other.quote.lines


def nothing_committed_since(moment: str) -> bool:
    """Whether no transaction of the whole database server ended since that snapshot."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_snapshot()::text")
        return bool(cursor.fetchone() == (moment,))


def destination(cart: Cart) -> Mapping[str, str] | None:
    """Where the goods change hands: the store that they are collected in, else the shipping address."""
    store = cart.pickup_store
    if store is None:
        return cart.shipping_address
    return {
        "line1": store.line1,
        "city": store.city,
        "region": store.region,
        "postal_code": store.postal_code,
        "country": store.country,
    }


def stock_destination(cart: Cart) -> Destination:
    """Where the goods go, for the choice of warehouses."""
    address, store = destination(cart) or {}, cart.pickup_store
    return Destination(
        country=address.get("country", ""),
        region=address.get("region", ""),
        latitude=float(store.latitude) if store else None,
        longitude=float(store.longitude) if store else None,
    )


def load_of(lines: tuple[Line, ...]) -> shipping.Load:
    """What the lines that can be sold weigh."""
    sold = [line for line in lines if line.sellable]
    return shipping.Load(
        grams=sum(line.weight_grams * line.quantity for line in sold),
        heaviest=max((line.weight_grams for line in sold), default=0),
    )


def shipping_price(basket: Basket, option: shipping.Option) -> Decimal:
    """What shipping this basket by another method would cost, promotions included."""
    return quote(replace(basket.pricing, shipping=option.rule)).shipping


def _chosen_method(
    cart: Cart, lines: tuple[Line, ...], address: Mapping[str, str] | None, conversion: Conversion | None
) -> shipping.Option | None:
    if not cart.shipping_method:
        return None
    found = shipping.options(
        address, load_of(lines), currency=cart.currency, code=cart.shipping_method, conversion=conversion
    )
    return found[0] if found else None


def pricing_input(
    cart: Cart,
    lines: tuple[Line, ...],
    *,
    option: shipping.Option | None,
    address: Mapping[str, str] | None,
    offers: Offers,
    now: datetime,
) -> PricingInput:
    """Everything the price of these lines depends on, read at `now`; lines that cannot be sold are left out."""
    sold = [line for line in lines if line.sellable]
    if not sold:
        return PricingInput(currency=cart.currency, lines=(), now=now, prices_include_tax=settings.PRICES_INCLUDE_TAX)
    lineage = tree.lineages() if any(rule.conditions.categories for rule in offers.rules) else {}
    return PricingInput(
        currency=cart.currency,
        lines=tuple(_price_line(line, lineage) for line in sold),
        now=now,
        zone=ZoneInfo(settings.SHOP_TIME_ZONE),
        country=address["country"] if address else "",
        channel=cart.channel,
        shopper=offers.shopper,
        promotions=offers.rules,
        gifts=offers.gifts,
        shipping=option.rule if option else None,
        taxes=taxes.rules_for(address, user_id=cart.user_id, vat_number=cart.vat_number, now=now),
        prices_include_tax=settings.PRICES_INCLUDE_TAX,
        rounding=Rounding(settings.TAX_ROUNDING_LEVEL, settings.TAX_ROUNDING_MODE),
    )


def _price_line(line: Line, lineage: Mapping[UUID, frozenset[UUID]]) -> PriceLine:
    return PriceLine(
        key=line.id,
        variant=line.variant_id,
        quantity=line.quantity,
        unit_price=line.unit_price,
        product=line.product_id,
        categories=lineage.get(line.category_id, frozenset({line.category_id})),
        brand=line.brand,
        sku=line.sku,
        tax_category=line.tax_category,
        weight_grams=line.weight_grams,
        price_source=line.price_source,
    )


def _prices(
    cart: Cart, rows: Sequence[Mapping[str, Any]], conversion: Conversion | None, now: datetime
) -> Mapping[UUID, PricePoint]:
    # A variant both in the cart and saved is asked for once, by what is in the cart.
    asked = {
        row["variant_id"]: Asked(row["variant_id"], row["quantity"], row["price"], row["compare_at"], row["priced_in"])
        for row in sorted(rows, key=lambda row: not row["is_saved"])
    }
    return prices.resolve(
        lines=list(asked.values()),
        currency=cart.currency,
        at=now,
        customer_id=cart.user_id,
        rate=conversion.rate if conversion is not None else None,
    )


def _line(row: Mapping[str, Any], priced: Mapping[UUID, PricePoint]) -> Line:
    price = priced.get(row["variant_id"])
    # Without a price in the cart's currency it cannot be sold.
    is_sold = row["archived_at"] is None and row["product_status"] == Product.Status.ACTIVE
    return Line(
        id=row["id"],
        variant_id=row["variant_id"],
        product_id=row["product_id"],
        category_id=row["category_id"],
        brand=row["brand"],
        tax_category=row["tax_category"],
        weight_grams=row["weight_grams"],
        product_slug=row["product_slug"],
        sku=row["sku"],
        name=_name(row),
        options=row["options"],
        thumbnail=row["thumbnail"],
        quantity=row["quantity"],
        unit_price=price.amount if price is not None else row["seen_price"],
        seen_price=row["seen_price"],
        available=max(0, row["available"]) + row["own"],
        sellable=is_sold and price is not None,
        price_source=price.source if price is not None else prices.LIST_PRICE,
        held=row["own"],
        min_quantity=row["min_quantity"],
        max_quantity=row["max_quantity"],
        note=row["note"],
        gift_wrap=row["gift_wrap"],
        gift_message=row["gift_message"],
    )


def _name(row: Mapping[str, Any]) -> str:
    """The product's name, with the variant's where no options tell the variants apart."""
    if row["variant_name"] and not row["options"]:
        return f"{row['product_name']} ({row['variant_name']})"
    return str(row["product_name"])
