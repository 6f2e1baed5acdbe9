"""Staff screens of orders and their documents."""

from apps.orders.admin import invoices, orders, returns, shipments

__all__ = ["invoices", "orders", "returns", "shipments"]
