"""Lists with cursors, and expand[]."""

from __future__ import annotations

from typing import Any

from scripts.standin.calls import Call, takes
from scripts.standin.errors import invalid
from scripts.standin.params import Params, integer, mapping, text
from scripts.standin.store import Obj, Store, render

PAGE_PARAMS = takes("limit starting_after ending_before created")
BOUNDS = {
    "gt": lambda created, bound: created > bound,
    "gte": lambda created, bound: created >= bound,
    "lt": lambda created, bound: created < bound,
    "lte": lambda created, bound: created <= bound,
}
KINDS = {
    "pi": "payment_intent",
    "ch": "charge",
    "re": "refund",
    "cus": "customer",
    "pm": "payment_method",
    "seti": "setup_intent",
    "dp": "dispute",
}


def page(call: Call, kind: str, *equal: str) -> Obj:
    """A page of one kind, newest first; `equal` names the filters that compare a field."""
    rows = [row for row in call.store.newest_first(kind) if not row.get("deleted")]
    for name in equal:
        wanted = text(call.params, name)
        if wanted is not None:
            rows = [row for row in rows if row.get(name) == wanted]
    return cut(call, rows)


def cut(call: Call, rows: list[Obj]) -> Obj:
    """The page of `rows` that limit, created, starting_after and ending_before ask for."""
    params = call.params
    limit = integer(params, "limit") or 10
    if limit > 100:
        message = "This value must be less than or equal to 100."
        raise invalid(message, param="limit", code="parameter_invalid_integer")
    rows = _created_between(rows, params)
    after, before = text(params, "starting_after"), text(params, "ending_before")
    if after:
        rows = rows[_position(rows, after, "starting_after") + 1 :]
    if before:
        rows = rows[: _position(rows, before, "ending_before")]
        chosen = rows[-limit:]
    else:
        chosen = rows[:limit]
    data = [render(row) for row in chosen]
    return {"object": "list", "data": data, "has_more": len(rows) > len(chosen), "url": call.path}


def _created_between(rows: list[Obj], params: Params) -> list[Obj]:
    if isinstance(params.get("created"), str):
        exact = integer(params, "created", minimum=0)
        return [row for row in rows if row["created"] == exact]
    bounds = mapping(params, "created")
    for name in bounds:
        if name not in BOUNDS:
            raise invalid(f"Received unknown parameter: created[{name}]", param="created")
        bound = integer(bounds, name, minimum=0)
        if bound is not None:
            rows = [row for row in rows if BOUNDS[name](row["created"], bound)]
    return rows


def _position(rows: list[Obj], cursor: str, param: str) -> int:
    for index, row in enumerate(rows):
        if row["id"] == cursor:
            return index
    raise invalid(f"No such object: '{cursor}'", param=param, code="resource_missing")


def expand(store: Store, answer: Obj, paths: Any) -> Obj:
    """Replace the ids that `paths` name by whole objects, on a copy."""
    if paths in (None, "", []):
        return answer
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise invalid("Invalid array", param="expand")
    for path in paths:
        answer = _expand_one(store, answer, path.split("."), path)
    return answer


def _expand_one(store: Store, node: Obj, path: list[str], whole: str) -> Obj:
    name, rest = path[0], path[1:]
    copy = dict(node)
    if node.get("object") == "list" and name == "data":
        copy["data"] = [_expand_one(store, row, rest, whole) for row in node["data"]] if rest else node["data"]
        return copy
    child = _child(store, node, name, whole)
    copy[name] = _expand_one(store, child, rest, whole) if child is not None and rest else child
    return copy


def _child(store: Store, node: Obj, name: str, whole: str) -> Obj | None:
    if node.get("object") == "charge" and name == "refunds":
        rows = [render(row) for row in reversed(store.where("refund", "charge", node["id"]))]
        url = f"/v1/charges/{node['id']}/refunds"
        return {"object": "list", "data": rows, "has_more": False, "url": url}
    value = node.get(name, "")
    if value is None or isinstance(value, dict):
        return value
    kind = KINDS.get(value.split("_")[0]) if isinstance(value, str) else None
    found = store.get(kind, value) if kind else None
    if found is None:
        raise invalid(f"This property cannot be expanded ({whole}).", param="expand")
    return render(found)
