"""A web process killed after the provider has taken the money and before the shop has noted it."""

import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from apps.common import idempotency
from apps.common.models import Event, IdempotencyKey
from apps.orders.models import Order
from apps.payments.models import Payment
from apps.payments.services import settlement
from apps.payments.tasks import process_pending_payments
from tests.client import ApiClient, code
from tests.factories import shop_rates
from tests.payments.ledger import assert_books_agree, at_stripe, intent_for, order_to_pay

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def killed(stripe) -> tuple[ApiClient, Order, Payment]:
    """An order whose buyer has been charged by a process that died before it could say so."""
    shop_rates()
    client, order = order_to_pay()
    payment = intent_for(client, order)["id"]
    command = [sys.executable, "-m", "tests.races.killed_payer", connection.settings_dict["NAME"], stripe.url]
    command += [payment, json.dumps(client.headers | {"Idempotency-Key": "pay"})]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as worker:
        try:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "answered\n"
        finally:
            worker.send_signal(signal.SIGKILL)
    order.refresh_from_db()
    assert (order.status, Payment.objects.get().captured) == ("pending", 0)
    assert [charge["status"] for charge in at_stripe(stripe, "charge")] == ["succeeded"]
    return client, order, Payment.objects.get()


def repeat(client: ApiClient, payment: Payment) -> Any:
    body = {"payment": str(payment.pk), "payment_method": "pm_card_visa"}
    return client.post("/payments/confirm/", body, Idempotency_Key="pay")


def assert_paid_once(stripe, order: Order) -> None:
    order.refresh_from_db()
    assert (order.status, order.payment_status) == ("confirmed", "paid")
    assert [charge["status"] for charge in at_stripe(stripe, "charge")] == ["succeeded"]
    assert Event.objects.filter(type="order.confirmed").count() == 1
    assert_books_agree(stripe)


def test_the_same_request_has_its_answer_within_a_minute_and_charges_once(stripe, killed):
    client, order, payment = killed
    assert code(repeat(client, payment)) == (409, "request_in_progress")
    assert IdempotencyKey.objects.get(key="pay").status is None
    assert idempotency.CLAIM_SECONDS < 60
    with time_machine.travel(timezone.now() + timedelta(seconds=idempotency.CLAIM_SECONDS + 1)):
        answer = repeat(client, payment)
        again = repeat(client, payment)
    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")
    assert (again.json(), again["Idempotent-Replayed"]) == (answer.json(), "true")
    assert_paid_once(stripe, order)


def test_a_buyer_who_never_comes_back_has_a_paid_order_all_the_same(stripe, killed):
    _, order, _ = killed
    assert process_pending_payments()["payments"] == 0
    with time_machine.travel(timezone.now() + settlement.SHORTEST + timedelta(seconds=1)):
        assert process_pending_payments()["payments"] == 1
    assert_paid_once(stripe, order)
