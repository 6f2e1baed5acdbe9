"""Addresses of the cart under /api/v1/."""

from django.urls import path

from apps.cart.api import urls_rates
from apps.cart.api.views import cart, coupons, promotion_coupons, promotions, quotes, reminders

urlpatterns = [
    path("cart/", cart.CartDetail.as_view(), name="cart"),
    path("cart/items/", cart.CartItems.as_view(), name="cart-items"),
    path("cart/items/<uuid:item_id>/", cart.CartItemDetail.as_view(), name="cart-item"),
    path("cart/items/bulk/", cart.CartItemsBulk.as_view(), name="cart-items-bulk"),
    path("cart/items/<uuid:item_id>/save-for-later/", cart.CartItemSave.as_view(), name="cart-item-save"),
    path("cart/items/<uuid:item_id>/move-to-cart/", cart.CartItemMove.as_view(), name="cart-item-move"),
    path("wishlist/<slug:slug>/move-to-cart/", cart.WishToCart.as_view(), name="wish-to-cart"),
    path("cart/clear/", cart.CartClear.as_view(), name="cart-clear"),
    path("cart/totals/", cart.CartTotals.as_view(), name="cart-totals"),
    path("cart/shipping-rates/", cart.CartShippingRates.as_view(), name="cart-shipping-rates"),
    path("cart/coupons/", coupons.CartCoupons.as_view(), name="cart-coupons"),
    path("cart/coupons/<str:code>/", coupons.CartCouponDetail.as_view(), name="cart-coupon"),
    path("cart/restore/", reminders.CartRestore.as_view(), name="cart-restore"),
    path("cart/unsubscribe/<str:reminder>/", reminders.CartUnsubscribe.as_view(), name="cart-unsubscribe"),
    path("cart/quote/", quotes.CartQuoteView.as_view(), name="cart-quote"),
    path("cart/merge/", cart.CartMerge.as_view(), name="cart-merge"),
    path("promotions/", promotions.PromotionList.as_view(), name="promotions"),
    path("admin/promotions/", promotions.AdminPromotions.as_view(), name="admin-promotions"),
    path("admin/promotions/<uuid:promotion_id>/", promotions.AdminPromotionDetail.as_view(), name="admin-promotion"),
    path(
        "admin/promotions/<uuid:promotion_id>/coupons/",
        promotion_coupons.PromotionCoupons.as_view(),
        name="admin-promotion-coupons",
    ),
    path(
        "admin/promotions/<uuid:promotion_id>/coupons/<str:code>/",
        promotion_coupons.PromotionCouponDetail.as_view(),
        name="admin-promotion-coupon",
    ),
    path(
        "admin/promotions/<uuid:promotion_id>/uses/",
        promotion_coupons.PromotionUses.as_view(),
        name="admin-promotion-uses",
    ),
    *urls_rates.urlpatterns,
]
