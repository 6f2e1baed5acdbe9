"""Reviews, wishlists, purchases, shops."""

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.common.admin import BaseAdmin, ReadOnlyAdmin, ReadOnlyInline, ReadOnlyMixin, money_column
from apps.common.events import record
from apps.common.service_admin import ServiceAdmin
from apps.products.models import Purchase, Review, Store, Wishlist, WishlistItem
from apps.products.services import reviews
from apps.products.services.stores import are_hours


@admin.register(Review)
class ReviewAdmin(ReadOnlyMixin, ServiceAdmin):
    """Words stay the customer's own: staff show them or not."""

    list_display = ["created_at", "product", "user", "rating", "title", "status", "is_verified_purchase"]
    list_filter = ["status", "rating", "is_verified_purchase"]
    list_select_related = ["product", "user"]
    search_fields = ["title", "body", "product__name", "user__email"]
    actions = ["approve", "reject"]

    def has_moderate_permission(self, request: HttpRequest) -> bool:
        """Looking is not enough to decide."""
        return request.user.has_perm("products.change_review")

    @admin.action(description="Approve", permissions=["moderate"])
    def approve(self, request: HttpRequest, queryset: QuerySet[Review]) -> None:
        actor: Any = request.user
        self.each(request, _named(queryset), lambda key: reviews.approve(review_id=key, actor=actor), "approved")

    @admin.action(description="Reject", permissions=["moderate"])
    def reject(self, request: HttpRequest, queryset: QuerySet[Review]) -> None:
        actor: Any = request.user
        self.each(
            request,
            _named(queryset),
            lambda key: reviews.reject(review_id=key, actor=actor, reason="by staff"),
            "rejected",
        )


def _named(queryset: QuerySet[Review]) -> dict[Any, str]:
    return dict(queryset.order_by("pk").values_list("pk", "product__name"))


class WishlistItemInline(ReadOnlyInline):
    model = WishlistItem
    fields = ["product", "price_when_added", "currency", "created_at"]
    readonly_fields = ["created_at"]


@admin.register(Wishlist)
class WishlistAdmin(ReadOnlyAdmin):
    list_display = ["user", "name", "is_default", "created_at"]
    list_select_related = ["user"]
    search_fields = ["user__email", "name"]
    inlines = [WishlistItemInline]


@admin.register(WishlistItem)
class WishlistItemAdmin(ReadOnlyAdmin):
    list_display = ["wishlist", "product", money_column("price_when_added"), "created_at"]
    list_select_related = ["wishlist", "product"]
    search_fields = ["product__name", "wishlist__user__email"]


@admin.register(Purchase)
class PurchaseAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "user", "product"]
    list_select_related = ["user", "product"]
    search_fields = ["user__email", "product__name"]


class StoreForm(forms.ModelForm):
    def clean_timezone(self) -> str:
        name: str = self.cleaned_data["timezone"]
        if name not in available_timezones():
            raise forms.ValidationError("There is no such time zone.", code="invalid")
        return name

    def clean_hours(self) -> dict[str, Any]:
        hours: dict[str, Any] = self.cleaned_data["hours"]
        if not are_hours(hours):
            raise forms.ValidationError('Give hours like {"mon": [["09:00", "18:00"]], "sun": []}.', code="invalid")
        return hours


@admin.register(Store)
class StoreAdmin(BaseAdmin):
    form = StoreForm
    list_display = ["name", "city", "country", "is_active"]
    list_filter = ["is_active", "country"]
    search_fields = ["name", "city", "slug"]

    def save_model(self, request: HttpRequest, obj: Store, form: Any, change: bool) -> None:
        actor: Any = request.user
        super().save_model(request, obj, form, change)
        kind = "store.changed" if change else "store.created"
        record(kind, target=obj, actor=actor, data={"fields": sorted(form.changed_data)})
