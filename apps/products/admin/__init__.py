"""Staff screens of the catalogue, the stock, and what people say and wish."""

from apps.products.admin import catalogue, engagement, prices, stock, stock_operations

__all__ = ["catalogue", "engagement", "prices", "stock", "stock_operations"]
