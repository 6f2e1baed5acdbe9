"""Which messages are to be sent: one row per cause, and a hint to the workers once the row is committed."""

from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from apps.common import events, nudge
from apps.common.context import current_request_id
from apps.common.errors import Conflict, NotFound
from apps.common.models import new_id
from apps.notifications.models import Notification

if TYPE_CHECKING:
    from apps.users.models import User

Kind = Notification.Kind
TASKS: dict[str, str] = {
    Kind.VERIFICATION: "send_verification_email",
    Kind.PASSWORD_RESET: "send_password_reset_email",
    Kind.WELCOME: "send_welcome_email",
    Kind.ACCOUNT_EXISTS: "send_account_exists_email",
    Kind.ORDER_CONFIRMATION: "send_order_confirmation",
    Kind.ORDER_SHIPPED: "send_order_shipped",
    Kind.ORDER_READY_FOR_PICKUP: "send_order_ready_for_pickup",
    Kind.ORDER_DELIVERED: "send_order_delivered",
    Kind.ORDER_CANCELLED: "send_order_cancelled",
    Kind.ORDER_EXPIRING: "send_order_expiring",
    Kind.LATE_ORDERS: "send_late_orders",
    Kind.RETURN_REQUESTED: "send_return_requested",
    Kind.RETURN_APPROVED: "send_return_approved",
    Kind.RETURN_REJECTED: "send_return_rejected",
    Kind.RETURN_RECEIVED: "send_return_received",
    Kind.RETURN_COMPLETED: "send_return_completed",
    Kind.STOCK_DIGEST: "send_stock_digest_email",
    Kind.INVOICE: "send_invoice",
    Kind.CREDIT_NOTE: "send_credit_note",
    Kind.CART_RECOVERY: "send_cart_recovery",
}


class StillWaiting(Conflict):
    code = "still_waiting"
    detail = "This message is still on its way; it needs no second one."


@transaction.atomic
def enqueue(
    *,
    kind: str,
    email: str,
    dedupe_key: str,
    user_id: UUID | None = None,
    target_id: UUID | None = None,
    data: dict[str, str | None] | None = None,
) -> UUID | None:
    """Put one message in the queue, in the caller's transaction; None when its cause has one already.

    It keeps the id of the request or event being handled, so that a mail can be traced back to its cause.
    """
    notification = Notification(
        id=new_id(),
        kind=kind,
        email=email,
        dedupe_key=dedupe_key,
        user_id=user_id,
        target_id=target_id,
        data=data or {},
        next_attempt_at=timezone.now(),
        request_id=current_request_id(),
    )
    # ON CONFLICT DO NOTHING waits for a twin's commit; a look before the insert would not.
    Notification.objects.bulk_create([notification], ignore_conflicts=True)
    if not Notification.objects.filter(pk=notification.pk).exists():
        return None
    transaction.on_commit(lambda: nudge.send(TASKS[kind], str(notification.pk)), robust=True)
    return notification.pk


@transaction.atomic
def send_again(*, notification_id: UUID, actor: "User") -> UUID | None:
    """Queue a fresh copy of a message that was sent or given up; its secrets are new ones.

    None when it was asked for within this minute already (a double click). Raises NotFound, StillWaiting.
    """
    original = Notification.objects.filter(pk=notification_id).first()
    if original is None:
        raise NotFound
    if original.status not in (Notification.Status.SENT, Notification.Status.DEAD):
        raise StillWaiting
    copy_id = enqueue(
        kind=original.kind,
        email=original.email,
        user_id=original.user_id,
        target_id=original.target_id,
        data=original.data,
        dedupe_key=f"again:{original.pk}:{timezone.now():%Y-%m-%dT%H:%M}",
    )
    if copy_id is not None:
        events.record("notification.sent_again", target=original, actor=actor, data={"copy_id": str(copy_id)})
    return copy_id
