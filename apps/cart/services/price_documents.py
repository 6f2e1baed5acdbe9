"""A price as answers carry it: totals, tax rows, promotions, and the whole of a quote."""

from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from apps.cart.pricing import explanation
from apps.cart.pricing.terms import Quote
from apps.cart.services.quotes import Made
from apps.common.money import ZERO, money_json

if TYPE_CHECKING:
    from apps.cart.services.contents import Basket


def totals_of(quote: Quote) -> dict[str, Any]:
    return {
        name: money_json(getattr(quote, name), quote.currency)
        for name in ("subtotal", "discount", "shipping", "tax", "total")
    }


def taxes_of(quote: Quote) -> list[dict[str, Any]]:
    """The tax rows of lines and shipping, added up by rate."""
    groups: dict[tuple[str, str, Decimal], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    for row in [*(row for line in quote.lines for row in line.taxes), *quote.shipping_taxes]:
        sums = groups[row.name, row.jurisdiction, row.rate]
        sums[0] += row.base
        sums[1] += row.amount
    return [
        {
            "name": name,
            "jurisdiction": jurisdiction,
            "rate": f"{rate:f}",
            "base": money_json(base, quote.currency),
            "amount": money_json(amount, quote.currency),
        }
        for (name, jurisdiction, rate), (base, amount) in groups.items()
    ]


def promotions_of(quote: Quote) -> list[dict[str, Any]]:
    return [
        {
            "id": each.key,
            "name": each.name,
            "code": each.code or None,
            "discount": money_json(each.discount, quote.currency),
            "shipping": money_json(each.shipping, quote.currency),
        }
        for each in quote.promotions
    ]


def quote_document(made: Made, *, explain: bool = False) -> dict[str, Any]:
    """A quote as POST /cart/quote/ and a refused order answer it."""
    quote, cart = made.basket.quote, made.basket.cart
    return {
        "quote": made.token,
        "currency": quote.currency,
        "items": _items(made.basket),
        "totals": totals_of(quote),
        "taxes": taxes_of(quote),
        "promotions": promotions_of(quote),
        "prices_include_tax": quote.prices_include_tax,
        "tax_exemption": quote.exemption or None,
        "shipping_method": cart.shipping_method,
        "pickup_store": cart.pickup_store.slug if cart.pickup_store is not None else None,
        "expires_at": made.row.expires_at,
        "hold": {"expires_at": made.held_until} if made.held_until is not None else None,
        "explain": explanation.as_json(quote.steps, quote.currency) if explain else None,
    }


def _items(basket: "Basket") -> list[dict[str, Any]]:
    names = {line.id: line.name for line in basket.lines}
    gifts = {gift.variant: gift.name for gift in basket.pricing.gifts}
    currency = basket.quote.currency
    return [
        {
            "id": line.key,
            "sku": line.sku,
            "name": names.get(line.key) or gifts[line.variant],
            "quantity": line.quantity,
            "unit_price": money_json(line.unit_price, currency),
            "line_total": money_json(line.line_total, currency),
            "discount": money_json(line.discount, currency),
            "tax": money_json(line.tax, currency),
            "is_gift": line.gift_of is not None,
        }
        for line in basket.quote.lines
    ]
