"""Stripe's events: verified, stored once, applied once, whatever their number and order."""

import hashlib
import hmac
import json
import time
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.common.models import Event
from apps.payments.models import Payment, WebhookEvent
from apps.payments.services import webhooks
from apps.payments.tasks import process_pending_payments, process_webhook_event
from tests.client import code
from tests.factories import shop_rates
from tests.payments.ledger import assert_books_agree, at_stripe, confirm, intent_for, order_to_pay
from tests.payments.test_refunds import staff_client

pytestmark = pytest.mark.django_db
PATHS = ("/api/v1/payments/webhook/", "/api/v1/payments/stripe/webhook/")


@pytest.fixture(autouse=True)
def _shop(stripe) -> None:
    shop_rates()


def signed(body: bytes, secret: str, at: float | None = None) -> str:
    stamp = int(time.time() if at is None else at)
    digest = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={stamp},v1={digest}"


def send(event: dict[str, Any] | bytes, signature: str | None = None, path: str = PATHS[0], **signing: Any) -> Any:
    from django.conf import settings

    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    header = signed(body, settings.STRIPE_WEBHOOK_SECRET, **signing) if signature is None else signature
    return Client().post(path, data=body, content_type="application/json", headers={"Stripe-Signature": header})


def events_of(stripe, kind: str) -> list[dict[str, Any]]:
    return [event for event in at_stripe(stripe, "event") if event["type"] == kind]


def paid_in_the_browser(stripe) -> tuple[Any, Any]:
    """An order whose shopper paid at Stripe directly: we have not heard of it."""
    client, order = order_to_pay()
    intent_for(client, order)
    reference = Payment.objects.get().provider_reference
    from apps.payments.gateways.registry import gateway

    gateway("stripe").confirm(reference, payment_method="pm_card_visa", return_url="https://shop.example/")
    return client, order


@pytest.mark.parametrize("path", PATHS)
def test_a_succeeded_payment_confirms_its_order_without_the_client(stripe, path):
    _, order = paid_in_the_browser(stripe)
    [event] = events_of(stripe, "payment_intent.succeeded")
    response = send(event, path=path)
    assert (response.status_code, response.json()) == (200, {"received": True})
    order.refresh_from_db()
    assert order.status == "pending"
    assert process_webhook_event(event["id"], "stripe") == "processed"
    order.refresh_from_db()
    assert (order.status, order.payment_status) == ("confirmed", "paid")
    assert_books_agree(stripe)


def test_storing_takes_milliseconds_and_few_statements(stripe, django_assert_max_num_queries):
    paid_in_the_browser(stripe)
    [event] = events_of(stripe, "payment_intent.succeeded")
    with django_assert_max_num_queries(4):
        assert send(event).status_code == 200


def test_any_number_of_deliveries_in_any_order_settle_once(stripe):
    client, order = order_to_pay()
    payment = intent_for(client, order)["id"]
    confirm(client, payment, "pm_card_chargeDeclined")
    confirm(client, payment)
    everything = at_stripe(stripe, "event")
    for event in [*reversed(everything), *everything]:
        assert send(event).status_code == 200
    assert WebhookEvent.objects.count() == len(everything)
    process_pending_payments()
    for event in everything:
        process_webhook_event(event["id"], "stripe")
    order.refresh_from_db()
    assert (order.status, Payment.objects.get().status) == ("confirmed", "succeeded")
    assert Event.objects.filter(type="order.confirmed").count() == 1
    assert set(WebhookEvent.objects.values_list("status", flat=True)) == {"processed"}
    assert_books_agree(stripe)


@pytest.mark.parametrize(
    "signature",
    ["", "nonsense", "t=1,v1=00", "t=abc,v1=00", "t=1700000000,v1=ünïcode", "v1=00", "t=,v1="],
)
def test_a_forged_signature_is_refused_and_nothing_is_stored(stripe, signature):
    assert code(send({"id": "evt_1", "type": "payment_intent.succeeded"}, signature)) == (400, "signature_invalid")
    assert WebhookEvent.objects.count() == 0


@pytest.mark.parametrize("path", PATHS)
def test_an_empty_body_is_refused_like_any_other_that_is_no_event(stripe, path):
    assert code(send(b"", "", path)) == (400, "signature_invalid")
    assert code(send(b"", path=path)) == (400, "signature_invalid")
    assert WebhookEvent.objects.count() == 0


@pytest.mark.parametrize("shift", [-3600, 3600])
def test_a_signature_of_another_time_is_refused(stripe, shift):
    event = {"id": "evt_1", "type": "x", "data": {"object": {}}}
    assert code(send(event, at=time.time() + shift)) == (400, "signature_invalid")
    assert WebhookEvent.objects.count() == 0


def test_a_signature_covers_the_bytes(stripe, settings):
    body = b'{"id": "evt_1", "type": "x"}'
    good = signed(body, settings.STRIPE_WEBHOOK_SECRET)
    assert code(send(body.replace(b"evt_1", b"evt_2"), good)) == (400, "signature_invalid")
    assert code(send(body, signed(body, "whsec_other"))) == (400, "signature_invalid")
    assert WebhookEvent.objects.count() == 0


