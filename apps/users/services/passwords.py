"""Passwords: which are good enough, changing one, and setting a new one by a mailed link."""

import uuid
from typing import Any

from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from apps.common import ratelimit
from apps.common.errors import FieldError, Invalid
from apps.common.events import record
from apps.users.models import User
from apps.users.models.account import normalise_email
from apps.users.services import email_verification, mailed_tokens
from apps.users.services.tokens import end_sessions

MAX_PASSWORD_LENGTH = 128


class WeakPassword(Invalid):
    """400: the validators refuse the new password; `errors` says why."""

    code = "weak_password"
    detail = "The password is too easy to guess."


class CurrentPasswordInvalid(Invalid):
    code = "current_password_invalid"
    detail = "The present password is wrong."


class ShopPolicy:
    """For AUTH_PASSWORD_VALIDATORS: no door hashes more than `MAX_PASSWORD_LENGTH` characters, and whichever door a
    password changes by (staff screens, `manage.py changepassword`), the sessions it had opened end.
    """

    def validate(self, password: str, user: Any = None) -> None:
        if len(password) > MAX_PASSWORD_LENGTH:
            raise ValidationError(self.get_help_text(), code="password_too_long")

    def password_changed(self, password: str, user: User) -> None:
        """Called by Django after it has stored a new password."""
        with transaction.atomic():
            end_sessions(user_id=user.pk, reason="password changed")
            mailed_tokens.withdraw_resets(user_id=user.pk)

    def get_help_text(self) -> str:
        return f"Your password must have at most {MAX_PASSWORD_LENGTH} characters."


def require_strength(password: str, *, user: User) -> None:
    """Raise WeakPassword when the validators refuse it. `user` may be unsaved: names and e-mail are compared."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise WeakPassword(
            errors=[
                FieldError(code=each.code or "invalid", detail=text, pointer="/password")
                for each in error.error_list
                for text in each.messages
            ]
        ) from None


def change(*, user: User, session_id: uuid.UUID, current_password: str, password: str) -> None:
    """Replace the password and end the user's other sessions.

    Raises Throttled, CurrentPasswordInvalid or WeakPassword. Guesses count with the account's failed sign-ins.
    """
    ratelimit.hit_durably("login_account", user.email)
    if not check_password(current_password, user.password):
        raise _wrong_password()
    ratelimit.forget("login_account", user.email)
    require_strength(password, user=user)
    encoded = make_password(password)
    with transaction.atomic(durable=True):
        _replace(user, encoded=encoded, keep=session_id)


def request_reset(*, email: str, ip: str) -> None:
    """Have a reset link mailed to the account's address, if there is such an account. Raises Throttled."""
    email = normalise_email(email)
    ratelimit.hit_durably("reset", ratelimit.who(ip))
    ratelimit.hit_durably("reset", email)
    with transaction.atomic(durable=True):
        if user := User.objects.filter(email=email, is_active=True).first():
            record("user.password_reset_requested", target=user, actor=AnonymousUser())


def confirm_reset(*, token: str, password: str) -> None:
    """Set a new password by a mailed token, end all sessions, and take the address as proven.

    Raises LinkInvalid, LinkExpired or WeakPassword; a refused password leaves the token good.
    """
    user = mailed_tokens.holder_of_reset(token)
    require_strength(password, user=user)
    encoded = make_password(password)
    with transaction.atomic(durable=True):
        mailed_tokens.use_reset(token)
        _replace(user, encoded=encoded, keep=None)
        email_verification.mark_verified(user=user)


def _replace(user: User, *, encoded: str, keep: uuid.UUID | None) -> None:
    # The row first: a sign-in with the old password either finds the new one or leaves a session that ends below.
    # Guarded by the password that was checked, so that a change cannot undo a reset that came between.
    won = User.objects.filter(id=user.id, password=user.password).update(password=encoded, updated_at=timezone.now())
    if not won:
        raise _wrong_password()
    user.password = encoded
    end_sessions(user_id=user.id, keep=keep, reason="password changed")
    mailed_tokens.withdraw_resets(user_id=user.id)
    record("user.password_changed", target=user, actor=user)


def _wrong_password() -> CurrentPasswordInvalid:
    error = FieldError("current_password_invalid", CurrentPasswordInvalid.detail, "/current_password")
    return CurrentPasswordInvalid(errors=[error])
