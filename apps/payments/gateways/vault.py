"""What the shop asks of a provider that keeps customers' cards."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol
from uuid import UUID

SetupState = Literal["created", "requires_action", "processing", "succeeded", "cancelled"]


@dataclass(frozen=True, slots=True)
class ProviderCard:
    """A kept card, as people tell it from others."""

    reference: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int


@dataclass(frozen=True, slots=True)
class ProviderSetup:
    """The saving of a card: completed in the browser with the secret, or on the server."""

    reference: str
    state: SetupState
    client_secret: str = ""
    next_action: Mapping[str, Any] | None = None


class CardVault(Protocol):
    """Calls take the network; each raises ProviderUnavailable or ProviderRefused."""

    def create_customer(self, *, user_id: UUID, email: str) -> str:
        """Reference of a new customer; the same user gets the same one."""

    def delete_customer(self, reference: str) -> None:
        """Erase a customer with all cards; nothing happens when there is none."""

    def create_setup(self, *, customer: str) -> ProviderSetup:
        """Begin to save a card."""

    def confirm_setup(self, reference: str, *, payment_method: str, return_url: str) -> ProviderSetup:
        """Save a card that the caller names. Raises ProviderRefused for a declined one."""

    def list_cards(self, customer: str) -> list[ProviderCard]:
        """All cards of a customer, oldest first."""

    def detach_card(self, reference: str) -> None:
        """Forget a card; nothing happens when it is forgotten already."""

    def assign_customer(self, reference: str, *, customer: str) -> None:
        """Let an open payment use the cards of this customer, and of no other."""

    def customer_of_event(self, payload: Mapping[str, Any]) -> str | None:
        """Whose cards an event is about; None when it is about something else."""
