"""Single-use secrets in mailed links: 32 random bytes, of which only the SHA-256 is stored.

They are made when the mail is sent, so that no queue and no event ever holds one.
"""

import hashlib
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.common.errors import FieldError, Gone, Invalid
from apps.users.models import EmailVerificationToken, PasswordResetToken, User
from apps.users.models.account import MailedToken

T = TypeVar("T", bound=MailedToken)


class LinkInvalid(Invalid):
    """400: not a token of ours, or used, or replaced by a newer one."""

    code = "token_invalid"
    detail = "This link is not valid any more."


class LinkExpired(Gone):
    """410: a token of ours that is too old."""

    code = "token_expired"
    detail = "This link has expired. Ask for a new one."


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A fresh token; `link_path` is to be appended to the shop front's address."""

    raw: str
    link_path: str
    expires_at: datetime


def issue_email_verification(*, user_id: uuid.UUID) -> IssuedToken:
    """A token that proves the account's present address. Replaces older unused ones. Raises User.DoesNotExist."""
    email = User.objects.values_list("email", flat=True).get(id=user_id)
    lifetime = timedelta(hours=settings.EMAIL_VERIFICATION_HOURS)
    return _issue(EmailVerificationToken(user_id=user_id, email=email), lifetime, page="/verify-email")


def issue_password_reset(*, user_id: uuid.UUID) -> IssuedToken:
    """A token that lets its holder set a new password. Replaces older unused ones."""
    lifetime = timedelta(minutes=settings.PASSWORD_RESET_MINUTES)
    return _issue(PasswordResetToken(user_id=user_id), lifetime, page="/reset-password")


def holder_of_reset(raw: str) -> User:
    """Whose password a good token may set, without using it up. Raises LinkInvalid or LinkExpired."""
    return _good(PasswordResetToken, raw).user


def use_reset(raw: str) -> None:
    """Use a reset token up: of any number of parallel uses one wins. Raises LinkInvalid."""
    _use(PasswordResetToken, raw)


def use_email_verification(raw: str) -> tuple[User, str]:
    """Use a verification token up; the account and the address it proves. Raises LinkInvalid or LinkExpired."""
    token = _good(EmailVerificationToken, raw)
    _use(EmailVerificationToken, raw)
    return token.user, token.email


def withdraw_resets(*, user_id: uuid.UUID) -> None:
    """Make reset links that are still out worthless."""
    PasswordResetToken.objects.filter(user_id=user_id, used_at=None).delete()


def withdraw_verifications(*, user_id: uuid.UUID) -> None:
    """Make verification links that are still out worthless."""
    EmailVerificationToken.objects.filter(user_id=user_id, used_at=None).delete()


def _issue(token: MailedToken, lifetime: timedelta, *, page: str) -> IssuedToken:
    raw = secrets.token_urlsafe(32)
    token.digest = _digest(raw)
    token.expires_at = timezone.now() + lifetime
    with transaction.atomic():
        type(token)._default_manager.filter(user_id=token.user_id, used_at=None).delete()
        token.save(force_insert=True)
    return IssuedToken(raw=raw, link_path=f"{page}?token={raw}", expires_at=token.expires_at)


def _good(kind: type[T], raw: str) -> T:
    token = kind._default_manager.select_related("user").filter(digest=_digest(raw)).first()
    if token is None or token.used_at is not None or not token.user.is_active:
        raise _invalid()
    if token.expires_at <= timezone.now():
        raise LinkExpired
    return token


def _use(kind: type[MailedToken], raw: str) -> None:
    now = timezone.now()
    unused = kind._default_manager.filter(digest=_digest(raw), used_at=None, expires_at__gt=now)
    if not unused.update(used_at=now):
        raise _invalid()


def _invalid() -> LinkInvalid:
    return LinkInvalid(errors=[FieldError("token_invalid", LinkInvalid.detail, pointer="/token")])


def _digest(raw: str) -> str:
    return hashlib.sha256(raw.encode()).hexdigest()
