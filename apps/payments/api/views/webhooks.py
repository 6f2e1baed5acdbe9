"""Where providers talk to us: stored and answered; a worker does the rest."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api.parsers import RawParser
from apps.common.api.permissions import Anyone
from apps.common.api.views import ApiView
from apps.payments.api.serializers.payment import WebhookOut
from apps.payments.services import webhooks


class StripeWebhook(ApiView):
    """No sign-in, no limit by address: the signature is the door."""

    permission_classes = [Anyone]
    authentication_classes: list[type] = []
    parser_classes = [RawParser]
    rate_scope = "webhook"

    @extend_schema(
        summary="Stripe's events",
        description="For Stripe alone. Answers 200 for every event with a good signature, new or known.",
        tags=["Payments"],
        request=OpenApiTypes.OBJECT,
        parameters=[
            OpenApiParameter(
                "Stripe-Signature",
                {"type": "string", "maxLength": 500},
                OpenApiParameter.HEADER,
                required=True,
                description="t=<unix time>,v1=<HMAC-SHA256>",
            )
        ],
        responses=WebhookOut,
    )
    def post(self, request: Request) -> Response:
        body: Any = request.data or b""  # no parser sees an empty body
        webhooks.receive(provider="stripe", body=body, headers=request.headers)
        return Response({"received": True})


class PayPalWebhook(ApiView):
    """No sign-in: PayPal is asked later whether it sent the message."""

    permission_classes = [Anyone]
    authentication_classes: list[type] = []
    parser_classes = [RawParser]
    rate_scope = "webhook"

    @extend_schema(
        summary="PayPal's events",
        description="For PayPal alone. Answers 200 for what bears its headers; a worker asks PayPal whether it sent it"
        " before anything is done about it.",
        tags=["Payments"],
        request=OpenApiTypes.OBJECT,
        parameters=[
            OpenApiParameter(
                name, {"type": "string", "maxLength": 500}, OpenApiParameter.HEADER, required=True, description=what
            )
            for name, what in (
                ("PAYPAL-AUTH-ALGO", "such as SHA256withRSA"),
                ("PAYPAL-CERT-URL", "address of the certificate"),
                ("PAYPAL-TRANSMISSION-ID", "of this delivery"),
                ("PAYPAL-TRANSMISSION-SIG", "base64"),
                ("PAYPAL-TRANSMISSION-TIME", "RFC 3339"),
            )
        ],
        responses=WebhookOut,
    )
    def post(self, request: Request) -> Response:
        body: Any = request.data or b""
        webhooks.receive(provider="paypal", body=body, headers=request.headers)
        return Response({"received": True})
