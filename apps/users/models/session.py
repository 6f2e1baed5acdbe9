"""Signed-in devices: one row per family of refresh tokens."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.common.models import BaseModel


class Session(BaseModel):
    """A device that signed in. `refresh_jti` names the one refresh token of the family that is still good.

    Access tokens carry the session's id, so ending the session ends them too.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="sessions")
    refresh_jti = models.UUIDField()
    user_agent = models.CharField(max_length=200, blank=True)
    ip = models.GenericIPAddressField(null=True, blank=True)
    last_used_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_reason = models.CharField(max_length=40, blank=True)

    class Meta:
        ordering: ClassVar = ["-last_used_at"]
        indexes: ClassVar = [models.Index(fields=["user"], name="live_sessions", condition=Q(revoked_at=None))]

    def __str__(self) -> str:
        return f"{self.user_id} on {self.user_agent[:40] or 'an unnamed device'}"
