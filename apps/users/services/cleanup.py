"""Removing what has had its time: sessions, mailed links, sign-ins of the staff screens."""

from datetime import timedelta
from typing import Final

from django.contrib.sessions.models import Session as StaffSession
from django.utils import timezone

from apps.common.housekeeping import delete_in_batches
from apps.users.models import EmailVerificationToken, PasswordResetToken, Session

# So long a follower of an old link is told that it expired instead of that it never was.
KEPT_AFTER_EXPIRY: Final = timedelta(days=7)


def delete_expired() -> dict[str, int]:
    """Delete expired rows in batches; how many of each. A revoked session stays until its tokens have expired."""
    now = timezone.now()
    long_ago = now - KEPT_AFTER_EXPIRY
    return {
        "sessions": delete_in_batches(Session.objects.filter(expires_at__lt=now)),
        "email_tokens": delete_in_batches(EmailVerificationToken.objects.filter(expires_at__lt=long_ago)),
        "reset_tokens": delete_in_batches(PasswordResetToken.objects.filter(expires_at__lt=long_ago)),
        "staff_sessions": delete_in_batches(StaffSession.objects.filter(expire_date__lt=now)),
    }
