"""Celery entry points of users."""

from celery import shared_task

from apps.common.tasks import delete_expired_rows
from apps.users.services import cleanup


@shared_task(name="cleanup_expired_tokens")
def cleanup_expired_tokens() -> dict[str, int]:
    """Hourly housekeeping. Safe to run twice and at the same time; no retry, the next hour comes."""
    return {**cleanup.delete_expired(), **delete_expired_rows()}
