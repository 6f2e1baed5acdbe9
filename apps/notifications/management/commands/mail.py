"""`manage.py mail`: what the shop has mailed on this machine."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from apps.notifications.services import mailbox


class Command(BaseCommand):
    help = "Print the newest mails of the local mail folder, newest last."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--to", default="", help="only mails whose recipient contains this")
        parser.add_argument("--last", type=int, default=3, help="how many (default 3)")

    def handle(self, *args: Any, **options: Any) -> None:
        folder = getattr(settings, "EMAIL_FILE_PATH", None)
        if not folder:
            raise CommandError("Mails leave this machine (EMAIL_URL is set); there is no local folder to read.")
        if options["last"] < 1:
            raise CommandError("--last must be at least 1.")
        mails = mailbox.newest(Path(folder), to=options["to"], last=options["last"])
        if not mails:
            self.stdout.write(f"No mail in {folder} yet.")
        for mail in mails:
            self.stdout.write(f"{'-' * 72}\nFrom:    {mail.sender}\nTo:      {mail.to}\nSubject: {mail.subject}")
            self.stdout.write(f"File:    {mail.path}\n\n{mail.text}")
