"""Addresses of products under /api/v1/."""

from django.urls import URLPattern, path

from apps.products.api import urls_admin, urls_engagement, urls_prices, urls_stock
from apps.products.api.views import addresses

urlpatterns: list[URLPattern] = [
    path("products/", addresses.Products.as_view(), name="products"),
    path("products/categories/", addresses.Categories.as_view(), name="categories"),
    path("products/categories/<slug:slug>/", addresses.Category.as_view(), name="category"),
    path("products/<slug:slug>/", addresses.Product.as_view(), name="product"),
    *urls_admin.urlpatterns,
    *urls_engagement.urlpatterns,
    *urls_prices.urlpatterns,
    *urls_stock.urlpatterns,
]
