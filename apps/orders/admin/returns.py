"""Staff screens of returns: looked at, decided, received and settled by the services."""

from base64 import b64encode
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import action
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget

from apps.common.admin import ReadOnlyAdmin, ReadOnlyInline, money_column
from apps.common.errors import Problem
from apps.common.money import ZERO
from apps.common.service_admin import words_of
from apps.orders.admin.orders import ReasonForm
from apps.orders.models import Return, ReturnHistory, ReturnLine, ReturnPhoto, ReturnReceipt
from apps.orders.services import return_labels, return_moves, return_receipts, return_settlement
from apps.orders.services.return_receipts import Arrived
from apps.orders.services.return_settlement import Terms

_AMOUNTS = [
    money_column(name, currency="order.currency")
    for name in ("goods_amount", "shipping_refund", "restocking_fee", "amount")
]


class ReturnLineInline(ReadOnlyInline):
    model = ReturnLine
    fields = ["item", "quantity", "reason", "comment", "received_quantity", "conditions"]
    readonly_fields = ["conditions"]
    hide_title = True

    @admin.display(description="arrived as")
    def conditions(self, line: ReturnLine) -> str:
        words = [
            f"{each.quantity} {each.condition}{' (restocked)' if each.is_restocked else ''}"
            for each in line.receipts.all()
        ]
        return ", ".join(words) or "-"


class ReturnPhotoInline(ReadOnlyInline):
    model = ReturnPhoto
    fields = ["created_at", "picture", "width", "height"]
    readonly_fields = ["created_at", "picture"]
    hide_title = True

    @admin.display(description="picture")
    def picture(self, photo: ReturnPhoto) -> str:
        """As a data address: these pictures are not among the public media."""
        return format_html(
            '<img alt="" style="max-height:160px" src="data:image/webp;base64,{}">',
            b64encode(bytes(photo.thumbnail)).decode(),
        )


class ReturnHistoryInline(ReadOnlyInline):
    model = ReturnHistory
    fields = ["created_at", "from_status", "to_status", "actor", "reason"]
    readonly_fields = ["created_at"]
    hide_title = True


class ReceiveForm(forms.Form):
    """A number for each line and condition."""

    def __init__(self, rma: Return, *args: Any) -> None:
        super().__init__(*args)
        self.rows: dict[str, tuple[UUID, str]] = {}
        for number, line in enumerate(rma.lines.select_related("item")):
            for condition in ReturnReceipt.Condition.values:
                name = f"line{number}_{condition}"
                self.rows[name] = (line.item_id, condition)
                self.fields[name] = forms.IntegerField(
                    label=f"{line.item.sku} {line.item.name}: {condition}",
                    help_text=f"{line.quantity} announced" if condition == ReturnReceipt.Condition.RESELLABLE else "",
                    min_value=0,
                    max_value=999,
                    initial=0,
                    widget=UnfoldAdminIntegerFieldWidget(),
                )

    def arrived(self) -> list[Arrived]:
        """What was typed, without the zeros."""
        return [
            Arrived(item_id, self.cleaned_data[name], condition)
            for name, (item_id, condition) in self.rows.items()
            if self.cleaned_data[name]
        ]

    def clean(self) -> dict[str, Any]:
        typed = super().clean() or {}
        if not any(typed.values()):
            raise forms.ValidationError("Type how many units have arrived.")
        return typed


class SettleForm(forms.Form):
    """What staff decide when they settle a return."""

    outcome = forms.ChoiceField(choices=Return.Outcome.choices, widget=UnfoldAdminSelectWidget())
    restocking_fee = forms.DecimalField(
        min_value=ZERO, max_digits=12, decimal_places=2, initial=ZERO, widget=UnfoldAdminDecimalFieldWidget()
    )
    shipping_refund = forms.DecimalField(
        min_value=ZERO, max_digits=12, decimal_places=2, initial=ZERO, widget=UnfoldAdminDecimalFieldWidget()
    )


