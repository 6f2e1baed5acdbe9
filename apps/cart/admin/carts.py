"""Carts, to look at."""

from django.contrib import admin

from apps.cart.models import Cart, CartItem, CartQuote
from apps.common.admin import ReadOnlyAdmin, ReadOnlyInline, money_column


class CartItemInline(ReadOnlyInline):
    model = CartItem
    fields = ["variant", "quantity", "unit_price", "is_saved", "note", "gift_wrap", "gift_message"]


@admin.register(Cart)
class CartAdmin(ReadOnlyAdmin):
    """Baskets are their holders' business: staff look, shoppers change. The guest's token stays hidden."""

    list_display = ["id", "user", "status", "currency", "updated_at", "reminded_at"]
    list_filter = ["status", "reminded_at"]
    list_select_related = ["user"]
    search_fields = ["user__email", "email"]
    exclude = ["token"]
    inlines = [CartItemInline]


@admin.register(CartItem)
class CartItemAdmin(ReadOnlyAdmin):
    list_display = ["cart", "variant", "quantity", "unit_price", "updated_at"]
    list_select_related = ["cart", "cart__user", "variant"]
    search_fields = ["variant__sku"]


@admin.register(CartQuote)
class CartQuoteAdmin(ReadOnlyAdmin):
    """What was promised to whom; deleted soon after it has run out."""

    list_display = ["cart", money_column("total"), "created_at", "expires_at"]
    list_select_related = ["cart", "cart__user"]
    date_hierarchy = "created_at"
