"""Parcels: followed by the buyer, made and moved by staff, told of by carriers."""

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api.parsers import RawParser
from apps.common.api.permissions import Anyone, staff
from apps.common.api.renderers import OrjsonRenderer, PdfRenderer
from apps.common.api.views import ApiView, created
from apps.common.errors import NotFound
from apps.orders.api.serializers.shipment import (
    AdminShipmentOut,
    AdminShipmentsOut,
    HandOverBody,
    ShipBody,
    ShipmentChangeBody,
    ShipmentsOut,
    present_admin_shipment,
    present_open,
    present_tracked,
)
from apps.orders.api.views.desk import any_order
from apps.orders.api.views.orders import OrderView
from apps.orders.models import Order, Shipment
from apps.orders.services import carrier_events, fulfilment, parcels
from apps.orders.services.fulfilment import Label, Wanted
from apps.orders.services.packing_slips import packing_slip

TAGS = ["Orders for staff"]
_VIEW, _CHANGE = staff("orders.view_order"), staff("orders.change_order")


class OrderShipments(OrderView):
    @extend_schema(
        operation_id="orders_shipments",
        summary="Follow an order's parcels",
        description="What is in each, its carrier and tracking link, where it has been. For a parcel that waits in a"
        " store: the code to collect it with.",
        tags=["Orders"],
        responses=ShipmentsOut,
    )
    def get(self, request: Request, order_id: UUID) -> Response:
        parcels_of = self.order(order_id).shipments.exclude(status=Shipment.Status.CANCELLED)
        rows = parcels_of.prefetch_related("lines__item", "tracking_events")
        return Response({"results": [present_tracked(shipment) for shipment in rows]})


