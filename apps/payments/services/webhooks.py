"""What providers tell us: verified, stored, answered at once; applied by a worker, once.

An event is only a hint that something about a payment changed. The worker asks the provider how the payment stands, so
late, repeated, reversed and stale events all end in the same state.
"""

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from apps.common import events, nudge
from apps.common.context import current_request_id, request_context
from apps.common.errors import Invalid, NotFound, Unavailable
from apps.common.models import new_id
from apps.payments.gateways.base import ProviderUnavailable, SignatureInvalid
from apps.payments.gateways.registry import gateway, vault
from apps.payments.models import Payment, WebhookEvent
from apps.payments.services import cards, disputes, intents, refunds, settlement

log = structlog.get_logger(__name__)
LEASE = timedelta(seconds=60)
MAX_ATTEMPTS = 12
_ABOUT_MONEY = ("payment_intent.", "charge.", "refund.", "CHECKOUT.ORDER.", "PAYMENT.CAPTURE.", "PAYMENT.REFUND.")
_ABOUT_CARDS = ("payment_method.", "setup_intent.succeeded", "customer.deleted")
Status = WebhookEvent.Status


class BadSignature(Invalid):
    code = "signature_invalid"
    detail = "The signature or its time does not fit the body."


def receive(*, provider: str, body: bytes, headers: Mapping[str, str]) -> bool:
    """Verify and store an event; returns whether it is new. Raises BadSignature, or Unavailable when the provider, who
    has to be asked, gives no answer. One statement.
    """
    if provider not in settings.PAYMENT_GATEWAYS:
        raise BadSignature
    try:
        event = gateway(provider).read_event(body=body, headers=headers)
    except SignatureInvalid:
        raise BadSignature from None
    except ProviderUnavailable as error:
        raise Unavailable from error
    row = WebhookEvent(
        id=new_id(),
        provider=provider,
        provider_event_id=event.id[:120],
        type=event.type[:80],
        payload=event.payload,
        next_attempt_at=timezone.now(),
        request_id=current_request_id(),
    )
    with transaction.atomic():
        stored = WebhookEvent.objects.bulk_create([row], ignore_conflicts=True)
        transaction.on_commit(lambda: nudge.send("process_webhook_event", event.id, provider), robust=True)
    return bool(stored)


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
            status = _apply(event)
        except Exception as error:
            # Whatever it is, the event stays due and in the end becomes a dead letter that staff see.
            status = _postpone(event, error)
    return status


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
