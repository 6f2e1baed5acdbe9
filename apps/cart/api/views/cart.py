"""The basket, of a customer or of a guest who holds its token. Every call answers the whole cart."""

from typing import Any, ClassVar, cast
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.cart.api.serializers.cart import (
    AddItemBody,
    CartBody,
    CartOut,
    CartTotalsOut,
    MergeBody,
    QuantityBody,
    ShippingRatesBody,
    ShippingRatesOut,
    present_cart,
    present_offers,
)
from apps.cart.services import baskets, checkout_options
from apps.cart.services.baskets import Owner
from apps.cart.services.contents import Basket
from apps.cart.services.price_documents import totals_of
from apps.common.api.idempotency import idempotent
from apps.common.api.permissions import Anyone, SignedIn
from apps.common.api.price_steps import ExplainQuery
from apps.common.api.views import ApiView
from apps.common.currencies import require
from apps.common.errors import Invalid
from apps.users.services.addresses import validate_address

TAGS = ["Cart"]


def cart_token(request: Request) -> UUID | None:
    """The guest's cart token; a malformed one is refused, an unknown one is as good as none."""
    header = request.headers.get("X-Cart-Token")
    if header is None:
        return None
    try:
        return UUID(header)
    except ValueError:
        raise Invalid("X-Cart-Token must be a UUID.") from None


def wanted_currency(request: Request) -> str | None:
    """The currency of a cart that is yet to be made. Raises UnsupportedCurrency."""
    header = request.headers.get("X-Currency")
    return require(header) if header is not None else None


class CartView(ApiView):
    """Base of the cart's views: knows whose cart it is. A customer's own comes before any token."""

    permission_classes = [Anyone]
    header_sets: ClassVar[tuple[str, ...]] = ("cart",)

    def owner(self) -> Owner:
        return Owner.of(self.request.user, cart_token(self.request))

    @staticmethod
    def answer(
        basket: Basket, *, status: int = 200, dropped: list[str] | None = None, explain: bool = False
    ) -> Response:
        body = present_cart(basket, dropped=dropped, explain=explain)
        headers = {"X-Cart-Token": str(body["token"])} if body["token"] else None
        return Response(body, status=status, headers=headers)


class CartDetail(CartView):
    header_sets = ("cart", "currency")
    query_class = ExplainQuery

    @extend_schema(
        operation_id="cart_retrieve",
        summary="Read the cart",
        description="An empty cart when there is none yet; reading stores nothing.",
        tags=TAGS,
        responses=CartOut,
    )
    def get(self, request: Request) -> Response:
        return self.answer(
            baskets.view(self.owner(), currency=wanted_currency(request)), explain=self.query.get("explain", False)
        )

    @extend_schema(
        operation_id="cart_update",
        summary="Note addresses, e-mail, shipping method",
        description="Every member is optional; totals follow.",
        tags=TAGS,
        request=CartBody,
        responses=CartOut,
        examples=[OpenApiExample("Express", {"shipping_method": "express"}, request_only=True)],
    )
    def patch(self, request: Request) -> Response:
        changes = self.body(CartBody)
        for name in ("shipping_address", "billing_address"):
            if changes.get(name):
                changes[name] = validate_address(changes[name], pointer=f"/{name}")
        return self.answer(baskets.describe(self.owner(), changes=changes))

    problems = {"PATCH": [409]}


class CartItems(CartView):
    header_sets = ("cart", "currency")
    problems = {"POST": [409]}

    @extend_schema(
        operation_id="cart_items_create",
        summary="Add to the cart",
        description="Units of a variant; units already there add up. The first call of a guest creates the cart and"
        " answers its token in the body and in `X-Cart-Token`.",
        tags=TAGS,
        request=AddItemBody,
        responses={201: CartOut},
        examples=[OpenApiExample("Two pieces", {"sku": "OS-MUG-OAT", "quantity": 2}, request_only=True)],
    )
    @idempotent()
    def post(self, request: Request) -> Response:
        body = self.body(AddItemBody)
        basket, _ = baskets.add_item(
            self.owner(), sku=body["sku"], quantity=body["quantity"], currency=wanted_currency(request)
        )
        return self.answer(basket, status=201)


