"""Invoices and credit notes: numbered without gaps, never changed."""

from typing import ClassVar
from uuid import UUID

from django.db import models
from django.db.models import Q

from apps.common.models import AmountField, CurrencyField, append_only, new_id
from apps.orders.models.order import Order


class InvoiceSeries(models.Model):
    """The last number given in a series and year. Its row is locked while a number is taken: no gaps, no twins."""

    prefix = models.CharField(max_length=10)
    year = models.PositiveSmallIntegerField()
    last = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name_plural = "invoice series"
        constraints: ClassVar = [models.UniqueConstraint(fields=["prefix", "year"], name="one_series_per_year")]

    def __str__(self) -> str:
        return f"{self.prefix} {self.year}: {self.last}"


class Invoice(models.Model):
    """A document about money owed (invoice) or given back (credit note), with all it says. Append-only."""

    class Kind(models.TextChoices):
        INVOICE = "invoice"
        CREDIT_NOTE = "credit_note"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="invoices")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    number = models.CharField(max_length=40, unique=True)
    prefix = models.CharField(max_length=10)
    year = models.PositiveSmallIntegerField()
    sequence = models.PositiveIntegerField()
    currency = CurrencyField()
    total = AmountField(help_text="a credit note's is what goes back, not negative")
    tax_total = AmountField()
    content = models.JSONField(help_text="all that the document says")
    cause = models.CharField(max_length=80, unique=True, help_text="order:<id> or refund:<id>; one document for each")
    refers_to = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="credit_notes")
    issued_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["prefix", "year", "sequence"], name="invoice_sequence_once"),
            models.CheckConstraint(condition=Q(total__gte=0, tax_total__gte=0), name="invoice_not_negative"),
            models.CheckConstraint(
                condition=Q(kind="invoice", refers_to=None) | Q(kind="credit_note", refers_to__isnull=False),
                name="credit_note_refers_to_its_invoice",
            ),
            models.UniqueConstraint(fields=["order"], condition=Q(kind="invoice"), name="one_invoice_per_order"),
        ]
        indexes: ClassVar = [models.Index(fields=["order", "id"], name="invoices_of_order")]
        triggers: ClassVar = [append_only("invoice_append_only")]

    def __str__(self) -> str:
        return self.number

    @property
    def event_aggregate(self) -> tuple[str, UUID]:
        """Events of this belong to the order's public stream."""
        return ("order", self.order_id)


class InvoiceDocument(models.Model):
    """The PDF of an invoice as it was first made. Append-only: what was sent is what can be fetched again."""

    invoice = models.OneToOneField(Invoice, primary_key=True, on_delete=models.PROTECT, related_name="document")
    pdf = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    rendered_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        triggers: ClassVar = [append_only("invoice_document_append_only")]

    def __str__(self) -> str:
        return self.sha256
