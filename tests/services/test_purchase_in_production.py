"""A purchase on the real thing: nginx, Gunicorn, PostgreSQL, Redis, and a Celery worker with beat on RabbitMQ."""

import json
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from kombu import Connection

from apps.orders.models import Order
from apps.products.models import StockLevel
from scripts.standin.server import StripeStandin
from tests.factories import ADDRESS, PASSWORD, sellable, shop_rates
from tests.services.nginx_edge import Edge, free_port, running_edge
from tests.services.production import HOST, REPOSITORY, production_environment, running, running_gunicorn

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]
WEBHOOK_SECRET = "whsec_production_test"
NAMES = {"first_name": "Sam", "last_name": "Lee"}


@pytest.fixture
def broker_url() -> str:
    """RabbitMQ's address. In CI its absence is a failure, or the broker would go untested unseen."""
    url = os.environ.get("SERVICES_CELERY_BROKER_URL", "amqp://guest:guest@127.0.0.1:5672//")
    parts = urlsplit(url)
    with socket.socket() as probe:
        probe.settimeout(2)
        if probe.connect_ex((parts.hostname or "127.0.0.1", parts.port or 5672)) == 0:
            return url
    if os.environ.get("CI"):
        pytest.fail("RabbitMQ does not answer")
    pytest.skip("RabbitMQ does not answer")


class Shop:
    """The running system and a shopper's session with it."""

    def __init__(self, edge: Edge, mails: Path) -> None:
        self.edge, self.mails = edge, mails
        self.session = requests.Session()
        self.session.headers.update({"Host": HOST, "Accept": "application/json"})

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        url = f"{self.edge.url}/api/v1{path}"
        response = self.session.request(
            method,
            url,
            json=body,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
            timeout=30,
        )
        assert response.status_code < 300, response.text
        return response.json()

    def mail_about(self, text: str) -> Any:
        for file in sorted(self.mails.iterdir()):
            # Django's file backend puts a line of dashes after each mail.
            for raw in file.read_bytes().split(b"\n" + b"-" * 79 + b"\n"):
                message = message_from_bytes(raw.lstrip(), policy=policy.default)
                if text in str(message["Subject"]):
                    return message
        return None


def eventually(what: Callable[[], Any], seconds: float = 40) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(0.25)
    pytest.fail(f"it did not happen within {seconds} s")


@pytest.fixture
def shop(tmp_path: Path, broker_url: str) -> Iterator[Shop]:
    web, entrance = free_port(), free_port()
    static_root, mails = tmp_path / "static", tmp_path / "mails"
    mails.mkdir()
    queue = f"test-{uuid.uuid4().hex[:12]}"
    hook = f"http://127.0.0.1:{entrance}/api/v1/payments/stripe/webhook/"
    with StripeStandin(webhook_url=hook, webhook_secret=WEBHOOK_SECRET) as stripe:
        changes = {
            "CELERY_BROKER_URL": broker_url,
            "CELERY_QUEUE": queue,
            "STRIPE_API_BASE": stripe.url,
            "STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "EMAIL_URL": f"filemail:///{mails}",
            "ALLOWED_HOSTS": f"{HOST},127.0.0.1",
        }
        environment = production_environment(static_root, web, **changes)
        subprocess.run(
            [sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity", "0"],
            cwd=REPOSITORY,
            env=environment,
            check=True,
        )
        schedule = str(tmp_path / "beat")
        try:
            with (
                running_gunicorn(static_root, web, **changes),
                running("celery", "-A", "config", "worker", "-c", "1", "-P", "threads", environment=environment),
                running("celery", "-A", "config", "beat", "-s", schedule, environment=environment),
                running_edge(
                    tmp_path / "edge", upstream_port=web, port=entrance, scheme="https", static_root=static_root
                ) as edge,
            ):
                yield Shop(edge, mails)
        finally:
            with Connection(broker_url) as connection:
                connection.default_channel.queue_delete(queue)


def test_an_order_goes_from_the_cart_to_the_mail_through_every_part(shop: Shop) -> None:
    shop_rates()
    variant = sellable(price="50.00", stock=5)
    shop.call("POST", "/auth/register/", {"email": "sam@example.com", "password": PASSWORD} | NAMES)
    access = shop.call("POST", "/auth/login/", {"email": "sam@example.com", "password": PASSWORD})["access"]
    shop.session.headers["Authorization"] = f"Bearer {access}"
    assert eventually(lambda: shop.mail_about("e-mail"))["To"] == "sam@example.com"

    shop.call("POST", "/cart/items/", {"sku": variant.sku, "quantity": 2})
    order = shop.call(
        "POST", "/orders/", {"shipping_address": ADDRESS, "shipping_method": "standard"}, Idempotency_Key="once"
    )
    assert order["totals"]["total"] == {"amount": "108.88", "currency": "USD"}
    intent = shop.call("POST", "/payments/create-intent/", {"order": order["id"], "provider": "stripe"})
    shop.call("POST", "/payments/confirm/", {"payment": intent["id"], "payment_method": "pm_card_visa"})

    mail = eventually(lambda: shop.mail_about(order["number"]))
    assert mail["To"] == "sam@example.com"
    assert "$108.88" in mail.get_body(("plain",)).get_content()
    assert shop.call("GET", f"/orders/{order['id']}/")["status"] == "confirmed"
    level = StockLevel.objects.get()
    assert (level.on_hand, level.reserved, Order.objects.count()) == (3, 0, 1)
    print(json.dumps({"order": order["number"], "mail": mail["Subject"]}))
