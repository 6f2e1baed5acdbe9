"""Store credit: read by its customer, given and taken away by staff."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api.idempotency import idempotent
from apps.common.api.permissions import SignedIn, staff
from apps.common.api.views import ApiView, created
from apps.common.errors import NotFound
from apps.payments.api.serializers.store_credit import StoreCreditBody, StoreCreditOut, present_credit
from apps.payments.services import store_credit
from apps.users.models import User


class MyStoreCredit(ApiView):
    permission_classes = [SignedIn]

    @extend_schema(
        operation_id="me_store_credit",
        summary="My store credit",
        description="What may be spent with `store_credit` at /payments/create-intent/, by currency, and how it came.",
        tags=["Me"],
        responses=StoreCreditOut,
    )
    def get(self, request: Request) -> Response:
        return Response(present_credit(request.user.pk))


class AdminStoreCredit(ApiView):
    permissions = {
        "GET": [staff("payments.view_storecreditaccount")],
        "POST": [staff("payments.change_storecreditaccount")],
    }
    problems = {"POST": [409]}

    @extend_schema(
        operation_id="admin_store_credit_retrieve",
        summary="Read a customer's store credit",
        description="By currency, and how it came.",
        tags=["Payments for staff"],
        responses=StoreCreditOut,
    )
    def get(self, request: Request, user_id: UUID) -> Response:
        if not User.objects.filter(pk=user_id).exists():
            raise NotFound
        return Response(present_credit(user_id))

    @extend_schema(
        operation_id="admin_store_credit_change",
        summary="Give store credit, or take it away",
        description="With a reason. Never more is taken away than there is: 409 `insufficient_store_credit`.",
        tags=["Payments for staff"],
        request=StoreCreditBody,
        responses={201: StoreCreditOut},
        examples=[
            OpenApiExample(
                "Goodwill",
                {"kind": "grant", "amount": {"amount": "10.00", "currency": "USD"}, "reason": "Late delivery"},
                request_only=True,
            )
        ],
    )
    @idempotent()
    def post(self, request: Request, user_id: UUID) -> Response:
        body, actor = self.body(StoreCreditBody), request.user
        amount = body["amount"].amount
        staff_member: Any = actor
        store_credit.adjust(
            user_id=user_id,
            currency=body["amount"].currency,
            amount=amount if body["kind"] == "grant" else -amount,
            reason=body["reason"],
            actor=staff_member,
        )
        return created(present_credit(user_id), f"/api/v1/admin/users/{user_id}/store-credit/")
