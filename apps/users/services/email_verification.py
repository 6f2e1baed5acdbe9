"""Proving that an address belongs to its account."""

from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.utils import timezone

from apps.common import ratelimit
from apps.common.events import record
from apps.users.models import User
from apps.users.models.account import normalise_email
from apps.users.services import mailed_tokens


def confirm(*, token: str) -> User:
    """Mark the account's address as proven by a mailed token.

    Raises LinkInvalid (also when the account has another address by now) or LinkExpired.
    """
    with transaction.atomic(durable=True):
        user, email = mailed_tokens.use_email_verification(token)
        if user.email != email:
            raise mailed_tokens.LinkInvalid
        mark_verified(user=user)
    return user


def mark_verified(*, user: User) -> None:
    """Note the proof, once, in the caller's transaction; the event `user.email_verified` comes only the first time."""
    now = timezone.now()
    if User.objects.filter(id=user.id, email=user.email, email_verified_at=None).update(
        email_verified_at=now, updated_at=now
    ):
        user.email_verified_at = now
        mailed_tokens.withdraw_verifications(user_id=user.id)
        record("user.email_verified", target=user, actor=user)


def resend(*, email: str, ip: str) -> None:
    """Have the verification mail sent again, if there is an unproven account of that address. Raises Throttled."""
    email = normalise_email(email)
    ratelimit.hit_durably("reset", ratelimit.who(ip))
    ratelimit.hit_durably("reset", email)
    with transaction.atomic(durable=True):
        if user := User.objects.filter(email=email, is_active=True, email_verified_at=None).first():
            record("user.email_verification_requested", target=user, actor=AnonymousUser())
