"""Who did something to an order, in the words of its history."""

from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from apps.users.models import User

    Actor = User | AnonymousUser | None

STAFF, CUSTOMER, GUEST, SYSTEM = "staff", "customer", "guest", "system"


def actor_label(actor: "Actor", *, owner_id: UUID | None) -> str:
    """`system` for nobody, `guest`, `customer` for the order's own account, and `staff` for every other account."""
    if actor is None:
        return SYSTEM
    if not actor.is_authenticated:
        return GUEST
    return CUSTOMER if actor.pk == owner_id else STAFF


def actor_key(actor: "Actor") -> UUID | None:
    """The account, if there is one."""
    return actor.pk if actor is not None and actor.is_authenticated else None


def label_of_event(*, actor: str, actor_id: UUID | None, owner_id: UUID | None) -> str:
    """The same for a recorded event, which only tells accounts from guests and the system."""
    if actor_id is None:
        return actor
    return CUSTOMER if actor_id == owner_id else STAFF
