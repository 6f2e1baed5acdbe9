"""A provider's books beside ours: what it lists is looked for here, what we note is looked for there.

Whatever one list lacks is asked for by its reference before it counts as missing: a list is cut by the provider's
times, our rows by ours. What a lost message left undone is put right on the one path that messages take, too.
Takes the network; never inside a transaction.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import F

from apps.common.errors import Problem
from apps.common.money import to_minor
from apps.orders.models import Order
from apps.payments.gateways.base import (
    MISSING,
    Page,
    ProviderCharge,
    ProviderDispute,
    ProviderRefund,
    ProviderRefused,
)
from apps.payments.gateways.registry import gateway
from apps.payments.models import Dispute, Payment, PaymentEvent, Refund
from apps.payments.services import disputes, refunds, settlement
from apps.payments.services.breaks import Finding, Kind, Side

T = TypeVar("T")


class Comparison:
    """One provider in one span of time; `charges`, `refunds` and `disputes` count what it listed."""

    def __init__(self, provider: str, since: datetime, until: datetime) -> None:
        self.provider, self.since, self.until = provider, since, until
        self.charges = self.refunds = self.disputes = 0
        self._gateway = gateway(provider)

    def findings(self) -> Iterator[Finding]:
        """Each disagreement, as it is found. Raises ProviderUnavailable or ProviderRefused."""
        yield from self._compare_charges()
        yield from self._compare_refunds()
        yield from self._compare_disputes()

    def _pages(self, ask: Callable[..., Page[T]]) -> Iterator[list[T]]:
        after = ""
        while True:
            page = ask(since=self.since, until=self.until, after=after)
            yield page.rows
            after = page.after
            if not after:
                return

    # Charges

    def _compare_charges(self) -> Iterator[Finding]:
        charge_of: dict[str, str] = {}
        for page in self._pages(self._gateway.list_charges):
            taken = [charge for charge in page if charge.captured]
            self.charges += len(taken)
            ours = self._payments([charge.payment for charge in taken])
            for charge in taken:
                payment = ours.get(charge.payment)
                first = charge_of.setdefault(charge.payment, charge.reference)
                if payment is None:
                    yield _unknown(charge)
                elif first != charge.reference:
                    yield _duplicate(charge, payment.order)
                else:
                    yield from self._known(charge, payment)
        yield from self._unlisted_payments(set(charge_of))
        yield from self._kept_for_cancelled_orders()

    def _payments(self, references: list[str]) -> dict[str, Payment]:
        rows = Payment.objects.filter(provider=self.provider, provider_reference__in=[r for r in references if r])
        return {row.provider_reference: row for row in rows.select_related("order")}

    def _known(self, charge: ProviderCharge, payment: Payment) -> Iterator[Finding]:
        there = Side.of_minor(charge.captured, charge.currency)
        if _agrees(payment, charge.captured, charge.currency):
            return
        unheard = payment.captured == 0
        if unheard:
            self._settle(payment)
        payment.refresh_from_db()
        here = Side(payment.captured, payment.currency)
        if charge.currency != payment.currency:
            yield Finding(Kind.CURRENCY_DIFFERS, charge.payment, payment, here=here, there=there)
        elif not _agrees(payment, charge.captured, charge.currency):
            yield Finding(Kind.AMOUNT_DIFFERS, charge.payment, payment, here=here, there=there)
        elif unheard:
            detail = "Its message never came."
            yield Finding(
                Kind.CAPTURE_MISSING, charge.payment, payment, here=here, there=there, detail=detail, healed=True
            )

    def _settle(self, payment: Payment) -> None:
        """Money that we had not heard of goes where a message would have put it; what does not fit is found after."""
        state = self._gateway.retrieve(payment.provider_reference)
        try:
            settlement.settle(payment_id=payment.pk, state=state)
        except Problem:
            return

    def _unlisted_payments(self, listed: set[str]) -> Iterator[Finding]:
        facts = PaymentEvent.objects.filter(
            provider=self.provider,
            kind=PaymentEvent.Kind.CAPTURED,
            occurred_at__gte=self.since,
            occurred_at__lt=self.until,
        )
        rows = Payment.objects.filter(pk__in=facts.values("payment")).select_related("order").order_by("pk")
        for payment in rows.iterator(chunk_size=500):
            if payment.provider_reference not in listed:
                yield from self._unlisted(payment)

    def _unlisted(self, payment: Payment) -> Iterator[Finding]:
        here = Side(payment.captured, payment.currency)
        state = _found(lambda: self._gateway.retrieve(payment.provider_reference))
        if state is None or not state.received:
            detail = "The provider has no such payment." if state is None else "The provider has taken nothing."
            yield Finding(Kind.ORDER_WITHOUT_PAYMENT, payment.provider_reference, payment, here=here, detail=detail)
        elif not _agrees(payment, state.received, state.currency):
            kind = Kind.AMOUNT_DIFFERS if state.currency == payment.currency else Kind.CURRENCY_DIFFERS
            there = Side.of_minor(state.received, state.currency)
            yield Finding(kind, payment.provider_reference, payment, here=here, there=there)

    def _kept_for_cancelled_orders(self) -> Iterator[Finding]:
        """Money that stayed here although its order was cancelled, such as when the refund failed in the end."""
        kept = Payment.objects.filter(
            provider=self.provider,
            order__status=Order.Status.CANCELLED,
            order__cancelled_at__gte=self.since,
            order__cancelled_at__lt=self.until,
            captured__gt=F("refunded") + F("disputed") + F("charged_back"),
        )
        for payment in kept.select_related("order").order_by("pk"):
            here = Side(payment.refundable, payment.currency)
            detail = "The order was cancelled; this much of its money is still here."
            yield Finding(Kind.PAID_WITHOUT_ORDER, payment.provider_reference, payment, here=here, detail=detail)

    # Refunds

    def _compare_refunds(self) -> Iterator[Finding]:
        listed: set[str] = set()
        for page in self._pages(self._gateway.list_refunds):
            self.refunds += len(page)
            listed.update(row.reference for row in page)
            rows = Refund.objects.filter(
                payment__provider=self.provider, provider_reference__in=[row.reference for row in page]
            )
            ours = {row.provider_reference: row for row in rows.select_related("payment__order")}
            for row in page:
                yield from self._refund(row, ours.get(row.reference))
        yield from self._unlisted_refunds(listed)

    def _refund(self, row: ProviderRefund, ours: Refund | None) -> Iterator[Finding]:
        if ours is None and row.state == "succeeded" and not self._is_release(row):
            yield self._heal_refund(row, None)
        elif ours is not None and row.state != "pending" and ours.status != row.state:
            yield self._heal_refund(row, ours)
        elif ours is not None and row.amount != to_minor(ours.amount, ours.payment.currency):
            currency = ours.payment.currency
            here, there = Side(ours.amount, currency), Side.of_minor(row.amount, currency)
            yield Finding(Kind.AMOUNT_DIFFERS, row.reference, ours.payment, here=here, there=there)

    def _is_release(self, row: ProviderRefund) -> bool:
        """Money that was held and let go is listed as a refund by some providers: we note it as voided."""
        voided = PaymentEvent.objects.filter(
            provider=self.provider, provider_reference=row.payment, kind=PaymentEvent.Kind.VOIDED
        ).select_related("payment")
        return any(to_minor(fact.amount, fact.payment.currency) == row.amount for fact in voided)

    def _heal_refund(self, row: ProviderRefund, ours: Refund | None) -> Finding:
        """Take a refund's end in as its message would have done."""
        healed = _worked(lambda: refunds.follow(provider=self.provider, reference=row.reference))
        payment = ours.payment if ours else self._payments([row.payment]).get(row.payment)
        there = Side.of_minor(row.amount, payment.currency) if payment else None
        gone = row.state == "succeeded"
        return Finding(
            Kind.REFUND_MISSING_HERE if gone else Kind.REFUND_MISSING_THERE,
            row.reference,
            payment,
            here=Side(ours.amount, ours.payment.currency) if ours else None,
            there=there if gone else None,
            detail="" if payment else f"Of an unknown payment, {row.payment}.",
            healed=healed,
        )

    def _unlisted_refunds(self, listed: set[str]) -> Iterator[Finding]:
        rows = Refund.objects.filter(
            payment__provider=self.provider,
            status=Refund.Status.SUCCEEDED,
            succeeded_at__gte=self.since,
            succeeded_at__lt=self.until,
        )
        for ours in rows.select_related("payment__order").order_by("pk").iterator(chunk_size=500):
            if ours.provider_reference in listed or not ours.provider_reference:
                continue
            reference = ours.provider_reference
            row = _found(lambda asked=reference: self._gateway.retrieve_refund(asked))  # type: ignore[misc]
            if row is None:
                here = Side(ours.amount, ours.payment.currency)
                yield Finding(Kind.REFUND_MISSING_THERE, reference, ours.payment, here=here)
            else:
                yield from self._refund(row, ours)

    # Disputes

    def _compare_disputes(self) -> Iterator[Finding]:
        listed: set[str] = set()
        for page in self._pages(self._gateway.list_disputes):
            self.disputes += len(page)
            listed.update(row.reference for row in page)
            rows = Dispute.objects.filter(
                provider=self.provider, provider_reference__in=[row.reference for row in page]
            )
            ours = dict(rows.values_list("provider_reference", "status"))
            for row in page:
                if ours.get(row.reference) != row.status:
                    yield self._heal_dispute(row, known=row.reference in ours)
        yield from self._unlisted_disputes(listed)

    def _heal_dispute(self, row: ProviderDispute, *, known: bool) -> Finding:
        healed = _worked(lambda: disputes.follow(provider=self.provider, reference=row.reference))
        payment = self._payments([row.payment]).get(row.payment)
        there = Side.of_minor(row.amount, payment.currency) if payment else None
        detail = f"Its end, {row.status}, was not heard." if known else f"For {row.reason}, {row.status}."
        return Finding(Kind.DISPUTE_MISSING_HERE, row.reference, payment, there=there, detail=detail, healed=healed)

    def _unlisted_disputes(self, listed: set[str]) -> Iterator[Finding]:
        rows = Dispute.objects.filter(provider=self.provider, created_at__gte=self.since, created_at__lt=self.until)
        for ours in rows.select_related("payment__order").order_by("pk"):
            reference = ours.provider_reference
            if reference in listed:
                continue
            if _found(lambda asked=reference: self._gateway.retrieve_dispute(asked)) is None:  # type: ignore[misc]
                here = Side(ours.amount, ours.payment.currency)
                yield Finding(Kind.DISPUTE_MISSING_THERE, reference, ours.payment, here=here)


