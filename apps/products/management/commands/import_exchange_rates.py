"""`manage.py import_exchange_rates FILE`: add the rates of a file of the European Central Bank."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.common.errors import Invalid
from apps.products.services import exchange, rate_files


class Command(BaseCommand):
    help = "Add the rates of an eurofxref file (XML or CSV, one day or many). Repeatable; all of the file or nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--source", default="ECB", help="kept with each rate (default: ECB)")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            added, known = exchange.import_rates(rate_files.read(options["file"]), source=options["source"])
        except rate_files.RatesUnreadableError as error:
            raise CommandError(str(error)) from None
        except Invalid as refusal:
            raise CommandError("; ".join(error.detail for error in refusal.errors)) from None
        self.stdout.write(f"{added} rates added, {known} were there")
