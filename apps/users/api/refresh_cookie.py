"""`X-Auth-Transport: cookie`: a browser's refresh token in a cookie that no script can read.

The cookie is read only together with that header, which a foreign site cannot send without our CORS consent.
"""

from django.conf import settings
from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response

from apps.users.services.tokens import TokenPair

NAME = "refresh_token"


def wanted(request: Request) -> bool:
    """Whether the caller keeps its refresh token in the cookie."""
    return bool(request.headers.get("X-Auth-Transport", "").lower() == "cookie")


def read(request: Request) -> str | None:
    """The refresh token of the cookie, when the caller says that it uses one."""
    return request.COOKIES.get(NAME) or None if wanted(request) else None


def pair_body(pair: TokenPair, *, in_cookie: bool) -> dict[str, object]:
    """The answer's members; `refresh` is null when the cookie holds it."""
    return {
        "access": pair.access,
        "refresh": None if in_cookie else pair.refresh,
        "access_expires_in": pair.access_expires_in,
    }


def write(response: Response, pair: TokenPair) -> None:
    """Put the refresh token into the cookie. Secure wherever the admin's session cookie is."""
    response.set_cookie(
        NAME,
        pair.refresh,
        max_age=settings.REFRESH_TOKEN_SECONDS,
        path=_path(),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Strict",
    )


def clear(response: Response) -> None:
    """Have the browser forget the cookie."""
    response.delete_cookie(NAME, path=_path(), samesite="Strict")


def _path() -> str:
    return reverse("auth-login").removesuffix("login/")
