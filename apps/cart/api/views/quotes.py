"""A binding price for the cart."""

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.cart.api.serializers.quote import QuoteBody, QuoteOut
from apps.cart.api.views.cart import TAGS, CartView
from apps.cart.services import quotes
from apps.cart.services.checkout_details import CheckoutDetails
from apps.cart.services.price_documents import quote_document
from apps.users.services.addresses import validate_address


class CartQuoteView(CartView):
    rate_scope = "checkout"
    problems = {"POST": [409]}

    @extend_schema(
        operation_id="cart_quote_create",
        summary="Quote the cart",
        description="Prices the cart with its address and shipping method, or with those of the body, and holds its"
        " stock until `expires_at`. Send `quote` along with the order: if anything differs by then, it is refused (409)"
        " with a `diff` that names line, field, old, new and cause, and with a fresh quote. A later quote of the"
        " same cart takes over the hold.",
        tags=TAGS,
        request=QuoteBody,
        responses={200: QuoteOut},
        examples=[
            OpenApiExample(
                "To New York",
                {
                    "shipping_address": {
                        "first_name": "Alice",
                        "last_name": "Doe",
                        "line1": "350 Fifth Avenue",
                        "city": "New York",
                        "region": "NY",
                        "postal_code": "10118",
                        "country": "US",
                    },
                    "shipping_method": "standard",
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        body = self.body(QuoteBody)
        explain = body.pop("explain")
        if "shipping_address" in body:
            body["shipping_address"] = validate_address(body["shipping_address"], pointer="/shipping_address")
        made = quotes.make(self.owner(), CheckoutDetails(**body))
        return Response(quote_document(made, explain=explain))
