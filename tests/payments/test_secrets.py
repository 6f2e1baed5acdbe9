"""What opens a payment in a browser is handed out and kept nowhere: not in any table, not in the log."""

import logging
from typing import Any

import pytest
from django.db import connection

from apps.common.models import IdempotencyKey
from apps.payments.models import WebhookEvent
from tests.client import code
from tests.factories import shop_rates
from tests.payments.ledger import at_stripe, confirm, intent_for, order_to_pay
from tests.payments.test_webhooks import send

pytestmark = pytest.mark.django_db
SECRET = "pi_3Qx_secret_9f8e7d"


@pytest.fixture(autouse=True)
def _shop(stripe) -> None:
    shop_rates()


def tables_with(secret: str) -> list[str]:
    """Tables of the whole database in which the text stands, in clear or in bytes."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(
                f'SELECT count(*) FROM "{table}" AS t WHERE strpos(t::text, %s) > 0 OR strpos(t::text, %s) > 0',
                [secret, secret.encode().hex()],
            )
            if cursor.fetchone()[0]:
                found.append(table)
    return found


def test_the_search_would_find_a_secret():
    """Positive control."""
    IdempotencyKey.objects.create(scope="s", key="k", fingerprint="f", body=SECRET.encode())
    assert tables_with(SECRET) == ["common_idempotencykey"]


def test_no_secret_is_kept(stripe, caplog):
    caplog.set_level(logging.DEBUG)
    client, order = order_to_pay()
    body = {"order": str(order.pk), "provider": "stripe"}
    answer = client.post("/payments/create-intent/", body, Idempotency_Key="k").json()
    secret = answer["client_secret"]
    assert secret.startswith("pi_")
    asked = client.post(
        "/payments/confirm/",
        {"payment": answer["id"], "payment_method": "pm_card_authenticationRequired"},
        Idempotency_Key="c",
    )
    assert code(asked) == (402, "payment_action_required")
    link = asked.json()["next_action"]["redirect_to_url"]["url"]
    sent = at_stripe(stripe, "event")
    assert any(event["data"]["object"].get("client_secret") == secret for event in sent)
    for event in sent:
        assert send(event).status_code == 200
    assert WebhookEvent.objects.count() == len(sent) > 1
    assert (tables_with(secret), tables_with(link)) == ([], [])
    assert secret not in caplog.text


def test_a_replayed_answer_still_has_its_secret(stripe):
    client, order = order_to_pay()
    body = {"order": str(order.pk), "provider": "stripe"}
    first = client.post("/payments/create-intent/", body, Idempotency_Key="k")
    again = client.post("/payments/create-intent/", body, Idempotency_Key="k")
    assert again["Idempotent-Replayed"] == "true"
    assert (again.status_code, again.json(), again["Location"]) == (201, first.json(), first["Location"])
    fault: dict[str, Any] = {"path": "/v1/payment_intents/*", "method": "GET", "kind": "reset", "times": 1}
    stripe.control("POST", "faults", fault)
    lost = client.post("/payments/create-intent/", body, Idempotency_Key="k")
    assert code(lost) == (502, "payment_provider_error")
    assert client.post("/payments/create-intent/", body, Idempotency_Key="k").json() == first.json()
    assert len(at_stripe(stripe, "payment_intent")) == 1


def test_a_refusal_is_replayed_as_it_was(stripe):
    client, order = order_to_pay()
    confirm(client, intent_for(client, order)["id"])
    body = {"order": str(order.pk), "provider": "stripe"}
    first = client.post("/payments/create-intent/", body, Idempotency_Key="k")
    again = client.post("/payments/create-intent/", body, Idempotency_Key="k")
    assert code(first) == code(again) == (409, "invalid_transition")
    assert again["Idempotent-Replayed"] == "true"
