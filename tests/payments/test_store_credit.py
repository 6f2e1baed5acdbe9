"""Store credit: given, spent wholly or in part, back when the order is cancelled, never below zero."""

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import DatabaseError, IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from apps.common.models import Event
from apps.orders.models import Invoice, Order
from apps.orders.services import lifecycle, transitions
from apps.payments.models import Payment, Refund, StoreCreditAccount, StoreCreditEntry
from apps.payments.services import refunds, store_credit
from apps.payments.tasks import process_pending_payments
from apps.users.models import User
from tests.client import ApiClient, code
from tests.factories import UserFactory, shop_rates
from tests.orders.return_steps import delivered, desk, received, wish
from tests.payments.ledger import at_stripe, confirm, intent_for, order_to_pay
from tests.payments.test_refunds import staff_client, usd

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _shop(stripe) -> None:
    shop_rates()


@pytest.fixture
def alice() -> User:
    return UserFactory(email="alice@example.com")


def grant(user: User, amount: str) -> None:
    store_credit.adjust(user_id=user.pk, currency="USD", amount=Decimal(amount), reason="Goodwill")


def balance(user: User) -> Decimal:
    account = StoreCreditAccount.objects.get(user=user)
    assert account.balance == sum(account.entries.values_list("amount", flat=True))
    return account.balance


def spend(client: ApiClient, order: Order, **body: Any) -> Any:
    return client.post("/payments/create-intent/", {"order": str(order.pk), "provider": "store_credit", **body})


def state(order: Order) -> tuple[str, str]:
    order.refresh_from_db()
    return order.status, order.payment_status


def settle(deliver: Any) -> None:
    deliver()
    process_pending_payments()
    deliver()


def test_staff_give_credit_with_a_reason_and_the_customer_sees_it(alice):
    staff = staff_client("change_storecreditaccount", "view_storecreditaccount")
    url = f"/admin/users/{alice.pk}/store-credit/"
    body = {"kind": "grant", "amount": usd("25.00"), "reason": "Late delivery"}
    given = staff.post(url, body)
    assert (given.status_code, given.json()["balances"]) == (201, [usd("25.00")])
    taken = staff.post(url, body | {"kind": "withdraw", "amount": usd("5.00"), "reason": "Typed too much"})
    assert taken.json()["balances"] == [usd("20.00")]
    mine = ApiClient(alice).get("/users/me/store-credit/").json()
    assert [(each["kind"], each["amount"], each["reason"]) for each in mine["entries"]] == [
        ("withdrawn", usd("-5.00"), "Typed too much"),
        ("granted", usd("25.00"), "Late delivery"),
    ]
    assert ApiClient(UserFactory()).get("/users/me/store-credit/").json() == {"balances": [], "entries": []}
    assert list(Event.objects.filter(type__startswith="store_credit.").values_list("actor", flat=True)) == ["user"] * 2


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({"kind": "withdraw", "amount": usd("25.01")}, (409, "insufficient_store_credit")),
        ({"amount": usd("0.00")}, (400, "validation_error")),
        ({"amount": usd("-1.00")}, (400, "validation_error")),
        ({"kind": "steal"}, (400, "validation_error")),
        ({"reason": ""}, (400, "validation_error")),
    ],
)
def test_what_cannot_be_booked_is_refused_and_changes_nothing(alice, body, answer):
    grant(alice, "25.00")
    staff = staff_client("change_storecreditaccount")
    wanted = {"kind": "grant", "amount": usd("1.00"), "reason": "Because"} | body
    assert code(staff.post(f"/admin/users/{alice.pk}/store-credit/", wanted)) == answer
    assert (balance(alice), StoreCreditEntry.objects.count()) == (25, 1)


def test_entries_stay_and_the_database_keeps_the_balance_above_zero(alice):
    grant(alice, "25.00")
    for change in ({"amount": 30}, {"reason": "x"}):
        with pytest.raises(DatabaseError), transaction.atomic():
            StoreCreditEntry.objects.update(**change)
    with pytest.raises(IntegrityError), transaction.atomic():
        StoreCreditAccount.objects.update(balance=-1)


