"""Registering, signing in and out. Attempts are counted before a password is hashed, and survive every rollback."""

import uuid
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, transaction
from django.dispatch import Signal
from django.utils import timezone

from apps.common import ratelimit
from apps.common.errors import Invalid, Unauthenticated
from apps.common.events import record
from apps.users.models import User, UserProfile
from apps.users.models.account import normalise_email
from apps.users.services import tokens
from apps.users.services.passwords import require_strength
from apps.users.services.tokens import TokenPair

# Sent synchronously after a login has committed: `user`, `cart_token` (text or None).
signed_in = Signal()


class InvalidCredentials(Unauthenticated):
    """401, the same for an unknown address, a wrong password and a disabled account."""

    code = "invalid_credentials"
    detail = "The e-mail or the password is wrong."


class EmailTaken(Invalid):
    """400, only where `REGISTRATION_TELLS_EMAIL_TAKEN` allows to say so."""

    code = "email_taken"
    detail = "There is an account with this e-mail already."


@dataclass(frozen=True, slots=True)
class Device:
    """Where a sign-in comes from."""

    ip: str
    user_agent: str


def register(*, email: str, password: str, first_name: str, last_name: str, ip: str) -> None:
    """Open an account. Raises Throttled or WeakPassword, and EmailTaken where the settings allow to tell.

    A known address changes nothing: its owner gets a mail, the caller the same answer after the same time. Nobody is
    signed in and no cart is merged, for that would tell, too.
    """
    email = normalise_email(email)
    ratelimit.hit_durably("register", ratelimit.who(ip))
    ratelimit.hit_durably("register", email)
    user = User(email=email, first_name=first_name, last_name=last_name)
    require_strength(password, user=user)
    user.password = make_password(password)
    with transaction.atomic(durable=True):
        if _insert(user):
            record("user.registered", target=user, actor=user)
            record("user.email_verification_requested", target=user, actor=user)
            return
        owner = User.objects.get(email=email)
        if not settings.REGISTRATION_TELLS_EMAIL_TAKEN:
            if owner.is_active:
                record("user.account_exists", target=owner, actor=AnonymousUser())
            return
    raise EmailTaken.field("/email", "email_taken", EmailTaken.detail)


def log_in(*, email: str, password: str, device: Device, cart_token: str | None) -> tuple[User, TokenPair]:
    """Open a session. Raises Throttled or InvalidCredentials."""
    email = normalise_email(email)
    user = verify_credentials(email=email, password=password, ip=device.ip)
    now = timezone.now()
    with transaction.atomic(durable=True):
        # Locks the row: a password that changes meanwhile either refuses this session or ends it.
        if not User.objects.filter(id=user.id, password=user.password, is_active=True).update(last_login=now):
            raise InvalidCredentials
        pair = tokens.open_session(user=user, user_agent=device.user_agent, ip=device.ip)
    # Robust: a guest's cart that cannot be merged hinders nobody from signing in.
    signed_in.send_robust(sender=User, user=user, cart_token=cart_token)
    return user, pair


def verify_credentials(*, email: str, password: str, ip: str) -> User:
    """The active account of an e-mail and its password. Raises Throttled or InvalidCredentials.

    An unknown address costs a hash as well.
    """
    count_attempt(email=email, ip=ip)
    user = User.objects.select_related("profile").filter(email=email).first()
    if user is None:
        make_password(password)
        raise InvalidCredentials
    if not user.check_password(password) or not user.is_active:
        raise InvalidCredentials
    forget_failures(email=email)
    return user


def count_attempt(*, email: str, ip: str) -> None:
    """Count one try at a password, before it is checked, against its address and then its account. Raises Throttled."""
    ratelimit.hit_durably("login_ip", ratelimit.who(ip))
    ratelimit.hit_durably("login_account", normalise_email(email))


def forget_failures(*, email: str) -> None:
    """A correct password clears the account's count."""
    ratelimit.forget("login_account", normalise_email(email))


def refresh(*, refresh_token: str, ip: str) -> TokenPair:
    """Exchange a refresh token for a new pair. Raises Throttled, TokenInvalid, TokenExpired or TokenReused."""
    session_id = tokens.session_id_of_refresh(refresh_token)
    ratelimit.hit_durably("refresh", str(session_id or ratelimit.who(ip)))
    return tokens.rotate(refresh=refresh_token)


def log_out(*, refresh_token: str | None, access_token: str | None) -> None:
    """End the sessions of the tokens, as far as they are ours; repeatable."""
    ended: set[tuple[uuid.UUID, uuid.UUID]] = set()
    for session in (
        tokens.session_of_refresh(refresh_token) if refresh_token else None,
        tokens.find_session_of_access(access_token) if access_token else None,
    ):
        if session is not None and session.revoked_at is None:
            ended.add((session.user_id, session.id))
    for user_id, session_id in ended:
        tokens.end_sessions(user_id=user_id, only=session_id, reason="signed out")


def _insert(user: User) -> bool:
    """Store the account with its profile; False when the e-mail is taken, also by a twin that was faster."""
    try:
        with transaction.atomic():
            user.save(force_insert=True)
            UserProfile.objects.create(user=user)
    except IntegrityError:
        return False
    return True
