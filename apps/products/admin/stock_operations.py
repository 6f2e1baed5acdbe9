"""Transfers, counts and alerts of stock. The services move the stock; these screens ask them to."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from unfold.admin import TabularInline

from apps.common.admin import ReadOnlyAdmin, ReadOnlyInline, ReadOnlyMixin
from apps.common.service_admin import ServiceAdmin
from apps.products.admin.stock import key_of
from apps.products.admin.stock_forms import StockCountForm, TransferLineForm
from apps.products.models import StockAlert, StockCount, StockCountLine, StockTransfer, StockTransferLine
from apps.products.services import stock_alerts, stock_counts, stock_transfers

Move = Callable[..., object]


class _ActingAdmin(ServiceAdmin):
    """A screen whose rows move by actions; looking is not enough for those."""

    def has_move_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"products.change_{self.opts.model_name}")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def _move(self, request: HttpRequest, rows: "QuerySet[Any]", move: Move, key: str, done: str) -> None:
        named = {row.pk: f"{self.opts.verbose_name} of {row.created_at:%Y-%m-%d %H:%M}" for row in rows.order_by("pk")}
        self.each(request, named, lambda pk: move(**{key: pk}, actor=request.user), done)


class TransferLineInline(TabularInline):
    """A draft's lines are written, those on their way say what arrived, ended ones are history."""

    model = StockTransferLine
    form = TransferLineForm
    fields = ["variant", "quantity", "received", "reason"]
    autocomplete_fields = ["variant"]
    extra = 0
    min_num = 1
    hide_title = True

    def get_readonly_fields(self, request: HttpRequest, obj: StockTransfer | None = None) -> list[str]:
        if obj is None or obj.status == StockTransfer.Status.DRAFT:
            return ["received", "reason"]
        if obj.status == StockTransfer.Status.IN_TRANSIT:
            return ["variant", "quantity"]
        return list(self.fields)

    def has_add_permission(self, request: HttpRequest, obj: StockTransfer | None = None) -> bool:
        may: bool = super().has_add_permission(request, obj)
        return may and (obj is None or obj.status == StockTransfer.Status.DRAFT)

    def has_delete_permission(self, request: HttpRequest, obj: StockTransfer | None = None) -> bool:
        may: bool = super().has_delete_permission(request, obj)
        return may and (obj is None or obj.status == StockTransfer.Status.DRAFT)


@admin.register(StockTransfer)
class StockTransferAdmin(_ActingAdmin):
    list_display = ["created_at", "source", "destination", "status", "note", "dispatched_at", "ended_at"]
    list_filter = ["status", "source", "destination"]
    list_select_related = ["source", "destination"]
    search_fields = ["note", "lines__variant__sku"]
    fields = ["source", "destination", "note", "status", "dispatched_at", "ended_at", "actor_id"]
    inlines = [TransferLineInline]
    actions = ["dispatch_transfers", "receive_transfers", "cancel_transfers"]

    def get_readonly_fields(self, request: HttpRequest, obj: StockTransfer | None = None) -> list[str]:
        of_services = ["status", "dispatched_at", "ended_at", "actor_id"]
        if obj is None or obj.status == StockTransfer.Status.DRAFT:
            return of_services
        return ["source", "destination", "note", *of_services]

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> StockTransfer | None:
        key = key_of(object_id)
        if request.method == "POST" and key is not None:
            # What may be edited depends on the state, so the state must not move while the form is saved.
            StockTransfer.objects.lock().filter(pk=key).first()
        transfer: StockTransfer | None = super().get_object(request, object_id, from_field)
        return transfer

    def save_model(self, request: HttpRequest, obj: StockTransfer, form: Any, change: bool) -> None:
        if not change:
            obj.actor_id = request.user.pk
        super().save_model(request, obj, form, change)

    @admin.action(description="Dispatch", permissions=["move"])
    def dispatch_transfers(self, request: HttpRequest, queryset: "QuerySet[StockTransfer]") -> None:
        self._move(request, queryset, stock_transfers.dispatch, "transfer_id", "dispatched")

    @admin.action(description="Receive (what is noted at the lines, else all of it)", permissions=["move"])
    def receive_transfers(self, request: HttpRequest, queryset: "QuerySet[StockTransfer]") -> None:
        self._move(request, queryset, stock_transfers.receive, "transfer_id", "received")

    @admin.action(description="Cancel", permissions=["move"])
    def cancel_transfers(self, request: HttpRequest, queryset: "QuerySet[StockTransfer]") -> None:
        self._move(request, queryset, stock_transfers.cancel, "transfer_id", "cancelled")


@admin.register(StockTransferLine)
class StockTransferLineAdmin(ReadOnlyAdmin):
    list_display = ["transfer", "variant", "quantity", "received", "reason"]
    list_select_related = ["transfer", "variant"]
    search_fields = ["variant__sku"]


