"""Stripe's documented test cards: token, number, and what each one does."""

from __future__ import annotations

from dataclasses import dataclass

GENERIC = ("card_declined", "generic_decline", "Your card was declined.")
FUNDS = ("card_declined", "insufficient_funds", "Your card has insufficient funds.")
LOST = ("card_declined", "lost_card", "Your card was declined.")
STOLEN = ("card_declined", "stolen_card", "Your card was declined.")
FRAUD = ("card_declined", "fraudulent", "Your card was declined.")
TOO_OFTEN = (
    "card_declined",
    "card_velocity_exceeded",
    "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
)
EXPIRED = ("expired_card", None, "Your card has expired.")
CVC = ("incorrect_cvc", None, "Your card's security code is incorrect.")
NUMBER = ("incorrect_number", None, "Your card number is incorrect.")
PROCESSING = (
    "processing_error",
    None,
    "An error occurred while processing your card. Try again in a little bit.",
)
NOT_A_TEST_CARD = (
    "card_declined",
    "test_mode_live_card",
    "Your card was declined. Your request was in test mode, but used a non test card. "
    "For a list of valid test cards, visit: https://stripe.com/docs/testing.",
)
AUTHENTICATE_FIRST = (
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)

Decline = tuple[str, str | None, str]


@dataclass(frozen=True)
class Card:
    """`authenticate`: never, always, or until_set_up (off-session payments pass once it was saved).

    `refund`: succeeded, pending (until told), or failed (succeeds, then fails when told).
    `attachable`: a declining card that may still be saved to a customer. `risk`: Radar's level and score.
    """

    token: str
    number: str
    brand: str = "visa"
    funding: str = "credit"
    decline: Decline | None = None
    authenticate: str = "never"
    dispute: str | None = None
    refund: str = "succeeded"
    attachable: bool = True
    risk: tuple[str, int] = ("normal", 12)


def _declining(token: str, number: str, decline: Decline) -> Card:
    return Card(token, number, decline=decline, attachable=False)


CARDS = (
    Card("visa", "4242424242424242"),
    Card("visa_debit", "4000056655665556", funding="debit"),
    Card("mastercard", "5555555555554444", brand="mastercard"),
    Card("mastercard_2series", "2223003122003222", brand="mastercard"),
    Card("mastercard_debit", "5200828282828210", brand="mastercard", funding="debit"),
    Card("mastercard_prepaid", "5105105105105100", brand="mastercard", funding="prepaid"),
    Card("amex", "378282246310005", brand="amex"),
    Card("amex_2", "371449635398431", brand="amex"),
    Card("discover", "6011111111111117", brand="discover"),
    Card("diners", "3056930009020004", brand="diners"),
    Card("jcb", "3566002020360505", brand="jcb"),
    Card("unionpay", "6200000000000005", brand="unionpay"),
    _declining("chargeDeclined", "4000000000000002", GENERIC),
    _declining("chargeDeclinedInsufficientFunds", "4000000000009995", FUNDS),
    _declining("chargeDeclinedLostCard", "4000000000009987", LOST),
    _declining("chargeDeclinedStolenCard", "4000000000009979", STOLEN),
    _declining("chargeDeclinedExpiredCard", "4000000000000069", EXPIRED),
    _declining("chargeDeclinedIncorrectCvc", "4000000000000127", CVC),
    _declining("chargeDeclinedProcessingError", "4000000000000119", PROCESSING),
    _declining("chargeDeclinedVelocityLimitExceeded", "4000000000006975", TOO_OFTEN),
    _declining("chargeDeclinedFraudulent", "4100000000000019", FRAUD),
    Card("chargeCustomerFail", "4000000000000341", decline=GENERIC),
    Card("threeDSecureOptional", "4000000000003055"),
    Card("threeDSecure2Required", "4000000000003220", authenticate="always"),
    Card("threeDSecureRequired", "4000000000003063", authenticate="always"),
    Card("authenticationRequired", "4000002760003184", authenticate="always"),
    Card("authenticationRequiredOnSetup", "4000002500003155", authenticate="until_set_up"),
    Card("threeDSecureRequiredChargeDeclined", "4000008400001629", decline=GENERIC, authenticate="always"),
    Card("threeDSecureRequiredProcessingError", "4000008400001280", decline=PROCESSING, authenticate="always"),
    Card(
        "authenticationRequiredChargeDeclinedInsufficientFunds",
        "4000008260003178",
        decline=FUNDS,
        authenticate="always",
    ),
    Card("riskLevelElevated", "4000000000009235", risk=("elevated", 68)),
    Card("riskLevelHighest", "4000000000004954", risk=("highest", 88)),
    Card("createDispute", "4000000000000259", dispute="fraudulent"),
    Card("createDisputeProductNotReceived", "4000000000002685", dispute="product_not_received"),
    Card("pendingRefund", "4000000000007726", refund="pending"),
    Card("refundFail", "4000000000005126", refund="failed"),
)
BY_NUMBER = {card.number: card for card in CARDS}
BY_TOKEN = {card.token.lower(): card for card in CARDS} | {"radarblock": BY_NUMBER["4100000000000019"]}


def by_token(token: str) -> Card | None:
    """`pm_card_visa`, `tok_visa`, and the newer spelling `pm_card_visa_chargeDeclined`."""
    for prefix in ("pm_card_", "tok_"):
        if token.startswith(prefix):
            name = token[len(prefix) :].lower()
            return BY_TOKEN.get(name) or BY_TOKEN.get(name.removeprefix("visa_"))
    return None


def passes_luhn(number: str) -> bool:
    if not number.isascii() or not number.isdigit() or not 12 <= len(number) <= 19:
        return False
    total = 0
    for index, digit in enumerate(reversed(number)):
        value = int(digit) * (1 + index % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
