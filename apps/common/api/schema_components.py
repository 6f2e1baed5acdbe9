"""Components of the OpenAPI document that no serializer describes: money and problem documents."""

from typing import Any

MONEY_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "An amount of money; `amount` has the currency's own number of decimal places.",
    "required": ["amount", "currency"],
    "properties": {
        "amount": {"type": "string", "pattern": r"^-?\d{1,14}(\.\d{1,4})?$", "maxLength": 20, "example": "19.99"},
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$", "maxLength": 3, "example": "USD"},
    },
    "example": {"amount": "19.99", "currency": "USD"},
}


def _money(description: str) -> dict[str, Any]:
    return {"allOf": [{"$ref": "#/components/schemas/Money"}], "description": description}


# The members beside RFC 9457's own are those that `extra` of a Problem adds.
PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457 problem details. Switch on `code`, never on text.",
    "required": ["type", "title", "status", "code", "detail", "request_id"],
    "properties": {
        "type": {"type": "string", "maxLength": 200, "example": "/problems/insufficient-stock"},
        "title": {"type": "string", "maxLength": 100, "example": "Conflict"},
        "status": {"type": "integer", "format": "int32", "minimum": 400, "maximum": 599, "example": 409},
        "code": {"type": "string", "maxLength": 80, "example": "insufficient_stock"},
        "detail": {"type": "string", "maxLength": 1000, "example": "Not enough in stock."},
        "request_id": {"type": "string", "maxLength": 64, "example": "0199f3a2-7c1e-7d3a-9a55-6f1c2d3e4f50"},
        "errors": {
            "type": "array",
            "description": "The rejected fields, each by its JSON pointer or query parameter.",
            "maxItems": 1000,
            "items": {
                "type": "object",
                "required": ["code", "detail"],
                "properties": {
                    "pointer": {"type": "string", "maxLength": 500, "example": "/items/0/sku"},
                    "parameter": {"type": "string", "maxLength": 100, "example": "page_size"},
                    "code": {"type": "string", "maxLength": 80, "example": "required"},
                    "detail": {"type": "string", "maxLength": 1000, "example": "This field is required."},
                },
            },
        },
        "required_permission": {
            "type": "string",
            "description": "With `permission_denied`: the right that is missing.",
            "maxLength": 100,
            "example": "orders.view_order",
        },
        "allowed": {
            "type": "array",
            "description": "With `invalid_transition`: the moves that are possible now.",
            "maxItems": 20,
            "items": {"type": "string", "maxLength": 40, "example": "cancelled"},
        },
        "items": {
            "type": "array",
            "description": "With `insufficient_stock`, `negative_stock`: what is short; `variant_unavailable`: gone.",
            "maxItems": 100,
            "items": {
                "type": "object",
                "required": ["sku"],
                "properties": {
                    "sku": {"type": "string", "maxLength": 64, "example": "OS-MUG-OAT"},
                    "requested": {"type": "integer", "format": "int32", "minimum": 1, "maximum": 1000000},
                    "available": {"type": "integer", "format": "int32", "minimum": 0, "maximum": 2147483647},
                },
            },
        },
        "coupon": {
            "type": "string",
            "description": "With `coupon_expired` and `coupon_not_applicable`: the code.",
            "maxLength": 40,
            "example": "WELCOME10",
        },
        "promotion": {
            "type": "string",
            "description": "With `price_changed`: the offer that ended in that moment.",
            "maxLength": 120,
        },
        "reason": {
            "type": "string",
            "description": "Why a coupon or an offer does not apply, or a shipping method does not serve.",
            "maxLength": 40,
            "example": "minimum_subtotal_not_reached",
        },
        "on_hand": {
            "type": "integer",
            "format": "int32",
            "description": "With `stock_changed`: what is on hand now.",
            "minimum": -2147483647,
            "maximum": 2147483647,
        },
        "diff": {
            "type": "array",
            "description": "What is not as the client saw it: the line (null: the whole cart), what, before, now, why.",
            "maxItems": 1000,
            "items": {
                "type": "object",
                "required": ["line", "field", "old", "new", "cause", "reason"],
                "properties": {
                    "line": {"type": "string", "format": "uuid", "maxLength": 36, "nullable": True},
                    "field": {"type": "string", "maxLength": 40, "example": "coupon"},
                    "old": {"type": "string", "maxLength": 200, "nullable": True, "example": "WELCOME10"},
                    "new": {"type": "string", "maxLength": 200, "nullable": True, "example": None},
                    "cause": {"type": "string", "maxLength": 80, "example": "coupon_expired"},
                    "reason": {
                        "type": "string",
                        "description": "Of a promotion or coupon: why it does not count.",
                        "maxLength": 80,
                        "nullable": True,
                        "example": "usage_limit_reached",
                    },
                },
            },
        },
        "quote": {
            "description": "With a refused order that relied on a price: a fresh quote; null: there can be none.",
            "nullable": True,
            "allOf": [{"$ref": "#/components/schemas/QuoteOut"}],
        },
        "expected_total": _money("With `price_changed`: what the client expected."),
        "total": _money("With `price_changed`: what it is now."),
        "balance": _money("With `insufficient_store_credit`: what there is."),
        "refundable": _money("With `amount_exceeds_refundable`: what is left to give back."),
        "authorised": _money("With `amount_exceeds_authorised`: what the bank holds."),
        "due": _money("With `amount_exceeds_due`: what is still due."),
        "payment": {
            "type": "string",
            "format": "uuid",
            "description": "With the codes of 402: the payment.",
            "maxLength": 36,
        },
        "decline_code": {
            "type": "string",
            "description": "With `payment_declined`: the bank's reason.",
            "maxLength": 80,
            "example": "insufficient_funds",
        },
        "next_action": {
            "type": "object",
            "description": "With `payment_action_required`: what the shopper must do, in the provider's words.",
            "required": ["type"],
            "properties": {"type": {"type": "string", "maxLength": 80, "example": "redirect_to_url"}},
            "additionalProperties": True,
        },
    },
}
