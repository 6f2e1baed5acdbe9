"""`manage.py reconcile_payments [--provider stripe] [--days 30]`: compare the providers' books with ours, now."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from apps.common.errors import Problem
from apps.payments.models import ReconciliationBreak, ReconciliationRun
from apps.payments.services import reconciliation


class Command(BaseCommand):
    help = "Compare the providers' charges, refunds and disputes with ours; exits with 1 when a break is open."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--provider", choices=reconciliation.providers(), help="default: each that can be compared")
        parser.add_argument("--days", type=int, default=None, help="how far back (default: RECONCILIATION_DAYS)")

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = [options["provider"]] if options["provider"] else reconciliation.providers()
        since = timezone.now() - timedelta(days=options["days"]) if options["days"] else None
        failed = False
        for provider in chosen:
            failed |= not self._compare(provider, since)
        rows = ReconciliationBreak.objects.filter(status=ReconciliationBreak.Status.OPEN).order_by("id")
        for row in rows:
            self.stdout.write(f"open: {row.provider} {row.kind} {row.reference} {row.detail}".rstrip())
        if rows or failed:
            raise SystemExit(1)
        self.stdout.write("the books agree")

    def _compare(self, provider: str, since: Any) -> bool:
        try:
            run = reconciliation.carry_out(reconciliation.begin(provider=provider, since=since).pk)
        except Problem as problem:
            self.stderr.write(f"{provider}: {problem.detail}")
            return False
        if run is None:
            return True
        self.stdout.write(
            f"{provider}: {run.charges} charges, {run.refunds} refunds, {run.disputes} disputes;"
            f" {run.breaks} breaks, {run.new_breaks} new, {run.healed} healed {run.failure}".rstrip()
        )
        return run.status == ReconciliationRun.Status.SUCCEEDED
