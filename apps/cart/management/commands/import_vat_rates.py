"""`manage.py import_vat_rates`: Europe's value added tax into the tax tables, offline."""

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from apps.cart.services import vat_rates


class Command(BaseCommand):
    help = "Load the VAT rates of 44 European countries from the package eu-vat-rates-data. Repeatable."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--from", dest="starting", metavar="YYYY-MM-DD", help="first day of new rates; today")
        parser.add_argument("--country", action="append", default=[], metavar="DE", help="only this one; repeatable")

    def handle(self, *args: Any, **options: Any) -> None:
        countries = {country.upper() for country in options["country"]}
        unknown = sorted(countries - vat_rates.known_countries())
        if unknown:
            raise CommandError(f"The dataset has no rates of {', '.join(unknown)}.")
        done = vat_rates.import_rates(starting=self._starting(options["starting"]), countries=countries)
        counts = f"{done.created} rates created, {done.changed} changed, {done.unchanged} unchanged"
        self.stdout.write(f"{counts} (dataset of {done.version}).")

    @staticmethod
    def _starting(text: str | None) -> date:
        if text is None:
            return timezone.localdate()
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise CommandError(f"{text} is no day: write YYYY-MM-DD.") from None
