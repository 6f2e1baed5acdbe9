"""A shopper's own orders; guests come with the order's token."""

from contextlib import suppress
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from apps.cart.models import Cart
from apps.cart.services import outside_questions, quotes
from apps.cart.services.baskets import Owner
from apps.cart.services.checkout_details import CheckoutDetails
from apps.cart.services.price_documents import quote_document
from apps.common.api.conditional import conditional
from apps.common.api.exceptions import problem_handler
from apps.common.api.idempotency import idempotent
from apps.common.api.pagination import PageQuery, numbered_page
from apps.common.api.permissions import Anyone, SignedIn
from apps.common.api.price_steps import ExplainQuery
from apps.common.api.views import ApiView, created
from apps.common.errors import Conflict, Invalid, Problem
from apps.orders.api.serializers.order import (
    CancelBody,
    ClaimedOut,
    LookupBody,
    OrderOut,
    OrderRowOut,
    OrderTokenOut,
    PlaceOrderBody,
    ReorderOut,
    present_order,
    present_row,
)
from apps.orders.api.serializers.timeline import TimelineOut, present_entry
from apps.orders.models import Order
from apps.orders.services import access, cancellation, guest_orders, lifecycle
from apps.orders.services.checkout import place_order
from apps.orders.services.fulfilment import Wanted
from apps.orders.services.reorder import reorder
from apps.orders.services.timeline import timeline
from apps.users.models import Address
from apps.users.services.addresses import snapshot, validate_address

TAGS = ["Orders"]
US_ADDRESS = {
    "first_name": "Alice",
    "last_name": "Doe",
    "line1": "350 Fifth Avenue",
    "city": "New York",
    "region": "NY",
    "postal_code": "10118",
    "country": "US",
}


class OrderQuery(PageQuery):
    status = serializers.ChoiceField(choices=Order.Status.choices, required=False)
    created_after = serializers.DateTimeField(required=False, help_text="Placed at or after this time.")
    created_before = serializers.DateTimeField(required=False, help_text="Placed before this time.")


def _ask_outside(view: "Orders", request: Request) -> None:
    """Tax engines and carriers are asked before the transaction; what is wrong with the body is said in it."""
    if outside_questions.are_needed():
        with suppress(Problem, ValidationError):
            owner = view.owner()
            carts = Cart.objects.open_for(user_id=owner.user_id, token=owner.token)
            outside_questions.ask_ahead(carts, view.details().of_shipping)


class Orders(ApiView):
    permissions = {"GET": [SignedIn], "POST": [Anyone]}
    query_class = OrderQuery
    rate_scope = {"POST": "checkout"}
    header_sets = ("cart",)
    problems = {"POST": [409], "GET": [404]}

    @extend_schema(
        operation_id="orders_list",
        summary="My orders",
        description="Newest first.",
        tags=TAGS,
        responses=OrderRowOut(many=True),
    )
    def get(self, request: Request) -> Response:
        orders = Order.objects.visible_to(request.user).order_by("-id")
        for name, lookup in (
            ("status", "status"),
            ("created_after", "placed_at__gte"),
            ("created_before", "placed_at__lt"),
        ):
            if name in self.query:
                orders = orders.filter(**{lookup: self.query[name]})
        return numbered_page(request, self.query, orders, present_row).response()

    @extend_schema(
        operation_id="orders_create",
        summary="Place an order",
        description="Turns the cart into an order: prices it again, holds the stock until `expires_at`, copies"
        " addresses. Guests send `X-Cart-Token` and get an `order_token`. Pay it with /payments/create-intent/. With a"
        " `quote` or an `expected_total` that does not hold any more it answers 409 with a `diff` and a fresh `quote`.",
        tags=TAGS,
        request=PlaceOrderBody,
        responses={201: OrderOut},
        examples=[
            OpenApiExample(
                "Guest",
                {"email": "guest@example.com", "shipping_address": US_ADDRESS, "shipping_method": "standard"},
                request_only=True,
            )
        ],
    )
    @idempotent(before=_ask_outside)
    def post(self, request: Request) -> Response:
        details, owner = self.details(), self.owner()
        try:
            order = place_order(owner=owner, user=request.user, details=details)
        except Conflict as refusal:
            if not details.promise:
                raise
            # Answered, not raised: under an Idempotency-Key what is raised would take the fresh quote with it.
            fresh = quotes.make_again(owner, details)
            refusal.extra["quote"] = quote_document(fresh) if fresh is not None else None
            return problem_handler(refusal, {})
        token = None if order.user_id else access.order_token(order.pk)
        return created(present_order(order, token=token), f"/api/v1/orders/{order.pk}/")

    def owner(self) -> Owner:
        """Whose cart is ordered. Raises Invalid."""
        header = self.request.headers.get("X-Cart-Token")
        try:
            return Owner.of(self.request.user, UUID(header) if header else None)
        except ValueError:
            raise Invalid("X-Cart-Token must be a UUID.") from None

    def details(self) -> CheckoutDetails:
        """What the body says. Raises Invalid or ValidationError."""
        body = self.body(PlaceOrderBody)
        if "shipping_address_id" in body:
            if "shipping_address" in body:
                raise Invalid.field("/shipping_address_id", "invalid", "Give the address or its id, not both.")
            body["shipping_address"] = self._own_address(body.pop("shipping_address_id"))
        elif "shipping_address" in body:
            body["shipping_address"] = validate_address(body["shipping_address"], pointer="/shipping_address")
        if "billing_address" in body:
            body["billing_address"] = validate_address(body["billing_address"], pointer="/billing_address")
        return CheckoutDetails(**body)

    def _own_address(self, address_id: UUID) -> dict[str, str]:
        address: Any = None
        if self.request.user.is_authenticated:
            address = Address.objects.filter(user_id=self.request.user.pk, pk=address_id).first()
        if address is None:
            raise Invalid.field("/shipping_address_id", "does_not_exist", "There is no such address.")
        return snapshot(address)


