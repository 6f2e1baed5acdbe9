"""A customer's address book: at most `MAX_ADDRESSES` rows, at most one default of each kind.

Every write locks the owner's row first, so that two of them cannot both become the default or the last that fits.
"""

import uuid
from collections.abc import Callable
from typing import Any, Literal

from django.db import transaction

from apps.common.errors import Conflict, NotFound
from apps.users.models import Address, User
from apps.users.services.addresses import snapshot, validate_address

MAX_ADDRESSES = 50
Kind = Literal["shipping", "billing"]
Precondition = Callable[[Address], None]


class AddressBookFull(Conflict):
    code = "address_book_full"
    detail = f"An address book holds at most {MAX_ADDRESSES} addresses."


def add(*, user_id: uuid.UUID, fields: dict[str, Any]) -> Address:
    """Add an address; the first becomes the default of both kinds. Raises Invalid or AddressBookFull."""
    address = validate_address(fields)
    with transaction.atomic(durable=True):
        _lock_book(user_id)
        present = Address.objects.filter(user_id=user_id).count()
        if present >= MAX_ADDRESSES:
            raise AddressBookFull
        first = present == 0
        return Address.objects.create(user_id=user_id, **address, is_default_shipping=first, is_default_billing=first)


def find(*, user_id: uuid.UUID, address_id: uuid.UUID) -> Address:
    """One address of the user. Raises NotFound, also for a stranger's."""
    address = Address.objects.filter(id=address_id, user_id=user_id).first()
    if address is None:
        raise NotFound
    return address


def change(
    *, user_id: uuid.UUID, address_id: uuid.UUID, changes: dict[str, Any], precondition: Precondition
) -> Address:
    """Change some fields; the address as it becomes must fit its country. Raises NotFound or Invalid."""
    with transaction.atomic(durable=True):
        address = _locked(user_id, address_id)
        precondition(address)
        for name, value in validate_address({**snapshot(address), **changes}).items():
            setattr(address, name, value)
        address.save()
    return address


def remove(*, user_id: uuid.UUID, address_id: uuid.UUID, precondition: Precondition) -> None:
    """Remove an address; orders keep their copies. Raises NotFound."""
    with transaction.atomic(durable=True):
        address = _locked(user_id, address_id)
        precondition(address)
        address.delete()


def set_default(*, user_id: uuid.UUID, address_id: uuid.UUID, kind: Kind) -> Address:
    """Make an address the default of a kind instead of the present one; repeatable. Raises NotFound."""
    flag = f"is_default_{kind}"
    with transaction.atomic(durable=True):
        address = _locked(user_id, address_id)
        Address.objects.filter(user_id=user_id, **{flag: True}).exclude(id=address_id).update(**{flag: False})
        setattr(address, flag, True)
        address.save(update_fields=[flag, "updated_at"])
    return address


def _lock_book(user_id: uuid.UUID) -> None:
    User.objects.select_for_update(no_key=True).only("id").get(id=user_id)


def _locked(user_id: uuid.UUID, address_id: uuid.UUID) -> Address:
    _lock_book(user_id)
    return find(user_id=user_id, address_id=address_id)
