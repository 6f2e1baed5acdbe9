"""`manage.py verify_stock`: prove that stock, ledger, reservations and orders add up; exit code 1 when they do not."""

from typing import Any

from django.core.management.base import BaseCommand

from apps.orders.services import stock_audit


class Command(BaseCommand):
    help = "Prove that stock, ledger, reservations and orders add up; names each break and exits with 1 if any."

    def handle(self, *args: Any, **options: Any) -> None:
        found = stock_audit.audit()
        for each in found:
            self.stdout.write(str(each))
        if found:
            self.stderr.write(f"{len(found)} breaks")
            raise SystemExit(1)
        self.stdout.write("stock adds up")
