"""`manage.py reconcile_payments` without its grace: once a run has settled, nothing is on its way by webhook."""

import sys
from datetime import timedelta

import django


def main() -> int:
    """1 when a break is open."""
    django.setup()
    from django.core.management import call_command

    from apps.payments.services import reconciliation

    reconciliation.GRACE = timedelta(0)
    call_command("reconcile_payments", "--provider", "stripe", "--days", "1")
    return 0


if __name__ == "__main__":
    sys.exit(main())
