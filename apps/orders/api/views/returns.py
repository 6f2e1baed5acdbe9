"""Returns as their buyer makes and follows them; guests come with the order's token."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api.idempotency import idempotent
from apps.common.api.permissions import Anyone
from apps.common.api.renderers import OrjsonRenderer, PdfRenderer, WebPRenderer
from apps.common.api.serializers import QuerySerializer
from apps.common.api.views import ApiView, created
from apps.orders.api.serializers.returns import (
    ReturnBody,
    ReturnOut,
    ReturnPhotoBody,
    ReturnPhotoOut,
    ReturnSentBody,
    ReturnsOut,
    ReturnWithdrawBody,
    asked_of,
    present_photo,
    present_return,
)
from apps.orders.api.views.orders import OrderView
from apps.orders.models import Order, Return
from apps.orders.services import return_labels, return_moves, return_photos, returns
from apps.products.services.images import FileTooLarge

TAGS = ["Returns"]
# What a form adds around its file.
_FORM_OVERHEAD_BYTES = 64 * 1024


def with_all(return_id: UUID) -> Return:
    """A return with all that is shown of it."""
    return Return.objects.with_all().get(pk=return_id)


class OrderReturns(OrderView):
    problems = {"POST": [409]}

    @extend_schema(
        operation_id="orders_returns_list",
        summary="Read an order's returns",
        description="Newest first; and what may still be asked for.",
        tags=TAGS,
        responses=ReturnsOut,
    )
    def get(self, request: Request, order_id: UUID) -> Response:
        order = self.order(order_id)
        left = {} if returns.is_window_closed(order) else returns.returnable_units(order)
        return Response(
            {
                "results": [present_return(rma) for rma in Return.objects.with_all().filter(order=order)],
                "returnable": {str(item): units for item, units in left.items()},
                "window_closes_at": _closes_at(order),
            }
        )

    @extend_schema(
        operation_id="orders_returns_create",
        summary="Ask for a return",
        description="Units that have left the house, with a reason for each line, until some days after all has"
        " arrived (`window_closes_at`). The shop approves or rejects; pictures may be added meanwhile.",
        tags=TAGS,
        request=ReturnBody,
        responses={201: ReturnOut},
        examples=[
            OpenApiExample(
                "One unit, damaged",
                {
                    "lines": [
                        {
                            "item": "019a5c5e-0000-7000-8000-000000000001",
                            "quantity": 1,
                            "reason": "damaged",
                            "comment": "The handle is broken.",
                        }
                    ],
                    "outcome": "refund",
                },
                request_only=True,
            )
        ],
    )
    @idempotent()
    def post(self, request: Request, order_id: UUID) -> Response:
        body = self.body(ReturnBody)
        rma = returns.request_return(
            order_id=self.order(order_id).pk,
            lines=asked_of(body),
            outcome=body["outcome"],
            note=body["note"],
            actor=request.user,
        )
        return created(present_return(with_all(rma.pk)), f"/api/v1/returns/{rma.pk}/")


class ReturnView(ApiView):
    """Base of the views of one return."""

    permission_classes = [Anyone]
    header_sets: tuple[str, ...] = ("order",)

    def rma(self, return_id: UUID) -> Return:
        token = self.request.headers.get("X-Order-Token")
        return returns.find_return(return_id=return_id, user=self.request.user, order_token=token)


class ReturnDetail(ReturnView):
    @extend_schema(
        operation_id="returns_retrieve",
        summary="Read a return",
        description="How it stands, what arrived, and what the buyer gets.",
        tags=TAGS,
        responses=ReturnOut,
    )
    def get(self, request: Request, return_id: UUID) -> Response:
        return Response(present_return(with_all(self.rma(return_id).pk)))


class ReturnCancel(ReturnView):
    problems = {"POST": [409]}

    @extend_schema(
        operation_id="returns_cancel",
        summary="Withdraw a return",
        description="Until the goods are on their way. Its units may be asked for again. Repeatable.",
        tags=TAGS,
        request=ReturnWithdrawBody,
        responses=ReturnOut,
        examples=[OpenApiExample("With a reason", {"reason": "It fits after all"}, request_only=True)],
    )
    def post(self, request: Request, return_id: UUID) -> Response:
        body, rma = self.body(ReturnWithdrawBody), self.rma(return_id)
        return_moves.cancel(return_id=rma.pk, reason=body["reason"], actor=request.user)
        return Response(present_return(with_all(rma.pk)))


class ReturnSent(ReturnView):
    problems = {"POST": [409]}

    @extend_schema(
        operation_id="returns_sent",
        summary="Say that the goods are on their way",
        description="Of an approved return, with carrier and tracking number if they are known.",
        tags=TAGS,
        request=ReturnSentBody,
        responses=ReturnOut,
        examples=[
            OpenApiExample("By UPS", {"carrier": "UPS", "tracking_number": "1Z999AA10123456784"}, request_only=True)
        ],
    )
    def post(self, request: Request, return_id: UUID) -> Response:
        body, rma = self.body(ReturnSentBody), self.rma(return_id)
        return_moves.mark_sent(return_id=rma.pk, actor=request.user, **body)
        return Response(present_return(with_all(rma.pk)))


LABEL: Any = {(200, "application/pdf"): OpenApiResponse(OpenApiTypes.BINARY, description="The label.")}
PICTURE: Any = {
    (200, "image/webp"): OpenApiResponse(OpenApiTypes.BINARY, description="The picture."),
    (200, "application/json"): ReturnPhotoOut,
}


class ReturnLabel(ReturnView):
    renderer_classes = [PdfRenderer, OrjsonRenderer]
    problems = {"GET": [409]}

    @extend_schema(
        operation_id="returns_label",
        summary="Print a return's label",
        description="One half goes onto the parcel, one into it. From the approval until the goods have arrived."
        " As PDF, or by `Accept: application/json` the return.",
        tags=TAGS,
        responses={**LABEL, (200, "application/json"): ReturnOut},
    )
    def get(self, request: Request, return_id: UUID) -> Response:
        rma = with_all(self.rma(return_id).pk)
        return Response(present_return(rma)) if wants_json(request) else label_response(rma)


class ReturnPhotos(ReturnView):
    parser_classes = [MultiPartParser]
    problems = {"POST": [409, 413, 415]}

    @extend_schema(
        operation_id="returns_photos_create",
        summary="Add a picture to a return",
        description="JPEG, PNG or WebP up to 10 MiB and 40 megapixels, eight for a return (RETURN_PHOTO_LIMIT), until"
        " the goods have arrived. It is stored upright, without metadata, as WebP; only the buyer and staff see it.",
        tags=TAGS,
        request=ReturnPhotoBody,
        responses={201: ReturnPhotoOut},
    )
    def post(self, request: Request, return_id: UUID) -> Response:
        rma = self.rma(return_id)
        declared = request.META.get("CONTENT_LENGTH") or "0"
        if declared.isdigit() and int(declared) > settings.IMAGE_UPLOAD_MAX_BYTES + _FORM_OVERHEAD_BYTES:
            raise FileTooLarge
        photo = return_photos.add_photo(return_id=rma.pk, upload=self.body(ReturnPhotoBody)["file"], actor=request.user)
        return created(present_photo(photo), f"/api/v1/returns/{rma.pk}/photos/{photo.pk}/")


class PhotoQuery(QuerySerializer):
    size = serializers.ChoiceField(choices=["full", "small"], required=False, help_text="`small`: 400 pixels at most.")


class ReturnPhoto(ReturnView):
    renderer_classes = [WebPRenderer, OrjsonRenderer]
    query_class = PhotoQuery

    @extend_schema(
        operation_id="returns_photos_retrieve",
        summary="Read a picture of a return",
        description="As WebP, or by `Accept: application/json` what it is.",
        tags=TAGS,
        responses=PICTURE,
    )
    def get(self, request: Request, return_id: UUID, photo_id: UUID) -> Response:
        return photo_response(request, self.rma(return_id), photo_id, self.query)


def wants_json(request: Request) -> bool:
    return bool(request.accepted_renderer.format == "json")


def label_response(rma: Return) -> Response:
    name = f'inline; filename="{rma.number}.pdf"'
    return Response(
        return_labels.return_label(rma), headers={"Content-Disposition": name}, content_type="application/pdf"
    )


def photo_response(request: Request, rma: Return, photo_id: UUID, query: dict[str, Any]) -> Response:
    if wants_json(request):
        return Response(present_photo(return_photos.about(rma, photo_id)))
    picture = return_photos.photo_of(rma, photo_id, small=query.get("size") == "small")
    return Response(picture, content_type="image/webp", headers={"X-Content-Type-Options": "nosniff"})


def _closes_at(order: Order) -> Any:
    return order.delivered_at and order.delivered_at + timedelta(days=settings.RETURN_WINDOW_DAYS)
