"""What a shopper says at checkout, laid over the cart in memory: the same for a quote and for an order."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from apps.cart.models import Cart
from apps.cart.services.baskets import choose_store
from apps.common.errors import FieldError, Invalid
from apps.common.money import Money

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from apps.users.models import User

_FOR_A_PRICE = frozenset({"shipping_address", "shipping_method"})
_FOR_AN_ORDER = _FOR_A_PRICE | {"email"}


@dataclass(frozen=True, slots=True)
class CheckoutDetails:
    """What the shopper says at checkout; what is None is taken from the cart, then from the account.

    Addresses are validated dicts of `validate_address`. `quote` is the token of a quote, `expected_total` what the
    shopper has seen: the order is refused when either does not hold any more.
    """

    email: str | None = None
    shipping_address: dict[str, str] | None = None
    billing_address: dict[str, str] | None = None
    shipping_method: str | None = None
    pickup_store: str | None = None
    note: str | None = None
    expected_total: Money | None = None
    quote: str | None = None

    @property
    def promise(self) -> bool:
        """Whether the shopper relies on a price."""
        return self.quote is not None or self.expected_total is not None

    @property
    def of_shipping(self) -> dict[str, Any]:
        """What decides how and where to the goods go."""
        return {name: getattr(self, name) for name in ("shipping_address", "shipping_method", "pickup_store")}


def complete_for_order(cart: Cart, user: "User | AnonymousUser", details: CheckoutDetails) -> None:
    """Lay the details over the cart in memory. Raises Invalid naming what an order needs and nobody has said."""
    cart.email = details.email or cart.email or (user.email if user.is_authenticated else "")
    cart.note = cart.note if details.note is None else details.note
    _lay(cart, details)
    _require(cart, _FOR_AN_ORDER)


def complete_for_quote(cart: Cart, details: CheckoutDetails) -> None:
    """The same for a price, which needs no e-mail."""
    cart.email = details.email or cart.email
    _lay(cart, details)
    _require(cart, _FOR_A_PRICE)


def _lay(cart: Cart, details: CheckoutDetails) -> None:
    cart.shipping_address = details.shipping_address or cart.shipping_address
    cart.billing_address = details.billing_address or cart.billing_address or cart.shipping_address
    wanted: dict[str, Any] = {}
    if details.shipping_method:
        wanted["shipping_method"] = details.shipping_method
    if details.pickup_store:
        wanted["pickup_store"] = details.pickup_store
    choose_store(cart, wanted)
    for name, value in wanted.items():
        setattr(cart, name, value)


def _require(cart: Cart, names: Collection[str]) -> None:
    wanted = set(names)
    if cart.pickup_store is not None:
        # Nothing is sent: of an order the bill alone needs an address.
        wanted.discard("shipping_address")
        if "email" in names:
            wanted.add("billing_address")
    order = ("email", "shipping_address", "billing_address", "shipping_method")
    missing = [name for name in order if name in wanted and not getattr(cart, name)]
    if missing:
        raise Invalid(errors=[FieldError("required", "This field is required.", f"/{name}") for name in missing])
