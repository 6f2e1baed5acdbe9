"""The lines, taxes and discounts of an order, copied from the basket it was placed with.

An order line keeps the id of its cart line, so the explanation of the price names the same lines in both.
"""

from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

from apps.cart.pricing import explanation
from apps.cart.pricing.terms import Quote, QuotedLine, TaxRow
from apps.cart.services.contents import Basket, Line
from apps.common.models import new_id
from apps.common.money import ZERO
from apps.orders.models import Order, OrderDiscount, OrderExplanation, OrderItem, OrderTax
from apps.products.models import ProductVariant


def copy(basket: Basket, order: Order) -> None:
    """Freeze what was priced onto a new order: a step of placing it."""
    sources = {line.id: _of_line(line) for line in basket.lines} | _of_gifts(basket.gifts)
    items = [
        _item(order, position, quoted, sources[quoted.key])
        for position, quoted in enumerate(basket.quote.lines, start=1)
    ]
    OrderItem.objects.bulk_create(items)
    steps = explanation.as_json(basket.quote.steps, order.currency)
    OrderExplanation.objects.bulk_create([OrderExplanation(order=order, steps=steps)])
    OrderTax.objects.bulk_create(_taxes(order, basket.quote))
    OrderDiscount.objects.bulk_create(
        OrderDiscount(
            order=order,
            promotion_id=each.key,
            name=each.name[:120],
            code=each.code,
            discount=each.discount,
            shipping=each.shipping,
        )
        for each in basket.quote.promotions
    )


def _item(order: Order, position: int, quoted: QuotedLine, source: dict[str, Any]) -> OrderItem:
    return OrderItem(
        id=new_id() if quoted.gift_of else quoted.key,
        order=order,
        position=position,
        sku=quoted.sku,
        quantity=quoted.quantity,
        unit_price=quoted.unit_price,
        line_total=quoted.line_total,
        discount=quoted.discount,
        tax_rate=quoted.tax_rate,
        tax=quoted.tax,
        gift_of=quoted.gift_of,
        **source,
    )


def _of_line(line: Line) -> dict[str, Any]:
    return {
        "variant_id": line.variant_id,
        "product_id": line.product_id,
        "name": line.name[:200],
        "options": line.options,
        "thumbnail": line.thumbnail,
        "note": line.note,
        "gift_wrap": line.gift_wrap,
        "gift_message": line.gift_message,
    }


def _of_gifts(gifts: Iterable[QuotedLine]) -> dict[UUID, dict[str, Any]]:
    wanted = {gift.key: gift.variant for gift in gifts}
    if not wanted:
        return {}
    variants = ProductVariant.objects.select_related("product").in_bulk(wanted.values())
    return {key: _of_gift(variants[variant]) for key, variant in wanted.items()}


def _of_gift(variant: ProductVariant) -> dict[str, Any]:
    return {
        "variant_id": variant.pk,
        "product_id": variant.product_id,
        "name": variant.product.name,
        "options": variant.options,
        "thumbnail": variant.product.thumbnail,
    }


def _taxes(order: Order, quote: Quote) -> Iterator[OrderTax]:
    rows: list[tuple[UUID | None, TaxRow]] = [(line.key, row) for line in quote.lines for row in line.taxes]
    rows += [(None, row) for row in quote.shipping_taxes if quote.shipping > ZERO]
    for item_id, row in rows:
        yield OrderTax(
            order=order,
            item_id=item_id,
            name=row.name[:80],
            jurisdiction=row.jurisdiction,
            rate=row.rate,
            base=row.base,
            amount=row.amount,
        )
