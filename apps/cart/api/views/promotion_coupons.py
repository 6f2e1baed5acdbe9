"""A promotion's codes and uses, for staff."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.cart.api.serializers.promotion_bodies import CouponChangeBody, CouponsBody
from apps.cart.api.serializers.promotions import (
    CouponOut,
    CouponsMadeOut,
    UseOut,
    present_coupon,
    present_made,
    present_use,
)
from apps.cart.api.views.promotions import STAFF_TAGS
from apps.cart.models import Coupon, Promotion, PromotionUse
from apps.cart.services import coupon_codes
from apps.cart.services.coupon_codes import CodeRules
from apps.common.api.idempotency import idempotent
from apps.common.api.jobs import JobOut, job_accepted
from apps.common.api.pagination import CursorQuery, PageQuery, newest_first, numbered_page
from apps.common.api.permissions import staff
from apps.common.api.query import TrueFalseField
from apps.common.api.views import ApiView, created
from apps.common.errors import FieldError, Invalid, NotFound

# Above this a batch is a job: the answer would be too large and too late.
MAX_AT_ONCE = 1000


class CouponQuery(PageQuery):
    batch = serializers.UUIDField(required=False, help_text="Only codes of this batch.")
    used = TrueFalseField(required=False, help_text="Only codes that live orders carry, or only others.")
    search = serializers.CharField(max_length=40, required=False, help_text="The start of a code.")


class PromotionCoupons(ApiView):
    permissions = {"GET": [staff("cart.view_coupon")], "POST": [staff("cart.add_coupon")]}
    query_class = CouponQuery
    starts_job = True
    problems = {"GET": [404]}

    @extend_schema(
        operation_id="admin_promotions_coupons_list",
        summary="List a promotion's codes",
        description="Newest first, each with its uses.",
        tags=STAFF_TAGS,
        responses=CouponOut(many=True),
    )
    def get(self, request: Request, promotion_id: UUID) -> Response:
        _require(promotion_id)
        coupons = Coupon.objects.filter(promotion_id=promotion_id).found(
            batch=self.query.get("batch"), used=self.query.get("used"), search=self.query.get("search")
        )
        rows = coupons.for_staff().order_by("-id")
        return numbered_page(request, self.query, rows, present_coupon, count=coupons.count()).response()

    @extend_schema(
        operation_id="admin_promotions_coupons_create",
        summary="Make codes",
        description="One that people remember (`code`), or a batch that nobody can guess (`count`, up to 10,000; single"
        " use unless `usage_limit` says otherwise). More than 1,000 are made by a job, which the 202 names.",
        tags=STAFF_TAGS,
        request=CouponsBody,
        responses={201: CouponsMadeOut, 202: JobOut},
        examples=[
            OpenApiExample("One", {"code": "SUMMER10"}, request_only=True),
            OpenApiExample("A batch", {"count": 100, "prefix": "FLYER-"}, request_only=True),
        ],
    )
    @idempotent()
    def post(self, request: Request, promotion_id: UUID) -> Response:
        body = _one_or_many(self.body(CouponsBody))
        rules = CodeRules(body.pop("usage_limit", None), body.pop("starts_at", None), body.pop("ends_at", None))
        given = {"promotion_id": promotion_id, "rules": rules, "actor": request.user, **body}
        address = f"/api/v1/admin/promotions/{promotion_id}/coupons/"
        if "code" in body:
            coupon = coupon_codes.create_coupon(**given)
            return created(present_made(Coupon.objects.for_staff().filter(pk=coupon.pk)), f"{address}{coupon.code}/")
        if body["count"] > MAX_AT_ONCE:
            return job_accepted(coupon_codes.start_batch(**given))
        batch = coupon_codes.create_batch(**given)
        made = Coupon.objects.for_staff().filter(batch=batch).order_by("id")
        return created(present_made(made, batch), f"{address}?batch={batch.pk}")


class PromotionCouponDetail(ApiView):
    permission_classes = [staff("cart.change_coupon")]

    @extend_schema(
        operation_id="admin_promotions_coupons_change",
        summary="Switch a code on or off",
        description="Carts keep it and say that it is switched off.",
        tags=STAFF_TAGS,
        request=CouponChangeBody,
        responses=CouponOut,
        examples=[OpenApiExample("Off", {"is_active": False}, request_only=True)],
    )
    def patch(self, request: Request, promotion_id: UUID, code: str) -> Response:
        coupon = coupon_codes.switch(
            promotion_id=promotion_id, code=code, actor=request.user, **self.body(CouponChangeBody)
        )
        return Response(present_coupon(Coupon.objects.for_staff().get(pk=coupon.pk)))


class PromotionUses(ApiView):
    permission_classes = [staff("cart.view_promotionuse")]
    query_class = CursorQuery
    problems = {"GET": [404]}

    @extend_schema(
        operation_id="admin_promotions_uses_list",
        summary="List a promotion's uses",
        description="The orders that carry or carried it, newest first. A cancelled order has given its use back.",
        tags=STAFF_TAGS,
        responses=UseOut(many=True),
    )
    def get(self, request: Request, promotion_id: UUID) -> Response:
        _require(promotion_id)
        uses = PromotionUse.objects.filter(promotion_id=promotion_id).select_related("coupon")
        return newest_first(request, self.query, uses, present_use).response()


def _one_or_many(body: dict[str, Any]) -> dict[str, Any]:
    """Exactly one of `code` and `count`, with what goes with it. Raises Invalid."""
    if ("code" in body) == ("count" in body):
        raise Invalid.field("/code", "required", "Either `code` or `count` is needed.")
    if "count" in body:
        return {"usage_limit": 1} | body
    of_batches = sorted({"name", "prefix"} & body.keys())
    if of_batches:
        text = "Only a batch has this."
        raise Invalid(errors=[FieldError("unknown_field", text, f"/{name}") for name in of_batches])
    return body


def _require(promotion_id: UUID) -> None:
    if not Promotion.objects.filter(pk=promotion_id).exists():
        raise NotFound
