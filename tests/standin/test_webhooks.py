import time

import pytest
import stripe

from tests.standin.receiver import Receiver

NO_REDIRECTS = {"enabled": True, "allow_redirects": "never"}
PAID = ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded"]


def test_events_arrive_signed_and_carry_a_snapshot(api, pay, receiver):
    intent = pay(metadata={"order": "T-1"})
    assert receiver.wait_for(3) == PAID
    created, _, succeeded = receiver.events()
    assert created.id.startswith("evt_")
    assert created.data.object.status == "requires_confirmation"
    assert (succeeded.data.object.id, succeeded.data.object.status) == (intent.id, "succeeded")
    assert succeeded.data.object.metadata.to_dict() == {"order": "T-1"}
    assert succeeded.request.id.startswith("req_")
    assert (succeeded.livemode, succeeded.api_version) == (False, stripe.api_version)
    assert len({event.id for event in receiver.events()}) == 3
    assert api.events.retrieve(succeeded.id).type == "payment_intent.succeeded"
    assert [row.id for row in api.events.list(params={"type": "charge.succeeded"}).data] == [receiver.events()[1].id]


def test_a_wrong_secret_or_a_changed_body_is_not_accepted(pay, receiver):
    pay()
    receiver.wait_for(3)
    body, header = receiver.received[0]
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body, header, "whsec_other")
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body + b" ", header, receiver.secret)


def test_each_turn_of_a_payment_has_its_event(api, standin, pay, receiver):
    standin.control("POST", "webhooks", {"paused": True})
    with pytest.raises(stripe.CardError):
        pay("pm_card_chargeDeclined")
    pay("pm_card_authenticationRequired")
    held = pay(capture_method="manual")
    api.payment_intents.cancel(held.id)
    paid = pay()
    api.refunds.create(params={"payment_intent": paid.id, "amount": 100})
    standin.control("POST", "disputes", {"payment_intent": paid.id})
    standin.control("POST", "webhooks/flush")
    assert receiver.types() == [
        "payment_intent.created",
        "charge.failed",
        "payment_intent.payment_failed",
        "payment_intent.created",
        "payment_intent.requires_action",
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.amount_capturable_updated",
        "charge.refunded",
        "payment_intent.canceled",
        *PAID,
        "refund.created",
        "charge.refunded",
        "refund.updated",
        "charge.refund.updated",
        "charge.dispute.created",
        "charge.dispute.funds_withdrawn",
    ]


def test_a_failing_target_is_tried_again_with_the_same_event(pay, receiver):
    receiver.answers = [500, 302, 503]
    pay()
    types = receiver.wait_for(6)
    assert sorted(set(types)) == sorted(PAID)
    assert len(types) == 6
    assert len({event.id for event in receiver.events()}) == 3


def test_an_unreachable_target_gets_its_events_when_it_is_back(standin, pay, receiver):
    standin.control("POST", "webhooks", {"url": "http://127.0.0.1:9/nobody"})
    pay()
    deadline = time.monotonic() + 5
    while not standin.control("GET", "webhooks")["attempts"] and time.monotonic() < deadline:
        time.sleep(0.01)
    assert standin.control("GET", "webhooks")["attempts"][0]["error"] == "ConnectionRefusedError"
    standin.control("POST", "webhooks", {"url": receiver.url})
    assert sorted(receiver.wait_for(3)) == sorted(PAID)


def test_retries_end(standin, api, receiver):
    receiver.answers = [500] * 100
    standin.control("POST", "webhooks", {"backoff": 0})
    intent = api.payment_intents.create(params={"amount": 500, "currency": "usd"})
    receiver.wait_for(20)
    time.sleep(0.2)
    assert len(receiver.received) == 20
    assert standin.control("GET", "webhooks")["pending"] == []
    receiver.answers = []
    (event,) = api.events.list().data
    standin.control("POST", f"events/{event.id}/deliver")
    assert receiver.events()[-1].data.object.id == intent.id


def test_duplicates_and_reversed_order(standin, pay, receiver):
    standin.control("POST", "webhooks", {"paused": True, "duplicate": 2, "reverse": True})
    pay()
    time.sleep(0.1)
    assert receiver.received == []
    result = standin.control("POST", "webhooks/flush")
    assert result["pending"] == []
    assert receiver.types() == [name for name in reversed(PAID) for _ in range(2)]
    ids = [event.id for event in receiver.events()]
    assert ids[0::2] == ids[1::2]
    assert len(set(ids)) == 3


def test_resuming_delivers_what_waited(standin, pay, receiver):
    standin.control("POST", "webhooks", {"paused": True})
    pay()
    assert len(standin.control("GET", "webhooks")["pending"]) == 3
    standin.control("POST", "webhooks", {"paused": False})
    assert receiver.wait_for(3) == PAID


def test_redelivery_keeps_id_and_body_with_a_new_signature(standin, api, pay, receiver):
    pay()
    receiver.wait_for(3)
    event = receiver.events()[2]
    standin.control("POST", f"events/{event.id}/deliver")
    assert receiver.received[3][0] == receiver.received[2][0]
    assert receiver.events()[3].id == event.id


def test_a_slow_target_does_not_slow_the_api(standin, api):
    class Slow(Receiver):
        def events(self):
            return []

    target = Slow(standin.webhook_secret)
    standin.control("POST", "webhooks", {"url": target.url, "delay": 5})
    started = time.monotonic()
    for _ in range(20):
        api.payment_intents.create(params={"amount": 500, "currency": "usd"})
    assert time.monotonic() - started < 3
    assert len(standin.control("GET", "webhooks")["pending"]) == 20
    target.close()
