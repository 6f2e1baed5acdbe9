"""Addresses of tax and shipping rows for staff under /api/v1/."""

from django.urls import URLPattern, path

from apps.cart.api.views import shipping, taxes

urlpatterns: list[URLPattern] = [
    path("admin/tax-categories/", taxes.TaxCategories.as_view(), name="admin-tax-categories"),
    path("admin/tax-categories/<slug:key>/", taxes.TaxCategoryDetail.as_view(), name="admin-tax-category"),
    path("admin/tax-zones/", taxes.TaxZones.as_view(), name="admin-tax-zones"),
    path("admin/tax-zones/<slug:key>/", taxes.TaxZoneDetail.as_view(), name="admin-tax-zone"),
    path("admin/tax-rates/", taxes.TaxRates.as_view(), name="admin-tax-rates"),
    path("admin/tax-rates/<uuid:key>/", taxes.TaxRateDetail.as_view(), name="admin-tax-rate"),
    path("admin/tax-exemptions/", taxes.TaxExemptions.as_view(), name="admin-tax-exemptions"),
    path("admin/tax-exemptions/<uuid:key>/", taxes.TaxExemptionDetail.as_view(), name="admin-tax-exemption"),
    path("admin/shipping-zones/", shipping.ShippingZones.as_view(), name="admin-shipping-zones"),
    path("admin/shipping-zones/<slug:key>/", shipping.ShippingZoneDetail.as_view(), name="admin-shipping-zone"),
    path("admin/shipping-methods/", shipping.ShippingMethods.as_view(), name="admin-shipping-methods"),
    path("admin/shipping-methods/<slug:key>/", shipping.ShippingMethodDetail.as_view(), name="admin-shipping-method"),
    path("admin/shipping-holidays/", shipping.ShippingHolidays.as_view(), name="admin-shipping-holidays"),
    path(
        "admin/shipping-holidays/<uuid:key>/", shipping.ShippingHolidayDetail.as_view(), name="admin-shipping-holiday"
    ),
]
