"""Events: what happened, with a snapshot of the object at that moment."""

from __future__ import annotations

import copy
from typing import Any

from scripts.standin.calls import API_VERSION, Call, Route, takes
from scripts.standin.errors import invalid
from scripts.standin.lists import PAGE_PARAMS, cut
from scripts.standin.params import text
from scripts.standin.store import Obj, new_id, now, render


def emit(call: Call, event_type: str, obj: Obj, previous: dict[str, Any] | None = None) -> Obj:
    """Record an event; it goes out as a webhook once the request has been written."""
    data: Obj = {"object": copy.deepcopy(render(obj))}
    if previous is not None:
        data["previous_attributes"] = previous
    return call.store.put(
        {
            "id": new_id("evt"),
            "object": "event",
            "api_version": API_VERSION,
            "created": now(),
            "data": data,
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": call.request_id, "idempotency_key": call.idempotency_key},
            "type": event_type,
        }
    )


def retrieve(call: Call) -> Obj:
    return call.addressed("event")


def list_all(call: Call) -> Obj:
    several = call.params.get("types") or []
    if not isinstance(several, list):
        raise invalid("Invalid array", param="types")
    wanted = {str(value) for value in several}
    single = text(call.params, "type")
    if single:
        wanted.add(single)
    rows = call.store.newest_first("event")
    if wanted:
        rows = [row for row in rows if any(_matches(row["type"], pattern) for pattern in wanted)]
    return cut(call, rows)


def _matches(event_type: str, pattern: str) -> bool:
    return event_type == pattern or (pattern.endswith("*") and event_type.startswith(pattern[:-1]))


ROUTES = (
    Route("GET", "/v1/events", list_all, PAGE_PARAMS | takes("type types delivery_success")),
    Route("GET", "/v1/events/{id}", retrieve),
)
