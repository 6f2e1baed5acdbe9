"""Staff who may do everything with promotions."""

from django.contrib.auth.models import Permission

from tests.client import ApiClient
from tests.factories import UserFactory


def promotion_staff(*only: str) -> ApiClient:
    """A staff member with these rights, by default all on promotions, coupons and uses."""
    models = ("promotion", "coupon", "promotionuse")
    names = only or tuple(f"{verb}_{model}" for verb in ("add", "change", "delete", "view") for model in models)
    user = UserFactory(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    return ApiClient(user)
