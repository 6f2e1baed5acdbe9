"""Currencies, exchange rates, price lists with their prices, and what prices used to be."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from apps.common.admin import ReadOnlyAdmin, money_column
from apps.common.models import Currency
from apps.common.money import Money
from apps.common.service_admin import ServiceAdmin
from apps.products.models import ExchangeRate, Price, PriceHistory, PriceList
from apps.products.services import exchange, price_lists
from apps.products.services.price_lists import PriceRow


class _Kept:
    """Rows that are switched off, or superseded, and never deleted."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Currency)
class CurrencyAdmin(_Kept, ServiceAdmin):
    list_display = ["code", "is_active", "increment", "ending"]
    list_filter = ["is_active"]

    def get_readonly_fields(self, request: HttpRequest, obj: Currency | None = None) -> list[str]:
        return ["code"] if obj is not None else []

    def save_model(self, request: HttpRequest, obj: Currency, form: Any, change: bool) -> None:
        actor: Any = request.user
        price_lists.save_currency(currency=obj, actor=actor, changed=form.changed_data)


@admin.register(ExchangeRate)
class ExchangeRateAdmin(_Kept, ServiceAdmin):
    """Added, never changed: a newer date supersedes."""

    list_display = ["date", "base", "quote", "rate", "source"]
    list_filter = ["quote", "base", "source"]
    date_hierarchy = "date"

    def has_change_permission(self, request: HttpRequest, obj: ExchangeRate | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: ExchangeRate, form: Any, change: bool) -> None:
        actor: Any = request.user
        stored = exchange.add(
            base=obj.base, quote=obj.quote, rate=obj.rate, date=obj.date, source=obj.source, actor=actor
        )
        obj.__dict__.update(stored.__dict__)


class PriceListForm(forms.ModelForm):
    prices = forms.FileField(
        required=False,
        help_text="CSV with the columns sku, amount and, if wanted, minimum_quantity and compare_at",
    )

    class Meta:
        model = PriceList
        fields = ["code", "name", "currency", "group", "priority", "starts_at", "ends_at", "is_active"]

    def clean_prices(self) -> list[str]:
        """The lines of the file."""
        uploaded = self.cleaned_data.get("prices")
        if not uploaded:
            return []
        try:
            return str(uploaded.read().decode("utf-8-sig")).splitlines()
        except UnicodeDecodeError:
            raise forms.ValidationError("The file is not in UTF-8.") from None


@admin.register(PriceList)
class PriceListAdmin(_Kept, ServiceAdmin):
    form = PriceListForm
    list_display = ["code", "name", "currency", "group", "priority", "starts_at", "ends_at", "is_active"]
    list_filter = ["currency", "is_active", "group"]
    list_select_related = ["group"]
    search_fields = ["code", "name"]

    def get_readonly_fields(self, request: HttpRequest, obj: PriceList | None = None) -> list[str]:
        return ["code"] if obj is not None else []

    def save_model(self, request: HttpRequest, obj: PriceList, form: Any, change: bool) -> None:
        actor: Any = request.user
        changed = [name for name in form.changed_data if name != "prices"]
        price_lists.save_by_staff(price_list=obj, actor=actor, changed=changed)
        if form.cleaned_data["prices"]:
            rows = price_lists.import_csv(code=obj.code, lines=form.cleaned_data["prices"], actor=actor)
            self.message_user(request, f"{rows} prices set.")


class PriceForm(forms.ModelForm):
    class Meta:
        model = Price
        fields = ["price_list", "variant", "minimum_quantity", "amount", "compare_at"]


@admin.register(Price)
class PriceAdmin(ServiceAdmin):
    form = PriceForm
    list_display = ["variant", "price_list", "minimum_quantity", "shown_amount"]
    list_filter = ["price_list"]
    list_select_related = ["variant", "price_list"]
    search_fields = ["variant__sku"]
    autocomplete_fields = ["variant", "price_list"]
    actions = None

    shown_amount = staticmethod(money_column("amount", currency="price_list.currency"))

    def get_readonly_fields(self, request: HttpRequest, obj: Price | None = None) -> list[str]:
        return ["price_list", "variant", "minimum_quantity"] if obj is not None else []

    def save_model(self, request: HttpRequest, obj: Price, form: Any, change: bool) -> None:
        actor: Any = request.user
        self._set(obj, actor, taken_off=False)
        stored = Price.objects.get(
            price_list=obj.price_list, variant=obj.variant, minimum_quantity=obj.minimum_quantity
        )
        obj.__dict__.update(stored.__dict__)

    def delete_model(self, request: HttpRequest, obj: Price) -> None:
        actor: Any = request.user
        self._set(obj, actor, taken_off=True)

    @staticmethod
    def _set(obj: Price, actor: Any, *, taken_off: bool) -> None:
        currency = obj.price_list.currency
        row = PriceRow(
            sku=obj.variant.sku,
            minimum_quantity=obj.minimum_quantity,
            amount=None if taken_off else Money(obj.amount, currency),
            compare_at=Money(obj.compare_at, currency) if obj.compare_at is not None and not taken_off else None,
        )
        price_lists.set_prices(code=obj.price_list.code, rows=[row], actor=actor)


@admin.register(PriceHistory)
class PriceHistoryAdmin(ReadOnlyAdmin):
    list_display = ["since", "variant", "price_list", "minimum_quantity", "amount", "currency"]
    list_filter = ["currency", "price_list"]
    list_select_related = ["variant", "price_list"]
    search_fields = ["variant__sku"]
