"""A worker that claims a message and hangs while talking to the mail server, to be killed by a test.

Run as `python -m tests.races.killed_sender <database> <notification id>`; prints `sending` when it hangs.
"""

import sys
import time
from typing import Any

import django


def main(database: str, notification_id: str) -> None:
    django.setup()
    from django.db import connections

    connections.databases["default"]["NAME"] = database

    from apps.notifications.channels import email
    from apps.notifications.services import sending

    def hang(**_: Any) -> None:
        print("sending", flush=True)
        time.sleep(60)

    email.deliver = hang
    sending.send(notification_id)


if __name__ == "__main__":
    main(*sys.argv[1:])
