import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
import stripe

from tests.standin.conftest import KEY, client_for

ORDER = {"amount": 900, "currency": "usd", "metadata": {"order": "T-9"}}


def post(standin, path, data, key):
    headers = {"Authorization": f"Bearer {KEY}", "Idempotency-Key": key}
    return requests.post(standin.url + path, data=data, headers=headers, timeout=5)


def fault(standin, **order):
    return standin.control("POST", "faults", {"path": "/v1/payment_intents", "method": "POST", **order})


def test_the_same_key_replays_the_first_answer_byte_for_byte(api, standin):
    data = {"amount": 900, "currency": "usd"}
    first = post(standin, "/v1/payment_intents", data, "key-1")
    again = post(standin, "/v1/payment_intents", data, "key-1")
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.content == first.content
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Original-Request"] == first.headers["Request-Id"]
    assert again.headers["Request-Id"] != first.headers["Request-Id"]
    assert len(api.payment_intents.list().data) == 1


def test_the_same_key_with_other_parameters_or_path_is_refused(api):
    options = {"idempotency_key": "key-2"}
    intent = api.payment_intents.create(params=ORDER, options=options)
    with pytest.raises(stripe.IdempotencyError) as caught:
        api.payment_intents.create(params={**ORDER, "amount": 901}, options=options)
    assert caught.value.http_status == 400
    with pytest.raises(stripe.IdempotencyError):
        api.payment_intents.cancel(intent.id, options=options)
    assert [row.amount for row in api.payment_intents.list().data] == [900]
    assert api.payment_intents.retrieve(intent.id).status == "requires_payment_method"


def test_twenty_concurrent_creates_with_one_key_make_one_object(standin):
    fault(standin, kind="slow", seconds=0.3)
    client = client_for(standin, max_network_retries=4)

    def create(_):
        return client.v1.payment_intents.create(params=ORDER, options={"idempotency_key": "same"}).id

    with ThreadPoolExecutor(20) as pool:
        ids = set(pool.map(create, range(20)))
    assert len(ids) == 1
    assert len(standin.control("GET", "objects")["payment_intent"]) == 1
    statuses = [row["status"] for row in standin.control("GET", "log")["requests"]]
    assert statuses.count(409) >= 1


def test_without_a_common_key_twenty_creates_make_twenty_objects(api, standin):
    with ThreadPoolExecutor(20) as pool:
        ids = set(pool.map(lambda _: api.payment_intents.create(params=ORDER).id, range(20)))
    assert len(ids) == len(standin.control("GET", "objects")["payment_intent"]) == 20


def test_a_running_key_answers_409(standin):
    fault(standin, kind="slow", seconds=0.5)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(post, standin, "/v1/payment_intents", {"amount": 900, "currency": "usd"}, "run")
        time.sleep(0.2)
        second = post(standin, "/v1/payment_intents", {"amount": 900, "currency": "usd"}, "run")
        assert first.result().status_code == 200
    assert second.status_code == 409
    assert second.json()["error"]["code"] == "idempotency_key_in_use"
    assert second.headers["Stripe-Should-Retry"] == "true"


def test_a_decline_is_remembered_but_a_bad_parameter_is_not(api, standin):
    data = {
        "amount": 900,
        "currency": "usd",
        "confirm": "true",
        "payment_method": "pm_card_chargeDeclined",
        "payment_method_types[]": "card",
    }
    first = post(standin, "/v1/payment_intents", data, "declined")
    again = post(standin, "/v1/payment_intents", data, "declined")
    assert (first.status_code, again.status_code) == (402, 402)
    assert again.content == first.content
    assert len(api.charges.list().data) == 1
    assert post(standin, "/v1/payment_intents", {"currency": "usd"}, "fixed-later").status_code == 400
    fixed = post(standin, "/v1/payment_intents", {"currency": "usd", "amount": 900}, "fixed-later")
    assert fixed.status_code == 200


def test_a_500_is_remembered_under_its_key_and_another_key_goes_on(api, standin):
    fault(standin, kind="status", status=500)
    options = {"idempotency_key": "broken"}
    for _ in range(2):
        with pytest.raises(stripe.APIError) as caught:
            api.payment_intents.create(params=ORDER, options=options)
        assert caught.value.http_status == 500
    assert api.payment_intents.list().data == []
    assert api.payment_intents.create(params=ORDER, options={"idempotency_key": "other"}).amount == 900


