"""A web process that pays an order and hangs between the provider's answer and its own commit, to be killed by a test.

Run as `python -m tests.races.killed_payer <database> <provider's address> <payment id> <headers as JSON>`; prints
`answered` when it hangs.
"""

import json
import sys
import time
from typing import Any

import django


def main(database: str, provider: str, payment_id: str, headers: str) -> None:
    django.setup()
    from django.conf import settings
    from django.db import connections
    from django.test import Client

    connections.databases["default"]["NAME"] = database
    settings.STRIPE_API_BASE = provider

    from apps.payments.services import settlement

    def hang(**_: Any) -> None:
        print("answered", flush=True)
        time.sleep(60)

    settlement.settle = hang
    body = json.dumps({"payment": payment_id, "payment_method": "pm_card_visa"})
    Client().post("/api/v1/payments/confirm/", body, content_type="application/json", headers=json.loads(headers))


if __name__ == "__main__":
    main(*sys.argv[1:])
