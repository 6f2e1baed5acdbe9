"""Disputes: taken in from the provider, whatever the order of its news, and answered with evidence from staff."""

from collections.abc import Mapping
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from apps.common import events
from apps.common.errors import Conflict, NotFound
from apps.common.money import from_minor
from apps.payments.gateways.base import ProviderDispute
from apps.payments.gateways.registry import gateway
from apps.payments.models import Dispute, DisputeEvidence, Payment, PaymentEvent
from apps.payments.services import ledger
from apps.payments.services.locking import locked

if TYPE_CHECKING:
    from apps.users.models import User

Evidence = DisputeEvidence.Kind
Fact = PaymentEvent.Kind
_ALWAYS = (Evidence.ORDER_CONFIRMATION, Evidence.RECEIPT, Evidence.CUSTOMER_COMMUNICATION)
# What banks ask for, by the provider's reason; the first row is for any other.
_DELIVERY = (Evidence.SHIPPING_PROOF, Evidence.DELIVERY_SIGNATURE)
_BY_REASON: dict[str, tuple[Evidence, ...]] = {
    "fraudulent": (*_DELIVERY, Evidence.SIGN_IN_HISTORY),
    "product_not_received": _DELIVERY,
    "product_unacceptable": (Evidence.PRODUCT_DESCRIPTION, Evidence.REFUND_POLICY),
    "credit_not_processed": (Evidence.REFUND_POLICY,),
}
_FACTS = {Dispute.Status.WON: Fact.DISPUTE_WON, Dispute.Status.LOST: Fact.DISPUTE_LOST}


class DisputeClosed(Conflict):
    code = "invalid_transition"
    detail = "The dispute is closed."


def follow(*, provider: str, reference: str) -> Dispute:
    """Apply how a dispute stands at its provider. Raises LookupError while its payment is not known here."""
    state = gateway(provider).retrieve_dispute(reference)
    payment = Payment.objects.filter(provider=provider, provider_reference=state.payment).first()
    if payment is None or not state.payment:
        raise LookupError(f"no payment of dispute {reference}")
    return take_in(payment_id=payment.pk, state=state)


@transaction.atomic
def take_in(*, payment_id: UUID, state: ProviderDispute) -> Dispute:
    """Note a dispute and its effect on the money; a closed one stays closed."""
    payment = locked(payment_id)
    amount = from_minor(state.amount, payment.currency)
    dispute = Dispute.objects.filter(provider=payment.provider, provider_reference=state.reference).first()
    before = dispute.status if dispute else None
    if dispute is None:
        dispute = _open(payment, state)
    elif before not in _FACTS:
        dispute.status, dispute.due_at = state.status, state.due_at
        dispute.save(update_fields=["status", "due_at", "updated_at"])
    if dispute.status in _FACTS and dispute.closed_at is None:
        dispute.closed_at = timezone.now()
        dispute.save(update_fields=["closed_at", "updated_at"])
    if state.takes_money:
        ledger.record(payment=payment, kind=Fact.DISPUTE_OPENED, reference=state.reference, amount=amount)
        if fact := _FACTS.get(Dispute.Status(state.status)):
            ledger.record(payment=payment, kind=fact, reference=state.reference, amount=amount)
        ledger.derive_payment_status(payment.order)
    if dispute.status != before:
        _tell(dispute, payment, opened=before is None)
    return dispute


def _open(payment: Payment, state: ProviderDispute) -> Dispute:
    dispute = Dispute.objects.create(
        payment=payment,
        provider=payment.provider,
        provider_reference=state.reference,
        status=state.status,
        reason=state.reason[:60],
        amount=from_minor(state.amount, payment.currency),
        due_at=state.due_at,
    )
    kinds = dict.fromkeys((*_ALWAYS, *_BY_REASON.get(state.reason, _DELIVERY)))
    DisputeEvidence.objects.bulk_create([DisputeEvidence(dispute=dispute, kind=kind) for kind in kinds])
    return dispute


def _tell(dispute: Dispute, payment: Payment, *, opened: bool) -> None:
    data = {"amount": str(dispute.amount), "order_id": str(payment.order_id), "reason": dispute.reason}
    if opened:
        events.record("dispute.opened", target=dispute, data=data)
    if dispute.status in _FACTS:
        events.record(f"dispute.{dispute.status}", target=dispute, data=data)


@transaction.atomic
def update(
    *, dispute_id: UUID, evidence: Mapping[str, bool] | None = None, note: str | None = None, actor: "User"
) -> Dispute:
    """Tick evidence off, or on again; kinds that the list lacks are added. Raises NotFound or DisputeClosed."""
    dispute = Dispute.objects.select_for_update(of=("self",)).filter(pk=dispute_id).first()
    if dispute is None:
        raise NotFound
    if dispute.closed_at is not None:
        raise DisputeClosed
    now = timezone.now()
    for kind, done in (evidence or {}).items():
        DisputeEvidence.objects.update_or_create(
            dispute=dispute,
            kind=kind,
            defaults={"done": done, "done_at": now if done else None, "actor_id": actor.pk if done else None},
        )
    if note is not None:
        dispute.note = note
    dispute.save(update_fields=["note", "updated_at"])
    return dispute
