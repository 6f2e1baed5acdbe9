"""Orders whose payment is in doubt, for staff."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api.pagination import numbered_page
from apps.common.api.permissions import staff
from apps.common.api.views import ApiView
from apps.common.errors import NotFound
from apps.payments.api.serializers.risk import DecisionBody, RiskReviewOut, RiskReviewQuery, present_review
from apps.payments.models import RiskReview
from apps.payments.services import risk

TAGS = ["Payments for staff"]
_ROWS = RiskReview.objects.select_related("order")


class RiskReviews(ApiView):
    permission_classes = [staff("payments.view_riskreview")]
    query_class = RiskReviewQuery
    problems = {"GET": [404]}

    @extend_schema(
        operation_id="admin_risk_reviews_list",
        summary="Assessed orders",
        description="Newest first, with score and reasons. Pending ones are held until staff decide.",
        tags=TAGS,
        responses=RiskReviewOut(many=True),
    )
    def get(self, request: Request) -> Response:
        wanted = {name: self.query[name] for name in ("status", "order") if name in self.query}
        return numbered_page(request, self.query, _ROWS.filter(**wanted).order_by("-id"), present_review).response()


class RiskReviewDetail(ApiView):
    permission_classes = [staff("payments.view_riskreview")]
    problems = {"GET": [404]}

    @extend_schema(
        operation_id="admin_risk_reviews_retrieve",
        summary="Read an assessment",
        description="The score, the rules that spoke, and the decision.",
        tags=TAGS,
        responses=RiskReviewOut,
    )
    def get(self, request: Request, risk_review_id: UUID) -> Response:
        review = _ROWS.filter(pk=risk_review_id).first()
        if review is None:
            raise NotFound
        return Response(present_review(review))


class ApproveRiskReview(ApiView):
    permission_classes = [staff("payments.change_riskreview")]
    problems = {"POST": [404, 409]}

    @extend_schema(
        operation_id="admin_risk_reviews_approve",
        summary="Let a held order go on",
        description="Releases the hold that the assessment placed. 409 when it does not wait for a decision.",
        tags=TAGS,
        request=DecisionBody,
        responses=RiskReviewOut,
        examples=[OpenApiExample("Why", {"note": "The buyer answered the phone."}, request_only=True)],
    )
    def post(self, request: Request, risk_review_id: UUID) -> Response:
        actor: Any = request.user
        review = risk.approve(review_id=risk_review_id, note=self.body(DecisionBody)["note"], actor=actor)
        return Response(present_review(review))


class RejectRiskReview(ApiView):
    permission_classes = [staff("payments.change_riskreview")]
    problems = {"POST": [404, 409]}

    @extend_schema(
        operation_id="admin_risk_reviews_reject",
        summary="Cancel a held order",
        description="Its stock goes back, its money is refunded, or let go when it was only held.",
        tags=TAGS,
        request=DecisionBody,
        responses=RiskReviewOut,
        examples=[OpenApiExample("Why", {"note": "The card was stolen."}, request_only=True)],
    )
    def post(self, request: Request, risk_review_id: UUID) -> Response:
        actor: Any = request.user
        review = risk.reject(review_id=risk_review_id, note=self.body(DecisionBody)["note"], actor=actor)
        return Response(present_review(review))
