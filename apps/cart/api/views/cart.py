"""The basket, of a customer or of a guest who holds its token. Every call answers the whole cart."""

from typing import Any, ClassVar, cast
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.cart.api.serializers.cart import (
    AddItemBody,
    AddItemsBody,
    CartBody,
    CartLineBody,
    CartOut,
    CartTotalsOut,
    MergeBody,
    ShippingRatesBody,
    ShippingRatesOut,
    WishToCartBody,
    present_cart,
    present_offers,
)
from apps.cart.services import baskets, checkout_options, merging, wishes
from apps.cart.services.baskets import Owner, Wanted
from apps.cart.services.contents import Basket
from apps.cart.services.price_documents import totals_of
from apps.common.api.conditional import check_if_match, conditional, etag_of
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


def token_header(body: dict[str, Any]) -> dict[str, str]:
    """The header in which a guest's cart answers its token."""
    return {"X-Cart-Token": str(body["token"])} if body["token"] else {}


class CartView(ApiView):
    """Base of the cart's views: knows whose cart it is. A customer's own comes before any token."""

    permission_classes = [Anyone]
    header_sets: ClassVar[tuple[str, ...]] = ("cart",)

    def owner(self) -> Owner:
        return Owner.of(self.request.user, cart_token(self.request))

    @staticmethod
    def answer(basket: Basket, *, status: int = 200, dropped: list[str] | None = None) -> Response:
        body = present_cart(basket, dropped=dropped)
        return Response(body, status=status, headers=token_header(body))


class CartDetail(CartView):
    header_sets = ("cart", "currency")
    query_class = ExplainQuery
    conditional_read = True
    conditional_write = True

    @extend_schema(
        operation_id="cart_retrieve",
        summary="Read the cart",
        description="An empty cart when there is none yet; reading stores nothing. With an ETag for `If-Match`.",
        tags=TAGS,
        responses=CartOut,
    )
    def get(self, request: Request) -> Response:
        basket = baskets.view(self.owner(), currency=wanted_currency(request))
        body = present_cart(basket, explain=self.query.get("explain", False))
        return conditional(request, body, headers=token_header(body))

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
        asked = request.headers.get("If-Match") is not None

        def unchanged(basket: Basket) -> None:
            check_if_match(request, present_cart(basket))

        basket = baskets.describe(self.owner(), changes=changes, precondition=unchanged if asked else None)
        body = present_cart(basket)
        return Response(body, headers=token_header(body) | {"ETag": etag_of(body)})

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
        sku, quantity = body.pop("sku"), body.pop("quantity")
        basket, _ = baskets.add_item(
            self.owner(), sku=sku, quantity=quantity, currency=wanted_currency(request), options=body
        )
        return self.answer(basket, status=201)


class CartItemsBulk(CartView):
    header_sets = ("cart", "currency")
    problems = {"POST": [409]}

    @extend_schema(
        operation_id="cart_items_bulk",
        summary="Add several variants to the cart",
        description="All of them or none; an error names each by its place (`/items/3/quantity`).",
        tags=TAGS,
        request=AddItemsBody,
        responses={200: CartOut},
        examples=[
            OpenApiExample(
                "A mug and two bottles",
                {"items": [{"sku": "OS-MUG-OAT"}, {"sku": "OS-MUG-SAGE", "quantity": 2}]},
                request_only=True,
            )
        ],
    )
    @idempotent()
    def post(self, request: Request) -> Response:
        rows = self.body(AddItemsBody)["items"]
        wanted = [Wanted(row.pop("sku"), row.pop("quantity"), row) for row in map(dict, rows)]
        return self.answer(baskets.add_items(self.owner(), wanted=wanted, currency=wanted_currency(request)))


class CartItemDetail(CartView):
    problems = {"PUT": [409]}

    @extend_schema(
        operation_id="cart_items_update",
        summary="Set a line's quantity, note and gift options",
        description="Also takes note of the present price, which clears a price warning. A note or gift option that is"
        " not given stays as it is.",
        tags=TAGS,
        request=CartLineBody,
        responses=CartOut,
        examples=[OpenApiExample("Three", {"quantity": 3}, request_only=True)],
    )
    def put(self, request: Request, item_id: UUID) -> Response:
        body = self.body(CartLineBody)
        quantity = body.pop("quantity")
        return self.answer(baskets.set_line(self.owner(), item_id=item_id, quantity=quantity, options=body))

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


class CartItemSave(CartView):
    problems = {"POST": [409]}

    @extend_schema(
        operation_id="cart_items_save_for_later",
        summary="Save a line for later",
        description="It moves to `saved`: shown, not priced nor ordered. Onto a saved line of the same variant it adds"
        " up. Repeatable.",
        tags=TAGS,
        request=None,
        responses=CartOut,
    )
    def post(self, request: Request, item_id: UUID) -> Response:
        return self.answer(baskets.save_for_later(self.owner(), item_id=item_id))


class CartItemMove(CartView):
    problems = {"POST": [409]}

    @extend_schema(
        operation_id="cart_items_move_to_cart",
        summary="Bring a saved line back",
        description="At today's price; onto a line of the same variant it adds up. Repeatable.",
        tags=TAGS,
        request=None,
        responses=CartOut,
    )
    def post(self, request: Request, item_id: UUID) -> Response:
        return self.answer(baskets.move_to_cart(self.owner(), item_id=item_id))


class WishToCart(CartView):
    permission_classes = [SignedIn]
    header_sets = ()
    problems = {"POST": [409]}

    @extend_schema(
        operation_id="wishlist_move_to_cart",
        summary="Put a wanted product into the cart",
        description="Takes it off the wishlist. A product with several variants needs `sku`.",
        tags=TAGS,
        request=WishToCartBody,
        responses=CartOut,
        examples=[OpenApiExample("One", {"quantity": 1}, request_only=True)],
    )
    def post(self, request: Request, slug: str) -> Response:
        body = self.body(WishToCartBody)
        user: Any = request.user
        return self.answer(
            wishes.move_to_cart(user=user, product_slug=slug, sku=body.get("sku"), quantity=body["quantity"])
        )


class CartClear(CartView):
    @extend_schema(
        operation_id="cart_clear",
        summary="Empty the cart",
        description="But for what is saved for later. Repeatable.",
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
        description="Of a variant that both hold as many as the shop's CART_MERGE says (the larger quantity), capped by"
        " stock; what could not be taken along is listed in `warnings`. Repeatable.",
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
        basket, dropped = merging.merge(user_id=cast(UUID, request.user.pk), token=token)
        return self.answer(basket, dropped=dropped)
