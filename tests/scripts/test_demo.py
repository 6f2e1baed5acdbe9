"""`make demo` plays to its end against a demo shop, and stops at the first thing that is not as promised."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections

from apps.cart.models import Promotion
from apps.common import events
from apps.notifications.services import sending
from apps.orders.models import Order
from scripts import demo

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def worker(settings: Any, tmp_path: Path) -> Iterator[Path]:
    """Delivers events and mails as a worker does, until the test ends; gives the folder of the mails."""
    settings.EMAIL_BACKEND = "apps.notifications.channels.folder.EmailBackend"
    settings.EMAIL_FILE_PATH = tmp_path / "mail"
    done = threading.Event()

    def work() -> None:
        while not done.wait(0.05):
            events.deliver_due()
            sending.send_due()
        connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    yield tmp_path / "mail"
    done.set()
    thread.join()


def play(url: str, mail_folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "BASE_URL": url, "MAIL_FOLDER": str(mail_folder)}
    command = [sys.executable, "-m", "scripts.demo"]
    return subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.timeout(300)  # a whole shop is seeded, and played in twice
@pytest.mark.django_db(transaction=True)
def test_the_demo_plays_to_its_end_and_notices_a_wrong_price(stripe, worker, live_server):
    call_command("seed", stdout=StringIO())
    told = play(live_server.url, worker)
    assert (told.returncode, told.stderr) == (0, "")
    order = Order.objects.latest("placed_at")
    assert (order.status, str(order.total.normalize())) == ("shipped", "67.83")
    for promise in (
        "two mugs are reserved, none has left",
        "the reservation has become a sale",
        f"| Order {order.number}",
        "it has the tracking number",
        "All as it should be",
    ):
        assert promise in told.stdout

    Promotion.objects.update(status="paused")
    told = play(live_server.url, worker)
    assert told.returncode == 1
    assert "✗ the totals are those worked out by hand: found {'subtotal': '61.00', 'discount': '0.00'" in told.stderr
    assert Order.objects.latest("placed_at") == order


def test_without_a_shop_it_says_how_to_start_one(tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        told = play(url, tmp_path)
    assert told.returncode == 1
    assert told.stderr.strip() == f"✗ No shop answers at {url}. Start it in another terminal: make run"


def test_what_does_not_come_in_time_is_named(monkeypatch):
    monkeypatch.setattr(demo, "PATIENCE_SECONDS", 0.3)
    with pytest.raises(demo.DemoFailed, match=r"^the mail: not within 0 s\. Is the worker running\?$"):
        demo.wait_for("the mail", lambda: None)
