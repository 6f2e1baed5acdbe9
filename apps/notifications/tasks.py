"""Celery entry points of notifications.

None retries by itself: a failed message has its next time in the database, and `send_pending_notifications` comes back
to it. All are safe to run twice and at the same time.
"""

from celery import shared_task

from apps.notifications.services import publication, sending, stock_digest


@shared_task(name="send_verification_email")
def send_verification_email(notification_id: str) -> str:
    return sending.send(notification_id)


@shared_task(name="send_password_reset_email")
def send_password_reset_email(notification_id: str) -> str:
    return sending.send(notification_id)


@shared_task(name="send_welcome_email")
def send_welcome_email(notification_id: str) -> str:
    return sending.send(notification_id)


@shared_task(name="send_account_exists_email")
def send_account_exists_email(notification_id: str) -> str:
    return sending.send(notification_id)


@shared_task(name="send_order_confirmation")
def send_order_confirmation(notification_id: str) -> str:
    return sending.send(notification_id)


@shared_task(name="send_order_shipped")
def send_order_shipped(notification_id: str) -> str:
    return sending.send(notification_id)


@shared_task(name="send_order_ready_for_pickup")
def send_order_ready_for_pickup(notification_id: str) -> str:
    return sending.send(notification_id)


@shared_task(name="send_order_delivered")
def send_order_delivered(notification_id: str) -> str:
    return sending.send(notification_id)


@shared_task(name="send_order_cancelled")
def send_order_cancelled(notification_id: str) -> str:
    return sending.send(notification_id)


@shared_task(name="send_order_expiring")
def send_order_expiring(notification_id: str) -> str:
    return sending.send(notification_id)


@shared_task(name="send_late_orders")
def send_late_orders(notification_id: str) -> str:
    return sending.send(notification_id)


@shared_task(name="send_return_requested")
def send_return_requested(notification_id: str) -> str:
    return sending.send(notification_id)


@shared_task(name="send_return_approved")
def send_return_approved(notification_id: str) -> str:
    return sending.send(notification_id)


@shared_task(name="send_return_rejected")
def send_return_rejected(notification_id: str) -> str:
    return sending.send(notification_id)


@shared_task(name="send_return_received")
def send_return_received(notification_id: str) -> str:
    return sending.send(notification_id)


@shared_task(name="send_return_completed")
def send_return_completed(notification_id: str) -> str:
    return sending.send(notification_id)


@shared_task(name="send_stock_digest_email")
def send_stock_digest_email(notification_id: str) -> str:
    return sending.send(notification_id)


@shared_task(name="digest_stock_alerts")
def digest_stock_alerts() -> int:
    """Queue the digest of stock alerts for staff, daily or hourly (STOCK_DIGEST). Two beats tell nothing twice."""
    return stock_digest.send()


@shared_task(name="send_invoice")
def send_invoice(notification_id: str) -> str:
    return sending.send(notification_id)


@shared_task(name="send_credit_note")
def send_credit_note(notification_id: str) -> str:
    return sending.send(notification_id)


@shared_task(name="send_cart_recovery")
def send_cart_recovery(notification_id: str) -> str:
    return sending.send(notification_id)


@shared_task(name="send_pending_notifications")
def send_pending_notifications() -> int:
    """Send what is due and was not sent at once: lost hints, retries, leases of killed workers. Runs every 10 s."""
    return sending.send_due()


@shared_task(name="publish_events")
def publish_events() -> int:
    """Place committed events in the public stream and publish them to the exchange. Hinted at, and run every 5 s."""
    return publication.publish_pending()
