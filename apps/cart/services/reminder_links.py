"""The two links of a reminder: back to the cart, and never again. Signed, nothing is stored."""

from datetime import timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

from django.conf import settings
from django.core.signing import BadSignature, SignatureExpired, Signer, TimestampSigner
from django.db import transaction

from apps.cart.models import Cart
from apps.cart.services import contents, merging
from apps.common import events
from apps.common.errors import Gone, Invalid, NotFound, Unauthenticated
from apps.users.models import User
from apps.users.services import accounts

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

_RESTORING: Final = TimestampSigner(salt="cart.restore", sep=".")
_LEAVING: Final = Signer(salt="cart.unsubscribe", sep=".")
_CUSTOMER, _GUEST = "u", "c"


class LinkExpired(Gone):
    detail = "This link is too old, or its cart has been ordered."


def restore_token(cart_id: UUID) -> str:
    """Opens the cart for CART_RESTORE_DAYS."""
    return _RESTORING.sign(cart_id.hex)


def unsubscribe_token(cart: Cart) -> str:
    """Ends reminders to the cart's holder; it never runs out, for nobody must search for another way."""
    return _LEAVING.sign(f"{_CUSTOMER}{cart.user_id.hex}" if cart.user_id is not None else f"{_GUEST}{cart.pk.hex}")


def restore(*, token: str, user: "User | AnonymousUser") -> contents.Basket:
    """The cart of a reminder, for whoever holds its link; a guest's goes into the cart of a customer who is signed in.

    A customer's cart is opened by its customer alone. Raises Invalid (does_not_exist), LinkExpired, Unauthenticated or
    NotFound.
    """
    try:
        key = UUID(hex=_RESTORING.unsign(token, max_age=timedelta(days=settings.CART_RESTORE_DAYS)))
    except SignatureExpired:
        raise LinkExpired from None
    except (BadSignature, ValueError):
        raise Invalid.field("/token", "does_not_exist", "This is no link of a cart.") from None
    cart = Cart.objects.filter(pk=key, status=Cart.Status.OPEN).first()
    if cart is None:
        raise LinkExpired
    if cart.user_id is not None:
        return _own(cart, user)
    return merging.merge(user_id=user.pk, token=cart.token)[0] if user.is_authenticated else contents.load_basket(cart)


def unsubscribe(token: str) -> None:
    """No more reminders to the holder of the token's cart. Repeatable. Raises NotFound."""
    try:
        whose = _LEAVING.unsign(token)
        kind, key = whose[:1], UUID(hex=whose[1:])
    except (BadSignature, ValueError):
        raise NotFound from None
    if kind == _GUEST:
        _forget_consent(key)
    elif User.objects.filter(pk=key).exists():
        accounts.set_marketing_consent(user_id=key, marketing_email=False, precondition=lambda _: None)


def _own(cart: Cart, user: "User | AnonymousUser") -> contents.Basket:
    if not user.is_authenticated:
        raise Unauthenticated
    if user.pk != cart.user_id:
        raise NotFound
    return contents.load_basket(cart)


@transaction.atomic
def _forget_consent(cart_id: UUID) -> None:
    """Of every cart with the guest's address; when the cart is gone, so is its consent."""
    cart = Cart.objects.filter(pk=cart_id, user=None).first()
    if cart is None:
        return
    carts = Cart.objects.filter(user=None, email__iexact=cart.email) if cart.email else Cart.objects.filter(pk=cart_id)
    if carts.filter(marketing_consent_at__isnull=False).update(marketing_consent_at=None):
        events.record("cart.consent_withdrawn", target=cart)
