"""Who is buying, as caps per customer and first-order offers count people."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from apps.cart.models import Cart
from apps.users.models.account import normalise_email

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from apps.users.models import User


@dataclass(frozen=True, slots=True)
class Customer:
    """An account with its address and the one of the order; of a guest the latter alone, empty while unknown."""

    user_id: UUID | None = None
    emails: frozenset[str] = frozenset()

    @classmethod
    def of(cls, user: "User | AnonymousUser | None", email: str) -> "Customer":
        signed_in = user if user is not None and user.is_authenticated else None
        addresses = [address for address in (email, signed_in.email if signed_in else "") if address]
        # As accounts are stored, and as orders keep what was typed (an international domain in its own script).
        spellings = {spelling(address) for spelling in (normalise_email, str.lower) for address in addresses}
        return cls(user_id=signed_in.pk if signed_in else None, emails=frozenset(spellings))

    @classmethod
    def of_cart(cls, cart: Cart) -> "Customer":
        """Whoever holds the cart; reads the account."""
        return cls.of(cart.user, cart.email)

    @property
    def is_known(self) -> bool:
        return self.user_id is not None or bool(self.emails)


HasOrdered = Callable[[Customer], bool]
_answering: list[HasOrdered] = []


def answers_has_ordered(function: HasOrdered) -> HasOrdered:
    """Register what knows of past orders. Orders lie above the cart, so they say it themselves (orders/handlers.py)."""
    _answering.append(function)
    return function


def has_ordered(customer: Customer) -> bool:
    """Whether the customer has an order that was not cancelled. Whoever is still unknown has none."""
    return customer.is_known and any(answer(customer) for answer in _answering)
