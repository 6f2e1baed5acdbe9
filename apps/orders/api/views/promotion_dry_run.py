"""Trying a promotion on past orders."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.cart.services import dry_runs
from apps.cart.services.dry_runs import MAX_ORDERS
from apps.common.api.idempotency import idempotent
from apps.common.api.jobs import JobOut, job_accepted
from apps.common.api.permissions import staff
from apps.common.api.serializers import StrictSerializer
from apps.common.api.views import ApiView
from apps.common.errors import Invalid


class DryRunBody(StrictSerializer):
    to = serializers.DateTimeField(required=False, allow_null=True, help_text="Placed before this time.")
    limit = serializers.IntegerField(
        min_value=1, max_value=MAX_ORDERS, default=200, help_text="At most this many, the newest."
    )

    carts = serializers.BooleanField(default=True, help_text="carts that were left, too, as they cost today")

    def get_fields(self) -> dict[str, Any]:
        # `from` is a word of the language.
        start = serializers.DateTimeField(required=False, allow_null=True, help_text="Placed at or after this time.")
        return {"from": start, **super().get_fields()}


class PromotionDryRun(ApiView):
    permission_classes = [staff("cart.view_promotion"), staff("orders.view_order")]
    starts_job = True

    @extend_schema(
        operation_id="admin_promotions_dry_run",
        summary="Try a promotion on past orders and carts",
        description="A background job; nothing is changed. Its `result` has for every order and every open cart the"
        " old total, the one with this promotion (a draft, too) and the difference, their sums, and how many of them it"
        " would have touched.",
        tags=["Promotions for staff"],
        request=DryRunBody,
        responses={202: JobOut},
        examples=[
            OpenApiExample(
                "A month",
                {"from": "2026-10-01T00:00:00Z", "to": "2026-11-01T00:00:00Z", "limit": 500},
                request_only=True,
            )
        ],
    )
    @idempotent()
    def post(self, request: Request, promotion_id: UUID) -> Response:
        body = self.body(DryRunBody)
        since, until = body.get("from"), body.get("to")
        if since is not None and until is not None and until <= since:
            raise Invalid.field("/to", "invalid", "It must lie after `from`.")
        return job_accepted(
            dry_runs.start(
                promotion_id=promotion_id,
                since=since,
                until=until,
                limit=body["limit"],
                with_carts=body["carts"],
                actor=request.user,
            )
        )
