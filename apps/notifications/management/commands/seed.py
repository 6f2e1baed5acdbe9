"""`manage.py seed`: the demo shop."""

import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from scripts.seed import everything


class Command(BaseCommand):
    help = "Load the demo shop: accounts, catalogue with pictures, stock, past orders. The same every time."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--if-empty", action="store_true", help="do nothing when there is a product")
        parser.add_argument("--force", action="store_true", help="also under production settings")
        parser.add_argument("--scale", type=int, default=0, metavar="N", help="add N plain products, for benchmarks")

    def handle(self, *args: Any, **options: Any) -> None:
        production = os.environ.get("DJANGO_SETTINGS_MODULE", "").endswith(".production")
        if production and not options["force"]:
            raise CommandError(
                "This is production: demo accounts have known passwords; --force loads them all the same."
            )
        if options["scale"] < 0:
            raise CommandError("--scale must not be negative.")
        if options["if_empty"] and not everything.is_empty():
            self.stdout.write("The shop has products: nothing to do.")
            return
        everything.seed(scale=options["scale"], say=self.stdout.write)
