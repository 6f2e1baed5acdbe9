"""What a handler is given, and how handlers are found."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from scripts.standin.errors import no_such
from scripts.standin.params import Params
from scripts.standin.store import Obj, Store

# The version that stripe-python 16.1 pins; used for requests that name none and for events.
API_VERSION = "2026-10-28.endive"

LABELS = {
    "payment_intent": ("payment_intent", "intent"),
    "charge": ("charge", "charge"),
    "refund": ("refund", "refund"),
    "customer": ("customer", "customer"),
    "payment_method": ("PaymentMethod", "payment_method"),
    "setup_intent": ("setupintent", "intent"),
    "dispute": ("dispute", "dispute"),
    "event": ("event", "id"),
}


@dataclass
class Call:
    """One request to the API, parsed."""

    store: Store
    base_url: str
    params: Params
    request_id: str
    idempotency_key: str | None = None
    id: str = ""
    path: str = ""
    method: str = "GET"

    def addressed(self, kind: str) -> Obj:
        """The object named in the path; 404 when there is none, or a deleted one is to be changed."""
        obj = self.store.get(kind, self.id)
        if obj is None or (obj.get("deleted") and self.method != "GET"):
            label, param = LABELS[kind]
            raise no_such(label, self.id, param=param)
        return obj

    def referenced(self, kind: str, object_id: str, param: str) -> Obj:
        """An object named in the parameters; 400 when there is none."""
        obj = self.store.get(kind, object_id)
        if obj is None or obj.get("deleted"):
            raise no_such(LABELS[kind][0], object_id, param=param, status=400)
        return obj


Handler = Callable[[Call], Obj]


@dataclass(frozen=True)
class Route:
    """`{id}` in the pattern stands for one path segment; `names` are the parameters it takes."""

    method: str
    pattern: str
    handler: Handler
    names: frozenset[str] = frozenset()
    regex: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        regex = re.compile("^" + self.pattern.replace("{id}", "(?P<id>[^/]+)") + "$")
        object.__setattr__(self, "regex", regex)


def takes(names: str) -> frozenset[str]:
    return frozenset(names.split())
