"""What every request passes through: correlation id, access log, security headers, bodies, forgiving slashes."""

import time
from collections.abc import Callable

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from apps.common.api.exceptions import plain_problem
from apps.common.context import accept_request_id, request_context

log = structlog.get_logger("tradepost.access")
Handler = Callable[[HttpRequest], HttpResponse]

_NOTHING = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_SWAGGER = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self';"
    " connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
# Unfold's bundled Alpine evaluates expressions, hence 'unsafe-eval'; nothing comes from outside.
_ADMIN = (
    "default-src 'self'; script-src 'self' 'unsafe-eval' 'unsafe-inline'; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data: blob:; font-src 'self' data:; frame-src 'self'; frame-ancestors 'self'; base-uri 'self';"
    " form-action 'self'; object-src 'none'"
)
_POLICIES = (("/admin/", _ADMIN), ("/api/docs/", _SWAGGER))


class RequestContextMiddleware:
    """Gives each request its id, writes one log line for it, and sets the headers every answer carries."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = accept_request_id(request.headers.get("X-Request-ID"))
        request.request_id = request_id  # type: ignore[attr-defined]
        started = time.perf_counter()
        with request_context(request_id):
            response = _as_problem(self.get_response(request))
            log.info(
                "request",
                method=request.method,
                path=request.path[:200],
                status=response.status_code,
                ms=round((time.perf_counter() - started) * 1000, 1),
            )
        response["X-Request-ID"] = request_id
        response["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=()"
        if request.path.startswith("/api/"):
            response["API-Version"] = settings.API_RELEASE
        if "Content-Security-Policy" not in response:
            response["Content-Security-Policy"] = next(
                (policy for prefix, policy in _POLICIES if request.path.startswith(prefix)), _NOTHING
            )
        return response


def _as_problem(response: HttpResponse) -> HttpResponse:
    """Django answers some refusals (a method a plain view does not know) with an empty page; say it as a problem."""
    if response.status_code < 400 or response.streaming or response.content:
        return response
    problem = plain_problem(response.status_code, "method_not_allowed", "This method is not known here.")
    if response.status_code != 405:
        problem = plain_problem(response.status_code, "malformed_request", "The request cannot be answered.")
    if "Allow" in response:
        problem["Allow"] = response["Allow"]
    return problem


class TrailingSlashMiddleware:
    """Serves `/api/...` paths without the final slash as if they had it; a redirect would drop a POST's body."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith("/api/") and not request.path_info.endswith("/"):
            request.path_info += "/"
            request.path += "/"
        return self.get_response(request)


class BodyLengthMiddleware:
    """Refuses a chunked body with 411: WSGI lets Django see it as empty, and an empty PATCH succeeds in vain.

    Nginx reads a body to its end and announces its length, so in production nobody meets this.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "Transfer-Encoding" in request.headers and not request.META.get("CONTENT_LENGTH"):
            return plain_problem(411, "length_required", "Send the body with its Content-Length.")
        return self.get_response(request)