def _agrees(payment: Payment, captured: int, currency: str) -> bool:
    return payment.currency == currency and to_minor(payment.captured, currency) == captured


def _unknown(charge: ProviderCharge) -> Finding:
    """Money that no payment of ours asked for. When it bears the mark of an order that is paid, it came twice."""
    order = _order_of(charge)
    if order is not None and order.payments.filter(captured__gt=0).exists():
        return _duplicate(charge, order)
    there = Side.of_minor(charge.captured, charge.currency)
    return Finding(Kind.PAID_WITHOUT_ORDER, charge.reference, order=order, there=there)


def _duplicate(charge: ProviderCharge, order: Order) -> Finding:
    there = Side.of_minor(charge.captured, charge.currency)
    return Finding(Kind.DUPLICATE_CHARGE, charge.reference, order=order, there=there, detail="The order is paid.")


def _order_of(charge: ProviderCharge) -> Order | None:
    try:
        found = Payment.objects.select_related("order").filter(pk=UUID(charge.ours)).first()
    except ValueError:
        found = None
    if found is not None:
        return found.order
    return Order.objects.filter(number=charge.order_number).first() if charge.order_number else None


def _found(ask: Callable[[], T]) -> T | None:
    """What the provider answers; None when it says that there is no such thing."""
    try:
        return ask()
    except ProviderRefused as refusal:
        if refusal.code in MISSING:
            return None
        raise


def _worked(heal: Callable[[], Any]) -> bool:
    try:
        heal()
    except (LookupError, Problem, ProviderRefused):
        return False
    return True
