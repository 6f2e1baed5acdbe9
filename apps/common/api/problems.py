"""The closed list of error codes, as clients read it at /api/docs/problems/. A test holds it against the code."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProblemDoc:
    """One code: its usual HTTP status, when it comes, what the client should do."""

    code: str
    status: int
    when: str
    remedy: str


PROBLEMS = (
    ProblemDoc(
        "validation_error",
        400,
        "A body or parameter breaks a rule; `errors` names each field.",
        "Correct the fields.",
    ),
    ProblemDoc(
        "malformed_request",
        400,
        "The body is not JSON, or the request cannot be read.",
        "Send valid UTF-8 JSON.",
    ),
    ProblemDoc("unknown_parameter", 400, "A query parameter that this address does not know.", "Remove it."),
    ProblemDoc(
        "repeated_parameter",
        400,
        "A query parameter was given twice.",
        "Give it once; separate values by commas where allowed.",
    ),
    ProblemDoc("empty_parameter", 400, "A query parameter without a value.", "Leave it out."),
    ProblemDoc("unsupported_currency", 400, "The shop has no prices in this currency.", "Use a supported currency."),
    ProblemDoc("token_invalid", 401, "The token is not ours, was revoked, or is of another kind.", "Sign in again."),
    ProblemDoc(
        "token_expired",
        401,
        "The access token (or a mailed link: 410) is too old.",
        "Refresh, or ask for a new mail.",
    ),
    ProblemDoc(
        "token_reused",
        401,
        "A refresh token was used a second time; its session has ended.",
        "Sign in again.",
    ),
    ProblemDoc("authentication_required", 401, "Nobody is signed in.", "Send an access token."),
    ProblemDoc(
        "invalid_credentials",
        401,
        "E-mail and password do not match an account.",
        "Check both; reset the password.",
    ),
    ProblemDoc("payment_declined", 402, "The bank or the provider refused the payment.", "Try another card."),
    ProblemDoc(
        "payment_action_required",
        402,
        "The shopper must authenticate (3-D Secure).",
        "Follow `next_action`, then confirm again.",
    ),
    ProblemDoc(
        "permission_denied",
        403,
        "Signed in, but without the right; `required_permission` names it.",
        "Ask an administrator.",
    ),
    ProblemDoc("email_unverified", 403, "The account's e-mail is not confirmed.", "Follow the mailed link."),
    ProblemDoc("csrf_failed", 403, "An admin form is too old.", "Reload the page."),
    ProblemDoc("not_found", 404, "There is no such thing, or it is not yours.", "Check the address."),
    ProblemDoc("method_not_allowed", 405, "The address exists, the method does not.", "See the `Allow` header."),
    ProblemDoc("not_acceptable", 406, "The server only speaks JSON here.", "Accept application/json."),
    ProblemDoc("conflict", 409, "The present state forbids the request.", "Read the resource again."),
    ProblemDoc("request_in_progress", 409, "A twin with the same Idempotency-Key still runs.", "Repeat shortly."),
    ProblemDoc("coupon_invalid", 400, "There is no such code.", "Check the spelling."),
    ProblemDoc(
        "coupon_expired",
        409,
        "The code or its offer is over or used up; `reason` says which.",
        "Take it off, or order with the `expected_total` that the cart shows.",
    ),
    ProblemDoc(
        "coupon_not_applicable",
        409,
        "The code does not apply to this cart; `reason` says why.",
        "Change the cart, take the code off, or order with the `expected_total` that the cart shows.",
    ),
    ProblemDoc("insufficient_stock", 409, "Not enough units; `items` lists what is left.", "Lower the quantity."),
    ProblemDoc("variant_unavailable", 409, "The variant is not sold any more.", "Remove it."),
    ProblemDoc(
        "price_changed",
        409,
        "The quote or the `expected_total` does not hold any more; `diff` says what changed and why.",
        "Show the difference, ask again, and order with the fresh `quote`.",
    ),
    ProblemDoc(
        "quote_expired",
        409,
        "The quote has run out; `diff` says what has changed since, if anything.",
        "Order with the fresh `quote`.",
    ),
    ProblemDoc(
        "quantity_not_allowed",
        409,
        "Of a variant the cart holds fewer or more units than may be ordered; `diff` names the nearest quantity.",
        "Set the quantity.",
    ),
    ProblemDoc("cart_empty", 409, "There is nothing to order.", "Add an item."),
    ProblemDoc("cart_already_ordered", 409, "This cart has become an order.", "Use the order; start a new cart."),
    ProblemDoc("address_book_full", 409, "The address book holds as many as it may.", "Remove an address first."),
    ProblemDoc("email_taken", 400, "An account has this e-mail (only where the shop tells).", "Sign in instead."),
    ProblemDoc("cart_full", 409, "The cart has as many different lines as it may.", "Remove a line or order first."),
    ProblemDoc(
        "shipping_unavailable",
        409,
        "The shipping method does not serve this cart or address; `reason` says why.",
        "Choose another method.",
    ),
    ProblemDoc("still_used", 409, "Other rows still refer to this one.", "Delete or change those first."),
    ProblemDoc(
        "invalid_transition",
        409,
        "The state machine forbids this move; `allowed` lists the possible ones.",
        "Choose one of them.",
    ),
    ProblemDoc(
        "not_ready",
        409,
        "The document is not made yet: an invoice is when the order is paid, a label when the return is approved.",
        "Wait.",
    ),
    ProblemDoc(
        "order_on_hold", 409, "Staff hold the order back; `allowed` lists what is possible.", "Release it first."
    ),
    ProblemDoc(
        "exceeds_open_quantity",
        409,
        "More units than are neither in a parcel nor cancelled; `items` lists what is left.",
        "Lower the quantity.",
    ),
    ProblemDoc("return_window_closed", 409, "The order arrived too long ago.", "Write to the shop."),
    ProblemDoc(
        "exceeds_returnable_quantity",
        409,
        "More units than were sent and are in no return; `items` lists what is left.",
        "Lower the quantity.",
    ),
    ProblemDoc("store_credit_needs_account", 409, "Guests have no store credit.", "Register, or choose a refund."),
    ProblemDoc(
        "insufficient_store_credit", 409, "There is not that much store credit; `balance` says what is.", "Lower it."
    ),
    ProblemDoc("too_many_photos", 409, "The return has as many pictures as it may.", "Send the best ones."),
    ProblemDoc("code_invalid", 400, "The collection code is not the parcel's.", "Read it again from the mail."),
    ProblemDoc("not_cancellable", 409, "The order is already on its way or ended.", "Ask for a return."),
    ProblemDoc("already_reviewed", 409, "You have reviewed this product.", "Change your review instead."),
    ProblemDoc("category_not_empty", 409, "The category still has products or children.", "Move them first."),
    ProblemDoc("in_use", 409, "Orders depend on it.", "Switch it off instead."),
    ProblemDoc("has_stock", 409, "There is stock left.", "Move or write off the stock."),
    ProblemDoc("still_waiting", 409, "The mail has not been sent yet (staff screen).", "Wait for it."),
    ProblemDoc("reservation_expired", 409, "The stock was not held any longer.", "Order again."),
    ProblemDoc("negative_stock", 409, "The adjustment would leave less than is reserved.", "Check the count."),
    ProblemDoc("stock_changed", 409, "Not `expected_on_hand` is there but `on_hand`.", "Count again."),
    ProblemDoc("payment_mismatch", 409, "The provider's amount or currency is not the order's.", "Contact the shop."),
    ProblemDoc(
        "amount_exceeds_refundable",
        409,
        "More than what was captured and not yet refunded.",
        "Lower the amount.",
    ),
    ProblemDoc(
        "exceeds_refundable_quantity",
        409,
        "More units than are neither cancelled nor refunded; `items` lists what is left.",
        "Lower the quantity.",
    ),
    ProblemDoc("payment_method_unavailable", 409, "The shop does not take this way to pay.", "See /payments/methods/."),
    ProblemDoc("amount_exceeds_authorised", 409, "More than what the bank holds.", "Lower the amount."),
    ProblemDoc("amount_exceeds_due", 409, "More than what is still due.", "Lower the amount."),
    ProblemDoc(
        "reference_taken",
        409,
        "The reference was booked before, otherwise.",
        "Check the payment; use another reference.",
    ),
    ProblemDoc("length_required", 411, "A body came in chunks.", "Send it whole, with its Content-Length."),
    ProblemDoc("precondition_failed", 412, "`If-Match` names an older version.", "Read again, then repeat."),
    ProblemDoc("payload_too_large", 413, "The body is over the limit.", "Send less."),
    ProblemDoc(
        "file_too_large", 413, "The file is over the limit in bytes, or a picture in pixels.", "Send a smaller one."
    ),
    ProblemDoc("uri_too_long", 414, "The address is longer than the proxy reads.", "Send less in the query."),
    ProblemDoc("unsupported_media_type", 415, "The body is not JSON.", "Set Content-Type: application/json."),
    ProblemDoc("unsupported_image", 415, "The file is not a JPEG, PNG or WebP picture.", "Convert it."),
    ProblemDoc("idempotency_key_reused", 422, "The key was used with another body.", "Use a new key per request."),
    ProblemDoc("throttled", 429, "Too many requests.", "Wait `Retry-After` seconds."),
    ProblemDoc("headers_too_large", 431, "A header is longer than the proxy reads.", "Send less in headers."),
    ProblemDoc("server_error", 500, "A fault on our side, logged under `request_id`.", "Retry later; quote the id."),
    ProblemDoc(
        "payment_provider_error",
        502,
        "The provider did not answer as expected.",
        "Repeat: nothing is charged twice.",
    ),
    ProblemDoc("tax_unavailable", 503, "The tax engine gives no answer.", "Wait `Retry-After` seconds."),
    ProblemDoc("unavailable", 503, "A part is down.", "Wait `Retry-After` seconds."),
    ProblemDoc(
        "gateway_timeout",
        504,
        "The application did not answer the proxy in time.",
        "Repeat a write only with its Idempotency-Key.",
    ),
    ProblemDoc(
        "signature_invalid",
        400,
        "The webhook's signature or time is wrong.",
        "Check the secret and the clock.",
    ),
    ProblemDoc("current_password_invalid", 400, "The present password is wrong.", "Type it again."),
    ProblemDoc("weak_password", 400, "The new password is too easy; `errors` says why.", "Choose a longer one."),
)
