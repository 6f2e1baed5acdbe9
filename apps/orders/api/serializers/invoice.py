"""Bodies of invoices and credit notes."""

from typing import Any

from rest_framework import serializers

from apps.common.api.serializers import MoneyField
from apps.common.money import money_json
from apps.orders.models import Invoice


class InvoiceRowOut(serializers.Serializer[Any]):
    """`GET` the address for the PDF, or with `Accept: application/json` for what it says."""

    id = serializers.UUIDField()
    number = serializers.CharField(max_length=40)
    kind = serializers.ChoiceField(choices=Invoice.Kind.choices)
    order = serializers.UUIDField()
    total = MoneyField()
    tax = MoneyField()
    refers_to = serializers.CharField(max_length=40, allow_null=True, help_text="number of the credited invoice")
    issued_at = serializers.DateTimeField()


class InvoicePartyOut(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=200)
    lines = serializers.ListField(child=serializers.CharField(max_length=300))
    footer = serializers.ListField(child=serializers.CharField(max_length=300))


class InvoiceLineOut(serializers.Serializer[Any]):
    """Every amount is text, as it is printed."""

    name = serializers.CharField(max_length=200)
    details = serializers.CharField(max_length=1000)
    quantity = serializers.CharField(max_length=10)
    unit_price = serializers.CharField(max_length=40)
    discount = serializers.CharField(max_length=40)
    tax_rate = serializers.CharField(max_length=80)
    amount = serializers.CharField(max_length=40)


class InvoiceTaxOut(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=80)
    rate = serializers.CharField(max_length=20)
    base = serializers.CharField(max_length=40)
    amount = serializers.CharField(max_length=40)


class InvoiceContentOut(serializers.Serializer[Any]):
    """What the document says."""

    title = serializers.CharField(max_length=40)
    number = serializers.CharField(max_length=40)
    seller = InvoicePartyOut()
    buyer = serializers.ListField(child=serializers.CharField(max_length=300))
    ship_to = serializers.ListField(child=serializers.CharField(max_length=300))
    facts = serializers.ListField(child=serializers.ListField(child=serializers.CharField(max_length=100)))
    lines = InvoiceLineOut(many=True)
    taxes = InvoiceTaxOut(many=True)
    totals = serializers.ListField(child=serializers.ListField(child=serializers.CharField(max_length=140)))
    total = serializers.ListField(child=serializers.CharField(max_length=140))
    notes = serializers.ListField(child=serializers.CharField(max_length=300))


class InvoiceOut(InvoiceRowOut):
    content = InvoiceContentOut()


class InvoicesOut(serializers.Serializer[Any]):
    results = InvoiceRowOut(many=True)


def present_row(invoice: Invoice) -> dict[str, Any]:
    return {
        "id": invoice.id,
        "number": invoice.number,
        "kind": invoice.kind,
        "order": invoice.order_id,
        "total": money_json(invoice.total, invoice.currency),
        "tax": money_json(invoice.tax_total, invoice.currency),
        "refers_to": invoice.refers_to.number if invoice.refers_to else None,
        "issued_at": invoice.issued_at,
    }


def present_invoice(invoice: Invoice) -> dict[str, Any]:
    content = {name: value for name, value in invoice.content.items() if name != "tax_parts"}
    return present_row(invoice) | {"content": content}
