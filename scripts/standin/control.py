"""/_control: what the tests and the demo may do that no Stripe client can. JSON in, JSON out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from scripts.standin import disputes, pages, refunds
from scripts.standin.api import Answer, Request, Shop, encode
from scripts.standin.calls import Call
from scripts.standin.errors import ApiError
from scripts.standin.lists import KINDS
from scripts.standin.store import Obj, new_id, render


@dataclass(frozen=True)
class Order:
    """One control call: `call.id` is the id in its path, `body` the JSON sent."""

    shop: Shop
    call: Call
    body: dict[str, Any]


def control(shop: Shop, request: Request) -> Answer:
    """Answer a request to /_control."""
    parts = request.path.strip("/").split("/")[1:]
    object_id = parts[1] if len(parts) > 1 else ""
    name = "/".join("{id}" if index == 1 and _is_id(part) else part for index, part in enumerate(parts))
    handler = HANDLERS.get((request.method, name))
    if handler is None:
        return _json(404, {"error": f"unknown control call: {request.method} {request.path}"})
    try:
        body = json.loads(request.body or b"{}")
        call = Call(shop.store, request.base_url, {}, new_id("req"), None, object_id)
        if not isinstance(body, dict):
            raise ValueError("the body must be a JSON object")
        return _json(200, handler(Order(shop, call, body)))
    except ApiError as error:
        return _json(error.status, {"error": str(error)})
    except (ValueError, TypeError) as error:
        return _json(400, {"error": str(error)})
    finally:
        shop.webhooks.enqueue(shop.store.take_new_events())


def _is_id(part: str) -> bool:
    return part.split("_")[0] in ("evt", "pi", "seti", "re", "dp", "ch")


def _json(status: int, value: Any) -> Answer:
    return Answer(status, encode(value))


def _add_fault(order: Order) -> Any:
    return asdict(order.shop.faults.add(order.body))


def _list_faults(order: Order) -> Any:
    return {"faults": order.shop.faults.open_orders()}


def _clear_faults(order: Order) -> Any:
    order.shop.faults.clear()
    return {"faults": []}


def _show_webhooks(order: Order) -> Any:
    settings = {name: value for name, value in asdict(order.shop.webhooks.settings).items() if name != "secret"}
    return settings | {
        "pending": order.shop.webhooks.pending(),
        "attempts": list(order.shop.webhooks.attempts),
    }


def _configure_webhooks(order: Order) -> Any:
    order.shop.webhooks.configure(order.body)
    return _show_webhooks(order)


def _flush_webhooks(order: Order) -> Any:
    return {"sent": order.shop.webhooks.flush(), "pending": order.shop.webhooks.pending()}


def _deliver_event(order: Order) -> Any:
    event = order.call.addressed("event")
    return {"sent": order.shop.webhooks.deliver(event["id"])}


def _open_dispute(order: Order) -> Any:
    call = order.call
    charge_id = order.body.get("charge")
    with order.shop.store.transaction():
        if not charge_id:
            intent = call.referenced("payment_intent", str(order.body.get("payment_intent")), "payment_intent")
            charge_id = intent["latest_charge"]
        charge = call.referenced("charge", str(charge_id), "charge")
        reason = str(order.body.get("reason", "fraudulent"))
        return render(disputes.open_against(call, charge, reason=reason, amount=order.body.get("amount")))


def _settle_dispute(order: Order) -> Any:
    return _settle(order, "dispute", disputes.settle)


def _settle_refund(order: Order) -> Any:
    return _settle(order, "refund", refunds.settle)


def _settle(order: Order, kind: str, settle: Callable[[Call, Obj, str], Obj]) -> Any:
    call = order.call
    with order.shop.store.transaction():
        return render(settle(call, call.addressed(kind), str(order.body.get("status"))))


def _authenticate(order: Order) -> Any:
    outcome = order.body.get("outcome", "succeed")
    if outcome not in ("succeed", "fail"):
        raise ValueError("outcome must be succeed or fail")
    intent = pages.find_intent(order.shop, order.call.id)
    if intent is None:
        intent = order.call.addressed("payment_intent")
    pages.finish_authentication(order.shop, order.call.base_url, intent, passed=outcome == "succeed")
    return render(intent)


def _log(order: Order) -> Any:
    return {"requests": list(order.shop.log)}


def _objects(order: Order) -> Any:
    with order.shop.store.lock:
        return json.loads(json.dumps(order.shop.store.public_objects()))


def _change_object(order: Order) -> Any:
    """Change an object behind the shop's back: the fields given, nothing else happens."""
    kind = KINDS[order.call.id.split("_")[0]]
    with order.shop.store.transaction():
        found = order.call.addressed(kind)
        return render(order.shop.store.put(found | order.body))


def _remove_object(order: Order) -> Any:
    """Lose an object, as if it had never been."""
    kind = KINDS[order.call.id.split("_")[0]]
    with order.shop.store.transaction():
        order.call.addressed(kind)
        order.shop.store.remove(kind, order.call.id)
    return {"removed": order.call.id}


def _reset(order: Order) -> Any:
    order.shop.reset()
    return {"reset": True}


HANDLERS: dict[tuple[str, str], Callable[[Order], Any]] = {
    ("GET", "faults"): _list_faults,
    ("POST", "faults"): _add_fault,
    ("DELETE", "faults"): _clear_faults,
    ("GET", "webhooks"): _show_webhooks,
    ("POST", "webhooks"): _configure_webhooks,
    ("POST", "webhooks/flush"): _flush_webhooks,
    ("POST", "events/{id}/deliver"): _deliver_event,
    ("POST", "disputes"): _open_dispute,
    ("POST", "disputes/{id}"): _settle_dispute,
    ("POST", "refunds/{id}"): _settle_refund,
    ("POST", "payment_intents/{id}/authenticate"): _authenticate,
    ("POST", "setup_intents/{id}/authenticate"): _authenticate,
    ("GET", "log"): _log,
    ("GET", "objects"): _objects,
    ("POST", "objects/{id}"): _change_object,
    ("DELETE", "objects/{id}"): _remove_object,
    ("POST", "reset"): _reset,
}
