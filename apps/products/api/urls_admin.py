"""Addresses of staff's catalogue writes that have no public read, and of variants."""

from django.urls import URLPattern, path

from apps.products.api.views import catalogue_admin as views

urlpatterns: list[URLPattern] = [
    path("products/<slug:slug>/variants/", views.Variants.as_view(), name="variants"),
    path("products/<slug:slug>/variants/<str:sku>/", views.VariantDetail.as_view(), name="variant"),
    path("products/<slug:slug>/images/", views.Images.as_view(), name="images"),
    path("products/<slug:slug>/images/<uuid:image_id>/", views.ImageDetail.as_view(), name="image"),
]
