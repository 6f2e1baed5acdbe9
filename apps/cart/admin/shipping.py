"""Zones, methods with their tariffs, holidays."""

from django.contrib import admin
from unfold.admin import TabularInline

from apps.cart.admin.rows import RowAdmin
from apps.cart.models import ShippingBand, ShippingHoliday, ShippingMethod, ShippingZone


class BandInline(TabularInline):
    model = ShippingBand
    extra = 0
    fields = ["country", "postal_prefix", "threshold", "price"]


@admin.register(ShippingZone)
class ShippingZoneAdmin(RowAdmin):
    list_display = ["name", "code", "countries", "regions", "postal_prefixes"]
    search_fields = ["name", "code"]


@admin.register(ShippingMethod)
class ShippingMethodAdmin(RowAdmin):
    list_display = [
        "name",
        "code",
        "kind",
        "zone",
        "price",
        "currency",
        "free_over",
        "min_days",
        "max_days",
        "is_active",
    ]
    list_filter = ["is_active", "kind", "zone"]
    list_select_related = ["zone"]
    search_fields = ["name", "code"]
    autocomplete_fields = ["zone"]
    filter_horizontal = ["stores"]
    inlines = [BandInline]


@admin.register(ShippingHoliday)
class ShippingHolidayAdmin(RowAdmin):
    list_display = ["day", "country", "name"]
    list_filter = ["country"]
    search_fields = ["name"]
    date_hierarchy = "day"
