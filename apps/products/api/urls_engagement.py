"""Addresses of reviews, wishlists and stores under /api/v1/."""

from django.urls import URLPattern, path

from apps.products.api.views import engagement, stores

urlpatterns: list[URLPattern] = [
    path("products/<slug:slug>/reviews/", engagement.ProductReviews.as_view(), name="product-reviews"),
    path("products/<slug:slug>/wishlist/", engagement.ProductWish.as_view(), name="product-wishlist"),
    path("wishlist/", engagement.MyWishlist.as_view(), name="wishlist"),
    path("reviews/<uuid:review_id>/", engagement.OwnReview.as_view(), name="review"),
    path("admin/reviews/", engagement.AdminReviews.as_view(), name="admin-reviews"),
    path("admin/reviews/<uuid:review_id>/approve/", engagement.ApproveReview.as_view(), name="admin-review-approve"),
    path("admin/reviews/<uuid:review_id>/reject/", engagement.RejectReview.as_view(), name="admin-review-reject"),
    path("stores/", stores.StoreList.as_view(), name="stores"),
    path("stores/nearby/", stores.NearbyStores.as_view(), name="stores-nearby"),
    path("stores/<slug:slug>/", stores.StoreDetail.as_view(), name="store"),
]
