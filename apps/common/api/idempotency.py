"""`@idempotent` for view methods: honours the optional Idempotency-Key header. See apps/common/idempotency.py."""

import re
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypedDict

import orjson
from django.db import transaction
from django.http import QueryDict
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common import idempotency
from apps.common.api.exceptions import CONTENT_TYPE, as_problem, problem_handler
from apps.common.api.renderers import dumps
from apps.common.errors import Invalid, Problem
from apps.common.idempotency import StoredAnswer
from apps.common.ratelimit import client_ip

_VISIBLE = re.compile(r"[\x21-\x7e]{1,255}")
_KEPT_HEADERS = ("Location", "X-Cart-Token")

ViewMethod = Callable[..., Response]
Withheld = Mapping[str, Callable[[dict[str, Any]], Any]]


class _Guard(TypedDict):
    """Whose key it is, and the key."""

    scope: str
    key: str


def idempotent(
    *,
    calls_network: bool = False,
    withheld: Withheld | None = None,
    before: Callable[..., None] | None = None,
) -> Callable[[ViewMethod], ViewMethod]:
    """Make a POST repeatable under its Idempotency-Key.

    Without the header the method runs as it is. With it, the method and the stored answer share one transaction, so the
    method must not open a durable one. `calls_network=True` is for methods that talk to a provider: the key is claimed
    first, in its own transaction, and no transaction is held during the call.
    `before` is called like the method, outside the transaction; it prepares what the method needs and decides nothing.
    `withheld` names members of a good answer that must not be stored, each with a function that gets its value again
    from the rest of the stored answer.
    """

    def decorate(method: ViewMethod) -> ViewMethod:
        @wraps(method)
        def wrapper(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
            if before is not None:
                before(view, request, *args, **kwargs)
            key = request.headers.get("Idempotency-Key")
            if key is None:
                return method(view, request, *args, **kwargs)
            if not _VISIBLE.fullmatch(key):
                raise Invalid("Idempotency-Key must be 1 to 255 visible ASCII characters.", code="validation_error")
            body_hash = idempotency.fingerprint(_body_bytes(request))
            guard = _Guard(scope=_scope(request), key=key)
            guarded = _guarded_by_claim if calls_network else _guarded_by_transaction
            secrets: dict[str, Any] = {}

            def run() -> Response:
                response = method(view, request, *args, **kwargs)
                secrets.update((name, response.data.pop(name)) for name in withheld or ())
                return response

            return _completed(guarded(guard, body_hash, run), withheld or {}, secrets)

        wrapper.is_idempotent = True  # type: ignore[attr-defined]
        return wrapper

    return decorate


def _body_bytes(request: Request) -> bytes:
    """The body in one canonical form: JSON as it was understood, a form as its fields and the bytes of its files."""
    if not isinstance(request.data, QueryDict):
        return dumps(request.data)
    files = {}
    for name, file in request.FILES.items():
        files[name] = idempotency.fingerprint(file.read())
        file.seek(0)
    fields = {name: values for name, values in request.data.lists() if name not in files}
    return dumps({"fields": fields, "files": files})


def _scope(request: Request) -> str:
    # The user, not the Authorization header: a refreshed token must keep its key.
    if request.user.is_authenticated:
        who = f"user:{request.user.pk}"
    else:
        guest = request.headers.get("X-Cart-Token") or request.headers.get("X-Order-Token")
        # Without a token the address is all there is: two strangers with the same weak key must not share an answer.
        who = f"guest:{idempotency.fingerprint((guest or client_ip(request._request)).encode())[:32]}"
    return f"{who} {request.path}"[:200]


def _guarded_by_transaction(guard: _Guard, body_hash: str, run: Callable[[], Response]) -> Response:
    with transaction.atomic():
        if answer := idempotency.claim(**guard, body_hash=body_hash):
            return _replay(answer)
        try:
            with transaction.atomic():
                response = run()
        except Exception as error:
            response = _refusal(error)
        _store(guard, response)
        return response


def _guarded_by_claim(guard: _Guard, body_hash: str, run: Callable[[], Response]) -> Response:
    if answer := idempotency.claim(**guard, body_hash=body_hash, exclusive_seconds=idempotency.CLAIM_SECONDS):
        return _replay(answer)
    try:
        response = run()
    except Exception as error:
        try:
            response = _refusal(error)
        except Exception:
            idempotency.release(**guard)
            raise
    _store(guard, response)
    return response


def _refusal(error: Exception) -> Response:
    """The answer for an expected refusal; what a retry should repeat (5xx, 429, not `final`) is raised, unstored."""
    problem = as_problem(error)
    if not isinstance(problem, Problem) or problem.status >= 500 or problem.status == 429 or not problem.final:
        raise error
    return problem_handler(error, {})


def _store(guard: _Guard, response: Response) -> None:
    headers = {name: response[name] for name in _KEPT_HEADERS if name in response}
    if response.status_code >= 400:
        headers["Content-Type"] = CONTENT_TYPE
    idempotency.store(
        **guard, answer=StoredAnswer(status=response.status_code, headers=headers, body=dumps(response.data))
    )


def _completed(response: Response, withheld: Withheld, secrets: dict[str, Any]) -> Response:
    """Put what was withheld from storage back into a good answer."""
    if withheld and response.status_code < 400:
        data = orjson.loads(response.data) if isinstance(response.data, bytes) else response.data
        fresh = {name: secrets[name] if name in secrets else again(data) for name, again in withheld.items()}
        response.data = {**data, **fresh}
    return response


def _replay(answer: StoredAnswer) -> Response:
    headers = dict(answer.headers)
    content_type = headers.pop("Content-Type", None)
    return Response(
        answer.body,
        status=answer.status,
        headers={**headers, "Idempotent-Replayed": "true"},
        content_type=content_type,
    )
