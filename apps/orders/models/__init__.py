from apps.orders.models.cancellation import LineCancellation
from apps.orders.models.invoice import Invoice, InvoiceDocument, InvoiceSeries
from apps.orders.models.note import OrderNote
from apps.orders.models.order import Order, OrderItem, OrderStatusHistory
from apps.orders.models.price import OrderDiscount, OrderExplanation, OrderTax
from apps.orders.models.returns import Return, ReturnHistory, ReturnLine, ReturnPhoto, ReturnReceipt
from apps.orders.models.shipment import Shipment, ShipmentLine, TrackingEvent

__all__ = [
    "Invoice",
    "InvoiceDocument",
    "InvoiceSeries",
    "LineCancellation",
    "Order",
    "OrderDiscount",
    "OrderExplanation",
    "OrderItem",
    "OrderNote",
    "OrderStatusHistory",
    "OrderTax",
    "Return",
    "ReturnHistory",
    "ReturnLine",
    "ReturnPhoto",
    "ReturnReceipt",
    "Shipment",
    "ShipmentLine",
    "TrackingEvent",
]
