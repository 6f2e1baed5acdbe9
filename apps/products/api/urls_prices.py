"""Addresses of exchange rates, price lists and prices at a time under /api/v1/."""

from django.urls import URLPattern, path

from apps.products.api.views import prices

_LIST = "admin/price-lists/<slug:code>/"

urlpatterns: list[URLPattern] = [
    path("admin/exchange-rates/", prices.ExchangeRates.as_view(), name="admin-exchange-rates"),
    path("admin/price-lists/", prices.PriceLists.as_view(), name="admin-price-lists"),
    path(_LIST, prices.PriceListDetail.as_view(), name="admin-price-list"),
    path(f"{_LIST}prices/", prices.ListPrices.as_view(), name="admin-list-prices"),
    path("admin/prices/<str:sku>/", prices.PriceAt.as_view(), name="admin-price"),
]