def test_credit_that_covers_the_order_confirms_it(alice):
    grant(alice, "100.00")
    client, order = order_to_pay(user=alice)
    methods = client.get("/payments/methods/", {"order": str(order.pk)}).json()["results"]
    assert [way["name"] for way in methods if way["provider"] == "store_credit"] == ["Store credit ($100.00)"]
    paid = spend(client, order)
    assert (paid.status_code, paid.json()["status"], paid.json()["amount"]) == (201, "succeeded", usd("59.88"))
    assert (state(order), balance(alice)) == (("confirmed", "paid"), Decimal("40.12"))
    assert code(spend(client, order)) == (409, "invalid_transition")
    assert balance(alice) == Decimal("40.12")


def test_a_part_is_credit_and_the_rest_goes_by_card(alice, stripe):
    grant(alice, "20.00")
    client, order = order_to_pay(user=alice)
    first = intent_for(client, order)
    assert first["amount"] == usd("59.88")
    assert spend(client, order).json()["amount"] == usd("20.00")
    assert (state(order), balance(alice)) == (("pending", "partly_paid"), 0)
    second = intent_for(client, order)
    assert second["amount"] == usd("39.88")
    assert second["id"] != first["id"]
    assert confirm(client, second["id"]).status_code == 200
    assert state(order) == ("confirmed", "paid")
    assert sorted(each["status"] for each in at_stripe(stripe, "payment_intent")) == ["canceled", "succeeded"]
    assert sum(Payment.objects.values_list("captured", flat=True)) == order.total


def test_a_chosen_amount_is_spent_and_no_more_than_there_is(alice):
    grant(alice, "20.00")
    client, order = order_to_pay(user=alice)
    assert code(spend(client, order, amount=usd("20.01"))) == (409, "insufficient_store_credit")
    assert code(spend(client, order, amount=usd("0.00"))) == (409, "insufficient_store_credit")
    assert balance(alice) == 20
    assert spend(client, order, amount=usd("7.50")).json()["amount"] == usd("7.50")
    assert balance(alice) == Decimal("12.50")


def test_an_amount_is_for_store_credit_alone(alice):
    client, order = order_to_pay(user=alice)
    body = {"order": str(order.pk), "provider": "stripe", "amount": usd("5.00")}
    assert client.post("/payments/create-intent/", body).status_code == 400
    assert Payment.objects.count() == 0


def test_only_the_orders_own_customer_spends(alice):
    grant(alice, "100.00")
    client, order = order_to_pay()
    assert code(spend(client, order)) == (409, "store_credit_needs_account")
    own, own_order = order_to_pay(user=alice)
    assert code(spend(ApiClient(UserFactory()), own_order)) == (404, "not_found")
    assert (balance(alice), Payment.objects.count()) == (100, 0)
    assert spend(own, own_order).status_code == 201


def test_without_credit_nothing_is_spent(alice):
    client, order = order_to_pay(user=alice)
    assert code(spend(client, order)) == (409, "insufficient_store_credit")
    assert (state(order), Payment.objects.count()) == (("pending", "unpaid"), 0)


def test_cancelling_gives_card_and_credit_back_to_where_they_came_from(alice, stripe, deliver):
    grant(alice, "20.00")
    client, order = order_to_pay(user=alice)
    spend(client, order)
    confirm(client, intent_for(client, order)["id"])
    lifecycle.cancel(order_id=order.pk)
    settle(deliver)
    assert (state(order), balance(alice)) == (("cancelled", "refunded"), 20)
    assert [each["amount"] for each in at_stripe(stripe, "refund")] == [3988]
    assert StoreCreditEntry.objects.filter(kind="given_back").count() == 1


