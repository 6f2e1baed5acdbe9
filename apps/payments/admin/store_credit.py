"""Staff screens of store credit: read, and changed by the service."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from unfold.decorators import action
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminTextInputWidget

from apps.common.admin import ReadOnlyAdmin, ReadOnlyInline, money_column
from apps.common.errors import Problem
from apps.common.money import format_money
from apps.common.service_admin import words_of
from apps.payments.models import StoreCreditAccount, StoreCreditEntry
from apps.payments.services import store_credit

_BALANCE = money_column("balance")
_ENTRY = [money_column(name, currency="account.currency") for name in ("amount", "balance_after")]


class AdjustForm(forms.Form):
    """How much to give, or to take away."""

    amount = forms.DecimalField(
        max_digits=12,
        decimal_places=2,
        help_text="negative: take away",
        widget=UnfoldAdminDecimalFieldWidget(),
    )
    reason = forms.CharField(max_length=200, widget=UnfoldAdminTextInputWidget())


class EntryInline(ReadOnlyInline):
    model = StoreCreditEntry
    fields = ["created_at", "kind", *_ENTRY, "reason", "order"]
    readonly_fields = ["created_at", *_ENTRY]
    hide_title = True


@admin.register(StoreCreditAccount)
class StoreCreditAccountAdmin(ReadOnlyAdmin):
    list_display = ["user", "currency", _BALANCE, "updated_at"]
    list_filter = ["currency"]
    list_select_related = ["user"]
    search_fields = ["user__email"]
    readonly_fields = [_BALANCE]
    exclude = ["balance"]
    inlines = [EntryInline]
    actions_detail = ["adjust"]

    def has_adjust_permission(self, request: HttpRequest, *args: Any) -> bool:
        """Giving credit takes the same permission as through the API."""
        return request.user.has_perm("payments.change_storecreditaccount")

    @action(description="Give or take away", url_path="adjust", permissions=["adjust"])
    def adjust(self, request: HttpRequest, object_id: str) -> HttpResponse:
        account = get_object_or_404(StoreCreditAccount.objects.select_related("user"), pk=object_id)
        form = AdjustForm(request.POST or None)
        if form.is_valid():
            actor: Any = request.user
            try:
                changed = store_credit.adjust(
                    user_id=account.user_id, currency=account.currency, actor=actor, **form.cleaned_data
                )
            except Problem as refusal:
                form.add_error("amount", words_of(refusal))
            else:
                balance = format_money(changed.balance, changed.currency)
                self.message_user(request, f"The balance is now {balance}.", messages.SUCCESS)
                return HttpResponseRedirect(reverse("admin:payments_storecreditaccount_change", args=[account.pk]))
        title = f"Store credit of {account.user}"
        context = {**self.admin_site.each_context(request), "title": title, "form": form, "label": "Book"}
        return render(request, "admin/orders/form.html", context)


@admin.register(StoreCreditEntry)
class StoreCreditEntryAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "account", "kind", *_ENTRY, "reason", "order"]
    list_filter = ["kind", "created_at"]
    list_select_related = ["account", "order"]
    search_fields = ["account__user__email", "order__number", "reason"]
