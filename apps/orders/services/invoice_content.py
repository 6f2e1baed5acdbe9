"""What an invoice or a credit note says, frozen as text on the day it is issued; `tax_parts` holds its numbers."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.dateformat import format as format_date

from apps.common.money import ZERO, format_money, round_money
from apps.orders.models import Order, OrderItem
from apps.users.services.addresses import postal_lines

Content = dict[str, Any]
Written = Callable[[Decimal], str]
_PAID = (Order.PaymentStatus.PAID, Order.PaymentStatus.OVERPAID)
_EXEMPTIONS = {
    "exempt": "The buyer is exempt from tax.",
    "reverse_charge": "Reverse charge: the buyer owes the tax.",
}


@dataclass(frozen=True, slots=True)
class TaxPart:
    """One rate over a document: what it was taken of and what it came to."""

    name: str
    jurisdiction: str
    rate: Decimal
    base: Decimal
    amount: Decimal

    @property
    def key(self) -> tuple[str, str, Decimal]:
        return self.name, self.jurisdiction, self.rate

    def as_json(self) -> dict[str, str]:
        return {name: str(getattr(self, name)) for name in ("name", "jurisdiction", "rate", "base", "amount")}

    @classmethod
    def from_json(cls, part: dict[str, str]) -> "TaxPart":
        numbers = {name: Decimal(part[name]) for name in ("rate", "base", "amount")}
        return cls(part["name"], part["jurisdiction"], **numbers)


def of_order(order: Order, *, number: str, at: datetime) -> Content:
    """An invoice over a whole order."""
    written = _writer(order.currency)
    discount = [["Discount", written(-order.discount_total)]] if order.discount_total else []
    return _frame(order, "Invoice", number, at, tax_parts(order)) | {
        "lines": [_line(item, written) for item in order.items.all()],
        "totals": [
            ["Subtotal", written(order.subtotal)],
            *discount,
            [f"Shipping, {order.shipping_method_name}", written(order.shipping_total)],
            ["Tax contained" if order.tax_included else "Tax", written(order.tax_total)],
        ],
        "total": ["Total", written(order.total)],
        "notes": [*_exemption(order), *(["Paid. Thank you."] if order.payment_status in _PAID else [])],
    }


def of_refund(
    order: Order, *, number: str, at: datetime, invoice_number: str, amount: Decimal, parts: list[TaxPart], reason: str
) -> Content:
    """A credit note over an amount that goes back, with the tax in it."""
    written = _writer(order.currency)
    row = {
        "name": f"Refund for order {order.number}",
        "details": reason,
        "quantity": "1",
        "unit_price": written(amount),
        "discount": "",
        "tax_rate": ", ".join(_percent(part.rate) for part in parts),
        "amount": written(amount),
    }
    return _frame(order, "Credit note", number, at, parts) | {
        "lines": [row],
        "totals": [["Tax contained", written(sum((part.amount for part in parts), ZERO))]],
        "total": ["Total returned", written(amount)],
        "notes": [f"This credit note refers to invoice {invoice_number}.", *_exemption(order)],
    }


def tax_parts(order: Order) -> list[TaxPart]:
    """The order's tax rows added up by rate."""
    sums: dict[tuple[str, str, Decimal], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    for row in order.taxes.all():
        both = sums[row.name, row.jurisdiction, row.rate]
        both[0] += row.base
        both[1] += row.amount
    return [TaxPart(*key, base, amount) for key, (base, amount) in sums.items()]


def parts_of_refund(order: Order, *, amount: Decimal, before: Sequence[TaxPart], credited: Decimal) -> list[TaxPart]:
    """The tax in an amount that goes back: each rate's share of all that went back, less what was credited `before`.

    So the credit notes of an order that is refunded in full add up to its tax exactly, in however many parts.
    """
    so_far: dict[tuple[str, str, Decimal], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    for part in before:
        so_far[part.key][0] += part.base
        so_far[part.key][1] += part.amount
    share = min((credited + amount) / order.total, Decimal(1))
    found = []
    for part in tax_parts(order):
        base, tax = (round_money(each * share, order.currency) for each in (part.base, part.amount))
        known = so_far[part.key]
        found.append(TaxPart(part.name, part.jurisdiction, part.rate, base - known[0], tax - known[1]))
    return found


def _frame(order: Order, title: str, number: str, at: datetime, parts: Sequence[TaxPart]) -> Content:
    """What both kinds of document have."""
    seller = [settings.SHOP_ADDRESS, *([f"VAT {settings.SHOP_VAT_NUMBER}"] if settings.SHOP_VAT_NUMBER else [])]
    written = _writer(order.currency)
    return {
        "title": title,
        "number": number,
        "seller": {
            "name": settings.SHOP_NAME,
            "lines": seller,
            "footer": [settings.SHOP_NAME, *seller, settings.SUPPORT_EMAIL],
        },
        "buyer": postal_lines(order.billing_address),
        "ship_to": postal_lines(order.shipping_address),
        "facts": [["Issued", _day(at)], ["Order", order.number], ["Ordered", _day(order.placed_at)]],
        "taxes": [
            {
                "name": part.name,
                "rate": _percent(part.rate),
                "base": written(part.base),
                "amount": written(part.amount),
            }
            for part in parts
        ],
        "tax_parts": [part.as_json() for part in parts],
    }


def _line(item: OrderItem, written: Written) -> dict[str, str]:
    options = [f"{name}: {value}" for name, value in item.options.items()]
    return {
        "name": item.name,
        "details": " · ".join([item.sku, *options]),
        "quantity": str(item.quantity),
        "unit_price": written(item.unit_price),
        "discount": written(-item.discount) if item.discount else "",
        "tax_rate": _percent(item.tax_rate) if item.tax_rate else "",
        "amount": written(item.line_total - item.discount),
    }


def _exemption(order: Order) -> list[str]:
    note = _EXEMPTIONS.get(order.tax_exemption)
    return [note] if note else []


def _writer(currency: str) -> Written:
    return lambda amount: format_money(amount, currency)


def _percent(rate: Decimal) -> str:
    return f"{(rate * 100).normalize():f} %"


def _day(moment: datetime) -> str:
    return str(format_date(moment.astimezone(ZoneInfo(settings.SHOP_TIME_ZONE)), "j F Y"))
