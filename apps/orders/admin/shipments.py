"""Staff screens of parcels: to be looked at, printed, and moved by the services."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet, URLField
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from unfold.decorators import action
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldBooleanSwitchWidget

from apps.common.admin import ReadOnlyAdmin, ReadOnlyInline, money_column
from apps.common.errors import Problem
from apps.common.service_admin import words_of
from apps.orders.models import LineCancellation, Shipment, ShipmentLine, TrackingEvent
from apps.orders.services import bulk_shipping, parcels
from apps.orders.services.packing_slips import packing_slip

_AMOUNT = money_column("amount", currency="order.currency")


class ShipmentLineInline(ReadOnlyInline):
    model = ShipmentLine
    fields = ["item", "quantity"]
    hide_title = True


class TrackingEventInline(ReadOnlyInline):
    model = TrackingEvent
    fields = ["occurred_at", "status", "source", "description", "location"]
    hide_title = True


class ShipByFileForm(forms.Form):
    """A CSV file of parcels."""

    file = forms.FileField(
        help_text="CSV, up to 2,000 rows: order, carrier, tracking_number; if wanted tracking_url, sku and quantity",
        widget=UnfoldAdminFileFieldWidget,
    )
    dry_run = forms.BooleanField(
        required=False, initial=True, label="only look", help_text="change nothing", widget=UnfoldBooleanSwitchWidget
    )


@admin.register(Shipment)
class ShipmentAdmin(ReadOnlyAdmin):
    list_display = ["order", "status", "warehouse", "carrier", "tracking_number", "shipped_at", "delivered_at"]
    list_filter = ["status", "is_pickup", "warehouse", "carrier"]
    list_select_related = ["order", "warehouse"]
    search_fields = ["order__number", "tracking_number"]
    inlines = [ShipmentLineInline, TrackingEventInline]
    actions = ["send", "arrive", "unpack", "print_slip"]
    actions_list = ["ship_by_file"]
    formfield_overrides = {URLField: {"assume_scheme": "https"}}

    def has_move_permission(self, request: HttpRequest) -> bool:
        """Moving parcels takes the same permission as through the API."""
        return request.user.has_perm("orders.change_order")

    @action(description="Ship by CSV", url_path="import-csv/", permissions=["move"], icon="upload_file")
    def ship_by_file(self, request: HttpRequest) -> HttpResponse:
        """A form for a file; the work is a background job."""
        form = ShipByFileForm(request.POST, request.FILES) if request.method == "POST" else ShipByFileForm()
        if form.is_valid():
            actor: Any = request.user
            file, dry_run = form.cleaned_data["file"], form.cleaned_data["dry_run"]
            try:
                job = bulk_shipping.start(upload=file, dry_run=dry_run, actor=actor)
            except Problem as refusal:
                form.add_error("file", words_of(refusal).removeprefix("file: "))
            else:
                self.message_user(request, f"{job.total} rows are under way: job {job.pk}.", messages.SUCCESS)
                return HttpResponseRedirect(reverse("admin:orders_shipment_changelist"))
        context = {**self.admin_site.each_context(request), "title": "Ship by a file", "form": form}
        return render(request, "admin/products/stock_import.html", context)

    @admin.action(description="Hand to the carrier, or to the store's counter", permissions=["move"])
    def send(self, request: HttpRequest, queryset: QuerySet[Shipment]) -> None:
        self._move(request, queryset.filter(is_pickup=True), "ready_for_pickup")
        self._move(request, queryset.filter(is_pickup=False), "shipped")

    @admin.action(description="Mark as delivered", permissions=["move"])
    def arrive(self, request: HttpRequest, queryset: QuerySet[Shipment]) -> None:
        self._move(request, queryset, "delivered")

    @admin.action(description="Unpack (not yet sent)", permissions=["move"])
    def unpack(self, request: HttpRequest, queryset: QuerySet[Shipment]) -> None:
        self._move(request, queryset, "cancelled")

    @admin.action(description="Print the packing slip (of one parcel)", permissions=["view"])
    def print_slip(self, request: HttpRequest, queryset: QuerySet[Shipment]) -> HttpResponse | None:
        chosen = list(queryset.select_related("order", "warehouse")[:2])
        if len(chosen) != 1:
            self.message_user(request, "Choose one parcel.", messages.WARNING)
            return None
        return HttpResponse(packing_slip(chosen[0]), content_type="application/pdf")

    def _move(self, request: HttpRequest, queryset: QuerySet[Shipment], to: str) -> None:
        actor: Any = request.user
        moved = 0
        numbers: dict[UUID, str] = dict(queryset.order_by("pk").values_list("pk", "order__number"))
        for shipment_id, number in numbers.items():
            try:
                parcels.change(shipment_id=shipment_id, status=to, actor=actor)
                moved += 1
            except Problem as refusal:
                self.message_user(request, f"{number}: {refusal.detail}", messages.WARNING)
        if moved:
            self.message_user(request, f"{moved} parcels are now {to}.", messages.SUCCESS)


@admin.register(ShipmentLine)
class ShipmentLineAdmin(ReadOnlyAdmin):
    list_display = ["shipment", "item", "quantity"]
    list_select_related = ["shipment", "item"]
    search_fields = ["shipment__order__number", "item__sku"]


@admin.register(LineCancellation)
class LineCancellationAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "order", "item", "quantity", _AMOUNT, "actor", "reason"]
    list_filter = ["actor"]
    list_select_related = ["order", "item"]
    search_fields = ["order__number", "item__sku"]


@admin.register(TrackingEvent)
class TrackingEventAdmin(ReadOnlyAdmin):
    list_display = ["occurred_at", "tracking_number", "status", "source", "shipment", "description"]
    list_filter = ["source", "status"]
    list_select_related = ["shipment"]
    search_fields = ["tracking_number", "external_id"]
