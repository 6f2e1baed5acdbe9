"""Carts, to look at."""

from django.contrib import admin

from apps.cart.models import Cart, CartItem
from apps.common.admin import ReadOnlyAdmin, ReadOnlyInline


class CartItemInline(ReadOnlyInline):
    model = CartItem
    fields = ["variant", "quantity", "unit_price"]


@admin.register(Cart)
class CartAdmin(ReadOnlyAdmin):
    """Baskets are their holders' business: staff look, shoppers change. The guest's token stays hidden."""

    list_display = ["id", "user", "status", "currency", "updated_at"]
    list_filter = ["status"]
    list_select_related = ["user"]
    search_fields = ["user__email", "email"]
    exclude = ["token"]
    inlines = [CartItemInline]


@admin.register(CartItem)
class CartItemAdmin(ReadOnlyAdmin):
    list_display = ["cart", "variant", "quantity", "unit_price", "updated_at"]
    list_select_related = ["cart", "cart__user", "variant"]
    search_fields = ["variant__sku"]
