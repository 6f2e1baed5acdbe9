"""Kept cards at Stripe: customers, SetupIntents and attached payment methods. See `CardVault`."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from apps.payments.gateways.base import MISSING, ProviderRefused
from apps.payments.gateways.stripe_objects import subject_of
from apps.payments.gateways.vault import ProviderCard, ProviderSetup, SetupState

_STATES: dict[str, SetupState] = {
    "requires_payment_method": "created",
    "requires_confirmation": "created",
    "requires_action": "requires_action",
    "processing": "processing",
    "succeeded": "succeeded",
    "canceled": "cancelled",
}
MOST_CARDS = 100


class StripeCards:
    """The part of the Stripe gateway that keeps cards; `_ask` is the gateway's."""

    _ask: Any

    def create_customer(self, *, user_id: UUID, email: str) -> str:
        fields = {"email": email, "metadata": {"user": str(user_id)}}
        key = {"idempotency_key": f"customer-{user_id}"}
        return str(self._ask(lambda client: client.v1.customers.create(fields, key)).id)

    def delete_customer(self, reference: str) -> None:
        self._unless_gone(lambda client: client.v1.customers.delete(reference))

    def create_setup(self, *, customer: str) -> ProviderSetup:
        fields = {"customer": customer, "usage": "off_session", "automatic_payment_methods": {"enabled": True}}
        return _setup(self._ask(lambda client: client.v1.setup_intents.create(fields)))

    def confirm_setup(self, reference: str, *, payment_method: str, return_url: str) -> ProviderSetup:
        fields = {"payment_method": payment_method, "return_url": return_url}
        return _setup(self._ask(lambda client: client.v1.setup_intents.confirm(reference, fields)))

    def list_cards(self, customer: str) -> list[ProviderCard]:
        wanted = {"type": "card", "limit": MOST_CARDS}
        try:
            page = self._ask(lambda client: client.v1.customers.payment_methods.list(customer, wanted))
        except ProviderRefused as refusal:
            if refusal.code in MISSING:
                return []
            raise
        return [_card(row) for row in reversed(page.to_dict()["data"])]

    def detach_card(self, reference: str) -> None:
        self._unless_gone(lambda client: client.v1.payment_methods.detach(reference))

    def assign_customer(self, reference: str, *, customer: str) -> None:
        self._ask(lambda client: client.v1.payment_intents.update(reference, {"customer": customer}))

    def customer_of_event(self, payload: Mapping[str, Any]) -> str | None:
        subject = subject_of(payload)
        if subject.get("object") == "customer":
            return str(subject["id"])
        before = (payload.get("data") or {}).get("previous_attributes") or {}
        found = subject.get("customer") or before.get("customer")
        return str(found) if found else None

    def _unless_gone(self, call: Any) -> None:
        """Stripe refuses to take away what is gone: then nothing is left to do."""
        try:
            self._ask(call)
        except ProviderRefused as refusal:
            if refusal.code not in MISSING and "not attached" not in refusal.detail:
                raise


def _setup(intent: Any) -> ProviderSetup:
    data = intent.to_dict()
    return ProviderSetup(
        reference=data["id"],
        state=_STATES[data["status"]],
        client_secret=data.get("client_secret") or "",
        next_action=data.get("next_action"),
    )


def _card(row: dict[str, Any]) -> ProviderCard:
    card = row["card"]
    return ProviderCard(
        reference=row["id"],
        brand=str(card["brand"])[:20],
        last4=str(card["last4"])[:4],
        exp_month=int(card["exp_month"]),
        exp_year=int(card["exp_year"]),
    )
