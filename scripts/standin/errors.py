"""The error envelope of Stripe's API: {"error": {type, code, param, message, ...}}."""

from __future__ import annotations

from typing import Any

DOC_URL = "https://stripe.com/docs/error-codes/"


class ApiError(Exception):
    """An answer other than 200.

    `stored` says whether an Idempotency-Key remembers it: Stripe forgets what failed before the endpoint
    began its work (bad key, bad parameters, conflicts) and remembers the rest, declines and 500s included.
    """

    def __init__(self, status: int, error: dict[str, Any], *, stored: bool = True) -> None:
        super().__init__(str(error.get("message", "")))
        self.status = status
        self.stored = stored
        self.error = {key: value for key, value in error.items() if value is not None}
        if "code" in self.error and "doc_url" not in self.error:
            self.error["doc_url"] = DOC_URL + str(self.error["code"]).replace("_", "-")


def invalid(message: str, *, param: str | None = None, code: str | None = None, stored: bool = False) -> ApiError:
    """400 for a parameter that does not fit."""
    return ApiError(
        400,
        {"type": "invalid_request_error", "code": code, "param": param, "message": message},
        stored=stored,
    )


def missing_param(name: str) -> ApiError:
    return invalid(f"Missing required param: {name}.", param=name, code="parameter_missing")


def no_such(label: str, object_id: str, *, param: str, status: int = 404) -> ApiError:
    """404 for an id in the path, 400 for an id in the body."""
    error = {
        "type": "invalid_request_error",
        "code": "resource_missing",
        "param": param,
        "message": f"No such {label}: '{object_id}'",
    }
    return ApiError(status, error, stored=False)


def wrong_state(message: str, *, code: str, **embedded: Any) -> ApiError:
    """400 for an object whose status forbids the call; the object travels along, as Stripe does it."""
    return ApiError(400, {"type": "invalid_request_error", "code": code, "message": message, **embedded})
