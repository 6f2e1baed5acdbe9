"""What the OpenAPI document says about the API as a whole: tags, names of enums, path parameters."""

from typing import Any

TAGS = {
    "Sign-in": "Accounts, access and refresh tokens, mailed links, passwords.",
    "Me": "The signed-in person: profile, preferences, address book.",
    "Catalogue": "Products and categories: public reads that may be cached, writes for staff.",
    "Reviews and wishlist": "What buyers say of a product; what a customer keeps for later.",
    "Stores": "Places where people can shop or pick up.",
    "Cart": "The basket of a customer, or of a guest who holds its `X-Cart-Token`.",
    "Promotions": "Offers that run now.",
    "Orders": "Placing, reading and cancelling orders; guests use `X-Order-Token`.",
    "Orders for staff": "Searching orders and moving them along.",
    "Payments": "Paying an order by card; the provider's webhooks.",
    "Prices for staff": "Exchange rates, price lists with tiers, and what a price was at a time.",
    "Promotions for staff": "Offers with their conditions, benefits and caps; codes one by one and in batches; uses.",
    "Reviews for staff": "The queue of opinions: approve, reject.",
    "Tax and shipping for staff": "Zones, rates and methods that prices are made of; exemptions and holidays.",
    "Stock for staff": "What is on hand, reserved and available, per SKU and warehouse.",
    "Payments for staff": "Searching payments, giving money back.",
    "Jobs for staff": "Long work that staff started: progress, refused rows, result.",
    "Notifications": "What the customer has been told.",
    "Returns": "Goods that come back: asked for, sent, settled.",
    "Returns for staff": "The queue of returns: approve, receive, restock, settle.",
    "Invoices": "Invoices and credit notes, as PDF and as JSON.",
    "Events": "The public stream of what happens, for other systems.",
}

# One name per list of choices, wherever it occurs; without it the generator invents one.
ENUM_NAMES = {
    "InvoiceKind": "apps.orders.models.Invoice.Kind",
    "ShipmentStatus": "apps.orders.models.Shipment.Status",
    "ReturnStatus": "apps.orders.models.Return.Status",
    "ReturnOutcome": "apps.orders.models.Return.Outcome",
    "ReturnReason": "apps.orders.models.ReturnLine.Reason",
    "ReturnCondition": "apps.orders.models.ReturnReceipt.Condition",
    "TimelineKind": "apps.orders.services.timeline.KINDS",
    "OrderStatus": "apps.orders.models.Order.Status",
    "OrderPaymentStatus": "apps.orders.models.Order.PaymentStatus",
    "FulfilmentStatus": "apps.orders.models.Order.FulfilmentStatus",
    "PaymentStatus": "apps.payments.models.Payment.Status",
    "PaymentProvider": "apps.payments.models.Payment.Provider",
    "DisputeStatus": "apps.payments.models.Dispute.Status",
    "DisputeEvidenceKind": "apps.payments.models.DisputeEvidence.Kind",
    "ManualPaymentMethod": "apps.payments.models.Payment.ManualMethod",
    "RiskReviewStatus": "apps.payments.models.RiskReview.Status",
    "ReconciliationBreakKind": "apps.payments.models.ReconciliationBreak.Kind",
    "ReconciliationBreakStatus": "apps.payments.models.ReconciliationBreak.Status",
    "ReconciliationRunStatus": "apps.payments.models.ReconciliationRun.Status",
    "WebhookEventStatus": "apps.payments.models.WebhookEvent.Status",
    "RefundCause": "apps.payments.models.Refund.Cause",
    "RefundStatus": "apps.payments.models.Refund.Status",
    "PromotionStatus": "apps.cart.models.Promotion.Status",
    "PromotionKind": "apps.cart.models.Promotion.Kind",
    "ReviewStatus": "apps.products.models.Review.Status",
    "ProductStatus": "apps.products.models.Product.Status",
    "NotificationStatus": "apps.notifications.models.Notification.Status",
    "StockMovementKind": "apps.products.models.StockMovement.Kind",
    "StockTransferStatus": "apps.products.models.StockTransfer.Status",
    "StockCountStatus": "apps.products.models.StockCount.Status",
    "StockAdjustmentKind": "apps.products.api.serializers.stock_operations._KIND_CHOICES",
    "StockAlertKind": "apps.products.models.StockAlert.Kind",
    "JobStatus": "apps.common.models.BackgroundJob.Status",
    "NotificationKind": "apps.notifications.models.Notification.Kind",
}

