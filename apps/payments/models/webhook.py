"""What providers told us, kept (but for secrets) before anything is done about it."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from apps.common.models import BaseModel


class WebhookEvent(BaseModel):
    """A provider event, verified before it is stored or before it is applied.

    Unique by the provider's own id, so a repeated delivery adds nothing.
    """

    class Status(models.TextChoices):
        RECEIVED = "received"
        PROCESSED = "processed"
        IGNORED = "ignored"
        DEAD = "dead"
        REJECTED = "rejected"

    provider = models.CharField(max_length=12)
    provider_event_id = models.CharField(max_length=120)
    type = models.CharField(max_length=80)
    payload = models.JSONField()
    proof = models.JSONField(
        default=dict, blank=True, help_text="what its provider is shown to verify it; empty: it is verified"
    )
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.RECEIVED)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    last_error = models.CharField(max_length=300, blank=True)
    processed_at = models.DateTimeField(null=True, blank=True)
    request_id = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["provider", "provider_event_id"], name="webhook_event_once")
        ]
        indexes: ClassVar = [
            models.Index(fields=["next_attempt_at"], name="webhooks_due", condition=Q(status="received"))
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.provider_event_id}"
