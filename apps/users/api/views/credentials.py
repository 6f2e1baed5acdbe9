"""Passwords and proven addresses: mailed links asked for and followed, the password changed."""

from typing import cast

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api.permissions import SignedIn
from apps.common.api.views import ApiView
from apps.common.ratelimit import client_ip
from apps.users.api.serializers.auth import (
    AcceptedOut,
    EmailBody,
    EmailVerifiedOut,
    LinkBody,
    PasswordChangeBody,
    ResetConfirmBody,
)
from apps.users.api.views.auth import TAGS, PublicAuthView
from apps.users.models import Session, User
from apps.users.services import email_verification, passwords

MAIL_SENT = "If there is such an account, a mail is on its way."
_LINK_TOKEN = "p3nVnFqzK0mVfJ0fVb1cXq0Yw5mJrV0bq8h9yYc2w7A"  # noqa: S105 - an example of the documentation


class EmailVerify(PublicAuthView):
    problems = {"POST": [410]}

    @extend_schema(
        operation_id="auth_email_verify",
        summary="Confirm the address",
        description="By the token of the mailed link, which works once and for 48 hours.",
        tags=TAGS,
        request=LinkBody,
        responses=EmailVerifiedOut,
        examples=[OpenApiExample("Link", {"token": _LINK_TOKEN}, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        user = email_verification.confirm(token=self.body(LinkBody)["token"])
        return Response({"email": user.email, "email_verified": True})


class EmailResend(PublicAuthView):
    @extend_schema(
        operation_id="auth_email_resend",
        summary="Send the verification mail again",
        description="The same answer whether there is such an account or not.",
        tags=TAGS,
        request=EmailBody,
        responses={202: AcceptedOut},
        examples=[OpenApiExample("Alice", {"email": "alice@example.com"}, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        email_verification.resend(email=self.body(EmailBody)["email"], ip=client_ip(request._request))
        return Response({"detail": MAIL_SENT}, status=202)


class PasswordReset(PublicAuthView):
    @extend_schema(
        operation_id="auth_password_reset",
        summary="Ask for a reset link",
        description="The same answer whether there is such an account or not.",
        tags=TAGS,
        request=EmailBody,
        responses={202: AcceptedOut},
        examples=[OpenApiExample("Alice", {"email": "alice@example.com"}, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        passwords.request_reset(email=self.body(EmailBody)["email"], ip=client_ip(request._request))
        return Response({"detail": MAIL_SENT}, status=202)


class PasswordResetConfirm(PublicAuthView):
    problems = {"POST": [410]}

    @extend_schema(
        operation_id="auth_password_reset_confirm",
        summary="Set a new password by link",
        description="Ends every session of the account and proves its address. The link works once, for an hour.",
        tags=TAGS,
        request=ResetConfirmBody,
        responses={204: None},
        examples=[OpenApiExample("Link", {"token": _LINK_TOKEN, "password": "a-new-Passphrase-8"}, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        passwords.confirm_reset(**self.body(ResetConfirmBody))
        return Response(status=204)


class PasswordChange(ApiView):
    permission_classes = [SignedIn]

    @extend_schema(
        operation_id="auth_password_change",
        summary="Change my password",
        description="Ends my other sessions. Wrong guesses count like failed sign-ins.",
        tags=TAGS,
        request=PasswordChangeBody,
        responses={204: None},
        examples=[
            OpenApiExample(
                "Change",
                {"current_password": "Alice@123", "password": "a-new-Passphrase-8"},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        body = self.body(PasswordChangeBody)
        passwords.change(user=cast(User, request.user), session_id=cast(Session, request.auth).id, **body)
        return Response(status=204)
