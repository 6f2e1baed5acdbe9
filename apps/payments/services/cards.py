"""Cards that a customer keeps for the next purchase. The provider holds them; our rows follow its list.

Whatever tells us of a change (an answer, a message, late, twice or in another order), the provider is asked for the
whole list, which then becomes true here. A customer's cards are reached through the customer alone.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from apps.common import events
from apps.common.errors import NotFound, UpstreamFailed
from apps.payments.gateways.base import ProviderRefused, ProviderUnavailable
from apps.payments.gateways.registry import vault
from apps.payments.gateways.vault import ProviderCard, ProviderSetup
from apps.payments.models import Payment, PaymentCustomer, SavedCard
from apps.payments.services.asking import asking_provider
from apps.payments.services.intents import ActionRequired, PaymentDeclined

if TYPE_CHECKING:
    from apps.users.models import User

log = structlog.get_logger(__name__)
PROVIDER = Payment.Provider.STRIPE
LEASE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Setup:
    """The saving of a card, and the card once it is saved."""

    provider: ProviderSetup
    card: SavedCard | None


def of_user(user: "User") -> QuerySet[SavedCard]:
    """A customer's own cards, the default first."""
    return SavedCard.objects.filter(customer__user_id=user.pk).select_related("customer")


def find(*, user: "User", card_id: UUID) -> SavedCard:
    """One of the customer's own cards. Raises NotFound."""
    card = of_user(user).filter(pk=card_id).first()
    if card is None:
        raise NotFound
    return card


def begin(*, user: "User", payment_method: str = "", return_url: str = "") -> Setup:
    """Begin to save a card; one that the caller names is saved at once.

    Raises PaymentDeclined, ActionRequired (the bank wants to see the cardholder) or UpstreamFailed.
    """
    customer = _customer_of(user)
    with asking_provider():
        setup = vault(PROVIDER).create_setup(customer=customer.provider_reference)
    if not payment_method:
        return Setup(setup, None)
    setup = _confirm(setup.reference, payment_method, return_url or settings.FRONTEND_URL)
    if setup.state == "requires_action":
        raise ActionRequired(extra={"next_action": setup.next_action})
    before = set(customer.cards.values_list("provider_reference", flat=True))
    with asking_provider():
        sync(customer)
    return Setup(setup, of_user(user).exclude(provider_reference__in=before).order_by("-id").first())


def _confirm(reference: str, payment_method: str, return_url: str) -> ProviderSetup:
    with asking_provider():
        try:
            return vault(PROVIDER).confirm_setup(reference, payment_method=payment_method, return_url=return_url)
        except ProviderRefused as refusal:
            detail = refusal.detail if refusal.declined else "This payment method cannot be used."
            raise PaymentDeclined(detail, extra={"decline_code": refusal.code}) from refusal


def _customer_of(user: "User") -> PaymentCustomer:
    """The user at the provider, made there first when there is none: our row is written when it answers."""
    known = PaymentCustomer.objects.filter(user=user, provider=PROVIDER).first()
    if known is not None:
        return known
    if PROVIDER not in settings.PAYMENT_GATEWAYS:
        raise UpstreamFailed
    with asking_provider():
        reference = vault(PROVIDER).create_customer(user_id=user.pk, email=user.email)
    made, _ = PaymentCustomer.objects.get_or_create(
        user=user, provider=PROVIDER, defaults={"provider_reference": reference}
    )
    return made


def follow(*, reference: str) -> bool:
    """A message told of a customer's cards: take the provider's list over. False for a customer that is not ours."""
    customer = PaymentCustomer.objects.filter(provider=PROVIDER, provider_reference=reference).first()
    if customer is None:
        return False
    sync(customer)
    return True


def sync(customer: PaymentCustomer) -> None:
    """Make our rows the provider's list. Raises ProviderUnavailable or ProviderRefused."""
    _write(customer.pk, vault(PROVIDER).list_cards(customer.provider_reference))


@transaction.atomic
def _write(customer_id: UUID, listed: list[ProviderCard]) -> None:
    customer = _locked(customer_id)
    customer.cards.exclude(provider_reference__in=[card.reference for card in listed]).delete()
    for card in listed:
        customer.cards.update_or_create(
            provider_reference=card.reference,
            defaults={
                "brand": card.brand,
                "last4": card.last4,
                "exp_month": card.exp_month,
                "exp_year": card.exp_year,
            },
        )
    if not customer.cards.filter(is_default=True).exists():
        newest = customer.cards.order_by("-id").first()
        if newest is not None:
            customer.cards.filter(pk=newest.pk).update(is_default=True)


@transaction.atomic
def set_default(*, user: "User", card_id: UUID) -> SavedCard:
    """Make a card the one that is offered first. Repeatable. Raises NotFound."""
    card = find(user=user, card_id=card_id)
    customer = _locked(card.customer_id)
    customer.cards.exclude(pk=card.pk).update(is_default=False)
    if not customer.cards.filter(pk=card.pk).update(is_default=True):
        raise NotFound
    card.is_default = True
    return card


def remove(*, user: "User", card_id: UUID) -> None:
    """Forget a card, at the provider first. Raises NotFound or UpstreamFailed (then it is still there)."""
    card = find(user=user, card_id=card_id)
    with asking_provider():
        vault(PROVIDER).detach_card(card.provider_reference)
    _remove(card)


@transaction.atomic
def _remove(card: SavedCard) -> None:
    customer = _locked(card.customer_id)
    customer.cards.filter(pk=card.pk).delete()
    if card.is_default and (next_one := customer.cards.order_by("-id").first()) is not None:
        customer.cards.filter(pk=next_one.pk).update(is_default=True)
    events.record("payment_method.removed", target=card.customer, data={"last4": card.last4})


@transaction.atomic
def forget(user_id: UUID) -> None:
    """Erase what is kept of a customer: our rows now, the provider's by the sweep, until it has answered."""
    customers = PaymentCustomer.objects.filter(user_id=user_id)
    SavedCard.objects.filter(customer__in=customers).delete()
    customers.update(forget_at=timezone.now())


def erase_at_provider(customer_id: UUID) -> bool:
    """Have a customer erased at the provider. Safe to run twice; what fails is tried again later."""
    claimed = PaymentCustomer.objects.filter(pk=customer_id, forget_at__lte=timezone.now()).update(
        forget_at=timezone.now() + LEASE
    )
    if not claimed:
        return False
    customer = PaymentCustomer.objects.get(pk=customer_id)
    try:
        vault(customer.provider).delete_customer(customer.provider_reference)
    except (ProviderUnavailable, ProviderRefused) as error:
        log.warning("customer_not_erased_yet", customer=str(customer_id), error=str(error))
        return False
    customer.delete()
    return True


def _locked(customer_id: UUID) -> PaymentCustomer:
    customer = PaymentCustomer.objects.select_for_update(of=("self",)).filter(pk=customer_id).first()
    if customer is None:
        raise NotFound
    return customer
