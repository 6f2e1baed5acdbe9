"""Every 4xx and 5xx of the API as an RFC 9457 problem document."""

import sys
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

import structlog
from django.core.exceptions import (
    BadRequest,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
)
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions as drf
from rest_framework.response import Response

from apps.common.api.renderers import dumps
from apps.common.context import current_request_id
from apps.common.errors import FieldError, Forbidden, Invalid, NotFound, PayloadTooLarge, Problem, Unavailable

log = structlog.get_logger(__name__)

CONTENT_TYPE = "application/problem+json"
# DRF's texts for these echo what the client sent; a problem document never does.
_SAFE_DETAILS = {
    "invalid_choice": "This is not one of the allowed values.",
    "does_not_exist": "This does not exist.",
    "incorrect_type": "This has the wrong type.",
    "not_a_list": "Expected a list.",
    "not_a_dict": "Expected an object.",
}
_DRF_CODES = {
    "not_authenticated": "authentication_required",
    "authentication_failed": "token_invalid",
    "permission_denied": "permission_denied",
    "not_found": "not_found",
    "method_not_allowed": "method_not_allowed",
    "not_acceptable": "not_acceptable",
    "unsupported_media_type": "unsupported_media_type",
    "throttled": "throttled",
    "parse_error": "malformed_request",
}


def problem_body(
    *,
    status: int,
    code: str,
    detail: str,
    errors: tuple[FieldError, ...] = (),
    extra: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The members of a problem document. `type` is a relative reference to a page of this server."""
    body: dict[str, Any] = {
        "type": f"/problems/{code.replace('_', '-')}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": current_request_id(),
    }
    if errors:
        body["errors"] = [error.as_json() for error in errors]
    return {**body, **(extra or {})}


def problem_handler(exc: Exception, context: dict[str, Any]) -> Response:
    """DRF's EXCEPTION_HANDLER. Unexpected errors are logged with their trace and answered as a bare 500."""
    problem = as_problem(exc)
    if problem is None:
        log.exception("unexpected_error", error=type(exc).__name__)
        body = problem_body(status=500, code="server_error", detail="Something went wrong on our side.")
        return Response(body, status=500, content_type=CONTENT_TYPE)
    if problem.status >= 500:
        log.warning("problem", code=problem.code, cause=repr(exc.__cause__ or exc)[:300])
    response = Response(
        problem_body(
            status=problem.status,
            code=problem.code,
            detail=problem.detail,
            errors=problem.errors,
            extra=problem.extra,
        ),
        status=problem.status,
        headers=problem.headers,
        content_type=CONTENT_TYPE,
    )
    if problem.status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="api"'
    return response


# What Django raises, and the problem it stands for; the first that fits counts.
_DJANGO: tuple[tuple[type[Exception] | tuple[type[Exception], ...], Callable[[], Problem]], ...] = (
    (Http404, NotFound),
    (PermissionDenied, Forbidden),
    ((RequestDataTooBig, TooManyFieldsSent), PayloadTooLarge),
    ((SuspiciousOperation, BadRequest), lambda: Invalid("The request is malformed.", code="malformed_request")),
    ((OperationalError, InterfaceError), Unavailable),
)


def as_problem(exc: Exception) -> Problem | None:
    """The problem an exception stands for; None when it is a bug."""
    if isinstance(exc, Problem):
        return exc
    if isinstance(exc, drf.ValidationError):
        return Invalid(errors=list(field_errors(exc.detail)))
    if isinstance(exc, drf.APIException):
        return _from_drf(exc)
    return next((problem() for kind, problem in _DJANGO if isinstance(exc, kind)), None)


def _from_drf(exc: drf.APIException) -> Problem:
    code = exc.get_codes() if isinstance(exc.get_codes(), str) else "error"
    headers = {}
    wait = getattr(exc, "wait", None)  # of DRF's Throttled
    if wait:
        headers["Retry-After"] = str(int(wait) + 1)
    problem = Problem(
        "Sign in first."
        if isinstance(exc, drf.NotAuthenticated)
        else str(exc.default_detail).format(method="this", media_type="this"),
        code=_DRF_CODES.get(str(code), str(code)),
        headers=headers,
    )
    problem.status = exc.status_code  # type: ignore[misc]
    return problem


def field_errors(detail: Any, pointer: str = "") -> Iterator[FieldError]:
    """Flatten DRF's nested validation detail into one entry per field, named by JSON pointer."""
    if isinstance(detail, dict):
        for key, value in detail.items():
            here = pointer if key == "non_field_errors" else f"{pointer}/{_escape(str(key))}"
            yield from field_errors(value, here)
    elif isinstance(detail, list) and any(isinstance(item, dict | list) for item in detail):
        for index, item in enumerate(detail):
            yield from field_errors(item, f"{pointer}/{index}")
    elif isinstance(detail, list):
        for item in detail:
            yield from field_errors(item, pointer)
    else:
        code = getattr(detail, "code", "invalid")
        yield FieldError(code=code, detail=_SAFE_DETAILS.get(code, str(detail)), pointer=pointer)


def _escape(token: str) -> str:
    return token[:100].replace("~", "~0").replace("/", "~1")


def plain_problem(status: int, code: str, detail: str) -> HttpResponse:
    """A problem document outside DRF."""
    body = dumps(problem_body(status=status, code=code, detail=detail))
    return HttpResponse(body, status=status, content_type=CONTENT_TYPE)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """handler400: malformed requests that never reached a view (hosts, bodies, encodings)."""
    if isinstance(exception, RequestDataTooBig):
        return plain_problem(413, PayloadTooLarge.code, PayloadTooLarge.detail)
    return plain_problem(400, "malformed_request", "The request is malformed.")


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """handler403."""
    return plain_problem(403, "permission_denied", "You may not do this.")


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """handler404."""
    return plain_problem(404, "not_found", "Not found.")


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500: an error outside the API's views. A database that is down is 503, not 500."""
    exc = sys.exc_info()[1]
    if isinstance(exc, OperationalError | InterfaceError):
        response = plain_problem(503, Unavailable.code, Unavailable.detail)
        response["Retry-After"] = "2"
        return response
    return plain_problem(500, "server_error", "Something went wrong on our side.")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """CSRF_FAILURE_VIEW."""
    return plain_problem(403, "csrf_failed", "The form has expired. Reload the page and try again.")
