"""Invoices for what was sold, credit notes for what goes back: each once, numbered without gaps, never changed."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.common import events
from apps.common.errors import Conflict, NotFound
from apps.common.money import ZERO
from apps.orders.models import Invoice, InvoiceDocument, InvoiceSeries, Order
from apps.orders.pdf import typesetting
from apps.orders.services import invoice_content
from apps.orders.services.invoice_content import Content, TaxPart

TEMPLATE = "invoices/invoice.typ"


class NotReady(Conflict):
    code = "not_ready"
    detail = "The invoice is made when the order has been paid."


@dataclass(frozen=True, slots=True)
class _Draft:
    """A document that lacks its number."""

    kind: Invoice.Kind
    cause: str
    prefix: str
    total: Decimal
    tax: Decimal
    refers_to: Invoice | None
    write: Callable[[str, datetime], Content]


@transaction.atomic
def issue_invoice(*, order_id: UUID) -> Invoice:
    """The order's invoice, issued when there is none. Raises NotFound, or NotReady before the order was confirmed."""
    order = _locked(order_id)
    found = order.invoices.filter(kind=Invoice.Kind.INVOICE).first()
    if found is not None:
        return found
    if order.confirmed_at is None:
        raise NotReady
    draft = _Draft(
        kind=Invoice.Kind.INVOICE,
        cause=f"order:{order.pk}",
        prefix=settings.INVOICE_PREFIX,
        total=order.total,
        tax=order.tax_total,
        refers_to=None,
        write=lambda number, at: invoice_content.of_order(order, number=number, at=at),
    )
    return _issue(order, draft)


@transaction.atomic
def issue_credit_note(*, order_id: UUID, refund_id: UUID, amount: Decimal, reason: str) -> Invoice | None:
    """A credit note for a refund that has been made, once per refund.

    None when there is no invoice: money that came for an order that was never confirmed was not invoiced. Of a surplus
    only what the invoice was about is credited.
    """
    order = _locked(order_id)
    cause = f"refund:{refund_id}"
    documents = list(order.invoices.order_by("id"))
    invoice = next((each for each in documents if each.kind == Invoice.Kind.INVOICE), None)
    if invoice is None or any(each.cause == cause for each in documents):
        return next((each for each in documents if each.cause == cause), None)
    notes = [each for each in documents if each.kind == Invoice.Kind.CREDIT_NOTE]
    credited = sum((each.total for each in notes), ZERO)
    amount = min(amount, invoice.total - credited)
    if amount <= 0:
        return None
    before = [TaxPart.from_json(part) for note in notes for part in note.content["tax_parts"]]
    parts = invoice_content.parts_of_refund(order, amount=amount, before=before, credited=credited)
    draft = _Draft(
        kind=Invoice.Kind.CREDIT_NOTE,
        cause=cause,
        prefix=settings.CREDIT_NOTE_PREFIX,
        total=amount,
        tax=sum((part.amount for part in parts), ZERO),
        refers_to=invoice,
        write=lambda number, at: invoice_content.of_refund(
            order, number=number, at=at, invoice_number=invoice.number, amount=amount, parts=parts, reason=reason
        ),
    )
    return _issue(order, draft)


def document(invoice: Invoice) -> bytes:
    """The PDF, made at the first call and kept: later ones get the same bytes."""
    stored = InvoiceDocument.objects.filter(invoice=invoice).first()
    if stored is None:
        pdf = typesetting.pdf(TEMPLATE, invoice.content, at=invoice.issued_at)
        made = InvoiceDocument(invoice=invoice, pdf=pdf, sha256=hashlib.sha256(pdf).hexdigest())
        # Of two first calls one row stays, and both answer it.
        InvoiceDocument.objects.bulk_create([made], ignore_conflicts=True)
        stored = InvoiceDocument.objects.get(invoice=invoice)
    return bytes(stored.pdf)


def _locked(order_id: UUID) -> Order:
    order = Order.objects.lock().filter(pk=order_id).first()
    if order is None:
        raise NotFound
    return order


def _issue(order: Order, draft: _Draft) -> Invoice:
    at = timezone.now()
    year = at.astimezone(ZoneInfo(settings.SHOP_TIME_ZONE)).year
    sequence = _next_number(draft.prefix, year)
    number = f"{draft.prefix}-{year}-{sequence:06d}"
    invoice = Invoice.objects.create(
        order=order,
        kind=draft.kind,
        number=number,
        prefix=draft.prefix,
        year=year,
        sequence=sequence,
        currency=order.currency,
        total=draft.total,
        tax_total=draft.tax,
        content=draft.write(number, at),
        cause=draft.cause,
        refers_to=draft.refers_to,
        issued_at=at,
    )
    events.record(f"{draft.kind}.issued", target=invoice, data={"number": number, "order_id": str(order.pk)})
    return invoice


def _next_number(prefix: str, year: int) -> int:
    """The next of the series. Its row is the last lock of the transaction, and a rollback takes the number back."""
    InvoiceSeries.objects.bulk_create([InvoiceSeries(prefix=prefix, year=year)], ignore_conflicts=True)
    series = InvoiceSeries.objects.select_for_update().get(prefix=prefix, year=year)
    series.last += 1
    series.save(update_fields=["last"])
    return series.last