class AdminOrderShipments(ApiView):
    permissions = {"GET": [_VIEW], "POST": [_CHANGE]}
    problems = {"POST": [409]}

    @extend_schema(
        operation_id="admin_orders_shipments_list",
        summary="Read an order's parcels and what is left",
        description="`open` proposes the parcels that would send all that is left, one for each warehouse.",
        tags=TAGS,
        responses=AdminShipmentsOut,
    )
    def get(self, request: Request, order_id: UUID) -> Response:
        return Response(_parcels(any_order(order_id)))

    @extend_schema(
        operation_id="admin_orders_shipments_create",
        summary="Make parcels",
        description="Of some lines and quantities, or of `all` that is left; split by the warehouses that hold the"
        " order's units. They are `ready`, or with `leaving` handed over at once. Never more than is left:"
        " 409 `exceeds_open_quantity` lists what is.",
        tags=TAGS,
        request=ShipBody,
        responses={201: AdminShipmentsOut},
        examples=[
            OpenApiExample(
                "All, with the carrier",
                {"all": True, "leaving": True, "carrier": "UPS", "tracking_number": "1Z999AA10123456784"},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request, order_id: UUID) -> Response:
        body = self.body(ShipBody)
        label = Label(**{name: body[name] for name in ("carrier", "tracking_number", "tracking_url") if name in body})
        wanted = [Wanted(line["item"], line["quantity"]) for line in body["lines"]] if "lines" in body else None
        fulfilment.ship(order_id=order_id, wanted=wanted, label=label, is_leaving=body["leaving"], actor=request.user)
        return created(_parcels(any_order(order_id)), f"/api/v1/admin/orders/{order_id}/shipments/")


class AdminShipment(ApiView):
    permissions = {"GET": [_VIEW], "PATCH": [_CHANGE]}
    problems = {"PATCH": [409]}

    @extend_schema(
        operation_id="admin_shipments_retrieve",
        summary="Read a parcel",
        description="With the statuses it can be given now.",
        tags=TAGS,
        responses=AdminShipmentOut,
    )
    def get(self, request: Request, shipment_id: UUID) -> Response:
        return Response(present_admin_shipment(_shipment(shipment_id)))

    @extend_schema(
        operation_id="admin_shipments_change",
        summary="Change a parcel",
        description="Its carrier, tracking and status. `cancelled` unpacks a parcel that has not left. The order"
        " follows: it is shipped when all left, delivered when all arrived. A 409 lists the `allowed` statuses.",
        tags=TAGS,
        request=ShipmentChangeBody,
        responses=AdminShipmentOut,
        examples=[OpenApiExample("Delivered", {"status": "delivered"}, request_only=True)],
    )
    def patch(self, request: Request, shipment_id: UUID) -> Response:
        parcels.change(shipment_id=shipment_id, actor=request.user, **self.body(ShipmentChangeBody))
        return Response(present_admin_shipment(_shipment(shipment_id)))


class AdminShipmentHandOver(ApiView):
    permission_classes = [_CHANGE]
    problems = {"POST": [409]}

    @extend_schema(
        operation_id="admin_shipments_hand_over",
        summary="Hand a parcel over in the store",
        description="To whoever shows its code. A wrong one is 400 `code_invalid`; after five, 429 for a quarter of an"
        " hour. Repeatable.",
        tags=TAGS,
        request=HandOverBody,
        responses=AdminShipmentOut,
        examples=[OpenApiExample("A code", {"code": "7K3M9Q"}, request_only=True)],
    )
    def post(self, request: Request, shipment_id: UUID) -> Response:
        parcels.hand_over(shipment_id=shipment_id, actor=request.user, **self.body(HandOverBody))
        return Response(present_admin_shipment(_shipment(shipment_id)))


class AdminPackingSlip(ApiView):
    permission_classes = [_VIEW]
    renderer_classes = [PdfRenderer, OrjsonRenderer]

    @extend_schema(
        operation_id="admin_shipments_packing_slip",
        summary="Print a parcel's packing slip",
        description="What is in it and whose it is, without prices: as PDF, or by `Accept: application/json` as JSON.",
        tags=TAGS,
        responses={
            (200, "application/pdf"): OpenApiResponse(OpenApiTypes.BINARY, description="The slip."),
            (200, "application/json"): AdminShipmentOut,
        },
    )
    def get(self, request: Request, shipment_id: UUID) -> Response:
        shipment = _shipment(shipment_id)
        if request.accepted_renderer.format == "json":
            return Response(present_admin_shipment(shipment))
        name = f'inline; filename="packing-slip-{shipment.order.number}.pdf"'
        return Response(packing_slip(shipment), headers={"Content-Disposition": name}, content_type="application/pdf")


class CarrierWebhookOut(serializers.Serializer[Any]):
    received = serializers.BooleanField()


class CarrierWebhook(ApiView):
    """No sign-in, no limit by address: the signature is the door."""

    permission_classes = [Anyone]
    authentication_classes: list[type] = []
    parser_classes = [RawParser]
    rate_scope = "webhook"

    @extend_schema(
        operation_id="shipments_webhook",
        summary="Carriers' events",
        description="For carriers alone. `id`, `tracking_number`, `status` (in_transit, delivered, failed; others are"
        " kept), `occurred_at`, and `description` and `location` if known. Answers 200 for every event with a good"
        " signature, new or known.",
        tags=["Orders"],
        request=OpenApiTypes.OBJECT,
        parameters=[
            OpenApiParameter(
                "X-Carrier-Signature",
                {"type": "string", "maxLength": 200},
                OpenApiParameter.HEADER,
                required=True,
                description="t=<unix time>,v1=<HMAC-SHA256>",
            )
        ],
        responses=CarrierWebhookOut,
        examples=[
            OpenApiExample(
                "Delivered",
                {
                    "id": "evt-20310501-77",
                    "tracking_number": "1Z999AA10123456784",
                    "status": "delivered",
                    "occurred_at": "2031-05-01T09:30:00Z",
                    "location": "New York",
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        body: Any = request.data or b""  # no parser sees an empty body
        carrier_events.receive(body=body, signature=request.headers.get("X-Carrier-Signature", ""))
        return Response({"received": True})


def _shipment(shipment_id: UUID) -> Shipment:
    rows = Shipment.objects.select_related("order", "warehouse").prefetch_related("lines__item", "tracking_events")
    shipment = rows.filter(pk=shipment_id).first()
    if shipment is None:
        raise NotFound
    return shipment


def _parcels(order: Order) -> dict[str, Any]:
    rows = order.shipments.select_related("order", "warehouse").prefetch_related("lines__item", "tracking_events")
    items = {item.pk: item for item in order.items.all()}
    return {
        "results": [present_admin_shipment(shipment) for shipment in rows],
        "open": [present_open(parcel, items) for parcel in fulfilment.open_parcels(order)],
    }
