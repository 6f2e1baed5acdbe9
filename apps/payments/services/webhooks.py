"""What providers tell us: stored, answered at once, applied by a worker; verified first, at the latest by the worker.

An event is only a hint that something about a payment changed. The worker asks the provider how the payment stands, so
late, repeated, reversed and stale events all end in the same state.
"""

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from apps.common import events, nudge
from apps.common.context import current_request_id, request_context
from apps.common.errors import Invalid, NotFound
from apps.common.models import new_id
from apps.payments.gateways.base import SignatureInvalid
from apps.payments.gateways.registry import gateway, vault
from apps.payments.models import Payment, WebhookEvent
from apps.payments.services import cards, disputes, intents, refunds, settlement

log = structlog.get_logger(__name__)
LEASE = timedelta(seconds=60)
MAX_ATTEMPTS = 12
_ABOUT_MONEY = ("payment_intent.", "charge.", "refund.", "CHECKOUT.ORDER.", "PAYMENT.")
_ABOUT_CARDS = ("payment_method.", "setup_intent.succeeded", "customer.deleted")
Status = WebhookEvent.Status


class BadSignature(Invalid):
    code = "signature_invalid"
    detail = "The signature or its time does not fit the body."


def receive(*, provider: str, body: bytes, headers: Mapping[str, str]) -> bool:
    """Store an event; returns whether it is new. Raises BadSignature. One statement, no network.

    A message that only its provider can verify is believed when a worker has asked (`_apply`).
    """
    if provider not in settings.PAYMENT_GATEWAYS:
        raise BadSignature
    try:
        event = gateway(provider).read_event(body=body, headers=headers)
    except SignatureInvalid:
        raise BadSignature from None
    row = WebhookEvent(
        id=new_id(),
        provider=provider,
        provider_event_id=event.id[:120],
        type=event.type[:80],
        payload=event.payload,
        proof=dict(event.proof),
        next_attempt_at=timezone.now(),
        request_id=current_request_id(),
    )
    with transaction.atomic():
        stored = WebhookEvent.objects.bulk_create([row], ignore_conflicts=True)
        if event.proof:
            _take_newer_proof(row)
        transaction.on_commit(lambda: nudge.send("process_webhook_event", event.id, provider), robust=True)
    return bool(stored)


def _take_newer_proof(row: WebhookEvent) -> None:
    """The same message with another signature: whoever sent it first need not have been the provider."""
    doubted = WebhookEvent.objects.filter(provider=row.provider, provider_event_id=row.provider_event_id)
    doubted.filter(status__in=(Status.RECEIVED, Status.REJECTED)).exclude(Q(pk=row.pk) | Q(proof={})).update(
        proof=row.proof, status=Status.RECEIVED, next_attempt_at=row.next_attempt_at
    )


def process(*, provider: str, provider_event_id: str) -> str:
    """Apply one stored event. Returns its status; safe to run twice and in parallel."""
    due = WebhookEvent.objects.filter(provider=provider, provider_event_id=provider_event_id)
    claimed = due.filter(status=Status.RECEIVED, next_attempt_at__lte=timezone.now()).update(
        next_attempt_at=timezone.now() + LEASE, attempts=F("attempts") + 1
    )
    event = due.first()
    if event is None or not claimed:
        return event.status if event else Status.IGNORED
    with request_context(event.request_id):
        try:
            status = _apply(event) if _verified(event) else _reject(event)
        except Exception as error:
            # Whatever it is, the event stays due and in the end becomes a dead letter that staff see.
            status = _postpone(event, error)
    return status


def _verified(event: WebhookEvent) -> bool:
    """Whether a message is its provider's own, who is asked when that is not known yet."""
    if event.proof:
        try:
            gateway(event.provider).verify_event(event.payload, event.proof)
        except SignatureInvalid:
            return False
        WebhookEvent.objects.filter(pk=event.pk).update(proof={})
    return True


def _apply(event: WebhookEvent) -> str:
    provider = gateway(event.provider)
    if event.type.startswith(_ABOUT_CARDS):
        customer = vault(event.provider).customer_of_event(event.payload)
        known = customer is not None and cards.follow(reference=customer)
        return _note(event, Status.PROCESSED if known else Status.IGNORED)
    if not event.type.startswith(_ABOUT_MONEY):
        return _note(event, Status.IGNORED)
    if dispute := provider.dispute_of_event(event.payload):
        disputes.follow(provider=event.provider, reference=dispute)
        return _note(event, Status.PROCESSED)
    if refund := provider.refund_of_event(event.payload):
        refunds.follow(provider=event.provider, reference=refund)
        return _note(event, Status.PROCESSED)
    reference = provider.payment_of_event(event.payload)
    if reference is None:
        return _note(event, Status.IGNORED)
    payment = Payment.objects.filter(provider=event.provider, provider_reference=reference).first()
    if payment is None:
        # Our own call may not have come back yet; a payment that is not ours at all ends as a dead letter.
        raise LookupError(f"no payment {reference}")
    try:
        settlement.settle(payment_id=payment.pk, state=intents.completed(payment))
    except settlement.PaymentMismatch as mismatch:
        event.last_error = mismatch.code
    return _note(event, Status.PROCESSED)


def _note(event: WebhookEvent, status: str) -> str:
    WebhookEvent.objects.filter(pk=event.pk).update(
        status=status, processed_at=timezone.now(), last_error=event.last_error
    )
    return status


def _reject(event: WebhookEvent) -> str:
    log.warning("webhook_rejected", event_id=event.provider_event_id)
    event.last_error = BadSignature.code
    return _note(event, Status.REJECTED)


def _postpone(event: WebhookEvent, error: Exception) -> str:
    dead = event.attempts >= MAX_ATTEMPTS
    log.log(40 if dead else 30, "webhook_postponed", event_id=event.provider_event_id, error=type(error).__name__)
    WebhookEvent.objects.filter(pk=event.pk, status=Status.RECEIVED).update(
        status=Status.DEAD if dead else Status.RECEIVED,
        last_error=f"{type(error).__name__}: {error}"[:300],
        next_attempt_at=timezone.now() + events.backoff(event.attempts),
    )
    return Status.DEAD if dead else Status.RECEIVED


@transaction.atomic
def replay(event_id: UUID) -> WebhookEvent:
    """Give one stored event another series of attempts, now. Raises NotFound."""
    if not retry([event_id]):
        raise NotFound
    event = WebhookEvent.objects.get(pk=event_id)
    transaction.on_commit(
        lambda: nudge.send("process_webhook_event", event.provider_event_id, event.provider), robust=True
    )
    return event


def retry(event_ids: list[UUID]) -> int:
    """Give stored events another series of attempts (a staff decision); returns how many."""
    return WebhookEvent.objects.filter(pk__in=event_ids).update(
        status=Status.RECEIVED, attempts=0, next_attempt_at=timezone.now()
    )
