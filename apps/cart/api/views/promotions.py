"""Promotions: the running ones for everybody, all of them for staff."""

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.cart.api.serializers.promotion_bodies import PromotionChangeBody, PromotionCreateBody, columns_of
from apps.cart.api.serializers.promotions import (
    PublicPromotionOut,
    StaffPromotionOut,
    editable_part,
    present_promotion,
    present_public,
    promotion_etag,
)
from apps.cart.models import Promotion
from apps.cart.services import promotions
from apps.common.api.conditional import check_if_match, conditional
from apps.common.api.idempotency import idempotent
from apps.common.api.pagination import PageQuery, numbered_page
from apps.common.api.permissions import Anyone, staff
from apps.common.api.views import ApiView, created
from apps.common.errors import NotFound

TAGS = ["Promotions"]
STAFF_TAGS = ["Promotions for staff"]
PUBLIC = {"Cache-Control": "public, max-age=60"}
_USD_50 = {"amount": "50.00", "currency": "USD"}
_TEN = {
    "name": "Ten off bags",
    "benefit": {"kind": "percent", "percent": "10.00"},
    "conditions": {"categories": ["bags"]},
}
_TIERS = {
    "name": "More saves more",
    "status": "active",
    "benefit": {
        "kind": "tiered",
        "tiers": [
            {"from_subtotal": _USD_50, "percent": "5.00"},
            {"from_subtotal": {"amount": "100.00", "currency": "USD"}, "percent": "10.00"},
        ],
    },
}


class PromotionList(ApiView):
    permission_classes = [Anyone]
    query_class = PageQuery
    conditional_read = True
    problems = {"GET": [404]}

    @extend_schema(
        operation_id="promotions_list",
        summary="List running offers",
        description="Those that the shop makes public, the most important first, whatever the weekday and the hour.",
        tags=TAGS,
        responses=PublicPromotionOut(many=True),
    )
    def get(self, request: Request) -> Response:
        running = Promotion.objects.running(timezone.now()).filter(is_public=True)
        shown = running.select_related("gift").prefetch_related("tiers").order_by("-priority", "name")
        page = numbered_page(request, self.query, shown, present_public)
        return conditional(request, page.body(), headers=PUBLIC | page.headers())


class AdminPromotionQuery(PageQuery):
    status = serializers.ChoiceField(choices=Promotion.Status.choices, required=False)
    kind = serializers.ChoiceField(choices=Promotion.Kind.choices, required=False)
    search = serializers.CharField(max_length=100, required=False, help_text="part of the name, or a code")


class AdminPromotions(ApiView):
    permissions = {"GET": [staff("cart.view_promotion")], "POST": [staff("cart.add_promotion")]}
    query_class = AdminPromotionQuery
    problems = {"GET": [404]}

    @extend_schema(
        operation_id="admin_promotions_list",
        summary="List promotions",
        description="All of them, the most important first.",
        tags=STAFF_TAGS,
        responses=StaffPromotionOut(many=True),
    )
    def get(self, request: Request) -> Response:
        rows = Promotion.objects.found(
            status=self.query.get("status"), kind=self.query.get("kind"), search=self.query.get("search")
        )
        return numbered_page(
            request, self.query, rows.for_staff().order_by("-priority", "name"), present_promotion, count=rows.count()
        ).response()

    @extend_schema(
        operation_id="admin_promotions_create",
        summary="Create a promotion",
        description="A draft unless `status` says otherwise. Each kind of benefit takes exactly its own parameters.",
        tags=STAFF_TAGS,
        request=PromotionCreateBody,
        responses={201: StaffPromotionOut},
        examples=[
            OpenApiExample("Ten per cent", _TEN, request_only=True),
            OpenApiExample("In tiers", _TIERS, request_only=True),
        ],
    )
    @idempotent()
    def post(self, request: Request) -> Response:
        columns = columns_of(self.body(PromotionCreateBody))
        promotion = promotions.create_promotion(actor=request.user, columns=columns)
        return created(present_promotion(find(promotion.pk)), f"/api/v1/admin/promotions/{promotion.pk}/")


class AdminPromotionDetail(ApiView):
    permissions = {
        "GET": [staff("cart.view_promotion")],
        "PATCH": [staff("cart.change_promotion")],
        "DELETE": [staff("cart.delete_promotion")],
    }
    conditional_read = True
    conditional_write = True
    problems = {"PATCH": [409], "DELETE": [409]}

    @extend_schema(
        operation_id="admin_promotions_retrieve",
        summary="Read a promotion",
        description="With everything it asks and gives, and how many live orders carry it.",
        tags=STAFF_TAGS,
        responses=StaffPromotionOut,
    )
    def get(self, request: Request, promotion_id: UUID) -> Response:
        promotion = find(promotion_id)
        return conditional(request, present_promotion(promotion), etag=promotion_etag(promotion))

    @extend_schema(
        operation_id="admin_promotions_change",
        summary="Change a promotion, switch it on or off",
        description="Only the given members change, of `conditions` too; `benefit` is replaced as a whole. Orders keep"
        " what they carry.",
        tags=STAFF_TAGS,
        request=PromotionChangeBody,
        responses=StaffPromotionOut,
        examples=[OpenApiExample("Off", {"status": "paused"}, request_only=True)],
    )
    def patch(self, request: Request, promotion_id: UUID) -> Response:
        promotions.change_promotion(
            promotion_id=promotion_id,
            columns=columns_of(self.body(PromotionChangeBody)),
            actor=request.user,
            precondition=self._unchanged,
        )
        promotion = find(promotion_id)
        return Response(present_promotion(promotion), headers={"ETag": promotion_etag(promotion)})

    @extend_schema(
        operation_id="admin_promotions_delete",
        summary="Delete an unused promotion",
        description="With its codes. One that an order has carried is kept: pause it.",
        tags=STAFF_TAGS,
        request=None,
        responses={204: OpenApiResponse(description="Deleted.")},
    )
    def delete(self, request: Request, promotion_id: UUID) -> Response:
        promotions.delete_promotion(promotion_id=promotion_id, actor=request.user, precondition=self._unchanged)
        return Response(status=204)

    def _unchanged(self, promotion: Promotion) -> None:
        if "If-Match" in self.request.headers:
            check_if_match(self.request, editable_part(find(promotion.pk)))


def find(promotion_id: UUID) -> Any:
    """The promotion as `present_promotion` wants it. Raises NotFound."""
    promotion = Promotion.objects.for_staff().filter(pk=promotion_id).first()
    if promotion is None:
        raise NotFound
    return promotion
