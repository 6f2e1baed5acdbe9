"""Signing up, in and out. These views look at no Authorization header: a client may send an old one along."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api.permissions import Anyone
from apps.common.api.views import ApiView
from apps.common.errors import Invalid, Unauthenticated
from apps.common.ratelimit import client_ip
from apps.users.api import refresh_cookie
from apps.users.api.authentication import bearer_of
from apps.users.api.serializers.auth import (
    LoginBody,
    LoginOut,
    RefreshBody,
    RegisterBody,
    RegisteredOut,
    TokensOut,
    VerifiedOut,
    VerifyBody,
)
from apps.users.api.serializers.me import present_me
from apps.users.services import sign_in, tokens
from apps.users.services.sign_in import Device

TAGS = ["Sign-in"]
REGISTERED = "Check your mail to confirm the address."


class PublicAuthView(ApiView):
    """Base of what needs no sign-in."""

    permission_classes = [Anyone]
    authentication_classes: list[type[BaseAuthentication]] = []


class Register(PublicAuthView):
    @extend_schema(
        operation_id="auth_register",
        summary="Open an account",
        description="The answer is the same when the address has an account already: its owner gets a mail instead."
        " One may sign in at once; `email_verified` is false until the mailed link is followed.",
        tags=TAGS,
        request=RegisterBody,
        responses={201: RegisteredOut},
        examples=[
            OpenApiExample(
                "Alice",
                {
                    "email": "new.shopper@example.com",
                    "password": "a-long-Passphrase-7",
                    "first_name": "Alice",
                    "last_name": "Doe",
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        body = self.body(RegisterBody)
        sign_in.register(**body, ip=client_ip(request._request))
        return Response({"email": body["email"], "detail": REGISTERED}, status=201)


class Login(PublicAuthView):
    header_sets = ("cart", "transport")

    @extend_schema(
        operation_id="auth_login",
        summary="Sign in",
        description="Merges the cart of `X-Cart-Token`. With `X-Auth-Transport: cookie` the refresh token goes into an"
        " HttpOnly cookie and `refresh` is null.",
        tags=TAGS,
        request=LoginBody,
        responses=LoginOut,
        examples=[OpenApiExample("Alice", {"email": "alice@example.com", "password": "Alice@123"}, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        body = self.body(LoginBody)
        device = Device(ip=client_ip(request._request), user_agent=request.headers.get("User-Agent", ""))
        user, pair = sign_in.log_in(**body, device=device, cart_token=request.headers.get("X-Cart-Token"))
        in_cookie = refresh_cookie.wanted(request)
        response = Response({**refresh_cookie.pair_body(pair, in_cookie=in_cookie), "user": present_me(user)})
        if in_cookie:
            refresh_cookie.write(response, pair)
        return response


class Refresh(PublicAuthView):
    header_sets = ("transport",)

    @extend_schema(
        operation_id="auth_refresh",
        summary="Exchange the refresh token",
        description="Answers a new pair. A refresh token works once; one that comes a second time ends its session.",
        tags=TAGS,
        request=RefreshBody,
        responses=TokensOut,
        examples=[OpenApiExample("Refresh", {"refresh": "eyJhbGciOi..."}, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        offered = self.body(RefreshBody).get("refresh")
        token = offered or refresh_cookie.read(request)
        if token is None:
            raise Invalid.field("/refresh", "required", "This field is required.")
        pair = sign_in.refresh(refresh_token=token, ip=client_ip(request._request))
        in_cookie = refresh_cookie.wanted(request)
        response = Response(refresh_cookie.pair_body(pair, in_cookie=in_cookie))
        if in_cookie:
            refresh_cookie.write(response, pair)
        return response


class Verify(PublicAuthView):
    problems = {"POST": [401]}

    @extend_schema(
        operation_id="auth_verify",
        summary="Check a token",
        description="Whether an access or refresh token would be accepted now; it is not used up.",
        tags=TAGS,
        request=VerifyBody,
        responses=VerifiedOut,
        examples=[OpenApiExample("Access token", {"token": "eyJhbGciOi..."}, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        token_type, expires_at = tokens.check(self.body(VerifyBody)["token"])
        return Response({"token_type": token_type, "expires_at": expires_at})


class Logout(PublicAuthView):
    header_sets = ("transport",)

    @extend_schema(
        operation_id="auth_logout",
        summary="Sign out",
        description="Ends the session of the refresh token (body or cookie) or else of the access token. Repeatable: a"
        " session that has ended is no error.",
        tags=TAGS,
        request=RefreshBody,
        responses={204: None},
        examples=[OpenApiExample("Refresh token", {"refresh": "eyJhbGciOi..."}, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        credentials: dict[str, Any] = {
            "refresh_token": self.body(RefreshBody).get("refresh") or refresh_cookie.read(request),
            "access_token": bearer_of(request),
        }
        if not any(credentials.values()):
            raise Unauthenticated
        sign_in.log_out(**credentials)
        response = Response(status=204)
        if refresh_cookie.wanted(request):
            refresh_cookie.clear(response)
        return response
