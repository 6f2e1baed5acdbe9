"""Money that comes by hand: bank transfer, cash on delivery. Staff say when it is there; no network is involved."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NoReturn
from uuid import UUID

from apps.common.money import to_minor
from apps.payments.gateways.base import (
    Page,
    PaymentState,
    ProviderCharge,
    ProviderDispute,
    ProviderPayment,
    ProviderRefund,
    ProviderRefused,
    SignatureInvalid,
)
from apps.payments.models import Payment, Refund

_STATES: dict[str, PaymentState] = {
    Payment.Status.SUCCEEDED: "succeeded",
    Payment.Status.CANCELLED: "cancelled",
}


class ManualGateway:
    """See `Gateway`. The provider is the shop itself: a payment stands as our own row says."""

    provider = Payment.Provider.MANUAL
    prefix = "manual"

    def create(
        self, *, payment_id: UUID, attempt: int, order_number: str, amount: int, currency: str
    ) -> ProviderPayment:
        return ProviderPayment(
            reference=f"{self.prefix}_{payment_id}", state="processing", amount=amount, received=0, currency=currency
        )

    def retrieve(self, reference: str) -> ProviderPayment:
        payment = Payment.objects.get(provider=self.provider, provider_reference=reference)
        return ProviderPayment(
            reference=reference,
            state=_STATES.get(payment.status, "processing"),
            amount=to_minor(payment.amount, payment.currency),
            received=to_minor(payment.captured, payment.currency),
            currency=payment.currency,
        )

    def confirm(self, reference: str, *, payment_method: str, return_url: str) -> ProviderPayment:
        return self.retrieve(reference)

    def capture(self, reference: str, *, amount: int) -> ProviderPayment:
        return self.retrieve(reference)

    def cancel(self, reference: str) -> ProviderPayment:
        now = self.retrieve(reference)
        return ProviderPayment(
            reference=reference, state="cancelled", amount=now.amount, received=now.received, currency=now.currency
        )

    def refund(self, *, refund_id: UUID, attempt: int, repeated: bool, reference: str, amount: int) -> ProviderRefund:
        """Staff hand the money back themselves; asking for the refund is their note of it."""
        return ProviderRefund(
            f"{self.prefix}_{refund_id}", "succeeded", amount=amount, payment=reference, ours=str(refund_id)
        )

    def retrieve_refund(self, reference: str) -> ProviderRefund:
        if not Refund.objects.filter(provider_reference=reference).exists():
            raise ProviderRefused("not_found", "There is no such refund.")
        return ProviderRefund(reference, "succeeded")

    def read_event(self, *, body: bytes, headers: Mapping[str, str]) -> NoReturn:
        raise SignatureInvalid

    def verify_event(self, payload: Mapping[str, Any], proof: Mapping[str, str]) -> None:
        """There are no messages."""

    def payment_of_event(self, payload: Mapping[str, Any]) -> str | None:
        return None

    def refund_of_event(self, payload: Mapping[str, Any]) -> str | None:
        return None

    def dispute_of_event(self, payload: Mapping[str, Any]) -> str | None:
        return None

    def retrieve_dispute(self, reference: str) -> NoReturn:
        raise ProviderRefused("not_found", "There is no such dispute.")

    def list_charges(self, *, since: datetime, until: datetime, after: str = "") -> Page[ProviderCharge]:
        return Page([])

    def list_refunds(self, *, since: datetime, until: datetime, after: str = "") -> Page[ProviderRefund]:
        return Page([])

    def list_disputes(self, *, since: datetime, until: datetime, after: str = "") -> Page[ProviderDispute]:
        return Page([])