# name in the URL configuration, or resource and name:
# (description, example or None for ids that differ on every machine, longest value)
PATH_PARAMETERS: dict[str, tuple[str, str | None, int]] = {
    "categories/slug": ("The category's key in the address.", "home-kitchen", 140),
    "slug": ("The product's key in the address.", "stoneware-mug", 220),
    "price-lists/code": ("Code of a price list.", "wholesale", 40),
    "warehouses/code": ("The warehouse's key.", "east", 40),
    "sku": ("The variant's stock keeping unit.", "OS-MUG-OAT", 64),
    "coupons/code": ("The coupon's code, in any case.", "WELCOME10", 40),
    "alert_id": ("Key of the alert.", None, 36),
    "address_id": ("Key of the address.", None, 36),
    "card_id": ("Key of the kept card.", None, 36),
    "count_id": ("Key of the stock count.", None, 36),
    "transfer_id": ("Key of the transfer.", None, 36),
    "image_id": ("Key of the picture.", None, 36),
    "item_id": ("Key of the cart's line.", None, 36),
    "job_id": ("Key of the job.", None, 36),
    "number": ("Number of the document.", "INV-2026-000001", 40),
    "notification_id": ("Key of the notification.", None, 36),
    "order_id": ("Key of the order.", None, 36),
    "promotion_id": ("Key of the promotion.", None, 36),
    "dispute_id": ("Key of the dispute.", None, 36),
    "risk_review_id": ("Key of the risk review.", None, 36),
    "break_id": ("Key of the disagreement.", None, 36),
    "payment_id": ("Key of the payment.", None, 36),
    "reservation_id": ("Key of the reservation.", None, 36),
    "event_id": ("Key of the provider's event, here.", None, 36),
    "return_id": ("Key of the return.", None, 36),
    "photo_id": ("Key of the picture.", None, 36),
    "shipment_id": ("Key of the parcel.", None, 36),
    "review_id": ("Key of the review.", None, 36),
}


def spectacular_settings(*, release: str) -> dict[str, Any]:
    """drf-spectacular's settings. The first server is an example; a served document names the server it came from."""
    return {
        "TITLE": "Tradepost API",
        "DESCRIPTION": (
            "Headless e-commerce: catalogue, cart, checkout, payments. Money is an object with a decimal string; times"
            " are UTC; ids are UUIDs; every error is an RFC 9457 problem document, and clients switch on its `code`."
            " Lists of values are open: tolerate new ones. The guide is docs/api.md."
        ),
        "VERSION": release,
        "OAS_VERSION": "3.0.3",
        "CONTACT": {"name": "Tradepost contributors", "url": "https://example.com/tradepost"},
        "LICENSE": {"name": "MIT", "url": "https://opensource.org/license/mit"},
        "SERVERS": [{"url": "https://api.example.com", "description": "Production", "x-internal": False}],
        "TAGS": [{"name": name, "description": text} for name, text in TAGS.items()],
        "SERVE_INCLUDE_SCHEMA": False,
        "COMPONENT_SPLIT_REQUEST": True,
        "ENUM_ADD_EXPLICIT_BLANK_NULL_CHOICE": False,
        "ENUM_NAME_OVERRIDES": ENUM_NAMES,
        "SCHEMA_PATH_PREFIX": r"/api/v1",
        "SORT_OPERATIONS": True,
        "SWAGGER_UI_DIST": "SIDECAR",
        "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
        "POSTPROCESSING_HOOKS": [
            "drf_spectacular.hooks.postprocess_schema_enums",
            "apps.common.api.schema_hooks.finish_schema",
        ],
        "SWAGGER_UI_SETTINGS": {
            "deepLinking": True,
            "persistAuthorization": True,
            "displayRequestDuration": True,
        },
    }