@pytest.mark.parametrize(("status", "stored"), [(503, None), (500, False)])
def test_an_unstored_server_error_is_over_after_its_times(standin, status, stored):
    fault(standin, kind="status", status=status, stored=stored, times=2)
    api = client_for(standin).v1
    for _ in range(2):
        with pytest.raises(stripe.APIError) as caught:
            api.payment_intents.create(params=ORDER, options={"idempotency_key": "later"})
        assert caught.value.http_status == status
    assert api.payment_intents.create(params=ORDER, options={"idempotency_key": "later"}).amount == 900


def test_a_rate_limit_is_a_rate_limit(api, standin):
    fault(standin, kind="status", status=429)
    with pytest.raises(stripe.RateLimitError):
        api.payment_intents.create(params=ORDER)


def test_a_lost_answer_has_done_the_work_and_a_retry_finds_it(standin):
    fault(standin, kind="answer_lost")
    api = client_for(standin).v1
    options = {"idempotency_key": "lost"}
    with pytest.raises(stripe.APIConnectionError):
        api.payment_intents.create(params=ORDER, options=options)
    (made,) = standin.control("GET", "objects")["payment_intent"]
    assert api.payment_intents.create(params=ORDER, options=options).id == made["id"]
    assert len(api.payment_intents.list().data) == 1


def test_a_late_answer_is_seen_in_the_log_before_it_comes(standin):
    fault(standin, kind="answer_late", seconds=0.5)
    began = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(post, standin, "/v1/payment_intents", {"amount": 900, "currency": "usd"}, "late")
        while not standin.control("GET", "log")["requests"]:
            assert time.monotonic() - began < 0.4
        assert len(standin.control("GET", "objects")["payment_intent"]) == 1
        assert not waiting.done()
        assert waiting.result().status_code == 200
    assert time.monotonic() - began >= 0.5
    assert standin.control("GET", "log")["requests"][0]["fault"] == "answer_late"


def test_the_sdk_itself_recovers_from_a_lost_answer(standin):
    fault(standin, kind="answer_lost")
    intent = client_for(standin, max_network_retries=2).v1.payment_intents.create(params=ORDER)
    assert [row["id"] for row in standin.control("GET", "objects")["payment_intent"]] == [intent.id]


@pytest.mark.parametrize("kind", ["reset", "timeout"])
def test_reset_and_timeout_do_nothing(standin, kind):
    fault(standin, kind=kind, seconds=0.6)
    api = client_for(standin, timeout=0.3).v1
    with pytest.raises(stripe.APIConnectionError):
        api.payment_intents.create(params=ORDER)
    assert standin.control("GET", "objects") == {}
    assert api.payment_intents.create(params=ORDER).amount == 900


def test_faults_match_by_wildcard_skip_and_can_be_withdrawn(api, standin):
    intent = api.payment_intents.create(params=ORDER)
    fault(standin, path="/v1/payment_intents/*", method="GET", kind="status", status=503, times=0, skip=1)
    assert api.payment_intents.retrieve(intent.id).id == intent.id
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            api.payment_intents.retrieve(intent.id)
    assert len(standin.control("GET", "faults")["faults"]) == 1
    standin.control("DELETE", "faults")
    assert api.payment_intents.retrieve(intent.id).id == intent.id


def test_a_wrong_fault_is_refused(standin):
    for order in ({"kind": "explode"}, {"kind": "status", "status": 200}, {"kind": "reset", "colour": 1}):
        data = {"path": "/v1/refunds", **order}
        assert requests.post(f"{standin.url}/_control/faults", json=data, timeout=5).status_code == 400
    assert standin.control("GET", "faults") == {"faults": []}


def test_the_log_names_every_request(api, standin):
    intent = api.payment_intents.create(params=ORDER, options={"idempotency_key": "logged"})
    api.payment_intents.retrieve(intent.id)
    first, second = standin.control("GET", "log")["requests"]
    assert (first["method"], first["path"], first["idempotency_key"], first["status"]) == (
        "POST",
        "/v1/payment_intents",
        "logged",
        200,
    )
    assert first["params"]["metadata"] == {"order": "T-9"}
    assert (second["method"], second["path"]) == ("GET", f"/v1/payment_intents/{intent.id}")
