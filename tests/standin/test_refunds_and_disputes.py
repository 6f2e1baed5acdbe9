from concurrent.futures import ThreadPoolExecutor

import pytest
import stripe


def test_a_full_refund_gives_back_everything(api, pay):
    intent = pay()
    refund = api.refunds.create(
        params={"payment_intent": intent.id, "reason": "requested_by_customer", "metadata": {"r": "1"}}
    )
    assert refund.id.startswith("re_")
    assert (refund.object, refund.amount, refund.currency, refund.status) == (
        "refund",
        2000,
        "usd",
        "succeeded",
    )
    assert (refund.charge, refund.payment_intent) == (intent.latest_charge, intent.id)
    assert refund.reason == "requested_by_customer"
    charge = api.charges.retrieve(intent.latest_charge)
    assert (charge.refunded, charge.amount_refunded) == (True, 2000)
    assert api.refunds.retrieve(refund.id).metadata.to_dict() == {"r": "1"}
    assert api.payment_intents.retrieve(intent.id).status == "succeeded"


def test_more_than_the_charge_is_refused(api, pay):
    intent = pay()
    with pytest.raises(stripe.InvalidRequestError) as caught:
        api.refunds.create(params={"payment_intent": intent.id, "amount": 2001})
    assert caught.value.param == "amount"
    assert caught.value.user_message == "Refund amount ($20.01) is greater than charge amount ($20.00)"
    api.refunds.create(params={"charge": intent.latest_charge, "amount": 1500})
    with pytest.raises(stripe.InvalidRequestError) as caught:
        api.refunds.create(params={"payment_intent": intent.id, "amount": 501})
    assert caught.value.user_message == ("Refund amount ($5.01) is greater than unrefunded amount on charge ($5.00)")
    assert api.charges.retrieve(intent.latest_charge).amount_refunded == 1500
    rest = api.refunds.create(params={"payment_intent": intent.id})
    assert rest.amount == 500
    with pytest.raises(stripe.InvalidRequestError) as caught:
        api.refunds.create(params={"payment_intent": intent.id})
    assert (caught.value.http_status, caught.value.code) == (400, "charge_already_refunded")
    rows = api.refunds.list(params={"payment_intent": intent.id}).data
    assert [row.amount for row in rows] == [500, 1500]


def test_parallel_refunds_never_exceed_the_charge(api, pay):
    intent = pay()

    def refund(_):
        try:
            return api.refunds.create(params={"payment_intent": intent.id, "amount": 600}).amount
        except stripe.InvalidRequestError:
            return 0

    with ThreadPoolExecutor(12) as pool:
        amounts = list(pool.map(refund, range(12)))
    assert sum(amounts) == 1800
    assert api.charges.retrieve(intent.latest_charge).amount_refunded == 1800


def test_a_partly_captured_payment_gives_back_only_what_was_captured(api, pay):
    intent = pay(capture_method="manual")
    api.payment_intents.capture(intent.id, params={"amount_to_capture": 1500})
    with pytest.raises(stripe.InvalidRequestError):
        api.refunds.create(params={"payment_intent": intent.id, "amount": 1501})
    assert api.refunds.create(params={"payment_intent": intent.id}).amount == 1500
    charge = api.charges.retrieve(intent.latest_charge)
    assert (charge.refunded, charge.amount_refunded) == (True, 2000)


def test_an_unpaid_intent_cannot_be_refunded(api, pay):
    unpaid = api.payment_intents.create(params={"amount": 500, "currency": "usd"})
    for intent_id in (unpaid.id, pay(capture_method="manual").id):
        with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge"):
            api.refunds.create(params={"payment_intent": intent_id})
    with pytest.raises(stripe.InvalidRequestError) as caught:
        api.refunds.create(params={"payment_intent": "pi_none"})
    assert caught.value.code == "resource_missing"
    assert api.refunds.list().data == []


def test_refunds_can_stay_pending_and_fail_later(api, standin, pay):
    pending = api.refunds.create(params={"payment_intent": pay("pm_card_pendingRefund").id})
    assert pending.status == "pending"
    standin.control("POST", f"refunds/{pending.id}", {"status": "succeeded"})
    assert api.refunds.retrieve(pending.id).status == "succeeded"
    intent = pay("pm_card_refundFail")
    refund = api.refunds.create(params={"payment_intent": intent.id})
    assert refund.status == "succeeded"
    standin.control("POST", f"refunds/{refund.id}", {"status": "failed"})
    failed = api.refunds.retrieve(refund.id)
    assert (failed.status, failed.failure_reason) == ("failed", "unknown")
    charge = api.charges.retrieve(intent.latest_charge)
    assert (charge.refunded, charge.amount_refunded) == (False, 0)
    types = [event.type for event in api.events.list(params={"types": ["refund.*"]}).data]
    assert types[:3] == ["refund.failed", "refund.updated", "refund.created"]


def test_a_dispute_opened_by_control_blocks_refunds_until_it_is_won(api, standin, pay):
    intent = pay()
    opened = standin.control("POST", "disputes", {"payment_intent": intent.id, "reason": "product_not_received"})
    dispute = api.disputes.retrieve(opened["id"])
    assert dispute.id.startswith("dp_")
    assert (dispute.amount, dispute.reason, dispute.status) == (
        2000,
        "product_not_received",
        "needs_response",
    )
    assert [row.id for row in api.disputes.list(params={"payment_intent": intent.id}).data] == [dispute.id]
    assert api.charges.retrieve(intent.latest_charge).disputed is True
    with pytest.raises(stripe.InvalidRequestError) as caught:
        api.refunds.create(params={"payment_intent": intent.id})
    assert caught.value.code == "charge_disputed"
    standin.control("POST", f"disputes/{dispute.id}", {"status": "won"})
    assert api.refunds.create(params={"payment_intent": intent.id}).amount == 2000


def test_a_card_can_dispute_by_itself(api, pay):
    intent = pay("pm_card_createDispute")
    (dispute,) = api.disputes.list().data
    assert (dispute.charge, dispute.reason) == (intent.latest_charge, "fraudulent")
