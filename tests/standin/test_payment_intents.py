import re
import time

import pytest
import requests
import stripe

from scripts.standin.calls import API_VERSION
from tests.standin.conftest import client_for

RETURN_URL = "https://shop.example/return?order=7"


def test_a_new_intent_has_the_shape_of_the_reference(api):
    intent = api.payment_intents.create(
        params={
            "amount": 1999,
            "currency": "EUR",
            "metadata": {"order": "T-1", "7": "seven"},
            "automatic_payment_methods": {"enabled": True},
            "description": "Order T-1",
            "receipt_email": "a@example.com",
            "shipping": {"name": "Ada", "address": {"line1": "1 Main St", "country": "DE"}},
        }
    )
    assert re.fullmatch(r"pi_[A-Za-z0-9]{24}", intent.id)
    assert intent.client_secret.startswith(f"{intent.id}_secret_")
    assert (intent.object, intent.status, intent.amount, intent.currency) == (
        "payment_intent",
        "requires_payment_method",
        1999,
        "eur",
    )
    assert intent.livemode is False
    assert abs(intent.created - time.time()) < 5
    assert intent.metadata.to_dict() == {"order": "T-1", "7": "seven"}
    assert intent.automatic_payment_methods.to_dict() == {"allow_redirects": "always", "enabled": True}
    assert intent.shipping.address.country == "DE"
    assert (intent.latest_charge, intent.next_action, intent.last_payment_error) == (None, None, None)
    assert (intent.amount_received, intent.amount_capturable) == (0, 0)
    assert intent.last_response.headers["Request-Id"].startswith("req_")
    assert stripe.api_version == API_VERSION
    assert set(intent.to_dict()) - {"object"} <= set(stripe.PaymentIntent.__annotations__)


def test_confirm_charges_the_card_and_the_charge_can_be_expanded(api):
    intent = api.payment_intents.create(params={"amount": 500, "currency": "usd"})
    done = api.payment_intents.confirm(
        intent.id,
        params={
            "payment_method": "pm_card_mastercard",
            "return_url": RETURN_URL,
            "expand": ["latest_charge.refunds", "payment_method"],
        },
    )
    assert (done.status, done.amount_received) == ("succeeded", 500)
    charge = done.latest_charge
    assert charge.id.startswith("ch_")
    assert (charge.status, charge.paid, charge.captured, charge.amount_captured) == (
        "succeeded",
        True,
        True,
        500,
    )
    assert charge.payment_method_details.card.brand == "mastercard"
    assert charge.refunds.data == []
    assert done.payment_method.card.last4 == "4444"
    assert api.payment_intents.retrieve(intent.id).latest_charge == charge.id
    assert api.charges.retrieve(charge.id).payment_intent == intent.id
    assert [row.id for row in api.charges.list(params={"payment_intent": intent.id}).data] == [charge.id]


def test_confirm_without_return_url_is_refused_when_redirects_are_allowed(api):
    intent = api.payment_intents.create(params={"amount": 500, "currency": "usd"})
    with pytest.raises(stripe.InvalidRequestError, match="you must provide a `return_url`"):
        api.payment_intents.confirm(intent.id, params={"payment_method": "pm_card_visa"})
    after = api.payment_intents.retrieve(intent.id)
    assert (after.status, after.payment_method) == ("requires_payment_method", None)


@pytest.mark.parametrize(
    ("method", "code", "decline_code"),
    [
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedFraudulent", "card_declined", "fraudulent"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", None),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", None),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", None),
    ],
)
def test_a_declined_card_answers_402_and_leaves_the_intent_open(api, pay, method, code, decline_code):
    with pytest.raises(stripe.CardError) as caught:
        pay(method, metadata={"order": "T-2"})
    error = caught.value.json_body["error"]
    assert caught.value.http_status == 402
    assert (error["type"], error["code"], error.get("decline_code")) == ("card_error", code, decline_code)
    assert error["message"]
    assert error["payment_intent"]["metadata"] == {"order": "T-2"}
    intent = api.payment_intents.retrieve(error["payment_intent"]["id"], params={"expand": ["latest_charge"]})
    assert (intent.status, intent.payment_method, intent.amount_received) == (
        "requires_payment_method",
        None,
        0,
    )
    assert (intent.last_payment_error.code, intent.last_payment_error.type) == (code, "card_error")
    assert intent.to_dict()["last_payment_error"].get("decline_code") == decline_code
    assert (intent.latest_charge.status, intent.latest_charge.failure_code) == ("failed", code)
    again = api.payment_intents.confirm(intent.id, params={"payment_method": "pm_card_amex"})
    assert (again.status, again.last_payment_error) == ("succeeded", None)


