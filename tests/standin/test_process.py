"""Restart, state file, the command line, and stopping."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests
import stripe

from scripts.standin.server import StripeStandin
from tests.standin.conftest import client_for
from tests.standin.receiver import Receiver

ROOT = Path(__file__).resolve().parents[2]
PAYMENT = {
    "amount": 1200,
    "currency": "usd",
    "confirm": True,
    "payment_method": "pm_card_visa",
    "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def process(tmp_path):
    """Starts the command line; the second value tells where it listens."""
    running = []

    def start(*arguments):
        port = free_port()
        command = [sys.executable, "-m", "scripts.standin", "--port", str(port), *arguments]
        child = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        running.append(child)
        url = f"http://127.0.0.1:{port}"
        for _ in range(500):
            try:
                requests.get(url, timeout=1)
            except requests.ConnectionError:
                time.sleep(0.02)
            else:
                return child, url
        raise AssertionError("the stand-in did not start")

    yield start
    for child in running:
        child.kill()
        child.wait()
        child.stderr.close()


def test_objects_keys_and_waiting_events_survive_a_restart(tmp_path):
    state = tmp_path / "deep" / "stripe.json"
    with StripeStandin(state_path=state, webhook_url="http://127.0.0.1:9/") as first:
        api = client_for(first).v1
        paid = api.payment_intents.create(params=PAYMENT, options={"idempotency_key": "kept"})
        api.refunds.create(params={"payment_intent": paid.id, "amount": 200})
    target = Receiver("whsec_standin")
    with StripeStandin(state_path=state, webhook_url=target.url) as second:
        api = client_for(second).v1
        again = api.payment_intents.create(params=PAYMENT, options={"idempotency_key": "kept"})
        assert again.id == paid.id
        assert api.payment_intents.retrieve(paid.id).to_dict() == paid.to_dict()
        assert api.charges.retrieve(paid.latest_charge).amount_refunded == 200
        assert api.refunds.create(params={"payment_intent": paid.id}).amount == 1000
        types = target.wait_for(11)
        assert types[:3] == ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded"]
        assert len(types) == 11
    target.close()


def test_a_torn_last_line_loses_only_that_line(tmp_path):
    state = tmp_path / "stripe.json"
    with StripeStandin(state_path=state) as first:
        kept = client_for(first).v1.customers.create(params={"email": "a@example.com"})
    with state.open("ab") as journal:
        journal.write(b'[{"object": "customer", "id": "cus_torn", "em')
    with StripeStandin(state_path=state) as second:
        assert [row.id for row in client_for(second).v1.customers.list().data] == [kept.id]
    assert all(json.loads(line) for line in state.read_text().splitlines())


def test_reset_empties_the_state_file_too(tmp_path):
    state = tmp_path / "stripe.json"
    with StripeStandin(state_path=state) as standin:
        client_for(standin).v1.customers.create()
        standin.reset()
    assert state.read_bytes() == b""


def test_it_starts_again_on_the_same_port(tmp_path):
    port = free_port()
    for _ in range(2):
        with StripeStandin(port=port) as standin:
            assert client_for(standin).v1.customers.list().data == []
        with pytest.raises(requests.ConnectionError):
            requests.get(f"http://127.0.0.1:{port}", timeout=1)


def test_a_taken_port_is_an_error_and_leaves_the_state_file_alone(tmp_path):
    state = tmp_path / "stripe.json"
    with StripeStandin() as standin:
        port = int(standin.url.rsplit(":", 1)[1])
        with pytest.raises(OSError, match="in use"):
            StripeStandin(port=port, state_path=state).start()
    assert not state.exists()


def test_the_root_page_says_what_it_is(standin):
    answer = requests.get(standin.url, timeout=5)
    assert answer.status_code == 200
    assert "Stripe stand-in" in answer.text
    assert requests.get(f"{standin.url}/nowhere", timeout=5).status_code == 404


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_the_command_stops_within_a_second_and_keeps_its_state(process, tmp_path, signum):
    state = str(tmp_path / "stripe.json")
    options = ("--state", state, "--secret-key", "sk_test_only", "--webhook-url", "http://127.0.0.1:9/")
    child, url = process(*options)
    client = stripe.StripeClient("sk_test_only", base_addresses={"api": url})
    paid = client.v1.payment_intents.create(params=PAYMENT)
    with pytest.raises(stripe.AuthenticationError):
        stripe.StripeClient("sk_test_other", base_addresses={"api": url}).v1.customers.list()
    started = time.monotonic()
    child.send_signal(signum)
    assert child.wait(timeout=5) == 0
    assert time.monotonic() - started < 1
    lines = [line for line in child.stderr.read().splitlines() if "/v1/payment_intents" in line]
    assert len(lines) == 1
    assert re.fullmatch(r"\d\d:\d\d:\d\d POST /v1/payment_intents 200 \d+ms", lines[0])
    _, url = process(*options)
    client = stripe.StripeClient("sk_test_only", base_addresses={"api": url})
    assert client.v1.payment_intents.retrieve(paid.id).status == "succeeded"


def test_a_killed_process_keeps_what_it_answered(process, tmp_path):
    state = str(tmp_path / "stripe.json")
    child, url = process("--state", state)
    paid = stripe.StripeClient("sk_test_x", base_addresses={"api": url}).v1.payment_intents.create(params=PAYMENT)
    child.kill()
    child.wait()
    _, url = process("--state", state)
    client = stripe.StripeClient("sk_test_x", base_addresses={"api": url})
    assert client.v1.payment_intents.retrieve(paid.id).status == "succeeded"
