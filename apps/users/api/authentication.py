"""Bearer access tokens, good while their session is."""

from typing import TYPE_CHECKING

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from apps.users.services.tokens import TokenInvalid, session_of_access

if TYPE_CHECKING:
    from apps.users.models import Session, User


class SessionJWTAuthentication(BaseAuthentication):
    """`Authorization: Bearer <access token>`; `request.auth` is the Session."""

    def authenticate(self, request: Request) -> "tuple[User, Session] | None":
        if not request.META.get("HTTP_AUTHORIZATION", ""):
            return None
        token = bearer_of(request)
        if token is None:
            raise TokenInvalid
        session = session_of_access(token)
        return session.user, session

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


def bearer_of(request: Request) -> str | None:
    """The token of the Authorization header; None when there is none or it is of another scheme."""
    scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None
