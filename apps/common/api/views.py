"""The base of every API view: strict query, limits that count, idempotency keys, private by default."""

from typing import Any, ClassVar, TypeVar

from rest_framework.exceptions import MethodNotAllowed
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from apps.common import ratelimit
from apps.common.api.query import parse_query
from apps.common.api.serializers import QuerySerializer
from apps.common.errors import NotFound

S = TypeVar("S", bound=BaseSerializer[Any])


class ApiView(APIView):
    """Declare `permission_classes` (or `permissions` per method), `query_class` for GET, `rate_scope` if special.

    `self.query` holds the validated query parameters. Answers are `no-store` unless the view says otherwise.
    """

    query_class: ClassVar[type[QuerySerializer] | None] = None
    permissions: ClassVar[dict[str, list[Any]]] = {}
    rate_scope: ClassVar[str | dict[str, str] | None] = None
    query: dict[str, Any]
    _verdict: ratelimit.Verdict | None = None

    def get_permissions(self) -> Any:
        chosen = self.permissions.get(self._method) if self.request else None
        return [permission() for permission in (chosen if chosen is not None else self.permission_classes)]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        # Limits come before permissions, so that refused calls count too.
        self.format_kwarg = self.get_format_suffix(**kwargs)
        request.accepted_renderer, request.accepted_media_type = self.perform_content_negotiation(request)
        self._limit(request)
        if not hasattr(self, (request.method or "").lower()) or request.method == "OPTIONS":
            raise MethodNotAllowed(request.method or "")
        self.check_permissions(request)
        if any("\x00" in part for part in kwargs.values() if isinstance(part, str)):
            raise NotFound  # no key has a NUL, and the database would not even look for it
        self.query = parse_query(request.query_params, self.query_class if self._method == "GET" else None)

    @property
    def _method(self) -> str:
        """The method whose rules apply: a HEAD is a GET."""
        method = (self.request.method or "").upper()
        return "GET" if method == "HEAD" else method

    def _limit(self, request: Request) -> None:
        try:
            user = request.user  # runs authentication
        except Exception:
            # A bad token counts against its address, else guessing tokens would be free.
            self._count("anonymous", ratelimit.caller(request._request))
            raise
        scope = self.rate_scope.get(self._method) if isinstance(self.rate_scope, dict) else self.rate_scope
        if scope is None:
            scope = "user" if user.is_authenticated else "anonymous"
        self._count(scope, str(user.pk) if user.is_authenticated else ratelimit.caller(request._request))

    def _count(self, scope: str, who: str) -> None:
        self._verdict = ratelimit.hit(scope, who)
        if self._verdict is not None and not self._verdict.allowed:
            raise ratelimit.throttled(self._verdict)

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        if self._verdict is not None:
            for name, value in self._verdict.headers().items():
                response.setdefault(name, value)
        response.setdefault("Cache-Control", "no-store")
        return response

    def body(self, serializer_class: type[S], **kwargs: Any) -> dict[str, Any]:
        """The validated request body; raises a ValidationError naming each field."""
        serializer = serializer_class(data=self.request.data, **kwargs)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)


def created(body: Any, location: str, **headers: str) -> Response:
    """201 with the new resource and its address."""
    return Response(body, status=201, headers={"Location": location, **headers})
