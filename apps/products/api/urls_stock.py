"""Addresses of stock and warehouses under /api/v1/. Words come before `{sku}`."""

from django.urls import URLPattern, path

from apps.products.api.views import (
    inventory,
    reservations,
    stock_adjustments,
    stock_alerts,
    stock_counts,
    stock_transfers,
    warehouses,
)

_ALERTS = "admin/inventory/alerts/"
_TRANSFERS = "admin/inventory/transfers/"
_TRANSFER = f"{_TRANSFERS}<uuid:transfer_id>/"
_COUNTS = "admin/inventory/counts/"
_COUNT = f"{_COUNTS}<uuid:count_id>/"
_SKU = "admin/inventory/<str:sku>/"

urlpatterns: list[URLPattern] = [
    path("admin/inventory/", inventory.Inventory.as_view(), name="admin-inventory-list"),
    path(_ALERTS, stock_alerts.StockAlerts.as_view(), name="admin-stock-alerts"),
    path(
        f"{_ALERTS}<uuid:alert_id>/acknowledge/",
        stock_alerts.AcknowledgeAlert.as_view(),
        name="admin-stock-alert-acknowledge",
    ),
    path("admin/inventory/import/", stock_adjustments.StockImport.as_view(), name="admin-stock-import"),
    path("admin/inventory/movements/", inventory.Movements.as_view(), name="admin-inventory-movements"),
    path("admin/inventory/reservations/", reservations.Reservations.as_view(), name="admin-reservations"),
    path(
        "admin/inventory/reservations/<uuid:reservation_id>/",
        reservations.ReservationDetail.as_view(),
        name="admin-reservation",
    ),
    path(
        "admin/inventory/reservations/<uuid:reservation_id>/commit/",
        reservations.ReservationCommit.as_view(),
        name="admin-reservation-commit",
    ),
    path(
        "admin/inventory/reservations/<uuid:reservation_id>/release/",
        reservations.ReservationRelease.as_view(),
        name="admin-reservation-release",
    ),
    path(
        "admin/inventory/reservations/<uuid:reservation_id>/extend/",
        reservations.ReservationExtend.as_view(),
        name="admin-reservation-extend",
    ),
    path("inventory/reserve/", reservations.InventoryReserve.as_view(), name="inventory-reserve"),
    path("inventory/commit/", reservations.InventoryCommit.as_view(), name="inventory-commit"),
    path("inventory/release/", reservations.InventoryRelease.as_view(), name="inventory-release"),
    path("inventory/<str:sku>/", reservations.PublicStock.as_view(), name="inventory"),
    path(_TRANSFERS, stock_transfers.Transfers.as_view(), name="admin-stock-transfers"),
    path(_TRANSFER, stock_transfers.TransferDetail.as_view(), name="admin-stock-transfer"),
    path(f"{_TRANSFER}dispatch/", stock_transfers.DispatchTransfer.as_view(), name="admin-stock-transfer-dispatch"),
    path(f"{_TRANSFER}receive/", stock_transfers.ReceiveTransfer.as_view(), name="admin-stock-transfer-receive"),
    path(f"{_TRANSFER}cancel/", stock_transfers.CancelTransfer.as_view(), name="admin-stock-transfer-cancel"),
    path(_COUNTS, stock_counts.Counts.as_view(), name="admin-stock-counts"),
    path(_COUNT, stock_counts.CountDetail.as_view(), name="admin-stock-count"),
    path(f"{_COUNT}lines/", stock_counts.CountLines.as_view(), name="admin-stock-count-lines"),
    path(f"{_COUNT}apply/", stock_counts.ApplyCount.as_view(), name="admin-stock-count-apply"),
    path(f"{_COUNT}cancel/", stock_counts.CancelCount.as_view(), name="admin-stock-count-cancel"),
    path(_SKU, inventory.InventoryDetail.as_view(), name="admin-inventory"),
    path(f"{_SKU}adjustments/", stock_adjustments.Adjustments.as_view(), name="admin-inventory-adjustments"),
    path(f"{_SKU}history/", inventory.History.as_view(), name="admin-inventory-history"),
    path("admin/warehouses/", warehouses.Warehouses.as_view(), name="admin-warehouses"),
    path("admin/warehouses/<slug:code>/", warehouses.WarehouseDetail.as_view(), name="admin-warehouse"),
]
