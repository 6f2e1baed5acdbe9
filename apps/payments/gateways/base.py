"""What the shop asks of a payment provider, in the shop's own words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Literal, Protocol, TypeVar
from uuid import UUID

PaymentState = Literal[
    "created", "requires_action", "processing", "approved", "authorised", "succeeded", "failed", "cancelled"
]
RefundState = Literal["pending", "succeeded", "failed"]
DisputeStatus = Literal["needs_response", "under_review", "won", "lost"]
Row = TypeVar("Row")
# Codes of refusals that say: there is no such object.
MISSING = frozenset({"resource_missing", "resource_not_found", "not_found"})


@dataclass(frozen=True, slots=True)
class Attempt:
    """The last try to take a payment's money: the card's fingerprint and the provider's own word on the risk."""

    reference: str = ""
    fingerprint: str = ""
    risk_level: str = ""
    risk_score: int | None = None


@dataclass(frozen=True, slots=True)
class ProviderPayment:
    """A payment as the provider knows it. Amounts are in the currency's smallest unit."""

    reference: str
    state: PaymentState
    amount: int
    received: int
    currency: str
    client_secret: str = ""
    next_action: Mapping[str, Any] | None = None
    failure_code: str = ""
    failure_detail: str = ""
    method: str = ""
    manual_capture: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)
    attempt: Attempt = Attempt()


@dataclass(frozen=True, slots=True)
class ProviderRefund:
    """A refund as the provider knows it."""

    reference: str
    state: RefundState
    failure_detail: str = ""
    amount: int = 0
    payment: str = ""  # reference of the payment it belongs to
    ours: str = ""  # the id that we gave it, when we made it


@dataclass(frozen=True, slots=True)
class ProviderDispute:
    """A buyer's complaint at the bank as the provider knows it; `amount` in the currency's smallest unit."""

    reference: str
    payment: str
    status: DisputeStatus
    reason: str
    amount: int
    takes_money: bool = True
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ProviderCharge:
    """One taking of money in the provider's list; `captured` in the currency's smallest unit."""

    reference: str
    payment: str  # reference of the payment it belongs to
    captured: int
    currency: str
    ours: str = ""  # the payment's id that we gave it
    order_number: str = ""


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """A part of a provider's list; `after` asks for the next one, empty at the end."""

    rows: list[Row]
    after: str = ""


@dataclass(frozen=True, slots=True)
class ProviderEvent:
    """A message of the provider: verified, or with what its verification takes."""

    id: str
    type: str
    payload: dict[str, Any]
    # What the provider has to be shown to say whether the message is its own; empty when that is known.
    proof: Mapping[str, str] = field(default_factory=dict)


class ProviderUnavailable(Exception):  # noqa: N818 - a state, like its siblings
    """No definite answer: time-out, connection lost, 5xx, 429, or a key of ours that a person has to mend (401, 403).

    Asking again is safe.
    `answered` tells a 500 that the provider gave and will repeat under the same idempotency key: the next attempt needs
    a fresh key. After a silence the key must stay the same, for the work may still be done.
    """

    def __init__(self, why: str, *, answered: bool = False) -> None:
        self.answered = answered
        super().__init__(why)


class ProviderPaused(ProviderUnavailable):
    """The provider failed too often in a row and is left alone for `retry_after` seconds."""

    def __init__(self, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__("circuit open")


class ProviderRefused(Exception):  # noqa: N818
    """A definite no that asking again will not change. Of a `declined` card the detail is written for the shopper."""

    def __init__(self, code: str, detail: str, *, declined: bool = False) -> None:
        self.code, self.detail, self.declined = code, detail, declined
        super().__init__(f"{code}: {detail}")


class SignatureInvalid(Exception):  # noqa: N818
    """A message that the provider has not signed, or not now."""


class Gateway(Protocol):
    """A payment provider. Calls take the network and must never be made inside a transaction."""

    def create(
        self, *, payment_id: UUID, attempt: int, order_number: str, amount: int, currency: str
    ) -> ProviderPayment:
        """Open a payment; the same id and attempt give the same one. Raises ProviderUnavailable or ProviderRefused."""

    def retrieve(self, reference: str) -> ProviderPayment:
        """The payment as it stands now."""

    def confirm(self, reference: str, *, payment_method: str, return_url: str) -> ProviderPayment:
        """Try to pay with a method; a declined card is a state (`failed`), not an error."""

    def cancel(self, reference: str) -> ProviderPayment:
        """Give up a payment; answers its state when it cannot be cancelled any more."""

    def capture(self, reference: str, *, amount: int) -> ProviderPayment:
        """Take money that was authorised, all or a part; the rest is released. Its state when it is too late."""

    def refund(self, *, refund_id: UUID, attempt: int, repeated: bool, reference: str, amount: int) -> ProviderRefund:
        """Send money back, once per `refund_id` whatever the attempt; `repeated` when it was tried before."""

    def retrieve_refund(self, reference: str) -> ProviderRefund:
        """A refund as it stands now; some take the bank days."""

    def read_event(self, *, body: bytes, headers: Mapping[str, str]) -> ProviderEvent:
        """Read a message from its raw bytes, verified when that takes no network; its payload comes without secrets.

        Raises SignatureInvalid.
        """

    def verify_event(self, payload: Mapping[str, Any], proof: Mapping[str, str]) -> None:
        """Ask the provider whether a message is its own. Raises SignatureInvalid."""

    def payment_of_event(self, payload: Mapping[str, Any]) -> str | None:
        """Reference of the payment an event is about; None when it is about something else."""

    def refund_of_event(self, payload: Mapping[str, Any]) -> str | None:
        """Reference of the refund an event is about; None when it is about something else."""

    def dispute_of_event(self, payload: Mapping[str, Any]) -> str | None:
        """Reference of the dispute an event is about; None when it is about something else."""

    def retrieve_dispute(self, reference: str) -> ProviderDispute:
        """A dispute as it stands now."""

    def list_charges(self, *, since: datetime, until: datetime, after: str = "") -> Page[ProviderCharge]:
        """What was charged from `since` to before `until`, page by page; empty where the provider keeps no list."""

    def list_refunds(self, *, since: datetime, until: datetime, after: str = "") -> Page[ProviderRefund]:
        """The refunds of a span of time."""

    def list_disputes(self, *, since: datetime, until: datetime, after: str = "") -> Page[ProviderDispute]:
        """The disputes of a span of time."""
