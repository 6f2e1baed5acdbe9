"""Sessions and their tokens: a short access token, a refresh token that works once.

Each refresh replaces the one refresh token its session accepts, by a single guarded UPDATE, so of any number of
parallel uses exactly one wins. A token that was replaced and comes back was copied: the session ends (RFC 9700,
section 4.14.2). Access tokens name their session, so an ended session, a disabled account or a changed password ends
them at the next request.
"""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from django.conf import settings
from django.db.models import Exists, OuterRef
from django.utils import timezone
from rest_framework_simplejwt.exceptions import ExpiredTokenError, TokenError
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token, UntypedToken

from apps.common.errors import Unauthenticated
from apps.users.models import Session, User


class TokenInvalid(Unauthenticated):
    code = "token_invalid"
    detail = "This token is not valid. Sign in again."


class TokenExpired(Unauthenticated):
    code = "token_expired"
    detail = "This token has expired."


class TokenReused(Unauthenticated):
    code = "token_reused"
    detail = "This refresh token was used before. Its session has ended; sign in again."


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a client holds; `access_expires_in` is in seconds."""

    access: str
    refresh: str
    access_expires_in: int
    session_id: uuid.UUID


def open_session(*, user: User, user_agent: str, ip: str | None) -> TokenPair:
    """Begin a session on a device and return its first pair of tokens."""
    now = timezone.now()
    session = Session.objects.create(
        user=user,
        refresh_jti=uuid.uuid4(),
        user_agent=user_agent[:200],
        ip=ip or None,
        last_used_at=now,
        expires_at=now + timedelta(seconds=settings.REFRESH_TOKEN_SECONDS),
    )
    return _pair(session.id, session.refresh_jti)


def rotate(*, refresh: str) -> TokenPair:
    """Exchange a refresh token for a new pair; one statement. Raises TokenInvalid, TokenExpired or TokenReused."""
    claims = _read(refresh, RefreshToken)
    session_id, jti = _uuid(claims["sid"]), _uuid(claims["jti"])
    now, new_jti = timezone.now(), uuid.uuid4()
    # EXISTS, not a lookup over the join: Django would move the whole condition into a subquery, which PostgreSQL does
    # not evaluate again after waiting for a twin's row lock, and every twin would win.
    holder = User.objects.filter(pk=OuterRef("user_id"), is_active=True)
    won = Session.objects.filter(
        Exists(holder), id=session_id, refresh_jti=jti, revoked_at=None, expires_at__gt=now
    ).update(
        refresh_jti=new_jti,
        last_used_at=now,
        expires_at=now + timedelta(seconds=settings.REFRESH_TOKEN_SECONDS),
    )
    if won:
        return _pair(session_id, new_jti)
    session = Session.objects.filter(id=session_id, revoked_at=None).exclude(refresh_jti=jti).first()
    if session is None:
        raise TokenInvalid
    end_sessions(user_id=session.user_id, only=session_id, reason="refresh token reused")
    raise TokenReused


def end_sessions(
    *, user_id: uuid.UUID, reason: str, only: uuid.UUID | None = None, keep: uuid.UUID | None = None
) -> int:
    """End a user's sessions: all, `only` one, or all but `keep`. Returns how many ended; repeatable."""
    live = Session.objects.filter(user_id=user_id, revoked_at=None)
    if only is not None:
        live = live.filter(id=only)
    if keep is not None:
        live = live.exclude(id=keep)
    return live.update(revoked_at=timezone.now(), revoked_reason=reason[:40])


def session_of_access(token: str) -> Session:
    """The live session of an access token, with its user. Raises TokenInvalid or TokenExpired; one statement."""
    claims = _read(token, AccessToken)
    session = (
        Session.objects.select_related("user")
        .filter(id=_uuid(claims["sid"]), revoked_at=None, user__is_active=True)
        .first()
    )
    if session is None:
        raise TokenInvalid
    return session


def find_session_of_access(token: str) -> Session | None:
    """`session_of_access`, with None for a token that is not good."""
    try:
        return session_of_access(token)
    except (TokenInvalid, TokenExpired):
        return None


def session_of_refresh(token: str) -> Session | None:
    """The session a refresh token belongs to, live or not; None when the token is not ours."""
    session_id = session_id_of_refresh(token)
    return Session.objects.filter(id=session_id).first() if session_id else None


def session_id_of_refresh(token: str) -> uuid.UUID | None:
    """Which session a refresh token names, by its signature alone; None when the token is not ours or too old."""
    try:
        return _uuid(_read(token, RefreshToken)["sid"])
    except (TokenInvalid, TokenExpired):
        return None


def check(token: str) -> tuple[str, datetime]:
    """Type (`access` or `refresh`) and expiry of a token that would be accepted now, which it does not use up.

    Raises TokenInvalid or TokenExpired.
    """
    claims = _read(token, UntypedToken)
    live = Session.objects.filter(id=_uuid(claims["sid"]), revoked_at=None, user__is_active=True)
    if claims["token_type"] == RefreshToken.token_type:
        live = live.filter(refresh_jti=_uuid(claims["jti"]), expires_at__gt=timezone.now())
    if not live.exists():
        raise TokenInvalid
    return claims["token_type"], datetime.fromtimestamp(claims["exp"], tz=UTC)


def _pair(session_id: uuid.UUID, refresh_jti: uuid.UUID) -> TokenPair:
    access, refresh = AccessToken(), RefreshToken()
    access.set_exp(lifetime=timedelta(seconds=settings.ACCESS_TOKEN_SECONDS))
    refresh.set_exp(lifetime=timedelta(seconds=settings.REFRESH_TOKEN_SECONDS))
    for token in (access, refresh):
        token["sid"] = str(session_id)
    refresh["jti"] = str(refresh_jti)
    return TokenPair(str(access), str(refresh), settings.ACCESS_TOKEN_SECONDS, session_id)


def _read(token: str, kind: type[Token]) -> dict[str, Any]:
    try:
        payload: dict[str, Any] = kind(cast(Any, token)).payload
    except ExpiredTokenError:
        raise TokenExpired from None
    # RecursionError: the header is parsed before the signature is checked, and may be nested a thousand times.
    except (TokenError, ValueError, TypeError, RecursionError):
        raise TokenInvalid from None
    if "sid" not in payload:
        raise TokenInvalid
    return payload


def _uuid(text: Any) -> uuid.UUID:
    try:
        return uuid.UUID(str(text))
    except ValueError:
        raise TokenInvalid from None