class OrderView(ApiView):
    """Base of the views of one order."""

    permission_classes = [Anyone]
    header_sets: tuple[str, ...] = ("order",)

    def order(self, order_id: UUID) -> Order:
        return access.find_order(
            order_id=order_id, user=self.request.user, order_token=self.request.headers.get("X-Order-Token")
        )


class OrderDetail(OrderView):
    conditional_read = True
    query_class = ExplainQuery

    @extend_schema(
        operation_id="orders_retrieve",
        summary="Read an order",
        description="The customer's own, or a guest's with `X-Order-Token`.",
        tags=TAGS,
        responses=OrderOut,
    )
    def get(self, request: Request, order_id: UUID) -> Response:
        explain = self.query.get("explain", False)
        return conditional(request, present_order(self.order(order_id), explain=explain))


class OrderCancel(OrderView):
    problems = {"POST": [409]}

    @extend_schema(
        operation_id="orders_cancel",
        summary="Cancel an order",
        description="Until it ships. Gives the stock back; what was paid is refunded. Repeatable. With `lines` only"
        " those units of a paid order: their share goes back, the rest goes on.",
        tags=TAGS,
        request=CancelBody,
        responses=OrderOut,
        examples=[OpenApiExample("With a reason", {"reason": "Ordered by mistake"}, request_only=True)],
    )
    @idempotent()
    def post(self, request: Request, order_id: UUID) -> Response:
        body, order_id = self.body(CancelBody), self.order(order_id).pk
        if "lines" in body:
            wanted = [Wanted(line["item"], line["quantity"]) for line in body["lines"]]
            order = cancellation.cancel_lines(
                order_id=order_id, wanted=wanted, actor=request.user, reason=body["reason"]
            )
        else:
            order = lifecycle.cancel(order_id=order_id, actor=request.user, reason=body["reason"])
        return Response(present_order(order))


class OrderReorder(OrderView):
    permission_classes = [SignedIn]

    @extend_schema(
        operation_id="orders_reorder",
        summary="Buy the same again",
        description="Puts the order's lines into the customer's cart at today's prices; those that cannot be bought are"
        " listed. Gifts are left out.",
        tags=TAGS,
        request=None,
        responses=ReorderOut,
    )
    def post(self, request: Request, order_id: UUID) -> Response:
        added, unavailable = reorder(order=self.order(order_id), owner=Owner.of(request.user, None))
        gone = [{"sku": each.sku, "code": each.code, "detail": each.detail} for each in unavailable]
        return Response({"added": added, "unavailable": gone})


class OrderClaim(ApiView):
    permission_classes = [SignedIn]
    rate_scope = "checkout"
    problems = {"POST": [403]}

    @extend_schema(
        operation_id="orders_claim",
        summary="Take over my guest orders",
        description="Those placed as a guest with the customer's own, confirmed e-mail; it also happens by itself when"
        " the e-mail is confirmed. Repeatable.",
        tags=TAGS,
        request=None,
        responses=ClaimedOut,
    )
    def post(self, request: Request) -> Response:
        user: Any = request.user
        return Response({"results": [present_row(order) for order in guest_orders.claim(user=user)]})


class OrderTimeline(OrderView):
    @extend_schema(
        operation_id="orders_timeline",
        summary="Read an order's history",
        description="Statuses, parcels, payments and notes of the shop, oldest first, with who did it.",
        tags=TAGS,
        responses=TimelineOut,
    )
    def get(self, request: Request, order_id: UUID) -> Response:
        return Response({"results": [present_entry(entry) for entry in timeline(self.order(order_id))]})


class OrderLookup(ApiView):
    permission_classes = [Anyone]
    rate_scope = "checkout"
    problems = {"POST": [404]}

    @extend_schema(
        operation_id="orders_lookup",
        summary="Find a guest order",
        description="Number and e-mail of a guest's order give its `order_token`.",
        tags=TAGS,
        request=LookupBody,
        responses=OrderTokenOut,
        examples=[
            OpenApiExample("A guest's", {"number": "TP-7K3M9Q2XWZ", "email": "guest@example.com"}, request_only=True)
        ],
    )
    def post(self, request: Request) -> Response:
        order = access.find_guest_order(**self.body(LookupBody))
        return Response({"id": order.pk, "number": order.number, "order_token": access.order_token(order.pk)})
