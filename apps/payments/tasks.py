"""Celery entry points of payments. None uses Celery's retry: what fails stays due, and the sweep comes back to it."""

from celery import shared_task

from apps.payments.services import refunds, sweep, webhooks


@shared_task(name="process_webhook_event")
def process_webhook_event(provider_event_id: str, provider: str) -> str:
    """Apply a stored webhook event."""
    return webhooks.process(provider=provider, provider_event_id=provider_event_id)


@shared_task(name="process_refund")
def process_refund(refund_id: str) -> bool:
    """Send a requested refund to its provider."""
    return refunds.process_refund(refund_id)


@shared_task(name="process_pending_payments")
def process_pending_payments() -> dict[str, int]:
    """Work off due webhooks, refunds and payment checks."""
    return sweep.process_due()