def test_an_unpaid_rest_that_runs_out_gives_the_credit_back(alice, deliver):
    grant(alice, "20.00")
    client, order = order_to_pay(user=alice)
    spend(client, order)
    Order.objects.update(expires_at=timezone.now())
    lifecycle.cancel_expired()
    settle(deliver)
    assert (state(order), balance(alice)) == (("cancelled", "refunded"), 20)


def test_part_refunds_take_the_card_first_and_credit_last(alice, stripe, deliver):
    grant(alice, "50.00")
    client, order = order_to_pay(user=alice)
    spend(client, order)
    confirm(client, intent_for(client, order)["id"])
    for to in ("shipped", "delivered"):
        transitions.transition(order_id=order.pk, to=to)
    found = received(client, order, order.items.get())
    desk().post(f"/admin/returns/{found}/complete/", {})
    settle(deliver)
    assert [each["amount"] for each in at_stripe(stripe, "refund")] == [988]
    refunded = dict(Refund.objects.values_list("payment__provider", "amount"))
    assert refunded == {"stripe": Decimal("9.88"), "store_credit": Decimal("44.56")}
    assert balance(alice) == Decimal("44.56")


def bought(alice: User) -> tuple[ApiClient, Order, Payment]:
    client, order = order_to_pay(user=alice)
    confirm(client, intent_for(client, order)["id"])
    for to in ("shipped", "delivered"):
        transitions.transition(order_id=order.pk, to=to)
    return client, order, Payment.objects.get(order=order)


def test_a_return_is_credited_once_and_not_refunded_as_well(alice, stripe, deliver):
    client, order, payment = bought(alice)
    deliver()  # the invoice
    found = received(client, order, order.items.get(), outcome="store_credit")
    assert desk().post(f"/admin/returns/{found}/complete/", {}).json()["amount"] == usd("54.44")
    settle(deliver)
    assert (balance(alice), Refund.objects.count()) == (Decimal("54.44"), 0)
    assert Invoice.objects.get(kind="credit_note").total == Decimal("54.44")
    with pytest.raises(refunds.ExceedsRefundable):
        refunds.request_refund(payment_id=payment.pk, amount=Decimal("5.45"))
    assert refunds.request_refund(payment_id=payment.pk).amount == Decimal("5.44")
    settle(deliver)
    assert at_stripe(stripe, "refund")[0]["amount"] == 544


def test_a_guest_cannot_have_credit_for_a_return():
    client, order, item = delivered()
    refused = client.post(f"/orders/{order.pk}/returns/", wish(item, outcome="store_credit"))
    assert code(refused) == (409, "store_credit_needs_account")
    found = received(client, order, item)
    done = desk().post(f"/admin/returns/{found}/complete/", {"outcome": "store_credit"})
    assert code(done) == (409, "store_credit_needs_account")
    item.refresh_from_db()
    assert (item.refunded_quantity, StoreCreditEntry.objects.count()) == (0, 0)


def test_the_admin_shows_and_changes_it(alice):
    grant(alice, "20.00")
    staff = UserFactory(is_staff=True)
    names = ["view_storecreditaccount", "view_storecreditentry"]
    staff.user_permissions.set(Permission.objects.filter(codename__in=names))
    client = Client()
    client.force_login(staff)
    account = StoreCreditAccount.objects.get()
    page = f"/admin/payments/storecreditaccount/{account.pk}/"
    assert "Goodwill" in client.get(f"{page}change/").content.decode()
    assert client.post(f"{page}adjust/", {"amount": "5", "reason": "x"}).status_code == 403
    staff.user_permissions.add(Permission.objects.get(codename="change_storecreditaccount"))
    assert "not that much" in client.post(f"{page}adjust/", {"amount": "-21", "reason": "x"}).content.decode()
    assert "not nothing" in client.post(f"{page}adjust/", {"amount": "0", "reason": "x"}).content.decode()
    assert balance(alice) == 20
    assert client.post(f"{page}adjust/", {"amount": "5.50", "reason": "x"}).status_code == 302
    assert balance(alice) == Decimal("25.50")
