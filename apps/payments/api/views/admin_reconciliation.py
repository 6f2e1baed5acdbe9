"""The queue of disagreements with the providers' books, and comparing them, for staff."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api.pagination import PageQuery, numbered_page
from apps.common.api.permissions import staff
from apps.common.api.views import ApiView
from apps.common.errors import NotFound
from apps.payments.api.serializers.reconciliation import (
    BreakOut,
    BreakQuery,
    ResolveBody,
    RunBody,
    RunOut,
    present_break,
    present_run,
)
from apps.payments.models import ReconciliationBreak, ReconciliationRun
from apps.payments.services import breaks, reconciliation

TAGS = ["Payments for staff"]
_BREAKS = ReconciliationBreak.objects.select_related("order")


class ReconciliationBreaks(ApiView):
    permission_classes = [staff("payments.view_reconciliationbreak")]
    query_class = BreakQuery
    problems = {"GET": [404]}

    @extend_schema(
        operation_id="admin_reconciliation_list",
        summary="Where a provider's books and ours disagree",
        description="Newest first. Open ones wait for a person; healed ones have been put right.",
        tags=TAGS,
        responses=BreakOut(many=True),
    )
    def get(self, request: Request) -> Response:
        wanted = {name: self.query[name] for name in ("status", "kind", "provider") if name in self.query}
        return numbered_page(request, self.query, _BREAKS.filter(**wanted).order_by("-id"), present_break).response()


class ReconciliationBreakDetail(ApiView):
    permission_classes = [staff("payments.view_reconciliationbreak")]
    problems = {"GET": [404]}

    @extend_schema(
        operation_id="admin_reconciliation_retrieve",
        summary="Read a disagreement",
        description="What both books say of it.",
        tags=TAGS,
        responses=BreakOut,
    )
    def get(self, request: Request, break_id: UUID) -> Response:
        row = _BREAKS.filter(pk=break_id).first()
        if row is None:
            raise NotFound
        return Response(present_break(row))


class ResolveBreak(ApiView):
    permission_classes = [staff("payments.change_reconciliationbreak")]
    problems = {"POST": [404, 409]}

    @extend_schema(
        operation_id="admin_reconciliation_resolve",
        summary="Close a disagreement",
        description="With a note of what was found and done. No money moves by it. Once; 409 for one that is closed.",
        tags=TAGS,
        request=ResolveBody,
        responses=BreakOut,
        examples=[OpenApiExample("A note", {"note": "Refunded at Stripe; the buyer was told."}, request_only=True)],
    )
    def post(self, request: Request, break_id: UUID) -> Response:
        actor: Any = request.user
        body = self.body(ResolveBody)
        row = breaks.resolve(break_id=break_id, note=body["note"], actor=actor)
        return Response(present_break(row))


class ReconciliationRuns(ApiView):
    permissions = {
        "GET": [staff("payments.view_reconciliationrun")],
        "POST": [staff("payments.add_reconciliationrun")],
    }
    query_class = PageQuery
    problems = {"GET": [404]}

    @extend_schema(
        operation_id="admin_reconciliation_runs_list",
        summary="Comparisons that were made",
        description="Newest first, with what was compared and found.",
        tags=TAGS,
        responses=RunOut(many=True),
    )
    def get(self, request: Request) -> Response:
        runs = ReconciliationRun.objects.order_by("-id")
        return numbered_page(request, self.query, runs, present_run).response()

    @extend_schema(
        operation_id="admin_reconciliation_runs_create",
        summary="Compare a provider's books with ours",
        description="A worker does it: see the list of comparisons. Repeatable: a disagreement is filed once.",
        tags=TAGS,
        request=RunBody,
        responses={202: RunOut},
        examples=[
            OpenApiExample(
                "A month",
                {"provider": "stripe", "since": "2026-10-01T00:00:00Z", "until": "2026-11-01T00:00:00Z"},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        actor: Any = request.user
        run = reconciliation.request(actor=actor, **self.body(RunBody))
        return Response(present_run(run), status=202)
