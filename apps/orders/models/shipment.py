"""Parcels: what is in them, where they are, and what carriers tell of them."""

from typing import ClassVar
from uuid import UUID

from django.db import models
from django.db.models import Q

from apps.common.models import BaseModel, new_id
from apps.orders.models.order import Order, OrderItem
from apps.products.models import Warehouse


class Shipment(BaseModel):
    """One parcel from one warehouse, or what waits in a store to be collected.

    `status` moves along the table in services/parcels.py alone. Units in parcels that are not cancelled are counted in
    their lines' `shipped_quantity`.
    """

    class Status(models.TextChoices):
        READY = "ready"
        SHIPPED = "shipped"
        IN_TRANSIT = "in_transit"
        DELIVERED = "delivered"
        FAILED = "failed"
        READY_FOR_PICKUP = "ready_for_pickup"
        PICKED_UP = "picked_up"
        CANCELLED = "cancelled"

    # Still in our hands, so that its units may be taken out again.
    WAITING: ClassVar = (Status.READY, Status.READY_FOR_PICKUP)
    HANDED_OVER: ClassVar = (Status.SHIPPED, Status.IN_TRANSIT, Status.DELIVERED, Status.FAILED, Status.PICKED_UP)
    ARRIVED: ClassVar = (Status.DELIVERED, Status.PICKED_UP)

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="shipments")
    warehouse = models.ForeignKey(Warehouse, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.READY)
    is_pickup = models.BooleanField(default=False, help_text="collected in a store with a code")
    carrier = models.CharField(max_length=80, blank=True)
    tracking_number = models.CharField(max_length=80, blank=True)
    tracking_url = models.URLField(max_length=300, blank=True)
    shipped_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True, help_text="arrived, or was collected")

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(is_pickup=False, status__in=("ready", "shipped", "in_transit", "delivered", "failed"))
                | Q(is_pickup=True, status__in=("ready", "ready_for_pickup", "picked_up"))
                | Q(status="cancelled"),
                name="shipment_status_fits_its_kind",
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=["tracking_number"], name="shipments_by_tracking", condition=~Q(tracking_number=""))
        ]

    def __str__(self) -> str:
        return f"{self.carrier} {self.tracking_number}".strip() or str(self.id)

    @property
    def event_aggregate(self) -> tuple[str, UUID]:
        """Events of this belong to the order's public stream."""
        return ("order", self.order_id)


class ShipmentLine(models.Model):
    """So many units of an order line in a parcel."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    shipment = models.ForeignKey(Shipment, on_delete=models.PROTECT, related_name="lines")
    item = models.ForeignKey(OrderItem, on_delete=models.PROTECT, related_name="shipment_lines")
    quantity = models.PositiveIntegerField()

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["shipment", "item"], name="shipment_line_once"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="shipment_quantity_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of {self.item_id}"


class TrackingEvent(models.Model):
    """What is known of a parcel's way: told by its carrier, by staff, or by the counter of a store.

    A carrier's event may come before anybody has noted the parcel's tracking number; it is taken up then.
    """

    class Source(models.TextChoices):
        CARRIER = "carrier"
        STAFF = "staff"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    shipment = models.ForeignKey(
        Shipment, null=True, blank=True, on_delete=models.PROTECT, related_name="tracking_events"
    )
    source = models.CharField(max_length=8, choices=Source.choices)
    external_id = models.CharField(max_length=120, null=True, blank=True, unique=True, help_text="the carrier's")
    tracking_number = models.CharField(max_length=80, blank=True)
    status = models.CharField(max_length=40)
    description = models.CharField(max_length=300, blank=True)
    location = models.CharField(max_length=120, blank=True)
    occurred_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["occurred_at", "id"]
        indexes: ClassVar = [
            models.Index(fields=["shipment", "occurred_at"], name="tracking_of_shipment"),
            models.Index(fields=["tracking_number"], name="tracking_unmatched", condition=Q(shipment=None)),
        ]

    def __str__(self) -> str:
        return f"{self.status} {self.occurred_at:%Y-%m-%d %H:%M}"
