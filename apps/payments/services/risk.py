"""Is this order to be trusted? Asked once, when its money has been promised; staff decide what is in doubt.

The assessment runs after the payment's transaction has committed, so that no fault of its own can undo a purchase; one
that fails is tried again (apps/common/events.py). docs/risk.md has the rules.
"""

from typing import TYPE_CHECKING
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.common import events
from apps.common.errors import Conflict, NotFound
from apps.common.money import ZERO
from apps.orders.models import Order
from apps.orders.services import desk, lifecycle
from apps.payments.models import Payment, RiskReview
from apps.payments.services.risk_facts import facts_of
from apps.payments.services.risk_rules import reasons_of, score_of

if TYPE_CHECKING:
    from apps.users.models import User

log = structlog.get_logger(__name__)
Status = RiskReview.Status
HOLD_REASON = "risk review"


class ReviewClosed(Conflict):
    code = "invalid_transition"
    detail = "This order does not wait for a decision."


def is_on() -> bool:
    """Both thresholds at 0 switch the assessment off."""
    return bool(settings.RISK_HOLD_SCORE or settings.RISK_REFUSE_SCORE)


@transaction.atomic
def assess(order_id: UUID) -> RiskReview | None:
    """Score an order, once, and accept it, hold it for staff or cancel it, by the thresholds.

    None for an order that nothing but cash, store credit, or a bank transfer that staff have seen, has paid.
    """
    order = Order.objects.lock().get(pk=order_id)
    known = RiskReview.objects.filter(order=order).first()
    if known is not None:
        return known
    own = (Payment.Provider.MANUAL, Payment.Provider.STORE_CREDIT)
    promised = Payment.objects.filter(order=order, authorised__gt=ZERO).exclude(provider__in=own)
    payment = promised.order_by("-id").first()
    if payment is None:
        return None
    reasons = reasons_of(facts_of(order, payment), settings.RISK_WEIGHTS)
    score = score_of(reasons)
    review = RiskReview.objects.create(
        order=order,
        payment=payment,
        status=_verdict(order, score),
        score=score,
        reasons=[reason.as_json() for reason in reasons],
        provider_level=payment.risk_level,
        provider_score=payment.risk_score,
    )
    _act(order, review)
    return review


def _verdict(order: Order, score: int) -> Status:
    if order.status not in (Order.Status.CONFIRMED, Order.Status.PROCESSING):
        return Status.ACCEPTED if order.status != Order.Status.CANCELLED else Status.WITHDRAWN
    if settings.RISK_REFUSE_SCORE and score >= settings.RISK_REFUSE_SCORE and lifecycle.is_cancellable(order):
        return Status.REFUSED
    return Status.PENDING if settings.RISK_HOLD_SCORE and score >= settings.RISK_HOLD_SCORE else Status.ACCEPTED


def _act(order: Order, review: RiskReview) -> None:
    data = {"order_id": str(order.pk), "number": order.number, "score": review.score}
    if review.status == Status.PENDING:
        if order.held_at is None:
            desk.place_hold(order=order, reason=HOLD_REASON)
        events.record("risk.held", target=review, data=data)
    elif review.status == Status.REFUSED:
        log.warning("order_refused", order=str(order.pk), score=review.score)
        events.record("risk.refused", target=review, data=data)
        # Its money goes back, or is let go, when this commits (handlers.py).
        lifecycle.cancel_locked(order, actor=None, reason="the payment could not be accepted")


@transaction.atomic
def approve(*, review_id: UUID, note: str = "", actor: "User") -> RiskReview:
    """Let a held order go on. Raises NotFound or ReviewClosed."""
    review = _pending(review_id)
    if review.order.hold_reason == HOLD_REASON:  # another reason to hold it stays
        desk.release_hold(order=review.order, reason=note or "approved", actor=actor)
    return _decide(review, Status.APPROVED, note, actor)


@transaction.atomic
def reject(*, review_id: UUID, note: str = "", actor: "User") -> RiskReview:
    """Cancel a held order; its money goes back or is let go. Raises NotFound, ReviewClosed or NotCancellable."""
    review = _pending(review_id)
    if not lifecycle.is_cancellable(review.order):
        raise lifecycle.NotCancellable
    _decide(review, Status.REJECTED, note, actor)
    lifecycle.cancel_locked(review.order, actor=actor, reason="the payment could not be accepted")
    return review


@transaction.atomic
def withdraw(order_id: UUID) -> None:
    """An order that was cancelled otherwise waits for no decision."""
    RiskReview.objects.filter(order_id=order_id, status=Status.PENDING).update(
        status=Status.WITHDRAWN, decided_at=timezone.now(), updated_at=timezone.now()
    )


def _pending(review_id: UUID) -> RiskReview:
    order_id = RiskReview.objects.filter(pk=review_id).values_list("order_id", flat=True).first()
    if order_id is None:
        raise NotFound
    order = Order.objects.lock().get(pk=order_id)
    review = RiskReview.objects.select_for_update(of=("self",)).get(pk=review_id)
    review.order = order
    if review.status != Status.PENDING:
        raise ReviewClosed
    return review


def _decide(review: RiskReview, status: Status, note: str, actor: "User") -> RiskReview:
    review.status, review.note, review.decided_by, review.decided_at = status, note, actor.pk, timezone.now()
    review.save(update_fields=["status", "note", "decided_by", "decided_at", "updated_at"])
    data = {"order_id": str(review.order_id), "score": review.score, "note": note}
    events.record(f"risk.{status}", target=review, actor=actor, data=data)
    return review
