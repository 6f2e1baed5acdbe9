"""Addresses of orders under /api/v1/."""

from django.urls import path

from apps.orders.api.views import (
    admin_orders,
    admin_returns,
    bulk_shipping,
    desk,
    invoices,
    meta,
    orders,
    promotion_dry_run,
    returns,
    shipments,
)

urlpatterns = [
    path("meta/", meta.Meta.as_view(), name="meta"),
    path("orders/", orders.Orders.as_view(), name="orders"),
    path("orders/claim/", orders.OrderClaim.as_view(), name="order-claim"),
    path("orders/lookup/", orders.OrderLookup.as_view(), name="order-lookup"),
    path("orders/<uuid:order_id>/", orders.OrderDetail.as_view(), name="order"),
    path("orders/<uuid:order_id>/cancel/", orders.OrderCancel.as_view(), name="order-cancel"),
    path("orders/<uuid:order_id>/reorder/", orders.OrderReorder.as_view(), name="order-reorder"),
    path("orders/<uuid:order_id>/timeline/", orders.OrderTimeline.as_view(), name="order-timeline"),
    path("orders/<uuid:order_id>/shipments/", shipments.OrderShipments.as_view(), name="order-shipments"),
    path("shipments/webhook/", shipments.CarrierWebhook.as_view(), name="carrier-webhook"),
    path("orders/<uuid:order_id>/invoice/", invoices.OrderInvoice.as_view(), name="order-invoice"),
    path("orders/<uuid:order_id>/invoices/", invoices.OrderInvoices.as_view(), name="order-invoices"),
    path(
        "orders/<uuid:order_id>/invoices/<str:number>/",
        invoices.OrderInvoiceDetail.as_view(),
        name="order-invoice-detail",
    ),
    path("admin/invoices/", invoices.AdminInvoices.as_view(), name="admin-invoices"),
    path("admin/invoices/<str:number>/", invoices.AdminInvoiceDetail.as_view(), name="admin-invoice"),
    path("admin/orders/", admin_orders.AdminOrders.as_view(), name="admin-orders"),
    path("admin/orders/<uuid:order_id>/", admin_orders.AdminOrderDetail.as_view(), name="admin-order"),
    path(
        "admin/orders/<uuid:order_id>/transitions/",
        admin_orders.AdminOrderTransitions.as_view(),
        name="admin-order-transitions",
    ),
    path(
        "admin/promotions/<uuid:promotion_id>/dry-run/",
        promotion_dry_run.PromotionDryRun.as_view(),
        name="admin-promotion-dry-run",
    ),
    path("admin/orders/<uuid:order_id>/shipments/", shipments.AdminOrderShipments.as_view(), name="admin-shipments"),
    path("admin/shipments/import/", bulk_shipping.AdminShipmentImport.as_view(), name="admin-shipments-import"),
    path("admin/shipments/<uuid:shipment_id>/", shipments.AdminShipment.as_view(), name="admin-shipment"),
    path(
        "admin/shipments/<uuid:shipment_id>/hand-over/",
        shipments.AdminShipmentHandOver.as_view(),
        name="admin-shipment-hand-over",
    ),
    path(
        "admin/shipments/<uuid:shipment_id>/packing-slip/",
        shipments.AdminPackingSlip.as_view(),
        name="admin-packing-slip",
    ),
    path("admin/orders/<uuid:order_id>/hold/", desk.AdminOrderHold.as_view(), name="admin-order-hold"),
    path("admin/orders/<uuid:order_id>/release/", desk.AdminOrderRelease.as_view(), name="admin-order-release"),
    path("admin/orders/<uuid:order_id>/notes/", desk.AdminOrderNotes.as_view(), name="admin-order-notes"),
    path("admin/orders/<uuid:order_id>/timeline/", desk.AdminOrderTimeline.as_view(), name="admin-order-timeline"),
    path("orders/<uuid:order_id>/returns/", returns.OrderReturns.as_view(), name="order-returns"),
    path("returns/<uuid:return_id>/", returns.ReturnDetail.as_view(), name="return"),
    path("returns/<uuid:return_id>/cancel/", returns.ReturnCancel.as_view(), name="return-cancel"),
    path("returns/<uuid:return_id>/sent/", returns.ReturnSent.as_view(), name="return-sent"),
    path("returns/<uuid:return_id>/label/", returns.ReturnLabel.as_view(), name="return-label"),
    path("returns/<uuid:return_id>/photos/", returns.ReturnPhotos.as_view(), name="return-photos"),
    path("returns/<uuid:return_id>/photos/<uuid:photo_id>/", returns.ReturnPhoto.as_view(), name="return-photo"),
    path("admin/returns/", admin_returns.AdminReturns.as_view(), name="admin-returns"),
    path("admin/returns/<uuid:return_id>/", admin_returns.AdminReturn.as_view(), name="admin-return"),
    *(
        path(f"admin/returns/<uuid:return_id>/{name}/", view.as_view(), name=f"admin-return-{name}")
        for name, view in (
            ("approve", admin_returns.AdminReturnApprove),
            ("reject", admin_returns.AdminReturnReject),
            ("sent", admin_returns.AdminReturnSent),
            ("receive", admin_returns.AdminReturnReceive),
            ("complete", admin_returns.AdminReturnComplete),
            ("cancel", admin_returns.AdminReturnCancel),
            ("label", admin_returns.AdminReturnLabel),
        )
    ),
    path(
        "admin/returns/<uuid:return_id>/photos/<uuid:photo_id>/",
        admin_returns.AdminReturnPhoto.as_view(),
        name="admin-return-photo",
    ),
]
