"""Staff screens of orders. Nothing is edited here: the actions make the same moves as the API, by the same services."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe
from unfold.forms import ActionForm

from apps.common.admin import ReadOnlyAdmin, ReadOnlyInline, money_column
from apps.common.errors import Problem
from apps.orders.models import (
    Order,
    OrderDiscount,
    OrderExplanation,
    OrderItem,
    OrderNote,
    OrderStatusHistory,
    OrderTax,
    Shipment,
)
from apps.orders.services import deadlines, desk, transitions
from apps.users.services.addresses import postal_lines

_COLOURS = {
    "pending": "#b45309",
    "confirmed": "#1d4ed8",
    "processing": "#6d28d9",
    "shipped": "#0e7490",
    "delivered": "#15803d",
    "cancelled": "#b91c1c",
    "returned": "#4b5563",
}


_LINE_AMOUNTS = [
    "quantity",
    "shipped_quantity",
    "cancelled_quantity",
    "returned_quantity",
    "refunded_quantity",
    *(money_column(name, currency="order.currency") for name in ("unit_price", "line_total", "discount", "tax")),
]
_AMOUNTS = [money_column(name) for name in ("subtotal", "discount_total", "shipping_total", "tax_total", "total")]


class OrderItemInline(ReadOnlyInline):
    model = OrderItem
    fields = ["sku", "name", *_LINE_AMOUNTS, "note", "gift_wrap", "gift_message"]
    readonly_fields = _LINE_AMOUNTS
    hide_title = True


class TaxInline(ReadOnlyInline):
    model = OrderTax
    _AMOUNTS = [money_column(name, currency="order.currency") for name in ("base", "amount")]
    fields = ["item", "name", "jurisdiction", "rate", *_AMOUNTS]
    readonly_fields = _AMOUNTS
    hide_title = True


class DiscountInline(ReadOnlyInline):
    model = OrderDiscount
    _AMOUNTS = [money_column(name, currency="order.currency") for name in ("discount", "shipping")]
    fields = ["name", "code", *_AMOUNTS]
    readonly_fields = _AMOUNTS
    hide_title = True


class ExplanationInline(ReadOnlyInline):
    model = OrderExplanation
    fields = ["how"]
    readonly_fields = ["how"]
    hide_title = True

    @admin.display(description="how the total came about")
    def how(self, explanation: OrderExplanation) -> str:
        rows = (
            (step["kind"], step["detail"], step["code"], step["amount"]["amount"] if step["counts"] else "-")
            for step in explanation.steps
        )
        cell = '<td class="pr-4 py-1">{}</td>'
        cells = format_html_join("", f"<tr>{cell * 4}</tr>", rows)
        return format_html("<table>{}</table>", cells)


class HistoryInline(ReadOnlyInline):
    model = OrderStatusHistory
    fields = ["created_at", "from_status", "to_status", "actor", "reason"]
    readonly_fields = ["created_at"]
    hide_title = True


class NoteInline(ReadOnlyInline):
    model = OrderNote
    fields = ["created_at", "actor", "text", "is_customer_visible"]
    readonly_fields = ["created_at"]
    hide_title = True


class ReasonForm(ActionForm):
    """Asked for with every action on orders."""

    reason = forms.CharField(max_length=200, required=False, label="reason or note")


class OnHoldFilter(admin.SimpleListFilter):
    title = "on hold"
    parameter_name = "on_hold"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Held back"), ("no", "Not held")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        return queryset.filter(held_at__isnull=self.value() == "no") if self.value() in ("yes", "no") else queryset


class LateFilter(admin.SimpleListFilter):
    title = "late"
    parameter_name = "late"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Should have left by now")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        late = deadlines.late_orders().order_by().values("pk")
        return queryset.filter(pk__in=late) if self.value() == "yes" else queryset


class ShipmentInline(ReadOnlyInline):
    model = Shipment
    show_change_link = True
    fields = ["status", "warehouse", "carrier", "tracking_number", "tracking_url", "shipped_at", "delivered_at"]
    hide_title = True


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    list_display = ["number", "placed_at", "email", "state", "payment_status", "fulfilment_status", _AMOUNTS[-1]]
    list_filter = ["status", "payment_status", "fulfilment_status", OnHoldFilter, LateFilter, "placed_at"]
    search_fields = ["number", "email", "items__sku", "tags"]
    action_form = ReasonForm
    date_hierarchy = "placed_at"
    inlines = [OrderItemInline, DiscountInline, TaxInline, ExplanationInline, ShipmentInline, NoteInline, HistoryInline]
    actions = ["start_processing", "ship", "deliver", "cancel", "take_back", "hold", "release", "note"]
    readonly_fields = [*_AMOUNTS, "ship_to", "bill_to"]
    fieldsets = [
        (None, {"fields": ["number", "user", "email", "status", "payment_status", "fulfilment_status", "note"]}),
        ("Desk", {"fields": ["held_at", "hold_reason", "late_at", "tags"]}),
        ("Price", {"fields": [*_AMOUNTS, "tax_included", "tax_exemption"]}),
        ("Delivery", {"fields": ["shipping_method_name", "ship_to", "bill_to"]}),
        (
            "Times",
            {"fields": ["placed_at", "expires_at", "confirmed_at", "shipped_at", "delivered_at", "cancelled_at"]},
        ),
    ]

    def has_move_permission(self, request: HttpRequest) -> bool:
        """Moving orders takes the same permission as through the API."""
        return request.user.has_perm("orders.change_order")

    @admin.display(description="status", ordering="status")
    def state(self, order: Order) -> str:
        return format_html(
            '<span style="color:{};font-weight:600">{}</span>', _COLOURS[order.status], order.get_status_display()
        )

    @admin.display(description="shipping address")
    def ship_to(self, order: Order) -> str:
        return _lines(order.shipping_address)

    @admin.display(description="billing address")
    def bill_to(self, order: Order) -> str:
        return _lines(order.billing_address)

    @admin.action(description="Start processing", permissions=["move"])
    def start_processing(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        self._move(request, queryset, "processing")

    @admin.action(description="Mark as shipped", permissions=["move"])
    def ship(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        self._move(request, queryset, "shipped")

    @admin.action(description="Mark as delivered", permissions=["move"])
    def deliver(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        self._move(request, queryset, "delivered")

    @admin.action(description="Cancel, give stock and money back", permissions=["move"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        self._move(request, queryset, "cancelled")

    @admin.action(description="Take back (returned)", permissions=["move"])
    def take_back(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        self._move(request, queryset, "returned")

    @admin.action(description="Hold back", permissions=["move"])
    def hold(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        self._each(request, queryset, desk.hold, "held back", reason=_reason(request))

    @admin.action(description="Release from hold", permissions=["move"])
    def release(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        self._each(request, queryset, desk.release, "released", reason=_reason(request))

    @admin.action(description="Add the text as an internal note", permissions=["move"])
    def note(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        self._each(request, queryset, desk.add_note, "noted", text=_reason(request), is_customer_visible=False)

    def _move(self, request: HttpRequest, queryset: QuerySet[Order], to: str) -> None:
        self._each(request, queryset, transitions.transition, f"now {to}", to=to, reason=_reason(request))

    def _each(
        self, request: HttpRequest, queryset: QuerySet[Order], act: Callable[..., object], done: str, **how: Any
    ) -> None:
        actor: Any = request.user
        acted = 0
        numbers: dict[UUID, str] = dict(queryset.order_by("pk").values_list("pk", "number"))
        for order_id, number in numbers.items():
            try:
                act(order_id=order_id, actor=actor, **how)
                acted += 1
            except Problem as refusal:
                self.message_user(request, f"{number}: {refusal.detail}", messages.WARNING)
        if acted:
            self.message_user(request, f"{acted} orders are {done}.", messages.SUCCESS)


def _reason(request: HttpRequest) -> str:
    return request.POST.get("reason", "").strip()[:200] or "by staff"


def _lines(address: dict[str, str]) -> str:
    return format_html_join(mark_safe("<br>"), "{}", ((line,) for line in postal_lines(address)))


@admin.register(OrderItem)
class OrderItemAdmin(ReadOnlyAdmin):
    list_display = ["order", "sku", "name", *_LINE_AMOUNTS]
    list_select_related = ["order"]
    search_fields = ["sku", "name", "order__number"]


@admin.register(OrderStatusHistory)
class OrderStatusHistoryAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "order", "from_status", "to_status", "actor", "reason"]
    list_filter = ["to_status", "actor"]
    list_select_related = ["order"]
    search_fields = ["order__number"]


@admin.register(OrderNote)
class OrderNoteAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "order", "actor", "text", "is_customer_visible"]
    list_filter = ["is_customer_visible", "actor"]
    list_select_related = ["order"]
    search_fields = ["order__number", "text"]
