"""Messages to people: written when an event asks for them, sent by a worker, retried until they are out."""

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from apps.common.models import BaseModel

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from apps.users.models import User


class NotificationQuerySet(models.QuerySet["Notification"]):
    """Reads and locks of messages."""

    def visible_to(self, user: "User | AnonymousUser") -> "NotificationQuerySet":
        """A customer's own messages; nothing for guests."""
        return self.filter(user_id=user.pk) if user.is_authenticated else self.none()

    def due(self, now: datetime) -> "NotificationQuerySet":
        """What waits to be sent, longest first: pending ones, and those whose sender did not come back in time."""
        return self.filter(
            status__in=[Notification.Status.PENDING, Notification.Status.SENDING], next_attempt_at__lte=now
        ).order_by("next_attempt_at")

    def lock_free(self) -> "NotificationQuerySet":
        """Lock the rows that nobody else is locking right now."""
        return self.select_for_update(of=("self",), skip_locked=True)


class Notification(BaseModel):
    """One message. What it says is rendered when it is sent, so no secret (a reset link) is ever stored.

    `next_attempt_at` is when it is due; while `sending` it is the end of the sender's lease.
    """

    class Kind(models.TextChoices):
        VERIFICATION = "verification"
        PASSWORD_RESET = "password_reset"  # noqa: S105 - a kind of mail
        WELCOME = "welcome"
        ACCOUNT_EXISTS = "account_exists"
        ORDER_CONFIRMATION = "order_confirmation"
        ORDER_SHIPPED = "order_shipped"
        ORDER_READY_FOR_PICKUP = "order_ready_for_pickup"
        ORDER_DELIVERED = "order_delivered"
        ORDER_CANCELLED = "order_cancelled"
        ORDER_EXPIRING = "order_expiring"
        LATE_ORDERS = "late_orders"
        RETURN_REQUESTED = "return_requested"
        RETURN_APPROVED = "return_approved"
        RETURN_REJECTED = "return_rejected"
        RETURN_RECEIVED = "return_received"
        RETURN_COMPLETED = "return_completed"
        STOCK_DIGEST = "stock_digest"
        INVOICE = "invoice"
        CREDIT_NOTE = "credit_note"
        CART_RECOVERY = "cart_recovery"

    class Status(models.TextChoices):
        PENDING = "pending"
        SENDING = "sending"
        SENT = "sent"
        DEAD = "dead"

    kind = models.CharField(max_length=24, choices=Kind.choices)
    channel = models.CharField(max_length=10, default="email")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="notifications",
    )
    email = models.EmailField(max_length=254)
    target_id = models.UUIDField(null=True, blank=True, help_text="the order, for order mails; the digest")
    data = models.JSONField(default=dict, blank=True)
    dedupe_key = models.CharField(max_length=160, unique=True, help_text="one message per cause")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    last_error = models.CharField(max_length=300, blank=True)
    subject = models.CharField(max_length=200, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField(null=True, blank=True)
    request_id = models.CharField(max_length=64, blank=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(status="sent", sent_at__isnull=False) | (~Q(status="sent") & Q(sent_at__isnull=True)),
                name="sent_has_its_time",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["user", "-id"], name="my_notifications"),
            models.Index(fields=["next_attempt_at"], name="mails_due", condition=Q(status__in=["pending", "sending"])),
            models.Index(fields=["-id"], name="mails_dead", condition=Q(status="dead")),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.email}"
