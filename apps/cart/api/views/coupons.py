"""Coupons on the cart."""

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.cart.api.serializers.cart import CartOut, CouponBody
from apps.cart.api.views.cart import TAGS, CartView
from apps.cart.services import coupons
from apps.common import ratelimit


class CartCoupons(CartView):
    problems = {"POST": [409]}

    @extend_schema(
        operation_id="cart_coupons_create",
        summary="Enter a coupon",
        description="In any case of letters; repeatable. A code that applies but loses to a better offer is taken, and"
        " `coupons` says so. A 409 tells the `reason`. Tries are counted per caller, so codes can't be guessed.",
        tags=TAGS,
        request=CouponBody,
        responses=CartOut,
        examples=[OpenApiExample("Ten per cent", {"code": "WELCOME10"}, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        user = request.user
        caller = str(user.pk) if user.is_authenticated else ratelimit.caller(request._request)
        return self.answer(coupons.enter(self.owner(), code=self.body(CouponBody)["code"], caller=caller))


class CartCouponDetail(CartView):
    @extend_schema(
        operation_id="cart_coupons_delete",
        summary="Take a coupon off",
        description="Answers the cart without it.",
        tags=TAGS,
        request=None,
        responses={200: CartOut},
    )
    def delete(self, request: Request, code: str) -> Response:
        return self.answer(coupons.remove(self.owner(), code=code))
