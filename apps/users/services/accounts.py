"""What people and staff change about an account."""

import uuid
from collections.abc import Callable, Collection
from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.common.events import record
from apps.users.models import User, UserProfile
from apps.users.services import mailed_tokens
from apps.users.services.tokens import end_sessions

_ON_PROFILE = frozenset({"phone", "language", "currency"})


def update_me(*, user_id: uuid.UUID, changes: dict[str, Any], precondition: Callable[[User], None]) -> User:
    """Change names, phone, language or currency. `precondition` sees the locked account and may raise."""
    with transaction.atomic(durable=True):
        user = User.objects.select_for_update(of=("self",)).select_related("profile").get(id=user_id)
        precondition(user)
        of_user = {name: value for name, value in changes.items() if name not in _ON_PROFILE}
        of_profile = {name: value for name, value in changes.items() if name in _ON_PROFILE}
        _apply(user, of_user)
        _apply(user.profile, of_profile)
    return user


def set_marketing_consent(
    *, user_id: uuid.UUID, marketing_email: bool | None, precondition: Callable[[UserProfile], None]
) -> UserProfile:
    """Give or withdraw the consent to marketing mail; None and the present value change nothing.

    The event keeps who did it when, as proof of consent.
    """
    with transaction.atomic(durable=True):
        user = User.objects.get(id=user_id)
        profile = UserProfile.objects.select_for_update().get(user_id=user_id)
        precondition(profile)
        if marketing_email is not None and marketing_email != profile.marketing_email:
            _apply(profile, {"marketing_email": marketing_email, "marketing_email_changed_at": timezone.now()})
            record("user.consent_changed", target=user, actor=user, data={"marketing_email": marketing_email})
    return profile


def save_by_staff(*, user: User, actor: User, changed: Collection[str]) -> None:
    """Store an account that staff edited in a form; `changed` names the edited fields.

    A disabled account loses its sessions for good, a changed address has to be proven again, a new one has a profile.
    """
    with transaction.atomic():
        is_new = user._state.adding
        if is_new:
            user.save()
            UserProfile.objects.create(user=user)
            record("user.registered", target=user, actor=actor)
            record("user.email_verification_requested", target=user, actor=actor)
            return
        if "email" in changed:
            user.email_verified_at = None
            mailed_tokens.withdraw_resets(user_id=user.id)
            mailed_tokens.withdraw_verifications(user_id=user.id)
        user.save()
        if not user.is_active:
            end_sessions(user_id=user.id, reason="account disabled")
        note_change_by_staff(user=user, actor=actor, changed=changed)


def note_change_by_staff(*, user: User, actor: User, changed: Collection[str]) -> None:
    """Write into the audit trail which fields staff changed."""
    with transaction.atomic():
        record("user.changed_by_staff", target=user, actor=actor, data={"fields": sorted(changed)})


def _apply(row: User | UserProfile, changes: dict[str, Any]) -> None:
    for name, value in changes.items():
        setattr(row, name, value)
    if changes:
        row.save(update_fields=[*changes, "updated_at"])
