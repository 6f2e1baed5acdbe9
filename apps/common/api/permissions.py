"""Who may call a view. The default denies; each view names its own."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from apps.common.errors import Forbidden, Unauthenticated


class DenyAll(BasePermission):
    """The default: a view that names no permission is closed."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return False


class Anyone(BasePermission):
    """Public."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return True


class SignedIn(BasePermission):
    """A signed-in customer or staff member; 401 otherwise."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not request.user.is_authenticated:
            raise Unauthenticated
        return True


def staff(permission: str) -> type[BasePermission]:
    """Staff holding a Django model permission, such as `orders.change_order`."""

    class StaffWith(BasePermission):
        required = permission

        def has_permission(self, request: Request, view: Any) -> bool:
            if not request.user.is_authenticated:
                raise Unauthenticated
            if not (request.user.is_staff and request.user.has_perm(permission)):
                raise Forbidden(extra={"required_permission": permission})
            return True

    StaffWith.__name__ = f"StaffWith_{permission.replace('.', '_')}"
    return StaffWith
