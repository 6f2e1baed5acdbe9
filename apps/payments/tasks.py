"""Celery entry points of payments. None uses Celery's retry: what fails stays due, and the sweep comes back to it."""

from celery import shared_task

from apps.common import nudge
from apps.payments.services import reconciliation, refunds, sweep, webhooks


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


@shared_task(name="run_reconciliation", soft_time_limit=3300, time_limit=3600)
def run_reconciliation(run_id: str) -> bool:
    """Compare one provider's books with ours; returns whether this call did. Long: a page of a hundred per call."""
    return reconciliation.carry_out(run_id) is not None


@shared_task(name="reconcile_payments")
def reconcile_payments() -> int:
    """Once a day: have each provider's last days compared; returns how many comparisons wait for a worker."""
    run_ids = reconciliation.request_due()
    for run_id in run_ids:
        nudge.send("run_reconciliation", str(run_id))
    return len(run_ids)
