"""Kinds of goods, tax zones, their rates, and customers who are exempt."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from apps.cart.admin.rows import RowAdmin
from apps.cart.models import TaxExemption, TaxRate, TaxZone
from apps.products.models import TaxCategory


@admin.register(TaxCategory)
class TaxCategoryAdmin(RowAdmin):
    list_display = ["name", "code"]
    search_fields = ["name", "code"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        # Products name their category by its code.
        return ["code"] if obj is not None else []


@admin.register(TaxZone)
class TaxZoneAdmin(RowAdmin):
    list_display = ["name", "code", "country", "region", "postal_from", "postal_to", "is_active"]
    list_filter = ["is_active", "country"]
    search_fields = ["name", "code", "region"]


@admin.register(TaxRate)
class TaxRateAdmin(RowAdmin):
    list_display = ["zone", "category", "name", "jurisdiction", "rate", "taxes_shipping", "valid_from", "valid_until"]
    list_filter = ["category", "taxes_shipping", "zone__country"]
    list_select_related = ["zone", "category"]
    search_fields = ["zone__name", "zone__code", "name", "jurisdiction"]
    autocomplete_fields = ["zone", "category"]


@admin.register(TaxExemption)
class TaxExemptionAdmin(RowAdmin):
    list_display = ["user", "country", "reason", "valid_until"]
    list_filter = ["country"]
    list_select_related = ["user"]
    search_fields = ["user__email", "reason"]
    autocomplete_fields = ["user"]
