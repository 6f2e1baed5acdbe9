"""The parts of `make chaos`: its buyers really buy, its audit fits the tables and sees what was falsified."""

import socket
import threading
from argparse import Namespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection, transaction
from django.utils import timezone

from apps.cart.models import ShippingMethod
from apps.orders.models import Order
from apps.payments.gateways.base import SignatureInvalid
from apps.payments.gateways.registry import gateway
from apps.payments.tasks import process_pending_payments
from apps.products.models import Warehouse
from scripts.bench import flows
from scripts.chaos import __main__ as command
from scripts.chaos import controls, proxy
from scripts.chaos.audit import PROMISES
from scripts.chaos.buyers import Buyer, Purchase, run
from scripts.chaos.faults import FAULTS
from scripts.chaos.provider import signature
from scripts.chaos.stage import EXPIRE, IDLE, MOVE_ON, UNPUBLISHED, WAITING
from scripts.seed.catalogue import seed_categories
from scripts.seed.scale import seed_scale


def ask(statement: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, None)
        return list(cursor.fetchall()) if cursor.description else []


def broken() -> set[str]:
    return {what for what, statement in PROMISES.items() if ask(statement)}


@pytest.fixture
def options(transactional_db, live_server, stripe, monkeypatch) -> Namespace:
    """A shop with forty products, and what its buyers need to know."""
    monkeypatch.setattr(flows, "product_count", lambda: 40)
    Warehouse.objects.create(code="only", name="Only")
    ShippingMethod.objects.create(code="standard", name="Standard", price=5)
    with transaction.atomic():
        seed_categories()
        seed_scale(40, now=timezone.now())
    shop, provider = urlsplit(live_server.url).port, urlsplit(stripe.url).port
    return Namespace(shop=shop, stripe=provider, name="t", orders=1, seconds=0.0, threads=1, browser=False)


@pytest.mark.parametrize(
    ("number", "ended", "statuses"),
    [
        (0, "paid", {"200": 3, "201": 3}),
        (3, "paid", {"200": 3, "201": 3, "402": 1}),
        (7, "cancelled", {"200": 4, "201": 3}),
    ],
)
def test_a_buyer_buys(options, number, ended, statuses):
    bought = Buyer(options).buy(number)
    order = Order.objects.get()
    assert (bought.ended, bought.order, bought.email) == (ended, str(order.pk), f"t-{number}@chaos.example")
    assert (bought.answers, bought.odd) == (statuses, [])
    assert order.status == {"paid": "confirmed", "cancelled": "cancelled"}[ended]


def test_a_buyer_repeats_what_the_provider_broke_and_pays_once(options, stripe):
    stripe.control("POST", "faults", {"path": "/v1/*", "kind": "status", "status": 503, "times": 4})
    [bought] = run(options)
    assert bought.ended == "paid"
    assert bought.answers["502"] >= 1
    assert [each["status"] for each in stripe.control("GET", "objects")["charge"]] == ["succeeded"]


def test_a_buyer_who_is_refused_says_so(options):
    ShippingMethod.objects.all().delete()
    bought = Buyer(options).buy(1)
    assert bought.ended.startswith("Refused: POST /orders/ answered 409")
    assert isinstance(bought, Purchase)


def test_the_audit_fits_the_tables_and_sees_what_is_open_and_what_is_falsified(options, deliver):
    for number in range(3):
        Buyer(options).buy(number)
    Buyer(options).leave_unpaid(5)
    assert {"order stuck", "payment left open", "event not delivered"} <= broken()
    for statement in (*MOVE_ON, *EXPIRE, IDLE, UNPUBLISHED, *WAITING.values()):
        ask(statement)
    from apps.notifications.services import publication, sending
    from apps.orders.services import lifecycle

    assert lifecycle.cancel_expired() == 1
    for _ in range(2):
        deliver()
        process_pending_payments()
    deliver()
    sending.send_due()
    publication.publish_pending()
    assert broken() == set()
    for statement in controls.DATABASE.values():
        ask(statement)
    assert set(controls.DATABASE) - {"stock"} <= broken()


def test_signatures_are_those_of_the_provider(stripe, settings):
    body = b'{"id": "evt_1", "type": "x"}'
    secret = settings.STRIPE_WEBHOOK_SECRET
    header = signature(body, secret=secret)
    assert gateway("stripe").read_event(body=body, headers={"Stripe-Signature": header}).id == "evt_1"
    for bad in (signature(body, secret=secret, age=3600), signature(body + b" ", secret=secret), ""):
        with pytest.raises(SignatureInvalid):
            gateway("stripe").read_event(body=body, headers={"Stripe-Signature": bad})


def test_the_proxy_passes_bytes_both_ways_and_ends_both_sides():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
        probe.close()
        target = server.getsockname()[1]
        threading.Thread(target=proxy.serve, args=(port, "127.0.0.1", target), daemon=True).start()
        client = connect(port)
        behind, _ = server.accept()
        client.sendall(b"ping")
        assert behind.recv(10) == b"ping"
        behind.sendall(b"pong")
        assert client.recv(10) == b"pong"
        behind.close()
        assert client.recv(10) == b""
        client.close()


def connect(port: int) -> socket.socket:
    for _ in range(100):
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=5)
        except ConnectionRefusedError:
            threading.Event().wait(0.02)
    raise AssertionError("the proxy does not listen")


def test_the_document_keeps_the_lines_of_faults_that_were_not_run(tmp_path):
    document = tmp_path / "reliability.md"
    document.write_text("before\n<!-- measured -->\nNot yet.\n<!-- end -->\nafter\n")
    first, second = (f"| {fault.title} | done |" for fault in FAULTS[:2])
    command.write(document, [second, "", f"{controls.TITLE}: 1 found"])
    command.write(document, [first.replace("done", "again")])
    text = document.read_text()
    assert text.startswith("before\n<!-- measured -->\n")
    assert text.endswith("<!-- end -->\nafter\n")
    assert [line for line in text.splitlines() if line.startswith(("| ", "Pos"))][2:] == [
        first.replace("done", "again"),
        second,
        f"{controls.TITLE}: 1 found",
    ]
