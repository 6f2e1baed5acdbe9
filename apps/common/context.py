"""What the current request or task knows about itself: its correlation id, carried from request to event to mail."""

import re
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import uuid_utils.compat as uuid_utils

_request_id: ContextVar[str] = ContextVar("request_id", default="")
_SAFE = re.compile(r"[\x21-\x7e]{1,64}")


def current_request_id() -> str:
    """Correlation id of the request or task being handled; empty outside one."""
    return _request_id.get()


def accept_request_id(offered: str | None) -> str:
    """The caller's id when it is 1 to 64 printable ASCII characters, else a new one."""
    return offered if offered and _SAFE.fullmatch(offered) else str(uuid_utils.uuid7())


@contextmanager
def request_context(request_id: str) -> Iterator[None]:
    """Run the block under this correlation id."""
    token = _request_id.set(request_id)
    try:
        yield
    finally:
        _request_id.reset(token)


def add_request_context(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """structlog processor: every line names the request it belongs to."""
    if request_id := _request_id.get():
        event.setdefault("request_id", request_id)
    return event
