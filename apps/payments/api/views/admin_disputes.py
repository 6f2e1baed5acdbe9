"""Disputes and payment analytics, for staff."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api.pagination import numbered_page
from apps.common.api.permissions import staff
from apps.common.api.views import ApiView
from apps.common.errors import Invalid, NotFound
from apps.payments.api.serializers.dispute import (
    AnalyticsOut,
    AnalyticsQuery,
    DisputeBody,
    DisputeOut,
    DisputeQuery,
    present_dispute,
)
from apps.payments.models import Dispute
from apps.payments.services import analytics, disputes

TAGS = ["Payments for staff"]
_ROWS = Dispute.objects.select_related("payment").prefetch_related("evidence")


class AdminDisputes(ApiView):
    permission_classes = [staff("payments.view_dispute")]
    query_class = DisputeQuery
    problems = {"GET": [404]}

    @extend_schema(
        operation_id="admin_disputes_list",
        summary="Disputes",
        description="Newest first, with the evidence that is there or missing.",
        tags=TAGS,
        responses=DisputeOut(many=True),
    )
    def get(self, request: Request) -> Response:
        wanted = {name: self.query[name] for name in ("status", "payment") if name in self.query}
        return numbered_page(request, self.query, _ROWS.filter(**wanted).order_by("-id"), present_dispute).response()


class AdminDispute(ApiView):
    permissions = {"GET": [staff("payments.view_dispute")], "PATCH": [staff("payments.change_dispute")]}
    problems = {"GET": [404], "PATCH": [404, 409]}

    @extend_schema(
        operation_id="admin_disputes_retrieve",
        summary="Read a dispute",
        description="With its checklist of evidence.",
        tags=TAGS,
        responses=DisputeOut,
    )
    def get(self, request: Request, dispute_id: UUID) -> Response:
        return Response(present_dispute(_dispute(dispute_id)))

    @extend_schema(
        operation_id="admin_disputes_update",
        summary="Tick off evidence",
        description="Marks evidence as there or missing; kinds that the list lacks are added. 409 once it is closed.",
        tags=TAGS,
        request=DisputeBody,
        responses=DisputeOut,
        examples=[OpenApiExample("A receipt", {"evidence": [{"kind": "receipt", "done": True}]}, request_only=True)],
    )
    def patch(self, request: Request, dispute_id: UUID) -> Response:
        body = self.body(DisputeBody)
        actor: Any = request.user
        evidence = {row["kind"]: row["done"] for row in body.get("evidence", ())}
        disputes.update(dispute_id=dispute_id, evidence=evidence, note=body.get("note"), actor=actor)
        return Response(present_dispute(_dispute(dispute_id)))


class PaymentAnalytics(ApiView):
    permission_classes = [staff("payments.view_payment")]
    query_class = AnalyticsQuery

    @extend_schema(
        operation_id="admin_payments_analytics",
        summary="How payments went",
        description="Success rate, declines by code, sums by method, refunds, disputes and the time to capture of the"
        " payments begun in a span of at most 400 days.",
        tags=TAGS,
        responses=AnalyticsOut,
    )
    def get(self, request: Request) -> Response:
        until = self.query.get("to") or timezone.now()
        since = self.query.get("from") or until - timedelta(days=30)
        if not timedelta(0) < until - since <= timedelta(days=400):
            raise Invalid("The span must be between nothing and 400 days.", code="validation_error")
        found = analytics.summary(since=since, until=until, currency=settings.DEFAULT_CURRENCY)
        return Response({"from": since, "to": until} | found)


def _dispute(dispute_id: UUID) -> Dispute:
    dispute = _ROWS.filter(pk=dispute_id).first()
    if dispute is None:
        raise NotFound
    return dispute