@pytest.mark.parametrize(
    "body",
    [
        b"not json",
        b"[]",
        b'{"type": "x"}',
        b"\xff\xfe",
        b'{"id": "evt_1", "type": "x", "data": NaN}',
        b'{"id": "evt_1", "type": "x", "data": 1e999}',
        b'{"id": "evt_1", "type": "x", "data": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    ],
    ids=["text", "list", "no id", "not utf-8", "nan", "infinite", "deep"],
)
def test_signed_nonsense_is_refused(stripe, body):
    assert code(send(body)) == (400, "signature_invalid")
    assert WebhookEvent.objects.count() == 0


@pytest.mark.parametrize(("odd", "kept"), [("a\\u0000b", "ab"), ("a\\ud800b", "a?b")])
def test_text_that_the_database_refuses_is_kept_without_it(stripe, odd, kept):
    assert send(b'{"id": "evt_1", "type": "x", "note": "' + odd.encode() + b'"}').status_code == 200
    assert WebhookEvent.objects.get().payload["note"] == kept


def test_without_a_secret_of_our_own_nothing_is_believed(stripe, settings):
    settings.STRIPE_WEBHOOK_SECRET = ""
    assert code(send({"id": "evt_1", "type": "x"})) == (400, "signature_invalid")
    assert WebhookEvent.objects.count() == 0


def test_a_confirmation_after_the_webhook_finds_the_order_confirmed(stripe):
    client, _ = paid_in_the_browser(stripe)
    [event] = events_of(stripe, "payment_intent.succeeded")
    send(event)
    process_webhook_event(event["id"], "stripe")
    body = confirm(client, str(Payment.objects.get().pk)).json()
    assert (body["status"], body["order"]["status"]) == ("succeeded", "confirmed")
    assert Event.objects.filter(type="order.confirmed").count() == 1
    assert_books_agree(stripe)


def test_an_unknown_kind_of_event_is_taken_and_ignored(stripe):
    event = {"id": "evt_x", "type": "invoice.paid", "data": {"object": {"object": "invoice", "id": "in_1"}}}
    assert send(event).status_code == 200
    assert process_webhook_event("evt_x", "stripe") == "ignored"


def test_an_event_about_an_unknown_payment_is_kept_and_ends_as_a_visible_dead_letter(stripe):
    event = {
        "id": "evt_x",
        "type": "payment_intent.succeeded",
        "data": {"object": {"object": "payment_intent", "id": "pi_nobody"}},
    }
    assert send(event).status_code == 200
    assert process_webhook_event("evt_x", "stripe") == "received"
    assert process_webhook_event("evt_x", "stripe") == "received"
    assert WebhookEvent.objects.get().attempts == 1
    for _ in range(webhooks.MAX_ATTEMPTS):
        WebhookEvent.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=1))
        process_pending_payments()
    row = WebhookEvent.objects.get()
    assert (row.status, row.attempts, row.last_error) == ("dead", 12, "LookupError: no payment pi_nobody")
    assert webhooks.retry([row.pk]) == 1
    assert WebhookEvent.objects.get().status == "received"


def test_a_provider_that_is_down_delays_the_event(stripe):
    _, order = paid_in_the_browser(stripe)
    [event] = events_of(stripe, "payment_intent.succeeded")
    send(event)
    stripe.control(
        "POST",
        "faults",
        {"path": "/v1/payment_intents/*", "method": "GET", "kind": "status", "status": 503, "times": 1},
    )
    assert process_webhook_event(event["id"], "stripe") == "received"
    WebhookEvent.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=1))
    assert process_pending_payments()["webhooks"] == 1
    order.refresh_from_db()
    assert order.status == "confirmed"


def test_a_body_over_the_limit_is_413(stripe):
    assert code(send(b"x" * (1024 * 1024 + 1))) == (413, "payload_too_large")


def test_staff_see_dead_letters_and_apply_them_again(stripe):
    _, order = paid_in_the_browser(stripe)
    [event] = events_of(stripe, "payment_intent.succeeded")
    send(event)
    send({"id": "evt_other", "type": "invoice.paid", "data": {}})
    WebhookEvent.objects.filter(provider_event_id=event["id"]).update(status="dead", attempts=12, last_error="Oops")
    staff = staff_client("view_webhookevent", "change_webhookevent")
    [row] = staff.get("/admin/webhook-events/", {"status": "dead"}).json()["results"]
    assert (row["provider_event_id"], row["attempts"], row["last_error"]) == (event["id"], 12, "Oops")
    assert staff.get("/admin/webhook-events/", {"type": "invoice.paid"}).json()["count"] == 1
    again = staff.post(f"/admin/webhook-events/{row['id']}/replay/")
    assert (again.status_code, again.json()["status"], again.json()["attempts"]) == (200, "received", 0)
    process_pending_payments()
    order.refresh_from_db()
    assert order.status == "confirmed"
    missing = "/admin/webhook-events/00000000-0000-4000-8000-000000000000/replay/"
    assert code(staff.post(missing)) == (404, "not_found")
    assert code(staff_client("view_webhookevent").post(f"/admin/webhook-events/{row['id']}/replay/"))[0] == 403
