"""Staff screens of invoices and credit notes: to read and to fetch."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from apps.common.admin import ReadOnlyAdmin, money_column
from apps.orders.models import Invoice, InvoiceDocument, InvoiceSeries
from apps.orders.services import invoices

_AMOUNTS = [money_column("total"), money_column("tax_total")]


@admin.register(Invoice)
class InvoiceAdmin(ReadOnlyAdmin):
    list_display = ["number", "kind", "issued_at", "order", *_AMOUNTS, "pdf"]
    list_filter = ["kind", "issued_at"]
    list_select_related = ["order"]
    search_fields = ["number", "order__number", "order__email"]
    date_hierarchy = "issued_at"
    fields = ["number", "kind", "issued_at", "order", "refers_to", *_AMOUNTS, "pdf"]
    readonly_fields = [*_AMOUNTS, "pdf"]

    def get_urls(self) -> list[URLPattern]:
        own = path("<uuid:invoice_id>/pdf/", self.admin_site.admin_view(self.download), name="orders_invoice_pdf")
        return [own, *super().get_urls()]

    @admin.display(description="PDF")
    def pdf(self, invoice: Invoice) -> str:
        return format_html('<a href="{}">{}.pdf</a>', reverse("admin:orders_invoice_pdf", args=[invoice.pk]), invoice)

    def download(self, request: HttpRequest, invoice_id: UUID) -> HttpResponse:
        """The document itself."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        invoice: Any = get_object_or_404(Invoice, pk=invoice_id)
        name = f'attachment; filename="{invoice.number}.pdf"'
        return HttpResponse(
            invoices.document(invoice), content_type="application/pdf", headers={"Content-Disposition": name}
        )


@admin.register(InvoiceSeries)
class InvoiceSeriesAdmin(ReadOnlyAdmin):
    list_display = ["prefix", "year", "last"]


@admin.register(InvoiceDocument)
class InvoiceDocumentAdmin(ReadOnlyAdmin):
    list_display = ["invoice", "sha256", "rendered_at"]
    list_select_related = ["invoice"]
    exclude = ["pdf"]
