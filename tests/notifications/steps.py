"""Messages and orders that many mail tests begin with."""

from typing import Any
from uuid import uuid4

from django.db import transaction
from django.utils import timezone

from apps.notifications.models import Notification
from apps.orders.models import Order
from apps.orders.services import lifecycle
from apps.users.models import User
from tests.factories import UserFactory, sellable
from tests.orders.steps import place


def message(*, user: User | None = None, **fields: Any) -> Notification:
    """A due welcome mail to a new account, or whatever the fields say."""
    person = user or UserFactory(first_name="Ada")
    values = {
        "kind": "welcome",
        "user": person,
        "email": person.email,
        "dedupe_key": str(uuid4()),
        "next_attempt_at": timezone.now(),
        "request_id": "req-1",
    }
    return Notification.objects.create(**{**values, **fields})


def paid_order(*, user: User | None = None, **fields: Any) -> Order:
    """An order whose payment has succeeded; `fields` are the variant's."""
    _, order = place(sellable(**fields), user=user)
    with transaction.atomic():
        return lifecycle.mark_paid(order=Order.objects.lock().get(pk=order.pk))
