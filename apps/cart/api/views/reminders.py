"""What the links of a reminder do."""

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.cart.api.serializers.cart import CartOut, RestoreBody, UnsubscribedOut
from apps.cart.api.views.cart import TAGS, CartView
from apps.cart.services import reminder_links
from apps.common.api.permissions import Anyone
from apps.common.api.views import ApiView


class CartRestore(CartView):
    problems = {"POST": [404, 410]}

    @extend_schema(
        operation_id="cart_restore",
        summary="Open the cart of a reminder",
        description="`token` is that of the mailed link. A guest's cart is answered with its `X-Cart-Token`, or goes"
        " into the cart of the customer who is signed in; a customer's is opened by its customer alone. 410 when the"
        " link is too old or the cart has been ordered.",
        tags=TAGS,
        request=RestoreBody,
        responses={200: CartOut},
        examples=[
            OpenApiExample(
                "A mailed token",
                {"token": "01a1fdb033667457885193fa898a480d.1sT9xk.9bq3ZcP0bq6tYk3nYQm5uH2v"},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        return self.answer(reminder_links.restore(token=self.body(RestoreBody)["token"], user=request.user))


class CartUnsubscribe(ApiView):
    """RFC 8058: mail programs post a form here, without asking anybody; the body does not matter and is not read."""

    permission_classes = [Anyone]
    rate_scope = "webhook"

    @extend_schema(
        operation_id="cart_unsubscribe",
        summary="No more reminders",
        description="What the `List-Unsubscribe` header of a reminder names (one click, RFC 8058). Repeatable.",
        tags=TAGS,
        request=None,
        responses={200: UnsubscribedOut},
    )
    def post(self, request: Request, reminder: str) -> Response:
        reminder_links.unsubscribe(reminder)
        return Response({"unsubscribed": True})
