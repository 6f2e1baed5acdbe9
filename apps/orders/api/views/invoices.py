"""Invoices and credit notes: as PDF, or as JSON to who asks for it."""

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api.pagination import PageQuery, numbered_page
from apps.common.api.permissions import staff
from apps.common.api.renderers import OrjsonRenderer, PdfRenderer
from apps.common.api.views import ApiView
from apps.common.errors import NotFound
from apps.orders.api.serializers.invoice import (
    InvoiceOut,
    InvoiceRowOut,
    InvoicesOut,
    present_invoice,
    present_row,
)
from apps.orders.api.views.orders import OrderView
from apps.orders.models import Invoice
from apps.orders.services import invoices

TAGS = ["Invoices"]
_DOCUMENT: Any = {
    (200, "application/pdf"): OpenApiResponse(OpenApiTypes.BINARY, description="The document."),
    (200, "application/json"): InvoiceOut,
}


class DocumentView(ApiView):
    """Answers a PDF unless JSON is asked for."""

    renderer_classes = [PdfRenderer, OrjsonRenderer]

    def document(self, request: Request, invoice: Invoice) -> Response:
        if request.accepted_renderer.format == "json":
            return Response(present_invoice(invoice))
        name = f'attachment; filename="{invoice.number}.pdf"'
        return Response(
            invoices.document(invoice), headers={"Content-Disposition": name}, content_type="application/pdf"
        )


class OrderInvoice(DocumentView, OrderView):
    problems = {"GET": [409]}

    @extend_schema(
        operation_id="orders_invoice",
        summary="Get an order's invoice",
        description="Of a paid order, as PDF or by `Accept: application/json` as JSON. The same bytes every time.",
        tags=TAGS,
        responses=_DOCUMENT,
    )
    def get(self, request: Request, order_id: UUID) -> Response:
        invoice = Invoice.objects.select_related("refers_to").filter(order=self.order(order_id), kind="invoice").first()
        if invoice is None:
            raise invoices.NotReady
        return self.document(request, invoice)


class OrderInvoices(OrderView):
    @extend_schema(
        operation_id="orders_invoices_list",
        summary="List an order's invoice and credit notes",
        description="Oldest first.",
        tags=TAGS,
        responses=InvoicesOut,
    )
    def get(self, request: Request, order_id: UUID) -> Response:
        found = Invoice.objects.filter(order=self.order(order_id)).select_related("refers_to").order_by("id")
        return Response({"results": [present_row(invoice) for invoice in found]})


class OrderInvoiceDetail(DocumentView, OrderView):
    @extend_schema(
        operation_id="orders_invoices_retrieve",
        summary="Get an invoice or a credit note",
        description="As PDF, or by `Accept: application/json` as JSON.",
        tags=TAGS,
        responses=_DOCUMENT,
    )
    def get(self, request: Request, order_id: UUID, number: str) -> Response:
        order = self.order(order_id)
        invoice = Invoice.objects.filter(order=order, number=number).select_related("refers_to").first()
        if invoice is None:
            raise NotFound
        return self.document(request, invoice)


class InvoiceQuery(PageQuery):
    kind = serializers.ChoiceField(choices=Invoice.Kind.choices, required=False)
    search = serializers.CharField(max_length=40, required=False, help_text="number of the document or of the order")
    issued_after = serializers.DateTimeField(required=False, help_text="Issued at or after this time.")
    issued_before = serializers.DateTimeField(required=False, help_text="Issued before this time.")


class AdminInvoices(ApiView):
    permission_classes = [staff("orders.view_invoice")]
    query_class = InvoiceQuery
    problems = {"GET": [404]}

    @extend_schema(
        operation_id="admin_invoices_list",
        summary="Search invoices and credit notes",
        description="Newest first.",
        tags=TAGS,
        responses=InvoiceRowOut(many=True),
    )
    def get(self, request: Request) -> Response:
        found = Invoice.objects.select_related("refers_to").defer("content").order_by("-id")
        for name, lookup in (
            ("kind", "kind"),
            ("issued_after", "issued_at__gte"),
            ("issued_before", "issued_at__lt"),
        ):
            if name in self.query:
                found = found.filter(**{lookup: self.query[name]})
        if search := self.query.get("search"):
            found = found.filter(number=search.upper()) | found.filter(order__number=search.upper())
        return numbered_page(request, self.query, found, present_row).response()


class AdminInvoiceDetail(DocumentView):
    permission_classes = [staff("orders.view_invoice")]

    @extend_schema(
        operation_id="admin_invoices_retrieve",
        summary="Get any invoice or credit note",
        description="As PDF, or by `Accept: application/json` as JSON.",
        tags=TAGS,
        responses=_DOCUMENT,
    )
    def get(self, request: Request, number: str) -> Response:
        invoice = Invoice.objects.select_related("refers_to").filter(number=number).first()
        if invoice is None:
            raise NotFound
        return self.document(request, invoice)
