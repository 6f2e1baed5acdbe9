"""Staff screens of orders and their documents."""

from apps.orders.admin import invoices, orders, shipments

__all__ = ["invoices", "orders", "shipments"]