@pytest.mark.parametrize("method", ["pm_card_authenticationRequired", "pm_card_threeDSecure2Required"])
def test_three_d_secure_completed_on_the_page(api, pay, method):
    intent = pay(method, return_url=RETURN_URL)
    assert (intent.status, intent.latest_charge) == ("requires_action", None)
    assert intent.next_action.type == "redirect_to_url"
    page = intent.next_action.redirect_to_url.url
    assert intent.next_action.redirect_to_url.return_url == RETURN_URL
    assert "Complete" in requests.get(page, timeout=5).text
    answer = requests.post(f"{page}/complete", timeout=5, allow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["Location"] == (
        f"{RETURN_URL}&payment_intent={intent.id}"
        f"&payment_intent_client_secret={intent.client_secret}&redirect_status=succeeded"
    )
    done = api.payment_intents.retrieve(intent.id, params={"expand": ["latest_charge"]})
    assert (done.status, done.next_action, done.amount_received) == ("succeeded", None, 2000)
    assert done.latest_charge.payment_method_details.card.three_d_secure.result == "authenticated"


def test_three_d_secure_failed_leaves_the_intent_open(api, standin, pay):
    intent = pay("pm_card_authenticationRequired")
    standin.control("POST", f"payment_intents/{intent.id}/authenticate", {"outcome": "fail"})
    failed = api.payment_intents.retrieve(intent.id)
    assert (failed.status, failed.payment_method, failed.next_action) == (
        "requires_payment_method",
        None,
        None,
    )
    assert failed.last_payment_error.code == "payment_intent_authentication_failure"
    assert requests.post(f"{standin.url}/authenticate/{intent.id}/complete", timeout=5).status_code == 400
    assert api.payment_intents.retrieve(intent.id).status == "requires_payment_method"


def test_an_authenticated_card_can_still_be_declined(api, standin, pay):
    intent = pay("pm_card_threeDSecureRequiredChargeDeclined")
    standin.control("POST", f"payment_intents/{intent.id}/authenticate", {"outcome": "succeed"})
    after = api.payment_intents.retrieve(intent.id)
    assert (after.status, after.last_payment_error.decline_code) == (
        "requires_payment_method",
        "generic_decline",
    )


def test_off_session_authentication_is_a_decline(pay):
    with pytest.raises(stripe.CardError) as caught:
        pay("pm_card_authenticationRequired", off_session=True)
    assert caught.value.code == "authentication_required"
    assert caught.value.json_body["error"]["payment_intent"]["status"] == "requires_payment_method"


def test_manual_capture_in_part_releases_the_rest(api, pay):
    intent = pay(capture_method="manual")
    assert (intent.status, intent.amount_capturable, intent.amount_received) == ("requires_capture", 2000, 0)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        api.payment_intents.capture(intent.id, params={"amount_to_capture": 2001})
    assert (caught.value.code, caught.value.param) == ("amount_too_large", "amount_to_capture")
    done = api.payment_intents.capture(intent.id, params={"amount_to_capture": 1500, "expand": ["latest_charge"]})
    assert (done.status, done.amount_capturable, done.amount_received) == ("succeeded", 0, 1500)
    charge = done.latest_charge
    assert (charge.captured, charge.amount_captured, charge.amount_refunded) == (True, 1500, 500)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        api.payment_intents.capture(intent.id)
    assert caught.value.code == "payment_intent_unexpected_state"
    assert caught.value.json_body["error"]["payment_intent"]["status"] == "succeeded"


def test_cancel_an_open_and_an_authorised_intent_but_not_a_paid_one(api, pay):
    fresh = api.payment_intents.create(params={"amount": 500, "currency": "usd"})
    gone = api.payment_intents.cancel(fresh.id, params={"cancellation_reason": "abandoned"})
    assert (gone.status, gone.cancellation_reason) == ("canceled", "abandoned")
    assert gone.canceled_at >= fresh.created
    held = api.payment_intents.cancel(pay(capture_method="manual").id, params={"expand": ["latest_charge"]})
    assert (held.status, held.amount_capturable) == ("canceled", 0)
    assert (held.latest_charge.captured, held.latest_charge.refunded) == (False, True)
    paid = pay()
    with pytest.raises(stripe.InvalidRequestError) as caught:
        api.payment_intents.cancel(paid.id)
    assert (caught.value.http_status, caught.value.code) == (400, "payment_intent_unexpected_state")
    with pytest.raises(stripe.InvalidRequestError, match="already succeeded"):
        api.payment_intents.confirm(paid.id)
    assert api.payment_intents.retrieve(paid.id).status == "succeeded"


def test_update_merges_metadata_and_guards_the_amount(api, pay):
    intent = api.payment_intents.create(params={"amount": 500, "currency": "usd", "metadata": {"a": "1", "b": "2"}})
    changed = api.payment_intents.update(
        intent.id, params={"amount": 700, "metadata": {"a": "", "c": "3"}, "description": "new"}
    )
    assert (changed.amount, changed.description) == (700, "new")
    assert changed.metadata.to_dict() == {"b": "2", "c": "3"}
    paid = pay()
    with pytest.raises(stripe.InvalidRequestError) as caught:
        api.payment_intents.update(paid.id, params={"amount": 1})
    assert caught.value.code == "payment_intent_unexpected_state"
    assert api.payment_intents.retrieve(paid.id).amount == 2000


def test_lists_are_newest_first_with_cursors_and_created_filters(api):
    ids = [api.payment_intents.create(params={"amount": 100 + index, "currency": "usd"}).id for index in range(7)]
    first = api.payment_intents.list(params={"limit": 3})
    assert [row.id for row in first.data] == ids[:3:-1]
    assert (first.object, first.has_more, first.url) == ("list", True, "/v1/payment_intents")
    assert [row.id for row in first.auto_paging_iter()] == ids[::-1]
    before = api.payment_intents.list(params={"limit": 2, "ending_before": ids[0]})
    assert [row.id for row in before.data] == [ids[2], ids[1]]
    now = int(time.time())
    assert api.payment_intents.list(params={"created": {"gte": now + 60}}).data == []
    assert len(api.payment_intents.list(params={"created": {"gt": now - 60, "lte": now + 1}}).data) == 7


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"currency": "usd"}, "parameter_missing", "amount"),
        ({"amount": 500}, "parameter_missing", "currency"),
        ({"amount": "12.50", "currency": "usd"}, "parameter_invalid_integer", "amount"),
        ({"amount": -1, "currency": "usd"}, "parameter_invalid_integer", "amount"),
        ({"amount": 49, "currency": "usd"}, "amount_too_small", "amount"),
        ({"amount": 100_000_000, "currency": "usd"}, "amount_too_large", "amount"),
        ({"amount": 500, "currency": "zzz"}, None, "currency"),
        ({"amount": 500, "currency": "usd", "colour": "red"}, "parameter_unknown", "colour"),
        ({"amount": 500, "currency": "usd", "customer": "cus_none"}, "resource_missing", "customer"),
        (
            {"amount": 500, "currency": "usd", "payment_method": "pm_none"},
            "resource_missing",
            "payment_method",
        ),
        ({"amount": 500, "currency": "usd", "return_url": RETURN_URL}, None, "return_url"),
        ({"amount": 500, "currency": "usd", "capture_method": "later"}, None, "capture_method"),
    ],
)
def test_bad_parameters_answer_400_and_create_nothing(api, params, code, param):
    with pytest.raises(stripe.InvalidRequestError) as caught:
        api.payment_intents.create(params=params)
    assert (caught.value.http_status, caught.value.code, caught.value.param) == (400, code, param)
    assert api.payment_intents.list().data == []


def test_unknown_ids_answer_404(api):
    for call in (
        api.payment_intents.retrieve,
        api.charges.retrieve,
        api.refunds.retrieve,
        api.events.retrieve,
    ):
        with pytest.raises(stripe.InvalidRequestError) as caught:
            call("xx_none")
        assert (caught.value.http_status, caught.value.code) == (404, "resource_missing")


def test_a_bad_key_answers_401(standin):
    for key in ("sk_live_real", "nonsense"):
        with pytest.raises(stripe.AuthenticationError) as caught:
            client_for(standin, key).v1.payment_intents.list()
        assert caught.value.http_status == 401
    assert requests.get(f"{standin.url}/v1/payment_intents", timeout=5).status_code == 401