@admin.register(Return)
class ReturnAdmin(ReadOnlyAdmin):
    list_display = ["number", "order", "status", "outcome", _AMOUNTS[-1], "created_at", "received_at", "closed_at"]
    list_filter = ["status", "outcome", "created_at"]
    list_select_related = ["order"]
    search_fields = ["number", "order__number", "order__email"]
    date_hierarchy = "created_at"
    inlines = [ReturnLineInline, ReturnPhotoInline, ReturnHistoryInline]
    action_form = ReasonForm
    actions = ["approve", "reject", "mark_sent", "cancel", "print_label"]
    actions_detail = ["receive_goods", "settle"]
    readonly_fields = _AMOUNTS
    exclude = ["goods_amount", "shipping_refund", "restocking_fee", "amount"]

    def has_move_permission(self, request: HttpRequest, *args: Any) -> bool:
        """Moving returns takes the same permission as through the API."""
        return request.user.has_perm("orders.change_return")

    @admin.action(description="Approve (the text goes to the buyer)", permissions=["move"])
    def approve(self, request: HttpRequest, queryset: QuerySet[Return]) -> None:
        self._each(request, queryset, return_moves.approve, "approved", reply=_text(request))

    @admin.action(description="Reject (the text goes to the buyer)", permissions=["move"])
    def reject(self, request: HttpRequest, queryset: QuerySet[Return]) -> None:
        if not _text(request):
            self.message_user(request, "Say why: the text goes to the buyer.", messages.WARNING)
            return
        self._each(request, queryset, return_moves.reject, "rejected", reply=_text(request))

    @admin.action(description="The goods are on their way", permissions=["move"])
    def mark_sent(self, request: HttpRequest, queryset: QuerySet[Return]) -> None:
        self._each(request, queryset, return_moves.mark_sent, "on their way")

    @admin.action(description="Give up", permissions=["move"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Return]) -> None:
        self._each(request, queryset, return_moves.cancel, "given up", reason=_text(request), by_staff=True)

    @admin.action(description="Print the label (of one return)", permissions=["view"])
    def print_label(self, request: HttpRequest, queryset: QuerySet[Return]) -> HttpResponse | None:
        chosen = list(queryset.select_related("order", "warehouse")[:2])
        try:
            if len(chosen) == 1:
                return HttpResponse(return_labels.return_label(chosen[0]), content_type="application/pdf")
            self.message_user(request, "Choose one return.", messages.WARNING)
        except Problem as refusal:
            self.message_user(request, refusal.detail, messages.WARNING)
        return None

    @action(description="Receive the goods", url_path="receive", permissions=["move"])
    def receive_goods(self, request: HttpRequest, object_id: str) -> HttpResponse:
        rma = get_object_or_404(Return, pk=object_id)
        form = ReceiveForm(rma, request.POST if request.method == "POST" else None)

        def receive() -> None:
            actor: Any = request.user
            return_receipts.receive(return_id=rma.pk, arrived=form.arrived(), actor=actor)

        return self._asked(request, rma, form, f"Receive {rma.number}", receive)

    @action(description="Settle", url_path="settle", permissions=["move"])
    def settle(self, request: HttpRequest, object_id: str) -> HttpResponse:
        rma = get_object_or_404(Return, pk=object_id)
        form = SettleForm(request.POST or None, initial={"outcome": rma.outcome})

        def complete() -> None:
            actor: Any = request.user
            return_settlement.complete(return_id=rma.pk, terms=Terms(**form.cleaned_data), actor=actor)

        return self._asked(request, rma, form, f"Settle {rma.number}", complete)

    def _asked(
        self, request: HttpRequest, rma: Return, form: forms.Form, title: str, act: Callable[[], None]
    ) -> HttpResponse:
        """The form's page, or the deed and back to the return."""
        if form.is_valid():
            try:
                act()
            except Problem as refusal:
                form.add_error(None, words_of(refusal))
            else:
                self.message_user(request, f"{rma.number} is done.", messages.SUCCESS)
                return HttpResponseRedirect(reverse("admin:orders_return_change", args=[rma.pk]))
        context = {**self.admin_site.each_context(request), "title": title, "form": form, "label": title}
        return render(request, "admin/orders/form.html", context)

    def _each(
        self, request: HttpRequest, queryset: QuerySet[Return], act: Callable[..., object], done: str, **how: Any
    ) -> None:
        actor: Any = request.user
        acted = 0
        for return_id, number in queryset.order_by("pk").values_list("pk", "number"):
            try:
                act(return_id=return_id, actor=actor, **how)
                acted += 1
            except Problem as refusal:
                self.message_user(request, f"{number}: {words_of(refusal)}", messages.WARNING)
        if acted:
            self.message_user(request, f"{acted} returns are {done}.", messages.SUCCESS)


def _text(request: HttpRequest) -> str:
    return request.POST.get("reason", "").strip()[:200]


@admin.register(ReturnLine)
class ReturnLineAdmin(ReadOnlyAdmin):
    list_display = ["rma", "item", "quantity", "reason", "received_quantity"]
    list_filter = ["reason"]
    list_select_related = ["rma", "item"]
    search_fields = ["rma__number", "item__sku"]


@admin.register(ReturnReceipt)
class ReturnReceiptAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "line", "condition", "quantity", "is_restocked", "warehouse"]
    list_filter = ["condition", "is_restocked", "warehouse"]
    list_select_related = ["line", "warehouse"]
    search_fields = ["line__rma__number", "line__item__sku"]


@admin.register(ReturnPhoto)
class ReturnPhotoAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "rma", "width", "height"]
    list_select_related = ["rma"]
    search_fields = ["rma__number"]
    fields = ["rma", "width", "height", "created_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReturnPhoto]:
        rows: QuerySet[ReturnPhoto] = super().get_queryset(request)
        return rows.defer("image", "thumbnail")


@admin.register(ReturnHistory)
class ReturnHistoryAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "rma", "from_status", "to_status", "actor", "reason"]
    list_filter = ["to_status", "actor"]
    list_select_related = ["rma"]
    search_fields = ["rma__number"]
