"""Two-phase holds of stock for systems outside the shop. The short paths under /inventory/ are the same services."""

from uuid import UUID

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api.idempotency import idempotent
from apps.common.api.permissions import Anyone, staff
from apps.common.api.views import ApiView, created
from apps.products.api.serializers.inventory import present_stock
from apps.products.api.serializers.reservations import (
    ExtendBody,
    PublicStockOut,
    ReservationKeyBody,
    ReservationOut,
    ReserveBody,
    present_reservation,
)
from apps.products.services import inventory, reservations
from apps.products.services.allocation import Destination

TAGS = ["Stock for staff"]
CHANGE = staff("products.change_stockreservation")
_TWO_MUGS = {"lines": [{"sku": "OS-MUG-OAT", "quantity": 2}], "expires_in_seconds": 600}
_A_HOLD = OpenApiExample("A hold", {"reservation": "01930f0e-7c1a-7d60-8f53-3f2b8c1e5a4d"}, request_only=True)


class ReservationView(ApiView):
    """Base of the views that hold stock."""

    permission_classes = [CHANGE]
    problems = {"POST": [404, 409]}

    def reserve(self) -> Response:
        body = self.body(ReserveBody)
        held = reservations.create(
            lines=[(line["sku"], line["quantity"]) for line in body["lines"]],
            seconds=body["expires_in_seconds"],
            destination=Destination(country=body.get("country", "")),
        )
        return created(present_reservation(held), f"/api/v1/admin/inventory/reservations/{held.id}/")

    def named(self) -> UUID:
        key: UUID = self.body(ReservationKeyBody)["reservation"]
        return key


class Reservations(ReservationView):
    @extend_schema(
        operation_id="admin_inventory_reservations_create",
        summary="Hold stock",
        description="All lines or none, for a limited time; warehouses are chosen for the fewest parcels. Commit it"
        " when the units are sold, else release it; what is neither is free again when its time is over.",
        tags=TAGS,
        request=ReserveBody,
        responses={201: ReservationOut},
        examples=[OpenApiExample("Two mugs for ten minutes", _TWO_MUGS, request_only=True)],
    )
    @idempotent()
    def post(self, request: Request) -> Response:
        return self.reserve()


class ReservationDetail(ApiView):
    permission_classes = [staff("products.view_stockreservation")]

    @extend_schema(
        operation_id="admin_inventory_reservations_retrieve",
        summary="Read a hold",
        description="Its state and the warehouses that the units are held in.",
        tags=TAGS,
        responses=ReservationOut,
    )
    def get(self, request: Request, reservation_id: UUID) -> Response:
        return Response(present_reservation(reservations.read(reservation_id)))


class ReservationCommit(ReservationView):
    @extend_schema(
        operation_id="admin_inventory_reservations_commit",
        summary="Sell what is held",
        description="Takes the units off the shelf. Repeatable.",
        tags=TAGS,
        request=None,
        responses=ReservationOut,
    )
    def post(self, request: Request, reservation_id: UUID) -> Response:
        return Response(present_reservation(reservations.commit(reservation_id)))


class ReservationRelease(ReservationView):
    @extend_schema(
        operation_id="admin_inventory_reservations_release",
        summary="Give back what is held",
        description="Repeatable.",
        tags=TAGS,
        request=None,
        responses=ReservationOut,
    )
    def post(self, request: Request, reservation_id: UUID) -> Response:
        return Response(present_reservation(reservations.release(reservation_id)))


class ReservationExtend(ReservationView):
    @extend_schema(
        operation_id="admin_inventory_reservations_extend",
        summary="Hold for longer",
        description="From now on for so many seconds; only while it is held.",
        tags=TAGS,
        request=ExtendBody,
        responses=ReservationOut,
        examples=[OpenApiExample("Ten more minutes", {"expires_in_seconds": 600}, request_only=True)],
    )
    def post(self, request: Request, reservation_id: UUID) -> Response:
        seconds = self.body(ExtendBody)["expires_in_seconds"]
        return Response(present_reservation(reservations.extend(reservation_id, seconds=seconds)))


class InventoryReserve(ReservationView):
    @extend_schema(
        operation_id="inventory_reserve",
        summary="Hold stock (short path)",
        description="The same as /admin/inventory/reservations/.",
        tags=TAGS,
        request=ReserveBody,
        responses={201: ReservationOut},
        examples=[OpenApiExample("Two mugs for ten minutes", _TWO_MUGS, request_only=True)],
    )
    @idempotent()
    def post(self, request: Request) -> Response:
        return self.reserve()


class InventoryCommit(ReservationView):
    @extend_schema(
        operation_id="inventory_commit",
        summary="Sell what is held (short path)",
        description="Repeatable.",
        tags=TAGS,
        request=ReservationKeyBody,
        responses=ReservationOut,
        examples=[_A_HOLD],
    )
    def post(self, request: Request) -> Response:
        return Response(present_reservation(reservations.commit(self.named())))


class InventoryRelease(ReservationView):
    @extend_schema(
        operation_id="inventory_release",
        summary="Give back what is held (short path)",
        description="Repeatable.",
        tags=TAGS,
        request=ReservationKeyBody,
        responses=ReservationOut,
        examples=[_A_HOLD],
    )
    def post(self, request: Request) -> Response:
        return Response(present_reservation(reservations.release(self.named())))


class PublicStock(ApiView):
    permission_classes = [Anyone]

    @extend_schema(
        operation_id="inventory_retrieve",
        summary="Is it in stock",
        description="In stock, low or out; staff with `products.view_stocklevel` also read the levels.",
        tags=["Catalogue"],
        responses=PublicStockOut,
    )
    def get(self, request: Request, sku: str) -> Response:
        stock = inventory.public_stock(sku)
        may_look = request.user.is_staff and request.user.has_perm("products.view_stocklevel")
        return Response(
            {
                "sku": sku,
                "availability": stock.availability,
                "next_restock_on": stock.next_restock_on,
                "stock": present_stock(stock.levels()) if may_look else None,
            }
        )
