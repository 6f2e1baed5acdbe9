"""The same store credit spent on several orders at the same moment."""

from collections import Counter
from decimal import Decimal

import pytest
from django.db import connection

from apps.orders.models import Order
from apps.payments.models import Payment, StoreCreditAccount, StoreCreditEntry
from apps.payments.services import credit_ledger, store_credit
from apps.users.models import User
from tests.factories import UserFactory, sellable, shop_rates
from tests.orders.steps import place
from tests.races.threads import together

pytestmark = pytest.mark.django_db(transaction=True)


def orders_of(user: User, count: int) -> list[Order]:
    """Orders of 59.88 each."""
    shop_rates()
    variant = sellable(price="50.00", stock=20)
    return [place(variant, user=user)[1] for _ in range(count)]


def spend_on_all(user: User, orders: list[Order]) -> Counter[str]:
    calls = [lambda key=order.pk: store_credit.pay(order_id=key, user=user) for order in orders]
    return Counter(type(each).__name__ for each in together(calls))


def test_credit_for_two_orders_pays_two_of_six(capsys):
    alice = UserFactory()
    store_credit.adjust(user_id=alice.pk, currency="USD", amount=Decimal("119.76"), reason="two orders")
    results = spend_on_all(alice, orders_of(alice, 6))
    account = StoreCreditAccount.objects.get()
    with capsys.disabled():
        print(f"\nstore credit: 6 orders, money for 2: {dict(results)}, balance {account.balance}")
    assert results == {"Payment": 2, "InsufficientCredit": 4}
    assert (account.balance, sum(StoreCreditEntry.objects.values_list("amount", flat=True))) == (0, 0)
    assert Order.objects.filter(status="confirmed", payment_status="paid").count() == 2
    assert sum(Payment.objects.values_list("captured", flat=True)) == Decimal("119.76")


def test_without_the_lock_it_would_be_spent_twice(monkeypatch):
    """Positive control: the account is read, not locked, and the later balance is written over the earlier."""
    alice = UserFactory()
    store_credit.adjust(user_id=alice.pk, currency="USD", amount=Decimal("59.88"), reason="one order")
    orders = orders_of(alice, 2)

    def seen(*, user_id: object, currency: str) -> StoreCreditAccount:
        account = StoreCreditAccount.objects.get(user_id=user_id, currency=currency)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.3)")
        return account

    monkeypatch.setattr(credit_ledger, "account_of", seen)
    spend_on_all(alice, orders)
    assert sum(Payment.objects.values_list("captured", flat=True)) == Decimal("119.76")


def test_one_order_takes_what_it_needs_once_however_often_it_is_paid():
    alice = UserFactory()
    store_credit.adjust(user_id=alice.pk, currency="USD", amount=Decimal("500.00"), reason="plenty")
    [order] = orders_of(alice, 1)
    results = spend_on_all(alice, [order] * 6)
    assert results == {"Payment": 1, "NotSpendable": 5}
    assert StoreCreditAccount.objects.get().balance == Decimal("440.12")
