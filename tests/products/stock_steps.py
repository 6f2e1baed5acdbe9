"""Steps of the stock tests: staff clients, quantities, the ledger in short."""

from typing import Any

from django.contrib.auth.models import Permission

from apps.products.models import StockLevel, StockMovement
from tests.client import ApiClient
from tests.factories import UserFactory


def staff_client(*permissions: str) -> ApiClient:
    """A staff member with these permissions (codenames) alone."""
    user = UserFactory(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return ApiClient(user)


def chief() -> ApiClient:
    """A staff member who may do everything."""
    return ApiClient(UserFactory(is_staff=True, is_superuser=True))


def quantities(sku: str) -> dict[str, tuple[int, int]]:
    """(on hand, reserved) per warehouse."""
    rows = StockLevel.objects.filter(variant__sku=sku).values_list("warehouse__code", "on_hand", "reserved")
    return {code: (on_hand, reserved) for code, on_hand, reserved in rows}


def ledger(sku: str) -> list[tuple[Any, ...]]:
    """(warehouse, kind, quantity, on hand after) of each movement, oldest first."""
    rows = StockMovement.objects.filter(level__variant__sku=sku).order_by("id")
    return list(rows.values_list("level__warehouse__code", "kind", "quantity", "on_hand_after"))