class CountLineInline(ReadOnlyInline):
    model = StockCountLine
    fields = ["variant", "counted", "on_hand_before"]
    readonly_fields = ["on_hand_before"]
    per_page = 50
    hide_title = True


@admin.register(StockCount)
class StockCountAdmin(_ActingAdmin):
    """Opened here, counted on the screen of its lines, applied by an action."""

    form = StockCountForm
    list_display = ["created_at", "warehouse", "status", "note", "counting", "ended_at"]
    list_filter = ["status", "warehouse"]
    list_select_related = ["warehouse"]
    search_fields = ["note", "lines__variant__sku"]
    actions = ["apply_counts", "cancel_counts"]

    def get_fields(self, request: HttpRequest, obj: StockCount | None = None) -> list[str]:
        if obj is None:
            return ["warehouse", "note", "skus"]
        return ["warehouse", "note", "status", "counting", "ended_at", "actor_id"]

    def get_readonly_fields(self, request: HttpRequest, obj: StockCount | None = None) -> list[str]:
        return [] if obj is None else self.get_fields(request, obj)

    def get_inlines(self, request: HttpRequest, obj: StockCount | None) -> list[Any]:
        return [] if obj is None else [CountLineInline]

    def save_model(self, request: HttpRequest, obj: StockCount, form: Any, change: bool) -> None:
        if change:
            return
        actor: Any = request.user
        count = stock_counts.open_count(
            warehouse=obj.warehouse.code,
            skus=form.cleaned_data["skus"].split() or None,
            note=obj.note,
            actor=actor,
        )
        obj.pk = count.pk
        obj._state.adding = False
        obj.refresh_from_db()

    @admin.display(description="lines")
    def counting(self, count: StockCount) -> str:
        address = reverse("admin:products_stockcountline_changelist")
        words = "enter numbers" if count.status == StockCount.Status.OPEN else "look at the lines"
        return format_html('<a href="{}?stock_count__id__exact={}">{}</a>', address, count.pk, words)

    @admin.action(description="Apply", permissions=["move"])
    def apply_counts(self, request: HttpRequest, queryset: "QuerySet[StockCount]") -> None:
        self._move(request, queryset, stock_counts.apply, "count_id", "applied")

    @admin.action(description="Cancel", permissions=["move"])
    def cancel_counts(self, request: HttpRequest, queryset: "QuerySet[StockCount]") -> None:
        self._move(request, queryset, stock_counts.cancel, "count_id", "cancelled")


@admin.register(StockCountLine)
class StockCountLineAdmin(ServiceAdmin):
    """Numbers are entered in the list; a count that has ended takes none."""

    list_display = ["variant", "warehouse", "counted", "on_hand_before", "stock_count"]
    list_display_links = None
    list_editable = ["counted"]
    list_filter = ["stock_count__status", "stock_count__warehouse"]
    list_select_related = ["stock_count__warehouse", "variant"]
    search_fields = ["variant__sku", "variant__product__name"]
    ordering = ["variant__sku"]
    fields = ["stock_count", "variant", "counted", "on_hand_before"]
    readonly_fields = ["stock_count", "variant", "on_hand_before"]

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup == "stock_count__id__exact" or super().lookup_allowed(lookup, value, request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: StockCountLine | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: StockCountLine | None = None) -> bool:
        return request.user.has_perm("products.change_stockcount")

    def has_view_permission(self, request: HttpRequest, obj: StockCountLine | None = None) -> bool:
        return request.user.has_perm("products.view_stockcount") or self.has_change_permission(request, obj)

    @admin.display(ordering="stock_count__warehouse__code")
    def warehouse(self, line: StockCountLine) -> str:
        return line.stock_count.warehouse.code

    def save_model(self, request: HttpRequest, obj: StockCountLine, form: Any, change: bool) -> None:
        stock_counts.set_counted(count_id=obj.stock_count_id, counted=[(obj.variant.sku, obj.counted)])


@admin.register(StockAlert)
class StockAlertAdmin(ReadOnlyMixin, _ActingAdmin):
    list_display = ["crossed_at", "sku", "warehouse", "kind", "available", "closed_at", "told_at"]
    list_filter = ["kind", ("closed_at", admin.EmptyFieldListFilter), "level__warehouse"]
    list_select_related = ["level__variant", "level__warehouse"]
    search_fields = ["level__variant__sku"]
    actions = ["acknowledge"]

    @admin.display(description="SKU", ordering="level__variant__sku")
    def sku(self, alert: StockAlert) -> str:
        return alert.level.variant.sku

    @admin.display(ordering="level__warehouse__code")
    def warehouse(self, alert: StockAlert) -> str:
        return alert.level.warehouse.name

    @admin.action(description="Take care of", permissions=["move"])
    def acknowledge(self, request: HttpRequest, queryset: "QuerySet[StockAlert]") -> None:
        self._move(request, queryset, stock_alerts.acknowledge, "alert_id", "taken care of")
