"""What the cart does when somebody signs in (the guest's basket comes along), and its background jobs."""

from typing import Any
from uuid import UUID

from django.dispatch import receiver

from apps.cart.services import coupon_codes, merging
from apps.common import jobs
from apps.users.models import User
from apps.users.services.sign_in import signed_in


@receiver(signed_in, dispatch_uid="cart.merge_at_sign_in")
def merge_at_sign_in(*, user: User, cart_token: str | None, **_: Any) -> None:
    """Merge the cart of the X-Cart-Token that came with the sign-in. A broken token never hinders signing in."""
    try:
        token = UUID(cart_token) if cart_token else None
    except ValueError:
        return
    if token is not None:
        merging.merge(user_id=user.pk, token=token)


@jobs.runner(coupon_codes.JOB)
def make_coupon_batch(run: jobs.Run) -> jobs.Result:
    return coupon_codes.run_batch(run)
