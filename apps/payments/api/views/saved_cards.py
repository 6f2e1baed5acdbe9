"""The caller's kept cards."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api.pagination import PageQuery, numbered_page
from apps.common.api.permissions import SignedIn
from apps.common.api.views import ApiView
from apps.payments.api.serializers.saved_cards import (
    CardSetupOut,
    SaveCardBody,
    SavedCardOut,
    present_card,
    present_setup,
)
from apps.payments.services import cards

TAGS = ["Payments"]


class SavedCards(ApiView):
    permission_classes = [SignedIn]
    query_class = PageQuery
    rate_scope = {"POST": "checkout"}
    problems = {"GET": [404], "POST": [402, 502]}

    @extend_schema(
        operation_id="payment_methods_list",
        summary="List my kept cards",
        description="The default one first. The numbers are with the provider alone.",
        tags=TAGS,
        responses=SavedCardOut(many=True),
    )
    def get(self, request: Request) -> Response:
        user: Any = request.user
        rows = cards.of_user(user).order_by("-is_default", "-id")
        return numbered_page(request, self.query, rows, present_card).response()

    @extend_schema(
        operation_id="payment_methods_create",
        summary="Keep a card",
        description="Begins the saving; complete it in the browser with `client_secret`, the card is then in the list."
        " With `payment_method` it is saved at once. 402 when the bank declines, or wants to see the cardholder.",
        tags=TAGS,
        request=SaveCardBody,
        responses={201: CardSetupOut},
        examples=[OpenApiExample("A test card", {"payment_method": "pm_card_visa"}, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        user: Any = request.user
        return Response(present_setup(cards.begin(user=user, **self.body(SaveCardBody))), status=201)


class SavedCardDetail(ApiView):
    permission_classes = [SignedIn]
    problems = {"DELETE": [404, 502]}

    @extend_schema(
        operation_id="payment_methods_delete",
        summary="Forget a card",
        description="Here and at the provider. Payments that it made stay.",
        tags=TAGS,
        responses={204: None},
    )
    def delete(self, request: Request, card_id: UUID) -> Response:
        user: Any = request.user
        cards.remove(user=user, card_id=card_id)
        return Response(status=204)


class SavedCardSetDefault(ApiView):
    permission_classes = [SignedIn]
    problems = {"POST": [404]}

    @extend_schema(
        operation_id="payment_methods_set_default",
        summary="Make a card the default",
        description="The one that is offered first; repeatable.",
        tags=TAGS,
        request=None,
        responses=SavedCardOut,
    )
    def post(self, request: Request, card_id: UUID) -> Response:
        user: Any = request.user
        return Response(present_card(cards.set_default(user=user, card_id=card_id)))
