"""An address book written from many devices at once."""

import time
from collections import Counter

import pytest

from apps.users.models import Address
from apps.users.services import address_book
from tests.factories import ADDRESS, UserFactory
from tests.races.threads import together

pytestmark = pytest.mark.django_db(transaction=True)


def status(call):
    def run() -> str:
        try:
            call()
        except Exception as error:
            return getattr(error, "code", type(error).__name__)
        return "done"

    return run


def test_of_many_first_addresses_one_becomes_the_default():
    user = UserFactory()
    results = together([status(lambda: address_book.add(user_id=user.id, fields=ADDRESS))] * 10)
    assert Counter(results) == {"done": 10}
    flags = Counter(Address.objects.values_list("is_default_shipping", "is_default_billing"))
    assert flags == {(True, True): 1, (False, False): 9}


def test_the_last_place_in_the_book_is_taken_once():
    user = UserFactory()
    Address.objects.bulk_create(Address(user=user, **ADDRESS) for _ in range(address_book.MAX_ADDRESSES - 1))
    results = together([status(lambda: address_book.add(user_id=user.id, fields=ADDRESS))] * 8)
    assert Counter(results) == {"done": 1, "address_book_full": 7}
    assert Address.objects.count() == address_book.MAX_ADDRESSES


def test_defaults_set_at_once_end_with_one_default_and_no_error():
    user = UserFactory()
    ids = [address_book.add(user_id=user.id, fields=ADDRESS).id for _ in range(8)]
    results = together(
        [
            status(lambda each=each: address_book.set_default(user_id=user.id, address_id=each, kind="billing"))
            for each in ids
        ]
    )
    assert Counter(results) == {"done": 8}
    assert Address.objects.filter(is_default_billing=True).count() == 1
    assert Address.objects.get(is_default_shipping=True).id == ids[0]


def test_without_the_lock_the_book_would_overflow(monkeypatch):
    create = Address.objects.create

    def slowly(**fields: object) -> Address:
        time.sleep(0.2)
        return create(**fields)

    monkeypatch.setattr(address_book, "_lock_book", lambda user_id: None)
    monkeypatch.setattr(Address.objects, "create", slowly)
    user = UserFactory()
    Address.objects.bulk_create(Address(user=user, **ADDRESS) for _ in range(address_book.MAX_ADDRESSES - 1))
    together([status(lambda: address_book.add(user_id=user.id, fields=ADDRESS))] * 8)
    assert Address.objects.count() > address_book.MAX_ADDRESSES
