"""Business errors: what services raise and the API edge turns into RFC 9457 problem documents.

A business error is defined beside the function that raises it, by subclassing one of these with its own `code`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One rejected field: where (JSON pointer into the body, or a query parameter), which code, and safe text."""

    code: str
    detail: str
    pointer: str | None = None
    parameter: str | None = None

    def as_json(self) -> dict[str, str]:
        where = {"parameter": self.parameter} if self.parameter is not None else {"pointer": self.pointer or ""}
        return {**where, "code": self.code, "detail": self.detail}


class Problem(Exception):  # noqa: N818 - named after the document it becomes
    """An expected failure with an HTTP status and a stable machine-readable code.

    `detail` is shown to clients and must be safe; `extra` members join the problem document. One that is not `final` is
    not kept under an Idempotency-Key: the same request may succeed later.
    """

    status: ClassVar[int] = 400
    final: ClassVar[bool] = True
    code: str = "validation_error"
    detail: str = "The request cannot be carried out."

    def __init__(
        self,
        detail: str | None = None,
        *,
        code: str | None = None,
        errors: Sequence[FieldError] = (),
        extra: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.detail = detail or type(self).detail
        self.code = code or type(self).code
        self.errors = tuple(errors)
        self.extra = dict(extra or {})
        self.headers = dict(headers or {})
        super().__init__(f"{self.code}: {self.detail}")


class Invalid(Problem):
    """400: the payload does not fit a field rule. Use `Invalid.field(...)` to name the field."""

    status = 400
    detail = "The request body is not valid."

    @classmethod
    def field(cls, pointer: str, code: str, detail: str) -> "Invalid":
        """A rejection of one body field, named by its JSON pointer (`/items/0/sku`)."""
        return cls(errors=[FieldError(code=code, detail=detail, pointer=pointer)])

    @classmethod
    def parameter(cls, name: str, code: str, detail: str) -> "Invalid":
        """A rejection of one query parameter."""
        return cls(
            "A query parameter is not valid.",
            code=code if code in PARAMETER_CODES else None,
            errors=[FieldError(code=code, detail=detail, parameter=name)],
        )


PARAMETER_CODES = frozenset({"unknown_parameter", "repeated_parameter", "empty_parameter", "unsupported_currency"})


class Unauthenticated(Problem):
    status = 401
    code = "authentication_required"
    detail = "Sign in first."


class PaymentRequired(Problem):
    status = 402
    code = "payment_declined"
    detail = "The payment was declined."


class Forbidden(Problem):
    status = 403
    code = "permission_denied"
    detail = "You may not do this."


class NotFound(Problem):
    status = 404
    code = "not_found"
    detail = "Not found."


class Conflict(Problem):
    """409: a valid request that the present state forbids."""

    status = 409
    code = "conflict"
    detail = "The present state forbids this."


class Gone(Problem):
    status = 410
    code = "token_expired"
    detail = "This is no longer available."


class PreconditionFailed(Problem):
    status = 412
    code = "precondition_failed"
    detail = "The resource has changed since you read it."


class PayloadTooLarge(Problem):
    status = 413
    code = "payload_too_large"
    detail = "The request body is too large."


class UnsupportedMedia(Problem):
    status = 415
    code = "unsupported_media_type"
    detail = "This media type is not supported."


class Unprocessable(Problem):
    status = 422
    code = "idempotency_key_reused"
    detail = "This Idempotency-Key was used with another request."


class Throttled(Problem):
    status = 429
    code = "throttled"
    detail = "Too many requests. Try again later."


class UpstreamFailed(Problem):
    status = 502
    code = "payment_provider_error"
    detail = "The payment provider did not answer as expected. Nothing was charged twice; try again."


class Unavailable(Problem):
    status = 503
    code = "unavailable"
    detail = "A part of the service is down. Try again shortly."

    def __init__(self, detail: str | None = None, **kwargs: Any) -> None:
        kwargs.setdefault("headers", {"Retry-After": "2"})
        super().__init__(detail, **kwargs)
