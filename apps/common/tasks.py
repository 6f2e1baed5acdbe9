"""Celery entry points of the kernel. All are safe to run twice and at the same time."""

from celery import shared_task

from apps.common import events, idempotency, jobs, ratelimit


@shared_task(name="deliver_events")
def deliver_events(delivery_ids: list[str]) -> int:
    """Deliver the given event deliveries. No Celery retry: `redeliver_events` comes back to what failed."""
    return sum(events.deliver(delivery_id) for delivery_id in delivery_ids)


@shared_task(name="redeliver_events")
def redeliver_events() -> int:
    """Deliver whatever is due and was not delivered at once. Runs every few seconds; needs no retry."""
    return events.deliver_due()


@shared_task(name="run_background_job")
def run_background_job(job_id: str) -> bool:
    """Run one job soon after it was asked for. No Celery retry: `run_background_jobs` comes back to what failed."""
    return jobs.run(job_id)


@shared_task(name="run_background_jobs")
def run_background_jobs() -> int:
    """Run jobs whose message was lost, whose worker died, or that are to be tried again. Needs no retry."""
    return jobs.run_due()


def delete_expired_rows() -> dict[str, int]:
    """Housekeeping of the kernel's tables, called by the cleanup task."""
    return {
        "idempotency_keys": idempotency.delete_expired(),
        "rate_windows": ratelimit.delete_expired(),
        "jobs": jobs.delete_old(),
    }
