from apps.products.models.catalogue import (
    CatalogueVersion,
    Category,
    Product,
    ProductImage,
    ProductVariant,
    RetiredSlug,
)
from apps.products.models.engagement import Purchase, Review, Wishlist, WishlistItem
from apps.products.models.prices import ExchangeRate, Price, PriceHistory, PriceList
from apps.products.models.stock import StockLevel, StockMovement, StockReservation, Warehouse, available_of
from apps.products.models.stock_operations import (
    StockAlert,
    StockCount,
    StockCountLine,
    StockTransfer,
    StockTransferLine,
    in_transit_to,
)
from apps.products.models.store import Store
from apps.products.models.taxation import STANDARD, TaxCategory

__all__ = [
    "STANDARD",
    "CatalogueVersion",
    "Category",
    "ExchangeRate",
    "Price",
    "PriceHistory",
    "PriceList",
    "Product",
    "ProductImage",
    "ProductVariant",
    "Purchase",
    "RetiredSlug",
    "Review",
    "StockAlert",
    "StockCount",
    "StockCountLine",
    "StockLevel",
    "StockMovement",
    "StockReservation",
    "StockTransfer",
    "StockTransferLine",
    "Store",
    "TaxCategory",
    "Warehouse",
    "Wishlist",
    "WishlistItem",
    "available_of",
    "in_transit_to",
]
