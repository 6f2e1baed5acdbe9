"""Do the providers' books and ours agree? A run compares one provider in one span of time (docs/payments.md)."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.common import events, nudge
from apps.common.errors import Invalid
from apps.payments.gateways.base import ProviderRefused, ProviderUnavailable
from apps.payments.models import Payment, ReconciliationRun
from apps.payments.services import breaks
from apps.payments.services.comparison import Comparison

if TYPE_CHECKING:
    from apps.users.models import User

log = structlog.get_logger(__name__)
Status = ReconciliationRun.Status
# What is younger may still be on its way by webhook.
GRACE = timedelta(minutes=15)
LONGEST_SPAN = timedelta(days=400)
# A run that has not ended by then died with its worker.
LONGEST_RUN = timedelta(hours=2)


def providers() -> list[str]:
    """Whose books can be compared: money that comes by hand has no other book than ours."""
    return [
        name
        for name in settings.PAYMENT_GATEWAYS
        if name not in (Payment.Provider.MANUAL, Payment.Provider.STORE_CREDIT, Payment.Provider.EXCHANGE)
    ]


@transaction.atomic
def request(
    *, provider: str, since: datetime | None = None, until: datetime | None = None, actor: "User | None" = None
) -> ReconciliationRun:
    """Ask a worker for a comparison; see `begin`."""
    run = begin(provider=provider, since=since, until=until, actor=actor)
    transaction.on_commit(lambda: nudge.send("run_reconciliation", str(run.pk)), robust=True)
    return run


def begin(
    *, provider: str, since: datetime | None = None, until: datetime | None = None, actor: "User | None" = None
) -> ReconciliationRun:
    """A comparison to be carried out, by default of the last `RECONCILIATION_DAYS` up to a quarter of an hour ago.

    Raises Invalid for a provider that cannot be compared, or a bad span.
    """
    latest = timezone.now() - GRACE
    until = min(until or latest, latest)
    since = since or until - timedelta(days=settings.RECONCILIATION_DAYS)
    if provider not in providers():
        raise Invalid.field("/provider", "invalid_choice", "This provider keeps no books that can be compared.")
    if not timedelta(0) < until - since <= LONGEST_SPAN:
        raise Invalid.field("/since", "invalid", "The span must begin before it ends and last at most 400 days.")
    return ReconciliationRun.objects.create(
        provider=provider, since=since, until=until, actor_id=actor.pk if actor is not None else None
    )


def request_due() -> list[UUID]:
    """The daily round: a run for each provider, and those that staff asked for and no worker has begun."""
    for provider in providers():
        begin(provider=provider)
    return list(ReconciliationRun.objects.filter(status=Status.REQUESTED).order_by("id").values_list("id", flat=True))


def carry_out(run_id: UUID | str) -> ReconciliationRun | None:
    """Compare; None when another worker has the run. What was filed stays filed when the provider fails on the way."""
    now = timezone.now()
    ReconciliationRun.objects.filter(status=Status.RUNNING, updated_at__lt=now - LONGEST_RUN).update(
        status=Status.FAILED, failure="The worker died.", finished_at=now, updated_at=now
    )
    mine = ReconciliationRun.objects.filter(pk=run_id, status=Status.REQUESTED)
    if not mine.update(status=Status.RUNNING, updated_at=now):
        return None
    run = ReconciliationRun.objects.get(pk=run_id)
    comparison = Comparison(run.provider, run.since, run.until)
    try:
        for found in comparison.findings():
            is_new = breaks.file(run.provider, found)
            run.breaks += 1
            run.new_breaks += is_new
            run.healed += found.healed
        run.status = Status.SUCCEEDED
    except (ProviderUnavailable, ProviderRefused) as error:
        log.warning("reconciliation_failed", provider=run.provider, error=str(error))
        run.status, run.failure = Status.FAILED, f"{type(error).__name__}: {error}"[:300]
    except BaseException as error:
        run.status, run.failure = Status.FAILED, type(error).__name__
        raise
    finally:
        _conclude(run, comparison)
    return run


@transaction.atomic
def _conclude(run: ReconciliationRun, comparison: Comparison) -> None:
    run.charges, run.refunds, run.disputes = comparison.charges, comparison.refunds, comparison.disputes
    run.finished_at = timezone.now()
    run.save()
    data = {"provider": run.provider, "status": run.status, "new_breaks": run.new_breaks, "healed": run.healed}
    events.record("reconciliation.finished", target=run, data=data)
