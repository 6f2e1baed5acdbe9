import pytest
import stripe

NO_REDIRECTS = {"enabled": True, "allow_redirects": "never"}


def card(number, **more):
    return {
        "type": "card",
        "card": {"number": number, "exp_month": 12, "exp_year": 2040, "cvc": "123"},
        **more,
    }


def test_customers_are_created_listed_changed_and_deleted(api):
    customer = api.customers.create(params={"email": "a@example.com", "name": "Ada", "metadata": {"user": "1"}})
    assert customer.id.startswith("cus_")
    api.customers.create(params={"email": "b@example.com"})
    assert [row.id for row in api.customers.list(params={"email": "a@example.com"}).data] == [customer.id]
    assert api.customers.update(customer.id, params={"name": "Ada L."}).name == "Ada L."
    assert api.customers.retrieve(customer.id).email == "a@example.com"
    assert api.customers.delete(customer.id).deleted is True
    assert api.customers.retrieve(customer.id).deleted is True
    with pytest.raises(stripe.InvalidRequestError) as caught:
        api.customers.update(customer.id, params={"name": "Nobody"})
    assert (caught.value.http_status, caught.value.code) == (404, "resource_missing")
    assert [row.email for row in api.customers.list().data] == ["b@example.com"]


def test_a_raw_number_becomes_a_method_that_is_attached_used_and_detached(api, pay):
    customer = api.customers.create(params={"email": "a@example.com"})
    method = api.payment_methods.create(params=card("5555 5555 5555 4444", billing_details={"name": "Ada"}))
    assert (method.card.brand, method.card.last4, method.card.exp_year) == ("mastercard", "4444", 2040)
    assert (method.billing_details.name, method.customer) == ("Ada", None)
    api.payment_methods.attach(method.id, params={"customer": customer.id})
    rows = api.payment_methods.list(params={"customer": customer.id, "type": "card"}).data
    assert [row.id for row in rows] == [method.id]
    assert [row.id for row in api.customers.payment_methods.list(customer.id).data] == [method.id]
    assert pay(method.id, customer=customer.id).status == "succeeded"
    assert pay(method.id, customer=customer.id, off_session=True).status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError, match="belongs to a customer"):
        pay(method.id)
    assert api.payment_methods.detach(method.id).customer is None
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        pay(method.id, customer=customer.id)


def test_an_unattached_method_pays_once(api, pay):
    method = api.payment_methods.create(params=card("4242424242424242"))
    assert pay(method.id).status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        pay(method.id)


@pytest.mark.parametrize(
    ("number", "code", "decline_code"),
    [
        ("4242424242424241", "incorrect_number", None),
        ("4000000000000002", "card_declined", "generic_decline"),
        ("4000000000000069", "expired_card", None),
        ("4111111111111111", "card_declined", "test_mode_live_card"),
    ],
)
def test_payment_method_data_takes_raw_test_numbers(api, number, code, decline_code):
    with pytest.raises(stripe.CardError) as caught:
        api.payment_intents.create(
            params={
                "amount": 500,
                "currency": "usd",
                "confirm": True,
                "automatic_payment_methods": NO_REDIRECTS,
                "payment_method_data": card(number),
            }
        )
    assert caught.value.code == code
    assert caught.value.json_body["error"].get("decline_code") == decline_code


def test_tokens_work_in_payment_method_data(api):
    intent = api.payment_intents.create(
        params={
            "amount": 500,
            "currency": "usd",
            "confirm": True,
            "automatic_payment_methods": NO_REDIRECTS,
            "payment_method_data": {"type": "card", "card": {"token": "tok_visa"}},
            "expand": ["payment_method"],
        }
    )
    assert (intent.status, intent.payment_method.card.last4) == ("succeeded", "4242")


def test_attaching_a_declining_card_is_declined_but_one_declines_only_later(api, pay):
    customer = api.customers.create()
    with pytest.raises(stripe.CardError):
        api.payment_methods.attach("pm_card_chargeDeclined", params={"customer": customer.id})
    assert api.payment_methods.list(params={"customer": customer.id}).data == []
    saved = api.payment_methods.attach("pm_card_chargeCustomerFail", params={"customer": customer.id})
    with pytest.raises(stripe.CardError):
        pay(saved.id, customer=customer.id)


def test_a_setup_intent_saves_the_card(api, pay):
    customer = api.customers.create()
    setup = api.setup_intents.create(
        params={"customer": customer.id, "automatic_payment_methods": NO_REDIRECTS, "usage": "off_session"}
    )
    assert setup.id.startswith("seti_")
    assert setup.status == "requires_payment_method"
    done = api.setup_intents.confirm(setup.id, params={"payment_method": "pm_card_visa"})
    assert (done.status, api.setup_intents.retrieve(setup.id).status) == ("succeeded", "succeeded")
    (method,) = api.payment_methods.list(params={"customer": customer.id}).data
    assert method.id == done.payment_method
    assert pay(method.id, customer=customer.id, off_session=True).status == "succeeded"


def test_a_setup_with_authentication_lets_later_payments_pass(api, standin, pay):
    customer = api.customers.create()
    setup = api.setup_intents.create(
        params={
            "customer": customer.id,
            "payment_method": "pm_card_authenticationRequiredOnSetup",
            "confirm": True,
            "return_url": "https://shop.example/saved",
        }
    )
    assert setup.status == "requires_action"
    standin.control("POST", f"setup_intents/{setup.id}/authenticate", {"outcome": "succeed"})
    saved = api.setup_intents.retrieve(setup.id)
    assert saved.status == "succeeded"
    assert pay(saved.payment_method, customer=customer.id, off_session=True).status == "succeeded"


def test_a_declined_setup_reports_it(api):
    with pytest.raises(stripe.CardError) as caught:
        api.setup_intents.create(
            params={
                "payment_method": "pm_card_chargeDeclined",
                "confirm": True,
                "automatic_payment_methods": NO_REDIRECTS,
            }
        )
    assert caught.value.json_body["error"]["setup_intent"]["status"] == "requires_payment_method"
    assert caught.value.json_body["error"]["setup_intent"]["last_setup_error"]["code"] == "card_declined"


def test_setup_future_usage_attaches_the_card(api, pay):
    customer = api.customers.create()
    intent = pay(customer=customer.id, setup_future_usage="off_session")
    (method,) = api.payment_methods.list(params={"customer": customer.id}).data
    assert method.id == intent.payment_method
