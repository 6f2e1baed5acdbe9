"""Warehouses, levels, reservations and the ledger. Numbers move by the stock services alone."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import action

from apps.common.admin import ReadOnlyAdmin
from apps.common.errors import Problem
from apps.common.service_admin import ServiceAdmin, words_of
from apps.products.admin.stock_forms import StockImportForm, StockLevelForm
from apps.products.models import StockLevel, StockMovement, StockReservation, Warehouse, in_transit_to
from apps.products.models.stock import available_of_level
from apps.products.services import inventory, stock_adjustments, stock_import, stock_settings, warehouses
from apps.products.services.stock_settings import SETTINGS

_DAYS = 30
_WIDTH, _HEIGHT = 120, 24


@admin.register(Warehouse)
class WarehouseAdmin(ServiceAdmin):
    """A warehouse is closed, not deleted: its ledger stays."""

    list_display = ["name", "code", "city", "country", "priority", "is_active"]
    list_filter = ["is_active", "country"]
    search_fields = ["name", "code", "city"]

    def has_delete_permission(self, request: HttpRequest, obj: Warehouse | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Warehouse, form: Any, change: bool) -> None:
        actor: Any = request.user
        warehouses.save_by_staff(warehouse=obj, actor=actor, changed=form.changed_data)


class StockStateFilter(admin.SimpleListFilter):
    """Levels that need somebody."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("low", "low or out"), ("out", "out"), ("in_transit", "something on its way")]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[StockLevel]") -> "QuerySet[StockLevel]":
        match self.value():
            case "low":
                return inventory.at_or_below_threshold(queryset)
            case "out":
                return queryset.alias(left=available_of_level()).filter(left=0)
            case "in_transit":
                return inventory.expecting(queryset)
        return queryset


@admin.register(StockLevel)
class StockLevelAdmin(ServiceAdmin):
    form = StockLevelForm
    list_display = [
        *("variant", "warehouse", "on_hand", "reserved", "available", "last_month", "in_transit"),
        *("low_stock_threshold", "safety_stock", "backorder_limit", "next_restock_on"),
    ]
    list_filter = [StockStateFilter, "warehouse"]
    list_select_related = ["variant", "warehouse"]
    search_fields = ["variant__sku", "variant__product__name"]
    autocomplete_fields = ["variant", "warehouse"]
    fields = [
        *("variant", "warehouse", "on_hand", "reserved", "in_transit", "last_month", *SETTINGS),
        *("low_stock_alerted_at", "kind", "delta", "counted", "expected_on_hand", "reason"),
    ]
    readonly_fields = ["on_hand", "reserved", "in_transit", "last_month", "low_stock_alerted_at"]
    actions_list = ["import_csv"]

    def get_queryset(self, request: HttpRequest) -> "QuerySet[StockLevel]":
        return StockLevel.objects.to_show().order_by("variant", "warehouse")

    def get_readonly_fields(self, request: HttpRequest, obj: StockLevel | None = None) -> list[str]:
        fields = list(super().get_readonly_fields(request, obj))
        return fields if obj is None else ["variant", "warehouse", *fields]

    def has_delete_permission(self, request: HttpRequest, obj: StockLevel | None = None) -> bool:
        return False

    def has_import_permission(self, request: HttpRequest) -> bool:
        """Importing is adjusting."""
        return request.user.has_perm("products.change_stocklevel")

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """The page's rows with what is on its way to them and their last month, in two statements for all of them."""
        page: ChangeList = super().get_changelist_instance(request)
        page.result_list = list(page.result_list)
        _complete(page.result_list)
        return page

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> StockLevel | None:
        level: StockLevel | None = super().get_object(request, object_id, from_field)
        if level is not None:
            _complete([level])
        return level

    @admin.display(description="in transit")
    def in_transit(self, level: Any) -> int:
        return int(getattr(level, "coming", 0))

    @admin.display(description="last 30 days")
    def last_month(self, level: Any) -> str:
        return sparkline(getattr(level, "days", []))

    def save_model(self, request: HttpRequest, obj: StockLevel, form: Any, change: bool) -> None:
        actor: Any = request.user
        sku, warehouse = obj.variant.sku, obj.warehouse.code
        if change:
            # Never the whole row: between reading the form and saving it, sales may have moved its numbers.
            settings = {name: form.cleaned_data[name] for name in SETTINGS if name in form.changed_data}
            stock_settings.change(sku=sku, changes=[{"warehouse": warehouse, **settings}], actor=actor)
        else:
            obj.save(force_insert=True)
        if form.wanted is not None:
            stock_adjustments.adjust(sku=sku, warehouse=warehouse, wanted=form.wanted, actor=actor)

    @action(description="Import CSV", url_path="import-csv/", permissions=["import"], icon="upload_file")
    def import_csv(self, request: HttpRequest) -> HttpResponse:
        """A form for a file; the work is a background job, whose page is shown next."""
        form = StockImportForm(request.POST, request.FILES) if request.method == "POST" else StockImportForm()
        if form.is_valid():
            actor: Any = request.user
            file, dry_run = form.cleaned_data["file"], form.cleaned_data["dry_run"]
            try:
                job = stock_import.start(upload=file, dry_run=dry_run, actor=actor)
            except Problem as refusal:
                form.add_error("file", words_of(refusal).removeprefix("file: "))
            else:
                messages.success(request, f"The import of {job.total} rows is under way: job {job.pk}.")
                return HttpResponseRedirect(reverse("admin:products_stocklevel_changelist"))
        context = {**self.admin_site.each_context(request), "title": "Adjust stock by a file", "form": form}
        return render(request, "admin/products/stock_import.html", context)


