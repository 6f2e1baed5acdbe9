"""Who keeps cards where, for staff to see."""

from django.contrib import admin

from apps.common.admin import ReadOnlyAdmin, ReadOnlyInline
from apps.payments.models import PaymentCustomer, SavedCard


class SavedCardInline(ReadOnlyInline):
    model = SavedCard
    fields = ["brand", "last4", "exp_month", "exp_year", "is_default", "created_at"]
    readonly_fields = ["created_at"]
    hide_title = True


@admin.register(PaymentCustomer)
class PaymentCustomerAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "user", "provider", "provider_reference", "forget_at"]
    list_filter = ["provider"]
    list_select_related = ["user"]
    search_fields = ["user__email", "provider_reference"]
    inlines = [SavedCardInline]


@admin.register(SavedCard)
class SavedCardAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "customer", "brand", "last4", "exp_month", "exp_year", "is_default"]
    list_filter = ["brand"]
    list_select_related = ["customer"]
    search_fields = ["customer__user__email", "last4"]
