"""Replacement orders: the goods that a buyer wants instead of returned ones, at the price that was paid.

Goods are exchanged within a product: another size, another colour. A unit of the replacement costs what the returned
unit cost, discount included, plus today's difference between the two list prices; tax is taken at the returned line's
rates. docs/decisions says why.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.cart.pricing.spreading import spread
from apps.common import events
from apps.common.errors import Invalid
from apps.common.models import new_id
from apps.common.money import ZERO, round_money
from apps.orders.models import Order, OrderExplanation, OrderItem, OrderStatusHistory, OrderTax, Return, ReturnLine
from apps.orders.services.actors import actor_key, actor_label
from apps.orders.services.checkout import new_number
from apps.orders.services.line_shares import LineShare
from apps.products.models import Product, ProductVariant
from apps.products.services import prices, stock
from apps.products.services.allocation import Destination

if TYPE_CHECKING:
    from apps.orders.services.actors import Actor

_COPIED = (
    *("user_id", "email", "currency", "exchange_rate", "exchange_rate_on", "tax_included", "tax_exemption"),
    *("tax_rounding_level", "tax_rounding_mode", "vat_number", "vat_number_check", "shipping_method"),
    *("shipping_method_name", "pickup_store", "shipping_address", "billing_address"),
)


@dataclass(frozen=True, slots=True)
class _Priced:
    """A line of the replacement, with the returned line that it takes the place of."""

    of: OrderItem
    variant: ProductVariant
    columns: dict[str, Any]


def wanted_variant(item: OrderItem, sku: str, *, pointer: str) -> ProductVariant:
    """The variant to have instead of a line's. Raises Invalid unless it is sold and of the same product."""
    found = ProductVariant.objects.filter(
        sku=sku, product_id=item.product_id, archived_at=None, product__status=Product.Status.ACTIVE
    )
    variant: ProductVariant | None = found.first()
    if variant is None:
        raise Invalid.field(pointer, "does_not_exist", "The product has no such variant that is sold.")
    return variant


@transaction.atomic(savepoint=False)  # a step: part of the caller's transaction
def replace(order: Order, rma: Return, shares: Sequence[LineShare], *, actor: "Actor") -> Order:
    """The pending replacement of returned units, its stock held. Raises Invalid (nothing chosen for a line) or
    InsufficientStock.
    """
    lines = {line.item_id: line for line in rma.lines.select_related("exchange_for__product")}
    if not shares or any(lines[part.item.pk].exchange_for is None for part in shares):
        raise Invalid.field("/outcome", "invalid", "Nothing was chosen to have instead.")
    differences = _differences(order, lines)
    priced = [_priced(order, part, lines[part.item.pk], differences) for part in shares]
    replacement = _insert(order, rma, priced, actor)
    stock.reserve(
        reference=replacement.pk,
        lines=[stock.StockLine(each.variant.pk, each.columns["quantity"]) for each in priced],
        expires_at=replacement.expires_at,
        destination=Destination(
            country=order.shipping_address.get("country", ""), region=order.shipping_address.get("region", "")
        ),
    )
    data = {"number": replacement.number, "exchange_of": rma.number}
    events.record("order.placed", target=replacement, actor=actor, data=data)
    return replacement


def _differences(order: Order, lines: Mapping[UUID, ReturnLine]) -> dict[UUID, Decimal]:
    """Today's list prices, in the order's currency, of the variants on both sides."""
    items = OrderItem.objects.filter(pk__in=lines).select_related("variant__product")
    variants = {item.variant_id: item.variant for item in items}
    variants |= {line.exchange_for.pk: line.exchange_for for line in lines.values() if line.exchange_for is not None}
    now = timezone.now()
    asked = [prices.Asked(each.pk, 1, each.price, each.compare_at_price, each.currency) for each in variants.values()]
    points = prices.resolve(lines=asked, currency=order.currency, at=now, customer_id=order.user_id)
    return {key: found.amount for key, found in points.items()}


def _priced(order: Order, part: LineShare, line: ReturnLine, today: Mapping[UUID, Decimal]) -> _Priced:
    variant = line.exchange_for
    if variant is None:
        raise ValueError("a line without a variant to have instead")
    item = part.item
    if variant.pk not in today or item.variant_id not in today:
        raise Invalid.field("/outcome", "unsupported_currency", "There is no price in the order's currency.")
    unit = max(item.unit_price + today[variant.pk] - today[item.variant_id], ZERO)
    total = unit * part.quantity
    discount = min(part.discount, total)
    tax = part.tax if unit == item.unit_price else _tax(order, item, total - discount)
    columns = {
        "quantity": part.quantity,
        "unit_price": unit,
        "line_total": total,
        "discount": discount,
        "tax_rate": item.tax_rate,
        "tax": tax,
    }
    return _Priced(item, variant, columns)


def _tax(order: Order, item: OrderItem, net: Decimal) -> Decimal:
    part = item.tax_rate / (1 + item.tax_rate) if order.tax_included else item.tax_rate
    return round_money(net * part, order.currency)


def _insert(order: Order, rma: Return, priced: Sequence[_Priced], actor: "Actor") -> Order:
    now = timezone.now()
    sums = {name: sum((each.columns[name] for each in priced), ZERO) for name in ("line_total", "discount", "tax")}
    added_tax = ZERO if order.tax_included else sums["tax"]
    replacement = Order.objects.create(
        number=new_number(),
        subtotal=sums["line_total"],
        discount_total=sums["discount"],
        tax_total=sums["tax"],
        total=sums["line_total"] - sums["discount"] + added_tax,
        note=f"Exchange for {rma.number}",
        placed_at=now,
        expires_at=now + timedelta(days=settings.EXCHANGE_PAYMENT_DAYS),
        **{name: getattr(order, name) for name in _COPIED},
    )
    for position, each in enumerate(priced, start=1):
        item = OrderItem.objects.create(
            id=new_id(),
            order=replacement,
            position=position,
            variant=each.variant,
            product_id=each.variant.product_id,
            sku=each.variant.sku,
            name=each.of.name,
            options=each.variant.options,
            thumbnail=each.of.thumbnail,
            **each.columns,
        )
        _copy_taxes(replacement, item, each)
    OrderExplanation.objects.create(order=replacement, steps=[])
    by, key = actor_label(actor, owner_id=order.user_id), actor_key(actor)
    OrderStatusHistory.objects.create(
        order=replacement, to_status=replacement.status, actor=by, actor_id=key, reason=f"exchange {rma.number}"
    )
    return replacement


def _copy_taxes(replacement: Order, item: OrderItem, priced: _Priced) -> None:
    """The tax of a line at the rates of the returned one, split as it was there."""
    rows = list(priced.of.taxes.all())
    weights = {row.pk: row.rate for row in rows}
    if not any(weights.values()):
        return
    net = item.line_total - item.discount - (item.tax if replacement.tax_included else ZERO)
    amounts = spread(item.tax, weights, replacement.currency)
    OrderTax.objects.bulk_create(
        OrderTax(
            order=replacement,
            item=item,
            name=row.name,
            jurisdiction=row.jurisdiction,
            rate=row.rate,
            base=net,
            amount=amounts[row.pk],
        )
        for row in rows
    )