def _complete(levels: Sequence[Any]) -> None:
    coming = in_transit_to([level.variant_id for level in levels])
    days = inventory.on_hand_by_day(levels, days=_DAYS)
    for level in levels:
        level.coming = coming.get((level.variant_id, level.warehouse_id), 0)
        level.days = days[level.pk]


def sparkline(values: Sequence[int]) -> str:
    """A small line of numbers as inline SVG, drawn by the server: no script, nothing to fetch."""
    if len(values) < 2:
        return "-"
    top, floor = max(*values, 1), min(*values, 0)
    step = _WIDTH / (len(values) - 1)
    points = " ".join(
        f"{index * step:.1f},{_HEIGHT - 2 - (value - floor) / (top - floor) * (_HEIGHT - 4):.1f}"
        for index, value in enumerate(values)
    )
    return format_html(
        '<svg width="{}" height="{}" viewBox="0 0 {} {}" role="img" aria-label="{}">'
        '<polyline points="{}" fill="none" stroke="currentColor" stroke-width="1.5"/></svg>',
        *(_WIDTH, _HEIGHT, _WIDTH, _HEIGHT),
        f"on hand: from {values[0]} to {values[-1]}, at most {max(values)}, at least {min(values)}",
        points,
    )


@admin.register(StockReservation)
class StockReservationAdmin(ReadOnlyAdmin):
    list_display = ["reference", "purpose", "level", "quantity", "status", "expires_at"]
    list_filter = ["status", "purpose"]
    list_select_related = ["level__variant", "level__warehouse"]
    search_fields = ["reference", "level__variant__sku"]


@admin.register(StockMovement)
class StockMovementAdmin(ReadOnlyAdmin):
    """The ledger; the database refuses to change it, too."""

    list_display = ["created_at", "sku", "warehouse", "kind", "quantity", "on_hand_after", "reason", "reference"]
    list_filter = ["kind", "level__warehouse"]
    list_select_related = ["level__variant", "level__warehouse"]
    search_fields = ["level__variant__sku", "reason", "reference"]
    date_hierarchy = "created_at"

    @admin.display(description="SKU", ordering="level__variant__sku")
    def sku(self, movement: StockMovement) -> str:
        return movement.level.variant.sku

    @admin.display(description="warehouse", ordering="level__warehouse__code")
    def warehouse(self, movement: StockMovement) -> str:
        return movement.level.warehouse.code


def key_of(object_id: str) -> UUID | None:
    """The key in an address, if it is one."""
    try:
        return UUID(object_id)
    except ValueError:
        return None