class CartItemDetail(CartView):
    problems = {"PUT": [409]}

    @extend_schema(
        operation_id="cart_items_update",
        summary="Set a line's quantity",
        description="Also takes note of the present price, which clears a price warning.",
        tags=TAGS,
        request=QuantityBody,
        responses=CartOut,
        examples=[OpenApiExample("Three", {"quantity": 3}, request_only=True)],
    )
    def put(self, request: Request, item_id: UUID) -> Response:
        body = self.body(QuantityBody)
        return self.answer(baskets.set_quantity(self.owner(), item_id=item_id, quantity=body["quantity"]))

    @extend_schema(
        operation_id="cart_items_delete",
        summary="Remove a line",
        description="Answers the cart without it.",
        tags=TAGS,
        request=None,
        responses={200: CartOut},
    )
    def delete(self, request: Request, item_id: UUID) -> Response:
        return self.answer(baskets.remove_item(self.owner(), item_id=item_id))


class CartClear(CartView):
    @extend_schema(
        operation_id="cart_clear",
        summary="Empty the cart",
        description="Repeatable.",
        tags=TAGS,
        request=None,
        responses=CartOut,
    )
    def post(self, request: Request) -> Response:
        return self.answer(baskets.clear(self.owner()))


class CartTotals(CartView):
    @extend_schema(
        operation_id="cart_totals_retrieve",
        summary="Read count and totals",
        description="For the badge beside the cart's symbol.",
        tags=TAGS,
        responses=CartTotalsOut,
    )
    def get(self, request: Request) -> Response:
        basket = baskets.view(self.owner())
        return Response(
            {
                "item_count": basket.item_count,
                "currency": basket.quote.currency,
                "totals": totals_of(basket.quote),
            }
        )


class CartShippingRates(CartView):
    problems = {"POST": [409]}

    @extend_schema(
        operation_id="cart_shipping_rates_create",
        summary="Ask for shipping rates",
        description="What each method that serves the destination costs for this cart, promotions included, and when"
        " it would arrive. With `include_unavailable` also the others, each with its reason.",
        tags=TAGS,
        request=ShippingRatesBody,
        responses=ShippingRatesOut,
        examples=[
            OpenApiExample("To the United States", {"country": "US"}, request_only=True),
            OpenApiExample(
                "To Berlin", {"country": "DE", "postal_code": "10178", "include_unavailable": True}, request_only=True
            ),
        ],
    )
    def post(self, request: Request) -> Response:
        body = self.body(ShippingRatesBody)
        unavailable = body.pop("include_unavailable")
        if not body.get("country") and (body["region"] or body["postal_code"]):
            raise Invalid.field("/country", "required", "A region or a postal code is one of a country.")
        offers = checkout_options.shipping_offers(self.owner(), address=body if body.get("country") else None)
        return Response(present_offers(offers, unavailable=unavailable))


class CartMerge(CartView):
    permission_classes = [SignedIn]

    @extend_schema(
        operation_id="cart_merge",
        summary="Merge a guest cart into mine",
        description="Same variant: the larger quantity, capped by stock; what could not be taken along is listed in"
        " `warnings`. Repeatable.",
        tags=TAGS,
        request=MergeBody,
        responses=CartOut,
        examples=[
            OpenApiExample("A guest's token", {"token": "3f2b8c1e-5a4d-4e6f-9b7a-1c2d3e4f5a6b"}, request_only=True)
        ],
    )
    def post(self, request: Request) -> Response:
        token: Any = self.body(MergeBody)["token"]
        if not baskets.exists(token):
            raise Invalid.field("/token", "does_not_exist", "There is no such cart.")
        basket, dropped = baskets.merge(user_id=cast(UUID, request.user.pk), token=token)
        return self.answer(basket, dropped=dropped)
